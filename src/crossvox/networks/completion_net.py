"""The network of surface completion: a U-Net on folded volumes.

A room must be seen as a whole to be completed, and its surface told to a fraction of a voxel. Full
size is where a convolution costs most and knows least; so every 2x2x2 voxels become one place with
eight times the channels (Shi et al. 2016 fold images the same way), the U-Net works on these, and
its answer is unfolded again.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ShapeError, expect
from crossvox.networks.scene_unet import SceneUNet

OUTPUTS = 3
"""Signed distance, and the logits of two confidences."""


class CompletionNet(nn.Module):
    """Evidence of all frames to signed distance and confidence, voxel by voxel.

    Args:
        in_channels: channels of the evidence.
        width: channels of the folded volume.
        depth: halvings after folding; the coarsest place is ``2 ** (depth + 1)`` voxels large.
        blocks: residual blocks a level.
        widest: most channels at any size; 0: as many as the halvings give.

    Raises:
        ParamsError: a number makes no sense.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 32,
        depth: int = 3,
        blocks: int = 1,
        widest: int = 96,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.body = SceneUNet(
            8 * in_channels, 8 * OUTPUTS, width=width, depth=depth, blocks=blocks, widest=widest
        )
        with torch.no_grad():  # nowhere a distance to begin with, and few surfaces
            assert self.body.classifier.bias is not None
            self.body.classifier.bias[:8] = 0
            self.body.classifier.bias[8:] = -2

    def forward(self, evidence: Tensor) -> Tensor:
        """Complete a volume.

        Args:
            evidence: ``(B, in_channels, X, Y, Z)`` float, any X, Y, Z.

        Returns:
            ``(B, 3, X, Y, Z)``: signed distance in units of the band (positive: free), and the
            logits that a surface is near, and that a scan would find it there.

        Raises:
            ShapeError: the channels differ from those the network was built for.
        """
        expect(
            evidence.ndim == 5 and evidence.shape[1] == self.in_channels and evidence.numel() > 0,
            given=f"a volume of shape {tuple(evidence.shape)}",
            needed=f"(B, {self.in_channels}, X, Y, Z), not empty",
            do="build the network for the evidence that is collected",
            error=ShapeError,
        )
        x, y, z = evidence.shape[2:]
        padded = functional.pad(evidence, (0, z % 2, 0, y % 2, 0, x % 2))
        return unfolded(self.body(folded(padded)))[:, :, :x, :y, :z]


def folded(volume: Tensor) -> Tensor:
    """``(B, C, X, Y, Z)`` of even size to ``(B, 8 C, X/2, Y/2, Z/2)``."""
    b, c, x, y, z = volume.shape
    parts = volume.reshape(b, c, x // 2, 2, y // 2, 2, z // 2, 2)
    return parts.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, 8 * c, x // 2, y // 2, z // 2)


def unfolded(volume: Tensor) -> Tensor:
    """``(B, 8 C, X, Y, Z)`` to ``(B, C, 2 X, 2 Y, 2 Z)``; undoes :func:`folded`."""
    b, c, x, y, z = volume.shape
    parts = volume.reshape(b, c // 8, 2, 2, 2, x, y, z)
    return parts.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * x, 2 * y, 2 * z)
