"""The light network with depth: a second, smaller encoder reads what depth tells.

Depth images are smooth, and surfaces are told as well at half the size: there the same encoder
costs a quarter. Its stages are joined to the stages of the colour encoder that have the same stride
in the frame, as FuseNet does (Hazirbas et al. 2016); ImageNet weights serve as a start for both.
Where depth is missing its planes are 0, as in training: a network that was shown frames without
depth, whole or in part, answers from the colours.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from crossvox.networks.efficientnet_lite import LEVEL_BLOCKS, EfficientNetLite
from crossvox.networks.lite import EARLY_BLOCKS, ENCODER, Lite
from crossvox.networks.packaged import LITE, load_packaged

DEPTH_STAGES = (0, 1, 2, 4)
"""Blocks of the depth encoder whose maps are joined: 1/2, 1/4, 1/8, 1/16 of its own half size."""

FIRST_SHARE = 0.1
"""What the maps of depth count beside those of colours to begin with: both are made for colours."""


def lite(classes: int, *, depth: bool = False, **options: Any) -> Lite:
    """:class:`~crossvox.networks.lite.Lite`, or with ``depth`` :class:`LiteDepth`."""
    return LiteDepth(classes, **options) if depth else Lite(classes, **options)


def lite1(classes: int, **options: Any) -> Lite:
    """:func:`lite` on efficientnet-lite1: deeper."""
    return lite(classes, encoder=LITE["lite1"], **options)


def lite2(classes: int, **options: Any) -> Lite:
    """:func:`lite` on efficientnet-lite2: deeper and wider."""
    return lite(classes, encoder=LITE["lite2"], **options)


class LiteDepth(Lite):
    """:class:`~crossvox.networks.lite.Lite` with a depth encoder: stages of efficientnet-lite0.

    Args:
        classes, options: as for ``Lite``.
    """

    reads_depth = True

    def __init__(self, classes: int, **options: Any) -> None:
        super().__init__(classes, **options)
        encoder = EfficientNetLite(ENCODER)
        if options.get("weights", "auto") != "none":
            load_packaged(encoder, ENCODER)
        self.depth_stem, self.depth_norm = encoder.conv_stem, encoder.bn1
        self.depth_blocks = nn.ModuleList(list(encoder.blocks)[: DEPTH_STAGES[-1] + 1])
        self.depth_join = nn.ModuleList(
            nn.Sequential(nn.Conv2d(own, other, 1, bias=False), nn.BatchNorm2d(other))
            for own, other in zip(encoder.channels, self.encoder.channels[1:], strict=False)
        )
        for norm in self.depth_join.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.constant_(norm.weight, FIRST_SHARE)

    def _body(self, images: Tensor) -> Tensor:
        colors = self.rescale(images[:, :3])
        geometry = images[:, 3:] if images.shape[1] > 3 else torch.zeros_like(colors)
        return self._decode(self._joined(colors, geometry[:, :, ::2, ::2]))

    def _joined(self, colors: Tensor, geometry: Tensor) -> list[Tensor]:
        """Maps of the colour encoder at 1/2 to 1/32, those of depth added on the way."""
        maps = []
        geometry = self.depth_norm(self.depth_stem(geometry))
        for number, block in enumerate(self.depth_blocks):
            geometry = block(geometry)
            if number in DEPTH_STAGES:
                maps.append(geometry)
        value = self.encoder.bn1(self.encoder.conv_stem(colors))
        levels: list[Tensor] = []
        for number, block in enumerate(self.encoder.blocks):
            value = block(value)
            if number in LEVEL_BLOCKS:
                if levels:
                    value = value + self.depth_join[len(levels) - 1](maps[len(levels) - 1])
                levels.append(value)
        return levels

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        early, encoder, rest = super()._parts()
        blocks = list(self.depth_blocks)
        early += [self.depth_stem, self.depth_norm, *blocks[:EARLY_BLOCKS]]
        taken = {"depth_stem", "depth_norm", "depth_blocks", "encoder"}
        rest = [child for name, child in self.named_children() if name not in taken]
        return early, [*encoder, *blocks[EARLY_BLOCKS:]], rest
