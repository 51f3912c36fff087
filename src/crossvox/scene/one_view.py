"""One depth image as a room: its surface, and the turn that makes it level."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from crossvox.core.camera import Intrinsics, Pose, unproject
from crossvox.core.checks import CaptureError, expect
from crossvox.core.threads import spread
from crossvox.core.volume import Mesh
from crossvox.scene.level import estimate_up, levelling

Array = NDArray[Any]

STEEPEST_DEG = 83.0
"""Neighbouring readings that would lie on a surface more slanted than this belong to two."""

_BLUR, _COARSE = 1 / 21, 1 / 40
"""Up is found from depth that is blurred over this share of the image's width, at points so far
apart: steps of stored depth (4 cm in some data sets) look like small walls that face the camera."""

_REACH = 1 / 60
"""Steps of stored depth are evened out over this share of the image's width to each side."""

_ALIKE, _SPREAD = 1.5, 0.1
"""Readings within so many steps are of one surface, and of this share more for each pixel apart."""

_LEAST, _STEADY = 9, 0.5
"""A plane asks for so many readings; its slope for a spread of them, pixels squared."""


def evened(depth_m: Array, step_m: float) -> NDArray[np.float32]:
    """Depth without the steps in which it was stored.

    Each reading moves onto the plane through those around it that its steps do not tell apart (in
    space a plane is linear in inverse depth and pixels). Else a slanted wall is a flight of
    stairs, whose normals say nothing of the wall.

    Args:
        depth_m: ``(H, W)`` metres along the camera's axis, 0 where there is no reading.
        step_m: what a stored unit is.
    """
    depth = np.ascontiguousarray(depth_m, np.float32)
    out = depth.copy()
    reach = max(1, round(_REACH * depth.shape[1]))
    spread(partial(_onto_planes, depth, reach, np.float32(_ALIKE * step_m), out), len(depth))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _onto_planes(depth: Array, reach: int, alike: Any, out: Array, begin: int, end: int) -> None:
    height, width = depth.shape
    for row in range(begin, end):
        for column in range(width):
            d = depth[row, column]
            if not d > 0:
                continue
            n, x, y, z, xx, xy, yy, xz, yz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(max(0, row - reach), min(height, row + reach + 1)):
                for j in range(max(0, column - reach), min(width, column + reach + 1)):
                    e, a, b = depth[i, j], j - column, i - row
                    if e > 0 and abs(e - d) <= alike * (1 + _SPREAD * max(abs(a), abs(b))):
                        inverse = 1 / np.float64(e)
                        n, x, y, z = n + 1, x + a, y + b, z + inverse
                        xx, xy, yy = xx + a * a, xy + a * b, yy + b * b
                        xz, yz = xz + a * inverse, yz + b * inverse
            if n < _LEAST:
                continue
            x, y, z = x / n, y / n, z / n
            xx, xy, yy = xx / n - x * x + _STEADY, xy / n - x * y, yy / n - y * y + _STEADY
            xz, yz = xz / n - x * z, yz / n - y * z
            over = xx * yy - xy * xy
            moved = 1 / (z - x * (xz * yy - yz * xy) / over - y * (yz * xx - xz * xy) / over)
            out[row, column] = min(max(moved, d - alike), d + alike)


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
