"""What lies around each voxel of a surface, by class: the input of the network of labels in 3D.

The classes that frames give to the surface are added up in cells of several sizes, once over the
surface that faces the same way as a voxel, and once over all; over what lies above and below it;
and over the whole room. A voxel reads each sum between the cells around it. Nothing here is learnt,
and nothing depends on how the room is turned about the vertical, but for the borders of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import spread

Array = NDArray[Any]

ALIKE = (3.0, 6.0, 12.0, 24.0)
"""Sizes of cells, voxels, over the surface that faces the same way; a voxel reads what lies up to
this far away, the nearer the more."""

ALL = (4.0, 12.0, 36.0)
"""Sizes of cells over the whole surface."""

_COLUMN = 4
"""Size of the cells that above and below are counted in, voxels."""

_FACINGS = 11
"""Nobody knows, up, down, and eight directions to the sides."""

_LEVEL = 0.7
"""A normal whose vertical part is larger than this faces up, or down."""

_SURE = np.float32(0.3)
"""Weight from which on a voxel's classes count more than half."""

_GEOMETRY = 6
_SHARES = 3
_HIGHEST_M = 3.0
LEAST = 1e-3
"""Probabilities below this count as this where their logarithm is taken."""


def context_size(classes: int) -> int:
    """Numbers that are told of one voxel."""
    sums = 2 + len(ALIKE) + len(ALL) + 3
    return sums * classes + len(ALIKE) + len(ALL) * (1 + _SHARES) + _GEOMETRY


def floor_height(grid: VoxelGrid, voxels: NDArray[np.int64]) -> float:
    """Height of the floor by the lowest voxels of a surface, voxels of the grid; 0 without any."""
    return float(np.percentile(voxels % grid.shape[2], 1)) if len(voxels) else 0.0


@dataclass(frozen=True, eq=False)
class _Cells:
    """Sums by cell: ``row`` tells where in ``sums`` a cell is, -1 where it holds no surface."""

    size: float
    shape: tuple[int, int, int]
    row: NDArray[np.int32]
    sums: NDArray[np.float32]


class LabelContext:
    """Adds up a surface's classes around each of its voxels.

    Args:
        grid: where the voxels are; z is up.
        voxels: ``(N,)`` linear numbers, C order.
        normals: ``(N, 3)`` unit normals; 0 where nobody knows.
        probability: ``(N, C)`` classes by what frames say; rows of 0 where none says anything.
        weight: ``(N,)`` how much they say.
        floor: height of the floor, voxels; None: of the lowest voxels.
    """

    def __init__(
        self,
        grid: VoxelGrid,
        voxels: NDArray[np.int64],
        normals: NDArray[np.float32],
        probability: NDArray[np.float32],
        weight: NDArray[np.float32],
        floor: float | None = None,
    ) -> None:
        self.classes = probability.shape[1]
        self._at = np.stack(np.unravel_index(voxels, grid.shape), -1).astype(np.int32)
        self._normals = np.ascontiguousarray(normals, np.float32)
        self._probability = np.ascontiguousarray(probability, np.float32)
        self._weight = np.ascontiguousarray(weight, np.float32)
        self._facing = _facings(self._normals)
        highest = float(np.percentile(self._at[:, 2], 99)) if len(voxels) else 0.0
        lowest = floor_height(grid, voxels) if floor is None else float(floor)
        self._heights = (lowest, highest, grid.voxel_m / _HIGHEST_M)
        trust = self._weight / (self._weight + _SURE)
        one = np.zeros(len(voxels), np.int32)
        self._alike = [self._cells(grid, size, self._facing, _FACINGS, trust) for size in ALIKE]
        self._all = [self._cells(grid, size, one, 1, trust) for size in ALL]
        self._columns = self._above(grid, trust)
        # Not by BLAS: how it cuts up a sum depends on the number of threads.
        room = np.einsum("n,nc->c", trust.astype(np.float64), self._probability)
        self._room = (room / max(float(trust.sum()), 1e-6)).astype(np.float32)

    def _cells(
        self, grid: VoxelGrid, size: float, facing: Array, facings: int, trust: Array
    ) -> _Cells:
        shape = tuple(int(length / size) + 2 for length in grid.shape)
        places = np.floor(self._at / size + 0.5).astype(np.int64)
        number = ((facing * shape[0] + places[:, 0]) * shape[1] + places[:, 1]) * shape[2]
        number += places[:, 2]
        row = np.full(facings * shape[0] * shape[1] * shape[2], -1, np.int32)
        used = np.unique(number)
        row[used] = np.arange(len(used), dtype=np.int32)
        sums = np.zeros((len(used), self.classes + 2 + _SHARES), np.float32)
        _add(row[number], self._probability, trust, self._facing, sums)
        return _Cells(size, (shape[0], shape[1], shape[2]), row, sums)

    def _above(self, grid: VoxelGrid, trust: Array) -> NDArray[np.float32]:
        """Sums of each column of cells from the floor up to and with each cell."""
        shape = tuple(length // _COLUMN + 1 for length in grid.shape)
        sums = np.zeros((*shape, self.classes + 1), np.float32)
        _add_columns(self._at // _COLUMN, self._probability, trust, sums)
        return np.cumsum(sums, axis=2, out=sums)

    def rows(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """What is told of some voxels, ``(n, context_size)`` float32."""
        chosen = np.ascontiguousarray(chosen, np.int64)
        out = np.empty((len(chosen), context_size(self.classes)), np.float32)
        classes = self.classes
        own = (self._at, self._probability, self._weight, self._normals, self._heights)
        spread(partial(_own, chosen, *own, out), len(chosen))
        column = 2 * classes + _GEOMETRY
        out[:, column : column + classes] = self._room
        column += classes
        spread(partial(_column, chosen, self._at, self._columns, column, out), len(chosen))
        column += 2 * classes
        zero = np.zeros(len(self._at), np.int32)
        for cells, facing, extra in (
            *((cells, self._facing, 1) for cells in self._alike),
            *((cells, zero, 1 + _SHARES) for cells in self._all),
        ):
            arguments = (chosen, self._at, facing, cells.size, np.array(cells.shape), cells.row)
            spread(partial(_read, *arguments, cells.sums, extra, column, out), len(chosen))
            column += classes + extra
        return out


def _facings(normals: Array) -> NDArray[np.int32]:
    """Which way each normal faces."""
    octant = np.rint(np.arctan2(normals[:, 1], normals[:, 0]) / (np.pi / 4)).astype(np.int32) % 8
    facing = np.where(normals[:, 2] > _LEVEL, 1, np.where(normals[:, 2] < -_LEVEL, 2, 3 + octant))
    return np.where((normals == 0).all(axis=1), 0, facing).astype(np.int32)


@njit(cache=True, nogil=True)
def _add(row: Array, probability: Array, trust: Array, facing: Array, sums: Array) -> None:
    """Classes by trust, trust, voxels, and those that face up, down and sideways."""
    classes = probability.shape[1]
    for n in range(len(row)):
        r = row[n]
        if trust[n] > 0:
            for c in range(classes):
                sums[r, c] += trust[n] * probability[n, c]
            sums[r, classes] += trust[n]
        sums[r, classes + 1] += np.float32(1)
        if facing[n] > 0:
            sums[r, classes + 1 + min(facing[n], 3)] += np.float32(1)


@njit(cache=True, nogil=True)
def _add_columns(cell: Array, probability: Array, trust: Array, sums: Array) -> None:
    classes = probability.shape[1]
    for n in range(len(cell)):
        if trust[n] > 0:
            i, j, k = cell[n, 0], cell[n, 1], cell[n, 2]
            for c in range(classes):
                sums[i, j, k, c] += trust[n] * probability[n, c]
            sums[i, j, k, classes] += trust[n]


@njit(cache=True, nogil=True, error_model="numpy")
def _own(
    chosen: Array,
    at: Array,
    probability: Array,
    weight: Array,
    normals: Array,
    heights: tuple[float, float, float],
    out: Array,
    begin: int,
    end: int,
) -> None:
    classes = probability.shape[1]
    floor, highest, scale = heights
    for r in range(begin, end):
        n = chosen[r]
        known = weight[n] > 0
        for c in range(classes):
            p = probability[n, c]
            out[r, c] = p
            out[r, classes + c] = (
                np.log(max(p, np.float32(LEAST))) * np.float32(0.2) if known else np.float32(0)
            )
        column = 2 * classes
        z = normals[n, 2]
        out[r, column] = z
        out[r, column + 1] = np.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2)
        out[r, column + 2] = np.float32((at[n, 2] - floor) * scale)
        out[r, column + 3] = np.float32((highest - at[n, 2]) * scale)
        out[r, column + 4] = np.log(np.float32(1) + weight[n])
        out[r, column + 5] = np.float32(1) if known else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _column(
    chosen: Array, at: Array, sums: Array, column: int, out: Array, begin: int, end: int
) -> None:
    """Mean classes of what lies above a voxel's cell, and of what lies below it."""
    classes = sums.shape[3] - 1
    top = sums.shape[2] - 1
    for r in range(begin, end):
        n = chosen[r]
        i, j, k = at[n, 0] // _COLUMN, at[n, 1] // _COLUMN, at[n, 2] // _COLUMN
        above = sums[i, j, top, classes] - sums[i, j, k, classes]
        below = sums[i, j, k - 1, classes] if k > 0 else np.float32(0)
        for c in range(classes):
            over = sums[i, j, top, c] - sums[i, j, k, c]
            under = sums[i, j, k - 1, c] if k > 0 else np.float32(0)
            out[r, column + c] = over / above if above > 1e-3 else np.float32(0)
            out[r, column + classes + c] = under / below if below > 1e-3 else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _read(
    chosen: Array,
    at: Array,
    facing: Array,
    size: float,
    shape: Array,
    row: Array,
    sums: Array,
    extra: int,
    column: int,
    out: Array,
    begin: int,
    end: int,
) -> None:
    """Sums between the eight cells around each voxel: mean classes, and how much surface."""
    wide = sums.shape[1]
    classes = wide - 5
    mixed = np.empty(wide, np.float32)
    for r in range(begin, end):
        n = chosen[r]
        mixed[:] = 0
        x, y, z = at[n, 0] / size, at[n, 1] / size, at[n, 2] / size
        i, j, k = int(x), int(y), int(z)
        fx, fy, fz = x - i, y - j, z - k
        for c in range(8):
            dx, dy, dz = c >> 2 & 1, c >> 1 & 1, c & 1
            share = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * (fz if dz else 1 - fz)
            if share <= 0:
                continue
            cell = ((facing[n] * shape[0] + i + dx) * shape[1] + j + dy) * shape[2] + k + dz
            found = row[cell]
            if found >= 0:
                for m in range(wide):
                    mixed[m] += np.float32(share) * sums[found, m]
        trust, count = mixed[classes], mixed[classes + 1]
        for c in range(classes):
            out[r, column + c] = mixed[c] / trust if trust > 1e-3 else np.float32(0)
        out[r, column + classes] = np.log(1 + count) * np.float32(0.2)
        for m in range(extra - 1):
            part = mixed[classes + 2 + m]
            out[r, column + classes + 1 + m] = part / count if count > 0 else np.float32(0)
