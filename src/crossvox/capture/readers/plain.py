"""A folder of one's own: colour, depth, poses and a camera under usual names.

``color/ depth/ poses/`` with one file a frame, or one file of poses; see ``docs/own-captures.md``
for all names and units that are understood.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.arrays import read_floats
from crossvox.capture.camera_files import CameraRecord, read_camera_record
from crossvox.capture.cameras import camera_or_error, find_cameras, listed, read_camera
from crossvox.capture.depth_files import ENDINGS as DEPTH_ENDINGS
from crossvox.capture.depth_files import first_depth, read_depth_file
from crossvox.capture.files import first_size, read_numbers
from crossvox.capture.params import AS_STORED, CaptureParams
from crossvox.capture.reader import Reader
from crossvox.capture.readers import plain_files
from crossvox.capture.readers.folder import nyu40_identity, read_nyu40
from crossvox.capture.readers.plain_files import Names, files_of
from crossvox.capture.readers.tum import associate
from crossvox.capture.registration import Registration
from crossvox.capture.stored import LOST_POSE, StoredCapture
from crossvox.core.camera import PUBLISHED_CAMERA, Intrinsics, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import CaptureInfo
from crossvox.core.labels import RawLabelMap
from crossvox.doors.images import read_bytes

NEAR_S = 0.02
"""Images and poses whose names are times belong together if these differ by no more."""

LIKELY_M = (0.05, 50.0)
"""Median of a depth image, beyond which its unit is probably another."""


class PlainCapture(StoredCapture):
    """A folder of somebody's own. A frame's number is that in its colour image's name.

    Where the names are times, frames are numbered from 0 in their order. Colour images without
    depth are no frames. Depth of whole numbers is in millimetres, of floats in metres; poses are
    camera-to-world, OpenCV axes; all of it unless flags say otherwise.

    Args:
        path: the folder.
        params: flags; a camera or trajectory that they give need not stand in a file.

    Raises:
        CaptureError: nothing belongs together, no camera, or a damaged file.
    """

    format = "plain folder"

    def __init__(self, path: Path, params: CaptureParams = AS_STORED) -> None:
        self.path = path = Path(path)
        color_folder, depth_folder = _folders(path)
        colors, color_names = files_of(color_folder, plain_files.COLOR_ENDINGS)
        depths, depth_names = files_of(depth_folder, DEPTH_ENDINGS)
        partner = _partners(color_names, depth_names, len(colors))
        positions = np.flatnonzero(partner >= 0).tolist()
        expect(
            len(positions) > 0,
            given=f"{path} with {len(colors)} images in {color_folder.name}/ and {len(depths)} in "
            f"{depth_folder.name}/, none of one number or time{_firsts(colors, depths)}",
            needed="colour and depth images with the same number, or a time within "
            f"{1000 * NEAR_S:.0f} ms, in their names",
            do="rename the files so that both halves of a frame have one number",
            error=CaptureError,
        )
        numbers = color_names.numbers or list(range(len(colors)))
        self._color = [colors[i] for i in positions]
        self._depth = [depths[partner[i]] for i in positions]
        self._times = None if color_names.times_s is None else color_names.times_s[positions]
        ids = tuple(numbers[i] for i in positions)
        size = first_size(self._color, "color")
        first = first_depth(self._depth)
        told, notes = _camera(path, color_folder, size, params)
        camera, record = told
        depth_size = first.shape[1::-1]
        super().__init__(
            path.resolve().name,
            ids,
            Registration(camera, _depth_camera(path, camera, depth_size), mode=params.registration),
        )
        self.lens = self.depth_lens = None if record is None else record.lens
        told_units = None if record is None else record.units_per_m
        # Floats are metres: what a camera's file tells is of images of whole numbers.
        self.units_per_m = 1.0 if first.dtype.kind == "f" else told_units or 1000.0
        notes += _alone(colors, depths, partner)
        notes += _unit_notes(first, self.units_per_m, params)
        self._labels = _labels(path, ids) if color_names.times_s is None else {}
        self._pose_files: dict[int, Path] = {}
        notes += self._find_poses(color_names, positions, params)
        self.notes = tuple(notes)

    def _find_poses(self, names: Names, positions: list[int], params: CaptureParams) -> list[str]:
        """Take the folder's poses; what to tell about them."""
        if params.trajectory is not None:
            return []
        source = plain_files.pose_source(self.path)
        if source is None:
            return ["no poses: all are unknown; --trajectory FILE gives them"]
        notes = []
        if plain_files.simple(source.stem).startswith("extrinsic"):
            notes.append(
                f"poses of {source.name} are taken as camera-to-world; --poses world-to-camera if "
                "they are not"
            )
        if source.is_file():
            from crossvox.capture.trajectory import poses_for

            self.trajectory, note = poses_for(source, self)
            return [*notes, note]
        files, pose_names = files_of(source, (".txt", ".npy"))
        found = _partners(names, pose_names, max(positions) + 1)[positions]
        self._pose_files = {n: files[at] for n, at in enumerate(found.tolist()) if at >= 0}
        lost = len(positions) - len(self._pose_files)
        expect(
            lost < len(positions),
            given=f"{source} with {len(files)} poses, none of one number or time with an image"
            + _firsts(self._color, files),
            needed="poses with the numbers of the images, or --trajectory FILE",
            do="rename the files",
            error=CaptureError,
        )
        if lost:
            notes.append(f"{lost} frames have no file in {source.name}/: their poses are lost")
        return notes

    def info(self) -> CaptureInfo:
        """Cameras, units and notes, without decoding images."""
        missing = tuple(n for n in self.frame_ids if n not in self._labels)
        info = super().info()
        if not self._labels:
            return info
        return replace(info, has_labels=True, without_labels=missing)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        if part == "pose":
            return str(self._pose_files.get(index, self.path))
        return str((self._color if part == "colour" else self._depth)[index])

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The pose's file, -inf where there is none."""
        file = self._pose_files.get(index)
        return LOST_POSE.copy() if file is None else read_pose_file(file)

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._color[index])

    def depth_raw(self, index: int) -> NDArray[Any]:
        """The depth file, whatever its kind."""
        return read_depth_file(self._depth[index])

    def time_s(self, index: int) -> float | None:
        """The time in the colour file's name, where it is one."""
        return None if self._times is None else float(self._times[index])

    def labels_raw(self, index: int) -> NDArray[np.uint8] | None:
        """``label/N.png``, NYU40 ids, or None."""
        file = self._labels.get(self.frame_ids[index])
        return None if file is None else read_nyu40(file)

    def label_map(self) -> RawLabelMap:
        """NYU40 ids stand for themselves."""
        return nyu40_identity()


def read_pose_file(path: Path) -> NDArray[np.float64]:
    """A pose ``(4, 4)`` of a file of its own: 4x4 or 3x4, in any arrangement of lines.

    Raises:
        CaptureError: missing, damaged, or another count of numbers.
    """
    values = read_floats(path) if path.suffix.lower() == ".npy" else read_numbers(path)
    expect(
        values.size in (12, 16),
        given=f"{path} with {values.size} numbers",
        needed="12 or 16: a 3x4 or 4x4 matrix row by row",
        do="check or export the file again",
        error=CaptureError,
    )
    matrix = np.eye(4)
    matrix[: values.size // 4] = values.reshape(-1, 4)
    return matrix if np.isfinite(values).all() else LOST_POSE.copy()


def _folders(path: Path) -> tuple[Path, Path]:
    found = plain_files.color_folder(path), plain_files.depth_folder(path)
    if found[0] is None or found[1] is None:
        raise CaptureError(
            f"given: {path} without a folder of "
            f"{'colour' if found[0] is None else 'depth'} images; needed: color/ and depth/ "
            "(or another of their usual names); do: see docs/own-captures.md"
        )
    return found[0], found[1]


def _partners(names: Names, others: Names, count: int) -> NDArray[np.int64]:
    """Which of the others belongs to each of ``count``, -1 none."""
    if names.times_s is not None and others.times_s is not None:
        return associate(names.times_s, others.times_s, NEAR_S, unique=True)
    if names.numbers is None or others.numbers is None:
        wanted = range(count) if names.numbers is None else names.numbers
        numbered = others.numbers
        if names.numbers is None and numbered is not None and len(numbered) == count:
            return np.arange(count)  # times on one side, a number a frame on the other
        return np.full(len(list(wanted)), -1)
    place = {number: n for n, number in enumerate(others.numbers)}
    return np.array([place.get(number, -1) for number in names.numbers], dtype=np.int64)


def _firsts(some: list[Path], others: list[Path]) -> str:
    if not some or not others:
        return ""
    return f" (first: {some[0].name} and {others[0].name})"


def _alone(colors: list[Path], depths: list[Path], partner: NDArray[np.int64]) -> list[str]:
    without = int((partner < 0).sum())
    unused = len(depths) - (len(colors) - without)
    notes = [f"{without} colour images without depth are left out"] if without else []
    return notes + ([f"{unused} depth images without colour are left out"] if unused else [])


def _unit_notes(depth: NDArray[Any], units_per_m: float, params: CaptureParams) -> list[str]:
    """What to tell of a unit that is assumed and gives no room."""
    values = depth[depth > 0]
    if params.depth_scale is not None or not values.size:
        return []
    median = float(np.median(values)) / units_per_m
    if LIKELY_M[0] <= median <= LIKELY_M[1]:
        return []
    return [
        f"depth is read as {'metres' if units_per_m == 1 else f'{units_per_m:g} units a metre'}, "
        f"which gives {median:.3g} m in the middle of the first image: pass --depth-scale, for "
        "example 1000 for millimetres or 1 for metres"
    ]


def _camera(
    path: Path, color_folder: Path, size: Size, params: CaptureParams
) -> tuple[tuple[Intrinsics, CameraRecord | None], list[str]]:
    """The colour camera, what else its file tells, and notes."""
    if params.intrinsics is not None:
        return (PUBLISHED_CAMERA.resized(size), None), []
    for place in (path, color_folder, path.resolve().parent):
        files = find_cameras(place)
        record = plain_files.camera_record(place)
        beside = [
            f"the camera is that of the folder around it: {(files.color or record or place).name}"
        ]
        above = beside if place not in (path, color_folder) else []
        if files.color is not None:
            return (read_camera(files.color, size), None), above
        if record is not None:
            told = read_camera_record(record)
            camera = camera_or_error(told.values, told.size or size, str(record))
            return (camera.resized(size), told), above
    if params.assume_camera:
        note = f"no camera file: ScanNet's usual camera is assumed, rescaled to {size[0]}x{size[1]}"
        return (PUBLISHED_CAMERA.resized(size), None), [note]
    passed = listed(find_cameras(path).passed_over, path)
    raise CaptureError(
        f"given: {path} without a camera{f', but with {passed}' if passed else ''}; needed: "
        "intrinsic.txt (a 3x3 matrix or fx fy cx cy) or camera.json with fx, fy, cx, cy; do: write "
        "it, or pass --intrinsics FX,FY,CX,CY (--assume-camera takes ScanNet's usual camera)"
    )


def _depth_camera(path: Path, color: Intrinsics, size: Size) -> Intrinsics:
    """That of a file of its own, else the colour camera at the depth images' size."""
    file = find_cameras(path).depth
    return color.resized(size) if file is None else read_camera(file, size)


def _labels(path: Path, ids: tuple[int, ...]) -> dict[int, Path]:
    folder = path / "label"
    if not folder.is_dir():
        return {}
    files, names = files_of(folder, (".png",))
    by_number = dict(zip(names.numbers or [], files, strict=False))
    return {number: by_number[number] for number in ids if number in by_number}


def _claims(path: Path) -> str | None:
    if not path.is_dir():
        return None
    color, depth = plain_files.color_folder(path), plain_files.depth_folder(path)
    return None if color is None or depth is None else f"{color.name}/ and {depth.name}/"


READER = Reader(
    "a folder with color/ (rgb, image, ...), depth/ and poses under usual names (own-captures.md)",
    _claims,
    lambda path, how: PlainCapture(path, how.params),
)
