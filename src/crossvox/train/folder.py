"""Run folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crossvox.core.artifact import read_json
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.params import from_plain
from crossvox.train.params import PARAMS, TrainParams


@dataclass(frozen=True)
class RunRecord:
    """What ``params.json`` of a run tells: enough to build its task and network again.

    Attributes:
        task: name of the task.
        task_params: its parameters as JSON types; ``core.params.from_plain`` reads them.
        params: how it was trained.
        recipe: what the caller recorded beside (the nest of parameters of the whole command).
        samples: number of samples of the training split and, if there is one, of ``validation``.
    """

    task: str
    task_params: Any
    params: TrainParams
    recipe: Any
    samples: dict[str, int]


def read_record(run: Path, task: str | None = None) -> RunRecord:
    """Read ``params.json`` of a run folder, finished or not.

    Args:
        run: the run folder.
        task: task that it must be a run of, made by the command of that name; None for any.

    Raises:
        ArtifactError: missing or damaged, or a run of another task.
        ParamsError: written by an incompatible version; names the field.
    """
    record = read_json(run / PARAMS)
    try:
        found = RunRecord(
            task=record["task"]["name"],
            task_params=record["task"]["params"],
            params=from_plain(TrainParams, record["train"], "train"),
            recipe=record["recipe"],
            samples=record["samples"],
        )
    except (KeyError, TypeError) as error:
        raise ArtifactError(
            f"given: {run / PARAMS}, which lacks {error}; needed: the record of a training run; "
            f"do: check the path"
        ) from None
    expect(
        task is None or (found.task == task and isinstance(found.recipe, dict)),
        given=f"{run}, a run of task {found.task!r}",
        needed=f"a run of 'crossvox train {task}'",
        do="choose another run folder",
        error=ArtifactError,
    )
    return found


def best_or_last(run: Path) -> Literal["best", "last"]:
    """The checkpoint of a run that counts: the best one, or the last without validation."""
    return "best" if (run / "best").is_dir() else "last"
