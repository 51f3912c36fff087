"""Whether stored poses are about the images as they are stored, or about images held otherwise.

Apps that turn their images on the way into the file turn cameras along, but not always poses. Then
the poses are right for a camera that is rolled by quarter turns. Only frames that see the same
surface can tell.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.stored import StoredCapture
from crossvox.core.camera import Intrinsics, unproject
from crossvox.core.checks import CaptureError, PoseError

FRAMES = 16
"""Frames that are looked at, evenly spread; each is seen from the next."""

SURELY = 0.5
"""A roll is taken if frames miss each other by less than this share of what they do without."""

AGREE_M = 0.01
"""Frames that miss each other by less agree."""

LEAST_PIXELS = 2000

Array = NDArray[np.float64]


def quarter_roll(turns: int) -> Array:
    """The matrix ``(4, 4)`` of a roll about the optical axis, clockwise as seen by the camera."""
    angle, matrix = np.pi / 2 * turns, np.eye(4)
    c, s = np.round(np.cos(angle)), np.round(np.sin(angle))
    matrix[:2, :2] = [[c, -s], [s, c]]
    return matrix


def roll_that_fits(capture: StoredCapture) -> int:
    """Quarter turns from the colour camera to the one that poses are about; 0 unless it is sure.

    Args:
        capture: just opened.
    """
    camera = capture.registration.depth_camera
    frames = _frames(capture, camera)
    misses = {turns: _miss_m(frames, camera, quarter_roll(turns)) for turns in range(4)}
    best = min(misses, key=lambda turns: misses[turns])
    return best if misses[0] > AGREE_M and misses[best] < SURELY * misses[0] else 0


def _frames(capture: StoredCapture, camera: Intrinsics) -> list[tuple[Array, Array]]:
    """Depth ``(H, W)`` in metres and poses of frames that can be read."""
    found = []
    for index in np.unique(np.linspace(0, len(capture) - 1, FRAMES).round().astype(int)).tolist():
        try:
            pose = capture.pose(index)
            if pose is not None:
                depth = capture.depth_m(index, camera.size).astype(np.float64)
                found.append((depth, pose.world_from_camera))
        except (CaptureError, PoseError):
            continue
    return found


def _miss_m(frames: list[tuple[Array, Array]], camera: Intrinsics, roll: Array) -> float:
    """Median distance along the optical axis between frames and how the next ones see them."""
    misses = [np.zeros(0)]
    for (depth, pose), (there, next_pose) in pairwise(frames):
        move = np.linalg.inv(next_pose @ roll) @ pose @ roll
        points = unproject(depth, camera)[depth > 0] @ move[:3, :3].T + move[:3, 3]
        x, y, z = points[points[:, 2] > 0].T
        u = np.round(camera.fx * x / z + camera.cx)
        v = np.round(camera.fy * y / z + camera.cy)
        inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
        seen = there[v[inside].astype(int), u[inside].astype(int)]
        misses.append(np.abs(z[inside] - seen)[seen > 0])
    together = np.concatenate(misses)
    return float(np.median(together)) if together.size >= LEAST_PIXELS else np.inf
