"""Which voxels of a scene are seen, and in which colours, through the windows of a prediction.

A window looks at a few frames; a voxel is seen if one of the frames that its windows look at shows
it. No network takes part: sensor depth decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.predict.prediction import ColorVolume

if TYPE_CHECKING:
    from crossvox.core.volume import Sample
    from crossvox.predict.params import PredictParams
    from crossvox.samples.source import SceneSource
    from crossvox.views.params import ViewParams


@dataclass(frozen=True, eq=False)
class SeenVoxels:
    """What windows see of a scene.

    Attributes:
        grid: where the voxels are.
        seen: ``(X, Y, Z)`` bool.
        colors: mean colour of the seen voxels, or None if not asked for.
    """

    grid: VoxelGrid
    seen: NDArray[np.bool_]
    colors: ColorVolume | None


class SeenCollector:
    """Adds up what windows see.

    Memory: 1 byte a voxel, 17 with colours.

    Args:
        grid: the scene's grid; what windows hold beyond it is dropped.
        shape: voxels of a window.
        colors: whether mean colours are collected.
    """

    def __init__(self, grid: VoxelGrid, shape: Index3, colors: bool) -> None:
        self.grid, self.shape = grid, shape
        self._seen = np.zeros(grid.shape, bool)
        self._sum = np.zeros((*grid.shape, 3), np.float32) if colors else None
        self._count = np.zeros(grid.shape, np.float32) if colors else None

    def add(self, sample: Sample) -> None:
        """Add one window, not turned."""
        scene, window = overlap(sample.place.start, self.shape, self.grid.shape)
        lift, count = sample.lift, int(np.prod(self.shape))
        hits = np.bincount(lift.voxel, minlength=count).reshape(self.shape)
        self._seen[scene] |= hits[window] > 0
        if self._sum is not None and self._count is not None and len(lift.voxel):
            images = sample.images.reshape(*sample.images.shape[:2], -1)
            for channel in range(3):
                shown = images[lift.view, channel, lift.pixel]
                total = np.bincount(lift.voxel, weights=shown, minlength=count)
                self._sum[scene][..., channel] += total.reshape(self.shape)[window]
            self._count[scene] += hits[window]

    def finish(self) -> SeenVoxels:
        """What was seen."""
        colors = None
        if self._sum is not None and self._count is not None:
            rgb = np.rint(self._sum / np.maximum(self._count, 1)[..., None]).astype(np.uint8)
            colors = ColorVolume(rgb, self._count > 0)
        return SeenVoxels(self.grid, self._seen, colors)


def seen_by_windows(
    source: SceneSource,
    params: PredictParams,
    shape: Index3,
    view_params: ViewParams,
    progress: Callable[[int, int], None] | None = None,
) -> SeenVoxels:
    """What the windows of a prediction see of a scene, without predicting it.

    The same as of :func:`crossvox.predict.windows.predict_scene` with the same arguments.

    Args:
        source: the scene with its views and images.
        params: stride and colours.
        shape: voxels of a window.
        view_params: image size and number of views.
        progress: called with (windows done, windows).
    """
    from crossvox.samples.dataset import ChunkDataset
    from crossvox.samples.index import window_index

    index = window_index(source, shape, params.stride, view_params.max_views)
    windows = ChunkDataset({source.name: source}, index, view_params, None, 0)
    chosen = [n for n, place in enumerate(index.places) if place.frame_ids]
    collector = SeenCollector(source.views.grid, shape, params.colors)
    for done, number in enumerate(chosen, start=1):
        collector.add(windows[number])
        if progress is not None:
            progress(done, len(chosen))
    return collector.finish()
