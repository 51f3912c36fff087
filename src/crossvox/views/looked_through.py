"""How many frames look through a point: they read something that lies well behind it.

The rule: a frame looks through a point if the point projects, rounded half to even, inside the
image, the depth ``d`` read there is valid (``0 < d <= far_m``), and ``d - z > margin_m``, where
``z`` is the depth of the point. What at least :data:`SEEN_FREE_FRAMES` frames look through is free
space that was seen: one alone may err, at an edge or by a stray reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ShapeError, expect
from crossvox.core.frame import Frame
from crossvox.core.threads import spread
from crossvox.views.params import ViewParams

Array = NDArray[Any]

MARGIN_M = 0.05
"""How far behind a point a reading must lie. Nearer ones may be of the point's own surface: this is
the tolerance of the visibility rule."""

SEEN_FREE_FRAMES = 2
"""Frames that must look through a point before it counts as seen to be free."""

_MOST = 65535


def looked_through(
    points_m: Array,
    frames: Iterable[Frame],
    margin_m: float = MARGIN_M,
    far_m: float = ViewParams.far_m,
    counts: NDArray[np.uint16] | None = None,
) -> NDArray[np.uint16]:
    """How many frames look through each point. Frames are taken one by one and none is kept.

    Args:
        points_m: ``(N, 3)`` world coordinates, metres; a point that is not finite is seen by none.
        frames: with depth and pose; those that lack one say nothing.
        margin_m: how far behind a point a reading must lie.
        far_m: readings beyond this say nothing.
        counts: ``(N,)`` of frames before these; what is found is added to it.

    Returns:
        ``(N,)`` uint16, at most 65535; ``counts`` itself where it was given.

    Raises:
        ShapeError: points or counts have another shape or type.
    """
    points = np.ascontiguousarray(points_m, dtype=np.float64)
    expect(
        points.ndim == 2 and points.shape[1] == 3,
        given=f"points of shape {points.shape}",
        needed="(N, 3)",
        do="pass one point a row",
        error=ShapeError,
    )
    if counts is None:
        counts = np.zeros(len(points), np.uint16)
    expect(
        counts.shape == (len(points),) and counts.dtype == np.uint16,
        given=f"counts of shape {counts.shape} and type {counts.dtype}",
        needed=f"({len(points)},) of type uint16",
        do="pass what an earlier call for the same points gave",
        error=ShapeError,
    )
    for frame in frames:
        if frame.pose is not None and frame.depth_m is not None:
            depth_m = np.ascontiguousarray(frame.depth_m, dtype=np.float32)
            matrix = _pixel_from_world(frame.camera, frame.pose)
            far = min(far_m, float(np.finfo(np.float32).max))
            spread(partial(_count, points, depth_m, matrix, margin_m, far, counts), len(points))
    return counts


def _pixel_from_world(camera: Intrinsics, pose: Pose) -> NDArray[np.float64]:
    """``(3, 4)``, world to homogeneous pixels; the third is the depth."""
    return np.ascontiguousarray(camera.matrix @ pose.camera_from_world[:3])


@njit(cache=True, nogil=True, error_model="numpy")
def _count(  # type: ignore[no-untyped-def]
    points, depth_m, matrix, margin_m, far_m, counts, begin, end
):
    """Add one frame to the counts of points ``begin`` to ``end``."""
    height, width = depth_m.shape
    m = matrix
    for n in range(begin, end):
        x, y, z1 = points[n, 0], points[n, 1], points[n, 2]
        z = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z1 + m[2, 3]
        if not 0 < z < far_m:
            continue
        # Whether it may be inside is told without a division: most points are outside.
        a = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z1 + m[0, 3]
        if not -z <= a <= width * z:
            continue
        b = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z1 + m[1, 3]
        if not -z <= b <= height * z:
            continue
        # np.rint rounds halves to even.
        u, v = np.rint(a / z), np.rint(b / z)
        if not (0 <= u < width and 0 <= v < height):
            continue
        depth = np.float64(depth_m[int(v), int(u)])
        if 0 < depth <= far_m and depth - z > margin_m and counts[n] < _MOST:
            counts[n] += np.uint16(1)
