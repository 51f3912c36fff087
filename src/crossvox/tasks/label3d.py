"""Labels in 3D: the class of each surface voxel, given what frames say of it and what lies around.

In comes what all frames say of the classes of voxels (:mod:`crossvox.scene.class_evidence`),
of each and of what lies around it (:mod:`crossvox.scene.label_context`); out come the logarithms of
better probabilities. What is learnt is a correction: before training the answer is that of the
votes, which stand beside every score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from crossvox.core.checks import ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.methods import NO_FRAME
from crossvox.core.volume import Score
from crossvox.metrics import PRESENT, voxel_numbers
from crossvox.tasks.label_params import Label3dParams
from crossvox.tasks.segment2d import class_weights
from crossvox.tasks.task import Losses, exact, loss_score

if TYPE_CHECKING:
    from torch import Tensor, nn

    from crossvox.samples.label_samples import LabelBatch

CLASSES = len(NYU40.names) - 1
"""Channels: class ``c + 1`` each."""

VOTES = "votes"
"""Suffix of the scores of the baseline: the likeliest class by what frames say."""

PROTOCOL = "annotated surface voxels that a frame labels, likeliest of 40 classes, one count"
UNSEEN = "annotated surface voxels that no frame labels, likeliest of 40 classes, one count"


@dataclass(frozen=True)
class Label3d:
    """The task of labels in 3D (see :class:`crossvox.tasks.task.Task`).

    Networks map contexts ``(N, F)`` to logits ``(N, 40)``
    (:class:`crossvox.networks.label_net.LabelNet`).

    Attributes:
        params: network and loss.
        shares: share of the annotated training voxels by NYU40 id, ``(41,)``; entry 0 is not used.

    Raises:
        ShapeError: not one share a class.
    """

    params: Label3dParams = field(default_factory=Label3dParams)
    shares: tuple[float, ...] = (0.0, *(1 / CLASSES,) * CLASSES)

    name: ClassVar[str] = "label3d"
    monitor: ClassVar[str] = PRESENT
    monitor_higher_is_better: ClassVar[bool] = True
    numbers: ClassVar[int] = 2

    def __post_init__(self) -> None:
        expect(
            len(self.shares) == CLASSES + 1,
            given=f"{len(self.shares)} class shares",
            needed=f"{CLASSES + 1}, one an id",
            do="count the training labels with crossvox.tasks.segment3d.voxel_shares",
            error=ShapeError,
        )

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each class in the loss, scaled to a mean of 1 over the training voxels."""
        if self.params.weighting == "even":
            return (1.0,) * CLASSES
        shares = np.array(self.shares[1:])
        weights = np.array(class_weights((0.0, *self.shares[1:])))[1:]
        mean = float(weights @ shares)
        return tuple((weights / (mean if mean > 0 else 1.0)).tolist())

    def build(self) -> nn.Module:
        """A network with initial weights, drawn from torch's global random state."""
        return self.params.network.build(CLASSES)

    def logits(self, network: nn.Module, batch: LabelBatch) -> Tensor:
        """Logits ``(N, 40)`` of the voxels of a batch."""
        found: Tensor = network(batch.context)
        return found

    def loss(self, network: nn.Module, batch: LabelBatch) -> Losses:
        """Cross entropy of the annotated voxels, and what is added to it."""
        logits = self.logits(network, batch).float()
        total, weight = self._sums(logits, batch)
        mean = total / weight.clamp(min=1e-6)
        parts = {"cross entropy": mean.detach()}
        if self.params.extra_loss == "none":
            return Losses(mean, parts)
        from crossvox.tasks.overlap import lovasz

        extra = lovasz(logits, batch.labels - 1)
        parts["lovasz"] = extra.detach()
        return Losses(mean + self.params.extra_weight * extra, parts)

    def _sums(self, logits: Tensor, batch: LabelBatch) -> tuple[Tensor, Tensor]:
        from torch.nn import functional

        target = batch.labels - 1
        weights = logits.new_tensor(self.weights)
        total = functional.cross_entropy(logits, target, weights, ignore_index=-1, reduction="sum")
        return total, weights[target[target >= 0]].sum()

    def observe(self, network: nn.Module, batch: LabelBatch) -> dict[str, Tensor]:
        """Counts of one batch, of the network and of the votes; see :meth:`scores`."""
        import torch

        with torch.no_grad():
            logits = self.logits(network, batch).float()
            total, weight = self._sums(logits, batch)
            learnt = logits.argmax(dim=1) + 1
            voted = batch.context[:, :CLASSES].argmax(dim=1) + 1
            truth, seen, unseen = batch.labels, batch.told, ~batch.told
            return exact(
                {
                    "learnt": _pairs(truth[seen], learnt[seen]),
                    "votes": _pairs(truth[seen], voted[seen]),
                    "unseen": _pairs(truth[unseen], learnt[unseen]),
                    "loss_sum": total,
                    "loss_weight": weight,
                    "loss_voxels": (truth > 0).sum(),
                }
            )

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts; NaN where a ratio is 0 / 0.

        Returns:
            ``mIoU`` over the benchmark's classes, ``mIoU present`` over those of them that the
            split shows, and ``class accuracy`` where frames label, each also of the votes; the same
            where no frame does; ``IoU NAME`` of each class where frames label; the loss.
        """
        scores = []
        for name, suffix, protocol in (
            ("learnt", "", PROTOCOL),
            ("votes", f" ({VOTES})", PROTOCOL),
            ("unseen", f" ({NO_FRAME})", UNSEEN),
        ):
            table = counts[name].cpu().numpy()
            support = round(float(table.sum()))
            numbers = voxel_numbers(table)
            for score in ("mIoU", PRESENT):
                scores.append(_score(f"{score}{suffix}", numbers[score], support, protocol))
            accuracy = float(np.trace(table)) / support if support else math.nan
            scores.append(_score(f"class accuracy{suffix}", accuracy, support, protocol))
        learnt = counts["learnt"].cpu().numpy()
        each = voxel_numbers(learnt)
        for number in NYU40.benchmark_ids:
            name, support = NYU40.names[number], round(float(learnt[number].sum()))
            own = _score(f"IoU {name}", each[f"IoU {name}"], support, PROTOCOL)
            scores.append(replace(own, class_name=name))
        rule = f"cross entropy, {self.params.weighting} class weights"
        scores.append(loss_score(counts, "voxels", rule))
        return scores


def _pairs(truth: Any, predicted: Any) -> Tensor:
    size = CLASSES + 1
    found: Tensor = (truth * size + predicted).bincount(minlength=size**2)
    return found.view(size, size)


def _score(name: str, value: float, support: int, protocol: str) -> Score:
    return Score(name, value, "ratio", support, "voxels", True, protocol)
