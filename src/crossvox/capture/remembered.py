"""What was read of a capture that several parts of a job look at, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.wrapped import WrappedCapture
from crossvox.core.camera import Pose, Size
from crossvox.core.frame import Capture

MOST_BYTES = 64 << 20
"""Memory for depth images: over 200 of 320x240."""

MOST_POSES = 4096


class Remembered:
    """Poses and depth images of one capture, as many as fit; several threads may ask at once.

    Args:
        most_bytes: of all depth images together; what would go beyond is read every time.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self._poses: dict[int, Pose | None] = {}
        self._depths: dict[tuple[int, Size], NDArray[np.float32]] = {}
        self._lock = Lock()

    def pose(self, index: int, read: Callable[[int], Pose | None]) -> Pose | None:
        """The pose of a frame, read if it must be."""
        if index in self._poses:
            return self._poses[index]
        pose = read(index)
        if len(self._poses) < MOST_POSES:
            self._poses[index] = pose
        return pose

    def depth_m(
        self, index: int, size: Size, read: Callable[[int, Size], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """A frame's depth image, read if it must be; a copy, which its receiver may change."""
        kept = self._depths.get((index, size))
        if kept is not None:
            return kept.copy()
        depth_m = read(index, size)
        with self._lock:
            fits = (index, size) not in self._depths and depth_m.nbytes <= self._left
            self._left -= depth_m.nbytes * fits
        if fits:
            self._depths[index, size] = depth_m.copy()
        return depth_m


_OPEN: ContextVar[Capture | None] = ContextVar("open", default=None)


@contextmanager
def staying_open(capture: Capture) -> Iterator[None]:
    """Within, whoever opens the capture of a stage again gets this one (:func:`opened`)."""
    before = _OPEN.set(capture)
    try:
        yield
    finally:
        _OPEN.reset(before)


def opened() -> Capture | None:
    """The capture that stays open; None where none does."""
    return _OPEN.get()


@contextmanager
def remembering(capture: Capture, most_bytes: int = MOST_BYTES) -> Iterator[None]:
    """Within, poses and depth images of a capture in files are read once, as far as they fit."""
    from crossvox.capture.stored import StoredCapture

    while isinstance(capture, WrappedCapture):
        capture = capture.untouched
    if not isinstance(capture, StoredCapture):
        yield
        return
    capture.remember(Remembered(most_bytes))
    try:
        yield
    finally:
        capture.remember(None)
