"""A whole scene from overlapping windows.

Where windows overlap their probabilities are averaged, weighted towards window centres, where a
network sees most context. Of a network of classes, logits are averaged instead, and turned into
probabilities and classes once for the whole scene.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.core.labels import NYU40
from crossvox.predict.params import Blend, PredictParams
from crossvox.predict.prediction import ClassVolume, ScenePrediction
from crossvox.predict.seen import SeenCollector

if TYPE_CHECKING:
    from crossvox.core.volume import Sample
    from crossvox.predict.prior import FrameClasses

SLAB_VOXELS = 1 << 18
"""Voxels whose logits are turned into classes at a time."""


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
        self._seen = SeenCollector(grid, shape, params.colors)

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
        self._seen.add(sample)

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
        views = self._seen.finish()
        return ScenePrediction(
            grid=self.grid,
            # Rounding may leave an average of ones a hair above one.
            probability=np.clip(probability, 0, 1),
            predicted=predicted,
            seen=views.seen,
            colors=views.colors,
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
