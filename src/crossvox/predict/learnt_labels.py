"""A network of labels in 3D, as what corrects the classes that frames give to a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import VoxelGrid
from crossvox.scene.label_context import LabelContext

if TYPE_CHECKING:
    from torch import nn

ROWS = 16384
"""Voxels that are answered together: about 35 MB."""


@dataclass(frozen=True, eq=False)
class LearntLabels:
    """Corrects what frames say of the classes of a surface (see ``Refine`` in
    :mod:`crossvox.predict.label`).

    Attributes:
        network: in evaluation mode, on its device.
        temperature: logits are divided by this.
    """

    network: nn.Module
    temperature: float = 1.0

    def __call__(
        self,
        grid: VoxelGrid,
        voxels: NDArray[np.int64],
        normals: NDArray[np.float32],
        probability: NDArray[np.float32],
        weight: NDArray[np.float32],
        evidence: Any = None,
    ) -> NDArray[np.float32]:
        """Better probabilities of the voxels near a surface.

        Besides the answer, the memory is that of :data:`ROWS` voxels and of the sums of all cells
        that hold surface.

        Args:
            grid: where the voxels are; z is up.
            voxels: ``(N,)`` linear numbers, C order.
            normals: ``(N, 3)`` unit normals of the surface there; 0 where nobody knows.
            probability: ``(N, C)`` what frames say; all 0 where none says anything.
            weight: ``(N,)`` how much they say.
            evidence: of depth; not read.

        Returns:
            ``(N, C)`` float32 that sum to 1, also where no frame says anything; all 0 where no
            frame says anything of the whole surface.
        """
        import torch

        del evidence
        found = np.zeros_like(probability, np.float32)
        if not (weight > 0).any():
            return found
        context = LabelContext(grid, voxels, normals, probability, weight)
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            for start in range(0, len(voxels), ROWS):
                chosen = np.arange(start, min(start + ROWS, len(voxels)))
                told = torch.from_numpy(context.rows(chosen)).to(device)
                logits = self.network(told).float() / self.temperature
                found[chosen] = logits.softmax(dim=1).cpu().numpy()
        return found
