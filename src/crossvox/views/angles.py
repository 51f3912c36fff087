"""From how different directions frames see a voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import SceneViews

Array = NDArray[Any]


def largest_angles(views: SceneViews, centres_m: Array) -> NDArray[np.float32]:
    """Largest angle between the rays of two frames that see a voxel.

    Args:
        views: what each frame sees.
        centres_m: ``(F, 3)`` where the cameras of ``views.frame_ids`` stood, world, metres.

    Returns:
        ``(X, Y, Z)`` degrees from 0 to 180; 0 of a single frame, NaN where no frame sees.

    Raises:
        ShapeError: not one centre a frame.
    """
    centres = np.ascontiguousarray(centres_m, np.float64)
    expect(
        centres.shape == (len(views.frame_ids), 3),
        given=f"centres of shape {centres.shape} for {len(views.frame_ids)} frames",
        needed="(F, 3), one a frame",
        do="pass the camera centres of the views' own frames",
        error=ShapeError,
    )
    found = np.full(views.grid.count, np.nan, np.float32)
    if len(views.voxel):
        frames = np.repeat(np.arange(len(centres), dtype=np.int32), np.diff(views.start))
        order = np.argsort(views.voxel, kind="stable")
        _largest(
            views.voxel[order],
            frames[order],
            centres,
            views.grid.shape,
            views.grid.voxel_m,
            np.array(views.grid.origin_m),
            found,
        )
    return found.reshape(views.grid.shape)


@njit(cache=True, nogil=True)
def _largest(
    voxel: Array,
    frame: Array,
    centres: Array,
    shape: tuple[int, int, int],
    voxel_m: float,
    origin_m: Array,
    found: Array,
) -> None:
    """Voxel by voxel, of pairs in the order of voxels."""
    rays = np.empty((len(centres), 3))
    begin = 0
    while begin < len(voxel):
        end = begin
        number = voxel[begin]
        z = number % shape[2]
        y = number // shape[2] % shape[1]
        x = number // shape[2] // shape[1]
        while end < len(voxel) and voxel[end] == number:
            n = end - begin
            rays[n, 0] = centres[frame[end], 0] - (x * voxel_m + origin_m[0])
            rays[n, 1] = centres[frame[end], 1] - (y * voxel_m + origin_m[1])
            rays[n, 2] = centres[frame[end], 2] - (z * voxel_m + origin_m[2])
            size = np.sqrt(rays[n, 0] ** 2 + rays[n, 1] ** 2 + rays[n, 2] ** 2)
            for axis in range(3):
                rays[n, axis] /= max(size, 1e-12)
            end += 1
        least = 1.0
        for one in range(end - begin):
            for other in range(one):
                cosine = (
                    rays[one, 0] * rays[other, 0]
                    + rays[one, 1] * rays[other, 1]
                    + rays[one, 2] * rays[other, 2]
                )
                least = min(least, cosine)
        found[number] = np.degrees(np.arccos(max(least, -1.0)))
        begin = end
