"""Living rooms: a sofa that looks at a television, low tables, armchairs, shelves."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.desk import papers
from crossvox.capture.rooms.clutter.lamps import floor_lamp, table_lamp
from crossvox.capture.rooms.clutter.tableware import bowl, cup, vase
from crossvox.capture.rooms.furniture.screens import television
from crossvox.capture.rooms.furniture.seats import armchair, ottoman, sofa
from crossvox.capture.rooms.furniture.storage import bookshelf, sideboard, tv_stand
from crossvox.capture.rooms.furniture.tables import desk, table
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.model import Placed

KIND = Kind(
    name="living room",
    width_m=(4.2, 5.8),
    depth_m=(3.6, 4.8),
    essentials=("couch", "coffee table", "tv", "bookshelf"),
    tops=(book_pile, vase, bowl, cup, papers, table_lamp),
    second_door=True,
    windows=2,
    clock=True,
)


def furnish(place: Placer) -> None:
    """Fill a living room."""
    s, rng = place.s, place.rng
    couch = place.at_wall(sofa(s), longest=True) or place.at_wall(sofa(s, 1.6))
    if couch:
        _around_sofa(place, couch)
    _television(place, couch)
    for _ in range(int(rng.integers(1, 3))):
        _armchair(place, couch)
    for _ in range(int(rng.integers(1, 3))):
        groups.add(place, bookshelf, 0)
    groups.add(place, sideboard, 3)
    place.in_corner(floor_lamp(s))
    if rng.random() < 0.6:
        place.anywhere(ottoman(s))
    if rng.random() < 0.35:
        groups.add(place, desk, 3)


def _around_sofa(place: Placer, couch: Placed) -> None:
    """A low table on a rug before the sofa, small tables with lamps beside it."""
    s, rng = place.s, place.rng
    depth = float(couch.model.bounds()[1][1])
    place.release(couch)
    low = table(s, "coffee table")
    groups.clutter(place, low, 2, 5)
    place.near(couch, low, (float(rng.normal(0, 0.1)), depth + s.between(0.3, 0.45)), 0.0)
    groups.carpet(place, couch, depth)
    width = float(couch.model.bounds()[1][0])
    for sign in rng.permutation([-1, 1])[: int(rng.integers(1, 3))].tolist():
        side = table(s, "end table")
        groups.lamp_on(place, side)
        reach = float(side.bounds()[1][0])
        place.near(couch, side, (sign * (width + reach + 0.06), 0.15), 0.0)


def _television(place: Placer, couch: Placed | None) -> None:
    """A television on its board, before the sofa if there is space; else on a wall."""
    s = place.s
    stand = tv_stand(s)
    top = stand.tops[0]
    stand.put(television(s, min(top.x1 - top.x0 - 0.1, 1.25)), (0, 0.12, top.z))
    before = [place.opposite(couch)] if couch else []
    placed = place.at_wall(stand, walls=before, tries=24) if before else None
    if placed is None and place.at_wall(stand) is None:
        place.at_wall(television(s, 0.95, stand=False), z=1.0)


def _armchair(place: Placer, couch: Placed | None) -> None:
    """An armchair turned to the sofa, or at a wall."""
    s, rng = place.s, place.rng
    chair = armchair(s)
    if couch and rng.random() < 0.6:
        depth = float(couch.model.bounds()[1][1])
        sign = float(rng.choice([-1, 1]))
        x = sign * (float(couch.model.bounds()[1][0]) + 0.25)
        if place.near(couch, chair, (x, depth + 0.55), sign * (np.pi / 2 + 0.25)):
            return
    place.at_wall(chair, out=0.12)
