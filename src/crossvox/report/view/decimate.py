"""Make a mesh coarser by merging the vertices of a cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Mesh
from crossvox.report.pictures.surface import vertex_normals

if TYPE_CHECKING:
    pass

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


def thin(mesh: Mesh, max_faces: int) -> Mesh:
    """Make a mesh coarser until it has no more than ``max_faces``: see :func:`merge`.

    The mesh itself is returned if it is small enough.

    Raises:
        ParamsError: ``max_faces`` is not positive.
    """
    return merge(mesh, max_faces).mesh


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
    corners = mesh.triangles_m.astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * float(np.linalg.norm(sides, axis=-1).sum())
    extent = float(np.ptp(mesh.vertices_m, axis=0).max())
    cell_m = max(math.sqrt(1.2 * area / max_faces), extent * 1e-4)
    low = mesh.vertices_m.min(axis=0)
    # The two sides of a thin wall must not melt into one that faces either way.
    normals = vertex_normals(mesh)
    axis = np.abs(normals).argmax(axis=-1)
    side = axis * 2 + (np.take_along_axis(normals, axis[:, None], axis=-1)[:, 0] < 0)
    while True:
        cells = np.floor((mesh.vertices_m - low) / cell_m).astype(np.int64)
        span = cells.max(axis=0) + 1
        key = ((cells[:, 0] * span[1] + cells[:, 1]) * span[2] + cells[:, 2]) * 6 + side
        _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
        faces = cluster.ravel()[mesh.faces]
        a, b, c = faces.T
        kept = np.flatnonzero((a != b) & (b != c) & (c != a))
        faces = faces[kept]
        # Faces on the same three corners in the same order show as one.
        shift = faces.argmin(axis=-1)[:, None]
        turned = np.take_along_axis(faces, (np.arange(3) + shift) % 3, -1)
        faces, chosen = np.unique(turned, axis=0, return_index=True)
        if len(faces) <= max_faces:
            break
        cell_m *= max(1.05, math.sqrt(len(faces) / max_faces))
    cluster = cluster.ravel()
    place = cluster_mean(mesh.vertices_m, cluster).astype(np.float32)
    colors = None
    if mesh.colors is not None:
        colors = np.round(cluster_mean(mesh.colors, cluster)).astype(np.uint8)
    labels = None if mesh.labels is None else mesh.labels[first]
    completed = None if mesh.completed is None else mesh.completed[first]
    confidence = None if mesh.confidence is None else mesh.confidence[first]
    coarse = Mesh(place, faces.astype(np.int32), colors, labels, completed, confidence)
    return Merged(coarse, cluster, kept[chosen])


def cluster_mean(values: Array, cluster: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of ``(V, 3)`` values by cluster: ``(C, 3)``."""
    size = np.bincount(cluster)
    sums = [np.bincount(cluster, values[:, i], len(size)) for i in range(3)]
    return np.stack(sums, axis=-1) / size[:, None]
