"""Stray Scanner: ``rgb.mp4``, ``depth/NNNNNN.png``, ``odometry.csv`` and what lies beside them.

``odometry.csv`` has a line a frame: ``timestamp, frame, x, y, z, qx, qy, qz, qw``, of newer
versions also ``fx, fy, cx, cy, distortion_center_x, distortion_center_y`` (the last two mostly
empty). ``frame`` is the number in the names of ``depth`` and ``confidence``, and the place in the
video: the only thing that says which images belong together, since the video has a clock of its own
and may be a frame shorter. Poses are camera-to-world with OpenCV axes (the app turns ARKit's about
x) in ARKit's world, y up. Depth is in millimetres as PNG, of the oldest versions ``.npy``;
confidence is 0, 1 or 2.

Cameras are for the video as the app records it, 1920x1440, whatever the size of depth, which shows
the same view. Those of ``odometry.csv`` count for their frame; else ``camera_matrix.csv`` does,
which newer versions write of the last frame alone. Tables in ``distortion/`` are left aside, as is
``imu.csv``.

Source:
    https://github.com/strayrobots/scanner (README, OdometryEncoder.swift, issue 11), and recordings
    whose frames were projected into each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_numbers
from crossvox.capture.depth_files import first_depth, read_depth_file
from crossvox.capture.files import numbered, read_confidence_png
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.readers.tum import pose_from_quaternion
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import middle_camera
from crossvox.capture.stored import LOST_POSE, FrameCameras, StoredCapture
from crossvox.capture.video_color import (
    ENDINGS,
    ColorFrames,
    camera_for,
    expect_one_way,
    find_color,
)
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import read_bytes

ODOMETRY, MATRIX = "odometry.csv", "camera_matrix.csv"
VIDEOS = ("rgb.mp4", "rgb.mov", "rgb.mkv")

_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")
_CAMERA = ("fx", "fy", "cx", "cy")
_OLD_COLUMNS = ("timestamp", "frame", *_POSE)
_GUESSED_FOCAL = 0.7


@dataclass(frozen=True, eq=False)
class Line:
    """A line of ``odometry.csv``; what is not finite is not told.

    Attributes:
        time_s: seconds since the device was started.
        pose: ``x y z qx qy qz qw``.
        camera: ``fx fy cx cy`` in pixels of :data:`~crossvox.capture.video_color.RECORDED`.
    """

    time_s: float
    pose: NDArray[np.float64]
    camera: NDArray[np.float64]


class StrayCapture(StoredCapture):
    """A recording of Stray Scanner; frame numbers are those of the files.

    Args:
        path: the recording's folder.
        how: whether a missing camera is no fault.

    Raises:
        CaptureError: a part is missing or damaged.
    """

    format = "Stray Scanner"
    up = (0.0, 1.0, 0.0)

    def __init__(self, path: Path, how: Opening) -> None:
        self.path = path
        self._depth = numbered(path / "depth", (".npy", ".png"))
        _expect_parts(path, self._depth)
        self._lines, notes = read_odometry(path / ODOMETRY)
        self._confidence = numbered(path / "confidence", (".png",))
        self.tells_confidence = bool(self._confidence)
        self._color = find_color(
            (path / name for name in VIDEOS),
            numbered(path / "rgb", ENDINGS),
            f"{VIDEOS[0]}, or images rgb/NNNNNN.jpg",
        )
        ids = tuple(number for number in sorted(self._depth) if number in self._color)
        _expect_same_recording(path, self._color, sorted(self._depth))
        height, width = first_depth(self._depth[number] for number in ids).shape
        expect_one_way(self._color, (width, height), str(path))
        cameras = self._read_cameras(ids, how)
        color = middle_camera(list(cameras.values()))
        own = len(set(cameras.values())) > 1
        self._cameras_by_number = cameras if own else {}
        super().__init__(
            path.resolve().name, ids, Registration(color, color.resized((width, height)))
        )
        self.notes = (*self._color.notes(), *notes, *self._what_is_left_out())

    def _read_cameras(self, ids: tuple[int, ...], how: Opening) -> dict[int, Intrinsics]:
        """The camera of each colour image."""
        size, lines = self._color.size, self._lines
        told = {n: lines[n].camera for n in ids if n in lines and _is_camera(lines[n].camera)}
        if len(told) == len(ids):
            common = told[ids[0]]
        elif (self.path / MATRIX).is_file():
            common = np.array(camera_numbers(self.path / MATRIX))
        elif told:
            common = np.median(list(told.values()), axis=0)
        else:
            expect(
                how.params.intrinsics is not None,
                given=f"{self.path} without {MATRIX}: looks like Stray Scanner",
                needed=f"{MATRIX}, or columns fx, fy, cx, cy in {ODOMETRY}",
                do="copy the whole recording, or pass --intrinsics FX,FY,CX,CY",
                error=CaptureError,
            )
            common = np.array([_GUESSED_FOCAL, _GUESSED_FOCAL * size[0] / size[1], 0.5, 0.5])
            common *= np.array([size[0], size[1], size[0], size[1]])
        source = str(self.path / (ODOMETRY if told else MATRIX))
        return {n: camera_for(told.get(n, common), size, source) for n in ids}

    def _what_is_left_out(self) -> list[str]:
        ids = set(self.frame_ids)
        counts = {
            "depth images beyond the end of the video": len(set(self._depth) - ids)
            if self._color.video is not None
            else 0,
            "depth images without colour": len(set(self._depth) - ids)
            if self._color.video is None
            else 0,
            f"lines of {ODOMETRY} without a depth image": len(set(self._lines) - set(self._depth)),
        }
        notes = [f"left out: {count} {what}" for what, count in counts.items() if count]
        lost = len(ids - set(self._lines))
        if lost:
            notes.append(f"{lost} frames have no line in {ODOMETRY}: no pose")
        bare = len(ids - set(self._confidence))
        if bare and self.tells_confidence:
            notes.append(f"{bare} frames without confidence: all of their depth is taken")
        if not self.tells_confidence:
            notes.append("no confidence/: all depth is taken")
        if (self.path / "distortion").is_dir():
            notes.append("distortion/ is left aside: images are taken as they are")
        return notes

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return f"{self._color.path(number)}, frame {number}"
        return (
            f"{self.path / ODOMETRY}, frame {number}"
            if part == "pose"
            else (str(self._depth[number]))
        )

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Camera-to-world, OpenCV axes; -inf where the frame has no line."""
        line = self._lines.get(self.frame_ids[index])
        return LOST_POSE.copy() if line is None else pose_from_quaternion(line.pose)

    def color_data(self, index: int) -> bytes:
        """The image file, of recordings that have such."""
        return self._color.data(self.frame_ids[index])

    def color_pixels(self, index: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The frame of the video that has this number."""
        return self._color.pixels(self.frame_ids[index], at_least)

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Millimetres, 0 = no reading."""
        return read_depth_file(self._depth[self.frame_ids[index]])

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """0, 1 or 2; None for a frame without."""
        path = self._confidence.get(self.frame_ids[index])
        return None if path is None else read_confidence_png(path)

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """Of newer recordings: the frame's own."""
        color = self._cameras_by_number.get(self.frame_ids[index])
        if color is None:
            return None
        return FrameCameras(color, color.resized(self.registration.depth_camera.size))

    def time_s(self, index: int) -> float | None:
        """``timestamp``."""
        line = self._lines.get(self.frame_ids[index])
        return line.time_s if line is not None and np.isfinite(line.time_s) else None


def read_odometry(path: Path) -> tuple[dict[int, Line], list[str]]:
    """Lines by frame number, and what is odd.

    A last line that was cut is left out, as of an app that was ended while it wrote; of two lines
    of one number the first counts. Without a header the columns are those of old versions.

    Raises:
        CaptureError: missing, no frames, or a line that is none; names file and line.
    """
    text = read_bytes(path).decode("utf-8-sig", errors="replace")
    rows = [
        (number, [word.strip() for word in line.split(",")])
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]
    names: tuple[str, ...] = _OLD_COLUMNS
    if rows and not _is_number(rows[0][1][0]):
        names = tuple(name.lower() for name in rows.pop(0)[1])
    lacking = [name for name in ("frame", *_POSE) if name not in names]
    expect(
        not lacking and bool(rows),
        given=f"{path} of {len(rows)} lines, with columns {', '.join(names)[:200]}",
        needed=f"a line a frame, with {', '.join(_OLD_COLUMNS)}",
        do="copy the recording again",
        error=CaptureError,
    )
    lines: dict[int, Line] = {}
    notes, twice = [], 0
    for number, words in rows:
        try:
            frame, line = _line(dict(zip(names, words, strict=False)))
        except (ValueError, KeyError, OverflowError):
            if (number, words) == rows[-1] and lines:
                notes.append(f"the last line of {path.name} is cut and left out")
                break
            raise CaptureError(
                f"given: {path}, line {number}: {', '.join(words)[:80]!r}; needed: "
                f"{', '.join(_OLD_COLUMNS)}; do: copy the recording again"
            ) from None
        twice += frame in lines
        lines.setdefault(frame, line)
    if twice:
        notes.append(f"left out: {twice} lines of {path.name} for a frame that has one")
    return lines, notes


def _line(values: dict[str, str]) -> tuple[int, Line]:
    pose = np.array([float(values[name]) for name in _POSE])
    camera = np.array([float(values.get(name) or "nan") for name in _CAMERA])
    time = float(values.get("timestamp") or "nan")
    return int(values["frame"]), Line(time, pose, camera)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_camera(values: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).all() and (values[:2] > 0).all())


def _expect_parts(path: Path, depth: dict[int, Path]) -> None:
    lacking = [
        name
        for name, there in (
            ("depth/NNNNNN.png", bool(depth)),
            (ODOMETRY, (path / ODOMETRY).is_file()),
        )
        if not there
    ]
    expect(
        not lacking,
        given=f"{path} without {' and '.join(lacking)}: looks like Stray Scanner",
        needed=f"{VIDEOS[0]}, depth/NNNNNN.png, {ODOMETRY} and {MATRIX}",
        do="copy the whole recording out of the Files app; depth is recorded by devices with LiDAR "
        "alone",
        error=CaptureError,
    )


def _expect_same_recording(path: Path, color: ColorFrames, numbers: list[int]) -> None:
    """Refuse a video whose frames cannot be those that the numbers mean."""
    frames, last = color.facts.frames, numbers[-1]
    inside = sum(number in color for number in numbers)
    most = len(numbers)
    cut_down = color.video is not None and most - 1 <= frames <= most < last / 1.5
    expect(
        inside > 0 and not cut_down,
        given=f"{path} with {len(numbers)} depth images numbered {numbers[0]} to {last}, and "
        + (f"a video of {frames} frames" if color.video is not None else "images of other numbers"),
        needed="frames of the numbers of depth: a frame's number is its place in the video",
        do="copy the whole recording, or write the video's frames to images rgb/NNNNNN.jpg of the "
        "same numbers",
        error=CaptureError,
    )


def _claims(path: Path) -> str | None:
    if (path / ODOMETRY).is_file():
        return ODOMETRY
    others = (path / VIDEOS[0]).is_file(), (path / "depth").is_dir(), (path / "confidence").is_dir()
    if (path / MATRIX).is_file() and any(others):
        return MATRIX
    return VIDEOS[0] if others == (True, True, True) else None


READER = Reader(
    f"a folder with {ODOMETRY}, depth/ and {VIDEOS[0]} (Stray Scanner)", _claims, StrayCapture
)
