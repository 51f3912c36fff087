"""Studies: a desk, shelves full of books, a seat to read in."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.desk import papers
from crossvox.capture.rooms.clutter.floor import carton, trash_can
from crossvox.capture.rooms.clutter.lamps import floor_lamp
from crossvox.capture.rooms.clutter.tableware import cup
from crossvox.capture.rooms.clutter.walls import wall_shelf
from crossvox.capture.rooms.furniture.rugs import rug
from crossvox.capture.rooms.furniture.seats import armchair, chair, ottoman, sofa
from crossvox.capture.rooms.furniture.storage import bookshelf, sideboard
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer

KIND = Kind(
    name="study",
    width_m=(3.4, 4.8),
    depth_m=(3.0, 4.2),
    essentials=("desk", "bookshelf", "chair|office chair"),
    tops=(book_pile, papers, cup, book_pile),
)


def furnish(place: Placer) -> None:
    """Fill a study."""
    s, rng = place.s, place.rng
    groups.desk_place(place, office=rng.random() < 0.6)
    for _ in range(int(rng.integers(2, 5))):
        groups.add(place, bookshelf, 0)
    seat = place.at_wall(armchair(s), out=0.15) or place.at_wall(chair(s))
    if seat:
        depth = float(seat.model.bounds()[1][1])
        if rng.random() < 0.6:
            place.near(seat, ottoman(s), (0.0, depth + 0.2), 0.0)
        place.lay(seat, rug(s, s.between(1.4, 2.2), s.between(1.0, 1.6)), (0.0, 0.5))
    place.in_corner(floor_lamp(s))
    groups.add(place, sideboard, 3)
    if rng.random() < 0.4:
        groups.add(place, sofa, 0)
    if rng.random() < 0.6:
        place.at_wall(wall_shelf(s, s.between(0.7, 1.1)), z=1.4)
    for _ in range(int(rng.integers(0, 3))):
        place.anywhere(carton(s, 0.35))
    for _ in range(int(rng.integers(1, 3))):
        place.anywhere(book_pile(s))
    place.anywhere(trash_can(s), wall=True)
