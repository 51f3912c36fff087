"""The network of a task that lifts more than colours: images to logits in one module.

Three parts in a row: a 2D network makes feature maps of the images (or the images themselves are
lifted), the maps are lifted and joined, a 3D network reads the volume. All that depends on one
frame alone is one step, :meth:`LiftedNetwork.encode`, so that whole scenes can do it once a frame.

The 1x1x1 layer by which a 3D network reduces wide inputs is linear, and so is lifting with the
fusions ``concat``, ``mean`` and ``attention``. The two are therefore exchanged where possible: the
layer runs on feature pixels instead of voxels, and a volume of views x channels is never made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Batch, FeatureBatch, MappedBatch
from crossvox.networks.frozen2d import FrozenNetwork
from crossvox.tasks.prior import ClassPrior, tell_classes
from crossvox.views.lift import feature_pixels, lift, lift_attended, seen_voxels, view_counts

if TYPE_CHECKING:
    from crossvox.networks.features2d import Network2D
    from crossvox.networks.volume import VolumeNetwork

AnyFusion = Literal["concat", "mean", "max", "attention"]

SCORE_WIDTH = 32
"""Hidden channels of the scores of ``attention``."""


class LiftedNetwork(nn.Module):
    """2D network, lifting, fusion and 3D network.

    The 2D network always works in evaluation mode: its batch norms keep the statistics of its own
    training, for the few frames of a batch look at one corner of a room and would disturb them.

    Args:
        volume_network: from ``(B, C, X, Y, Z)`` to logits; its ``reduction`` is done before lifting
            where the fusion allows.
        image_network: makes what is lifted; None lifts the images themselves.
        fusion: how views are joined.
        views: views of a sub-volume.
        channels: channels of what is lifted.
        seen_channel: whether the share of views that see a voxel is one more channel.
        trainable: whether the 2D network learns.
        proxy: whether it learns from a loss of its own as well. ``log_variances`` then holds the
            two learned uncertainties, of the 3D and of the 2D loss.
        class_prior: whether what the 2D network says of classes is where the 3D network's classes
            start from, see :class:`ClassPrior`. Both networks then have the same classes.
        prior_dropout: likewise.
        stride: image pixels of one pixel of what is lifted, where no 2D network tells.
    """

    def __init__(
        self,
        volume_network: VolumeNetwork,
        image_network: Network2D | None,
        *,
        fusion: AnyFusion,
        views: int,
        channels: int,
        seen_channel: bool,
        trainable: bool = False,
        proxy: bool = False,
        class_prior: bool = False,
        prior_dropout: float = 0.0,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.volume_network = volume_network
        self.class_prior: ClassPrior | None = None
        if class_prior and image_network is not None:
            self.class_prior = ClassPrior(image_network.classes, prior_dropout)
        self.fusion, self.views, self.channels = fusion, views, channels
        self.seen_channel, self.trainable = seen_channel, trainable
        self.score: nn.Module | None = _scores(channels) if fusion == "attention" else None
        self.image_network = image_network
        self.stride = stride if image_network is None else image_network.feature_stride
        self._frozen: FrozenNetwork | None = None
        if image_network is not None:
            image_network.freeze("nothing" if trainable else "all")
            if not trainable:
                self._frozen = FrozenNetwork(image_network)
            if trainable and not proxy:
                _rest_unused(image_network)
        self.log_variances = nn.Parameter(torch.zeros(2)) if proxy else None
        self.train(self.training)

    def parts(self) -> dict[str, tuple[nn.Module, ...]]:
        """Modules by part, see :meth:`crossvox.networks.volume.VolumeNetwork.parts`.

        The scores of ``attention`` belong to the input, the weight of what frames say of classes to
        the classifier; ``images`` is the 2D network.
        """
        parts: dict[str, tuple[nn.Module, ...]] = dict(self.volume_network.parts())
        if self.score is not None:
            parts["input"] = (*parts["input"], self.score)
        if self.class_prior is not None:
            parts["classifier"] = (*parts["classifier"], self.class_prior)
        return {"images": () if self.image_network is None else (self.image_network,), **parts}

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Groups of what learns, for the optimizer.

        Args:
            rate: learning rate of the 2D network.
        """
        first, *others = self.volume_network.parameter_groups()
        if self.score is not None:
            first = {**first, "params": [*first["params"], *_learning(self.score)]}
        groups = [first, *others]
        if self.image_network is not None and (own := _learning(self.image_network)):
            groups.append({"params": own, "lr": rate})
        scalars = [] if self.log_variances is None else [self.log_variances]
        if self.class_prior is not None:
            scalars.append(self.class_prior.scale)
        scalars = [parameter for parameter in scalars if parameter.requires_grad]
        if scalars:
            # Decay would pull them to a value that means something else than "less".
            groups.append({"params": scalars, "weight_decay": 0.0})
        return groups

    def train(self, mode: bool = True) -> LiftedNetwork:
        """Set training mode, except for the 2D network."""
        super().train(mode)
        if self.image_network is not None:
            self.image_network.eval()
        return self

    def encode(self, images: Tensor) -> Tensor:
        """All that can be said of frames one by one.

        Args:
            images: ``(M, 3, H, W)`` normalised.

        Returns:
            ``(M, C', h, w)`` maps at the features' resolution: features, or what the reduction
            makes of them (for each view slot, behind each other, where views are concatenated),
            then the score of ``attention``.
        """
        return self._mapped(self.image_maps(images))

    def image_maps(self, images: Tensor) -> Tensor:
        """What the 2D network says of frames: the part of :meth:`encode` that may be frozen.

        Args:
            images: ``(M, 3, H, W)`` normalised.

        Returns:
            ``(M, C, h, w)``: features, and behind them, where they are asked for, the logarithms of
            the probabilities of all classes but 0. The images themselves without a 2D network.
        """
        if self.image_network is None:
            return images
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trainable):
            return self.with_classes(self.frame_features(images))

    def frame_features(self, images: Tensor) -> Tensor:
        """What the 2D network alone makes of frames, ``(M, C, h, w)``: the first of two steps."""
        if self.image_network is None:
            return images
        if self._frozen is not None:
            with torch.no_grad():
                return self._frozen.features(_ordered(images))
        return self.image_network.features(_ordered(images))

    def mapped(self, features: Tensor) -> Tensor:
        """The second step: :meth:`encode`, of what :meth:`frame_features` made."""
        return self._mapped(self.with_classes(features))

    def with_classes(self, features: Tensor) -> Tensor:
        """:meth:`image_maps`, of what :meth:`frame_features` made."""
        if self.image_network is None or self.class_prior is None:
            return features
        rows, columns = features.shape[-2:]
        logits = self.image_network.classify(
            features, (rows * self.stride, columns * self.stride), self.stride
        )
        return torch.cat((features, logits[:, 1:].log_softmax(dim=1)), dim=1)

    def _mapped(self, maps: Tensor) -> Tensor:
        """The part of :meth:`encode` after :meth:`image_maps`."""
        features, found = maps[:, : self.channels], []
        weight = self._reduction()
        if weight is not None:
            # (width, slots x channels) to (slots x width, channels): what each slot makes of them.
            slots = self.views if self.fusion == "concat" else 1
            weight = weight[:, : slots * self.channels].reshape(-1, slots, self.channels)
            weight = weight.transpose(0, 1).reshape(-1, self.channels)
            found.append(nn.functional.conv2d(features, weight[:, :, None, None]))
        else:
            found.append(features)
        if self.score is not None:
            found.append(self.score(features))
        if self.class_prior is not None:
            found.append(maps[:, self.channels :])
        return torch.cat(found, dim=1) if len(found) > 1 else found[0]

    def forward(self, batch: Batch, pixel_stride: int = 0, with_prior: bool = True) -> Any:
        """Logits ``(B, classes, X, Y, Z)`` of a batch; maps that it brings along are used.

        Args:
            batch: the samples.
            pixel_stride: above 0, the 2D network's logits are asked for as well, for fields of this
                many pixels along each axis.
            with_prior: whether to add what the batch's frames say of classes; False for whoever
                adds what all frames of the scene say.

        Returns:
            The logits; with ``pixel_stride`` a tuple of them, of the 2D logits ``(M, classes, h,
            w)`` of the views that exist, in the order of ``batch.view_ok``, and of
            ``log_variances``.
        """
        if pixel_stride > 0 and self.image_network is not None and bool(batch.view_ok.any()):
            pixels, features = self.image_network(
                _ordered(batch.images[batch.view_ok]), pixel_stride
            )
            maps = _spread(self.mapped(features), batch.view_ok)
            return self._volume_logits(batch, maps), pixels, self._uncertainties()
        if isinstance(batch, MappedBatch):
            maps = batch.maps
        elif isinstance(batch, FeatureBatch):
            found = batch.features
            maps = self._mapped(found.flatten(0, 1)).unflatten(0, found.shape[:2])
        else:
            maps = self._maps(batch)
        logits = self._volume_logits(batch, maps, with_prior)
        return (logits, None, self._uncertainties()) if pixel_stride > 0 else logits

    def _uncertainties(self) -> Tensor | None:
        """A copy: what several processes exchange gradients of must be computed in the pass."""
        return None if self.log_variances is None else self.log_variances.clone()

    def _volume_logits(self, batch: Batch, maps: Tensor, with_prior: bool = True) -> Tensor:
        """Lift maps, join views, and ask the 3D network."""
        pixel = batch.pixel
        if self.stride > 1:
            height, width = batch.images.shape[-2:]
            pixel = feature_pixels(pixel, (width, height), self.stride)
        pairs = (batch.voxel, pixel, batch.view, batch.sample, batch.shape, batch.view_ok)
        weight, classes = self._reduction(), None
        if self.class_prior is not None:
            maps, classes = maps.tensor_split((-self.class_prior.channels,), dim=2)
        if self.fusion == "attention":
            volume = lift_attended(maps[:, :, :-1], maps[:, :, -1], *pairs)
        elif weight is not None and self.fusion == "concat":
            volume = lift(self._own_slot(maps), *pairs, "sum")
        else:
            volume = lift(maps, *pairs, self.fusion)
        logits: Tensor
        if not self.seen_channel:
            logits = self.volume_network(volume, *([] if weight is None else [True]))
        else:
            keep = batch.view_ok[batch.sample, batch.view]
            count = view_counts(batch.voxel[keep], batch.sample[keep], len(maps), batch.shape)
            share = count[:, None] / self.views
            if weight is None:
                logits = self.volume_network(torch.cat((volume, share), dim=1))
            else:
                seen = weight[:, -1, None, None, None] * share
                logits = self.volume_network(volume + seen, True)
        if self.class_prior is None or classes is None or not with_prior:
            return logits
        return self._told(logits, lift(classes, *pairs, "mean"), batch)

    def _told(self, logits: Tensor, lifted: Tensor, batch: Batch) -> Tensor:
        """Logits with what the frames say of classes, where a frame looks: few voxels of many."""
        assert self.class_prior is not None
        keep = batch.view_ok[batch.sample, batch.view]
        seen = seen_voxels(batch.voxel[keep], batch.sample[keep], len(logits), batch.shape)
        at = seen.nonzero(as_tuple=True)
        rows, own = lifted.movedim(1, -1)[at], logits.movedim(1, -1)
        free, classes = own[at].tensor_split((1,), dim=1)
        told = tell_classes(classes, self.class_prior(rows, at[0]))
        joined = torch.cat((free, told), dim=1)
        return own.to(joined.dtype).index_put(at, joined).movedim(-1, 1)

    def _maps(self, batch: Batch) -> Tensor:
        """Maps ``(B, K, C', h, w)`` of the views that exist, 0 for the others."""
        ok = batch.view_ok
        if bool(ok.all()):
            return self.encode(batch.images.flatten(0, 1)).unflatten(0, ok.shape)
        if not bool(ok.any()):
            # One black frame, for its size; no pair points to it.
            maps = self.encode(batch.images[:1, 0])
            return maps.new_zeros(*ok.shape, *maps.shape[1:])
        return _spread(self.encode(batch.images[ok]), ok)

    def _own_slot(self, maps: Tensor) -> Tensor:
        """Of what the reduction makes of a frame for every slot, that of the slot it is in."""
        slots = maps.unflatten(2, (self.views, -1))
        return torch.stack([slots[:, k, k] for k in range(self.views)], dim=1)

    def _reduction(self) -> Tensor | None:
        """The 3D network's 1x1x1 weights where they can run before lifting."""
        if self.fusion == "max":
            return None
        return self.volume_network.reduction


def _learning(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _ordered(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _spread(maps: Tensor, ok: Tensor) -> Tensor:
    """Maps ``(M, ...)`` of the views that exist to ``(B, K, ...)``, 0 for the others."""
    everything = maps.new_zeros(*ok.shape, *maps.shape[1:])
    return everything.index_put(ok.nonzero(as_tuple=True), maps)


def _scores(channels: int) -> nn.Sequential:
    """A small perceptron for every pixel. It starts at 0, which makes attention the mean."""
    last = nn.Conv2d(SCORE_WIDTH, 1, 1)
    nn.init.zeros_(last.weight)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Conv2d(channels, SCORE_WIDTH, 1), nn.ReLU(inplace=True), last)


def _rest_unused(network: Network2D) -> None:
    """Take the weights out of training that features do not depend on (the classifier's)."""
    network.eval()
    parameters = [p for p in network.parameters() if p.requires_grad]
    side = max(64, network.multiple)
    with torch.enable_grad():
        features = network.features(torch.zeros(1, 3, side, side))
        expect(
            features.requires_grad,
            given=f"a rate for {type(network).__name__}, whose features depend on no weight",
            needed="a 2D network that can learn",
            do="leave --features-rate out",
            error=ParamsError,
        )
        gradients = torch.autograd.grad(features.sum(), parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:
            parameter.requires_grad_(False)
