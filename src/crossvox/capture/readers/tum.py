"""TUM RGB-D sequences: ``rgb.txt depth.txt groundtruth.txt`` (Sturm et al. 2012), and ICL-NUIM.

Depth is 16-bit PNG at 5000 units a metre, already on the colour camera's grid. Poses are lines
``time tx ty tz qx qy qz qw`` of the colour camera in the world. Images and poses have clocks of
their own: each colour image takes the nearest depth image and the nearest pose in time. Where
lists of one's own pair colour with depth (``associations.txt``), they are taken at their word.

ICL-NUIM's sequences in this layout (Handa et al. 2014) have ``associations.txt``, depth first, with
numbers instead of times, and poses in ``*.gt.freiburg`` that are about a mirrored world: rendered y
up, stored top down. Mirroring world and camera at the plane y = 0 makes them rigid again.
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

ICL_CAMERA = Intrinsics(481.2, 480.0, 319.5, 239.5, 640, 480)
"""Of all sequences of ICL-NUIM; what their page tells has y upwards, the images have not."""

INTRINSICS = "intrinsics.txt"
POSES = "groundtruth.txt"
PAIRS = ("associations.txt", "associate.txt", "associated.txt", "association.txt", "assoc.txt")
"""Names of lists that pair colour with depth."""

_MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


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


@dataclass(frozen=True, eq=False)
class _Lists:
    """Images by time, and the depth image of each colour image (-1: none)."""

    times_s: NDArray[np.float64]
    color: list[Path]
    depth: list[Path]
    depth_of: NDArray[np.int64]
    file: Path


class TumCapture(StoredCapture):
    """A TUM RGB-D sequence. A frame's number is its line in ``rgb.txt``, comments not counted.

    Colour images without a depth image in time are no frames (``info().notes`` counts them);
    frames without a pose in time count as lost, all of them where there is no file of poses.

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
        self._lists = lists = _read_lists(path, params)
        self._poses_file, mirrored = _poses_file(path)
        pose_times, self._poses = np.empty(0), np.empty((0, 7))
        if self._poses_file is not None:
            pose_times, self._poses = _read_trajectory(self._poses_file)
        self._pose_of = associate(lists.times_s, pose_times, params.max_difference_s)
        ids = tuple(np.flatnonzero(lists.depth_of >= 0).tolist())
        expect(
            len(ids) > 0,
            given=f"{path} with {len(lists.color)} colour and {len(lists.depth)} depth images, "
            f"none within {params.max_difference_s} s of each other",
            needed="colour and depth images of one recording",
            do=f"check {lists.file.name} and depth.txt, or allow a larger difference",
            error=CaptureError,
        )
        alone = len(lists.color) - len(ids)
        size = first_size((lists.color[number] for number in ids), "color")
        depth_size = first_size((lists.depth[lists.depth_of[number]] for number in ids), "gray")
        files = find_cameras(path)
        camera = (ICL_CAMERA if mirrored else DEFAULT_CAMERA).resized(size)
        if files.color is not None and not camera_given:
            camera = read_camera(files.color, size)
        super().__init__(
            path.resolve().name,
            ids,
            Registration(camera, camera.resized(depth_size), mode=registration),
        )
        self.units_per_m = params.depth_units_per_m
        self._mirrored = mirrored
        if mirrored:
            self.format, self.up = "ICL-NUIM", (0.0, -1.0, 0.0)
        self.notes = (
            *([] if files.color else [f"no {INTRINSICS}: the data set's default camera"]),
            *files.notes(path),
            *([] if self._poses_file else [f"no {POSES}: frames without poses"]),
            *([f"{alone} colour images have no depth image in time"] if alone else []),
        )

    def source(self, index: int, part: str) -> str:
        """The file that holds a part."""
        number = self.frame_ids[index]
        if part == "colour":
            return str(self._lists.color[number])
        if part == "depth":
            return str(self._depth_file(index))
        return f"{self._poses_file or self.path / POSES}, frame {number}"

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """The nearest pose in time; -inf where there is none."""
        nearest = self._pose_of[self.frame_ids[index]]
        matrix = LOST_POSE.copy() if nearest < 0 else pose_from_quaternion(self._poses[nearest])
        return _MIRROR @ matrix @ _MIRROR if self._mirrored and nearest >= 0 else matrix

    def time_s(self, index: int) -> float:
        """When the colour image was taken."""
        return float(self._lists.times_s[self.frame_ids[index]])

    def color_data(self, index: int) -> bytes:
        """The colour file as it is."""
        return read_bytes(self._lists.color[self.frame_ids[index]])

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """Depth in units of ``1 / depth_units_per_m`` metres."""
        return read_depth_png(self._depth_file(index))

    def _depth_file(self, index: int) -> Path:
        return self._lists.depth[self._lists.depth_of[self.frame_ids[index]]]


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


def read_text(file: Path) -> str:
    """A file's text, of which only numbers and names count.

    Raises:
        CaptureError: missing, or not what the mark at its beginning says.
    """
    try:
        return decoded(read_bytes(file), fallback="latin-1")
    except UnicodeDecodeError as error:
        raise CaptureError(
            f"given: {file}, which is no text ({error.reason}); needed: a list as text; "
            f"do: check or download the file again"
        ) from None


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """Lines that are no comment: line number and words."""
    lines = read_text(file).splitlines()
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    return [(number, words) for number, words in rows if words and not words[0].startswith("#")]


def _read_lists(path: Path, params: TumParams) -> _Lists:
    """Of two lists by time, or where one is missing of one with pairs."""
    pairs = next((path / name for name in PAIRS if (path / name).is_file()), None)
    both = all((path / name).is_file() for name in ("rgb.txt", "depth.txt"))
    if pairs is not None and not both:
        return _read_pairs(pairs, path)
    color_times, color = _read_list(path / "rgb.txt", path)
    depth_times, depth = _read_list(path / "depth.txt", path)
    depth_of = associate(color_times, depth_times, params.max_difference_s, unique=True)
    return _Lists(color_times, color, depth, depth_of, path / "rgb.txt")


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


def _read_pairs(file: Path, root: Path) -> _Lists:
    """Lines ``time file time file``, colour or depth first, as the names of the files tell."""
    sides: tuple[list[tuple[float, str]], list[tuple[float, str]]] = ([], [])
    for number, words in _rows(file):
        try:
            for side, at in zip(sides, (0, 2), strict=True):
                side.append((float(words[at]), words[at + 1]))
        except (ValueError, IndexError):
            raise _bad_line(file, number, words, "a time and a file, twice") from None
    is_depth = [bool(side) and all("depth" in name.lower() for _, name in side) for side in sides]
    expect(
        not sides[0] or sum(is_depth) == 1,
        given=f"{file}, whose names do not tell which images are depth",
        needed="depth in the names of one of both columns, as depth/1.png",
        do="correct the list",
        error=CaptureError,
    )
    color, depth = sides if is_depth[1] else sides[::-1]
    return _Lists(
        np.array([time for time, _ in color], dtype=np.float64),
        [root / name for _, name in color],
        [root / name for _, name in depth],
        np.arange(len(color)),
        file,
    )


def _poses_file(path: Path) -> tuple[Path | None, bool]:
    """The file of poses, and whether it is one of ICL-NUIM."""
    if (path / POSES).is_file():
        return path / POSES, False
    icl = sorted(path.glob("*.gt.freiburg"))
    return (icl[0], True) if icl else (None, False)


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
    there = [name for name in ("rgb.txt", "depth.txt", POSES) if (path / name).is_file()]
    if "rgb.txt" in there and len(there) > 1:
        return there[0]
    return next((name for name in PAIRS if (path / name).is_file()), None)


READER = Reader(
    "a folder with rgb.txt and depth.txt, or associations.txt (TUM RGB-D, ICL-NUIM)",
    _claims,
    lambda path, how: TumCapture(
        path,
        registration=how.params.registration,
        camera_given=how.params.intrinsics is not None,
    ),
)
