"""What stands about on the floor."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.materials import Material, shade
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def plant(s: Style, height: float) -> Model:
    """A pot plant with drooping leaves or a small bush."""
    m = Model("plant")
    r = float(np.clip(height * 0.16, 0.05, 0.17))
    pot_color = (0.72, 0.4, 0.28) if s.rng.random() < 0.5 else s.quiet(0.5, 0.95)
    pot_height = r * 1.7
    pot = [
        (r * 0.72, 0),
        (r, pot_height * 0.85),
        (r * 1.08, pot_height * 0.86),
        (r * 1.08, pot_height),
        (r * 0.92, pot_height),
        (r * 0.9, pot_height - 0.02),
        (0, pot_height - 0.02),
    ]
    m.add(sh.lathe(pot, s.spacing, segments=20), s.paint(pot_color, 0.15), at=(0, 0, 0))
    leaf = s.leaf()
    count = int(s.rng.integers(9, 20))
    crown = height - pot_height
    wide = s.between(0.16, 0.34)
    for number in range(count):
        yaw = number * 2.4 + s.between(-0.3, 0.3)
        rise = crown * s.between(0.55, 1.0)
        reach = min(crown * s.between(0.25, 0.7), r * 2.6)
        u, v = np.meshgrid(np.linspace(0, 1, 9), np.linspace(-1, 1, 5), indexing="ij")
        half = wide * reach * np.sin(np.pi * np.clip(u * 0.97 + 0.02, 0, 1)) ** 0.8
        along = reach * u
        up = pot_height + rise * np.sin(u * np.pi * s.between(0.5, 0.72))
        grid = np.stack([along, v * half, up + 0.15 * half * (1 - v**2)], -1)
        m.add(sh.sheet(grid).turned(yaw), leaf)
    return m


def carton(s: Style, size: float) -> Model:
    """A cardboard box, closed or open with flaps."""
    m = Model("box")
    w, d, h = (
        size * s.between(0.8, 1.3),
        size * s.between(0.7, 1.0),
        size * s.between(0.5, 1.0),
    )
    brown = (0.72, 0.56, 0.38) if s.rng.random() < 0.75 else s.color(0.5, 0.9)
    card = s.book.add(Material("fabric", brown, shade(brown, 0.85)))
    tape = s.paint(shade(brown, 1.2), 0.3)
    open_top = size > 0.25 and s.rng.random() < 0.45
    m.add(sh.box((w, d, h), s.spacing, without="t" if open_top else ""), card)
    if open_top:
        inner = sh.box((w - 0.01, d - 0.01, h - 0.01), s.spacing, without="td")
        m.add(
            sh.Shape(inner.points, -inner.normals, inner.coords, inner.faces[:, ::-1]),
            card,
            at=(0, 0, 0.01),
        )
        m.add(
            sh.patch((-w / 2, -d / 2, h * 0.4), (w, 0, 0), (0, d, 0), s.spacing), s.paint(s.color())
        )
        for sign in (-1, 1):
            flap = sh.box((0.005, d, w * 0.42), s.spacing).turned(sign * s.between(0.5, 1.2), "y")
            m.add(flap, card, at=(sign * w / 2, 0, h))
    else:
        m.add(sh.box((0.06, d + 0.002, h + 0.002), s.spacing), tape)
    return m


def backpack(s: Style) -> Model:
    """A rucksack leaning back, with a front pocket and straps."""
    m = Model("backpack")
    cloth = s.fabric(s.color(0.2, 0.7))
    rings = [
        Ring(0.14, 0.08, 0, 3),
        Ring(0.165, 0.1, 0.04, 3),
        Ring(0.165, 0.1, 0.26, 3),
        Ring(0.14, 0.085, 0.38, 2.6),
        Ring(0.07, 0.04, 0.44, 2.4),
        Ring(0, 0, 0.45, 2),
    ]
    m.add(sh.loft(rings, s.spacing, crease=80), cloth)
    m.add(
        sh.rounded_box((0.24, 0.06, 0.18), 0.025, s.spacing),
        s.fabric(s.color(0.2, 0.7)),
        at=(0, 0.1, 0.04),
    )
    for sign in (-1, 1):
        path = [(sign * 0.07, -0.08, 0.4), (sign * 0.09, -0.14, 0.3), (sign * 0.1, -0.1, 0.05)]
        m.add(sh.tube(path, 0.013, 0.06), s.black)
    m.add(
        sh.tube([(-0.03, 0, 0.44), (0, 0, 0.48), (0.03, 0, 0.44)], 0.009, 0.05, segments=6), s.black
    )
    return m


def trash_can(s: Style) -> Model:
    """A waste bin, open or with a domed lid."""
    m = Model("trash can")
    r, h = s.between(0.12, 0.17), s.between(0.28, 0.6)
    shell = s.steel if s.rng.random() < 0.4 else s.paint(s.color(0.2, 0.8), 0.2)
    if h > 0.42:
        profile = [(r, 0), (r, h * 0.86), (r * 1.03, h * 0.865), (r * 0.8, h * 0.96), (0, h)]
        m.add(sh.lathe(profile, s.spacing), shell)
        m.add(sh.box((0.07, 0.06, 0.02), 0.1), s.black, at=(0, r + 0.01, 0.02))
    else:
        profile = [(0, 0), (r * 0.8, 0), (r, h), (r - 0.008, h), (r * 0.8 - 0.008, 0.02), (0, 0.02)]
        m.add(sh.lathe(profile, s.spacing), shell)
        for k in range(3):
            ball = sh.lathe([(0, 0), (0.05, 0.03), (0.045, 0.07), (0, 0.1)], 0.04, segments=8)
            m.add(ball, s.white, "trash can", at=(0.05 * np.cos(k * 2), 0.05 * np.sin(k * 2), 0.06))
    return m
