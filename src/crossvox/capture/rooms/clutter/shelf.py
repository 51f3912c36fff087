"""What stands between the books of a shelf."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.floor import carton, plant
from crossvox.capture.rooms.clutter.tableware import bottle, bowl, cup, vase
from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style


def small_thing(s: Style, wide: float, high: float) -> Model:
    """Some small thing that fits a shelf."""
    makers = [vase, bowl, cup, bottle, book_pile]
    for _ in range(4):
        draw = int(s.rng.integers(len(makers) + 2))
        if draw < len(makers):
            thing = makers[draw](s)
        elif draw == len(makers):
            thing = carton(s, 0.15)
        else:
            thing = plant(s, min(high, 0.3))
        low, top = thing.bounds()
        if top[2] <= high and top[0] - low[0] <= wide * 1.6:
            return thing
    return cup(s)
