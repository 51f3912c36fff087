"""Which blocks the bands around depth readings pass through: rays walked block by block."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.tsdf.blocks import FREE, KEY_BITS, KEY_HALF, key_of, slot_of

Array = NDArray[Any]

PARTS = 8
"""Parts an image is cut into when blocks are looked for; independent of the number of cores."""

SPACING = 0.25
"""Largest distance between rays that are followed to find blocks, as a share of a block."""

WIDEST = 8
"""Pixels along the edge of the largest square of which one stands for the others."""

FULL, OUT_OF_RANGE = -1, -2
"""What a walk reports instead of a count: no room for more blocks, a reading too far out."""


# Readings are compared by their bits as whole numbers: those of positive floats are in their order,
# of negative ones below 0, of NaN above all. So the smallest and the largest take no branch and run
# in SIMD.


@njit(cache=True, nogil=True)
def _farthest(bits: Array, first_row: int, end_row: int, far: int, column: Array) -> int:
    """Bits of the largest reading up to ``far`` in these rows; 0 where there is none."""
    column[:] = 0
    for v in range(first_row, end_row):
        row = bits[v]
        for u in range(len(row)):
            d = row[u] if row[u] <= far else np.int32(0)
            column[u] = d if d > column[u] else column[u]
    return column.max()


@njit(cache=True, nogil=True)
def _extremes(
    bits: Array, top: int, bottom: int, far: int, nearest: Array, farthest: Array
) -> None:
    """Bits of the smallest reading of every column between two rows, less 1 (uint32), and of the
    largest (int32), up to ``far``; where there is none, the latter is 0."""
    nearest[:] = np.uint32(0xFFFFFFFF)
    farthest[:] = 0
    for v in range(top, bottom):
        row = bits[v]
        for u in range(len(row)):
            # Less 1, so that 0 is above all others, as negative numbers are without their sign.
            low = np.uint32(row[u] - np.int32(1))
            high = row[u] if row[u] <= far else np.int32(0)
            nearest[u] = low if low < nearest[u] else nearest[u]
            farthest[u] = high if high > farthest[u] else farthest[u]


@njit(cache=True, nogil=True)
def _readings_of_tiles(
    depth: Array,
    bits: Array,
    far: Any,
    same_m: float,
    top: int,
    bottom: int,
    stride: int,
    columns: Array,
    pixels: Array,
    readings: Array,
) -> int:
    """The readings to follow in a row of square tiles: in each one for all of about its depth.

    Args:
        depth: ``(H, W)`` metres.
        bits: the same as int32.
        far: ``(1,)`` farthest reading.
        same_m: two readings this far apart are told apart.
        top, bottom, stride: the tiles' pixel rows, and how wide they are.
        columns: ``(2, W)`` int32, room to work in.
        pixels: ``(2, N)`` int32, receives the readings' ``u`` and ``v``.
        readings: ``(N,)`` float32, receives their depths.

    Returns:
        How many there are.
    """
    width = depth.shape[1]
    smallest, largest = columns[0].view(np.uint32), columns[1]
    _extremes(bits, top, bottom, far.view(np.int32)[0], smallest, largest)
    both = np.empty(2, dtype=np.int32)
    count = 0
    for left in range(0, width, stride):
        right = min(left + stride, width)
        low, high = smallest[left], largest[left]
        for u in range(left + 1, right):
            low, high = min(low, smallest[u]), max(high, largest[u])
        both[0], both[1] = low + 1, high
        nearest, farthest = both.view(np.float32)
        if farthest == 0:
            continue
        alike = farthest - nearest < same_m
        followed = np.float32(-np.inf)
        for v in range(top, bottom):
            for u in range(left, right):
                d = depth[v, u]
                if not 0 < d <= far[0] or abs(d - followed) < same_m:
                    continue
                followed = d
                pixels[0, count], pixels[1, count], readings[count] = u, v, d
                count += 1
                if alike:
                    break
            if alike and followed > 0:
                break
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _bands(
    count: int,
    pixels: Array,
    readings: Array,
    camera: Array,
    world_from_camera: Array,
    truncation_m: float,
    per_m: float,
    rays: Array,
) -> bool:
    """Where the bands about readings begin, in units of blocks, and which way they go.

    ``rays (13, N)`` receives the begin, the way for every metre of depth (rows 0 to 5) and the
    length in metres of depth (row 6). Returns whether all of them lie where blocks can be named.
    """
    fx, fy, cx, cy = camera
    r, t = world_from_camera[:3, :3], world_from_camera[:3, 3] * per_m
    r00, r01, r02 = r[0, 0], r[0, 1], r[0, 2]
    r10, r11, r12 = r[1, 0], r[1, 1], r[1, 2]
    r20, r21, r22 = r[2, 0], r[2, 1], r[2, 2]
    t0, t1, t2 = t[0], t[1], t[2]
    limit = float(KEY_HALF - 2)
    outside = 0
    for n in range(count):
        cu, cv = (pixels[0, n] - cx) / fx, (pixels[1, n] - cy) / fy
        d = np.float64(readings[n])
        rx = (r00 * cu + r01 * cv + r02) * per_m
        ry = (r10 * cu + r11 * cv + r12) * per_m
        rz = (r20 * cu + r21 * cv + r22) * per_m
        before = d - truncation_m
        near = before if before > 0 else 0.0
        length = d + truncation_m - near
        bx, by, bz = t0 + near * rx, t1 + near * ry, t2 + near * rz
        ex, ey, ez = bx + length * rx, by + length * ry, bz + length * rz
        # Written so that a NaN is outside.
        inside = (abs(bx) < limit) & (abs(by) < limit) & (abs(bz) < limit)
        inside &= (abs(ex) < limit) & (abs(ey) < limit) & (abs(ez) < limit)
        outside += not inside
        rays[0, n], rays[1, n], rays[2, n] = bx, by, bz
        rays[3, n], rays[4, n], rays[5, n] = rx, ry, rz
        rays[6, n] = length
    return outside == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _walls(count: int, rays: Array, first: Array) -> None:
    """Along every axis of the rays: how far to the first wall of a block, and between walls.

    Both are metres of depth and go to rows 7 to 12 of ``rays``; ``first (3, N)`` int32 receives
    the block in which each ray begins.
    """
    none = np.inf
    for axis in range(3):
        for n in range(count):
            start, rate = rays[axis, n], rays[3 + axis, n]
            block = np.floor(start)
            first[axis, n] = np.int32(block)
            ahead = block + 1 - start if rate > 0 else block - start
            rays[7 + axis, n] = ahead / rate if rate != 0 else none
            rays[10 + axis, n] = abs(1 / rate) if rate != 0 else none


@njit(cache=True, nogil=True)
def _walk(
    rays: Array, n: int, key: int, last: int, seen: Array, found: Array, count: int
) -> tuple[int, int]:
    """Collect the blocks along a ray that begins in the block ``key``.

    Returns:
        The last block's key, and how many blocks are found by now; :data:`FULL` where there is no
        room for another.
    """
    step_x = (1 if rays[3, n] > 0 else -1) << (2 * KEY_BITS)
    step_y = (1 if rays[4, n] > 0 else -1) << KEY_BITS
    step_z = 1 if rays[5, n] > 0 else -1
    length = rays[6, n]
    to_x, to_y, to_z = rays[7, n], rays[8, n], rays[9, n]
    wall_x, wall_y, wall_z = rays[10, n], rays[11, n], rays[12, n]
    while True:
        if key != last:
            last = key
            slot = slot_of(key, seen)
            if seen[slot] == FREE:
                if count == len(found):
                    return last, FULL
                seen[slot] = key
                found[count] = key
                count += 1
        # Selected, not branched on: which wall comes next cannot be foretold.
        along_x = (to_x <= to_y) & (to_x <= to_z)
        along_y = (not along_x) & (to_y <= to_z)
        following = to_y if along_y else to_z
        following = to_x if along_x else following
        if following > length:
            return last, count
        step = step_y if along_y else step_z
        key += step_x if along_x else step
        to_x += wall_x if along_x else 0.0
        to_y += wall_y if along_y else 0.0
        to_z += 0.0 if along_x | along_y else wall_z


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
    far, bits = np.array([far_m], dtype=np.float32), depth.view(np.int32)
    same_m: Any = np.float32(SPACING * block_m)
    columns = np.empty((2, width), dtype=np.int32)
    room = width * WIDEST
    pixels, first = np.empty((2, room), dtype=np.int32), np.empty((3, room), dtype=np.int32)
    readings, rays = np.empty(room, dtype=np.float32), np.empty((13, room))
    for part in range(begin, end):
        first_row, end_row = part * height // parts, (part + 1) * height // parts
        counts[part] = 0
        columns[1, 0] = _farthest(bits, first_row, end_row, far.view(np.int32)[0], columns[0])
        farthest = columns[1].view(np.float32)[0]
        if farthest <= 0:
            continue
        spacing = farthest / min(camera[0], camera[1])
        stride = int(min(float(WIDEST), max(1.0, SPACING * block_m / spacing)))
        seen[part, :] = FREE
        last = -1
        count = 0
        for top in range(first_row, end_row, stride):
            bottom = min(top + stride, end_row)
            here = _readings_of_tiles(
                depth, bits, far, same_m, top, bottom, stride, columns, pixels, readings
            )
            if not _bands(
                here, pixels, readings, camera, world_from_camera, truncation_m, 1 / block_m, rays
            ):
                count = OUT_OF_RANGE
                break
            _walls(here, rays, first)
            for n in range(here):
                key = key_of(first[0, n], first[1, n], first[2, n])
                last, count = _walk(rays, n, key, last, seen[part], found[part], count)
                if count < 0:
                    break
            if count < 0:
                break
        counts[part] = count
