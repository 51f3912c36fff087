"""The optimizer's groups: what decays."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from crossvox.core.checks import ParamsError
from crossvox.tasks.params import FeatureParams, ProxyParams, Segment3dParams
from crossvox.tasks.segment2d import PUBLISHED_SHARES
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.optimizer import build_optimizer
from crossvox.train.params import TrainParams


def decay_of(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, float]:
    names = {parameter: name for name, parameter in network.named_parameters()}
    return {
        names[parameter]: group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(2, 3, 3), nn.BatchNorm3d(3), nn.Flatten(), nn.Linear(3, 2))


@pytest.mark.parametrize("decay", ["all", "matrices"])
def test_what_decays(decay: Any) -> None:
    net = network()
    params = TrainParams(weight_decay=0.3, decay=decay)
    found = decay_of(build_optimizer([{"params": net.parameters()}], params), net)
    assert found.keys() == dict(net.named_parameters()).keys()
    for name, value in found.items():
        assert value == (0.3 if decay == "all" or name in ("0.weight", "3.weight") else 0.0), name


def test_groups_keep_their_rates_and_their_order() -> None:
    net = network()
    groups = [{"params": net[0].parameters(), "lr": 5.0}, {"params": net[1].parameters()}]
    made = build_optimizer(groups, TrainParams(rate=2.0, decay="matrices"))
    assert [group["lr"] for group in made.param_groups] == [5.0, 5.0, 2.0]
    assert [group["full_rate"] for group in made.param_groups] == [5.0, 5.0, 2.0]


def test_learned_uncertainties_never_decay() -> None:
    proxy = ProxyParams(PUBLISHED_SHARES)
    features = FeatureParams("enet", 128, 8, rate=1e-4, proxy=proxy)
    task = Segment3d(Segment3dParams(views=2, width=4, depth=1, features=features))
    net = task.build()
    found = decay_of(build_optimizer(task.parameter_groups(net), TrainParams()), net)
    assert {name for name, value in found.items() if value == 0} == {
        "log_variances",
        "class_prior.scale",
    }


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ParamsError, match="without parameters to train"):
        build_optimizer([{"params": []}], TrainParams())
