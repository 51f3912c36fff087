"""Make a mesh coarser by merging the vertices of a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import face_areas
from crossvox.report.pictures import kernels
from crossvox.report.pictures.surface import (
    cluster_mean,
    cluster_vertices,
    vertex_normals,
)

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Merged:
    """A mesh made coarser, and where its parts come from.

    Attributes:
        mesh: the coarse mesh; colours are mean ones; label, completed and confidence are the
            first vertex's.
        vertex: ``(V,)`` int64, coarse vertex of each vertex of the original.
        face: ``(F',)`` int64, the original face that each coarse face was.
    """

    mesh: Mesh
    vertex: NDArray[np.int64]
    face: NDArray[np.int64]


def merge(mesh: Mesh, max_faces: int) -> Merged:
    """Merge the vertices of a cell until no more than ``max_faces`` are left.

    A merged vertex takes the mean place and colour, and all else of the first; faces that collapse
    go. What must not mix, as classes, is looked up at the original face of each face that is left.

    Raises:
        ParamsError: ``max_faces`` is not positive.
    """
    expect(
        max_faces > 0,
        given=f"max_faces={max_faces}",
        needed="a positive number of triangles",
        do="pass for example 50000",
        error=ParamsError,
    )
    if len(mesh.faces) <= max_faces:
        return Merged(mesh, np.arange(len(mesh.vertices_m)), np.arange(len(mesh.faces)))
    area = float(face_areas(mesh).sum())
    extent = float(np.ptp(mesh.vertices_m, axis=0).max())
    cell_m = max(math.sqrt(1.2 * area / max_faces), extent * 1e-4)
    low = mesh.vertices_m.min(axis=0)
    normals = vertex_normals(mesh)
    while True:
        cluster, first = cluster_vertices(mesh, normals, cell_m, low)
        faces, chosen = kernels.distinct_faces(mesh.faces, cluster, len(first))
        if len(faces) <= max_faces:
            break
        cell_m *= max(1.05, math.sqrt(len(faces) / max_faces))
    place = cluster_mean(mesh.vertices_m, cluster).astype(np.float32)
    values = {name: value[first] for name, value in mesh.by_vertex.items()}
    if mesh.colors is not None:
        values["colors"] = np.round(cluster_mean(mesh.colors, cluster)).astype(np.uint8)
    coarse = Mesh(place, faces, **values)
    return Merged(coarse, cluster, chosen)
