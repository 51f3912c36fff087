"""Captures for radiance fields: ``transforms.json`` with depth (:mod:`.transforms_file`).

Poses are camera-to-world with OpenGL axes. Files tell no gravity, but those of NeRFCapture on a
phone: that z is up is a habit of one program. Depth lies on the pixels of colour, often in fewer of
them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.beside import DEPTH_FOLDERS, depth_beside, listed_file
from crossvox.capture.depth_files import ENDINGS, first_depth, read_depth_file
from crossvox.capture.file_numbers import distinct_numbers
from crossvox.capture.files import first_size
from crossvox.capture.params import CaptureParams
from crossvox.capture.reader import Reader
from crossvox.capture.readers.transforms_file import (
    ListedFrame,
    TransformsFile,
    camera_of,
    depth_units,
    lens_of,
    read_transforms,
)
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import depth_camera_of, of_usual_size, usual_camera
from crossvox.capture.stored import FrameCameras, StoredCapture
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.doors.images import read_bytes

NAMES = ("transforms.json", "transforms_train.json")
SDFSTUDIO = "meta_data.json"


@dataclass(frozen=True, eq=False)
class _Listed:
    """A frame whose files are there."""

    told: ListedFrame
    color: Path
    depth: Path


class TransformsCapture(StoredCapture):
    """A capture with ``transforms.json``.

    A frame's number is that in the names of the colour files, or, where these do not tell frames
    apart, its place in the list.

    Args:
        path: the folder, or the file.
        params: flags; a camera that they give need not stand in the file.

    Raises:
        CaptureError: no depth, no frame whose files are there, a damaged file, or a camera model
            that is not read.
    """

    format = "transforms.json (nerfstudio, instant-ngp, NeRFCapture)"
    convention = PoseConvention("opengl")

    def __init__(self, path: Path, params: CaptureParams) -> None:
        self.path = folder = path if path.is_dir() else path.parent
        self.file = _file_of(path)
        told = read_transforms(self.file)
        frames, notes = _frames(folder, told, self.file)
        kept, odd = of_usual_size({n: _size_of(told, one) for n, one in frames.items()})
        ids = tuple(sorted(kept))
        self._frames = frames = {number: frames[number] for number in ids}
        notes.append(odd)
        self._scale = told.applied_scale or 1.0
        self.up = told.up
        sample = first_depth(frames[number].depth for number in ids)
        size = first_size((frames[number].color for number in ids), "color")
        self._cameras_of = _cameras(told, frames, size, self.file, params)
        camera, varies = usual_camera([self._cameras_of[number].color for number in ids])
        depth_camera = depth_camera_of(camera, sample.shape[1::-1], str(self.file))
        super().__init__(
            folder.resolve().name,
            ids,
            Registration(camera, depth_camera, mode=params.registration),
        )
        lenses = {own.lens for own in self._cameras_of.values()}
        self.lens = self.depth_lens = lenses.pop() if len(lenses) == 1 else None
        keys = told.merged(frames[ids[0]].told)
        self.units_per_m, unit = depth_units(keys, sample)
        if params.depth_scale is None:
            notes.append(unit)
        if varies:
            notes.append(f"cameras differ from frame to frame: {varies}")
        if self._scale != 1:
            notes.append(
                f"positions are divided by applied_scale {self._scale:g}, so that they fit depth"
            )
        if any(frames[number].told.mask_path for number in ids):
            notes.append("masks are not read")
        self.notes = tuple(note for note in notes if note)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        frame = self._frames[self.frame_ids[index]]
        if part == "pose":
            return f"{self.file}, frame {frame.told.file_path!r}"
        return str(frame.color if part == "colour" else frame.depth)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """``transform_matrix`` in metres; -inf where there is none."""
        try:
            matrix = self._frames[self.frame_ids[index]].told.matrix()
        except ValueError as error:
            raise CaptureError(
                f"given: {self.source(index, 'pose')} with {error}; needed: four rows of four "
                f"numbers; do: export the capture again"
            ) from None
        matrix[:3, 3] /= self._scale
        return matrix

    def time_s(self, index: int) -> float | None:
        """``timestamp``, which NeRFCapture writes."""
        return self._frames[self.frame_ids[index]].told.timestamp

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._frames[self.frame_ids[index]].color)

    def depth_raw(self, index: int) -> NDArray[Any]:
        """Depth as stored."""
        return read_depth_file(self._frames[self.frame_ids[index]].depth)

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """The frame's own camera and lens, where keys tell them for each."""
        own = self._cameras_of[self.frame_ids[index]]
        return FrameCameras(
            own.color, own.color.resized(self.registration.depth_camera.size), own.lens, own.lens
        )


def _file_of(path: Path) -> Path:
    """The file to read.

    Raises:
        CaptureError: the folder holds a file of sdfstudio instead.
    """
    if not path.is_dir():
        return path
    there = [path / name for name in NAMES if (path / name).is_file()]
    if there:
        return there[0]
    raise CaptureError(
        f"given: {path / SDFSTUDIO}, which looks like a scene of sdfstudio: its depth is guessed "
        "from single images and has no unit; needed: depth that was measured; do: pass the capture "
        "that the scene was made from"
    )


def _frames(folder: Path, told: TransformsFile, file: Path) -> tuple[dict[int, _Listed], list[str]]:
    """Frames whose files are there, by number, and what to tell about the others."""
    numbers = distinct_numbers(Path(frame.file_path).stem for frame in told.frames)
    by_number = dict(zip(numbers or range(len(told.frames)), told.frames, strict=True))
    colors = {
        number: image
        for number, frame in by_number.items()
        if (image := listed_file(folder, frame.file_path)) is not None
    }
    depths = {
        number: image
        for number, frame in by_number.items()
        if frame.depth and (image := listed_file(folder, frame.depth, ENDINGS)) is not None
    }
    notes = [] if numbers else ["names of images do not tell frames apart: they are counted"]
    if not any(frame.depth for frame in told.frames):
        depths, where = depth_beside(folder, colors)
        notes.append(f"{file.name} names no depth: that of {where} is taken" if where else "")
    both = {n: _Listed(by_number[n], colors[n], depths[n]) for n in colors.keys() & depths.keys()}
    expect(
        len(both) > 0,
        given=f"{file} of {len(told.frames)} frames, of which {len(colors)} have their image and "
        f"{len(depths)} a depth image",
        needed="colour and depth (depth_file_path or depth_path, or images of the same names in "
        f"{', '.join(DEPTH_FOLDERS)}/)",
        do="export the capture with its depth; from colour alone nothing is measured",
        error=CaptureError,
    )
    lacking = len(told.frames) - len(colors), len(colors) - len(both)
    for count, what in zip(lacking, ("image", "depth image"), strict=True):
        notes.append(f"{count} frames are left out: their {what} is not there" if count else "")
    return both, notes


def _size_of(told: TransformsFile, frame: _Listed) -> Size | None:
    """The image size that the frame's keys tell."""
    keys = told.merged(frame.told)
    if keys.w is None or keys.h is None or not math.isfinite(keys.w + keys.h):
        return None
    return round(keys.w), round(keys.h)


def _cameras(
    told: TransformsFile,
    frames: dict[int, _Listed],
    size: Size,
    file: Path,
    params: CaptureParams,
) -> dict[int, FrameCameras]:
    """Camera and lens of colour for each frame; where flags give one, any will do."""
    found: dict[int, FrameCameras] = {}
    for number, frame in frames.items():
        source = f"{file}, frame {frame.told.file_path!r}"
        keys = told.merged(frame.told)
        if params.intrinsics is not None:
            side = max(size)
            camera = Intrinsics(side, side, size[0] / 2 - 0.5, size[1] / 2 - 0.5, *size)
        else:
            camera = camera_of(keys, size, source)
        found[number] = FrameCameras(camera, camera, lens_of(keys, source))
    return found


def _claims(path: Path) -> str | None:
    if path.suffix.lower() == ".json":
        named = path.name.startswith("transforms") and path.is_file()
        return path.name if named else None
    return next((name for name in (*NAMES, SDFSTUDIO) if (path / name).is_file()), None)


READER = Reader(
    "a folder with transforms.json and depth images (nerfstudio, instant-ngp, NeRFCapture, "
    "SplaTAM)",
    _claims,
    lambda path, how: TransformsCapture(path, how.params),
)
