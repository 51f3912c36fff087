"""The space of a room that a cut-away picture looks into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.report.pictures.surface import footprint

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Interior:
    """The space of a room that a cut-away picture looks into; all outside of it is transparent.

    Attributes:
        depth_m: ``(X, Y)`` float32, how deep inside the room's plan each column's centre lies;
            negative outside (the outer walls are cut off).
        cell_m: edge of a column.
        corner_m: world ``x, y`` of the centre of column ``(0, 0)``.
        floor_m, top_m: the space lies between these heights; the ceiling is above ``top_m``.
    """

    depth_m: NDArray[np.float32]
    cell_m: float
    corner_m: tuple[float, float]
    floor_m: float
    top_m: float

    @classmethod
    def of(cls, mesh: Mesh, cell_m: float = 0.05, rim_m: float = 0.12) -> Interior:
        """Find the space from a surface, z up: its filled plan less ``rim_m``, below the ceiling.

        Raises:
            ShapeError: the mesh is empty.
        """
        from scipy import ndimage

        plan, corner = footprint(mesh, cell_m)
        margin = math.ceil(0.6 / cell_m)
        reach = math.ceil(0.3 / cell_m)
        away = ndimage.distance_transform_edt(~np.pad(plan, margin))
        closed = ndimage.distance_transform_edt(away <= reach) > reach
        filled = ndimage.binary_fill_holes(closed | np.pad(plan, margin))
        pieces, count = ndimage.label(filled)
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            filled = np.isin(pieces, np.flatnonzero(sizes > 0.05 * sizes.max()))
        inward = ndimage.distance_transform_edt(filled) * cell_m
        outward = ndimage.distance_transform_edt(~filled) * cell_m
        depth = np.where(filled, inward - 0.5 * cell_m, 0.5 * cell_m - outward)
        rim_m = min(rim_m, 0.5 * float(depth.max()))
        low, high = np.percentile(mesh.vertices_m[:, 2], (0.5, 99.5)).tolist()
        return cls(
            depth_m=(depth - rim_m).astype(np.float32),
            cell_m=cell_m,
            corner_m=(corner[0] + (0.5 - margin) * cell_m, corner[1] + (0.5 - margin) * cell_m),
            floor_m=low,
            top_m=low + min(0.86 * (high - low), 2.1),
        )

    def entry(self, origins_m: Array, directions: Array) -> NDArray[np.float32]:
        """How far along each ray the space begins, ``(R,)`` in units of the direction's length.

        0 for rays that start inside, inf for rays that never enter.
        """
        return _entry(
            np.ascontiguousarray(origins_m, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            self.depth_m,
            np.float32(self.cell_m),
            np.array(self.corner_m, dtype=np.float32),
            np.float32(self.floor_m),
            np.float32(self.top_m),
        )


@njit(cache=True, nogil=True)
def _entry(origins, directions, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """March each ray down from ``top_m``; the plan's distances tell how far a step may go."""
    count = len(origins)
    entry = np.full(count, np.inf, dtype=np.float32)
    columns, rows = depth_m.shape
    for ray in range(count):
        x, y, z = origins[ray]
        dx, dy, dz = directions[ray]
        begin = np.float32(0.0)
        if z > top_m:
            if dz >= 0:
                continue
            begin = (top_m - z) / dz
        end = begin + np.float32(30.0)
        if dz < 0:
            end = (floor_m - np.float32(0.1) - z) / dz
        speed = max(math.sqrt(dx * dx + dy * dy), np.float32(1e-6))
        distance = begin
        for _ in range(400):
            if distance > end:
                break
            u = (x + dx * distance - corner_m[0]) / cell_m
            v = (y + dy * distance - corner_m[1]) / cell_m
            inside_u = min(max(u, np.float32(0.0)), np.float32(columns - 1.001))
            inside_v = min(max(v, np.float32(0.0)), np.float32(rows - 1.001))
            i, j = int(inside_u), int(inside_v)
            a, b = inside_u - i, inside_v - j
            depth = (depth_m[i, j] * (1 - a) + depth_m[i + 1, j] * a) * (1 - b) + (
                depth_m[i, j + 1] * (1 - a) + depth_m[i + 1, j + 1] * a
            ) * b
            beyond = math.sqrt((u - inside_u) ** 2 + (v - inside_v) ** 2) * cell_m
            if depth >= 0 and beyond <= 0:
                entry[ray] = distance
                break
            distance += max(max(-depth, beyond), np.float32(0.004)) * np.float32(0.9) / speed
    return entry
