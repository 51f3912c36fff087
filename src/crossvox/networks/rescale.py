"""Between the normalisation of the data and the one that a network's weights were learnt with."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import torch
from torch import Tensor, nn

from crossvox.core.colors import COLORS, Normalisation


class Rescale(nn.Module):
    """From images as the data normalise them to images as a network's weights read them.

    What is done is part of a checkpoint, unless nothing is: the published weights know no such
    step. A checkpoint without it is therefore one that reads images as they come.

    Args:
        reads: what the weights read.
        given: what the data give.
    """

    factor: Tensor
    offset: Tensor

    def __init__(self, reads: Normalisation, given: Normalisation = COLORS) -> None:
        super().__init__()
        own_mean, own_std, mean, std = (
            torch.tensor(values) for values in (reads.mean, reads.std, given.mean, given.std)
        )
        self._set(std / own_std, (mean - own_mean) / own_std, reads != given)

    def _set(self, factor: Tensor, offset: Tensor, needed: bool) -> None:
        self.needed = needed
        self.register_buffer("factor", factor.view(3, 1, 1), persistent=needed)
        self.register_buffer("offset", offset.view(3, 1, 1), persistent=needed)

    def fit(self, needed: bool) -> None:
        """Get ready to be loaded from a checkpoint that has this step, or has it not."""
        if needed == self.needed:
            return
        factor = torch.ones_like(self.factor).flatten()
        self._set(factor, torch.zeros_like(factor), needed)

    def forward(self, images: Tensor) -> Tensor:
        """Rescale ``(B, 3, H, W)``."""
        return images * self.factor + self.offset if self.needed else images

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **options: Any
    ) -> None:
        self.fit(f"{prefix}factor" in state_dict)
        super()._load_from_state_dict(state_dict, prefix, *args, **options)


def fit_rescaling(network: nn.Module, names: Container[str]) -> None:
    """Get a network ready for weights of these names, where they are copied one by one."""
    for prefix, module in network.named_modules():
        if isinstance(module, Rescale):
            module.fit(f"{prefix}.factor" in names)
