"""Where a folder of one's own keeps colour, depth, poses and camera, and what belongs together.

Everything is told by names: folders and files that are usually called so, and numbers or times in
the names of images.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.camera_files import ENDINGS as CAMERA_ENDINGS
from crossvox.capture.file_numbers import images_in
from crossvox.core.checks import CaptureError, expect

COLOR_FOLDERS = (
    "color", "colour", "rgb", "image", "images", "colors", "colours", "rgbs", "img", "imgs",
    "color_images", "colour_images", "rgb_images", "color_image", "rgb_image",
)  # fmt: skip
DEPTH_FOLDERS = (
    "depth", "depths", "depth_images", "depth_image", "depth_maps", "depth_map", "depthmaps",
    "depth_png", "depth_npy", "depth_raw",
)  # fmt: skip
POSE_FOLDERS = (
    "pose", "poses", "cam_poses", "camera_poses", "cam_pose", "camera_pose", "extrinsics",
    "extrinsic",
)  # fmt: skip
POSE_NAMES = (
    "poses", "pose", "traj", "trajectory", "groundtruth", "ground_truth", "gt", "traj_gt",
    "gt_poses", "poses_gt", "cam_poses", "camera_poses", "camera_trajectory", "cameratrajectory",
    "keyframetrajectory", "keyframe_trajectory", "extrinsics",
)  # fmt: skip
"""Names of folders and files; capitals count as small letters, ``-`` and blanks as ``_``. The first
in each row that is there is taken."""

POSE_ENDINGS = (".txt", ".npy", ".csv", ".log", ".tum", ".kitti")
CAMERA_NAMES = (
    "camera", "camera_info", "camera_params", "cam_params", "camera_parameters", "intrinsics",
    "intrinsic", "camera_intrinsics", "camera_intrinsic", "color_intrinsics", "intrinsics_color",
    "intrinsic_color", "color_camera", "calibration", "calib", "cam_k", "k", "cam",
)  # fmt: skip
"""Names of JSON, YAML, NumPy and text files with the camera of the colour images."""

COLOR_ENDINGS = (".jpg", ".jpeg", ".png")

_SECONDS = re.compile(r"\D*?(\d+\.\d+)\D*")
_WHOLE_SECONDS = re.compile(r"\d+\.\d+")
_TICKS = re.compile(r"\D*(\d{13,19})\D*")
_TICKS_A_SECOND = {13: 1e3, 16: 1e6, 19: 1e9}
_DIGITS = re.compile(r"\d+")
_LATEST_NUMBER = 1 << 31


@dataclass(frozen=True, eq=False)
class Names:
    """What the names in one folder tell.

    Attributes:
        numbers: by the files' order, or None where they tell no numbers, each once.
        times_s: likewise, where the names are times.
    """

    numbers: list[int] | None = None
    times_s: NDArray[np.float64] | None = None


def told_by(stems: list[str]) -> Names:
    """Numbers or times in the names of files (without their endings).

    ``1305031102.175304`` is a time in seconds, ``1700000000123456`` one in microseconds (13 digits:
    milliseconds, 19: nanoseconds). Else a number that differs in all names is theirs, the last
    such: ``frame_000123``, ``000123-color``, ``rgb_12``.

    Raises:
        CaptureError: neither.
    """
    times = _times(stems)
    if times is not None:
        return Names(times_s=times)
    rows = [_DIGITS.findall(stem) for stem in stems]
    fewest = min((len(row) for row in rows), default=0)
    same = len({len(row) for row in rows}) == 1
    # From the end; where names hold different counts of numbers, the last one alone is comparable.
    for back in range(1, (fewest if same else min(fewest, 1)) + 1):
        column = [row[-back] for row in rows]
        if any(len(text) > 18 for text in column):
            continue
        numbers = [int(text) for text in column]
        if len(set(numbers)) == len(numbers) and max(numbers) < _LATEST_NUMBER:
            return Names(numbers)
    return Names()


def _times(stems: list[str]) -> NDArray[np.float64] | None:
    if not stems:
        return None
    matches = [_SECONDS.fullmatch(stem) for stem in stems]
    if all(matches):
        whole = all(_WHOLE_SECONDS.fullmatch(stem) for stem in stems)
        texts = [match[1] for match in matches if match]
        if whole or all(text.index(".") >= 9 for text in texts):
            return np.array([float(text) for text in texts])
    matches = [_TICKS.fullmatch(stem) for stem in stems]
    lengths = {len(match[1]) for match in matches if match}
    if all(matches) and len(lengths) == 1 and lengths <= _TICKS_A_SECOND.keys():
        factor = _TICKS_A_SECOND[lengths.pop()]
        return np.array([int(match[1]) / factor for match in matches if match])
    return None


def files_of(folder: Path, endings: tuple[str, ...]) -> tuple[list[Path], Names]:
    """Files of one kind in a folder and what their names tell, rising.

    Where there are several endings, only files of the one that most have are taken.

    Raises:
        CaptureError: their names tell neither numbers nor times, or one twice.
    """
    files = images_in(folder, endings)
    if len({file.suffix.lower() for file in files}) > 1:
        counts = {end: sum(f.suffix.lower() == end for f in files) for end in endings}
        most = max(endings, key=lambda end: counts[end])
        files = [file for file in files if file.suffix.lower() == most]
    names = told_by([file.stem for file in files])
    expect(
        not files or names.numbers is not None or names.times_s is not None,
        given=f"{folder} with files as {', '.join(file.name for file in files[:3])}",
        needed="a number or a time in each name, by which colour, depth and poses belong together, "
        "and none twice",
        do="rename the files, for example to 000000.png, 000001.png, ...",
        error=CaptureError,
    )
    keys = names.numbers if names.times_s is None else names.times_s.tolist()
    order = np.argsort(np.array(keys or [], dtype=np.float64), kind="stable").tolist()
    return [files[i] for i in order], Names(
        None if names.numbers is None else [names.numbers[i] for i in order],
        None if names.times_s is None else names.times_s[order],
    )


def simple(name: str) -> str:
    """A name for comparison."""
    return name.lower().replace("-", "_").replace(" ", "_")


def _named(path: Path, names: Iterable[str], endings: tuple[str, ...] = ()) -> Path | None:
    """What is called by one of these names below a folder; the first name counts most.

    Files where endings are given, else folders.
    """
    folders = not endings
    ranked = {name: rank for rank, name in enumerate(names)}
    found = []
    try:
        entries = list(path.iterdir())
    except OSError:
        return None
    for entry in entries:
        stem, end = (entry.name, "") if folders else os.path.splitext(entry.name)
        rank = ranked.get(simple(stem))
        if rank is None or (not folders and end.lower() not in endings):
            continue
        if entry.is_dir() if folders else entry.is_file():
            order = 0 if folders else endings.index(end.lower())
            found.append((rank, order, entry.name))
    return path / min(found)[2] if found else None


def color_folder(path: Path) -> Path | None:
    """The folder of colour images."""
    return _named(path, COLOR_FOLDERS)


def depth_folder(path: Path) -> Path | None:
    """The folder of depth images."""
    return _named(path, DEPTH_FOLDERS)


def pose_source(path: Path) -> Path | None:
    """The folder or file with the poses.

    A folder that holds one file beside no others is that file.
    """
    folder = _named(path, POSE_FOLDERS)
    if folder is not None:
        files = images_in(folder, (".txt", ".npy"))
        if files:
            alone = len(files) == 1 and not _DIGITS.search(files[0].stem)
            return files[0] if alone else folder
    return _named(path, POSE_NAMES, POSE_ENDINGS)


def camera_record(path: Path) -> Path | None:
    """The JSON, YAML, NumPy or text file with the camera of the colour images."""
    for place in (path, *(path / name for name in ("intrinsic", "intrinsics", "camera"))):
        found = _named(place, CAMERA_NAMES, CAMERA_ENDINGS)
        if found is not None:
            return found
    return None
