"""An exported folder whose images need not be read back by who has just written them."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.camera import Pose

KEPT_BYTES = 64 << 20
"""Memory for depth images of one export: over 400 of 320x240."""


class KeptDepth:
    """Depth images as they were exported, by frame number, as many as fit.

    Several threads may add at once. PNG loses nothing, so that reading a file gives the same.

    Args:
        most_bytes: of all images together; what would go beyond is not kept.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._left = most_bytes
        self._images: dict[int, NDArray[np.uint16]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._images)

    def add(self, number: int, depth_mm: NDArray[np.uint16]) -> None:
        """Keep ``(H, W)`` millimetres of a frame if there is room; nobody may change them after."""
        with self._lock:
            if depth_mm.nbytes <= self._left:
                self._left -= depth_mm.nbytes
                depth_mm.setflags(write=False)
                self._images[number] = depth_mm

    def get(self, number: int) -> NDArray[np.uint16] | None:
        """Those of a frame, or None if they were not kept."""
        return self._images.get(number)


class KeptFolder(FolderCapture):
    """The folder of an export, read through what was kept of it; for several passes over it.

    Args:
        path: the folder.
        depth: what :func:`crossvox.capture.export.export_folder` kept for it.

    Raises:
        CaptureError: as :class:`~crossvox.capture.readers.folder.FolderCapture`.
    """

    def __init__(self, path: Path, depth: KeptDepth) -> None:
        super().__init__(path)
        self._kept = depth
        self._known_poses: dict[int, Pose | None] = {}

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """``depth/N.png``, millimetres, from memory if it is there."""
        kept = self._kept.get(self.frame_ids[index])
        return super().depth_raw(index) if kept is None else kept

    def pose(self, index: int) -> Pose | None:
        """``pose/N.txt``, read once."""
        if index not in self._known_poses:
            self._known_poses[index] = super().pose(index)
        return self._known_poses[index]
