"""What lies on desks."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.images import screen
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.shapes import Ring
from crossvox.capture.rooms.style import Style


def laptop(s: Style) -> Model:
    """An open laptop; the screen looks towards +y."""
    m = Model("laptop")
    w, d = 0.34, 0.23
    m.add(sh.rounded_box((w, d, 0.016), 0.006, s.spacing, steps=1), s.steel)
    m.add(
        sh.patch((-w / 2 + 0.03, -0.07, 0.0175), (w - 0.06, 0, 0), (0, 0.12, 0), s.spacing), s.black
    )
    lid = [
        sh.rounded_box((w, 0.01, d), 0.004, s.spacing, steps=1),
        sh.patch(
            (w / 2 - 0.012, 0.006, 0.012),
            (-w + 0.024, 0, 0),
            (0, 0, d - 0.024),
            s.spacing,
            image=True,
        ),
    ]
    image = s.book.add_image(screen(s.rng), glow=0.5, gloss=0.2, dark_return=0.35)
    for shape, material in zip(lid, (s.steel, image), strict=True):
        m.add(shape.turned(0.3, "x"), material, at=(0, -d / 2 + 0.005, 0.012))
    return m


def keyboard(s: Style) -> Model:
    """A keyboard with rows of keys."""
    m = Model("keyboard")
    m.add(sh.rounded_box((0.43, 0.14, 0.018), 0.006, s.spacing, steps=1), s.black)
    keys = s.gray if s.rng.random() < 0.5 else s.white
    for row in range(4):
        for left, width in ((-0.2, 0.28), (0.11, 0.085)):
            m.add(sh.box((width, 0.022, 0.006), 0.06, without="d"), keys,
                  at=(left + width / 2, -0.045 + 0.03 * row, 0.018))  # fmt: skip
    return m


def mouse(s: Style) -> Model:
    """A computer mouse."""
    m = Model("mouse")
    rings = [
        Ring(0.03, 0.05, 0),
        Ring(0.031, 0.052, 0.012),
        Ring(0.022, 0.04, 0.03),
        Ring(0, 0, 0.036),
    ]
    m.add(sh.loft(rings, 0.03, segments=16, crease=80), s.black)
    return m


def papers(s: Style) -> Model:
    """A few loose sheets."""
    m = Model("paper")
    white = s.paint((0.95, 0.95, 0.93))
    for number in range(int(s.rng.integers(1, 4))):
        sheet = sh.box((0.21, 0.297, 0.002), 0.11).turned(s.between(-0.4, 0.4))
        m.add(sheet, white, at=(s.between(-0.03, 0.03), s.between(-0.03, 0.03), 0.0025 * number))
    return m
