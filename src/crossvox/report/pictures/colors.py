"""Colours of pictures: materials, errors by distance, depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.report.pictures.surface import surface_points

Array = NDArray[Any]

Color = tuple[int, int, int]

CLAY: Color = (206, 202, 194)
"""Colour of surfaces that have none of their own."""

BACK: Color = (104, 116, 138)
"""Tint of surfaces seen from behind."""

BACKGROUND: Color = (246, 247, 249)
"""Behind the mesh where a picture must be opaque."""

NOTHING: Color = (70, 74, 82)
"""Depth pixels without a reading."""

ERROR_MAP = "YlOrRd"

DEPTH_MAP = "viridis_r"


def color_map(name: str, values: Array) -> NDArray[np.uint8]:
    """Colours ``(*n, 3)`` uint8 of values in [0, 1] by a named matplotlib map."""
    from matplotlib import colormaps

    rgba = colormaps[name](np.clip(values, 0, 1))
    return np.round(np.asarray(rgba)[..., :3] * 255).astype(np.uint8)


def error_shares(mesh: Mesh, reference: Mesh, reach_m: float = 0.05) -> NDArray[np.float32]:
    """Distance of vertices to another surface, 0 to ``reach_m`` as 0 to 1: ``(V,)``."""
    from crossvox.metrics.nearest import PointSet

    points = surface_points(reference, 0.025)
    distance = PointSet(mesh.vertices_m).distances_to(PointSet(points))
    return (np.minimum(distance, reach_m) / reach_m).astype(np.float32)


def error_colors(mesh: Mesh, reference: Mesh, reach_m: float = 0.05) -> NDArray[np.uint8]:
    """The same in colour: ``(V, 3)``."""
    return color_map(ERROR_MAP, error_shares(mesh, reference, reach_m))


def depth_picture(depth_m: Array, near_m: float, far_m: float) -> NDArray[np.uint8]:
    """Depth ``(H, W)`` metres in colour, near is bright; grey where there is no reading."""
    share = (np.asarray(depth_m, dtype=np.float32) - near_m) / max(far_m - near_m, 1e-6)
    picture = color_map(DEPTH_MAP, share)
    picture[np.asarray(depth_m) <= 0] = NOTHING
    return picture
