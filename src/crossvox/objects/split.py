"""Things of one class that touch, told apart where they are joined by a neck.

Chairs at a table, pictures side by side: seen from above, or from before their wall, they are lobes
of one patch. The patch is eroded until it falls apart into pieces that are large enough; the rest
goes to the piece next to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, distance_transform_edt, label

from crossvox.objects.boxes import box_around
from crossvox.objects.kinds import Kind

Array = NDArray[Any]

_CELL_M = 0.03
_NECK = 0.6
"""A neck is at most this wide, beside the narrower of the pieces that it joins."""

_FILLS = 0.8
"""Pieces' boxes together cover at most this much of the box of the whole."""

_CORNER = 0.75
"""Pieces of what goes around a corner have together at most this much of the whole's box."""

_STEPS = 12


def split(points: Array, area: Array, kind: Kind, main_angle: float) -> NDArray[np.int64]:
    """Pieces of a patch of one class.

    Args:
        points: ``(N, 3)`` its vertices.
        area: ``(N,)`` of each.
        kind: of its class.
        main_angle: main direction of the room, radians.

    Returns:
        ``(N,)`` number of each vertex's piece, from 0; all 0 where it is one thing.
    """
    whole = np.zeros(len(points), dtype=np.int64)
    if not kind.split or area.sum() < 2.2 * kind.smallest_m2:
        return whole
    flat = _seen_flat(points, area, kind, main_angle)
    if flat.max(axis=0).prod() > 4e6:
        return whole
    flat += 2
    taken = np.zeros(flat.max(axis=0) + 3, dtype=bool)
    taken[flat[:, 0], flat[:, 1]] = True
    # Vertices may lie farther apart than cells.
    taken = binary_closing(taken, np.ones((3, 3)))
    pieces = _pieces(taken, max(0.25 * kind.shortest_m, 0.5 * _CELL_M))
    if pieces is not None:
        own = pieces[flat[:, 0], flat[:, 1]] - 1
        if _better(points, area, own, kind, main_angle):
            return own
    return _around_corners(points, area, kind, main_angle, 2)


def _around_corners(
    points: Array, area: Array, kind: Kind, main_angle: float, times: int
) -> NDArray[np.int64]:
    """Pieces of a patch that is too deep for its class: a row of cabinets goes around a corner.

    It is cut straight across its box where the boxes of both pieces are least, and again.
    """
    whole = np.zeros(len(points), dtype=np.int64)
    box = box_around(points, area, main_angle)
    if not times or box.size_m[1] <= kind.deepest_m:
        return whole
    local = (points[:, :2] - box.center_m[:2]) @ box.axes.T
    least, side = _CORNER * float(box.size_m[0] * box.size_m[1]), None
    for axis in (0, 1):
        order = np.argsort(local[:, axis])
        ahead, back = local[order], local[order[::-1]]
        first = np.maximum.accumulate(ahead) - np.minimum.accumulate(ahead)
        last = (np.maximum.accumulate(back) - np.minimum.accumulate(back))[::-1]
        share = np.cumsum(area[order])
        for place in np.linspace(0, len(order) - 1, 34).astype(np.int64)[1:-1].tolist():
            both = float(first[place].prod() + last[place + 1].prod())
            enough = min(share[place], share[-1] - share[place]) >= kind.smallest_m2
            if both < least and enough:
                least, side = both, local[:, axis] > local[order[place], axis]
    if side is None:
        return whole
    own = whole.copy()
    for part, first_number in ((~side, 0), (side, 10)):
        own[part] = first_number + _around_corners(
            points[part], area[part], kind, main_angle, times - 1
        )
    return np.unique(own, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _seen_flat(points: Array, area: Array, kind: Kind, main_angle: float) -> NDArray[np.int64]:
    """Cells of the vertices from above, or from before the wall that they are at."""
    flat = points[:, :2]
    if kind.flat:
        yaw = box_around(points, area, main_angle).yaw
        flat = np.column_stack([flat @ [np.cos(yaw), np.sin(yaw)], points[:, 2]])
    return np.floor((flat - flat.min(axis=0)) / _CELL_M).astype(np.int64)


def _pieces(taken: Array, smallest_m: float) -> NDArray[np.int64] | None:
    """Numbers from 1 of the cells of each piece; None where it does not fall apart."""
    depth = distance_transform_edt(taken) * _CELL_M
    deepest = float(depth.max())
    for step in range(1, _STEPS):
        level = deepest * step / _STEPS
        seeds, count = label(depth > level, np.ones((3, 3)))
        if count < 2:
            continue
        tops = np.array([depth[seeds == n].max() for n in range(1, count + 1)])
        # A piece is much deeper than the neck that has just been cut through.
        large = np.flatnonzero((tops * _NECK >= level) & (tops > smallest_m)) + 1
        if len(large) < 2:
            continue
        numbered = np.zeros(count + 1, dtype=np.int64)
        numbered[large] = np.arange(1, len(large) + 1)
        cores = numbered[seeds]
        x, y = distance_transform_edt(cores == 0, return_distances=False, return_indices=True)
        return np.where(taken, cores[x, y], 0)
    return None


def _better(points: Array, area: Array, own: Array, kind: Kind, main_angle: float) -> bool:
    """Whether pieces are large enough, and fill their boxes better than the whole fills its."""
    numbers, together = np.unique(own), 0.0
    for number in numbers:
        chosen = own == number
        box = box_around(points[chosen], area[chosen], main_angle)
        if area[chosen].sum() < kind.smallest_m2 or box.size_m.max() < kind.shortest_m:
            return False
        together += _face(box.size_m, kind)
    whole = box_around(points, area, main_angle)
    too_large = whole.size_m[0] > kind.widest_m or whole.size_m.max() > kind.longest_m
    return bool(too_large or together < _FILLS * _face(whole.size_m, kind))


def _face(size_m: Array, kind: Kind) -> float:
    return float(size_m[0] * (size_m[2] if kind.flat else size_m[1]))
