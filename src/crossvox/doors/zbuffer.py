"""Which face of a mesh each pixel of a camera shows: a z-buffer, exact where faces meet.

A pixel is a homogeneous place ``q = (column, row, 1)`` and a corner ``p = K x`` with x in camera
coordinates. A face covers q where the three products ``q . (p1 x p2)``, ``q . (p2 x p0)`` and
``q . (p0 x p1)`` have one sign; divided by their sum they are its barycentric weights, and their
sum over ``det(p0, p1, p2)`` is 1/z (Olano and Greer 1997, "Triangle scan conversion using 2D
homogeneous coordinates"). Nothing is clipped, and an edge that two faces share gives both the same
number with opposite signs, so that no pixel falls between them. The same faces are found as by
casting rays, up to pixels that lie exactly where two meet, at a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.doors.raycast import Hits

Array = NDArray[Any]

_NEAR_M = 1e-3
"""A corner nearer than this has no place in the image; its face is searched in all of it."""

_BEHIND = 16
"""Mark of a corner that is nearer than that."""

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inlined = njit(nogil=True, error_model="numpy")


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees of a mesh.

    Attributes:
        camera: the camera.
        pose: where it is.
        face: ``(H, W)`` int32 face number, -1 where there is none.
        inverse: ``(H, W)`` float32, 1/z with z the depth in metres along the camera's axis; 0 where
            there is no face.
        corners: ``(V, 3)`` float64, the mesh's corners as homogeneous pixels ``K x``.
    """

    camera: Intrinsics
    pose: Pose
    face: NDArray[np.int32]
    inverse: NDArray[np.float32]
    corners: NDArray[np.float64]

    @property
    def ray_of_pixel(self) -> NDArray[np.float64]:
        """``(3, 3)``, homogeneous pixels to rays in the room, of length 1 along the axis."""
        inverse = np.linalg.inv(self.camera.matrix)
        return np.ascontiguousarray(self.pose.world_from_camera[:3, :3] @ inverse)

    def depth(self) -> NDArray[np.float32]:
        """Depth ``(H, W)``, metres along the axis, inf where there is no face."""
        with np.errstate(divide="ignore"):
            return np.float32(1) / self.inverse

    def hits(self, faces: NDArray[np.int32], top: int, bottom: int) -> tuple[Hits, Array]:
        """Hits of rows ``top`` to ``bottom - 1``, as rays would meet them, and those rays.

        Args:
            faces: the mesh's faces.
            top, bottom: part of the image.
        """
        count = (bottom - top) * self.camera.width
        depth, u, v = (np.empty(count, dtype=np.float32) for _ in range(3))
        rays = np.empty((count, 3), dtype=np.float32)
        face = self.face[top:bottom]
        _resolve(
            face, self.inverse[top:bottom], self.corners, self.ray_of_pixel, faces, top,
            depth, u, v, rays,
        )  # fmt: skip
        return Hits(depth, face.ravel(), u, v), rays


def view(
    points_m: Array,
    faces: NDArray[np.int32],
    camera: Intrinsics,
    pose: Pose,
    most: NDArray[np.float32] | None = None,
) -> View:
    """Find the nearest face at every pixel centre; faces are seen from both sides.

    Args:
        points_m: ``(V, 3)`` float32 corners.
        faces: ``(F, 3)`` int32.
        camera: the camera.
        pose: where it is, in the coordinates of ``points_m``.
        most: ``(H, W)``, for cut-away views: faces are seen where 1/z is not above this; 0 leaves
            a pixel without a face.
    """
    shape = (camera.height, camera.width)
    corners = np.empty((len(points_m), 3))
    places = np.empty((len(points_m), 2))
    beyond = np.empty(len(points_m), dtype=np.uint8)
    matrix = camera.matrix @ pose.camera_from_world[:3]
    _project(points_m, matrix, camera.width, camera.height, corners, places, beyond)
    face = np.full(shape, -1, dtype=np.int32)
    inverse = np.zeros(shape, dtype=np.float32)
    _draw(corners, places, beyond, faces, face, inverse, most)
    return View(camera, pose, face, inverse, corners)


@_kernel
def _project(
    points: Array,
    matrix: Array,
    width: int,
    height: int,
    corners: Array,
    places: Array,
    beyond: Array,
) -> None:
    """Homogeneous and plain pixel of every corner, and the sides of the image it lies beyond."""
    for i in range(len(points)):
        x, y, z = float(points[i, 0]), float(points[i, 1]), float(points[i, 2])
        p = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]
        q = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]
        w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        corners[i, 0], corners[i, 1], corners[i, 2] = p, q, w
        places[i, 0], places[i, 1] = p / w, q / w
        # Sides as planes through the eye: they hold for corners behind it too.
        beyond[i] = (
            np.uint8(p < 0)
            | np.uint8(q < 0) << np.uint8(1)
            | np.uint8(p > w * (width - 1)) << np.uint8(2)
            | np.uint8(q > w * (height - 1)) << np.uint8(3)
            | np.uint8(w < _NEAR_M) * np.uint8(_BEHIND)
        )


@_inlined
def _range(a: float, b: float, c: float, size: int) -> tuple[int, int]:
    """First and last pixel between the lowest and the highest of three places."""
    first, last = np.ceil(min(a, b, c)), np.floor(max(a, b, c))
    return int(max(first, 0.0)), int(min(last, size - 1.0))


@_inlined
def _cut(first: float, last: float, slope: float, step: float, value: float) -> tuple[float, float]:
    """The part of a row, from ``first`` to ``last``, where ``slope * column + value`` is not
    negative; ``step`` is ``-1 / slope``. Empty where the first comes after the last."""
    if slope > 0.0:
        return max(first, value * step), last
    if slope < 0.0:
        return first, min(last, value * step)
    return first, last if value >= 0.0 else -1.0


@_kernel
def _draw(
    corners: Array,
    places: Array,
    beyond: Array,
    faces: Array,
    face: Array,
    inverse: Array,
    most: Array | None,
) -> None:
    """Draw all faces; without ``most`` it is compiled as if there was no such thing."""
    height, width = face.shape
    drawn, nearest = face.reshape(-1), inverse.reshape(-1)
    for f in range(len(faces)):
        # Unsigned, so that no index is looked at twice for being negative.
        a, b, c = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        if beyond[a] & beyond[b] & beyond[c]:
            continue
        left, right, top, bottom = 0, width - 1, 0, height - 1
        if not (beyond[a] | beyond[b] | beyond[c]) & _BEHIND:
            left, right = _range(places[a, 0], places[b, 0], places[c, 0], width)
            top, bottom = _range(places[a, 1], places[b, 1], places[c, 1], height)
        if left > right or top > bottom:
            continue
        a0, a1, a2 = corners[a, 0], corners[a, 1], corners[a, 2]
        b0, b1, b2 = corners[b, 0], corners[b, 1], corners[b, 2]
        c0, c1, c2 = corners[c, 0], corners[c, 1], corners[c, 2]
        # Opposite to corner a: b x c, and so on.
        ux, uy, uz = b1 * c2 - b2 * c1, b2 * c0 - b0 * c2, b0 * c1 - b1 * c0
        vx, vy, vz = c1 * a2 - c2 * a1, c2 * a0 - c0 * a2, c0 * a1 - c1 * a0
        wx, wy, wz = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
        volume = a0 * ux + a1 * uy + a2 * uz
        if volume == 0.0:
            continue  # seen edge on
        side = 1.0 if volume > 0.0 else -1.0
        ux, uy, uz = side * ux, side * uy, side * uz
        vx, vy, vz = side * vx, side * vy, side * vz
        wx, wy, wz = side * wx, side * wy, side * wz
        share = 1.0 / (side * volume)
        ix, iy, iz = (ux + vx + wx) * share, (uy + vy + wy) * share, (uz + vz + wz) * share
        us, vs, ws = -1.0 / ux, -1.0 / vx, -1.0 / wx
        for row in range(top, bottom + 1):
            first, last = _cut(float(left), float(right), ux, us, uy * row + uz)
            first, last = _cut(first, last, vx, vs, vy * row + vz)
            first, last = _cut(first, last, wx, ws, wy * row + wz)
            if first > last:
                continue
            near, column = iy * row + iz, np.ceil(first)
            place = np.uint64(row * width + int(column))
            for _ in range(int(np.floor(last) - column) + 1):
                value = np.float32(ix * column + near)
                if value > nearest[place] and (most is None or value <= most[row, int(column)]):
                    nearest[place] = value
                    drawn[place] = f
                column += 1.0
                place += np.uint64(1)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _resolve(
    face: Array,
    inverse: Array,
    corners: Array,
    ray_of_pixel: Array,
    faces: Array,
    top: int,
    depth: Array,
    u: Array,
    v: Array,
    rays: Array,
) -> None:
    """Rays of pixels, and where on their faces they hit; ``face`` begins at row ``top``."""
    height, width = face.shape
    m = ray_of_pixel
    wx = wy = wz = ux = uy = uz = vx = vy = vz = 0.0
    for line in range(height):
        row = line + top
        known = -1
        for column in range(width):
            i = line * width + column
            for k in range(3):
                rays[i, k] = m[k, 0] * column + m[k, 1] * row + m[k, 2]
            f = face[line, column]
            if f < 0:
                depth[i] = np.inf
                u[i] = v[i] = 0.0
                continue
            if f != known:
                known = f
                place = np.uint32(f)
                a, b, c = faces[place, 0], faces[place, 1], faces[place, 2]
                a0, a1, a2 = corners[a, 0], corners[a, 1], corners[a, 2]
                b0, b1, b2 = corners[b, 0], corners[b, 1], corners[b, 2]
                c0, c1, c2 = corners[c, 0], corners[c, 1], corners[c, 2]
                wx, wy, wz = b1 * c2 - b2 * c1, b2 * c0 - b0 * c2, b0 * c1 - b1 * c0
                ux, uy, uz = c1 * a2 - c2 * a1, c2 * a0 - c0 * a2, c0 * a1 - c1 * a0
                vx, vy, vz = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
            weight_u = ux * column + uy * row + uz
            weight_v = vx * column + vy * row + vz
            share = 1 / (wx * column + wy * row + wz + weight_u + weight_v)
            u[i], v[i] = weight_u * share, weight_v * share
            depth[i] = 1 / inverse[line, column]


@_kernel
def face_values(face: Array, values: Array, out: Array) -> None:
    """Look up a value of each pixel's face, into ``out (H, W)``; untouched where there is none."""
    height, width = face.shape
    for row in range(height):
        for column in range(width):
            if face[row, column] >= 0:
                out[row, column] = values[face[row, column]]


@_kernel
def mark_faces(face: Array, inverse: Array, far_m: float, marks: Array) -> None:
    """Set ``marks (F,)`` of every face that some pixel shows nearer than ``far_m``."""
    height, width = face.shape
    least = 1.0 / far_m
    for row in range(height):
        for column in range(width):
            if inverse[row, column] > least:
                marks[face[row, column]] = True
