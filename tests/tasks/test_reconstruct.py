"""The reconstruction task: its input, loss and counts against slow twins, and that it learns."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossvox.core.artifact import plain
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.params import from_plain
from crossvox.core.volume import Batch
from crossvox.tasks.params import ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.task import Task

SHAPE = (4, 5, 6)


def make_batch(
    seed: int = 0,
    *,
    batch: int = 2,
    views: int = 3,
    shape: tuple[int, int, int] = SHAPE,
    pairs: int = 120,
    surface: Tensor | None = None,
) -> Batch:
    """Random everything; view 2 of sample 0 is missing, yet some of its pairs are there."""
    generator = torch.Generator().manual_seed(seed)

    def chance(share: float) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) < share

    voxels = math.prod(shape)
    chosen = torch.randperm(batch * views * voxels, generator=generator)[:pairs]
    sample, rest = chosen // (views * voxels), chosen % (views * voxels)
    view_ok = torch.ones(batch, views, dtype=torch.bool)
    view_ok[0, -1] = False
    return Batch(
        images=torch.randn(batch, views, 3, 4, 5, generator=generator),
        view_ok=view_ok,
        voxel=rest % voxels,
        pixel=torch.randint(0, 20, (len(chosen),), generator=generator),
        view=rest // voxels,
        sample=sample,
        occupied=chance(0.3) if surface is None else surface,
        observed=chance(0.6),
        inside=chance(0.8),
        labels=torch.zeros(batch, *shape, dtype=torch.long),
    )


def make_task(**params: Any) -> Reconstruct:
    return Reconstruct(ReconstructParams(**{"views": 3, "width": 4, "depth": 1, **params}))


class Fixed(nn.Module):
    """A network that answers the same logits whatever it reads."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, volume: Tensor) -> Tensor:
        return self.logits


def fixed(seed: int = 0, batch: int = 2) -> Fixed:
    generator = torch.Generator().manual_seed(seed)
    return Fixed(3 * torch.randn(batch, 2, *SHAPE, generator=generator))


def places(batch: Batch) -> Any:
    return itertools.product(range(len(batch.images)), *(range(n) for n in batch.shape))


def region_of(batch: Batch, region: str) -> Tensor:
    everywhere = torch.ones_like(batch.inside)
    masks = {"all": everywhere, "inside": batch.inside, "observed": batch.inside & batch.observed}
    return masks[region]


def seen_by(batch: Batch) -> dict[tuple[int, int, int, int], set[int]]:
    """Views by (sample, i, j, k), one pair at a time."""
    seen: dict[tuple[int, int, int, int], set[int]] = {}
    _, y, z = batch.shape
    for b, v, k in zip(
        batch.sample.tolist(), batch.voxel.tolist(), batch.view.tolist(), strict=True
    ):
        if batch.view_ok[b, k]:
            seen.setdefault((b, v // (y * z), v // z % y, v % z), set()).add(k)
    return seen


def test_is_a_task() -> None:
    task: Task = make_task()
    assert (task.name, task.monitor, task.monitor_higher_is_better) == ("reconstruct", "IoU", True)


@pytest.mark.parametrize("region", ["inside", "observed", "all"])
@pytest.mark.parametrize("weights", [(1.0, 13.0), (2.0, 0.5)])
def test_loss_equals_a_loop(region: str, weights: tuple[float, float]) -> None:
    task, batch, network = (
        make_task(loss_region=region, class_weights=weights),
        make_batch(),
        fixed(),
    )
    losses = task.loss(network, batch)
    total = weight = 0.0
    for place in places(batch):
        if region_of(batch, region)[place]:
            truth = int(batch.occupied[place])
            pair = [network.logits[place[0], c][place[1:]].item() for c in (0, 1)]
            total -= weights[truth] * (pair[truth] - math.log(sum(map(math.exp, pair))))
            weight += weights[truth]
    assert losses.total.item() == pytest.approx(total / weight, rel=1e-5)
    assert {name: part.item() for name, part in losses.parts.items()} == {
        "cross_entropy": losses.total.item()
    }
    assert not losses.parts["cross_entropy"].requires_grad


def test_loss_equals_torch_where_everything_counts() -> None:
    task, batch, network = (
        make_task(loss_region="all", class_weights=(1, 13)),
        make_batch(),
        fixed(),
    )
    expected = nn.functional.cross_entropy(
        network.logits, batch.occupied.long(), weight=torch.tensor([1.0, 13.0])
    )
    torch.testing.assert_close(task.loss(network, batch).total, expected)


@pytest.mark.parametrize("region", ["inside", "observed", "all"])
def test_loss_ignores_what_lies_outside_the_region(region: str) -> None:
    task, batch, network = make_task(loss_region=region), make_batch(), fixed()
    outside = ~region_of(batch, region)
    task.loss(network, batch).total.backward()
    gradient = network.logits.grad
    assert gradient is not None
    assert torch.equal(gradient.abs().sum(dim=1) > 0, ~outside)
    turned = replace(batch, occupied=batch.occupied ^ outside)
    assert torch.equal(task.loss(network, batch).total, task.loss(network, turned).total)


def test_an_empty_region_gives_a_loss_of_zero() -> None:
    task, network = make_task(), fixed()
    batch = make_batch()
    batch = replace(batch, inside=torch.zeros_like(batch.inside))
    total = task.loss(network, batch).total
    total.backward()
    assert total.item() == 0
    assert network.logits.grad is not None
    assert network.logits.grad.abs().sum() == 0


def test_extreme_logits_stay_finite() -> None:
    task, network, batch = make_task(), fixed(), make_batch()
    with torch.no_grad():
        network.logits.mul_(1e6)
    task.loss(network, batch).total.backward()
    assert network.logits.grad is not None
    assert network.logits.grad.isfinite().all()


def test_counts_equal_a_loop() -> None:
    task, batch, network = make_task(), make_batch(), fixed()
    counts = task.observe(network, batch)
    cells = ["true_positive", "false_positive", "false_negative", "true_negative"]
    expected = dict.fromkeys([prefix + cell for prefix in ("", "mask_") for cell in cells], 0)
    seen = seen_by(batch)
    assert 0 < len(seen) < batch.inside.numel()
    for place in places(batch):
        if not batch.inside[place]:
            continue
        learnt = network.logits[place[0], 1][place[1:]] >= network.logits[place[0], 0][place[1:]]
        for prefix, said in (("", bool(learnt)), ("mask_", place in seen)):
            truth = bool(batch.occupied[place])
            expected[
                f"{prefix}{'true' if said == truth else 'false'}_"
                f"{'positive' if said else 'negative'}"
            ] += 1
    assert {name: int(counts[name]) for name in expected} == expected
    assert set(counts) - set(expected) == {"loss_sum", "loss_weight", "loss_voxels"}
    assert int(counts["loss_voxels"]) == int(batch.inside.sum())
    assert all(value.dtype == torch.float64 and value.shape == () for value in counts.values())
    assert not any(value.requires_grad for value in counts.values())


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
        assert added[name].item() == pytest.approx(value.item(), rel=1e-6)
    loss = {s.name: s.value for s in task.scores(added)}["loss"]
    assert loss == pytest.approx(task.loss(Fixed(logits), whole).total.item(), rel=1e-5)


def test_scores_of_known_counts() -> None:
    task = make_task()
    counts = {
        "true_positive": 6, "false_positive": 2, "false_negative": 4, "true_negative": 88,
        "mask_true_positive": 5, "mask_false_positive": 15, "mask_false_negative": 5,
        "mask_true_negative": 75, "loss_sum": 30.0, "loss_weight": 60.0, "loss_voxels": 100,
    }  # fmt: skip
    scores = task.scores({name: torch.tensor(float(value)) for name, value in counts.items()})
    assert {score.name: score.value for score in scores} == pytest.approx(
        {
            "IoU": 0.5, "IoU (mask only)": 0.2,
            "precision": 0.75, "precision (mask only)": 0.25,
            "recall": 0.6, "recall (mask only)": 0.5,
            "F1": 2 / 3, "F1 (mask only)": 1 / 3,
            "loss": 0.5,
        }
    )  # fmt: skip
    assert {score.support for score in scores} == {100}
    assert {score.of for score in scores} == {"voxels"}
    assert [score.name for score in scores if not score.higher_is_better] == ["loss"]
    assert task.monitor in {score.name for score in scores}
    assert all(score.protocol for score in scores)


def test_undefined_scores_are_nan() -> None:
    task, batch = make_task(), make_batch()
    batch = replace(batch, inside=torch.zeros_like(batch.inside))
    scores = task.scores(task.observe(fixed(), batch))
    assert all(math.isnan(score.value) for score in scores)
    assert all(score.support == 0 for score in scores)


@pytest.mark.parametrize("fusion", ["concat", "mean", "max"])
@pytest.mark.parametrize("seen_channel", [True, False])
def test_network_reads_the_lifted_volume(fusion: str, seen_channel: bool) -> None:
    task, batch = make_task(fusion=fusion, seen_channel=seen_channel), make_batch()
    volume = task.volume(batch)
    channels = (9 if fusion == "concat" else 3) + seen_channel
    assert volume.shape == (2, channels, *SHAPE)
    assert task.params.in_channels == channels
    assert task.build()(volume).shape == (2, 2, *SHAPE)
    seen = seen_by(batch)
    for place in places(batch):
        column = volume[place[0], :, place[1], place[2], place[3]]
        views = seen.get(place, set())
        if seen_channel:
            assert column[-1].item() == pytest.approx(len(views) / 3)
        assert bool(column[: channels - seen_channel].abs().sum() > 0) == bool(views)


def test_probability_is_the_softmax_of_the_second_class() -> None:
    task, network = make_task(), fixed()
    probability = task.probability(network, make_batch())
    torch.testing.assert_close(probability, network.logits.softmax(dim=1)[:, 1].detach())
    assert not probability.requires_grad


def test_another_number_of_views_is_refused() -> None:
    with pytest.raises(ShapeError, match="given: a batch of 3 views; needed: 5 views"):
        make_task(views=5).volume(make_batch())


@pytest.mark.parametrize(
    ("params", "needed"),
    [
        ({"views": 0}, "at least one view"),
        ({"class_weights": (1.0, 0.0)}, "two positive numbers"),
        ({"class_weights": (1.0, math.nan)}, "two positive numbers"),
        ({"network": "surfacenet"}, "the published input"),
    ],
)
def test_senseless_params_are_refused(params: dict[str, Any], needed: str) -> None:
    with pytest.raises(ParamsError, match=f"needed: {needed}.*; do: "):
        make_task(**params)


def test_params_can_be_read_back() -> None:
    params = ReconstructParams("surfacenet", fusion="max", seen_channel=False, loss_region="all")
    assert from_plain(ReconstructParams, json.loads(json.dumps(plain(params)))) == params


def test_the_published_arm_is_the_published_network() -> None:
    task = Reconstruct(ReconstructParams(network="surfacenet", seen_channel=False))
    assert sum(p.numel() for p in task.build().parameters()) == 8_825_070


@pytest.mark.parametrize("fusion", ["concat", "mean", "max"])
def test_learns_one_small_batch_by_heart(fusion: str) -> None:
    """A wavy floor of which views see three layers: the network must find the middle one."""
    torch.manual_seed(0)
    shape = (16, 16, 16)
    x, y = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    height = torch.stack([7 + 2 * torch.sin(x / 4), 8 + 2 * torch.cos(y / 3)]).round()
    z = torch.arange(16.0)
    surface = z == height[..., None]
    seen = (z - height[..., None]).abs() <= 1
    sample, i, j, k = seen.nonzero(as_tuple=True)
    batch = Batch(
        images=torch.randn(2, 3, 3, 16, 16),
        view_ok=torch.ones(2, 3, dtype=torch.bool),
        voxel=(i * 16 + j) * 16 + k,
        pixel=i * 16 + j,
        view=(i + j) % 3,
        sample=sample,
        occupied=surface,
        observed=torch.ones_like(surface),
        inside=torch.ones_like(surface),
        labels=torch.zeros(2, *shape, dtype=torch.long),
    )
    task = make_task(fusion=fusion, width=8, depth=2)
    network = task.build()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)

    def score() -> dict[str, float]:
        network.eval()
        found = {s.name: s.value for s in task.scores(task.observe(network, batch))}
        network.train()
        return found

    assert score()["IoU (mask only)"] == pytest.approx(1 / 3)
    for step in range(150):
        optimizer.zero_grad()
        task.loss(network, batch).total.backward()
        optimizer.step()
        if step % 10 == 9 and score()["IoU"] > 0.95:
            break
    assert score()["IoU"] > 0.95
