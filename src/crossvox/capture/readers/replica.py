"""Replica as NICE-SLAM rendered it: ``results/frameN.jpg, results/depthN.png, traj.txt``.

Poses are 16 numbers a line, row by row, camera-to-world with OpenCV axes; line k, counted from 0,
is frame k, also where frames are left out. Depth is along the optical axis in units of
``camera.scale`` a metre. The camera stands in ``cam_params.json``, beside the scenes.

Source:
    Straub et al. 2019 (the rooms), Sucar et al. 2021 (iMAP, these renderings)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import first_size, read_depth_png
from crossvox.capture.json_files import read_record
from crossvox.capture.params import CaptureParams
from crossvox.capture.reader import Reader
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import camera_told_for, depth_camera_of
from crossvox.capture.stored import LOST_POSE, StoredCapture
from crossvox.capture.trajectory import read_trajectory
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import read_bytes

CAMERA_FILE = "cam_params.json"
USUAL_CAMERA = Intrinsics(600.0, 600.0, 599.5, 339.5, 1200, 680)
USUAL_SCALE = 6553.5
"""Of all eight published scenes."""

_FILE = re.compile(r"(frame|depth)(\d+)\.(?:jpg|jpeg|png)", re.IGNORECASE)


@dataclass(frozen=True)
class _Camera:
    """What ``cam_params.json`` tells.

    Attributes:
        camera: of colour and depth.
        units_per_m: stored depth units a metre.
    """

    camera: Intrinsics
    units_per_m: float


class ReplicaCapture(StoredCapture):
    """A rendered Replica scene. A frame's number is that of its files.

    Args:
        path: the scene's folder.
        params: flags; a camera that they give need not stand in a file.

    Raises:
        CaptureError: no frames or poses, a damaged file, or no camera for images of an unusual
            size.
    """

    format = "Replica (NICE-SLAM)"
    up = (0.0, 0.0, 1.0)  # of the data set's rooms

    def __init__(self, path: Path, params: CaptureParams) -> None:
        self.path = path
        color, self._depth = _images(path / "results")
        self._color = {number: file for number, file in color.items() if number in self._depth}
        ids = tuple(sorted(self._color))
        expect(
            len(ids) > 0,
            given=f"{path} with {len(color)} frameN and {len(self._depth)} depthN images in "
            "results/, none of one number",
            needed="results/frameNNNNNN.jpg and results/depthNNNNNN.png (Replica of NICE-SLAM)",
            do="check the path",
            error=CaptureError,
        )
        self._poses = read_trajectory(path / "traj.txt").matrices
        size = first_size((self._color[number] for number in ids), "color")
        depth_size = first_size((self._depth[number] for number in ids), "gray")
        told, note = _camera(path, size, params)
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
        alone = len(color) + len(self._depth) - 2 * len(ids)
        late = sum(number >= len(self._poses) for number in ids)
        notes = [
            note,
            f"{alone} images without their other half (colour or depth)" if alone else "",
            f"{late} frames beyond the {len(self._poses)} lines of traj.txt: lost" if late else "",
        ]
        self.notes = tuple(text for text in notes if text)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "pose":
            return f"{self.path / 'traj.txt'}, frame {number}"
        return str((self._color if part == "colour" else self._depth)[number])

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The line of ``traj.txt`` of the frame's number; -inf beyond its end."""
        number = self.frame_ids[index]
        return self._poses[number] if number < len(self._poses) else LOST_POSE.copy()

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth in units of ``1 / units_per_m`` metres; what is saturated is no reading."""
        return read_depth_png(self._depth[self.frame_ids[index]])


@dataclass(frozen=True)
class _Told:
    """``camera`` of ``cam_params.json``."""

    fx: float
    fy: float
    cx: float
    cy: float
    w: float | None = None
    h: float | None = None
    scale: float = USUAL_SCALE


@dataclass(frozen=True)
class _File:
    camera: _Told


def _camera(path: Path, size: Size, params: CaptureParams) -> tuple[_Camera, str]:
    """The camera for images of ``size``, and what to tell about it."""
    places = (path / CAMERA_FILE, path.resolve().parent / CAMERA_FILE)
    file = next((place for place in places if place.is_file()), None)
    if file is not None:
        told = read_record(file, _File, "a camera with fx, fy, cx, cy, w, h and scale").camera
        expect(
            np.isfinite(told.scale) and told.scale > 0,
            given=f"{file} with the depth scale {told.scale}",
            needed="units a metre, a positive number",
            do="correct it",
            error=CaptureError,
        )
        values = (told.fx, told.fy, told.cx, told.cy)
        return _Camera(camera_told_for(values, (told.w, told.h), size, str(file)), told.scale), ""
    expect(
        size == USUAL_CAMERA.size or params.assume_camera or params.intrinsics is not None,
        given=f"{path} without {CAMERA_FILE} in it or beside it, with images of "
        f"{size[0]}x{size[1]}, which is not the size of the published scenes",
        needed="the camera",
        do=f"copy {CAMERA_FILE} of the data set beside the scene, pass --intrinsics FX,FY,CX,CY, "
        "or take the usual camera (--assume-camera)",
        error=CaptureError,
    )
    note = "" if params.intrinsics else f"no {CAMERA_FILE}: the camera of the published scenes"
    return _Camera(USUAL_CAMERA.resized(size), USUAL_SCALE), note


def _images(folder: Path) -> tuple[dict[int, Path], dict[int, Path]]:
    """Colour and depth images by number."""
    found: dict[str, dict[int, Path]] = {"frame": {}, "depth": {}}
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        if match := _FILE.fullmatch(name):
            found[match[1].lower()].setdefault(int(match[2]), folder / name)
    return found["frame"], found["depth"]


def _claims(path: Path) -> str | None:
    results = path / "results"
    if not results.is_dir():
        return None
    if (path / "traj.txt").is_file():
        return "results/ and traj.txt"
    named = (_FILE.fullmatch(image.name) for image in results.iterdir())
    return "results/frameN" if any(named) else None


READER = Reader(
    "a folder with results/frameN.jpg, results/depthN.png and traj.txt (Replica of NICE-SLAM)",
    _claims,
    lambda path, how: ReplicaCapture(path, how.params),
)
