"""Reconstruction: which voxels does the surface pass through, given posed colour images and depth.

The colours of up to K views are lifted to the voxels that each view sees, and a 3D network tells
free from occupied. Depth takes part in lifting (a voxel counts as seen where the sensor's depth
agrees), so that the set of seen voxels alone already traces the surface. Every score therefore
comes with that baseline, ``mask only``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from crossvox.core.volume import Batch, Score
from crossvox.tasks.params import ReconstructParams
from crossvox.tasks.scene import SceneTask, existing
from crossvox.tasks.task import exact, loss_score

if TYPE_CHECKING:
    from torch import Tensor, nn

THRESHOLD = 0.5
"""Probability from which a voxel counts as occupied."""

PROTOCOL = f"voxels inside the scene, probability >= {THRESHOLD}, one count over the split"

MASK_ONLY = "mask only"
"""Suffix of the scores of the trivial baseline: every voxel that some view sees is surface."""


@dataclass(frozen=True)
class Reconstruct(SceneTask):
    """The reconstruction task (see :class:`crossvox.tasks.task.Task`): free or occupied.

    Attributes:
        params: network, view fusion and loss.
    """

    params: ReconstructParams = field(default_factory=ReconstructParams)

    name: ClassVar[str] = "reconstruct"
    classes: ClassVar[int] = 2
    numbers: ClassVar[int] = 2
    monitor: ClassVar[str] = "IoU"
    monitor_higher_is_better: ClassVar[bool] = True

    def probability(self, network: nn.Module, batch: Batch) -> Tensor:
        """Probability that the surface passes through each voxel, without gradients.

        Returns:
            ``(B, X, Y, Z)`` float32 in [0, 1].
        """
        import torch

        with torch.no_grad():
            return _occupied_probability(self.logits(network, batch))

    def observe(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Counts of one batch: of the network, of the mask-only baseline, and of the loss.

        Returns:
            float64 scalars that add over batches: ``true_positive``, ``false_positive``,
            ``false_negative``, ``true_negative`` (voxels inside the scene), the same with
            ``mask_`` in front for the baseline, ``loss_sum`` and ``loss_weight`` (their ratio is
            the mean loss over the loss region), ``loss_voxels``.
        """
        import torch

        from crossvox.views.lift import seen_voxels

        with torch.no_grad():
            logits = self.logits(network, batch)
            total, weight = self._sums(logits, batch)
            predicted = _occupied_probability(logits) >= THRESHOLD
            voxel, sample = existing(batch)
            seen = seen_voxels(voxel, sample, len(batch.images), batch.shape)
            counts = _confusion("", predicted, batch.occupied, batch.inside)
            counts |= _confusion("mask_", seen, batch.occupied, batch.inside)
            counts["loss_sum"], counts["loss_weight"] = total, weight
            counts["loss_voxels"] = self.region(batch).sum()
            return exact(counts)

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts; NaN where a ratio is 0 / 0.

        Returns:
            IoU, precision, recall and F1 of the occupied class, each followed by the same number of
            the mask-only baseline (name with :data:`MASK_ONLY` in brackets), then the mean loss.
        """
        numbers = {name: float(value) for name, value in counts.items()}
        learnt, mask = _ratios(numbers, ""), _ratios(numbers, "mask_")
        cells = ("true_positive", "false_positive", "false_negative", "true_negative")
        support = round(sum(numbers[cell] for cell in cells))
        scores = []
        for name in learnt:
            for label, ratios, prefix in (
                (name, learnt, ""),
                (f"{name} ({MASK_ONLY})", mask, "mask_"),
            ):
                scores.append(
                    Score(
                        name=label,
                        value=ratios[name],
                        unit="ratio",
                        support=support,
                        of="voxels",
                        higher_is_better=True,
                        protocol=PROTOCOL,
                        details={cell: numbers[prefix + cell] for cell in cells},
                    )
                )
        protocol = (
            f"cross entropy, class weights {self.params.class_weights}, "
            f"region {self.params.loss_region}"
        )
        scores.append(loss_score(counts, "voxels", protocol))
        return scores

    def _sums(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the weighted loss over the region, and sum of the weights."""
        from torch.nn import functional

        region = self.region(batch)
        free, occupied = self.params.class_weights
        # -log softmax of the true one of two classes, by the difference of the logits alone.
        difference = logits[:, 1] - logits[:, 0]
        loss = functional.softplus(difference.where(~batch.occupied, -difference))
        weight = loss.new_full((), free).where(~batch.occupied, loss.new_full((), occupied))
        weight = weight * region
        return (loss * weight).sum(), weight.sum()


def _occupied_probability(logits: Tensor) -> Tensor:
    """Softmax of two classes, its second value."""
    return (logits[:, 1] - logits[:, 0]).sigmoid()


def _confusion(prefix: str, predicted: Tensor, truth: Tensor, region: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}true_positive": (predicted & truth & region).sum(),
        f"{prefix}false_positive": (predicted & ~truth & region).sum(),
        f"{prefix}false_negative": (~predicted & truth & region).sum(),
        f"{prefix}true_negative": (~predicted & ~truth & region).sum(),
    }


def _ratios(counts: Mapping[str, float], prefix: str) -> dict[str, float]:
    hit = counts[f"{prefix}true_positive"]
    wrong = counts[f"{prefix}false_positive"]
    missed = counts[f"{prefix}false_negative"]
    return {
        "IoU": _ratio(hit, hit + wrong + missed),
        "precision": _ratio(hit, hit + wrong),
        "recall": _ratio(hit, hit + missed),
        "F1": _ratio(2 * hit, 2 * hit + wrong + missed),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
