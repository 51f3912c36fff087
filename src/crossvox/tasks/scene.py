"""What the tasks on sub-volumes share: what is lifted, the 3D network that reads it, its groups.

A task of this kind differs from the next in its classes, its loss and its scores alone
(:mod:`crossvox.tasks.reconstruct`, :mod:`crossvox.tasks.segment3d`), so that what one learns can be
the start of the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.volume import Batch, LabelledBatch
from crossvox.networks import NetworkName, build_network
from crossvox.tasks.task import Losses

if TYPE_CHECKING:
    from torch import Tensor, nn

COLORS = 3
"""Channels of one view's image."""


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
class SceneTaskParams:
    """What is lifted, and the network that reads it.

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
        loss_region: voxels that count in the loss. ``inside`` the scene: the default, for what lies
            beyond has no truth. ``observed`` leaves out what no frame looked at as well; then
            nothing tells the network that the inside of walls is free, and it fills it. ``all`` is
            the published rule: what lies beyond the scene counts as free.
        features: the 2D network whose features are lifted; None lifts colours. Set by
            ``--features RUN2D``.

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
class SceneTask:
    """What the tasks on sub-volumes share (see :class:`crossvox.tasks.task.Task`).

    Networks map volumes (see :meth:`volume`) to logits; with features or a learned fusion they are
    :class:`crossvox.tasks.lifted.LiftedNetwork` and map batches to logits. A task defines
    ``classes``, ``_sums`` and ``observe`` and ``scores`` of its own.

    Attributes:
        params: what is lifted, and the network.
        start: weights that the 2D network starts from, by name; None: as built.
        initialise: called with every network that was built, to put weights of another run in.
    """

    params: SceneTaskParams = field(default_factory=SceneTaskParams)
    start: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)
    initialise: Callable[[nn.Module], Any] | None = field(default=None, repr=False, compare=False)

    name: ClassVar[str]
    classes: ClassVar[int]

    @property
    def class_prior(self) -> bool:
        """Whether classes start from what the 2D network says of them."""
        return False

    @property
    def prior_dropout(self) -> float:
        """Share of the training samples that do without it."""
        return 0.0

    def build(self) -> nn.Module:
        """A network for this task's input and classes, of which 0 is free space."""
        params = self.params
        options: dict[str, Any] = {}
        if params.network == "scene_unet":
            options = {
                "width": params.width,
                "depth": params.depth,
                "blocks": params.blocks,
                "prior": params.prior,
            }
        network = build_network(params.network, params.in_channels, self.classes, **options)
        if params.lifts_inside:
            network = self._around(network)
        if self.initialise is not None:
            self.initialise(network)
        return network

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
            class_prior=self.class_prior,
            prior_dropout=self.prior_dropout,
        )

    def parameter_groups(self, network: Any) -> list[dict[str, Any]]:
        """Groups for the optimizer: the 2D network at its own rate, or in none if it is frozen."""
        features = self.params.features
        images = None if features is None else network.image_network
        own = [] if images is None else [p for p in images.parameters() if p.requires_grad]
        taken = {id(parameter) for parameter in own}
        prior = getattr(network, "class_prior", None)
        found = (getattr(network, "log_variances", None), None if prior is None else prior.scale)
        scalars = [p for p in found if p is not None and p.requires_grad]
        taken |= {id(parameter) for parameter in scalars}
        rest = [p for p in network.parameters() if p.requires_grad and id(p) not in taken]
        groups: list[dict[str, Any]] = [{"params": rest}]
        if own and features is not None:
            groups.append({"params": own, "lr": features.rate})
        if scalars:
            # Decay would pull them to a value that means something else than "less".
            groups.append({"params": scalars, "weight_decay": 0.0})
        return groups

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Logits ``(B, classes, X, Y, Z)`` of a batch.

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
        voxel, sample = existing(batch)
        count = view_counts(voxel, sample, len(batch.images), batch.shape)
        return torch.cat((volume, count[:, None] / params.views), dim=1)

    def loss(self, network: nn.Module, batch: Batch) -> Losses:
        """The loss over the loss region, ``sum(w l) / sum(w)``; 0 where it is empty.

        Args:
            network: as :meth:`build` makes it.
            batch: any batch with this task's number of views.
        """
        features = self.params.features
        if features is not None and features.proxy is not None:
            return self._proxy_loss(network, batch, features, features.proxy)
        total, parts = self._mean(self.logits(network, batch), batch)
        return Losses(total, parts)

    def _mean(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The 3D loss of one batch, and its parts for the log."""
        total, weight = self._sums(logits, batch)
        mean = total / weight.clamp(min=1e-12)
        return mean, {"cross_entropy": mean.detach()}

    def _sums(self, logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the weighted cross entropy over the loss region, and sum of the weights."""
        raise NotImplementedError

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
        mean, parts = self._mean(logits, batch)
        loss = (-s[0]).exp() * mean + s[0] / 2
        flat = None
        if pixels is not None:
            flat = task.mean_loss(pixels, batch.image_labels[batch.view_ok])
        if flat is not None:
            loss = loss + (-s[1]).exp() * flat + s[1] / 2
        # Every batch has the same parts: the log adds them up by name.
        parts["cross_entropy_2d"] = mean.new_zeros(()) if flat is None else flat.detach()
        parts["weight_3d"], parts["weight_2d"] = (-s.detach()).exp()
        return Losses(loss, parts)

    def region(self, batch: Batch) -> Tensor:
        """Voxels that count in the loss, ``(B, X, Y, Z)`` bool."""
        import torch

        if self.params.loss_region == "all":
            return torch.ones_like(batch.inside)
        if self.params.loss_region == "observed":
            return batch.inside & batch.observed
        return batch.inside


def existing(batch: Batch) -> tuple[Tensor, Tensor]:
    """Voxel and sample of the pairs whose view exists."""
    keep = batch.view_ok[batch.sample, batch.view]
    return batch.voxel[keep], batch.sample[keep]
