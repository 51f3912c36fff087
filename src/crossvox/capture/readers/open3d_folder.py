"""Folders of Open3D's reconstruction system and its recorders.

``color`` (or ``image``, ``rgb``) and ``depth`` hold images by number, aligned with each other;
poses stand in ``trajectory.log`` or ``odometry.log`` (:mod:`crossvox.capture.trajectory`), the
camera in ``camera_intrinsic.json`` or ``intrinsic.json``, whose matrix runs column by column.
Recorders write no poses: all frames count as lost until a trajectory is given.

Source:
    Open3D's tutorial of the reconstruction system; Choi et al. 2015
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import find_cameras, listed, read_camera
from crossvox.capture.file_numbers import distinct_numbers, images_in
from crossvox.capture.files import first_size, read_depth_png
from crossvox.capture.json_files import read_record
from crossvox.capture.params import CaptureParams
from crossvox.capture.reader import Reader
from crossvox.capture.readers.plain_files import pose_source
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import camera_told_for, depth_camera_of
from crossvox.capture.stored import LOST_POSE, StoredCapture
from crossvox.capture.trajectory import Trajectory, read_trajectory
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import read_bytes

COLOR_FOLDERS = ("color", "image", "rgb")
CAMERA_FILES = ("camera_intrinsic.json", "intrinsic.json", "intrinsics.json")
LOGS = ("trajectory.log", "scene/trajectory.log", "odometry.log")
"""In the order of trust: the first that is there is read."""

USUAL_CAMERA = Intrinsics(525.0, 525.0, 319.5, 239.5, 640, 480)
"""What Open3D takes where it is told no camera."""

_TELLS = re.compile("traj|odom|pose|camera")
_COLOR_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class _File:
    """The JSON file of a camera; that of a recorder tells more, the device's number among it."""

    intrinsic_matrix: list[float]
    width: float | None = None
    height: float | None = None
    depth_scale: float = 1000.0


@dataclass(frozen=True)
class _Camera:
    camera: Intrinsics
    units_per_m: float = 1000.0
    note: str = ""


class Open3DCapture(StoredCapture):
    """A folder of Open3D. A frame's number is that of its colour file.

    Args:
        path: the folder.
        params: flags; a camera or trajectory that they give need not stand in a file.

    Raises:
        CaptureError: no images that belong together, or a damaged file; no camera for images of
            another size than the usual camera's.
    """

    format = "Open3D folder"

    def __init__(self, path: Path, params: CaptureParams) -> None:
        self.path = path
        colors, depths = (
            _numbered(_color_folder(path), _COLOR_ENDINGS),
            _numbered(path / "depth", (".png",)),
        )
        ids = tuple(sorted(colors.keys() & depths.keys()))
        expect(
            len(ids) > 0,
            given=f"{path} with {len(colors)} colour and {len(depths)} depth images, none of one "
            "number",
            needed="color/N.jpg and depth/N.png (an Open3D folder)",
            do="check the path",
            error=CaptureError,
        )
        self._color, self._depth = colors, depths
        size = first_size((colors[number] for number in ids), "color")
        depth_size = first_size((depths[number] for number in ids), "gray")
        told = _camera(path, size, params)
        self._log_file = _log_file(path)
        self._pose_of, notes = _poses(self._log_file, sorted(colors), ids, params)
        super().__init__(
            path.resolve().name,
            ids,
            Registration(
                told.camera,
                depth_camera_of(told.camera, depth_size, str(path)),
                mode=params.registration,
            ),
        )
        self.units_per_m = told.units_per_m
        alone = len(colors) + len(depths) - 2 * len(ids)
        if alone:
            notes.append(f"{alone} images without their other half (colour or depth)")
        self.notes = tuple(note for note in (told.note, *notes) if note)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "pose":
            return f"{self._log_file or self.path}, frame {number}"
        return str((self._color if part == "colour" else self._depth)[number])

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The pose as logged; -inf where there is none."""
        pose = self._pose_of.get(self.frame_ids[index])
        return LOST_POSE.copy() if pose is None else pose

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth in units of ``1 / units_per_m`` metres."""
        return read_depth_png(self._depth[self.frame_ids[index]])


def _color_folder(path: Path) -> Path:
    there = [path / name for name in COLOR_FOLDERS if (path / name).is_dir()]
    return there[0] if there else path / COLOR_FOLDERS[0]


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    files = images_in(folder, suffixes)
    numbers = distinct_numbers(file.stem for file in files)
    if numbers is None:
        raise CaptureError(
            f"given: {folder}, whose {len(files)} images have no number each in their names, or "
            "two the same; needed: one image a number, by which colour, depth and poses belong "
            "together; do: rename the files"
        )
    return dict(zip(numbers, files, strict=True))


def _log_file(path: Path) -> Path | None:
    """The file of poses: one of the usual names, or another whose name tells."""
    named = [path / name for name in LOGS if (path / name).is_file()]
    others = (file for file in sorted(path.glob("*.log")) if _TELLS.search(file.name.lower()))
    return next(iter([*named, *others]), None)


def _poses(
    file: Path | None, numbers: list[int], ids: tuple[int, ...], params: CaptureParams
) -> tuple[dict[int, NDArray[np.float64]], list[str]]:
    """Poses by number of the colour file, and what to tell about them."""
    if file is None:
        given = params.trajectory is not None
        lost = f"no {LOGS[0]}: all poses are unknown; --trajectory FILE gives them"
        return {}, [] if given else [lost]
    log = read_trajectory(file)
    found = {number: pose for number, pose in _by_number(log, numbers) if number in numbers}
    notes = [] if file.name == Path(LOGS[0]).name else [f"poses are those of {file.name}"]
    without = sum(number not in found for number in ids)
    if without:
        notes.append(
            f"{without} frames have no pose among the {len(log.matrices)} of {file.name}: lost"
        )
    return found, notes


def _by_number(log: Trajectory, numbers: list[int]) -> list[tuple[int, NDArray[np.float64]]]:
    """Which file each pose is of. Logs count frames from 0 in the order of the files' names.

    Where some files are gone, their numbers tell: counted from 1 if the last one is the number of
    poses, else from 0.
    """
    count = len(log.matrices)
    if count == len(numbers):
        return list(zip(numbers, log.matrices, strict=True))
    from_1 = numbers[0] > 0 and numbers[-1] == count
    frames = np.arange(count) if log.ids is None else log.ids
    return list(zip((frames + from_1).tolist(), log.matrices, strict=True))


def _camera(path: Path, size: Size, params: CaptureParams) -> _Camera:
    """The camera for images of ``size``."""
    there = [path / name for name in CAMERA_FILES if (path / name).is_file()]
    if there:
        return _read_camera(there[0], size)
    files = find_cameras(path)
    if files.color is not None:
        return _Camera(read_camera(files.color, size))
    usual = size == USUAL_CAMERA.size
    expect(
        usual or params.assume_camera or params.intrinsics is not None,
        given=f"{path} without a camera file, with images of {size[0]}x{size[1]}"
        + (f", but with {listed(files.passed_over, path)}" if files.passed_over else ""),
        needed=f"one of {', '.join(CAMERA_FILES)} (Open3D)",
        do="pass --intrinsics FX,FY,CX,CY, or take Open3D's usual camera (--assume-camera)",
        error=CaptureError,
    )
    if params.intrinsics is not None:
        return _Camera(USUAL_CAMERA.resized(size))
    note = f"no {CAMERA_FILES[0]}: Open3D's usual camera (focal length 525 at 640x480) is assumed"
    return _Camera(USUAL_CAMERA.resized(size), note=note)


def _read_camera(file: Path, size: Size) -> _Camera:
    told = read_record(file, _File, "width, height and intrinsic_matrix of 9 numbers")
    matrix = told.intrinsic_matrix
    expect(
        len(matrix) == 9 and np.isfinite(told.depth_scale) and told.depth_scale > 0,
        given=f"{file} with {len(matrix)} numbers of a matrix, depth_scale {told.depth_scale}",
        needed="a 3x3 matrix column by column and a positive number of depth units a metre",
        do="check or export the file again",
        error=CaptureError,
    )
    by_rows = matrix[6] == matrix[7] == 0 and matrix[2] != 0
    cx, cy = (matrix[2], matrix[5]) if by_rows else (matrix[6], matrix[7])
    values = (matrix[0], matrix[4], cx, cy)
    camera = camera_told_for(values, (told.width, told.height), size, str(file))
    note = f"{file.name} holds its matrix row by row" if by_rows else ""
    return _Camera(camera, told.depth_scale, note)


def _claims(path: Path) -> str | None:
    has_color = any((path / name).is_dir() for name in COLOR_FOLDERS)
    if not has_color or not (path / "depth").is_dir() or any(path.glob("pose*")):
        return None
    poses = pose_source(path)
    if poses is not None and poses.suffix != ".log":
        return None
    camera = next((name for name in CAMERA_FILES if (path / name).is_file()), None)
    log = _log_file(path)
    return camera if log is None else log.name


READER = Reader(
    "a folder with color/, depth/ and trajectory.log or camera_intrinsic.json (Open3D)",
    _claims,
    lambda path, how: Open3DCapture(path, how.params),
)
