"""Checkpoints: what is written is read, what does not fit or is damaged is named."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CheckpointError
from crossvox.train import checkpoint
from crossvox.train.checkpoint import (
    load_checkpoint,
    load_network_weights,
    load_run_network,
    save_checkpoint,
)
from crossvox.train.optimizer import optimizer_tensors, restore_optimizer
from crossvox.train.resume import State, load_last


class Tied(nn.Module):
    """Two layers that share a weight, and a buffer of integers."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.second.weight = self.first.weight


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = Tied()
    save_checkpoint(tmp_path / "last", network, {"step": 4, "value": 0.1 + 0.2}, {})
    other = Tied()
    report = load_network_weights(tmp_path / "last", other)
    assert report.complete
    assert set(report.loaded) == set(network.state_dict())
    assert all(torch.equal(a, other.state_dict()[n]) for n, a in network.state_dict().items())
    read = load_checkpoint(tmp_path / "last")
    assert read.state == {"step": 4, "value": 0.1 + 0.2}
    assert read.optimizer == {}
    save_checkpoint(tmp_path / "last", network, {"step": 5})
    assert load_checkpoint(tmp_path / "last").optimizer is None
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def groups_of(network: nn.Sequential) -> list[dict[str, Any]]:
    return [{"params": network[1].parameters(), "lr": 0.1}, {"params": network[0].parameters()}]


def test_optimizer_goes_on_as_if_never_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    optimizer = torch.optim.AdamW(groups_of(network))
    inputs = torch.randn(4, 3)

    def step(net: nn.Module, opt: torch.optim.Optimizer) -> None:
        opt.zero_grad()
        net(inputs).square().mean().backward()
        opt.step()

    step(network, optimizer)
    save_checkpoint(tmp_path / "c", network, {}, optimizer_tensors(optimizer, network))
    read = load_checkpoint(tmp_path / "c")
    assert read.optimizer is not None
    copy = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    load_network_weights(tmp_path / "c", copy)
    again = torch.optim.AdamW(groups_of(copy))
    restore_optimizer(again, copy, read.optimizer, "c")
    step(network, optimizer)
    step(copy, again)
    for a, b in zip(network.parameters(), copy.parameters(), strict=True):
        assert torch.equal(a, b)
    small = torch.optim.AdamW(copy[0].parameters())
    with pytest.raises(CheckpointError, match=r"unknown parameters \(1\.bias/exp_avg, "):
        restore_optimizer(small, copy, read.optimizer, "c")


def test_weights_that_do_not_fit_are_listed_and_nothing_is_copied(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "best", nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)), {})
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 5), nn.Linear(5, 5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_run_network(tmp_path, network)
    text = str(caught.value)
    assert "2 missing (2.weight, 2.bias)" in text
    assert "2 mismatched (1.weight (1, 2) for (5, 2), 1.bias (1,) for (5,))" in text
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    report = load_network_weights(tmp_path / "best", network, strict=False)
    assert report.loaded == ("0.weight", "0.bias")
    assert not torch.equal(before["0.weight"], network.state_dict()["0.weight"])
    with pytest.raises(CheckpointError, match="at least one weight that fits"):
        load_network_weights(tmp_path / "best", nn.Conv1d(1, 1, 1), strict=False)


def test_long_lists_are_cut() -> None:
    text = str(checkpoint.LoadReport((), missing=tuple("abcdefgh")))
    assert text == "0 loaded, 8 missing (a, b, c, d, e, and 3 more)"


@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    save_checkpoint(tmp_path / "last", Tied(), {})
    path = tmp_path / "last" / "network.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"network\.safetensors, which is damaged"):
        load_run_network(tmp_path, Tied(), "last")


def test_missing_checkpoints_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no .best. checkpoint.*check the path"):
        load_run_network(tmp_path, Tied(), "best")
    with pytest.raises(CheckpointError, match=r"no .last. checkpoint.*check the path"):
        load_run_network(tmp_path, Tied())
    save_checkpoint(tmp_path / "last", Tied(), {})
    (tmp_path / "last" / "state.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="no JSON object"):
        load_checkpoint(tmp_path / "last")
    (tmp_path / "last" / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"no.* valid JSON.*delete \S+last and train again"):
        load_checkpoint(tmp_path / "last")
    (tmp_path / "last" / "state.json").unlink()
    with pytest.raises(CheckpointError, match=r"state\.json, which does not exist"):
        load_checkpoint(tmp_path / "last")


def test_failed_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    save_checkpoint(tmp_path / "last", Tied(), {"step": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The nearest thing to a full disk: the system refuses to let a file grow.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(CheckpointError, match=r"room for .* MB.*before it is untouched"):
            save_checkpoint(tmp_path / "last", Tied(100), {"step": 2})
        with pytest.raises(CheckpointError, match="nothing was saved"):
            save_checkpoint(tmp_path / "other", Tied(100), {"step": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(tmp_path / "last").state == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_checkpoint_is_not_swapped_for_one_with_a_strangers_file(tmp_path: Path) -> None:
    last = tmp_path / "last"
    for step in (1, 2):
        save_checkpoint(last, Tied(), {"step": step})
    (last / "notes.txt").write_text("dear")
    with pytest.raises(ArtifactError, match=r"notes\.txt"):
        save_checkpoint(last, Tied(), {"step": 3})
    assert load_checkpoint(last).state["step"] == 2


def test_a_checkpoint_without_a_list_of_files_is_swapped_for_the_next(tmp_path: Path) -> None:
    """Runs of older versions are gone on with."""
    save_checkpoint(tmp_path / "last", Tied(), {"step": 1}, {})
    manifest = read_manifest(tmp_path / "last")
    write_manifest(tmp_path / "last", replace(manifest, files=None))
    save_checkpoint(tmp_path / "last", Tied(), {"step": 2}, {})
    assert load_checkpoint(tmp_path / "last").state["step"] == 2


def test_an_optimizer_without_some_of_its_moments_is_refused() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    tensors = optimizer_tensors(optimizer, network)
    restore_optimizer(optimizer, network, tensors, "run")
    del tensors["0.bias/exp_avg"]
    with pytest.raises(CheckpointError, match="1 parameters that lack some of exp_avg"):
        restore_optimizer(optimizer, network, tensors, "run")
    tensors = {name: value for name, value in tensors.items() if not name.endswith("step")}
    with pytest.raises(CheckpointError, match="all moments"):
        restore_optimizer(optimizer, network, tensors, "run")


@pytest.mark.parametrize("change", [{"place": -1}, {"step": -3}, {"processes": 0}])
def test_a_state_with_impossible_numbers_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    state = {**asdict(State(step=3, place=7)), **change}
    save_checkpoint(tmp_path / "last", nn.Linear(2, 2), state, {"random.0.cpu": torch.zeros(4)})
    with pytest.raises(CheckpointError, match="numbers from 0 on"):
        load_last(tmp_path / "last")
