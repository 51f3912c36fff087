"""Networks that lift by themselves: against the plain order of steps, and their laws."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crossvox.core.artifact import plain
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.params import from_plain
from crossvox.core.volume import Batch, LabelledBatch, MappedBatch
from crossvox.tasks.lifted import LiftedNetwork
from crossvox.tasks.params import (
    FeatureParams,
    ProxyParams,
    ReconstructParams,
    Segment2dParams,
    Segment3dParams,
)
from crossvox.tasks.prior import ClassPrior, tell_classes
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import PUBLISHED_SHARES, Segment2d
from crossvox.tasks.segment3d import Segment3d
from crossvox.views.lift import feature_pixels, lift, lift_attended, view_counts

SHAPE = (4, 4, 8)
HEIGHT, WIDTH = 20, 27
"""No multiples of 8: the last feature pixels cover less."""
FUSIONS = ("concat", "mean", "max", "attention")
FROZEN = FeatureParams("enet", 128, 8)


def make_batch(seed: int = 0, *, views: int = 3, missing: bool = True) -> Batch:
    """Random everything; the last view of sample 0 is missing, yet some of its pairs are there."""
    generator = torch.Generator().manual_seed(seed)
    voxels = math.prod(SHAPE)
    chosen = torch.randperm(2 * views * voxels, generator=generator)[: 40 * views]
    view_ok = torch.ones(2, views, dtype=torch.bool)
    view_ok[0, -1] = not missing
    images = torch.randn(2, views, 3, HEIGHT, WIDTH, generator=generator)
    images[~view_ok] = 0
    inside = torch.ones(2, *SHAPE, dtype=torch.bool)
    return Batch(
        images=images,
        view_ok=view_ok,
        voxel=chosen % voxels,
        pixel=torch.randint(0, HEIGHT * WIDTH, (len(chosen),), generator=generator),
        view=chosen // voxels % views,
        sample=chosen // (views * voxels),
        occupied=torch.rand(2, *SHAPE, generator=generator) < 0.3,
        observed=inside,
        inside=inside,
        labels=torch.zeros(2, *SHAPE, dtype=torch.long),
    )


def make(fusion: str = "concat", **params: Any) -> tuple[Reconstruct, LiftedNetwork]:
    """Task and network; the classifier says something, and the scores too."""
    chosen = {"views": 3, "width": 4, "depth": 3, "fusion": fusion, "features": FROZEN, **params}
    task = Reconstruct(ReconstructParams(**chosen))
    torch.manual_seed(0)
    network = task.build()
    assert isinstance(network, LiftedNetwork)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "classifier" in name or name.startswith("score"):
                parameter.normal_()
    return task, network


def slow_attention(values: dict[int, Tensor], network: LiftedNetwork) -> Tensor:
    scores = [network.score(value[None, :, None, None]).squeeze() for value in values.values()]  # type: ignore[misc]
    weights = torch.stack(scores).softmax(0)
    return sum(w * value for w, value in zip(weights, values.values(), strict=True))  # type: ignore[return-value]


def slow_logits(network: LiftedNetwork, batch: Batch, *, seen_channel: bool = True) -> Tensor:
    """Feature pixels by rounding, one voxel at a time; then the 3D network on the whole volume."""
    samples, views = batch.view_ok.shape
    maps = batch.images
    stride = 1
    if network.image_network is not None:
        stride = network.image_network.feature_stride
        maps = torch.stack([network.image_network.features(images) for images in batch.images])
    volumes = []
    for b in range(samples):
        seen: dict[int, dict[int, Tensor]] = {}
        for n in range(len(batch.voxel)):
            slot = int(batch.view[n])
            if batch.sample[n] == b and batch.view_ok[b, slot]:
                row, column = divmod(int(batch.pixel[n]), WIDTH)
                i, j = (round((u + 0.5) / stride - 0.5) for u in (row, column))
                i, j = min(max(i, 0), maps.shape[-2] - 1), min(max(j, 0), maps.shape[-1] - 1)
                seen.setdefault(int(batch.voxel[n]), {})[slot] = maps[b, slot, :, i, j]
        columns = []
        for place in range(math.prod(SHAPE)):
            values = dict(sorted(seen.get(place, {}).items()))
            zero = maps.new_zeros(maps.shape[2])
            if network.fusion == "concat":
                value = torch.cat([values.get(slot, zero) for slot in range(views)])
            elif not values:
                value = zero
            elif network.fusion == "attention":
                value = slow_attention(values, network)
            else:
                stack = torch.stack(list(values.values()))
                value = stack.mean(0) if network.fusion == "mean" else stack.amax(0)
            if seen_channel:
                value = torch.cat([value, value.new_tensor([len(values) / views])])
            columns.append(value)
        volumes.append(torch.stack(columns, dim=1).reshape(-1, *SHAPE))
    return network.volume_network(torch.stack(volumes))


@pytest.mark.parametrize("seen_channel", [True, False])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_equals_the_plain_order_of_steps(fusion: str, seen_channel: bool) -> None:
    task, network = make(fusion, seen_channel=seen_channel)
    batch = make_batch()
    # Batch norms over few voxels would enlarge the rounding of single precision.
    batch = replace(batch, images=batch.images.double())
    network.double().train()
    fast = task.logits(network, batch)
    slow = slow_logits(network, batch, seen_channel=seen_channel)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)
    names = [name for name, p in network.named_parameters() if p.requires_grad]
    parameters = [p for p in network.parameters() if p.requires_grad]
    assert not any(name.startswith("image_network") for name in names)
    weight = torch.randn(fast.shape, generator=torch.Generator().manual_seed(1)).double()
    found = torch.autograd.grad((fast * weight).sum(), parameters)
    expected = torch.autograd.grad((slow * weight).sum(), parameters)
    for name, mine, theirs in zip(names, found, expected, strict=True):
        torch.testing.assert_close(
            mine, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()) + 1e-6, msg=name
        )


def test_attention_on_colours_equals_the_plain_order() -> None:
    task, network = make("attention", features=None)
    batch = make_batch()
    torch.testing.assert_close(
        task.logits(network, batch), slow_logits(network, batch), rtol=1e-4, atol=1e-4
    )


def test_surfacenet_takes_features() -> None:
    task, network = make("mean", network="surfacenet", seen_channel=False)
    batch = make_batch()
    network.eval()
    with torch.no_grad():
        fast, slow = task.logits(network, batch), slow_logits(network, batch, seen_channel=False)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 16))
@settings(max_examples=30)
def test_feature_pixels_equal_rounding(width: int, height: int, stride: int) -> None:
    across, down = -(-width // stride), -(-height // stride)
    found = feature_pixels(torch.arange(width * height), (width, height), stride)

    def nearest(u: int, size: int) -> int:
        return min(max(round((u + 0.5) / stride - 0.5), 0), size - 1)

    expected = [
        nearest(row, down) * across + nearest(column, across)
        for row, column in itertools.product(range(height), range(width))
    ]
    assert found.tolist() == expected


@pytest.mark.parametrize("fusion", ["mean", "max", "attention"])
@given(order=st.permutations(range(4)), seed=st.integers(0, 1000))
@settings(max_examples=8)
def test_order_of_views_does_not_matter(fusion: str, order: list[int], seed: int) -> None:
    task, network = make(fusion, views=4, features=None if fusion == "attention" else FROZEN)
    network.eval()
    batch = make_batch(seed, views=4)
    slot_of = torch.empty(4, dtype=torch.long)
    slot_of[torch.tensor(order)] = torch.arange(4)
    moved = replace(
        batch,
        images=batch.images[:, order],
        view_ok=batch.view_ok[:, order],
        view=slot_of[batch.view],
    )
    with torch.no_grad():
        torch.testing.assert_close(
            task.logits(network, batch), task.logits(network, moved), rtol=1e-4, atol=1e-4
        )


def attended(seed: int, *, equal: bool = False) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    batch = make_batch(seed)
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, 5, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    score = torch.randn(2, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    pairs = (batch.voxel, batch.pixel, batch.view, batch.sample, SHAPE, batch.view_ok)
    return (features, torch.full_like(score, 0.7) if equal else score), pairs


def test_equal_scores_give_the_mean() -> None:
    (features, score), pairs = attended(3, equal=True)
    torch.testing.assert_close(
        lift_attended(features, score, *pairs), lift(features, *pairs, "mean")
    )


def test_a_view_seen_twice_counts_as_often_as_once() -> None:
    """Neither the number of slots nor doubling all of them changes what attention says."""
    (features, score), (voxel, pixel, view, sample, shape, ok) = attended(4)
    once = lift_attended(features, score, voxel, pixel, view, sample, shape, ok)
    twice = lift_attended(
        features.repeat(1, 2, 1, 1, 1),
        score.repeat(1, 2, 1, 1),
        voxel.repeat(2),
        pixel.repeat(2),
        torch.cat((view, view + 3)),
        sample.repeat(2),
        shape,
        ok.repeat(1, 2),
    )
    torch.testing.assert_close(once, twice)


def test_great_scores_do_not_overflow_and_pick_their_view() -> None:
    features = torch.arange(1.0, 4.0).reshape(1, 3, 1, 1, 1)
    score = torch.tensor([-1e4, 1e4, 0.0]).reshape(1, 3, 1, 1)
    zeros = torch.zeros(3, dtype=torch.long)
    ok = torch.ones(1, 3, dtype=torch.bool)
    volume = lift_attended(features, score, zeros, zeros, torch.arange(3), zeros, (1, 1, 2), ok)
    assert volume.flatten().tolist() == [2.0, 0.0]


def test_gradients_of_attention_equal_numeric_ones() -> None:
    (features, score), pairs = attended(5)
    features, score = features[..., :4, :5].clone(), score[..., :4, :5].clone()
    voxel, pixel, *rest = pairs
    assert torch.autograd.gradcheck(
        lambda f, s: lift_attended(f, s, voxel, pixel % 20, *rest),
        (features.requires_grad_(), score.requires_grad_()),
    )


def test_scores_of_another_size_are_refused() -> None:
    (features, score), pairs = attended(0)
    with pytest.raises(ShapeError, match=r"needed: \(B, K, H, W\)"):
        lift_attended(features, score[..., 1:], *pairs)


def test_nothing_seen_is_legal() -> None:
    for fusion in FUSIONS:
        task, network = make(fusion)
        batch = make_batch()
        batch = replace(batch, images=0 * batch.images, view_ok=torch.zeros(2, 3).bool())
        with torch.no_grad():
            assert torch.isfinite(task.logits(network, batch)).all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_maps_made_before_give_the_same(fusion: str) -> None:
    task, network = make(fusion)
    network.eval()
    batch = make_batch()
    with torch.no_grad():
        frames = [[network.encode(image[None])[0] for image in images] for images in batch.images]
        maps = torch.stack([torch.stack(views) for views in frames])
        mapped = MappedBatch(**vars(batch), maps=maps).to("cpu")
        assert isinstance(mapped, MappedBatch)
        torch.testing.assert_close(
            task.probability(network, mapped), task.probability(network, batch)
        )


def test_frozen_weights_and_statistics_stay_bit_for_bit() -> None:
    task, network = make()
    assert network.image_network is not None
    before = {name: v.clone() for name, v in network.image_network.state_dict().items()}
    optimizer = torch.optim.AdamW(task.parameter_groups(network), lr=0.1)
    for seed in range(3):
        network.train()
        assert not any(module.training for module in network.image_network.children())
        task.loss(network, make_batch(seed)).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = network.image_network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_trainable_network_gets_the_gradients_of_all_its_voxels(fusion: str) -> None:
    task, network = make(fusion, features=replace(FROZEN, rate=1e-4))
    assert network.image_network is not None
    rates = [group.get("lr") for group in task.parameter_groups(network)]
    assert rates == [None, 1e-4]
    batch = make_batch()
    batch = replace(batch, images=batch.images.double())
    network.double().train()
    own = [p for p in network.image_network.parameters() if p.requires_grad]
    assert 0 < len(own) < len(list(network.image_network.parameters())), "not the classifier"
    weight = torch.randn(2, 2, *SHAPE, generator=torch.Generator().manual_seed(1))
    found = torch.autograd.grad((task.logits(network, batch) * weight).sum(), own)
    expected = torch.autograd.grad((slow_logits(network, batch) * weight).sum(), own)
    assert max(float(g.abs().max()) for g in found) > 0
    for mine, theirs in zip(found, expected, strict=True):
        scale = float(theirs.abs().max())
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4 * scale + 1e-7)


def test_start_weights_and_initial_3d_weights() -> None:
    plain_task, other = make()
    assert other.image_network is not None
    start = {name: torch.full_like(v, 2) for name, v in other.image_network.state_dict().items()}
    torch.manual_seed(0)
    network: Any = Reconstruct(plain_task.params, start).build()
    for name, value in network.image_network.state_dict().items():
        assert torch.equal(value, start[name])
    stem = network.volume_network.state_dict()["stem.0.weight"]
    assert torch.equal(stem, other.volume_network.state_dict()["stem.0.weight"])


def test_params_are_read_back_and_checked() -> None:
    params = ReconstructParams(features=FROZEN, fusion="attention")
    assert from_plain(ReconstructParams, plain(params)) == params
    assert (params.in_channels, ReconstructParams(features=FROZEN).in_channels) == (129, 641)
    with pytest.raises(ParamsError, match="rate of 0 or more"):
        replace(FROZEN, rate=-1.0)
    with pytest.raises(ParamsError, match="128 channels at 1/8"):
        make(features=FeatureParams("enet", 64, 8))
    task, _ = make()
    with pytest.raises(ParamsError, match="lifts by itself"):
        task.volume(make_batch())
    with pytest.raises(ShapeError, match="3 views"):
        task.logits(task.build(), make_batch(views=2))


def test_seen_counts_are_those_of_the_views_that_exist() -> None:
    batch = make_batch()
    keep = batch.view_ok[batch.sample, batch.view]
    assert not keep.all(), "the test batch has pairs of a missing view"
    counts = view_counts(batch.voxel[keep], batch.sample[keep], 2, SHAPE)
    assert counts.sum() == keep.sum()


PROXY = replace(FROZEN, rate=1e-4, proxy=ProxyParams(PUBLISHED_SHARES))


def labelled(batch: Batch, *, annotated: bool = True) -> LabelledBatch:
    generator = torch.Generator().manual_seed(9)
    labels = torch.randint(0, 41, (2, 3, HEIGHT, WIDTH), generator=generator)
    return LabelledBatch(**vars(batch), image_labels=labels * annotated)


def test_proxy_loss_equals_its_formula() -> None:
    task, network = make(features=PROXY)
    assert network.image_network is not None
    assert network.log_variances is not None
    with torch.no_grad():
        network.log_variances.copy_(torch.tensor([0.3, -0.7]))
    network.train()
    batch = labelled(make_batch())
    losses = task.loss(network, batch)
    flat = Segment2d(Segment2dParams(network="enet"), PUBLISHED_SHARES)
    logits = network.image_network(batch.images[batch.view_ok], 2).logits
    second = flat.mean_loss(logits, batch.image_labels[batch.view_ok])
    first = Reconstruct(replace(task.params, features=FROZEN)).loss(network, batch).total
    assert second is not None
    s1, s2 = 0.3, -0.7
    expected = math.exp(-s1) * first + math.exp(-s2) * second + (s1 + s2) / 2
    torch.testing.assert_close(losses.total, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.parts["cross_entropy_2d"], second.detach())
    (gradient,) = torch.autograd.grad(losses.total, network.log_variances)
    by_hand = [0.5 - math.exp(-s1) * first.item(), 0.5 - math.exp(-s2) * second.item()]
    torch.testing.assert_close(gradient, torch.tensor(by_hand), rtol=1e-4, atol=1e-5)


def test_proxy_loss_trains_the_classifier_and_skips_what_nobody_annotated() -> None:
    task, network = make(features=PROXY)
    groups = task.parameter_groups(network)
    assert [(g.get("lr"), g.get("weight_decay"), len(g["params"])) for g in groups][2] == (
        None,
        0.0,
        1,
    )
    together = [p for group in groups for p in group["params"]]
    assert len({id(p) for p in together}) == len(together) == len(list(network.parameters()))
    task.loss(network, labelled(make_batch())).total.backward()
    assert all(p.grad is not None for p in network.parameters())
    assert network.log_variances is not None
    network.zero_grad()
    losses = task.loss(network, labelled(make_batch(), annotated=False))
    losses.total.backward()
    assert losses.parts["cross_entropy_2d"] == 0
    assert network.log_variances.grad is not None
    assert network.log_variances.grad[0] != 0
    assert network.log_variances.grad[1] == 0
    blind = replace(labelled(make_batch()), view_ok=torch.zeros(2, 3, dtype=torch.bool))
    assert torch.isfinite(task.loss(network, blind).total)


def test_proxy_loss_needs_labels_and_a_rate() -> None:
    task, network = make(features=PROXY)
    with pytest.raises(ShapeError, match="image_labels=True"):
        task.loss(network, make_batch())
    with pytest.raises(ParamsError, match="features-rate 1e-4"):
        replace(PROXY, rate=0.0)
    assert from_plain(ReconstructParams, plain(task.params)) == task.params


# What the frames say of classes


@given(
    seed=st.integers(0, 2**16),
    classes=st.integers(2, 40),
    spread=st.floats(0.1, 4),
    said=st.floats(0, 6),
)
def test_telling_classes_leaves_free_space_exactly_as_likely(
    seed: int, classes: int, spread: float, said: float
) -> None:
    random = torch.Generator().manual_seed(seed)
    free = torch.randn(7, 1, generator=random) * spread
    logits = torch.randn(7, classes, generator=random) * spread
    scores = torch.randn(7, classes, generator=random) * said
    told = tell_classes(logits, scores)
    before, after = (torch.cat((free, value), 1).softmax(1)[:, 0] for value in (logits, told))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    torch.testing.assert_close(told.softmax(1), (logits + scores).softmax(1), rtol=1e-4, atol=1e-6)
    untold = tell_classes(logits, torch.zeros_like(logits))
    assert torch.equal(untold, logits)
    sideways = tell_classes(logits.T, scores.T, dim=0).T
    torch.testing.assert_close(sideways, told)


def make_classes(**params: Any) -> tuple[Segment3d, LiftedNetwork]:
    """Task and network of a segmentation on features, its classifier and its 2D one saying much."""
    chosen = {"views": 3, "width": 4, "depth": 1, "features": FROZEN, **params}
    task = Segment3d(Segment3dParams(**chosen))
    torch.manual_seed(0)
    network = task.build()
    assert isinstance(network, LiftedNetwork)
    assert network.image_network is not None
    with torch.no_grad():
        for name, parameter in network.image_network.named_parameters():
            if "29" in name.split(".") or "classifier" in name:
                parameter.normal_()
    return task, network


def slow_prior(network: LiftedNetwork, batch: Batch) -> Tensor:
    """One voxel at a time: mean over its views of log p, made a distribution, against uniform."""
    images = network.image_network
    assert images is not None
    stride, classes = images.feature_stride, images.classes
    samples, voxels = len(batch.images), math.prod(SHAPE)
    found = torch.zeros(samples, classes - 1, voxels)
    for b in range(samples):
        seen: dict[int, list[Tensor]] = {}
        for n in range(len(batch.voxel)):
            slot = int(batch.view[n])
            if batch.sample[n] == b and batch.view_ok[b, slot]:
                row, column = divmod(int(batch.pixel[n]), WIDTH)
                image = batch.images[b, slot][None]
                logits = images(image, stride).logits[0, 1:, row // stride, column // stride]
                seen.setdefault(int(batch.voxel[n]), []).append(logits.log_softmax(0))
        for voxel, values in seen.items():
            mean = torch.stack(values).mean(0)
            found[b, :, voxel] = mean.log_softmax(0) + math.log(classes - 1)
    return found.unflatten(2, SHAPE)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_classes_of_the_frames_are_added(fusion: str) -> None:
    task, network = make_classes(fusion=fusion)
    _, without = make_classes(fusion=fusion, class_prior=False)
    missing = without.load_state_dict(network.state_dict(), strict=False)
    assert missing.unexpected_keys == ["class_prior.scale"]
    batch = make_batch()
    with torch.no_grad():
        assert network.class_prior is not None
        network.class_prior.scale.fill_(0.7)
        found = task.logits(network.eval(), batch)
        plain = without.eval()(batch)
        # Pixels beyond the last whole field are continued images: these voxels are compared.
        prior = slow_prior(network, batch)
    torch.testing.assert_close(found[:, 0], plain[:, 0])
    torch.testing.assert_close(found.softmax(1)[:, 0], plain.softmax(1)[:, 0], rtol=0, atol=1e-6)
    moved = (plain[:, 1:] + 0.7 * prior).log_softmax(1)
    torch.testing.assert_close(found[:, 1:].log_softmax(1), moved, rtol=1e-3, atol=1e-3)
    assert prior.abs().max() > 0.5, "the test says something"


def test_classes_of_the_frames_leave_free_space_alone() -> None:
    """A network that tells classes not apart keeps its geometry, and starts from the frames."""
    task, network = make_classes()
    _, without = make_classes(class_prior=False)
    without.load_state_dict(network.state_dict(), strict=False)
    batch = make_batch()
    with torch.no_grad():
        for one in (network, without):
            classifier = one.volume_network.classifier  # type: ignore[union-attr]
            classifier.weight.normal_(generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr, operator]
            classifier.weight[1:] = classifier.weight[1].clone()  # type: ignore[union-attr, index]
            one.eval()
        found, plain = task.logits(network, batch), without(batch)
        prior = slow_prior(network, batch)
    torch.testing.assert_close(found.softmax(1)[:, 0], plain.softmax(1)[:, 0])
    seen = prior.abs().amax(dim=1) > 1e-3
    assert 0 < int(seen.sum()) < seen.numel()
    best = found[:, 1:].argmax(dim=1)
    assert torch.equal(best[seen], prior.argmax(dim=1)[seen])


def test_the_weight_of_the_frames_is_learnt_without_decay() -> None:
    task, network = make_classes()
    assert network.class_prior is not None
    groups = task.parameter_groups(network)
    (own,) = [
        group for group in groups if any(p is network.class_prior.scale for p in group["params"])
    ]
    assert own["weight_decay"] == 0
    batch = make_batch()
    batch = replace(batch, labels=torch.randint(1, 41, batch.labels.shape) * batch.occupied)
    task.loss(network, batch).total.backward()
    assert network.class_prior is not None
    assert network.class_prior.scale.grad is not None
    assert network.class_prior.scale.grad != 0
    assert network.image_network is not None
    assert all(p.grad is None for p in network.image_network.parameters())


def test_colours_have_no_classes_to_start_from() -> None:
    assert not Segment3d(Segment3dParams()).class_prior
    assert Segment3d(Segment3dParams(features=FROZEN)).class_prior
    assert not Segment3d(Segment3dParams(features=FROZEN, class_prior=False)).class_prior


def test_some_training_samples_do_without_the_frames() -> None:
    prior = ClassPrior(5, dropout=0.5)
    lifted = torch.randn(64, 4, 2, 2, 2).log_softmax(dim=1)
    torch.manual_seed(3)
    with torch.no_grad():
        trained, asked = prior.train()(lifted), prior.eval()(lifted)
    left = trained.flatten(1).abs().amax(dim=1) > 0
    assert 16 < int(left.sum()) < 48
    assert torch.equal(trained[left], asked[left])
    assert (asked.flatten(1).abs().amax(dim=1) > 0).all()
    with pytest.raises(ParamsError, match="prior-dropout"):
        Segment3dParams(prior_dropout=1.0)


def test_rows_of_one_sample_do_without_together() -> None:
    prior = ClassPrior(5, dropout=0.5).train()
    sample = torch.arange(32).repeat_interleave(3)
    torch.manual_seed(3)
    with torch.no_grad():
        said = prior(torch.randn(96, 4).log_softmax(dim=1), sample)
    kept = (said.abs().amax(dim=1) > 0).view(32, 3)
    assert torch.equal(kept.all(dim=1), kept.any(dim=1))
    assert 8 < int(kept[:, 0].sum()) < 24
    assert prior(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)).shape == (0, 4)


def test_a_batch_that_no_frame_looks_at_is_told_nothing() -> None:
    task, network = make_classes(prior_dropout=0.5)
    _, without = make_classes(class_prior=False)
    without.load_state_dict(network.state_dict(), strict=False)
    blind = replace(make_batch(), view_ok=torch.zeros(2, 3, dtype=torch.bool))
    torch.manual_seed(1)
    found = task.logits(network.train(), blind)
    torch.manual_seed(1)
    assert torch.equal(found, without.train()(blind))
    found.sum().backward()
    assert network.class_prior is not None
    assert network.class_prior.scale.grad == 0
