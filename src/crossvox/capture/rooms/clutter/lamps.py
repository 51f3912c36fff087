"""Lamps that stand or hang."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.materials import Material, shade
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def table_lamp(s: Style) -> Model:
    """A lamp with a turned foot and a cloth shade."""
    m = Model("lamp")
    h = s.between(0.34, 0.52)
    foot = s.front() if s.rng.random() < 0.5 else s.paint(s.color(0.4, 0.9), 0.4)
    r = s.between(0.055, 0.085)
    if s.rng.random() < 0.6:
        profile = [(r, 0), (r, 0.012), (r * 0.35, 0.03), (r * 0.8, h * 0.2), (r * 0.95, h * 0.32),
                   (r * 0.4, h * 0.48), (0.012, h * 0.55), (0.01, h * 0.66)]  # fmt: skip
    else:
        profile = [(r, 0), (r, 0.015), (0.012, 0.02), (0.012, h * 0.66)]
    m.add(sh.lathe(profile, s.spacing, segments=20), foot)
    top, low = r * s.between(0.9, 1.5), r * s.between(1.7, 2.2)
    shade_color = (0.95, 0.9, 0.78) if s.rng.random() < 0.7 else s.color(0.6, 0.95)
    lit = s.between(0.3, 1.4) if s.rng.random() < 0.6 else 0.0
    cloth = s.book.add(Material("fabric", shade_color, shade(shade_color, 0.85), glow=lit))
    _lamp_shade(m, low, top, h * 0.58, h, cloth, s.spacing)
    return m


def _lamp_shade(
    m: Model, low: float, top: float, z0: float, z1: float, cloth: int, spacing: float
) -> None:
    outer = sh.lathe([(low, z0), (top, z1)], spacing, segments=28)
    m.add(outer, cloth)
    inner = sh.lathe([(low - 0.004, z0), (top - 0.004, z1)], spacing, segments=28)
    m.add(sh.Shape(inner.points, -inner.normals, inner.coords, inner.faces[:, ::-1]), cloth)


def floor_lamp(s: Style) -> Model:
    """A standing lamp."""
    m = Model("floor lamp")
    h = s.between(1.45, 1.75)
    r = 0.14
    metal = s.black if s.rng.random() < 0.5 else s.chrome
    m.add(
        sh.lathe([(r, 0), (r, 0.02), (0.02, 0.035), (0, 0.036)], s.spacing), metal, at=(0, 0.2, 0)
    )
    m.add(sh.tube([(0, 0.2, 0.03), (0, 0.2, h - 0.1)], 0.013, 0.1), metal)
    lit = s.between(0.6, 1.8) if s.rng.random() < 0.7 else 0.0
    cloth = s.book.add(Material("fabric", (0.95, 0.9, 0.8), (0.85, 0.78, 0.66), glow=lit))
    part = Model("floor lamp")
    _lamp_shade(part, s.between(0.18, 0.22), s.between(0.11, 0.17), h - 0.3, h, cloth, s.spacing)
    for piece in part.parts:
        m.add(piece.shape, cloth, at=(0, 0.2, 0))
    return m


def ceiling_lamp(s: Style, drop: float) -> tuple[Model, float]:
    """A lamp under the ceiling (z = 0 is the ceiling) and how far below it shines from."""
    m = Model("ceiling lamp")
    glow = s.glow((1.0, 0.95, 0.85), 2.6)
    if drop > 0.1:
        m.add(sh.tube([(0, 0, 0), (0, 0, -drop)], 0.005, 0.2, segments=5), s.black)
        m.add(sh.cylinder(0.05, 0.03, 0.05, segments=12), s.black, at=(0, 0, -0.03))
        if s.rng.random() < 0.5:
            profile = [
                (0.0, -0.18),
                (0.07, -0.17),
                (0.125, -0.1),
                (0.11, -0.03),
                (0.05, 0.0),
                (0, 0),
            ]
            m.add(sh.lathe(profile, s.spacing, segments=24), glow, at=(0, 0, -drop))
        else:
            hood = s.paint(s.color(0.3, 0.9), 0.3)
            _lamp_shade(m, 0.21, 0.05, -drop - 0.14, -drop, hood, s.spacing)
            m.add(sh.lathe([(0, -0.05), (0.04, -0.035), (0.04, 0), (0, 0.02)], s.spacing), glow,
                  at=(0, 0, -drop - 0.06))  # fmt: skip
        return m, drop + 0.25
    r = s.between(0.16, 0.26)
    m.add(
        sh.lathe([(0, -0.11), (r * 0.6, -0.1), (r, -0.045), (r, 0)], s.spacing, segments=28), glow
    )
    return m, 0.2
