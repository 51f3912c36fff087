"""3RScan's sequences, and others of the same layout: ``_info.txt``, ``frame-NNNNNN.color.jpg``,
``.depth.pgm`` (or ``.png``) and ``.pose.txt``.

A sequence lies in ``sequence/`` or ``sequence.zip`` of a scan. ``_info.txt`` holds image sizes,
cameras and where they stand as ``m_calibrationColorIntrinsic = 16 numbers`` row by row, and
``m_depthShift``, depth units a metre. Depth is 16 bits in PGM, high byte first. Poses are
camera-to-world, OpenCV axes, metres, of the colour camera; those of the hidden test scans are not
published, and a frame without one is lost.

In 3RScan, depth lies on colour's view and need only be resized: cameras that agree within half a
depth pixel count as one. ScanNet's own exporter writes the same layout with two cameras apart from
each other; then depth is reprojected.

Depth of 224x172 pixels is that of the Tango phones which 3RScan was recorded with: their world is
level, z up, and they were held upright, so that images lie on their side.

Source:
    https://github.com/WaldJohannaU/3RScan (README.md, FAQ.md)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import (
    depth_png,
    first_of,
    gray_size,
    numbers_in,
    pose_matrix_in,
    without_largest,
)
from crossvox.capture.frame_files import FrameFiles, FrameFilesCapture, name_of, one_place
from crossvox.capture.lens import largest_shift_px
from crossvox.capture.members import Members, roots
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.registration import Registration, is_rigid
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.text import decoded
from crossvox.doors.images import decode_pgm

INFO = "_info.txt"
SEQUENCE = "sequence"
TANGO_DEPTH: Size = (224, 172)
_MARKS = (INFO, "frame-*.depth.pgm")
_SAME_VIEW_PX = 0.5


class RScanCapture(FrameFilesCapture):
    """A sequence of 3RScan.

    Args:
        files: of the sequence.
        name: scene name.
        registration: see :data:`~crossvox.capture.params.RegistrationMode`.

    Raises:
        CaptureError: no frames with colour and depth, or no ``_info.txt``, or a damaged one.
    """

    format = "3RScan"

    def __init__(self, files: Members, name: str, registration: RegistrationMode = "auto") -> None:
        before = "frame-"
        frames = FrameFiles(
            files,
            files.numbered("", (".color.png", ".color.jpeg", ".color.jpg"), before),
            files.numbered("", (".depth.png", ".depth.pgm"), before),
        )
        self._pose_files = files.numbered("", (".pose.txt",), before)
        frames.expect_frames(
            "a sequence of 3RScan",
            f"{INFO}, frame-NNNNNN.color.jpg, .depth.pgm and .pose.txt",
            "" if files.has(INFO) else INFO,
            "download or unpack the sequence again",
        )
        info = _Info(files)
        depth_size = first_of(
            (frames.depth[number] for number in frames.ids),
            lambda name: _depth_size(files.read(name), files.source(name)),
        )
        color = info.camera("color", frames.color_size())
        depth = info.camera("depth", depth_size)
        stored_from_color = info.extrinsic("color")
        color_from_depth = np.linalg.inv(stored_from_color) @ info.extrinsic("depth")
        shared = color.resized(depth_size)
        still = np.array_equal(color_from_depth, np.eye(4))
        if still and largest_shift_px(depth, shared) <= _SAME_VIEW_PX:
            depth = shared
        super().__init__(
            frames,
            name,
            Registration(color, depth, color_from_depth, registration),
            stored_from_color=stored_from_color,
        )
        self.units_per_m = info.units_per_m
        self.up = (0.0, 0.0, 1.0) if depth_size == TANGO_DEPTH else None
        lost = len(set(self.frame_ids) - set(self._pose_files))
        if lost:
            self.notes = (*self.notes, f"{lost} frames without a pose file are lost")

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        name = self._pose_files.get(self.frame_ids[index])
        if part == "pose" and name is not None:
            return self._frames.files.source(name)
        return super().source(index, part)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """``frame-NNNNNN.pose.txt``; lost where there is none."""
        name = self._pose_files.get(self.frame_ids[index])
        if name is None:
            return LOST_POSE.copy()
        return pose_matrix_in(self._frames.files.read(name), self._frames.files.source(name))

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """PGM or PNG of 16 bits."""
        data, source = self.depth_data(index), self.source(index, "depth")
        if not data.startswith(b"P5"):
            return depth_png(data, source)
        image = decode_pgm(data, source)
        expect(
            image.dtype == np.uint16,
            given=f"{source} of 8 bits",
            needed="depth of 16 bits",
            do="check that this is a depth image",
            error=CaptureError,
        )
        return without_largest(image)


class _Info:
    """What ``_info.txt`` tells; ``m_`` before and white space around names are left aside."""

    def __init__(self, files: Members) -> None:
        self._source = files.source(INFO)
        try:
            text = decoded(files.read(INFO))
        except ValueError:
            raise self._lacks("text", f"{INFO} as bytes that are no text") from None
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
        self._values = {name.strip().removeprefix("m_"): value.strip() for name, value in pairs}

    def _lacks(self, needed: str, given: str) -> CaptureError:
        return CaptureError(
            f"given: {self._source} with {given}; needed: {needed}; do: download the sequence again"
        )

    def _numbers(self, name: str, count: int) -> NDArray[np.float64]:
        if name not in self._values:
            raise self._lacks(f"m_{name} = {count} numbers", f"no m_{name}")
        numbers = numbers_in(self._values[name].encode(), f"{self._source}, m_{name}")
        if numbers.size != count or not np.isfinite(numbers).all():
            raise self._lacks(f"{count} finite ones", f"{numbers.size} numbers for m_{name}")
        return numbers

    def camera(self, kind: str, size: Size) -> Intrinsics:
        """The ``color`` or ``depth`` camera for images of a size."""
        matrix = self._numbers(f"calibration{kind.title()}Intrinsic", 16).reshape(4, 4)
        values = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
        told = size
        if f"{kind}Width" in self._values and f"{kind}Height" in self._values:
            sides = [self._numbers(f"{kind}{side}", 1)[0] for side in ("Width", "Height")]
            if min(sides) >= 1 and max(sides) < 1 << 16:
                told = int(sides[0]), int(sides[1])
        return camera_or_error(values, told, f"{self._source}, {kind}").resized(size)

    def extrinsic(self, kind: str) -> NDArray[np.float64]:
        """Where the ``color`` or ``depth`` camera stands in the frame that poses are about."""
        name = f"calibration{kind.title()}Extrinsic"
        if name not in self._values:
            return np.eye(4)
        matrix = self._numbers(name, 16).reshape(4, 4)
        if not is_rigid(matrix):
            raise self._lacks("a rigid 4x4 matrix", f"another matrix for m_{name}")
        return matrix

    @property
    def units_per_m(self) -> float:
        """Depth units a metre."""
        if "depthShift" not in self._values:
            return 1000.0
        value = float(self._numbers("depthShift", 1)[0])
        if value <= 0:
            raise self._lacks("depth units a metre, as 1000", f"m_depthShift {value:g}")
        return value


def _depth_size(data: bytes, source: str) -> Size:
    if not data.startswith(b"P5"):
        return gray_size(data, source)
    height, width = decode_pgm(data, source).shape
    return width, height


def _inside(path: Path) -> Path:
    """The sequence of a scan."""
    for name in (SEQUENCE, f"{SEQUENCE}.zip"):
        if roots(path / name, _MARKS):
            return path / name
    return path


def _claims(path: Path) -> str | None:
    return INFO if roots(_inside(path), _MARKS) else None


def _open(path: Path, how: Opening) -> RScanCapture:
    inside = _inside(path)
    resolved = inside.resolve()
    own = resolved.with_suffix("").name == SEQUENCE
    name = name_of(resolved.parent if own else resolved)
    return RScanCapture(one_place(inside, roots(inside, _MARKS)), name, how.params.registration)


READER = Reader(
    f"a folder or ZIP file with {INFO} and frame-NNNNNN.depth.pgm (3RScan)",
    _claims,
    _open,
)
