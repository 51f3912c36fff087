"""A run that was packed: what is damaged, mixed up or answers otherwise is refused, and named."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError
from crossvox.train import selftest
from crossvox.train.checkpoint import load_run_network
from crossvox.train.packing import pack
from crossvox.train.params import NETWORK, SELFTEST
from crossvox.train.selftest import read_self_test, sha256_of, write_self_test


class Answer(NamedTuple):
    logits: Tensor
    features: Tensor


class Small(nn.Module):
    """Two inputs, and an answer of two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, image: Tensor, more: Tensor) -> Answer:
        value = self.norm(self.conv(torch.cat((image, more), dim=1)))
        return Answer(value, value)


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(selftest, "_passed", set())
    torch.manual_seed(1)
    network, run = Small(), tmp_path / "run"
    weights = run / "best" / NETWORK
    weights.parent.mkdir(parents=True)
    weights.write_bytes(save(pack(network, "int8")))
    load_run_network(run, network)
    inputs = (torch.randn(1, 2, 9, 8).half(), torch.randn(1, 1, 9, 8))
    write_self_test(run, network, inputs, weights)
    return run


def test_it_passes_and_leaves_the_network_as_it_is(packed: Path) -> None:
    network = Small()
    network.norm.eval()
    assert load_run_network(packed, network).complete
    assert network.training
    assert not network.norm.training
    assert network.norm.num_batches_tracked == 0
    test = read_self_test(packed)
    assert test is not None
    assert test.difference(network) == 0
    assert test.output.numel() > 50
    assert test.inputs[0].dtype == torch.float16
    with torch.no_grad():
        network.conv.weight *= 1.01
    assert test.difference(network) > test.tolerance


def test_it_is_made_once_a_process(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answered = selftest.answered
    monkeypatch.setattr(selftest, "answered", lambda *a: asked.append(1) or answered(*a))
    for _ in range(3):
        load_run_network(packed, Small())
    assert len(asked) == 1


def test_weights_that_are_damaged_or_another_runs_are_refused(packed: Path) -> None:
    weights = packed / "best" / NETWORK
    whole = weights.read_bytes()
    middle = len(whole) - 40
    weights.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(CheckpointError, match=r"SHA-256.*damaged or another"):
        load_run_network(packed, Small())
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_run_network(packed, Small())
    weights.unlink()
    with pytest.raises(CheckpointError, match=NETWORK):
        load_run_network(packed, Small())


def test_a_network_that_answers_otherwise_is_refused(packed: Path) -> None:
    class Otherwise(Small):
        def forward(self, image: Tensor, more: Tensor) -> Answer:
            return Answer(super().forward(image, more).logits + 0.1, more)

    with pytest.raises(CheckpointError, match=r"differs by .*torch"):
        load_run_network(packed, Otherwise())
    with pytest.raises(CheckpointError, match="differs"):  # No failure is taken for a pass.
        load_run_network(packed, Otherwise())


def test_an_input_that_the_network_does_not_take_is_told(packed: Path) -> None:
    told = {"sha256": sha256_of(packed / "best" / NETWORK), "tolerance": "0.1"}
    for inputs in ({}, {"input.0": torch.ones(3)}, {"input.0": torch.ones(1, 2, 4, 4)}):
        (packed / SELFTEST).write_bytes(save({**inputs, "output": torch.ones(5)}, told))
        with pytest.raises(CheckpointError, match="cannot answer"):
            load_run_network(packed, Small())


@pytest.mark.parametrize("damage", ["half", "nothing", "without_digest", "any_tolerance"])
def test_a_damaged_self_test_is_told(packed: Path, damage: str) -> None:
    file = packed / SELFTEST
    content = file.read_bytes()
    file.write_bytes(
        {
            "half": content[: len(content) // 2],
            "nothing": b"",
            "without_digest": save({"output": torch.ones(3)}),
            "any_tolerance": save({"output": torch.ones(3)}, {"sha256": "0", "tolerance": "inf"}),
        }[damage]
    )
    with pytest.raises(CheckpointError, match=SELFTEST):
        load_run_network(packed, Small())


def test_a_run_without_one_is_loaded_as_ever(packed: Path) -> None:
    (packed / SELFTEST).unlink()
    assert load_run_network(packed, Small()).complete
