"""Poses in a file of their own: from a tracker, a motion capture, or a data set's authors.

Told by what stands in the lines, not by the file's name: TUM (``time tx ty tz qx qy qz qw``, and
the same with an identifier behind it, as RTAB-Map exports), KITTI (12 numbers), 4x4 matrices (16
numbers a line, or four lines of 4), either with a time or number in front, Open3D's ``.log``
(``i j n`` and four lines of 4), and tables with a header that names their columns (EuRoC).

Matrices are those of the colour camera, OpenCV axes, camera-to-world, unless the user's flags say
otherwise, whatever the convention of the capture's own poses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.arrays import read_floats
from crossvox.capture.readers.tum import associate, pose_from_quaternion, read_text
from crossvox.core.checks import CaptureError, expect

if TYPE_CHECKING:
    from crossvox.capture.stored import StoredCapture

Array = NDArray[np.float64]

MAX_BYTES = 1 << 26
"""Largest file that is read: half a million poses."""

NEAR_S = 0.02
"""A frame takes the pose nearest in time, if it is no farther."""

TRACKED = "crossvox track"
"""Stands in the first comment of files that ``crossvox track`` writes."""

FORMS = (
    "TUM (time tx ty tz qx qy qz qw a line), KITTI (12 numbers a line), 16 numbers a line, "
    "Open3D's .log, or a table whose header names its columns"
)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a file of poses holds.

    Attributes:
        matrices: ``(N, 4, 4)`` as stored; not finite where a pose is lost.
        times: ``(N,)`` what stands in front of each: seconds or a number; None: nothing does.
        ids: ``(N,)`` numbers that belong to each (``.log``, or the last of nine); None: none do.
        seconds: whether the file itself says that its times are seconds.
        tracked: whether ``crossvox track`` wrote it.
    """

    matrices: Array
    times: Array | None = None
    ids: Array | None = None
    seconds: bool = False
    tracked: bool = False


def poses_for(path: Path, capture: StoredCapture) -> tuple[Array, str]:
    """The poses of a file for the frames of a capture.

    By time where both tell one (nearest within :data:`NEAR_S`); else by number, where the file's
    numbers are frame numbers; else one pose a frame in order.

    Returns:
        ``(N, 4, 4)`` matrices, one a frame, -inf where the file has none for it; and a sentence for
        the capture's notes.

    Raises:
        CaptureError: the file is missing or no trajectory, or does not fit the capture.
    """
    path = Path(path)
    read = read_trajectory(path)
    position, how = _positions(path, read, capture)
    found = np.full((len(capture), 4, 4), -np.inf)
    found[position >= 0] = read.matrices[position[position >= 0]]
    count = int(np.isfinite(found).all(axis=(1, 2)).sum())
    expect(
        count > 0,
        given=f"{path}, which has no valid pose for any of {len(capture)} frames",
        needed="poses of this capture",
        do="check that the file belongs to it",
        error=CaptureError,
    )
    note = f"poses from {path.name}: {count} of {len(capture)} frames, {how}"
    return found, note + ("; tracked from the frames alone, so they drift" if read.tracked else "")


def _positions(
    path: Path, read: Trajectory, capture: StoredCapture
) -> tuple[NDArray[np.int64], str]:
    """Which pose each frame takes, -1 none; and how that was found."""
    ids = np.array(capture.frame_ids, dtype=np.float64)
    times = _times(capture)
    found = []
    if read.times is not None and times is not None:
        near = f"by time, within {1000 * NEAR_S:.0f} ms"
        found.append((associate(times, read.times, NEAR_S), near))
    for numbers in (None if read.seconds else read.times, read.ids):
        if numbers is not None and _are_numbers(numbers, ids):
            order = {number: n for n, number in enumerate(numbers.tolist())}
            position = np.array([order.get(number, -1) for number in ids.tolist()])
            found.append((position, "by frame number"))
    # Numbers of frames may pass for a few times by chance, times never for numbers of all frames.
    best = max(found, key=lambda one: (one[0] >= 0).sum(), default=None)
    if best is not None and (best[0] >= 0).any():
        return best
    if read.times is not None and times is not None:
        raise _other_clock(path, read.times, times)
    count, last = len(read.matrices), int(ids[-1])
    if count == len(capture):
        return np.arange(count), "one a frame in order"
    expect(
        read.times is None and read.ids is None and count > last,
        given=f"{path} with {count} poses, for {len(capture)} frames with numbers up to {last}, "
        "and no times or frame numbers in common",
        needed="as many poses as frames, or a pose for each number, or the time or number of the "
        "frame in front of each pose",
        do="check that the file belongs to this capture",
        error=CaptureError,
    )
    return ids.astype(np.int64), "line n for frame n, counted from 0"


def _times(capture: StoredCapture) -> Array | None:
    """Times of all frames, NaN where one has none; None where none has."""
    told = [capture.time_s(index) for index in range(len(capture))]
    times = np.array([np.nan if time is None else time for time in told], dtype=np.float64)
    return times if np.isfinite(times).any() else None


def _are_numbers(numbers: Array, ids: Array) -> bool:
    """Whether what stands beside poses are numbers of frames, each once.

    Either may have more than the other: trackers lose frames, and parts of captures are kept.
    """
    whole = bool((numbers == np.round(numbers)).all())
    common = int(np.isin(numbers, ids).sum())
    return (
        whole and len(np.unique(numbers)) == len(numbers) and common == min(len(numbers), len(ids))
    )


def _other_clock(path: Path, times: Array, wanted: Array) -> CaptureError:
    """Why no pose is near any frame in time."""
    first, last = np.nanmin(wanted), np.nanmax(wanted)
    why = "take what lies between both clocks off the file's times, or check that it belongs here"
    for unit, factor in (("nanoseconds", 1e9), ("microseconds", 1e6), ("milliseconds", 1e3)):
        scaled = times / factor
        if scaled.max() >= first - 1 and scaled.min() <= last + 1:
            why = f"divide the file's times by {factor:.0f}: they look like {unit}"
            break
    return CaptureError(
        f"given: {path} with times from {times.min():.3f} to {times.max():.3f}, for frames taken "
        f"from {first:.3f} to {last:.3f} s; needed: seconds of the same clock; do: {why}"
    )


def read_trajectory(path: Path) -> Trajectory:
    """Read a file of poses, in whichever form it is (see the module's text).

    Raises:
        CaptureError: missing, too large, or in no form that is known.
    """
    size = path.stat().st_size if path.is_file() else 0
    expect(
        size <= MAX_BYTES,
        given=f"{path} of {size} bytes",
        needed=f"a file of poses, at most {MAX_BYTES} bytes",
        do="check the path",
        error=CaptureError,
    )
    if path.suffix.lower() == ".npy":
        return _from_array(path, read_floats(path))
    text = read_text(path)
    lines = [line.strip() for line in text.splitlines()]
    head = next((line for line in lines if line), "")
    rows = [line for line in lines if line and line[0] not in "#%"]
    tracked = head.startswith("#") and TRACKED in head
    columns = _columns(head)
    if columns:
        return _from_table(path, rows[0 if head[0] in "#%" else 1 :], columns)
    table = [_numbers(path, line) for line in rows]
    read = _from_rows(table)
    if read is None:
        widths = ", ".join(str(n) for n in sorted({len(row) for row in table})[:5])
        raise CaptureError(
            f"given: {path} with {len(table)} lines of {widths or 'no'} numbers; needed: {FORMS}; "
            f"do: check or convert the file"
        )
    return Trajectory(read.matrices, read.times, read.ids, read.seconds, tracked)


def _from_array(path: Path, values: Array) -> Trajectory:
    """``(N, 4, 4)``, ``(N, 3, 4)``, ``(N, 16)`` or ``(N, 12)``."""
    size = values[0].size if values.ndim > 1 else 0
    expect(
        size in (12, 16),
        given=f"{path}, an array of shape {values.shape}",
        needed="(N, 4, 4), (N, 3, 4), (N, 16) or (N, 12)",
        do="check or convert the file",
        error=CaptureError,
    )
    return Trajectory(_square(values.reshape(-1, size)))


def _numbers(path: Path, line: str) -> list[float]:
    try:
        return [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        raise CaptureError(
            f"given: {path} with the line {line[:80]!r}; needed: {FORMS}; do: check the file"
        ) from None


def _from_rows(table: list[list[float]]) -> Trajectory | None:
    """Poses of lines of numbers; None where their lengths fit no form."""
    widths = [len(row) for row in table]
    if widths and len(widths) % 5 == 0 and widths == [3, 4, 4, 4, 4] * (len(widths) // 5):
        heads = np.array(table[::5])
        blocks = [table[n + 1 : n + 5] for n in range(0, len(table), 5)]
        return Trajectory(np.array(blocks), ids=heads[:, 0])
    if widths and len(widths) % 4 == 0 and set(widths) == {4}:
        return Trajectory(np.array(table).reshape(-1, 4, 4))
    if widths and set(widths) <= {8, 9}:
        rows = np.array([row[:8] for row in table])
        ids = np.array([row[8] for row in table]) if set(widths) == {9} else None
        return Trajectory(_from_quaternions(rows[:, 1:]), rows[:, 0], ids)
    make = _MATRICES.get(widths[0]) if widths and len(set(widths)) == 1 else None
    return None if make is None else make(np.array(table))


def _from_quaternions(values: Array) -> Array:
    """``(N, 7)`` tx ty tz qx qy qz qw to ``(N, 4, 4)``."""
    return np.array([pose_from_quaternion(row) for row in values]).reshape(-1, 4, 4)


def _square(rows: Array) -> Array:
    """``(N, 12)`` or ``(N, 16)`` numbers, row by row, to ``(N, 4, 4)``."""
    matrices = np.tile(np.eye(4), (len(rows), 1, 1))
    height = rows.shape[1] // 4
    matrices[:, :height] = rows.reshape(-1, height, 4)
    matrices[~np.isfinite(rows).all(axis=1)] = -np.inf
    return matrices


_MATRICES: Mapping[int, Callable[[Array], Trajectory]] = {
    12: lambda rows: Trajectory(_square(rows)),
    13: lambda rows: Trajectory(_square(rows[:, 1:]), rows[:, 0]),
    16: lambda rows: Trajectory(_square(rows)),
    17: lambda rows: Trajectory(_square(rows[:, 1:]), rows[:, 0]),
}


# Tables with a header.

_UNITS = {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1.0}


def _columns(head: str) -> dict[str, Any]:
    """Where ``t x y z qx qy qz qw`` stand in a comma-separated table, and its unit of time.

    Empty where the line is no such header. The first column of each kind counts: behind them EuRoC
    has velocities and biases.
    """
    if "," not in head:
        return {}
    found: dict[str, Any] = {}
    for n, word in enumerate(head.lstrip("#% ").lower().split(",")):
        unit = re.search(r"\[(\w+)\]", word)
        name = re.sub(r"\[.*|[^a-z]", "", word)
        if name.startswith(("time", "stamp")) or name in ("t", "ns"):
            found.setdefault("t", n)
            found.setdefault("unit", unit.group(1) if unit else name if name == "ns" else "")
        elif name.startswith("q") and name[-1] in "wxyz" and len(name) > 1:
            found.setdefault("q" + name[-1], n)
        elif name in ("x", "y", "z") or (name[:1] in ("p", "t") and name[-1] in "xyz"):
            found.setdefault(name[-1], n)
    return found if len(found) == 9 else {}


def _from_table(path: Path, rows: list[str], columns: Mapping[str, Any]) -> Trajectory:
    order = [columns[name] for name in ("t", "x", "y", "z", "qx", "qy", "qz", "qw")]
    table = [_numbers(path, line) for line in rows]
    expect(
        bool(table) and all(len(row) > max(order) for row in table),
        given=f"{path} with {len(table)} lines of numbers, not all as long as its header",
        needed="a value for each column that the header names",
        do="check or export the file again",
        error=CaptureError,
    )
    values = np.array([[row[n] for n in order] for row in table])
    factor = _UNITS.get(columns["unit"])
    times = values[:, 0] / (factor or 1.0)
    return Trajectory(_from_quaternions(values[:, 1:]), times, seconds=factor is not None)
