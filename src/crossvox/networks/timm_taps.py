"""Any backbone of timm, by name: maps from inside it, joined at the finest of them.

What it was made for tells how its images are normalised (timm's data configuration), and its own
table of features where maps can be tapped, how wide they are and at which stride. Nothing of it is
changed: the only layer beside it is a 1x1 classifier, so that it is like every other 2D network.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.core.colors import CENTRED, COLORS, Normalisation
from crossvox.networks.download import downloading
from crossvox.networks.features2d import Network2D
from crossvox.networks.packaged import PACKAGES, load_packaged

PREFIX = "timm:"

STRIDES = (8, 16)
"""Taps that are joined where a name tells none: the last one of each of these strides."""

LOGIT_STRIDES = 8
"""Images are continued to multiples of at least this, so that coarse logits can be asked for."""

_SIZED: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})
"""How kinds of backbones are told to take images of any size; the first that is understood."""


class TimmBackbone(Network2D):
    """Maps of a backbone at some of its taps.

    Args:
        classes: channels of the logits, which a 1x1 convolution draws from the features.
        name: ``timm:NAME``, any backbone that timm can tap, or ``timm:NAME@TAPS`` with the taps'
            numbers joined by ``+`` (``timm:resnet18@2+3``). Without them: the last tap of each
            stride of :data:`STRIDES`, or the last of all where there is none.
        weights: ``auto`` takes weights that come with a package
            (:data:`~crossvox.networks.packaged.PACKAGES`), else none, as ``none`` does;
            ``pretrained`` those that timm names, from its cache or a hub.

    Raises:
        ParamsError: no such backbone or tap, or weights that make no sense.
        CheckpointError: the weights are neither here nor to be downloaded.
    """

    def __init__(self, classes: int, *, name: str = PREFIX, weights: str = "auto") -> None:
        backbone_name, taps = _named(name)
        expect(
            weights in ("auto", "none", "pretrained"),
            given=f"weights {weights!r} for {name}",
            needed="auto, none or pretrained",
            do="correct --task.weights",
            error=ParamsError,
        )
        download = weights == "pretrained"
        with downloading(f"{name}, pretrained weights") if download else nullcontext():
            backbone, taps = _tapped(backbone_name, taps, download)
        reads = _reads(backbone) if download else COLORS
        if weights == "auto" and backbone_name in PACKAGES:
            load_packaged(backbone, backbone_name)
            reads = CENTRED
        told = backbone.feature_info
        strides = [int(stride) for stride in told.reduction()]
        multiple = math.lcm(*strides, LOGIT_STRIDES)
        widths = [int(width) for width in told.channels()]
        super().__init__(classes, sum(widths), min(strides), multiple, reads)
        self.taps, self.widths = taps, tuple(widths)
        self.backbone = backbone
        self.classifier = nn.Conv2d(self.feature_channels, classes, 1)

    def _extract(self, images: Tensor) -> Tensor:
        height, width = (edge // self.feature_stride for edge in images.shape[-2:])
        maps = [
            _resized(_channels_first(found, width_of), (height, width))
            for found, width_of in zip(self.backbone(images), self.widths, strict=True)
        ]
        return torch.cat(maps, dim=1) if len(maps) > 1 else maps[0]

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.classifier(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        return [], [self.backbone], [self.classifier]


def _named(name: str) -> tuple[str, tuple[int, ...] | None]:
    """Backbone and taps of a name."""
    backbone, at, taps = name.removeprefix(PREFIX).partition("@")
    numbers = taps.split("+")
    expect(
        name.startswith(PREFIX) and bool(backbone) and (not at or all(map(str.isdecimal, numbers))),
        given=f"network {name!r}",
        needed=f"{PREFIX}NAME, or {PREFIX}NAME@TAPS with numbers joined by +",
        do=f"correct the name, for example {PREFIX}resnet18@2+3",
        error=ParamsError,
    )
    return backbone, tuple(sorted({int(number) for number in numbers})) if at else None


def _tapped(
    name: str, taps: tuple[int, ...] | None, pretrained: bool
) -> tuple[Any, tuple[int, ...]]:
    """The backbone cut behind the last tap, and the taps."""
    if taps is None:
        with torch.random.fork_rng(devices=[]):
            told = _created(name, None, False).feature_info
        numbers = [int(number) for number in told.out_indices]
        last = dict(zip(told.reduction(), numbers, strict=True))
        taps = tuple(last[s] for s in STRIDES if s in last) or (numbers[-1],)
    return _created(name, taps, pretrained), taps


def _created(name: str, taps: tuple[int, ...] | None, pretrained: bool) -> Any:
    """A backbone of timm that gives the maps at some taps; None: at all of them.

    Raises:
        ParamsError: timm knows no such backbone or tap.
    """
    # Here and not above: it takes seconds, and parameters are named without it.
    import timm

    chosen: dict[str, Any] = {} if taps is None else {"out_indices": taps}
    reason = ""
    for sized in _SIZED:
        try:
            return timm.create_model(
                name, pretrained=pretrained, features_only=True, **chosen, **sized
            )
        except TypeError as error:  # an option that this kind does not know
            reason = str(error)
        except (RuntimeError, ValueError, KeyError, IndexError, AssertionError) as error:
            reason = str(error)
            break
    raise ParamsError(
        f"given: backbone {name!r}" + (f", taps {taps}" if taps else "") + f" ({reason}); needed: "
        f"one that timm knows and can tap, and taps that it has; do: correct the name, see "
        f"timm.list_models()"
    )


def _reads(backbone: Any) -> Normalisation:
    """How the images were normalised that its weights were learnt from."""
    from timm.data.config import resolve_model_data_config

    told = resolve_model_data_config(backbone)
    return Normalisation(tuple(told["mean"]), tuple(told["std"]))


def _channels_first(found: Tensor, width: int) -> Tensor:
    """``(B, C, h, w)``; some transformers give ``(B, h, w, C)``."""
    if found.shape[1] != width and found.shape[-1] == width:
        return found.permute(0, 3, 1, 2).contiguous()
    return found


def _resized(found: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(found.shape[-2:]) == size:
        return found
    return functional.interpolate(found, size, mode="bilinear", align_corners=False)
