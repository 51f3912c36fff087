"""The contract between a task and the loop that trains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from crossvox.core.volume import Score

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Losses:
    """The loss of one batch.

    Attributes:
        total: scalar tensor to take the gradient of.
        parts: what it is made of, by name, detached scalars; for the log only.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


class Task(Protocol):
    """What a task offers to the training loop, to prediction and to evaluation.

    The loop moves network and batch to one device and puts the network into training or evaluation
    mode; a task never does. Counts add: for any split of the data into batches,
    ``scores(observe(batch 1) + observe(batch 2) + ...)`` is the same list of scores.
    """

    @property
    def name(self) -> str:
        """Name of the task, for run folders and reports."""
        ...

    @property
    def monitor(self) -> str:
        """Name of the score that picks the best checkpoint."""
        ...

    @property
    def monitor_higher_is_better(self) -> bool:
        """Which way that score is good."""
        ...

    def build(self) -> nn.Module:
        """A network with initial weights, drawn from torch's global random state."""
        ...

    def loss(self, network: nn.Module, batch: Any) -> Losses:
        """The loss of one batch, with gradients."""
        ...

    def observe(self, network: nn.Module, batch: Any) -> dict[str, Tensor]:
        """What validation counts on one batch, see :func:`exact`: numbers that add up."""
        ...

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        """Scores of counts that were added over a split; one of them is called ``monitor``."""
        ...


def exact(counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Counts of one batch, ready to be added: float64 on the CPU.

    They are moved before they become float64, which not every accelerator has.

    Args:
        counts: whole numbers and float32 sums, on any device.
    """
    return {name: value.detach().cpu().double() for name, value in counts.items()}


def loss_score(counts: Mapping[str, Tensor], of: str, protocol: str) -> Score:
    """The mean loss of a split, from added counts; NaN where nothing counted.

    Args:
        counts: with ``loss_sum``, ``loss_weight`` (their ratio is the mean) and ``loss_`` + ``of``.
        of: what was counted, ``pixels`` or ``voxels``.
        protocol: which loss.
    """
    weight = float(counts["loss_weight"])
    return Score(
        name="loss",
        value=float(counts["loss_sum"]) / weight if weight else math.nan,
        unit="",
        support=round(float(counts[f"loss_{of}"])),
        of=of,
        higher_is_better=False,
        protocol=protocol,
    )
