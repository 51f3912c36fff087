"""Exports of phones: a file for each part of a frame, called by the frame's number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import depth_png, first_of, gray_checked, gray_size
from crossvox.capture.members import Members, members
from crossvox.capture.params import RegistrationMode
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import usual_camera
from crossvox.capture.stored import FrameCameras, StoredCapture
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import color_size


@dataclass(frozen=True)
class FrameFiles:
    """Files of a capture's frames by number.

    Attributes:
        files: of the capture.
        color, depth, confidence: names by number.
    """

    files: Members
    color: Mapping[int, str]
    depth: Mapping[int, str]
    confidence: Mapping[int, str] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[int, ...]:
        """Numbers with colour and depth."""
        return tuple(sorted(set(self.color) & set(self.depth)))

    def expect_frames(self, looks_like: str, needed: str, lacking: str, do: str) -> None:
        """Refuse a capture without any frame that has colour and depth.

        Args:
            looks_like: the format's name.
            needed: files of a frame.
            lacking: other files that are not there at all; empty: none.
            do: how to get them.
        """
        none = [
            part for part, found in (("colour", self.color), ("depth", self.depth)) if not found
        ]
        parts = [*none, lacking] if lacking else none
        given = f"without {' and '.join(parts)}" if parts else "whose parts have different numbers"
        expect(
            not parts and len(self.ids) > 0,
            given=f"{self.files.path}, which looks like {looks_like}, {given}",
            needed=needed,
            do=do,
            error=CaptureError,
        )

    def color_size(self) -> Size:
        """Size of colour images, of the first that can be read."""
        names = (self.color[number] for number in self.ids)
        return first_of(names, lambda n: color_size(self.files.read(n), self.files.source(n)))

    def depth_png_size(self) -> Size:
        """Size of depth images in PNG, of the first that can be read."""
        names = (self.depth[number] for number in self.ids)
        return first_of(names, lambda n: gray_size(self.files.read(n), self.files.source(n)))

    def notes(self) -> list[str]:
        """What is left out, and what is not there."""
        ids = set(self.ids)
        notes = [
            f"left out: {len(some)} {what}"
            for what, some in (
                ("colour images without depth", set(self.color) - ids),
                ("depth images without colour", set(self.depth) - ids),
            )
            if some
        ]
        missing = len(ids - set(self.confidence))
        if self.confidence and missing:
            notes.append(f"{missing} frames without confidence: all of their depth is taken")
        return notes


class FrameFilesCapture(StoredCapture):
    """Frames of :class:`FrameFiles`; depth is PNG of 16 bits unless a reader says otherwise.

    Args:
        frames: the files.
        name: scene name.
        registration: how depth gets onto the colour camera's grid; see :func:`one_view`.
        cameras: of colour images, by number, where there is one for each frame, which depth shares;
            a frame without one has the usual camera.
        stored_from_color: see :class:`~crossvox.capture.stored.StoredCapture`.
    """

    def __init__(
        self,
        frames: FrameFiles,
        name: str,
        registration: Registration,
        cameras: Mapping[int, Intrinsics] | None = None,
        stored_from_color: NDArray[np.float64] | None = None,
    ) -> None:
        self._frames, self._own_cameras = frames, cameras or {}
        super().__init__(name, frames.ids, registration, stored_from_color)
        self.tells_confidence = bool(frames.confidence)
        notes = frames.notes()
        differ = usual_camera(list(cameras.values()))[1] if cameras else ""
        if differ:
            notes.append(f"cameras differ from frame to frame: {differ}")
        self.notes = tuple(notes)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        names = self._frames.color if part == "colour" else self._frames.depth
        return self._frames.files.source(names[self.frame_ids[index]])

    def color_data(self, index: int) -> bytes:
        """The image as it is."""
        return self._frames.files.read(self._frames.color[self.frame_ids[index]])

    def depth_data(self, index: int) -> bytes:
        """The depth file as it is."""
        return self._frames.files.read(self._frames.depth[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.float32] | NDArray[np.uint16]:
        """Depth in stored units."""
        return depth_png(self.depth_data(index), self.source(index, "depth"))

    def confidence_png(self, index: int) -> NDArray[np.uint8] | None:
        """Confidence as stored, of a PNG of 8 bits; None where the frame has none.

        Raises:
            CaptureError: damaged, or of 16 bits.
        """
        name = self._frames.confidence.get(self.frame_ids[index])
        if name is None:
            return None
        source = self._frames.files.source(name)
        image = gray_checked(self._frames.files.read(name), source)
        expect(
            image.dtype == np.uint8,
            given=f"{source} of 16 bits",
            needed="confidence as PNG of 8 bits",
            do="check that this is a confidence image",
            error=CaptureError,
        )
        return image

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """The frame's own camera, for both images."""
        color = self._own_cameras.get(self.frame_ids[index])
        if color is None:
            return None
        return FrameCameras(color, color.resized(self.registration.depth_camera.size))


def one_view(
    cameras: Mapping[int, Intrinsics], depth_size: Size, mode: RegistrationMode
) -> Registration:
    """Depth that shows what colour shows, on the usual one of the frames' cameras."""
    usual, _ = usual_camera(list(cameras.values()))
    return Registration(usual, usual.resized(depth_size), mode=mode)


def one_place(path: Path, places: list[str]) -> Members:
    """The files of a folder or ZIP file that holds one capture.

    Raises:
        CaptureError: it holds several, or is damaged.
    """
    expect(
        len(places) <= 1,
        given=f"{path} with {len(places)} captures",
        needed="one capture",
        do="unpack it, and pass one of its folders",
        error=CaptureError,
    )
    return members(path, places[0] if places else "")


def name_of(path: Path) -> str:
    """What a capture in a folder or ZIP file is called."""
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else resolved.stem
