"""Where voxels are. A grid knows its place in the world and nothing of what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError, ParamsError, ShapeError, expect

Array = NDArray[Any]
MOST_VOXELS = 1 << 33
"""Voxels beyond which something is wrong (this many are 100 x 100 x 100 m at 5 cm)."""

FARTHEST_VOXEL = 1e12
"""Voxels from the world's origin beyond which numbers do not tell one from the next."""

Index3 = tuple[int, int, int]


@dataclass(frozen=True)
class VoxelGrid:
    """A regular, axis-aligned grid of cubes; z points up.

    Grid coordinate ``(i, j, k)`` is the *centre* of voxel ``(i, j, k)``; the axis order is X, Y, Z
    on disk, in memory and in networks.

    Attributes:
        shape: number of voxels along x, y, z.
        voxel_m: edge length, metres.
        origin_m: world position of the centre of voxel ``(0, 0, 0)``.
    """

    shape: Index3
    voxel_m: float
    origin_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        expect(
            len(self.shape) == 3 and min(self.shape) > 0,
            given=f"a grid of shape {self.shape}",
            needed="three positive numbers of voxels",
            do="check the scene's extent and voxel size",
            error=ParamsError,
        )
        expect(
            self.voxel_m > 0 and bool(np.isfinite(self.origin_m).all()),
            given=f"voxels of {self.voxel_m} m at {self.origin_m}",
            needed="a positive edge length and a finite origin",
            do="check the scene's extent and voxel size",
            error=ParamsError,
        )

    @property
    def count(self) -> int:
        """Number of voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def grid_from_world(self) -> NDArray[np.float64]:
        """``(4, 4)`` transform from metres to grid coordinates (the formats' ``world_to_grid``)."""
        matrix = np.diag([1 / self.voxel_m] * 3 + [1.0])
        matrix[:3, 3] = -np.asarray(self.origin_m) / self.voxel_m
        return matrix

    @property
    def world_from_grid(self) -> NDArray[np.float64]:
        """``(4, 4)`` transform from grid coordinates to metres."""
        matrix = np.diag([self.voxel_m] * 3 + [1.0])
        matrix[:3, 3] = self.origin_m
        return matrix

    def to_grid(self, points_m: Array) -> NDArray[np.float64]:
        """World points ``(*n, 3)`` in grid coordinates (not rounded)."""
        return (np.asarray(points_m, dtype=np.float64) - self.origin_m) / self.voxel_m

    def to_world(self, coordinates: Array) -> NDArray[np.float64]:
        """Grid coordinates ``(*n, 3)`` in metres."""
        return np.asarray(coordinates, dtype=np.float64) * self.voxel_m + self.origin_m

    def linear(self, coordinates: Array) -> NDArray[np.int64]:
        """C-order position of integer coordinates ``(*n, 3)``: ``(i * Y + j) * Z + k``."""
        i, j, k = np.moveaxis(np.asarray(coordinates, dtype=np.int64), -1, 0)
        return (i * self.shape[1] + j) * self.shape[2] + k

    def sub(self, start: Index3, shape: Index3) -> VoxelGrid:
        """The grid of a box of voxels that starts at ``start`` (which may lie outside)."""
        x, y, z = self.to_world(np.array(start)).tolist()
        return replace(self, shape=shape, origin_m=(x, y, z))

    @classmethod
    def around(cls, points_m: Array, voxel_m: float, margin: int = 0) -> VoxelGrid:
        """The smallest grid on multiples of ``voxel_m`` whose voxels hold all points.

        Args:
            points_m: ``(N, 3)`` metres, at least one.
            voxel_m: edge length.
            margin: voxels added on every side.

        Raises:
            ShapeError: no points.
            CaptureError: they span more than :data:`MOST_VOXELS`.
        """
        points_m = np.asarray(points_m)
        expect(
            points_m.ndim == 2 and points_m.shape[1:] == (3,) and len(points_m) > 0,
            given=f"points of shape {points_m.shape}",
            needed="(N, 3) with at least one point",
            do="check that the surface is not empty",
            error=ShapeError,
        )
        farthest = float(np.abs(points_m).max()) / voxel_m
        expect(
            farthest < FARTHEST_VOXEL,
            given=f"a surface {farthest * voxel_m:.6g} m from the world's origin",
            needed=f"points within {FARTHEST_VOXEL * voxel_m:g} m of it",
            do="check that vertices and poses are in metres",
            error=CaptureError,
        )
        low = np.round(points_m.min(axis=0) / voxel_m).astype(np.int64) - margin
        high = np.round(points_m.max(axis=0) / voxel_m).astype(np.int64) + margin
        sx, sy, sz = (high - low + 1).tolist()
        span = " x ".join(f"{size * voxel_m:.6g}" for size in (sx, sy, sz))
        expect(
            sx * sy * sz <= MOST_VOXELS,
            given=f"a surface that spans {span} m, in voxels of {voxel_m} m",
            needed=f"a room, of at most {MOST_VOXELS:.1e} voxels",
            do="check that poses are in metres and that no single one lies far from the others",
            error=CaptureError,
        )
        ox, oy, oz = (low * voxel_m).tolist()
        return cls((sx, sy, sz), voxel_m, (ox, oy, oz))


def overlap(
    start: Sequence[int], shape: Sequence[int], extent: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What a box and a volume have in common.

    Args:
        start: first voxel of the box, in voxels of the volume; may lie outside.
        shape: size of the box, voxels.
        extent: size of the volume, voxels.

    Returns:
        Slices of the volume, and of the box; of equal lengths, empty where the two are apart.
    """
    volume, box = [], []
    for first, size, limit in zip(start, shape, extent, strict=True):
        low = min(max(first, 0), limit)
        high = max(min(first + size, limit), low)
        volume.append(slice(low, high))
        box.append(slice(low - first, high - first) if low < high else slice(0, 0))
    return tuple(volume), tuple(box)


def turn(volume: Array, quarter_turns: int) -> Array:
    """Turn the content of ``(..., X, Y, Z)`` about z by ``quarter_turns`` times 90 degrees.

    Positive turns are anticlockwise seen from above (x towards y). Four turns are the identity.
    """
    return np.rot90(volume, quarter_turns, axes=(-3, -2))
