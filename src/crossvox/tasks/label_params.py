"""What labels in 3D are learnt from, and by which loss."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices
from crossvox.scene.params import VoteParams

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LabelNetworkParams:
    """The network of labels in 3D, :class:`crossvox.networks.label_net.LabelNet`.

    Attributes:
        hidden: width of the perceptron.
        blocks: residual blocks in it.
        dropout: share of the hidden values that training leaves out.
        followed: how much of what is learnt is added to what frames say, after training. Less than
            all keeps nearer to the votes: of other rooms than those learnt from, more is wrong.

    Raises:
        ParamsError: a number makes no sense.
    """

    hidden: int = 128
    blocks: int = 1
    dropout: float = 0.1
    followed: float = 1.0

    def __post_init__(self) -> None:
        expect(
            1 <= self.hidden <= 4096
            and 0 <= self.blocks <= 64
            and 0 <= self.dropout < 1
            and 0 <= self.followed <= 1,
            given=f"{asdict(self)}",
            needed="a width from 1 to 4096, at most 64 blocks, a share below 1, and one up to 1",
            do="correct --task.network.*",
            error=ParamsError,
        )

    def build(self, classes: int) -> nn.Module:
        """The network with its initial weights."""
        from crossvox.networks.label_net import LabelNet
        from crossvox.scene.label_context import context_size

        return LabelNet(context_size(classes), classes, **asdict(self))


@dataclass(frozen=True)
class Label3dParams:
    """What labels in 3D learn.

    Attributes:
        voxel_m: edge of a voxel, metres.
        votes: how what frames say of classes is added up.
        network: what reads it.
        weighting: class weights of the cross entropy: ``labels``, 1 / ln(1.2 + share) of the
            training voxels, or ``even``.
        extra_loss: what is added to the cross entropy: ``none``, or ``lovasz`` (Berman, Triki and
            Blaschko 2018), mean over the classes that a batch holds.
        extra_weight: factor of it.

    Raises:
        ParamsError: a value makes no sense.
    """

    voxel_m: float = 0.05
    votes: VoteParams = field(default_factory=VoteParams)
    network: LabelNetworkParams = field(default_factory=LabelNetworkParams)
    weighting: Literal["labels", "even"] = "even"
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
