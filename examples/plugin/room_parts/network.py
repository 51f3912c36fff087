"""A 3D network: ``--task.network two_layers --task.options hidden=8``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossvox.networks.params import NetworkParams

if TYPE_CHECKING:
    from crossvox.networks.volume import VolumeNetwork


@dataclass(frozen=True)
class TwoLayers(NetworkParams):
    """Two convolutions.

    Attributes:
        hidden: channels between them.
    """

    hidden: int = 4

    def build(self, in_channels: int, classes: int) -> VolumeNetwork:
        """The network with its initial weights; torch is imported only where one is built."""
        from torch import Tensor, nn

        from crossvox.networks.volume import VolumeNetwork

        class Layers(VolumeNetwork):
            def __init__(self, hidden: int) -> None:
                super().__init__()
                first = nn.Conv3d(in_channels, hidden, 3, padding=1)
                self.layers = nn.Sequential(first, nn.ReLU(), nn.Conv3d(hidden, classes, 1))

            def forward(self, volume: Tensor) -> Tensor:
                return self.layers(volume)

        return Layers(self.hidden)
