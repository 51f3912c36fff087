"""Any capture written as an exported folder (:mod:`crossvox.capture.readers.folder` reads it)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.files import matrix_text, write_matrix
from crossvox.capture.frame_names import FrameName, FrameNames
from crossvox.capture.kept import KeptDepth
from crossvox.capture.outliers import Usable, usable_frames
from crossvox.capture.readers.folder import MM_PER_M
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, PoseError, expect
from crossvox.core.frame import Capture, Frame, Parts, Stored
from crossvox.core.threads import in_order
from crossvox.doors.images import encode_jpeg, encode_png


@dataclass(frozen=True)
class ExportReport:
    """What :func:`export_folder` did; nothing is left out without being counted here.

    Attributes:
        frame_ids: frames written, rising.
        lost_poses: those of them whose tracking was lost (written with their pose).
        without_labels: those of them that have no label image.
        unknown_raw_ids: pixels (at the exported size) by raw label id that the class map lacks.
        broken: frames left out: number and reason.
        camera: the exported frames' camera.
    """

    frame_ids: tuple[int, ...]
    lost_poses: tuple[int, ...]
    without_labels: tuple[int, ...]
    unknown_raw_ids: dict[int, int]
    broken: tuple[tuple[int, str], ...]
    camera: Intrinsics


@dataclass(frozen=True, eq=False)
class _Exported:
    """Outcome of one frame."""

    id: int
    lost: bool = False
    labelled: bool = False
    unknown: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    name: FrameName | None = None


def export_folder(
    capture: Capture,
    folder: Path,
    *,
    frame_skip: int = 10,
    size: Size | None = (320, 240),
    kept: KeptDepth | None = None,
    usable: Usable | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write a capture as an exported folder.

    The folder is one that nobody reads yet, and becomes a unit by the stage around this call.
    Frames are worked on by the threads that this process may use.

    Args:
        capture: what to export.
        folder: where to; created if missing.
        frame_skip: write every ``frame_skip``-th frame, from the first.
        size: image size ``(width, height)`` to export at; None: the capture's own. Where a stored
            JPEG has that size already, its bytes are copied untouched.
        kept: receives the depth images that are written, for who reads the folder right after.
        usable: which frames may be used; None: found out here.
        progress: called with frames done and frames in total.

    Returns:
        What was written and what was not.

    Raises:
        ParamsError: ``frame_skip`` is below 1.
        CaptureError: more than half of the frames with a pose are broken, or there is none; or
            the poses are not in metres.
    """
    expect(
        frame_skip >= 1,
        given=f"frame_skip={frame_skip}",
        needed="1 or more",
        do="pass 1 to export every frame",
        error=ParamsError,
    )
    camera = capture.camera(size)
    usable = usable or usable_frames(capture)
    usable.expect_metres(capture.name)
    positions = range(0, len(capture), frame_skip)
    for part in ("color", "depth", "pose"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    export = partial(
        _export_frame,
        capture,
        folder=folder,
        size=camera.size,
        kept=kept,
        left_out=usable.left_out,
    )
    done: list[_Exported] = []
    with closing(in_order(export, positions)) as outcomes:
        for outcome in outcomes:
            done.append(outcome)
            if progress is not None:
                progress(len(done), len(positions))
    _expect_most(done, usable, capture.name)
    write_matrix(folder / "intrinsic.txt", camera.matrix_4x4)
    names = (one.name for one in done if one.name is not None)
    FrameNames([name for name in names if name.tells_more]).write(folder)
    return _report(done, camera)


def _expect_most(done: Sequence[_Exported], usable: Usable, name: str) -> None:
    """Refuse a capture of which too little is left.

    Poses may be kept of few frames; of those that have one, most can be read.
    """
    broken = [one for one in done if one.problem]
    damaged = sum(one.id not in usable.left_out for one in broken)
    chosen = sum(one.id not in usable.left_out for one in done)
    expect(
        2 * damaged <= chosen and len(broken) < len(done),
        given=f"{name}, where {len(broken)} of {len(done)} frames are broken, first: "
        f"frame {broken[0].id if broken else ''}: {broken[0].problem if broken else ''}",
        needed="at most half, not counting those without a pose",
        do="repair the capture",
        error=CaptureError,
    )


def _report(done: Sequence[_Exported], camera: Intrinsics) -> ExportReport:
    """What became of all frames together."""
    written = [one for one in done if not one.problem]
    unknown: Counter[int] = Counter()
    for one in written:
        unknown.update(one.unknown)
    return ExportReport(
        frame_ids=tuple(one.id for one in written),
        lost_poses=tuple(one.id for one in written if one.lost),
        without_labels=tuple(one.id for one in written if not one.labelled),
        unknown_raw_ids=dict(sorted(unknown.items())),
        broken=tuple((one.id, one.problem) for one in done if one.problem),
        camera=camera,
    )


def _export_frame(
    capture: Capture,
    position: int,
    *,
    folder: Path,
    size: Size,
    kept: KeptDepth | None,
    left_out: Mapping[int, str],
) -> _Exported:
    number = capture.frame_ids[position]
    if number in left_out:
        return _Exported(number, problem=left_out[number])
    try:
        frame = capture.frame(position, size, Parts(stored=True))
    except (CaptureError, PoseError) as error:
        return _Exported(number, problem=str(error))
    stored = frame.stored or Stored()
    assert frame.depth_m is not None
    stored_mm = millimetres(frame.depth_m)
    matrix = LOST_POSE if frame.pose is None else frame.pose.world_from_camera
    files = {
        f"color/{number}.jpg": stored.color or _encoded(frame),
        f"depth/{number}.png": encode_png(stored_mm),
        f"pose/{number}.txt": matrix_text(matrix if stored.pose is None else stored.pose),
    }
    if frame.labels is not None:
        files[f"label/{number}.png"] = encode_png(frame.labels)
    for path, data in files.items():
        _write(f"{folder}/{path}", data)
    if kept is not None:
        kept.add(number, stored_mm)
    unknown = dict(stored.unknown_ids)
    name = FrameName(number, stored.time_s, stored.file)
    return _Exported(number, frame.pose is None, frame.labels is not None, unknown, name=name)


def millimetres(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Whole millimetres ``(H, W)`` of metres; halves go to the even number.

    What 16 bits of millimetres cannot hold (beyond 65.5 m) is no reading indoors: 0.
    """
    out = np.empty(depth_m.shape, np.uint16)
    _millimetres(np.ascontiguousarray(depth_m).reshape(-1), out.reshape(-1))
    return out


@njit(cache=True, nogil=True)
def _millimetres(depth_m, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Those of ``(N,)``, in one pass."""
    unit, most = np.float32(MM_PER_M), np.float32(65535)
    for i in range(len(out)):
        value = np.rint(depth_m[i] * unit)
        out[i] = np.uint16(value) if np.float32(0) <= value <= most else np.uint16(0)


def _write(path: str, data: bytes) -> None:
    """Write a new file; its folder is made if it is the first in it."""
    try:
        with open(path, "wb") as file:
            file.write(data)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def _encoded(frame: Frame) -> bytes:
    assert frame.rgb is not None
    return encode_jpeg(frame.rgb)
