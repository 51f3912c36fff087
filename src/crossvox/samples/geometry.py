"""Depth beside a labelled image: where it lies, and what a network reads of it.

Nothing heavy is imported before depth is read: whoever lists images names this, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import ImageFit, Intrinsics
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import Parts, fit_nearest
from crossvox.samples.params import DepthImageParams

if TYPE_CHECKING:
    from crossvox.capture.readers.folder import FolderCapture
    from crossvox.views.geometry import Planes

UP = np.array([0.0, 0.0, 1.0])
"""In the world of a prepared scene."""

ASPECT_TOLERANCE = 0.02
"""Depth may have another size than its image, but not another shape than by this share."""


@dataclass(frozen=True, eq=False)
class Depth:
    """Depth of one image.

    Attributes:
        depth_m: ``(H, W)`` float32 metres, 0 = no reading.
        camera: of an image of its shape; of any size.
        up: ``(3,)`` unit vector that points up in the camera's axes; None: not known.
    """

    depth_m: NDArray[np.float32]
    camera: Intrinsics
    up: NDArray[np.float64] | None

    def planes(self, fit: ImageFit) -> Planes:
        """What a network reads of it, ``(3, H', W')`` uint8 of the fitted image.

        Args:
            fit: how the image was brought to the size of learning. Depth of another size than the
                image is brought there in the same proportions.
        """
        from crossvox.views.geometry import geometry_planes

        rows, columns = self.depth_m.shape
        own = ImageFit((columns, rows), fit.resized, fit.left, fit.top, fit.size)
        camera = own.camera(self.camera.resized((columns, rows)))
        return geometry_planes(
            np.ascontiguousarray(fit_nearest(self.depth_m, own)), camera, self.up
        )


def with_depth(image: NDArray[np.uint8], depth: Depth | None, fit: ImageFit) -> NDArray[np.uint8]:
    """A fitted image ``(H, W, 3)`` and its planes of depth, ``(H, W, 6)``; 0 where it has none."""
    planes = np.zeros((*image.shape[:2], 6), np.uint8)
    planes[..., :3] = image
    if depth is not None:
        planes[..., 3:] = depth.planes(fit).transpose(1, 2, 0)
    return planes


class DepthSource(Protocol):
    """Where the depth of an image lies."""

    @property
    def bytes(self) -> int:
        """Size of its file, for fingerprints; 0 where there is none."""
        ...

    def read(self) -> Depth | None:
        """The depth; None where this image has none.

        Raises:
            CaptureError: damaged, or of another shape than its camera; names the file.
        """
        ...


@dataclass(frozen=True)
class FrameDepth:
    """Depth of a frame of a prepared scene, whose pose tells what is up.

    Attributes:
        scene: folder of the scene.
        number: of the frame.
    """

    scene: Path
    number: int

    @property
    def bytes(self) -> int:
        """Size of its file."""
        path = self.scene / "depth" / f"{self.number}.png"
        return path.stat().st_size if path.is_file() else 0

    def read(self) -> Depth | None:
        """See :class:`DepthSource`."""
        capture, places = _scene(self.scene)
        frame = capture.frame(places[self.number], parts=Parts(rgb=False, labels=False))
        if frame.depth_m is None:
            return None
        up = None if frame.pose is None else frame.pose.world_from_camera[:3, :3].T @ UP
        return Depth(frame.depth_m, frame.camera, up)


@dataclass(frozen=True)
class DepthFile:
    """A depth image of a folder of one's own.

    Attributes:
        path: 8- or 16-bit PNG.
        params: what its numbers mean.
    """

    path: Path
    params: DepthImageParams

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    def read(self) -> Depth:
        """See :class:`DepthSource`."""
        from crossvox.doors.images import read_gray

        stored, params = read_gray(self.path), self.params
        depth = (stored.astype(np.float32) + np.float32(params.offset)) / np.float32(
            params.units_per_m
        )
        if params.offset == 0:
            depth[stored == 0] = 0
        camera = params.camera
        rows, columns = stored.shape
        expect(
            abs(camera.width * rows / (camera.height * columns) - 1) <= ASPECT_TOLERANCE,
            given=f"{self.path} of {columns}x{rows} for a camera of {camera.width}x{camera.height}",
            needed="depth images of the colour images' shape",
            do="correct --depth.size and --depth.focal, or register depth onto colour first",
            error=CaptureError,
        )
        return Depth(depth, camera, None)


@lru_cache(maxsize=512)
def _scene(folder: Path) -> tuple[FolderCapture, dict[int, int]]:
    from crossvox.capture.readers.folder import FolderCapture

    capture = FolderCapture(folder)
    return capture, {number: place for place, number in enumerate(capture.frame_ids)}
