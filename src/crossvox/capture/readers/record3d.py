"""Record3D: ``.r3d`` files (ZIP, also unpacked) and the export "EXR + JPG".

``.r3d``: ``metadata`` (JSON), ``rgbd/N.jpg``, ``rgbd/N.depth`` (LZFSE of float32 metres, row by
row, NaN = none) and, of LiDAR recordings alone, ``rgbd/N.conf`` (LZFSE of uint8, 0 to 2). EXR +
JPG: ``metadata.json``, ``rgb/N.jpg``, ``depth/N.exr`` (one channel, metres). N counts from 0 and is
the place in the metadata's lists; numbers may be missing.

Poses are ``qx qy qz qw x y z``, camera-to-world with OpenGL axes, of the image as it is stored: the
app turns images, cameras and poses itself. Versions up to 1.10 store portrait images however the
phone is held, later ones also landscape; of these the frames themselves are asked whether poses are
about the landscape image, or still about the portrait one (:mod:`crossvox.capture.readers.rolled`).

``K`` is the first frame's camera, column by column, of an image of ``w`` x ``h``. ``initPose``
moves the whole world at once, is the identity in files that the app writes, and is left aside.

The world: older versions of the app count from the first camera, and nothing tells gravity. Newer
ones (their metadata have ``initPose``) keep ARKit's world, y up, unless the first pose is still the
identity.

Source:
    https://github.com/marek-simonik/record3d (issues 7, 27, 36, 64: what the maintainer says), and
    recordings whose frames were projected into each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import first_of
from crossvox.capture.frame_files import FrameFiles, FrameFilesCapture, name_of, one_place, one_view
from crossvox.capture.members import Members, members, roots
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.readers.plain_files import pose_source
from crossvox.capture.readers.rolled import quarter_roll, roll_that_fits
from crossvox.capture.readers.tum import pose_from_quaternion
from crossvox.capture.stored import LOST_POSE
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.doors.exr import decode_exr, exr_size
from crossvox.doors.lzfse import unpack, unpacked_size
from crossvox.doors.pillow_images import MAX_PIXELS

EXPORT_FOLDER = "EXR_RGBD"
"""What the app calls the folder of its export."""

_SAME = 1e-6
_SAME_SHAPE = 0.02


@dataclass(frozen=True)
class Layout:
    """Where the parts lie; folders are below the capture's own.

    Attributes:
        format: for ``crossvox info``.
        metadata: the JSON file.
        color, depth: folders.
        depth_ending: of depth files.
    """

    format: str
    metadata: str
    color: str
    depth: str
    depth_ending: str


R3D = Layout("Record3D (.r3d)", "metadata", "rgbd", "rgbd", ".depth")
EXR = Layout("Record3D (EXR + JPG)", "metadata.json", "rgb", "depth", ".exr")
_FLOAT = 4


class Metadata(msgspec.Struct):
    """What is read of the metadata; anything but ``K`` may be absent, by the app's version."""

    K: list[float]
    poses: list[list[float]] | None = None
    w: float | None = None
    h: float | None = None
    dw: float | None = None
    dh: float | None = None
    fps: float | None = None
    initPose: list[float] | None = None
    frameTimestamps: list[float] | None = None
    perFrameIntrinsicCoeffs: list[list[float]] | None = None


class Record3DCapture(FrameFilesCapture):
    """A recording of Record3D.

    Args:
        files: of the recording.
        layout: how they lie.
        name: scene name.
        registration: see :data:`~crossvox.capture.params.RegistrationMode`.

    Raises:
        CaptureError: no metadata, no frames with colour and depth, or a damaged one.
    """

    units_per_m = 1.0
    convention = PoseConvention("opengl")

    def __init__(
        self,
        files: Members,
        layout: Layout,
        name: str,
        registration: RegistrationMode = "auto",
    ) -> None:
        self._layout, self.format = layout, layout.format
        frames = FrameFiles(
            files,
            files.numbered(layout.color, (".png", ".jpeg", ".jpg")),
            files.numbered(layout.depth, (layout.depth_ending,)),
            files.numbered(layout.depth, (".conf",)) if layout is R3D else {},
        )
        frames.expect_frames(
            f"a recording of {layout.format}",
            f"{layout.metadata}, {layout.color}/N.jpg and {layout.depth}/N{layout.depth_ending}",
            "" if files.has(layout.metadata) else layout.metadata,
            "export the recording again from Record3D, as .r3d or as EXR + JPG",
        )
        self._metadata = meta = files.record(layout.metadata, Metadata)
        size = frames.color_size()
        cameras = self._cameras_by_number(frames, size)
        names = (frames.depth[number] for number in frames.ids)
        depth = first_of(names, lambda name: self._size_of_depth(files, name, size))
        super().__init__(frames, name, one_view(cameras, depth, registration), cameras)
        self.up = (0.0, 1.0, 0.0) if _knows_gravity(meta) else None
        self.notes = (*self.notes, *self._what_is_not_told())
        if size[0] > size[1]:
            self._roll()

    def _roll(self) -> None:
        """Landscape recordings: poses about the portrait image, if it is them that fit."""
        turns = roll_that_fits(self)
        if turns:
            self.stored_from_color = quarter_roll(turns)
            self.notes = (
                *self.notes,
                "poses are about images held otherwise, as frames that see each other tell: turned",
            )

    def _size_of_depth(self, files: Members, name: str, color: Size) -> Size:
        data, source = files.read(name), files.source(name)
        if self._layout is EXR:
            return exr_size(data, source)
        return depth_size(unpacked_size(data, source) // _FLOAT, color, self._metadata, source)

    def _cameras_by_number(self, frames: FrameFiles, size: Size) -> dict[int, Intrinsics]:
        """Cameras of colour images."""
        meta, source = self._metadata, frames.files.source(self._layout.metadata)
        of = _told(meta.w, meta.h) or size
        expect(
            abs(math.log(of[0] * size[1] / (of[1] * size[0]))) < _SAME_SHAPE,
            given=f"{source} that tells of images of {of[0]}x{of[1]}, beside some of "
            f"{size[0]}x{size[1]}",
            needed="images of the same shape",
            do="export the recording again, without turning or cutting its images",
            error=CaptureError,
        )
        expect(
            len(meta.K) == 9,
            given=f"{source} with K of {len(meta.K)} numbers",
            needed="9, a 3x3 matrix column by column",
            do="export the recording again",
            error=CaptureError,
        )
        first = (meta.K[0], meta.K[4], meta.K[6], meta.K[7])
        own = meta.perFrameIntrinsicCoeffs or []
        found = {}
        for number in frames.ids:
            values = own[number] if number < len(own) else []
            four = (values[0], values[1], values[2], values[3]) if len(values) == 4 else first
            found[number] = camera_or_error(four, of, source).resized(size)
        return found

    def _what_is_not_told(self) -> list[str]:
        notes = []
        lone = sum(number >= len(self._metadata.poses or []) for number in self.frame_ids)
        if lone:
            notes.append(f"{lone} frames have no pose in {self._layout.metadata}")
        if self.up is None:
            notes.append("the world is that of the first camera: which way is up is not known")
        return notes

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        if part == "pose":
            place = self._frames.files.source(self._layout.metadata)
            return f"{place}, frame {self.frame_ids[index]}"
        return super().source(index, part)

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Camera-to-world, OpenGL axes; a quaternion of zeros is a lost pose."""
        number, poses = self.frame_ids[index], self._metadata.poses or []
        if number >= len(poses):
            return LOST_POSE.copy()
        row = poses[number]
        expect(
            len(row) == 7,
            given=f"{self.source(index, 'pose')}: a pose of {len(row)} numbers",
            needed="qx qy qz qw x y z",
            do="export the recording again",
            error=CaptureError,
        )
        return pose_from_quaternion(np.array([*row[4:], *row[:4]], dtype=np.float64))

    def depth_raw(self, index: int) -> NDArray[np.float32]:
        """Metres; what is not finite or not positive is no reading."""
        data, source = self.depth_data(index), self.source(index, "depth")
        if self._layout is EXR:
            depth = decode_exr(data, source)
        else:
            width, height = self.registration.depth_camera.size
            plain = unpack(data, _FLOAT * width * height, source)
            depth = np.frombuffer(plain, dtype="<f4").reshape(height, width)
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """``rgbd/N.conf``, of LiDAR recordings."""
        name = self._frames.confidence.get(self.frame_ids[index])
        if name is None:
            return None
        width, height = self.registration.depth_camera.size
        files = self._frames.files
        plain = unpack(files.read(name), width * height, files.source(name))
        return np.frombuffer(plain, dtype=np.uint8).reshape(height, width)

    def time_s(self, index: int) -> float | None:
        """``frameTimestamps``, or the number by the frames a second."""
        number, times = self.frame_ids[index], self._metadata.frameTimestamps or []
        if number < len(times):
            return times[number]
        return number / self._metadata.fps if self._metadata.fps else None


def depth_size(pixels: int, color: Size, metadata: Metadata, source: str) -> Size:
    """Size of depth images that hold a number of values.

    Colour and depth show the same view, so the shape of colour decides, and what the metadata tell
    (``dw``, ``dh``; older files tell nothing) only where no size of that shape fits.

    Raises:
        CaptureError: no size fits.
    """
    height = round(math.sqrt(pixels * color[1] / color[0]))
    width = pixels // max(1, height)
    told = _told(metadata.dw, metadata.dh)
    fits = width * height == pixels > 0
    if fits and abs(math.log(width * color[1] / (height * color[0]))) < _SAME_SHAPE:
        return width, height
    if told is None or told[0] * told[1] != pixels:
        raise CaptureError(
            f"given: {source} of {pixels} values beside colour of {color[0]}x{color[1]}; needed: "
            f"an image of the same shape, or the size (dw, dh) in the metadata; do: export the "
            f"recording again"
        )
    return told


def _told(width: float | None, height: float | None) -> Size | None:
    """An image size out of the metadata, if it is one."""
    values = width or 0, height or 0
    return (int(values[0]), int(values[1])) if all(1 <= v <= MAX_PIXELS for v in values) else None


def _knows_gravity(metadata: Metadata) -> bool:
    """Whether the world is ARKit's."""
    poses = metadata.poses or []
    if metadata.initPose is None or not poses or len(poses[0]) != 7:
        return False
    return float(np.abs(np.subtract(poses[0], (0, 0, 0, 1, 0, 0, 0))).max()) > _SAME


def _found(path: Path) -> tuple[Layout, list[str]] | None:
    """Layout and the folders of that layout, by names alone."""
    for layout, marks in (
        (R3D, ("metadata", "rgbd/")),
        (EXR, (f"{EXPORT_FOLDER}/metadata.json", f"{EXPORT_FOLDER}/depth/")),
        (EXR, ("metadata.json", "depth/")),
    ):
        below = f"{EXPORT_FOLDER}/" if marks[0].startswith(EXPORT_FOLDER) else ""
        places = [place + below for place in roots(path, marks) if _is(layout, path, place + below)]
        if places:
            return layout, places
    return (R3D, [""]) if path.suffix.lower() == ".r3d" and path.is_file() else None


def _is(layout: Layout, path: Path, place: str) -> bool:
    """Whether a place holds what no other format has."""
    files = members(path, place)
    names = files.names(layout.depth)
    if layout is R3D:
        return files.has("metadata") or any(name.endswith((".depth", ".conf")) for name in names)
    if any(name.lower().endswith(".exr") for name in names):
        poses = pose_source(path / place) if path.is_dir() else None
        return files.has(layout.metadata) or (poses is None and bool(files.names("rgb")))
    return place.endswith(f"{EXPORT_FOLDER}/") and files.has(layout.metadata)


def _claims(path: Path) -> str | None:
    found = _found(path)
    return None if found is None else found[0].metadata


def _open(path: Path, how: Opening) -> Record3DCapture:
    found = _found(path)
    layout, places = found if found is not None else (R3D, [""])
    resolved = path.resolve()
    inside = resolved.name == EXPORT_FOLDER
    name = name_of(resolved.parent if inside else resolved)
    return Record3DCapture(one_place(path, places), layout, name, how.params.registration)


READER = Reader(
    "a .r3d file, or a folder with metadata.json, rgb/N.jpg and depth/N.exr (Record3D)",
    _claims,
    _open,
)
