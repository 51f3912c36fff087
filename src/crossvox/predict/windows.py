"""A whole scene, window by window.

A window slides over the scene's grid. Every window in which some frame sees a voxel is predicted,
with whatever views it has (unless ``least_views`` asks for more, as the published pipeline does);
windows that no frame sees hold nothing to predict from, are skipped and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import Index3
from crossvox.core.labels import NYU40
from crossvox.predict.assemble import Assembler
from crossvox.predict.params import PredictParams
from crossvox.predict.prediction import ScenePrediction
from crossvox.predict.prior import FramePrior, frame_classes
from crossvox.predict.seen import Windows, scene_windows

if TYPE_CHECKING:
    from torch import Tensor

    from crossvox.core.volume import Batch, Sample
    from crossvox.samples.maps import FrameMaps
    from crossvox.samples.source import SceneSource
    from crossvox.views.params import ViewParams

CACHE_BYTES = 1 << 30
"""Maps of frames that a prediction keeps at most."""


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
    from crossvox.samples import maps as frame_maps
    from crossvox.samples.batch import collate

    begin = time.perf_counter()
    windows = scene_windows(source, params, shape, view_params)
    assembler = Assembler(source.views.grid, shape, params)
    maps = None if encode is None else frame_maps.FrameMaps(encode, cache_bytes)
    for number in _batches(
        windows.chosen, windows.samples, probability, collate, params.batch_size, assembler, maps
    ):
        if progress is not None:
            progress(number, len(windows.chosen))
    said = None
    if maps is not None:
        if prior is not None:
            said = frame_classes(maps, prior, source, view_params)
        assembler.seconds["2D network"] = maps.seconds
    assembler.seconds["all"] = time.perf_counter() - begin
    return assembler.finish(
        windows=windows.windows,
        windows_seen=windows.windows_seen,
        windows_predicted=len(windows.chosen),
        voxels_seen=windows.voxels_seen,
        frames_used=windows.frames_used,
        frames=len(source.views.frame_ids),
        said=said,
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
