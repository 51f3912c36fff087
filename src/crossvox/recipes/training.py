"""What all training runs have in common as stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossvox.flow.stage import Continued, State
from crossvox.train.folder import checkpoints_of, state_of


class Training(Continued):
    """A run folder that is worked in over several calls; ``params.train`` says how."""

    NAME = "train"

    params: Any

    def state(self, folder: Path) -> State:
        """Whether the run is finished, begun, or neither."""
        return state_of(folder)

    def parts(self, folder: Path) -> list[Path]:
        """Its checkpoints."""
        return checkpoints_of(folder)

    def size(self) -> float:
        """Samples that are learnt from, one after the other."""
        train = self.params.train
        return float(train.steps * train.batch_size * train.accumulate)

    def rate(self) -> str:
        """A sample of one task takes many times as long as one of another."""
        return f"{self.NAME} {type(self.params).__name__}"
