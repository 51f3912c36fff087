"""The network that labels a room in 3D: what it adds to what frames say of each voxel.

A perceptron reads what lies around a voxel of the surface (:mod:`crossvox.scene.label_context`) and
answers with what is to be added to the logarithms of what frames say of the voxel: nothing, before
training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossvox.core.checks import ShapeError, expect


class LabelNet(nn.Module):
    """Classes of surface voxels, corrected by what lies around them.

    Args:
        inputs: numbers told of a voxel.
        classes: how many there are; the first ``2 * classes`` numbers are a voxel's own
            probabilities and their scaled logarithms.
        hidden: width of the perceptron.
        blocks: residual blocks in it.
        dropout: share of the hidden values that training leaves out.
        followed: how much of what is learnt is added after training, where frames say something of
            a voxel: 1 is all of it, 0 nothing.
    """

    def __init__(
        self,
        inputs: int,
        classes: int,
        *,
        hidden: int = 128,
        blocks: int = 1,
        dropout: float = 0.1,
        followed: float = 1.0,
    ) -> None:
        super().__init__()
        self.inputs, self.classes, self.followed = inputs, classes, followed
        self.first = nn.Sequential(
            nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Dropout(dropout)
            )
            for _ in range(blocks)
        )
        self.last = nn.Linear(hidden, classes)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, context: Tensor) -> Tensor:
        """Logits of voxels.

        Args:
            context: ``(N, inputs)``, see :class:`crossvox.scene.label_context.LabelContext`.

        Returns:
            ``(N, classes)``; before training the logarithms of what frames say, and zeros where
            they say nothing.

        Raises:
            ShapeError: other inputs than the network was built for.
        """
        expect(
            context.ndim == 2 and context.shape[1] == self.inputs,
            given=f"contexts of shape {tuple(context.shape)}",
            needed=f"(N, {self.inputs})",
            do="build the network for what is told of a voxel",
            error=ShapeError,
        )
        said = context[:, self.classes : 2 * self.classes] * LOG_SCALE
        value = self.first(context)
        for block in self.blocks:
            value = value + block(value)
        learnt: Tensor = self.last(value)
        if not self.training and self.followed != 1:
            learnt = torch.where(said.any(dim=1, keepdim=True), self.followed * learnt, learnt)
        return said + learnt


LOG_SCALE = 5.0
"""Logarithms are told in units of this."""
