"""Bathrooms: tub with its curtain, toilet, basin under a mirror."""

from __future__ import annotations

from crossvox.capture.rooms.clutter.curtains import shower_curtain
from crossvox.capture.rooms.clutter.floor import trash_can
from crossvox.capture.rooms.clutter.tableware import bottle, cup
from crossvox.capture.rooms.clutter.walls import mirror, toilet_roll, towel_rail, wall_shelf
from crossvox.capture.rooms.furniture.bathroom import (
    bathtub,
    pedestal_sink,
    toilet,
    vanity,
    washing_machine,
)
from crossvox.capture.rooms.furniture.rugs import rug
from crossvox.capture.rooms.furniture.seats import stool
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.model import Placed

KIND = Kind(
    name="bathroom",
    width_m=(2.4, 3.4),
    depth_m=(2.2, 3.0),
    essentials=("bathtub", "shower curtain", "toilet", "sink"),
    tops=(bottle, cup, bottle, toilet_roll),
    notched=False,
    windows=1,
    window_width_m=(0.5, 0.8),
    window_sill_m=(1.2, 1.4),
    window_height_m=(0.6, 0.8),
    blinds=1.0,
    tiled_walls=1.0,
    tiled_floor=1.0,
    accent_wall=False,
    skirting_m=0.0,
    pictures=(0, 2),
    plants=False,
)


def furnish(place: Placer) -> None:
    """Fill a bathroom."""
    s, rng = place.s, place.rng
    tub = _tub(place)
    seat = place.at_wall(toilet(s), out=0.01)
    if seat:
        place.release(seat)
    sink = _sink(place)
    place.at_wall(towel_rail(s, s.between(0.45, 0.8)), z=0.75)
    if seat:
        place.at_wall(toilet_roll(s), z=0.75)
    if rng.random() < 0.5:
        washer = washing_machine(s)
        groups.clutter(place, washer, 1, 3)
        place.at_wall(washer, corner=True)
    for host in (tub, sink):
        if host and rng.random() < 0.8:
            mat = rug(s, 0.75, 0.48, bath=True)
            place.lay(host, mat, (0.0, float(host.model.bounds()[1][1]) + 0.06))
    if rng.random() < 0.8:
        place.anywhere(trash_can(s), wall=True)
    if rng.random() < 0.5:
        place.at_wall(wall_shelf(s, 0.5), z=1.3)
    if rng.random() < 0.4:
        place.anywhere(stool(s))


def _tub(place: Placer) -> Placed | None:
    """The longest bathtub there is space for, with a curtain before it."""
    s = place.s
    for length in (1.7, 1.6, 1.5, 1.4):
        tub = place.at_wall(bathtub(s, length), corner=True, out=0.002, gap=0.0, tries=20)
        if tub:
            half, depth = float(tub.model.bounds()[1][0]), float(tub.model.bounds()[1][1])
            high = min(1.95, place.height - 0.15)
            place.before(tub, shower_curtain(s, 2 * half, high - 0.25), (0.0, depth + 0.045), 0.25)
            return tub
    return None


def _sink(place: Placer) -> Placed | None:
    """A basin in a cabinet or on a pillar, a mirror over it."""
    s = place.s
    basin = vanity(s) if place.rng.random() < 0.55 else pedestal_sink(s)
    groups.clutter(place, basin, 1, 2)
    sink = place.at_wall(basin, out=0.005) or place.at_wall(pedestal_sink(s), out=0.005)
    if sink:
        top = float(max(p.shape.points[:, 2].max() for p in sink.model.parts))
        w, h = s.between(0.45, 0.7), s.between(0.6, 0.85)
        place.over(sink, mirror(s, w, h), 0.0, max(1.12, top + 0.03))
    return sink
