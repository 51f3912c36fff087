"""Areas, normals and edges of a mesh's vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh

Array = NDArray[Any]

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True, eq=False)
class Surface:
    """A labelled mesh, vertex by vertex.

    Attributes:
        points: ``(V, 3)`` float64 metres, z up.
        faces: ``(F, 3)`` int32.
        area: ``(V,)`` float64 m2, a third of each face of a vertex.
        normals: ``(V, 3)`` float64 unit vectors; 0 where a vertex has no face.
        labels: ``(V,)`` int64 NYU40 ids, 0 = unknown.
        sure: ``(V,)`` float64, how sure the label is; 1 where nobody tells.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int32]
    area: NDArray[np.float64]
    normals: NDArray[np.float64]
    labels: NDArray[np.int64]
    sure: NDArray[np.float64]


def surface_of(mesh: Mesh) -> Surface:
    """Areas and normals of a mesh; labels that are none of NYU40's are unknown."""
    points = np.ascontiguousarray(mesh.vertices_m, dtype=np.float64)
    area, normals = _areas(points, np.ascontiguousarray(mesh.faces, dtype=np.int32))
    count = len(points)
    labels = np.zeros(count, np.int64) if mesh.labels is None else mesh.labels.astype(np.int64)
    sure = mesh.label_confidence
    return Surface(
        points,
        np.ascontiguousarray(mesh.faces, dtype=np.int32),
        area,
        normals,
        np.where(labels < len(NYU40.names), labels, 0),
        np.ones(count) if sure is None else sure.astype(np.float64),
    )


@_kernel
def _areas(points: Array, faces: Array) -> tuple[Array, Array]:
    area = np.zeros(len(points))
    normals = np.zeros((len(points), 3))
    for f in range(len(faces)):
        i, j, k = faces[f]
        ax = points[j, 0] - points[i, 0]
        ay = points[j, 1] - points[i, 1]
        az = points[j, 2] - points[i, 2]
        bx = points[k, 0] - points[i, 0]
        by = points[k, 1] - points[i, 1]
        bz = points[k, 2] - points[i, 2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        third = np.sqrt(x * x + y * y + z * z) / 6
        for corner in (i, j, k):
            area[corner] += third
            normals[corner, 0] += x
            normals[corner, 1] += y
            normals[corner, 2] += z
    for v in range(len(points)):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        if length > 0:
            for axis in range(3):
                normals[v, axis] /= length
    return area, normals
