"""Weights in less room: what comes back is near what went in, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError
from crossvox.train.checkpoint import load_network_weights
from crossvox.train.packing import SCALE, pack, unpack
from crossvox.train.params import NETWORK


class Mixed(nn.Module):
    """A layer of each kind, a norm, and a weight that no layer holds."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Conv2d(16, 6, 3, groups=2)
        self.deep = nn.Conv3d(8, 5, 2, bias=False)
        self.up = nn.ConvTranspose2d(16, 8, 2)
        self.last = nn.Linear(64, 3)
        self.depthwise = nn.Conv2d(8, 8, 5, groups=8)
        self.norm = nn.BatchNorm2d(6)
        self.gain = nn.Parameter(torch.tensor([[0.25, 3.0]]))


def written(folder: Path, tensors: dict[str, Tensor]) -> Path:
    folder.mkdir()
    (folder / NETWORK).write_bytes(save(tensors))
    return folder


def test_kernels_come_back_within_half_a_step_of_their_channel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Mixed()
    with torch.no_grad():
        network.flat.weight[2] *= 100  # A channel of its own size costs the others nothing.
        network.deep.weight[1] = 0
        network.norm.running_var.fill_(1e6)  # beyond float16
    packed = pack(network, "int8")
    axes = {"flat.weight": 0, "deep.weight": 0, "up.weight": 1, "last.weight": 0}
    kernels = {name for name, value in packed.items() if value.dtype == torch.int8}
    assert kernels == set(axes)
    assert packed["norm.running_var"].dtype == torch.float32
    assert packed["norm.num_batches_tracked"].dtype == torch.int64
    for name in ("gain", "flat.bias", "depthwise.weight"):
        assert packed[name].dtype == torch.float16

    other = Mixed()
    report = load_network_weights(written(tmp_path / "run", packed), other)
    assert report.complete
    was, found = network.state_dict(), other.state_dict()
    for name, value in was.items():
        if name not in axes:
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-7)
            continue
        others = tuple(n for n in range(value.ndim) if n != axes[name])
        scale = packed[name + SCALE]
        assert scale.numel() == value.shape[axes[name]]
        error = (found[name] - value).square().sum(dim=others)
        # Never worse than the plain rule, which clips nothing.
        plain = value.abs().amax(dim=others, keepdim=True).clamp(min=1e-30) / 127
        rule = ((value / plain).round() * plain - value).square().sum(dim=others)
        assert bool((error <= rule * 1.0001 + 1e-12).all())
        assert float(error.max()) < 1e-4 * float(value.square().sum(dim=others).max())
    assert float(found["deep.weight"][1].abs().max()) == 0


def test_half_precision_is_read_as_ever_and_needs_no_scale(tmp_path: Path) -> None:
    network, other = Mixed(), Mixed()
    packed = pack(network, "fp16")
    assert set(packed) == set(network.state_dict())
    assert load_network_weights(written(tmp_path / "run", packed), other).complete
    assert torch.equal(other.last.weight, network.last.weight.half().float())


def test_a_whole_number_without_scale_is_no_kernel_and_a_float_called_scale_is_a_weight() -> None:
    tensors = {
        "count": torch.tensor([3], dtype=torch.int8),
        "layer": torch.ones(2),
        "layer.scale": torch.full((2,), 0.5),
    }
    assert unpack(tensors, "here") == tensors


@pytest.mark.parametrize("shape", [(5,), (3, 7), (7, 3), (1, 1, 1)])
def test_a_scale_that_fits_no_kernel_is_refused(shape: tuple[int, ...]) -> None:
    tensors = {"k": torch.ones(3, 7, dtype=torch.int8), "k.scale": torch.ones(shape)}
    with pytest.raises(CheckpointError, match=r"here.*k\.scale"):
        unpack(tensors, "here")


def test_what_cannot_be_packed_is_refused() -> None:
    network = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        network[0].weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"0\.weight.*not finite"):
        pack(network, "int8")
