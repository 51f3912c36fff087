"""Rendered pictures of meshes: shading, cut-away views, errors in colour, depth in colour.

Ray casting only, no graphics card and no window: the same picture on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, Size, pixel_rays, project
from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Hits, Raycaster

Array = NDArray[Any]
Color = tuple[int, int, int]

CLAY: Color = (206, 202, 194)
"""Colour of surfaces that have none of their own."""

BACK: Color = (104, 116, 138)
"""Tint of surfaces seen from behind."""

BACKGROUND: Color = (246, 247, 249)
"""Behind the mesh where a picture must be opaque."""

NOTHING: Color = (70, 74, 82)
"""Depth pixels without a reading."""


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
        return _entry(
            np.ascontiguousarray(origins_m, dtype=np.float32),
            np.ascontiguousarray(directions, dtype=np.float32),
            self.depth_m,
            np.float32(self.cell_m),
            np.array(self.corner_m, dtype=np.float32),
            np.float32(self.floor_m),
            np.float32(self.top_m),
        )


@njit(cache=True, nogil=True)
def _entry(origins, directions, depth_m, cell_m, corner_m, floor_m, top_m):  # type: ignore[no-untyped-def]
    """March each ray down from ``top_m``; the plan's distances tell how far a step may go."""
    count = len(origins)
    entry = np.full(count, np.inf, dtype=np.float32)
    columns, rows = depth_m.shape
    for ray in range(count):
        x, y, z = origins[ray]
        dx, dy, dz = directions[ray]
        begin = np.float32(0.0)
        if z > top_m:
            if dz >= 0:
                continue
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
                entry[ray] = distance
                break
            distance += max(max(-depth, beyond), np.float32(0.004)) * np.float32(0.9) / speed
    return entry


@dataclass(frozen=True, eq=False)
class View:
    """A point of view: camera, pose and, for cut-away pictures, the space to look into."""

    name: str
    camera: Intrinsics
    pose: Pose
    interior: Interior | None = None


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


@dataclass(frozen=True, eq=False)
class Rays:
    """The rays of a picture, several a pixel; shared by all meshes that are seen from there.

    Attributes:
        camera: of the finished picture.
        supersample: rays a pixel along each axis.
        origins_m, directions: ``(R, 3)`` float32; directions are scaled to z = 1.
        pixel: ``(R,)`` int64, row-major number in the picture before it is scaled down. Rays that
            never enter the interior are left out.
    """

    camera: Intrinsics
    supersample: int
    origins_m: NDArray[np.float32]
    directions: NDArray[np.float32]
    pixel: NDArray[np.int64]

    @classmethod
    def through(
        cls,
        camera: Intrinsics,
        pose: Pose,
        interior: Interior | None = None,
        supersample: int = 2,
    ) -> Rays:
        """The rays of a view, beginning where the interior begins."""
        fine = camera.resized((camera.width * supersample, camera.height * supersample))
        rotation = pose.world_from_camera[:3, :3].astype(np.float32)
        directions = pixel_rays(fine).reshape(-1, 3).astype(np.float32) @ rotation.T
        origin = pose.position_m.astype(np.float32)
        if interior is None:
            origins = np.broadcast_to(origin, directions.shape)
            return cls(camera, supersample, origins, directions, np.arange(len(directions)))
        entry = interior.entry(np.broadcast_to(origin, directions.shape), directions)
        pixel = np.flatnonzero(np.isfinite(entry))
        directions = directions[pixel]
        origins = origin + directions * entry[pixel, None]
        return cls(camera, supersample, origins, directions, pixel)


class Painter:
    """A mesh, ready to be painted from any point of view.

    Args:
        mesh: what to paint; vertex colours are used if it has any.
        occlusion: whether to compute soft shadows (see :func:`vertex_occlusion`).
    """

    def __init__(self, mesh: Mesh, *, occlusion: bool = True) -> None:
        caster = Raycaster(mesh)
        if faces_inward(mesh, caster):
            mesh = Mesh(mesh.vertices_m, mesh.faces[:, ::-1].copy(), mesh.colors, mesh.labels)
            caster = Raycaster(mesh)
        self.mesh = mesh
        self.caster = caster
        self._normals = vertex_normals(mesh)
        self.occlusion = (
            vertex_occlusion(mesh, self.caster)
            if occlusion
            else np.ones(len(mesh.vertices_m), dtype=np.float32)
        )

    def paint(
        self,
        camera: Intrinsics,
        pose: Pose,
        *,
        colors: NDArray[np.uint8] | None = None,
        interior: Interior | None = None,
        relief: float = 1.0,
        supersample: int = 2,
    ) -> NDArray[np.uint8]:
        """Paint the mesh from one point of view.

        Args:
            camera, pose: the point of view.
            colors: ``(V, 3)`` uint8 in place of the mesh's own; backs are then not tinted.
            interior: leave out everything outside of this space (ceiling, near walls).
            relief: how strong the shading is: 1 full, 0 flat colours (for colour codes).
            supersample: rays a pixel along each axis.

        Returns:
            ``(H, W, 4)`` uint8 RGBA; transparent where there is no surface.
        """
        rays = Rays.through(camera, pose, interior, supersample)
        return self.shade(rays, self.see(rays), colors=colors, relief=relief)

    def see(self, rays: Rays) -> Hits:
        """What the rays of a view hit; may be shaded more than once."""
        return self.caster.cast(rays.origins_m, rays.directions)

    def shade(
        self,
        rays: Rays,
        hits: Hits,
        *,
        colors: NDArray[np.uint8] | None = None,
        relief: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Turn hits into a picture, see :meth:`paint`."""
        own = colors if colors is not None else self.mesh.colors
        if own is None:
            own = np.broadcast_to(np.array(CLAY, dtype=np.uint8), self.mesh.vertices_m.shape)
        fine = rays.supersample
        width, height = rays.camera.width * fine, rays.camera.height * fine
        flat = np.zeros((width * height, 4), dtype=np.float32)
        _shade(
            flat,
            rays.pixel,
            rays.directions,
            hits.face,
            hits.u,
            hits.v,
            self.mesh.vertices_m,
            self.mesh.faces,
            self._normals,
            np.ascontiguousarray(own),
            self.occlusion,
            np.float32(relief),
            colors is None,
        )
        picture = flat.reshape(height, width, 4)
        if fine > 1:
            picture = np.asarray(
                cv2.resize(picture, rays.camera.size, interpolation=cv2.INTER_AREA),
                dtype=np.float32,
            )
        alpha = picture[..., 3:]
        rgb = picture[..., :3] / np.where(alpha > 0, alpha, 1)
        return np.round(np.concatenate([rgb, alpha], -1).clip(0, 1) * 255).astype(np.uint8)


@njit(cache=True, nogil=True)
def _shade(  # type: ignore[no-untyped-def]
    picture,
    pixel,
    rays,
    face,
    u,
    v,
    vertices_m,
    faces,
    normals,
    colors,
    occlusion,
    relief,
    tint_backs,
):
    """Write colour times coverage, and coverage, of the rays that hit: ``(R, 4)`` in [0, 1]."""
    toward = np.empty(3, dtype=np.float32)
    normal = np.empty(3, dtype=np.float32)
    flat = np.empty(3, dtype=np.float32)
    one = np.float32(1.0)
    for ray in range(len(pixel)):
        if face[ray] < 0:
            continue
        first, second, third = faces[face[ray]]
        b, c = u[ray], v[ray]
        a = one - b - c
        p, q, r = vertices_m[first], vertices_m[second], vertices_m[third]
        q0, q1, q2 = q[0] - p[0], q[1] - p[1], q[2] - p[2]
        r0, r1, r2 = r[0] - p[0], r[1] - p[1], r[2] - p[2]
        flat[0], flat[1], flat[2] = q1 * r2 - q2 * r1, q2 * r0 - q0 * r2, q0 * r1 - q1 * r0
        size, length, area = np.float32(0), np.float32(0), np.float32(0)
        for i in range(3):
            toward[i] = -rays[ray, i]
            normal[i] = a * normals[first, i] + b * normals[second, i] + c * normals[third, i]
            size += toward[i] * toward[i]
            length += normal[i] * normal[i]
            area += flat[i] * flat[i]
        size, length = math.sqrt(size), math.sqrt(length)
        area = max(math.sqrt(area), np.float32(1e-20))
        facing = np.float32(0)
        for i in range(3):
            toward[i] /= size
            flat[i] /= area
            facing += flat[i] * toward[i]
            normal[i] = normal[i] / length if length > 0.2 else flat[i]
        side = one if facing >= 0 else -one
        head = np.float32(0)
        for i in range(3):
            head += side * normal[i] * toward[i]
        head = min(max(head, np.float32(0)), one)
        sky = np.float32(0.5) + np.float32(0.5) * side * normal[2]
        open_space = a * occlusion[first] + b * occlusion[second] + c * occlusion[third]
        open_space = min(max(open_space, np.float32(0)), one)
        light = (0.58 + 0.3 * head + 0.22 * sky) * (0.35 + 0.65 * open_space**1.3)
        # At relief 0 the plain colour is left: a colour code must stay readable.
        light = 1 + (light * 1.06 - 1) * relief
        for i in range(3):
            base = (a * colors[first, i] + b * colors[second, i] + c * colors[third, i]) / 255
            if side < 0 and tint_backs:
                base = 0.3 * base + 0.55 * BACK[i] / 255
            picture[pixel[ray], i] = min(max(base * light, 0.0), 1.0)
        picture[pixel[ray], 3] = one


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


def render_mesh(
    mesh: Mesh,
    camera: Intrinsics,
    pose: Pose,
    *,
    colors: NDArray[np.uint8] | None = None,
    interior: Interior | None = None,
    background: Color = BACKGROUND,
    occlusion: bool = True,
    supersample: int = 2,
) -> NDArray[np.uint8]:
    """Paint a mesh from one point of view, shaded, with soft shadows; backs are tinted.

    Args:
        mesh: what to paint; without vertex colours it looks like clay.
        camera, pose: the point of view.
        colors: ``(V, 3)`` uint8 in place of the mesh's own.
        interior: for cut-away pictures, see :meth:`Interior.of` and :func:`birdseye_view`.
        background: colour where nothing is hit.
        occlusion: soft shadows.
        supersample: rays a pixel along each axis.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Example:
        >>> view = birdseye_view(mesh, (960, 640))  # doctest: +SKIP
        >>> render_mesh(  # doctest: +SKIP
        ...     mesh, view.camera, view.pose, interior=view.interior
        ... )
    """
    painter = Painter(mesh, occlusion=occlusion)
    rgba = painter.paint(camera, pose, colors=colors, interior=interior, supersample=supersample)
    return over(rgba, background)


def over(rgba: NDArray[np.uint8], background: Color = BACKGROUND) -> NDArray[np.uint8]:
    """Lay ``(H, W, 4)`` over one colour: ``(H, W, 3)`` uint8."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    mixed = rgba[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)
    return np.round(mixed).astype(np.uint8)


def looking_at(eye_m: Array, target_m: Array) -> Pose:
    """The pose of a camera at ``eye_m`` that looks at ``target_m``, upright (world z up)."""
    forward = np.asarray(target_m, dtype=np.float64) - eye_m
    forward /= np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=-1)
    matrix[:3, 3] = eye_m
    return Pose(matrix)


def birdseye_view(
    mesh: Mesh, size: Size, *, elevation_deg: float = 56.0, skew_deg: float = 24.0
) -> View:
    """Look into a room from above and one side, ceiling and near walls cut away.

    The camera stands off the longer side, turned by ``skew_deg`` so that two walls show, as near
    as the room still fits the picture.

    Args:
        mesh: the surface that decides what the room is (the best one there is), z up.
        size: of the picture, ``(width, height)``.

    Raises:
        ShapeError: the mesh is empty.
    """
    interior = Interior.of(mesh)
    rim = np.argwhere(interior.depth_m >= 0) * interior.cell_m + interior.corner_m
    corners = np.concatenate(
        [np.c_[rim, np.full(len(rim), z)] for z in (interior.floor_m, interior.top_m)]
    )
    extent = np.ptp(rim, axis=0)
    azimuth = math.radians((-90 if extent[0] >= extent[1] else 0) + skew_deg)
    elevation = math.radians(elevation_deg)
    back = np.array(
        [
            math.cos(azimuth) * math.cos(elevation),
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    width, height = size
    focal = 1.45 * max(width, height)
    camera = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    target = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    distance = 3.0 * float(np.linalg.norm(np.ptp(corners, axis=0)))
    for _ in range(12):
        pose = looking_at(target + back * distance, target)
        seen = project(pose.inverse().apply(corners), camera)
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        shift = (0.5 * (low + high) - (camera.cx, camera.cy)) * distance / focal
        target = target + pose.world_from_camera[:3, :2] @ shift
        fill = float(((high - low) / (0.94 * width, 0.94 * height)).max())
        distance = max(distance * fill, 0.5)
    return View("From above", camera, looking_at(target + back * distance, target), interior)


def capture_view(
    mesh: Mesh, camera: Intrinsics, poses: Sequence[Pose], width_px: int, most: int = 60
) -> tuple[View, int] | None:
    """The pose of the capture that shows most of the room; None if there is no pose.

    Of at most ``most`` poses, that one wins whose picture is full of surface that is not near.

    Returns:
        The view, ``width_px`` wide in the camera's shape, and which of ``poses`` it is.
    """
    if not poses or not len(mesh.faces):
        return None
    caster = Raycaster(mesh)
    small = camera.resized((32, 24))
    chosen, best = 0, -1.0
    for number in range(0, len(poses), math.ceil(len(poses) / most)):
        depth = caster.depth(small, poses[number])
        upright = abs(float(poses[number].world_from_camera[2, 1]))
        merit = float(np.minimum(depth, 5.0).mean()) * (0.4 + 0.6 * upright)
        if merit > best:
            chosen, best = number, merit
    size = (width_px, max(1, round(width_px * camera.height / camera.width)))
    return View("From the camera", camera.resized(size), poses[chosen]), chosen


def color_map(name: str, values: Array) -> NDArray[np.uint8]:
    """Colours ``(*n, 3)`` uint8 of values in [0, 1] by a named matplotlib map."""
    from matplotlib import colormaps

    rgba = colormaps[name](np.clip(values, 0, 1))
    return np.round(np.asarray(rgba)[..., :3] * 255).astype(np.uint8)


ERROR_MAP = "YlOrRd"
DEPTH_MAP = "viridis_r"


def error_colors(mesh: Mesh, reference: Mesh, reach_m: float = 0.2) -> NDArray[np.uint8]:
    """Colour vertices ``(V, 3)`` by their distance to another surface, 0 to ``reach_m``."""
    from scipy.spatial import cKDTree

    points = surface_points(reference, 0.025)
    if not len(points):
        return color_map(ERROR_MAP, np.ones(len(mesh.vertices_m)))
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(mesh.vertices_m, distance_upper_bound=reach_m, workers=-1)
    return color_map(ERROR_MAP, np.minimum(distance, reach_m) / reach_m)


def depth_picture(depth_m: Array, near_m: float, far_m: float) -> NDArray[np.uint8]:
    """Depth ``(H, W)`` metres in colour, near is bright; grey where there is no reading."""
    share = (np.asarray(depth_m, dtype=np.float32) - near_m) / max(far_m - near_m, 1e-6)
    picture = color_map(DEPTH_MAP, share)
    picture[np.asarray(depth_m) <= 0] = NOTHING
    return picture
