"""What readers of captures on disk share: one way from stored images to a Frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.camera_files import read_any_camera
from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import check_color_header
from crossvox.capture.lens import SAME_PX, Lens, largest_shift_px, rectify
from crossvox.capture.params import CONFIDENCES, CaptureParams
from crossvox.capture.registration import AGREE_PX, Registration
from crossvox.capture.remembered import Remembered
from crossvox.core.camera import Intrinsics, Pose, Size, plainly_poses
from crossvox.core.checks import CaptureError, PoseError, expect
from crossvox.core.convention import AS_IN_MEMORY, PoseConvention
from crossvox.core.frame import ALL_PARTS, CaptureInfo, Frame, Parts, Stored, resize_nearest
from crossvox.core.labels import UNANNOTATED, RawLabelMap
from crossvox.core.names import safe_name
from crossvox.doors.image_kinds import COLOR_SUFFIXES
from crossvox.doors.images import decode_color, resize_color
from crossvox.doors.jpeg import bare_jpeg
from crossvox.doors.pillow_images import exif_orientation

Array = NDArray[Any]

_JPEG_START = b"\xff\xd8"

LOST_POSE = np.full((4, 4), -np.inf)
"""How ScanNet marks a frame whose tracking was lost."""


@dataclass(frozen=True)
class FrameCameras:
    """Cameras of one frame, of devices that tell one for each.

    Attributes:
        color: of the colour image at its own size.
        depth: of the depth image at its own size.
        lens, depth_lens: the frame's own distortion; None: that of the capture.
    """

    color: Intrinsics
    depth: Intrinsics
    lens: Lens | None = None
    depth_lens: Lens | None = None


class StoredCapture(ABC):
    """A capture whose frames lie in files. Implements ``core.frame.Capture``.

    Readers fill in where the bytes are and what they mean; sizes, axes, units, lenses, cameras a
    frame, confidence, registration, label mapping and errors are here. Objects hold no open files,
    may serve several threads and may be pickled.

    Attributes:
        name: scene name, safe as a folder name.
        frame_ids: frame numbers, rising.
        registration: how depth gets onto the colour camera's grid.
        stored_from_color: ``(4, 4)``, from colour camera to the camera that the stored poses are
            about; None where that is the colour camera itself.
        units_per_m: what stored depth values are divided by to get metres.
        convention: what the matrices of :meth:`pose_matrix` mean.
        lens, depth_lens: distortion of the colour and of the depth images; a lens that both share
            is told for both.
        least_confidence: depth of a lower confidence is left out: 0 low, 1 medium, 2 high.
        trajectory: ``(N, 4, 4)`` matrices instead of those of :meth:`pose_matrix`, or None.
        format: name of the format, for ``crossvox info``.
        up: where up is in the world of the poses, where the format tells; None: unknown.
        tells_confidence: whether :meth:`confidence_raw` tells anything.
        notes: anything odd that a user should know.
    """

    format: str
    up: tuple[float, float, float] | None = None
    tells_confidence: bool = False
    units_per_m: float = 1000.0
    convention: PoseConvention = AS_IN_MEMORY
    lens: Lens | None = None
    depth_lens: Lens | None = None
    least_confidence: int = 1
    trajectory: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()
    _one_camera: bool = False
    _remembered: Remembered | None = None

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
    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Matrix ``(4, 4)`` as stored, metres, in the sense of :attr:`convention`.

        Not finite where tracking was lost, or where there are no poses at all.
        """

    def pose_matrices(self) -> NDArray[np.float64] | None:
        """Those of all frames, ``(N, 4, 4)``, where they are in memory; else None."""
        return None

    def color_data(self, index: int) -> bytes:
        """The encoded colour image (JPEG or PNG) as stored; empty where there is no such, as in a
        video: then :meth:`color_pixels` is the reader's to write.
        """
        return b""

    def color_pixels(self, index: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The colour image ``(H, W, 3)`` RGB, as stored or smaller.

        Args:
            index: position of the frame.
            at_least: it may be decoded at a fraction of its size, as long as it does not get
                smaller than this; None: at its own.
        """
        source, data = self.source(index, "colour"), self.color_data(index)
        check_color_header(data, source, self.registration.color_camera.size)
        return decode_color(data, source, at_least=at_least)

    @abstractmethod
    def depth_raw(self, index: int) -> Array:
        """Depth ``(H, W)`` in stored units, 0 = no reading (other marks already set to 0)."""

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """Confidence of depth, any size: 0 low, 1 medium, 2 high; None where nothing is told."""
        return None

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """The frame's own cameras; None where they are those of :attr:`registration`."""
        return None

    def time_s(self, index: int) -> float | None:
        """When the frame was taken, by the device's clock; None where nothing is told."""
        return None

    def labels_raw(self, index: int) -> Array | None:
        """Label ids ``(H, W)`` as stored, or None where the frame has none."""
        return None

    def labels_at(self, index: int, size: Size | None) -> Array | None:
        """Those of :meth:`labels_raw`, by the nearest pixel at ``size`` (None: as stored)."""
        raw = self.labels_raw(index)
        return raw if raw is None or size is None else resize_nearest(raw, size)

    def label_map(self) -> RawLabelMap:
        """The table from stored label ids to NYU40."""
        raise CaptureError(
            f"given: {self.name}, a capture without labels; needed: 2D labels; "
            f"do: ask for frames without labels"
        )

    def source(self, index: int, part: str) -> str:
        """What to call a frame's part in an error text."""
        return f"{self.name}, frame {self.frame_ids[index]}, {part}"

    def depart(self, how: CaptureParams) -> Self:
        """Take what the user says instead of what the files say; of a capture just opened.

        Raises:
            CaptureError: a camera or trajectory that cannot be true.
        """
        self.convention = PoseConvention(
            how.axes or self.convention.axes, how.poses or self.convention.direction
        )
        self.units_per_m = how.units_per_m or self.units_per_m
        self.least_confidence = how.least_confidence
        if how.intrinsics is not None:
            self._take_camera(how)
        if how.trajectory is not None:
            self._take_trajectory(how.trajectory, how)
        return self

    def _take_trajectory(self, path: Path, how: CaptureParams) -> None:
        """Poses of the colour camera from a file, in a world and a convention of its own."""
        from crossvox.capture.trajectory import poses_for

        self.trajectory, note = poses_for(path, self)
        self.convention = PoseConvention(
            how.axes or AS_IN_MEMORY.axes, how.poses or AS_IN_MEMORY.direction
        )
        self.stored_from_color = self.up = None
        self.notes = (*self.notes, note)

    def _take_camera(self, how: CaptureParams) -> None:
        """One camera for all colour images, and for depth if it shared theirs."""
        old, values = self.registration, how.camera_values()
        size = old.color_camera.size
        color = (
            read_any_camera(Path(str(how.intrinsics)), size)
            if values is None
            else camera_or_error(values, size, "--intrinsics")
        )
        shared = old.offset_px <= AGREE_PX
        depth = color.resized(old.depth_camera.size) if shared else old.depth_camera
        self.registration = replace(old, color_camera=color, depth_camera=depth)
        self._one_camera = True

    def orientation(self) -> int:
        """How the headers of the colour images say they are to be shown (EXIF), 1 to 8."""
        return exif_orientation(self.color_data(0))

    def remember(self, remembered: Remembered | None) -> None:
        """Keep what is read in ``remembered``, and give it from there; None: read it every time."""
        self._remembered = remembered

    # The contract of core.frame.Capture.

    def __len__(self) -> int:
        """How many frames there are, lost poses included."""
        return len(self.frame_ids)

    def info(self) -> CaptureInfo:
        """Cameras and registration, without decoding images; readers add what else there is."""
        notes = list(self.notes)
        if self.tells_confidence:
            least = CONFIDENCES[self.least_confidence]
            notes.append(
                f"depth below {least} confidence is left out (--confidence low keeps it)"
                if self.least_confidence
                else "depth of any confidence is kept"
            )
        return CaptureInfo(
            format=self.format,
            color_camera=self.registration.color_camera,
            depth_camera=self.registration.depth_camera,
            registration=self.registration.sentence,
            has_labels=False,
            notes=tuple(notes),
            up=self.up,
            convention=self.convention,
            units_per_m=self.units_per_m,
        )

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The colour camera at ``size`` (None: its own size)."""
        camera = self.registration.color_camera
        return camera if size is None else camera.resized(size)

    def pose(self, index: int) -> Pose | None:
        """Pose of the delivered (colour) camera; None where tracking was lost.

        Raises:
            CaptureError: the stored matrix is neither rigid nor marked as lost.
        """
        if self._remembered is None:
            return self._read_pose(index)
        return self._remembered.pose(index, self._read_pose)

    def _read_pose(self, index: int) -> Pose | None:
        try:
            pose = Pose.read(self.convention.delivered(self.stored_pose(index)))
        except PoseError as error:
            raise CaptureError(f"{self.source(index, 'pose')}: {error}") from None
        if pose is None or self.stored_from_color is None:
            return pose
        return Pose(pose.world_from_camera @ self.stored_from_color)

    def stored_pose(self, index: int) -> NDArray[np.float64]:
        """The pose's matrix in the sense of :attr:`convention`, wherever it comes from."""
        return self.pose_matrix(index) if self.trajectory is None else self.trajectory[index]

    def stored_poses(self) -> NDArray[np.float64] | None:
        """Those of all frames, ``(N, 4, 4)``, where they are in memory; else None."""
        return self.pose_matrices() if self.trajectory is None else self.trajectory

    def plain_poses(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which stored poses are so beyond doubt, and mean what they do in memory.

        Returns:
            Which, ``(N,)``, and their matrices as stored, ``(N, 4, 4)``; NaN for all others. None
            are where they are not in memory, or would have to be turned first.
        """
        plain, found = np.zeros(len(self), np.bool_), np.full((len(self), 4, 4), np.nan)
        stored = self.stored_poses() if self.convention == AS_IN_MEMORY else None
        if stored is not None:
            plain = plainly_poses(stored)
            found[plain] = stored[plain]
        return plain, found

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
        same = self.stored_from_color is None and self.convention == AS_IN_MEMORY
        file = Path(self.source(index, "colour"))
        return Stored(
            jpeg,
            self.stored_pose(index) if same else None,
            partial(self._checked_depth, index),
            self.units_per_m,
            unknown,
            partial(self._left_out, index),
            self.time_s(index),
            file.name if file.suffix.lower() in COLOR_SUFFIXES else None,
        )

    # The images one by one.

    def color(self, index: int, size: Size) -> NDArray[np.uint8]:
        """Colour ``(height, width, 3)`` RGB at ``size``."""
        smaller = size if size != self.registration.color_camera.size else None
        image = resize_color(self.color_pixels(index, smaller), size)
        own = self._cameras(index)
        return rectify(image, own.color.resized(size), self.camera(size), own.lens, smooth=True)

    def _cameras(self, index: int) -> FrameCameras:
        """Where the frame's images lie before they are brought onto the capture's camera."""
        own = None if self._one_camera else self.frame_cameras(index)
        if own is None:
            usual = self.registration
            return FrameCameras(usual.color_camera, usual.depth_camera, self.lens, self.depth_lens)
        return replace(
            own, lens=own.lens or self.lens, depth_lens=own.depth_lens or self.depth_lens
        )

    def _moves_color(self, index: int) -> bool:
        """Whether colour is delivered on other pixels than it is stored on."""
        own, target = self._cameras(index), self.registration.color_camera
        distorts = own.lens is not None and not own.lens.is_none
        return distorts or largest_shift_px(own.color, target) > SAME_PX

    def _jpeg(self, index: int, size: Size) -> bytes | None:
        """The stored bytes if they are a complete JPEG of this size, without what is no picture.

        Raises:
            CaptureError: they are a JPEG, but a damaged one.
        """
        if self.registration.color_camera.size != size or self._moves_color(index):
            return None
        data = self.color_data(index)
        if data[:2] != _JPEG_START:
            return None
        source = self.source(index, "colour")
        check_color_header(data, source, size)
        # Decoded (as small as it gets) only to be sure that the copy is worth having.
        decode_color(data, source, at_least=(1, 1))
        # Copies tell nothing of where, when and by whose device a picture was taken.
        return bare_jpeg(data) or None

    def depth_m(self, index: int, size: Size) -> NDArray[np.float32]:
        """Depth ``(height, width)`` metres on the colour grid at ``size``, 0 = no reading."""
        if self._remembered is None:
            return self._read_depth_m(index, size)
        return self._remembered.depth_m(index, size, self._read_depth_m)

    def _read_depth_m(self, index: int, size: Size) -> NDArray[np.float32]:
        raw, own = self._checked_depth(index), self._cameras(index)
        raw = rectify(raw, own.depth, own.depth, own.depth_lens, smooth=False)
        return self._registration(own.depth).apply(raw, size, self.units_per_m)

    def _registration(self, depth_camera: Intrinsics) -> Registration:
        """That of a frame with this depth camera."""
        usual = self.registration
        if depth_camera == usual.depth_camera:
            return usual
        # Cameras that breathe by a fraction of a pixel need no reprojection: depth is resampled by
        # the nearest pixel anyway.
        return replace(usual, depth_camera=depth_camera, agree_px=SAME_PX)

    def _checked_depth(self, index: int) -> Array:
        """Stored depth of the depth camera's size, what is not trusted left out."""
        raw = self._sized_depth(index)
        doubtful = self._doubtful(index, raw)
        return raw if doubtful is None else np.where(doubtful, raw.dtype.type(0), raw)

    def _sized_depth(self, index: int) -> Array:
        raw = self.depth_raw(index)
        self.check_depth(index, raw)
        return raw

    def _doubtful(self, index: int, raw: Array) -> NDArray[np.bool_] | None:
        """Pixels below the confidence that is asked for; None where nothing is told."""
        confidence = self.confidence_raw(index) if self.least_confidence > 0 else None
        if confidence is None:
            return None
        return resize_nearest(confidence, raw.shape[1::-1]) < self.least_confidence

    def _left_out(self, index: int) -> int:
        """Readings that are left out, since the device does not trust them."""
        raw = self._sized_depth(index)
        doubtful = self._doubtful(index, raw)
        return 0 if doubtful is None else int(np.count_nonzero(doubtful & (raw > 0)))

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
        raw = self.labels_at(index, size)
        if raw is None:
            return None
        table = self.label_map()
        if size is not None:
            own = self._cameras(index)
            raw = rectify(raw, own.color.resized(size), self.camera(size), own.lens, smooth=False)
        labels = table.apply(raw)
        nameless = raw[labels == UNANNOTATED]  # what the table lacks is among these
        ids, counts = np.unique(nameless[~table.known.take(nameless)], return_counts=True)
        return labels, dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _position(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"position {index} of a capture of {count} frames")
    return index
