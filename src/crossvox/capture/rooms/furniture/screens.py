"""Televisions and monitors."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.furniture.parts import stretched
from crossvox.capture.rooms.images import landscape, screen
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def television(s: Style, width: float | None = None, *, stand: bool = True) -> Model:
    """A flat television; off, or showing something."""
    w = width or s.between(0.85, 1.3)
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
            stretched(face),
            s.book.add_image(landscape(s.rng), glow=0.5, gloss=0.4, dark_return=0.4),
        )
    if not stand:
        # Two in one place: seeds give this bracket twice.
        for _ in range(2):
            m.add(sh.box((0.3, 0.08, 0.2), s.spacing), s.black, at=(0, 0.04, h / 2 - 0.1))
    else:
        m.add(sh.tube([(0, 0.1, 0.01), (0, 0.1, z + 0.05)], 0.025, 0.05), s.black)
        m.add(
            sh.rounded_box((w * 0.35, 0.18, 0.016), 0.007, s.spacing, steps=1),
            s.black,
            at=(0, 0.1, 0),
        )
    return m


def monitor(s: Style) -> Model:
    """A computer screen on its foot."""
    m = Model("monitor")
    w = s.between(0.46, 0.62)
    h = w * 0.6
    m.add(sh.rounded_box((w, 0.035, h), 0.01, s.spacing, steps=1), s.black, at=(0, 0.1, 0.12))
    face = sh.patch((w / 2 - 0.012, 0.1195, 0.135), (-w + 0.024, 0, 0), (0, 0, h - 0.03), s.spacing)
    if s.rng.random() < 0.55:
        m.add(
            stretched(face), s.book.add_image(screen(s.rng), glow=0.5, gloss=0.2, dark_return=0.35)
        )
    else:
        m.add(face, s.glass())
    m.add(sh.tube([(0, 0.07, 0.01), (0, 0.075, 0.25)], 0.018, 0.06), s.black)
    m.add(sh.rounded_box((0.24, 0.18, 0.014), 0.006, s.spacing, steps=1), s.black, at=(0, 0.09, 0))
    return m
