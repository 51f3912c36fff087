"""The outline of a room and its walls, from lines of walls and from what was covered in plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, label

from crossvox.core.room_contents import Wall
from crossvox.objects.cells import Cells, Point, area_of, border, cell_of, cut, minimal_cut, parts
from crossvox.objects.kinds import CEILING, DOOR, FLOOR, WALL, WINDOW
from crossvox.objects.surface import Surface
from crossvox.objects.walls import (
    BIN_M,
    LEVEL,
    Line,
    WallEvidence,
    covered_bins,
    dominant_angle,
    intervals,
    wall_lines,
)

Array = NDArray[Any]

_CELL_M = 0.05
_CLOSE = 6
"""Cells over which holes in what was covered are closed, on each side: what furniture hides."""

_NO_WALL_M = 0.25
"""What a metre of border without wall costs, in metres: as much as this wide a strip of floor."""

_WALL_M = 0.02
_EMPTY = 0.6
"""What uncovered surface costs inside a room, beside covered surface outside of it."""

_END_M = 0.4
"""What was covered ends at a wall that is this near."""

_SMALLEST_ROOM_M2 = 0.8

_HIDDEN_M = 1.5
"""Gaps in a wall that furniture explains."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The shell of what was scanned.

    Attributes:
        outline: corners of the largest room, anticlockwise; empty without any.
        seen: share of its length along which a wall was seen.
        walls: of all rooms.
        areas: of all rooms, m2, the largest first.
        angle: main direction of walls, radians.
    """

    outline: list[Point]
    seen: float
    walls: list[Wall]
    areas: list[float]
    angle: float


def find_plan(
    surface: Surface, evidence: WallEvidence, floor_m: float | None, ceiling_m: float | None
) -> Plan:
    """Find the rooms of a scan, their outlines and walls.

    Args:
        surface: the labelled surface.
        evidence: what tells of walls.
        floor_m, ceiling_m: heights; None where not seen.
    """
    angle = dominant_angle(evidence)
    covered, corner = _covered(surface, evidence, floor_m, ceiling_m)
    if covered.sum() * _CELL_M**2 < _SMALLEST_ROOM_M2:
        return Plan([], 0.0, [], [], angle)
    places = corner + (np.argwhere(np.ones_like(covered)) + 0.5) * _CELL_M
    found = wall_lines(evidence, angle)
    lines = [*found, *_ends(places[covered.ravel()], angle, found)]
    normals = np.array([line.normal for line in lines])
    offsets = np.array([line.offset for line in lines])
    cells = cut(places.min(axis=0) - 1, places.max(axis=0) + 1, normals, offsets)
    inside = _inside(cells, lines, evidence, cell_of(cells, normals, offsets, places), covered)
    count, group = parts(cells, inside)
    loops = [border(cells, group == number)[0] for number in range(count)]
    loops = [one for one in loops if area_of(one[0]) >= _SMALLEST_ROOM_M2]
    loops.sort(key=lambda one: -area_of(one[0]))
    walls: list[Wall] = []
    shares = []
    for corners, own in loops:
        pieces, share = _walls(corners, [lines[i] for i in own], evidence, floor_m, ceiling_m)
        walls += pieces
        shares.append(share)
    if not loops:
        return Plan([], 0.0, [], [], angle)
    return Plan(loops[0][0], shares[0], walls, [area_of(one[0]) for one in loops], angle)


def _covered(
    surface: Surface, evidence: WallEvidence, floor_m: float | None, ceiling_m: float | None
) -> tuple[NDArray[np.bool_], Array]:
    """Where in plan floor, ceiling or furniture was seen; small holes are closed, but not through
    walls.

    Returns:
        ``(X, Y)`` cells, and the low corner of the first one.
    """
    points, labels = surface.points, surface.labels
    level = np.abs(surface.normals[:, 2]) > LEVEL
    low = -np.inf if floor_m is None else floor_m
    high = low + 2.2 if ceiling_m is None else ceiling_m - 0.05
    shell = np.isin(labels, (0, WALL, DOOR, WINDOW))
    tells = level & np.isin(labels, (FLOOR, CEILING))
    tells |= ~shell & (points[:, 2] > low) & (points[:, 2] < high) & ~np.isin(labels, (FLOOR,))
    if not (labels == FLOOR).any():
        tells |= level & (points[:, 2] > low - 0.1)
    if not tells.any():
        return np.zeros((1, 1), dtype=bool), np.zeros(2)
    places = points[tells, :2]
    corner = places.min(axis=0) - (_CLOSE + 1) * _CELL_M
    cells = ((places - corner) / _CELL_M).astype(np.int64)
    shape = cells.max(axis=0) + _CLOSE + 2
    number = cells[:, 0] * shape[1] + cells[:, 1]
    count = np.bincount(number, surface.area[tells], int(np.prod(shape)))
    covered = (count > 0.1 * _CELL_M**2).reshape(shape)
    disc = np.hypot(*np.ogrid[-_CLOSE : _CLOSE + 1, -_CLOSE : _CLOSE + 1]) <= _CLOSE
    closed = covered | (binary_closing(covered, disc) & ~_behind(evidence, corner, shape))
    # A patch that lies apart, such as what is seen through a window, is no room of its own.
    patch, count = label(closed)
    sizes = np.bincount(patch.ravel())
    small = sizes < max(0.02 * sizes[1:].max(initial=0), _SMALLEST_ROOM_M2 / _CELL_M**2)
    small[0] = True
    return closed & ~small[patch], corner


def _behind(evidence: WallEvidence, corner: Array, shape: Array) -> NDArray[np.bool_]:
    """Cells behind walls, as seen from where the walls were seen: at most 25 cm."""
    behind: Array = np.zeros(int(np.prod(shape)))
    for back_m in (0.05, 0.1, 0.15, 0.2, 0.25):
        places = evidence.points[:, :2] - back_m * evidence.normals
        cells = ((places - corner) / _CELL_M).astype(np.int64)
        inside = ((cells >= 0) & (cells < shape)).all(axis=1)
        number = cells[inside, 0] * shape[1] + cells[inside, 1]
        behind += np.bincount(number, evidence.weight[inside], len(behind))
    return (behind > 0.5 * _CELL_M).reshape(shape)  # half a metre of height


def _ends(places: Array, angle: float, walls: list[Line]) -> list[Line]:
    """Lines along the main directions where what was covered ends, but where a wall is."""
    lines = []
    for turn in range(4):
        normal = np.array([np.cos(angle + turn * np.pi / 2), np.sin(angle + turn * np.pi / 2)])
        end = float(np.quantile(places @ normal, 0.002))
        if not any(w.normal @ normal > 0.98 and abs(w.offset - end) < _END_M for w in walls):
            lines.append(Line(normal, end, 0.0))
    return lines


def _inside(
    cells: Cells, lines: list[Line], evidence: WallEvidence, own: Array, covered: Array
) -> NDArray[np.bool_]:
    count = len(cells.polygons)
    known = own >= 0
    full = np.bincount(own[known], covered.ravel()[known], count) * _CELL_M**2
    area = np.array([area_of(polygon) for polygon in cells.polygons])
    bins = {
        number: _bins_of(line, evidence, cells.ends[cells.lines == number])
        for number, line in enumerate(lines)
    }
    cost = np.empty(len(cells.lines))
    for edge, (number, ends) in enumerate(zip(cells.lines.tolist(), cells.ends, strict=True)):
        length = float(np.linalg.norm(ends[1] - ends[0]))
        share = 0.0
        if number >= 0:
            start, seen = bins[number]
            at = np.sort(ends @ lines[number].along)
            first, last = np.round((at - start) / BIN_M).astype(np.int64)
            share = float(seen[first : max(last, first + 1)].mean()) if first < len(seen) else 0.0
        cost[edge] = length * (_WALL_M * share + _NO_WALL_M * (1 - share))
    return minimal_cut(cells, _EMPTY * np.maximum(area - full, 0), full, cost)


def _bins_of(line: Line, evidence: WallEvidence, ends: Array) -> tuple[float, Array]:
    """Where along a line a wall was seen, gaps closed; and where its first piece begins."""
    if not len(ends):
        return 0.0, np.zeros(1, dtype=bool)
    along = ends.reshape(-1, 2) @ line.along
    start = float(along.min())
    if not len(evidence.weight):
        return start, np.zeros(1, dtype=bool)
    seen, _ = covered_bins(evidence, line, start, float(along.max()), 0.1)
    for first, last in intervals(seen, int(_HIDDEN_M / BIN_M)):
        seen[first:last] = True
    return start, seen


def _walls(
    corners: list[Point],
    lines: list[Line],
    evidence: WallEvidence,
    floor_m: float | None,
    ceiling_m: float | None,
) -> tuple[list[Wall], float]:
    """Pieces of wall along an outline, and the share of its length that they are."""
    walls, total, seen_m = [], 0.0, 0.0
    for place, (corner, line) in enumerate(zip(corners, lines, strict=True)):
        begin, end = np.array(corner), np.array(corners[(place + 1) % len(corners)])
        length = float(np.linalg.norm(end - begin))
        total += length
        along = (end - begin) / max(length, 1e-9)
        normal = np.array([-along[1], along[0]])
        side = Line(normal, float(begin @ normal), line.area)
        first = float(begin @ side.along)
        seen, top = covered_bins(evidence, side, first, first + length, 0.15)
        for a, b in _reaching(intervals(seen, int(_HIDDEN_M / BIN_M)), len(seen)):
            start, stop = min(a * BIN_M, length), min(b * BIN_M, length)
            if stop - start < min(0.3, 0.8 * length):
                continue
            seen_m += stop - start
            p, q = begin + along * start, begin + along * stop
            walls.append(
                Wall(
                    (float(p[0]), float(p[1])),
                    (float(q[0]), float(q[1])),
                    _height(top, floor_m, ceiling_m),
                )
            )
    return walls, min(seen_m / total, 1.0) if total else 0.0


def _reaching(found: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Pieces that end near a corner reach it: furniture hides the rest."""
    near = int(_HIDDEN_M / BIN_M)
    return [(0 if a <= near else a, count if b >= count - near else b) for a, b in found]


def _height(top: float, floor_m: float | None, ceiling_m: float | None) -> float:
    if floor_m is None:
        return 0.0
    if ceiling_m is not None and top > ceiling_m - 0.4:
        return ceiling_m - floor_m
    return max(top - floor_m, 0.0)
