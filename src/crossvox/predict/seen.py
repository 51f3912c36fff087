"""Which voxels of a scene are seen, and in which colours, through the windows of a prediction.

A window looks at a few frames; a voxel is seen if one of the frames that its windows look at shows
it. No network takes part: sensor depth decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.predict.prediction import ColorVolume

if TYPE_CHECKING:
    from crossvox.core.volume import Sample, SceneViews
    from crossvox.predict.params import PredictParams
    from crossvox.samples.index import SampleIndex
    from crossvox.samples.source import SceneSource
    from crossvox.views.params import ViewParams


@dataclass(frozen=True, eq=False)
class SeenVoxels:
    """What windows see of a scene.

    Attributes:
        grid: where the voxels are.
        seen: ``(X, Y, Z)`` bool.
        colors: mean colour of the seen voxels, or None if not asked for.
        coverage: share of the windows with any voxel seen that were looked into.
    """

    grid: VoxelGrid
    seen: NDArray[np.bool_]
    colors: ColorVolume | None
    coverage: float = 1.0


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
    windows = scene_windows(source, params, shape, view_params)
    collector = SeenCollector(source.views.grid, shape, params.colors)
    for done, number in enumerate(windows.chosen, start=1):
        collector.add(windows.samples[number])
        if progress is not None:
            progress(done, len(windows.chosen))
    return replace(collector.finish(), coverage=windows.coverage)


class Windows(Protocol):
    """Samples of one scene by number, as a ``ChunkDataset`` delivers them."""

    def __getitem__(self, key: int) -> Sample:
        """The sample of window ``key``."""
        ...


@dataclass(frozen=True, eq=False)
class SceneWindows:
    """The windows of a scene.

    Attributes:
        samples: of every window, by number.
        chosen: numbers of the windows that some frame is chosen to look at.
        windows: how many windows cover the grid.
        windows_seen: those with a voxel that any frame of the scene sees, used or not.
        voxels_seen: voxels that any frame of the scene sees, used or not.
        frames_used: frames that at least one window looks at.
    """

    samples: Windows
    chosen: list[int]
    windows: int
    windows_seen: int
    voxels_seen: int
    frames_used: int

    @property
    def coverage(self) -> float:
        """Share of the windows with any voxel seen that are chosen; 1 where there are none."""
        return len(self.chosen) / self.windows_seen if self.windows_seen else 1.0


def scene_windows(
    source: SceneSource, params: PredictParams, shape: Index3, view_params: ViewParams
) -> SceneWindows:
    """The windows that slide over a scene, and which of them there is anything to see in.

    Args:
        source: the scene with its views and images.
        params: stride, and which windows are left out.
        shape: voxels of a window.
        view_params: image size and number of views.

    Raises:
        ParamsError: the stride is larger than the window, so that voxels would be left out; or the
            truth is asked, and there is none.
    """
    from crossvox.chunks import BoxCounts, sliding_starts
    from crossvox.samples.dataset import ChunkDataset
    from crossvox.samples.index import window_index

    stride = params.stride
    expect(
        all(step <= size for step, size in zip(stride, shape, strict=True)),
        given=f"a stride of {stride} voxels",
        needed=f"at most the window's shape, {shape}",
        do="pass a smaller stride",
        error=ParamsError,
    )
    index = window_index(source, shape, stride, view_params.max_views)
    chosen = [
        n for n, place in enumerate(index.places) if len(place.frame_ids) >= params.least_views
    ]
    if params.least_occupied >= 0:
        chosen = _occupied(source, params, shape, index, chosen)
    any_seen = seen_by_any_frame(source.views)
    starts = sliding_starts(source.views.grid, shape, stride)
    return SceneWindows(
        samples=ChunkDataset({source.name: source}, index, view_params, None, 0),
        chosen=chosen,
        windows=len(starts),
        windows_seen=int(np.count_nonzero(BoxCounts(any_seen).count(np.array(starts), shape))),
        voxels_seen=int(any_seen.sum()),
        frames_used=len({frame for n in chosen for frame in index.places[n].frame_ids}),
    )


def _occupied(
    source: SceneSource, params: PredictParams, shape: Index3, index: SampleIndex, chosen: list[int]
) -> list[int]:
    """Those of the windows that hold more of the true surface than asked for."""
    from crossvox.chunks import BoxCounts

    expect(
        source.volume is not None,
        given=f"{source.name} without a volume, and least_occupied={params.least_occupied}",
        needed="the truth, which tells how much of a window is occupied",
        do="leave --least-occupied out",
        error=ParamsError,
    )
    assert source.volume is not None
    if not chosen:
        return []
    starts = np.array([index.places[n].start for n in chosen])
    counts = BoxCounts(source.volume.occupied).count(starts, shape)
    enough = counts > params.least_occupied * math.prod(shape)
    return [n for n, kept in zip(chosen, enough.tolist(), strict=True) if kept]


def seen_by_any_frame(views: SceneViews) -> NDArray[np.bool_]:
    """Voxels that at least one frame of the scene sees, ``(X, Y, Z)`` bool."""
    seen = np.zeros(views.grid.count, bool)
    seen[views.voxel] = True
    return seen.reshape(views.grid.shape)
