"""3D semantic segmentation: what the surface in each voxel belongs to, or that there is none.

Classes are the ids of the one label table: 0 is free space (a class like the others in the loss), 1
to 40 are NYU40. An occupied voxel that nobody annotated is neither and counts nowhere. In a
prepared volume and in a batch, occupancy tells free voxels from unannotated ones; the label alone
does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Batch, SceneVolume, Score
from crossvox.metrics import PRESENT, voxel_numbers
from crossvox.tasks.params import Segment3dParams
from crossvox.tasks.scene import SceneTask, existing
from crossvox.tasks.segment2d import PUBLISHED_WEIGHTS, class_weights
from crossvox.tasks.task import exact, loss_score

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES = len(NYU40.names)
FREE = 0
"""Class of voxels that no surface passes through."""

IGNORED = -1
"""Target of voxels that count nowhere."""

MAJORITY = "majority class on seen voxels"
"""Suffix of the scores of the trivial baseline."""

PROTOCOL = (
    "voxels inside the scene, likeliest of free space and 40 classes, one count over the split; "
    "occupied voxels without annotation left out"
)


@dataclass(frozen=True)
class Segment3d(SceneTask):
    """The 3D segmentation task (see :class:`crossvox.tasks.task.Task`).

    Attributes:
        params: network, view fusion and loss.
        shares: share of the annotated training voxels by NYU40 id, ``(41,)``; entry 0 is not used.

    Raises:
        ShapeError: not one share a class.
    """

    params: Segment3dParams = field(default_factory=Segment3dParams)
    shares: tuple[float, ...] = (0.0, *(1 / (CLASSES - 1),) * (CLASSES - 1))

    name: ClassVar[str] = "segment3d"
    classes: ClassVar[int] = CLASSES
    numbers: ClassVar[int] = 4
    """Raised when the same run learns other things than before."""
    monitor: ClassVar[str] = PRESENT
    monitor_higher_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        expect(
            len(self.shares) == CLASSES,
            given=f"{len(self.shares)} class shares",
            needed=f"{CLASSES}, one an id",
            do="count the training labels with crossvox.tasks.segment3d.voxel_shares",
            error=ShapeError,
        )

    @property
    def class_prior(self) -> bool:
        """Whether classes start from what the 2D network says of them."""
        features = self.params.features
        return self.params.class_prior and features is not None and features.files is None

    @property
    def prior_dropout(self) -> float:
        """Share of the training samples that do without it."""
        return self.params.prior_dropout

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Weight of each class in the loss, free space first."""
        if self.params.weighting == "published":
            return PUBLISHED_WEIGHTS
        if self.params.weighting == "even":
            return (1.0,) * CLASSES
        weights = np.array(class_weights((0.0, *self.shares[1:])))
        mean = float(weights[1:] @ np.array(self.shares[1:]))
        return (1.0, *(weights[1:] / (mean if mean > 0 else 1.0)).tolist())

    @property
    def majority(self) -> int:
        """The NYU40 id with most annotated training voxels."""
        return 1 + int(np.argmax(self.shares[1:]))

    def targets(self, batch: Batch) -> Tensor:
        """Class of each voxel, ``(B, X, Y, Z)`` int64: 0 free, 1 to 40, :data:`IGNORED`."""
        labels = batch.labels
        ignored = labels.new_full((), IGNORED)
        surface = labels.where(labels != NYU40.ignore_id, ignored)
        return surface.where(batch.occupied, labels.new_full((), FREE))

    def class_logits(self, network: nn.Module, batch: Batch, with_prior: bool = True) -> Tensor:
        """Logits ``(B, 41, X, Y, Z)`` without gradients.

        Args:
            network: as :meth:`build` makes it.
            batch: any batch with this task's number of views.
            with_prior: False leaves out what the batch's frames say of classes.
        """
        import torch

        with torch.no_grad():
            if with_prior or not self.class_prior:
                return self.logits(network, batch).detach()
            self._expect_views(batch)
            logits: Tensor = network(batch, with_prior=False)
            return logits.detach()

    def probability(self, network: nn.Module, batch: Batch) -> Tensor:
        """Probability that the surface passes through each voxel, ``(B, X, Y, Z)``, no gradients.

        All classes but free space together.
        """
        logits = self.class_logits(network, batch)
        return (logits[:, 1:].logsumexp(dim=1) - logits[:, FREE]).sigmoid()

    def _mean(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        mean, parts = super()._mean(logits, batch)
        if self.params.extra_loss == "none":
            return mean, parts
        from crossvox.tasks.overlap import dice, lovasz

        rows, target = _rows(logits), self.targets(batch).flatten()
        kept = (target > FREE) & self.region(batch).flatten()
        extra = (dice if self.params.extra_loss == "dice" else lovasz)(rows[kept], target[kept])
        parts[self.params.extra_loss] = extra.detach()
        return mean + self.params.extra_weight * extra, parts

    def _sums(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        from torch.nn import functional

        target, region = self.targets(batch), self.region(batch)
        target = target.where(region, target.new_full((), IGNORED)).flatten()
        weights, rows = logits.new_tensor(self.class_weights), _rows(logits)
        total = functional.cross_entropy(
            rows, target, weights, ignore_index=IGNORED, reduction="sum"
        )
        weight = weights[target[target != IGNORED]].sum()
        if self.params.unlabelled is None:
            return total, weight
        bare = rows[(target == IGNORED) & (batch.occupied & region).flatten()]
        # Minus the logarithm of the probability of all classes but free space together.
        missed = functional.softplus(bare[:, FREE] - bare[:, 1:].logsumexp(dim=1))
        return total + missed.sum(), weight + len(bare)

    def observe(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Counts of one batch: of the network, of the baseline, and of the loss.

        Returns:
            float64: ``confusion`` and ``majority`` ``(41, 41)`` (row = truth, column = prediction,
            0 = free) over annotated and free voxels inside the scene, ``class_hits`` (annotated
            voxels whose likeliest class, free space aside, is right), ``loss_sum``,
            ``loss_weight``, ``loss_voxels``.
        """
        import torch

        from crossvox.views.lift import seen_voxels

        with torch.no_grad():
            logits = self.logits(network, batch)
            total, weight = self._sums(logits, batch)
            target = self.targets(batch)
            counted = (target != IGNORED) & batch.inside
            truth = target[counted]
            seen = seen_voxels(*existing(batch), len(batch.images), batch.shape)[counted]
            named = logits[:, 1:].argmax(dim=1)[counted] + 1
            counts = {
                "confusion": _pairs(truth, logits.argmax(dim=1)[counted]),
                "majority": _pairs(truth, seen * self.majority),
                "class_hits": (named == truth).sum(),
                "loss_sum": total,
                "loss_weight": weight,
                "loss_voxels": (self.region(batch) & (target != IGNORED)).sum(),
            }
            return exact(counts)

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts; NaN where a ratio is 0 / 0.

        Returns:
            ``mIoU`` over the benchmark's classes (a free voxel or another class taken for one of
            them is wrong), ``mIoU present`` over those of them that the split shows, ``IoU
            occupied`` (any class), each followed by the baseline's; ``class accuracy`` of annotated
            voxels, free space aside; ``IoU NAME`` of each class; the loss.
        """
        learnt = counts["confusion"].cpu().numpy()
        baseline = counts["majority"].cpu().numpy()
        support = round(float(learnt.sum()))
        found, trivial = voxel_numbers(learnt), voxel_numbers(baseline)
        scores = []
        for name in ("mIoU", PRESENT, "IoU occupied"):
            scores.append(_score(name, found[name], support))
            scores.append(_score(f"{name} ({MAJORITY})", trivial[name], support))
        annotated, hits = float(learnt[1:].sum()), float(counts["class_hits"])
        accuracy = hits / annotated if annotated else math.nan
        scores.append(_score("class accuracy", accuracy, round(annotated)))
        for number in NYU40.benchmark_ids:
            name = f"IoU {NYU40.names[number]}"
            own = _score(name, found[name], round(float(learnt[number].sum())))
            scores.append(replace(own, class_name=NYU40.names[number]))
        protocol = (
            f"cross entropy, {self.params.weighting} class weights, "
            f"region {self.params.loss_region}"
        )
        scores.append(loss_score(counts, "voxels", protocol))
        return scores


def label_counts(volumes: Iterable[SceneVolume]) -> NDArray[np.int64]:
    """Occupied voxels by NYU40 id ``(41,)``, of several scenes; id 0 is not annotated."""
    counts = np.zeros(CLASSES, np.int64)
    for volume in volumes:
        counts += np.bincount(volume.labels[volume.occupied], minlength=CLASSES)
    return counts


def voxel_shares(counts: NDArray[Any]) -> tuple[float, ...]:
    """Share of each NYU40 id among annotated voxels, from counts by id ``(41,)``; entry 0 is 0."""
    annotated = np.asarray(counts, dtype=np.float64).copy()
    annotated[NYU40.ignore_id] = 0
    total = annotated.sum()
    return tuple((annotated / total if total else annotated).tolist())


def _rows(logits: Tensor) -> Tensor:
    """``(B, C, X, Y, Z)`` to ``(B X Y Z, C)``; no copy in the memory order of ``scene_unet``."""
    return logits.permute(0, 2, 3, 4, 1).reshape(-1, logits.shape[1])


def _pairs(truth: Tensor, predicted: Tensor) -> Tensor:
    counts = (truth * CLASSES + predicted).bincount(minlength=CLASSES**2)
    return counts.view(CLASSES, CLASSES)


def _score(name: str, value: float, support: int) -> Score:
    return Score(name, value, "ratio", support, "voxels", True, PROTOCOL)
