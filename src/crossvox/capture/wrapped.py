"""A capture seen through something that changes a part of it."""

from __future__ import annotations

from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts


class WrappedCapture:
    """All as in another capture; a subclass changes what it is there for.

    Args:
        capture: the other one.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    @property
    def untouched(self) -> Capture:
        """The capture as it was."""
        return self._capture

    @property
    def name(self) -> str:
        """Scene name."""
        return self._capture.name

    @property
    def frame_ids(self) -> tuple[int, ...]:
        """Frame numbers."""
        return self._capture.frame_ids

    def __len__(self) -> int:
        return len(self.frame_ids)

    def info(self) -> CaptureInfo:
        """Cameras, registration and companions."""
        return self._capture.info()

    def camera(self, size: Size | None = None) -> Intrinsics:
        """The camera of the frames at ``size``."""
        return self._capture.camera(size)

    def pose(self, index: int) -> Pose | None:
        """Pose of one frame; None where tracking was lost."""
        return self._capture.pose(index)

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        """One frame."""
        return self._capture.frame(index, size, parts)
