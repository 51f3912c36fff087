"""A fused surface completed by a learnt field: one field, one mesh.

What frames measured stays as it is: a voxel with enough observations keeps its value. All others
take the learnt distance where the network is sure enough, in blocks that exist and in new ones, and
marching cubes runs over both alike: there is one sheet, and it has no seam. Between a measured and
a learnt voxel that contradict each other nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import spread, threads
from crossvox.core.volume import Mesh
from crossvox.scene.tsdf.blocks import BLOCK, CELL, FREE, find_block, rehash
from crossvox.scene.tsdf.surface import draw
from crossvox.scene.tsdf.volume import TsdfVolume

Array = NDArray[Any]

_STEP_VOXELS = 3.0
"""Neighbouring voxels of one surface differ by no more than 1 voxel, by noise a little more; what
differs by more than this contradicts itself."""


@dataclass(frozen=True, eq=False)
class LearntField:
    """What a network says of a scene.

    Attributes:
        grid: where the voxels are.
        distance_m: ``(X, Y, Z)`` float32, signed distance to the surface, positive: free.
        confidence: ``(X, Y, Z)`` float32, probability that a surface lies within 5 cm.
        forbidden: ``(X, Y, Z)`` bool, voxels that frames look through: nothing is put there.
        needed: ``(X, Y, Z)`` float32, confidence that is needed there; None: none in particular.
    """

    grid: VoxelGrid
    distance_m: NDArray[np.float32]
    confidence: NDArray[np.float32]
    forbidden: NDArray[np.bool_]
    needed: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name in ("distance_m", "confidence", "forbidden", "needed"):
            array = getattr(self, name)
            shape = self.grid.shape if array is None else array.shape
            expect(
                shape == self.grid.shape,
                given=f"{name} of shape {shape}",
                needed=f"{self.grid.shape}, the grid's shape",
                do="cut or pad a volume together with its grid",
                error=ShapeError,
            )


def completed_mesh(
    volume: TsdfVolume, field: LearntField, least_confidence: float, min_weight: int | None = None
) -> Mesh:
    """The fused surface, and the learnt one where nothing was fused.

    Args:
        volume: what was fused; it does not change.
        field: what a network says.
        least_confidence: the learnt surface is drawn where the confidence is at least this, and
            what the field needs there.
        min_weight: observations from which a voxel counts as measured; None: the volume's.

    Returns:
        Mesh in world metres that tells which vertices are completed, and how sure they are. A
        vertex is measured if both voxels it lies between are. Completed vertices have the colour
        of the measured vertex that is nearest.
    """
    least = volume.params.min_weight if min_weight is None else min_weight
    blocks = volume.blocks()
    voxel_m = volume.params.voxel_m
    corner = _with_new_blocks(blocks.corner, field, least_confidence, voxel_m)
    old, count = len(blocks.corner), len(corner)
    tsdf = np.zeros((count, CELL), np.float32)
    weight = np.zeros((count, CELL), np.uint16)
    tsdf[:old], weight[:old] = blocks.tsdf, blocks.weight
    weight[weight < least] = 0
    color = None
    if blocks.color is not None:
        color = np.zeros((count, 4, CELL), np.uint16)
        color[:old] = blocks.color
        color[:old, 3][weight[:old] == 0] = 0
    slots = 1 << 14
    while slots < 2 * count:
        slots *= 2
    slot_keys, slot_blocks = np.full(slots, FREE, np.int64), np.zeros(slots, np.int32)
    rehash(corner, slot_keys, slot_blocks)
    learnt = np.zeros((count, CELL), np.float32)
    grid = field.grid
    needed = np.zeros(grid.shape, np.float32) if field.needed is None else field.needed
    fill = partial(
        _fill,
        corner,
        voxel_m,
        np.asarray(grid.origin_m),
        grid.voxel_m,
        np.ascontiguousarray(field.distance_m, np.float32),
        np.ascontiguousarray(field.confidence, np.float32),
        np.ascontiguousarray(needed, np.float32),
        np.ascontiguousarray(field.forbidden),
        volume.params.truncation_m,
        max(least_confidence, 1e-6),
        tsdf,
        weight,
        learnt,
    )
    spread(fill, count)
    step = _STEP_VOXELS * voxel_m / volume.params.truncation_m
    spread(partial(_resolve, corner, slot_keys, slot_blocks, tsdf, weight, learnt, step), count)
    weight[learnt > 0] = 65535
    mesh = draw(corner, (slot_keys, slot_blocks), tsdf, weight, color, None, least, voxel_m, learnt)
    return _coloured(mesh)


def _with_new_blocks(
    corner: Array, field: LearntField, least_confidence: float, voxel_m: float
) -> NDArray[np.int32]:
    """The blocks there are, and those that a sure learnt surface passes through."""
    grid = field.grid
    wanted = (np.abs(field.distance_m) < 1.5 * grid.voxel_m) & ~field.forbidden
    wanted &= field.confidence >= least_confidence
    if field.needed is not None:
        wanted &= field.confidence >= field.needed
    centres = grid.to_world(np.argwhere(wanted))
    near = np.concatenate(
        [
            np.floor((centres + 0.5 * grid.voxel_m * (np.array(way) - 1)) / (voxel_m * BLOCK))
            for way in np.ndindex(3, 3, 3)
        ]
    ).astype(np.int32)
    both = np.concatenate([corner, near]) if len(near) else corner
    _, first = np.unique(_names(both), return_index=True)
    new = np.sort(first[first >= len(corner)])
    return np.ascontiguousarray(np.concatenate([corner, both[new]]))


def _names(corner: Array) -> NDArray[np.int64]:
    """One number a block."""
    wide = corner.astype(np.int64) + (1 << 20)
    return np.asarray((wide[:, 0] << 42) | (wide[:, 1] << 21) | wide[:, 2])


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(
    corner: Array,
    voxel_m: float,
    origin_m: Array,
    coarse_m: float,
    distance: Array,
    confidence: Array,
    needed: Array,
    forbidden: Array,
    truncation_m: float,
    least_confidence: float,
    tsdf: Array,
    weight: Array,
    learnt: Array,
    begin: int,
    end: int,
) -> None:
    """Give unmeasured voxels the learnt distance and its confidence, trilinear between voxels."""
    nx, ny, nz = distance.shape
    for n in range(begin, end):
        for cell in range(CELL):
            if weight[n, cell] > 0:
                continue
            x = ((corner[n, 0] * BLOCK + (cell >> 6)) * voxel_m - origin_m[0]) / coarse_m
            y = ((corner[n, 1] * BLOCK + (cell >> 3 & 7)) * voxel_m - origin_m[1]) / coarse_m
            z = ((corner[n, 2] * BLOCK + (cell & 7)) * voxel_m - origin_m[2]) / coarse_m
            i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
            if i < 0 or j < 0 or k < 0 or i >= nx - 1 or j >= ny - 1 or k >= nz - 1:
                continue
            fx, fy, fz = x - i, y - j, z - k
            if forbidden[i + int(fx + 0.5), j + int(fy + 0.5), k + int(fz + 0.5)]:
                continue
            d = c = least = 0.0
            for corner_number in range(8):
                a, b, e = corner_number & 1, corner_number >> 1 & 1, corner_number >> 2
                share = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if e else 1 - fz)
                d += share * distance[i + a, j + b, k + e]
                c += share * confidence[i + a, j + b, k + e]
                least += share * needed[i + a, j + b, k + e]
            if c >= max(least, least_confidence):
                tsdf[n, cell] = min(max(d / truncation_m, -1.0), 1.0)
                learnt[n, cell] = c


@njit(cache=True, nogil=True)
def _resolve(
    corner: Array,
    slot_keys: Array,
    slot_blocks: Array,
    tsdf: Array,
    weight: Array,
    learnt: Array,
    step: float,
    begin: int,
    end: int,
) -> None:
    """Take learnt values back beside measured ones that contradict them."""
    for n in range(begin, end):
        for cell in range(CELL):
            if learnt[n, cell] <= 0:
                continue
            i, j, k = cell >> 6, cell >> 3 & 7, cell & 7
            for way in range(6):
                axis, sign = way >> 1, 1 - 2 * (way & 1)
                x = i + (sign if axis == 0 else 0)
                y = j + (sign if axis == 1 else 0)
                z = k + (sign if axis == 2 else 0)
                other = n
                if (x | y | z) & ~7:
                    other = find_block(
                        corner[n, 0] + (x >> 3),
                        corner[n, 1] + (y >> 3),
                        corner[n, 2] + (z >> 3),
                        slot_keys,
                        slot_blocks,
                    )
                    if other < 0:
                        continue
                near = ((x & 7) << 6) | ((y & 7) << 3) | (z & 7)
                if weight[other, near] > 0 and abs(tsdf[other, near] - tsdf[n, cell]) > step:
                    learnt[n, cell] = 0
                    break


def _coloured(mesh: Mesh) -> Mesh:
    """Completed vertices in the colour of the nearest measured one."""
    completed = mesh.completed
    if mesh.colors is None or completed is None or not completed.any() or completed.all():
        return mesh
    tree = cKDTree(mesh.vertices_m[~completed], balanced_tree=False, compact_nodes=False)
    _, nearest = tree.query(mesh.vertices_m[completed], workers=threads())
    colors = mesh.colors.copy()
    colors[completed] = mesh.colors[~completed][nearest]
    return replace(mesh, colors=colors)
