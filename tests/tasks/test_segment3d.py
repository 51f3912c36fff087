"""The 3D segmentation task: targets, weights, losses and counts against slow twins."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from crossvox.core.artifact import plain
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import NYU40
from crossvox.core.params import from_plain
from crossvox.core.volume import Batch, SceneVolume
from crossvox.tasks.overlap import dice, lovasz
from crossvox.tasks.params import Segment3dParams
from crossvox.tasks.segment2d import PUBLISHED_WEIGHTS
from crossvox.tasks.segment3d import (
    CLASSES,
    FREE,
    IGNORED,
    MAJORITY,
    Segment3d,
    label_counts,
    voxel_shares,
)
from crossvox.tasks.task import Task

SHAPE = (4, 5, 6)
SOME = (1, 2, 5, 13, 39, 40)
"""Ids that occur: four of the benchmark, blinds and other prop, which are not in it."""


def make_batch(seed: int = 0, *, batch: int = 2, views: int = 3) -> Batch:
    """Random everything; free voxels may carry labels, and view 2 of sample 0 is missing."""
    generator = torch.Generator().manual_seed(seed)

    def chance(share: float) -> Tensor:
        return torch.rand(batch, *SHAPE, generator=generator) < share

    voxels = math.prod(SHAPE)
    chosen = torch.randperm(batch * views * voxels, generator=generator)[:120]
    view_ok = torch.ones(batch, views, dtype=torch.bool)
    view_ok[0, -1] = False
    ids = torch.tensor([0, 0, *SOME])
    return Batch(
        images=torch.randn(batch, views, 3, 4, 5, generator=generator),
        view_ok=view_ok,
        voxel=chosen % voxels,
        pixel=torch.randint(0, 20, (len(chosen),), generator=generator),
        view=chosen // voxels % views,
        sample=chosen // (views * voxels),
        occupied=chance(0.4),
        observed=chance(0.6),
        inside=chance(0.8),
        labels=ids[torch.randint(0, len(ids), (batch, *SHAPE), generator=generator)],
    )


def shares() -> tuple[float, ...]:
    counts = np.zeros(CLASSES)
    counts[list(SOME)] = (50, 80, 20, 5, 3, 2)
    return voxel_shares(counts)


def make_task(**params: Any) -> Segment3d:
    chosen = {"views": 3, "width": 4, "depth": 1, **params}
    return Segment3d(Segment3dParams(**chosen), shares=shares())


class Fixed(nn.Module):
    """A network that answers the same logits whatever it reads."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, volume: Tensor) -> Tensor:
        return self.logits


def fixed(seed: int = 0, batch: int = 2) -> Fixed:
    generator = torch.Generator().manual_seed(seed)
    return Fixed(3 * torch.randn(batch, CLASSES, *SHAPE, generator=generator))


def answering(classes: Tensor) -> Fixed:
    """A network whose likeliest class is given, ``(B, X, Y, Z)``."""
    return Fixed(10.0 * nn.functional.one_hot(classes, CLASSES).permute(0, 4, 1, 2, 3))


def places(batch: Batch) -> Any:
    return itertools.product(range(len(batch.images)), *(range(n) for n in batch.shape))


def class_of(batch: Batch, place: Any) -> int:
    """The rule, for one voxel."""
    if not batch.occupied[place]:
        return 0
    return int(batch.labels[place]) or -1


def in_region(batch: Batch, region: str, place: Any) -> bool:
    inside, observed = bool(batch.inside[place]), bool(batch.observed[place])
    return {"all": True, "inside": inside, "observed": inside and observed}[region]


def log_probabilities(logits: Any) -> Any:
    values = np.asarray(logits, dtype=np.float64)
    values = values - values.max()
    return values - np.log(np.exp(values).sum())


def test_is_a_task() -> None:
    task: Task = make_task()
    found = (task.name, task.monitor, task.monitor_higher_is_better)
    assert found == ("segment3d", "mIoU present", True)


def test_targets_tell_free_from_unannotated() -> None:
    batch = make_batch()
    found = make_task().targets(batch)
    kinds = Counter()
    for place in places(batch):
        expected = class_of(batch, place)
        kinds[expected] += 1
        assert int(found[place]) == expected
    assert {FREE, IGNORED, *SOME} == set(kinds)
    labelled_yet_free = ~batch.occupied & (batch.labels > 0)
    assert labelled_yet_free.any()
    assert (found[labelled_yet_free] == FREE).all()
    unannotated = batch.occupied & (batch.labels == 0)
    assert unannotated.any()
    assert (found[unannotated] == IGNORED).all()


def test_weights_from_labels_average_one_over_annotated_voxels() -> None:
    task = make_task()
    weights, own = np.array(task.class_weights), np.array(task.shares)
    assert len(weights) == CLASSES
    assert weights[FREE] == 1
    assert float(weights[1:] @ own[1:]) == pytest.approx(1)
    raw = [1 / math.log(1.2 + share) for share in own[1:]]
    assert (weights[1:] / weights[1]).tolist() == pytest.approx([w / raw[0] for w in raw])
    assert weights[5] > weights[2], "a rare class weighs more"


def test_other_weights() -> None:
    assert make_task(weighting="published").class_weights == PUBLISHED_WEIGHTS
    assert make_task(weighting="even").class_weights == (1.0,) * CLASSES
    # Without any label there is nothing to scale by.
    nothing = Segment3d(Segment3dParams(), shares=(0.0,) * CLASSES).class_weights
    assert all(math.isfinite(weight) and weight > 0 for weight in nothing)


def test_shares_and_majority() -> None:
    counts = np.arange(CLASSES)
    found = voxel_shares(counts)
    assert found[0] == 0
    assert sum(found) == pytest.approx(1)
    assert found[3] == pytest.approx(3 * found[1])
    assert make_task().majority == 2
    assert Segment3d(Segment3dParams(), shares=found).majority == 40
    assert voxel_shares(np.zeros(CLASSES, int)) == (0.0,) * CLASSES
    with pytest.raises(ShapeError, match="given: 3 class shares; needed: 41"):
        Segment3d(Segment3dParams(), shares=(0.2, 0.3, 0.5))


@pytest.mark.parametrize("region", ["inside", "observed", "all"])
@pytest.mark.parametrize("weighting", ["labels", "published", "even"])
def test_loss_equals_a_loop(region: str, weighting: str) -> None:
    task = make_task(loss_region=region, weighting=weighting)
    batch, network = make_batch(), fixed()
    losses = task.loss(network, batch)
    total = weight = 0.0
    for place in places(batch):
        truth = class_of(batch, place)
        if truth >= 0 and in_region(batch, region, place):
            logs = log_probabilities(network.logits[place[0]][:, *place[1:]].detach().numpy())
            total -= task.class_weights[truth] * logs[truth]
            weight += task.class_weights[truth]
    assert losses.total.item() == pytest.approx(total / weight, rel=1e-5)
    assert losses.parts["cross_entropy"].item() == pytest.approx(total / weight, rel=1e-5)


@pytest.mark.parametrize("extra", ["none", "dice", "lovasz"])
def test_what_does_not_count_has_no_gradient(extra: str) -> None:
    task, batch, network = make_task(extra_loss=extra), make_batch(), fixed()
    task.loss(network, batch).total.backward()
    assert network.logits.grad is not None
    moved = network.logits.grad.abs().sum(dim=1) > 0
    assert torch.equal(moved, batch.inside & (task.targets(batch) != IGNORED))
    # Whatever anybody writes into unannotated or outer voxels, the loss is the same.
    outside = replace(batch, labels=batch.labels.where(batch.inside, torch.tensor(7)))
    assert torch.equal(task.loss(network, batch).total, task.loss(network, outside).total)


@pytest.mark.parametrize("extra", ["none", "dice", "lovasz"])
@pytest.mark.parametrize("empty", ["nothing inside", "nothing annotated"])
def test_a_batch_that_counts_nowhere_has_no_loss(extra: str, empty: str) -> None:
    task, batch, network = make_task(extra_loss=extra), make_batch(), fixed()
    if empty == "nothing inside":
        batch = replace(batch, inside=torch.zeros_like(batch.inside))
    else:
        batch = replace(
            batch,
            occupied=torch.ones_like(batch.occupied),
            labels=torch.zeros_like(batch.labels),
        )
    losses = task.loss(network, batch)
    losses.total.backward()
    assert losses.total.item() == 0
    assert network.logits.grad is not None
    assert network.logits.grad.abs().sum() == 0
    assert set(losses.parts) == {"cross_entropy"} | ({extra} - {"none"})


@pytest.mark.parametrize("extra", ["none", "dice", "lovasz"])
def test_extreme_logits_stay_finite(extra: str) -> None:
    task, batch, network = make_task(extra_loss=extra), make_batch(), fixed()
    with torch.no_grad():
        network.logits.mul_(1e6)
    task.loss(network, batch).total.backward()
    assert network.logits.grad is not None
    assert network.logits.grad.isfinite().all()


def slow_dice(probability: Any, target: Any) -> float:
    found = []
    for label in sorted(set(target)):
        share = [float(row[label]) for row in probability]
        truth = [float(t == label) for t in target]
        both = sum(s * t for s, t in zip(share, truth, strict=True))
        found.append(2 * both / (sum(share) + sum(truth)))
    return 1 - sum(found) / len(found)


def slow_lovasz(probability: Any, target: Any) -> float:
    """By sets: errors from the largest on, each times what taking its row in adds to 1 - IoU."""
    losses = []
    for label in sorted(set(target)):
        truth = {n for n, t in enumerate(target) if t == label}
        errors = [abs((n in truth) - float(row[label])) for n, row in enumerate(probability)]
        wrong: set[int] = set()
        loss = before = 0.0
        for n in sorted(range(len(errors)), key=lambda n: -errors[n]):
            wrong.add(n)
            # With these rows wrong: truth without them was found, truth and false ones are there.
            now = 1 - len(truth - wrong) / len(truth | wrong)
            loss += errors[n] * (now - before)
            before = now
        losses.append(loss)
    return sum(losses) / len(losses)


def rows(seed: int, count: int, classes: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(count, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(1, classes, (count,), generator=generator)


@pytest.mark.parametrize(("fast", "slow"), [(dice, slow_dice), (lovasz, slow_lovasz)])
@given(seed=st.integers(0, 1000), count=st.integers(1, 25))
@settings(max_examples=20)
def test_region_losses_equal_their_slow_twins(fast: Any, slow: Any, seed: int, count: int) -> None:
    logits, target = rows(seed, count)
    found = fast(logits, target).item()
    assert found == pytest.approx(slow(logits.softmax(dim=1).numpy(), target.tolist()), abs=1e-9)
    assert -1e-9 <= found <= 1


@given(seed=st.integers(0, 1000), count=st.integers(1, 30))
@settings(max_examples=20)
def test_lovasz_of_sure_predictions_is_one_minus_iou(seed: int, count: int) -> None:
    logits, target = rows(seed, count)
    said = logits.argmax(dim=1)
    sure = 1e4 * nn.functional.one_hot(said, logits.shape[1]).double()
    ious = [
        ((said == c) & (target == c)).sum() / ((said == c) | (target == c)).sum()
        for c in target.unique()
    ]
    expected = 1 - float(torch.stack(ious).double().mean())
    assert lovasz(sure, target).item() == pytest.approx(expected, abs=1e-6)


def test_no_rows_have_no_region_loss() -> None:
    logits = torch.zeros(0, CLASSES, requires_grad=True)
    for loss in (dice, lovasz):
        found = loss(logits, torch.zeros(0, dtype=torch.long))
        found.backward()
        assert found.item() == 0


@pytest.mark.parametrize("extra", ["dice", "lovasz"])
def test_the_extra_loss_covers_annotated_voxels_of_the_region(extra: str) -> None:
    task, batch, network = make_task(extra_loss=extra, extra_weight=0.5), make_batch(), fixed()
    losses = task.loss(network, batch)
    probability, target = [], []
    for place in places(batch):
        truth = class_of(batch, place)
        if truth > 0 and in_region(batch, "inside", place):
            logits = network.logits[place[0]][:, *place[1:]].detach().numpy()
            probability.append(np.exp(log_probabilities(logits)))
            target.append(truth)
    expected = {"dice": slow_dice, "lovasz": slow_lovasz}[extra](probability, target)
    assert losses.parts[extra].item() == pytest.approx(expected, abs=1e-5)
    whole = losses.parts["cross_entropy"].item() + 0.5 * expected
    assert losses.total.item() == pytest.approx(whole, rel=1e-5)


def test_counts_equal_a_loop() -> None:
    task, batch = make_task(), make_batch()
    # Right here and there.
    network = Fixed(
        fixed().logits.detach() + 0.5 * answering(task.targets(batch).clamp(min=0)).logits.detach()
    )
    counts = task.observe(network, batch)
    confusion, majority = (np.zeros((CLASSES, CLASSES)) for _ in range(2))
    hits = 0
    seen = set()
    _, y, z = batch.shape
    for b, v, k in zip(
        batch.sample.tolist(), batch.voxel.tolist(), batch.view.tolist(), strict=True
    ):
        if batch.view_ok[b, k]:
            seen.add((b, v // (y * z), v // z % y, v % z))
    for place in places(batch):
        truth = class_of(batch, place)
        if truth < 0 or not batch.inside[place]:
            continue
        logits = network.logits[place[0]][:, *place[1:]].tolist()
        confusion[truth, logits.index(max(logits))] += 1
        majority[truth, 2 if place in seen else 0] += 1
        hits += logits[1:].index(max(logits[1:])) + 1 == truth
    np.testing.assert_array_equal(counts["confusion"].numpy(), confusion)
    np.testing.assert_array_equal(counts["majority"].numpy(), majority)
    assert majority[:, 2].sum() > 0 < majority[:, 0].sum()
    assert int(counts["class_hits"]) == hits > 0
    assert int(counts["loss_voxels"]) == confusion.sum()
    assert all(v.dtype == torch.float64 and not v.requires_grad for v in counts.values())


def test_counts_add_over_batches() -> None:
    """Two batches of unequal size, added, score as their samples in one."""
    task = make_task()
    parts = [make_batch(seed, batch=size) for seed, size in ((1, 1), (2, 3))]
    networks = [fixed(seed, size) for seed, size in ((1, 1), (2, 3))]
    whole = Batch(
        **{
            name: torch.cat([getattr(part, name) for part in parts])
            for name in vars(parts[0])
            if name != "sample"
        },
        sample=torch.cat([parts[0].sample, parts[1].sample + 1]),
    )
    observed = [task.observe(n, b) for n, b in zip(networks, parts, strict=True)]
    added = {name: observed[0][name] + observed[1][name] for name in observed[0]}
    logits = torch.cat([network.logits.detach() for network in networks])
    together = task.observe(Fixed(logits), whole)
    for name, value in together.items():
        torch.testing.assert_close(added[name], value, rtol=1e-6, atol=0, msg=name)
    loss = {s.name: s.value for s in task.scores(added)}["loss"]
    assert loss == pytest.approx(task.loss(Fixed(logits), whole).total.item(), rel=1e-5)


def test_scores_equal_brute_force() -> None:
    task, batch = make_task(), make_batch(3)
    generator = torch.Generator().manual_seed(5)
    ids = torch.tensor([0, *SOME])
    said = ids[torch.randint(0, len(ids), batch.labels.shape, generator=generator)]
    # Half of it right, so that something is hit.
    right = torch.rand(said.shape, generator=generator) < 0.5
    said = task.targets(batch).clamp(min=0).where(right, said)
    scores = {s.name: s for s in task.scores(task.observe(answering(said), batch))}
    pairs = [
        (class_of(batch, place), int(said[place]))
        for place in places(batch)
        if batch.inside[place] and class_of(batch, place) >= 0
    ]
    ious = {}
    for label in NYU40.benchmark_ids:
        # Truth of a class outside the benchmark counts nowhere; free space does.
        own = [(t, p) for t, p in pairs if t == 0 or t in NYU40.benchmark_ids]
        both = sum(t == label and p == label for t, p in own)
        either = sum(label in (t, p) for t, p in own)
        ious[label] = both / either if either else math.nan
        score = scores[f"IoU {NYU40.names[label]}"]
        assert score.value == pytest.approx(ious[label], nan_ok=True)
        assert score.support == sum(t == label for t, _ in pairs)
    defined = [value for value in ious.values() if not math.isnan(value)]
    assert 0 < scores["mIoU"].value < 1
    assert scores["mIoU"].value == pytest.approx(sum(defined) / len(defined))
    occupied = sum(t > 0 and p > 0 for t, p in pairs) / sum(t > 0 or p > 0 for t, p in pairs)
    assert scores["IoU occupied"].value == pytest.approx(occupied)
    annotated = [(t, p) for t, p in pairs if t > 0]
    assert scores["class accuracy"].support == len(annotated)
    assert scores["mIoU"].support == len(pairs)
    assert f"mIoU ({MAJORITY})" in scores
    assert f"IoU occupied ({MAJORITY})" in scores


def test_the_truth_as_prediction_is_perfect() -> None:
    task, batch = make_task(), make_batch()
    found = task.scores(task.observe(answering(task.targets(batch).clamp(min=0)), batch))
    for score in found:
        if score.name == "loss" or MAJORITY in score.name:
            continue
        assert math.isnan(score.value) or score.value == 1.0, score
    scores = {score.name: score.value for score in found}
    assert scores["mIoU"] == scores["IoU occupied"] == scores["class accuracy"] == 1.0
    assert scores["IoU wall"] == scores["IoU otherfurniture"] == 1.0


def test_the_baseline_names_every_seen_voxel_alike() -> None:
    """Of one floor voxel that is seen, one that is not, and a free one that is seen."""
    batch = make_batch(batch=1)
    flat = torch.zeros(math.prod(SHAPE), dtype=torch.bool)
    occupied, labels = flat.clone(), flat.long()
    occupied[[3, 4]] = True
    labels[[3, 4]] = 2
    batch = replace(
        batch,
        occupied=occupied.view(1, *SHAPE),
        labels=labels.view(1, *SHAPE),
        inside=torch.ones(1, *SHAPE, dtype=torch.bool),
        view_ok=torch.tensor([[True, True, False]]),
        voxel=torch.tensor([3, 9, 4]),
        pixel=torch.tensor([0, 0, 0]),
        view=torch.tensor([0, 1, 2]),
        sample=torch.tensor([0, 0, 0]),
    )
    task = make_task()
    scores = {s.name: s.value for s in task.scores(task.observe(fixed(batch=1), batch))}
    assert scores[f"mIoU ({MAJORITY})"] == pytest.approx(1 / 3)
    assert scores[f"IoU occupied ({MAJORITY})"] == pytest.approx(1 / 3)


def test_undefined_scores_are_nan() -> None:
    task, batch = make_task(), make_batch()
    nothing = replace(batch, inside=torch.zeros_like(batch.inside))
    assert all(math.isnan(s.value) for s in task.scores(task.observe(fixed(), nothing)))
    free = replace(
        batch, occupied=torch.zeros_like(batch.occupied), labels=torch.zeros_like(batch.labels)
    )
    scores = {s.name: s for s in task.scores(task.observe(answering(free.labels), free))}
    assert math.isnan(scores["mIoU"].value)
    assert math.isnan(scores["class accuracy"].value)
    assert scores["class accuracy"].support == 0
    assert math.isfinite(scores["loss"].value)


def test_probability_is_all_but_free() -> None:
    task, network, batch = make_task(), fixed(), make_batch()
    found = task.probability(network, batch)
    expected = 1 - network.logits.detach().double().softmax(dim=1)[:, 0]
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)
    assert not found.requires_grad
    torch.testing.assert_close(task.class_logits(network, batch), network.logits.detach())


def test_build_gives_41_classes_and_params_can_be_read_back() -> None:
    task = make_task()
    assert task.logits(task.build(), make_batch()).shape == (2, CLASSES, *SHAPE)
    params = Segment3dParams("surfacenet", seen_channel=False, extra_loss="lovasz")
    assert from_plain(Segment3dParams, json.loads(json.dumps(plain(params)))) == params


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_senseless_params_are_refused(weight: float) -> None:
    with pytest.raises(ParamsError, match=r"needed: a number of 0 or more; do: .*extra-weight"):
        make_task(extra_weight=weight)


@pytest.mark.parametrize("extra", ["none", "dice", "lovasz"])
def test_learns_one_small_batch_by_heart(extra: str) -> None:
    """A floor and a wall that views tell by their colour."""
    torch.manual_seed(0)
    shape = (8, 8, 8)
    occupied = torch.zeros(1, *shape, dtype=torch.bool)
    occupied[:, :, :, 0] = occupied[:, 0] = True
    labels = torch.zeros(1, *shape, dtype=torch.long)
    labels[:, :, :, 0] = 2
    labels[:, 0] = 1
    voxel = occupied.flatten().nonzero().flatten()
    images = torch.zeros(1, 3, 3, 2, 2)
    images[..., 1], images[..., 0] = 1.0, -1.0
    batch = Batch(
        images=images,
        view_ok=torch.ones(1, 3, dtype=torch.bool),
        voxel=voxel,
        pixel=labels.flatten()[voxel] - 1,
        view=torch.zeros_like(voxel),
        sample=torch.zeros_like(voxel),
        occupied=occupied,
        observed=torch.ones_like(occupied),
        inside=torch.ones_like(occupied),
        labels=labels,
    )
    task = make_task(width=8, extra_loss=extra)
    network = task.build()
    optimizer = torch.optim.AdamW(task.parameter_groups(network), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(network, batch).total.backward()
        optimizer.step()
    scores = {s.name: s.value for s in task.scores(task.observe(network, batch))}
    assert scores["mIoU"] > 0.95


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(0, 3))
def test_labels_are_counted_where_voxels_are_occupied(seed: int, scenes: int) -> None:
    random = np.random.default_rng(seed)
    grid = VoxelGrid(SHAPE, 0.05, (0.0, 0.0, 0.0))
    volumes, slowly = [], Counter[int]()
    for _ in range(scenes):
        occupied = random.random(SHAPE) < 0.5
        labels = random.integers(0, CLASSES, SHAPE).astype(np.uint8)
        volumes.append(SceneVolume(grid, occupied, np.ones(SHAPE, bool), labels))
        slowly.update(
            int(label) for label, there in zip(labels.flat, occupied.flat, strict=True) if there
        )
    found = label_counts(iter(volumes))
    assert found.tolist() == [slowly[label] for label in range(CLASSES)]


def test_surface_without_a_label_teaches_that_it_is_surface() -> None:
    """Against a loop over voxels: minus the logarithm of what is not free space."""
    batch = make_batch(5)
    task = make_task(unlabelled="surface", weighting="even")
    logits = torch.randn(2, CLASSES, *SHAPE, generator=torch.Generator().manual_seed(3))
    total, weight = task._sums(logits, batch)
    probability = logits.double().softmax(dim=1)
    expected, count = 0.0, 0
    for place in itertools.product(range(2), *map(range, SHAPE)):
        if not batch.inside[place]:
            continue
        sample, *voxel = place
        own = probability[(sample, slice(None), *voxel)]
        label = int(batch.labels[place])
        if not batch.occupied[place]:
            expected -= math.log(own[FREE])
        else:
            expected -= math.log(own[label] if label else 1 - own[FREE])
        count += 1
    assert float(weight) == count
    assert float(total) == pytest.approx(expected, rel=1e-5)
    plain_total, plain_weight = make_task(weighting="even")._sums(logits, batch)
    assert float(plain_weight) < count
    assert float(plain_total) < expected
