"""What pictures must know of a surface: plan, points, normals, open space, its right side."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster
from crossvox.metrics.areas import face_areas
from crossvox.report.pictures import kernels

_MOST_KINDS = 1 << 24
"""Up to so many possible cells are numbered by a table, more of them by sorting."""


class Surface:
    """A mesh and what pictures must know of it: each is worked out once, when it is asked for.

    Args:
        mesh: any; its colours do not matter.

    Attributes:
        given: the mesh as it came.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.given = mesh

    @cached_property
    def caster(self) -> Raycaster:
        """For ray queries."""
        return Raycaster(self.given)

    @cached_property
    def turned(self) -> bool:
        """Whether its fronts looked inward, see :func:`faces_inward`."""
        return faces_inward(self.given, self.caster)

    @cached_property
    def mesh(self) -> Mesh:
        """The mesh, fronts to the free side."""
        given = self.given
        return replace(given, faces=given.faces[:, ::-1].copy()) if self.turned else given

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """See :func:`vertex_normals`."""
        return vertex_normals(self.mesh)

    @cached_property
    def occlusion(self) -> NDArray[np.float32]:
        """See :func:`vertex_occlusion`."""
        return vertex_occlusion(self.mesh, self.caster)


class Surfaces:
    """Surfaces by their arrays: the same one in other colours is the same."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], tuple[Mesh, Surface]] = {}

    def of(self, mesh: Mesh) -> Surface:
        """What is known of a mesh."""
        key = (id(mesh.vertices_m), id(mesh.faces))
        # The mesh is kept with it, so that no other one gets its numbers. Several threads may ask:
        # all get the first one's.
        return self._found.setdefault(key, (mesh, Surface(mesh)))[1]


def footprint(mesh: Mesh, cell_m: float) -> tuple[NDArray[np.bool_], tuple[float, float]]:
    """Columns of the plan that the surface stands in.

    Returns:
        ``(X, Y)`` bool and the world ``x, y`` of the low corner of column ``(0, 0)``.

    Raises:
        ShapeError: the mesh is empty.
    """
    points = surface_points(mesh, cell_m / 2)[:, :2].astype(np.float64)
    expect(
        len(points) > 0,
        given="a mesh without vertices",
        needed="a surface",
        do="check that the scene's mesh is not empty",
        error=ShapeError,
    )
    low = np.floor(points.min(axis=0) / cell_m) * cell_m
    cells = np.floor((points - low) / cell_m + 1e-9).astype(np.int64)
    plan = np.zeros(tuple((cells.max(axis=0) + 1).tolist()), dtype=bool)
    plan[cells[:, 0], cells[:, 1]] = True
    return plan, (float(low[0]), float(low[1]))


def surface_points(mesh: Mesh, spacing_m: float, most: int = 400_000) -> NDArray[np.float32]:
    """Points on a surface: its vertices, and more where faces are larger than ``spacing_m``.

    The same mesh gives the same points. No more than about ``most`` are added to the vertices.
    """
    if not len(mesh.faces):
        return mesh.vertices_m
    area = face_areas(mesh)
    wanted = area / spacing_m**2
    wanted *= min(1.0, most / max(wanted.sum(), 1.0))
    count = np.floor(wanted).astype(np.int64)
    face = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    # The R2 sequence (Roberts 2018) covers a triangle evenly for any number of points.
    a, b = (rank * 0.7548776662 + 0.5) % 1.0, (rank * 0.5698402910 + 0.5) % 1.0
    over = a + b > 1
    a, b = np.where(over, 1 - a, a)[:, None], np.where(over, 1 - b, b)[:, None]
    first, second, third = (mesh.vertices_m[corner] for corner in mesh.faces[face].T)
    inner = (first + (second - first) * a + (third - first) * b).astype(np.float32)
    return np.concatenate([mesh.vertices_m, inner])


def vertex_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals ``(V, 3)``, faces weighted by area; 0 for vertices without a face."""
    return kernels.normals(
        np.ascontiguousarray(mesh.vertices_m, dtype=np.float32), np.ascontiguousarray(mesh.faces)
    )


def cluster_vertices(
    mesh: Mesh, normals: NDArray[np.float32], cell_m: float, corner_m: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put vertices together that share a cell and whose normals look nearly the same way.

    The two sides of a thin wall stay two.

    Args:
        mesh: the surface.
        normals: of its vertices, see :func:`vertex_normals`.
        cell_m: edge of a cell.
        corner_m: where cells begin.

    Returns:
        Cluster of each vertex ``(V,)``, and the first vertex of each cluster ``(C,)``.
    """
    key, kinds = kernels.cell_keys(mesh.vertices_m, normals, np.float32(cell_m), corner_m)
    if kinds <= _MOST_KINDS:
        cluster, first = kernels.numbered(key, kinds)
        return cluster, first
    _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
    return cluster.ravel(), first


def cluster_mean(values: NDArray[Any], cluster: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of ``(V, 3)`` values by cluster: ``(C, 3)``."""
    return kernels.means(np.ascontiguousarray(values), cluster)


def vertex_occlusion(
    mesh: Mesh, caster: Raycaster, *, rays: int = 20, reach_m: float = 0.6, cell_m: float = 0.07
) -> NDArray[np.float32]:
    """How much open space each vertex sees in front of it, ``(V,)`` from 0 (closed) to 1 (open).

    Computed for clusters of vertices with like normals and smoothed over the surface: corners and
    the ground below furniture get soft shadows, which is what makes a grey shape readable.
    """
    count = len(mesh.vertices_m)
    if not len(mesh.faces):
        return np.ones(count, dtype=np.float32)
    normals = vertex_normals(mesh)
    cluster, _ = cluster_vertices(mesh, normals, cell_m, np.zeros(3, np.float32))
    place, normal = cluster_mean(mesh.vertices_m, cluster), cluster_mean(normals, cluster)
    # Cosine-weighted directions on a Fibonacci spiral, in a frame about each normal.
    rank = np.arange(rays) + 0.5
    radius, angle = np.sqrt(rank / rays), rank * (math.pi * (3 - math.sqrt(5)))
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1)
    origins, directions = kernels.rays_about(place, normal, local, 0.025)
    distance = caster.cast(origins, directions, far=reach_m).distance
    return kernels.smoothed(kernels.openness(distance, rays, reach_m), cluster, mesh.faces, 6)


def faces_inward(mesh: Mesh, caster: Raycaster, probes: int = 2000) -> bool:
    """Whether a closed shell is wound inside out: its fronts look at its own inside.

    Decided by free space: before the right side of a surface there is more of it. An open surface,
    such as a fused scan, passes as it is unless its fronts are clearly the closed side.
    """
    if not len(mesh.faces):
        return False
    chosen = np.linspace(0, len(mesh.faces) - 1, min(probes, len(mesh.faces))).astype(np.int64)
    corners = mesh.vertices_m[mesh.faces[chosen]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    keep = length[:, 0] > 0
    normal, middle = normal[keep] / length[keep], corners[keep].mean(axis=1)
    before, after = (
        np.minimum(
            caster.cast(middle + normal * side * 1e-3, normal * side, far=1.0).distance, 1.0
        ).mean()
        for side in (1, -1)
    )
    return bool(before < 0.5 * after)
