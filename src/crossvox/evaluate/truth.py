"""What scenes are scored against, made ready once for all predictions while files stay.

Points of the true surface, poses and depth images are the same for every cell of a study, whatever
it has predicted; see :mod:`crossvox.core.kept`.
"""

from __future__ import annotations

from pathlib import Path

from crossvox.capture.readers.folder import FolderCapture
from crossvox.capture.remembered import Remembered
from crossvox.core.frame import Capture
from crossvox.core.kept import Kept, folder_key
from crossvox.evaluate.predicted import Scored
from crossvox.evaluate.protocols import Protocol, surface_points
from crossvox.evaluate.references import reference_mesh
from crossvox.metrics.nearest import PointSet

MOST_SCENES = 12
MOST_BYTES = 32 << 20
"""Depth images that are kept of one scene: 109 of 320x240. Further ones are read each time."""

_TIMES = 4
"""Memory of points that are ready for questions, by their own: grid and tree lie beside them."""

_POINTS: Kept[PointSet] = Kept(lambda points: _TIMES * points.points.nbytes, MOST_SCENES)
_FRAMES: Kept[Capture] = Kept(lambda _: MOST_BYTES, MOST_SCENES)


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


def true_frames(scene: Path) -> Capture:
    """The frames of a prepared scene; poses and depth images are read once, as far as they fit.

    Raises:
        CaptureError: they cannot be read.
    """

    def make() -> Capture:
        capture = FolderCapture(scene)
        capture.remember(Remembered(MOST_BYTES))
        return capture

    return _FRAMES.get(folder_key(scene), make)
