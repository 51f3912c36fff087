"""How poses stand in files: which way the camera's axes run, and from where to where.

In memory there is one convention: camera-to-world, x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Axes = Literal["opencv", "opengl"]
"""Camera axes: ``opencv`` x right, y down, z forward; ``opengl`` (ARKit, Blender, NeRF) x right, y
up, z backward."""

Direction = Literal["camera-to-world", "world-to-camera"]
"""What a stored matrix takes points from and to."""

_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class PoseConvention:
    """What stored ``(4, 4)`` pose matrices mean.

    Attributes:
        axes: see :data:`Axes`.
        direction: see :data:`Direction`.
    """

    axes: Axes = "opencv"
    direction: Direction = "camera-to-world"

    def delivered(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """``world_from_camera`` of an OpenCV camera; what is not finite stays so."""
        matrix = np.asarray(stored, dtype=np.float64)
        if self.direction == "world-to-camera":
            matrix = _inverse(matrix)
        return matrix @ _FLIP if self.axes == "opengl" and np.isfinite(matrix).all() else matrix

    def stored(self, world_from_camera: NDArray[Any]) -> NDArray[np.float64]:
        """The matrix that a file of this convention holds for a pose: undoes :meth:`delivered`."""
        matrix = np.asarray(world_from_camera, dtype=np.float64)
        if self.axes == "opengl" and np.isfinite(matrix).all():
            matrix = matrix @ _FLIP
        return _inverse(matrix) if self.direction == "world-to-camera" else matrix


AS_IN_MEMORY = PoseConvention()


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exact for what is rigid or nearly so; a matrix without an inverse marks a lost pose."""
    if not np.isfinite(matrix).all():
        return matrix
    try:
        return np.asarray(np.linalg.inv(matrix), np.float64)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, -np.inf)
