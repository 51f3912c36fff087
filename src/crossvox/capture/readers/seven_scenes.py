"""7-Scenes folders: ``frame-NNNNNN.{color.png|jpg,depth.png,pose.txt}`` (Shotton et al. 2013).

Depth is millimetres, 0 and 65535 mean "no reading". Poses are the depth camera's. The colour
images are not registered to depth, and the data set does not publish the colour camera: it is a
parameter here (:class:`SevenScenesParams`).

Others write the same files with depth registered to colour: 3DMatch (Zeng et al. 2017), whose
``camera-intrinsics.txt`` lies above its sequences. They are told by that file, where it holds
another camera than that of 7-Scenes: it is the camera of both images then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import CameraFiles, camera_or_error, find_cameras, read_camera
from crossvox.capture.files import first_size, read_depth_png, read_pose_matrix
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Reader
from crossvox.capture.registration import Registration
from crossvox.capture.stored import StoredCapture
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import read_bytes

INTRINSICS = "camera-intrinsics.txt"
DEPTH_FOCAL_PX, DEPTH_CENTRE_PX = 585.0, (320.0, 240.0)
_REFERENCE_SIZE = (640, 480)
_SAME_FOCAL_PX = 0.5
"""By how much a focal length may differ from that of 7-Scenes, at 640x480, and be the same."""

_FILE = re.compile(r"frame-(\d+)\.(?:color\.(?:png|jpg|jpeg)|depth\.png|pose\.txt)", re.IGNORECASE)


@dataclass(frozen=True)
class SevenScenesParams:
    """The colour camera, which the data set does not publish.

    Attributes:
        color_focal_px: focal length of the colour camera at 640x480; its centre is the depth
            camera's.
        color_shift_m: where the colour camera stands in the depth camera's coordinates (x right,
            y down, z forward), metres.
    """

    color_focal_px: float = 525.0
    color_shift_m: tuple[float, float, float] = (0.025, 0.0, 0.0)


DEFAULT_PARAMS = SevenScenesParams()


class SevenScenesCapture(StoredCapture):
    """A 7-Scenes sequence. Frame numbers may have gaps.

    Args:
        path: the folder with the ``frame-*`` files.
        params: the colour camera.
        registration: ``none`` takes the depth camera for the colour camera too, as is usual with
            this data set.

    Raises:
        CaptureError: no frames, or a damaged camera file.
    """

    format = "7-Scenes"
    units_per_m = 1000.0

    def __init__(
        self,
        path: Path,
        params: SevenScenesParams = DEFAULT_PARAMS,
        registration: RegistrationMode = "auto",
    ) -> None:
        self.path = path = Path(path)
        self._files: dict[int, dict[str, Path]] = {}
        for file in path.iterdir():
            if match := _FILE.fullmatch(file.name):
                part = file.name.split(".")[1].lower()
                self._files.setdefault(int(match[1]), {})[part] = file
        ids = tuple(sorted(self._files))
        expect(
            len(ids) > 0,
            given=f"{path}, which has no frame-NNNNNN files",
            needed="frame-NNNNNN.color.png, .depth.png and .pose.txt",
            do="check the path",
            error=CaptureError,
        )
        size = first_size((self._path(number, "color") for number in ids), "color")
        depth_size = first_size((self._path(number, "depth") for number in ids), "gray")
        focal, centre = DEPTH_FOCAL_PX, DEPTH_CENTRE_PX
        reference = camera_or_error((focal, focal, *centre), _REFERENCE_SIZE, str(path))
        own = next((file for file in _camera_files(path) if file.is_file()), None)
        depth = reference.resized(depth_size) if own is None else read_camera(own, depth_size)
        color_from_depth = np.eye(4)
        at_reference = depth.resized(_REFERENCE_SIZE)
        is_seven_scenes = abs(at_reference.fx - DEPTH_FOCAL_PX) <= _SAME_FOCAL_PX
        if registration == "none" or not is_seven_scenes:
            color = depth.resized(size)
        else:
            values = (*(params.color_focal_px,) * 2, at_reference.cx, at_reference.cy)
            color = camera_or_error(values, _REFERENCE_SIZE, "color_focal_px").resized(size)
            color_from_depth[:3, 3] = -np.asarray(params.color_shift_m)
        resolved = path.resolve()
        name = resolved.name
        if name.startswith("seq-"):  # CHESS/seq-01: the sequence alone does not name the scene
            name = f"{resolved.parent.name}-{name}"
        super().__init__(
            name,
            ids,
            Registration(color, depth, color_from_depth, registration),
            stored_from_color=np.linalg.inv(color_from_depth),
        )
        notes = [f"no {INTRINSICS}: the data set's usual camera is used"] if own is None else []
        beside = own if own is not None and own.parent == path else None
        rest = tuple(file for file in find_cameras(path).all if file != own)
        notes += CameraFiles(beside, None, rest).notes(path)
        if registration == "auto":
            notes.append(
                "the colour camera is not published for this data set: a fitted one"
                if is_seven_scenes
                else f"{INTRINSICS} is not the camera of 7-Scenes: it is taken for colour and depth"
            )
        self.notes = tuple(notes)

    def _path(self, number: int, part: str) -> Path:
        endings = {"color": "color.png", "depth": "depth.png", "pose": "pose.txt"}
        missing = self.path / f"frame-{number:06d}.{endings[part]}"
        return self._files[number].get(part, missing)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        return str(self._path(self.frame_ids[index], "color" if part == "colour" else part))

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The depth camera's pose, as stored."""
        return read_pose_matrix(Path(self.source(index, "pose")))

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(Path(self.source(index, "colour")))

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Millimetres, 0 = no reading."""
        return read_depth_png(Path(self.source(index, "depth")))


def _camera_files(path: Path) -> tuple[Path, Path]:
    """Where the camera's file may lie: with the frames, or above the sequences of a scene."""
    return path / INTRINSICS, path.resolve().parent / INTRINSICS


def _claims(path: Path) -> str | None:
    return next((file.name for file in path.glob("frame-*.pose.txt")), None)


READER = Reader(
    "a folder with frame-NNNNNN.pose.txt files (7-Scenes)",
    _claims,
    lambda path, how: SevenScenesCapture(path, registration=how.params.registration),
)
