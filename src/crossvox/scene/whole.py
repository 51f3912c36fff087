"""The complete surface of a room as a field of signed distances: what completion learns from.

A mesh of a room is no closed body: furniture stands in walls and in other furniture, and plates
have two sides. What counts is therefore what can be seen from free space. Beginning where the
cameras were, eyes are put anywhere along free rays, and more where those see, until they look under
tables and behind chairs; all that they see is the surface, and its free side is where it is seen
from.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster

Array = NDArray[Any]

_SIDE = 37
"""An eye looks through so many by so many places of each face of a cube: 4 cm apart at 1 m."""

_EYES = 150
"""Eyes of each of the generations after the cameras."""

_GENERATIONS = 3
_EYE_CELL_M = 0.3
"""Of all places where an eye could be, one in each cell of this size may be drawn."""

_POINT_CELL_M = 0.01
"""Visible points are thinned to one in each cell of this size and each side."""

_LEAST_SURROUNDED = 0.75
"""Of the rays of an eye in a room so many meet something; of one outside less than half do."""

_SIDES = 4
"""Nearest points that are asked for the side that a voxel lies on."""

_TIE_M = 0.003
"""Points that are no more than this further away are as near as the nearest."""


@dataclass(frozen=True, eq=False)
class VisibleSurface:
    """Points on all that can be seen of a room from its free space.

    Attributes:
        points_m: ``(N, 3)`` float32 world metres.
        normals: ``(N, 3)`` float32 unit length, towards where they are seen from.
        eyes_m: ``(E, 3)`` places in free space that they were seen from.
    """

    points_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    eyes_m: NDArray[np.float32]


def visible_surface(mesh: Mesh, cameras_m: Array, seed: int = 0) -> VisibleSurface:
    """Look at a room from everywhere that is free.

    Args:
        mesh: the complete room, world metres; faces are seen from both sides.
        cameras_m: ``(C, 3)`` places in free space to begin from.
        seed: of the places and directions.

    Raises:
        ShapeError: there is no camera, or no face, or all cameras stand outside.
    """
    cameras_m = np.asarray(cameras_m, np.float32)
    expect(
        len(cameras_m) > 0 and len(mesh.faces) > 0,
        given=f"{len(cameras_m)} cameras and {len(mesh.faces)} faces",
        needed="a mesh, and at least one place in free space",
        do="check the mesh and the poses",
        error=ShapeError,
    )
    rng = np.random.default_rng(seed)
    caster = Raycaster(mesh)
    a, b, c = (mesh.vertices_m[mesh.faces[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    eyes = _thinned(cameras_m, _EYE_CELL_M, rng, _EYES)
    all_eyes, points, normals = [], [], []
    cube = _cube_rays()

    def look(eye: Array, turn: Array) -> tuple[Array, Array, Array] | None:
        """What an eye sees: distances, rays, and normals towards it; None outside of the room."""
        rays = (cube @ turn).astype(np.float32)
        hits = caster.cast(eye[None], rays, coherent=True)
        hit = np.isfinite(hits.distance)
        if hit.mean() < _LEAST_SURROUNDED:
            return None
        ray, facing = rays[hit], normal[hits.face[hit]]
        facing = facing * -np.sign((facing * ray).sum(axis=1, keepdims=True))
        return hits.distance[hit, None], ray, facing.astype(np.float32)

    for generation in range(_GENERATIONS):
        turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in eyes]
        with ThreadPoolExecutor(threads()) as pool:
            seen = list(pool.map(look, eyes, turns))
        reached = []
        for eye, view in zip(eyes, seen, strict=True):
            if view is None:
                continue
            distance, ray, facing = view
            points.append(eye + distance * ray)
            normals.append(facing)
            along = distance * rng.uniform(0.1, 0.95, distance.shape).astype(np.float32)
            far_enough = (distance - along)[:, 0] > 0.03
            reached.append((eye + along * ray)[far_enough][::8])
        all_eyes.append(eyes)
        expect(
            len(reached) > 0,
            given="cameras that all stand outside of the room",
            needed="at least one within its walls",
            do="check that mesh and poses are of one world",
            error=ShapeError,
        )
        if generation < _GENERATIONS - 1:
            eyes = _thinned(np.concatenate(reached), _EYE_CELL_M, rng, _EYES)
    found, facing = np.concatenate(points), np.concatenate(normals)
    # Which of two sides: any direction tells them apart that few surfaces contain.
    side = facing @ np.array([1.0, 2.3, 5.1], np.float32) > 0
    _, first = np.unique(_cells(found, _POINT_CELL_M) * 2 + side, return_index=True)
    return VisibleSurface(found[first], facing[first], np.concatenate(all_eyes))


def _cube_rays() -> NDArray[np.float64]:
    """Unit rays through the faces of a cube, row by row: neighbours in the list are neighbours."""
    at = (np.arange(_SIDE) + 0.5) / _SIDE * 2 - 1
    u, v = (axis.ravel() for axis in np.meshgrid(at, at, indexing="ij"))
    one = np.ones_like(u)
    faces = [np.roll(np.stack([sign * one, u, v], 1), axis, 1) for axis in range(3)
             for sign in (1, -1)]  # fmt: skip
    rays = np.concatenate(faces)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _thinned(places: Array, cell_m: float, rng: np.random.Generator, most: int) -> Array:
    """At most ``most`` of these places, no two in one cell."""
    order = rng.permutation(len(places))
    _, first = np.unique(_cells(places[order], cell_m), return_index=True)
    return np.asarray(places[order[rng.permutation(first)[:most]]])


def _cells(points_m: Array, cell_m: float) -> NDArray[np.int64]:
    """One number a cell."""
    cells = np.floor(points_m / cell_m).astype(np.int64)
    cells -= cells.min(axis=0)
    size = cells.max(axis=0) + 1
    return np.asarray((cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2])


def signed_distance(surface: VisibleSurface, grid: VoxelGrid, band_m: float) -> NDArray[np.float32]:
    """Signed distance of every voxel's centre to a visible surface.

    Args:
        surface: what can be seen of the room.
        grid: where the voxels are.
        band_m: distances are cut off at this.

    Returns:
        ``(X, Y, Z)`` float32 in units of the band, from -1 (solid, or outside of the room) to 1
        (free).
    """
    x, y, z = (np.arange(n, dtype=np.float32) for n in grid.shape)
    at = np.stack(np.meshgrid(x, y, z, indexing="ij"), -1).reshape(-1, 3)
    centres = grid.to_world(at).astype(np.float32)
    tree = cKDTree(surface.points_m, balanced_tree=False, compact_nodes=False)
    distance, number = tree.query(centres, _SIDES, distance_upper_bound=band_m, workers=threads())
    near = np.isfinite(distance[:, 0])
    value = np.zeros(len(centres), np.float32)
    some = np.where(np.isfinite(distance[near]), number[near], number[near, :1])
    offset = centres[near, None] - surface.points_m[some]
    in_front = (offset * surface.normals[some]).sum(axis=2) > 0
    as_near = distance[near] <= distance[near, :1] + _TIE_M
    positive = (in_front & as_near).any(axis=1)
    plane = np.abs((offset[:, 0] * surface.normals[some[:, 0]]).sum(axis=1))
    # A sample lies up to half a cell beside the nearest place of the surface itself.
    beside = np.linalg.norm(offset[:, 0] - plane[:, None] * surface.normals[some[:, 0]], axis=1)
    size = np.where(beside < 1.5 * _POINT_CELL_M, plane, distance[near, 0])
    value[near] = np.where(positive, size, -size) / band_m
    value = value.reshape(grid.shape)
    near = near.reshape(grid.shape)
    # Beyond the band a region is free if the surface around it shows it its free side.
    parts, count = ndimage.label(~near)
    around = ndimage.grey_dilation(parts, footprint=ndimage.generate_binary_structure(3, 1))
    border = near & (around > 0)
    votes = np.bincount(around[border], np.sign(value[border]), minlength=count + 1)
    value[~near] = np.where(votes > 0, 1, -1)[parts[~near]]
    return value
