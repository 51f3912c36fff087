"""Kitchens: a counter with sink and stove, cabinets above it, a fridge, a table with chairs."""

from __future__ import annotations

from collections.abc import Sequence

from crossvox.capture.rooms.clutter.desk import papers
from crossvox.capture.rooms.clutter.floor import trash_can
from crossvox.capture.rooms.clutter.tableware import bottle, bowl, cup, kettle, microwave, vase
from crossvox.capture.rooms.clutter.walls import towel_rail, wall_shelf
from crossvox.capture.rooms.furniture.kitchen import (
    counter_run,
    range_hood,
    refrigerator,
    wall_cabinets,
)
from crossvox.capture.rooms.furniture.seats import chair, stool
from crossvox.capture.rooms.furniture.storage import sideboard
from crossvox.capture.rooms.layout import groups
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.model import Model, Placed, Top

KIND = Kind(
    name="kitchen",
    width_m=(3.2, 4.6),
    depth_m=(2.9, 3.8),
    essentials=("refrigerator", "kitchen counter", "sink", "dining table", "chair|stool"),
    tops=(cup, bowl, bottle, kettle, cup, vase, papers),
    blinds=0.6,
    tiled_walls=0.35,
    tiled_floor=1.0,
    clock=True,
)


def furnish(place: Placer) -> None:
    """Fill a kitchen."""
    s, rng = place.s, place.rng
    run = _counter(place, place.order(longest=True))
    if run:
        _fridge_beside(place, run)
        _above_counter(place, run)
    else:
        groups.add(place, refrigerator, 1, corner=True)
    groups.table_set(place, stool if rng.random() < 0.2 else chair)
    groups.add(place, sideboard, 3)
    place.anywhere(trash_can(s), wall=True)
    if rng.random() < 0.6:
        place.at_wall(wall_shelf(s, s.between(0.6, 1.0)), z=1.35)
    if rng.random() < 0.5:
        place.at_wall(towel_rail(s, 0.45), z=0.65)


def _counter(place: Placer, walls: Sequence[int]) -> Placed | None:
    """The longest counter there is space for."""
    s, rng = place.s, place.rng
    for width in (3.0, 2.7, 2.4, 2.1, 1.8, 1.5):
        counter = counter_run(s, width)
        groups.clutter(place, counter, 2, 4)
        if rng.random() < 0.6 and counter.tops:
            top = counter.tops[int(rng.integers(len(counter.tops)))]
            if top.x1 - top.x0 > 0.5 and not _taken(counter, top):
                counter.put(microwave(s), ((top.x0 + top.x1) / 2, 0.24, top.z))
        run = place.at_wall(counter, corner=True, walls=walls)
        if run:
            return run
    return None


def _taken(counter: Model, top: Top) -> bool:
    """Whether something stands on a part of the worktop."""
    return any(
        part.thing and part.shape.points[:, 2].min() >= top.z - 1e-3
        and top.x0 - 0.1 < part.shape.points[:, 0].mean() < top.x1 + 0.1
        for part in counter.parts
    )  # fmt: skip


def _fridge_beside(place: Placer, run: Placed) -> None:
    """A fridge at an end of the counter, or in a corner."""
    half = float(run.model.bounds()[1][0])
    fridge = refrigerator(place.s)
    groups.clutter(place, fridge, 0, 1)
    reach = float(fridge.bounds()[1][0])
    for sign in place.rng.permutation([-1, 1]).tolist():
        if place.near(run, fridge, (sign * (half + reach + 0.02), 0.0), 0.0, 0.0):
            return
    place.at_wall(fridge, corner=True)


def _above_counter(place: Placer, run: Placed) -> None:
    """A hood over the stove, cabinets left and right of it."""
    s = place.s
    stove = [p.shape.points[:, 0] for p in run.model.parts if p.category == "stove"]
    half = float(run.model.bounds()[1][0])
    spans = [(-half, half)]
    if stove:
        x0, x1 = float(min(p.min() for p in stove)), float(max(p.max() for p in stove))
        middle = (x0 + x1) / 2
        place.over(run, range_hood(s), middle, 1.6)
        spans = [(-half, middle - 0.32), (middle + 0.32, half)]
    for a, b in spans:
        if b - a > 0.4:
            place.over(run, wall_cabinets(s, b - a), (a + b) / 2, 1.42)
