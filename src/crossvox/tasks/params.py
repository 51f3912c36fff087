"""What is learnt, and from what."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices, from_plain, named_values
from crossvox.networks import NETWORKS, NETWORKS_2D
from crossvox.networks.params import NetworkParams, SceneUNetParams
from crossvox.scene.params import EvidenceParams
from crossvox.views.params import ViewParams

if TYPE_CHECKING:
    from torch import nn

COLORS = 3
"""Channels of one view's image."""


@dataclass(frozen=True)
class ProxyParams:
    """The 2D loss that joins the 3D loss: that of the 2D run.

    Attributes:
        shares: share of the 2D run's training pixels by NYU40 id.
        weighting: class weights, see :class:`crossvox.tasks.params.Segment2dParams`.
        label_smoothing: likewise.
        loss_stride: likewise.

    Raises:
        ParamsError: a value makes no sense.
    """

    shares: tuple[float, ...]
    weighting: Literal["labels", "published", "even"] = "labels"
    label_smoothing: float = 0.1
    loss_stride: int = 2

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            all(0 <= share <= 1 for share in self.shares),
            given=f"shares {self.shares}",
            needed="shares from 0 to 1",
            do="take them from a 2D run",
            error=ParamsError,
        )
        _check_2d_loss(self.label_smoothing, self.loss_stride)


def _check_2d_loss(label_smoothing: float, loss_stride: int) -> None:
    expect(
        0 <= label_smoothing < 1 and loss_stride in (1, 2, 4, 8),
        given=f"label_smoothing={label_smoothing}, loss_stride={loss_stride}",
        needed="a smoothing from 0 to below 1, a stride of 1, 2, 4 or 8",
        do="correct --task.*",
        error=ParamsError,
    )


@dataclass(frozen=True)
class FeatureParams:
    """The 2D network whose features are lifted in place of colours.

    Attributes:
        network: its name, see :func:`crossvox.networks.build_network2d`.
        channels: channels of its features.
        stride: image pixels of one feature pixel.
        rate: learning rate of the 2D network; 0 keeps its weights as they are.
        proxy: a 2D loss beside the 3D loss, weighted by learned uncertainties; None: none.
        files: folder of feature files that take the place of a network (``files``); None: there
            is a network.

    Raises:
        ParamsError: a number makes no sense.
    """

    network: str
    channels: int
    stride: int
    rate: float = 0.0
    proxy: ProxyParams | None = None
    files: str | None = None

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
        network: ``scene_unet`` (compact, trains on a CPU), ``surfacenet`` or ``resnext_unet`` (as
            published), or another that is registered (:data:`crossvox.networks.NETWORKS`).
        options: parameters of other networks than these, ``NAME=VALUE``.
        width: channels of ``scene_unet`` at full size.
        depth: halvings of ``scene_unet``.
        blocks: residual blocks of ``scene_unet`` a level.
        prior: share of occupied voxels that ``scene_unet`` starts from.
        fusion: how views are joined: ``concat`` (published), or ``mean``, ``max`` or ``attention``
            over the views that see a voxel. ``attention`` weighs them by the softmax of a score
            that a small perceptron learns to give to each view's pixel.
        views: views of a sub-volume; for ``concat`` the network is built for this number. Follows
            from ``--views.max-views``, and need not be told.
        seen_channel: add one channel, the share of the views that see the voxel. Without it a
            voxel of average colour looks like one that nobody sees. The published network has none.
        loss_region: voxels that count in the loss. ``inside`` the scene: the default, for what lies
            beyond has no truth. ``observed`` leaves out what no frame looked at as well; then
            nothing tells the network that the inside of walls is free, and it fills it. ``all`` is
            the published rule: what lies beyond the scene counts as free.
        features: the 2D network whose features are lifted; None lifts colours. Set by
            ``--features RUN2D``.
        lifted: ``nothing`` lifts nothing: the share of the views that see a voxel is all that is
            read, which is what depth alone tells.

    Raises:
        ParamsError: a value makes no sense, alone or beside the others.
    """

    network: str = "scene_unet"
    options: tuple[str, ...] = ()
    width: int = 16
    depth: int = 3
    blocks: int = 1
    prior: float = 0.05
    fusion: Literal["concat", "mean", "max", "attention"] = "concat"
    views: int | None = None
    seen_channel: bool = True
    loss_region: Literal["inside", "observed", "all"] = "inside"
    features: FeatureParams | None = None
    lifted: Literal["nothing"] | None = None

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.lifted is None
            or (self.seen_channel and self.features is None and self.fusion != "attention"),
            given="nothing to be lifted, with features, attention, or without a seen channel",
            needed="colours' place empty, and the seen channel to read",
            do="leave --features, --task.fusion attention and --task.no-seen-channel out",
            error=ParamsError,
        )
        expect(
            self.views is None or self.views > 0,
            given=f"views={self.views}",
            needed="at least one view",
            do="check --views",
            error=ParamsError,
        )
        expect(
            self.network_params.SEEN_CHANNEL or not self.seen_channel,
            given=f"network={self.network} with seen_channel",
            needed="the published input, which has no such channel",
            do="switch the seen channel off (--no-seen-channel)",
            error=ParamsError,
        )

    @property
    def network_params(self) -> NetworkParams:
        """What the 3D network is built from.

        Raises:
            ParamsError: no network has this name, or it does not take these options.
        """
        kind = NETWORKS[self.network]
        if kind is SceneUNetParams:
            expect(
                not self.options,
                given=f"options {' '.join(self.options)} for {self.network}",
                needed="its own flags",
                do="pass --task.width, --task.depth, --task.blocks or --task.prior",
                error=ParamsError,
            )
            return SceneUNetParams(self.width, self.depth, self.blocks, self.prior)
        return from_plain(kind, named_values(self.options, "--task.options"), "--task.options")

    @property
    def slots(self) -> int:
        """Views of a sub-volume."""
        return ViewParams.max_views if self.views is None else self.views

    @property
    def view_channels(self) -> int:
        """Channels that are lifted from one view."""
        if self.lifted == "nothing":
            return 0
        return COLORS if self.features is None else self.features.channels

    @property
    def in_channels(self) -> int:
        """Channels that the 3D network reads."""
        slots = self.slots if self.fusion == "concat" else 1
        return slots * self.view_channels + int(self.seen_channel)

    @property
    def lifts_inside(self) -> bool:
        """Whether lifting is part of the network, which then reads batches instead of volumes."""
        return self.features is not None or self.fusion == "attention"


@dataclass(frozen=True)
class ReconstructParams(SceneTaskParams):
    """What is learnt, and from what.

    Attributes:
        class_weights: weights of free and occupied voxels in the cross entropy. The published
            1 and 13 draw thick surfaces (docs/adr/0003-class-weights.md).

    Raises:
        ParamsError: a value makes no sense, alone or beside the others.
    """

    class_weights: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(
            len(self.class_weights) == 2
            and all(math.isfinite(weight) and weight > 0 for weight in self.class_weights),
            given=f"class_weights={self.class_weights}",
            needed="two positive numbers, for free and for occupied",
            do="check --class-weights",
            error=ParamsError,
        )


@dataclass(frozen=True)
class Segment3dParams(SceneTaskParams):
    """What is learnt, and from what.

    Attributes:
        weighting: class weights of the cross entropy. ``labels``: 1 / ln(1.2 + share) of the
            training voxels, scaled to a mean of 1 over annotated voxels, and 1 for free space, so
            that rare classes weigh more and surfaces grow no thicker; ``published``: ScanNet's
            table, which weighs surface 1.3 times free space on average; or ``even``.
        extra_loss: what is added to the cross entropy: ``none``, soft ``dice`` or ``lovasz``
            (Berman, Triki and Blaschko 2018), over the annotated voxels, mean over the classes that
            a batch holds.
        extra_weight: factor of the extra loss.
        unlabelled: ``surface``: a voxel of the surface that nobody annotated teaches that there is
            surface, of whatever class (with weight 1); by default it counts nowhere.
        class_prior: where features are lifted, start from the classes that their 2D network gives
            to the views of a voxel, and learn what to correct (see
            :class:`crossvox.tasks.prior.ClassPrior`). The published network has none.
        prior_dropout: share of the training samples that do without, so that the 3D network learns
            to tell classes by itself as well. On generated rooms it did harm (docs/labelled-rooms).

    Raises:
        ParamsError: a value makes no sense, alone or beside the others.
    """

    weighting: Literal["labels", "published", "even"] = "labels"
    extra_loss: Literal["none", "dice", "lovasz"] = "none"
    extra_weight: float = 1.0
    unlabelled: Literal["surface"] | None = None
    class_prior: bool = True
    prior_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(
            math.isfinite(self.extra_weight) and self.extra_weight >= 0,
            given=f"extra_weight={self.extra_weight}",
            needed="a number of 0 or more",
            do="check --task.extra-weight",
            error=ParamsError,
        )
        expect(
            0 <= self.prior_dropout < 1,
            given=f"prior_dropout={self.prior_dropout}",
            needed="a share from 0 to below 1",
            do="check --task.prior-dropout",
            error=ParamsError,
        )


@dataclass(frozen=True)
class Segment2dParams:
    """What is learnt, and by which loss.

    Attributes:
        network: ``lite`` (efficientnet-lite0, trains on a CPU), ``lite1`` and ``lite2`` (larger),
            ``enet``, ``deeplab`` (both as published), or ``smp:ARCHITECTURE/ENCODER``, for example
            ``smp:unet/resnet18``.
        depth: the network also sees what depth tells (:mod:`crossvox.views.geometry`), where an
            image has depth; of the networks here, those of ``lite`` can.
        weights: what the encoder starts from: ``auto`` (ImageNet where its weights come with a
            package, as for ``lite``), ``none``, or a name that the network knows and downloads.
        freeze: part that keeps its weights: ``nothing``, ``early`` (as published: DeepLab's
            backbone but its last stage), ``encoder``, ``all``.
        encoder_rate_share: learning rate of the encoder, as a share of the decoder's.
        weighting: class weights of the loss: from the training ``labels``, the ``published`` ones
            (ScanNet), or ``even``.
        label_smoothing: share of each target that is spread over all classes.
        loss_stride: the loss is taken at every n-th pixel along each axis. 1 is the published rule;
            2 saves a third of the time of ``lite``.

    Raises:
        ParamsError: a value makes no sense.
    """

    network: str = "lite"
    depth: bool = False
    weights: str = "auto"
    freeze: Literal["nothing", "early", "encoder", "all"] = "nothing"
    encoder_rate_share: float = 0.3
    weighting: Literal["labels", "published", "even"] = "labels"
    label_smoothing: float = 0.1
    loss_stride: int = 2

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.network.partition(":")[0] in NETWORKS_2D,
            given=f"2D network {self.network!r}",
            needed=f"one of {', '.join(NETWORKS_2D)} (smp:ARCHITECTURE/ENCODER, timm:NAME)",
            do="correct --task.network",
            error=ParamsError,
        )
        expect(
            math.isfinite(self.encoder_rate_share) and self.encoder_rate_share >= 0,
            given=f"encoder_rate_share={self.encoder_rate_share}",
            needed="a rate share of 0 or more",
            do="correct --task.encoder-rate-share",
            error=ParamsError,
        )
        _check_2d_loss(self.label_smoothing, self.loss_stride)


@dataclass(frozen=True)
class CompletionNetworkParams:
    """The network of surface completion, :class:`crossvox.networks.completion_net.CompletionNet`.

    Attributes:
        width: channels of the folded volume, whose places are two voxels large.
        depth: halvings after that.
        blocks: residual blocks a level.
        widest: most channels at any size.
    """

    width: int = 32
    depth: int = 3
    blocks: int = 1
    widest: int = 96

    def build(self, in_channels: int) -> nn.Module:
        """The network with its initial weights."""
        from crossvox.networks.completion_net import CompletionNet

        return CompletionNet(in_channels, **asdict(self))


@dataclass(frozen=True)
class CompleteParams:
    """What surface completion learns.

    Attributes:
        voxel_m: edge of a voxel, metres.
        evidence: what is collected of all frames.
        network: what reads it.
        far_weight: weight of voxels beyond the band, where only the side counts, beside 1 within.
        measured_weight: factor on the weight of voxels that were measured. What is said of them is
            not used, but to say it is where a network learns first what a surface is: with 0.2, F1
            where nothing was measured is 0.035 after 300 steps instead of 0.128.
        confidence_weight: weight of the confidences' losses beside that of the distance.
    """

    voxel_m: float = 0.05
    evidence: EvidenceParams = field(default_factory=EvidenceParams)
    network: CompletionNetworkParams = field(default_factory=CompletionNetworkParams)
    far_weight: float = 0.2
    measured_weight: float = 1.0
    confidence_weight: float = 0.5

    def __post_init__(self) -> None:
        expect(
            0 < self.voxel_m < 1
            and min(self.far_weight, self.measured_weight, self.confidence_weight) >= 0,
            given=f"voxel_m={self.voxel_m}, far_weight={self.far_weight}, "
            f"measured_weight={self.measured_weight}, confidence_weight={self.confidence_weight}",
            needed="voxels smaller than a metre, and weights of 0 or more",
            do="correct --task.*",
            error=ParamsError,
        )

    @property
    def channels(self) -> int:
        """Channels of the evidence."""
        return 9 if self.evidence.colors else 6
