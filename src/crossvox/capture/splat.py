"""The kernel of :func:`crossvox.capture.registration.reproject`, row by row.

Rows are worked on in passes without branches, which compile to vector instructions; what few
pixels need (footprints with an open side, writing) comes last, one by one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SAME_SURFACE = 0.05
"""Neighbouring depth pixels that differ by less than this share lie on one surface."""

SMALLEST_DEPTH_M, LARGEST_DEPTH_M = 0.01, 1e4
"""Points outside these depths from the target camera are dropped: nothing real is seen there."""

FAR_AWAY = 2.0**30
"""Beyond this many target pixels to either side it does not matter where a point falls."""


@njit(cache=True, nogil=True, error_model="numpy")
def splat(depth, source, target, matrix, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write every reading over its footprint on the target; the nearest wins.

    Args:
        depth: ``(H, W)`` float32 metres, 0 = no reading.
        source, target: ``(4,)`` float64 fx, fy, cx, cy of the two cameras.
        matrix: ``(4, 4)`` float64, target from source.
        out: ``(H', W')`` float32, receives metres along the target's z, 0 = no reading.
    """
    height, width = depth.shape
    fx, fy, cx, cy = source
    gx, gy, px, py = target
    end_x, end_y = np.float32(out.shape[1]), np.float32(out.shape[0])
    nothing = np.float32(np.inf)
    out[:] = nothing
    turned = np.empty((3, width))
    for axis in range(3):
        for u in range(width):  # number by number: to assign an array takes a second to compile
            turned[axis, u] = matrix[axis, 0] * ((u - cx) / fx)
    # Two rows of target pixels and depths there: this one and the one below, in turns.
    x = np.zeros((2, width), np.float32)
    y = np.zeros((2, width), np.float32)
    z = np.zeros((2, width), np.float32)  # 0 where there is nothing to write
    # Steps on the target to the neighbours; -1: not joined. Entry u of ``beside``: from u - 1 to u.
    beside = np.full((2, width + 1), -1.0, np.float32)
    above = np.full((2, width), -1.0, np.float32)
    below = np.full((2, width), -1.0, np.float32)
    # No footprint grows beyond a few times the cameras' resolution ratio, whatever the noise.
    limit_x, limit_y = np.float32(4.0 * gx / fx + 1.0), np.float32(4.0 * gy / fy + 1.0)
    box = np.empty((4, width), np.int32)
    work = np.empty(width, np.uint8)
    todo = np.empty(width, np.int32)
    _project(depth[0], (0 - cy) / fy, turned, target, matrix, x[0], y[0], z[0])
    for v in range(height):
        here, after = v & 1, 1 - (v & 1)
        xs, ys, zs = x[here], y[here], z[here]
        if v + 1 < height:
            ray_y = (v + 1 - cy) / fy
            _project(depth[v + 1], ray_y, turned, target, matrix, x[after], y[after], z[after])
            _steps(xs, zs, x[after], z[after], below[0])
            _steps(ys, zs, y[after], z[after], below[1])
        else:
            below[:] = -1.0
        _steps(xs[:-1], zs[:-1], xs[1:], zs[1:], beside[0, 1:-1])
        _steps(ys[:-1], zs[:-1], ys[1:], zs[1:], beside[1, 1:-1])
        _boxes(xs, beside[0], above[0], below[0], limit_x, end_x, box[0], box[1])
        _boxes(ys, beside[1], above[1], below[1], limit_y, end_y, box[2], box[3])
        _mark(zs, beside[0], above[0], below[0], box, work)
        count = 0
        for u in range(width):  # collected without branches: which ones nobody could predict
            todo[count] = u
            count += work[u] != 0
        for n in range(count):
            u = todo[n]
            zc = zs[u]
            if work[u] == 2:
                # An open side: there, the derivative of the projection at constant depth.
                scale = depth[v, u] / zc
                xr, yr = (xs[u] - px) / gx, (ys[u] - py) / gy
                k, m = scale / fx, scale / fy
                reach_x = _reach(
                    beside[0, u], beside[0, u + 1], above[0, u], below[0, u], limit_x,
                    gx * k * abs(matrix[0, 0] - xr * matrix[2, 0]),
                    gx * m * abs(matrix[0, 1] - xr * matrix[2, 1]),
                )  # fmt: skip
                reach_y = _reach(
                    beside[1, u], beside[1, u + 1], above[1, u], below[1, u], limit_y,
                    gy * k * abs(matrix[1, 0] - yr * matrix[2, 0]),
                    gy * m * abs(matrix[1, 1] - yr * matrix[2, 1]),
                )  # fmt: skip
                box[0, u], box[1, u] = _ends(xs[u], reach_x, end_x)
                box[2, u], box[3, u] = _ends(ys[u], reach_y, end_y)
            for row in range(box[2, u], box[3, u]):
                for column in range(box[0, u], box[1, u]):
                    out[row, column] = min(out[row, column], zc)
        above, below = below, above
    for row in range(out.shape[0]):
        line = out[row]
        for column in range(len(line)):
            line[column] = line[column] if line[column] < nothing else np.float32(0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _project(  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, ray_y, turned, target, matrix, x, y, z
):
    """Where the readings of one row fall on the target, pixels, and their depth there; 0: none."""
    gx, gy, px, py = target
    base_x = matrix[0, 1] * ray_y + matrix[0, 2]
    base_y = matrix[1, 1] * ray_y + matrix[1, 2]
    base_z = matrix[2, 1] * ray_y + matrix[2, 2]
    shift_x, shift_y, shift_z = matrix[0, 3], matrix[1, 3], matrix[2, 3]
    turned_x, turned_y, turned_z = turned[0], turned[1], turned[2]
    for u in range(len(depth)):
        d = depth[u]
        point_z = d * (turned_z[u] + base_z) + shift_z
        there = (d > 0.0) & (point_z > SMALLEST_DEPTH_M) & (point_z < LARGEST_DEPTH_M)
        at_x = gx * (d * (turned_x[u] + base_x) + shift_x) / point_z + px
        at_y = gy * (d * (turned_y[u] + base_y) + shift_y) / point_z + py
        # Written so that NaN, which a strange camera may give, becomes a bound as well.
        at_x = at_x if at_x > -FAR_AWAY else -FAR_AWAY
        at_y = at_y if at_y > -FAR_AWAY else -FAR_AWAY
        x[u] = at_x if at_x < FAR_AWAY else FAR_AWAY
        y[u] = at_y if at_y < FAR_AWAY else FAR_AWAY
        z[u] = point_z if there else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _steps(at, z, next_at, next_z, step):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Steps to neighbours along one axis of the target, pixels; -1 where the two lie not on one
    surface.

    One axis at a time: loops over more arrays than these are not compiled to vector instructions.
    """
    share = np.float32(SAME_SURFACE)
    apart = np.float32(-1.0)
    for u in range(len(z)):
        joined = (z[u] > 0.0) & (next_z[u] > 0.0) & (abs(next_z[u] - z[u]) <= share * z[u])
        step[u] = abs(next_at[u] - at[u]) if joined else apart


@njit(cache=True, nogil=True, error_model="numpy")
def _boxes(  # type: ignore[no-untyped-def]  # pragma: no cover
    centre, beside, above, below, limit, end, first, last
):
    """First and last target pixel, along one axis, of the footprints between joined neighbours."""
    half = np.float32(0.5)
    left, right = beside[:-1], beside[1:]
    for u in range(len(centre)):
        across, down = max(left[u], right[u]), max(above[u], below[u])
        reach = min(half * (across + down), limit)
        first[u], last[u] = _ends(centre[u], reach, end)


@njit(cache=True, nogil=True, error_model="numpy")
def _mark(z, beside, above, below, box, work):  # type: ignore[no-untyped-def]  # pragma: no cover
    """What is left to do a pixel: 0 nothing, 1 to write its box, 2 to find its box first."""
    left, right = beside[:-1], beside[1:]
    first_x, last_x, first_y, last_y = box[0], box[1], box[2], box[3]
    for u in range(len(z)):
        open_side = min(min(left[u], right[u]), min(above[u], below[u])) < 0.0
        some = (first_x[u] < last_x[u]) & (first_y[u] < last_y[u])
        kind = np.uint8(2) if open_side else np.uint8(some)
        work[u] = kind if z[u] > 0.0 else np.uint8(0)


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(  # type: ignore[no-untyped-def]  # pragma: no cover
    left, right, above, below, limit, across, down
):
    """Half side of the box around a footprint some of whose sides are open (-1)."""
    widest, tallest = float(max(left, right)), float(max(above, below))
    if left < 0.0 or right < 0.0:
        widest = max(widest, across)
    if above < 0.0 or below < 0.0:
        tallest = max(tallest, down)
    return min(np.float32(0.5) * np.float32(widest + tallest), limit)


@njit(cache=True, nogil=True, error_model="numpy")
def _ends(centre, reach, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """First target pixel of a footprint, and the first one after it, along one axis."""
    none = np.float32(0.0)
    first = np.int32(min(max(np.ceil(centre - reach), none), end))
    return first, np.int32(min(max(np.ceil(centre + reach), none), end))
