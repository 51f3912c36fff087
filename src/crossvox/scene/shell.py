"""The voxels around a surface: where classes are gathered, and how its vertices get them back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import spread
from crossvox.core.volume import Mesh

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Shell:
    """The voxels that the vertices of a surface lie between.

    Attributes:
        grid: where the voxels are.
        voxels: ``(N,)`` int64 linear numbers, C order, rising.
        normals: ``(N, 3)`` float32 unit normals, means of the vertices around; 0 where those cancel
            each other.
        corner: ``(V, 8)`` int32, rows of ``voxels`` that each vertex lies between.
        share: ``(V, 8)`` float32, trilinear weights of those; they sum to 1.
    """

    grid: VoxelGrid
    voxels: NDArray[np.int64]
    normals: NDArray[np.float32]
    corner: NDArray[np.int32]
    share: NDArray[np.float32]

    def at_vertices(
        self, values: NDArray[np.float32], weight: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values of voxels between which vertices lie: trilinear means by weight.

        Args:
            values: ``(N, C)``.
            weight: ``(N,)``, 0 where nothing is known.

        Returns:
            ``(V, C)`` float32, all 0 where nothing is known; ``(V,)`` weight, float32.
        """
        count = len(self.corner)
        out = np.zeros((count, values.shape[1]), np.float32)
        total = np.zeros(count, np.float32)
        values, weight = (np.ascontiguousarray(a, np.float32) for a in (values, weight))
        spread(partial(_gather, self.corner, self.share, values, weight, out, total), count)
        return out, total


def shell_of(grid: VoxelGrid, mesh: Mesh, normals: NDArray[np.float32] | None = None) -> Shell:
    """The voxels around the vertices of a mesh.

    Args:
        grid: where the voxels are; what lies beyond it goes with its border.
        mesh: the surface.
        normals: ``(V, 3)`` of its vertices; None: they are computed.
    """
    if normals is None:
        normals = vertex_normals(mesh)
    corner = np.empty((len(mesh.vertices_m), 8), np.int32)
    share = np.empty((len(mesh.vertices_m), 8), np.float32)
    row = np.full(grid.count, -1, np.int32)
    at = np.clip(grid.to_grid(mesh.vertices_m), 0, np.array(grid.shape) - 1.0)
    spread(partial(_corners, at, np.array(grid.shape), corner, share), len(at))
    row[corner.ravel()] = 0
    voxels = np.flatnonzero(row == 0)
    row[voxels] = np.arange(len(voxels), dtype=np.int32)
    sums = np.zeros((len(voxels), 3), np.float32)
    _number(row, corner, share, np.ascontiguousarray(normals, np.float32), sums)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    known = length > 1e-12
    return Shell(grid, voxels, np.where(known, sums / np.maximum(length, 1e-12), 0), corner, share)


def vertex_normals(mesh: Mesh) -> NDArray[np.float32]:
    """``(V, 3)`` float32 unit normals, faces weighted by their area; 0 where there are none."""
    sums = np.zeros((len(mesh.vertices_m), 3), np.float64)
    _face_normals(mesh.vertices_m, mesh.faces, sums)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.where(length > 0, length, 1)).astype(np.float32)


@njit(cache=True, nogil=True)
def _face_normals(points: Array, faces: Array, sums: Array) -> None:
    for n in range(len(faces)):
        a, b, c = faces[n, 0], faces[n, 1], faces[n, 2]
        ux, uy, uz = (
            np.float64(points[b, 0]) - points[a, 0],
            np.float64(points[b, 1]) - points[a, 1],
            np.float64(points[b, 2]) - points[a, 2],
        )
        vx, vy, vz = (
            np.float64(points[c, 0]) - points[a, 0],
            np.float64(points[c, 1]) - points[a, 1],
            np.float64(points[c, 2]) - points[a, 2],
        )
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for vertex in (a, b, c):
            sums[vertex, 0] += x
            sums[vertex, 1] += y
            sums[vertex, 2] += z


@njit(cache=True, nogil=True)
def _corners(at: Array, shape: Array, corner: Array, share: Array, begin: int, end: int) -> None:
    """Linear numbers of the eight voxels around vertices ``begin`` to ``end``, and their shares."""
    for n in range(begin, end):
        i, j, k = int(at[n, 0]), int(at[n, 1]), int(at[n, 2])
        i, j, k = min(i, shape[0] - 2), min(j, shape[1] - 2), min(k, shape[2] - 2)
        i, j, k = max(i, 0), max(j, 0), max(k, 0)
        x, y, z = at[n, 0] - i, at[n, 1] - j, at[n, 2] - k
        for c in range(8):
            dx, dy, dz = c >> 2 & 1, c >> 1 & 1, c & 1
            # A grid of one voxel along an axis has no second one.
            ix, iy, iz = (
                min(i + dx, shape[0] - 1),
                min(j + dy, shape[1] - 1),
                min(k + dz, shape[2] - 1),
            )
            corner[n, c] = (ix * shape[1] + iy) * shape[2] + iz
            share[n, c] = (x if dx else 1 - x) * (y if dy else 1 - y) * (z if dz else 1 - z)


@njit(cache=True, nogil=True)
def _number(row: Array, corner: Array, share: Array, normals: Array, sums: Array) -> None:
    """Linear numbers to rows, and the vertices' normals to the voxels."""
    for n in range(len(corner)):
        for c in range(8):
            at = row[corner[n, c]]
            corner[n, c] = at
            for axis in range(3):
                sums[at, axis] += share[n, c] * normals[n, axis]


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(
    corner: Array,
    share: Array,
    values: Array,
    weight: Array,
    out: Array,
    total: Array,
    begin: int,
    end: int,
) -> None:
    classes = values.shape[1]
    for n in range(begin, end):
        whole = np.float32(0)
        for c in range(8):
            at = corner[n, c]
            w = share[n, c] * weight[at]
            if w > 0:
                whole += w
                for channel in range(classes):
                    out[n, channel] += w * values[at, channel]
        total[n] = whole
        if whole > 0:
            for channel in range(classes):
                out[n, channel] /= whole
