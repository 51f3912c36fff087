"""Level sets of volumes (scikit-image marching cubes, Lewiner's variant). No rule of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh


def isosurface(grid: VoxelGrid, values: NDArray[Any], level: float = 0.5) -> Mesh:
    """Surface where ``values`` crosses ``level``, closed at the border of the grid.

    Beyond the grid the volume counts as far below the level, so that a surface which touches the
    border is capped there. Faces are anticlockwise seen from the side of lower values.

    Args:
        grid: where the voxels are; values sit at voxel centres.
        values: ``(X, Y, Z)`` float.
        level: the value to cut at.

    Returns:
        A mesh in world metres without colours; empty if nothing crosses the level.
    """
    from skimage.measure import marching_cubes

    values = np.asarray(values, dtype=np.float32)
    low = min(float(values.min()), 2 * level - float(values.max()))
    if not values.max() > level:
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    padded = np.pad(values, 1, constant_values=low)
    vertices, faces, _, _ = marching_cubes(padded, level, gradient_direction="ascent")
    world = grid.to_world(vertices.astype(np.float64) - 1)
    return Mesh(world.astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32))
