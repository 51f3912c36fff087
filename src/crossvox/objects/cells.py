"""A plan cut by lines into convex cells, and which of them are inside a room.

The lines of walls cut the plan into cells; a minimal cut decides which of them are inside: what
was covered by floor, ceiling or furniture should be, what was not should not, and the border
between should run along walls that were seen (after Mura et al. 2014 and Ochmann et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

Array = NDArray[Any]
Point = tuple[float, float]

_EPS_M = 1e-6


@dataclass(frozen=True, eq=False)
class Cells:
    """Convex cells of a plan.

    Attributes:
        polygons: by cell, ``(N, 2)`` corners, anticlockwise.
        sides: by cell, the line that each side lies on (from corner i to i + 1).
        edges: ``(E, 2)`` the cells on both sides of each edge; -1 = outside of the plan.
        ends: ``(E, 2, 2)`` its ends, the first cell on its left.
        lines: ``(E,)`` the line it lies on.
    """

    polygons: list[Array]
    sides: list[list[int]]
    edges: NDArray[np.int64]
    ends: NDArray[np.float64]
    lines: NDArray[np.int64]


def cut(low: Array, high: Array, normals: Array, offsets: Array) -> Cells:
    """Cut a rectangle by lines.

    Args:
        low, high: ``(2,)`` its corners.
        normals: ``(L, 2)`` unit vectors.
        offsets: ``(L,)`` of the lines ``normal @ x == offset``.

    Returns:
        The cells; sides of the rectangle itself lie on lines -1 to -4.
    """
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])], dtype=np.float64)
    polygons, sides = [corners], [[-1, -2, -3, -4]]
    for number, (normal, offset) in enumerate(zip(normals, offsets, strict=True)):
        polygons, sides = _cut_all(polygons, sides, normal, float(offset), number)
    return _joined(polygons, sides)


def _cut_all(
    polygons: list[Array], sides: list[list[int]], normal: Array, offset: float, number: int
) -> tuple[list[Array], list[list[int]]]:
    cut_polygons, cut_sides = [], []
    for polygon, own in zip(polygons, sides, strict=True):
        away = polygon @ normal - offset
        if (away > -_EPS_M).all() or (away < _EPS_M).all():
            cut_polygons.append(polygon)
            cut_sides.append(own)
            continue
        for sign in (1.0, -1.0):
            half, half_sides = _half(polygon, own, away * sign, number)
            cut_polygons.append(half)
            cut_sides.append(half_sides)
    return cut_polygons, cut_sides


def _half(polygon: Array, own: list[int], away: Array, number: int) -> tuple[Array, list[int]]:
    """The part of a polygon whose distances from a line are not negative."""
    corners, sides, count = [], [], len(polygon)
    for i in range(count):
        j = (i + 1) % count
        a, b = float(away[i]), float(away[j])
        if abs(a) <= _EPS_M:
            corners.append(polygon[i])
            sides.append(own[i] if b > _EPS_M else number)
        elif a > 0:
            corners.append(polygon[i])
            sides.append(own[i])
        if (a > _EPS_M and b < -_EPS_M) or (a < -_EPS_M and b > _EPS_M):
            corners.append(polygon[i] + (polygon[j] - polygon[i]) * (a / (a - b)))
            sides.append(number if a > 0 else own[i])
    return np.array(corners), sides


def _joined(polygons: list[Array], sides: list[list[int]]) -> Cells:
    """Edges between cells: sides whose ends are the same, from both sides."""
    found: dict[tuple[int, ...], tuple[int, Array, int]] = {}
    edges, ends, lines = [], [], []
    for cell, (polygon, own) in enumerate(zip(polygons, sides, strict=True)):
        keys = [tuple(row) for row in np.round(polygon * 1e4).astype(np.int64).tolist()]
        for i, line in enumerate(own):
            j = (i + 1) % len(own)
            if keys[i] == keys[j]:
                continue
            other = found.pop((*keys[j], *keys[i]), None)
            if other is None:
                found[(*keys[i], *keys[j])] = (cell, polygon[[i, j]], line)
            else:
                edges.append((other[0], cell))
                ends.append(other[1])
                lines.append(other[2])
    for cell, pair, line in found.values():
        edges.append((cell, -1))
        ends.append(pair)
        lines.append(line)
    return Cells(
        polygons,
        sides,
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        np.array(ends, dtype=np.float64).reshape(-1, 2, 2),
        np.array(lines, dtype=np.int64),
    )


def cell_of(cells: Cells, normals: Array, offsets: Array, points: Array) -> NDArray[np.int64]:
    """The cell that each point ``(N, 2)`` lies in; -1 where it lies on a cell too small to tell."""
    middles = np.array([polygon.mean(axis=0) for polygon in cells.polygons])
    patterns = np.packbits(middles @ normals.T > offsets, axis=1)
    own = np.packbits(points @ normals.T > offsets, axis=1)
    number = {row.tobytes(): cell for cell, row in enumerate(patterns)}
    rows, back = np.unique(own, axis=0, return_inverse=True)
    found = np.array([number.get(row.tobytes(), -1) for row in rows], dtype=np.int64)
    return found[back.reshape(-1)]


def minimal_cut(
    cells: Cells, inside_cost: Array, outside_cost: Array, edge_cost: Array
) -> NDArray[np.bool_]:
    """Which cells are inside, so that the sum of all costs is least.

    Args:
        cells: what is decided about.
        inside_cost, outside_cost: ``(C,)`` of a cell that is inside, or outside, m2.
        edge_cost: ``(E,)`` of an edge with inside on one of its sides, m2.
    """
    count = len(cells.polygons)
    source, sink = count, count + 1
    scale = 1e5
    one, other = cells.edges[:, 0], np.where(cells.edges[:, 1] < 0, sink, cells.edges[:, 1])
    every = np.arange(count)
    rows = np.concatenate([np.full(count, source), every, one, other])
    columns = np.concatenate([every, np.full(count, sink), other, one])
    # Nothing flows out of the outside: what stands there is outside anyway.
    values = np.concatenate(
        [outside_cost, inside_cost, edge_cost, np.where(other == sink, 0, edge_cost)]
    )
    capacity = np.round(np.minimum(values, 1e4) * scale).astype(np.int32)
    graph = coo_matrix((capacity, (rows, columns)), shape=(count + 2, count + 2)).tocsr()
    graph.sum_duplicates()
    flow = maximum_flow(graph, source, sink)
    left = (graph - flow.flow).tocsr()
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    inside = np.zeros(count + 2, dtype=bool)
    inside[reached] = True
    return inside[:count]


def parts(cells: Cells, inside: Array) -> tuple[int, NDArray[np.int64]]:
    """Groups of inside cells that share edges: how many, and the group of each cell (-1: none)."""
    both = (cells.edges[:, 1] >= 0) & inside[cells.edges[:, 0]] & inside[cells.edges[:, 1]]
    pairs = cells.edges[both]
    count = len(cells.polygons)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, group = connected_components(graph, directed=False)
    names, numbered = np.unique(group[inside], return_inverse=True)
    out = np.full(count, -1, dtype=np.int64)
    out[inside] = numbered
    return len(names), out


def border(cells: Cells, chosen: Array) -> list[tuple[list[Point], list[int]]]:
    """Closed loops around chosen cells, these on their left: the one around them comes first.

    Returns:
        Of each loop its corners, and the line that the side behind each corner lies on; sides on
        one line are one side.
    """
    following: dict[tuple[int, int], list[tuple[tuple[int, int], Point, int]]] = {}
    for (a, b), (start, end), line in zip(cells.edges, cells.ends, cells.lines, strict=True):
        left, right = bool(chosen[a]), bool(b >= 0 and chosen[b])
        if left == right:
            continue
        first, last = (start, end) if left else (end, start)
        following.setdefault(_key(first), []).append(
            (_key(last), (float(first[0]), float(first[1])), int(line))
        )
    loops = []
    while following:
        begin = next(iter(following))
        at, corners, lines = begin, [], []
        came: Point | None = None
        while at in following:
            choices = following[at]
            pick = _leftmost(at, choices, came) if len(choices) > 1 and came else 0
            to, place, line = choices.pop(pick)
            if not choices:
                del following[at]
            corners.append(place)
            lines.append(line)
            came, at = place, to
            if at == begin:
                break
        loops.append(_straight(corners, lines))
    loops = [loop for loop in loops if len(loop[0]) >= 3]
    loops.sort(key=lambda loop: -area_of(loop[0]))
    return loops


def _leftmost(at: tuple[int, int], choices: list[Any], came: Point) -> int:
    """Of several ways on, the one that turns most to the left: loops touch, but do not cross."""
    here = np.array(at) / 1e4
    heading = np.arctan2(here[1] - came[1], here[0] - came[0])
    turns = []
    for to, _, _ in choices:
        way = np.array(to) / 1e4 - here
        turns.append((np.arctan2(way[1], way[0]) - heading + np.pi) % (2 * np.pi))
    return int(np.argmax(turns))


def _key(place: Array) -> tuple[int, int]:
    x, y = np.round(place * 1e4).astype(np.int64).tolist()
    return x, y


def _straight(corners: list[Point], lines: list[int]) -> tuple[list[Point], list[int]]:
    keep = [i for i in range(len(lines)) if lines[i] != lines[i - 1]]
    return [corners[i] for i in keep], [lines[i] for i in keep]


def area_of(corners: list[Point] | Array) -> float:
    """Area of a polygon, positive if it runs anticlockwise."""
    if not len(corners):
        return 0.0
    x, y = np.asarray(corners, dtype=np.float64).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
