"""Bring depth onto the colour camera's pixel grid.

Colour and depth often come from two cameras that differ in focal length, size and place. A frame
must have one pixel grid (:class:`crossvox.core.frame.Frame`), and ours is the colour camera's:
labels, meshes' colours and 2D features all live there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import ParamsError, PoseError, ShapeError, expect
from crossvox.core.frame import resize_nearest

Array = NDArray[Any]
RegistrationMode = Literal["auto", "none"]
"""``auto`` moves depth onto the colour grid where the cameras differ; ``none`` only resizes it, as
the published pipeline does."""

AGREE_PX = 1e-3
"""Cameras whose pixels fall on each other within this (depth pixels) count as one camera."""

NEAR_M, FAR_M = 0.4, 100.0
"""Depths between which cameras are compared: a shift of the camera shows most up close."""

SAME_SURFACE = 0.05
"""Neighbouring depth pixels that differ by less than this share lie on one surface."""

SMALLEST_DEPTH_M, LARGEST_DEPTH_M = 0.01, 1e4
"""Points outside these depths from the colour camera are dropped: nothing real is seen there."""


@dataclass(frozen=True, eq=False)
class Registration:
    """How depth images of one capture are delivered on the colour camera's grid.

    Attributes:
        color_camera: colour camera at its own size.
        depth_camera: depth camera at its own size.
        color_from_depth: ``(4, 4)`` float64 rigid transform from depth camera to colour camera
            coordinates, metres.
        mode: see :data:`RegistrationMode`.
        offset_px: by how much a depth pixel misses its place at worst if depth is only resized,
            in pixels of the depth image, for surfaces from ``NEAR_M`` on.

    Raises:
        ParamsError: the mode is unknown, or ``color_from_depth`` is not rigid.
    """

    color_camera: Intrinsics
    depth_camera: Intrinsics
    color_from_depth: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    mode: RegistrationMode = "auto"
    offset_px: float = field(init=False)

    def __post_init__(self) -> None:
        expect(
            self.mode in ("auto", "none"),
            given=f"registration {self.mode!r}",
            needed="'auto' or 'none'",
            do="pass one of the two",
            error=ParamsError,
        )
        matrix = np.array(self.color_from_depth, dtype=np.float64)
        expect(
            is_rigid(matrix),
            given="a depth-to-colour transform that is not rigid",
            needed="a rotation and a shift in metres",
            do="check the capture's extrinsics",
            error=ParamsError,
        )
        matrix.setflags(write=False)
        object.__setattr__(self, "color_from_depth", matrix)
        object.__setattr__(self, "offset_px", self._offset_px())

    def _offset_px(self) -> float:
        """Largest distance between a depth pixel and where its surface appears in colour."""
        depth, color = self.depth_camera, self.color_camera.resized(self.depth_camera.size)
        u, v = np.meshgrid(np.linspace(0, depth.width - 1, 5), np.linspace(0, depth.height - 1, 5))
        rays = np.stack([(u - depth.cx) / depth.fx, (v - depth.cy) / depth.fy, np.ones_like(u)], -1)
        worst = 0.0
        for z in (NEAR_M, FAR_M):
            moved = z * rays @ self.color_from_depth[:3, :3].T + self.color_from_depth[:3, 3]
            if (moved[..., 2] <= 0).any():
                return float("inf")
            du = color.fx * moved[..., 0] / moved[..., 2] + color.cx - u
            dv = color.fy * moved[..., 1] / moved[..., 2] + color.cy - v
            worst = max(worst, float(np.hypot(du, dv).max()))
        return worst

    @property
    def moves_pixels(self) -> bool:
        """Whether depth is reprojected (else it is resized by nearest neighbour)."""
        return self.mode == "auto" and self.offset_px > AGREE_PX

    @property
    def sentence(self) -> str:
        """One sentence on what happens, for :class:`crossvox.core.frame.CaptureInfo`."""
        if self.offset_px <= AGREE_PX:
            return "Colour and depth share one camera; depth is resized by nearest neighbour."
        shift_mm = 1000 * float(np.linalg.norm(self.color_from_depth[:3, 3]))
        differ = (
            f"(their pixels differ by up to {self.offset_px:.1f} depth px at {NEAR_M} m, "
            f"the cameras stand {shift_mm:.1f} mm apart)"
        )
        if self.mode == "none":
            return (
                f"Registration is off: depth is only resized, though the cameras disagree {differ}."
            )
        return f"Depth is reprojected onto the colour camera's pixel grid {differ}."

    def apply(self, depth: Array, size: Size, units_per_m: float = 1.0) -> NDArray[np.float32]:
        """Deliver one depth image on the colour camera's grid.

        Reprojection: every reading becomes a point, is moved into the colour camera and written
        to the pixels that its own pixel's footprint covers there; the nearest point wins. The
        footprint follows the neighbouring readings where they lie on the same surface
        (:data:`SAME_SURFACE`), so that slanted surfaces leave no sampling holes, while missing
        readings and surfaces hidden from the depth camera stay empty. Values are never blended.

        Args:
            depth: ``(H, W)`` of the depth camera's size, any number type, 0 = no reading.
            size: ``(width, height)`` of the colour image it is wanted for.
            units_per_m: what to divide by to get metres.

        Returns:
            ``(height, width)`` float32 metres along the colour camera's z, 0 = no reading.

        Raises:
            ShapeError: the image does not have the depth camera's size.
        """
        camera = self.depth_camera
        expect(
            depth.shape == (camera.height, camera.width),
            given=f"a depth image of shape {depth.shape}",
            needed=f"({camera.height}, {camera.width}), the depth camera's",
            do="check the capture's intrinsics",
            error=ShapeError,
        )
        if not self.moves_pixels:
            return np.divide(resize_nearest(depth, size), units_per_m, dtype=np.float32)
        target = self.color_camera.resized(size)
        return reproject(
            np.divide(depth, units_per_m, dtype=np.float32), camera, target, self.color_from_depth
        )


def is_rigid(matrix: Array) -> bool:
    """Whether a ``(4, 4)`` matrix is a rigid transform, within what ``Pose`` repairs."""
    try:
        Pose(matrix)
    except PoseError:
        return False
    return True


def reproject(
    depth_m: NDArray[np.float32],
    camera: Intrinsics,
    target: Intrinsics,
    target_from_camera: Array,
) -> NDArray[np.float32]:
    """See a depth image from another camera, by splatting with a z-buffer.

    Args:
        depth_m: ``(H, W)`` metres of ``camera``, 0 = no reading.
        camera: the camera that took it.
        target: the camera to see it from.
        target_from_camera: ``(4, 4)`` rigid transform, metres.

    Returns:
        ``(H', W')`` float32 metres along the target's z, 0 = no reading.
    """
    out = np.zeros((target.height, target.width), dtype=np.float32)
    _splat(
        np.ascontiguousarray(depth_m, dtype=np.float32),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        np.array([target.fx, target.fy, target.cx, target.cy]),
        np.ascontiguousarray(target_from_camera, dtype=np.float64),
        out,
    )
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _splat(depth, source, target, matrix, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Project all readings, then write each over its footprint. Arrays as in ``reproject``."""
    height, width = depth.shape
    out_height, out_width = out.shape
    fx, fy = source[:2]
    gx, gy, px, py = target
    x = np.zeros((height, width), np.float32)
    y = np.zeros((height, width), np.float32)
    z = np.zeros((height, width), np.float32)  # 0 where there is nothing to write
    _project(depth, source, target, matrix, x, y, z)
    # No footprint grows beyond a few times the cameras' resolution ratio, whatever the noise.
    limit_x, limit_y = np.float32(4.0 * gx / fx + 1.0), np.float32(4.0 * gy / fy + 1.0)
    half = np.float32(0.5)
    # Steps on the target to the neighbour above, kept from when its row was done; -1: not joined.
    above_x = np.full(width, -1.0, np.float32)
    above_y = np.full(width, -1.0, np.float32)
    for v in range(height):
        left_x = left_y = np.float32(-1.0)
        for u in range(width):
            zc, xc, yc = z[v, u], x[v, u], y[v, u]
            right_x = right_y = below_x = below_y = np.float32(-1.0)
            if zc > 0.0:
                reach = np.float32(SAME_SURFACE) * zc
                if u + 1 < width and z[v, u + 1] > 0.0 and abs(z[v, u + 1] - zc) <= reach:
                    right_x, right_y = abs(x[v, u + 1] - xc), abs(y[v, u + 1] - yc)
                if v + 1 < height and z[v + 1, u] > 0.0 and abs(z[v + 1, u] - zc) <= reach:
                    below_x, below_y = abs(x[v + 1, u] - xc), abs(y[v + 1, u] - yc)
                across_x, across_y = max(left_x, right_x), max(left_y, right_y)
                down_x, down_y = max(above_x[u], below_x), max(above_y[u], below_y)
                if min(min(left_x, right_x), min(above_x[u], below_x)) < 0.0:
                    # An open side: take the derivative of the projection at constant depth.
                    scale = depth[v, u] / zc
                    xr, yr = (xc - px) / gx, (yc - py) / gy
                    if left_x < 0.0 or right_x < 0.0:
                        k = scale / fx
                        across_x = max(across_x, gx * k * abs(matrix[0, 0] - xr * matrix[2, 0]))
                        across_y = max(across_y, gy * k * abs(matrix[1, 0] - yr * matrix[2, 0]))
                    if above_x[u] < 0.0 or below_x < 0.0:
                        k = scale / fy
                        down_x = max(down_x, gx * k * abs(matrix[0, 1] - xr * matrix[2, 1]))
                        down_y = max(down_y, gy * k * abs(matrix[1, 1] - yr * matrix[2, 1]))
                # Half sides of the box around the footprint's parallelogram.
                half_x = min(half * np.float32(across_x + down_x), limit_x)
                half_y = min(half * np.float32(across_y + down_y), limit_y)
                first_x = max(0, int(np.ceil(xc - half_x)))
                first_y = max(0, int(np.ceil(yc - half_y)))
                last_x = min(out_width, int(np.ceil(xc + half_x)))
                last_y = min(out_height, int(np.ceil(yc + half_y)))
                for row in range(first_y, last_y):
                    for column in range(first_x, last_x):
                        known = out[row, column]
                        if known == 0.0 or zc < known:
                            out[row, column] = zc
            left_x, left_y = right_x, right_y
            above_x[u], above_y[u] = below_x, below_y


@njit(cache=True, nogil=True, error_model="numpy")
def _project(  # type: ignore[no-untyped-def]  # pragma: no cover
    depth, source, target, matrix, x, y, z
):
    """Where every reading falls on the target, pixels, and its depth there; 0 for none."""
    height, width = depth.shape
    fx, fy, cx, cy = source
    gx, gy, px, py = target
    for v in range(height):
        ray_y = (v - cy) / fy
        base_x = matrix[0, 1] * ray_y + matrix[0, 2]
        base_y = matrix[1, 1] * ray_y + matrix[1, 2]
        base_z = matrix[2, 1] * ray_y + matrix[2, 2]
        for u in range(width):
            d = depth[v, u]
            ray_x = (u - cx) / fx
            point_z = d * (matrix[2, 0] * ray_x + base_z) + matrix[2, 3]
            if d > 0.0 and SMALLEST_DEPTH_M < point_z < LARGEST_DEPTH_M:
                x[v, u] = gx * (d * (matrix[0, 0] * ray_x + base_x) + matrix[0, 3]) / point_z + px
                y[v, u] = gy * (d * (matrix[1, 0] * ray_x + base_y) + matrix[1, 3]) / point_z + py
                z[v, u] = point_z
