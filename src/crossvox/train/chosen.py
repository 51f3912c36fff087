"""Which checkpoint of a run is taken: the one place where that is decided.

``auto`` is

1. ``average``, if the run made one and it scored at least as well in validation as ``best`` did,
   or nothing was ever validated. No step of it was picked by its score, which flatters it less;
2. else ``best``;
3. else ``last``, of a run without validation.

A run that was packed holds one checkpoint alone, which is taken whichever is asked for.

Nothing heavy is imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from crossvox.core.artifact import read_json
from crossvox.core.checks import ArtifactError, CheckpointError, ParamsError, expect
from crossvox.core.files import STATE
from crossvox.train.params import NETWORK, SELFTEST, CheckpointName

Taken = Literal["average", "best", "last"]

TAKEN: tuple[Taken, ...] = ("average", "best", "last")
"""Folders of a run that may hold weights."""

_HOW_MADE = {
    "average": "a run that was trained with --train.average, up to its first validation or its end",
    "best": "a run that has reached its first validation",
    "last": "a run that has reached its first checkpoint",
}


def chosen(run: Path, checkpoint: CheckpointName = "auto") -> Taken:
    """The checkpoint of a run that is taken.

    Args:
        run: a run folder.
        checkpoint: which one is asked for.

    Returns:
        Its name. Where ``auto`` finds none at all: ``last``, whose reader tells what is missing.

    Raises:
        CheckpointError: the one that is asked for by name is not there; tells which are.
    """
    there = [name for name in TAKEN if (run / name).is_dir()]
    if len(there) == 1 and (run / SELFTEST).is_file():
        return there[0]
    if checkpoint != "auto":
        expect(
            checkpoint in there,
            given=f"{run}, which has no '{checkpoint}' checkpoint",
            needed=_HOW_MADE[checkpoint],
            do=f"ask for '{there[-1] if 'best' not in there else 'best'}', which is there"
            if there
            else "check the path, or train",
            error=CheckpointError,
        )
        return checkpoint
    if "average" in there and _ahead(run / "average", "best" in there):
        return "average"
    return "best" if "best" in there else "last"


def expect_run_of(checkpoint: CheckpointName, runs: Mapping[str, object]) -> None:
    """Refuse to name a checkpoint where there is no run that it could be of.

    Args:
        checkpoint: which one is asked for.
        runs: runs whose weights would be taken, by the flag that names them; None or empty: none.

    Raises:
        ParamsError: a checkpoint is asked for, and no run is named.
    """
    flags = " or ".join(runs)
    expect(
        checkpoint == "auto" or any(runs.values()),
        given=f"--checkpoint {checkpoint} without {flags}",
        needed="the run whose weights are taken",
        do=f"name it by {flags}, or leave --checkpoint out",
        error=ParamsError,
    )


def weights_file(run: Path, checkpoint: CheckpointName = "auto") -> Path:
    """The file with the weights that are taken of a run; it may be missing or damaged.

    Raises:
        CheckpointError: see :func:`chosen`.
    """
    return run / chosen(run, checkpoint) / NETWORK


def _ahead(average: Path, has_best: bool) -> bool:
    """Whether averaged weights scored at least as well as the best ones of their run."""
    if not has_best:
        return True
    try:
        state = read_json(average / STATE)
    except ArtifactError:
        return False
    own, best = _number(state, "average_value"), _number(state, "best_value")
    sign = -1 if isinstance(state, dict) and state.get("higher_is_better") is False else 1
    return sign * own >= sign * best  # False where one of them is no number


def _number(state: Any, name: str) -> float:
    value = state.get(name) if isinstance(state, dict) else None
    return float(value) if isinstance(value, int | float) else math.nan
