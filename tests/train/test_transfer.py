"""Starting from another run: what is loaded, frozen and told, and that it resumes exactly."""

from __future__ import annotations

import copy
import json
import math
import pickle
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from crossvox.core.artifact import plain
from crossvox.core.checks import CheckpointError, ParamsError
from crossvox.core.volume import Batch
from crossvox.networks import build_network
from crossvox.tasks.lifted import LiftedNetwork
from crossvox.tasks.params import FeatureParams, ProxyParams, ReconstructParams, Segment3dParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.segment2d import PUBLISHED_SHARES
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.checkpoint import load_checkpoint, save_checkpoint
from crossvox.train.loop import train
from crossvox.train.matching import INNER
from crossvox.train.params import TrainParams, TransferParams
from crossvox.train.report import TrainReport
from crossvox.train.transfer import Transfer, TransferReport

SHAPE = (4, 4, 8)
FROZEN = FeatureParams("enet", 128, 8)
LEARNING = FeatureParams("enet", 128, 8, rate=1e-4)
EVERYTHING = ("images", "input", "encoder", "decoder", "last", "classifier")
NORMS = (nn.BatchNorm3d, nn.BatchNorm2d)


def make_batch(seed: int = 0, samples: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    voxels = 4 * 4 * 8
    occupied = torch.rand(samples, *SHAPE, generator=generator) < 0.4
    labels = torch.randint(1, 5, (samples, *SHAPE), generator=generator) * occupied
    inside = torch.ones(samples, *SHAPE, dtype=torch.bool)
    chosen = torch.randperm(samples * 2 * voxels, generator=generator)[:150]
    return Batch(
        images=torch.randn(samples, 2, 3, 16, 24, generator=generator),
        view_ok=torch.ones(samples, 2, dtype=torch.bool),
        voxel=chosen % voxels,
        pixel=torch.randint(0, 16 * 24, (150,), generator=generator),
        view=chosen // voxels % 2,
        sample=chosen // (2 * voxels),
        occupied=occupied,
        observed=inside,
        inside=inside,
        labels=labels,
    )


def reconstruct(**params: Any) -> Reconstruct:
    return Reconstruct(ReconstructParams(**{"views": 2, "width": 4, "depth": 2, **params}))


def segment(**params: Any) -> Segment3d:
    chosen = {"views": 2, "width": 4, "depth": 2, "class_prior": False, **params}
    return Segment3d(Segment3dParams(**chosen))


def lively(network: Any, seed: int) -> Any:
    """Norms that have seen something, and weights that say something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) - 0.3)
        for module in network.modules():
            if isinstance(module, NORMS):
                module.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
    return network


def save(task: Any, folder: Path, seed: int = 7, which: str = "best") -> Any:
    """A run's checkpoint with such weights; gives the network."""
    network = lively(task.build(), seed)
    save_checkpoint(folder / which, network, {"step": 3})
    return network.eval()


def started(
    task: Any, source: Path, seed: int = 1, **params: Any
) -> tuple[Any, Transfer, TransferReport]:
    torch.manual_seed(seed)
    transfer = Transfer(source, TransferParams(**params))
    network = replace(task, initialise=transfer.initialise).build()
    assert transfer.report is not None
    return network, transfer, transfer.report


def told(report: TransferReport) -> list[str]:
    skipped = [name for name, _, _ in report.skipped]
    return [*report.loaded, *report.missing, *skipped, *report.left, *report.not_asked]


def weights_of(network: nn.Module) -> dict[str, Any]:
    return {name.removeprefix(INNER): value for name, value in network.state_dict().items()}


# --- parts ---------------------------------------------------------------------------------------

CONTRACT = {
    **{
        f"scene_unet, depth {depth}": reconstruct(depth=depth, blocks=1 + depth % 2)
        for depth in range(5)
    },
    "scene_unet, wide input": reconstruct(width=2),
    "surfacenet": reconstruct(network="surfacenet", seen_channel=False),
    "resnext_unet": reconstruct(network="resnext_unet", seen_channel=False),
    "features, frozen": reconstruct(features=FROZEN),
    "features, learning": segment(features=LEARNING),
    "features, attention": reconstruct(features=FROZEN, fusion="attention"),
    "features, surfacenet": segment(network="surfacenet", seen_channel=False, features=FROZEN),
    "colours, attention": segment(fusion="attention"),
}


@pytest.mark.parametrize("task", CONTRACT.values(), ids=CONTRACT.keys())
def test_every_weight_belongs_to_one_part(task: Any) -> None:
    network = task.build()
    parts = network.parts()
    assert [part for part in parts if part != "images"] == [*EVERYTHING[1:]]
    names = {module: name for name, module in network.named_modules()}
    held = Counter(
        f"{names[module]}.{name}"
        for modules in parts.values()
        for module in modules
        for name in module.state_dict()
    )
    assert held == Counter(network.state_dict().keys())
    assert all(any(m.state_dict() for m in parts[p]) for p in ("input", "last", "classifier"))
    # The classifier is what depends on the number of classes, and nothing else is.
    heads = [m for m in parts["classifier"] for n in m.state_dict().values() if len(n) != 2]
    assert heads or task.classes == 2
    has_images = isinstance(network, LiftedNetwork) and network.image_network is not None
    assert bool(parts.get("images")) == has_images


def test_the_uncertainties_of_a_proxy_loss_belong_to_no_part() -> None:
    proxy = replace(LEARNING, proxy=ProxyParams(PUBLISHED_SHARES))
    network: Any = segment(features=proxy).build()
    names = {module: name for name, module in network.named_modules()}
    held = {
        f"{names[m]}.{name}"
        for ms in network.parts().values()
        for m in ms
        for name in m.state_dict()
    }
    assert set(network.state_dict()) - held == {"log_variances"}


# --- what is loaded and told ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "published", "decoder", "probe"])
@pytest.mark.parametrize("head", ["spread", "new"])
def test_the_report_is_complete(tmp_path: Path, mode: str, head: str) -> None:
    source = save(reconstruct(), tmp_path / "source")
    network, _, report = started(segment(), tmp_path / "source", mode=mode, head=head)
    assert sorted(told(report)) == sorted(weights_of(network))
    assert (report.source, report.checkpoint, report.mode) == ("source", "best", mode)
    assert set(report.loaded) >= set(report.spread)
    assert set(report.frozen) <= set(report.loaded)
    own, there = weights_of(network), weights_of(source)
    for name in set(report.loaded) - set(report.spread):
        assert torch.equal(own[name], there[name]), name
    if head == "spread":
        assert report.spread == ("classifier.weight", "classifier.bias")
        assert not report.skipped
    else:
        assert not report.spread
        assert report.skipped == (
            ("classifier.weight", (41, 4, 1, 1, 1), (2, 4, 1, 1, 1)),
            ("classifier.bias", (41,), (2,)),
        )
        assert "classifier.weight" in report.summary
    assert {part: total for part, (_, total) in report.parts.items()} == Counter(
        part
        for part, modules in network.parts().items()
        for module in modules
        for _ in module.state_dict()
    )
    assert sum(count for count, _ in report.parts.values()) == len(report.loaded)
    assert f"{len(report.loaded)} loaded" in report.summary
    json.dumps(plain(report))


def test_a_run_without_validation_gives_its_last_checkpoint(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source", which="last")
    _, _, report = started(segment(), tmp_path / "source")
    assert report.checkpoint == "last"


def test_the_spread_head_keeps_the_geometry(tmp_path: Path) -> None:
    task, finer, batch = reconstruct(), segment(), make_batch()
    source = lively(task.build(), 7).eval()
    with torch.no_grad():
        # Sure of itself nowhere: rounding must not hide a difference.
        logits = task.logits(source, batch)
        spread, middle = logits.std(), logits.mean(dim=(0, 2, 3, 4))
        source.classifier.weight.div_(spread)
        source.classifier.bias.sub_(middle).div_(spread)
    save_checkpoint(tmp_path / "source" / "best", source, {"step": 3})
    network, _, _ = started(finer, tmp_path / "source")
    network.eval()
    torch.testing.assert_close(
        finer.probability(network, batch), task.probability(source, batch), rtol=1e-5, atol=1e-6
    )
    classes = finer.class_logits(network, batch)[:, 1:]
    torch.testing.assert_close(classes, classes[:, :1].expand_as(classes))
    assert task.probability(source, batch).std() > 0.01, "the test says something"


def test_41_classes_are_gathered_to_two(tmp_path: Path) -> None:
    source = save(segment(), tmp_path / "source")
    network, _, report = started(reconstruct(), tmp_path / "source")
    assert report.gathered == ("classifier.weight", "classifier.bias")
    assert set(report.gathered) <= set(report.loaded)
    assert not report.skipped
    assert "2 gathered from the classes" in report.summary
    own, there = weights_of(network), weights_of(source)
    free, others = there["classifier.weight"][0], there["classifier.weight"][1:]
    torch.testing.assert_close(own["classifier.weight"], torch.stack([free, others.mean(dim=0)]))
    middle = there["classifier.bias"][1:].mean() + math.log(40)
    torch.testing.assert_close(own["classifier.bias"][1], middle)


def test_what_was_spread_is_gathered_again(tmp_path: Path) -> None:
    source = save(reconstruct(), tmp_path / "source")
    wide, _, _ = started(segment(), tmp_path / "source")
    save_checkpoint(tmp_path / "wide" / "best", wide, {"step": 3})
    back, _, _ = started(reconstruct(), tmp_path / "wide")
    for name, value in weights_of(source).items():
        torch.testing.assert_close(weights_of(back)[name], value)


def test_41_classes_give_two_with_a_new_head(tmp_path: Path) -> None:
    source = save(segment(), tmp_path / "source")
    network, _, report = started(reconstruct(), tmp_path / "source", head="new")
    assert [name for name, _, _ in report.skipped] == ["classifier.weight", "classifier.bias"]
    assert report.skipped[0][1:] == ((2, 4, 1, 1, 1), (41, 4, 1, 1, 1))
    own, there = weights_of(network), weights_of(source)
    assert all(torch.equal(own[n], there[n]) for n in own if not n.startswith("classifier"))
    torch.manual_seed(1)
    fresh = weights_of(reconstruct().build())
    assert torch.equal(own["classifier.weight"], fresh["classifier.weight"])


def test_parts_that_are_not_asked_for_stay_as_built(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    network, _, report = started(reconstruct(), tmp_path / "source", load=("encoder", "classifier"))
    torch.manual_seed(1)
    fresh, own = weights_of(reconstruct().build()), weights_of(network)
    asked = ("downs.", "classifier.")
    assert all(name.startswith(asked) for name in report.loaded)
    assert not any(name.startswith(asked) for name in report.not_asked)
    assert all(torch.equal(own[name], fresh[name]) for name in report.not_asked)


@pytest.mark.parametrize("width", [4, 9])
def test_colours_to_features_leaves_the_input(tmp_path: Path, width: int) -> None:
    """With a width of 9, and 3 views of 3 colours, the 3x3x3 layers have one shape by chance."""
    colours = reconstruct(width=width, views=2 if width == 4 else 3, seen_channel=width == 4)
    features = segment(
        width=width, views=colours.params.views, seen_channel=width == 4, features=FROZEN
    )
    save(colours, tmp_path / "source")
    network, transfer, report = started(features, tmp_path / "source", mode="probe")
    own = weights_of(network)
    stem = {name for name in own if name.startswith(("stem.", "reduce."))}
    assert {name for name in stem if name.startswith("reduce.")} <= set(report.missing)
    skipped = {name for name, _, _ in report.skipped}
    assert ("stem.0.weight" in skipped) == (width == 4)
    assert stem <= {*report.missing, *skipped, *report.left}
    torch.manual_seed(1)
    fresh = weights_of(features.build())
    assert all(torch.equal(own[name], fresh[name]) for name in stem)
    assert all(name.startswith("image_network.") for name in report.not_asked)
    # What is new learns, at the full rate, and its norms gather statistics.
    named = dict(network.volume_network.named_parameters())
    learning = {name for name, parameter in named.items() if parameter.requires_grad}
    assert learning == {name for name in named if name.startswith(("stem", "reduce", "classifier"))}
    network.train()
    assert network.volume_network.stem[1].training
    groups = transfer.groups(features.parameter_groups(network), 1e-2)
    assert [group.get("lr") for group in groups] == [None]


def test_features_to_colours_leaves_the_input(tmp_path: Path) -> None:
    save(reconstruct(width=9, views=3, seen_channel=False, features=FROZEN), tmp_path / "source")
    _, _, report = started(segment(width=9, views=3, seen_channel=False), tmp_path / "source")
    assert {name for name in report.left if name.startswith("stem.")} == set(report.left)
    assert "stem.0.weight" in report.left
    assert "stem.0.weight" not in report.loaded
    assert "left with another input" in report.summary


def test_features_to_features_takes_the_input(tmp_path: Path) -> None:
    source = save(reconstruct(features=FROZEN), tmp_path / "source")
    network, _, report = started(segment(features=FROZEN), tmp_path / "source")
    assert torch.equal(
        network.volume_network.reduce[0].weight, source.volume_network.reduce[0].weight
    )
    assert not report.left
    assert not report.missing


@pytest.mark.parametrize("asked", [False, True])
def test_images_are_loaded_only_when_asked(tmp_path: Path, asked: bool) -> None:
    source = save(reconstruct(features=FROZEN), tmp_path / "source")
    load = EVERYTHING if asked else EVERYTHING[1:]
    network, _, report = started(segment(features=FROZEN), tmp_path / "source", load=load)
    theirs, own = source.image_network.state_dict(), network.image_network.state_dict()
    same = [n for n, v in theirs.items() if v.is_floating_point() and torch.equal(own[n], v)]
    assert bool(same) == asked
    images = [name for name in weights_of(network) if name.startswith("image_network.")]
    assert (set(images) <= set(report.loaded)) == asked
    assert (set(images) <= set(report.not_asked)) == (not asked)


@pytest.mark.parametrize(
    "other",
    [{"width": 6}, {"network": "surfacenet", "seen_channel": False}],
    ids=["width", "network"],
)
def test_a_source_that_fits_nothing_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    """Counters and the two biases of a head would fit anywhere."""
    save(reconstruct(), tmp_path / "source")
    with pytest.raises(CheckpointError, match=r"none fits .* needed: a run with the same 3D"):
        started(reconstruct(**other), tmp_path / "source")


def test_what_is_no_run_or_no_network_with_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        Transfer(tmp_path)
    save(reconstruct(), tmp_path)
    with pytest.raises(ParamsError, match="does not tell its parts"):
        Transfer(tmp_path).initialise(nn.Linear(2, 2))


@pytest.mark.parametrize("params", [{"load": ()}, {"rest_share": -0.1}, {"rest_share": 2.0}])
def test_senseless_params_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"--transfer\."):
        TransferParams(**params)


# --- what learns ---------------------------------------------------------------------------------

STILL = {
    "full": (),
    "published": (),
    "decoder": ("stem.", "downs."),
    "probe": ("stem.", "downs.", "climbs.", "refines."),
}
LAST = ("climbs.0.", "refines.0.", "classifier.")


def one_step(task: Any, network: Any, groups: list[dict[str, Any]], rate: float) -> None:
    network.train()
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=0.01)
    for seed in range(2):
        optimizer.zero_grad()
        task.loss(network, make_batch(seed)).total.backward()
        optimizer.step()


@pytest.mark.parametrize("lifted", [False, True])
@pytest.mark.parametrize("mode", STILL)
def test_what_is_frozen_stays_through_training(tmp_path: Path, mode: str, lifted: bool) -> None:
    features = FROZEN if lifted else None
    still = (*STILL[mode], "reduce.") if lifted and STILL[mode] else STILL[mode]
    save(reconstruct(features=features), tmp_path / "source")
    task = segment(features=features)
    network, transfer, report = started(task, tmp_path / "source", mode=mode)
    volume = network.volume_network if lifted else network
    named = dict(volume.named_parameters())
    assert set(report.frozen) == {n for n in named if n.startswith(still)}
    assert {n for n, p in named.items() if not p.requires_grad} == set(report.frozen)
    before = {name: value.clone() for name, value in volume.state_dict().items()}
    groups = transfer.groups(task.parameter_groups(network), 1e-2)
    one_step(task, network, groups, 1e-2)
    for name, module in volume.named_modules():
        if isinstance(module, NORMS):
            assert module.training != f"{name}.".startswith(still), name
    for name, value in volume.state_dict().items():
        # Of the classes that no voxel has, the head moves all the same: they are pushed down.
        assert torch.equal(value, before[name]) == name.startswith(still), name
    trained = {id(p) for group in groups for p in group["params"]}
    assert trained == {id(p) for n, p in named.items() if not n.startswith(still)}
    assert sum(report.rates.values()) == sum(
        p.numel() for p in volume.parameters() if p.requires_grad
    )


def test_published_rates(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    task = segment()
    network, transfer, report = started(task, tmp_path / "source", mode="published")
    groups = transfer.groups(task.parameter_groups(network), 1e-3)
    rates = {id(p): group.get("lr", 1e-3) for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == pytest.approx(1e-3 if name.startswith(LAST) else 5e-5), name
    assert set(report.rates) == {"1", "0.05"}
    # AdamW's first step is about as long as the rate, whatever the gradient.
    before = {name: value.clone() for name, value in network.named_parameters()}
    network.train()
    optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.0)
    task.loss(network, make_batch()).total.backward()
    optimizer.step()
    for name, value in network.named_parameters():
        furthest = float((value - before[name]).detach().abs().max())
        assert furthest <= (1.01e-3 if name.startswith(LAST) else 5.1e-5), name


def test_published_rates_reach_only_what_was_loaded(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    task = segment(features=LEARNING)
    network, transfer, report = started(task, tmp_path / "source", mode="published")
    groups = transfer.groups(task.parameter_groups(network), 1e-3)
    rates = {id(p): group.get("lr", 1e-3) for group in groups for p in group["params"]}
    for name, parameter in network.named_parameters():
        expected = 1e-3
        if name.startswith("image_network."):
            expected = LEARNING.rate
        elif name.startswith((f"{INNER}downs.", f"{INNER}climbs.1", f"{INNER}refines.1")):
            expected = 5e-5
        if parameter.requires_grad:
            assert rates[id(parameter)] == pytest.approx(expected), name
    learning = sum(p.numel() for p in network.volume_network.parameters())
    assert sum(report.rates.values()) == learning, "without the 2D network, which has its own rate"


def test_a_share_of_one_is_the_full_rate(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    network, _, report = started(segment(), tmp_path / "source", mode="published", rest_share=1.0)
    assert report.rates == {"1": sum(p.numel() for p in network.parameters())}


def test_the_published_networks_parts() -> None:
    """Last two blocks: the joined side outputs' convolutions, and the classifier."""
    with torch.device("meta"):
        network: Any = build_network("surfacenet", 15, 41)
    assert network.parts()["last"] == (network.conv5,)
    assert network.parts()["classifier"] == (network.classifier,)


# --- resume --------------------------------------------------------------------------------------


class Batches:
    """Batches by key, one sample each."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, key: tuple[int, int]) -> int:
        return 10 * key[0] + key[1]


QUICK = TrainParams(
    steps=4, batch_size=1, rate=0.01, warmup_steps=1, device="cpu", tensorboard=False
)


def trained(source: Path, run: Path, mode: Any, stop: int | None = None) -> TrainReport:
    transfer = Transfer(source, TransferParams(mode=mode))
    task = replace(segment(), initialise=transfer.initialise)

    def watch(state: Any) -> None:
        if state.step == stop:
            signal.raise_signal(signal.SIGINT)

    return train(
        task,
        Batches(),
        lambda samples: make_batch(samples[0]),
        run,
        QUICK,
        parameter_groups=lambda net: transfer.groups(task.parameter_groups(net), QUICK.rate),
        progress=watch,
    )


@pytest.mark.parametrize("mode", ["published", "decoder"])
def test_resumed_equals_uninterrupted(tmp_path: Path, mode: str) -> None:
    save(reconstruct(), tmp_path / "source")
    trained(tmp_path / "source", tmp_path / "once", mode)
    assert trained(tmp_path / "source", tmp_path / "run", mode, stop=2).interrupted
    assert trained(tmp_path / "source", tmp_path / "run", mode).resumed_from == 2
    once, run = (load_checkpoint(tmp_path / name / "last") for name in ("once", "run"))
    assert all(torch.equal(value, run.network[name]) for name, value in once.network.items())
    assert once.optimizer is not None
    assert run.optimizer is not None
    assert once.optimizer.keys() == run.optimizer.keys()
    assert all(torch.equal(value, run.optimizer[name]) for name, value in once.optimizer.items())
    start = load_checkpoint(tmp_path / "source" / "best").network
    kept = torch.equal(once.network["stem.0.weight"], start["stem.0.weight"])
    assert kept == (mode == "decoder")


def test_what_frames_say_of_classes_belongs_to_the_classifier(tmp_path: Path) -> None:
    task = segment(features=FROZEN, class_prior=True)
    network = task.build()
    assert network.class_prior in network.parts()["classifier"]
    save(reconstruct(features=FROZEN), tmp_path / "shape")
    probed, transfer, report = started(task, tmp_path / "shape", mode="probe")
    assert report.missing == ("class_prior.scale",)
    assert probed.class_prior.scale.item() == 1
    learning = {name for name, p in probed.named_parameters() if p.requires_grad}
    assert learning == {
        "class_prior.scale",
        "volume_network.classifier.weight",
        "volume_network.classifier.bias",
    }
    groups = transfer.groups(task.parameter_groups(probed), 1e-3)
    assert sum(len(group["params"]) for group in groups) == 3
    with torch.no_grad():
        network.class_prior.scale.fill_(0.4)
    save_checkpoint(tmp_path / "classes" / "best", network, {"step": 3})
    again, _, report = started(task, tmp_path / "classes")
    assert again.class_prior.scale.item() == pytest.approx(0.4)
    assert not report.missing


# --- what is frozen is a module like any other ---------------------------------------------------


def test_a_network_with_frozen_parts_is_copied_and_pickled(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    task = segment()
    network, _, report = started(task, tmp_path / "source", mode="decoder")
    copies = (copy.deepcopy(network), pickle.loads(pickle.dumps(network)))
    for again in copies:
        learning = {name for name, p in again.named_parameters() if p.requires_grad}
        assert learning == {n for n, _ in again.named_parameters()} - set(report.frozen)
        before = {name: value.clone() for name, value in again.state_dict().items()}
        one_step(task, again, [{"params": [p for p in again.parameters() if p.requires_grad]}], 0.1)
        for name, value in again.state_dict().items():
            still = name.startswith(STILL["decoder"])
            assert torch.equal(value, before[name]) == still, name
    assert torch.equal(network.stem[1].running_mean, copies[0].stem[1].running_mean)


def test_what_was_frozen_learns_again_when_it_is_told_to(tmp_path: Path) -> None:
    save(reconstruct(), tmp_path / "source")
    task = segment()
    network, _, _ = started(task, tmp_path / "source", mode="probe")
    one_step(task, network, [{"params": [p for p in network.parameters() if p.requires_grad]}], 0.1)
    network.requires_grad_(True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    one_step(task, network, [{"params": list(network.parameters())}], 0.1)
    assert all(module.training for module in network.modules())
    norms = [name for name in before if name.endswith("running_mean")]
    assert norms
    for name in (*norms, "stem.0.weight"):
        assert not torch.equal(network.state_dict()[name], before[name]), name
