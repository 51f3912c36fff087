"""Bedrooms: a bed between night stands, wardrobe, chest of drawers."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.floor import backpack
from crossvox.capture.rooms.clutter.lamps import table_lamp
from crossvox.capture.rooms.clutter.tableware import bottle, cup, vase
from crossvox.capture.rooms.clutter.walls import clothes_hooks, mirror
from crossvox.capture.rooms.furniture import beds
from crossvox.capture.rooms.furniture.rugs import rug
from crossvox.capture.rooms.furniture.seats import armchair, bench, chair
from crossvox.capture.rooms.furniture.storage import bookshelf, dresser, night_stand, wardrobe
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.model import Placed

KIND = Kind(
    name="bedroom",
    width_m=(3.4, 4.8),
    depth_m=(3.2, 4.2),
    essentials=("bed", "wardrobe|dresser"),
    tops=(book_pile, cup, table_lamp, vase, bottle),
)


def furnish(place: Placer) -> None:
    """Fill a bedroom."""
    s, rng = place.s, place.rng
    bed = place.at_wall(beds.bed(s), longest=True) or place.at_wall(beds.bed(s, 0.95), corner=True)
    if bed:
        _beside_bed(place, bed)
    groups.add(place, wardrobe, 0, corner=True)
    chest = dresser(s)
    groups.clutter(place, chest, 2, 4)
    placed = place.at_wall(chest)
    if placed and rng.random() < 0.7:
        place.above(placed, mirror(s, s.between(0.5, 0.8), s.between(0.6, 0.9)), 0.15)
    if rng.random() < 0.5:
        groups.desk_place(place, office=rng.random() < 0.4)
    else:
        place.at_wall(chair(s) if rng.random() < 0.5 else armchair(s), out=0.1)
    if rng.random() < 0.6:
        place.at_wall(clothes_hooks(s), z=0.75)
    if rng.random() < 0.6:
        groups.add(place, bookshelf, 0)
    if rng.random() < 0.7:
        place.anywhere(backpack(s))
    if rng.random() < 0.4 and bed:
        foot = float(bed.model.bounds()[1][1])
        place.near(bed, bench(s), (0.0, foot + 0.06), 0.0)


def _beside_bed(place: Placer, bed: Placed) -> None:
    """A night stand on each side of the bed, a rug under it."""
    s = place.s
    half = float(bed.model.bounds()[1][0])
    for sign in (-1, 1):
        stand = night_stand(s)
        if place.rng.random() < 0.75:
            groups.lamp_on(place, stand)
        else:
            groups.clutter(place, stand, 1, 3)
        x = sign * (half + float(stand.bounds()[1][0]) + 0.05)
        place.near(bed, stand, (x, 0.0), 0.0)
    place.lay(bed, rug(s, s.between(2.0, 2.6), s.between(1.3, 1.7)), (0.0, 1.0))
