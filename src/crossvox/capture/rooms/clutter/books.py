"""Books."""

from __future__ import annotations

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def books_row(s: Style, length: float, depth: float, height: float) -> Model:
    """Books standing side by side from x = 0 to ``length``; the last ones may lean."""
    m = Model("book")
    x = 0.0
    paper = s.paint((0.9, 0.87, 0.78))
    base = min(s.between(0.19, 0.27), height)
    while True:
        thick = s.between(0.016, 0.05)
        if x + thick > length:
            break
        h = min(base * s.between(0.82, 1.12), height)
        d = min(s.between(0.14, 0.22), depth)
        push = depth - d - s.between(0.0, 0.05)
        cover = s.book_cover()
        at = (x + thick / 2, max(push, 0.0) + d / 2, 0.0)
        m.add(sh.box((thick - 0.002, d, h), 0.11, without="dt"), cover, at=at)
        m.add(
            sh.box((thick - 0.002, d, 0.001), 0.11, without="d"),
            paper,
            at=(at[0], at[1], h - 0.006),
        )
        if s.rng.random() < 0.5:
            band = s.paint(s.quiet(0.7, 0.95))
            m.add(sh.patch((thick / 2 - 0.001, d / 2 + 0.001, h * 0.7), (-thick + 0.002, 0, 0),
                           (0, 0, h * 0.12), 0.1), band, at=(at[0], at[1], 0))  # fmt: skip
        x += thick
    if not m.parts:
        m.add(sh.box((length * 0.9, min(0.2, depth), min(0.03, height)), 0.11), s.book_cover(),
              at=(length / 2, depth / 2, 0))  # fmt: skip
    return m


def book_pile(s: Style) -> Model:
    """A few books lying on each other."""
    m = Model("book")
    z = 0.0
    for _ in range(int(s.rng.integers(1, 5))):
        w, d, h = s.between(0.14, 0.2), s.between(0.19, 0.26), s.between(0.015, 0.04)
        turn = s.between(-0.3, 0.3)
        cover = s.book_cover()
        m.add(sh.box((w, d, h), 0.1).turned(turn), cover, at=(0, 0, z))
        z += h + 0.001
    return m
