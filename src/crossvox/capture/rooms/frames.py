"""Frames of a baked room: colour, labels, depth, as the sensors see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms import sensor, shading
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.light import RoomMesh, Surfaces
from crossvox.capture.rooms.materials import KINDS
from crossvox.core.camera import Intrinsics, Pose
from crossvox.doors.raycast import Hits
from crossvox.doors.zbuffer import View, face_values, view

Array = NDArray[Any]

_MIRROR = KINDS.index("mirror")

_STRIP = 160
"""Rows of the colour image that are shaded together."""


@dataclass(frozen=True)
class Cameras:
    """The two cameras of a scene.

    Attributes:
        color: colour camera; the scene's poses are its poses.
        depth: depth camera.
        color_from_depth: where the depth camera sits, seen from the colour camera.
    """

    color: Intrinsics
    depth: Intrinsics
    color_from_depth: Pose


def draw_cameras(
    rng: np.random.Generator, color_size: tuple[int, int], depth_size: tuple[int, int]
) -> Cameras:
    """Cameras of one scene: focal lengths and centres differ from scene to scene."""

    def camera(size: tuple[int, int], low: float, high: float) -> Intrinsics:
        width, height = size
        focal = float(rng.uniform(low, high)) * max(width, height * 4 / 3)
        return Intrinsics(
            fx=focal,
            fy=focal * float(rng.normal(1, 0.002)),
            cx=(width - 1) / 2 + float(rng.normal(0, 0.008)) * width,
            cy=(height - 1) / 2 + float(rng.normal(0, 0.008)) * height,
            width=width,
            height=height,
        )

    color = camera(color_size, 0.74, 0.86)
    depth = camera(depth_size, 0.76, 0.87)
    shift = np.eye(4)
    angles = rng.normal(0, 0.004, 3)
    turn, _ = cv2.Rodrigues(angles.astype(np.float64))
    shift[:3, :3] = turn
    shift[:3, 3] = (float(rng.uniform(0.015, 0.03)), *rng.normal(0, 0.002, 2))
    return Cameras(color, depth, Pose(shift))


class Studio:
    """A room ready to be photographed. Frames may be taken by several threads at once.

    Args:
        room: the room.
        cameras: its cameras.
        surfaces: the room's surfaces.
        light: ``(V, 3)`` that falls on their vertices.
    """

    def __init__(
        self, room: Room, cameras: Cameras, surfaces: Surfaces, light: NDArray[np.float32]
    ) -> None:
        self.room, self.cameras = room, cameras
        self.mesh: RoomMesh = surfaces.mesh
        self.caster, self.albedo = surfaces.caster, surfaces.albedo
        self.table, self.atlas = surfaces.table, surfaces.atlas
        self.light = light
        self.lamps = np.array(
            [(*lamp.at, *lamp.color) for lamp in room.lamps] or np.zeros((0, 6)), dtype=np.float32
        )
        self._is_mirror = self.table[:, 0] == _MIRROR
        self._corners = np.concatenate([self.mesh.normals, self.light, self.mesh.coords], axis=1)
        self._tone = sensor.tone_table()
        self.exposure = self._exposure()

    def _exposure(self) -> float:
        """A gain that makes walls and furniture about middle grey on average."""
        level = np.minimum(self.albedo * self.light, 2.0).mean(axis=1)
        return float(0.42 / max(np.mean(np.clip(level, 0.02, None)), 1e-3))

    def color_view(self, pose: Pose) -> View:
        """What the colour camera sees."""
        return view(self.mesh.points, self.mesh.faces, self.cameras.color, pose)

    def depth_view(self, pose: Pose) -> View:
        """What the depth camera sees that belongs to a colour camera at ``pose``."""
        return view(
            self.mesh.points,
            self.mesh.faces,
            self.cameras.depth,
            pose @ self.cameras.color_from_depth,
        )

    def labels(self, seen: View) -> NDArray[np.uint16]:
        """Raw category id of every pixel, 0 where nothing is seen."""
        labels = np.zeros(seen.face.shape, dtype=np.uint16)
        face_values(seen.face, self.mesh.raw_label, labels)
        return labels

    def radiance(self, seen: View) -> NDArray[np.float32]:
        """Light that arrives at every pixel, ``(H, W, 3)`` linear; mirrors show what is before
        them."""
        camera = seen.camera
        light = np.empty((camera.height, camera.width, 3), dtype=np.float32)
        # In strips, so that what is known of their pixels stays in the processor's cache.
        for top in range(0, camera.height, _STRIP):
            strip = light[top : top + _STRIP]
            hits, rays = seen.hits(self.mesh.faces, top, top + len(strip))
            self._shade(hits, rays, seen, strip.reshape(-1, 3))
        return light

    def _shade(self, hits: Hits, rays: Array, seen: View, out: Array) -> None:
        """Light along rays of a view, into ``out (N, 3)``."""
        eye = seen.pose.position_m.astype(np.float32)
        mirrored = self._surface(hits, rays, eye, seen.camera.fx, out)
        if len(mirrored):
            normal = self.mesh.normals[self.mesh.faces[hits.face[mirrored], 0]]
            way = rays[mirrored]
            spot = eye + way * hits.distance[mirrored, None] + 0.004 * normal
            back = way - 2 * np.einsum("ij,ij->i", way, normal)[:, None] * normal
            found = self.caster.cast(spot, back)
            image = np.empty((len(mirrored), 3), dtype=np.float32)
            # Patterns need a size of pixel only roughly here.
            self._surface(found, back, eye, seen.camera.fx, image)
            out[mirrored] = image * np.array([0.82, 0.85, 0.84], np.float32)

    def _surface(
        self, hits: Hits, rays: Array, eye: Array, focal_px: float, out: Array
    ) -> NDArray[np.int32]:
        """Light that surfaces send back along rays, into ``out (N, 3)``; which rays hit mirrors."""
        mesh = self.mesh
        mirrors = np.empty(len(hits.face), dtype=np.int32)
        count = shading.shade(
            hits.face, hits.u, hits.v, hits.distance, rays, eye, focal_px,
            mesh.faces, self._corners, mesh.material, mesh.seeds, self.table, self.atlas,
            self.lamps, self._is_mirror, mirrors, out,
        )  # fmt: skip
        return mirrors[:count]

    def photograph(
        self,
        seen: View,
        motion: Array,
        gain: Array,
        grain: float,
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """A colour image: blurred by motion, exposed, noisy.

        Args:
            seen: what the colour camera sees.
            motion: ``(4, 4)`` transform of camera coordinates while the shutter is open.
            gain: ``(3,)`` exposure by channel, on top of the room's own.
            grain: strength of the noise.
            rng: source of chance.
        """
        camera = self.cameras.color
        shape = (camera.height, camera.width)
        light = self.radiance(seen)
        # The lens: a little softness, which also tames edges.
        np.minimum(light, 8.0, out=light)
        light = np.asarray(cv2.GaussianBlur(light, (3, 3), 0.55))
        draws = sensor.normal_draws(rng, shape)
        image = np.empty((*shape, 3), dtype=np.uint8)
        sensor.develop(
            light, seen.inverse, np.ascontiguousarray(motion[:3]),
            camera.fx, camera.fy, camera.cx, camera.cy, np.asarray(gain) * self.exposure,
            draws, sensor.quantiles(), np.float32(grain), 0.25, self._tone, image,
        )  # fmt: skip
        return image
