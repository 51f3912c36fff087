"""Reconstruction: which voxels does the surface pass through, given posed colour images and depth.

The colours of up to K views are lifted to the voxels that each view sees, and a 3D network tells
free from occupied. Depth takes part in lifting (a voxel counts as seen where the sensor's depth
agrees), so that the set of seen voxels alone already traces the surface. Every score therefore
comes with that baseline, ``mask only``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.volume import Batch, LabelledBatch, Score
from crossvox.networks import NetworkName, build_network
from crossvox.tasks.task import Losses

if TYPE_CHECKING:
    from torch import Tensor, nn

COLORS = 3
"""Channels of one view's image."""

THRESHOLD = 0.5
"""Probability from which a voxel counts as occupied."""

PROTOCOL = f"voxels inside the scene, probability >= {THRESHOLD}, one count over the split"

MASK_ONLY = "mask only"
"""Suffix of the scores of the trivial baseline: every voxel that some view sees is surface."""


@dataclass(frozen=True)
class ProxyParams:
    """The 2D loss that joins the 3D loss: that of the 2D run.

    Attributes:
        shares: share of the 2D run's training pixels by NYU40 id.
        weighting: class weights, see :class:`crossvox.tasks.segment2d.Segment2dParams`.
        label_smoothing: likewise.
        loss_stride: likewise.
    """

    shares: tuple[float, ...]
    weighting: Literal["labels", "published", "even"] = "labels"
    label_smoothing: float = 0.1
    loss_stride: int = 2


@dataclass(frozen=True)
class FeatureParams:
    """The 2D network whose features are lifted in place of colours.

    Attributes:
        network: its name, see :func:`crossvox.networks.build_network2d`.
        channels: channels of its features.
        stride: image pixels of one feature pixel.
        rate: learning rate of the 2D network; 0 keeps its weights as they are.
        proxy: a 2D loss beside the 3D loss, weighted by learned uncertainties; None: none.

    Raises:
        ParamsError: a number makes no sense.
    """

    network: str
    channels: int
    stride: int
    rate: float = 0.0
    proxy: ProxyParams | None = None

    def __post_init__(self) -> None:
        expect(
            self.channels > 0 and self.stride > 0 and 0 <= self.rate < math.inf,
            given=f"{self.channels} channels, stride {self.stride}, rate {self.rate}",
            needed="at least one channel, a stride of at least 1, a rate of 0 or more",
            do="check --features-rate",
            error=ParamsError,
        )
        expect(
            self.proxy is None or self.rate > 0,
            given="a proxy loss for a 2D network that does not learn",
            needed="a rate above 0",
            do="pass --features-rate 1e-4, or leave --features-proxy out",
            error=ParamsError,
        )


@dataclass(frozen=True)
class ReconstructParams:
    """What is learnt, and from what.

    Attributes:
        network: ``scene_unet`` (compact, trains on a CPU) or ``surfacenet`` (as published).
        width: channels of ``scene_unet`` at full size.
        depth: halvings of ``scene_unet``.
        blocks: residual blocks of ``scene_unet`` a level.
        prior: share of occupied voxels that ``scene_unet`` starts from.
        fusion: how views are joined: ``concat`` (published), or ``mean``, ``max`` or ``attention``
            over the views that see a voxel. ``attention`` weighs them by the softmax of a score
            that a small perceptron learns to give to each view's pixel.
        views: views of a sub-volume; for ``concat`` the network is built for this number.
        seen_channel: add one channel, the share of the views that see the voxel. Without it a
            voxel of average colour looks like one that nobody sees. The published network has none.
        class_weights: weights of free and occupied voxels in the cross entropy. The published
            1 and 13 draw thick surfaces (docs/adr/0003-class-weights.md).
        loss_region: voxels that count in the loss. ``inside`` the scene: the default, for what lies
            beyond has no truth. ``observed`` leaves out what no frame looked at as well; then
            nothing tells the network that the inside of walls is free, and it fills it. ``all`` is
            the published rule: what lies beyond the scene counts as free.
        features: the 2D network whose features are lifted; None lifts colours. Set by
            ``crossvox train reconstruct --features RUN2D``.

    Raises:
        ParamsError: a value makes no sense, alone or beside the others.
    """

    network: NetworkName = "scene_unet"
    width: int = 16
    depth: int = 3
    blocks: int = 1
    prior: float = 0.05
    fusion: Literal["concat", "mean", "max", "attention"] = "concat"
    views: int = 5
    seen_channel: bool = True
    class_weights: tuple[float, float] = (1.0, 1.0)
    loss_region: Literal["inside", "observed", "all"] = "inside"
    features: FeatureParams | None = None

    def __post_init__(self) -> None:
        expect(
            self.views > 0,
            given=f"views={self.views}",
            needed="at least one view",
            do="check --views",
            error=ParamsError,
        )
        expect(
            len(self.class_weights) == 2
            and all(math.isfinite(weight) and weight > 0 for weight in self.class_weights),
            given=f"class_weights={self.class_weights}",
            needed="two positive numbers, for free and for occupied",
            do="check --class-weights",
            error=ParamsError,
        )
        expect(
            not (self.network == "surfacenet" and self.seen_channel),
            given="network=surfacenet with seen_channel",
            needed="the published input, which has colours alone",
            do="switch the seen channel off (--no-seen-channel)",
            error=ParamsError,
        )

    @property
    def view_channels(self) -> int:
        """Channels that are lifted from one view."""
        return COLORS if self.features is None else self.features.channels

    @property
    def in_channels(self) -> int:
        """Channels that the 3D network reads."""
        slots = self.views if self.fusion == "concat" else 1
        return slots * self.view_channels + int(self.seen_channel)

    @property
    def lifts_inside(self) -> bool:
        """Whether lifting is part of the network, which then reads batches instead of volumes."""
        return self.features is not None or self.fusion == "attention"


@dataclass(frozen=True)
class Reconstruct:
    """The reconstruction task (see :class:`crossvox.tasks.task.Task`).

    Networks map volumes (see :meth:`volume`) to logits; with features or a learned fusion they are
    :class:`crossvox.tasks.lifted.LiftedNetwork` and map batches to logits.

    Attributes:
        params: network, view fusion and loss.
        start: weights that the 2D network starts from, by name; None: as built.
    """

    params: ReconstructParams = field(default_factory=ReconstructParams)
    start: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)

    name: ClassVar[str] = "reconstruct"
    monitor: ClassVar[str] = "IoU"
    monitor_higher_is_better: ClassVar[bool] = True

    def build(self) -> nn.Module:
        """A network for this task's input and two classes, free and occupied."""
        params = self.params
        options: dict[str, Any] = {}
        if params.network == "scene_unet":
            options = {
                "width": params.width,
                "depth": params.depth,
                "blocks": params.blocks,
                "prior": params.prior,
            }
        network = build_network(params.network, params.in_channels, 2, **options)
        return self._around(network) if params.lifts_inside else network

    def _around(self, network: nn.Module) -> nn.Module:
        """2D network and lifting before a 3D network, whose initial weights they do not change."""
        from crossvox.tasks.lifted import LiftedNetwork
        from crossvox.tasks.segment2d import Segment2d, Segment2dParams

        params, images = self.params, None
        if params.features is not None:
            task = Segment2d(Segment2dParams(network=params.features.network))
            images = task.build(weights=False)
            found = (images.feature_channels, images.feature_stride)
            expect(
                found == (params.features.channels, params.features.stride),
                given=f"{params.features.network} with {found[0]} channels at 1/{found[1]}",
                needed=f"{params.features.channels} channels at 1/{params.features.stride}",
                do="take the version of crossvox that trained the 2D network",
                error=ParamsError,
            )
            if self.start is not None:
                images.load_state_dict(dict(self.start))
        return LiftedNetwork(
            network,
            images,
            fusion=params.fusion,
            views=params.views,
            channels=params.view_channels,
            seen_channel=params.seen_channel,
            trainable=params.features is not None and params.features.rate > 0,
            proxy=params.features is not None and params.features.proxy is not None,
        )

    def parameter_groups(self, network: Any) -> list[dict[str, Any]]:
        """Groups for the optimizer: the 2D network at its own rate, or in none if it is frozen."""
        features = self.params.features
        images = None if features is None else network.image_network
        own = [] if images is None else [p for p in images.parameters() if p.requires_grad]
        taken = {id(parameter) for parameter in own}
        uncertainties = getattr(network, "log_variances", None)
        taken.add(id(uncertainties))
        rest = [p for p in network.parameters() if p.requires_grad and id(p) not in taken]
        groups: list[dict[str, Any]] = [{"params": rest}]
        if own and features is not None:
            groups.append({"params": own, "lr": features.rate})
        if uncertainties is not None:
            # Decay would pull the two weights towards each other.
            groups.append({"params": [uncertainties], "weight_decay": 0.0})
        return groups

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Logits ``(B, 2, X, Y, Z)`` of a batch.

        Raises:
            ShapeError: the batch has another number of views than the task.
        """
        self._expect_views(batch)
        logits: Tensor = network(batch if self.params.lifts_inside else self.volume(batch))
        return logits

    def _expect_views(self, batch: Batch) -> None:
        views = self.params.views
        expect(
            batch.images.shape[1] == views,
            given=f"a batch of {batch.images.shape[1]} views",
            needed=f"{views} views, some of which may be missing",
            do="make the samples and the task for one number of views",
            error=ShapeError,
        )

    def volume(self, batch: Batch) -> Tensor:
        """Lifted colours, then the seen channel if there is one.

        Returns:
            ``(B, in_channels, X, Y, Z)`` float32.

        Raises:
            ShapeError: the batch has another number of views than the task.
            ParamsError: this task's network lifts by itself.
        """
        import torch

        from crossvox.views.lift import lift, view_counts

        params = self.params
        self._expect_views(batch)
        if params.lifts_inside or params.fusion == "attention":
            raise ParamsError(
                "given: a task whose network lifts by itself; needed: one that lifts colours; "
                "do: call logits()"
            )
        volume = lift(
            batch.images,
            batch.voxel,
            batch.pixel,
            batch.view,
            batch.sample,
            batch.shape,
            batch.view_ok,
            params.fusion,
        )
        if not params.seen_channel:
            return volume
        voxel, sample = _existing(batch)
        count = view_counts(voxel, sample, len(batch.images), batch.shape)
        return torch.cat((volume, count[:, None] / params.views), dim=1)

    def loss(self, network: nn.Module, batch: Batch) -> Losses:
        """Weighted cross entropy over the loss region: ``sum(w l) / sum(w)``, 0 where it is empty.

        Args:
            network: as :meth:`build` makes it.
            batch: any batch with this task's number of views.
        """
        features = self.params.features
        if features is not None and features.proxy is not None:
            return self._proxy_loss(network, batch, features, features.proxy)
        total, weight = self._cross_entropy(self.logits(network, batch), batch)
        mean = total / weight.clamp(min=1e-12)
        return Losses(mean, {"cross_entropy": mean.detach()})

    def _proxy_loss(
        self, network: nn.Module, batch: Batch, features: FeatureParams, proxy: ProxyParams
    ) -> Losses:
        """``exp(-s1) L3d + exp(-s2) L2d + (s1 + s2) / 2`` with learned ``s1``, ``s2``.

        After Kendall, Gal and Cipolla (2018). Of a batch without any annotated pixel the two terms
        of the 2D loss are left out: its uncertainty would shrink without end.
        """
        from crossvox.tasks.segment2d import Segment2d, Segment2dParams

        expect(
            isinstance(batch, LabelledBatch),
            given="a batch without labels of its images",
            needed="labels, for the proxy loss",
            do="make the data set with image_labels=True",
            error=ShapeError,
        )
        assert isinstance(batch, LabelledBatch)
        self._expect_views(batch)
        task = Segment2d(
            Segment2dParams(
                network=features.network,
                weighting=proxy.weighting,
                label_smoothing=proxy.label_smoothing,
                loss_stride=proxy.loss_stride,
            ),
            proxy.shares,
        )
        logits, pixels, s = network(batch, proxy.loss_stride)
        total, weight = self._cross_entropy(logits, batch)
        mean = total / weight.clamp(min=1e-12)
        loss = (-s[0]).exp() * mean + s[0] / 2
        parts = {"cross_entropy": mean.detach()}
        flat = None
        if pixels is not None:
            flat = task.mean_loss(pixels, batch.image_labels[batch.view_ok])
        if flat is not None:
            loss = loss + (-s[1]).exp() * flat + s[1] / 2
        # Every batch has the same parts: the log adds them up by name.
        parts["cross_entropy_2d"] = mean.new_zeros(()) if flat is None else flat.detach()
        parts["weight_3d"], parts["weight_2d"] = (-s.detach()).exp()
        return Losses(loss, parts)

    def probability(self, network: nn.Module, batch: Batch) -> Tensor:
        """Probability that the surface passes through each voxel, without gradients.

        Returns:
            ``(B, X, Y, Z)`` float32 in [0, 1].
        """
        import torch

        with torch.no_grad():
            return _occupied_probability(self.logits(network, batch))

    def observe(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Counts of one batch: of the network, of the mask-only baseline, and of the loss.

        Returns:
            float64 scalars that add over batches: ``true_positive``, ``false_positive``,
            ``false_negative``, ``true_negative`` (voxels inside the scene), the same with
            ``mask_`` in front for the baseline, ``loss_sum`` and ``loss_weight`` (their ratio is
            the mean loss over the loss region), ``loss_voxels``.
        """
        import torch

        from crossvox.views.lift import seen_voxels

        with torch.no_grad():
            logits = self.logits(network, batch)
            total, weight = self._cross_entropy(logits, batch)
            predicted = _occupied_probability(logits) >= THRESHOLD
            voxel, sample = _existing(batch)
            seen = seen_voxels(voxel, sample, len(batch.images), batch.shape)
            counts = _confusion("", predicted, batch.occupied, batch.inside)
            counts |= _confusion("mask_", seen, batch.occupied, batch.inside)
            counts["loss_sum"], counts["loss_weight"] = total, weight
            counts["loss_voxels"] = self._region(batch).sum()
            return {name: value.to(torch.float64) for name, value in counts.items()}

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of a split from its added counts; NaN where a ratio is 0 / 0.

        Returns:
            IoU, precision, recall and F1 of the occupied class, each followed by the same number of
            the mask-only baseline (name with :data:`MASK_ONLY` in brackets), then the mean loss.
        """
        numbers = {name: float(value) for name, value in counts.items()}
        learnt, mask = _ratios(numbers, ""), _ratios(numbers, "mask_")
        cells = ("true_positive", "false_positive", "false_negative", "true_negative")
        support = round(sum(numbers[cell] for cell in cells))
        scores = []
        for name in learnt:
            for label, ratios, prefix in (
                (name, learnt, ""),
                (f"{name} ({MASK_ONLY})", mask, "mask_"),
            ):
                scores.append(
                    Score(
                        name=label,
                        value=ratios[name],
                        unit="ratio",
                        support=support,
                        of="voxels",
                        higher_is_better=True,
                        protocol=PROTOCOL,
                        details={cell: numbers[prefix + cell] for cell in cells},
                    )
                )
        scores.append(
            Score(
                name="loss",
                value=_ratio(numbers["loss_sum"], numbers["loss_weight"]),
                unit="",
                support=round(numbers["loss_voxels"]),
                of="voxels",
                higher_is_better=False,
                protocol=f"cross entropy, class weights {self.params.class_weights}, "
                f"region {self.params.loss_region}",
            )
        )
        return scores

    def _region(self, batch: Batch) -> Tensor:
        import torch

        if self.params.loss_region == "all":
            return torch.ones_like(batch.inside)
        if self.params.loss_region == "observed":
            return batch.inside & batch.observed
        return batch.inside

    def _cross_entropy(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the weighted loss over the region, and sum of the weights."""
        from torch.nn import functional

        region = self._region(batch)
        free, occupied = self.params.class_weights
        # -log softmax of the true one of two classes, by the difference of the logits alone.
        difference = logits[:, 1] - logits[:, 0]
        loss = functional.softplus(difference.where(~batch.occupied, -difference))
        weight = loss.new_full((), free).where(~batch.occupied, loss.new_full((), occupied))
        weight = weight * region
        return (loss * weight).sum(), weight.sum()


def _existing(batch: Batch) -> tuple[Tensor, Tensor]:
    """Voxel and sample of the pairs whose view exists."""
    keep = batch.view_ok[batch.sample, batch.view]
    return batch.voxel[keep], batch.sample[keep]


def _occupied_probability(logits: Tensor) -> Tensor:
    """Softmax of two classes, its second value."""
    return (logits[:, 1] - logits[:, 0]).sigmoid()


def _confusion(prefix: str, predicted: Tensor, truth: Tensor, region: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}true_positive": (predicted & truth & region).sum(),
        f"{prefix}false_positive": (predicted & ~truth & region).sum(),
        f"{prefix}false_negative": (~predicted & truth & region).sum(),
        f"{prefix}true_negative": (~predicted & ~truth & region).sum(),
    }


def _ratios(counts: Mapping[str, float], prefix: str) -> dict[str, float]:
    hit = counts[f"{prefix}true_positive"]
    wrong = counts[f"{prefix}false_positive"]
    missed = counts[f"{prefix}false_negative"]
    return {
        "IoU": _ratio(hit, hit + wrong + missed),
        "precision": _ratio(hit, hit + wrong),
        "recall": _ratio(hit, hit + missed),
        "F1": _ratio(2 * hit, 2 * hit + wrong + missed),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
