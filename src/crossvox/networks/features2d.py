"""What every 2D network gives: logits at the image's size and a feature map to lift into space.

One rule for sizes: an image is continued on the right and at the bottom (its border pixels are
repeated) up to the next multiple the network needs, and results are cut back. Feature pixel
``(i, j)`` therefore always belongs to the image pixels ``[i s, (i + 1) s) x [j s, (j + 1) s)``,
``s`` being the network's ``feature_stride``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.colors import COLORS, Normalisation
from crossvox.networks.rescale import Rescale

ONE_VALUE = "Expected more than 1 value per channel"
"""How torch's batch norms begin their complaint."""

Frozen = Literal["nothing", "early", "encoder", "all"]
"""Which part of a 2D network keeps its weights (see :meth:`Network2D.freeze`)."""


class Prediction2D(NamedTuple):
    """What a 2D network makes of a batch of images.

    Attributes:
        logits: ``(B, classes, H, W)``, at the images' size.
        features: ``(B, feature_channels, ceil(H / feature_stride), ceil(W / feature_stride))``.
    """

    logits: Tensor
    features: Tensor


GEOMETRY = 3
"""Planes of depth that follow the colours, for networks that read depth."""


class Network2D(nn.Module):
    """A network from images to :class:`Prediction2D`.

    Images are colours, ``(B, 3, H, W)``. A network with :attr:`reads_depth` also takes
    ``(B, 6, H, W)``, colours and normalised geometry (:mod:`crossvox.views.geometry`), 0 where
    depth is missing; of colours alone it takes all depth for missing.

    Subclasses define ``_extract`` (padded images to features), ``_classify`` (features to logits
    at any size) and ``_parts``. Images come normalised as all data here are
    (:data:`crossvox.core.colors.COLORS`); ``_extract`` gets them as ``reads`` says.

    Args:
        classes: channels of the logits.
        feature_channels: channels of the feature map.
        feature_stride: image pixels of one feature pixel, along each axis.
        multiple: width and height that the body works on are multiples of this.
        reads: how the images were normalised that the starting weights were learnt from.

    Raises:
        ParamsError: fewer than two classes.
    """

    reads_depth: ClassVar[bool] = False

    def __init__(
        self,
        classes: int,
        feature_channels: int,
        feature_stride: int,
        multiple: int,
        reads: Normalisation = COLORS,
    ) -> None:
        super().__init__()
        expect(
            classes > 1,
            given=f"{classes} classes",
            needed="at least two",
            do="check the task's parameters",
            error=ParamsError,
        )
        self.classes = classes
        self.feature_channels = feature_channels
        self.feature_stride = feature_stride
        self.multiple = multiple
        self.rescale = Rescale(reads)
        self._resting: tuple[nn.Module, ...] = ()

    def forward(self, images: Tensor, logit_stride: int = 1) -> Prediction2D:
        """Logits and features of ``(B, 3, H, W)`` normalised images, or ``(B, 6, H, W)``.

        Args:
            images: the images.
            logit_stride: logits are made for fields of this many pixels along each axis, at their
                centres: ``(B, classes, ceil(H / logit_stride), ceil(W / logit_stride))``. A divisor
                of :attr:`multiple`. Above 1 it saves the cost of many classes at full size.

        Raises:
            ShapeError: not a batch of RGB images, or too small a batch to train from.
        """
        height, width = self._size(images)
        features = self._read(images)
        return Prediction2D(
            self._logits(features, height, width, logit_stride), self._cut(features, height, width)
        )

    def features(self, images: Tensor) -> Tensor:
        """The feature map alone, without the cost of logits."""
        height, width = self._size(images)
        return self._cut(self._read(images), height, width)

    def classify(self, features: Tensor, size: tuple[int, int], logit_stride: int = 1) -> Tensor:
        """Logits of features, as :meth:`features` gives them.

        Equal to ``forward(images).logits`` where height and width are multiples of
        :attr:`multiple`; elsewhere it lacks the part of the features that lies beyond the image.

        Args:
            features: ``(B, feature_channels, h, w)``.
            size: ``(height, width)`` of the images.
            logit_stride: as for :meth:`forward`.
        """
        height, width = size
        stride, multiple = self.feature_stride, self.multiple
        down = -(-height // multiple) * multiple // stride - features.shape[-2]
        right = -(-width // multiple) * multiple // stride - features.shape[-1]
        if down or right:
            features = functional.pad(features, (0, right, 0, down), mode="replicate")
        return self._logits(features, height, width, logit_stride)

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by part: ``early``, ``encoder`` (the rest of it) and ``decoder``."""
        early, encoder, _ = self._parts()
        named = {"early": _parameters(early), "encoder": _parameters(encoder)}
        taken = {id(p) for group in named.values() for p in group}
        named["decoder"] = [p for p in self.parameters() if id(p) not in taken]
        return named

    def freeze(self, what: Frozen) -> None:
        """Keep the weights of a part. Its batch norms stay in evaluation mode from now on.

        Args:
            what: ``early`` is what the published pipeline keeps (DeepLab: all stages of the
                backbone but the last; ENet: children 0 to 17), ``encoder`` includes it.
        """
        early, encoder, _ = self._parts()
        everything: tuple[nn.Module, ...] = tuple(self.children())
        chosen: dict[str, tuple[nn.Module, ...]] = {
            "nothing": (),
            "early": tuple(early),
            "encoder": (*early, *encoder),
            "all": everything,
        }
        self._resting = chosen[what]
        self.requires_grad_(True)
        for module in self._resting:
            module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Network2D:
        """Set training mode, except for what is frozen."""
        super().train(mode)
        for module in self._resting:
            module.eval()
        return self

    def _read(self, images: Tensor) -> Tensor:
        """Features of images of any size, as they come."""
        try:
            return self._body(self._padded(images))
        except ValueError as error:
            if ONE_VALUE not in str(error):
                raise
            raise ShapeError(
                f"given: a batch of {len(images)} images of {images.shape[3]}x{images.shape[2]} in "
                f"training; needed: at least two: what is pooled to one value an image cannot be "
                f"normalised over a batch of one; do: raise --train.batch-size"
            ) from None

    def _body(self, images: Tensor) -> Tensor:
        """Features of images whose size is a multiple of ``multiple``, as they come."""
        return self._extract(self.rescale(images))

    def _extract(self, images: Tensor) -> Tensor:
        """Features of rescaled colours whose size is a multiple of ``multiple``."""
        raise NotImplementedError

    def _classify(self, features: Tensor) -> Tensor:
        """Logits of features, at any size between theirs and the image's."""
        raise NotImplementedError

    def _parts(self) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
        """Modules of the early part, of the rest of the encoder, and of the rest."""
        raise NotImplementedError

    def _size(self, images: Tensor) -> tuple[int, int]:
        channels = (3, 3 + GEOMETRY) if self.reads_depth else (3,)
        expect(
            images.ndim == 4 and images.shape[1] in channels and min(images.shape[2:]) > 0,
            given=f"images of shape {tuple(images.shape)}",
            needed=" or ".join(f"(B, {count}, H, W)" for count in channels),
            do="pass a batch of normalised RGB images"
            + (", with or without planes of depth" if self.reads_depth else ""),
            error=ShapeError,
        )
        return images.shape[2], images.shape[3]

    def _padded(self, images: Tensor) -> Tensor:
        down, right = (-images.shape[2] % self.multiple), (-images.shape[3] % self.multiple)
        if not down and not right:
            return images
        return functional.pad(images, (0, right, 0, down), mode="replicate")

    def _cut(self, features: Tensor, height: int, width: int) -> Tensor:
        rows, columns = -(-height // self.feature_stride), -(-width // self.feature_stride)
        return features[:, :, :rows, :columns]

    def _logits(self, features: Tensor, height: int, width: int, stride: int = 1) -> Tensor:
        """Logits of fields of ``stride`` pixels: bilinear between pixel centres, then cut."""
        rows, columns = (n * self.feature_stride // stride for n in features.shape[-2:])
        logits = self._classify(features)
        if logits.shape[-2:] != (rows, columns):
            logits = functional.interpolate(
                logits, (rows, columns), mode="bilinear", align_corners=False
            )
        return logits[:, :, : -(-height // stride), : -(-width // stride)]


def _parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]
