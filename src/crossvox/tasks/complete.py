"""Surface completion: where is the surface of the whole room, given what frames measured of it?

In comes the evidence of all frames, voxel by voxel (:mod:`crossvox.scene.evidence`); out come the
signed distance to the complete surface, the probability that it lies within 5 cm, and the
probability that a scan measures it there which goes the way of these frames. The truth is the
surface of the whole room, also where no frame looked; and what is measured of it by all frames of
the scan from the first of these to the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from crossvox.core.methods import OF_SCAN
from crossvox.core.volume import Score
from crossvox.tasks.params import CompleteParams
from crossvox.tasks.task import Losses, exact, loss_score

if TYPE_CHECKING:
    from torch import Tensor, nn

    from crossvox.samples.sparse import SparseBatch

RIGHT_M = 0.05
"""A place is on the surface if it lies within this distance of it: the threshold of the F-score."""

_NEAR, _DISTANCE = 2, 0
"""Channels of the evidence: how many frames measured a voxel, and how far off."""

FUSED_ONLY = "fused only"
"""Suffix of the scores of the baseline: where frames measured it, the surface; nowhere else."""


@dataclass(frozen=True)
class Complete:
    """The task of surface completion (see :class:`crossvox.tasks.task.Task`).

    Networks map evidence ``(B, C, X, Y, Z)`` to ``(B, 3, X, Y, Z)``: the signed distance in units
    of the band (positive: free), the logit that a surface lies within :data:`RIGHT_M`, and that a
    scan along the way of the frames measures one there.

    Attributes:
        params: evidence, network and loss.
        initialise: called with every network that was built, to put weights of another run in.
    """

    params: CompleteParams = field(default_factory=CompleteParams)
    initialise: Callable[[nn.Module], object] | None = field(
        default=None, repr=False, compare=False
    )

    name: ClassVar[str] = "complete"
    monitor: ClassVar[str] = "F1 where unmeasured"
    monitor_higher_is_better: ClassVar[bool] = True
    numbers: ClassVar[int] = 3

    @property
    def _right(self) -> float:
        """:data:`RIGHT_M` in units of the band."""
        return RIGHT_M / (self.params.voxel_m * self.params.evidence.band_voxels)

    def build(self) -> nn.Module:
        """A network with initial weights, drawn from torch's global random state."""
        network = self.params.network.build(self.params.channels)
        if self.initialise is not None:
            self.initialise(network)
        return network

    def loss(self, network: nn.Module, batch: SparseBatch) -> Losses:
        """Absolute error of the distance, and cross entropy of the confidence."""
        distance, sure, count = self._sums(network(batch.evidence), batch)
        distance, sure = distance / count, self.params.confidence_weight * sure / count
        return Losses(distance + sure, {"distance": distance.detach(), "confidence": sure.detach()})

    def _sums(self, answer: Tensor, batch: SparseBatch) -> tuple[Tensor, Tensor, Tensor]:
        import torch
        from torch.nn import functional

        truth = batch.truth
        near = truth.abs() < 1
        weight = near.float() + self.params.far_weight * (~near).float()
        measured = batch.evidence[:, _NEAR] > 0
        weight = weight * (1 - (1 - self.params.measured_weight) * measured.float())
        distance = ((answer[:, 0].float() - truth).abs() * weight).sum()
        on = (truth.abs() < self._right).float()
        found = batch.scanned.float()
        sure = functional.binary_cross_entropy_with_logits(
            answer[:, 1:].float(), torch.stack([on, found], dim=1), reduction="none"
        ).sum(dim=1)
        return distance, (sure * weight).sum(), weight.sum()

    def observe(self, network: nn.Module, batch: SparseBatch) -> dict[str, Tensor]:
        """Counts of one batch, of the network and of the baseline; see :meth:`scores`."""
        import torch

        with torch.no_grad():
            answer = network(batch.evidence)
            distance, sure, count = self._sums(answer, batch)
            truth = batch.truth
            on, measured = truth.abs() < self._right, batch.evidence[:, _NEAR] > 0
            fused = measured & (batch.evidence[:, _DISTANCE].abs() < self._right)
            told = {
                "": (answer[:, 1] > 0, on),
                "fused_": (fused, on),
                "scan_": (answer[:, 2] > 0, batch.scanned),
            }
            counts = {
                "loss_sum": distance + self.params.confidence_weight * sure,
                "loss_weight": count,
                "loss_voxels": count.new_tensor(float(truth.numel())),
                "distance_sum": distance,
                "sides": ((answer[:, 0] > 0) == (truth > 0)).sum(),
            }
            for prefix, where in (("measured_", measured), ("unmeasured_", ~measured)):
                for name, (found, true) in told.items():
                    counts[f"{prefix}{name}hit"] = (found & true & where).sum()
                    counts[f"{prefix}{name}found"] = (found & where).sum()
                    counts[f"{prefix}{name}true"] = (true & where).sum()
            return exact(counts)

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts; NaN where a ratio is 0 / 0."""
        numbers = {name: float(value) for name, value in counts.items()}
        near = f"voxels within {RIGHT_M:g} m of"
        rules = (
            ("", "", f"{near} the complete surface, probability >= 0.5"),
            ("fused_", f" ({FUSED_ONLY})", f"{near} the complete surface, as measured"),
            ("scan_", f" ({OF_SCAN})", f"{near} what the scan measures, probability >= 0.5"),
        )
        scores = []
        for prefix, where in (("unmeasured_", "unmeasured"), ("measured_", "measured")):
            for name, suffix, rule in rules:
                hit, found, true = (numbers[f"{prefix}{name}{n}"] for n in ("hit", "found", "true"))
                for label, value in (
                    (f"F1 where {where}", _ratio(2 * hit, found + true)),
                    (f"precision where {where}", _ratio(hit, found)),
                    (f"recall where {where}", _ratio(hit, true)),
                ):
                    scores.append(_score(label + suffix, value, round(true), rule))
        voxels = numbers["loss_voxels"]
        scores.append(
            _score("side", _ratio(numbers["sides"], voxels), round(voxels), "free or solid, all")
        )
        scores.append(loss_score(counts, "voxels", "absolute distance and cross entropy"))
        return scores


def _score(name: str, value: float, support: int, protocol: str) -> Score:
    return Score(
        name=name, value=value, unit="ratio", support=support, of="voxels",
        higher_is_better=True, protocol=protocol,
    )  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
