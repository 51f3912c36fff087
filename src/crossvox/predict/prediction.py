"""What is predicted of one scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import VoxelGrid


@dataclass(frozen=True, eq=False)
class ColorVolume:
    """A colour a voxel, where one is known.

    Attributes:
        rgb: ``(X, Y, Z, 3)`` uint8.
        known: ``(X, Y, Z)`` bool.
    """

    rgb: NDArray[np.uint8]
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ClassVolume:
    """What the surface in each voxel belongs to, if there is one there.

    Attributes:
        labels: ``(X, Y, Z)`` uint8, likeliest NYU40 id from 1 to 40; 0 where nothing was predicted.
        benchmark_labels: likewise, among the benchmark's classes alone.
        confidence: ``(X, Y, Z)`` float16, probability of ``labels`` given that there is a surface.
    """

    labels: NDArray[np.uint8]
    benchmark_labels: NDArray[np.uint8]
    confidence: NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class ScenePrediction:
    """What was predicted of one scene.

    Attributes:
        grid: where the voxels are.
        probability: ``(X, Y, Z)`` float32, probability that the surface passes through; 0 where
            nothing was predicted.
        predicted: ``(X, Y, Z)`` bool, voxels that some window covered.
        seen: ``(X, Y, Z)`` bool, voxels that some view seen by the network shows. Sensor depth
            decides this, so it is the mask-only baseline.
        colors: mean colour of the seen voxels, or None if not asked for.
        windows: windows that cover the grid.
        windows_seen: those with a voxel that any frame of the scene sees, used or not.
        windows_predicted: those that were predicted.
        voxels_seen: voxels that any frame of the scene sees, used or not.
        frames_used: frames that at least one window looked at.
        frames: frames with a valid pose.
        seconds: times by step.
        classes: classes of the voxels, of a network that tells them.
    """

    grid: VoxelGrid
    probability: NDArray[np.float32]
    predicted: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    colors: ColorVolume | None
    windows: int
    windows_seen: int
    windows_predicted: int
    voxels_seen: int
    frames_used: int
    frames: int
    seconds: dict[str, float] = field(default_factory=dict)
    classes: ClassVolume | None = None

    def __post_init__(self) -> None:
        for name in ("probability", "predicted", "seen"):
            shape = getattr(self, name).shape
            expect(
                shape == self.grid.shape,
                given=f"{name} of shape {shape}",
                needed=f"{self.grid.shape}, the grid's shape",
                do="predict the scene anew",
                error=ShapeError,
            )

    @property
    def windows_skipped(self) -> int:
        """Windows without any seen voxel, which were not predicted."""
        return self.windows - self.windows_predicted

    @property
    def coverage(self) -> float:
        """Share of the windows with any voxel seen that were predicted; 1 where there are none."""
        return self.windows_predicted / self.windows_seen if self.windows_seen else 1.0

    @property
    def notes(self) -> dict[str, Any]:
        """Counts for the scene's manifest; ``coverage`` is read again by the evaluation."""
        return {
            "coverage": self.coverage,
            "windows": self.windows,
            "windows_seen": self.windows_seen,
            "windows_predicted": self.windows_predicted,
            "windows_skipped": self.windows_skipped,
            "voxels": self.grid.count,
            "voxels_predicted": int(self.predicted.sum()),
            "voxels_seen_by_windows": int(self.seen.sum()),
            "voxels_seen_by_any_frame": self.voxels_seen,
            "frames": self.frames,
            "frames_used": self.frames_used,
        }
