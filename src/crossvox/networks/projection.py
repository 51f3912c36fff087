"""A network that has learnt nothing and looks around no corner: colours, spread over channels.

The control beside learnt features (``rgb-matched``): it gives the 3D network maps of the same
resolution and the same number of channels, which hold nothing but the mean colour of each field of
pixels. What features are worth is what they do better than this.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.networks.features2d import Network2D

COLORS = 3
PREFIX = "projection"

LOGIT_STRIDES = 8
"""Images are continued to multiples of at least this, so that coarse logits can be asked for."""


class Projection(Network2D):
    """The mean colour of each field of ``stride x stride`` pixels, times a fixed random matrix.

    The matrix has orthogonal columns of equal length (rows, if there are fewer channels than
    colours): distances between colours are kept, up to one factor. It is scaled so that
    uncorrelated colours of variance 1 give channels of variance 1 on average. It is a buffer:
    nothing can train it, and checkpoints hold it.

    Args:
        classes: channels of the logits, which a 1x1 convolution draws from the features.
        name: ``projection`` or ``projection:CHANNELS/STRIDE``; the latter overrides the two.
        channels: channels of the feature map.
        stride: image pixels of one feature pixel, along each axis.
        seed: seed of the matrix.
        weights: ``auto`` and ``none``, which are the same: there are none to start from.

    Raises:
        ParamsError: a name, number or weights that make no sense.
    """

    matrix: Tensor

    def __init__(
        self,
        classes: int,
        *,
        name: str = PREFIX,
        channels: int = 128,
        stride: int = 8,
        seed: int = 0,
        weights: str = "auto",
    ) -> None:
        if name != PREFIX:
            channels, stride = _named(name)
        expect(
            channels > 0 and stride > 0 and weights in ("auto", "none"),
            given=f"{channels} channels, stride {stride}, weights {weights!r} for {PREFIX}",
            needed="at least one channel, a stride of at least 1, weights auto or none",
            do="correct the network's name or options",
            error=ParamsError,
        )
        super().__init__(classes, channels, stride, math.lcm(stride, LOGIT_STRIDES))
        self.register_buffer("matrix", random_matrix(channels, seed))
        self.classifier = nn.Conv2d(channels, classes, 1)

    def _extract(self, images: Tensor) -> Tensor:
        means = functional.avg_pool2d(images, self.feature_stride)
        return functional.conv2d(means, self.matrix[:, :, None, None])

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        return [], [], [self.classifier]


def projection_name(channels: int, stride: int) -> str:
    """The name of a projection with this many channels at this stride.

    Example:
        >>> projection_name(128, 8)
        'projection:128/8'
    """
    return f"{PREFIX}:{channels}/{stride}"


def random_matrix(channels: int, seed: int) -> Tensor:
    """``(channels, 3)`` float32, see :class:`Projection`; torch's random state is left alone."""
    generator = torch.Generator().manual_seed(seed)
    # In float64, so that rounding of the decomposition does not depend on the machine.
    drawn = torch.randn(
        max(channels, COLORS), min(channels, COLORS), generator=generator, dtype=torch.float64
    )
    q, r = torch.linalg.qr(drawn)
    # With these signs the decomposition is unique, and the directions are uniformly distributed.
    q = q * r.diagonal().sign()
    matrix = q if channels >= COLORS else q.T
    return (matrix * math.sqrt(max(channels, COLORS) / COLORS)).to(torch.float32)


def _named(name: str) -> tuple[int, int]:
    channels, _, stride = name.removeprefix(f"{PREFIX}:").partition("/")
    expect(
        name.startswith(f"{PREFIX}:") and channels.isdecimal() and stride.isdecimal(),
        given=f"network {name!r}",
        needed=f"{PREFIX}, or {PREFIX}:CHANNELS/STRIDE with two whole numbers",
        do=f"correct the name, for example {projection_name(128, 8)}",
        error=ParamsError,
    )
    return int(channels), int(stride)
