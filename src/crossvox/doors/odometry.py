"""RGB-D odometry of Open3D, which is installed apart: how a camera moved between two frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ParamsError

FAR_M = 4.0
"""Readings beyond this are too coarse to track by."""


class Odometry:
    """Dense alignment of colour and depth of two frames (Park et al. 2017; Steinbrücker et al.
    2011), coarse to fine.

    Args:
        camera: of all frames.

    Raises:
        ParamsError: Open3D is not installed, or cannot be imported.
    """

    def __init__(self, camera: Intrinsics) -> None:
        try:
            import open3d
        except (ImportError, OSError) as error:
            raise ParamsError(
                f"given: no Open3D that can be imported ({error}); needed: its RGB-D odometry; do: "
                f"pip install 'crossvox[open3d]', or track with another program and pass its poses "
                f"by --trajectory FILE"
            ) from None
        self._o3d = open3d
        self.version: str = open3d.__version__
        size = (camera.width, camera.height)
        self._camera = open3d.camera.PinholeCameraIntrinsic(
            *size, camera.fx, camera.fy, camera.cx, camera.cy
        )

    def image(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> Any:
        """What :meth:`between` takes: a frame's colour ``(H, W, 3)`` and depth ``(H, W)``."""
        o3d = self._o3d
        return o3d.geometry.RGBDImage.create_from_color_and_depth(
            o3d.geometry.Image(np.ascontiguousarray(rgb)),
            o3d.geometry.Image(np.ascontiguousarray(depth_m, dtype=np.float32)),
            depth_scale=1.0,
            depth_trunc=FAR_M,
            convert_rgb_to_intensity=True,
        )

    def between(
        self, first: Any, second: Any, start: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Where the second frame's camera stands in the first one's.

        Args:
            first, second: from :meth:`image`.
            start: ``(4, 4)`` guess of the answer.

        Returns:
            ``(4, 4)`` first from second; None where nothing was found.
        """
        odometry = self._o3d.pipelines.odometry
        found, matrix, _ = odometry.compute_rgbd_odometry(
            second,
            first,
            self._camera,
            start,
            odometry.RGBDOdometryJacobianFromHybridTerm(),
            odometry.OdometryOption(depth_max=FAR_M),
        )
        matrix = np.asarray(matrix, dtype=np.float64)
        return matrix if found and np.isfinite(matrix).all() else None
