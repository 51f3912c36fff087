"""Paint a mesh from a point of view: shading, soft shadows, cut-away views."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Hits, Raycaster
from crossvox.report.pictures.colors import BACK, BACKGROUND, CLAY, Color
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.surface import faces_inward, vertex_normals, vertex_occlusion


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
