"""The features of two 2D networks behind each other: ``both:FIRST&SECOND``.

The second one's map is brought to the resolution of the first by taking means of whole fields or,
where it is coarser, bilinear. Logits are those of the first.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.networks.features2d import Network2D

PREFIX, AND = "both:", "&"


class Both(Network2D):
    """Two networks side by side.

    Args:
        classes: channels of the logits.
        name: ``both:FIRST&SECOND``, names of two other networks.
        weights: what either starts from, see :func:`crossvox.networks.build_network2d`.

    Raises:
        ParamsError: not two names, or no such networks.
    """

    first: Network2D
    second: Network2D

    def __init__(self, classes: int, *, name: str = PREFIX, weights: str = "auto") -> None:
        from crossvox.networks import build_network2d

        names = name.removeprefix(PREFIX).split(AND)
        expect(
            name.startswith(PREFIX) and len(names) == 2 and all(names),
            given=f"network {name!r}",
            needed=f"{PREFIX}FIRST{AND}SECOND with the names of two networks",
            do=f"correct the name, for example {both_name('lite', 'projection:3/8')}",
            error=ParamsError,
        )
        first, second = (build_network2d(one, classes, weights=weights) for one in names)
        super().__init__(
            classes,
            first.feature_channels + second.feature_channels,
            first.feature_stride,
            math.lcm(first.multiple, second.multiple),
        )
        self.first, self.second = first, second

    def _body(self, images: Tensor) -> Tensor:
        own = self.first.features(images)
        other = _brought(self.second.features(images), own.shape[-2:])
        return torch.cat((own, other), dim=1)

    def _classify(self, features: Tensor) -> Tensor:
        return self.first._classify(features[:, : self.first.feature_channels])

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        found: tuple[list[nn.Module], ...] = ([], [], [])
        for network in (self.first, self.second):
            for group, modules in zip(found, network._parts(), strict=True):
                group.extend(modules)
        return found[0], found[1], found[2]


def both_name(first: str, second: str) -> str:
    """The name of two networks side by side.

    Example:
        >>> both_name("lite", "projection:3/8")
        'both:lite&projection:3/8'
    """
    return f"{PREFIX}{first}{AND}{second}"


def _brought(found: Tensor, size: Any) -> Tensor:
    """A map at another resolution."""
    if found.shape[-2:] == size:
        return found
    if found.shape[-2] % size[0] == 0 and found.shape[-1] % size[1] == 0:
        return functional.adaptive_avg_pool2d(found, tuple(size))
    return functional.interpolate(found, tuple(size), mode="bilinear", align_corners=False)
