"""Upright boxes around surfaces, whatever a few stray vertices say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.room_contents import Wall

Array = NDArray[Any]

_SAMPLES = 900
_TURNS = 30
_TRIMMED = 0.004
"""Share of a surface's area that may stick out at each end of a box."""

STRAIGHT = 1.06
"""A box along the room's walls is taken as long as it is at most this much larger in plan."""


@dataclass(frozen=True, eq=False)
class Box:
    """An upright box.

    Attributes:
        center_m: ``(3,)``.
        size_m: ``(3,)`` along its own axes, the first one in plan the longer; the third along z.
        yaw: turn of its first axis from x towards y, radians in ``[-pi / 2, pi / 2)``.
    """

    center_m: NDArray[np.float64]
    size_m: NDArray[np.float64]
    yaw: float

    @property
    def low_m(self) -> float:
        """z of its bottom."""
        return float(self.center_m[2] - self.size_m[2] / 2)

    @property
    def high_m(self) -> float:
        """z of its top."""
        return float(self.center_m[2] + self.size_m[2] / 2)

    @property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors of its two axes in plan, ``(2, 2)`` row by row."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, s], [-s, c]])

    def holds(self, points: Array, grow_m: float = 0.0, grow_up_m: float = 0.0) -> Array:
        """Which points ``(N, 3)`` lie in it, grown by so much in plan and along z."""
        local = np.abs((points[:, :2] - self.center_m[:2]) @ self.axes.T)
        flat = (local <= self.size_m[:2] / 2 + grow_m).all(axis=1)
        return flat & (np.abs(points[:, 2] - self.center_m[2]) <= self.size_m[2] / 2 + grow_up_m)


def box_around(
    points: Array, area: Array, main_angle: float = 0.0, straight: float = STRAIGHT
) -> Box:
    """The box of least area in plan that holds a surface, but for stray bits of it.

    At each end ``_TRIMMED`` of the surface's area may stick out. Where a box along the main
    direction of the room is hardly larger, it is taken: furniture stands along walls.

    Args:
        points: ``(N, 3)`` vertices, at least one.
        area: ``(N,)`` of each.
        main_angle: main direction of the room, radians.
        straight: how much larger a box along it may be.
    """
    share = np.cumsum(area + 1e-12)
    picked = points
    if len(points) > _SAMPLES:  # evenly over the area
        at = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * share[-1]
        picked = points[np.searchsorted(share, at)]
    turns = np.arange(_TURNS) * (np.pi / 2 / _TURNS)
    sizes = _plan_sizes(picked, main_angle + turns)
    plan = sizes.prod(axis=1)
    best = int(np.argmin(plan))
    yaw = main_angle
    if (plan[0] + 1e-4) > straight * (plan[best] + 1e-4):
        near = main_angle + turns[best] + np.linspace(-1, 1, 9) * (np.pi / 2 / _TURNS)
        yaw = float(near[int(np.argmin(_plan_sizes(picked, near).prod(axis=1)))])
    c, s = np.cos(yaw), np.sin(yaw)
    axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    low, high = np.array([_ends(points @ axis, area) for axis in axes]).T
    return upright(axes.T @ ((low + high) / 2), high - low, yaw)


def _plan_sizes(points: Array, yaws: Array) -> Array:
    """Width and depth of points in plan along turned axes, ``(Y, 2)``."""
    out = []
    for turned in (yaws, yaws + np.pi / 2):
        along = np.sort(points[:, :2] @ np.array([np.cos(turned), np.sin(turned)]), axis=0)
        cut = int(_TRIMMED * len(along))
        out.append(along[len(along) - 1 - cut] - along[cut])
    return np.stack(out, axis=1)


def _ends(values: Array, weights: Array) -> tuple[float, float]:
    order = np.argsort(values)
    share = np.cumsum(weights[order] + 1e-12)
    cut = _TRIMMED * share[-1]
    last = len(values) - 1
    first = min(int(np.searchsorted(share, cut)), last)
    end = min(int(np.searchsorted(share, share[-1] - cut)), last)
    return float(values[order][first]), float(values[order][end])


def upright(center: Array, size: Array, yaw: float) -> Box:
    """A box from its middle, sizes and turn, whichever of its axes is the longer one."""
    if size[1] > size[0]:
        size, yaw = size[[1, 0, 2]], yaw + np.pi / 2
    return Box(center, size, float((yaw + np.pi / 2) % np.pi - np.pi / 2))


def standing(box: Box, floor_m: float | None, reach_m: float) -> Box:
    """The box down to the floor, where its bottom is at most ``reach_m`` above it."""
    if floor_m is None or not 0 < box.low_m - floor_m <= reach_m:
        return box
    return between(box, floor_m, box.high_m)


def between(box: Box, low_m: float, high_m: float) -> Box:
    """The box from one height to another."""
    center, size = box.center_m.copy(), box.size_m.copy()
    center[2], size[2] = (low_m + high_m) / 2, high_m - low_m
    return Box(center, size, box.yaw)


def backed(box: Box, walls: Sequence[Wall], reach_m: float, front_m: tuple[float, float]) -> Box:
    """The box with each side that faces a wall near to it moved to it: backs are not seen.

    Args:
        box: the box.
        walls: walls of the room, which lies on their left.
        reach_m: how far a wall may be.
        front_m: a box thinner than the first number towards the wall is a front of which neither
            top nor sides were seen; the wall may be as far from it as the second number.
    """
    center, size = box.center_m.copy(), box.size_m.copy()
    for wall in walls:
        start, end = np.array(wall.from_m), np.array(wall.to_m)
        along = (end - start) / max(wall.length_m, 1e-9)
        normal = np.array([-along[1], along[0]])
        lined = box.axes @ normal
        axis = int(np.argmax(np.abs(lined)))
        place = (center[:2] - start) @ along
        half = abs(float(box.axes[1 - axis] @ along)) * size[1 - axis] / 2
        if abs(lined[axis]) < 0.99 or place + half < 0.1 or place - half > wall.length_m - 0.1:
            continue
        gap = float((center[:2] - start) @ normal) - size[axis] / 2
        if 0 < gap <= (front_m[1] if size[axis] < front_m[0] else reach_m):
            size[axis] += gap
            center[:2] -= normal * gap / 2
    return upright(center, size, box.yaw)
