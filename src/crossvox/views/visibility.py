"""Which voxels each frame sees, and at which pixel.

The rule: a frame sees a voxel if the voxel's centre projects, rounded half to even, inside the
image, the depth ``d`` read there lies in ``[near_m, far_m]``, and ``|d - z| <= tolerance_m``, ``z``
being the depth of the centre. All bounds are inclusive.

A scene is projected once a frame, into the whole scene grid; sub-volumes are cut out of the result
afterwards (:mod:`crossvox.views.select`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Intrinsics, Pose
from crossvox.core.checks import ShapeError, expect
from crossvox.core.frame import Frame, fit_nearest
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.threads import threads
from crossvox.core.volume import SceneViews
from crossvox.views.params import ViewParams

Array = NDArray[Any]
Pairs = tuple[NDArray[np.int32], NDArray[np.int32]]

SMALLEST_DEPTH_M = 1e-3
"""Voxel centres nearer than this are never projected, whatever the near bound."""


def view_fit(camera: Intrinsics, params: ViewParams) -> tuple[ImageFit, Intrinsics]:
    """How an image of ``camera`` is brought to the view size, and the camera it then has.

    Where ``params`` name one camera for all scans, that camera is taken instead, for an image that
    is fitted in the same way.
    """
    fit = ImageFit.centre_crop(camera.size, params.size)
    taken = params.one_camera or camera
    if params.geometry == "thesis":
        return fit, ImageFit.centre_crop(taken.size, params.size).thesis_camera(taken)
    return fit, fit.camera(taken if taken.size == camera.size else taken.resized(camera.size))


def visible(
    grid: VoxelGrid, depth_m: Array, camera: Intrinsics, pose: Pose, params: ViewParams
) -> Pairs:
    """Voxels that one frame sees, and the pixels they show at.

    Args:
        grid: the voxels that are asked about.
        depth_m: ``(H, W)`` metres, 0 = no reading, already at the size of ``camera``.
        camera: the camera of exactly this image (see :func:`view_fit`).
        pose: where the camera stood.
        params: depth bounds and tolerance; its image size is not used here.

    Returns:
        ``voxel (N,)`` int32, linear in the grid's C order, rising, and ``pixel (N,)`` int32,
        ``row * width + column``.

    Raises:
        ShapeError: image and camera disagree on their size.
    """
    camera_from_grid = pose.camera_from_world @ grid.world_from_grid
    return visible_through(camera_from_grid, grid.shape, depth_m, camera, params)


def visible_through(
    camera_from_grid: Array, shape: Index3, depth_m: Array, camera: Intrinsics, params: ViewParams
) -> Pairs:
    """:func:`visible` for a grid that any affine ``(4, 4)`` transform brings before the camera.

    Raises:
        ShapeError: image and camera disagree on their size, or the grid has too many voxels for
            32-bit numbers.
    """
    from crossvox.views import kernels

    depth_m = np.ascontiguousarray(depth_m)
    expect(
        depth_m.shape == (camera.height, camera.width),
        given=f"a depth image of {'x'.join(map(str, depth_m.shape[::-1]))}",
        needed=f"{camera.width}x{camera.height}, the camera's size",
        do="fit the image and its camera together (view_fit)",
        error=ShapeError,
    )
    expect(
        shape[0] * shape[1] * shape[2] < 2**31,
        given=f"a grid of {shape[0]}x{shape[1]}x{shape[2]} voxels",
        needed="fewer than 2^31 voxels",
        do="use larger voxels or split the scene",
        error=ShapeError,
    )
    matrix = np.ascontiguousarray(camera_from_grid, dtype=np.float64)
    low, high = kernels.depth_range(depth_m, params.near_m, params.far_m)
    near_m = max(low - params.tolerance_m, SMALLEST_DEPTH_M)
    far_m = high + params.tolerance_m
    if not near_m <= far_m:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    x_range, y_range = _frustum_box(matrix, shape, camera, near_m, far_m)
    lens = (camera.fx, camera.fy, camera.cx, camera.cy)
    ranges, total = kernels.line_ranges(
        matrix, shape, x_range, y_range, *lens, camera.width, camera.height, near_m, far_m
    )
    voxel, pixel = kernels.visible_on_lines(
        matrix,
        shape,
        x_range,
        y_range,
        ranges,
        total,
        depth_m,
        *lens,
        params.near_m,
        params.far_m,
        params.tolerance_m,
    )
    return voxel, pixel


def _frustum_box(
    camera_from_grid: Array, shape: Index3, camera: Intrinsics, near_m: float, far_m: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Ranges of voxels along x and y that bound the frustum, one voxel wider than needed."""
    u = np.array([-1.0, camera.width, -1.0, camera.width] * 2)
    v = np.array([-1.0, -1.0, camera.height, camera.height] * 2)
    z = np.repeat([near_m, far_m], 4)
    corners = np.stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z])
    grid_from_camera = np.linalg.inv(camera_from_grid)
    points = grid_from_camera[:3, :3] @ corners + grid_from_camera[:3, 3:]
    low = np.clip(np.floor(points.min(axis=1)) - 1, 0, shape).astype(int)
    high = np.clip(np.ceil(points.max(axis=1)) + 2, 0, shape).astype(int)
    return (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))


def scene_views(
    grid: VoxelGrid,
    frames: Iterable[Frame],
    params: ViewParams,
    progress: Callable[[int, int], None] | None = None,
) -> SceneViews:
    """Project every frame into the whole scene grid, once.

    Frames without a pose are left out (they look at nothing); frames with one are all listed, even
    those that see no voxel. Memory grows with the number of pairs found, not with voxels times
    frames.

    Args:
        grid: the scene's grid.
        frames: frames with depth, all of one camera; colour is not read.
        params: image size, geometry, depth bounds.
        progress: called with ``(frames done, frames known so far)``.

    Raises:
        ShapeError: a frame has no depth, or its camera differs from the first frame's.
    """
    workers = max(1, min(4, threads()))
    fitted: tuple[Intrinsics, ImageFit, Intrinsics] | None = None
    ids: list[int] = []
    found: list[Pairs] = []
    waiting: deque[Future[Pairs]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for seen, frame in enumerate(frames, start=1):
            if frame.pose is not None:
                if fitted is None:
                    fitted = (frame.camera, *view_fit(frame.camera, params))
                own, fit, camera = fitted
                expect(
                    frame.camera == own and frame.depth_m is not None,
                    given=f"frame {frame.id} of {frame.camera}"
                    + (" without depth" if frame.depth_m is None else ""),
                    needed=f"depth at {own}, the camera of the first frame",
                    do="read all frames of a scene at one size, with depth",
                    error=ShapeError,
                )
                depth_m = fit_nearest(np.asarray(frame.depth_m), fit)
                ids.append(frame.id)
                waiting.append(pool.submit(visible, grid, depth_m, camera, frame.pose, params))
                # A short queue keeps all workers busy and few images in memory.
                while len(waiting) > 2 * workers:
                    found.append(waiting.popleft().result())
            if progress is not None:
                progress(seen, seen)
        found.extend(future.result() for future in waiting)
    if fitted is None:
        blank = Intrinsics(params.width, params.width, 0, 0, params.width, params.height)
        fitted = (blank, *view_fit(blank, params))
    counts = np.array([len(voxel) for voxel, _ in found], dtype=np.int64)
    return SceneViews(
        grid=grid,
        camera=fitted[2],
        frame_ids=np.array(ids, dtype=np.int32),
        start=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        voxel=np.concatenate([np.zeros(0, np.int32), *(voxel for voxel, _ in found)]),
        pixel=np.concatenate([np.zeros(0, np.int32), *(pixel for _, pixel in found)]),
    )
