"""Any architecture and encoder of segmentation-models-pytorch, by name."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, expect
from crossvox.core.colors import CENTRED, COLORS, Normalisation
from crossvox.networks.download import downloading
from crossvox.networks.features2d import Network2D
from crossvox.networks.packaged import PACKAGES, load_packaged

PREFIX = "smp:"
TIMM = "tu-"
"""Before the names of timm's encoders in the library."""

EDGE = 8
"""Networks are measured on an image of this many of their largest strides."""


class SmpNetwork(Network2D):
    """A network of the library; its features are what its decoder gives to its head.

    Their stride and channels follow from the architecture (Unet: 16 channels at full size,
    DeepLabV3: 256 at 1/8) and are measured on construction.

    Args:
        classes: channels of the logits.
        name: ``smp:ARCHITECTURE/ENCODER``, for example ``smp:unet/resnet18``.
        weights: ``auto`` starts the encoder from ImageNet where its weights come with a package
            (``tu-`` before one of :data:`~crossvox.networks.packaged.PACKAGES`), else from nothing,
            as ``none`` does. Any other name goes to the library, which downloads these weights.
        options: further keywords of the architecture.

    Raises:
        ParamsError: no such architecture or encoder, or they do not go together.
        CheckpointError: the weights are neither here nor to be downloaded.
    """

    encoder: nn.Module
    decoder: nn.Module
    segmentation_head: nn.Module

    def __init__(
        self, classes: int, *, name: str = PREFIX, weights: str = "auto", **options: object
    ) -> None:
        # Here and not above: it takes seconds, and parameters are named without it.
        import segmentation_models_pytorch

        architecture, _, encoder = name.removeprefix(PREFIX).partition("/")
        known = sorted(segmentation_models_pytorch.MODEL_ARCHITECTURES_MAPPING)
        expect(
            name.startswith(PREFIX) and architecture in known and bool(encoder),
            given=f"network {name!r}",
            needed=f"{PREFIX}ARCHITECTURE/ENCODER with one of the architectures {', '.join(known)}",
            do="correct --task.network, for example smp:unet/resnet18",
            error=ParamsError,
        )
        if architecture == "dpt":
            # Its transformers are made for one image size unless told otherwise.
            options = {"dynamic_img_size": True, **options}
        download = weights not in ("auto", "none")
        try:
            with downloading(f"{name}, weights {weights}") if download else nullcontext():
                network = segmentation_models_pytorch.create_model(
                    architecture,
                    encoder_name=encoder,
                    encoder_weights=weights if download else None,
                    classes=classes,
                    **options,
                )
                reads = _reads(encoder, weights) if download else COLORS
            multiple = max(32, int(getattr(network.encoder, "output_stride", 32)))
            channels, stride = _measured(network, EDGE * multiple)
        except (KeyError, ValueError, RuntimeError, TypeError, AssertionError) as error:
            raise ParamsError(
                f"given: network {name!r}, weights {weights!r}, options {options} ({error}); "
                f"needed: an encoder that segmentation-models-pytorch knows and {architecture} "
                f"takes; do: correct --task.network or --task.weights"
            ) from None
        packaged = encoder.removeprefix(TIMM) if encoder.startswith(TIMM) else ""
        if weights == "auto" and packaged in PACKAGES:
            load_packaged(network.encoder.model, packaged)
            reads = CENTRED
        super().__init__(classes, channels, stride, multiple, reads)
        self.encoder, self.decoder = network.encoder, network.decoder
        self.segmentation_head = network.segmentation_head

    def _extract(self, images: Tensor) -> Tensor:
        return _decoded(self.encoder, self.decoder, images)

    def _classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.segmentation_head(features)
        return logits

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        return [], [self.encoder], [self.decoder, self.segmentation_head]


def _reads(encoder: str, weights: str) -> Normalisation:
    """How the images were normalised that the library's weights were learnt from.

    Raises:
        ValueError: they read BGR.
    """
    from segmentation_models_pytorch.encoders import get_preprocessing_params

    told = get_preprocessing_params(encoder, weights)
    if told["input_space"] != "RGB":
        raise ValueError(f"its weights read {told['input_space']}, images here are RGB")
    scale = max(told["input_range"])
    mean, std = (tuple(value / scale for value in told[key]) for key in ("mean", "std"))
    return Normalisation(mean, std)


def _decoded(encoder: nn.Module, decoder: nn.Module, images: Tensor) -> Tensor:
    maps = encoder(images)
    # Encoders of transformers give their maps and, beside them, tokens.
    value: Tensor = decoder(*maps) if isinstance(maps, tuple) else decoder(maps)
    return value


def _measured(network: Any, edge: int) -> tuple[int, int]:
    """Channels and stride of the decoder's map; leaves no trace in weights or random state."""
    training = network.training
    network.eval()
    with torch.no_grad():
        features = _decoded(network.encoder, network.decoder, torch.zeros(1, 3, edge, edge))
    network.train(training)
    return features.shape[1], edge // features.shape[-1]
