"""Pinhole cameras and rigid poses. The pixel-centre rule lives here and nowhere else.

Conventions: OpenCV axes (x right, y down, z forward), metres; pixel ``(u, v)`` is the *centre* of
column ``u``, row ``v``, so an image covers ``[-0.5, width - 0.5] x [-0.5, height - 0.5]``; depth
runs along z, not along the ray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, PoseError, ShapeError, expect

Array = NDArray[Any]
Size = tuple[int, int]
"""An image size as ``(width, height)`` in pixels."""

WIDEST_FOCAL, LONGEST_FOCAL = 0.1, 100.0
"""Focal lengths that a real pinhole camera has, in image sizes: a view of 157 degrees to 0.6."""

FARTHEST_M = 1e8
"""How far from the world's origin a camera may stand: coordinates of maps reach 1e7 m."""

RIGID_TOLERANCE = 5e-3
"""Largest deviation of ``R^T R`` from the identity that is still repaired instead of refused."""

_LAST_ROW = 1e-6
"""Likewise of the last row from 0 0 0 1."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera at one image size.

    Attributes:
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels, in the pixel-centre convention of this module.
        width, height: image size, pixels.

    Raises:
        ParamsError: a focal length or size is not positive and finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        values = (self.fx, self.fy, self.cx, self.cy)
        expect(
            all(map(math.isfinite, values)) and self.fx > 0 and self.fy > 0,
            given=f"fx={self.fx}, fy={self.fy}, cx={self.cx}, cy={self.cy}",
            needed="finite numbers with positive focal lengths",
            do="check the capture's intrinsics",
            error=ParamsError,
        )
        expect(
            self.width > 0 and self.height > 0,
            given=f"an image of {self.width}x{self.height}",
            needed="a positive width and height",
            do="check the capture's image size",
            error=ParamsError,
        )

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.width, self.height

    @property
    def is_sensible(self) -> bool:
        """Whether a real camera can look like this.

        The focal lengths lie within :data:`WIDEST_FOCAL` and :data:`LONGEST_FOCAL`, and the
        principal point at most one image size outside the image. A matrix in units of the image
        size, or one of another image, does not.
        """
        axes = ((self.fx, self.cx, self.width), (self.fy, self.cy, self.height))
        return all(
            WIDEST_FOCAL * size <= focal <= LONGEST_FOCAL * size and -size <= centre <= 2 * size
            for focal, centre, size in axes
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The ``(3, 3)`` matrix K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=np.float64)

    @property
    def matrix_4x4(self) -> NDArray[np.float64]:
        """K as the top left of a ``(4, 4)`` matrix, as files of ScanNet have it."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.matrix
        return matrix

    @classmethod
    def from_matrix(cls, matrix: Array, size: Size) -> Intrinsics:
        """Read ``(3, 3)`` or ``(4, 4)`` K for an image of ``size = (width, height)``."""
        matrix = np.asarray(matrix, dtype=np.float64)
        expect(
            matrix.shape in ((3, 3), (4, 4)),
            given=f"a matrix of shape {matrix.shape}",
            needed="a 3x3 or 4x4 camera matrix",
            do="check the intrinsics file",
            error=ShapeError,
        )
        return cls(
            float(matrix[0, 0]),
            float(matrix[1, 1]),
            float(matrix[0, 2]),
            float(matrix[1, 2]),
            *size,
        )

    def resized(self, size: Size) -> Intrinsics:
        """The same camera after its image is resampled to ``size``: ``c' = (c + 0.5) s - 0.5``."""
        sx, sy = size[0] / self.width, size[1] / self.height
        return Intrinsics(
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
            width=size[0],
            height=size[1],
        )

    def thinned(self, step: int) -> Intrinsics:
        """The same camera where every ``step``-th pixel is kept, from the first: ``c' = c / s``.

        Centres of the pixels that are kept stay where they are.
        """
        return Intrinsics(
            self.fx / step,
            self.fy / step,
            self.cx / step,
            self.cy / step,
            -(-self.width // step),
            -(-self.height // step),
        )

    def cropped(self, left: int, top: int, size: Size) -> Intrinsics:
        """The same camera after cutting ``size`` pixels out, from column ``left``, row ``top``."""
        return replace(self, cx=self.cx - left, cy=self.cy - top, width=size[0], height=size[1])


def oriented(size: Size, like: Size) -> Size:
    """A size that is upright where another one is, and wide where that is wide.

    Example:
        >>> oriented((320, 240), like=(1440, 1920)), oriented((320, 240), like=(640, 480))
        ((240, 320), (320, 240))
    """
    upright = like[1] > like[0]
    return (min(size), max(size)) if upright else size


PUBLISHED_CAMERA = Intrinsics(1170.187988, 1170.187988, 647.75, 483.75, 1296, 968)
"""The published pipeline's one camera for all scans: ScanNet's nominal one."""


@dataclass(frozen=True)
class ImageFit:
    """How an image is brought to a size: resample to ``resized``, then cut ``size`` out.

    Attributes:
        source: size the image has, ``(width, height)``.
        resized: size it is resampled to.
        left, top: first column and row that are kept.
        size: size it ends with.
    """

    source: Size
    resized: Size
    left: int
    top: int
    size: Size

    @classmethod
    def centre_crop(cls, source: Size, size: Size) -> ImageFit:
        """Resample to the target's height, keeping the shape, then crop the middle columns.

        The width after resampling is ``floor(height' * width / height)``. Where that would be
        narrower than the target, the width is fitted and rows are cropped instead.
        """
        width, height = size
        resized = (height * source[0] // source[1], height)
        if resized[0] < width:
            resized = (width, max(height, round(width * source[1] / source[0])))
        left, top = (resized[0] - width) // 2, (resized[1] - height) // 2
        return cls(source, resized, left, top, size)

    def camera(self, camera: Intrinsics) -> Intrinsics:
        """The exact camera of the fitted image.

        Raises:
            ShapeError: ``camera`` does not have the size ``source``.
        """
        expect(
            camera.size == self.source,
            given=f"a camera of {camera.width}x{camera.height}",
            needed=f"one of {self.source[0]}x{self.source[1]}",
            do="resize the camera together with its image",
            error=ShapeError,
        )
        return camera.resized(self.resized).cropped(self.left, self.top, self.size)

    def thesis_camera(self, camera: Intrinsics) -> Intrinsics:
        """The published pipeline's camera: the crop is treated as if it were a scale.

        ``fx`` and ``fy`` take the factor of the resampling, ``cx`` the factor ``(W' - 1)/(W - 1)``
        and ``cy`` ``(H' - 1)/(H - 1)`` of the final size. Kept for comparison with its numbers.
        """
        (width, height), (new_width, new_height) = self.source, self.size
        return Intrinsics(
            fx=camera.fx * self.resized[0] / width,
            fy=camera.fy * self.resized[1] / height,
            cx=camera.cx * (new_width - 1) / (width - 1),
            cy=camera.cy * (new_height - 1) / (height - 1),
            width=new_width,
            height=new_height,
        )


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a camera stands: a rigid ``world_from_camera`` transform.

    A lost pose is not a Pose: readers hand over ``None`` for it (see :meth:`read`).

    Attributes:
        world_from_camera: ``(4, 4)`` float64, metres; rotation orthonormal to machine precision
            (small deviations are repaired on construction).

    Raises:
        PoseError: not finite, not ``(4, 4)``, or not rigid within :data:`RIGID_TOLERANCE`,
            or farther away than :data:`FARTHEST_M`.
    """

    world_from_camera: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.asarray(self.world_from_camera, dtype=np.float64)
        object.__setattr__(self, "world_from_camera", _rigid(matrix.shape, matrix.tobytes()))

    @classmethod
    def read(cls, matrix: Array) -> Pose | None:
        """A pose, or None where the matrix marks lost tracking (any value not finite)."""
        matrix = np.asarray(matrix, dtype=np.float64)
        if matrix.shape == (4, 4) and not np.isfinite(matrix).all():
            return None
        return cls(matrix)

    @cached_property
    def camera_from_world(self) -> NDArray[np.float64]:
        """The inverse transform, ``(4, 4)``; worked out once."""
        return self.inverse().world_from_camera

    @property
    def position_m(self) -> NDArray[np.float64]:
        """Camera centre in the world, ``(3,)`` metres."""
        return self.world_from_camera[:3, 3]

    def inverse(self) -> Pose:
        """The transform that undoes this one."""
        rotation, position = self.world_from_camera[:3, :3], self.world_from_camera[:3, 3]
        matrix = np.eye(4)
        matrix[:3, :3] = rotation.T
        matrix[:3, 3] = -rotation.T @ position
        return Pose(matrix)

    def __matmul__(self, other: Pose) -> Pose:
        """Chain two transforms: ``a_from_b @ b_from_c`` is ``a_from_c``."""
        return Pose(self.world_from_camera @ other.world_from_camera)

    def apply(self, points_m: Array) -> NDArray[np.float64]:
        """Move ``(*n, 3)`` points from the camera frame to the world."""
        # einsum keeps to this thread: BLAS would wake all cores for a product this thin.
        rotation, position = self.world_from_camera[:3, :3], self.world_from_camera[:3, 3]
        return np.einsum("...i,ji->...j", points_m, rotation) + position


def plainly_poses(matrices: Array) -> NDArray[np.bool_]:
    """Which of ``(N, 4, 4)`` matrices are poses beyond doubt: :class:`Pose` refuses none of them.

    Of the others some may be poses as well; :meth:`Pose.read` tells. Returns ``(N,)``.
    """
    matrices = np.asarray(matrices, dtype=np.float64).reshape(-1, 4, 4)
    with np.errstate(invalid="ignore", over="ignore"):
        axes = matrices[:, :3, :3]
        off = np.abs(np.einsum("nki,nkj->nij", axes, axes) - _EYE).max(axis=(1, 2), initial=0)
        bottom = np.abs(matrices[:, 3] - _BOTTOM).max(axis=1, initial=0)
        far = np.abs(matrices[:, :3, 3]).max(axis=1, initial=0)
        handed = (np.cross(axes[:, :, 0], axes[:, :, 1]) * axes[:, :, 2]).sum(axis=1)
        # Half of what is allowed: sums in another order round otherwise.
        return (
            (off <= RIGID_TOLERANCE / 2)
            & (bottom <= _LAST_ROW / 2)
            & (far <= FARTHEST_M / 2)
            & (handed > 0.5)
        )


def rigid(matrices: Array) -> NDArray[np.float64]:
    """``(N, 4, 4)`` matrices that are :func:`plainly_poses`, each as :class:`Pose` keeps it."""
    found = np.array(matrices, dtype=np.float64)
    u, _, vt = np.linalg.svd(found[:, :3, :3])
    found[:, :3, :3] = u @ vt
    found[:, 3] = _BOTTOM
    return found


# The same poses are read several times: which frames are usable, frames, checks.
@lru_cache(maxsize=4096)
def _rigid(shape: tuple[int, ...], data: bytes) -> NDArray[np.float64]:
    """A matrix as :class:`Pose` keeps it, never to be changed: the same array for the same bytes.

    Raises:
        PoseError: see there.
    """
    matrix = np.frombuffer(data).reshape(shape).copy()
    finite = bool(np.isfinite(matrix).all())
    if shape != (4, 4) or not finite:
        raise PoseError(
            f"given: a matrix of shape {shape}"
            + ("" if finite else " with values that are not finite")
            + "; needed: a finite 4x4 camera-to-world matrix; do: hand over None for a frame whose "
            "pose is lost"
        )
    rotation = matrix[:3, :3]
    deviation = float(np.abs(rotation.T @ rotation - _EYE).max())
    bottom = float(np.abs(matrix[3] - _BOTTOM).max())
    determinant = float(np.linalg.det(rotation))
    if not (deviation <= RIGID_TOLERANCE and bottom <= _LAST_ROW and determinant > 0):
        raise PoseError(
            f"given: a matrix whose rotation part is off by {deviation:.2g} (determinant "
            f"{determinant:.3g}) and last row by {bottom:.2g}; needed: a rotation within "
            f"{RIGID_TOLERANCE:g} and last row 0 0 0 1; do: check the pose file: it must be "
            f"camera-to-world, row by row"
        )
    farthest = float(np.abs(matrix[:3, 3]).max())
    if farthest > FARTHEST_M:
        raise PoseError(
            f"given: a camera {farthest:.3g} m from the world's origin; needed: a position within "
            f"{FARTHEST_M:g} m of it; do: check that positions are in metres"
        )
    matrix = rigid(matrix[None])[0]
    matrix.setflags(write=False)
    return matrix


_EYE, _BOTTOM = np.eye(3), np.array((0.0, 0.0, 0.0, 1.0))


def project(points_m: Array, camera: Intrinsics) -> NDArray[np.float64]:
    """Project points seen from the camera.

    Args:
        points_m: ``(*n, 3)`` metres in the camera frame.
        camera: the camera.

    Returns:
        ``(*n, 3)``: ``u, v`` in pixels (not rounded, not clipped) and depth ``z`` in metres.
        ``u, v`` are NaN where ``z <= 0``.
    """
    points_m = np.asarray(points_m, dtype=np.float64)
    z = points_m[..., 2]
    depth = np.where(z > 0, z, np.nan)
    u = camera.fx * points_m[..., 0] / depth + camera.cx
    v = camera.fy * points_m[..., 1] / depth + camera.cy
    return np.stack([u, v, z], axis=-1)


def pixel_rays(camera: Intrinsics) -> NDArray[np.float64]:
    """Directions through all pixel centres, ``(H, W, 3)``, scaled to ``z = 1``."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1
    )


def unproject(depth_m: Array, camera: Intrinsics) -> NDArray[np.float64]:
    """Turn a depth image into points seen from the camera.

    Args:
        depth_m: ``(H, W)`` metres; ``0`` means "no reading".
        camera: the camera at exactly this size.

    Returns:
        ``(H, W, 3)`` metres in the camera frame; NaN where nothing was read.

    Raises:
        ShapeError: image and camera disagree on ``(H, W)``.
    """
    depth_m = np.asarray(depth_m)
    expect(
        depth_m.shape == (camera.height, camera.width),
        given=f"a depth image of {depth_m.shape[::-1]}",
        needed=f"{camera.width}x{camera.height}, the camera's size",
        do="resize the camera together with its image",
        error=ShapeError,
    )
    depth = np.where(depth_m > 0, depth_m, np.nan)[..., None]
    return pixel_rays(camera) * depth
