"""ENet's encoder with a 1x1 classifier at 1/8, exactly as published: 343,404 parameters.

After Paszke et al., "ENet: a deep neural network architecture for real-time semantic segmentation"
(2016), with the key names, order of construction and peculiarities of the published RGB-D
checkpoints (``docs/`` and the tests say which).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.networks.features2d import Network2D

FEATURE_CHANNELS = 128
STRIDE = 8
CHILDREN = 27
TAP = 26
"""Features are what children 0 .. 25 give; child 26 is the classifier."""

FIXED = 18
"""Children 0 .. 17 are the part that the published reconstruction keeps."""


class ENet(Network2D):
    """The published network. Its state dict starts with the numbers of the 27 children.

    Args:
        classes: channels of the logits; 41 for NYU40 with its unannotated class.
        weights: only ``auto`` and ``none``: there are no weights to start from.
    """

    def __init__(self, classes: int, *, weights: str = "auto") -> None:
        super().__init__(classes, FEATURE_CHANNELS, STRIDE, STRIDE)
        _expect_no_weights(weights)
        for number, child in enumerate(_children(classes)):
            self.add_module(str(number), child)

    def _numbered(self) -> list[nn.Module]:
        return [self.get_submodule(str(number)) for number in range(CHILDREN)]

    def _extract(self, images: Tensor) -> Tensor:
        children = self._numbered()
        convolution, pool = children[:2]
        value = torch.cat((convolution(images), pool(images)), dim=1)
        for child in children[2:TAP]:
            value = child(value)
        return value

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.get_submodule(str(TAP))(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        children = self._numbered()
        return children[:FIXED], children[FIXED:TAP], children[TAP:]


class _Dropout(nn.Module):
    """Drops whole channels, and multiplies by 1 - p always.

    While training, torch's own dropout rescales by 1 / (1 - p) as well, so that what is kept comes
    through unchanged; in evaluation everything is damped by 1 - p. The published weights expect it.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, value: Tensor) -> Tensor:
        return functional.dropout2d(value, self.p, self.training) * (1 - self.p)


class _Identity(nn.Module):
    """The way around a bottleneck: as it is, or pooled and filled up with channels of zeros."""

    def __init__(self, extra: int, down: bool) -> None:
        super().__init__()
        self.extra, self.down = extra, down

    def forward(self, value: Tensor) -> Tensor:
        if self.down:
            value = functional.max_pool2d(value, 2)
        if self.extra:
            value = functional.pad(value, (0, 0, 0, 0, 0, self.extra))
        return value


class _Ways(nn.Sequential):
    """Both ways of a bottleneck, added. The published keys count them as children 0 and 1."""

    def forward(self, value: Tensor) -> Tensor:
        through, around = self
        result: Tensor = through(value) + around(value)
        return result


class _Bottleneck(nn.Sequential):
    """Children 0.0 (through), 0.1 (around), 1 (their sum, nothing to learn) and 2 (PReLU)."""


def _bottleneck(
    inputs: int,
    outputs: int,
    inner: int,
    p: float,
    *,
    down: bool = False,
    dilation: int = 1,
    asymmetric: bool = False,
) -> nn.Sequential:
    size = 2 if down else 1
    through: list[nn.Module] = [
        nn.Conv2d(inputs, inner, size, stride=size, bias=False),
        _norm(inner),
        nn.PReLU(inner),
    ]
    if asymmetric:
        through += [
            nn.Conv2d(inner, inner, (1, 5), padding=(0, 2), bias=False),
            nn.Conv2d(inner, inner, (5, 1), padding=(2, 0)),
        ]
    else:
        through.append(nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation))
    through += [
        _norm(inner),
        nn.PReLU(inner),
        nn.Conv2d(inner, outputs, 1, bias=False),
        _norm(outputs),
        _Dropout(p),
    ]
    around = _Identity(outputs - inputs, down)
    return _Bottleneck(
        _Ways(nn.Sequential(*through), around),
        nn.Identity(),
        nn.PReLU(outputs),
    )


def _children(classes: int) -> list[nn.Module]:
    children: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(3, 13, 3, stride=2, padding=1)),
        nn.MaxPool2d(2),
        _norm(16),
        nn.PReLU(16),
        _bottleneck(16, 64, 16, 0.01, down=True),
    ]
    children += [_bottleneck(64, 64, 16, 0.01) for _ in range(4)]
    children.append(_bottleneck(64, 128, 32, 0.1, down=True))
    for _ in range(2):
        children += [
            _bottleneck(128, 128, 32, 0.1),
            _bottleneck(128, 128, 32, 0.1, dilation=2),
            _bottleneck(128, 128, 32, 0.1, asymmetric=True),
            _bottleneck(128, 128, 32, 0.1, dilation=4),
            _bottleneck(128, 128, 32, 0.1),
            _bottleneck(128, 128, 32, 0.1, dilation=8),
            _bottleneck(128, 128, 32, 0.1, asymmetric=True),
            _bottleneck(128, 128, 32, 0.1, dilation=16),
        ]
    children.append(nn.Sequential(nn.Conv2d(FEATURE_CHANNELS, classes, 1, bias=False)))
    return children


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.1)


def _expect_no_weights(weights: str) -> None:
    expect(
        weights in ("auto", "none"),
        given=f"weights {weights!r} for enet",
        needed="auto or none: no weights come with this network",
        do="train it, or import a checkpoint",
        error=ParamsError,
    )
