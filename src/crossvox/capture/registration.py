"""Bring depth onto the colour camera's pixel grid.

Colour and depth often come from two cameras that differ in focal length, size and place. A frame
must have one pixel grid (:class:`crossvox.core.frame.Frame`), and ours is the colour camera's:
labels, meshes' colours and 2D features all live there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.params import RegistrationMode
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import ParamsError, PoseError, ShapeError, expect
from crossvox.core.frame import resize_nearest

Array = NDArray[Any]
AGREE_PX = 1e-3
"""Cameras whose pixels fall on each other within this (depth pixels) count as one camera."""

NEAR_M, FAR_M = 0.4, 100.0
"""Depths between which cameras are compared: a shift of the camera shows most up close."""


@dataclass(frozen=True, eq=False)
class Registration:
    """How depth images of one capture are delivered on the colour camera's grid.

    Attributes:
        color_camera: colour camera at its own size.
        depth_camera: depth camera at its own size.
        color_from_depth: ``(4, 4)`` float64 rigid transform from depth camera to colour camera
            coordinates, metres.
        mode: see :data:`~crossvox.capture.params.RegistrationMode`.
        agree_px: cameras whose pixels agree within this count as one, in depth pixels.
        offset_px: by how much a depth pixel misses its place at worst if depth is only resized,
            in pixels of the depth image, for surfaces from ``NEAR_M`` on.

    Raises:
        ParamsError: the mode is unknown, or ``color_from_depth`` is not rigid.
    """

    color_camera: Intrinsics
    depth_camera: Intrinsics
    color_from_depth: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    mode: RegistrationMode = "auto"
    agree_px: float = AGREE_PX
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
        return self.mode == "auto" and self.offset_px > self.agree_px

    @property
    def sentence(self) -> str:
        """One sentence on what happens, for :class:`crossvox.core.frame.CaptureInfo`."""
        if self.offset_px <= self.agree_px:
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
        (:data:`~crossvox.capture.splat.SAME_SURFACE`), so that slanted surfaces leave no sampling
        holes, while missing readings and surfaces hidden from the depth camera stay empty. Values
        are never blended.

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
        metres = _scratch(depth.shape)
        np.divide(depth, units_per_m, out=metres, dtype=np.float32)
        return reproject(metres, camera, target, self.color_from_depth)


_own = threading.local()


def _scratch(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Room for one depth image, this thread's own, the same again for the next one: fresh memory
    of this size would come from the system page by page.
    """
    if getattr(_own, "room", None) is None or _own.room.shape != shape:
        _own.room = np.empty(shape, np.float32)
    room: NDArray[np.float32] = _own.room
    return room


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
    from crossvox.capture.splat import splat  # numba: who only lists captures need not load it

    out = np.empty((target.height, target.width), dtype=np.float32)
    splat(
        np.ascontiguousarray(depth_m, dtype=np.float32),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        np.array([target.fx, target.fy, target.cx, target.cy]),
        np.ascontiguousarray(target_from_camera, dtype=np.float64),
        out,
    )
    return out
