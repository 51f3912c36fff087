"""ARKitScenes, raw and 3DOD (Baruch et al. 2021): one folder a video, files named by time.

Raw: ``lowres_wide/``, ``lowres_depth/``, ``confidence/``, ``lowres_wide_intrinsics/`` and
``lowres_wide.traj`` lie in the video's folder, 3DOD: in ``VIDEO_frames/`` below it. Files are
called ``VIDEO_SECONDS.png``; a frame's number is its time in milliseconds, and that alone says what
belongs together: images and depth of one moment have one name, give or take a millisecond, cameras
(``.pincam``: ``width height fx fy cx cy``) too.

``lowres_wide.traj`` has a line a pose: seconds, axis and angle in radians, position in metres,
which take points of the world (z up) to an OpenCV camera. There are ten a second, raw images come
up to sixty: as in the authors' own reader an image has the nearest pose within 5 ms. Poses are not
interpolated: a hand turns too unevenly in a tenth of a second.

Of the colour images there are, ``lowres_wide`` is taken, which has depth of its own size at the
very same times; else ``vga_wide``, then ``wide``; of depth the sensor's (``lowres_depth``), then
the laser scanner's (``highres_depth``). Early samples call the parts ``color.traj``,
``color_intrinsics`` and ``depth_densified``. Labels are boxes, which are not read;
``VIDEO_3dod_mesh.ply`` lies in the same world.

Source:
    https://github.com/apple/ARKitScenes (DATA.md, raw/README.md, tenFpsDataLoader.py)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.files import (
    first_size,
    read_confidence_png,
    read_depth_png,
    read_numbers,
)
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.readers.tum import associate
from crossvox.capture.registration import Registration
from crossvox.capture.several_cameras import middle_camera
from crossvox.capture.stored import LOST_POSE, FrameCameras, StoredCapture
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import CaptureInfo
from crossvox.doors.images import read_bytes

COLORS = ("lowres_wide", "vga_wide", "wide")
DEPTHS = ("lowres_depth", "highres_depth", "depth_densified")
TRAJECTORIES = ("lowres_wide.traj", "color.traj")
POSE_S, SAME_S, CAMERA_S = 0.005, 0.005, 0.0015
"""How far apart in time an image may be from its pose, its depth, and its camera; names are rounded
to milliseconds, some up, some down."""

_FRAMES, _MESH = "_frames", "_3dod_mesh.ply"
_NAME = re.compile(r".*_(\d{1,9}\.\d{1,6})\.(?:png|jpg|pincam)", re.IGNORECASE)
_EARLY_DEPTH: Size = (384, 288)


@dataclass(frozen=True)
class Parts:
    """Folders and files that are there.

    Attributes:
        frames: folder that the others lie in.
        color, depth, cameras: names of folders in it.
        trajectory: the file, or None.
        mesh: of ARKit, or None.
    """

    frames: Path
    color: str
    depth: str
    cameras: str
    trajectory: Path | None
    mesh: Path | None


class ArkitScenesCapture(StoredCapture):
    """A video of ARKitScenes. A frame's number is its time in milliseconds.

    Images without a pose in time are no frames, and counted; where no image has one, or another
    trajectory is given, all are, without poses.

    Args:
        path: the video's folder, or its ``VIDEO_frames``.
        how: whether a trajectory is given.

    Raises:
        CaptureError: a part is missing or damaged, or nothing fits together in time.
    """

    format = "ARKitScenes"
    units_per_m = 1000.0
    convention = PoseConvention("opencv", "world-to-camera")
    up = (0.0, 0.0, 1.0)

    def __init__(self, path: Path, how: Opening) -> None:
        self.path, self._parts = path, (parts := _parts(path))
        color, depth = _timed(parts.frames / parts.color), _timed(parts.frames / parts.depth)
        _expect_images(path, parts, color, depth)
        self._color, self._depth = color, _paired(color, depth, SAME_S, unique=True)
        both = [number for number in sorted(color) if number in self._depth]
        expect(
            bool(both),
            given=f"{path} with {len(color)} images in {parts.color}/ and {len(depth)} in "
            f"{parts.depth}/, none of the same time",
            needed=f"images of one time, to {1000 * SAME_S:g} ms, as their names tell",
            do="download the video again",
            error=CaptureError,
        )
        self._poses, notes = self._read_poses(both)
        posed = [number for number in both if number in self._poses]
        ids = tuple(posed if posed and how.params.trajectory is None else both)
        confidence = _timed(parts.frames / "confidence") if parts.depth == DEPTHS[0] else {}
        self._confidence = _paired(ids, confidence, SAME_S)
        self.tells_confidence = bool(self._confidence)
        size = first_size((self._color[number] for number in ids), "color")
        depth_size = first_size((self._depth[number] for number in ids), "gray")
        self._cameras_by_number, lone = _cameras(parts, ids, size)
        usual = middle_camera(list(self._cameras_by_number.values()))
        super().__init__(_name(path), ids, Registration(usual, _depth_camera(usual, depth_size)))
        self.notes = (*self._what_is_left_out(both, len(depth), lone), *notes)

    def _read_poses(self, numbers: list[int]) -> tuple[dict[int, NDArray[np.float64]], list[str]]:
        """Axis, angle and position by frame number."""
        if self._parts.trajectory is None:
            return {}, [f"no {TRAJECTORIES[0]}: no poses"]
        times, poses, notes = read_trajectory(self._parts.trajectory)
        nearest = associate(np.array(numbers) / 1000, times, POSE_S)
        pairs = zip(numbers, nearest.tolist(), strict=True)
        return {number: poses[at] for number, at in pairs if at >= 0}, notes

    def _what_is_left_out(self, both: list[int], depth: int, lone: int) -> list[str]:
        unposed = len(both) - len(self.frame_ids)
        counts = {
            f"images without depth in {self._parts.depth}/": len(self._color) - len(both),
            "depth images without colour": depth - len(both),
            f"images without a pose within {1000 * POSE_S:g} ms": unposed,
        }
        notes = [f"left out: {count} {what}" for what, count in counts.items() if count]
        lost = len(self.frame_ids) - len(set(self._poses) & set(self.frame_ids))
        if lost and self._parts.trajectory is not None:
            notes.append(f"{lost} frames have no pose within {1000 * POSE_S:g} ms")
        if lone:
            notes.append(f"{lone} frames have no .pincam of their time: the usual camera")
        bare = len(self.frame_ids) - len(self._confidence)
        if not self.tells_confidence:
            notes.append("no confidence: all depth is taken")
        elif bare:
            notes.append(f"{bare} frames without confidence: all of their depth is taken")
        return notes

    def info(self) -> CaptureInfo:
        """With ARKit's mesh, which lies in the same world; not out of a ZIP file."""
        mesh = self._parts.mesh
        return replace(super().info(), mesh=mesh if isinstance(mesh, Path) else None)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "pose":
            return f"{self._parts.trajectory}, frame {number}"
        return str((self._color if part == "colour" else self._depth)[number])

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """World to camera; -inf where there is no pose in time."""
        pose = self._poses.get(self.frame_ids[index])
        if pose is None or not np.isfinite(pose).all():
            return LOST_POSE.copy()
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation_of(pose[:3]), pose[3:]
        return matrix

    def color_data(self, index: int) -> bytes:
        """The PNG as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Millimetres, 0 = no reading."""
        return read_depth_png(self._depth[self.frame_ids[index]])

    def confidence_raw(self, index: int) -> NDArray[np.uint8] | None:
        """0, 1 or 2, of raw videos."""
        path = self._confidence.get(self.frame_ids[index])
        return None if path is None else read_confidence_png(path)

    def frame_cameras(self, index: int) -> FrameCameras | None:
        """Of the frame's ``.pincam``."""
        camera = self._cameras_by_number[self.frame_ids[index]]
        size = self.registration.depth_camera.size
        return FrameCameras(camera, _depth_camera(camera, size))

    def time_s(self, index: int) -> float | None:
        """As in the names."""
        return self.frame_ids[index] / 1000


def rotation_of(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(3, 3)`` rotation about an axis by its length, radians (Rodrigues)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(vector).as_matrix(), np.float64)


def read_trajectory(
    path: Path,
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Times ``(N,)`` in seconds rounded to milliseconds, as in names of images; poses ``(N, 6)``,
    axis and angle in radians and position in metres; and what is odd.

    A last line that was cut is left out.

    Raises:
        CaptureError: missing, or a line that is not seven numbers; names file and line.
    """
    text = read_bytes(path).decode("utf-8", errors="replace")
    lines = [(n, line.split()) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    rows: list[list[float]] = []
    notes: list[str] = []
    for number, words in lines:
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) != 7:
            if number == lines[-1][0] and rows:
                notes.append(f"the last line of {path.name} is cut and left out")
                break
            raise CaptureError(
                f"given: {path}, line {number}: {' '.join(words)[:80]!r}; needed: 7 numbers: time, "
                f"axis and angle, position; do: download the file again"
            )
        rows.append(values)
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    table = table[np.isfinite(table[:, 0])]
    return table[:, 0].round(3), table[:, 1:], notes


def _timed(folder: Path) -> dict[int, Path]:
    """Files by their time in milliseconds; none where the folder is missing."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found: dict[int, Path] = {}
    for name in names:
        if not name.startswith(".") and (match := _NAME.fullmatch(name)):
            found.setdefault(round(1000 * float(match[1])), folder / name)
    return found


def _paired(
    numbers: Iterable[int], files: Mapping[int, Path], most_s: float, unique: bool = False
) -> dict[int, Path]:
    """The file nearest in time, by number; none for a number without."""
    wanted, there = sorted(numbers), sorted(files)
    at = associate(np.array(wanted) / 1000, np.array(there) / 1000, most_s, unique=unique)
    pairs = zip(wanted, at.tolist(), strict=True)
    return {number: files[there[place]] for number, place in pairs if place >= 0}


def _cameras(parts: Parts, ids: tuple[int, ...], size: Size) -> tuple[dict[int, Intrinsics], int]:
    """The camera of each image, and how many have none of their own."""
    files = _timed(parts.frames / parts.cameras)
    expect(
        bool(files),
        given=f"{parts.frames} without {parts.cameras}/VIDEO_SECONDS.pincam: looks like "
        "ARKitScenes",
        needed="a camera for each image",
        do=f"download {parts.cameras} too",
        error=CaptureError,
    )
    own = {n: read_pincam(path, size) for n, path in _paired(ids, files, CAMERA_S).items()}
    if not own:
        own = {ids[0]: read_pincam(next(iter(files.values())), size)}
    usual = middle_camera(list(own.values()))
    return {number: own.get(number, usual) for number in ids}, len(set(ids) - set(own))


def read_pincam(path: Path, size: Size) -> Intrinsics:
    """The camera of images of ``size``: ``width height fx fy cx cy`` of maybe another size.

    Raises:
        CaptureError: missing, or no camera.
    """
    values = read_numbers(path)
    sized = values.size == 6 and all(1 <= side <= 1 << 16 for side in values[:2])
    expect(
        sized,
        given=f"{path} with {values.size} numbers",
        needed="6: width height fx fy cx cy",
        do="download the file again",
        error=CaptureError,
    )
    width, height, *four = values.tolist()
    told = camera_or_error(tuple(four), (int(width), int(height)), str(path))
    return told.resized(size)


def _depth_camera(color: Intrinsics, size: Size) -> Intrinsics:
    """Depth shows what colour does; that of early samples a frame around it more."""
    if size == _EARLY_DEPTH and color.size == (256, 192):
        left, top = (size[0] - color.width) // 2, (size[1] - color.height) // 2
        return Intrinsics(color.fx, color.fy, color.cx + left, color.cy + top, *size)
    return color.resized(size)


def _parts(path: Path) -> Parts:
    """What is there; names of what should be where it is not."""
    frames = _frames_folder(path) or path
    names = _names(frames)

    def of(choices: tuple[str, ...], endings: tuple[str, ...] = ("",)) -> str:
        there = (name + end for name in choices for end in endings if name + end in names)
        return next(there, choices[0] + endings[0])

    color = of(COLORS)
    around = [path, path.parent] if frames == path and path.name.endswith(_FRAMES) else [path]
    meshes = [folder / name for folder in around for name in _names(folder) if _is_mesh(name)]
    trajectory = frames / of(TRAJECTORIES)
    return Parts(
        frames,
        color,
        of(DEPTHS),
        of((f"{color}_intrinsics", "color_intrinsics")),
        trajectory if trajectory.is_file() else None,
        meshes[0] if meshes else None,
    )


def _is_mesh(name: str) -> bool:
    return name.endswith(_MESH) and not name.startswith(".")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _is_frames(folder: Path) -> bool:
    if any((folder / name).is_file() for name in TRAJECTORIES):
        return True
    marks: tuple[Any, ...] = (COLORS[0], DEPTHS[0], f"{COLORS[0]}_intrinsics", DEPTHS[1])
    return any((folder / name).is_dir() for name in marks)


def _frames_folder(path: Path) -> Path | None:
    """The folder itself, or ``VIDEO_frames`` in it."""
    if not path.is_dir():
        return None
    below = (path / name for name in _names(path) if name.endswith(_FRAMES))
    return next((folder for folder in (path, *below) if _is_frames(folder)), None)


def _name(path: Path) -> str:
    name = path.resolve().name
    return name.removesuffix(_FRAMES) or name


def _expect_images(
    path: Path, parts: Parts, color: Mapping[int, Path], depth: Mapping[int, Path]
) -> None:
    lacking = [
        f"{name}/VIDEO_SECONDS.png"
        for name, there in ((parts.color, color), (parts.depth, depth))
        if not there
    ]
    packed = [name for name in _names(parts.frames) if name.endswith(".zip")]
    expect(
        not lacking,
        given=f"{path} without {' and '.join(lacking)}: looks like ARKitScenes"
        + (f"; {', '.join(packed[:4])} are not unpacked" if packed else ""),
        needed="colour (lowres_wide), depth (lowres_depth), lowres_wide_intrinsics and "
        f"{TRAJECTORIES[0]}",
        do="unpack what was downloaded, or download these assets too",
        error=CaptureError,
    )


def _claims(path: Path) -> str | None:
    folder = _frames_folder(path)
    return None if folder is None else TRAJECTORIES[0]


READER = Reader(
    "a folder with lowres_wide/, lowres_depth/ and lowres_wide.traj, or VIDEO_frames/ with "
    "these (ARKitScenes)",
    _claims,
    ArkitScenesCapture,
)
