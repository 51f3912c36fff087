"""What depth tells an image network: how near, how high, how flat: three planes beside colours.

Raw depth changes with where the camera stands; what a thing is does not. After Gupta et al. 2014
("Learning Rich Features from RGB-D Images") a pixel is told by the inverse of its depth, its height
over the lowest surface in sight, and the angle of its surface with gravity. Each is stored in one
byte, so that six planes of bytes hold all that a network reads of a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ShapeError, expect

PLANES = ("inverse depth", "height", "cosine")
"""Inverse depth, 1/m; height over the lowest surface of the frame, m; cosine of the angle between
the surface's normal and up (1: floor, 0: wall, -1: ceiling)."""

LOW = (0.0, 0.0, -1.0)
HIGH = (2.0, 3.5, 1.0)
"""What the codes 1 and 255 mean, by plane; what lies beyond is cut. Code 0: nothing is known."""

MEAN = (0.5, 1.0, 0.1)
DEVIATION = (0.25, 0.8, 0.65)
"""By plane, how values are normalised: round figures near mean and deviation of NYU Depth v2."""

REACH = 6 / 320
"""How far to either side a surface is looked at for its normal, as a share of the image's width."""

LOWEST_PERCENT = 1.0
"""The lowest surface is the height that so few readings lie below."""

_ALIGNED_DEG = (45.0, 45.0, 45.0, 15.0, 15.0, 15.0, 15.0)
"""How far a surface may be from flat or upright to count for gravity, step by step."""

Planes = NDArray[np.uint8]


def geometry_planes(
    depth_m: NDArray[np.float32], camera: Intrinsics, up: NDArray[np.float64] | None = None
) -> Planes:
    """The three planes of a depth image, coded.

    Args:
        depth_m: ``(H, W)`` metres along the camera's axis, 0 = no reading.
        camera: of the image.
        up: ``(3,)`` unit vector that points up, in the camera's axes (x right, y down, z forward);
            None finds it from the surfaces in sight (:func:`up_in_sight`).

    Returns:
        ``(3, H, W)`` uint8, see :data:`PLANES`, :data:`LOW` and :data:`HIGH`; all 0 where there is
        no reading, the cosine alone 0 where a normal cannot be told.

    Raises:
        ShapeError: the image does not have the camera's size.
    """
    expect(
        depth_m.shape == (camera.height, camera.width),
        given=f"depth of shape {depth_m.shape} for a camera of {camera.width}x{camera.height}",
        needed="an image of the camera's size",
        do="resize the camera together with its image",
        error=ShapeError,
    )
    points = np.empty((*depth_m.shape, 3), np.float32)
    fx, fy, cx, cy = (np.float32(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
    _unproject(np.ascontiguousarray(depth_m, np.float32), fx, fy, cx, cy, points)
    reach = max(1, round(REACH * camera.width))
    normals = np.empty_like(points)
    _normals(points, reach, max(1, reach // 2), normals)
    if up is None:
        up = up_in_sight(normals)
    # Code 0 stays where nothing is known: cuts go from 1 to 255.
    out = np.zeros((3, *depth_m.shape), np.uint8)
    heights = points @ up.astype(np.float32)
    known = depth_m > 0
    if not known.any():
        return out
    lowest = np.float32(np.percentile(heights[known], LOWEST_PERCENT))
    _code(depth_m, heights - lowest, normals, up.astype(np.float32), out)
    return out


def normalised_plane(number: int) -> tuple[float, float]:
    """Factor and offset from codes above 0 to normalised values, of one of :data:`PLANES`."""
    step = (HIGH[number] - LOW[number]) / 254
    factor = step / DEVIATION[number]
    return factor, (LOW[number] - step - MEAN[number]) / DEVIATION[number]


def up_in_sight(normals: NDArray[np.float32]) -> NDArray[np.float64]:
    """The direction that most surfaces in sight are either square to or along: up.

    After Gupta et al. 2013 ("Perceptual Organization and Recognition of Indoor Scenes from RGB-D
    Images"): from the camera's own up (0, -1, 0), surfaces within some angle of flat or of upright
    are taken, and the direction that fits both best is taken in its place.

    Args:
        normals: ``(H, W, 3)`` unit vectors towards the camera; 0 where unknown.

    Returns:
        ``(3,)`` float64 unit vector in the camera's axes.
    """
    sample = normals[::4, ::4].reshape(-1, 3).astype(np.float64)
    sample = sample[np.any(sample != 0, axis=1)]
    up = np.array([0.0, -1.0, 0.0])
    for angle in np.radians(_ALIGNED_DEG):
        along = sample @ up
        flat, upright = np.abs(along) > np.cos(angle), np.abs(along) < np.sin(angle)
        if not flat.any() and not upright.any():
            break
        spread = sample[upright].T @ sample[upright] - sample[flat].T @ sample[flat]
        best = np.linalg.eigh(spread)[1][:, 0]
        up = best if best @ up >= 0 else -best
    return up


@njit(cache=True, nogil=True)
def _unproject(depth: Any, fx: Any, fy: Any, cx: Any, cy: Any, out: Any) -> None:
    height, width = depth.shape
    for v in range(height):
        y = (np.float32(v) - cy) / fy
        for u in range(width):
            d = depth[v, u]
            out[v, u, 0] = (np.float32(u) - cx) / fx * d
            out[v, u, 1] = y * d
            out[v, u, 2] = d


@njit(cache=True, nogil=True)
def _box_means(points: Any, radius: int, out: Any) -> None:
    """Means of the readings within ``2 radius + 1`` pixels squared; z is 0 where there are none."""
    height, width, _ = points.shape
    sums = np.zeros((width, 4), np.float64)
    for v in range(-radius, height):
        for new, sign in ((v + radius, 1.0), (v - radius - 1, -1.0)):
            if 0 <= new < height:
                for u in range(width):
                    if points[new, u, 2] > 0:
                        for c in range(3):
                            sums[u, c] += sign * points[new, u, c]
                        sums[u, 3] += sign
        if v < 0:
            continue
        x = y = z = n = 0.0
        for u in range(-radius, width):
            if u + radius < width:
                x += sums[u + radius, 0]
                y += sums[u + radius, 1]
                z += sums[u + radius, 2]
                n += sums[u + radius, 3]
            if u - radius - 1 >= 0:
                x -= sums[u - radius - 1, 0]
                y -= sums[u - radius - 1, 1]
                z -= sums[u - radius - 1, 2]
                n -= sums[u - radius - 1, 3]
            if u < 0:
                continue
            share = 1.0 / n if n > 0.5 else 0.0
            out[v, u, 0], out[v, u, 1], out[v, u, 2] = x * share, y * share, z * share


@njit(cache=True, nogil=True)
def _normals(points: Any, reach: int, radius: int, out: Any) -> None:
    """Unit normals towards the camera from smoothed points ``reach`` pixels to all sides."""
    height, width, _ = points.shape
    mean = np.empty_like(points)
    _box_means(points, radius, mean)
    for v in range(height):
        # At the border the nearest whole neighbourhood counts.
        row = min(max(v, reach), height - 1 - reach)
        for u in range(width):
            column = min(max(u, reach), width - 1 - reach)
            out[v, u, 0] = out[v, u, 1] = out[v, u, 2] = 0
            if row < reach or column < reach:
                continue
            left, right = mean[row, column - reach], mean[row, column + reach]
            above, below = mean[row - reach, column], mean[row + reach, column]
            if left[2] <= 0 or right[2] <= 0 or above[2] <= 0 or below[2] <= 0:
                continue
            ax, ay, az = right[0] - left[0], right[1] - left[1], right[2] - left[2]
            bx, by, bz = below[0] - above[0], below[1] - above[1], below[2] - above[2]
            x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            length = np.sqrt(x * x + y * y + z * z)
            if length <= 1e-12:
                continue
            own = mean[row, column]
            if x * own[0] + y * own[1] + z * own[2] > 0:
                length = -length
            out[v, u, 0], out[v, u, 1], out[v, u, 2] = x / length, y / length, z / length


@njit(cache=True, nogil=True)
def _coded(value: Any, low: Any, high: Any) -> Any:
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return np.uint8(1 + np.int32(share * 254 + 0.5))


@njit(cache=True, nogil=True)
def _code(depth: Any, heights: Any, normals: Any, up: Any, out: Any) -> None:
    rows, columns = depth.shape
    for v in range(rows):
        for u in range(columns):
            if not depth[v, u] > 0:
                continue
            out[0, v, u] = _coded(1 / depth[v, u], LOW[0], HIGH[0])
            out[1, v, u] = _coded(heights[v, u], LOW[1], HIGH[1])
            x, y, z = normals[v, u, 0], normals[v, u, 1], normals[v, u, 2]
            if x != 0 or y != 0 or z != 0:
                out[2, v, u] = _coded(x * up[0] + y * up[1] + z * up[2], LOW[2], HIGH[2])
