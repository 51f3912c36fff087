"""What captures have more of than a furnished room: things left about, and surfaces that are nearly
black and shiny. Both have chance of their own: the room is else the same with and without."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.desk import papers
from crossvox.capture.rooms.clutter.floor import backpack, carton
from crossvox.capture.rooms.clutter.tableware import bottle, cup
from crossvox.capture.rooms.layout.kind import Maker
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.materials import hsv
from crossvox.capture.rooms.model import Model, Placed, Top

FLOOR_SHARE = 0.04
"""Things on a square metre of floor, a thing on one of tables."""

_HIGHEST_M = 1.3

_KINDS = ("plain", "wood", "stone", "fabric", "leather", "stripes", "plaid", "diamonds", "carpet")
"""Patterns that may be nearly black."""

_SURFACES = {
    "kitchen counter": 2.0, "bathroom counter": 1.0, "kitchen cabinet": 0.5, "cabinet": 0.7,
    "tv stand": 1.5, "wardrobe": 0.4, "table": 1.0, "coffee table": 1.0, "dining table": 0.7,
    "end table": 1.0, "desk": 1.0, "couch": 0.7, "armchair": 0.7, "chair": 0.7, "office chair": 1.5,
    "bookshelf": 0.7, "dresser": 0.7, "rug": 0.5, "stove": 1.0, "backpack": 1.0,
}  # fmt: skip
"""How many times as often as others what kind of thing is nearly black."""


def leave_about(place: Placer, per_m2: float, rng: np.random.Generator) -> None:
    """Put more small things on surfaces, and some on the floor.

    Args:
        place: the furnished room.
        per_m2: things a square metre of surfaces.
        rng: source of chance.
    """
    place, style = copy.copy(place), copy.copy(place.s)
    place.s, place.rng, style.rng = style, rng, rng
    makers: tuple[Maker, ...] = (
        *place.kind.tops, papers, papers, book_pile, cup, bottle, lambda s: carton(s, 0.15),
        lambda s: carton(s, 0.22),
    )  # fmt: skip
    for host in list(place.room.placed):
        for top in list(host.model.tops):
            area = (top.x1 - top.x0) * (top.y1 - top.y0)
            if top.z < _HIGHEST_M and area > 0:
                _fill(place, host, top, makers, int(rng.poisson(per_m2 * area)))
    w, d = place.size
    for _ in range(int(rng.poisson(FLOOR_SHARE * per_m2 * w * d))):
        thing = backpack(style) if rng.random() < 0.4 else carton(style, style.between(0.2, 0.4))
        place.anywhere(thing)


def _fill(place: Placer, host: Placed, top: Top, makers: Sequence[Maker], count: int) -> None:
    """Stand things where there is space on a surface, turned any way."""
    model, rng = host.model, place.rng
    taken = _standing(model, top)
    for _ in range(count):
        thing = makers[int(rng.integers(len(makers)))](place.s)
        low, high = thing.bounds()
        radius = float(np.hypot(*(high - low)[:2]) / 2)
        if high[2] - low[2] > 0.45 or min(top.x1 - top.x0, top.y1 - top.y0) < 1.6 * radius:
            continue
        margin = 0.8 * radius
        for _ in range(6):
            x = float(rng.uniform(top.x0 + margin, top.x1 - margin))
            y = float(rng.uniform(top.y0 + margin, top.y1 - margin))
            if all(np.hypot(x - a, y - b) > 0.85 * radius + r for a, b, r in taken):
                taken.append((x, y, radius))
                yaw = float(rng.uniform(0, 2 * np.pi))
                shift = sh.rotation(yaw)[:2, :2] @ ((low + high)[:2] / 2)
                model.put(thing, (x - float(shift[0]), y - float(shift[1]), top.z + 0.001), yaw)
                break


def _standing(model: Model, top: Top) -> list[tuple[float, float, float]]:
    """Place and radius of what stands on a surface, or hangs low over it."""
    found = []
    for part in model.parts:
        low, high = part.shape.points.min(axis=0), part.shape.points.max(axis=0)
        if high[2] > top.z + 0.002 and low[2] < top.z + 0.5:
            middle, half = (low + high)[:2] / 2, (high - low)[:2] / 2
            if half.max() < 0.4 or part.thing:
                found.append((float(middle[0]), float(middle[1]), float(np.hypot(*half))))
    return found


def darken(room: Room, share: float, rng: np.random.Generator) -> None:
    """Make materials of furniture nearly black, and often shiny.

    Args:
        room: the furnished room.
        share: of the materials; worktops and office chairs more often, cabinets less.
        rng: source of chance.
    """
    kept = {part.material for part in room.shell.parts}
    weights: dict[int, float] = {}
    for placed in room.placed:
        for part in placed.model.parts:
            weight = _SURFACES.get(part.category, 0.0)
            weights[part.material] = max(weights.get(part.material, 0.0), weight)
    materials = room.book.materials
    for number in sorted(weights.keys() - kept):
        material = materials[number]
        draw, value, gloss = rng.random(), rng.uniform(0.05, 0.2), rng.uniform(0.0, 0.6)
        hue = float(rng.random())
        if draw >= share * weights[number] or material.kind not in _KINDS:
            continue
        color = hsv(hue, 0.25, float(value))
        second = hsv(hue, 0.25, float(1.6 * value))
        shine = material.gloss if material.kind in ("fabric", "carpet") else gloss
        materials[number] = replace(
            material, color=color, second=second, gloss=max(material.gloss, float(shine))
        )
