"""Exported folders: ``color/N.jpg depth/N.png pose/N.txt label/N.png intrinsic.txt``.

The layout of prepared scenes, and what ScanNet's own exporter writes (``intrinsic/`` instead of
``intrinsic.txt``). Depth is 16-bit PNG in millimetres, labels are 8-bit PNG of NYU40 ids, poses are
4x4 camera-to-world text with -inf where tracking was lost.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.registration import Registration, RegistrationMode, is_rigid
from crossvox.capture.stored import (
    LOST_POSE,
    StoredCapture,
    check_color_header,
    first_size,
    read_camera,
    read_depth_png,
    read_gray_checked,
    read_numbers,
    read_pose_matrix,
    write_matrix,
)
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, PoseError, expect
from crossvox.core.frame import Capture, CaptureInfo, Parts
from crossvox.core.labels import NYU40_NAMES, RawLabelMap
from crossvox.doors.images import (
    decode_color,
    encode_jpeg,
    encode_png,
    read_bytes,
    write_bytes,
)

FALLBACK_CAMERA = Intrinsics(1170.187988, 1170.187988, 647.75, 483.75, 1296, 968)
"""The published pipeline's one camera for all scenes, for folders without ``intrinsic.txt``."""

MM_PER_M = 1000.0
_JPEG_START = b"\xff\xd8"


class FolderCapture(StoredCapture):
    """An exported or prepared scene folder.

    Every ``N`` with a colour image is a frame. Cameras come from ``intrinsic.txt`` (of the colour
    images' size), else from ``intrinsic/intrinsic_{color,depth}.txt``, else :data:`FALLBACK_CAMERA`
    is rescaled, with a note.

    Args:
        path: the folder.
        registration: see :data:`~crossvox.capture.registration.RegistrationMode`.

    Raises:
        CaptureError: no frames, or a damaged camera file.
    """

    units_per_m = MM_PER_M

    def __init__(self, path: Path, registration: RegistrationMode = "auto") -> None:
        self.path = path = Path(path)
        self._color = _numbered(path / "color", (".png", ".jpeg", ".jpg"))
        self._labels = _numbered(path / "label", (".png",))
        ids = tuple(sorted(self._color))
        expect(
            len(ids) > 0,
            given=f"{path}, which has no images in color/",
            needed="color/N.jpg or color/N.png, N = frame number",
            do="check the path",
            error=CaptureError,
        )
        notes: list[str] = []
        lone = len(set(_numbered(path / "depth", (".png",))) - set(ids))
        if lone:
            notes.append(f"{lone} depth images without a colour image of the same number")
        size = first_size((self._color[number] for number in ids), "color")
        color, depth, base_from_color, base_from_depth = self._cameras(size, notes)
        color_from_depth = np.linalg.inv(base_from_color) @ base_from_depth
        super().__init__(
            path.resolve().name,
            ids,
            Registration(color, depth, np.asarray(color_from_depth, np.float64), registration),
            stored_from_color=base_from_color,
        )
        self._notes = tuple(notes)

    def _cameras(
        self, size: Size, notes: list[str]
    ) -> tuple[Intrinsics, Intrinsics, NDArray[np.float64], NDArray[np.float64]]:
        """Colour and depth camera, and where both stand in the frame that poses are about."""
        files = (self.path / "depth" / f"{number}.png" for number in sorted(self._color))
        depth_size = first_size(files, "gray")
        single, exporter = self.path / "intrinsic.txt", self.path / "intrinsic"
        if single.is_file():
            color = read_camera(single, size)
            return color, color.resized(depth_size), np.eye(4), np.eye(4)
        if (exporter / "intrinsic_color.txt").is_file():
            color = read_camera(exporter / "intrinsic_color.txt", size)
            depth_file = exporter / "intrinsic_depth.txt"
            depth = (
                read_camera(depth_file, depth_size)
                if depth_file.is_file()
                else color.resized(depth_size)
            )
            base_from_color = _extrinsic(exporter / "extrinsic_color.txt")
            return color, depth, base_from_color, _extrinsic(exporter / "extrinsic_depth.txt")
        notes.append(
            "no intrinsic.txt: ScanNet's usual camera is assumed, rescaled to "
            f"{size[0]}x{size[1]}; positions will be off if the capture was taken by another"
        )
        color = FALLBACK_CAMERA.resized(size)
        return color, color.resized(depth_size), np.eye(4), np.eye(4)

    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""
        surface = self.path / f"{self.name}.ply"
        return CaptureInfo(
            format="exported folder",
            color_camera=self.registration.color_camera,
            depth_camera=self.registration.depth_camera,
            registration=self.registration.sentence,
            has_labels=bool(self._labels),
            mesh=surface if surface.is_file() else None,
            labelled_mesh=None,
            notes=self._notes,
        )

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return str(self._color[number])
        folder, suffix = {"depth": ("depth", "png"), "pose": ("pose", "txt")}[part]
        return str(self.path / folder / f"{number}.{suffix}")

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """``pose/N.txt``."""
        return read_pose_matrix(Path(self.source(index, "pose")))

    def color_data(self, index: int) -> bytes:
        """``color/N.jpg`` as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """``depth/N.png``, millimetres."""
        return read_depth_png(Path(self.source(index, "depth")))

    def has_label(self, index: int) -> bool:
        """Whether ``label/N.png`` exists."""
        return self.frame_ids[index] in self._labels

    def labels_raw(self, index: int) -> NDArray[np.uint8] | None:
        """``label/N.png``, or None."""
        file = self._labels.get(self.frame_ids[index])
        if file is None:
            return None
        labels = read_gray_checked(file)
        expect(
            labels.dtype == np.uint8,
            given=f"{file} of 16 bits, probably raw label ids",
            needed="NYU40 ids in 8 bits",
            do="map them with the class map, or open the raw scan and export it",
            error=CaptureError,
        )
        return labels

    def label_map(self) -> RawLabelMap:
        """NYU40 ids stand for themselves; anything beyond them is unknown."""
        return _nyu40_identity()


@lru_cache(maxsize=1)
def _nyu40_identity() -> RawLabelMap:
    known = np.arange(65536) < len(NYU40_NAMES)
    return RawLabelMap(np.where(known, np.arange(65536), 0).astype(np.uint8), known)


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """Files called by a number, by that number; a later suffix wins over an earlier one."""
    try:
        files = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found: dict[int, Path] = {}
    for suffix in suffixes:
        for file in files:
            stem, end = os.path.splitext(file.name)
            if end.lower() == suffix and stem.isdecimal():
                found[int(stem)] = folder / file.name
    return found


def _extrinsic(file: Path) -> NDArray[np.float64]:
    if not file.is_file():
        return np.eye(4)
    numbers = read_numbers(file)
    expect(
        numbers.size == 16 and is_rigid(numbers.reshape(4, 4)),
        given=f"{file} with {numbers.size} numbers",
        needed="16, a rigid 4x4 transform",
        do="check or delete the file",
        error=CaptureError,
    )
    return numbers.reshape(4, 4)


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


def export_folder(
    capture: Capture,
    folder: Path,
    *,
    frame_skip: int = 10,
    size: Size | None = (320, 240),
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write a capture as an exported folder.

    Each file is written whole or not at all; the folder becomes a unit through
    ``core.artifact.building`` around this call. Frames are worked on by as many threads as there
    are processors.

    Args:
        capture: what to export.
        folder: where to; created if missing.
        frame_skip: write every ``frame_skip``-th frame, from the first.
        size: image size ``(width, height)`` to export at; None: the capture's own. Where a stored
            JPEG has that size already, its bytes are copied untouched.
        progress: called with frames done and frames in total.

    Returns:
        What was written and what was not.

    Raises:
        ParamsError: ``frame_skip`` is below 1.
        CaptureError: more than half of the frames are broken.
    """
    expect(
        frame_skip >= 1,
        given=f"frame_skip={frame_skip}",
        needed="1 or more",
        do="pass 1 to export every frame",
        error=ParamsError,
    )
    camera = capture.camera(size)
    positions = range(0, len(capture), frame_skip)
    for part in ("color", "depth", "pose"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    done: list[_Exported] = []
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    try:
        for outcome in pool.map(
            lambda p: _export_frame(capture, p, folder, camera.size), positions
        ):
            done.append(outcome)
            if progress is not None:
                progress(len(done), len(positions))
    finally:
        pool.shutdown(cancel_futures=True)
    broken = tuple((one.id, one.problem) for one in done if one.problem)
    expect(
        2 * len(broken) <= len(done),
        given=f"{capture.name}, where {len(broken)} of {len(done)} frames are broken, first: "
        f"frame {broken[0][0] if broken else ''}: {broken[0][1] if broken else ''}",
        needed="at most half",
        do="repair the capture",
        error=CaptureError,
    )
    k4 = np.eye(4)
    k4[:3, :3] = camera.matrix
    write_matrix(folder / "intrinsic.txt", k4)
    written = [one for one in done if not one.problem]
    unknown: Counter[int] = Counter()
    for one in written:
        unknown.update(one.unknown)
    return ExportReport(
        frame_ids=tuple(one.id for one in written),
        lost_poses=tuple(one.id for one in written if one.lost),
        without_labels=tuple(one.id for one in written if not one.labelled),
        unknown_raw_ids=dict(sorted(unknown.items())),
        broken=broken,
        camera=camera,
    )


def _export_frame(capture: Capture, position: int, folder: Path, size: Size) -> _Exported:
    number = capture.frame_ids[position]
    stored = capture if isinstance(capture, StoredCapture) else None
    try:
        pose = capture.pose(position)  # checks that it is rigid or marked as lost
        if stored is not None:
            matrix = stored.delivered_pose_matrix(position)
            color = _stored_jpeg(stored, position, size)
            if color is None:
                color = encode_jpeg(stored.color(position, size))
            depth_m = stored.depth_m(position, size)
            found = stored.labels_and_unknown(position, size)
            labels, unknown = (None, {}) if found is None else found
        else:
            frame = capture.frame(position, size, Parts())
            assert frame.rgb is not None
            assert frame.depth_m is not None
            matrix = LOST_POSE if pose is None else pose.world_from_camera
            color, depth_m = encode_jpeg(frame.rgb), frame.depth_m
            labels, unknown = frame.labels, {}
    except (CaptureError, PoseError) as error:
        return _Exported(number, problem=str(error))
    depth_mm = np.rint(depth_m * np.float32(MM_PER_M))
    # What 16 bits of millimetres cannot hold (beyond 65.5 m) is no reading indoors.
    depth_mm[~(depth_mm <= 65535)] = 0
    write_bytes(folder / "color" / f"{number}.jpg", color)
    write_bytes(folder / "depth" / f"{number}.png", encode_png(depth_mm.astype(np.uint16)))
    if labels is not None:
        write_bytes(folder / "label" / f"{number}.png", encode_png(labels))
    write_matrix(folder / "pose" / f"{number}.txt", matrix)
    return _Exported(number, pose is None, labels is not None, unknown)


def _stored_jpeg(capture: StoredCapture, position: int, size: Size) -> bytes | None:
    """The stored bytes if they are a complete JPEG of this size.

    Raises:
        CaptureError: they are a JPEG, but a damaged one.
    """
    if capture.registration.color_camera.size != size:
        return None
    data = capture.color_data(position)
    if data[:2] != _JPEG_START:
        return None
    source = capture.source(position, "colour")
    check_color_header(data, source, size)
    # Decoded (as small as it gets) only to be sure that the copy is worth having.
    decode_color(data, source, at_least=(1, 1))
    return data
