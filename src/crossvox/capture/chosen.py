"""A capture without some of its frames, and the list of those that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crossvox.capture.wrapped import WrappedCapture
from crossvox.core.camera import Pose, Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts
from crossvox.doors.images import read_bytes


class ChosenCapture(WrappedCapture):
    """The frames of a capture but for some.

    Args:
        capture: the frames.
        without: numbers of those that are left out; numbers that it lacks do not matter.
        why: why they are.

    Raises:
        CaptureError: no frame would be left.
    """

    def __init__(
        self, capture: Capture, without: frozenset[int], why: str = "as was asked for"
    ) -> None:
        super().__init__(capture)
        self._why = why
        self._positions = tuple(i for i, n in enumerate(capture.frame_ids) if n not in without)
        self._left_out = len(capture) - len(self._positions)
        expect(
            len(self._positions) > 0,
            given=f"{capture.name}, whose {len(capture)} frames are all left out",
            needed="frames",
            do="correct the list of --skip-frames",
            error=CaptureError,
        )

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Numbers of the frames that are left."""
        ids = self._capture.frame_ids
        return tuple(ids[i] for i in self._positions)

    def info(self) -> CaptureInfo:
        """As before, with a note."""
        info = self._capture.info()
        if not self._left_out:
            return info
        kept = frozenset(self.frame_ids)
        note = f"{self._left_out} of {len(self._capture)} frames are left out, {self._why}"
        return replace(
            info,
            notes=(*info.notes, note),
            without_labels=tuple(n for n in info.without_labels if n in kept),
        )

    def pose(self, index: int) -> Pose | None:
        """Pose of a frame that is left."""
        return self._capture.pose(self._position(index))

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """A frame that is left."""
        return self._capture.frame(self._position(index), size, parts)

    def _position(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"position {index} of a capture of {len(self)} frames")
        return self._positions[index]


def read_skipped(path: Path) -> frozenset[int]:
    """Frame numbers of a list: one a line; what follows a ``#`` is for people.

    Raises:
        CaptureError: the file is missing, or a line is no number.
    """
    text = read_bytes(path).decode("utf-8-sig", "replace")
    numbers = set()
    for row, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        expect(
            word.isascii() and word.isdigit() and len(word) < 19,
            given=f"{path}, line {row}: {word[:40]!r}",
            needed="one frame number a line, and a remark behind # where wanted",
            do="correct the line",
            error=CaptureError,
        )
        numbers.add(int(word))
    return frozenset(numbers)


def skipped_text(frames: Mapping[int, str]) -> str:
    """The text of such a list: numbers and reasons."""
    lines = [
        f"{number}  # {' '.join(reason.split())}\n" for number, reason in sorted(frames.items())
    ]
    return "".join(lines)
