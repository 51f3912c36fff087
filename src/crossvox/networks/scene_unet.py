"""The default network: a compact residual 3D U-Net that trains on a CPU.

Four things make it cheap: few channels at full size (where a convolution costs most), one
convolution there before the first reduction, the climb back by a 1x1x1 convolution and repetition
instead of a transposed convolution, and skip connections that add instead of concatenating.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.networks.params import SceneUNetParams
from crossvox.networks.volume import VolumeNetwork

SMALL = 20480
"""Torch's fast CPU kernels are not used for a single volume of fewer rows (channels x X x Y)."""

WIDE = 4
"""Inputs with more than this many times ``width`` channels are first reduced by a 1x1x1 layer."""


class SceneUNet(VolumeNetwork):
    """Residual U-Net: full size, then ``depth`` halvings with doubled channels, and back.

    Batch norm: its statistics run over all voxels of a batch, so that small batches are enough, and
    once trained the answer at a voxel depends on its surroundings alone. (Group norm would tie it
    to how much of the window happens to be filled, and overlapping windows would disagree.)

    Residual branches start at zero and the classifier starts at ``prior``, so that the first steps
    do not have to unlearn noise.

    Args:
        in_channels: channels of the lifted input.
        classes: channels of the output; class 0 is free space.
        width: channels at full size.
        depth: halvings; axes that are no multiple of ``2 ** depth`` are padded inside.
        blocks: residual blocks a level.
        prior: probability of "not free" before training.
        widest: most channels at any size; 0: as many as the halvings give.

    Raises:
        ParamsError: a number makes no sense.
    """

    def __init__(
        self,
        in_channels: int,
        classes: int = 2,
        *,
        width: int = 16,
        depth: int = 3,
        blocks: int = 1,
        prior: float = 0.05,
        widest: int = 0,
    ) -> None:
        super().__init__()
        expect(
            in_channels > 0 and classes > 1,
            given=f"in_channels={in_channels}, classes={classes}",
            needed="at least 1 channel and 2 classes",
            do="check the task's parameters",
            error=ParamsError,
        )
        SceneUNetParams(width, depth, blocks, prior)  # refuses what makes no sense
        self.in_channels = in_channels
        self.width = width
        self.depth = depth
        channels = [min(width * 2**level, widest or 2**30) for level in range(depth + 1)]
        self.reduce: Any = (
            nn.Identity() if in_channels <= WIDE * width else _point(in_channels, width)
        )
        stem_inputs = in_channels if in_channels <= WIDE * width else width
        self.stem = _convolution(stem_inputs, width)
        self.downs = nn.ModuleList(
            nn.Sequential(
                _halving(channels[level], channels[level + 1]),
                *(_Residual(channels[level + 1]) for _ in range(blocks)),
            )
            for level in range(depth)
        )
        self.climbs = nn.ModuleList(
            _point(channels[level + 1], channels[level]) for level in range(depth)
        )
        self.refines = nn.ModuleList(
            nn.Sequential(*(_Residual(channels[level]) for _ in range(blocks)))
            for level in range(max(depth, 1))
        )
        self.classifier = _Point(width, classes, kernel_size=1)
        self._initialise(prior)
        self.to(memory_format=torch.channels_last_3d)

    @property
    def reduction(self) -> Tensor | None:
        """Weights ``(width, in_channels)`` of the 1x1x1 layer of wide inputs, else None.

        It acts on each channel alone, so that it may as well act before lifting, on the features of
        an image, where there are far fewer pixels than voxels; see ``reduced`` of :meth:`forward`.
        """
        if isinstance(self.reduce, nn.Identity):
            return None
        weight: Tensor = self.reduce[0].weight
        return weight.flatten(1)

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by part, from input to output; every weight belongs to one part.

        ``last`` is the refinement at full size, before the classifier.
        """
        return {
            "input": (self.reduce, self.stem),
            "encoder": (self.downs,),
            "decoder": (*self.climbs[1:], *self.refines[1:]),
            "last": (*self.climbs[:1], *self.refines[:1]),
            "classifier": (self.classifier,),
        }

    def forward(self, volume: Tensor, reduced: bool = False) -> Tensor:
        """Turn lifted features into logits.

        Args:
            volume: ``(B, in_channels, X, Y, Z)`` float, any X, Y, Z.
            reduced: the volume is what :attr:`reduction` made of it, ``(B, width, X, Y, Z)``.

        Returns:
            ``(B, classes, X, Y, Z)`` logits.

        Raises:
            ShapeError: the channels differ from those the network was built for.
        """
        channels = self.width if reduced else self.in_channels
        expect(
            volume.ndim == 5 and volume.shape[1] == channels and volume.numel() > 0,
            given=f"a volume of shape {tuple(volume.shape)}",
            needed=f"(B, {channels}, X, Y, Z), not empty",
            do="build the network for the channels that the task lifts",
            error=ShapeError,
        )
        shape = volume.shape[2:]
        alone = len(volume) == 1 and volume.device.type == "cpu"
        if alone and self.width * shape[0] * shape[1] <= SMALL:
            # Twice the work in a third of the time. Answer and gradients stay the same; running
            # variances, which allow for the number of voxels, change by less than a per cent.
            volume = torch.cat((volume, volume))
        volume = _pad(volume, 2**self.depth).contiguous(memory_format=torch.channels_last_3d)
        # Padding and what nobody sees are zeros before as well as after the reduction's weights.
        features = self.stem(self.reduce[1](volume) if reduced else self.reduce(volume))
        skips = []
        for down in self.downs:
            skips.append(features)
            features = down(features)
        if not skips:
            features = self.refines[0](features)
        for level in reversed(range(self.depth)):
            features = skips[level] + _doubled(self.climbs[level](features))
            features = self.refines[level](features)
        logits: Tensor = self.classifier(features[:1] if alone else features)
        return logits[:, :, : shape[0], : shape[1], : shape[2]]

    def _initialise(self, prior: float) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        classes = self.classifier.out_channels
        nn.init.normal_(self.classifier.weight, std=0.01)
        assert self.classifier.bias is not None
        with torch.no_grad():
            self.classifier.bias.fill_(math.log(prior / (classes - 1)))
            self.classifier.bias[0] = math.log(1 - prior)


class _Residual(nn.Module):
    """Two 3x3x3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(norm.weight)
        self.second = nn.Sequential(
            nn.Conv3d(channels, channels, kernel_size=3, padding=1, bias=False), norm
        )

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.second(self.first(features)), inplace=True)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


def _halving(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel_size=2, stride=2, bias=False),
        nn.BatchNorm3d(outputs),
        nn.ReLU(inplace=True),
    )


def _point(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        _Point(inputs, outputs, kernel_size=1, bias=False), nn.BatchNorm3d(outputs)
    )


class _Point(nn.Conv3d):
    """A 1x1x1 convolution whose gradients keep channels last when it is trained on a CPU.

    There torch's own gives answer and gradients in the other order, and all that stands before it
    then works on two orders at once, several times as long.
    """

    def forward(self, features: Tensor) -> Tensor:
        if not self.training or features.device.type != "cpu":
            return super().forward(features)
        last = functional.linear(features.movedim(1, -1), self.weight.flatten(1), self.bias)
        return last.movedim(-1, 1)


class _Doubled(torch.autograd.Function):
    """Every voxel repeated to 2x2x2, channels last; faster than torch's nearest upsampling.

    Torch's own gradient of a repetition adds eight strided numbers at a time, in 20 times the time
    of three sums of halves.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        batch, channels, x, y, z = features.shape
        last = features.permute(0, 2, 3, 4, 1)[:, :, None, :, None, :, None]
        last = last.expand(batch, x, 2, y, 2, z, 2, channels)
        return last.reshape(batch, 2 * x, 2 * y, 2 * z, channels).permute(0, 4, 1, 2, 3)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        for axis in (2, 3, 4):
            halves = gradient.unflatten(axis, (-1, 2))
            gradient = halves.select(axis + 1, 0) + halves.select(axis + 1, 1)
        return gradient


def _doubled(features: Tensor) -> Tensor:
    found: Tensor = _Doubled.apply(features)
    return found


def _pad(volume: Tensor, multiple: int) -> Tensor:
    """Zeros, which mean "not seen", on the high sides up to a multiple.

    At least two voxels remain at the coarsest level, for batch norm cannot learn from one value.
    """
    missing = [-length % multiple for length in volume.shape[2:]]
    if all(length <= multiple for length in volume.shape[2:]):
        missing[2] += multiple
    padding = [0, missing[2], 0, missing[1], 0, missing[0]]
    return functional.pad(volume, padding) if any(padding) else volume
