"""What all frames say of the classes of the voxels near a surface.

Every frame is labelled by itself, by a network or by a person. A voxel that the frame sees takes
the probabilities of the pixels that it shows at, weighted by how well the frame sees it
(:class:`crossvox.scene.params.VoteParams`). Only sums are kept, so that the memory does not grow
with the number of frames.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import spread
from crossvox.core.volume import Mesh
from crossvox.doors.zbuffer import view
from crossvox.scene.params import VoteParams
from crossvox.scene.tsdf.volume import pixel_from_world

Array = NDArray[Any]

_NEAREST_M = 0.05
"""Voxels nearer to the camera than this are not looked at."""

LEAST_PROBABILITY = 1e-4
"""What counts as less counts as this where logarithms are added: one frame forbids no class."""


class ClassEvidence:
    """Adds up what frames say of the classes of chosen voxels.

    Args:
        grid: where the voxels are.
        voxels: ``(N,)`` linear numbers in the grid, C order.
        normals: ``(N, 3)`` unit normals of the surface in the voxels, in the world; all 0 where
            nobody knows one: every angle counts as straight there.
        classes: how many there are; frames say as many.
        params: which frames count for a voxel, and how much.
        points_m: ``(N, 3)`` world coordinates of the places that stand for the voxels; None: their
            centres.
        surface: the surface, for frames without depth: a z-buffer of it tells what they see.
            Without it such frames say nothing.

    Attributes:
        frames: how many frames were added.

    Raises:
        ShapeError: numbers, normals or points of other shapes.
    """

    def __init__(
        self,
        grid: VoxelGrid,
        voxels: NDArray[np.int64],
        normals: NDArray[np.float32],
        classes: int,
        params: VoteParams | None = None,
        *,
        points_m: Array | None = None,
        surface: Mesh | None = None,
    ) -> None:
        count = len(voxels)
        if points_m is None:
            places = np.stack(np.unravel_index(voxels, grid.shape), -1)
            points_m = grid.to_world(places.reshape(-1, 3))
        expect(
            normals.shape == (count, 3) and points_m.shape == (count, 3) and classes >= 1,
            given=f"{count} voxels, normals {normals.shape}, points {points_m.shape}, "
            f"{classes} classes",
            needed="a normal (and a point) a voxel, and at least one class",
            do="pass what belongs together",
            error=ShapeError,
        )
        self.grid, self.voxels, self.params = grid, voxels, params or VoteParams()
        self.classes, self.frames = classes, 0
        self._surface = surface
        self._points = np.ascontiguousarray(points_m, np.float64)
        self._normals = np.ascontiguousarray(normals, np.float32)
        self._sums = np.zeros((count, classes), np.float32)
        self._weight = np.zeros(count, np.float32)

    def add(self, frame: Frame, said: FrameLabels | None) -> bool:
        """Add what is said of one frame.

        Args:
            frame: with a pose, and with depth unless there is a surface.
            said: its classes; None says nothing.

        Returns:
            Whether it counted.

        Raises:
            ShapeError: the probabilities do not belong to an image of the frame's size, or tell
                other classes.
        """
        if said is None or frame.pose is None:
            return False
        depth_m = frame.depth_m
        if depth_m is None:
            if self._surface is None:
                return False
            seen = view(self._surface.vertices_m, self._surface.faces, frame.camera, frame.pose)
            depth_m = seen.depth()
        size = tuple(-(-n // said.stride) for n in depth_m.shape)
        expect(
            said.probability.shape == (*size, self.classes),
            given=f"frame {frame.id}: probabilities of shape {said.probability.shape} at stride "
            f"{said.stride}",
            needed=f"{(*size, self.classes)}",
            do="check the labeller",
            error=ShapeError,
        )
        params = self.params
        arguments = (
            self._points,
            self._normals,
            np.ascontiguousarray(depth_m, np.float32),
            np.ascontiguousarray(said.probability, np.float32),
            said.stride,
            pixel_from_world(frame.camera, frame.pose),
            frame.pose.position_m,
            params.near_voxels * self.grid.voxel_m,
            min(params.far_m, 1e30),
            (params.angle_power, params.least_angle),
            1 / params.half_m**2,
            (params.border * frame.camera.width, params.least_border),
            params.interpolate,
            params.mean == "log",
            self._sums,
            self._weight,
        )
        spread(partial(_add, *arguments), len(self.voxels))
        self.frames += 1
        return True

    @property
    def weight(self) -> NDArray[np.float32]:
        """``(N,)``, sum of the weights of all frames that say something of the voxel."""
        return self._weight.copy()

    @property
    def probability(self) -> NDArray[np.float32]:
        """``(N, C)`` float32, weighted mean of what frames say; it sums to 1, or is all 0 where no
        frame says anything."""
        seen = self._weight > 0
        mean = self._sums / np.where(seen, self._weight, np.float32(1))[:, None]
        if self.params.mean == "log":
            mean = np.exp(mean - mean.max(axis=1, keepdims=True))
        total = mean.sum(axis=1, keepdims=True)
        mean /= np.where(total > 0, total, np.float32(1))
        mean[~seen] = 0
        return np.asarray(mean, np.float32)


@njit(nogil=True, error_model="numpy")
def _seeing(normals: Array, n: int, rx: float, ry: float, rz: float, angle: Any) -> float:
    """Weight of the angle between a normal and a ray ``(rx, ry, rz)`` from the camera."""
    power, least = angle
    nx, ny, nz = normals[n, 0], normals[n, 1], normals[n, 2]
    if power == 0 or (nx == 0 and ny == 0 and nz == 0):
        return 1.0
    cosine = -(nx * rx + ny * ry + nz * rz) / np.sqrt(rx * rx + ry * ry + rz * rz)
    if cosine <= least:
        return least**power
    return cosine if power == 1 else cosine**power


@njit(cache=True, nogil=True, error_model="numpy")
def _add(
    points: Array,
    normals: Array,
    depth: Array,
    said: Array,
    stride: int,
    matrix: Array,
    position: Array,
    near: float,
    far: float,
    angle: tuple[float, float],
    fall: float,
    border: tuple[float, float],
    between: bool,
    logs: bool,
    sums: Array,
    weights: Array,
    begin: int,
    end: int,
) -> None:
    """Add one frame to the voxels ``begin`` to ``end``."""
    height, width = depth.shape
    rows, columns, classes = said.shape
    m = matrix
    mixed = np.empty(classes, np.float32)
    for n in range(begin, end):
        x, y, w = points[n, 0], points[n, 1], points[n, 2]
        z = m[2, 0] * x + m[2, 1] * y + m[2, 2] * w + m[2, 3]
        if not _NEAREST_M < z < far + near:
            continue
        # Half a pixel too large: the image covers 0 to its size, and cutting off rounds.
        a = m[0, 0] * x + m[0, 1] * y + m[0, 2] * w + m[0, 3]
        b = m[1, 0] * x + m[1, 1] * y + m[1, 2] * w + m[1, 3]
        if not (0 <= a < width * z and 0 <= b < height * z):
            continue
        u, v = a / z, b / z
        d = depth[min(int(v), height - 1), min(int(u), width - 1)]
        if not (0 < d <= far and abs(d - z) <= near):
            continue
        weight = _seeing(normals, n, x - position[0], y - position[1], w - position[2], angle) / (
            1 + z * z * fall
        )
        inwards = min(min(u, width - u), min(v, height - v))
        if inwards < border[0]:
            weight *= border[1] + (1 - border[1]) * inwards / border[0]
        if between:
            total = _between(said, u / stride - 0.5, v / stride - 0.5, mixed)
        else:
            row, column = min(int(v) // stride, rows - 1), min(int(u) // stride, columns - 1)
            total = np.float32(0)
            for c in range(classes):
                mixed[c] = said[row, column, c]
                total += mixed[c]
        if not total > 0:
            continue
        scale = np.float32(weight)
        if logs:
            for c in range(classes):
                sums[n, c] += scale * np.log(max(mixed[c] / total, np.float32(LEAST_PROBABILITY)))
        else:
            scale /= total
            for c in range(classes):
                sums[n, c] += scale * mixed[c]
        weights[n] += np.float32(weight)


@njit(nogil=True, error_model="numpy")
def _between(said: Array, u: float, v: float, mixed: Array) -> Any:
    """Probabilities between the four fields around ``(u, v)``, and their sum."""
    rows, columns, classes = said.shape
    u, v = min(max(u, 0.0), columns - 1.0), min(max(v, 0.0), rows - 1.0)
    left, top = int(u), int(v)
    right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
    fu, fv = np.float32(u - left), np.float32(v - top)
    one = np.float32(1)
    w00, w01 = (one - fu) * (one - fv), fu * (one - fv)
    w10, w11 = (one - fu) * fv, fu * fv
    total = np.float32(0)
    for c in range(classes):
        mixed[c] = (
            w00 * said[top, left, c]
            + w01 * said[top, right, c]
            + w10 * said[bottom, left, c]
            + w11 * said[bottom, right, c]
        )
        total += mixed[c]
    return total
