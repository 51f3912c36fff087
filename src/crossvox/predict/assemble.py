"""A whole scene from overlapping sub-volumes.

A window slides over the scene's grid. Every window in which some frame sees a voxel is predicted,
with whatever views it has; windows that no frame sees hold nothing to predict from, are skipped and
counted. Where windows overlap their probabilities are averaged, weighted towards window centres,
where a network sees most context. Of a network of classes, logits are averaged instead, and
turned into probabilities and classes once for the whole scene.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.labels import NYU40
from crossvox.predict.params import Blend, PredictParams
from crossvox.predict.surface import ColorVolume

if TYPE_CHECKING:
    from torch import Tensor

    from crossvox.core.volume import Batch, Sample, SceneViews
    from crossvox.samples.maps import FrameMaps
    from crossvox.samples.source import SceneSource
    from crossvox.views.visibility import ViewParams

CACHE_BYTES = 1 << 30
"""Maps of frames that a prediction keeps at most."""

PRIOR_REACH = 3.0
"""What frames say of a voxel that they see holds this many voxels around it."""

SLAB_VOXELS = 1 << 18
"""Voxels whose logits are turned into classes at a time."""


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


@dataclass(frozen=True, eq=False)
class FramePrior:
    """What frames say of classes, as the last channels of their maps.

    Attributes:
        channels: how many channels: one a class but free space.
        stride: image pixels of one pixel of the maps.
        weigh: means over frames ``(N, channels)`` to what is added to logits, likewise.
    """

    channels: int
    stride: int
    weigh: Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FrameClasses:
    """What all frames of a scene say of the classes of its voxels.

    Attributes:
        voxels: ``(N,)`` linear numbers of the voxels that some frame sees, rising.
        row: ``(X * Y * Z,)`` int32 number of the nearest of them, -1 where none is near.
        values: ``(N, 40)`` float32, to be added to logits.
    """

    voxels: NDArray[np.int64]
    row: NDArray[np.int32]
    values: NDArray[np.float32]

    def add(self, logits: NDArray[np.float32], at: NDArray[np.intp]) -> None:
        """Add to the class logits ``(40, M)`` of voxels ``at``, in place.

        Where no frame sees the voxel itself the probability that there is a surface stays as it is:
        the network has learnt to tell it without.
        """
        near = np.flatnonzero(self.row[at] >= 0)
        row = self.row[at[near]]
        before = logits[:, near]
        after = before + self.values[row].T
        beside = self.voxels[row] != at[near]
        after[:, beside] += _log_sum(before[:, beside]) - _log_sum(after[:, beside])
        logits[:, near] = after


def _log_sum(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """``log sum exp`` over the classes."""
    top = logits.max(axis=0, initial=-np.inf)
    total: NDArray[np.float32] = top + np.log(np.exp(logits - top).sum(axis=0))
    return total


class Windows(Protocol):
    """Samples of one scene by number, as a ``ChunkDataset`` delivers them."""

    def __getitem__(self, key: int) -> Sample:
        """The sample of window ``key``."""
        ...


def predict_scene(
    probability: Callable[[Batch], Tensor],
    source: SceneSource,
    params: PredictParams,
    shape: Index3,
    view_params: ViewParams,
    progress: Callable[[int, int], None] | None = None,
    encode: Callable[[Tensor], Tensor] | None = None,
    cache_bytes: int = CACHE_BYTES,
    prior: FramePrior | None = None,
) -> ScenePrediction:
    """Predict a scene window by window and blend.

    Args:
        probability: the network; a batch on the CPU to ``(B, X, Y, Z)`` probabilities, or to
            logits ``(B, 41, X, Y, Z)`` of free space and the NYU40 classes.
        source: the scene with its views and images.
        params: stride, batches, blending.
        shape: voxels of a window, as the network was trained for.
        view_params: image size and number of views, likewise.
        progress: called with (windows done, windows to predict).
        encode: what the network makes of frames one by one, ``(1, 3, H, W)`` normalised images to
            ``(1, C, h, w)`` maps. It is then called once a frame and ``probability`` gets a
            :class:`crossvox.core.volume.MappedBatch`.
        cache_bytes: maps that are kept at most; beyond it those that were not used for longest are
            dropped, and made again when they are needed.
        prior: what frames say of classes, where that is to be added to the blended logits: all
            frames of the scene are asked, not only those that windows look at. Needs ``encode``.

    Raises:
        ParamsError: the stride is larger than the window, so that voxels would be left out.
        ShapeError: the network answers in another shape than it was asked.
    """
    from crossvox.chunks import BoxCounts, sliding_starts
    from crossvox.predict.votes import frame_means
    from crossvox.samples import maps as frame_maps
    from crossvox.samples.dataset import ChunkDataset, collate
    from crossvox.samples.index import window_index

    _expect_overlap(params.stride, shape)
    begin = time.perf_counter()
    index = window_index(source, shape, params.stride, view_params.max_views)
    dataset = ChunkDataset({source.name: source}, index, view_params, None, 0)
    chosen = [n for n, place in enumerate(index.places) if place.frame_ids]
    assembler = Assembler(source.views.grid, shape, params)
    maps = None if encode is None else frame_maps.FrameMaps(encode, cache_bytes)
    for number in _batches(
        chosen, dataset, probability, collate, params.batch_size, assembler, maps
    ):
        if progress is not None:
            progress(number, len(chosen))
    any_seen = seen_by_any_frame(source.views)
    starts = sliding_starts(source.views.grid, shape, params.stride)
    said = None
    if maps is not None:
        if prior is not None:
            voxels, means = frame_means(maps, prior.channels, prior.stride, source, view_params)
            row = nearest_seen(source.views.grid.shape, voxels)
            said = FrameClasses(voxels, row, prior.weigh(means))
        assembler.seconds["2D network"] = maps.seconds
    assembler.seconds["all"] = time.perf_counter() - begin
    return assembler.finish(
        windows=len(starts),
        windows_seen=int(np.count_nonzero(BoxCounts(any_seen).count(np.array(starts), shape))),
        windows_predicted=len(chosen),
        voxels_seen=int(any_seen.sum()),
        frames_used=len({frame for n in chosen for frame in index.places[n].frame_ids}),
        frames=len(source.views.frame_ids),
        said=said,
    )


def _expect_overlap(stride: Index3, shape: Index3) -> None:
    expect(
        all(step <= size for step, size in zip(stride, shape, strict=True)),
        given=f"a stride of {stride} voxels",
        needed=f"at most the window's shape, {shape}",
        do="pass a smaller stride",
        error=ParamsError,
    )


def _batches(
    chosen: Sequence[int],
    windows: Windows,
    probability: Callable[[Batch], Tensor],
    collate: Callable[[list[Sample]], Batch],
    batch_size: int,
    assembler: Assembler,
    maps: FrameMaps | None = None,
) -> Iterator[int]:
    """Run all batches; yields how many windows are done. The next batch is made meanwhile."""

    def prepare(first: int) -> tuple[list[Sample], Batch]:
        samples = [windows[n] for n in chosen[first : first + batch_size]]
        return samples, collate(samples)

    firsts = range(0, len(chosen), batch_size)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(prepare, 0) if chosen else None
        for first in firsts:
            assert coming is not None
            begin = time.perf_counter()
            samples, batch = coming.result()
            assembler.seconds["wait for samples"] += time.perf_counter() - begin
            if first + batch_size < len(chosen):
                coming = ahead.submit(prepare, first + batch_size)
            if maps is not None:
                batch = maps.add(samples, batch)
            begin = time.perf_counter()
            answer = probability(batch).detach().cpu().numpy()
            assembler.seconds["network"] += time.perf_counter() - begin
            begin = time.perf_counter()
            voxels = tuple(batch.occupied.shape)
            expect(
                answer.shape in (voxels, (voxels[0], len(NYU40.names), *voxels[1:])),
                given=f"an answer of shape {answer.shape}",
                needed=f"{voxels}, a probability a voxel of the batch, or logits of "
                f"{len(NYU40.names)} classes in between",
                do="check the network's output",
                error=ShapeError,
            )
            for sample, window in zip(samples, answer, strict=True):
                assembler.add(sample, window)
            assembler.seconds["blend"] += time.perf_counter() - begin
            yield min(first + batch_size, len(chosen))


class Assembler:
    """Adds windows up into one scene.

    Memory: 9 bytes a voxel, 25 with colours, 160 more with classes.

    Args:
        grid: the scene's grid; what windows hold beyond it is dropped.
        shape: voxels of a window.
        params: blending, colours.
    """

    def __init__(self, grid: VoxelGrid, shape: Index3, params: PredictParams) -> None:
        self.grid, self.shape = grid, shape
        self.seconds = {"wait for samples": 0.0, "network": 0.0, "blend": 0.0}
        self._weight = blend_weight(shape, params.blend)
        self._sum: NDArray[np.float32] | None = None  # classes first, where there are any
        self._weights = np.zeros(grid.shape, np.float32)
        self._seen = np.zeros(grid.shape, bool)
        self._color_sum = np.zeros((*grid.shape, 3), np.float32) if params.colors else None
        self._color_count = np.zeros(grid.shape, np.float32) if params.colors else None

    def add(self, sample: Sample, probability: NDArray[Any]) -> None:
        """Add one window: probabilities ``(X, Y, Z)`` or logits ``(41, X, Y, Z)``, and its views.

        Raises:
            ShapeError: the window has another shape, or was turned.
        """
        expect(
            probability.shape[-3:] == self.shape and sample.quarter_turns == 0,
            given=f"a window of shape {probability.shape}, turned {sample.quarter_turns} times",
            needed=f"shape {self.shape}, not turned",
            do="predict windows as they were cut, without augmentation",
            error=ShapeError,
        )
        scene, window = overlap(sample.place.start, self.shape, self.grid.shape)
        if self._sum is None:
            self._sum = np.zeros((*probability.shape[:-3], *self.grid.shape), np.float32)
        # numpy's annotations do not know an ellipsis beside slices.
        in_scene: Any = (..., *scene)
        in_window: Any = (..., *window)
        self._sum[in_scene] += (self._weight * probability)[in_window]
        self._weights[scene] += self._weight[window]
        lift, count = sample.lift, int(np.prod(self.shape))
        hits = np.bincount(lift.voxel, minlength=count).reshape(self.shape)
        self._seen[scene] |= hits[window] > 0
        if self._color_sum is not None and self._color_count is not None and len(lift.voxel):
            images = sample.images.reshape(*sample.images.shape[:2], -1)
            for channel in range(3):
                shown = images[lift.view, channel, lift.pixel]
                total = np.bincount(lift.voxel, weights=shown, minlength=count)
                self._color_sum[scene][..., channel] += total.reshape(self.shape)[window]
            self._color_count[scene] += hits[window]

    def finish(
        self,
        *,
        windows: int,
        windows_seen: int,
        windows_predicted: int,
        voxels_seen: int,
        frames_used: int,
        frames: int,
        said: FrameClasses | None = None,
    ) -> ScenePrediction:
        """The scene, weights divided out.

        See :class:`ScenePrediction` for the counts, :class:`FrameClasses` for what is added to the
        blended logits.
        """
        predicted = self._weights > 0
        total, classes = self._sum, None
        if total is not None and total.ndim == 4:
            probability, classes = _classes(total, self._weights, said)
        else:
            total = np.zeros(self.grid.shape, np.float32) if total is None else total
            probability = np.divide(total, self._weights, out=np.zeros_like(total), where=predicted)
        colors = None
        if self._color_sum is not None and self._color_count is not None:
            count = np.maximum(self._color_count, 1)[..., None]
            rgb = np.rint(self._color_sum / count).astype(np.uint8)
            colors = ColorVolume(rgb, self._color_count > 0)
        return ScenePrediction(
            grid=self.grid,
            # Rounding may leave an average of ones a hair above one.
            probability=np.clip(probability, 0, 1),
            predicted=predicted,
            seen=self._seen,
            colors=colors,
            windows=windows,
            windows_seen=windows_seen,
            windows_predicted=windows_predicted,
            voxels_seen=voxels_seen,
            frames_used=frames_used,
            frames=frames,
            seconds=dict(self.seconds),
            classes=classes,
        )


def _classes(
    total: NDArray[np.float32],
    weights: NDArray[np.float32],
    said: FrameClasses | None,
) -> tuple[NDArray[np.float32], ClassVolume]:
    """Probability of a surface and its classes, from weighted sums of logits ``(41, X, Y, Z)``."""
    shape = weights.shape
    flat, weight = total.reshape(len(total), -1), weights.reshape(-1)
    probability = np.zeros(weight.shape, np.float32)
    labels, benchmark = (np.zeros(weight.shape, np.uint8) for _ in range(2))
    confidence = np.zeros(weight.shape, np.float16)
    ids = np.array(NYU40.benchmark_ids)
    predicted = np.flatnonzero(weight > 0)
    for begin in range(0, len(predicted), SLAB_VOXELS):
        at = predicted[begin : begin + SLAB_VOXELS]
        logits = flat[:, at] / weight[at]
        if said is not None:
            said.add(logits[1:], at)
        best = logits[1:].argmax(axis=0)
        top = np.take_along_axis(logits[1:], best[None], axis=0)[0]
        surface = np.exp(logits[1:] - top).sum(axis=0)  # of all classes, in units of the best one
        with np.errstate(over="ignore"):  # exp beyond float32 is inf, and the ratio rightly 0
            probability[at] = surface / (surface + np.exp(logits[0] - top))
        labels[at] = best + 1
        benchmark[at] = ids[logits[ids].argmax(axis=0)]
        confidence[at] = 1 / surface
    return probability.reshape(shape), ClassVolume(
        labels.reshape(shape), benchmark.reshape(shape), confidence.reshape(shape)
    )


def blend_weight(shape: Index3, blend: Blend) -> NDArray[np.float32]:
    """Weight of each voxel of a window, ``(X, Y, Z)`` float32, positive everywhere.

    A product of one curve an axis: ``hann`` is ``sin^2``, ``tent`` falls linearly; both peak at 1
    in the middle and are symmetric. At a stride of half the shape the weights of all windows that
    hold a voxel add up to the same sum everywhere but at the border of the scene.
    """
    curves = []
    for size in shape:
        at = (np.arange(size) + 0.5) / size
        if blend == "hann":
            curves.append(np.sin(np.pi * at) ** 2)
        elif blend == "tent":
            curves.append(1 - np.abs(2 * at - 1))
        else:
            curves.append(np.ones(size))
        if blend == "tent" and size == 1:
            curves[-1] = np.ones(1)
    x, y, z = curves
    return (x[:, None, None] * y[:, None] * z).astype(np.float32)


def overlap(
    start: Index3, shape: Index3, scene: Index3
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the scene, and of the window, where the two overlap (may be empty)."""
    in_scene, in_window = [], []
    for first, size, limit in zip(start, shape, scene, strict=True):
        low, high = min(max(first, 0), limit), max(min(first + size, limit), 0)
        high = max(low, high)
        in_scene.append(slice(low, high))
        in_window.append(slice(low - first, high - first) if high > low else slice(0, 0))
    return tuple(in_scene), tuple(in_window)


def nearest_seen(
    shape: Index3, voxels: NDArray[np.int64], reach: float = PRIOR_REACH
) -> NDArray[np.int32]:
    """The nearest seen voxel of every voxel.

    A shell of occupied voxels is thicker than what frames see of it: what they say of its front
    holds for its back.

    Args:
        shape: of the grid.
        voxels: ``(N,)`` linear numbers of the seen voxels, rising.
        reach: voxels farther from the nearest seen one than this, in voxels, have none.

    Returns:
        ``(X * Y * Z,)`` int32 numbers from 0 to N - 1, -1 for none.
    """
    from scipy import ndimage

    count = int(np.prod(shape))
    row = np.full(count, -1, np.int32)
    row[voxels] = np.arange(len(voxels), dtype=np.int32)
    if len(voxels) == 0:
        return row
    distance, nearest = ndimage.distance_transform_edt(
        (row < 0).reshape(shape), return_indices=True
    )
    found = row.reshape(shape)[tuple(nearest)]
    found[distance > reach] = -1
    return found.reshape(-1)


def seen_by_any_frame(views: SceneViews) -> NDArray[np.bool_]:
    """Voxels that at least one frame of the scene sees, ``(X, Y, Z)`` bool."""
    seen = np.zeros(views.grid.count, bool)
    seen[views.voxel] = True
    return seen.reshape(views.grid.shape)
