"""2D semantic segmentation: which NYU40 class does each pixel of a colour image show?

Pixels that nobody annotated (id 0) count in no loss and in no score, and are never predicted. Every
score comes with the same score of a *majority class* baseline: the class with most training pixels,
predicted everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.class_map import ClassMap
from crossvox.core.labels import NYU40
from crossvox.core.volume import ImageBatch, Score
from crossvox.metrics import PRESENT, segmentation_scores
from crossvox.networks import build_network2d
from crossvox.tasks.params import Segment2dParams
from crossvox.tasks.task import Losses, exact, loss_score

if TYPE_CHECKING:
    from torch import Tensor

    from crossvox.networks.features2d import Network2D

CLASSES = len(NYU40.names)

PUBLISHED_WEIGHTS = (
    3.5664, 2.9007, 3.1645, 4.5708, 4.7439, 4.4247, 4.9056, 4.5828, 4.6723, 5.1634, 5.2238,
    5.3857, 5.3079, 5.4757, 5.0380, 5.1324, 5.2344, 5.3254, 5.3597, 5.4598, 5.4675, 5.3584,
    5.3784, 5.3338, 5.2996, 5.4221, 5.4798, 5.4038, 5.3744, 5.3701, 5.3716, 5.4738, 5.4278,
    5.3312, 5.3813, 5.4588, 5.3192, 5.4527, 5.0615, 4.8410, 4.5946,
)  # fmt: skip
"""Class weights of the published pipeline, by NYU40 id, from ScanNet's training labels."""

SMOOTHEST = 1.2
"""Weights are ``1 / ln(SMOOTHEST + share)``: between 2 and 5.5, however rare a class is."""


def class_weights(shares: Sequence[float]) -> tuple[float, ...]:
    """Weights ``1 / ln(1.2 + share)`` of classes with these shares of all pixels.

    After ENet (Paszke et al. 2016) with their constant 1.02 replaced, as published.
    """
    return tuple(1 / math.log(SMOOTHEST + share) for share in shares)


def pixel_shares(pixels: NDArray[np.int64]) -> tuple[float, ...]:
    """Share of each id, from pixel counts; unannotated pixels count as well, as published.

    Raises:
        ParamsError: no annotated pixel at all.
    """
    expect(
        pixels.shape == (CLASSES,) and int(pixels[1:].sum()) > 0,
        given=f"{pixels.shape} counts with {int(pixels[1:].sum())} annotated pixels",
        needed=f"{CLASSES} counts, not all unannotated",
        do="check the label folder",
        error=ParamsError,
    )
    return tuple(float(share) for share in pixels / pixels.sum())


PUBLISHED_SHARES = tuple(math.exp(1 / weight) - SMOOTHEST for weight in PUBLISHED_WEIGHTS)
"""Shares of ScanNet's training pixels that the published weights follow from."""


@dataclass(frozen=True)
class Segment2d:
    """The 2D segmentation task (see :class:`crossvox.tasks.task.Task`).

    Attributes:
        params: network and loss.
        shares: share of the training pixels by NYU40 id, for class weights and the baseline.
        initialise: puts the weights of another run into a network that is to be trained, in place
            of those that ``params.weights`` names.
    """

    params: Segment2dParams = field(default_factory=Segment2dParams)
    shares: tuple[float, ...] = PUBLISHED_SHARES
    initialise: Callable[[Network2D], object] | None = field(
        default=None, repr=False, compare=False
    )

    name: ClassVar[str] = "segment2d"
    numbers: ClassVar[int] = 3
    """Raised when the same run learns other things than before."""
    monitor: ClassVar[str] = PRESENT
    # Over the classes that the split shows: a class it lacks counts as soon as one pixel is called
    # so, and the mean would move with pixels that nobody can see.
    monitor_higher_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        expect(
            len(self.shares) == CLASSES,
            given=f"shares of {len(self.shares)} classes",
            needed=f"{CLASSES}, one a NYU40 id",
            do="count them with pixel_shares",
            error=ParamsError,
        )

    @property
    def class_weights(self) -> tuple[float, ...]:
        """Weight of each NYU40 id in the loss."""
        if self.params.weighting == "published":
            return PUBLISHED_WEIGHTS
        if self.params.weighting == "even":
            return (1.0,) * CLASSES
        return class_weights(self.shares)

    @property
    def majority(self) -> int:
        """The annotated class with most training pixels."""
        return 1 + int(np.argmax(self.shares[1:]))

    def build(self, *, weights: bool = True) -> Network2D:
        """A network of 41 classes.

        Args:
            weights: False leaves out the weights that training starts from: for a network that a
                checkpoint is put into.
        """
        import torch

        params = self.params
        own = weights and self.initialise is None
        options: dict[str, Any] = {"weights": params.weights if own else "none"}
        if params.depth:
            options["depth"] = True
        network = build_network2d(params.network, CLASSES, **options)
        if weights and self.initialise is not None:
            self.initialise(network)
        network.freeze(params.freeze)
        # Memory order that convolutions on CPUs and GPUs work fastest in; values stay the same.
        return network.to(memory_format=torch.channels_last)

    def parameter_groups(self, network: Network2D, rate: float) -> list[dict[str, Any]]:
        """Groups for the optimizer: the encoder at its own rate, what is frozen in none."""
        parts = network.parts()
        rates = {
            "decoder": rate,
            "early": rate * self.params.encoder_rate_share,
            "encoder": rate * self.params.encoder_rate_share,
        }
        groups = [
            {"params": [p for p in parts[part] if p.requires_grad], "lr": rates[part]}
            for part in rates
        ]
        return [group for group in groups if group["params"]]

    def loss(self, network: Any, batch: ImageBatch) -> Losses:
        """Weighted, smoothed cross entropy: ``sum(w l) / sum(w)``, 0 where nothing is annotated."""
        stride = self.params.loss_stride
        logits = network(_ordered(batch.images), stride).logits
        total, weight = self._cross_entropy(logits, every(batch.labels, stride))
        mean = total / weight.clamp(min=1e-12)
        return Losses(mean, {"cross_entropy": mean.detach()})

    def observe(self, network: Any, batch: ImageBatch) -> dict[str, Tensor]:
        """Counts of one batch at the images' size.

        Returns:
            float64: ``confusion`` ``(41, 41)`` (row = label, column = prediction), ``loss_sum`` and
            ``loss_weight`` (their ratio is the mean loss), ``loss_pixels``.
        """
        import torch

        with torch.no_grad():
            logits = network(_ordered(batch.images)).logits
            total, weight = self._cross_entropy(logits, batch.labels)
            pairs = batch.labels * CLASSES + classes_of(logits)
            confusion = torch.bincount(pairs.flatten(), minlength=CLASSES**2)
            counts = {
                "confusion": confusion.view(CLASSES, CLASSES),
                "loss_sum": total,
                "loss_weight": weight,
                "loss_pixels": (batch.labels != NYU40.ignore_id).sum(),
            }
            return exact(counts)

    def logits(
        self,
        network: Any,
        images: Tensor | Sequence[Tensor],
        size: tuple[int, int] | None = None,
        *,
        flip: bool = False,
    ) -> Tensor:
        """Logits ``(B, 41, height, width)`` of images, without gradients; see :meth:`predict`.

        Args:
            network: likewise.
            images: likewise.
            size: likewise.
            flip: take the mean with what is said of the mirrored images.
        """
        import torch
        from torch.nn import functional

        def said_of(shown: Tensor, size: tuple[int, int]) -> Tensor:
            logits: Tensor = network(_ordered(shown)).logits
            if flip:
                logits = (logits + network(_ordered(shown.flip(-1))).logits.flip(-1)) / 2
            if size != tuple(logits.shape[-2:]):
                logits = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
            return logits

        first, *others = (images,) if isinstance(images, torch.Tensor) else images
        size = size or (first.shape[-2], first.shape[-1])
        with torch.no_grad():
            total = said_of(first, size)
            for other in others:
                total += said_of(other, size)
            return total / (1 + len(others)) if others else total

    def predict(
        self,
        network: Any,
        images: Tensor | Sequence[Tensor],
        size: tuple[int, int] | None = None,
        *,
        flip: bool = False,
        classes: ClassMap | None = None,
    ) -> Tensor:
        """NYU40 ids of images, without gradients.

        Args:
            network: as :meth:`build` makes it, in evaluation mode.
            images: ``(B, 3, H, W)`` normalised, or ``(B, 6, H, W)`` for a network that reads depth;
                several such, the same images in several sizes: the mean of the logits is taken.
            size: ``(height, width)`` of the result; logits are resampled to it, bilinear. None: the
                images' size, of several the first one's.
            flip: see :meth:`logits`.
            classes: those that the answer is chosen from; None: all 40.

        Returns:
            ``(B, height, width)`` int64, 1 to 40.
        """
        return classes_of(self.logits(network, images, size, flip=flip), classes)

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts, and the mean loss."""
        confusion = counts["confusion"].numpy()
        scores = segmentation_scores(
            confusion, self.majority, "at the size of learning, centre crop"
        )
        protocol = (
            f"cross entropy, {self.params.weighting} class weights, "
            f"smoothing {self.params.label_smoothing}"
        )
        scores.append(loss_score(counts, "pixels", protocol))
        return scores

    def mean_loss(self, logits: Tensor, labels: Tensor) -> Tensor | None:
        """The loss of logits at ``loss_stride`` and labels of whole images; None without labels."""
        total, weight = self._cross_entropy(logits, every(labels, self.params.loss_stride))
        return total / weight if bool(weight > 0) else None

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the weighted loss over annotated pixels, and sum of their weights."""
        from torch.nn import functional

        weights = logits.new_tensor(self.class_weights)
        total = functional.cross_entropy(
            logits,
            labels,
            weights,
            ignore_index=NYU40.ignore_id,
            label_smoothing=self.params.label_smoothing,
            reduction="sum",
        )
        annotated = labels[labels != NYU40.ignore_id]
        return total, weights[annotated].sum()


def classes_of(logits: Tensor, classes: ClassMap | None = None) -> Tensor:
    """The likeliest annotated class, ``(B, C, H, W)`` logits to ``(B, H, W)`` ids from 1.

    Args:
        logits: of all classes, unannotated first.
        classes: those that it is chosen from; None: all of NYU40's.
    """
    told = logits[:, 1:] if classes is None else told_probability(logits, classes)
    return told.argmax(dim=1) + 1


def told_probability(logits: Tensor, classes: ClassMap | None = None) -> Tensor:
    """Probabilities ``(B, 40, H, W)`` of the classes that are told; see :meth:`ClassMap.merge`."""
    import torch

    if classes is None:
        return logits[:, 1:].float().softmax(dim=1)
    target = torch.from_numpy(classes.table[1:CLASSES].astype(np.int64)).to(logits.device)
    kept = target > 0
    # Of the kept ones alone: whatever is left out may be so sure that nothing remains beside it.
    probability = logits[:, 1:][:, kept].float().softmax(dim=1)
    told = torch.zeros_like(logits[:, 1:], dtype=torch.float32)
    return told.index_add_(1, target[kept] - 1, probability)


def every(labels: Tensor, stride: int) -> Tensor:
    """The label in the middle of each field of ``stride x stride`` pixels.

    ``(B, H, W)`` to ``(B, ceil(H / stride), ceil(W / stride))``, to go with logits made at that
    stride. The middle of an even number is the pixel after it.
    """
    if stride == 1:
        return labels
    import torch

    rows, columns = (
        torch.arange(0, n, stride, device=labels.device).add(stride // 2).clamp(max=n - 1)
        for n in labels.shape[-2:]
    )
    return labels[:, rows][:, :, columns]


def _ordered(images: Tensor) -> Tensor:
    import torch

    return images.contiguous(memory_format=torch.channels_last)
