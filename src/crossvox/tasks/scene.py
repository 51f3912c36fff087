"""What the tasks on sub-volumes share: what is lifted, the 3D network that reads it, its groups.

A task of this kind differs from the next in its classes, its loss and its scores alone
(:mod:`crossvox.tasks.reconstruct`, :mod:`crossvox.tasks.segment3d`), so that what one learns can be
the start of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.volume import Batch, LabelledBatch
from crossvox.tasks.params import FeatureParams, ProxyParams, SceneTaskParams
from crossvox.tasks.task import Losses

if TYPE_CHECKING:
    from torch import Tensor, nn

    from crossvox.networks.volume import VolumeNetwork


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
        volume_network = params.network_params.build(params.in_channels, self.classes)
        network: nn.Module = volume_network
        if params.lifts_inside:
            network = self._around(volume_network)
        if self.initialise is not None:
            self.initialise(network)
        return network

    def _around(self, network: VolumeNetwork) -> nn.Module:
        """2D network and lifting before a 3D network, whose initial weights they do not change."""
        from crossvox.tasks.lifted import LiftedNetwork
        from crossvox.tasks.params import Segment2dParams
        from crossvox.tasks.segment2d import Segment2d

        params, images = self.params, None
        if params.features is not None and params.features.files is None:
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
            views=params.slots,
            channels=params.view_channels,
            seen_channel=params.seen_channel,
            trainable=params.features is not None and params.features.rate > 0,
            proxy=params.features is not None and params.features.proxy is not None,
            class_prior=self.class_prior,
            prior_dropout=self.prior_dropout,
            stride=1 if params.features is None else params.features.stride,
        )

    def parameter_groups(self, network: Any) -> list[dict[str, Any]]:
        """Groups for the optimizer: the 2D network at its own rate, or in none if it is frozen."""
        features = self.params.features
        if self.params.lifts_inside:
            groups = network.parameter_groups(0.0 if features is None else features.rate)
        else:
            groups = network.parameter_groups()
        found: list[dict[str, Any]] = groups
        return found

    def logits(self, network: nn.Module, batch: Batch) -> Tensor:
        """Logits ``(B, classes, X, Y, Z)`` of a batch.

        Raises:
            ShapeError: the batch has another number of views than the task.
        """
        self._expect_views(batch)
        logits: Tensor = network(batch if self.params.lifts_inside else self.volume(batch))
        return logits

    def _expect_views(self, batch: Batch) -> None:
        views = self.params.slots
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

        from crossvox.views.lift import lift

        params = self.params
        self._expect_views(batch)
        if params.lifts_inside or params.fusion == "attention":
            raise ParamsError(
                "given: a task whose network lifts by itself; needed: one that lifts colours; "
                "do: call logits()"
            )
        if params.lifted == "nothing":
            return self._share(batch)[:, None]
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
        return torch.cat((volume, self._share(batch)[:, None]), dim=1)

    def _share(self, batch: Batch) -> Tensor:
        """Share of the views that see each voxel, ``(B, X, Y, Z)``."""
        from crossvox.views.lift import view_counts

        voxel, sample = existing(batch)
        return view_counts(voxel, sample, len(batch.images), batch.shape) / self.params.slots

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
        from crossvox.tasks.params import Segment2dParams
        from crossvox.tasks.segment2d import Segment2d

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
