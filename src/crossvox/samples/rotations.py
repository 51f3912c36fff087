"""Sub-volumes turned so that another axis points up: the rotations of a box onto its own shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import Index3
from crossvox.core.volume import VoxelPixels


@dataclass(frozen=True)
class Rotation:
    """A proper rotation by quarter turns: axis ``n`` of what comes out is ``axes[n]`` of before.

    Attributes:
        axes: which axis goes where.
        flipped: axes, counted as they come out, that run the other way.
    """

    axes: Index3 = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    def volume(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Turn ``(X, Y, Z)``."""
        turned = volume.transpose(self.axes)
        return np.flip(turned, tuple(axis for axis in range(3) if self.flipped[axis]))

    def pixels(self, pixels: VoxelPixels, shape: Index3) -> VoxelPixels:
        """Turn voxel-pixel pairs together with their sub-volume, whose shape it keeps."""
        before = np.unravel_index(pixels.voxel, shape)
        places = [
            shape[axis] - 1 - before[source] if flip else before[source]
            for axis, (source, flip) in enumerate(zip(self.axes, self.flipped, strict=True))
        ]
        voxel = np.ravel_multi_index(places, shape).astype(np.int64)
        return VoxelPixels(voxel, pixels.pixel, pixels.view)


@lru_cache(maxsize=16)
def rotations(shape: Index3) -> tuple[Rotation, ...]:
    """All rotations that keep a shape, the identity first: 24 of a cube, 8 or 4 of other boxes."""
    found = []
    for axes in permutations(range(3)):
        if tuple(shape[axis] for axis in axes) != tuple(shape):
            continue
        inversions = sum(axes[i] > axes[j] for i in range(3) for j in range(i + 1, 3))
        for flipped in product((False, True), repeat=3):
            if (inversions + sum(flipped)) % 2 == 0:  # a mirror image is no rotation
                found.append(Rotation(axes, flipped))  # type: ignore[arg-type]
    return tuple(found)
