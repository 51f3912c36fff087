"""Points of one frame seen from another, and how far from the surface there they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

SAME_SURFACE = 0.06
"""Neighbouring readings that differ by less than this share of depth lie on one surface."""


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _depth_at(depth: Array, u: float, v: float) -> float:
    """Depth between pixel centres; the nearest reading where the four are not of one surface."""
    height, width = depth.shape
    column, row = int(np.floor(u)), int(np.floor(v))
    right, below = min(column + 1, width - 1), min(row + 1, height - 1)
    column, row = max(column, 0), max(row, 0)
    a, b = depth[row, column], depth[row, right]
    c, d = depth[below, column], depth[below, right]
    low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
    s, t = u - column, v - row
    if low > 0 and high - low < SAME_SURFACE * low:
        return (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d)
    if t < 0.5:
        return a if s < 0.5 else b
    return c if s < 0.5 else d


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _moved(point: Array, camera: Array, along_ray: bool, move: Array) -> tuple[float, float, float]:
    """A pixel with its depth as a point of another frame's camera."""
    x, y, z = (point[0] - camera[2]) / camera[0], (point[1] - camera[3]) / camera[1], point[2]
    if along_ray:
        z /= np.sqrt(x * x + y * y + 1)
    x *= z
    y *= z
    return (
        move[0, 0] * x + move[0, 1] * y + move[0, 2] * z + move[0, 3],
        move[1, 0] * x + move[1, 1] * y + move[1, 2] * z + move[1, 3],
        move[2, 0] * x + move[2, 1] * y + move[2, 2] * z + move[2, 3],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def compare(
    points: Array,
    counts: Array,
    depths: Array,
    pairs: Array,
    moves: Array,
    camera: Array,
    along_ray: bool,
    every: int,
    out: Array,
) -> None:
    """How far points of frames lie from the surfaces of others.

    Args:
        points: ``(F, K, 3)`` pixel u, v and depth of each frame.
        counts: ``(F,)`` how many of the K there are.
        depths: ``(F, H, W)`` depth images, 0 = no reading.
        pairs: ``(P, 2)`` frames: whose points, and whose depth they are held against.
        moves: ``(P, 3, 4)`` from the first frame's camera to the second's, in units of depth.
        camera: ``(4,)`` fx, fy, cx, cy; fx may be negative where images are mirrored.
        along_ray: depth is the distance from the camera's centre instead of z.
        every: take every n-th point.
        out: ``(P, K, 2)`` depth there minus the point's, and depth there; NaN, 0 where nothing was
            read there; NaN, -1 outside of the image, or behind the camera.
    """
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    height, width = depths.shape[1], depths.shape[2]
    for p in range(len(pairs)):
        a, b = pairs[p, 0], pairs[p, 1]
        for k in range(0, counts[a], every):
            px, py, pz = _moved(points[a, k], camera, along_ray, moves[p])
            out[p, k, 0] = np.nan
            out[p, k, 1] = -1
            if not pz > 1e-6:
                continue
            u = fx * px / pz + cx
            v = fy * py / pz + cy
            if not (-0.5 < u < width - 0.5 and -0.5 < v < height - 0.5):
                continue
            there = _depth_at(depths[b], u, v)
            out[p, k, 1] = there
            if there > 0:
                out[p, k, 0] = there - (np.sqrt(px * px + py * py + pz * pz) if along_ray else pz)


@njit(cache=True, nogil=True, error_model="numpy")
def losses(
    points: Array,
    counts: Array,
    depths: Array,
    pairs: Array,
    moves: Array,
    camera: Array,
    along_ray: bool,
    every: int,
    tolerance: float,
    out: Array,
) -> None:
    """Mean distance of each pair, relative to depth and cut off: ``out (P, 2)``.

    Arguments as :func:`compare`, with ``tolerance``: the share of depth from which distances count
    as 1. ``out`` also tells the share of points that fall on readings.
    """
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    height, width = depths.shape[1], depths.shape[2]
    for p in range(len(pairs)):
        a, b = pairs[p, 0], pairs[p, 1]
        total, hits, tried = 0.0, 0, 0
        for k in range(0, counts[a], every):
            tried += 1
            px, py, pz = _moved(points[a, k], camera, along_ray, moves[p])
            if not pz > 1e-6:
                continue
            u = fx * px / pz + cx
            v = fy * py / pz + cy
            if not (-0.5 < u < width - 0.5 and -0.5 < v < height - 0.5):
                continue
            there = _depth_at(depths[b], u, v)
            if there > 0:
                seen = np.sqrt(px * px + py * py + pz * pz) if along_ray else pz
                total += min(abs(there - seen) / (tolerance * there), 1.0)
                hits += 1
        out[p, 0] = total / hits if hits else 1.0
        out[p, 1] = hits / tried if tried else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def losses_up_to(
    points: Array,
    counts: Array,
    depths: Array,
    pairs: Array,
    moves: Array,
    camera: Array,
    along_ray: bool,
    every: int,
    tolerance: float,
    seen: float,
    most: float,
    out: Array,
) -> bool:
    """:func:`losses`, pair after pair, until it is clear that they add up to more than ``most``.

    Arguments as there, with ``seen``: pairs with a smaller share of points on readings count as 1.

    Returns:
        Whether all pairs were looked at.
    """
    total = 0.0
    for p in range(len(pairs)):
        one = slice(p, p + 1)
        losses(
            points, counts, depths, pairs[one], moves[one], camera, along_ray, every, tolerance,
            out[one],
        )  # fmt: skip
        total += out[p, 0] if out[p, 1] >= seen else 1.0
        if total > most:
            return False
    return True
