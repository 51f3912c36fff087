"""Which blocks the bands around depth readings pass through: rays walked block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.tsdf.blocks import FREE, KEY_HALF, key_of, slot_of

Array = NDArray[Any]

PARTS = 8
"""Parts an image is cut into when blocks are looked for; independent of the number of cores."""

SPACING = 0.25
"""Largest distance between rays that are followed to find blocks, as a share of a block."""

FULL, OUT_OF_RANGE = -1, -2
"""What a walk reports instead of a count: no room for more blocks, a reading too far out."""


@njit(cache=True, nogil=True)
def _walls(start: float, rate: float, block: int) -> tuple[float, float, int]:
    """Along one axis of a ray: how far to the next wall, how far from wall to wall, which way."""
    if rate > 0:
        return (block + 1 - start) / rate, 1 / rate, 1
    if rate < 0:
        return (block - start) / rate, -1 / rate, -1
    return np.inf, np.inf, 0


@njit(cache=True, nogil=True)
def _walk(
    start: tuple[float, float, float],
    rate: tuple[float, float, float],
    length: float,
    last: int,
    seen: Array,
    found: Array,
    count: int,
) -> tuple[int, int]:
    """Collect the blocks along a ray of ``length`` from ``start``, in units of blocks.

    Returns:
        The last block's key, and how many blocks are found by now; :data:`FULL` where there is no
        room for another.
    """
    x, y, z = int(np.floor(start[0])), int(np.floor(start[1])), int(np.floor(start[2]))
    # Depth at which the ray leaves the block along each axis, and between walls.
    to_x, wall_x, step_x = _walls(start[0], rate[0], x)
    to_y, wall_y, step_y = _walls(start[1], rate[1], y)
    to_z, wall_z, step_z = _walls(start[2], rate[2], z)
    while True:
        key = key_of(x, y, z)
        if key != last:
            last = key
            slot = slot_of(key, seen)
            if seen[slot] == FREE:
                if count == len(found):
                    return last, FULL
                seen[slot] = key
                found[count] = key
                count += 1
        if min(to_x, to_y, to_z) > length:
            return last, count
        if to_x <= to_y and to_x <= to_z:
            x += step_x
            to_x += wall_x
        elif to_y <= to_z:
            y += step_y
            to_y += wall_y
        else:
            z += step_z
            to_z += wall_z


@njit(cache=True, nogil=True)
def _touch_tiles(
    depth: Array,
    camera: Array,
    world_from_camera: Array,
    band: tuple[float, float, float, float],
    top: int,
    bottom: int,
    stride: int,
    last: int,
    seen: Array,
    found: Array,
    count: int,
) -> tuple[int, int]:
    """Follow the readings of a row of square tiles, in each one for all of about its depth.

    ``band`` is half the band's width, the farthest depth, the depth from which two readings are
    told apart, all in metres, and blocks a metre; the tiles' pixel rows run from ``top`` to
    ``bottom``. Returns as :func:`_walk`, or :data:`OUT_OF_RANGE` for the count.
    """
    width = depth.shape[1]
    fx, fy, cx, cy = camera
    r, t = world_from_camera[:3, :3], world_from_camera[:3, 3]
    truncation_m, per_m = band[0], band[3]
    far, same_m = np.float32(band[1]), np.float32(band[2])
    limit = float(KEY_HALF - 2)
    for left in range(0, width, stride):
        followed = np.float32(-np.inf)
        for v in range(top, bottom):
            for u in range(left, min(left + stride, width)):
                d = depth[v, u]
                if not 0 < d <= far:
                    continue
                if abs(d - followed) < same_m:
                    continue
                followed = d
                cu, cv = (u - cx) / fx, (v - cy) / fy
                rx = (r[0, 0] * cu + r[0, 1] * cv + r[0, 2]) * per_m
                ry = (r[1, 0] * cu + r[1, 1] * cv + r[1, 2]) * per_m
                rz = (r[2, 0] * cu + r[2, 1] * cv + r[2, 2]) * per_m
                near = max(d - truncation_m, 0.0)
                bx = t[0] * per_m + near * rx
                by = t[1] * per_m + near * ry
                bz = t[2] * per_m + near * rz
                length = d + truncation_m - near
                reach = max(abs(bx + length * rx), abs(by + length * ry), abs(bz + length * rz))
                if not max(abs(bx), abs(by), abs(bz), reach) < limit:
                    return last, OUT_OF_RANGE
                last, count = _walk((bx, by, bz), (rx, ry, rz), length, last, seen, found, count)
                if count < 0:
                    return last, count
    return last, count


@njit(cache=True, nogil=True)
def touch(
    depth: Array,
    camera: Array,
    world_from_camera: Array,
    block_m: float,
    truncation_m: float,
    far_m: float,
    seen: Array,
    found: Array,
    counts: Array,
    begin: int,
    end: int,
) -> None:
    """Collect the blocks that the bands around the readings pass through, in parts of the image.

    One pixel of a small square stands for the others of about its depth: rays that are much
    closer than a block touch the same ones. Pixels at another depth (a thin chair leg) are
    followed one by one.

    ``counts`` receives the number of blocks of every part; -1: ``found`` is full, -2: a reading is
    out of range. A block may be found by several parts.
    """
    height, width = depth.shape
    parts = len(counts)
    band = (truncation_m, far_m, SPACING * block_m, 1 / block_m)
    for part in range(begin, end):
        first_row, end_row = part * height // parts, (part + 1) * height // parts
        far = np.float32(far_m)
        farthest = np.float32(0)
        for v in range(first_row, end_row):
            for u in range(width):
                d = depth[v, u]
                farthest = max(farthest, d if d <= far else np.float32(0))
        if farthest <= 0:
            counts[part] = 0
            continue
        spacing = farthest / min(camera[0], camera[1])
        stride = int(min(8.0, max(1.0, SPACING * block_m / spacing)))
        seen[part, :] = FREE
        last = -1
        count = 0
        for top in range(first_row, end_row, stride):
            last, count = _touch_tiles(
                depth,
                camera,
                world_from_camera,
                band,
                top,
                min(top + stride, end_row),
                stride,
                last,
                seen[part],
                found[part],
                count,
            )
            if count < 0:
                break
        counts[part] = count
