"""Compiled loops of this room. They release the interpreter lock, so threads share the work."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

LEAF = 8
"""Points that are compared one by one, at most."""

_DEPTH = 64

_ROWS = np.array(
    [(0, 0), (-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)], np.int64
)
"""Rows of cells around a cell, by x and y: its own, those beside it, those at its corners."""


@njit(cache=True, nogil=True)
def bounds(points):  # type: ignore[no-untyped-def]
    """Lowest and highest coordinates of ``(N, 3)`` points, and whether all of them are finite."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    finite = True
    for n in range(len(points)):
        for axis in range(3):
            x = points[n, axis]
            finite &= np.isfinite(x)
            low[axis] = min(low[axis], x)
            high[axis] = max(high[axis], x)
    return low, high, finite


@njit(cache=True, nogil=True, error_model="numpy")
def areas(vertices_m, faces):  # type: ignore[no-untyped-def]
    """Area of each of the ``(F, 3)`` faces, float64."""
    found = np.empty(len(faces))
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        p, q, r = float(vertices_m[a, 0]), float(vertices_m[a, 1]), float(vertices_m[a, 2])
        q0, q1, q2 = vertices_m[b, 0] - p, vertices_m[b, 1] - q, vertices_m[b, 2] - r
        r0, r1, r2 = vertices_m[c, 0] - p, vertices_m[c, 1] - q, vertices_m[c, 2] - r
        x, y, z = q1 * r2 - q2 * r1, q2 * r0 - q0 * r2, q0 * r1 - q1 * r0
        found[f] = 0.5 * math.sqrt(x * x + y * y + z * z)
    return found


@njit(cache=True, nogil=True)
def thinned(points, low, cell_m, sizes):  # type: ignore[no-untyped-def]
    """Sums and counts of the points in each cell that has any, cells in the order they come.

    Points are added up in their order, so the sums are those of a plain loop over the points.

    Args:
        points: ``(N, 3)`` float64.
        low: ``(3,)`` corner of the grid.
        cell_m: edge of a cell.
        sizes: ``(3,)`` int64 cells along each axis; their product is below 2^62.

    Returns:
        ``(M,)`` int64 number of each cell, ``(M, 3)`` sums, ``(M,)`` counts.
    """
    count = len(points)
    slots = 64
    table = np.full(slots, -1, np.int32)
    room = 32
    cells = np.empty(room, np.int64)
    sums = np.empty((room, 3), np.float64)
    counts = np.empty(room, np.int64)
    found = 0
    one = -1
    for n in range(count):
        i = np.int64(np.floor((points[n, 0] - low[0]) / cell_m))
        j = np.int64(np.floor((points[n, 1] - low[1]) / cell_m))
        k = np.int64(np.floor((points[n, 2] - low[2]) / cell_m))
        cell = (i * sizes[1] + j) * sizes[2] + k
        # Neighbours in the list mostly share a cell.
        if one < 0 or cells[one] != cell:
            slot = _slot(cell, slots)
            while table[slot] >= 0 and cells[table[slot]] != cell:
                slot = (slot + 1) & (slots - 1)
            one = np.int64(table[slot])
        if one < 0:
            if found == room:
                room *= 2
                cells, sums, counts = _longer(cells, sums, counts, room)
                slots = 2 * room
                table = np.full(slots, -1, np.int32)
                for other in range(found):
                    table[_free(cells[other], table)] = other
                slot = _free(cell, table)
            one = found
            table[slot] = one
            cells[one] = cell
            counts[one] = 0
            sums[one, :] = 0
            found += 1
        counts[one] += 1
        for axis in range(3):
            sums[one, axis] += points[n, axis]
    return cells[:found], sums[:found], counts[:found]


@njit(cache=True, nogil=True)
def _slot(cell, slots):  # type: ignore[no-untyped-def]
    """Where the search for a cell begins; neighbours along z lie side by side."""
    mixed = (np.uint64(cell) >> np.uint64(3)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed >> np.uint64(29)) + np.uint64(cell)
    return np.int64(mixed & np.uint64(slots - 1))


@njit(cache=True, nogil=True)
def _free(cell, table):  # type: ignore[no-untyped-def]
    """The slot where a cell that is not in the table belongs."""
    slot = _slot(cell, len(table))
    while table[slot] >= 0:
        slot = (slot + 1) & (len(table) - 1)
    return slot


@njit(cache=True, nogil=True)
def _longer(cells, sums, counts, room):  # type: ignore[no-untyped-def]
    more_cells = np.empty(room, np.int64)
    more_sums = np.empty((room, 3), np.float64)
    more_counts = np.empty(room, np.int64)
    more_cells[: len(cells)] = cells
    more_sums[: len(cells)] = sums
    more_counts[: len(cells)] = counts
    return more_cells, more_sums, more_counts


@njit(cache=True, nogil=True)
def curve_codes(points, low, step):  # type: ignore[no-untyped-def]
    """Place of each point on a curve that stays near where it is (Morton's): ``(N,)`` uint64."""
    codes = np.empty(len(points), np.uint64)
    most = np.uint64(2**21 - 1)
    for n in range(len(points)):
        code = np.uint64(0)
        for axis in range(3):
            x = min(np.uint64((points[n, axis] - low[axis]) / step), most)
            x = (x | (x << np.uint64(32))) & np.uint64(0x1F00000000FFFF)
            x = (x | (x << np.uint64(16))) & np.uint64(0x1F0000FF0000FF)
            x = (x | (x << np.uint64(8))) & np.uint64(0x100F00F00F00F00F)
            x = (x | (x << np.uint64(4))) & np.uint64(0x10C30C30C30C30C3)
            x = (x | (x << np.uint64(2))) & np.uint64(0x1249249249249249)
            code |= x << np.uint64(axis)
        codes[n] = code
    return codes


@njit(cache=True, nogil=True)
def boxes_over(points, leaves):  # type: ignore[no-untyped-def]
    """Boxes of a binary tree over consecutive points: node n has the children 2 n + 1, 2 n + 2.

    Args:
        points: ``(N, 3)``, neighbours in space near each other in the list.
        leaves: how many leaves, a power of two; leaf i holds points ``[i, i + 1) * N // leaves``.

    Returns:
        ``(2 * leaves - 1, 6)``: low corner, high corner.
    """
    count = len(points)
    boxes = np.empty((2 * leaves - 1, 6), np.float64)
    for leaf in range(leaves):
        node = leaves - 1 + leaf
        boxes[node, :3] = np.inf
        boxes[node, 3:] = -np.inf
        for n in range(leaf * count // leaves, (leaf + 1) * count // leaves):
            for axis in range(3):
                boxes[node, axis] = min(boxes[node, axis], points[n, axis])
                boxes[node, 3 + axis] = max(boxes[node, 3 + axis], points[n, axis])
    for node in range(leaves - 2, -1, -1):
        for axis in range(3):
            one, other = 2 * node + 1, 2 * node + 2
            boxes[node, axis] = min(boxes[one, axis], boxes[other, axis])
            boxes[node, 3 + axis] = max(boxes[one, 3 + axis], boxes[other, 3 + axis])
    return boxes


@njit(cache=True, nogil=True)
def _to_box(x, y, z, boxes, node):  # type: ignore[no-untyped-def]
    """Squared distance to a box. Rounded like that to a point, it is never larger than to one."""
    dx = max(boxes[node, 0] - x, x - boxes[node, 3], 0.0)
    dy = max(boxes[node, 1] - y, y - boxes[node, 4], 0.0)
    dz = max(boxes[node, 2] - z, z - boxes[node, 5], 0.0)
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True)
def cells_of(points, low, edge, sizes):  # type: ignore[no-untyped-def]
    """Number of the cell of each point, z fastest: ``(N,)`` int64."""
    found = np.empty(len(points), np.int64)
    for n in range(len(points)):
        i = min(np.int64((points[n, 0] - low[0]) / edge), sizes[0] - 1)
        j = min(np.int64((points[n, 1] - low[1]) / edge), sizes[1] - 1)
        k = min(np.int64((points[n, 2] - low[2]) / edge), sizes[2] - 1)
        found[n] = (i * sizes[1] + j) * sizes[2] + k
    return found


@njit(cache=True, nogil=True)
def by_cell(points, cell, starts):  # type: ignore[no-untyped-def]
    """Points ``(N, 3)`` in the order of their cells, those of one cell in the order they come."""
    found = np.empty_like(points)
    places = starts[:-1].copy()
    for n in range(len(points)):
        place = places[cell[n]]
        places[cell[n]] = place + 1
        for axis in range(3):
            found[place, axis] = points[n, axis]
    return found


@njit(cache=True, nogil=True)
def order_by_cell(cell, starts):  # type: ignore[no-untyped-def]
    """Which points :func:`by_cell` puts where: ``(N,)`` int64, their numbers in its order."""
    order = np.empty(len(cell), np.int64)
    places = starts[:-1].copy()
    for n in range(len(cell)):
        order[places[cell[n]]] = n
        places[cell[n]] += 1
    return order


@njit(cache=True, nogil=True)
def near_in(  # type: ignore[no-untyped-def]
    queries, points, starts, low, edge, sizes, begin, end, squares, order=None, found=None
):
    """Squared distance from ``queries[begin:end]`` to the nearest point of the cells around.

    Args:
        queries: ``(Q, 3)``.
        points: ``(N, 3)`` in the order of their cells.
        starts: ``(cells + 1,)`` where each cell's points begin.
        low, edge, sizes: corner of the grid, edge of a cell, cells along each axis.
        begin, end: which queries.
        squares: ``(Q,)``, written. Negative, and less by 1, where another point may be nearer than
            the one that was found; -inf where none was.
        order: ``(N,)`` numbers of the points, where it is asked for which one is nearest.
        found: ``(Q,)`` int64, written then, where ``squares`` is not negative.
    """
    # What rounding may take from a bound: far more than it does.
    sure = 1 - 1e-9
    aside = np.empty((2, 3), np.float64)
    for n in range(begin, end):
        x, y, z = queries[n, 0], queries[n, 1], queries[n, 2]
        fi, fj, fk = (x - low[0]) / edge, (y - low[1]) / edge, (z - low[2]) / edge
        best = np.inf
        if -1 <= fi <= sizes[0] + 1 and -1 <= fj <= sizes[1] + 1 and -1 <= fk <= sizes[2] + 1:
            i, j, k = np.int64(np.floor(fi)), np.int64(np.floor(fj)), np.int64(np.floor(fk))
            first, last = max(k - 1, 0), min(k + 1, sizes[2] - 1)
            # Squared distance to the rows of cells before, of its own, and behind: x, then y.
            aside[0, 0], aside[0, 1], aside[0, 2] = fi - i, 0.0, i + 1 - fi
            aside[1, 0], aside[1, 1], aside[1, 2] = fj - j, 0.0, j + 1 - fj
            for axis in range(2):
                for side in range(3):
                    aside[axis, side] = (aside[axis, side] * edge) ** 2 * sure
            # Its own row first: what it finds makes most of the others needless.
            for row in range(9):
                da, db = _ROWS[row, 0], _ROWS[row, 1]
                a, b = i + da, j + db
                if a < 0 or b < 0 or a >= sizes[0] or b >= sizes[1] or last < first:
                    continue
                if aside[0, da + 1] + aside[1, db + 1] > best:
                    continue
                cell = (a * sizes[1] + b) * sizes[2]
                for m in range(starts[cell + first], starts[cell + last + 1]):
                    dx, dy, dz = x - points[m, 0], y - points[m, 1], z - points[m, 2]
                    # Without numbers it is compiled as if there was no such thing.
                    if found is None:
                        best = min(best, dx * dx + dy * dy + dz * dz)
                    else:
                        square = dx * dx + dy * dy + dz * dz
                        if square < best:
                            best = square
                            found[n] = order[m]
        # What is not in the 27 cells around is at least one edge away.
        squares[n] = best if best <= edge * edge * sure else -1 - best


@njit(cache=True, nogil=True)
def nearest_in(  # type: ignore[no-untyped-def]
    queries, points, boxes, leaves, begin, end, squares, order=None, found=None
):
    """Finish what :func:`near_in` has left, by a tree: all that is negative.

    Each search begins with the point that the one before has found: neighbours in the list are
    often near each other. The answer does not depend on it.
    """
    count = len(points)
    stack = np.empty(_DEPTH, np.int64)
    bound = np.empty(_DEPTH, np.float64)
    last = 0
    for n in range(begin, end):
        if squares[n] >= 0:
            continue
        x, y, z = queries[n, 0], queries[n, 1], queries[n, 2]
        dx, dy, dz = x - points[last, 0], y - points[last, 1], z - points[last, 2]
        best = dx * dx + dy * dy + dz * dz
        top = 0
        stack[0] = 0
        bound[0] = _to_box(x, y, z, boxes, 0)
        while top >= 0:
            node = stack[top]
            far = bound[top] >= best
            top -= 1
            if far:
                continue
            # Down the nearer child each time; the other one waits.
            while 0 <= node < leaves - 1:
                one, other = 2 * node + 1, 2 * node + 2
                a, b = _to_box(x, y, z, boxes, one), _to_box(x, y, z, boxes, other)
                if b < a:
                    one, other, a, b = other, one, b, a
                if b < best:
                    top += 1
                    stack[top] = other
                    bound[top] = b
                node = one if a < best else -1
            if node < 0:
                continue
            leaf = node - (leaves - 1)
            for m in range(leaf * count // leaves, (leaf + 1) * count // leaves):
                dx, dy, dz = x - points[m, 0], y - points[m, 1], z - points[m, 2]
                square = dx * dx + dy * dy + dz * dz
                if square < best:
                    best = square
                    last = m
        squares[n] = best
        if found is not None:
            found[n] = order[last]
