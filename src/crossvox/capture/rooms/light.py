"""From a furnished room to one mesh with light on every vertex.

Light is computed once a room: direct light with shadow rays, then light that surfaces throw on
each other (rays from every vertex over its hemisphere, reused for several bounces). Frames only
look it up.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.rooms import texture
from crossvox.capture.rooms.categories import RAW_IDS
from crossvox.capture.rooms.layout.room import Lamp, Room
from crossvox.capture.rooms.materials import KINDS
from crossvox.capture.rooms.shapes import rotation
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster

Array = NDArray[Any]

_kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

HEMISPHERE_RAYS = 20
"""Rays a vertex for light between surfaces."""

_PART = 1 << 14
"""Vertices whose light is gathered together."""


@dataclass(frozen=True, eq=False)
class RoomMesh:
    """All surfaces of a room in one mesh, room coordinates.

    Attributes:
        points: ``(V, 3)`` float32 metres.
        normals: ``(V, 3)`` float32.
        coords: ``(V, 2)`` float32 surface coordinates.
        faces: ``(F, 3)`` int32.
        material: ``(F,)`` int32.
        seeds: ``(F,)`` int32, makes each part's pattern its own.
        raw_label: ``(F,)`` uint16 raw category ids.
        thing: ``(F,)`` int32 object numbers.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    coords: NDArray[np.float32]
    faces: NDArray[np.int32]
    material: NDArray[np.int32]
    seeds: NDArray[np.int32]
    raw_label: NDArray[np.uint16]
    thing: NDArray[np.int32]

    @property
    def mesh(self) -> Mesh:
        """Geometry alone."""
        return Mesh(self.points, self.faces)

    @property
    def vertex_face(self) -> NDArray[np.int64]:
        """One face of each vertex, ``(V,)``."""
        owner = np.zeros(len(self.points), dtype=np.int64)
        owner[self.faces.ravel()] = np.repeat(np.arange(len(self.faces)), 3)
        return owner


def assemble(room: Room) -> RoomMesh:
    """Put all parts of a room into one mesh."""
    points, normals, coords, faces = [], [], [], []
    material: list[Array] = []
    seeds: list[Array] = []
    label: list[Array] = []
    thing: list[Array] = []
    offset = number = things = 0
    models = [(room.shell, np.zeros(3), 0.0)]
    models += [(placed.model, np.asarray(placed.at), placed.yaw) for placed in room.placed]
    for model, at, yaw in models:
        matrix = rotation(yaw)
        for part in model.parts:
            shape = part.shape
            points.append(shape.points @ matrix.T + at)
            normals.append(shape.normals @ matrix.T)
            coords.append(shape.coords)
            faces.append(shape.faces + offset)
            offset += len(shape.points)
            count = len(shape.faces)
            # A floor or wall of several pieces keeps one pattern.
            seed = part.material if model is room.shell else number
            for values, value in (
                (material, part.material),
                (seeds, seed),
                (label, RAW_IDS[part.category]),
                (thing, things + part.thing),
            ):
                values.append(np.full(count, value))
            number += 1
        things += max((part.thing for part in model.parts), default=0) + 1
    return RoomMesh(
        np.concatenate(points).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(coords).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(material).astype(np.int32),
        np.concatenate(seeds).astype(np.int32),
        np.concatenate(label).astype(np.uint16),
        np.concatenate(thing).astype(np.int32),
    )


def vertex_albedo(mesh: RoomMesh, table: Array, atlas: Array) -> NDArray[np.float32]:
    """Reflectance at every vertex, linear light, ``(V, 3)``; patterns are averaged a little."""
    owner = mesh.vertex_face
    material, seeds = mesh.material[owner], mesh.seeds[owner]
    color = np.zeros((len(mesh.points), 3), dtype=np.float32)
    share = np.full_like(color, 0.25)
    pixel_m = np.full(len(color), 0.01, dtype=np.float32)
    # Pictures lie on surfaces of their own size and are coarse enough as they are.
    shifted = (table[material, 0] != KINDS.index("image"))[:, None]
    for shift in ((0, 0), (0.007, 0.004), (-0.006, 0.008), (0.003, -0.009)):
        coords = mesh.coords + np.array(shift, dtype=np.float32) * shifted
        texture.reflect(coords, material, seeds, pixel_m, table, atlas, share, color)
    return color


@dataclass(frozen=True, eq=False)
class Surfaces:
    """What light falls on.

    Attributes:
        mesh: all surfaces of a room.
        caster: ray caster of the mesh.
        table, atlas: materials, see ``MaterialBook``.
        albedo: ``(V, 3)`` float32 reflectance of the vertices.
    """

    mesh: RoomMesh
    caster: Raycaster
    table: NDArray[np.float32]
    atlas: NDArray[np.float32]
    albedo: NDArray[np.float32]

    @classmethod
    def of(cls, room: Room, pool: Executor) -> Surfaces:
        """Those of a room; the ray caster is made by the pool meanwhile."""
        mesh = assemble(room)
        caster = pool.submit(Raycaster, mesh.mesh)
        table, atlas = room.book.table(), room.book.atlas()
        albedo = vertex_albedo(mesh, table, atlas)
        return cls(mesh, caster.result(), table, atlas, albedo)


def _smoother(mesh: RoomMesh) -> list[Any]:
    """Matrix that averages a vertex with its neighbours along edges, in parts of its rows."""
    from scipy.sparse import coo_matrix, diags

    a = np.concatenate([mesh.faces[:, i] for i in (0, 1, 2, 1, 2, 0)])
    b = np.concatenate([mesh.faces[:, i] for i in (1, 2, 0, 0, 1, 2)])
    count = len(mesh.points)
    near = coo_matrix((np.ones(len(a), np.float32), (a, b)), shape=(count, count)).tocsr()
    degree = np.maximum(np.asarray(near.sum(axis=1)).ravel(), 1)
    half = diags((0.5 / degree).astype(np.float32)) @ near
    whole = (half + diags(np.full(count, 0.5, np.float32))).astype(np.float32).tocsr()
    return [whole[start : start + _PART] for start in range(0, count, _PART)]


def bake(
    room: Room, surfaces: Surfaces, rng: np.random.Generator, pool: Executor
) -> NDArray[np.float32]:
    """Light that arrives at every vertex, ``(V, 3)`` float32 linear.

    Args:
        room: for its lamps.
        surfaces: of the room.
        rng: source of chance.
        pool: threads to use.
    """
    mesh, caster = surfaces.mesh, surfaces.caster
    starts = mesh.points + 0.004 * mesh.normals
    tasks = [(lamp, rng.spawn(1)[0]) for lamp in room.lamps for _ in range(3 if lamp.spread else 2)]
    share = [1 / (3 if lamp.spread else 2) for lamp, _ in tasks]
    smoother = pool.submit(_smoother, mesh)
    parts = pool.map(lambda task: _direct(task[0], starts, mesh.normals, caster, task[1]), tasks)
    seeds = rng.spawn(HEMISPHERE_RAYS)
    hits = pool.map(
        lambda task: _hemisphere(task[0], task[1], starts, mesh, caster), enumerate(seeds)
    )
    direct = np.zeros((len(mesh.points), 3), dtype=np.float32)
    for part, weight in zip(parts, share, strict=True):
        direct += np.float32(weight) * part
    return _bounced(room, surfaces, direct, smoother.result(), list(hits), pool)


def _bounced(
    room: Room,
    surfaces: Surfaces,
    direct: NDArray[np.float32],
    smoother: list[Any],
    hits: list[tuple[NDArray[np.int32], NDArray[np.float32]]],
    pool: Executor,
) -> NDArray[np.float32]:
    """Direct light and what surfaces throw on each other, ``(V, 3)``.

    Args:
        room, surfaces: see :func:`bake`.
        direct: ``(V, 3)`` light of the lamps, not smooth yet.
        smoother: see :func:`_smoother`.
        hits: face and distance that each ray of a vertex meets, ``(V,)``, ray by ray.
        pool: threads to use.
    """
    faces, albedo = surfaces.mesh.faces, surfaces.albedo
    glow = surfaces.table[surfaces.mesh.material, 12]
    emitted = np.minimum(glow, 0.8)[:, None] * albedo[faces[:, 0]]

    def smoothed(light: NDArray[np.float32], times: int) -> NDArray[np.float32]:
        for _ in range(times):
            light = np.concatenate(list(pool.map(lambda rows, now=light: rows @ now, smoother)))
        return light

    direct = smoothed(direct, 3)
    indirect = np.full((len(direct), 3), room.ambient, dtype=np.float32)
    # Per face, so that a bounce is one look-up a ray; the last entry is "nothing seen".
    radiance = np.zeros((len(faces) + 1, 3), dtype=np.float32)
    gathered = np.empty((len(direct), 3), dtype=np.float32)

    def throw(start: int) -> None:
        part = slice(start, min(start + _PART, len(faces)))
        radiance[part] = thrown[faces[part]].mean(axis=1) + emitted[part]

    def gather(start: int) -> None:
        part = slice(start, start + _PART)
        gathered[part] = 0
        for face, distance in hits:
            _gather(face[part], distance[part], radiance, room.ambient, gathered[part])

    for _ in range(3):
        thrown = albedo * (direct + indirect)
        list(pool.map(throw, range(0, len(faces), _PART)))
        list(pool.map(gather, range(0, len(direct), _PART)))
        indirect = smoothed(gathered / np.float32(len(hits)), 5)
    return np.maximum(direct + smoothed(indirect, 1), 0.0).astype(np.float32)


def _direct(
    lamp: Lamp, starts: Array, normals: Array, caster: Raycaster, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Light of one lamp, a random point of it for every vertex."""
    count = len(starts)
    at = np.asarray(lamp.at, dtype=np.float32)
    if lamp.spread is not None:
        u, v = np.asarray(lamp.spread, dtype=np.float32)
        draw = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
        at = at + draw[:, :1] * u + draw[:, 1:] * v
    else:
        at = at + 0.06 * rng.standard_normal((count, 3), dtype=np.float32)
    towards = at - starts
    distance = np.linalg.norm(towards, axis=1)
    cosine = np.einsum("ij,ij->i", towards, normals) / np.maximum(distance, 1e-6)
    power = lamp.power / (distance**2 + 0.05)
    if lamp.facing is not None:
        facing = np.asarray(lamp.facing, dtype=np.float32)
        power = power * np.maximum(-(towards @ facing) / np.maximum(distance, 1e-6), 0)
    lit = np.flatnonzero((cosine > 0) & (power > 0))
    # Distances come in units of the way to the lamp; the lamp's own shade does not count.
    hits = caster.cast(starts[lit], towards[lit], far=1.0)
    open_way = hits.distance * distance[lit] > distance[lit] - lamp.radius_m
    level = np.zeros(count, dtype=np.float32)
    level[lit] = np.where(open_way, power[lit] * cosine[lit], 0)
    return level[:, None] * np.asarray(lamp.color, dtype=np.float32)


def _hemisphere(
    number: int, rng: np.random.Generator, starts: Array, mesh: RoomMesh, caster: Raycaster
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Face (or -1) and distance of one cosine-weighted ray from each vertex."""
    count = len(starts)
    # Stratified over the rays of a vertex, random from vertex to vertex.
    radius = np.sqrt((number + rng.random(count, dtype=np.float32)) / HEMISPHERE_RAYS)
    angle = 2 * np.pi * (number * 0.618034 + rng.random(count, dtype=np.float32))
    n = mesh.normals
    way = np.empty_like(n)
    _lean(n, radius, angle.astype(np.float32), way)
    hits = caster.cast(starts, way)
    face, distance = hits.face, hits.distance
    _from_behind(face, distance, way, mesh.faces, n)
    return face, distance


@_kernel
def _lean(normals: Array, radius: Array, angle: Array, way: Array) -> None:
    """Directions that lean from each normal by a radius (sine) towards an angle, ``(V, 3)``."""
    for i in range(len(normals)):
        x, y, z = normals[i, 0], normals[i, 1], normals[i, 2]
        # Two directions across the normal.
        if abs(z) < 0.9:
            ax, ay, az = y, -x, np.float32(0)
        else:
            ax, ay, az = np.float32(0), z, -y
        length = max(np.sqrt(ax * ax + ay * ay + az * az), np.float32(1e-6))
        ax, ay, az = ax / length, ay / length, az / length
        bx, by, bz = y * az - z * ay, z * ax - x * az, x * ay - y * ax
        p, q = radius[i] * np.cos(angle[i]), radius[i] * np.sin(angle[i])
        up = np.sqrt(max(1 - radius[i] * radius[i], np.float32(0)))
        way[i, 0] = ax * p + bx * q + x * up
        way[i, 1] = ay * p + by * q + y * up
        way[i, 2] = az * p + bz * q + z * up


@_kernel
def _from_behind(face: Array, distance: Array, way: Array, faces: Array, normals: Array) -> None:
    """Take away hits from behind: the inside of a body, no light comes from there.

    Their face becomes -1 and their distance 0; where nothing was hit, the distance becomes 10.
    """
    for i in range(len(face)):
        if face[i] < 0:
            distance[i] = 10.0
            continue
        a = faces[face[i], 0]
        cosine = normals[a, 0] * way[i, 0] + normals[a, 1] * way[i, 1] + normals[a, 2] * way[i, 2]
        if cosine > 0.1:
            face[i], distance[i] = -1, 0.0


@_kernel
def _gather(face: Array, distance: Array, radiance: Array, ambient: float, gathered: Array) -> None:
    """Add what one ray of each vertex brings, to ``gathered (V, 3)``."""
    last = len(radiance) - 1
    for i in range(len(face)):
        f = face[i] if face[i] >= 0 else last
        # Light from nowhere reaches open places more than narrow ones.
        open_to = ambient * min(distance[i] / 0.8, 1.0)
        for k in range(3):
            gathered[i, k] += radiance[f, k] + open_to
