"""ScanNet++, the iPhone's part (Yeshwanth et al. 2023): ``SCENE/iphone``.

Colour is ``rgb.mkv`` (or ``.mp4``), or ``rgb/frame_NNNNNN.jpg`` as the authors' toolkit writes them
from it; depth is ``depth.bin`` (:mod:`crossvox.capture.readers.depth_stream`), or in millimetres
``depth/frame_NNNNNN.png``. A frame's number is its place in the video and in ``depth.bin``, from 0.

``pose_intrinsic_imu.json`` has an entry a frame, ``frame_NNNNNN``: ``aligned_pose``,
camera-to-world in metres in the world of the scene's mesh, z up; ``pose``, the same in a world of
the phone; and ``intrinsic`` for the video's size. Camera axes are those of OpenCV: the authors' own
script puts depth in front of the camera with these matrices and cameras as they are
(``iphone/arkit_pcl.py``), and readers that want OpenGL turn two axes. That ``pose`` has the same
axes follows only if the worlds differ by a motion; it is taken where no frame has an
``aligned_pose``. Where the file is missing, the model in ``colmap/`` is read, which has some of the
frames, and the lens.

Left aside: ``rgb_mask.mkv``, ``exif.json``, readings of the gyroscope, the other camera's ``dslr``
and the annotations, which have classes of their own. ``scans/mesh_aligned_0.05.ply`` lies in the
world of ``aligned_pose`` and ``colmap/``, to a few centimetres.

Source:
    https://github.com/scannetpp/scannetpp (iphone/prepare_iphone_data.py, iphone/arkit_pcl.py,
    issues 13, 111, 154)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.depth_files import first_depth, read_depth_file
from crossvox.capture.file_numbers import distinct_numbers, images_in, number_of
from crossvox.capture.json_files import read_record
from crossvox.capture.lens import Lens
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.readers.colmap_model import read_model
from crossvox.capture.readers.depth_stream import SIZE, DepthStream
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import middle_camera
from crossvox.capture.stored import LOST_POSE, FrameCameras, StoredCapture
from crossvox.capture.video_color import ENDINGS, camera_for, expect_one_way, find_color
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import CaptureInfo

IPHONE, POSES, DEPTH, MODEL = "iphone", "pose_intrinsic_imu.json", "depth.bin", "colmap"
VIDEOS = ("rgb.mkv", "rgb.mp4", "rgb.mov")
MESH = "scans/mesh_aligned_0.05.ply"
_MATRIX = 16


@dataclass(frozen=True)
class Entry:
    """A frame in :data:`POSES`; matrices are lists of rows, or flat."""

    aligned_pose: list[Any] | None = None
    pose: list[Any] | None = None
    intrinsic: list[Any] | None = None
    timestamp: float | None = None


@dataclass(frozen=True)
class Told:
    """What a scene tells of its frames.

    Attributes:
        source: the file or folder.
        poses: ``(4, 4)`` by frame number, in the sense of ``convention``.
        cameras: ``fx fy cx cy`` of images of ``told_for``, or None: of the video's size.
        notes: anything odd.
        up: where up is.
    """

    source: Path
    poses: Mapping[int, NDArray[np.float64]]
    cameras: Mapping[int, Intrinsics]
    convention: PoseConvention
    up: tuple[float, float, float] | None
    times_s: Mapping[int, float] = field(default_factory=dict)
    lens: Lens | None = None
    notes: tuple[str, ...] = ()


class ScanNetPPCapture(StoredCapture):
    """Frames of the phone; their numbers are those of the video.

    Frames without a pose are no frames where most have none, as of a COLMAP model, unless another
    trajectory is given.

    Args:
        path: ``SCENE``, or ``SCENE/iphone``.
        how: whether a trajectory is given.

    Raises:
        CaptureError: a part is missing or damaged.
    """

    format = "ScanNet++ (iPhone)"
    units_per_m = 1000.0

    def __init__(self, path: Path, how: Opening) -> None:
        self.path = phone = path / IPHONE if (path / IPHONE).is_dir() else path
        _expect_parts(phone)
        self._color = find_color(
            (phone / name for name in VIDEOS),
            _by_number(phone / "rgb", ENDINGS),
            f"{VIDEOS[0]}, or images rgb/frame_NNNNNN.jpg",
        )
        self._stream = DepthStream(phone / DEPTH) if (phone / DEPTH).is_file() else None
        self._depth = {} if self._stream else _by_number(phone / "depth", (".png",))
        told = _told(phone, self._color.size)
        self._poses, self._times = told.poses, told.times_s
        both = self._both(told)
        posed = [number for number in both if number in told.poses]
        few = 2 * len(posed) < len(both) and how.params.trajectory is None
        ids = tuple(posed if few and posed else both)
        depth_size = SIZE if self._stream else self._size_of_depth(ids)
        expect_one_way(self._color, depth_size, str(phone))
        usual = middle_camera([told.cameras[n] for n in ids if n in told.cameras] or
                              list(told.cameras.values()))  # fmt: skip
        self._cameras_by_number = {number: told.cameras.get(number, usual) for number in ids}
        resolved = phone.resolve()
        name = resolved.parent.name if resolved.name == IPHONE else resolved.name
        super().__init__(name, ids, Registration(usual, usual.resized(depth_size)))
        self.convention, self.up = told.convention, told.up
        self.lens = self.depth_lens = told.lens
        self._source_of_poses = told.source
        mesh = phone.parent / MESH if resolved.name == IPHONE else phone / MESH
        self._mesh = mesh if told.up is not None and mesh.is_file() else None
        self.notes = (*self._color.notes(), *told.notes, *self._what_is_left_out(both))

    def _both(self, told: Told) -> list[int]:
        """Numbers with colour and depth."""
        if self._stream is None:
            known: Iterable[int] = self._depth
        elif self._stream.count is not None:
            known = range(self._stream.count)
        else:  # how many there are is not known before all are unpacked
            known = told.poses.keys() | set(self._color.images) or range(self._color.facts.frames)
        both = [number for number in sorted(known) if number in self._color]
        expect(
            bool(both),
            given=f"{self.path} whose colour and depth have no frame in common",
            needed="frames of the same numbers",
            do="download the scene again",
            error=CaptureError,
        )
        return both

    def _size_of_depth(self, ids: tuple[int, ...]) -> Size:
        height, width = first_depth(self._depth[number] for number in ids).shape
        return width, height

    def _what_is_left_out(self, both: list[int]) -> list[str]:
        notes = []
        images = self._stream.count if self._stream else len(self._depth)
        if images is not None and images > len(both):
            notes.append(f"left out: {images - len(both)} depth images without colour")
        colors = self._color.facts.frames
        if images is not None and colors > len(both):
            notes.append(f"left out: {colors - len(both)} colour images without depth")
        if len(both) > len(self):
            notes.append(f"left out: {len(both) - len(self)} frames without a pose")
        lost = sum(number not in self._poses for number in self.frame_ids)
        if lost:
            notes.append(f"{lost} frames have no pose")
        return notes

    def info(self) -> CaptureInfo:
        """With the scene's mesh."""
        return replace(super().info(), mesh=self._mesh)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return f"{self._color.path(number)}, frame {number}"
        if part == "pose":
            return f"{self._source_of_poses}, frame {number}"
        return f"{self._stream.path}, image {number}" if self._stream else str(self._depth[number])

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """Camera-to-world, of ``colmap/`` world-to-camera; -inf where there is none."""
        return self._poses.get(self.frame_ids[index], LOST_POSE).copy()

    def color_data(self, index: int) -> bytes:
        """The image file, where the video was written to such."""
        return self._color.data(self.frame_ids[index])

    def color_pixels(self, index: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The frame of the video that has this number."""
        return self._color.pixels(self.frame_ids[index], at_least)

    def depth_raw(self, index: int) -> NDArray[Any]:
        """Millimetres, 0 = no reading."""
        number = self.frame_ids[index]
        return self._stream.read(number) if self._stream else read_depth_file(self._depth[number])

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """``intrinsic`` of the frame."""
        color = self._cameras_by_number[self.frame_ids[index]]
        return FrameCameras(color, color.resized(self.registration.depth_camera.size))

    def time_s(self, index: int) -> float | None:
        """``timestamp``."""
        return self._times.get(self.frame_ids[index])


def _told(phone: Path, size: Size) -> Told:
    if (phone / POSES).is_file():
        return _told_by_phone(phone / POSES, size)
    return _told_by_model(phone / MODEL, size)


def _told_by_phone(path: Path, size: Size) -> Told:
    """Poses, cameras and times of :data:`POSES`.

    Raises:
        CaptureError: the file is damaged, or holds no frame.
    """
    read = read_record(path, dict[str, Entry], "an entry frame_NNNNNN for each frame")
    entries = {n: entry for key, entry in read.items() if (n := number_of(key)) is not None}
    aligned = any(entry.aligned_pose for entry in entries.values())
    poses, cameras, times = {}, {}, {}
    for number, entry in entries.items():
        where = f"{path}, frame {number}"
        matrix = entry.aligned_pose if aligned else entry.pose
        if matrix and np.isfinite(pose := _rigid(_numbers(matrix, _MATRIX, where))).all():
            poses[number] = pose.reshape(4, 4)
        if entry.intrinsic:
            k = _numbers(entry.intrinsic, 9, where)
            cameras[number] = camera_for(k[[0, 4, 2, 5]], size, where)
        if entry.timestamp is not None:
            times[number] = entry.timestamp
    expect(
        bool(cameras),
        given=f"{path} of {len(entries)} frames, none with a camera",
        needed="intrinsic and aligned_pose of each frame",
        do="download the file again",
        error=CaptureError,
    )
    notes = () if aligned else ("no aligned_pose: poses in a world of the phone's own",)
    up = (0.0, 0.0, 1.0) if aligned else None
    return Told(path, poses, cameras, PoseConvention(), up, times, notes=notes)


def _numbers(values: list[Any], count: int, where: str) -> NDArray[np.float64]:
    try:
        flat = np.array(values, dtype=np.float64).ravel()
    except (ValueError, TypeError, OverflowError):
        flat = np.empty(0)
    expect(
        flat.size == count,
        given=f"{where} with a matrix of {flat.size} numbers",
        needed=f"{count} numbers, row by row",
        do="download the file again",
        error=CaptureError,
    )
    return flat


def _rigid(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """A pose without the scale by which a world was fitted to another; positions keep theirs."""
    matrix = pose.reshape(4, 4).copy()
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    if np.isfinite(scale) and 0.5 < scale < 2:
        matrix[:3, :3] /= scale
    return matrix


def _told_by_model(folder: Path, size: Size) -> Told:
    """Poses and cameras of a COLMAP model of the phone's images."""
    model = read_model(folder)
    poses, cameras, lenses = {}, {}, {}
    for image in model.images.values():
        number = number_of(PurePosixPath(image.name).stem)
        if number is None or not np.isfinite(image.camera_from_world).all():
            continue
        camera = model.cameras.get(image.camera)
        expect(
            camera is not None,
            given=f"{folder} whose image {image.name!r} has the camera {image.camera}, which is "
            "not there",
            needed="a whole model",
            do="download the folder again",
            error=CaptureError,
        )
        assert camera is not None
        poses[number] = image.camera_from_world
        cameras[number], lens = camera.read(size, str(folder))
        lenses[lens] = image.camera
    expect(
        bool(poses) and len(lenses) == 1,
        given=f"{folder} with {len(poses)} images and {len(lenses)} lenses",
        needed="images frame_NNNNNN of one lens",
        do=f"download the folder again, or {POSES}",
        error=CaptureError,
    )
    convention = PoseConvention("opencv", "world-to-camera")
    notes = (f"no {POSES}: poses of {MODEL}/, of some of the frames",)
    up = (0.0, 0.0, 1.0)
    return Told(folder, poses, cameras, convention, up, lens=next(iter(lenses)), notes=notes)


def _by_number(folder: Path, endings: tuple[str, ...]) -> dict[int, Path]:
    """Images by the number in their names; of several endings the last wins.

    Raises:
        CaptureError: two files of one ending have one number.
    """
    found: dict[int, Path] = {}
    for ending in endings:
        there = [path for path in images_in(folder, (ending,)) if number_of(path.stem) is not None]
        numbers = distinct_numbers(path.stem for path in there)
        expect(
            numbers is not None,
            given=f"{folder} with two files {ending} of one number",
            needed="one file a number",
            do="move one of them away",
            error=CaptureError,
        )
        found |= zip(numbers or [], there, strict=True)
    return found


def _expect_parts(phone: Path) -> None:
    lacking = [
        name
        for name, there in (
            (DEPTH, (phone / DEPTH).is_file() or (phone / "depth").is_dir()),
            (f"{POSES} or {MODEL}/", (phone / POSES).is_file() or (phone / MODEL).is_dir()),
        )
        if not there
    ]
    expect(
        not lacking,
        given=f"{phone} without {' and '.join(lacking)}: looks like ScanNet++'s iPhone part",
        needed=f"{VIDEOS[0]}, {DEPTH} and {POSES}",
        do="download these assets of the scene too",
        error=CaptureError,
    )


def _claims(path: Path) -> str | None:
    for folder, before in ((path, ""), (path / IPHONE, f"{IPHONE}/")):
        if (folder / POSES).is_file():
            return before + POSES
        colors = any((folder / name).exists() for name in (*VIDEOS, "rgb"))
        if (folder / DEPTH).is_file() and colors:
            return before + DEPTH
    return None


READER = Reader(
    f"a folder with {IPHONE}/{POSES}, {IPHONE}/{VIDEOS[0]} and {IPHONE}/{DEPTH} (ScanNet++)",
    _claims,
    ScanNetPPCapture,
)
