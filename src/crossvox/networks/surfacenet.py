"""SurfaceNet, exactly as published: side outputs of four depths, joined at full size.

After Ji et al., "SurfaceNet: an end-to-end 3D neural network for multiview stereopsis" (2017), in
the size and with the key names that the published RGB-D checkpoints have: 8,825,070 parameters for
15 input channels and two classes, 9,365,070 for 640.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossvox.networks.volume import VolumeNetwork, expect_channels, expect_multiples

SIDE_CHANNELS = 16
"""Channels of each of the four side outputs."""

MULTIPLE = 4
"""Two poolings by 2: every axis must be a multiple of this."""


class SurfaceNet(VolumeNetwork):
    """The published network.

    The parts are built in the published order (conv1, upconv1, conv2, ..., conv5, classifier) with
    torch's default initialisation, so that a seed gives the published starting weights.

    Args:
        in_channels: channels of the lifted input, joined views by concatenation.
        classes: channels of the output; 2 for reconstruction, 41 for segmentation.

    Raises:
        ParamsError: no input channel, or fewer than two classes.
    """

    def __init__(self, in_channels: int, classes: int = 2) -> None:
        super().__init__()
        expect_channels(in_channels, classes)
        self.in_channels = in_channels
        self.conv1 = _convolutions(in_channels, 32, count=3)
        self.upconv1 = _side_output(32, stride=1)
        self.pool1 = nn.MaxPool3d(2)
        self.conv2 = _convolutions(32, 80, count=3)
        self.upconv2 = _side_output(80, stride=2)
        self.pool2 = nn.MaxPool3d(2)
        self.conv3 = _convolutions(80, 160, count=3)
        self.upconv3 = _side_output(160, stride=4)
        self.conv4 = _convolutions(160, 300, count=3, dilation=2)
        self.upconv4 = _side_output(300, stride=4)
        self.conv5 = _convolutions(4 * SIDE_CHANNELS, 100, count=2)
        self.classifier = nn.Sequential(nn.Conv3d(100, classes, kernel_size=1))

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by part, from input to output; every weight belongs to one part.

        ``last`` and ``classifier`` are the two blocks that the published transfer trains faster.
        """
        return {
            "input": (self.conv1,),
            "encoder": (self.conv2, self.conv3, self.conv4),
            "decoder": (self.upconv1, self.upconv2, self.upconv3, self.upconv4),
            "last": (self.conv5,),
            "classifier": (self.classifier,),
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
        first = self.conv1(volume)
        second = self.conv2(self.pool1(first))
        third = self.conv3(self.pool2(second))
        fourth = self.conv4(third)
        sides = (
            self.upconv1(first),
            self.upconv2(second),
            self.upconv3(third),
            self.upconv4(fourth),
        )
        logits: Tensor = self.classifier(self.conv5(torch.cat(sides, dim=1)))
        return logits


def _convolutions(inputs: int, outputs: int, *, count: int, dilation: int = 1) -> nn.Sequential:
    """``count`` times: 3x3x3 convolution with bias, batch norm, ReLU."""
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [
            nn.Conv3d(
                inputs if number == 0 else outputs,
                outputs,
                kernel_size=3,
                padding=dilation,
                dilation=dilation,
            ),
            nn.BatchNorm3d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def _side_output(inputs: int, *, stride: int) -> nn.Sequential:
    """To 16 channels at full size: every ``stride``-th voxel holds a value, the others the bias."""
    return nn.Sequential(
        nn.ConvTranspose3d(
            inputs, SIDE_CHANNELS, kernel_size=1, stride=stride, output_padding=stride - 1
        ),
        nn.BatchNorm3d(SIDE_CHANNELS),
        nn.Sigmoid(),
    )
