"""Any capture written as one ``.sens`` file."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from crossvox.capture.outliers import usable_frames
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, ParamsError, PoseError, expect
from crossvox.core.frame import Capture, Parts
from crossvox.core.threads import in_order
from crossvox.doors.images import encode_jpeg

UNITS_PER_M = 1000.0
_DENSITY = 6


@dataclass(frozen=True)
class SensReport:
    """What :func:`write_sens` wrote.

    Attributes:
        frames: how many.
        lost_poses: those of them without a pose, by their number in the capture.
        broken: frames that cannot be read or used, and why: they are written black, without depth
            and pose, so that the others keep their numbers.
    """

    frames: int
    lost_poses: tuple[int, ...]
    broken: tuple[tuple[int, str], ...]


@dataclass(frozen=True, eq=False)
class _Written:
    number: int
    frame: SensFrame
    lost: bool
    problem: str = ""


def write_sens(
    capture: Capture,
    path: Path,
    *,
    frame_skip: int = 1,
    size: Size | None = None,
    sensor_name: str = "crossvox",
    progress: Callable[[int, int], None] | None = None,
) -> SensReport:
    """Write a capture as a ``.sens`` file, which appears only when it is complete.

    Colour is JPEG: stored bytes are copied where they are one of that size, without what they tell
    beside the picture. Depth is on the colour camera's rays, at the depth images' own size
    unless colour is smaller, in millimetres. Poses have single precision, as the format has them.

    Args:
        capture: what to write.
        path: the file.
        frame_skip: write every n-th frame, from the first.
        size: of colour; None: the capture's own.
        sensor_name: what the header shall say.
        progress: called with frames done and frames in total.

    Raises:
        ParamsError: ``frame_skip`` is below 1.
        CaptureError: more than half of the frames are broken, or the poses are not in metres.
    """
    expect(
        frame_skip >= 1,
        given=f"frame_skip={frame_skip}",
        needed="1 or more",
        do="pass 1 to write every frame",
        error=ParamsError,
    )
    usable = usable_frames(capture)
    usable.expect_metres(capture.name)
    positions = range(0, len(capture), frame_skip)
    color = capture.camera(size)
    depth = capture.camera(_depth_size(capture, color.size))
    header = SensHeader(sensor_name, color, depth, np.eye(4), np.eye(4), depth_shift=UNITS_PER_M)
    write = partial(_frame, capture, header=header, left_out=usable.left_out)
    lost: list[int] = []
    broken: list[tuple[int, str]] = []
    with SensWriter(path, header, len(positions)) as writer:
        with closing(in_order(write, positions)) as outcomes:
            for outcome in outcomes:
                writer.write(outcome.frame)
                if outcome.problem:
                    broken.append((outcome.number, outcome.problem))
                elif outcome.lost:
                    lost.append(outcome.number)
                if progress is not None:
                    progress(writer.written, len(positions))
        expect(
            2 * len(broken) <= len(positions),
            given=f"{capture.name}, where {len(broken)} of {len(positions)} frames are broken, "
            f"first: {broken[0] if broken else ''}",
            needed="at most half",
            do="repair the capture",
            error=CaptureError,
        )
    return SensReport(len(positions), tuple(lost), tuple(broken))


def _depth_size(capture: Capture, largest: Size) -> Size:
    """Of the depth images, as the delivered images lie (upright), but no larger than colour."""
    width, height = capture.info().depth_camera.size
    camera = capture.camera()
    turned = (camera.width > camera.height) != (width > height)
    found = (height, width) if turned else (width, height)
    return found if found[0] * found[1] <= largest[0] * largest[1] else largest


def _frame(
    capture: Capture, position: int, *, header: SensHeader, left_out: dict[int, str]
) -> _Written:
    number = capture.frame_ids[position]
    size, depth_size = header.color_camera.size, header.depth_camera.size
    problem = left_out.get(number, "")
    if not problem:
        try:
            color = capture.frame(position, size, Parts(depth=False, labels=False, stored=True))
            depth = capture.frame(position, depth_size, Parts(rgb=False, labels=False))
        except (CaptureError, PoseError) as error:
            problem = str(error)
    if problem:
        black = np.zeros((size[1], size[0], 3), np.uint8)
        blank = _packed(np.zeros((depth_size[1], depth_size[0]), np.float32))
        frame = SensFrame(LOST_POSE.astype(np.float32), 0, 0, encode_jpeg(black), blank)
        return _Written(number, frame, lost=True, problem=problem)
    jpeg = color.stored.color if color.stored is not None else None
    if jpeg is None:
        assert color.rgb is not None
        jpeg = encode_jpeg(color.rgb)
    assert depth.depth_m is not None
    pose = LOST_POSE if color.pose is None else color.pose.world_from_camera
    time = _microseconds(capture, position)
    frame = SensFrame(pose.astype(np.float32), time, time, jpeg, _packed(depth.depth_m))
    return _Written(number, frame, lost=color.pose is None)


def _packed(depth_m: np.ndarray) -> bytes:
    mm = np.rint(depth_m * np.float32(UNITS_PER_M))
    mm[~(mm <= 65535)] = 0  # beyond what 16 bits hold is no reading indoors
    return zlib.compress(mm.astype("<u2").tobytes(), _DENSITY)


def _microseconds(capture: Capture, position: int) -> int:
    """When a frame was taken, or its position where nothing is told."""
    told = getattr(capture, "time_s", None)
    seconds = None if told is None else told(position)
    if seconds is None or not 0 <= seconds < 1e12:
        return position
    return round(seconds * 1e6)
