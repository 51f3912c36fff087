"""Offices: desks with swivel chairs, a whiteboard, files, boxes."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.desk import papers
from crossvox.capture.rooms.clutter.floor import backpack, carton, trash_can
from crossvox.capture.rooms.clutter.tableware import bottle, cup
from crossvox.capture.rooms.clutter.walls import clock, whiteboard
from crossvox.capture.rooms.furniture.seats import chair, sofa
from crossvox.capture.rooms.furniture.storage import bookshelf, file_cabinet
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer

KIND = Kind(
    name="office",
    width_m=(3.6, 5.4),
    depth_m=(3.2, 4.4),
    essentials=("desk", "office chair", "whiteboard|bookshelf"),
    tops=(papers, cup, book_pile, bottle),
    second_door=True,
    windows=2,
    blinds=0.6,
)


def furnish(place: Placer) -> None:
    """Fill an office."""
    s, rng = place.s, place.rng
    for _ in range(int(rng.integers(1, 4))):
        groups.desk_place(place, office=True)
    place.at_wall(whiteboard(s, s.between(1.0, 1.6), s.between(0.8, 1.0)), z=0.95)
    for _ in range(int(rng.integers(1, 3))):
        groups.add(place, bookshelf, 0)
    groups.add(place, file_cabinet, 2)
    if rng.random() < 0.6:
        groups.table_set(place, chair, category="table")
    place.anywhere(trash_can(s), wall=True)
    for _ in range(int(rng.integers(1, 4))):
        place.anywhere(carton(s, s.between(0.28, 0.42)), wall=rng.random() < 0.6)
    if rng.random() < 0.4:
        groups.add(place, sofa, 0)
    if rng.random() < 0.6:
        place.anywhere(backpack(s))
    place.at_wall(clock(s), z=1.75)
