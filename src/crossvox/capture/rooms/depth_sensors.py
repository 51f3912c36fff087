"""The depth sensor of a scene: which kind, what is odd about this one, and how it reads a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms import depth_kernels, sensor
from crossvox.capture.rooms.light import RoomMesh, Surfaces
from crossvox.capture.rooms.params import SensorKind
from crossvox.doors.zbuffer import View

Array = NDArray[Any]

BASE_LINE_M = 0.075
"""Between camera and projector of a structured-light sensor."""

WARP_PX = 0.09
"""Slow error of disparity over the image, pixels of 640."""

_FULL_WIDTH = 640.0

LIDAR_SIZE = (256, 192)
"""Width and height of a phone's depth images."""

LIDAR_KNOTS = (10, 13)
"""Rows and columns of an image between which its errors differ."""

LIDAR_BLUR = 0.006
"""Standard deviation of the blur of its images, shares of their width."""


@dataclass(frozen=True, eq=False)
class DepthSensor:
    """The depth sensor of a scene.

    Attributes:
        kind: how it measures.
        mesh: what there is to see, with its vertices' ``albedo`` and its materials' ``table``.
        near_m: smallest reading.
        returns: ``(M,)`` infrared light that a material sends back, shares of visible light.
        spots: ``(V,)`` how much worse each place is read, about 0.
        warp: ``(H, W)`` error of disparity that stays, pixels of 640.
    """

    kind: SensorKind
    mesh: RoomMesh
    albedo: NDArray[np.float32]
    table: NDArray[np.float32]
    near_m: float
    returns: NDArray[np.float32]
    spots: NDArray[np.float32]
    warp: NDArray[np.float32]

    def read(
        self, seen: View, far_m: float, noise: float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        """What the sensor reports, ``(H, W)`` millimetres, 0 = no reading.

        Args:
            seen: what it sees.
            far_m: largest reading.
            noise: factor on noise and missing readings; 0 = perfect, but for range and rounding.
            rng: source of chance.
        """
        if self.kind == "plain" or noise == 0:
            return self._plain(seen, far_m, noise, rng)
        read = {
            "structured-light": self._structured_light,
            "tof": self._time_of_flight,
            "lidar-phone": self._lidar_phone,
        }[self.kind]
        return read(seen, far_m, noise, rng)

    def _plain(
        self, seen: View, far_m: float, noise: float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        mesh, shape = self.mesh, seen.face.shape
        cosine, dark = np.empty((2, *shape), dtype=np.float32)
        sensor.readability(
            seen.face, seen.ray_of_pixel, mesh.faces, mesh.normals, self.albedo, mesh.material,
            self.table, cosine, dark,
        )  # fmt: skip
        coarse = _patches(rng, shape, 12)
        white = sensor.normal_noise(rng, shape)
        # Neighbours err alike: a small blur, scaled back to variance 1.
        kernel = cv2.getGaussianKernel(3, 0.7)
        scale = float((np.outer(kernel, kernel) ** 2).sum()) ** -0.5
        white = np.asarray(cv2.sepFilter2D(white, -1, kernel, kernel)) * np.float32(scale)
        out = np.empty(shape, dtype=np.uint16)
        sensor.sense_depth(
            seen.depth(), cosine, dark, coarse,
            white, rng.random(shape, dtype=np.float32), far_m, noise, out,
        )  # fmt: skip
        return out

    def _losses(self, seen: View) -> NDArray[np.float32]:
        mesh = self.mesh
        loss = np.empty(seen.face.shape, dtype=np.float32)
        depth_kernels.losses(
            seen.face, seen.inverse, seen.ray_of_pixel, mesh.faces, mesh.normals, self.albedo,
            self.spots, mesh.material, self.returns, self.table, loss,
        )  # fmt: skip
        return loss

    def _structured_light(
        self, seen: View, far_m: float, noise: float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        camera, shape = seen.camera, seen.face.shape
        scale = camera.width / _FULL_WIDTH
        patches = _patches(rng, shape, max(int(48 * scale), 4))
        out = np.empty(shape, dtype=np.uint16)
        depth_kernels.structured_light(
            seen.inverse, self._losses(seen), patches, _smooth_noise(rng, shape),
            _wobble(rng, shape, scale), self.warp, BASE_LINE_M * camera.fx / scale, scale,
            self.near_m, far_m, noise, out,
        )  # fmt: skip
        return out

    def _time_of_flight(
        self, seen: View, far_m: float, noise: float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        shape = seen.face.shape
        wide = max(shape[1] // 16, 1)
        chance = sensor.random_bytes(rng, shape[0] * shape[1]).reshape(shape)
        out = np.empty(shape, dtype=np.uint16)
        depth_kernels.time_of_flight(
            seen.inverse, cv2.blur(seen.inverse, (wide, wide)), self._losses(seen),
            _patches(rng, shape, max(shape[1] // 13, 4)), sensor.normal_noise(rng, shape), chance,
            self.near_m, far_m, noise, out,
        )  # fmt: skip
        return out

    def _lidar_phone(
        self, seen: View, far_m: float, noise: float, rng: np.random.Generator
    ) -> NDArray[np.uint16]:
        shape = seen.face.shape
        sigma = LIDAR_BLUR * noise * shape[1]
        smooth = cv2.GaussianBlur(seen.inverse, (0, 0), max(sigma, 0.3))
        knots = sensor.normal_noise(rng, LIDAR_KNOTS)
        errors = cv2.resize(knots, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        out = np.empty(shape, dtype=np.uint16)
        depth_kernels.lidar_of_a_phone(
            seen.inverse, smooth, self._losses(seen), _patches(rng, shape, max(shape[1] // 13, 4)),
            errors, far_m, noise, out,
        )  # fmt: skip
        return out


def draw_sensor(
    kind: SensorKind, surfaces: Surfaces, size: tuple[int, int], rng: np.random.Generator
) -> DepthSensor:
    """The sensor of one scene.

    Args:
        kind: how it measures.
        surfaces: of the room.
        size: width and height of its images.
        rng: source of chance.
    """
    mesh, table = surfaces.mesh, surfaces.table
    near_m = float(rng.uniform(0.4, 0.8))
    # Cloth and leaves that are dark to the eye are often bright in infrared, plastics are not.
    returns = np.exp(rng.normal(0, 0.5, len(table))).astype(np.float32)
    spots = rng.random(len(mesh.points))
    for _ in range(5):
        means = np.repeat(spots[mesh.faces].mean(axis=1), 3)
        corners = mesh.faces.ravel()
        counts = np.maximum(np.bincount(corners, minlength=len(spots)), 1)
        spots = np.bincount(corners, means, len(spots)) / counts
    spots = (spots - 0.5) / max(float(spots.std()), 1e-9)
    knots = rng.normal(0, 1.25 * WARP_PX, (5, 6)).astype(np.float32)
    warp = np.asarray(cv2.resize(knots, size, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    return DepthSensor(
        kind, mesh, surfaces.albedo, table, near_m, returns, spots.astype(np.float32), warp
    )


def _patches(rng: np.random.Generator, shape: tuple[int, ...], pixels: int) -> NDArray[np.float32]:
    """Smooth numbers from 0 to 1 that change over so many pixels."""
    small = rng.random((shape[0] // pixels + 2, shape[1] // pixels + 2), dtype=np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal numbers, alike over about four pixels."""
    half = sensor.normal_noise(rng, ((shape[0] + 1) // 2, (shape[1] + 1) // 2))
    fine = np.asarray(cv2.resize(half, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))
    return fine * np.float32(1.6)


def _wobble(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.int8]:
    """By how many pixels blocks of 3 pixels of 640 are shifted, ``(h, w, 2)``."""
    block = max(int(3 * scale + 0.5), 1)
    size = (shape[0] // block + 1, shape[1] // block + 1, 2)
    draws = sensor.random_bytes(rng, size[0] * size[1] * 2).reshape(size)
    steps = (np.array([-2, -1, -1, 0, 0, 1, 1, 2]) * scale).astype(np.int8)
    return np.asarray(steps.take(draws & 7))
