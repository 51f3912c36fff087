"""What a furnished room is: plan, shell, furniture, lights."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.materials import MaterialBook
from crossvox.capture.rooms.model import Block, Model, Placed

Array = NDArray[Any]


@dataclass(frozen=True)
class Lamp:
    """A light.

    Attributes:
        at: ``(x, y, z)`` metres.
        color: linear light.
        power: strength; light at 1 m is ``power * color``.
        radius_m: what stands nearer to the lamp than this casts no shadow (its own shade).
        spread: corners of a rectangle that shines (a window), or None for a point.
        facing: direction a window shines in, or None.
    """

    at: tuple[float, float, float]
    color: tuple[float, float, float]
    power: float
    radius_m: float = 0.1
    spread: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    facing: tuple[float, float, float] | None = None


@dataclass(eq=False)
class Room:
    """A furnished room.

    Attributes:
        kind: name of one of :data:`crossvox.capture.rooms.layout.kinds.KINDS`.
        plan: ``(P, 2)`` corners of the floor, anticlockwise, metres.
        height_m: of the ceiling.
        shell: walls, floor, ceiling, doors, windows (room coordinates).
        book: materials.
        placed: furniture.
        blocks: space that is taken, including what must stay free.
        lamps: lights.
        ambient: light that comes from nowhere in particular.
    """

    kind: str
    plan: Array
    height_m: float
    shell: Model
    book: MaterialBook
    placed: list[Placed] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    ambient: float = 0.25


def polygon_contains(plan: Array, points: Array) -> Array:
    """Whether points ``(N, 2)`` lie inside a polygon ``(P, 2)`` (even-odd rule)."""
    inside = np.zeros(len(points), dtype=bool)
    corners = [*plan.tolist(), plan[0].tolist()]
    for (x0, y0), (x1, y1) in pairwise(corners):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        if y0 != y1:
            at = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
            inside ^= crosses & (points[:, 0] < at)
    return inside
