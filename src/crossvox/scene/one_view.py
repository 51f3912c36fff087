"""One depth image as a room: its surface, and the turn that makes it level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crossvox.core.camera import Intrinsics, Pose, unproject
from crossvox.core.checks import CaptureError, expect
from crossvox.core.volume import Mesh
from crossvox.scene.level import estimate_up, levelling

Array = NDArray[Any]

STEEPEST_DEG = 83.0
"""Neighbouring readings that would lie on a surface more slanted than this belong to two."""

_BLUR, _COARSE = 1 / 21, 1 / 40
"""Up is found from depth that is blurred over this share of the image's width, at points so far
apart: steps of stored depth (4 cm in some data sets) look like small walls that face the camera."""


def view_mesh(
    depth_m: Array,
    camera: Intrinsics,
    labels: NDArray[np.uint8] | None = None,
    rgb: NDArray[np.uint8] | None = None,
    *,
    step: int = 2,
    far_m: float = np.inf,
) -> Mesh:
    """The surface that one depth image shows, in the camera's axes.

    Every ``step``-th reading is a vertex; two triangles join four neighbours unless their depths
    jump.

    Args:
        depth_m: ``(H, W)`` metres along the camera's axis, 0 where there is no reading.
        camera: of the images.
        labels: ``(H, W)`` uint8, a vertex takes that of its pixel.
        rgb: ``(H, W, 3)`` uint8, likewise.
        step: pixels from vertex to vertex.
        far_m: readings beyond this are left out.

    Raises:
        CaptureError: fewer than three readings are joined.
    """
    near = np.where((depth_m > 0) & (depth_m <= far_m), depth_m, 0)
    points = unproject(near, camera)[::step, ::step]
    z = np.where(np.isfinite(points[..., 2]), points[..., 2], 0)
    rows, columns = z.shape
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = [number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]]
    a, b, c, d = (part.ravel() for part in corners)
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)])
    depths = z.ravel()[faces]
    low, high = depths.min(axis=1), depths.max(axis=1)
    jump = np.tan(np.radians(STEEPEST_DEG)) * step / min(camera.fx, camera.fy)
    faces = faces[(low > 0) & (high - low <= jump * low)]
    expect(
        len(faces) > 0,
        given=f"a depth image with {int((near > 0).sum())} readings, no three of them on one "
        f"surface",
        needed="a depth image of a room",
        do="check its unit (--depth-scale) and --far-m",
        error=CaptureError,
    )
    used = np.unique(faces)
    place = np.zeros(rows * columns, np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)

    def chosen(image: Array | None) -> Any:
        if image is None:
            return None
        image = image[::step, ::step]
        return np.ascontiguousarray(image.reshape(-1, *image.shape[2:])[used])

    return Mesh(
        points.reshape(-1, 3)[used].astype(np.float32),
        place[faces],
        colors=chosen(rgb),
        labels=chosen(labels),
    )


def level_pose(depth_m: Array, camera: Intrinsics, far_m: float = np.inf) -> Pose:
    """Where the camera of one depth image stood in a level room, ``room_from_camera``.

    Up is the direction to which most of the surface is level or plumb, near that of a camera held
    upright; most walls face x or y then, and the floor lies at z = 0 where one is seen.

    Raises:
        CaptureError: the image shows no surface.
    """
    near = (depth_m > 0) & (depth_m <= far_m)
    blur = max(1, round(_BLUR * camera.width))
    share = uniform_filter(near.astype(np.float32), blur)
    smooth = uniform_filter(np.where(near, depth_m, 0).astype(np.float32), blur)
    smooth = np.where(near, smooth / np.maximum(share, np.float32(1e-3)), 0)
    mesh = view_mesh(smooth, camera, step=max(1, round(_COARSE * camera.width)))
    found = estimate_up(mesh, [Pose(np.eye(4))])
    room_from_camera = levelling(found.up, mesh).world_from_camera.copy()
    floor_m = found.floor_m
    if not np.isfinite(floor_m):
        floor_m = float(np.percentile(mesh.vertices_m @ found.up, 1))
    room_from_camera[2, 3] = -floor_m
    return Pose(room_from_camera)
