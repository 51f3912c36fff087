"""One frame averaged into the voxels of its blocks: depth, and what else it has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.params import FULL_WEIGHT
from crossvox.scene.tsdf.blocks import BLOCK, CELL
from crossvox.scene.tsdf.colors import average_color, look_up_color
from crossvox.scene.tsdf.votes import VOTE_VOXELS, vote

Array = NDArray[Any]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _project_block(
    steps: Array,
    x: float,
    y: float,
    z: float,
    width: int,
    height: int,
    pixel: Array,
    depth_z: Array,
) -> None:
    """Pixel number (or -1) and camera depth of all voxels of a block; branch-free, for SIMD.

    ``steps (3, 3)``: homogeneous pixel coordinates (rows) a voxel further along each axis;
    ``x, y, z``: those of the block's first voxel, half a pixel added so that cutting off rounds.
    """
    xi, xj, xk = steps[0, 0], steps[0, 1], steps[0, 2]
    yi, yj, yk = steps[1, 0], steps[1, 1], steps[1, 2]
    zi, zj, zk = steps[2, 0], steps[2, 1], steps[2, 2]
    x0, y0, z0 = np.float32(x), np.float32(y), np.float32(z)
    columns, rows = np.float32(width), np.float32(height)
    zero, one = np.float32(0), np.float32(1)
    for cell in range(CELL):
        i = np.float32(cell >> 6)
        j = np.float32(cell >> 3 & 7)
        k = np.float32(cell & 7)
        deep = z0 + i * zi + j * zj + k * zk
        inverse = one / deep
        u = (x0 + i * xi + j * xj + k * xk) * inverse
        v = (y0 + i * yi + j * yj + k * yk) * inverse
        inside = (deep > zero) & (u >= zero) & (u < columns) & (v >= zero) & (v < rows)
        u = u if inside else zero
        v = v if inside else zero
        number = np.int32(v) * np.int32(width) + np.int32(u)
        pixel[cell] = number if inside else np.int32(-1)
        depth_z[cell] = deep


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(readings: Array, pixel: Array, depth: Array) -> None:
    """The readings at pixels; 0 where a voxel has none. Alone, as this does not run in SIMD."""
    for cell in range(CELL):
        seen_at = pixel[cell]
        depth[cell] = readings[np.uint32(seen_at)] if seen_at >= 0 else np.float32(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _average(
    depth: Array,
    depth_z: Array,
    band: float,
    far: float,
    tsdf: Array,
    weight: Array,
    distance: Array,
) -> None:
    """Average a block's readings into its values; without a branch, for SIMD.

    ``distance`` receives how far every voxel lies in front of the surface; NaN where it takes no
    reading. It may not be in the same place as ``depth``.
    """
    one, zero, none = np.float32(1), np.float32(0), np.float32(np.nan)
    inverse_band = one / band
    for cell in range(CELL):
        d = depth[cell]
        before = d - depth_z[cell]
        # False for NaN, as all comparisons with it are.
        valid = (d > zero) & (d <= far) & (before >= -band)
        distance[cell] = before if valid else none
        value = before * inverse_band
        value = one if value > one else value
        w = weight[cell]
        old = tsdf[cell]
        tsdf[cell] = old + (value - old) / (np.float32(w) + one) if valid else old
        weight[cell] = w + np.uint16(valid & (w < np.uint16(FULL_WEIGHT)))


@njit(cache=True, nogil=True, error_model="numpy")
def integrate_blocks(
    depth: Array,
    rgb: Array,
    use_color: bool,
    labels: Array,
    use_votes: bool,
    pixel_from_world: Array,
    voxel_m: float,
    truncation_m: float,
    far_m: float,
    blocks: Array,
    corner: Array,
    tsdf: Array,
    weight: Array,
    color: Array,
    votes: Array,
    begin: int,
    end: int,
) -> None:
    """Update every voxel of ``blocks`` with the pixel it projects to (nearest).

    ``pixel_from_world (3, 4)`` gives pixels half a pixel too large, so that cutting off rounds.
    ``rgb``, ``labels``, ``color`` and ``votes`` are of any size where they are not used.
    """
    near: Any = np.float32(min(truncation_m, VOTE_VOXELS * voxel_m))
    band: Any = np.float32(truncation_m)
    far: Any = np.float32(far_m)
    p = pixel_from_world
    steps = (p[:, :3] * voxel_m).astype(np.float32)
    block_m = voxel_m * BLOCK
    height, width = depth.shape
    readings = depth.reshape(-1)
    shades, classes = rgb.reshape(-1, 3), labels.reshape(-1)
    pixel = np.empty(CELL, dtype=np.int32)
    depth_z = np.empty(CELL, dtype=np.float32)
    seen_depth, distance = np.empty_like(depth_z), np.empty_like(depth_z)
    seen_shades = np.zeros((4, CELL), dtype=np.float32)
    for n in range(begin, end):
        block = blocks[n]
        bx = corner[block, 0] * block_m
        by = corner[block, 1] * block_m
        bz = corner[block, 2] * block_m
        _project_block(
            steps,
            p[0, 0] * bx + p[0, 1] * by + p[0, 2] * bz + p[0, 3],
            p[1, 0] * bx + p[1, 1] * by + p[1, 2] * bz + p[1, 3],
            p[2, 0] * bx + p[2, 1] * by + p[2, 2] * bz + p[2, 3],
            width,
            height,
            pixel,
            depth_z,
        )
        _look_up(readings, pixel, seen_depth)
        _average(seen_depth, depth_z, band, far, tsdf[block], weight[block], distance)
        if use_color:
            look_up_color(shades, pixel, distance, band, seen_shades)
            average_color(distance, band, seen_shades, color[block])
        if use_votes:
            vote(classes, pixel, distance, near, votes[block])
