"""DeepLabv3 on ResNet50 with a 128-channel tap, exactly as published: 31,346,665 parameters.

After Chen et al., "Rethinking atrous convolution for semantic image segmentation" (2017). The
backbone is torchvision's with output stride 8; the head has 128 channels throughout, and its
features are tapped before their activation.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, expect
from crossvox.core.colors import COLORS, IMAGENET
from crossvox.networks.download import downloading
from crossvox.networks.features2d import Network2D

FEATURE_CHANNELS = 128
STRIDE = 8
RATES = (12, 24, 36)
"""Dilations of the three wide convolutions of the pyramid."""

BACKBONE_CHANNELS = 2048

TORCHVISION_CLASSES = 21
"""Classes of the head that torchvision builds and that is replaced."""


class DeepLab(Network2D):
    """The published network: keys under ``dlv3.backbone.`` and ``dlv3.classifier.``.

    Built as the published code does, so that a seed gives its starting weights: torchvision's
    whole network with its own head first, then the head that stays.

    Args:
        classes: channels of the logits; 41 for NYU40 with its unannotated class.
        weights: ``imagenet`` starts the backbone from torchvision's weights, which are downloaded
            unless they are there; ``auto`` and ``none`` from nothing.
    """

    def __init__(self, classes: int, *, weights: str = "auto") -> None:
        reads = IMAGENET if weights == "imagenet" else COLORS
        super().__init__(classes, FEATURE_CHANNELS, STRIDE, STRIDE, reads)
        expect(
            weights in ("auto", "none", "imagenet"),
            given=f"weights {weights!r} for deeplab",
            needed="auto, none or imagenet (which is downloaded)",
            do="correct --task.weights",
            error=ParamsError,
        )
        # Here and not above: it takes seconds, and parameters are named without it.
        from torchvision.models.segmentation import deeplabv3_resnet50

        download = weights == "imagenet"
        with downloading("ImageNet weights of ResNet50") if download else nullcontext():
            whole = deeplabv3_resnet50(
                weights=None,
                weights_backbone="DEFAULT" if download else None,
                num_classes=TORCHVISION_CLASSES,
                aux_loss=False,
            )
        self.dlv3 = _Whole(whole.backbone, DeepLabHead(BACKBONE_CHANNELS, classes))

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.dlv3.classifier.aspp(self.dlv3.backbone(images)["out"])
        return features

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.dlv3.classifier.conv(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        stages = dict(self.dlv3.backbone.named_children())
        last = stages.pop("layer4")
        return list(stages.values()), [last], [self.dlv3.classifier]


class _Whole(nn.Module):
    """Backbone and head under the published names."""

    def __init__(self, backbone: nn.Module, classifier: DeepLabHead) -> None:
        super().__init__()
        self.backbone, self.classifier = backbone, classifier


class DeepLabHead(nn.Module):
    """The pyramid (``aspp``, whose output is the tap) and the classifier (``conv``).

    Args:
        in_channels: channels of the backbone.
        classes: channels of the logits.
    """

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        channels = FEATURE_CHANNELS
        self.aspp = _Pyramid(in_channels, channels)
        self.conv = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, classes, 1),
        )

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, in_channels, h, w)`` to logits and features, both ``h x w``."""
        features = self.aspp(value)
        return self.conv(features), features


class _Pyramid(nn.Module):
    """Atrous spatial pyramid pooling; ends in a norm without activation."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        branches: list[nn.Module] = [_branch(nn.Conv2d(inputs, channels, 1, bias=False))]
        for rate in RATES:
            wide = nn.Conv2d(inputs, channels, 3, padding=rate, dilation=rate, bias=False)
            branches.append(_branch(wide))
        branches.append(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                *_branch(nn.Conv2d(inputs, channels, 1, bias=False)),
            )
        )
        self.convs = nn.ModuleList(branches)
        self.project = nn.Sequential(
            nn.Conv2d(len(branches) * channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, value: Tensor) -> Tensor:
        size = value.shape[-2:]
        *local, pooled = [branch(value) for branch in self.convs]
        pooled = functional.interpolate(pooled, size=size, mode="bilinear", align_corners=False)
        joined: Tensor = self.project(torch.cat((*local, pooled), dim=1))
        return joined


def _branch(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())
