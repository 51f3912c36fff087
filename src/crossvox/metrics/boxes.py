"""Scores of objects in upright boxes, and of a room's outline.

Average precision as VoteNet (Qi et al. 2019) measures it on SUN RGB-D (Song et al. 2015): boxes
turn about z only, the overlap of two is the exact share of their common volume in the volume of
both, a detection is right if its overlap with a true box of its class that no surer detection has
taken is above the threshold, and the area under the curve of precision over recall is taken with
precision made falling (VOC 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.room_contents import Point2, RoomContents, RoomObject

Array = NDArray[Any]

OVERLAPS = (0.25, 0.5)
"""Thresholds of the protocol."""

LEAST_SEEN_M2 = 0.01
"""True objects of which frames saw less than this do not count, neither as found nor as missed."""


def overlap(one: RoomObject, other: RoomObject) -> float:
    """Share of two boxes' common volume in the volume of both (3D IoU), exact; 0 to 1.

    Example:
        >>> box = RoomObject(1, "box", 29, 1.0, (0, 0, 0), (1, 1, 1), 0.0, 1.0, 1)
        >>> beside = RoomObject(1, "box", 29, 1.0, (0.5, 0, 0), (1, 1, 1), 0.0, 1.0, 1)
        >>> round(overlap(box, beside), 3)
        0.333
    """
    away = np.hypot(*(np.subtract(one.center_m, other.center_m)[:2]))
    if away > (np.hypot(*one.size_m[:2]) + np.hypot(*other.size_m[:2])) / 2:
        return 0.0
    (low, high), (low2, high2) = one.heights_m, other.heights_m
    tall = min(high, high2) - max(low, low2)
    if tall <= 0:
        return 0.0
    common = tall * _area(_clipped(one.corners_m, other.corners_m))
    both = float(np.prod(one.size_m) + np.prod(other.size_m)) - common
    return min(common / both, 1.0) if both > 0 else 0.0


def _clipped(polygon: Array, window: Array) -> list[tuple[float, float]]:
    """The common part of two convex polygons, anticlockwise (Sutherland and Hodgman 1974)."""
    out = [(float(x), float(y)) for x, y in polygon]
    for (ax, ay), (bx, by) in zip(window, np.roll(window, -1, axis=0), strict=True):
        points, out = out, []
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in points]
        for i, (here, side) in enumerate(zip(points, sides, strict=True)):
            before, last = points[i - 1], sides[i - 1]
            if (side >= 0) != (last >= 0):
                t = last / (last - side)
                out.append(
                    (before[0] + t * (here[0] - before[0]), before[1] + t * (here[1] - before[1]))
                )
            if side >= 0:
                out.append(here)
    return out


def _area(polygon: Sequence[Point2] | Array) -> float:
    if len(polygon) < 3:
        return 0.0
    x, y = np.asarray(polygon, dtype=np.float64).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


@dataclass(frozen=True)
class Found:
    """What became of the detections of one class in all rooms, at one threshold.

    Attributes:
        average_precision: 0 to 1; NaN where there is no true object of the class.
        true: true objects that count.
        found: of them, those that a detection matched.
        detections: detections that count.
    """

    average_precision: float
    true: int
    found: int
    detections: int


def find_class(
    rooms: Sequence[tuple[RoomContents, RoomContents]], class_id: int, threshold: float
) -> Found:
    """Match the detections of a class with the true objects, the surest first.

    Args:
        rooms: of each room, what was found and what is true.
        class_id: NYU40 id.
        threshold: least overlap.
    """
    detections: list[tuple[float, int, int, float]] = []
    overlaps: list[Array] = []
    seen: list[list[bool]] = []
    for room, (made, true) in enumerate(rooms):
        targets = [one for one in true.objects if one.class_id == class_id]
        seen.append([one.area_m2 >= LEAST_SEEN_M2 for one in targets])
        for one in made.objects:
            if one.class_id == class_id:
                detections.append((-one.confidence, room, len(overlaps), one.area_m2))
                overlaps.append(np.array([overlap(one, target) for target in targets]))
    taken: set[tuple[int, int]] = set()
    right: list[bool] = []
    for _, room, place, _ in sorted(detections, key=lambda one: (one[0], -one[3], one[1], one[2])):
        shares = overlaps[place]
        best = int(np.argmax(shares)) if len(shares) else -1
        hit = best >= 0 and shares[best] > threshold
        if hit and not seen[room][best]:
            continue
        right.append(hit and (room, best) not in taken)
        if hit:
            taken.add((room, best))
    count = sum(sum(one) for one in seen)
    if not count:
        return Found(float("nan"), 0, 0, len(right))
    return Found(_average_precision(right, count), count, sum(right), len(right))


def _average_precision(right: Sequence[bool], true: int) -> float:
    """Area under precision, made falling, over recall."""
    hits = np.cumsum(np.asarray(right, dtype=np.float64))
    recall = np.concatenate([[0.0], hits / true])
    precision = np.concatenate([[0.0], hits / np.arange(1, len(hits) + 1), [0.0]])
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * falling[1 : len(recall)]).sum())


def plan_overlap(one: Sequence[Point2], other: Sequence[Point2], cell_m: float = 0.01) -> float:
    """Share of two outlines' common area in the area of both, by cells of ``cell_m``.

    Any simple polygons do. NaN where one of them has no area.
    """
    if len(one) < 3 or len(other) < 3:
        return float("nan")
    corners = np.concatenate([np.asarray(one), np.asarray(other)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    cell = max(cell_m, float((high - low).max()) / 4000)
    x = np.arange(low[0] + cell / 2, high[0], cell)
    y = np.arange(low[1] + cell / 2, high[1], cell)
    a, b = _filled(np.asarray(one), x, y), _filled(np.asarray(other), x, y)
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else float("nan")


def _filled(polygon: Array, x: Array, y: Array) -> NDArray[np.bool_]:
    """Which of the points ``(x, y)`` lie in a polygon, ``(X, Y)`` bool (even-odd rule)."""
    inside = np.zeros((len(x), len(y)), dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        rows = np.flatnonzero((y0 > y) != (y1 > y))
        at = x0 + (y[rows] - y0) * (x1 - x0) / (y1 - y0)
        inside[:, rows] ^= x[:, None] < at[None, :]
    return inside
