"""Foreign checkpoints: known networks are recognised, and nothing in a file is executed."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crossvox.core.checks import CheckpointError
from crossvox.networks import build_network, build_network2d
from crossvox.train.original import read_original_checkpoint

Weights = dict[str, Tensor]


def cheap(shapes: dict[str, Any]) -> Weights:
    """Weights of these shapes that share one number, so that a file of them is small."""
    return {
        name: torch.zeros((), dtype=kind).expand(shape) for name, (shape, kind) in shapes.items()
    }


def surfacenet(channels: int = 15, classes: int = 2, name: str = "surfacenet") -> Weights:
    with torch.device("meta"):
        state = build_network(name, channels, classes).state_dict()
    return cheap({name: (value.shape, value.dtype) for name, value in state.items()})


def enet() -> Weights:
    torch.manual_seed(3)
    return dict(build_network2d("enet", 41, weights="none").state_dict())


def save(path: Path, weights: Any, **more: Any) -> Path:
    torch.save({"epoch": 12, "state_dict": weights, **more}, path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pth.tar"


@pytest.mark.parametrize("name", ["surfacenet", "resnext_unet"])
@pytest.mark.parametrize(
    ("channels", "classes", "view"), [(15, 2, 3), (640, 2, 128), (640, 41, 128)]
)
def test_a_3d_network_is_told_by_its_weights(
    name: str, channels: int, classes: int, view: int, file: Path
) -> None:
    save(file, surfacenet(channels, classes, name))
    found = read_original_checkpoint(file)
    assert (found.architecture, found.in_channels, found.classes) == (name, channels, classes)
    assert found.view_channels == view
    network, report = found.build()
    assert report.complete
    assert set(report.loaded) == set(network.state_dict())


def test_weights_arrive_unchanged_from_parallel_training(file: Path) -> None:
    weights = enet()
    optimizer = {"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-3}]}
    names = {f"module.{name}": value for name, value in weights.items()}
    save(file, names, best_iou=np.float64(0.5), optimizer=optimizer, name="enet")
    found = read_original_checkpoint(file)
    assert (found.architecture, found.in_channels, found.classes) == ("enet", 3, 41)
    assert found.notes == {
        "epoch": 12,
        "best_iou": 0.5,
        "optimizer": "left aside (dict)",
        "name": "enet",
    }
    network, report = found.build()
    assert report.complete
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name])
    torch.save(weights, file)
    assert read_original_checkpoint(file).weights.keys() == weights.keys()


def test_old_torch_files_are_read(file: Path) -> None:
    torch.save({"state_dict": surfacenet()}, file, _use_new_zipfile_serialization=False)
    assert read_original_checkpoint(file).in_channels == 15


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("surfacenet_rgb", "surfacenet"),
        ("surfacenet_feat", "surfacenet"),
        ("enet", "enet"),
        ("deeplabv3", "deeplab"),
    ],
)
def test_published_names_and_shapes_fit(
    name: str, architecture: str, published: Path, file: Path
) -> None:
    record = json.loads((published / "networks.json").read_text())[name]
    kinds = {"torch.float32": torch.float32, "torch.int64": torch.int64}
    shapes = {key: (shape, kinds[kind]) for key, shape, kind in record["keys"]}
    save(file, cheap(shapes))
    found = read_original_checkpoint(file)
    assert found.architecture == architecture
    network, report = found.build()
    assert report.complete
    assert len(report.loaded) == len(record["keys"])
    assert sum(p.numel() for p in network.parameters()) == record["params"]


def test_an_imported_network_answers_as_the_published_one(
    published: Path, enet_state: Weights, file: Path
) -> None:
    save(file, {f"module.{name}": value for name, value in enet_state.items()})
    network, _ = read_original_checkpoint(file).build()
    with np.load(published / "enet_answers.npz") as io, torch.no_grad():
        image = torch.randn(1, 3, 64, 80, generator=torch.Generator().manual_seed(3))
        np.testing.assert_array_equal(image[0, :, :8, :8].numpy(), io["small_x_first"])
        features = network.eval().features(image)  # type: ignore[operator]
        answer = network.get_submodule("26")(features)
        np.testing.assert_allclose(answer.numpy(), io["small_out"], atol=1e-4)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("way", ["torch", "torch legacy", "pickle", "weights"])
def test_nothing_is_executed(way: str, file: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    content: Any = {"state_dict": surfacenet(), "epoch": Evil(made)}
    if way == "pickle":
        file.write_bytes(pickle.dumps(Evil(made)))
    elif way == "weights":
        torch.save({"state_dict": {**surfacenet(), "conv1.0.bias": Evil(made)}}, file)
    else:
        torch.save(content, file, _use_new_zipfile_serialization=way == "torch")
    with pytest.raises(CheckpointError, match="nothing was executed"):
        read_original_checkpoint(file)
    assert not made.exists()


def test_a_whole_pickled_network_is_refused_by_name(file: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), file)
    with pytest.raises(CheckpointError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        read_original_checkpoint(file)


def test_damaged_files_are_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_original_checkpoint(file)
    whole = save(tmp_path / "whole", surfacenet()).read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged or no torch file"):
            read_original_checkpoint(file)
    with pytest.raises(CheckpointError, match="damaged or no torch file"):
        read_original_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([1, 2], "holds a list"),
        ({}, "a dictionary of nothing"),
        ({"epoch": 3}, "a dictionary of epoch"),
        ({"state_dict": {"conv1.0.weight": 3}}, "a dictionary of conv1.0.weight"),
        ({"state_dict": {"fc.weight": torch.zeros(2)}}, "1 weights fc.weight"),
    ],
)
def test_other_content_is_refused(content: Any, text: str, file: Path) -> None:
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=text):
        read_original_checkpoint(file)


def test_missing_left_over_and_misshapen_weights_are_named(file: Path) -> None:
    weights = surfacenet()
    broken = {name: value for name, value in weights.items() if name != "conv3.4.running_var"}
    with pytest.raises(CheckpointError, match=r"1 missing \(conv3\.4\.running_var\)"):
        read_original_checkpoint(save(file, broken)).build()
    broken = {name: value for name, value in weights.items() if name != "classifier.0.weight"}
    with pytest.raises(CheckpointError, match=r"classifier\.0\.weight is missing"):
        read_original_checkpoint(save(file, broken))
    broken = {**weights, "conv9.0.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"1 unexpected \(conv9\.0\.weight\)"):
        read_original_checkpoint(save(file, broken)).build()
    broken = {**weights, "conv2.0.weight": torch.zeros(80, 31, 3, 3, 3)}
    with pytest.raises(CheckpointError, match=r"1 mismatched \(conv2\.0\.weight"):
        read_original_checkpoint(save(file, broken)).build()
    broken = {**weights, "conv1.0.weight": torch.zeros(32, 15)}
    with pytest.raises(CheckpointError, match=r"conv1\.0\.weight has shape \(32, 15\)"):
        read_original_checkpoint(save(file, broken))
    broken = {**weights, "conv1.0.bias": torch.full((32,), torch.nan)}
    with pytest.raises(CheckpointError, match=r"1 weights are not finite \(conv1\.0\.bias\)"):
        read_original_checkpoint(save(file, broken)).build()


def test_inputs_of_an_unknown_kind_are_refused(file: Path) -> None:
    found = read_original_checkpoint(save(file, surfacenet(16)))
    with pytest.raises(CheckpointError, match="reads 16 channels"):
        _ = found.view_channels
