"""Depth and colour of one frame averaged into the voxels of its blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.params import FULL_WEIGHT
from crossvox.scene.tsdf.blocks import BLOCK, CELL

Array = NDArray[Any]

COLOR_SCALE = 256.0
"""Colour means are kept as 16-bit numbers, 256 steps a grey level."""


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
def integrate_blocks(
    depth: Array,
    rgb: Array,
    use_color: bool,
    pixel_from_world: Array,
    voxel_m: float,
    truncation_m: float,
    far_m: float,
    blocks: Array,
    corner: Array,
    tsdf: Array,
    weight: Array,
    color: Array,
    begin: int,
    end: int,
) -> None:
    """Update every voxel of ``blocks`` with the pixel it projects to (nearest).

    ``pixel_from_world (3, 4)`` gives pixels half a pixel too large, so that cutting off rounds.
    """
    one, half = np.float32(1), np.float32(0.5)
    band, far = np.float32(truncation_m), np.float32(far_m)
    inverse_band = one / band
    p = pixel_from_world
    steps = (p[:, :3] * voxel_m).astype(np.float32)
    block_m = voxel_m * BLOCK
    height, width = depth.shape
    readings = depth.reshape(-1)
    shades = rgb.reshape(-1, 3)
    pixel = np.empty(CELL, dtype=np.int32)
    depth_z = np.empty(CELL, dtype=np.float32)
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
        for cell in range(CELL):
            seen_at = pixel[cell]
            if seen_at < 0:
                continue
            d = readings[seen_at]
            distance = d - depth_z[cell]
            # Also skips NaN, which compares as false.
            if not (0 < d <= far and distance >= -band):
                continue
            value = min(one, distance * inverse_band)
            w = weight[block, cell]
            old = tsdf[block, cell]
            tsdf[block, cell] = old + (value - old) / np.float32(w + 1)
            if w < FULL_WEIGHT:
                weight[block, cell] = w + 1
            # Free space in front of a surface has no colour of its own.
            if use_color and distance < band:
                seen = color[block, cell, 3]
                share = one / np.float32(seen + 1)
                for c in range(3):
                    mean = np.float32(color[block, cell, c])
                    new = np.float32(shades[seen_at, c]) * np.float32(COLOR_SCALE)
                    color[block, cell, c] = np.uint16(mean + (new - mean) * share + half)
                if seen < FULL_WEIGHT:
                    color[block, cell, 3] = seen + 1
