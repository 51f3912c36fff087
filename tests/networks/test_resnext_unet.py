"""ResNeXt U-Net against a description of the published one: keys, weights by seed, answers.

No numbers of the published network are at hand, so it is described a second time here, layer by
layer and without modules: which weights there are, in which order chance draws them, and what is
computed of them.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from crossvox.networks.resnext_unet import ResNeXtUNet

State = dict[str, Tensor]

BLOCKS = {  # name: blocks, channels, groups
    "bottleneck1": (3, 32, 4),
    "bottleneck2": (4, 64, 8),
    "bottleneck3": (6, 128, 16),
    "bottleneck4": (3, 256, 32),
    "bottleneck5": (3, 512, 32),
    "up_bottleneck1": (4, 256, 32),
    "up_bottleneck2": (3, 128, 16),
}
LAYERS = {  # name: channels in and out, kernel
    "conv1": (0, 32, 3),
    "conv2": (32, 64, 2),
    "conv3": (64, 128, 2),
    "conv4": (128, 256, 2),
    "conv5": (256, 512, 3),
    "upconv1": (512, 128, 2),
    "upconv2": (256, 64, 2),
    "upconv3": (128, 32, 2),
}
ORDER = (
    *("conv1", "bottleneck1", "conv2", "bottleneck2", "conv3", "bottleneck3"),
    *("conv4", "bottleneck4", "conv5", "bottleneck5", "upconv1", "up_bottleneck1"),
    *("upconv2", "up_bottleneck2", "upconv3", "classifier"),
)


def kernels(inputs: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Shapes of all kernels by name, in the order that they are made."""
    found: dict[str, tuple[int, ...]] = {}
    for name in ORDER:
        if name in BLOCKS:
            count, channels, groups = BLOCKS[name]
            inner = channels // 2
            for block in range(count):
                found[f"{name}.{block}.conv1"] = (inner, channels, 1, 1, 1)
                found[f"{name}.{block}.conv2"] = (inner, inner // groups, 3, 3, 3)
                found[f"{name}.{block}.conv3"] = (channels, inner, 1, 1, 1)
        elif name == "classifier":
            found["classifier.0"] = (64, 64, 3, 3, 3)
            found["classifier.3"] = (classes, 64, 1, 1, 1)
        else:
            first, last, side = LAYERS[name]
            shape = (last, first or inputs)
            found[f"{name}.0"] = (*(shape[::-1] if "up" in name else shape), side, side, side)
    return found


def outputs(name: str, shape: tuple[int, ...]) -> int:
    return shape[1] if name.startswith("upconv") else shape[0]


def norm_of(name: str) -> str:
    """The batch norm behind a convolution."""
    head, _, tail = name.rpartition(".")
    return f"{head}.bn{tail[-1]}" if tail.startswith("conv") else f"{head}.{int(tail) + 1}"


def drawn(inputs: int, classes: int, seed: int) -> State:
    """Weights as chance gives them: each layer's own kernel and bias, then Kaiming's kernels."""
    torch.manual_seed(seed)
    state: State = {}
    shapes = kernels(inputs, classes)
    for name, shape in shapes.items():
        torch.rand(shape)  # the layer's first kernel, which is replaced
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        state[f"{name}.bias"] = torch.empty(outputs(name, shape)).uniform_(-bound, bound)
    for name, shape in shapes.items():
        deviation = math.sqrt(2 / math.prod(shape[1:]))
        state[f"{name}.weight"] = torch.empty(shape).normal_(0, deviation)
    bound = math.sqrt(6 / (64 + classes))
    state["classifier.3.weight"] = torch.empty(classes, 64, 1, 1, 1).uniform_(-bound, bound)
    return state


def answer(volume: Tensor, state: State) -> Tensor:
    """What the network makes of a volume in evaluation mode."""

    def layer(name: str, x: Tensor, relu: bool = True, groups: int = 1) -> Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        side = weight.shape[-1]
        if name.startswith("upconv"):
            x = functional.conv_transpose3d(x, weight, bias, stride=2)
        else:
            step, edge = (2, 0) if side == 2 else (1, side // 2)
            x = functional.conv3d(x, weight, bias, stride=step, padding=edge, groups=groups)
        norm = norm_of(name)
        if f"{norm}.weight" in state:
            values = [state[f"{norm}.{key}"][:, None, None, None] for key in
                      ("running_mean", "running_var", "weight", "bias")]  # fmt: skip
            x = (x - values[0]) / (values[1] + 1e-5).sqrt() * values[2] + values[3]
        return x.clamp(min=0) if relu else x

    def blocks(name: str, x: Tensor) -> Tensor:
        count, _, groups = BLOCKS[name]
        for block in range(count):
            inner = layer(f"{name}.{block}.conv1", x)
            inner = layer(f"{name}.{block}.conv2", inner, groups=groups)
            x = (x + layer(f"{name}.{block}.conv3", inner, relu=False)).clamp(min=0)
        return x

    left = []
    x = volume
    for level in range(1, 6):
        x = blocks(f"bottleneck{level}", layer(f"conv{level}.0", x))
        left.append(x)
    for level, beside in ((1, left[2]), (2, left[1])):
        x = blocks(f"up_bottleneck{level}", torch.cat((layer(f"upconv{level}.0", x), beside), 1))
    x = layer("classifier.0", torch.cat((layer("upconv3.0", x), left[0]), 1))
    return layer("classifier.3", x, relu=False)


@pytest.mark.parametrize(("inputs", "classes"), [(15, 2), (640, 2), (6, 41)])
def test_names_shapes_and_counts(inputs: int, classes: int) -> None:
    with torch.device("meta"):
        network = ResNeXtUNet(inputs, classes)
    found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    shapes = kernels(inputs, classes)
    expected: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        width = (outputs(name, shape),)
        expected |= {f"{name}.weight": shape, f"{name}.bias": width}
        if name != "classifier.3":
            rows = ("weight", "bias", "running_mean", "running_var")
            expected |= {f"{norm_of(name)}.{row}": width for row in rows}
            expected[f"{norm_of(name)}.num_batches_tracked"] = ()
    assert found == expected
    count = sum(math.prod(s) + outputs(name, s) for name, s in shapes.items())
    count += sum(2 * outputs(name, s) for name, s in shapes.items()) - 2 * classes
    assert sum(p.numel() for p in network.parameters()) == count


def test_a_seed_gives_the_published_weights() -> None:
    torch.manual_seed(5)
    state = ResNeXtUNet(6, 2).state_dict()
    for name, value in drawn(6, 2, seed=5).items():
        torch.testing.assert_close(state[name], value, rtol=1e-6, atol=1e-7, msg=name)


def test_answers_as_described() -> None:
    torch.manual_seed(0)
    network = ResNeXtUNet(6, 3)
    volume = torch.randn(1, 6, 16, 8, 24) * (torch.rand(1, 1, 16, 8, 24) < 0.2)
    network(volume)  # moves the running statistics
    with torch.no_grad():
        found = network.eval()(volume)
        expected = answer(volume, dict(network.state_dict()))
    assert found.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
