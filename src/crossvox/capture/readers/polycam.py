"""Polycam's raw data, as a ZIP file or unpacked: ``keyframes/{images, cameras, corrected_cameras,
depth, confidence}/TIMESTAMP.{jpg, json, json, png, png}``, TIMESTAMP in microseconds.

The JSON files hold the camera (``fx fy cx cy``, of an image of ``width`` x ``height``) and the
pose: ``t_00`` to ``t_23``, row and column, camera-to-world, OpenGL axes, metres, world y up. Images
are as the sensor reads them, so phones held upright give sideways ones.

What belongs together: depth is made in the moment and on the pixels of the *original* image, so it
goes with ``images`` and the intrinsics of ``cameras``. ``corrected_images`` are that image after
the app has taken its distortion out and filled up its border with black: other pixels, by another
camera, and nothing has moved depth along; they are not read. ``corrected_cameras`` hold poses that
were optimised over the whole scan. Taking out distortion neither moves nor turns a camera, so they
are true for the original image too; they are taken where there are any for at least half of the
frames, and frames without one are lost then: poses of the two kinds are not in one world.

Confidence is 0 low, 255 high, and anything between is medium: the app has written 127, and 54.

Nothing else is read: not the mesh, which lies in a world of its own, and no place on earth.

Source:
    https://github.com/PolyCam/polyform (README, "Polycam's data format")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.frame_files import FrameFiles, FrameFilesCapture, name_of, one_place, one_view
from crossvox.capture.members import Members, members, roots
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError
from crossvox.core.convention import PoseConvention
from crossvox.doors.images import MAX_PIXELS

FOLDER = "keyframes"
_INSIDE = ("images/", "cameras/", "corrected_cameras/", "corrected_images/", "depth/")
_MARKS = (*(f"{FOLDER}/{name}" for name in _INSIDE), "mesh_info.json")
_ENOUGH = 0.5
_MICROSECONDS = 1e-6


class PoseRecord(msgspec.Struct):
    """The pose in a camera's JSON file."""

    t_00: float
    t_01: float
    t_02: float
    t_03: float
    t_10: float
    t_11: float
    t_12: float
    t_13: float
    t_20: float
    t_21: float
    t_22: float
    t_23: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The pose ``(4, 4)``."""
        return np.array(
            [
                [self.t_00, self.t_01, self.t_02, self.t_03],
                [self.t_10, self.t_11, self.t_12, self.t_13],
                [self.t_20, self.t_21, self.t_22, self.t_23],
                [0, 0, 0, 1],
            ]
        )


class CameraRecord(msgspec.Struct):
    """The camera in a JSON file. Newer corrected ones tell no image size."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: float | None = None
    height: float | None = None

    def camera(self, size: Size, source: str) -> Intrinsics:
        """The camera of an image of a size.

        Raises:
            CaptureError: it is none.
        """
        sides = self.width or 0, self.height or 0
        told = all(1 <= side <= MAX_PIXELS for side in sides)
        of = (int(sides[0]), int(sides[1])) if told else size
        return camera_or_error((self.fx, self.fy, self.cx, self.cy), of, source).resized(size)


class PolycamCapture(FrameFilesCapture):
    """A scan of Polycam in LiDAR or Room mode.

    Args:
        files: below ``keyframes``.
        name: scene name.
        registration: see :data:`~crossvox.capture.params.RegistrationMode`.

    Raises:
        CaptureError: no frame with image, camera and depth.
    """

    format = "Polycam raw data"
    units_per_m = 1000.0
    convention = PoseConvention("opengl")
    up = (0.0, 1.0, 0.0)

    def __init__(self, files: Members, name: str, registration: RegistrationMode = "auto") -> None:
        frames = FrameFiles(
            files,
            files.numbered("images", (".png", ".jpeg", ".jpg")),
            files.numbered("depth", (".png",)),
            files.numbered("confidence", (".png",)),
        )
        plain = files.numbered("cameras", (".json",))
        corrected = files.numbered("corrected_cameras", (".json",))
        frames.expect_frames(
            "raw data of Polycam",
            f"{FOLDER}/images, depth and cameras with files of the same names",
            "" if plain or corrected else "cameras",
            "scan in LiDAR or Room mode with Developer mode on, and export Raw Data (corrected "
            "images do not lie on depth, and are not read)",
        )
        self._pose_files, about_poses = _poses(frames.ids, plain, corrected)
        self._records: dict[int, PoseRecord] = {}
        self._problems: dict[int, str] = {}
        cameras = self._read(frames, plain, corrected)
        view = one_view(cameras, frames.depth_png_size(), registration)
        super().__init__(frames, name, view, cameras)
        self.notes = (*self.notes, *about_poses)

    def _read(
        self, frames: FrameFiles, plain: Mapping[int, str], corrected: Mapping[int, str]
    ) -> dict[int, Intrinsics]:
        """Poses, and cameras of the original images by number."""
        files, size, cameras = frames.files, frames.color_size(), {}
        for number in frames.ids:
            pose, camera = self._pose_files.get(number), plain.get(number, corrected.get(number))
            try:
                if pose is not None:
                    self._records[number] = files.record(pose, PoseRecord)
                if camera is not None:
                    record = files.record(camera, CameraRecord)
                    cameras[number] = record.camera(size, files.source(camera))
            except CaptureError as error:
                self._problems[number] = str(error)
        if not cameras:
            first = next(iter(self._problems.values()), "")
            raise CaptureError(
                first
                or f"given: {files.path} with images and cameras of different names; needed: a "
                f"camera for each image; do: export Raw Data again"
            )
        return cameras

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        name = self._pose_files.get(self.frame_ids[index])
        if part == "pose" and name is not None:
            return self._frames.files.source(name)
        return super().source(index, part)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The corrected pose, or ARKit's own where the scan has no corrected ones."""
        number = self.frame_ids[index]
        if number in self._problems:
            raise CaptureError(self._problems[number])
        record = self._records.get(number)
        return LOST_POSE.copy() if record is None else record.matrix

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """0 to 2, from 0, any value between, and 255."""
        stored = self.confidence_png(index)
        if stored is None or stored.max(initial=0) <= 2:  # ARKit's own values
            return stored
        return (stored > 0).astype(np.uint8) + (stored == 255)

    def time_s(self, index: int) -> float | None:
        """The file's name."""
        return self.frame_ids[index] * _MICROSECONDS


def _poses(
    ids: Iterable[int], plain: Mapping[int, str], corrected: Mapping[int, str]
) -> tuple[Mapping[int, str], list[str]]:
    """Files that poses are taken from, by number, and what to tell about it."""
    wanted = set(ids)
    better = wanted & set(corrected)
    lost = "of {} frames have none and are lost"
    if better and len(better) >= _ENOUGH * len(wanted):
        notes = ["poses are the corrected ones, optimised over the whole scan"]
        missing = len(wanted - better)
        if missing:
            notes.append(f"corrected poses: {missing} {lost.format(len(wanted))}")
        return corrected, notes
    notes = ["poses are ARKit's own: the scan has no corrected ones"]
    if better:
        notes = [f"poses are ARKit's own: only {len(better)} of {len(wanted)} are corrected"]
    missing = len(wanted - set(plain))
    if missing:
        notes.append(f"cameras: {missing} {lost.format(len(wanted))}")
    return plain, notes


def _places(path: Path) -> list[str]:
    """Folders like ``keyframes``, by names alone."""
    found = roots(path, _MARKS)
    if found:
        return [place + f"{FOLDER}/" for place in found]
    # The folder itself: nothing but cameras by number tells it from others.
    inside = members(path) if path.is_dir() else None
    if inside is None or not (path / "images").is_dir():
        return []
    return (
        [""] if inside.names("corrected_cameras") or inside.numbered("cameras", (".json",)) else []
    )


def _claims(path: Path) -> str | None:
    return f"{FOLDER}/" if _places(path) else None


def _open(path: Path, how: Opening) -> PolycamCapture:
    resolved = path.resolve()
    name = name_of(resolved.parent if resolved.name == FOLDER else resolved)
    return PolycamCapture(one_place(path, _places(path)), name, how.params.registration)


READER = Reader(
    "a ZIP file or folder with keyframes/images, cameras and depth (Polycam, raw data)",
    _claims,
    _open,
)
