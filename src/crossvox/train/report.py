"""What training tells while it goes on, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crossvox.core.volume import Score

StoppedBy = Literal["steps", "interrupt", "time limit"]


@dataclass(frozen=True)
class TrainProgress:
    """Where training stands, after a step.

    Attributes:
        step: steps done, all sessions together.
        steps: steps of the whole run.
        loss: training loss of this step, mean over its batches and processes.
        rate: learning rate of this step, of the first parameter group.
        seconds: time trained so far, all sessions together.
        eta_s: expected time to the last step, from this session's mean time a step.
        scores: the newest validation scores by name; empty before the first validation.
    """

    step: int
    steps: int
    loss: float
    rate: float
    seconds: float
    eta_s: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class TrainReport:
    """How a call of :func:`train` ended.

    Attributes:
        run: the run folder.
        step: steps done, all sessions together.
        stopped_by: ``steps`` (complete), ``interrupt`` (goes on when called again), ``time limit``.
        resumed_from: step that this call went on from, or None if it began anew.
        already_finished: the run was complete before; nothing was done.
        seconds: time trained, all sessions together.
        loss: training loss of the newest step, NaN if this call made none.
        monitor: name of the score that picks the best checkpoint.
        best_step: step of the best checkpoint, or None without validation.
        scores: validation scores of the best checkpoint.
        parameters: number of trained parameters.
        dropped_log_lines: lines of ``log.jsonl`` beyond the checkpoint, dropped on resume.
    """

    run: Path
    step: int
    stopped_by: StoppedBy
    resumed_from: int | None
    already_finished: bool
    seconds: float
    loss: float
    monitor: str
    best_step: int | None
    scores: tuple[Score, ...]
    parameters: int
    dropped_log_lines: int = 0

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it; the same call goes on from there."""
        return self.stopped_by == "interrupt"
