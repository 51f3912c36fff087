"""Dining rooms: a large table with chairs, a sideboard."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.lamps import floor_lamp
from crossvox.capture.rooms.clutter.tableware import bottle, bowl, cup, vase
from crossvox.capture.rooms.clutter.walls import mirror
from crossvox.capture.rooms.furniture.screens import television
from crossvox.capture.rooms.furniture.seats import bench, chair, sofa
from crossvox.capture.rooms.furniture.storage import bookshelf, dresser, sideboard
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer

KIND = Kind(
    name="dining room",
    width_m=(3.6, 5.0),
    depth_m=(3.3, 4.4),
    essentials=("dining table", "chair", "cabinet"),
    tops=(bowl, vase, cup, bottle),
    second_door=True,
    lamp_drop_m=0.6,
    clock=True,
)


def furnish(place: Placer) -> None:
    """Fill a dining room."""
    s, rng = place.s, place.rng
    groups.table_set(place, chair, widths=(1.7, 1.4, 1.1, 0.85))
    board = sideboard(s)
    groups.clutter(place, board, 2, 5)
    placed = place.at_wall(board)
    if placed and rng.random() < 0.5:
        place.above(placed, mirror(s, s.between(0.6, 1.0), s.between(0.5, 0.8)), 0.3)
    groups.add(place, bookshelf, 0)
    if rng.random() < 0.5:
        groups.add(place, sofa, 0)
    if rng.random() < 0.5:
        groups.add(place, dresser, 3)
    if rng.random() < 0.5:
        place.in_corner(floor_lamp(s))
    if rng.random() < 0.4:
        place.at_wall(bench(s))
    if rng.random() < 0.4:
        place.at_wall(television(s, 1.0, stand=False), z=1.0)
