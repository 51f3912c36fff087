"""Distances to the nearest of many points, exactly, for points of surfaces.

Most points of two surfaces that are alike have their nearest one close by: a grid finds it among
the 27 cells around, and knows whether it is sure. A tree of boxes over the points along Morton's
curve answers the others, however far they are. The distances are, to the last bit, those of a plain
comparison with every point.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.threads import spread, threads
from crossvox.metrics.kernels import (
    LEAF,
    bounds,
    boxes_over,
    by_cell,
    cells_of,
    curve_codes,
    near_in,
    nearest_in,
    order_by_cell,
)

Array = NDArray[Any]

PER_CELL = 6
"""Points in a cell of the grid, about, where they lie on the faces of a box."""

_CROWDED = 10 * PER_CELL
_CELLS_PER_POINT = 16
_CURVE_STEPS = 2**21

_LEAST = 20_000
"""Queries below this many are not worth a second thread."""


class PointSet:
    """Points, ready for questions about the nearest. One object may serve several threads.

    Args:
        points: ``(N, 3)`` finite.
    """

    def __init__(self, points: Array) -> None:
        self.points = np.ascontiguousarray(points, dtype=np.float64)
        self._grid = _Grid.over(self.points) if len(self.points) else None
        self._tree: _Tree | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.points)

    def distances_to(self, others: PointSet) -> NDArray[np.float64]:
        """Distance from each point of this set to the nearest of another: ``(N,)``.

        Where the other set is empty, inf.
        """
        if not len(others):
            return np.full(len(self), np.inf)
        squares = np.full(len(self), -np.inf)
        grid = others._grid
        if grid is not None:
            near = grid
            self._spread(lambda begin, end: near.search(self.points, begin, end, squares))
        if grid is None or (squares < 0).any():
            tree = others._whole()
            self._spread(lambda begin, end: tree.search(self.points, begin, end, squares))
        return np.sqrt(squares)

    def nearest(self, places: Array) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The nearest of these points to each of some places, by one thread.

        Args:
            places: ``(N, 3)`` finite.

        Returns:
            ``(N,)`` distances and ``(N,)`` numbers of points; of several that are equally near, any
            one, but always the same. Without points: inf and 0.
        """
        queries = np.ascontiguousarray(places, dtype=np.float64)
        count = len(queries)
        found = np.zeros(count, np.int64)
        if not len(self):
            return np.full(count, np.inf), found
        squares = np.full(count, -np.inf)
        if self._grid is not None:
            self._grid.search(queries, 0, count, squares, found)
        if (squares < 0).any():
            self._whole().search(queries, 0, count, squares, found)
        return np.sqrt(squares), found

    def _whole(self) -> _Tree:
        """The tree, made when it is first needed."""
        with self._lock:
            if self._tree is None:
                self._tree = _Tree(self.points)
            return self._tree

    def _spread(self, part: Any) -> None:
        if len(self) < _LEAST or threads() == 1:
            part(0, len(self))
        else:
            spread(part, len(self))


class _Grid:
    """Points in the cells of a regular grid, each with a few of them."""

    def __init__(
        self, points: Array, low: Array, edge: float, sizes: Array, cell: Array, starts: Array
    ) -> None:
        self._points = by_cell(points, cell, starts)
        self._cell = cell
        self._order: Array | None = None
        self._low, self._edge, self._sizes, self._starts = low, edge, sizes, starts

    @classmethod
    def over(cls, points: Array) -> _Grid | None:
        """A grid with cells as large as suits the points; None where none would (stray points)."""
        low, high, _ = bounds(points)
        x, y, z = extent = high - low
        edge = math.sqrt(PER_CELL * 2 * (x * y + y * z + z * x) / len(points))
        if edge <= 0:
            return None
        sizes = np.floor(extent / edge) + 1
        if float(np.prod(sizes)) > _CELLS_PER_POINT * len(points) + 1000:
            return None
        whole = sizes.astype(np.int64)
        cell = cells_of(points, low, edge, whole)
        counts = np.bincount(cell, minlength=int(np.prod(whole)))
        if float((counts.astype(np.float64) ** 2).sum()) > _CROWDED * len(points):
            return None
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(points, low, edge, whole, cell, starts)

    def search(
        self, queries: Array, begin: int, end: int, squares: Array, found: Array | None = None
    ) -> None:
        """See :func:`near_in`."""
        order = None
        if found is not None:
            if self._order is None:
                self._order = order_by_cell(self._cell, self._starts)
            order = self._order
        near_in(
            queries,
            self._points,
            self._starts,
            self._low,
            self._edge,
            self._sizes,
            begin,
            end,
            squares,
            order,
            found,
        )


class _Tree:
    """Points in a binary tree of boxes."""

    def __init__(self, points: Array) -> None:
        low, high, _ = bounds(points)
        step = float((high - low).max()) / _CURVE_STEPS or 1.0
        self._order = np.argsort(curve_codes(points, low, step), kind="stable")
        self._points = points[self._order]
        self._leaves = 1
        while self._leaves * LEAF < len(points):
            self._leaves *= 2
        self._boxes = boxes_over(self._points, self._leaves)

    def search(
        self, queries: Array, begin: int, end: int, squares: Array, found: Array | None = None
    ) -> None:
        """See :func:`nearest_in`."""
        order = None if found is None else self._order
        nearest_in(
            queries, self._points, self._boxes, self._leaves, begin, end, squares, order, found
        )
