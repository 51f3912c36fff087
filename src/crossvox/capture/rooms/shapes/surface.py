"""Pieces of surface: the shape itself, flat patches and smooth sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
Vector = Sequence[float]

_NONE = 1e-12
"""A normal that is not longer than this has no direction."""

_LEAST_M2 = 1e-10
"""Twice the area of a face that is none."""

_inlined = njit(nogil=True, error_model="numpy")
_kernel = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True, eq=False)
class Shape:
    """A piece of surface.

    Attributes:
        points: ``(V, 3)`` metres.
        normals: ``(V, 3)`` unit outward normals.
        coords: ``(V, 2)`` surface coordinates for textures, metres (images: 0 to 1).
        faces: ``(F, 3)`` vertex numbers, anticlockwise seen from outside.
    """

    points: Array
    normals: Array
    coords: Array
    faces: Array

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
        """The shape shifted."""
        return replace(self, points=self.points + np.array((x, y, z)))

    def turned(self, angle: float, axis: str = "z") -> Shape:
        """The shape turned about a coordinate axis, radians, right-handed."""
        matrix = rotation(angle, axis)
        return replace(self, points=self.points @ matrix.T, normals=self.normals @ matrix.T)


@lru_cache(maxsize=4096)
def rotation(angle: float, axis: str = "z") -> Array:
    """The ``(3, 3)`` matrix of a turn about a coordinate axis; not to be written to."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    matrix.setflags(write=False)
    return matrix


def join(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0] + [len(shape.points) for shape in shapes[:-1]])
    return Shape(
        np.concatenate([shape.points for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.coords for shape in shapes]),
        np.concatenate(
            [shape.faces + offset for shape, offset in zip(shapes, offsets, strict=True)]
        ),
    )


@lru_cache(maxsize=4096)
def grid_faces(rows: int, columns: int) -> Array:
    """Triangles of a grid of ``rows x columns`` vertices; outside is d/d(row) x d/d(column)."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    b, c, d = a + columns, a + columns + 1, a + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    faces.setflags(write=False)
    return faces


@lru_cache(maxsize=4096)
def _shares(rows: int, columns: int) -> tuple[Array, Array]:
    """How far along both edges the vertices of a grid lie, 0 to 1, ``(rows * columns,)`` each."""
    u = np.repeat(np.arange(rows) / (rows - 1), columns)
    v = np.tile(np.arange(columns) / (columns - 1), rows)
    u.setflags(write=False)
    v.setflags(write=False)
    return u, v


def steps_of(length: float, spacing: float) -> int:
    return max(1, ceil(length / spacing - 1e-9))


def patch(
    origin: Vector, along: Vector, across: Vector, spacing: float, *, image: bool = False
) -> Shape:
    """A flat parallelogram; outside is ``along x across``.

    With ``image`` the surface coordinates run from 0 to 1 along both edges instead of in metres.
    """
    # Plain numbers: a bookshelf has a thousand of these, and numpy calls would take the time.
    ax, ay, az = (float(value) for value in along)
    bx, by, bz = (float(value) for value in across)
    length_u, length_v = (ax * ax + ay * ay + az * az) ** 0.5, (bx * bx + by * by + bz * bz) ** 0.5
    rows, columns = steps_of(length_u, spacing) + 1, steps_of(length_v, spacing) + 1
    u, v = _shares(rows, columns)
    points = np.empty((rows * columns, 3))
    for axis, (first, a, b) in enumerate(zip(origin, (ax, ay, az), (bx, by, bz), strict=True)):
        points[:, axis] = first + u * a + v * b
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = (nx * nx + ny * ny + nz * nz) ** 0.5
    normals = np.empty_like(points)
    normals[:] = (nx / length, ny / length, nz / length)
    coords = np.empty((rows * columns, 2))
    coords[:, 0] = u if image else u * length_u
    coords[:, 1] = v if image else v * length_v
    return Shape(points, normals, coords, grid_faces(rows, columns))


def sheet(points: Array, *, closed: bool = False, coords: Array | None = None) -> Shape:
    """A smooth sheet through a grid of points ``(R, C, 3)``; outside is d/d(row) x d/d(column).

    Args:
        points: the grid.
        closed: the last column repeats the first one (a tube).
        coords: ``(R, C, 2)`` surface coordinates; None takes lengths along the grid.
    """
    rows, columns = points.shape[:2]
    faces = grid_faces(rows, columns)
    whole = np.ascontiguousarray(points, dtype=np.float64)
    normals, length = np.empty_like(whole), np.empty((rows, columns))
    proper = np.empty(len(faces), dtype=np.bool_)
    _bend(whole, closed, normals, length)
    # A row that shrinks to a point has no tangent across: it takes the mean of the row beside it.
    for row, beside in ((0, 1), (rows - 1, rows - 2)):
        if (length[row] <= _NONE).any():
            mean = normals[beside].mean(axis=0)
            normals[row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    if coords is None:
        step_rows = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
        step_columns = np.linalg.norm(np.diff(points, axis=1), axis=2).max(axis=0)
        coords = np.empty((rows, columns, 2))
        coords[0, :, 0], coords[:, 0, 1] = 0, 0
        coords[1:, :, 0] = np.cumsum(step_rows)[:, None]
        coords[:, 1:, 1] = np.cumsum(step_columns)
    flat = whole.reshape(-1, 3)
    _proper(flat, faces, proper)
    return Shape(flat, normals.reshape(-1, 3), coords.reshape(-1, 2), faces[proper])


@_inlined
def _across(a: Array, b: Array) -> tuple[float, float, float, float]:
    """The vector product of two ``(3,)``, and its length."""
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return x, y, z, np.sqrt(x * x + y * y + z * z)


@_kernel
def _bend(points: Array, closed: bool, normals: Array, length: Array) -> None:
    """Normals of a grid of points by central differences, and their lengths before they are 1."""
    rows, columns = points.shape[:2]
    a, b = np.empty(3), np.empty(3)
    for i in range(rows):
        above, below = max(i - 1, 0), min(i + 1, rows - 1)
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, columns - 1)
            if closed and (j == 0 or j == columns - 1):
                left, right = columns - 2, 1
            for k in range(3):
                a[k] = points[below, j, k] - points[above, j, k]
                b[k] = points[i, right, k] - points[i, left, k]
                if below - above == 2:
                    a[k] /= 2
                if right - left == 2:
                    b[k] /= 2
            x, y, z, size = _across(a, b)
            length[i, j] = size
            bent = size > _NONE
            normals[i, j, 0] = x / size if bent else 0
            normals[i, j, 1] = y / size if bent else 0
            normals[i, j, 2] = z / size if bent else 0


@_kernel
def _proper(points: Array, faces: Array, proper: Array) -> None:
    """Which faces have an area."""
    a, b = np.empty(3), np.empty(3)
    for f in range(len(faces)):
        for k in range(3):
            a[k] = points[faces[f, 1], k] - points[faces[f, 0], k]
            b[k] = points[faces[f, 2], k] - points[faces[f, 0], k]
        proper[f] = _across(a, b)[3] > _LEAST_M2
