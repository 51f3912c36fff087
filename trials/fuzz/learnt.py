"""Checkpoints: safetensors, the state that a run goes on from, and the published pipeline's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trials.fuzz.targets import Target

_KEPT: dict[str, Any] = {}


def network() -> Any:
    """Two small layers."""
    import torch
    from torch import nn

    if "network" not in _KEPT:
        torch.manual_seed(0)
        torch.set_num_threads(1)
        _KEPT["network"] = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    return _KEPT["network"]


def optimizer() -> Any:
    """Its optimizer, after a step."""
    import torch

    if "optimizer" not in _KEPT:
        own = torch.optim.AdamW(network().parameters(), lr=1e-3)
        network()(torch.zeros(1, 1, 5, 5)).sum().backward()
        own.step()
        _KEPT["optimizer"] = own
    return _KEPT["optimizer"]


def make_checkpoint(folder: Path) -> None:
    """What training goes on from."""
    from dataclasses import asdict

    import torch

    from crossvox.train.checkpoint import save_checkpoint
    from crossvox.train.optimizer import RANDOM, optimizer_tensors
    from crossvox.train.resume import State

    state = State(
        step=3, place=7, seconds=1.5, seconds_by_part={"load": 1.0}, best_step=2, best_value=0.5,
        best_scores=[{"name": "x", "value": 0.5}], scores={"x": 0.5}, scaler={"scale": 2.0},
        precision="no",
    )  # fmt: skip
    tensors = optimizer_tensors(optimizer(), network())
    tensors[f"{RANDOM}0.cpu"] = torch.get_rng_state()
    save_checkpoint(folder / "last", network(), asdict(state), tensors)


def read_checkpoint(folder: Path) -> None:
    """As training that goes on does."""
    import copy

    from crossvox.train import resume
    from crossvox.train.checkpoint import load_network_weights

    last = folder / "last"
    resume.kept_format(last)
    load_network_weights(last, copy.deepcopy(network()))
    found = resume.load_last(last)
    if found is not None:
        checkpoint, state = found
        resume.restore(checkpoint, state, _Learner(), _PROCESSES, str(last))  # type: ignore[arg-type]


class _Learner:
    """As much of a learner as is restored."""

    average = None

    def __init__(self) -> None:
        import copy

        import torch

        self.bare = copy.deepcopy(network())
        self.optimizer = _Optimizer(torch.optim.AdamW(self.bare.parameters(), lr=1e-3))


class _Optimizer:
    """As much of what holds an optimizer."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer


class _Device:
    type = "cpu"


class _Processes:
    """One process on the CPU, without a loss scale."""

    scaler = None
    count = 1
    rank = 0
    device = _Device()


_PROCESSES = _Processes()


def make_published(folder: Path) -> None:
    """A file whose weights are named like SurfaceNet's, but for most of them."""
    import torch

    weights = {f"conv{n}.0.weight": torch.zeros(2, 3, 1, 1, 1) for n in (1, 2)}
    weights["classifier.0.weight"] = torch.zeros(2, 2, 1, 1, 1)
    torch.save({"state_dict": weights, "epoch": 3, "best": 0.5}, folder / "model.pth.tar")


def read_published(folder: Path) -> None:
    """As ``import checkpoint`` does, up to the network itself."""
    from crossvox.train.original import read_original_checkpoint

    _ = read_original_checkpoint(folder / "model.pth.tar").view_channels


def wide() -> Any:
    """A layer with kernels that are worth packing."""
    from torch import nn

    network()
    return nn.Sequential(nn.Conv2d(8, 2, 3))


def make_packed(folder: Path) -> None:
    """A run that was packed, as far as its weights go."""
    import torch
    from safetensors.torch import save

    from crossvox.train.checkpoint import load_network_weights
    from crossvox.train.packing import pack
    from crossvox.train.selftest import write_self_test

    weights = folder / "run" / "best" / "network.safetensors"
    weights.parent.mkdir(parents=True)
    made = wide()
    weights.write_bytes(save(pack(made, "int8")))
    load_network_weights(weights.parent, made)
    write_self_test(folder / "run", made, (torch.ones(1, 8, 4, 4).half(),), weights)


def read_packed(folder: Path) -> None:
    """As whoever loads such a run does, whatever the digest of the weights says."""
    from crossvox.train import selftest
    from crossvox.train.checkpoint import load_network_weights, load_run_network

    made = wide()
    load_network_weights(folder / "run" / "best", made)
    selftest._passed.clear()
    test = selftest.read_self_test(folder / "run")
    if test is not None:
        test.expect_answer(made, folder)
    load_run_network(folder / "run", wide())


def make_card(folder: Path) -> None:
    """What is told of a network."""
    from crossvox.core.artifact import plain, write_json
    from crossvox.recipes.cards import Card, CardScore, StartingWeights, TrainingData

    card = Card(
        *("one", "1", "Title.", "complete", "In.", "Out.", "Apache-2.0"),
        data=(TrainingData("Rooms.", "None."),),
        start=(StartingWeights("What.", "Where.", "Licence."),),
        recipe=("crossvox rooms raw",),
        took="A minute.", checkpoint="best", packing="Nothing.", parameters=7, bytes=9,
        sha256="0" * 64, limits=("Much.",),
        scores=(CardScore("F", 0.5, "ratio", "TSDF", 0.4, "Rules.", "How.", (0.4, 0.6)),),
    )  # fmt: skip
    write_json(folder / "card.json", plain(card))


def read_a_card(folder: Path) -> None:
    """As the list of networks does, and the page."""
    from crossvox.recipes.card_text import card_text
    from crossvox.recipes.cards import read_card

    card_text(read_card(folder))


TARGETS = [
    Target("packed run", make_packed, read_packed),
    Target("card", make_card, read_a_card),
    Target("checkpoint", make_checkpoint, read_checkpoint, share=2),
    Target("published checkpoint", make_published, read_published),
]
