"""Compiled loops of this room. They release the interpreter lock, so threads share the work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

BORDER_PX = 0.5
"""Slack of the coarse frustum test, pixels: it may let too much through, never too little."""

SLACK_M = 1e-6
"""Slack of the coarse depth test, metres."""


@njit(cache=True, nogil=True)
def line_ranges(  # type: ignore[no-untyped-def]
    camera_from_grid, shape, x_range, y_range, fx, fy, cx, cy, width, height, near_m, far_m
):
    """For each line of voxels along z, the part that may lie in the frustum.

    Along a line the camera coordinates are linear in k, and so is every bound once it is
    multiplied by the depth: the part inside is one interval.

    Args:
        camera_from_grid: ``(4, 4)`` grid coordinates to metres in the camera frame.
        shape: voxels along x, y, z.
        x_range, y_range: first and past-the-last line along x and y.
        fx, fy, cx, cy, width, height: the camera.
        near_m, far_m: depths between which voxel centres matter; ``near_m > 0``.

    Returns:
        ``(lines, 2)`` int64 first and past-the-last k, and their total.
    """
    m = camera_from_grid
    z_count = shape[2]
    lines = max(0, x_range[1] - x_range[0]) * max(0, y_range[1] - y_range[0])
    ranges = np.zeros((lines, 2), np.int64)
    bounds = np.empty((6, 2), np.float64)
    total = 0
    line = 0
    left, right = -0.5 - BORDER_PX, width - 0.5 + BORDER_PX
    top, bottom = -0.5 - BORDER_PX, height - 0.5 + BORDER_PX
    for i in range(x_range[0], x_range[1]):
        for j in range(y_range[0], y_range[1]):
            ax = m[0, 0] * i + m[0, 1] * j + m[0, 3]
            ay = m[1, 0] * i + m[1, 1] * j + m[1, 3]
            az = m[2, 0] * i + m[2, 1] * j + m[2, 3]
            bx, by, bz = m[0, 2], m[1, 2], m[2, 2]
            # Each row (a, b) says: a + b k >= 0.
            bounds[0, 0], bounds[0, 1] = az - (near_m - SLACK_M), bz
            bounds[1, 0], bounds[1, 1] = (far_m + SLACK_M) - az, -bz
            bounds[2, 0], bounds[2, 1] = fx * ax + (cx - left) * az, fx * bx + (cx - left) * bz
            bounds[3, 0], bounds[3, 1] = (right - cx) * az - fx * ax, (right - cx) * bz - fx * bx
            bounds[4, 0], bounds[4, 1] = fy * ay + (cy - top) * az, fy * by + (cy - top) * bz
            bounds[5, 0], bounds[5, 1] = (bottom - cy) * az - fy * ay, (bottom - cy) * bz - fy * by
            low, high = 0.0, z_count - 1.0
            for n in range(6):
                a, b = bounds[n, 0], bounds[n, 1]
                if b > 0:
                    low = max(low, -a / b)
                elif b < 0:
                    high = min(high, -a / b)
                elif a < 0:
                    high = -1.0
            if low <= high + 1:
                first = int(np.floor(low))
                past = min(z_count, int(np.ceil(high)) + 1)
                if first < past:
                    ranges[line, 0], ranges[line, 1] = first, past
                    total += past - first
            line += 1
    return ranges, total


@njit(cache=True, nogil=True)
def visible_on_lines(  # type: ignore[no-untyped-def]
    camera_from_grid,
    shape,
    x_range,
    y_range,
    ranges,
    total,
    depth_m,
    fx,
    fy,
    cx,
    cy,
    near_m,
    far_m,
    tolerance_m,
):
    """The visibility rule, for the voxels that :func:`line_ranges` lets through.

    Returns:
        ``voxel``, ``pixel``: int32 arrays of one length, voxels rising.
    """
    m = camera_from_grid
    height, width = depth_m.shape
    voxel = np.empty(total, np.int32)
    pixel = np.empty(total, np.int32)
    bx, by, bz = m[0, 2], m[1, 2], m[2, 2]
    found = 0
    line = 0
    for i in range(x_range[0], x_range[1]):
        for j in range(y_range[0], y_range[1]):
            ax = m[0, 0] * i + m[0, 1] * j + m[0, 3]
            ay = m[1, 0] * i + m[1, 1] * j + m[1, 3]
            az = m[2, 0] * i + m[2, 1] * j + m[2, 3]
            base = (i * shape[1] + j) * shape[2]
            for k in range(ranges[line, 0], ranges[line, 1]):
                z = az + bz * k
                if z <= 0:
                    continue
                # np.rint rounds halves to even.
                u = np.rint(fx * (ax + bx * k) / z + cx)
                v = np.rint(fy * (ay + by * k) / z + cy)
                if not (0 <= u < width and 0 <= v < height):
                    continue
                column, row = int(u), int(v)
                depth = np.float64(depth_m[row, column])
                if near_m <= depth <= far_m and abs(depth - z) <= tolerance_m:
                    voxel[found] = base + k
                    pixel[found] = row * width + column
                    found += 1
            line += 1
    return voxel[:found].copy(), pixel[:found].copy()


@njit(cache=True, nogil=True)
def depth_range(depth_m, near_m, far_m):  # type: ignore[no-untyped-def]
    """Smallest and largest depth within ``[near_m, far_m]``, or ``(inf, -inf)``."""
    low, high = np.inf, -np.inf
    for row in range(depth_m.shape[0]):
        for column in range(depth_m.shape[1]):
            depth = np.float64(depth_m[row, column])
            if near_m <= depth <= far_m:
                low = min(low, depth)
                high = max(high, depth)
    return low, high


@njit(cache=True, nogil=True)
def _first_not_below(values, low, high, bound):  # type: ignore[no-untyped-def]
    """First position in ``values[low:high]`` (rising) that holds at least ``bound``."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def box_pairs(  # type: ignore[no-untyped-def]
    voxel, begin, end, scene_shape, corner, shape, out_voxel, out_place, found
):
    """Cut a box out of one frame's voxel list.

    A row of voxels along z is one interval of linear numbers, so rising voxels make two binary
    searches a row enough.

    Args:
        voxel: rising linear voxel numbers of all frames.
        begin, end: the frame's part of ``voxel``.
        scene_shape: voxels of the scene.
        corner, shape: the box; it may hang out of the scene.
        out_voxel: takes linear numbers in the box.
        out_place: takes positions in ``voxel``; may be empty, then it is not filled.
        found: how many both hold already.

    Returns:
        How many they hold now.
    """
    x0, x1 = max(corner[0], 0), min(corner[0] + shape[0], scene_shape[0])
    y0, y1 = max(corner[1], 0), min(corner[1] + shape[1], scene_shape[1])
    z0, z1 = max(corner[2], 0), min(corner[2] + shape[2], scene_shape[2])
    if x0 >= x1 or y0 >= y1 or z0 >= z1:
        return found
    plane = scene_shape[1] * scene_shape[2]
    end = _first_not_below(voxel, begin, end, x1 * plane)
    place = _first_not_below(voxel, begin, end, x0 * plane)
    with_places = len(out_place) > 0
    for i in range(x0, x1):
        first = i * plane + y0 * scene_shape[2]
        place = _first_not_below(voxel, place, end, first)
        past = i * plane + y1 * scene_shape[2]
        while place < end and voxel[place] < past:
            rest = voxel[place] - i * plane
            j = rest // scene_shape[2]
            k = rest - j * scene_shape[2]
            if z0 <= k < z1:
                out_voxel[found] = ((i - corner[0]) * shape[1] + (j - corner[1])) * shape[2] + (
                    k - corner[2]
                )
                if with_places:
                    out_place[found] = place
                found += 1
            place += 1
    return found


@njit(cache=True, nogil=True)
def _best_frame(state, local, local_start, bound):  # type: ignore[no-untyped-def]
    """The frame that adds most voxels of state 1, and how many; -1 if none adds any.

    ``bound`` holds at least what a frame can add, and exactly that for frames counted here.
    """
    best, best_gain = -1, 0
    for f in range(len(bound)):
        if bound[f] <= best_gain:
            continue
        gain = 0
        for place in range(local_start[f], local_start[f + 1]):
            gain += state[local[place]]
        bound[f] = gain
        if gain > best_gain:
            best, best_gain = f, gain
    return best, best_gain


@njit(cache=True, nogil=True)
def greedy_cover(  # type: ignore[no-untyped-def]
    voxel, start, scene_shape, corners, shape, max_views, chosen, gains, covered, visible
):
    """Greedy maximum cover of many boxes, one after the other.

    Gains only shrink while views are taken, so a frame whose last known gain does not beat the
    best of this round need not be counted again: that skips most of the work and nothing else.

    Args:
        voxel, start: the ragged table of visible voxels.
        scene_shape: voxels of the scene.
        corners: ``(n, 3)`` first voxels of the boxes.
        shape: voxels of a box.
        max_views: views to take at most.
        chosen, gains: ``(n, max_views)`` int64, filled; -1 and 0 where no view was taken.
        covered, visible: ``(n,)`` int64, filled: voxels that the chosen, and that all frames see.
    """
    frames = len(start) - 1
    count = shape[0] * shape[1] * shape[2]
    state = np.empty(count, np.uint8)
    local_start = np.empty(frames + 1, np.int64)
    bound = np.empty(frames, np.int64)
    local = np.empty(1 << 16, np.int32)
    no_places = np.empty(0, np.int64)
    for n in range(len(corners)):
        found = 0
        for f in range(frames):
            local_start[f] = found
            room = min(count, start[f + 1] - start[f])
            if found + room > len(local):
                grown = np.empty(max(2 * len(local), found + room), np.int32)
                grown[:found] = local[:found]
                local = grown
            found = box_pairs(
                voxel, start[f], start[f + 1], scene_shape, corners[n], shape, local, no_places,
                found,
            )  # fmt: skip
            bound[f] = found - local_start[f]
        local_start[frames] = found
        state[:] = 0
        seen = 0
        for place in range(found):
            if state[local[place]] == 0:
                state[local[place]] = 1
                seen += 1
        visible[n] = seen
        covered[n] = 0
        for view in range(max_views):
            best, best_gain = _best_frame(state, local, local_start, bound)
            if best < 0:
                break
            chosen[n, view], gains[n, view] = best, best_gain
            covered[n] += best_gain
            bound[best] = 0
            for place in range(local_start[best], local_start[best + 1]):
                state[local[place]] = 0


@njit(cache=True, nogil=True)
def cut_pairs(voxel, pixel, start, scene_shape, corner, shape, frames):  # type: ignore[no-untyped-def]
    """Voxel-pixel pairs of one box for some frames; frame n becomes view n.

    Returns:
        ``voxel`` (in the box), ``pixel``, ``view``: int64 arrays of one length.
    """
    count = shape[0] * shape[1] * shape[2]
    room = 0
    for view in range(len(frames)):
        room += min(count, start[frames[view] + 1] - start[frames[view]])
    local = np.empty(room, np.int32)
    place = np.empty(max(room, 1), np.int64)
    slot = np.empty(room, np.int64)
    found = 0
    for view in range(len(frames)):
        before = found
        found = box_pairs(
            voxel, start[frames[view]], start[frames[view] + 1], scene_shape, corner, shape, local,
            place, found,
        )  # fmt: skip
        slot[before:found] = view
    out_pixel = np.empty(found, np.int64)
    for n in range(found):
        out_pixel[n] = pixel[place[n]]
    return local[:found].astype(np.int64), out_pixel, slot[:found].copy()
