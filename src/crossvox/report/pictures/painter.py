"""Paint a mesh from a point of view: shading, soft shadows, cut-away views."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.volume import Mesh
from crossvox.doors.zbuffer import View, view
from crossvox.report.pictures.colors import BACK, BACKGROUND, CLAY, Color
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.surface import Surface


@dataclass(frozen=True, eq=False)
class Sight:
    """A point of view with several samples a pixel; shared by all meshes that are seen from there.

    Attributes:
        camera: of the finished picture.
        pose: of the camera.
        supersample: samples a pixel along each axis.
        most: ``(H s, W s)`` float32, 1/z where the interior begins, for each sample: what is nearer
            is cut away. 0 where a ray never enters it, inf where it begins inside; None shows all.
    """

    camera: Intrinsics
    pose: Pose
    supersample: int
    most: NDArray[np.float32] | None

    @classmethod
    def of(
        cls,
        camera: Intrinsics,
        pose: Pose,
        interior: Interior | None = None,
        supersample: int = 2,
    ) -> Sight:
        """The samples of a view, and where the interior begins for them."""
        sight = cls(camera, pose, supersample, None)
        if interior is None:
            return sight
        most = interior.begins(sight.fine, pose)
        return cls(camera, pose, supersample, most)

    @property
    def fine(self) -> Intrinsics:
        """The camera of the samples."""
        width, height = self.camera.size
        return self.camera.resized((width * self.supersample, height * self.supersample))


class Painter:
    """A mesh, ready to be painted from any point of view.

    Args:
        mesh: what to paint; vertex colours are used if it has any.
        occlusion: whether to compute soft shadows (see :func:`vertex_occlusion`).
        surface: what is known of it already.
    """

    def __init__(
        self, mesh: Mesh, *, occlusion: bool = True, surface: Surface | None = None
    ) -> None:
        self.surface = Surface(mesh) if surface is None else surface
        self.mesh = replace(mesh, faces=self.surface.mesh.faces)
        self.occlusion = (
            self.surface.occlusion if occlusion else np.ones(len(mesh.vertices_m), np.float32)
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
            supersample: samples a pixel along each axis.

        Returns:
            ``(H, W, 4)`` uint8 RGBA; transparent where there is no surface.
        """
        sight = Sight.of(camera, pose, interior, supersample)
        return self.shade(sight, self.see(sight), colors=colors, relief=relief)

    def see(self, sight: Sight) -> View:
        """What the samples of a view show; may be shaded more than once."""
        return view(self.mesh.vertices_m, self.mesh.faces, sight.fine, sight.pose, sight.most)

    def shade(
        self,
        sight: Sight,
        seen: View,
        *,
        colors: NDArray[np.uint8] | None = None,
        relief: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Turn what is seen into a picture, see :meth:`paint`."""
        own = colors if colors is not None else self.mesh.colors
        if own is None:
            own = np.broadcast_to(np.array(CLAY, dtype=np.uint8), self.mesh.vertices_m.shape)
        picture = np.zeros((sight.camera.height, sight.camera.width, 4), dtype=np.uint8)
        _shade(
            picture,
            sight.supersample,
            seen.face,
            seen.corners,
            seen.ray_of_pixel,
            self.mesh.vertices_m,
            self.mesh.faces,
            self.surface.normals,
            np.ascontiguousarray(own),
            self.occlusion,
            _shadows(),
            float(relief),
            colors is None,
        )
        return picture


_STEPS = 1024
"""Steps of the table of soft shadows."""

_LEAST_NORMAL = 0.04
"""Square of the length below which normals of corners that look apart say nothing."""

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inlined = njit(nogil=True, error_model="numpy")


@cache
def _shadows() -> NDArray[np.float64]:
    """How bright a place is by its open space, in steps; one more, so that 1 has a next one."""
    table: NDArray[np.float64] = 0.35 + 0.65 * np.linspace(0, 1, _STEPS + 1) ** 1.3
    return np.append(table, table[-1])


@_inlined
def _row(values, number):  # type: ignore[no-untyped-def]
    """Three numbers of an array."""
    return float(values[number, 0]), float(values[number, 1]), float(values[number, 2])


@_inlined
def _dot(p, q):  # type: ignore[no-untyped-def]
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


@_inlined
def _cross(p, q):  # type: ignore[no-untyped-def]
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]


@_inlined
def _scaled(p, share):  # type: ignore[no-untyped-def]
    return p[0] * share, p[1] * share, p[2] * share


@_inlined
def _mixed(weights, values, corners):  # type: ignore[no-untyped-def]
    """Three numbers between those of a face's corners."""
    p, q, r = _row(values, corners[0]), _row(values, corners[1]), _row(values, corners[2])
    a, b, c = weights
    return (
        a * p[0] + b * q[0] + c * r[0],
        a * p[1] + b * q[1] + c * r[1],
        a * p[2] + b * q[2] + c * r[2],
    )


@_inlined
def _planes(places, corners):  # type: ignore[no-untyped-def]
    """What gives a face's weights when multiplied with a pixel, see ``doors.zbuffer``."""
    p, q, r = _row(places, corners[0]), _row(places, corners[1]), _row(places, corners[2])
    return _cross(q, r), _cross(r, p), _cross(p, q)


@_inlined
def _flat(vertices_m, corners):  # type: ignore[no-untyped-def]
    """Normal of a face, of any length."""
    p, q = _row(vertices_m, corners[0]), _row(vertices_m, corners[1])
    r = _row(vertices_m, corners[2])
    return _cross((q[0] - p[0], q[1] - p[1], q[2] - p[2]), (r[0] - p[0], r[1] - p[1], r[2] - p[2]))


@_inlined
def _weights(planes, pixel):  # type: ignore[no-untyped-def]
    """Barycentric weights of a place in the image."""
    a, b, c = _dot(planes[0], pixel), _dot(planes[1], pixel), _dot(planes[2], pixel)
    return _scaled((a, b, c), 1 / (a + b + c))


@_inlined
def _lit(normal, flat, toward, space, shadows, relief):  # type: ignore[no-untyped-def]
    """How bright a place is, and which side of it is seen: 1 front, -1 back."""
    side = 1.0 if _dot(flat, toward) >= 0 else -1.0
    square = _dot(normal, normal)
    if square <= _LEAST_NORMAL:
        normal, square = flat, max(_dot(flat, flat), 1e-40)
    head = side * _dot(normal, toward) / math.sqrt(square * _dot(toward, toward))
    head = min(max(head, 0.0), 1.0)
    sky = 0.5 + 0.5 * side * normal[2] / math.sqrt(square)
    place = min(max(space, 0.0), 1.0) * _STEPS
    step = int(place)
    shadow = shadows[step] + (shadows[step + 1] - shadows[step]) * (place - step)
    light = (0.58 + 0.3 * head + 0.22 * sky) * shadow
    # At relief 0 the plain colour is left: a colour code must stay readable.
    return 1 + (light * 1.06 - 1) * relief, side


@_inlined
def _gathered(at, k, across, down):  # type: ignore[no-untyped-def]
    """How many samples from number ``k`` on show the same face, and the middle of them."""
    f = at[k]
    count, x, y = 0, 0.0, 0.0
    for n in range(k, len(at)):
        if at[n] == f:
            at[n] = -1
            count += 1
            x += across[n]
            y += down[n]
    return count, x / count, y / count


@_inlined
def _samples(face, top, left, fine, at):  # type: ignore[no-untyped-def]
    """The faces that a pixel's samples show, into ``at``; whether there are any."""
    found, k = False, 0
    for i in range(top, top + fine):
        for j in range(left, left + fine):
            f = face[i, j]
            at[k] = f
            found |= f >= 0
            k += 1
    return found


@_kernel
def _shade(  # type: ignore[no-untyped-def]
    picture,
    fine,
    face,
    places,
    ray_of_pixel,
    vertices_m,
    faces,
    normals,
    colors,
    occlusion,
    shadows,
    relief,
    tint_backs,
):
    """Write RGBA. The samples of a pixel that show one face are shaded as one, at their middle."""
    height, width = picture.shape[:2]
    rays = _row(ray_of_pixel, 0), _row(ray_of_pixel, 1), _row(ray_of_pixel, 2)
    at = np.empty(fine * fine, dtype=np.int32)
    across, down = np.arange(fine * fine) % fine, np.arange(fine * fine) // fine
    known = np.int32(-1)
    corners = np.uint32(0), np.uint32(0), np.uint32(0)
    flat = 0.0, 0.0, 0.0
    planes = flat, flat, flat
    for row in range(height):
        for column in range(width):
            if not _samples(face, row * fine, column * fine, fine, at):
                continue
            cover, red, green, blue = 0, 0.0, 0.0, 0.0
            for k in range(fine * fine):
                f = at[k]
                if f < 0:
                    continue
                count, x, y = _gathered(at, k, across, down)
                pixel = column * fine + x, row * fine + y, 1.0
                if f != known:
                    known = f
                    corners = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
                    planes, flat = _planes(places, corners), _flat(vertices_m, corners)
                weights = _weights(planes, pixel)
                toward = -_dot(rays[0], pixel), -_dot(rays[1], pixel), -_dot(rays[2], pixel)
                space = (
                    weights[0] * occlusion[corners[0]]
                    + weights[1] * occlusion[corners[1]]
                    + weights[2] * occlusion[corners[2]]
                )
                normal = _mixed(weights, normals, corners)
                light, side = _lit(normal, flat, toward, space, shadows, relief)
                color = _mixed(weights, colors, corners)
                if side < 0 and tint_backs:
                    color = (
                        0.3 * color[0] + 0.55 * BACK[0],
                        0.3 * color[1] + 0.55 * BACK[1],
                        0.3 * color[2] + 0.55 * BACK[2],
                    )
                cover += count
                red += count * min(max(color[0] * light, 0.0), 255.0)
                green += count * min(max(color[1] * light, 0.0), 255.0)
                blue += count * min(max(color[2] * light, 0.0), 255.0)
            picture[row, column, 0] = int(red / cover + 0.5)
            picture[row, column, 1] = int(green / cover + 0.5)
            picture[row, column, 2] = int(blue / cover + 0.5)
            picture[row, column, 3] = int(255 * cover / (fine * fine) + 0.5)


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
