"""3D Scanner App, export "All Data": ``frame_N.json``, ``frame_N.jpg``, ``depth_N.png``,
``conf_N.png`` in one folder.

The JSON file of a frame holds ``cameraPoseARFrame`` (camera-to-world, row by row, OpenGL axes,
world y up, metres), ``intrinsics`` (row by row) and ``time`` (seconds since the phone was started).
Intrinsics are of the camera's own images, whose size is in ``projectionMatrix``. Depth is
millimetres, confidence 0 to 2. Every third frame or so has a colour image: the others are left out.

What else is there is not read, places on earth above all. ``transformToWorldMap`` of ``info.json``
belongs to a map that is not in the export: frames agree with each other, and with the app's mesh,
without it.

Source:
    https://docs.3dscannerapp.com (export "All Data"), and scans whose frames were projected into
    each other.
"""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.frame_files import FrameFiles, FrameFilesCapture, name_of, one_place, one_view
from crossvox.capture.members import Members, roots
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Opening, Reader
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.doors.pillow_images import MAX_PIXELS

_MARKS = ("frame_*.json", "conf_*.png")


class FrameRecord(msgspec.Struct):
    """What is read of a frame's JSON file, by the names that it has there."""

    pose: list[float] = msgspec.field(name="cameraPoseARFrame")
    intrinsics: list[float]
    projection: list[float] | None = msgspec.field(name="projectionMatrix", default=None)
    time_s: float | None = msgspec.field(name="time", default=None)


class ScannerAppCapture(FrameFilesCapture):
    """A scan of 3D Scanner App with depth.

    Args:
        files: of the scan.
        name: scene name.
        registration: see :data:`~crossvox.capture.params.RegistrationMode`.

    Raises:
        CaptureError: no frame with colour, depth and JSON file.
    """

    format = "3D Scanner App"
    units_per_m = 1000.0
    convention = PoseConvention("opengl")
    up = (0.0, 1.0, 0.0)

    def __init__(self, files: Members, name: str, registration: RegistrationMode = "auto") -> None:
        self._json = files.numbered("", (".json",), "frame_")
        frames = FrameFiles(
            files,
            files.numbered("", (".png", ".jpeg", ".jpg"), "frame_"),
            files.numbered("", (".png",), "depth_"),
            files.numbered("", (".png",), "conf_"),
        )
        frames.expect_frames(
            "a scan of 3D Scanner App",
            "frame_NNNNN.json, frame_NNNNN.jpg and depth_NNNNN.png",
            "" if self._json else "frame_NNNNN.json",
            "scan with a device that has LiDAR, and export All Data",
        )
        size = frames.color_size()
        self._records: dict[int, FrameRecord] = {}
        self._problems: dict[int, str] = {}
        cameras = {}
        for number in frames.ids:
            try:
                record = self._record(files, number)
                cameras[number] = _camera(record, size, files.source(self._json[number]))
                self._records[number] = record
            except CaptureError as error:
                self._problems[number] = str(error)
        if not cameras:
            raise CaptureError(next(iter(self._problems.values())))
        view = one_view(cameras, frames.depth_png_size(), registration)
        super().__init__(frames, name, view, cameras)

    def _record(self, files: Members, number: int) -> FrameRecord:
        name = self._json.get(number, f"frame_{number:05d}.json")
        record = files.record(name, FrameRecord)
        expect(
            len(record.pose) == 16 and len(record.intrinsics) == 9,
            given=f"{files.source(name)} with a pose of {len(record.pose)} numbers and intrinsics "
            f"of {len(record.intrinsics)}",
            needed="16 and 9, row by row",
            do="export the scan again",
            error=CaptureError,
        )
        return record

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        if part == "pose":
            number = self.frame_ids[index]
            return self._frames.files.source(self._json.get(number, f"frame_{number:05d}.json"))
        return super().source(index, part)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """``cameraPoseARFrame``."""
        number = self.frame_ids[index]
        if number in self._problems:
            raise CaptureError(self._problems[number])
        return np.array(self._records[number].pose, dtype=np.float64).reshape(4, 4)

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """0 to 2, as stored."""
        return self.confidence_png(index)

    def time_s(self, index: int) -> float | None:
        """``time``."""
        record = self._records.get(self.frame_ids[index])
        return None if record is None else record.time_s


def _camera(record: FrameRecord, size: Size, source: str) -> Intrinsics:
    """Camera of colour images of a size."""
    fx, _, cx, _, fy, cy = record.intrinsics[:6]
    return camera_or_error((fx, fy, cx, cy), _size_of_images(record) or size, source).resized(size)


def _size_of_images(record: FrameRecord) -> Size | None:
    """Size of the images that the intrinsics are of.

    A projection matrix in OpenGL's sense begins with 2 fx / width, and holds 2 fy / height.
    """
    projection = record.projection or []
    if len(projection) != 16:
        return None
    sides = []
    for focal, scale in (
        (record.intrinsics[0], projection[0]),
        (record.intrinsics[4], projection[5]),
    ):
        side = 2 * focal / scale if scale else math.nan
        if not 1 <= side <= MAX_PIXELS:
            return None
        sides.append(round(side))
    return sides[0], sides[1]


def _claims(path: Path) -> str | None:
    return "frame_*.json" if roots(path, _MARKS) else None


def _open(path: Path, how: Opening) -> ScannerAppCapture:
    files = one_place(path, roots(path, _MARKS))
    return ScannerAppCapture(files, name_of(path), how.params.registration)


READER = Reader(
    "a folder with frame_NNNNN.json, frame_NNNNN.jpg and depth_NNNNN.png (3D Scanner App)",
    _claims,
    _open,
)
