"""A moving average of the weights, which tells more than the weights of any one step.

Steps of a high rate jump about the place that they look for; their mean lies nearer to it (Polyak
and Juditsky 1992). The decay grows from 0 with the steps, so that the first weights, which are
chance, are soon forgotten. Running means and variances of batch norms are averaged as weights are;
what counts (``num_batches_tracked``) is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from crossvox.core.checks import CheckpointError, expect

AVERAGE = "average."
"""Prefix of averaged weights among the tensors that a run goes on from."""

_SLOW_START = 10
"""After n steps the decay is at most (n + 1) / (n + this)."""


class WeightAverage:
    """The moving average of a network's weights and buffers.

    Args:
        network: whose weights are averaged, on the device that it learns on; they are changed in
            place by the optimizer.
        decay: share of the average that stays in each step.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._own = dict(network.state_dict(keep_vars=False))
        self.tensors: dict[str, Tensor] = {name: t.clone() for name, t in self._own.items()}
        self._floats = [name for name, t in self._own.items() if t.is_floating_point()]
        self._rest = [name for name, t in self._own.items() if not t.is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step`` (0, 1, ...)."""
        decay = min(self._decay, (step + 1) / (step + _SLOW_START))
        torch._foreach_lerp_(
            [self.tensors[name] for name in self._floats],
            [self._own[name] for name in self._floats],
            1 - decay,
        )
        for name in self._rest:
            self.tensors[name].copy_(self._own[name])

    def named(self) -> dict[str, Tensor]:
        """The averaged weights, as they are kept beside the optimizer's moments."""
        return {f"{AVERAGE}{name}": value for name, value in self.tensors.items()}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], source: str) -> None:
        """Undo :meth:`named`; other entries are not looked at.

        Raises:
            CheckpointError: some are missing, or of another shape.
        """
        for name, value in self.tensors.items():
            found = tensors.get(f"{AVERAGE}{name}")
            expect(
                found is not None and found.shape == value.shape,
                given=f"{source} without the averaged weights of {name}",
                needed="those of every weight of the network",
                do="train in a new folder",
                error=CheckpointError,
            )
            assert found is not None
            value.copy_(found)

    @contextmanager
    def put_in(self) -> Iterator[None]:
        """The network with the averaged weights, for as long as the context lasts.

        Neither :meth:`update` nor :meth:`named` may be called in it.
        """
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        """Change places, one tensor at a time: a third copy of the network is never held."""
        for name, value in self._own.items():
            own = value.clone()
            value.copy_(self.tensors[name])
            self.tensors[name].copy_(own)
