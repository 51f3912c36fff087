"""What pictures must know of a surface: plan, points, normals, open space, its right side."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster


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
    corners = mesh.triangles_m
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * np.linalg.norm(sides.astype(np.float64), axis=-1)
    wanted = area / spacing_m**2
    wanted *= min(1.0, most / max(wanted.sum(), 1.0))
    count = np.floor(wanted).astype(np.int64)
    face = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    # The R2 sequence (Roberts 2018) covers a triangle evenly for any number of points.
    a, b = (rank * 0.7548776662 + 0.5) % 1.0, (rank * 0.5698402910 + 0.5) % 1.0
    over = a + b > 1
    a, b = np.where(over, 1 - a, a)[:, None], np.where(over, 1 - b, b)[:, None]
    first, second, third = corners[face, 0], corners[face, 1], corners[face, 2]
    inner = (first + (second - first) * a + (third - first) * b).astype(np.float32)
    return np.concatenate([mesh.vertices_m, inner])


def vertex_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals ``(V, 3)``, faces weighted by area; 0 for vertices without a face."""
    corners = mesh.triangles_m
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [
            np.bincount(mesh.faces.ravel(), np.repeat(sides[:, axis], 3), len(mesh.vertices_m))
            for axis in range(3)
        ],
        axis=-1,
    )
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return np.asarray(total / np.where(length > 0, length, 1), dtype=np.float32)


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
    cells = np.floor(mesh.vertices_m / cell_m).astype(np.int64)
    cells -= cells.min(axis=0)
    axis = np.abs(normals).argmax(axis=-1)
    side = axis * 2 + (np.take_along_axis(normals, axis[:, None], axis=-1)[:, 0] < 0)
    span = cells.max(axis=0) + 1
    key = ((cells[:, 0] * span[1] + cells[:, 1]) * span[2] + cells[:, 2]) * 6 + side
    _, cluster = np.unique(key, return_inverse=True)
    cluster = cluster.ravel()
    size = np.bincount(cluster)
    clusters = len(size)
    place = np.stack(
        [np.bincount(cluster, mesh.vertices_m[:, i], clusters) / size for i in range(3)], axis=-1
    )
    normal = np.stack([np.bincount(cluster, normals[:, i], clusters) for i in range(3)], axis=-1)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    # Cosine-weighted directions on a Fibonacci spiral, in a frame about each normal.
    rank = np.arange(rays) + 0.5
    radius, angle = np.sqrt(rank / rays), rank * (math.pi * (3 - math.sqrt(5)))
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1)
    helper = np.where(np.abs(normal[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    tangent = np.cross(normal, helper)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
    frame = np.stack([tangent, np.cross(normal, tangent), normal], axis=1)
    directions = np.einsum("ri,cij->crj", local, frame).reshape(-1, 3)
    origins = np.repeat(place + normal * 0.025, rays, axis=0)
    distance = caster.cast(origins, directions).distance.reshape(clusters, rays)
    closed = np.clip(1 - distance / reach_m, 0, 1).mean(axis=-1)
    value = (1 - closed)[cluster]
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    one, other = np.concatenate([edges, edges[:, ::-1]]).T
    degree = np.bincount(one, minlength=count) + 1
    for _ in range(6):
        value = (value + np.bincount(one, value[other], count)) / degree
    return value.astype(np.float32)


def faces_inward(mesh: Mesh, caster: Raycaster, probes: int = 2000) -> bool:
    """Whether a closed shell is wound inside out: its fronts look at its own inside.

    Decided by free space: before the right side of a surface there is more of it. An open surface,
    such as a fused scan, passes as it is unless its fronts are clearly the closed side.
    """
    if not len(mesh.faces):
        return False
    chosen = np.linspace(0, len(mesh.faces) - 1, min(probes, len(mesh.faces))).astype(np.int64)
    corners = mesh.triangles_m[chosen]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    keep = length[:, 0] > 0
    normal, middle = normal[keep] / length[keep], corners[keep].mean(axis=1)
    before, after = (
        np.minimum(caster.cast(middle + normal * side * 1e-3, normal * side).distance, 1.0).mean()
        for side in (1, -1)
    )
    return bool(before < 0.5 * after)
