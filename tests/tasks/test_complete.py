"""The task of surface completion: loss and scores by hand, counts that add, and that it learns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crossvox.core.checks import ParamsError
from crossvox.core.methods import OF_SCAN
from crossvox.samples.sparse import SparseBatch
from crossvox.scene.params import EvidenceParams
from crossvox.tasks.complete import FUSED_ONLY, RIGHT_M, Complete
from crossvox.tasks.params import CompleteParams, CompletionNetworkParams
from crossvox.tasks.task import Task

SHAPE = (4, 5, 6)
NETWORK = CompletionNetworkParams(width=8, depth=1, widest=16)


class Says(nn.Module):
    """A network that always says the same."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, evidence: Tensor) -> Tensor:
        assert len(evidence) == len(self.answer)
        return self.answer


def random_batch(seed: int = 0, size: int = 3, shape: tuple[int, int, int] = SHAPE) -> SparseBatch:
    generator = torch.Generator().manual_seed(seed)
    truth = (torch.rand(size, *shape, generator=generator) * 4 - 2).clamp(-1, 1)
    evidence = torch.rand(size, 6, *shape, generator=generator)
    measured = torch.rand(size, *shape, generator=generator) < 0.4
    evidence[:, 2] *= measured
    evidence[:, 0] = evidence[:, 0] * 2 - 1
    return SparseBatch(evidence, truth, (truth.abs() < 0.3) & measured)


def random_answer(seed: int = 1, size: int = 3) -> Tensor:
    return torch.randn(size, 3, *SHAPE, generator=torch.Generator().manual_seed(seed))


def twin(answer: Tensor, batch: SparseBatch, params: CompleteParams) -> dict[str, float]:
    """Sums of the loss and counts, voxel by voxel."""
    right = RIGHT_M / (params.voxel_m * params.evidence.band_voxels)
    found = dict.fromkeys(
        (
            *("distance", "sure", "weight", "sides", "voxels"),
            *(
                f"{where}_{name}{part}"
                for where in ("measured", "unmeasured")
                for name in ("", "fused_", "scan_")
                for part in ("hit", "found", "true")
            ),
        ),
        0.0,
    )
    said, truth = answer.double().numpy(), batch.truth.double().numpy()
    evidence, scanned = batch.evidence.numpy(), batch.scanned.numpy()
    for place in np.ndindex(*truth.shape):
        sample, voxel = place[0], place[1:]
        true = truth[place]
        measured = evidence[(sample, 2, *voxel)] > 0
        weight = 1.0 if abs(true) < 1 else params.far_weight
        weight *= params.measured_weight if measured else 1
        distance, *logits = (said[(sample, channel, *voxel)] for channel in range(3))
        found["distance"] += weight * abs(distance - true)
        for logit, target in zip(logits, (abs(true) < right, scanned[place]), strict=True):
            chance = 1 / (1 + math.exp(-logit))
            found["sure"] -= weight * math.log(chance if target else 1 - chance)
        found["weight"] += weight
        found["sides"] += (distance > 0) == (true > 0)
        found["voxels"] += 1
        prefix = "measured_" if measured else "unmeasured_"
        on = abs(true) < right
        fused = measured and abs(evidence[(sample, 0, *voxel)]) < right
        measures = bool(scanned[place])
        told = (("", logits[0] > 0, on), ("fused_", fused, on), ("scan_", logits[1] > 0, measures))
        for name, says, is_so in told:
            found[f"{prefix}{name}hit"] += says and is_so
            found[f"{prefix}{name}found"] += says
            found[f"{prefix}{name}true"] += is_so
    return found


@pytest.fixture(params=[{}, {"measured_weight": 0.3, "far_weight": 0.5, "confidence_weight": 2.0}])
def task(request: pytest.FixtureRequest) -> Complete:
    return Complete(CompleteParams(network=NETWORK, **request.param))


def test_the_loss_is_that_of_a_slow_twin(task: Complete) -> None:
    batch, answer = random_batch(), random_answer()
    slow = twin(answer, batch, task.params)
    losses = task.loss(Says(answer), batch)
    distance = slow["distance"] / slow["weight"]
    sure = task.params.confidence_weight * slow["sure"] / slow["weight"]
    assert losses.parts["distance"].item() == pytest.approx(distance, rel=1e-5)
    assert losses.parts["confidence"].item() == pytest.approx(sure, rel=1e-5)
    assert losses.total.item() == pytest.approx(distance + sure, rel=1e-5)


def test_scores_are_those_of_a_slow_twin(task: Complete) -> None:
    batch, answer = random_batch(), random_answer()
    slow = twin(answer, batch, task.params)
    scores = {s.name: s for s in task.scores(task.observe(Says(answer), batch))}
    for where in ("measured", "unmeasured"):
        for name, suffix in (("", ""), ("fused_", f" ({FUSED_ONLY})"), ("scan_", f" ({OF_SCAN})")):
            hit, found, true = (slow[f"{where}_{name}{part}"] for part in ("hit", "found", "true"))
            expected = {"F1": (2 * hit, found + true), "precision": (hit, found),
                        "recall": (hit, true)}  # fmt: skip
            for label, (part, total) in expected.items():
                score = scores[f"{label} where {where}{suffix}"]
                assert score.support == true
                if total:
                    assert score.value == pytest.approx(part / total)
                else:
                    assert math.isnan(score.value)
    assert scores["side"].value == pytest.approx(slow["sides"] / slow["voxels"])
    loss = slow["distance"] + task.params.confidence_weight * slow["sure"]
    assert scores["loss"].value == pytest.approx(loss / slow["weight"], rel=1e-5)
    assert not scores["loss"].higher_is_better


def test_scores_of_a_batch_by_hand() -> None:
    """Four voxels: a measured hit, an unmeasured hit, a miss, and one found wrongly."""
    truth = torch.tensor([0.1, -0.2, 0.0, 0.9]).reshape(1, 4, 1, 1)
    evidence = torch.zeros(1, 6, 4, 1, 1)
    evidence[0, 2, 0], evidence[0, 0, 0] = 0.2, 0.1
    answer = torch.zeros(1, 3, 4, 1, 1)
    answer[0, 0, :, 0, 0] = torch.tensor([0.5, -0.5, 0.5, 0.5])
    answer[0, 1, :, 0, 0] = torch.tensor([2.0, 2.0, -2.0, 2.0])
    batch = SparseBatch(evidence, truth, torch.zeros(1, 4, 1, 1, dtype=torch.bool))
    task = Complete()
    scores = {s.name: s.value for s in task.scores(task.observe(Says(answer), batch))}
    assert scores["F1 where measured"] == 1
    assert scores["precision where unmeasured"] == scores["recall where unmeasured"] == 0.5
    assert scores["recall where unmeasured (fused only)"] == 0
    assert math.isnan(scores["precision where unmeasured (fused only)"])
    assert scores["F1 where measured (fused only)"] == 1
    assert scores["side"] == 0.75
    assert task.monitor in scores


def test_counts_add(task: Complete) -> None:
    batch, answer = random_batch(), random_answer()
    whole = task.observe(Says(answer), batch)
    added: dict[str, Any] = {}
    for n in range(3):
        part = slice(n, n + 1)
        one = SparseBatch(batch.evidence[part], batch.truth[part], batch.scanned[part])
        for name, value in task.observe(Says(answer[part]), one).items():
            added[name] = added.get(name, 0) + value
    assert all(value.dtype == torch.float64 for value in whole.values())
    for one_score, other in zip(task.scores(whole), task.scores(added), strict=True):
        assert one_score.name == other.name
        assert one_score.support == other.support
        assert other.value == pytest.approx(one_score.value, rel=1e-6, nan_ok=True)


def test_it_learns_one_sample() -> None:
    torch.manual_seed(0)
    task: Task = Complete(CompleteParams(network=NETWORK))
    x = torch.arange(12.0) - 5.7
    truth = (x / 3).clamp(-1, 1).expand(1, 10, 8, 12).contiguous()
    evidence = torch.zeros(1, 6, 10, 8, 12)
    evidence[:, 0, :6], evidence[:, 2, :6] = truth[:, :6], (truth[:, :6].abs() < 1) * 0.2
    batch = SparseBatch(evidence, truth, truth.abs() < 0.3)
    network = task.build().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = task.loss(network, batch).total
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    scores = {s.name: s.value for s in task.scores(task.observe(network, batch))}
    assert scores["F1 where unmeasured"] > 0.5
    assert scores["side"] > 0.85


@pytest.mark.parametrize("colors", [False, True])
def test_the_network_fits_the_evidence(colors: bool) -> None:
    params = CompleteParams(evidence=EvidenceParams(colors=colors), network=NETWORK)
    channels = 9 if colors else 6
    assert params.channels == channels
    answer = Complete(params).build()(torch.zeros(1, channels, 4, 4, 4))
    assert answer.shape == (1, 3, 4, 4, 4)


def test_parameters_that_make_no_sense_are_refused() -> None:
    for wrong in ({"voxel_m": 0.0}, {"far_weight": -1.0}, {"confidence_weight": -0.1}):
        with pytest.raises(ParamsError, match=r"correct --task\."):
            CompleteParams(**wrong)
