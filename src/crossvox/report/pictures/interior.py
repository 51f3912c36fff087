"""The space of a room that a cut-away picture looks into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.volume import Mesh
from crossvox.report.pictures.surface import footprint

Array = NDArray[Any]

_LIKE = 1e-3
"""Pixels whose 1/z differ by no more than this share have nothing else between them."""


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
        entry = np.empty(len(directions), dtype=np.float32)
        _entries(
            entry,
            np.ascontiguousarray(origins_m, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            self.depth_m,
            *self._numbers(),
        )
        return entry

    def begins(self, camera: Intrinsics, pose: Pose) -> NDArray[np.float32]:
        """1/z where the space begins, for every pixel of a camera: ``(H, W)``.

        inf for pixels whose rays start inside, 0 for those whose rays never enter.
        """
        ray_of_pixel = pose.world_from_camera[:3, :3] @ np.linalg.inv(camera.matrix)
        most = np.empty((camera.height, camera.width), dtype=np.float32)
        _begins(
            most,
            pose.position_m.astype(np.float32),
            ray_of_pixel.astype(np.float32),
            self.depth_m,
            *self._numbers(),
        )
        return most

    def _numbers(self) -> tuple[Any, ...]:
        """Cell, corner, floor and top as the kernels take them."""
        return (
            np.float32(self.cell_m),
            np.array(self.corner_m, dtype=np.float32),
            np.float32(self.floor_m),
            np.float32(self.top_m),
        )


@njit(nogil=True)
def _entry(ray, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """March a ray down from ``top_m``; the plan's distances tell how far a step may go."""
    (x, y, z), (dx, dy, dz) = ray
    columns, rows = depth_m.shape
    begin = np.float32(0.0)
    if z > top_m:
        if dz >= 0:
            return np.float32(np.inf)
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
            return np.float32(distance)
        distance += max(max(-depth, beyond), np.float32(0.004)) * np.float32(0.9) / speed
    return np.float32(np.inf)


@njit(cache=True, nogil=True)
def _entries(entry, origins, directions, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """Where each ray enters."""
    for n in range(len(entry)):
        start = origins[n, 0], origins[n, 1], origins[n, 2]
        ray = start, (directions[n, 0], directions[n, 1], directions[n, 2])
        entry[n] = _entry(ray, depth_m, cell_m, corner_m, floor_m, top_m)


@njit(nogil=True)
def _begin(row, column, start, m, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """1/z where the ray of a pixel enters."""
    u, v = np.float32(column), np.float32(row)
    direction = (
        m[0, 0] * u + m[0, 1] * v + m[0, 2],
        m[1, 0] * u + m[1, 1] * v + m[1, 2],
        m[2, 0] * u + m[2, 1] * v + m[2, 2],
    )
    entry = _entry((start, direction), depth_m, cell_m, corner_m, floor_m, top_m)
    return np.float32(1) / entry if entry > 0 else np.float32(np.inf)


@njit(cache=True, nogil=True)
def _begins(most, origin, m, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """1/z where the ray of each pixel enters: of every other one, and of those that lie between.

    On a plane 1/z is linear in the image, so pixels between like ones need no ray.
    """
    height, width = most.shape
    start = origin[0], origin[1], origin[2]
    for row in range(0, height, 2):
        for column in range(0, width, 2):
            most[row, column] = _begin(
                row, column, start, m, depth_m, cell_m, corner_m, floor_m, top_m
            )
    for row in range(height):
        for column in range(1 - row % 2, width, 2 - row % 2):
            top, left = row - row % 2, column - column % 2
            bottom, right = row + row % 2, column + column % 2
            if bottom < height and right < width:
                a, b = most[top, left], most[top, right]
                c, d = most[bottom, left], most[bottom, right]
                low, high = min(a, b, c, d), max(a, b, c, d)
                if high - low <= np.float32(_LIKE) * high:
                    most[row, column] = np.float32(0.25) * (a + b + c + d)
                    continue
            most[row, column] = _begin(
                row, column, start, m, depth_m, cell_m, corner_m, floor_m, top_m
            )
