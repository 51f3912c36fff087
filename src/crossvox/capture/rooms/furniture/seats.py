"""What people sit on."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import add_legs, facing, pillow_shape
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def sofa(s: Style, width: float | None = None) -> Model:
    """A sofa: base, arms, seat and back cushions, legs, loose pillows."""
    width = width or s.between(1.6, 2.3)
    return _seat(s, "couch", width, s.between(0.82, 0.95), 3 if width > 1.95 else 2)


def armchair(s: Style) -> Model:
    """An upholstered chair with arms."""
    return _seat(s, "armchair", s.between(0.75, 0.9), s.between(0.75, 0.85), 1)


def _seat(s: Style, category: str, width: float, depth: float, places: int) -> Model:
    cloth = s.upholstery()
    cover = cloth if s.rng.random() < 0.7 else s.upholstery()
    m = Model(category, front_m=0.35)
    leg, seat = s.between(0.05, 0.14), s.between(0.38, 0.45)
    arm_width, arm_height = s.between(0.1, 0.22), seat + s.between(0.15, 0.24)
    back_height = seat + s.between(0.38, 0.5)
    wood = s.wood()
    add_legs(s, m, width, depth, leg, wood, inset=0.07, thick=0.045)
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
            pillow_shape(s, 0.42, 0.42, 0.14)
            .turned(np.pi / 2 + 0.45, "x")
            .turned(s.between(-0.5, 0.5))
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
        r = s.between(0.22, 0.32)
        rings = [Ring(r * 0.93, r * 0.93, 0.04), Ring(r, r, 0.1), Ring(r, r, 0.33),
                 Ring(r * 0.9, r * 0.9, 0.4), Ring(0, 0, 0.42)]  # fmt: skip
        m.add(sh.loft(rings, s.spacing, crease=70), cloth, at=(0, r, 0))
        m.add(sh.cylinder(r * 0.8, 0.05, 0.1), s.black, at=(0, r, 0))
    else:
        w, d = s.between(0.5, 0.8), s.between(0.4, 0.55)
        add_legs(s, m, w, d, 0.1, s.wood(), kind=1)
        m.add(sh.rounded_box((w, d, 0.2), 0.03, s.spacing), cloth, at=(0, d / 2, 0.1))
        m.add(sh.cushion((w, d, 0.13), s.spacing, bulge=0.15), cloth, at=(0, d / 2, 0.29))
    return m


def bench(s: Style) -> Model:
    """A wooden bench."""
    m = Model("bench")
    w, wood = s.between(0.8, 1.3), s.wood()
    for number in range(3):
        m.add(sh.rounded_box((w, 0.11, 0.035), 0.01, s.spacing, steps=1), wood,
              at=(0, 0.06 + 0.125 * number, 0.42))  # fmt: skip
    add_legs(s, m, w, 0.37, 0.42, wood, inset=0.08, kind=0)
    m.add(sh.box((w - 0.16, 0.03, 0.05), s.spacing), wood, at=(0, 0.185, 0.2))
    return m


def chair(s: Style) -> Model:
    """A dining chair: four legs, a seat, a back with slats, bars or a shell."""
    wood = s.front()
    m = Model("chair")
    w, d, seat = s.between(0.4, 0.46), s.between(0.4, 0.45), s.between(0.43, 0.47)
    high = seat + s.between(0.36, 0.52)
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
        m.add(facing(top, (0, 0.7, 0.7)), color)
        under = facing(top, (0, -0.7, -0.7)).moved(0, -0.006, -0.01)
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
    height, r, wood = s.between(0.44, 0.66), s.between(0.16, 0.19), s.front()
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
    seat = s.between(0.44, 0.52)
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
    high = s.between(0.5, 0.68)
    rows, columns = int(high / 0.03) + 1, 15
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(1, -1, columns), indexing="ij")
    half = 0.22 * (1 - 0.25 * (2 * np.abs(v - 0.45)) ** 3)
    x, z = u * half, seat + 0.1 + v * high
    y = c[1] - 0.24 + 0.06 * u**2 + 0.03 * np.sin(v * np.pi) - 0.07 * v
    grid = np.stack([x, y, z], -1).transpose(1, 0, 2)
    front = facing(sh.sheet(grid), (0, 1, 0))
    m.add(front, cloth)
    m.add(facing(sh.sheet(grid + np.array((0, -0.035, 0))), (0, -1, 0)), s.black)
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
