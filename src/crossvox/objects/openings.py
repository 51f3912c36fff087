"""Doors and windows as openings in walls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.room_contents import Opening, OpeningKind, Wall
from crossvox.objects.instances import Instance
from crossvox.objects.kinds import DOOR, WINDOW
from crossvox.objects.surface import Surface

Array = NDArray[Any]

_KINDS: dict[int, OpeningKind] = {DOOR: "door", WINDOW: "window"}
_AWAY_M = 0.45
"""Farther from its wall no opening lies: panes and open leaves stand off."""

_TO_FLOOR_M = 0.35
"""A door whose lower edge was seen this near to the floor reaches it."""


def find_openings(
    surface: Surface, instances: Sequence[Instance], walls: Sequence[Wall], floor_m: float | None
) -> tuple[Opening, ...]:
    """Doors and windows among the things, in the walls that they lie in.

    Args:
        surface: the labelled surface.
        instances: all things; their places count as numbers of objects, from 1.
        walls: walls in plan.
        floor_m: z of the floor; None where it was not seen: sills are told from z = 0 then.
    """
    found = []
    for number, one in enumerate(instances, start=1):
        kind = _KINDS.get(one.label)
        place = None if kind is None else _nearest(one, walls)
        if kind is None or place is None:
            continue
        wall = walls[place]
        start, end = np.array(wall.from_m), np.array(wall.to_m)
        along = (end - start) / wall.length_m
        points, area = surface.points[one.members], surface.area[one.members]
        left, right = _middle_share((points[:, :2] - start) @ along, area)
        left, right = max(left, 0.0), min(right, wall.length_m)
        low, high = _middle_share(points[:, 2], area)
        floor = 0.0 if floor_m is None else floor_m
        if kind == "door" and low - floor < _TO_FLOOR_M:
            low = floor
        if right - left < 0.2 or high - low < 0.2:
            continue
        x, y = start + along * (left + right) / 2
        found.append(
            Opening(
                kind, place, (round(float(x), 4), round(float(y), 4), round((low + high) / 2, 4)),
                round(right - left, 4), round(high - low, 4), round(low - floor, 4), number,
            )
        )  # fmt: skip
    return tuple(found)


def _nearest(one: Instance, walls: Sequence[Wall]) -> int | None:
    """The wall that a thing lies in: the nearest one along it."""
    best, least = None, _AWAY_M
    for place, wall in enumerate(walls):
        start, end = np.array(wall.from_m), np.array(wall.to_m)
        along = (end - start) / max(wall.length_m, 1e-9)
        to = one.box.center_m[:2] - start
        at, away = float(to @ along), abs(float(to @ [-along[1], along[0]]))
        lined = abs(float(one.box.axes[0] @ along)) > 0.8
        if lined and -0.2 <= at <= wall.length_m + 0.2 and away < least:
            best, least = place, away
    return best


def _middle_share(values: Array, weights: Array) -> tuple[float, float]:
    """Ends without the outermost hundredth of the area on each side."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    first = int(np.searchsorted(share, 0.01 * share[-1]))
    last = min(int(np.searchsorted(share, 0.99 * share[-1])), len(values) - 1)
    return float(values[order][first]), float(values[order][last])
