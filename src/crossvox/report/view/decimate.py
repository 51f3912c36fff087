"""Make a mesh coarser by merging the vertices of a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Mesh
from crossvox.report.pictures.surface import cluster_mean, cluster_vertices, vertex_normals

if TYPE_CHECKING:
    pass

Array = NDArray[Any]

_MOST_VERTICES = 1 << 21
"""Three numbers up to this fit into one of 63 bits."""


@dataclass(frozen=True, eq=False)
class Merged:
    """A mesh made coarser, and where its parts come from.

    Attributes:
        mesh: the coarse mesh; colours are mean ones, the label is the first vertex's.
        vertex: ``(V,)`` int64, coarse vertex of each vertex of the original.
        face: ``(F',)`` int64, the original face that each coarse face was.
    """

    mesh: Mesh
    vertex: NDArray[np.int64]
    face: NDArray[np.int64]


def thin(mesh: Mesh, max_faces: int) -> Mesh:
    """Make a mesh coarser until it has no more than ``max_faces``: see :func:`merge`.

    The mesh itself is returned if it is small enough.

    Raises:
        ParamsError: ``max_faces`` is not positive.
    """
    return merge(mesh, max_faces).mesh


def merge(mesh: Mesh, max_faces: int) -> Merged:
    """Merge the vertices of a cell until no more than ``max_faces`` are left.

    A merged vertex takes the mean place and colour and the label of the first; faces that collapse
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
    corners = mesh.triangles_m.astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * float(np.linalg.norm(sides, axis=-1).sum())
    extent = float(np.ptp(mesh.vertices_m, axis=0).max())
    cell_m = max(math.sqrt(1.2 * area / max_faces), extent * 1e-4)
    low = mesh.vertices_m.min(axis=0)
    normals = vertex_normals(mesh)
    while True:
        cluster, first = cluster_vertices(mesh, normals, cell_m, low)
        faces, chosen = distinct_faces(cluster[mesh.faces], len(first))
        if len(faces) <= max_faces:
            break
        cell_m *= max(1.05, math.sqrt(len(faces) / max_faces))
    place = cluster_mean(mesh.vertices_m, cluster).astype(np.float32)
    colors = None
    if mesh.colors is not None:
        colors = np.round(cluster_mean(mesh.colors, cluster)).astype(np.uint8)
    labels = None if mesh.labels is None else mesh.labels[first]
    coarse = Mesh(place, faces.astype(np.int32), colors, labels)
    return Merged(coarse, cluster, chosen)


def distinct_faces(
    faces: NDArray[np.int64], vertices: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Faces that have not collapsed; those on the same corners in the same order are one.

    Args:
        faces: ``(F, 3)``.
        vertices: how many there are.

    Returns:
        The faces by their corners, the lowest corner first, and which of ``faces`` each was first.
    """
    a, b, c = faces.T
    kept = np.flatnonzero((a != b) & (b != c) & (c != a))
    faces = faces[kept]
    shift = faces.argmin(axis=-1)[:, None]
    turned = np.take_along_axis(faces, (np.arange(3) + shift) % 3, -1)
    if vertices > _MOST_VERTICES:
        found, chosen = np.unique(turned, axis=0, return_index=True)
        return found, kept[chosen]
    one = (turned[:, 0] * vertices + turned[:, 1]) * vertices + turned[:, 2]
    _, chosen = np.unique(one, return_index=True)
    return turned[chosen], kept[chosen]
