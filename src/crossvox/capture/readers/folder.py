"""Exported folders: ``color/N.jpg depth/N.png pose/N.txt label/N.png intrinsic.txt``.

The layout of prepared scenes, and what ScanNet's own exporter writes (``intrinsic/`` instead of
``intrinsic.txt``). Depth is 16-bit PNG in millimetres, labels are 8-bit PNG of NYU40 ids, poses are
4x4 camera-to-world text with -inf where tracking was lost.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import CameraFiles, find_cameras, listed, looked_for, read_camera
from crossvox.capture.depth_files import ENDINGS as DEPTH_ENDINGS
from crossvox.capture.files import (
    first_size,
    gray_checked,
    missing,
    numbered,
    read_depth_png,
    read_numbers,
    read_pose_matrix,
)
from crossvox.capture.label_files import expect_own_ids, table_in
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Reader
from crossvox.capture.readers.plain_files import camera_record, depth_folder, pose_source
from crossvox.capture.registration import Registration, is_rigid
from crossvox.capture.stored import LOST_POSE, StoredCapture
from crossvox.core.camera import PUBLISHED_CAMERA, Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import COMPLETE_MESH, CaptureInfo
from crossvox.core.labels import NYU40_NAMES, RawLabelMap
from crossvox.core.room_contents import TRUE_OBJECTS
from crossvox.doors.image_kinds import COLOR_KINDS, COLOR_SUFFIXES
from crossvox.doors.images import read_bytes

MM_PER_M = 1000.0


class FolderCapture(StoredCapture):
    """An exported or prepared scene folder.

    Every number with a colour image is a frame; names may be padded with zeros, and each part in
    its own way. Cameras come from ``intrinsic.txt`` (of the colour images' size), from
    ``intrinsic/intrinsic_{color,depth}.txt``, or from another file that
    :func:`~crossvox.capture.cameras.find_cameras` knows.

    Args:
        path: the folder.
        registration: see :data:`~crossvox.capture.registration.RegistrationMode`.
        assume_camera: where there is no camera file, take the published one, rescaled, with
            a note.
        camera_given: the colour camera is told otherwise, and its file not read.

    Raises:
        CaptureError: no frames, no camera file, or a damaged one.
    """

    format = "exported folder"
    units_per_m = MM_PER_M

    def __init__(
        self,
        path: Path,
        registration: RegistrationMode = "auto",
        *,
        assume_camera: bool = False,
        camera_given: bool = False,
    ) -> None:
        self.path = path = Path(path)
        self._color = numbered(path / "color", COLOR_SUFFIXES)
        self._depth = numbered(path / "depth", (".png",))
        self._poses = numbered(path / "pose", (".txt",))
        self._labels = numbered(path / "label", (".png",))
        ids = tuple(sorted(self._color))
        expect(
            len(ids) > 0,
            given=f"{path}, which has no images in color/{_there(path / 'color')}",
            needed=f"color/N.jpg, N = frame number ({COLOR_KINDS})",
            do="rename the images to their numbers, or check the path",
            error=CaptureError,
        )
        expect(
            bool(self._depth),
            given=f"{path} with {len(ids)} images in color/ and no depth{_there(path / 'depth')}",
            needed="depth/N.png of 16 bits in millimetres, N = frame number: rooms are not made of "
            "colours alone",
            do="export depth as well, or check the path",
            error=CaptureError,
        )
        notes: list[str] = []
        lone = len(set(self._depth) - set(ids))
        if lone:
            notes.append(f"{lone} depth images without a colour image of the same number")
        size = first_size((self._color[number] for number in ids), "color")
        depth_size = first_size((self._file("depth", number) for number in ids), "gray")
        files = find_cameras(path)
        if files.color is None and not (assume_camera or camera_given):
            raise _without_camera(path, files)
        color, depth = _cameras(files, size, depth_size, camera_given)
        if files.color is None and not camera_given:
            notes.append(
                "no intrinsic.txt: ScanNet's usual camera is assumed, rescaled to "
                f"{size[0]}x{size[1]}; positions will be off if the capture was taken by another"
            )
        notes.extend(files.notes(path))
        if not self._poses:
            notes.append("no pose/: all poses are unknown; --trajectory FILE gives them")
        base_from_color, base_from_depth = _extrinsics(files)
        color_from_depth = np.linalg.inv(base_from_color) @ base_from_depth
        super().__init__(
            path.resolve().name,
            ids,
            Registration(color, depth, np.asarray(color_from_depth, np.float64), registration),
            stored_from_color=base_from_color,
        )
        self.notes = tuple(notes)

    def _file(self, part: str, number: int) -> Path:
        """The file of a frame's part; where it is missing, what it would be called."""
        found, ending = (self._depth, ".png") if part == "depth" else (self._poses, ".txt")
        file = found.get(number)
        return file or self.path / part / (self._color[number].stem + ending)

    def info(self) -> CaptureInfo:
        """Cameras, registration and companions, without decoding images."""
        surface, complete = self.path / f"{self.name}.ply", self.path / COMPLETE_MESH
        objects = self.path / TRUE_OBJECTS
        return replace(
            super().info(),
            has_labels=bool(self._labels),
            mesh=surface if surface.is_file() else None,
            complete_mesh=complete if complete.is_file() else None,
            true_objects=objects if objects.is_file() else None,
            without_labels=missing(self.frame_ids, self._labels),
        )

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return str(self._color[number])
        return str(self._file(part, number))

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """``pose/N.txt``; -inf where there are none at all."""
        if not self._poses:
            return LOST_POSE.copy()
        return read_pose_matrix(Path(self.source(index, "pose")))

    def color_data(self, index: int) -> bytes:
        """``color/N.jpg`` as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """``depth/N.png``, millimetres."""
        return read_depth_png(Path(self.source(index, "depth")))

    def labels_raw(self, index: int) -> NDArray[np.uint8] | None:
        """``label/N.png``, or None."""
        file = self._labels.get(self.frame_ids[index])
        return None if file is None else read_nyu40(file)

    def label_map(self) -> RawLabelMap:
        """NYU40 ids stand for themselves; anything beyond them is unknown."""
        return nyu40_identity()


def read_nyu40(file: Path) -> NDArray[np.uint8]:
    """A label image ``(H, W)`` of NYU40 ids.

    Raises:
        CaptureError: damaged, of 16 bits, or by a table that gives classes the ids of others.
    """
    data = read_bytes(file)
    expect_own_ids(table_in(data, str(file)), str(file))
    labels = gray_checked(data, str(file))
    expect(
        labels.dtype == np.uint8,
        given=f"{file} of 16 bits, probably raw label ids",
        needed="NYU40 ids in 8 bits",
        do="map them with the class map, or open the raw scan and export it",
        error=CaptureError,
    )
    return labels


@lru_cache(maxsize=1)
def nyu40_identity() -> RawLabelMap:
    """NYU40 ids stand for themselves; anything beyond them is unknown."""
    known = np.arange(65536) < len(NYU40_NAMES)
    return RawLabelMap(np.where(known, np.arange(65536), 0).astype(np.uint8), known)


def _there(folder: Path) -> str:
    """What lies in a folder instead of what was looked for, in brackets."""
    if not folder.is_dir():
        return f" (there is no {folder.name}/)"
    names = sorted(entry.name for entry in folder.iterdir())
    more = ", ..." if len(names) > 2 else ""
    return f" ({folder.name}/ holds {', '.join(names[:2]) or 'nothing'}{more})"


def _without_camera(path: Path, files: CameraFiles) -> CaptureError:
    other = listed(files.passed_over, path)
    return CaptureError(
        f"given: {path} without a camera file{f', but with {other}' if other else ''}; "
        f"needed: one of {looked_for()} in it, in intrinsic/ or in color/; "
        f"do: write the colour camera's 3x3 matrix, or fx fy cx cy, to {path / 'intrinsic.txt'}, "
        f"or assume ScanNet's usual camera (--assume-camera; assume_camera=True)"
    )


def _cameras(
    files: CameraFiles, size: Size, depth_size: Size, given: bool
) -> tuple[Intrinsics, Intrinsics]:
    """Colour and depth camera; any for colour where it is given otherwise."""
    file = None if given else files.color
    color = PUBLISHED_CAMERA.resized(size) if file is None else read_camera(file, size)
    if files.depth is None:
        return color, color.resized(depth_size)
    return color, read_camera(files.depth, depth_size)


def _extrinsics(files: CameraFiles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the colour and the depth camera stand in the frame that poses are about."""
    if files.color is None or files.color.parent.name != "intrinsic":
        return np.eye(4), np.eye(4)
    folder = files.color.parent
    return _extrinsic(folder / "extrinsic_color.txt"), _extrinsic(folder / "extrinsic_depth.txt")


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


def _claims(path: Path) -> str | None:
    """Claims what is laid out exactly so; ``readers.plain`` reads what departs from it."""
    if not (path / "color").is_dir():
        return None
    if not (path / "depth").is_dir():
        # Without depth it is no capture, but that is what is to be told.
        known = (path / "pose").is_dir() and depth_folder(path) is None
        return "color/ and pose/" if known else None
    if not _by_number(path / "color", (".jpg", ".jpeg", ".png"), (".jpg", ".jpeg", ".png")):
        return None
    if not _by_number(path / "depth", (".png",), DEPTH_ENDINGS):
        return None
    has_poses = (path / "pose").is_dir() and _by_number(path / "pose", (".txt",), (".npy", ".txt"))
    if not has_poses and pose_source(path) is not None:
        return None
    usual = (path / "intrinsic.txt").is_file() or (path / "intrinsic").is_dir()
    if not usual and camera_record(path) is not None and find_cameras(path).color is None:
        return None
    return "color/ and depth/"


def _by_number(folder: Path, endings: tuple[str, ...], readable: tuple[str, ...]) -> bool:
    """Whether a folder holds a file that a number names, or nothing that is read otherwise."""
    others = False
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, end = os.path.splitext(entry.name)
            if end.lower() in endings and stem.isdecimal():
                return True
            others = others or (end.lower() in readable and not entry.name.startswith("."))
    return not others


READER = Reader(
    "a folder with color/ and depth/ (exported or prepared)",
    _claims,
    lambda path, how: FolderCapture(
        path,
        how.params.registration,
        assume_camera=how.params.assume_camera,
        camera_given=how.params.intrinsics is not None,
    ),
)
