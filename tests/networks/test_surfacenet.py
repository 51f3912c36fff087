"""SurfaceNet against the published network: keys, weights by seed, answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.networks.surfacenet import SurfaceNet
from crossvox.views.lift import lift

CHANNELS = {"surfacenet_rgb": 15, "surfacenet_feat": 640}


@pytest.fixture(scope="module", params=sorted(CHANNELS))
def seeded(request: pytest.FixtureRequest, published: Path) -> tuple[dict[str, Any], SurfaceNet]:
    """What the original network is, and ours, seeded alike."""
    facts = json.loads((published / "networks.json").read_text())[request.param]
    torch.manual_seed(0)
    return facts, SurfaceNet(CHANNELS[request.param]).eval()


def test_keys_shapes_and_types(seeded: tuple[dict[str, Any], SurfaceNet]) -> None:
    facts, network = seeded
    ours = [
        [name, list(value.shape), str(value.dtype)] for name, value in network.state_dict().items()
    ]
    assert ours == facts["keys"]
    assert sum(p.numel() for p in network.parameters()) == facts["params"]


def test_seeded_weights(seeded: tuple[dict[str, Any], SurfaceNet]) -> None:
    facts, network = seeded
    state = network.state_dict()
    ours = {name: state[name].double().sum().item() for name in facts["weight_sum"]}
    assert len(ours) == 37
    assert ours == pytest.approx(facts["weight_sum"], rel=1e-12, abs=1e-12)


def test_answers_at_the_probes(published: Path) -> None:
    """Seeded weights and the seeded input of the reference give its answers.

    The input is drawn in the order of the reference: a target volume that only moves the generator
    on, colours of five views, then for each view 800 voxels (rising) and their pixels. The file
    holds voxels and pixels, so the reconstruction of the draw is itself checked.
    """
    facts = json.loads((published / "networks.json").read_text())["surfacenet_rgb"]["out"]
    torch.manual_seed(0)
    network = SurfaceNet(15).eval()
    torch.manual_seed(0)
    torch.randint(0, 2, (1, 32, 32, 64))
    images = torch.randn(1, 5, 3, 256, 328)
    pairs = [
        (torch.randperm(32 * 32 * 64)[:800].sort().values, torch.randint(0, 256 * 328, (800,)))
        for _ in range(5)
    ]
    numbers, pixels = (torch.stack(column) for column in zip(*pairs, strict=True))
    with np.load(published / "surfacenet_draw.npz") as arrays:
        np.testing.assert_array_equal(numbers, arrays["voxels"][:, 1:])
        np.testing.assert_array_equal(pixels, arrays["pixels"][:, 1:])
    # The reference counts voxels x + 32 y + 1024 z.
    x, y, z = numbers % 32, numbers // 32 % 32, numbers // 1024
    view = torch.arange(5).repeat_interleave(800)
    volume = lift(
        images,
        ((x * 32 + y) * 64 + z).flatten(),
        pixels.flatten(),
        view,
        torch.zeros_like(view),
        (32, 32, 64),
        torch.ones(1, 5, dtype=torch.bool),
    )
    with torch.no_grad():
        logits = network(volume)
    assert list(logits.shape) == facts["shape"]
    expected = torch.tensor(facts["probe"])
    torch.testing.assert_close(logits.flatten()[facts["probe_idx"]], expected, rtol=0, atol=2e-6)
    assert logits.std().item() == pytest.approx(facts["std"], rel=1e-5)
    assert logits.double().sum().item() == pytest.approx(facts["sum"], rel=1e-5)


def test_answers_to_an_empty_volume(seeded: tuple[dict[str, Any], SurfaceNet]) -> None:
    """The input of the feature variant is not known; an empty one comes close (see its spread)."""
    facts, network = seeded
    channels = network.conv1[0].in_channels
    with torch.no_grad():
        logits = network(torch.zeros(1, channels, 32, 32, 64))
    found = logits.flatten()[facts["out"]["probe_idx"]]
    torch.testing.assert_close(found, torch.tensor(facts["out"]["probe"]), rtol=0, atol=2e-4)
    assert logits.double().sum().item() == pytest.approx(facts["out"]["sum"], rel=1e-3)


def test_layers_are_as_published() -> None:
    network = SurfaceNet(2)
    kinds = ["Conv3d", "BatchNorm3d", "ReLU"]
    for name, (inputs, outputs), count, dilation in (
        ("conv1", (2, 32), 3, 1),
        ("conv2", (32, 80), 3, 1),
        ("conv3", (80, 160), 3, 1),
        ("conv4", (160, 300), 3, 2),
        ("conv5", (64, 100), 2, 1),
    ):
        block = network.get_submodule(name)
        assert [type(layer).__name__ for layer in block] == kinds * count  # type: ignore[arg-type]
        convolutions = [layer for layer in block if isinstance(layer, torch.nn.Conv3d)]  # type: ignore[union-attr]
        assert convolutions[0].in_channels == inputs
        for layer in convolutions:
            assert layer.out_channels == outputs
            assert layer.kernel_size == (3, 3, 3)
            assert layer.dilation == layer.padding == (dilation,) * 3
            assert layer.bias is not None
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm3d)]
    assert len(norms) == 18
    assert {norm.eps for norm in norms} == {1e-5}
    assert [network.get_submodule(f"upconv{n}.2")._get_name() for n in (1, 2, 3, 4)] == [
        "Sigmoid"
    ] * 4


def test_pooling_takes_the_largest_before_the_second_and_third_depth() -> None:
    """Seen from the third depth, all but the largest of a pooled block may change freely."""
    torch.manual_seed(0)
    network = SurfaceNet(2).eval()
    inputs: dict[str, torch.Tensor] = {}
    outputs: dict[str, torch.Tensor] = {}

    def record(name: str) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        def hook(module: torch.nn.Module, given: Any, made: torch.Tensor) -> None:
            inputs[name], outputs[name] = given[0], made

        return hook

    for name in ("conv1", "conv2", "conv3", "conv4"):
        network.get_submodule(name).register_forward_hook(record(name))
    with torch.no_grad():
        network(torch.randn(1, 2, 8, 8, 8))
    for before, after in (("conv1", "conv2"), ("conv2", "conv3")):
        blocks = outputs[before].unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 2, 2)
        assert torch.equal(inputs[after], blocks.amax(dim=(-1, -2, -3)))
    assert torch.equal(inputs["conv4"], outputs["conv3"])


def test_side_outputs_hold_a_value_at_every_stride() -> None:
    network = SurfaceNet(2)
    layer = network.upconv3[0]
    low = torch.randn(1, 160, 2, 2, 2)
    full = layer(low)
    assert full.shape == (1, 16, 8, 8, 8)
    weight = layer.weight[:, :, 0, 0, 0]  # type: ignore[index]
    expected = torch.einsum("bcxyz,cd->bdxyz", low, weight) + layer.bias.reshape(1, -1, 1, 1, 1)  # type: ignore[union-attr]
    torch.testing.assert_close(full[:, :, ::4, ::4, ::4], expected)
    between = full.clone()
    between[:, :, ::4, ::4, ::4] = layer.bias.reshape(1, -1, 1, 1, 1)  # type: ignore[union-attr]
    torch.testing.assert_close(between, layer.bias.reshape(1, -1, 1, 1, 1).expand_as(between))  # type: ignore[union-attr]
