"""What all frames of a scene say about every voxel: the input of the network that completes it.

A frame tells one of four things about a voxel that lies inside its image: its reading ends near the
voxel (a signed distance along the view), well behind it (the voxel is free), well before it (the
voxel is hidden), or there is no reading. All frames are added up; none is chosen or left out, and
the memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.threads import spread
from crossvox.scene.params import EvidenceParams
from crossvox.scene.tsdf.volume import pixel_from_world

Array = NDArray[Any]

CHANNELS = ("distance", "spread", "near", "free", "hidden", "blind")
"""Names of the channels without colour, in order."""

COLOR_CHANNELS = ("red", "green", "blue")

_NEAREST_M = 0.05
"""Voxels nearer to the camera than this are not looked at."""

_LOG_SCALE = np.float32(1 / np.log(151.0))
"""Counts enter as ``log(1 + n)``, so that 150 frames give 1."""


class Evidence:
    """Adds up what frames say about the voxels of a grid.

    Args:
        grid: where the voxels are; a voxel is looked at in its centre.
        params: width of the band, limit of depth, whether colours are taken.

    Attributes:
        frames: how many frames were added.
        reading: how many of them have a reading within the range of depth.
    """

    def __init__(self, grid: VoxelGrid, params: EvidenceParams | None = None) -> None:
        self.grid, self.params = grid, params or EvidenceParams()
        self.frames = self.reading = 0
        shape = grid.shape
        self._sums = np.zeros((2, *shape), np.float32)
        self._counts = np.zeros((4, *shape), np.uint16)
        self._colors = np.zeros((3, *shape), np.float32) if self.params.colors else None

    @property
    def near(self) -> NDArray[np.uint16]:
        """``(X, Y, Z)``, frames whose reading ends within the band around the voxel."""
        return self._counts[0]

    @property
    def free(self) -> NDArray[np.uint16]:
        """``(X, Y, Z)``, frames that look through the voxel."""
        return self._counts[1]

    @property
    def looks(self) -> NDArray[np.int64]:
        """``(X, Y, Z)``, frames that have the voxel in their image, within the range of depth."""
        return np.asarray(self._counts.sum(axis=0, dtype=np.int64))

    def add(self, frame: Frame) -> bool:
        """Add one frame.

        Returns:
            Whether it has the pose and the depth that it needs.
        """
        if frame.pose is None or frame.depth_m is None:
            return False
        self.add_depth(frame.depth_m, frame.camera, frame.pose, frame.rgb)
        return True

    def add_depth(
        self, depth_m: Array, camera: Intrinsics, pose: Pose, rgb: Array | None = None
    ) -> None:
        """Add one depth image.

        Args:
            depth_m: ``(H, W)`` metres along the camera's axis, 0 where there is no reading.
            camera: of both images.
            pose: of the camera.
            rgb: ``(H, W, 3)`` uint8; taken where colours are collected.
        """
        take = self._colors is not None and rgb is not None
        arguments = (
            np.ascontiguousarray(depth_m, np.float32),
            np.zeros((1, 1, 3), np.uint8) if rgb is None else np.ascontiguousarray(rgb),
            take,
            pixel_from_world(camera, pose) @ self.grid.world_from_grid,
            self.params.band_voxels * self.grid.voxel_m,
            min(self.params.far_m, 1e30),
            self._sums,
            self._counts,
            np.zeros((3, 1, 1, 1), np.float32) if self._colors is None else self._colors,
        )
        spread(partial(_add, *arguments), self.grid.shape[0])
        self.frames += 1
        far_m = self.params.far_m
        self.reading += any(((row > 0) & (row <= far_m)).any() for row in depth_m)

    def channels(self) -> NDArray[np.float32]:
        """The evidence as a network takes it.

        Returns:
            ``(C, X, Y, Z)`` float32, see :data:`CHANNELS`: mean signed distance in units of the
            band (positive in front of the surface; 0 where nobody measured it, 1 where frames only
            looked through); its standard deviation, likewise; the four counts as
            ``log(1 + n) / log(151)``; where colours are collected, their means from -0.5 to 0.5
            (0 where there are none).
        """
        colors = np.zeros((0, 1, 1, 1), np.float32) if self._colors is None else self._colors
        out = np.empty((len(CHANNELS) + len(colors), *self.grid.shape), np.float32)
        spread(partial(_normalise, self._sums, self._counts, colors, out), self.grid.shape[0])
        return out


def gather_evidence(
    grid: VoxelGrid, frames: Iterable[Frame], params: EvidenceParams | None = None
) -> Evidence:
    """What all of these frames say about a grid; those without pose or depth say nothing."""
    evidence = Evidence(grid, params)
    for frame in frames:
        evidence.add(frame)
    return evidence


def measured_at(
    grid: VoxelGrid,
    places: NDArray[np.int64],
    views: Iterable[tuple[Array, Pose]],
    camera: Intrinsics,
    params: EvidenceParams,
) -> NDArray[np.bool_]:
    """Voxels near which a reading ends of any of these frames: where :attr:`Evidence.near` counts.

    To ask for few of the voxels costs a small part of what the whole evidence does.

    Args:
        grid: where the voxels are.
        places: ``(N, 3)``, which of them.
        views: depth images ``(H, W)`` in metres, 0 where there is no reading, and where the camera
            stood.
        camera: of all images.
        params: width of the band, limit of depth.

    Returns:
        ``(N,)`` bool.
    """
    found = np.zeros(len(places), np.bool_)
    band, far = params.band_voxels * grid.voxel_m, min(params.far_m, 1e30)
    for depth_m, pose in views:
        matrix = pixel_from_world(camera, pose) @ grid.world_from_grid
        _measures(np.ascontiguousarray(depth_m, np.float32), matrix, band, far, places, found)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _measures(
    depth: Array, matrix: Array, band: float, far: float, places: Array, found: Array
) -> None:
    """Mark the places near which readings of one frame end, see :func:`_add`."""
    height, width = depth.shape
    m = matrix
    inverse_band, reach = np.float32(1 / band), np.float32(far + band)
    far32 = np.float32(far)
    columns, rows = np.float32(width), np.float32(height)
    for n in range(len(places)):
        if found[n]:
            continue
        i, j, step = places[n, 0], places[n, 1], np.float32(places[n, 2])
        z = np.float32(m[2, 0] * i + m[2, 1] * j + m[2, 3]) + step * np.float32(m[2, 2])
        if not np.float32(_NEAREST_M) <= z <= reach:
            continue
        x = np.float32(m[0, 0] * i + m[0, 1] * j + m[0, 3]) + step * np.float32(m[0, 2])
        y = np.float32(m[1, 0] * i + m[1, 1] * j + m[1, 3]) + step * np.float32(m[1, 2])
        if not (np.float32(0) <= x < columns * z and np.float32(0) <= y < rows * z):
            continue
        inverse = np.float32(1) / z
        row = min(int(y * inverse), height - 1)
        d = depth[row, min(int(x * inverse), width - 1)]
        found[n] = d > np.float32(0) and d <= far32 and abs(d - z) * inverse_band <= np.float32(1)


@njit(nogil=True, error_model="numpy")
def _cut(low: float, high: float, value: float, slope: float) -> tuple[float, float]:
    """The part of ``low <= k <= high`` where ``value + k * slope`` is not negative."""
    if slope > 0:
        return max(low, -value / slope), high
    if slope < 0:
        return low, min(high, -value / slope)
    return low, high if value >= 0 else low - 1


@njit(nogil=True, error_model="numpy")
def _inside(
    x: Any,
    y: Any,
    z: Any,
    dx: Any,
    dy: Any,
    dz: Any,
    columns: Any,
    rows: Any,
    reach: Any,
    count: int,
) -> tuple[int, int]:
    """Which voxels of a column along z project into the image, nearer than ``reach``.

    ``x, y, z`` are the homogeneous pixel of the first voxel, the others what a voxel adds.
    """
    low, high = 0.0, count - 1.0
    low, high = _cut(low, high, z - _NEAREST_M, dz)
    low, high = _cut(low, high, reach - z, -dz)
    low, high = _cut(low, high, x, dx)
    low, high = _cut(low, high, columns * z - x, columns * dz - dx)
    low, high = _cut(low, high, y, dy)
    low, high = _cut(low, high, rows * z - y, rows * dz - dy)
    if not high >= low:
        return 0, 0
    return int(np.ceil(low)), int(np.floor(high)) + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _add(
    depth: Array,
    rgb: Array,
    take_colors: bool,
    matrix: Array,
    band: float,
    far: float,
    sums: Array,
    counts: Array,
    colors: Array,
    begin: int,
    end: int,
) -> None:
    """Add one frame to the slabs ``begin`` to ``end`` along x."""
    height, width = depth.shape
    _, _, ny, nz = counts.shape
    m = matrix
    sx, sy, sz = np.float32(m[0, 2]), np.float32(m[1, 2]), np.float32(m[2, 2])
    inverse_band, reach = np.float32(1 / band), np.float32(far + band)
    far32 = np.float32(far)
    columns, rows = np.float32(width), np.float32(height)
    for i in range(begin, end):
        for j in range(ny):
            px = np.float32(m[0, 0] * i + m[0, 1] * j + m[0, 3])
            py = np.float32(m[1, 0] * i + m[1, 1] * j + m[1, 3])
            pz = np.float32(m[2, 0] * i + m[2, 1] * j + m[2, 3])
            first, last = _inside(px, py, pz, sx, sy, sz, columns, rows, reach, nz)
            for k in range(first, last):
                step = np.float32(k)
                inverse = np.float32(1) / (pz + step * sz)
                z = pz + step * sz
                # Rounding may put the ends of the range a hair beyond the image.
                row = min(max(int((py + step * sy) * inverse), 0), height - 1)
                column = min(max(int((px + step * sx) * inverse), 0), width - 1)
                d = depth[row, column]
                if not (d > np.float32(0) and d <= far32):
                    counts[3, i, j, k] += np.uint16(1)
                    continue
                before = (d - z) * inverse_band
                if before > np.float32(1):
                    counts[1, i, j, k] += np.uint16(1)
                elif before < np.float32(-1):
                    counts[2, i, j, k] += np.uint16(1)
                else:
                    counts[0, i, j, k] += np.uint16(1)
                    sums[0, i, j, k] += before
                    sums[1, i, j, k] += before * before
                    if take_colors:
                        for c in range(3):
                            colors[c, i, j, k] += np.float32(rgb[row, column, c])


@njit(cache=True, nogil=True, error_model="numpy")
def _normalise(sums: Array, counts: Array, colors: Array, out: Array, begin: int, end: int) -> None:
    """See :meth:`Evidence.channels`."""
    _, _, ny, nz = counts.shape
    one, zero = np.float32(1), np.float32(0)
    for i in range(begin, end):
        for j in range(ny):
            for k in range(nz):
                near = np.float32(counts[0, i, j, k])
                mean = one if counts[1, i, j, k] > 0 else zero
                deviation = zero
                if near > zero:
                    mean = sums[0, i, j, k] / near
                    variance = sums[1, i, j, k] / near - mean * mean
                    deviation = np.sqrt(max(variance, zero))
                out[0, i, j, k] = mean
                out[1, i, j, k] = deviation
                for c in range(4):
                    count = np.float32(counts[c, i, j, k])
                    out[2 + c, i, j, k] = np.log(one + count) * _LOG_SCALE
                for c in range(len(colors)):
                    value = zero
                    if near > zero:
                        value = colors[c, i, j, k] / (near * np.float32(255)) - np.float32(0.5)
                    out[6 + c, i, j, k] = value
