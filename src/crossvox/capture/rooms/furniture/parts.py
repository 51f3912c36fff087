"""Parts that pieces of furniture share: legs, fronts with handles, cushions, basins, taps."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style

THIN = 0.02
"""Thickness of boards, metres."""


def add_legs(
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


def add_front(
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


def pillow_shape(s: Style, w: float, d: float, h: float) -> sh.Shape:
    return sh.cushion((w, d, h), min(s.spacing, 0.03), bulge=0.36)


def facing(shape: sh.Shape, direction: tuple[float, float, float]) -> sh.Shape:
    """The sheet turned inside out if its normals look against ``direction`` on average."""
    if float((shape.normals @ np.asarray(direction)).mean()) >= 0:
        return shape
    return sh.Shape(shape.points, -shape.normals, shape.coords, shape.faces[:, ::-1])


def stretched(shape: sh.Shape) -> sh.Shape:
    """Stretch surface coordinates to 0..1, for a patch that shows an image."""
    coords = shape.coords - shape.coords.min(axis=0)
    coords = coords / coords.max(axis=0)
    return sh.Shape(shape.points, shape.normals, coords, shape.faces)


def make_basin(s: Style, rx: float, ry: float, depth: float, material: int | None = None) -> Model:
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


def make_tap(s: Style, high: float) -> Model:
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
