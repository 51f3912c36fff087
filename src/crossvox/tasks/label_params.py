"""What labels in 3D are learnt from, and by which loss."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices
from crossvox.scene.params import EvidenceParams, VoteParams

if TYPE_CHECKING:
    from torch import nn

DEPTH_CHANNELS = 7
"""Of the evidence of depth (:data:`crossvox.scene.evidence.CHANNELS`), and the height over the
floor."""


@dataclass(frozen=True)
class LabelNetworkParams:
    """The network of labels in 3D, :class:`crossvox.networks.label_net.LabelNet`.

    Attributes:
        embedding: channels that what frames say of a voxel is embedded in.
        width: channels of the folded volume, whose places are two voxels large.
        depth: halvings after that.
        blocks: residual blocks a level.
        widest: most channels at any size.
        gathered: channels that a voxel gets back from its place.
        hidden: width of the last perceptron.

    Raises:
        ParamsError: a number makes no sense.
    """

    embedding: int = 24
    width: int = 24
    depth: int = 3
    blocks: int = 1
    widest: int = 40
    gathered: int = 16
    hidden: int = 64

    def __post_init__(self) -> None:
        expect(
            all(1 <= size <= 1024 for size in asdict(self).values()),
            given=f"{asdict(self)}",
            needed="numbers from 1 to 1024",
            do="correct --task.network.*",
            error=ParamsError,
        )

    def build(self, classes: int) -> nn.Module:
        """The network with its initial weights."""
        from crossvox.networks.label_net import LabelNet

        return LabelNet(classes, DEPTH_CHANNELS, **asdict(self))


@dataclass(frozen=True)
class Label3dParams:
    """What labels in 3D learn.

    Attributes:
        voxel_m: edge of a voxel, metres.
        evidence: what is collected of all frames' depth.
        votes: how what frames say of classes is added up.
        network: what reads both.
        weighting: class weights of the cross entropy: ``labels``, 1 / ln(1.2 + share) of the
            training voxels, or ``even``.
        extra_loss: what is added to the cross entropy: ``none``, or ``lovasz`` (Berman, Triki and
            Blaschko 2018), mean over the classes that a batch holds.
        extra_weight: factor of it.

    Raises:
        ParamsError: a value makes no sense.
    """

    voxel_m: float = 0.05
    evidence: EvidenceParams = field(default_factory=EvidenceParams)
    votes: VoteParams = field(default_factory=VoteParams)
    network: LabelNetworkParams = field(default_factory=LabelNetworkParams)
    weighting: Literal["labels", "even"] = "labels"
    extra_loss: Literal["none", "lovasz"] = "lovasz"
    extra_weight: float = 0.5

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            0 < self.voxel_m < math.inf
            and math.isfinite(self.extra_weight)
            and self.extra_weight >= 0,
            given=f"voxel_m={self.voxel_m}, extra_weight={self.extra_weight}",
            needed="a positive edge, and a number of 0 or more",
            do="correct --task.*",
            error=ParamsError,
        )
        expect(
            not self.evidence.colors,
            given="evidence with colours",
            needed="evidence of depth alone: what colours say, frames say by their classes",
            do="leave --task.evidence.colors out",
            error=ParamsError,
        )
