"""ResNeXt U-Net, exactly as published: grouped bottlenecks at four sizes, joined by concatenation.

Its blocks are those of Xie et al., "Aggregated residual transformations for deep neural networks"
(2017), in three dimensions; layers, sizes, key names and initial weights are those of the network
that the published RGB-D pipeline offers beside SurfaceNet: 6,483,618 parameters for 15 input
channels and two classes, 7,023,618 for 640.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.networks.volume import VolumeNetwork, expect_channels, expect_multiples

MULTIPLE = 8
"""Three halvings: every axis must be a multiple of this."""


class ResNeXtUNet(VolumeNetwork):
    """The published network.

    Down: full size with 32 channels, halved to 64, 128 and 256, then 512 at the same size. Up: 128,
    64 and 32 channels, each beside what the way down left at that size (256 is beside nothing). The
    parts are built in the published order, so that a seed gives the published starting weights:
    Kaiming's for all kernels, Xavier's for the last layer.

    Args:
        in_channels: channels of the lifted input, joined views by concatenation.
        classes: channels of the output; 2 for reconstruction.

    Raises:
        ParamsError: no input channel, or fewer than two classes.
    """

    def __init__(self, in_channels: int, classes: int = 2) -> None:
        super().__init__()
        expect_channels(in_channels, classes)
        self.in_channels = in_channels
        self.conv1 = _same_size(in_channels, 32)
        self.bottleneck1 = _bottlenecks(3, 32, groups=4)
        self.conv2 = _halved(32, 64)
        self.bottleneck2 = _bottlenecks(4, 64, groups=8)
        self.conv3 = _halved(64, 128)
        self.bottleneck3 = _bottlenecks(6, 128, groups=16)
        self.conv4 = _halved(128, 256)
        self.bottleneck4 = _bottlenecks(3, 256, groups=32)
        self.conv5 = _same_size(256, 512)
        self.bottleneck5 = _bottlenecks(3, 512, groups=32)
        self.upconv1 = _doubled(512, 128)
        self.up_bottleneck1 = _bottlenecks(4, 256, groups=32)
        self.upconv2 = _doubled(256, 64)
        self.up_bottleneck2 = _bottlenecks(3, 128, groups=16)
        self.upconv3 = _doubled(128, 32)
        self.classifier = nn.Sequential(*_same_size(64, 64), nn.Conv3d(64, classes, kernel_size=1))
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        last: nn.Module = self.classifier[-1]
        assert isinstance(last.weight, Tensor)
        nn.init.xavier_uniform_(last.weight)

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by part, from input to output; every weight belongs to one part.

        ``last`` is the 3x3x3 layer at full size, before the classes.
        """
        return {
            "input": (self.conv1, self.bottleneck1),
            "encoder": (
                *(self.conv2, self.bottleneck2, self.conv3, self.bottleneck3),
                *(self.conv4, self.bottleneck4, self.conv5, self.bottleneck5),
            ),
            "decoder": (
                *(self.upconv1, self.up_bottleneck1, self.upconv2, self.up_bottleneck2),
                self.upconv3,
            ),
            "last": (*self.classifier[:-1],),
            "classifier": (self.classifier[-1],),
        }

    def forward(self, volume: Tensor) -> Tensor:
        """Turn lifted features into logits.

        Args:
            volume: ``(B, in_channels, X, Y, Z)`` float; X, Y, Z multiples of :data:`MULTIPLE`.

        Returns:
            ``(B, classes, X, Y, Z)`` logits.

        Raises:
            ShapeError: the channels differ from those the network was built for, or an axis is no
                multiple of :data:`MULTIPLE`.
        """
        expect_multiples(volume, self.in_channels, MULTIPLE)
        full = self.bottleneck1(self.conv1(volume))
        half = self.bottleneck2(self.conv2(full))
        quarter = self.bottleneck3(self.conv3(half))
        lowest = self.bottleneck5(self.conv5(self.bottleneck4(self.conv4(quarter))))
        rising = self.up_bottleneck1(torch.cat((self.upconv1(lowest), quarter), dim=1))
        rising = self.up_bottleneck2(torch.cat((self.upconv2(rising), half), dim=1))
        logits: Tensor = self.classifier(torch.cat((self.upconv3(rising), full), dim=1))
        return logits


class Bottleneck(nn.Module):
    """Half the channels by 1x1x1, a grouped 3x3x3, all channels by 1x1x1, beside the identity.

    Args:
        channels: of input and output.
        groups: of the 3x3x3 convolution.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        inner = channels // 2
        self.conv1 = nn.Conv3d(channels, inner, kernel_size=1)
        self.conv2 = nn.Conv3d(inner, inner, kernel_size=3, padding=1, groups=groups)
        self.conv3 = nn.Conv3d(inner, channels, kernel_size=1)
        self.bn1 = nn.BatchNorm3d(inner)
        self.bn2 = nn.BatchNorm3d(inner)
        self.bn3 = nn.BatchNorm3d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, channels, X, Y, Z)`` to the same."""
        inner = functional.relu(self.bn1(self.conv1(features)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        return functional.relu(features + self.bn3(self.conv3(inner)))


def _bottlenecks(count: int, channels: int, *, groups: int) -> nn.Sequential:
    return nn.Sequential(*(Bottleneck(channels, groups) for _ in range(count)))


def _normed(layer: nn.Module, outputs: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm3d(outputs), nn.ReLU())


def _same_size(inputs: int, outputs: int) -> nn.Sequential:
    return _normed(nn.Conv3d(inputs, outputs, kernel_size=3, padding=1), outputs)


def _halved(inputs: int, outputs: int) -> nn.Sequential:
    return _normed(nn.Conv3d(inputs, outputs, kernel_size=2, stride=2), outputs)


def _doubled(inputs: int, outputs: int) -> nn.Sequential:
    return _normed(nn.ConvTranspose3d(inputs, outputs, kernel_size=2, stride=2), outputs)
