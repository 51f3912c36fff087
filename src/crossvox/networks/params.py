"""What 3D networks are built from: one dataclass each, which builds its network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from crossvox.core.checks import ParamsError, expect

if TYPE_CHECKING:
    from crossvox.networks.volume import VolumeNetwork


@dataclass(frozen=True)
class NetworkParams:
    """Parameters of a 3D network. Inherit, add fields with defaults, and build the network.

    Attributes:
        SEEN_CHANNEL: whether the network can read the share of views that see a voxel.
    """

    SEEN_CHANNEL: ClassVar[bool] = True

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        """The network with its initial weights, drawn from torch's global random state.

        Args:
            in_channels: channels of the lifted input.
            classes: channels of the output; class 0 is free space.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class SceneUNetParams(NetworkParams):
    """See :class:`crossvox.networks.scene_unet.SceneUNet`.

    Attributes:
        width: channels at full size.
        depth: halvings; axes that are no multiple of ``2 ** depth`` are padded inside.
        blocks: residual blocks a level.
        prior: probability of "not free" before training.

    Raises:
        ParamsError: a number makes no sense.
    """

    width: int = 16
    depth: int = 3
    blocks: int = 1
    prior: float = 0.05

    def __post_init__(self) -> None:
        expect(
            self.width > 0 and self.depth >= 0 and self.blocks > 0,
            given=f"width={self.width}, depth={self.depth}, blocks={self.blocks}",
            needed="at least width 1, depth 0 and 1 block",
            do="check --task.width, --task.depth and --task.blocks",
            error=ParamsError,
        )
        expect(
            0 < self.prior < 1,
            given=f"prior={self.prior}",
            needed="a probability between 0 and 1, both excluded",
            do="take the share of occupied voxels that you expect",
            error=ParamsError,
        )

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        """The network with its initial weights."""
        from crossvox.networks.scene_unet import SceneUNet

        return SceneUNet(in_channels, classes, **asdict(self))


@dataclass(frozen=True)
class SurfaceNetParams(NetworkParams):
    """See :class:`crossvox.networks.surfacenet.SurfaceNet`: as published, nothing to choose."""

    SEEN_CHANNEL: ClassVar[bool] = False

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        """The network with its initial weights."""
        from crossvox.networks.surfacenet import SurfaceNet

        return SurfaceNet(in_channels, classes)


@dataclass(frozen=True)
class ResNeXtUNetParams(NetworkParams):
    """See :class:`crossvox.networks.resnext_unet.ResNeXtUNet`: as published, nothing to choose."""

    SEEN_CHANNEL: ClassVar[bool] = False

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        """The network with its initial weights."""
        from crossvox.networks.resnext_unet import ResNeXtUNet

        return ResNeXtUNet(in_channels, classes)
