"""A training run that a stage is made from: its weights, and which checkpoint they are."""

from __future__ import annotations

from dataclasses import dataclass

from crossvox.flow.stage import Input
from crossvox.train.chosen import Taken


@dataclass(frozen=True)
class RunInput(Input):
    """A run. Its digest tells the weights: the same ones are the same, whatever they are kept as.

    Attributes:
        checkpoint: which one is taken, decided when it was declared.
    """

    checkpoint: Taken = "best"
