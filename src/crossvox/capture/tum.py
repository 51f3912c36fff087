"""TUM RGB-D sequences: ``rgb.txt depth.txt groundtruth.txt`` (Sturm et al. 2012).

Depth is 16-bit PNG at 5000 units a metre, already on the colour camera's grid. Poses are lines
``time tx ty tz qx qy qz qw`` of the colour camera in the world. Images and poses have clocks of
their own: each colour image takes the nearest depth image and the nearest pose in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import find_cameras, read_camera
from crossvox.capture.files import first_size, read_depth_png
from crossvox.capture.params import RegistrationMode
from crossvox.capture.reader import Reader
from crossvox.capture.registration import Registration
from crossvox.capture.stored import LOST_POSE, StoredCapture
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError, expect
from crossvox.core.text import decoded
from crossvox.doors.images import read_bytes

DEFAULT_CAMERA = Intrinsics(525.0, 525.0, 319.5, 239.5, 640, 480)
"""The data set's own default for all sequences."""

INTRINSICS = "intrinsics.txt"


@dataclass(frozen=True)
class TumParams:
    """How a sequence is put together.

    Attributes:
        max_difference_s: largest difference in time between a colour image and its depth image,
            and between a colour image and its pose.
        depth_units_per_m: stored depth units per metre.
    """

    max_difference_s: float = 0.02
    depth_units_per_m: float = 5000.0


DEFAULT_PARAMS = TumParams()


class TumCapture(StoredCapture):
    """A TUM RGB-D sequence. A frame's number is its line in ``rgb.txt``, comments not counted.

    Colour images without a depth image in time are no frames (``info().notes`` counts them);
    frames without a pose in time count as lost.

    Args:
        path: the sequence's folder.
        params: association and depth scale.
        registration: colour and depth share one camera; kept for the common signature.
        camera_given: the camera is told otherwise, and its file not read.

    Raises:
        CaptureError: a list is missing or damaged, or nothing fits together in time.
    """

    format = "TUM RGB-D"

    def __init__(
        self,
        path: Path,
        params: TumParams = DEFAULT_PARAMS,
        registration: RegistrationMode = "auto",
        *,
        camera_given: bool = False,
    ) -> None:
        self.path = path = Path(path)
        color_times, self._color = _read_list(path / "rgb.txt", path)
        depth_times, self._depth = _read_list(path / "depth.txt", path)
        self._times = color_times
        pose_times, self._poses = _read_trajectory(path / "groundtruth.txt")
        self._depth_of = associate(color_times, depth_times, params.max_difference_s, unique=True)
        self._pose_of = associate(color_times, pose_times, params.max_difference_s)
        ids = tuple(np.flatnonzero(self._depth_of >= 0).tolist())
        expect(
            len(ids) > 0,
            given=f"{path} with {len(color_times)} colour and {len(depth_times)} depth images, "
            f"none within {params.max_difference_s} s of each other",
            needed="colour and depth images of one recording",
            do="check rgb.txt and depth.txt, or allow a larger difference",
            error=CaptureError,
        )
        alone = len(color_times) - len(ids)
        size = first_size((self._color[number] for number in ids), "color")
        depth_size = first_size((self._depth[self._depth_of[number]] for number in ids), "gray")
        files = find_cameras(path)
        camera = DEFAULT_CAMERA.resized(size)
        if files.color is not None and not camera_given:
            camera = read_camera(files.color, size)
        super().__init__(
            path.resolve().name,
            ids,
            Registration(camera, camera.resized(depth_size), mode=registration),
        )
        self.units_per_m = params.depth_units_per_m
        notes = files.notes(path)
        if files.color is None:
            notes.insert(0, f"no {INTRINSICS}: the data set's default camera")
        if alone:
            notes.append(f"{alone} colour images have no depth image in time")
        self.notes = tuple(notes)

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return str(self._color[number])
        if part == "depth":
            return str(self._depth[self._depth_of[number]])
        return f"{self.path / 'groundtruth.txt'}, frame {number}"

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The nearest pose in time; -inf where there is none."""
        nearest = self._pose_of[self.frame_ids[index]]
        return LOST_POSE.copy() if nearest < 0 else pose_from_quaternion(self._poses[nearest])

    def time_s(self, index: int) -> float:
        """When the colour image was taken."""
        return float(self._times[self.frame_ids[index]])

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth in units of ``1 / depth_units_per_m`` metres."""
        return read_depth_png(self._depth[self._depth_of[self.frame_ids[index]]])


def associate(
    times_s: NDArray[np.float64],
    others_s: NDArray[np.float64],
    max_difference_s: float,
    unique: bool = False,
) -> NDArray[np.int64]:
    """Find for each time the nearest of other times.

    Args:
        times_s: ``(N,)`` seconds, any order.
        others_s: ``(M,)`` seconds, any order.
        max_difference_s: farther ones do not count.
        unique: whether each of the others may be taken once only; the nearest taker gets it.

    Returns:
        ``(N,)`` positions in ``others_s``, -1 where none is near enough.
    """
    if not len(others_s):
        return np.full(len(times_s), -1, dtype=np.int64)
    order = np.argsort(others_s, kind="stable")
    ranked = others_s[order]
    after = np.clip(np.searchsorted(ranked, times_s), 1, len(ranked) - 1) if len(ranked) > 1 else 0
    before = np.maximum(np.asarray(after) - 1, 0)
    later = np.abs(ranked[after] - times_s) < np.abs(ranked[before] - times_s)
    nearest = order[np.where(later, after, before)]
    difference = np.abs(others_s[nearest] - times_s)
    # A rounding error of the subtraction must not decide at the limit itself.
    taken = np.where(difference <= max_difference_s + 1e-9, nearest, -1)
    if unique:
        by_distance = np.argsort(difference, kind="stable")
        _, first = np.unique(taken[by_distance], return_index=True)
        winner = np.zeros(len(taken), dtype=bool)
        winner[by_distance[first]] = True
        taken[~winner] = -1
    return taken


def pose_from_quaternion(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``tx ty tz qx qy qz qw`` to a ``(4, 4)`` matrix; the quaternion is normalised.

    Values that are not finite, or a quaternion of length 0, give a lost pose.
    """
    length = float(np.linalg.norm(values[3:]))
    if not np.isfinite(values).all() or length == 0:
        return LOST_POSE.copy()
    x, y, z, w = values[3:] / length
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = values[:3]
    return matrix


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """Lines that are no comment: line number and words."""
    text = decoded(read_bytes(file), fallback="latin-1")
    rows = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    return [(number, words) for number, words in rows if words and not words[0].startswith("#")]


def _read_list(file: Path, root: Path) -> tuple[NDArray[np.float64], list[Path]]:
    times, paths = [], []
    for number, words in _rows(file):
        try:
            time_s, name = float(words[0]), words[1]
        except (ValueError, IndexError):
            raise _bad_line(file, number, words, "a time and a file name") from None
        times.append(time_s)
        paths.append(root / name)
    return np.array(times, dtype=np.float64), paths


def _read_trajectory(file: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times and poses; a ninth number is an identifier that some programs add."""
    rows = []
    for number, words in _rows(file):
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) not in (8, 9):
            raise _bad_line(file, number, words, "8 numbers: time tx ty tz qx qy qz qw")
        rows.append(values[:8])
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    return table[:, 0], table[:, 1:]


def _bad_line(file: Path, number: int, words: list[str], needed: str) -> CaptureError:
    text = " ".join(words)[:80]
    return CaptureError(
        f"given: {file}, line {number}, {len(words)} words: {text!r}; needed: {needed}; "
        f"do: check or download the file again"
    )


def _claims(path: Path) -> str | None:
    lists = ("rgb.txt", "groundtruth.txt")
    return lists[0] if all((path / name).is_file() for name in lists) else None


READER = Reader(
    "a folder with rgb.txt, depth.txt and groundtruth.txt (TUM RGB-D)",
    _claims,
    lambda path, how: TumCapture(
        path,
        registration=how.params.registration,
        camera_given=how.params.intrinsics is not None,
    ),
)
