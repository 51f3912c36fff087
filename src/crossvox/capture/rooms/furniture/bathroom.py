"""Fittings of bathrooms."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import add_front, make_basin, make_tap
from crossvox.capture.rooms.model import Model, Top
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


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
    wide = s.between(0.36, 0.44)
    m.add(sh.rounded_box((wide, 0.17, 0.36), 0.03, s.spacing), c, at=(0, 0.095, 0.39))
    m.add(sh.rounded_box((wide + 0.02, 0.185, 0.03), 0.012, s.spacing), c, at=(0, 0.095, 0.75))
    m.add(sh.cylinder(0.022, 0.01, 0.05, segments=12), s.chrome, at=(0, 0.095, 0.778))
    return m


def bathtub(s: Style, length: float | None = None) -> Model:
    """A bathtub with a sunk basin, rim, apron and tap; its long side lies along x."""
    w, d, h = length or s.between(1.5, 1.75), s.between(0.7, 0.78), s.between(0.52, 0.6)
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
    tap = make_tap(s, 0.16)
    m.put(tap, (-rx + 0.04, ry, h), -np.pi / 2)
    for part in m.parts:
        if part.category == "sink":
            object.__setattr__(part, "category", "bathtub")
    return m


def pedestal_sink(s: Style) -> Model:
    """A wash basin on a pillar."""
    m = Model("sink", front_m=0.5)
    h, rx, ry = s.between(0.8, 0.86), s.between(0.25, 0.31), s.between(0.2, 0.23)
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
    m.put(make_tap(s, 0.16), (0, 0.05, h + 0.015))
    return m


def vanity(s: Style) -> Model:
    """A bathroom cabinet with a counter and a basin in it."""
    w, d, h = s.between(0.6, 1.1), 0.48, s.between(0.8, 0.86)
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
        add_front(s, m, x0, x1, 0.1, h - 0.05, d - 0.04, front, kind="door", hinge=-sign)
    bw, bd = min(w - 0.16, 0.5), 0.32
    side = (w - bw) / 2
    for x in (-w / 2 + side / 2, w / 2 - side / 2):
        m.add(sh.box((side, d, 0.04), s.spacing), top, "bathroom counter", at=(x, d / 2, h - 0.04))
    for y0, y1 in ((0.0, 0.1), (0.1 + bd, d)):
        m.add(sh.box((bw, y1 - y0, 0.04), s.spacing), top, "bathroom counter",
              at=(0, (y0 + y1) / 2, h - 0.04))  # fmt: skip
    m.put(
        make_basin(s, bw / 2 + 0.012, bd / 2 + 0.012, 0.13, s.ceramic), (0, 0.1 + bd / 2, h + 0.004)
    )
    m.put(make_tap(s, 0.17), (0, 0.05, h))
    if side > 0.12:
        m.tops.append(Top(-w / 2 + 0.02, -bw / 2 - 0.03, 0.08, d - 0.05, h))
        m.tops.append(Top(bw / 2 + 0.03, w / 2 - 0.02, 0.08, d - 0.05, h))
    return m
