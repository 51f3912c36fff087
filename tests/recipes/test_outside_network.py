"""Networks from outside this package: one file adds one, which then trains and predicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.chunks import ChunkParams
from crossvox.cli import main
from crossvox.core.artifact import plain
from crossvox.core.checks import ParamsError
from crossvox.core.params import from_plain
from crossvox.networks import NETWORKS, NETWORKS_2D, build_network2d
from crossvox.networks.features2d import Network2D
from crossvox.networks.params import NetworkParams
from crossvox.networks.volume import VolumeNetwork
from crossvox.recipes.predict import predict
from crossvox.recipes.scene_run import read_scene_run
from crossvox.recipes.train import ReconstructRunParams, train_reconstruct
from crossvox.tasks.params import ReconstructParams, Segment2dParams
from crossvox.train.params import TrainParams
from crossvox.views.params import ViewParams

SMALL = ["--width", "96", "--height", "72"]
TRAIN_2D = [
    *("--images.width", "96", "--images.height", "72", "--train.batch-size", "2"),
    *("--train.steps", "2", "--train.validate-every", "2", "--task.network", "tiles:16"),
]  # fmt: skip


class TwoLayers(VolumeNetwork):
    """All that a 3D network needs."""

    def __init__(self, in_channels: int, classes: int, params: TwoLayersParams) -> None:
        super().__init__()
        self.first = nn.Conv3d(in_channels, params.hidden, 3, padding=1)
        self.last = nn.Conv3d(params.hidden, classes, 1)
        self.active = getattr(functional, params.activation)

    def forward(self, volume: Tensor) -> Tensor:
        logits: Tensor = self.last(self.active(self.first(volume)))
        return logits


@dataclass(frozen=True)
class TwoLayersParams(NetworkParams):
    hidden: int = 4
    activation: str = "relu"

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        return TwoLayers(in_channels, classes, self)


class Tiles(Network2D):
    """All that a 2D network needs; of a name with a colon it gets the whole."""

    def __init__(self, classes: int, *, name: str = "tiles:8", weights: str = "auto") -> None:
        channels = int(name.partition(":")[2])
        super().__init__(classes, channels, 4, 8)
        self.body = nn.Conv2d(3, channels, 4, stride=4)
        self.head = nn.Conv2d(channels, classes, 1)

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images)
        return features

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        return [], [self.body], [self.head]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """As an entry point would do it."""
    NETWORKS.register("two_layers", TwoLayersParams)
    NETWORKS_2D.register("tiles", Tiles)
    yield
    del NETWORKS._parts["two_layers"], NETWORKS_2D._parts["tiles"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("outside")
    rooms = ["--count", "2", "--seed", "3", "--frames", "12", "--frame-step", "30"]
    for words in (
        ["rooms", str(work / "rooms"), *rooms, *SMALL, "--spacing-m", "0.15"],
        ["prepare", str(work / "rooms"), str(work / "data"), *SMALL, "--frame-skip", "1"],
    ):
        assert main(words) == 0
    return work / "data"


def run_params(**task: Any) -> ReconstructRunParams:
    return ReconstructRunParams(
        train=TrainParams(steps=2, batch_size=2, warmup_steps=1, device="cpu"),
        task=ReconstructParams(**task),
        views=ViewParams(width=96, height=72),
        chunks=ChunkParams(per_scene=4),
        validation_windows=2,
    )


def test_a_3d_network_from_outside_trains_and_predicts(data: Path, tmp_path: Path) -> None:
    params = run_params(network="two_layers", options=("hidden=6", "activation=gelu"))
    report = train_reconstruct(data, tmp_path / "run", params)
    assert report.step == 2
    task = read_scene_run(tmp_path / "run").task
    network: Any = task.build()
    assert isinstance(network, TwoLayers)
    assert network.first.out_channels == 6
    assert network.active is functional.gelu
    predict(tmp_path / "run", data, tmp_path / "pred", baselines=False)
    assert list((tmp_path / "pred").glob("*/mesh.ply"))
    with pytest.raises(ParamsError, match="do: start from scratch"):
        network.parts()


def test_from_the_command_line_and_on_features_of_a_2d_network_from_outside(
    data: Path, tmp_path: Path
) -> None:
    assert main(["train", "segment2d", str(data), str(tmp_path / "run2d"), *TRAIN_2D]) == 0
    words = [
        *("train", "reconstruct", "--preset", "thesis", str(data), str(tmp_path / "run")),
        *("--task.network", "two_layers", "--task.options", "hidden=5", "activation=relu"),
        *("--features", str(tmp_path / "run2d"), "--features-rate", "1e-3"),
        *("--train.steps", "2", "--train.batch-size", "2", "--chunks.per-scene", "4"),
        *("--views.width", "96", "--views.height", "72", "--validation-windows", "2"),
    ]
    assert main(words) == 0
    params = read_scene_run(tmp_path / "run").params
    assert params.task.network_params == TwoLayersParams(5, "relu")
    assert params.task.features is not None
    assert params.task.features.channels == 16


def test_options_are_checked_before_any_work() -> None:
    with pytest.raises(ParamsError, match="did you mean 'two_layers'"):
        ReconstructParams(network="two_layer")
    with pytest.raises(ParamsError, match=r"unknown fields depth; needed: .*activation, hidden"):
        ReconstructParams(network="two_layers", options=("depth=3",))
    with pytest.raises(ParamsError, match=r"options.hidden"):
        ReconstructParams(network="two_layers", options=("hidden=six",))
    with pytest.raises(ParamsError, match="needed: NAME=VALUE"):
        ReconstructParams(network="two_layers", options=("hidden",))
    with pytest.raises(ParamsError, match=r"--task\.width"):
        ReconstructParams(options=("width=8",))
    with pytest.raises(ParamsError, match="depth=-1"):
        ReconstructParams(depth=-1)
    with pytest.raises(ParamsError, match="2D network 'tile'"):
        Segment2dParams(network="tile")


def test_params_of_older_runs_are_read() -> None:
    """They have no options."""
    params = ReconstructParams(width=4)
    older = plain(params)
    del older["options"]
    assert from_plain(ReconstructParams, older) == params


def test_groups_of_a_network_are_kept_around_it() -> None:
    from crossvox.tasks.params import FeatureParams
    from crossvox.tasks.reconstruct import Reconstruct

    features = FeatureParams("tiles:16", 16, 4, rate=0.01)
    params = ReconstructParams(network="two_layers", features=features, fusion="attention")
    network: Any = Reconstruct(params).build()
    groups = Reconstruct(params).parameter_groups(network)
    assert [group.get("lr") for group in groups] == [None, 0.01]
    first = {id(p) for p in groups[0]["params"]}
    assert {id(p) for p in network.volume_network.parameters()} < first
    assert {id(p) for p in network.score.parameters()} < first
    assert build_network2d("tiles:8", 3).feature_channels == 8
    images = torch.zeros(1, 3, 9, 9)
    assert build_network2d("tiles:8", 3)(images).logits.shape == (1, 3, 9, 9)


def test_the_number_of_views_is_told_once() -> None:
    """The network is built for as many views as sub-volumes take."""
    params = ReconstructRunParams(views=ViewParams(max_views=3))
    # As a command line makes it, which starts from the defaults.
    assert replace(ReconstructRunParams(), views=ViewParams(max_views=3)) == params
    assert params.task.views == 3
    assert params.task.in_channels == 3 * 3 + 1
    assert from_plain(ReconstructRunParams, plain(params)) == params
    assert ReconstructRunParams().task.in_channels == 5 * 3 + 1
    with pytest.raises(ParamsError, match=r"follows from --views\.max-views"):
        ReconstructRunParams(task=ReconstructParams(views=2))
