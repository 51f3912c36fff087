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

from crossvox.core.labels import NYU40
from crossvox.core.room_contents import Opening, Point2, RoomContents, RoomObject
from crossvox.core.volume import Score
from crossvox.metrics.measures import Measure, register

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


# The scores


_AP = {
    threshold: register(
        Measure(
            f"AP {threshold:.0%}".replace("%", ""), "ratio", True,
            f"Mean over classes of the average precision of boxes at {threshold:.0%} overlap.",
            "objects", "classes", "main" if threshold == 0.25 else "beside",
        )
    )
    for threshold in OVERLAPS
}  # fmt: skip
_FOUND = register(
    Measure("Found 25", "ratio", True, "True objects that a box of their class overlaps by 25 %.",
            "objects", "true objects")
)  # fmt: skip
_COUNT = register(
    Measure("Count error", "ratio", False,
            "Objects too many and too few, by class and room, a true object.",
            "objects", "true objects")
)  # fmt: skip
_WALLS = register(
    Measure("Wall length error", "ratio", False, "Off the true length of all walls of a room.",
            "objects", "rooms")
)  # fmt: skip
_OUTLINE = register(
    Measure("Outline IoU", "ratio", True, "Overlap of found and true outline over their union.",
            "objects", "rooms", "beside")
)  # fmt: skip
_AREA = register(
    Measure("Area error", "ratio", False, "Off the true area of a room.", "objects", "rooms")
)
_OPENINGS = {
    kind: register(
        Measure(f"{kind.capitalize()}s found", "ratio", True,
                f"True {kind}s with a found one of which the middle is less than 30 cm away.",
                "objects", f"true {kind}s")
    )
    for kind in ("door", "window")
}  # fmt: skip

_NEAR_M = 0.3

PROTOCOL = (
    "upright boxes, exact 3D overlap above 25 and 50 %, area under precision made falling; true "
    f"objects of which frames saw {LEAST_SEEN_M2 * 1e4:.0f} cm2"
)


def score_objects(rooms: Sequence[tuple[RoomContents, RoomContents]]) -> list[Score]:
    """All scores of rooms: of their objects, over all rooms together and by class; of their shells,
    the mean over rooms.

    Args:
        rooms: of each room, what was found and what is true.
    """
    classes = sorted({one.class_id for _, true in rooms for one in true.objects})
    found = {c: [find_class(rooms, c, threshold) for threshold in OVERLAPS] for c in classes}
    found = {c: both for c, both in found.items() if both[0].true}
    scores = []
    for place, measure in enumerate(_AP.values()):
        values = [both[place].average_precision for both in found.values()]
        scores.append(measure.score(_mean(values), len(values), PROTOCOL))
    true = sum(both[0].true for both in found.values())
    hits = sum(both[0].found for both in found.values())
    scores.append(_FOUND.score(hits / true if true else np.nan, true, PROTOCOL))
    scores.append(_COUNT.score(_count_error(rooms) / true if true else np.nan, true, PROTOCOL))
    scores += _of_shells(rooms)
    for class_id, both in found.items():
        scores.append(_of_class(class_id, both))
    return scores


def _of_class(class_id: int, both: Sequence[Found]) -> Score:
    name = NYU40.names[class_id]
    details = {
        "AP 50": both[1].average_precision,
        "true": float(both[0].true),
        "found at 25 %": float(both[0].found),
        "detections": float(both[0].detections),
    }
    return Score(
        f"AP 25 {name}", both[0].average_precision, "ratio", both[0].true, "true objects", True,
        PROTOCOL, details, f"Average precision of boxes of class {name} at 25 % overlap.",
        class_name=name,
    )  # fmt: skip


def _count_error(rooms: Sequence[tuple[RoomContents, RoomContents]]) -> int:
    wrong = 0
    for made, true in rooms:
        seen = [one.class_id for one in true.objects if one.area_m2 >= LEAST_SEEN_M2]
        counted = [one.class_id for one in made.objects]
        wrong += sum(abs(seen.count(c) - counted.count(c)) for c in {*seen, *counted})
    return wrong


def _of_shells(rooms: Sequence[tuple[RoomContents, RoomContents]]) -> list[Score]:
    known = [(made, true) for made, true in rooms if true.outline_m]
    # A room without an outline overlaps with nothing.
    outlines = [float(np.nan_to_num(plan_overlap(m.outline_m, t.outline_m))) for m, t in known]
    walls = _off([(_wall_length_m(made), _wall_length_m(true)) for made, true in known])
    areas = _off([(made.area_m2, true.area_m2) for made, true in known])
    by_room = ((_OUTLINE, outlines), (_WALLS, walls), (_AREA, areas))
    scores = [measure.score(_mean(one), len(one), PROTOCOL) for measure, one in by_room]
    return scores + [_of_openings(rooms, kind, measure) for kind, measure in _OPENINGS.items()]


def _wall_length_m(room: RoomContents) -> float:
    return sum(wall.length_m for wall in room.walls)


def _off(pairs: Sequence[tuple[float, float]]) -> list[float]:
    """By what share of the true value, the second, others are off; none where that is 0."""
    return [abs(made - true) / true for made, true in pairs if true]


def _of_openings(
    rooms: Sequence[tuple[RoomContents, RoomContents]], kind: str, measure: Measure
) -> Score:
    """Share of the true doors, or windows, near which one was found."""
    true_count = hits = made_count = 0
    for made_room, true_room in rooms:
        made = [one for one in made_room.openings if one.kind == kind]
        true = [one for one in true_room.openings if one.kind == kind]
        made_count += len(made)
        true_count += len(true)
        hits += sum(any(_near(one, other) for other in made) for one in true)
    share = hits / true_count if true_count else float("nan")
    details = {"found in all": float(made_count)}
    return measure.score(share, true_count, PROTOCOL, details=details)


def _near(one: Opening, other: Opening) -> bool:
    return float(np.hypot(*np.subtract(one.center_m[:2], other.center_m[:2]))) < _NEAR_M


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
