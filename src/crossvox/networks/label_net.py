"""The network that labels a room in 3D: what it adds to what frames say of each voxel.

Classes are known at the surface alone, some hundredths of a room's voxels; the surroundings that
tell them apart are known everywhere. So what frames say is embedded voxel by voxel at the surface,
scattered into a volume of places of 2x2x2 voxels beside the evidence of depth, and a small U-Net
looks at the whole. Its answer is gathered at the surface again. What comes out are logarithms of
probabilities: those that frames said, plus what was learnt, which is nothing to begin with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from crossvox.core.checks import ShapeError, expect
from crossvox.networks.completion_net import folded
from crossvox.networks.scene_unet import SceneUNet

LEAST = 1e-3
"""Probabilities below this count as this."""

_LOG_SCALE = 0.2
_OFFSETS = 8
"""Voxels of a place: ``4 dx + 2 dy + dz``, as :func:`crossvox.networks.completion_net.folded`."""


class LabelNet(nn.Module):
    """Classes of surface voxels, corrected by what lies around them.

    Args:
        classes: how many there are.
        channels: of the evidence of depth.
        embedding: channels that what frames say of a voxel is embedded in.
        width: channels of a place.
        depth: halvings after folding; the coarsest place is ``2 ** (depth + 1)`` voxels large.
        blocks: residual blocks a level.
        widest: most channels at any size.
        gathered: channels that a voxel gets back from its place.
        hidden: width of the last perceptron.
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        *,
        embedding: int = 24,
        width: int = 24,
        depth: int = 3,
        blocks: int = 1,
        widest: int = 40,
        gathered: int = 16,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.classes, self.channels, self.width = classes, channels, width
        self.gathered = gathered
        self.embed = nn.Sequential(nn.Linear(2 * classes + 2, embedding), nn.ReLU())
        self.scatter = nn.Linear(embedding, _OFFSETS * width, bias=False)
        self.evidence = nn.Conv3d(_OFFSETS * channels, width, kernel_size=1, bias=False)
        self.join = nn.Sequential(nn.BatchNorm3d(width), nn.ReLU(inplace=True))
        self.body = SceneUNet(
            width, _OFFSETS * gathered, width=width, depth=depth, blocks=blocks, widest=widest
        )
        self.head = nn.Sequential(
            nn.Linear(gathered + embedding, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )
        nn.init.kaiming_normal_(self.body.classifier.weight, mode="fan_in")
        assert self.body.classifier.bias is not None
        nn.init.zeros_(self.body.classifier.bias)
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self, evidence: Tensor, probability: Tensor, weight: Tensor, place: Tensor
    ) -> Tensor:
        """Logits of surface voxels.

        Args:
            evidence: ``(B, channels, X, Y, Z)`` float.
            probability: ``(N, classes)``, what frames say of each voxel; rows of zeros where none
                says anything.
            weight: ``(N,)``, how much they say.
            place: ``(N,)`` int64, linear numbers of the voxels in ``(B, X, Y, Z)``.

        Returns:
            ``(N, classes)``; before training the logarithms of ``probability``, and zeros where
            that is zero.

        Raises:
            ShapeError: other channels or classes than the network was built for.
        """
        count = len(place)
        expect(
            evidence.ndim == 5
            and evidence.shape[1] == self.channels
            and probability.shape == (count, self.classes)
            and weight.shape == (count,),
            given=f"evidence {tuple(evidence.shape)}, probabilities {tuple(probability.shape)}, "
            f"weights {tuple(weight.shape)}, {count} voxels",
            needed=f"(B, {self.channels}, X, Y, Z), (N, {self.classes}), (N,) and N voxels",
            do="build the network for what is collected",
            error=ShapeError,
        )
        known = (weight > 0).to(probability.dtype)[:, None]
        said = probability.clamp(min=LEAST).log() * known
        told = (probability, said * _LOG_SCALE, torch.log1p(weight)[:, None], known)
        embedded = self.embed(torch.cat(told, dim=1))
        around = self._around(evidence, embedded, place)
        learnt: Tensor = self.head(torch.cat((around, embedded), dim=1))
        return said + learnt

    def _around(self, evidence: Tensor, embedded: Tensor, place: Tensor) -> Tensor:
        """What the surroundings of each voxel tell, ``(N, gathered)``."""
        batch, _, x, y, z = evidence.shape
        evidence = functional.pad(evidence, (0, z % 2, 0, y % 2, 0, x % 2))
        folds = [length // 2 for length in evidence.shape[2:]]
        room, k = place.div(z, rounding_mode="floor"), place % z
        room, j = room.div(y, rounding_mode="floor"), room % y
        room, i = room.div(x, rounding_mode="floor"), room % x
        offset = 4 * (i % 2) + 2 * (j % 2) + k % 2
        fold = ((room * folds[0] + i // 2) * folds[1] + j // 2) * folds[2] + k // 2
        scattered = self.scatter(embedded).view(-1, _OFFSETS, self.width)
        rows = torch.arange(len(place), device=place.device)
        volume = embedded.new_zeros(batch * folds[0] * folds[1] * folds[2], self.width)
        volume = volume.index_add(0, fold, scattered[rows, offset])
        volume = volume.view(batch, *folds, self.width).permute(0, 4, 1, 2, 3)
        answer = self.body(self.join(volume + self.evidence(folded(evidence))))
        answer = answer.permute(0, 2, 3, 4, 1).reshape(-1, _OFFSETS, self.gathered)
        found: Tensor = answer[fold, offset]
        return found
