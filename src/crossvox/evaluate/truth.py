"""What scenes are scored against, made ready once for all predictions while files stay.

Points of the true surface, poses and stored depth are the same for every cell of a study, whatever
it has predicted; see :mod:`crossvox.core.kept`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.camera import Pose
from crossvox.core.kept import Kept, folder_key
from crossvox.evaluate.predicted import Scored
from crossvox.evaluate.protocols import Protocol, surface_points
from crossvox.evaluate.references import reference_mesh
from crossvox.metrics.nearest import PointSet

MOST_SCENES = 16
MOST_BYTES = 32 << 20
"""Stored depth that is kept of one scene at most: 200 frames of 320x240. Further frames are read
each time."""


class TrueFrames(FolderCapture):
    """A prepared scene whose poses are read once, and stored depth while there is room."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._read_poses: dict[int, Pose | None] = {}
        self._read_depths: dict[int, NDArray[np.uint16]] = {}
        self._bytes = 0

    def pose(self, index: int) -> Pose | None:
        """See :meth:`crossvox.capture.stored.StoredCapture.pose`."""
        if index not in self._read_poses:
            self._read_poses[index] = super().pose(index)
        return self._read_poses[index]

    def depth_raw(self, index: int) -> NDArray[np.uint16]:
        """``depth/N.png``, millimetres; not to be written to."""
        found = self._read_depths.get(index)
        if found is None:
            found = super().depth_raw(index)
            if self._bytes + found.nbytes <= MOST_BYTES:
                found.setflags(write=False)
                self._read_depths[index] = found
                self._bytes += found.nbytes
        return found


_POINTS: Kept[PointSet] = Kept(MOST_SCENES)
_FRAMES: Kept[TrueFrames] = Kept(MOST_SCENES)


def true_points(scene: Scored, protocol: Protocol) -> PointSet:
    """The points by which a protocol measures a scene's own surface.

    Raises:
        ArtifactError: the scene has no reference.
        CaptureError: it cannot be read.
        ParamsError: it is too large for a room.
    """

    def make() -> PointSet:
        return PointSet(
            surface_points(reference_mesh(scene.prepared, scene.name, protocol), protocol)
        )

    return _POINTS.get((folder_key(scene.prepared), scene.name, protocol), make)


def true_frames(scene: Path) -> TrueFrames:
    """The frames of a prepared scene.

    Raises:
        CaptureError: they cannot be read.
    """
    return _FRAMES.get(folder_key(scene), lambda: TrueFrames(scene))
