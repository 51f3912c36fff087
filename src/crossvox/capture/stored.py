"""What readers of captures on disk share: one way from stored images to a Frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import check_color_header
from crossvox.capture.registration import Registration
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, PoseError, expect
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts, Stored, resize_nearest
from crossvox.core.labels import RawLabelMap
from crossvox.core.names import safe_name
from crossvox.doors.images import decode_color, resize_color

Array = NDArray[Any]

_JPEG_START = b"\xff\xd8"

LOST_POSE = np.full((4, 4), -np.inf)
"""How ScanNet marks a frame whose tracking was lost."""


class StoredCapture(ABC):
    """A capture whose frames lie in files. Implements ``core.frame.Capture``.

    Readers fill in where the bytes are; sizes, registration, label mapping and errors are here.
    Objects hold no open files, may serve several threads and may be pickled.

    Attributes:
        name: scene name, safe as a folder name.
        frame_ids: frame numbers, rising.
        registration: how depth gets onto the colour camera's grid.
        stored_from_color: ``(4, 4)``, from colour camera to the camera that the stored poses are
            about; None where that is the colour camera itself.
        units_per_m: what stored depth values are divided by to get metres.
    """

    units_per_m: float = 1000.0

    def __init__(
        self,
        name: str,
        frame_ids: tuple[int, ...],
        registration: Registration,
        stored_from_color: Array | None = None,
    ) -> None:
        expect(
            len(frame_ids) > 0,
            given=f"the capture {name}, which holds no frame",
            needed="at least one frame",
            do="check the path",
            error=CaptureError,
        )
        self.name = safe_name(name)
        expect(
            bool(self.name),
            given=f"a capture called {name!r}",
            needed="a name with letters or digits",
            do="rename its file or folder",
            error=CaptureError,
        )
        self.frame_ids = frame_ids
        self.registration = registration
        turned = stored_from_color is not None and registration.mode == "auto"
        self.stored_from_color = (
            np.array(stored_from_color, dtype=np.float64)
            if turned and not np.array_equal(stored_from_color, np.eye(4))  # type: ignore[arg-type]
            else None
        )

    # What a reader says about its format.

    @abstractmethod
    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""

    @abstractmethod
    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Stored camera-to-world matrix ``(4, 4)``, metres; not finite where tracking was lost."""

    @abstractmethod
    def color_data(self, index: int) -> bytes:
        """The encoded colour image (JPEG or PNG) as stored."""

    @abstractmethod
    def depth_raw(self, index: int) -> Array:
        """Depth ``(H, W)`` in stored units, 0 = no reading (other marks already set to 0)."""

    def labels_raw(self, index: int) -> Array | None:
        """Label ids ``(H, W)`` as stored, or None where the frame has none."""
        return None

    def label_map(self) -> RawLabelMap:
        """The table from stored label ids to NYU40."""
        raise CaptureError(
            f"given: {self.name}, a capture without labels; needed: 2D labels; "
            f"do: ask for frames without labels"
        )

    def source(self, index: int, part: str) -> str:
        """What to call a frame's part in an error text."""
        return f"{self.name}, frame {self.frame_ids[index]}, {part}"

    # The contract of core.frame.Capture.

    def __len__(self) -> int:
        """How many frames there are, lost poses included."""
        return len(self.frame_ids)

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The colour camera at ``size`` (None: its own size)."""
        camera = self.registration.color_camera
        return camera if size is None else camera.resized(size)

    def pose(self, index: int) -> Pose | None:
        """Pose of the delivered (colour) camera; None where tracking was lost.

        Raises:
            CaptureError: the stored matrix is neither rigid nor marked as lost.
        """
        matrix = self.pose_matrix(index)
        try:
            pose = Pose.read(matrix)
        except PoseError as error:
            raise CaptureError(f"{self.source(index, 'pose')}: {error}") from None
        if pose is None or self.stored_from_color is None:
            return pose
        return Pose(pose.world_from_camera @ self.stored_from_color)

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """One frame on the pixel grid of ``camera(size)``; decodes only what ``parts`` asks.

        Raises:
            CaptureError: the frame's files are missing or broken; names file and frame.
            IndexError: there is no such position.
        """
        camera = self.camera(size)
        number = self.frame_ids[_position(index, len(self))]
        pose, jpeg, rgb = self.pose(index), None, None
        if parts.rgb:
            jpeg = self._jpeg(index, camera.size) if parts.stored else None
            rgb = None if jpeg is not None else self.color(index, camera.size)
        found = self.labels_and_unknown(index, camera.size) if parts.labels else None
        labels, unknown = found or (None, {})
        return Frame(
            id=number,
            camera=camera,
            pose=pose,
            rgb=rgb,
            depth_m=self.depth_m(index, camera.size) if parts.depth else None,
            labels=labels,
            stored=self._stored(index, jpeg, unknown) if parts.stored else None,
        )

    def _stored(self, index: int, jpeg: bytes | None, unknown: dict[int, int]) -> Stored:
        # Where the stored camera is not the delivered one, neither is its pose.
        pose = self.pose_matrix(index) if self.stored_from_color is None else None
        depth = partial(self._checked_depth, index)
        return Stored(jpeg, pose, depth, self.units_per_m, unknown)

    # The images one by one.

    def color(self, index: int, size: Size) -> NDArray[np.uint8]:
        """Colour ``(height, width, 3)`` RGB at ``size``."""
        source, data = self.source(index, "colour"), self.color_data(index)
        own = self.registration.color_camera.size
        check_color_header(data, source, own)
        smaller = size if size != own else None
        return resize_color(decode_color(data, source, at_least=smaller), size)

    def _jpeg(self, index: int, size: Size) -> bytes | None:
        """The stored bytes if they are a complete JPEG of this size.

        Raises:
            CaptureError: they are a JPEG, but a damaged one.
        """
        if self.registration.color_camera.size != size:
            return None
        data = self.color_data(index)
        if data[:2] != _JPEG_START:
            return None
        source = self.source(index, "colour")
        check_color_header(data, source, size)
        # Decoded (as small as it gets) only to be sure that the copy is worth having.
        decode_color(data, source, at_least=(1, 1))
        return data

    def depth_m(self, index: int, size: Size) -> NDArray[np.float32]:
        """Depth ``(height, width)`` metres on the colour grid at ``size``, 0 = no reading."""
        return self.registration.apply(self._checked_depth(index), size, self.units_per_m)

    def _checked_depth(self, index: int) -> Array:
        """Stored depth of the depth camera's size."""
        raw = self.depth_raw(index)
        self.check_depth(index, raw)
        return raw

    def check_depth(self, index: int, raw: Array) -> None:
        """Refuse a stored depth image of another size than the depth camera's."""
        camera = self.registration.depth_camera
        expect(
            raw.shape == (camera.height, camera.width),
            given=f"{self.source(index, 'depth')} of {raw.shape[1]}x{raw.shape[0]} pixels",
            needed=f"{camera.width}x{camera.height}, the depth camera's size",
            do="check that all frames come from one capture",
            error=CaptureError,
        )

    def labels_and_unknown(
        self, index: int, size: Size | None = None
    ) -> tuple[NDArray[np.uint8], dict[int, int]] | None:
        """NYU40 ids at ``size`` (None: as stored), and pixels by id that the table lacks."""
        raw = self.labels_raw(index)
        if raw is None:
            return None
        table = self.label_map()
        if size is not None:
            raw = resize_nearest(raw, size)
        labels, known = table.apply(raw), table.known.take(raw)
        if known.all():
            return labels, {}
        ids, counts = np.unique(raw[~known], return_counts=True)
        return labels, dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _position(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"position {index} of a capture of {count} frames")
    return index
