"""Large furniture: beds, seats, tables, storage, fittings of kitchens and bathrooms.

Every maker returns a :class:`Model` whose back is at y = 0 and whose front looks towards +y.
Sizes are drawn from what shops sell.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter import books_row, small_thing
from crossvox.capture.rooms.materials import (
    Material,
    hsv,
    landscape,
    rug_pattern,
    screen,
    shade,
)
from crossvox.capture.rooms.model import Model, Top
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style

THIN = 0.02
"""Thickness of boards, metres."""


def _between(s: Style, low: float, high: float) -> float:
    return float(s.rng.uniform(low, high))


def _legs(
    s: Style,
    model: Model,
    width: float,
    depth: float,
    height: float,
    material: int,
    *,
    inset: float = 0.05,
    thick: float = 0.05,
    y0: float = 0.0,
    kind: int | None = None,
) -> None:
    """Four legs under a rectangle: square, round, or turned outwards."""
    kind = int(s.rng.integers(3)) if kind is None else kind
    for sx in (-1, 1):
        for sy in (0, 1):
            x = sx * (width / 2 - inset)
            y = y0 + (inset if sy == 0 else depth - inset)
            if kind == 0:
                leg = sh.box((thick, thick, height), s.spacing, without="td")
                model.add(leg, material, at=(x, y, 0))
            else:
                lean = 0.06 if kind == 2 else 0.0
                foot = (x + sx * lean, y + (2 * sy - 1) * lean, 0.0)
                leg = sh.tube([foot, (x, y, height)], [thick * 0.3, thick * 0.5], s.spacing * 1.5)
                model.add(leg, material)


def _handle(s: Style, model: Model, x: float, y: float, z: float, *, upright: bool) -> None:
    """A handle on a front that looks towards +y."""
    kind = "bar" if upright or s.rng.random() < 0.7 else "knob"
    if kind == "knob":
        model.add(
            sh.loft([Ring(0.008, 0.008, 0), Ring(0.016, 0.016, 0.02), Ring(0, 0, 0.028)], 0.03,
                    segments=8).turned(-np.pi / 2, "x"),
            s.steel, at=(x, y, z),
        )  # fmt: skip
        return
    length = 0.13 if upright else 0.11
    a = (x, y, z - length / 2) if upright else (x - length / 2, y, z)
    b = (x, y, z + length / 2) if upright else (x + length / 2, y, z)
    out = 0.028
    path = [a, (a[0], y + out, a[2]), (b[0], y + out, b[2]), b]
    model.add(sh.tube(path, 0.006, 0.06, segments=6), s.steel)


def _front(
    s: Style,
    model: Model,
    x0: float,
    x1: float,
    z0: float,
    z1: float,
    y: float,
    material: int,
    *,
    kind: str,
    hinge: int = 1,
) -> None:
    """A door or drawer front with a gap around, a panel and a handle."""
    gap = 0.004
    w, h = x1 - x0 - 2 * gap, z1 - z0 - 2 * gap
    x = (x0 + x1) / 2
    model.add(sh.box((w, THIN, h), s.spacing, without="b"), material, at=(x, y, z0 + gap))
    if kind == "door":
        if h > 0.35 and w > 0.2:
            frame = 0.06
            panel = sh.rounded_box((w - 2 * frame, 0.012, h - 2 * frame), 0.005, s.spacing, steps=1)
            model.add(panel, material, at=(x, y + THIN / 2 + 0.004, z0 + gap + frame))
        z = z0 + h * (0.5 if h < 1.2 else 0.45)
        _handle(s, model, x + hinge * (w / 2 - 0.04), y + THIN / 2, z, upright=True)
    else:
        _handle(s, model, x, y + THIN / 2, z0 + h * 0.62, upright=False)


def _pillow(s: Style, w: float, d: float, h: float) -> sh.Shape:
    return sh.cushion((w, d, h), min(s.spacing, 0.03), bulge=0.36)


def bed(s: Style, width: float | None = None) -> Model:
    """A bed: frame, legs, headboard, mattress, duvet that hangs over, pillows, a throw."""
    width = width or float(s.rng.choice([0.95, 1.4, 1.6, 1.8]))
    length = _between(s, 1.95, 2.1)
    base = _between(s, 0.2, 0.32)
    wood = s.front() if s.rng.random() < 0.7 else s.upholstery()
    sheet = s.paint(s.quiet(0.88, 0.97))
    duvet = s.fabric(s.quiet(0.6, 0.95)) if s.rng.random() < 0.5 else s.fabric()
    m = Model("bed", front_m=0.4)
    head = _between(s, 0.85, 1.2)
    if s.rng.random() < 0.5:
        m.add(sh.rounded_box((width + 0.08, 0.07, head), 0.03, s.spacing), wood, at=(0, 0.035, 0))
    else:
        for x in (-width / 2, width / 2):
            m.add(sh.box((0.06, 0.06, head), s.spacing), wood, at=(x, 0.035, 0))
        m.add(sh.box((width, 0.05, 0.1), s.spacing), wood, at=(0, 0.035, head - 0.12))
        slats = int(width / 0.13)
        for x in np.linspace(-width / 2 + 0.09, width / 2 - 0.09, slats):
            m.add(sh.box((0.05, 0.025, head - 0.42), 0.08), wood, at=(float(x), 0.035, 0.32))
    m.add(sh.box((width, length, 0.14), s.spacing), wood, at=(0, 0.07 + length / 2, base - 0.12))
    _legs(s, m, width, length, base - 0.12, wood, y0=0.07, thick=0.06, kind=0)
    mattress = _between(s, 0.18, 0.24)
    m.add(sh.rounded_box((width - 0.03, length - 0.03, mattress), 0.05, s.spacing), sheet,
          at=(0, 0.07 + length / 2, base + 0.02))  # fmt: skip
    top = base + 0.02 + mattress
    # The duvet: a sheet over the mattress that hangs down at both sides and the foot, with folds.
    start, hang = 0.07 + 0.55, _between(s, 0.12, 0.26)
    across = width / 2 + hang
    u = np.linspace(-across, across, int(2 * across / s.spacing) + 1)
    v = np.linspace(0, length - 0.55 + hang, int((length - 0.55 + hang) / s.spacing) + 1)
    grid_v, grid_u = np.meshgrid(v, u, indexing="ij")
    phase = s.rng.uniform(0, 6, 4)
    soft = 0.012 * np.sin(grid_u * 7 + phase[0] + 2 * np.sin(grid_v * 3 + phase[1]))
    soft += 0.01 * np.sin(grid_v * 9 + phase[2] + 1.5 * np.sin(grid_u * 5 + phase[3]))
    over_x = np.clip(np.abs(grid_u) - width / 2, 0, None)
    over_y = np.clip(grid_v - (length - 0.55), 0, None)
    drop = np.maximum(over_x, over_y)
    ripple = 0.018 * np.sin(grid_v * 17 + phase[0]) * np.minimum(over_x * 6, 1)
    ripple_y = 0.018 * np.sin(grid_u * 17 + phase[1]) * np.minimum(over_y * 6, 1)
    x = np.clip(grid_u, -width / 2 - 0.02, width / 2 + 0.02) + np.sign(grid_u) * (
        0.025 * np.minimum(over_x * 8, 1) + ripple * (over_x > 0)
    )
    y = start + np.minimum(grid_v, length - 0.55 + 0.02) + 0.025 * np.minimum(over_y * 8, 1)
    y = y + ripple_y
    edge = np.minimum(grid_v / 0.08, 1)
    z = top + 0.012 + 0.055 * np.sqrt(edge) + soft * (drop <= 0) - np.clip(drop - 0.03, 0, None)
    z -= 0.035 * np.minimum(np.maximum(over_x, over_y) * 15, 1)
    coords = np.stack([grid_u, grid_v], -1)
    cover = sh.sheet(np.stack([x, y, z], -1)[:, ::-1], coords=coords[:, ::-1])
    m.add(_facing(cover, (0, 0, 1)), duvet)
    if s.rng.random() < 0.5:
        throw_width = _between(s, 0.4, 0.6)
        keep = (grid_v > length - 0.55 - throw_width) & (grid_v < length - 0.55 - 0.05)
        rows = keep.any(axis=1)
        raised = np.stack([x * 1.012, y, z + 0.012], -1)[rows][:, ::-1]
        m.add(_facing(sh.sheet(raised, coords=coords[rows][:, ::-1]), (0, 0, 1)), s.fabric())
    count = 1 if width < 1.2 else 2
    pillow = s.paint(s.quiet(0.85, 0.97)) if s.rng.random() < 0.6 else s.fabric()
    for number in range(count):
        at = (0.0 if count == 1 else (number - 0.5) * width * 0.49) + _between(s, -0.02, 0.02)
        shape = _pillow(s, min(0.68, width * 0.44 if count == 2 else 0.65), 0.44, 0.15)
        lean = _between(s, 0.15, 0.5)
        m.add(shape.turned(-lean, "x").turned(_between(s, -0.08, 0.08)), pillow, "pillow",
              at=(at, 0.32, top + 0.1), thing=m.things)  # fmt: skip
        m.things += 1
    if s.rng.random() < 0.5:
        shape = _pillow(s, 0.42, 0.42, 0.13).turned(-0.7, "x")
        m.add(shape, s.fabric(), "pillow", at=(_between(s, -0.2, 0.2), 0.56, top + 0.17),
              thing=m.things)  # fmt: skip
        m.things += 1
    return m


def _facing(shape: sh.Shape, direction: tuple[float, float, float]) -> sh.Shape:
    """The sheet turned inside out if its normals look against ``direction`` on average."""
    if float((shape.normals @ np.asarray(direction)).mean()) >= 0:
        return shape
    return sh.Shape(shape.points, -shape.normals, shape.coords, shape.faces[:, ::-1])


def sofa(s: Style, width: float | None = None) -> Model:
    """A sofa: base, arms, seat and back cushions, legs, loose pillows."""
    width = width or _between(s, 1.6, 2.3)
    return _seat(s, "couch", width, _between(s, 0.82, 0.95), 3 if width > 1.95 else 2)


def armchair(s: Style) -> Model:
    """An upholstered chair with arms."""
    return _seat(s, "armchair", _between(s, 0.75, 0.9), _between(s, 0.75, 0.85), 1)


def _seat(s: Style, category: str, width: float, depth: float, places: int) -> Model:
    cloth = s.upholstery()
    cover = cloth if s.rng.random() < 0.7 else s.upholstery()
    m = Model(category, front_m=0.35)
    leg, seat = _between(s, 0.05, 0.14), _between(s, 0.38, 0.45)
    arm_width, arm_height = _between(s, 0.1, 0.22), seat + _between(s, 0.15, 0.24)
    back_height = seat + _between(s, 0.38, 0.5)
    wood = s.wood()
    _legs(s, m, width, depth, leg, wood, inset=0.07, thick=0.045)
    m.add(sh.rounded_box((width - 0.02, depth - 0.06, seat - 0.15 - leg), 0.02, s.spacing), cloth,
          at=(0, depth / 2, leg))  # fmt: skip
    round_arm = s.rng.random() < 0.4
    for sign in (-1, 1):
        x = sign * (width / 2 - arm_width / 2)
        m.add(sh.rounded_box((arm_width, depth - 0.02, arm_height - leg), arm_width * 0.4,
                             s.spacing, steps=3), cloth, at=(x, depth / 2, leg))  # fmt: skip
        if round_arm:
            r = arm_width * 0.62
            roll = sh.cylinder(r, depth - 0.01, s.spacing).turned(-np.pi / 2, "x")
            m.add(roll, cloth, at=(x, 0.005, arm_height - r * 0.5))
    m.add(sh.rounded_box((width - 0.02, 0.2, back_height - leg - 0.04), 0.07, s.spacing), cloth,
          at=(0, 0.1, leg))  # fmt: skip
    inner = width - 2 * arm_width - 0.02
    each = inner / places
    for number in range(places):
        x = -inner / 2 + (number + 0.5) * each
        m.add(sh.cushion((each - 0.008, depth - 0.2, 0.17), s.spacing, bulge=0.12), cover,
              at=(x, 0.19 + (depth - 0.2) / 2, seat - 0.14))  # fmt: skip
        back = sh.cushion((each - 0.015, back_height - seat + 0.04, 0.17), s.spacing, bulge=0.22)
        m.add(back.turned(np.pi / 2 + 0.2, "x"), cover, at=(x, 0.33, seat + 0.24))
    for number in range(int(s.rng.integers(0, places + 1)) if category == "couch" else 0):
        x = float(s.rng.choice([-1, 1])) * (inner / 2 - 0.2) if number < 2 else 0.0
        shape = (
            _pillow(s, 0.42, 0.42, 0.14)
            .turned(np.pi / 2 + 0.45, "x")
            .turned(_between(s, -0.5, 0.5))
        )
        m.add(shape, s.fabric(), "pillow", at=(x + number * 0.06, 0.46, seat + 0.24),
              thing=m.things)  # fmt: skip
        m.things += 1
    return m


def ottoman(s: Style) -> Model:
    """An upholstered footstool."""
    m = Model("ottoman")
    cloth = s.upholstery()
    if s.rng.random() < 0.5:
        r = _between(s, 0.22, 0.32)
        rings = [Ring(r * 0.93, r * 0.93, 0.04), Ring(r, r, 0.1), Ring(r, r, 0.33),
                 Ring(r * 0.9, r * 0.9, 0.4), Ring(0, 0, 0.42)]  # fmt: skip
        m.add(sh.loft(rings, s.spacing, crease=70), cloth, at=(0, r, 0))
        m.add(sh.cylinder(r * 0.8, 0.05, 0.1), s.black, at=(0, r, 0))
    else:
        w, d = _between(s, 0.5, 0.8), _between(s, 0.4, 0.55)
        _legs(s, m, w, d, 0.1, s.wood(), kind=1)
        m.add(sh.rounded_box((w, d, 0.2), 0.03, s.spacing), cloth, at=(0, d / 2, 0.1))
        m.add(sh.cushion((w, d, 0.13), s.spacing, bulge=0.15), cloth, at=(0, d / 2, 0.29))
    return m


def bench(s: Style) -> Model:
    """A wooden bench."""
    m = Model("bench")
    w, wood = _between(s, 0.8, 1.3), s.wood()
    for number in range(3):
        m.add(sh.rounded_box((w, 0.11, 0.035), 0.01, s.spacing, steps=1), wood,
              at=(0, 0.06 + 0.125 * number, 0.42))  # fmt: skip
    _legs(s, m, w, 0.37, 0.42, wood, inset=0.08, kind=0)
    m.add(sh.box((w - 0.16, 0.03, 0.05), s.spacing), wood, at=(0, 0.185, 0.2))
    return m


def chair(s: Style) -> Model:
    """A dining chair: four legs, a seat, a back with slats, bars or a shell."""
    wood = s.front()
    m = Model("chair")
    w, d, seat = _between(s, 0.4, 0.46), _between(s, 0.4, 0.45), _between(s, 0.43, 0.47)
    high = seat + _between(s, 0.36, 0.52)
    kind = int(s.rng.integers(4))
    thick = 0.036
    lean = 0.07
    metal = s.steel if kind == 3 else wood
    for sx in (-1, 1):
        x = sx * (w / 2 - 0.03)
        m.add(sh.tube([(x + sx * 0.01, d, 0), (x, d - 0.02, seat)], thick / 2, 0.08), metal)
        back = [(x + sx * 0.01, 0.03, 0), (x, 0.07, seat), (x, 0.07 - lean, high)]
        m.add(sh.tube(back[: 2 if kind == 3 else 3], thick / 2, 0.08), metal)
        m.add(sh.tube([(x, d - 0.02, 0.2), (x, 0.05, 0.2)], 0.011, 0.1, segments=6), metal)
    if kind == 3:
        u, v = np.meshgrid(np.linspace(0, 1, 14), np.linspace(-1, 1, 10), indexing="ij")
        bend = np.clip((u - 0.5) / 0.5, 0, 1)
        flat = np.clip(u / 0.55, 0, 1)
        shell = np.stack(
            [
                v * (w / 2) * (1 - 0.15 * bend**2),
                d - flat * (d - 0.08) - 0.1 * bend + 0.05 * v**2 * bend,
                seat + (high - seat) * bend**1.3 + 0.03 * v**2 * (1 - bend),
            ],
            axis=-1,
        )
        color = s.paint(s.color(0.5, 0.95) if s.rng.random() < 0.6 else (0.9, 0.9, 0.88), 0.25)
        top = sh.sheet(shell)
        m.add(_facing(top, (0, 0.7, 0.7)), color)
        under = _facing(top, (0, -0.7, -0.7)).moved(0, -0.006, -0.01)
        m.add(under, color)
        return m
    if s.rng.random() < 0.5:
        m.add(
            sh.rounded_box((w, d, 0.035), 0.012, s.spacing), wood, at=(0, 0.04 + d / 2, seat - 0.02)
        )
    else:
        m.add(
            sh.box((w - 0.02, d - 0.02, 0.025), s.spacing), wood, at=(0, 0.04 + d / 2, seat - 0.03)
        )
        m.add(sh.cushion((w, d, 0.065), s.spacing, bulge=0.15), s.upholstery(),
              at=(0, 0.045 + d / 2, seat - 0.01))  # fmt: skip
    slope = -lean / (high - seat)

    def back_y(z: float) -> float:
        return 0.07 + slope * (z - seat)

    inner = w - 0.08
    if kind == 0:
        for z in np.linspace(seat + 0.14, high - 0.08, 3):
            m.add(sh.rounded_box((inner, 0.018, 0.06), 0.006, s.spacing, steps=1), wood,
                  at=(0, back_y(float(z)), float(z)))  # fmt: skip
    elif kind == 1:
        m.add(sh.rounded_box((inner, 0.025, 0.06), 0.008, s.spacing, steps=1), wood,
              at=(0, back_y(high - 0.06), high - 0.07))  # fmt: skip
        m.add(sh.box((inner, 0.02, 0.03), s.spacing), wood, at=(0, back_y(seat + 0.1), seat + 0.1))
        for x in np.linspace(-inner / 2 + 0.05, inner / 2 - 0.05, 4):
            path = [(float(x), back_y(seat + 0.11), seat + 0.11),
                    (float(x), back_y(high - 0.06), high - 0.06)]  # fmt: skip
            m.add(sh.tube(path, 0.009, 0.08, segments=6), wood)
    else:
        rest = sh.rounded_box((inner + 0.03, 0.05, high - seat - 0.1), 0.02, s.spacing)
        m.add(
            rest.turned(-slope * 0.9, "x"), s.upholstery(), at=(0, back_y(seat + 0.1), seat + 0.1)
        )
    return m


def stool(s: Style) -> Model:
    """A round stool."""
    m = Model("stool")
    height, r, wood = _between(s, 0.44, 0.66), _between(s, 0.16, 0.19), s.front()
    m.add(sh.loft([Ring(0, 0, 0), Ring(r, r, 0.004), Ring(r, r, 0.03), Ring(0, 0, 0.036)],
                  s.spacing, segments=20), wood, at=(0, r + 0.03, height - 0.036))  # fmt: skip
    for k in range(4):
        angle = np.pi / 4 + k * np.pi / 2
        foot = (r * 1.15 * np.cos(angle), r + 0.03 + r * 1.15 * np.sin(angle), 0.0)
        top = (r * 0.7 * np.cos(angle), r + 0.03 + r * 0.7 * np.sin(angle), height - 0.03)
        m.add(sh.tube([foot, top], 0.014, 0.08, segments=6), wood)
    ring = [(r * 0.95 * np.cos(a), r + 0.03 + r * 0.95 * np.sin(a), height * 0.4)
            for a in np.linspace(0, 2 * np.pi, 17)]  # fmt: skip
    m.add(sh.tube(ring, 0.009, 0.1, segments=6), wood)
    return m


def office_chair(s: Style) -> Model:
    """A swivel chair: five-star foot with castors, gas spring, seat, back, arm rests."""
    m = Model("office chair")
    cloth = s.upholstery() if s.rng.random() < 0.6 else s.black
    seat = _between(s, 0.44, 0.52)
    c = (0.0, 0.32)
    for k in range(5):
        a = k * 2 * np.pi / 5 + 0.3
        tip = (c[0] + 0.29 * np.cos(a), c[1] + 0.29 * np.sin(a), 0.075)
        m.add(sh.tube([(c[0], c[1], 0.12), tip], [0.028, 0.018], 0.08), s.black)
        wheel = sh.cylinder(0.03, 0.045, 0.05, segments=10).turned(np.pi / 2, "x")
        m.add(wheel.turned(a), s.black, at=(tip[0], tip[1], 0.03))
    m.add(sh.cylinder(0.03, seat - 0.16, 0.06, segments=12), s.steel, at=(c[0], c[1], 0.1))
    m.add(sh.box((0.2, 0.22, 0.04), 0.1), s.black, at=(c[0], c[1], seat - 0.1))
    m.add(sh.cushion((0.5, 0.48, 0.1), s.spacing, bulge=0.12, corner=0.45), cloth,
          at=(c[0], c[1] + 0.01, seat - 0.06))  # fmt: skip
    high = _between(s, 0.5, 0.68)
    rows, columns = int(high / 0.03) + 1, 15
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(1, -1, columns), indexing="ij")
    half = 0.22 * (1 - 0.25 * (2 * np.abs(v - 0.45)) ** 3)
    x, z = u * half, seat + 0.1 + v * high
    y = c[1] - 0.24 + 0.06 * u**2 + 0.03 * np.sin(v * np.pi) - 0.07 * v
    grid = np.stack([x, y, z], -1).transpose(1, 0, 2)
    front = _facing(sh.sheet(grid), (0, 1, 0))
    m.add(front, cloth)
    m.add(_facing(sh.sheet(grid + np.array((0, -0.035, 0))), (0, -1, 0)), s.black)
    rim = np.concatenate([grid[0], grid[:, -1], grid[::-1, 0][:0], grid[-1][::-1]])
    m.add(sh.tube(rim + np.array((0, -0.017, 0)), 0.02, 0.2, segments=6), s.black)
    m.add(sh.tube([(0, c[1] - 0.1, seat - 0.08), (0, c[1] - 0.27, seat - 0.04),
                   (0, c[1] - 0.27, seat + 0.25)], 0.02, 0.06), s.black)  # fmt: skip
    if s.rng.random() < 0.7:
        for sign in (-1, 1):
            x0 = sign * 0.27
            m.add(sh.tube([(sign * 0.2, c[1] - 0.03, seat - 0.06), (x0, c[1] - 0.03, seat - 0.03),
                           (x0, c[1] - 0.03, seat + 0.2)], 0.016, 0.08), s.black)  # fmt: skip
            m.add(sh.rounded_box((0.06, 0.26, 0.03), 0.014, s.spacing), s.black,
                  at=(x0, c[1] + 0.0, seat + 0.19))  # fmt: skip
    return m


def table(s: Style, category: str = "dining table", width: float = 0.0) -> Model:
    """A table: round or rectangular top, apron, legs or a pillar."""
    low = category in ("coffee table", "end table")
    small = category == "end table"
    wood = s.front() if s.rng.random() < 0.8 else s.stone()
    height = _between(s, 0.36, 0.48) if low else _between(s, 0.72, 0.77)
    if small:
        height = _between(s, 0.45, 0.6)
    m = Model(category)
    round_top = s.rng.random() < (0.45 if width <= 1.15 else 0.1)
    if round_top:
        r = (width / 2) or (_between(s, 0.2, 0.26) if small else _between(s, 0.35, 0.5))
        m.add(sh.loft([Ring(0, 0, 0), Ring(r - 0.008, r - 0.008, 0), Ring(r, r, 0.012),
                       Ring(r, r, 0.026), Ring(r - 0.006, r - 0.006, 0.032), Ring(0, 0, 0.032)],
                      s.spacing), wood, at=(0, r, height - 0.032))  # fmt: skip
        leg = s.wood()
        if s.rng.random() < 0.5:
            profile = [
                (r * 0.62, 0.0),
                (r * 0.6, 0.025),
                (0.07, 0.06),
                (0.035, 0.16),
                (0.05, height * 0.6),
                (0.035, height * 0.75),
                (0.07, height - 0.03),
            ]
            m.add(sh.lathe(profile, s.spacing, segments=20), leg, at=(0, r, 0))
        else:
            for k in range(4):
                a = np.pi / 4 + k * np.pi / 2
                foot = (0.85 * r * np.cos(a), r + 0.85 * r * np.sin(a), 0.0)
                top = (0.55 * r * np.cos(a), r + 0.55 * r * np.sin(a), height - 0.03)
                m.add(sh.tube([foot, top], [0.014, 0.024], s.spacing * 2), leg)
        half = r * 0.68
        m.tops.append(Top(-half, half, r - half, r + half, height))
        return m
    w = width or (_between(s, 0.4, 0.5) if small else _between(s, 0.8, 1.2))
    d = (
        _between(s, 0.38, 0.48)
        if small
        else (_between(s, 0.45, 0.65) if low else _between(s, 0.75, 0.95))
    )
    m.add(
        sh.rounded_box((w, d, 0.032), 0.008, s.spacing, steps=1),
        wood,
        at=(0, d / 2, height - 0.032),
    )
    m.add(sh.box((w - 0.12, d - 0.12, 0.07), s.spacing, without="td"), wood,
          at=(0, d / 2, height - 0.1))  # fmt: skip
    _legs(s, m, w, d, height - 0.03, s.wood(), inset=0.05, thick=0.06 if not low else 0.045)
    if low and s.rng.random() < 0.5:
        m.add(sh.box((w - 0.1, d - 0.1, 0.018), s.spacing), wood, at=(0, d / 2, height * 0.35))
    m.tops.append(Top(-w / 2 + 0.04, w / 2 - 0.04, 0.04, d - 0.04, height))
    return m


def desk(s: Style) -> Model:
    """A writing desk: top, legs on one side, drawers on the other or on both."""
    w, d, h = _between(s, 1.15, 1.6), _between(s, 0.6, 0.75), _between(s, 0.72, 0.76)
    wood = s.front()
    m = Model("desk", front_m=0.75)
    m.add(sh.rounded_box((w, d, 0.03), 0.007, s.spacing, steps=1), wood, at=(0, d / 2, h - 0.03))
    sides = [(-1, 1), (1,), ()][int(s.rng.choice(3, p=[0.2, 0.6, 0.2]))]
    body = s.front()
    for sign in (-1, 1):
        if sign in sides:
            pw = 0.4
            x = sign * (w / 2 - pw / 2 - 0.02)
            m.add(sh.box((pw, d - 0.06, h - 0.09), s.spacing), body, at=(x, d / 2 - 0.02, 0.05))
            m.add(sh.box((pw - 0.04, d - 0.12, 0.05), 0.2, without="td"), s.black, at=(x, d / 2, 0))
            levels = np.linspace(0.06, h - 0.05, 4)
            for z0, z1 in pairwise(levels):
                _front(s, m, x - pw / 2, x + pw / 2, float(z0), float(z1), d - 0.04, body,
                       kind="drawer")  # fmt: skip
        else:
            leg = s.steel if s.rng.random() < 0.5 else wood
            for y in (0.06, d - 0.06):
                m.add(
                    sh.box((0.05, 0.05, h - 0.03), s.spacing), leg, at=(sign * (w / 2 - 0.05), y, 0)
                )
            m.add(
                sh.box((0.04, d - 0.12, 0.04), s.spacing),
                leg,
                at=(sign * (w / 2 - 0.05), d / 2, 0.08),
            )
    m.add(sh.box((w - 0.2, 0.018, 0.3), s.spacing), wood, at=(0, 0.06, h - 0.35))
    m.tops.append(Top(-w / 2 + 0.04, w / 2 - 0.04, 0.03, d - 0.05, h))
    return m


def night_stand(s: Style) -> Model:
    """A bedside cabinet with drawers and sometimes an open shelf."""
    w, d, h = _between(s, 0.4, 0.52), _between(s, 0.36, 0.42), _between(s, 0.45, 0.6)
    m = Model("nightstand")
    _carcass(s, m, w, d, h, drawers=int(s.rng.integers(1, 4)), top_over=0.012)
    return m


def dresser(s: Style) -> Model:
    """A chest of drawers in two columns."""
    w, d, h = _between(s, 0.9, 1.45), _between(s, 0.42, 0.5), _between(s, 0.75, 0.95)
    m = Model("dresser", front_m=0.4)
    _carcass(s, m, w, d, h, drawers=int(s.rng.integers(3, 5)), columns=2, top_over=0.015)
    return m


def _carcass(
    s: Style,
    m: Model,
    w: float,
    d: float,
    h: float,
    *,
    drawers: int = 0,
    doors: int = 0,
    columns: int = 1,
    top_over: float = 0.0,
) -> None:
    """A closed cabinet body with feet, a top, and drawers or doors on its front."""
    body, front = s.front(), s.front()
    foot = _between(s, 0.05, 0.14)
    if s.rng.random() < 0.5:
        _legs(s, m, w, d, foot, s.wood(), thick=0.045)
    else:
        m.add(
            sh.box((w - 0.06, d - 0.06, foot), s.spacing, without="td"), s.black, at=(0, d / 2, 0)
        )
    m.add(sh.box((w, d - THIN, h - foot - 0.025), s.spacing), body, at=(0, (d - THIN) / 2, foot))
    m.add(sh.rounded_box((w + 2 * top_over, d + 2 * top_over, 0.026), 0.006, s.spacing, steps=1),
          body, at=(0, d / 2 + top_over, h - 0.026))  # fmt: skip
    y = d - THIN / 2
    z0, z1 = foot + 0.012, h - 0.032
    edges = np.linspace(-w / 2 + 0.012, w / 2 - 0.012, max(doors, columns, 1) + 1)
    for number, (x0, x1) in enumerate(pairwise(edges)):
        if doors:
            hinge = 1 if number % 2 == 0 else -1
            _front(s, m, float(x0), float(x1), z0, z1, y, front, kind="door", hinge=hinge)
        else:
            levels = np.linspace(z0, z1, drawers + 1)
            for a, b in pairwise(levels):
                _front(s, m, float(x0), float(x1), float(a), float(b), y, front, kind="drawer")
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))


def wardrobe(s: Style) -> Model:
    """A tall cabinet with two or three doors."""
    doors = int(s.rng.integers(2, 4))
    w, d, h = doors * _between(s, 0.45, 0.55), _between(s, 0.55, 0.62), _between(s, 1.9, 2.2)
    m = Model("wardrobe", front_m=0.45)
    _carcass(s, m, w, d, h, doors=doors, top_over=0.01)
    return m


def sideboard(s: Style) -> Model:
    """A low cabinet with doors."""
    doors = int(s.rng.integers(2, 5))
    w, d, h = doors * _between(s, 0.42, 0.5), _between(s, 0.4, 0.48), _between(s, 0.7, 0.95)
    m = Model("cabinet", front_m=0.4)
    _carcass(s, m, w, d, h, doors=doors, top_over=0.012)
    return m


def file_cabinet(s: Style) -> Model:
    """A steel cabinet for hanging files."""
    w, d, h = 0.42, _between(s, 0.45, 0.6), float(s.rng.choice([0.7, 1.02, 1.32]))
    m = Model("file cabinet", front_m=0.4)
    steel = s.paint(s.quiet(0.4, 0.8), 0.25)
    m.add(
        sh.rounded_box((w, d - THIN, h), 0.008, s.spacing, steps=1),
        steel,
        at=(0, (d - THIN) / 2, 0),
    )
    levels = np.linspace(0.03, h - 0.01, round(h / 0.33) + 1)
    for a, b in pairwise(levels):
        _front(s, m, -w / 2 + 0.01, w / 2 - 0.01, float(a), float(b), d - THIN / 2, steel,
               kind="drawer")  # fmt: skip
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m


def tv_stand(s: Style) -> Model:
    """A low board for a television, with doors and open compartments."""
    w, d, h = _between(s, 1.2, 1.8), _between(s, 0.38, 0.46), _between(s, 0.4, 0.55)
    m = Model("tv stand", front_m=0.5)
    body, front = s.front(), s.front()
    foot = 0.08
    _legs(s, m, w, d, foot, s.wood(), thick=0.04)
    for z in (foot, h - 0.025):
        m.add(sh.box((w, d, 0.025), s.spacing), body, at=(0, d / 2, z))
    inside = h - foot - 0.05
    edges = (-w / 2, -w / 6, w / 6, w / 2)
    for x in edges:
        at = float(np.clip(x, -w / 2 + 0.01, w / 2 - 0.01))
        m.add(
            sh.box((0.02, d, inside), s.spacing, without="td"), body, at=(at, d / 2, foot + 0.025)
        )
    m.add(sh.box((w, 0.012, inside), s.spacing), body, at=(0, 0.006, foot + 0.025))
    for number in (0, 2):
        _front(
            s,
            m,
            edges[number] + 0.01,
            edges[number + 1] - 0.01,
            foot + 0.02,
            h - 0.02,
            d - 0.006,
            front,
            kind="door",
            hinge=1 if number == 0 else -1,
        )
    m.add(
        sh.box((w / 3 - 0.02, d - 0.03, 0.015), s.spacing),
        body,
        at=(0, d / 2, foot + inside * 0.55),
    )
    m.add(sh.rounded_box((w / 4, d * 0.6, 0.05), 0.006, s.spacing, steps=1), s.black,
          "tv stand", at=(0, d * 0.45, foot + 0.027))  # fmt: skip
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m


def television(s: Style, width: float | None = None, *, stand: bool = True) -> Model:
    """A flat television; off, or showing something."""
    w = width or _between(s, 0.85, 1.3)
    h = w * 0.57
    m = Model("tv")
    z = 0.07 if stand else 0.0
    m.add(sh.rounded_box((w, 0.045, h), 0.008, s.spacing, steps=1), s.black, at=(0, 0.1, z))
    face = sh.patch(
        (w / 2 - 0.012, 0.1245, z + 0.02), (-w + 0.024, 0, 0), (0, 0, h - 0.035), s.spacing
    )
    if s.rng.random() < 0.7:
        m.add(face, s.glass())
    else:
        m.add(
            _image(face), s.book.add_image(landscape(s.rng), glow=0.5, gloss=0.4, dark_return=0.4)
        )
    if not stand:
        m.add(sh.box((0.3, 0.08, 0.2), s.spacing), s.black, at=(0, 0.04, h / 2 - 0.1))
    if not stand:
        m.add(sh.box((0.3, 0.08, 0.2), s.spacing), s.black, at=(0, 0.04, h / 2 - 0.1))
    if stand:
        m.add(sh.tube([(0, 0.1, 0.01), (0, 0.1, z + 0.05)], 0.025, 0.05), s.black)
        m.add(
            sh.rounded_box((w * 0.35, 0.18, 0.016), 0.007, s.spacing, steps=1),
            s.black,
            at=(0, 0.1, 0),
        )
    return m


def _image(shape: sh.Shape) -> sh.Shape:
    """Stretch surface coordinates to 0..1, for a patch that shows an image."""
    coords = shape.coords - shape.coords.min(axis=0)
    coords = coords / coords.max(axis=0)
    return sh.Shape(shape.points, shape.normals, coords, shape.faces)


def bookshelf(s: Style) -> Model:
    """A bookshelf: sides, boards, back, rows of books, boxes and things between."""
    w, d = _between(s, 0.7, 1.1), _between(s, 0.26, 0.34)
    h = float(s.rng.choice([1.1, 1.8, 1.95, 2.05])) * _between(s, 0.95, 1.03)
    wood = s.front()
    m = Model("bookshelf", front_m=0.4)
    for sign in (-1, 1):
        m.add(sh.box((THIN, d, h), s.spacing), wood, at=(sign * (w / 2 - THIN / 2), d / 2, 0))
    m.add(sh.box((w - 2 * THIN, 0.01, h - 0.02), s.spacing, without="b"), wood, at=(0, 0.005, 0.01))
    count = max(3, round(h / _between(s, 0.31, 0.38)))
    levels = np.linspace(0.06, h - THIN, count + 1)
    m.add(sh.box((w - 2 * THIN, 0.02, 0.06), s.spacing), wood, at=(0, d - 0.04, 0))
    for number, z in enumerate(levels.tolist()):
        m.add(sh.box((w - 2 * THIN, d - 0.012, THIN), s.spacing), wood, at=(0, d / 2 + 0.005, z))
        if number == count:
            break
        room = levels[number + 1] - z - THIN
        x = -w / 2 + THIN + 0.008
        end = w / 2 - THIN - 0.008
        while x < end - 0.08:
            draw = s.rng.random()
            if draw < 0.78:
                length = min(_between(s, 0.15, w), end - x)
                m.put(books_row(s, length, d - 0.03, room - 0.02), (x, 0.015, z + THIN))
                x += length + _between(s, 0.0, 0.06)
            elif draw < 0.92 and end - x > 0.2 and room > 0.2:
                thing = small_thing(s, 0.16, room - 0.03)
                low, high = thing.bounds()
                m.put(
                    thing, (x - float(low[0]) + 0.01, d / 2 - float(low[1] + high[1]) / 2, z + THIN)
                )
                x += float(high[0] - low[0]) + 0.04
            else:
                x += _between(s, 0.05, 0.2)
    m.tops.append(Top(-w / 2 + 0.03, w / 2 - 0.03, 0.03, d - 0.03, h))
    return m


def refrigerator(s: Style) -> Model:
    """A fridge: body, freezer door, fridge door, handles, feet."""
    w, d, h = _between(s, 0.58, 0.75), _between(s, 0.6, 0.68), _between(s, 1.6, 1.88)
    shell = s.steel if s.rng.random() < 0.5 else s.paint((0.93, 0.93, 0.92), 0.35)
    m = Model("refrigerator", front_m=0.5)
    m.add(sh.rounded_box((w, d - 0.07, h - 0.04), 0.012, s.spacing, steps=1), shell,
          at=(0, (d - 0.07) / 2, 0.04))  # fmt: skip
    m.add(sh.box((w - 0.04, d - 0.1, 0.045), s.spacing), s.black, at=(0, d / 2 - 0.02, 0))
    split = h * (0.66 if s.rng.random() < 0.5 else 0.38)
    for z0, z1 in ((0.05, split), (split + 0.01, h)):
        m.add(sh.rounded_box((w, 0.062, z1 - z0), 0.018, s.spacing), shell, at=(0, d - 0.035, z0))
        near_split = z1 - 0.05 if z1 == split else z0 + 0.05
        length = min(0.42, (z1 - z0) * 0.55)
        a, b = near_split, near_split + (-length if z1 == split else length)
        x = w / 2 - 0.055
        m.add(sh.tube([(x, d, a), (x, d + 0.045, a), (x, d + 0.045, b), (x, d, b)], 0.011, 0.08),
              s.steel if shell != s.steel else s.chrome)  # fmt: skip
    m.add(sh.box((0.07, 0.004, 0.02), 0.1), s.gray, at=(-w / 2 + 0.09, d - 0.003, h - 0.09))
    m.tops.append(Top(-w / 2 + 0.05, w / 2 - 0.05, 0.05, d - 0.1, h))
    return m


def counter_run(s: Style, width: float) -> Model:
    """A kitchen counter: base cabinets, worktop, sink with tap, stove, splash back."""
    d, h = 0.62, _between(s, 0.86, 0.93)
    top, front = s.stone() if s.rng.random() < 0.6 else s.wood(), s.front()
    m = Model("kitchen cabinet", front_m=0.8)
    m.add(sh.box((width, d - 0.09, 0.1), s.spacing), s.black, at=(0, (d - 0.09) / 2, 0))
    count = max(2, round(width / 0.6))
    edges = np.linspace(-width / 2, width / 2, count + 1)
    sink_at = int(s.rng.integers(0, count))
    stove_at = int((sink_at + s.rng.integers(1, count)) % count)
    body = h - 0.04 - 0.1
    for number, (x0, x1) in enumerate(pairwise(edges.tolist())):
        x, w = (x0 + x1) / 2, x1 - x0
        if number == stove_at:
            m.put(_stove(s, w - 0.004, d, h), (x, 0, 0))
            continue
        m.add(sh.box((w, d - 0.04, body), s.spacing, without="t" if number == sink_at else ""),
              front, at=(x, (d - 0.04) / 2, 0.1))  # fmt: skip
        y = d - 0.03
        if number == sink_at or s.rng.random() < 0.5:
            _front(
                s, m, x0, x1, 0.1, h - 0.04, y, front, kind="door", hinge=-1 if number % 2 else 1
            )
        elif s.rng.random() < 0.5:
            _front(s, m, x0, x1, h - 0.2, h - 0.04, y, front, kind="drawer")
            _front(s, m, x0, x1, 0.1, h - 0.2, y, front, kind="door", hinge=-1 if number % 2 else 1)
        else:
            levels = np.linspace(0.1, h - 0.04, 4).tolist()
            for a, b in pairwise(levels):
                _front(s, m, x0, x1, a, b, y, front, kind="drawer")
    # The worktop leaves a hole for the sink and ends at the stove.
    for number, (x0, x1) in enumerate(pairwise(edges.tolist())):
        if number == stove_at:
            continue
        x, w = (x0 + x1) / 2, x1 - x0
        if number == sink_at:
            sw, sd = w - 0.1, 0.38
            for yy, dd in ((0.05, 0.1), (d - 0.07, 0.14)):
                m.add(
                    sh.box((w, dd, 0.04), s.spacing), top, "kitchen counter", at=(x, yy, h - 0.04)
                )
            for sign in (-1, 1):
                m.add(sh.box((0.05, sd, 0.04), s.spacing), top, "kitchen counter",
                      at=(x + sign * (w / 2 - 0.025), 0.1 + sd / 2, h - 0.04))  # fmt: skip
            m.put(_basin(s, sw / 2 + 0.012, sd / 2 + 0.012, 0.17), (x, 0.1 + sd / 2, h + 0.004))
            m.put(_tap(s, 0.24), (x, 0.05, h))
        else:
            m.add(sh.box((w, d, 0.04), s.spacing), top, "kitchen counter", at=(x, d / 2, h - 0.04))
            m.tops.append(Top(x0 + 0.04, x1 - 0.04, 0.08, d - 0.08, h))
    m.add(sh.box((width, 0.012, 0.1), s.spacing), top, "kitchen counter", at=(0, 0.006, h))
    return m


def _stove(s: Style, w: float, d: float, h: float) -> Model:
    m = Model("stove")
    shell = s.steel if s.rng.random() < 0.5 else s.paint((0.92, 0.92, 0.91), 0.3)
    m.add(sh.box((w, d - 0.03, h), s.spacing), shell, at=(0, (d - 0.03) / 2, 0))
    m.add(sh.rounded_box((w - 0.03, 0.03, h * 0.5), 0.008, s.spacing, steps=1), shell,
          at=(0, d - 0.025, h * 0.22))  # fmt: skip
    m.add(
        sh.patch(
            (w / 2 - 0.08, d - 0.008, h * 0.3), (-w + 0.16, 0, 0), (0, 0, h * 0.28), s.spacing
        ),
        s.glass(),
    )
    m.add(sh.tube([(-w / 2 + 0.06, d - 0.01, h * 0.66), (-w / 2 + 0.06, d + 0.03, h * 0.66),
                   (w / 2 - 0.06, d + 0.03, h * 0.66), (w / 2 - 0.06, d - 0.01, h * 0.66)],
                  0.009, 0.1), s.chrome)  # fmt: skip
    for x in np.linspace(-w / 2 + 0.08, w / 2 - 0.08, 5).tolist():
        m.add(sh.cylinder(0.018, 0.025, 0.05, segments=10).turned(-np.pi / 2, "x"), s.black,
              at=(x, d - 0.032, h * 0.85))  # fmt: skip
    m.add(sh.box((w - 0.02, d - 0.06, 0.006), s.spacing), s.glass(), at=(0, d / 2 - 0.01, h))
    for x in (-w / 4, w / 4):
        for y in (d * 0.28, d * 0.7):
            r = _between(s, 0.065, 0.095)
            ring = [
                (x + r * np.cos(a), y + r * np.sin(a), h + 0.012)
                for a in np.linspace(0, 2 * np.pi, 17)
            ]
            m.add(sh.tube(ring, 0.007, 0.1, segments=5), s.gray)
            m.add(sh.cylinder(r * 0.5, 0.012, 0.1, segments=12), s.gray, at=(x, y, h + 0.004))
    return m


def _basin(s: Style, rx: float, ry: float, depth: float, material: int | None = None) -> Model:
    """A sunk basin with a rim; its rim is at z = 0."""
    m = Model("sink")
    rings = [
        Ring(rx, ry, -0.01, 6), Ring(rx, ry, 0.0, 6), Ring(rx - 0.012, ry - 0.012, 0.002, 6),
        Ring(rx - 0.022, ry - 0.022, -0.012, 5.5), Ring(rx - 0.04, ry - 0.04, -depth * 0.8, 5),
        Ring(rx - 0.075, ry - 0.075, -depth, 4), Ring(0, 0, -depth - 0.008, 2),
    ]  # fmt: skip
    m.add(sh.loft(rings, 0.03, segments=36), s.steel if material is None else material)
    m.add(sh.cylinder(0.022, 0.004, 0.05, segments=12), s.black, at=(0, 0, -depth - 0.004))
    return m


def _tap(s: Style, high: float) -> Model:
    """A tap whose spout leans towards +y."""
    m = Model("sink")
    angles = np.linspace(0, np.pi * 0.92, 8)
    r = high * 0.32
    path = [(0.0, 0.0, 0.0), (0.0, 0.0, high - r)]
    path += [(0.0, r - r * np.cos(a), high - r + r * np.sin(a)) for a in angles[1:]]
    m.add(sh.tube(path, 0.012, 0.04), s.chrome)
    m.add(sh.cylinder(0.024, 0.03, 0.05, segments=12), s.chrome)
    m.add(sh.tube([(0.02, 0, 0.05), (0.075, 0.01, 0.075)], 0.007, 0.05, segments=6), s.chrome)
    return m


def wall_cabinets(s: Style, width: float) -> Model:
    """Upper kitchen cabinets; stands at its own height when placed."""
    d, h = 0.34, _between(s, 0.6, 0.75)
    front = s.front()
    m = Model("kitchen cabinet")
    count = max(1, round(width / 0.5))
    edges = np.linspace(-width / 2, width / 2, count + 1).tolist()
    m.add(sh.box((width, d - 0.03, h), s.spacing), front, at=(0, (d - 0.03) / 2, 0))
    for number, (x0, x1) in enumerate(pairwise(edges)):
        _front(s, m, x0, x1, 0.0, h, d - 0.02, front, kind="door", hinge=-1 if number % 2 else 1)
    return m


def range_hood(s: Style) -> Model:
    """An extractor hood with its duct."""
    m = Model("range hood")
    m.add(sh.loft([Ring(0.3, 0.22, 0, 10), Ring(0.3, 0.22, 0.05, 10), Ring(0.11, 0.1, 0.25, 10),
                   Ring(0.11, 0.1, 0.75, 10)], s.spacing), s.steel, at=(0, 0.24, 0))  # fmt: skip
    m.add(sh.patch((-0.29, 0.44, 0.012), (0.58, 0, 0), (0, -0.4, 0), s.spacing), s.gray)
    return m


def washing_machine(s: Style) -> Model:
    """A front loader with a round glass door."""
    m = Model("washing machine", front_m=0.4)
    white = s.paint((0.93, 0.93, 0.93), 0.3)
    m.add(sh.rounded_box((0.6, 0.57, 0.85), 0.012, s.spacing, steps=1), white, at=(0, 0.285, 0))
    ring = [
        (0.19 * np.cos(a), 0.585, 0.42 + 0.19 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 29)
    ]
    m.add(sh.tube(ring, 0.032, 0.1), s.chrome)
    glass = sh.loft(
        [Ring(0.175, 0.175, 0), Ring(0.12, 0.12, 0.04), Ring(0, 0, 0.055)], s.spacing, crease=80
    )
    m.add(glass.turned(-np.pi / 2, "x"), s.glass(), at=(0, 0.572, 0.42))
    m.add(sh.box((0.17, 0.01, 0.09), s.spacing), s.gray, at=(-0.19, 0.572, 0.73))
    m.add(
        sh.cylinder(0.035, 0.03, 0.05, segments=16).turned(-np.pi / 2, "x"),
        s.chrome,
        at=(0.02, 0.57, 0.775),
    )
    m.add(sh.box((0.18, 0.008, 0.05), s.spacing), s.glass(), at=(0.18, 0.572, 0.75))
    m.tops.append(Top(-0.25, 0.25, 0.05, 0.5, 0.85))
    return m


def toilet(s: Style) -> Model:
    """A toilet: foot, bowl with water, seat, lid up or down, cistern with button."""
    m = Model("toilet", front_m=0.45)
    c = s.ceramic
    cy = 0.42
    rings = [
        Ring(0.12, 0.2, 0.0, 3, 0, cy - 0.05), Ring(0.115, 0.19, 0.05, 3, 0, cy - 0.05),
        Ring(0.1, 0.16, 0.16, 2.4, 0, cy - 0.04), Ring(0.13, 0.2, 0.27, 2.2, 0, cy - 0.01),
        Ring(0.18, 0.25, 0.36, 2.2, 0, cy), Ring(0.188, 0.258, 0.39, 2.2, 0, cy),
        Ring(0.18, 0.25, 0.4, 2.2, 0, cy), Ring(0.14, 0.2, 0.395, 2.2, 0, cy + 0.015),
        Ring(0.125, 0.18, 0.35, 2.2, 0, cy + 0.015), Ring(0.08, 0.11, 0.25, 2, 0, cy),
        Ring(0.05, 0.07, 0.2, 2, 0, cy - 0.02), Ring(0, 0, 0.195, 2, 0, cy - 0.02),
    ]  # fmt: skip
    m.add(sh.loft(rings, 0.03, segments=32, crease=60), c)
    m.add(sh.rounded_box((0.2, 0.2, 0.385), 0.04, s.spacing), c, at=(0, 0.12, 0))
    angle = np.linspace(0, 2 * np.pi, 37)
    seat = [(0.158 * np.cos(a), cy + 0.01 + 0.225 * np.sin(a), 0.413) for a in angle]
    rim = sh.tube(seat, 0.026, 0.2)
    m.add(
        sh.Shape(
            rim.points * (1, 1, 0.45) + (0, 0, 0.413 * 0.55), rim.normals, rim.coords, rim.faces
        ),
        s.white,
    )
    lid = sh.loft(
        [
            Ring(0, 0, 0, 2.3),
            Ring(0.185, 0.25, 0, 2.3),
            Ring(0.19, 0.255, 0.008, 2.3),
            Ring(0.185, 0.25, 0.018, 2.3),
            Ring(0, 0, 0.024, 2.3),
        ],
        s.spacing,
        segments=32,
    )
    if s.rng.random() < 0.5:
        m.add(lid.moved(0, 0.25, 0).turned(np.pi / 2 + 0.12, "x"), s.white, at=(0, 0.235, 0.42))
    else:
        m.add(lid, s.white, at=(0, cy + 0.005, 0.425))
    wide = _between(s, 0.36, 0.44)
    m.add(sh.rounded_box((wide, 0.17, 0.36), 0.03, s.spacing), c, at=(0, 0.095, 0.39))
    m.add(sh.rounded_box((wide + 0.02, 0.185, 0.03), 0.012, s.spacing), c, at=(0, 0.095, 0.75))
    m.add(sh.cylinder(0.022, 0.01, 0.05, segments=12), s.chrome, at=(0, 0.095, 0.778))
    return m


def bathtub(s: Style, length: float | None = None) -> Model:
    """A bathtub with a sunk basin, rim, apron and tap; its long side lies along x."""
    w, d, h = length or _between(s, 1.5, 1.75), _between(s, 0.7, 0.78), _between(s, 0.52, 0.6)
    m = Model("bathtub", front_m=0.45)
    rx, ry = w / 2, d / 2
    p = 16.0
    rings = [
        Ring(rx - 0.02, ry - 0.02, 0, p), Ring(rx - 0.02, ry - 0.02, h - 0.06, p),
        Ring(rx, ry, h - 0.05, p), Ring(rx, ry, h - 0.01, p), Ring(rx - 0.008, ry - 0.008, h, p),
        Ring(rx - 0.075, ry - 0.07, h, 6), Ring(rx - 0.095, ry - 0.085, h - 0.03, 5),
        Ring(rx - 0.14, ry - 0.12, h - 0.25, 4), Ring(rx - 0.22, ry - 0.15, 0.13, 3.4, 0.02),
        Ring(rx - 0.32, ry - 0.2, 0.1, 3, 0.02), Ring(0, 0, 0.095, 2.5, 0.02),
    ]  # fmt: skip
    m.add(sh.loft(rings, s.spacing * 1.3, segments=72, crease=50), s.ceramic, at=(0, ry, 0))
    m.add(sh.cylinder(0.03, 0.004, 0.05, segments=12), s.chrome, at=(-rx + 0.45, ry, 0.1))
    tap = _tap(s, 0.16)
    m.put(tap, (-rx + 0.04, ry, h), -np.pi / 2)
    for part in m.parts:
        if part.category == "sink":
            object.__setattr__(part, "category", "bathtub")
    return m


def pedestal_sink(s: Style) -> Model:
    """A wash basin on a pillar."""
    m = Model("sink", front_m=0.5)
    h, rx, ry = _between(s, 0.8, 0.86), _between(s, 0.25, 0.31), _between(s, 0.2, 0.23)
    c = s.ceramic
    m.add(sh.lathe([(0.12, 0), (0.11, 0.04), (0.075, 0.12), (0.07, h * 0.6), (0.11, h - 0.17)],
                   s.spacing, segments=20), c, at=(0, 0.2, 0))  # fmt: skip
    rings = [
        Ring(0.09, 0.09, h - 0.19, 2.2),
        Ring(rx * 0.7, ry * 0.7, h - 0.14, 2.6),
        Ring(rx * 0.96, ry * 0.97, h - 0.05, 3),
        Ring(rx, ry, h - 0.015, 3),
        Ring(rx - 0.01, ry - 0.01, h, 3),
        Ring(rx - 0.045, ry - 0.045, h - 0.004, 2.6, 0, 0.015),
        Ring(rx * 0.68, ry * 0.62, h - 0.07, 2.3, 0, 0.015),
        Ring(rx * 0.4, ry * 0.36, h - 0.12, 2, 0, 0.01),
        Ring(0, 0, h - 0.135, 2, 0, 0.01),
    ]
    m.add(sh.loft(rings, 0.03, segments=36, crease=60), c, at=(0, ry, 0))
    m.add(sh.rounded_box((rx * 1.2, 0.09, 0.05), 0.02, s.spacing), c, at=(0, 0.05, h - 0.03))
    m.put(_tap(s, 0.16), (0, 0.05, h + 0.015))
    return m


def vanity(s: Style) -> Model:
    """A bathroom cabinet with a counter and a basin in it."""
    w, d, h = _between(s, 0.6, 1.1), 0.48, _between(s, 0.8, 0.86)
    m = Model("vanity", front_m=0.5)
    front, top = s.front(), s.stone()
    m.add(
        sh.box((w - 0.02, d - 0.05, h - 0.14), s.spacing, without="t"),
        front,
        at=(0, (d - 0.05) / 2, 0.1),
    )
    m.add(sh.box((w - 0.06, d - 0.1, 0.1), s.spacing), s.black, at=(0, (d - 0.1) / 2, 0))
    for sign in (-1, 1):
        x0, x1 = (-w / 2 + 0.01, 0.0) if sign < 0 else (0.0, w / 2 - 0.01)
        _front(s, m, x0, x1, 0.1, h - 0.05, d - 0.04, front, kind="door", hinge=-sign)
    bw, bd = min(w - 0.16, 0.5), 0.32
    side = (w - bw) / 2
    for x in (-w / 2 + side / 2, w / 2 - side / 2):
        m.add(sh.box((side, d, 0.04), s.spacing), top, "bathroom counter", at=(x, d / 2, h - 0.04))
    for y0, y1 in ((0.0, 0.1), (0.1 + bd, d)):
        m.add(sh.box((bw, y1 - y0, 0.04), s.spacing), top, "bathroom counter",
              at=(0, (y0 + y1) / 2, h - 0.04))  # fmt: skip
    m.put(_basin(s, bw / 2 + 0.012, bd / 2 + 0.012, 0.13, s.ceramic), (0, 0.1 + bd / 2, h + 0.004))
    m.put(_tap(s, 0.17), (0, 0.05, h))
    if side > 0.12:
        m.tops.append(Top(-w / 2 + 0.02, -bw / 2 - 0.03, 0.08, d - 0.05, h))
        m.tops.append(Top(bw / 2 + 0.03, w / 2 - 0.02, 0.08, d - 0.05, h))
    return m


def monitor(s: Style) -> Model:
    """A computer screen on its foot."""
    m = Model("monitor")
    w = _between(s, 0.46, 0.62)
    h = w * 0.6
    m.add(sh.rounded_box((w, 0.035, h), 0.01, s.spacing, steps=1), s.black, at=(0, 0.1, 0.12))
    face = sh.patch((w / 2 - 0.012, 0.1195, 0.135), (-w + 0.024, 0, 0), (0, 0, h - 0.03), s.spacing)
    if s.rng.random() < 0.55:
        m.add(_image(face), s.book.add_image(screen(s.rng), glow=0.5, gloss=0.2, dark_return=0.35))
    else:
        m.add(face, s.glass())
    m.add(sh.tube([(0, 0.07, 0.01), (0, 0.075, 0.25)], 0.018, 0.06), s.black)
    m.add(sh.rounded_box((0.24, 0.18, 0.014), 0.006, s.spacing, steps=1), s.black, at=(0, 0.09, 0))
    return m


def rug(s: Style, w: float, d: float, *, bath: bool = False) -> Model:
    """A rug or bath mat that lies flat."""
    m = Model("bath mat" if bath else "rug")
    if bath or s.rng.random() < 0.25:
        color = s.color(0.5, 0.9)
        material = s.book.add(Material("carpet", color, shade(color, 0.7)))
    else:
        material = s.book.add_image(rug_pattern(s.rng))
    thick = 0.012
    if not bath and s.rng.random() < 0.25:
        r = min(w, d) / 2
        body = sh.loft([Ring(r, r, 0), Ring(r, r, thick), Ring(0, 0, thick)], s.spacing)
        coords = body.points[:, :2] / (2 * r) + 0.5
        m.add(sh.Shape(body.points, body.normals, coords, body.faces), material, at=(0, r, 0))
        return m
    m.add(sh.patch((-w / 2, 0, thick), (w, 0, 0), (0, d, 0), s.spacing, image=True)
          if material in _image_materials(s) else
          sh.patch((-w / 2, 0, thick), (w, 0, 0), (0, d, 0), s.spacing), material)  # fmt: skip
    edge = s.paint(hsv(s.hue, 0.2, 0.5))
    m.add(sh.box((w, d, thick), s.spacing, without="td"), edge, at=(0, d / 2, 0))
    return m


def _image_materials(s: Style) -> set[int]:
    return {n for n, material in enumerate(s.book.materials) if material.kind == "image"}
