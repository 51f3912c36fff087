"""Frames of a baked room: colour, labels, depth, as the sensors see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms import sensor, texture
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.light import RoomMesh, assemble, bake, vertex_albedo
from crossvox.capture.rooms.materials import KINDS
from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.doors.raycast import Hits, Raycaster

Array = NDArray[Any]

_MIRROR = KINDS.index("mirror")


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
        rng: source of chance for the light.
        threads: threads for the light.
    """

    def __init__(
        self, room: Room, cameras: Cameras, rng: np.random.Generator, threads: int = 1
    ) -> None:
        self.room, self.cameras = room, cameras
        self.mesh: RoomMesh = assemble(room)
        self.caster = Raycaster(self.mesh.mesh)
        self.table, self.atlas = room.book.table(), room.book.atlas()
        self.albedo = vertex_albedo(self.mesh, self.table, self.atlas)
        glow = self.table[self.mesh.material, 12]
        self.light = bake(room, self.mesh, self.caster, self.albedo, glow, rng, threads)
        self.lamps = np.array(
            [(*lamp.at, *lamp.color) for lamp in room.lamps] or np.zeros((0, 6)), dtype=np.float32
        )
        self._rays = {
            camera: np.ascontiguousarray(pixel_rays(camera).reshape(-1, 3), dtype=np.float32)
            for camera in (cameras.color, cameras.depth)
        }
        self._tone = sensor.tone_table()
        self.exposure = self._exposure()

    def _exposure(self) -> float:
        """A gain that makes walls and furniture about middle grey on average."""
        level = np.minimum(self.albedo * self.light, 2.0).mean(axis=1)
        return float(0.42 / max(np.mean(np.clip(level, 0.02, None)), 1e-3))

    def cast(self, camera: Intrinsics, pose: Pose) -> tuple[Hits, NDArray[np.float32]]:
        """First hits through all pixel centres, and the rays; ``distance`` is depth along z."""
        rays = self._rays[camera]
        directions, origins = np.empty_like(rays), np.empty_like(rays)
        sensor.turn_rays(rays, pose.world_from_camera, directions, origins)
        return self.caster.cast(origins, directions), directions

    def color_hits(self, pose: Pose) -> tuple[Hits, NDArray[np.float32]]:
        """Hits of the colour camera."""
        return self.cast(self.cameras.color, pose)

    def depth_hits(self, pose: Pose) -> tuple[Hits, NDArray[np.float32]]:
        """Hits of the depth camera that belongs to a colour camera at ``pose``."""
        return self.cast(self.cameras.depth, pose @ self.cameras.color_from_depth)

    def labels(self, hits: Hits) -> NDArray[np.uint16]:
        """Raw category id of every pixel of the colour camera, 0 where nothing was hit."""
        camera = self.cameras.color
        table = np.append(self.mesh.raw_label, np.uint16(0))
        return table[hits.face].reshape(camera.height, camera.width)

    def radiance(
        self, hits: Hits, directions: NDArray[np.float32], eye: Array, focal_px: float
    ) -> NDArray[np.float32]:
        """Light that arrives along rays, ``(R, 3)`` linear; mirrors show what is before them."""
        color = np.zeros((len(hits.face), 3), dtype=np.float32)
        self._shade(hits, directions, eye, focal_px, color)
        face = hits.face
        mirrored = np.flatnonzero(
            (face >= 0) & (self.table[self.mesh.material[face], 0] == _MIRROR)
        )
        if len(mirrored):
            normal = self.mesh.normals[self.mesh.faces[face[mirrored], 0]]
            way = directions[mirrored]
            spot = eye.astype(np.float32) + way * hits.distance[mirrored, None] + 0.004 * normal
            back = way - 2 * np.einsum("ij,ij->i", way, normal)[:, None] * normal
            seen = self.caster.cast(spot, back)
            image = np.zeros((len(mirrored), 3), dtype=np.float32)
            # Patterns need a size of pixel only roughly here.
            self._shade(seen, back, eye, focal_px, image)
            color[mirrored] = image * np.array([0.82, 0.85, 0.84], np.float32)
        return color

    def _shade(
        self, hits: Hits, directions: Array, eye: Array, focal_px: float, out: Array
    ) -> None:
        mesh = self.mesh
        texture.shade_hits(
            hits.face, hits.u, hits.v, hits.distance, directions, eye.astype(np.float32), focal_px,
            mesh.faces, mesh.points, mesh.normals, mesh.coords, self.light, mesh.material,
            mesh.seeds, self.table, self.atlas, self.lamps, out,
        )  # fmt: skip

    def photograph(
        self,
        hits: Hits,
        directions: NDArray[np.float32],
        pose: Pose,
        motion: Array,
        gain: Array,
        grain: float,
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """A colour image: blurred by motion, exposed, noisy.

        Args:
            hits, directions: of the colour camera.
            pose: of the colour camera.
            motion: ``(4, 4)`` transform of camera coordinates while the shutter is open.
            gain: ``(3,)`` exposure by channel, on top of the room's own.
            grain: strength of the noise.
            rng: source of chance.
        """
        camera = self.cameras.color
        shape = (camera.height, camera.width)
        light = self.radiance(hits, directions, pose.position_m, camera.fx)
        light = light.reshape(*shape, 3)
        # The lens: a little softness, which also tames edges.
        light = np.asarray(cv2.GaussianBlur(np.minimum(light, 8.0), (3, 3), 0.55))
        noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(grain)
        image = np.empty((*shape, 3), dtype=np.uint8)
        sensor.develop(
            light, hits.distance.reshape(shape), np.ascontiguousarray(motion[:3]),
            camera.fx, camera.fy, camera.cx, camera.cy,
            np.asarray(gain) * self.exposure, noise, 0.25, self._tone, image,
        )  # fmt: skip
        return image

    def sense(
        self,
        hits: Hits,
        directions: NDArray[np.float32],
        far_m: float,
        noise: float,
        rng: np.random.Generator,
    ) -> NDArray[np.uint16]:
        """What the depth camera reports, ``(H, W)`` millimetres, 0 = no reading."""
        camera = self.cameras.depth
        shape = (camera.height, camera.width)
        mesh = self.mesh
        cosine = np.empty(len(hits.face), dtype=np.float32)
        dark = np.empty_like(cosine)
        sensor.readability(
            hits.face, directions, mesh.faces, mesh.normals, self.albedo, mesh.material,
            self.table, cosine, dark,
        )  # fmt: skip
        small = rng.random((shape[0] // 12 + 2, shape[1] // 12 + 2), dtype=np.float32)
        coarse = np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
        white = rng.standard_normal(shape, dtype=np.float32)
        # Neighbours err alike: a small blur, scaled back to variance 1.
        kernel = cv2.getGaussianKernel(3, 0.7)
        scale = float((np.outer(kernel, kernel) ** 2).sum()) ** -0.5
        white = np.asarray(cv2.sepFilter2D(white, -1, kernel, kernel)) * np.float32(scale)
        out = np.empty(shape, dtype=np.uint16)
        sensor.sense_depth(
            hits.distance.reshape(shape), cosine.reshape(shape), dark.reshape(shape), coarse,
            white, rng.random(shape, dtype=np.float32), far_m, noise, out,
        )  # fmt: skip
        return out
