"""Weights in less room: kernels as 8-bit numbers with a scale for each output channel.

A packed file holds plain tensors. The kernel ``NAME`` of a convolution or of a linear layer is
int8, and beside it ``NAME.scale`` is float32, as long as the kernel along the axis of its output
channels and 1 along every other: the kernel is their product. A scale is symmetric (0 stays 0, the
numbers lie in -127..127) and chosen for each channel, as Krishnamoorthi 2018 does ("Quantizing deep
convolutional networks for efficient inference"), at the clipping with the least squared error.

Everything else is float16, or float32 where a value is beyond its range; whole numbers stay as they
are. That holds for biases and norms, and for kernels of few numbers a channel, such as depthwise
ones: they are a fifteenth of an EfficientNet-Lite, and in 8 bits they alone cost nine tenths of the
score that 8 bits cost.

Whoever reads weights unpacks them (:mod:`crossvox.train.checkpoint`): networks compute with floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, expect

SCALE = ".scale"
"""Ends the name of the tensor that a packed kernel is multiplied with."""

Precision = Literal["fp16", "int8"]

FEWEST = 64
"""Kernels of fewer numbers for each output channel are not stored in 8 bits."""

_LARGEST = 127
_CLIPPINGS = tuple(1 - step / 32 for step in range(9))
"""Shares of a channel's largest weight that the scale may reach to."""

_MODULES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def pack(network: nn.Module, precision: Precision) -> dict[str, Tensor]:
    """All weights and buffers of a network by name, in little room.

    Args:
        network: whose they are.
        precision: ``fp16`` halves float32; ``int8`` takes a quarter for kernels.

    Raises:
        CheckpointError: a weight is not finite.
    """
    axes = _channel_axes(network) if precision == "int8" else {}
    packed: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        tensor = value.detach().cpu().contiguous()
        expect(
            not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()),
            given=f"weight {name}, which holds values that are not finite",
            needed="a network that has learnt",
            do="take another checkpoint, or train anew",
            error=CheckpointError,
        )
        if name in axes:
            packed[name], scale = _quantised(tensor.float(), axes[name])
            packed[name + SCALE] = scale
        else:
            packed[name] = _halved(tensor)
    return packed


def unpack(tensors: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Weights by name as a network takes them; what is not packed is given as it is.

    Args:
        tensors: as a file holds them.
        source: what to name in an error.

    Raises:
        CheckpointError: a scale does not fit its kernel.
    """
    scaled = {
        name
        for name, value in tensors.items()
        if value.dtype == torch.int8 and name + SCALE in tensors
    }
    plain: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if name in scaled:
            scale = tensors[name + SCALE]
            expect(
                scale.is_floating_point() and _fits(scale, value),
                given=f"{source}, whose {name + SCALE} {tuple(scale.shape)} is no scale of a "
                f"kernel of {tuple(value.shape)}",
                needed="one number for each output channel",
                do="take the file as it was written",
                error=CheckpointError,
            )
            plain[name] = value.float() * scale.float()
        elif name.removesuffix(SCALE) == name or name.removesuffix(SCALE) not in scaled:
            plain[name] = value
    return plain


def _fits(scale: Tensor, kernel: Tensor) -> bool:
    """Whether a scale is as long as the kernel along one axis, and 1 along the others."""
    if scale.ndim != kernel.ndim:
        return False
    lengths = zip(scale.shape, kernel.shape, strict=True)
    other = [(own, its) for own, its in lengths if own != 1]
    return len(other) <= 1 and all(own == its for own, its in other)


def _channel_axes(network: nn.Module) -> dict[str, int]:
    """The axis of the output channels, by name, of every kernel that 8 bits are enough for."""
    axes: dict[str, int] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        if isinstance(module, (*_MODULES, *_TRANSPOSED)):
            axis = int(isinstance(module, _TRANSPOSED))
            if module.weight.numel() >= FEWEST * module.weight.shape[axis]:
                axes[f"{name}.weight" if name else "weight"] = axis
    return axes


def _quantised(kernel: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """A kernel as int8, and its scales."""
    others = tuple(number for number in range(kernel.ndim) if number != axis)
    largest = kernel.abs().amax(dim=others, keepdim=True)
    best = torch.full_like(largest, torch.inf)
    scale = torch.ones_like(largest)
    for clipping in _CLIPPINGS:
        tried = torch.where(largest > 0, largest * clipping / _LARGEST, 1.0)
        error = (_rounded(kernel, tried) * tried - kernel).square().sum(dim=others, keepdim=True)
        scale = torch.where(error < best, tried, scale)
        best = torch.minimum(error, best)
    return _rounded(kernel, scale).to(torch.int8), scale


def _rounded(kernel: Tensor, scale: Tensor) -> Tensor:
    return (kernel / scale).round().clamp(-_LARGEST, _LARGEST)


def _halved(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool(torch.isfinite(half).all()) else tensor.float()
