"""Experiment trackers (Weights & Biases, MLflow, ...): the curves of a run, told to others as well.

They are those of accelerate (``accelerate.tracking.LOGGER_TYPE_TO_CLASS``), and what is registered
there. Where they keep what they are told is for their own settings to say (``WANDB_MODE``,
``MLFLOW_TRACKING_URI``, ...).

A run that goes on goes on there too, where the tracker can find it again; what was told before is
not told twice. A tracker that fails ends no training: it is warned of, and told nothing more.
"""

from __future__ import annotations

import math
import os
import re
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain, read_json, write_json
from crossvox.core.checks import CrossvoxError, ParamsError, expect, reason
from crossvox.core.params import from_plain
from crossvox.core.registry import nearest
from crossvox.train.params import TRACKERS

PROJECT = "crossvox"
"""What runs are filed under, where the tracker's own settings name nothing else."""

_NO_NAME = re.compile(r"[^\w\-. /]")
"""What some trackers do not take in the name of a curve."""


def expect_trackers(names: Sequence[str]) -> None:
    """Refuse, before anything is trained, trackers that are not there.

    Raises:
        ParamsError: one is unknown, or its package is not installed.
    """
    if not names:
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    known = sorted(str(name) for name in LOGGER_TYPE_TO_CLASS if str(name) != "tensorboard")
    for name in names:
        expect(
            name in known,
            given=f"--train.trackers {name}",
            needed=f"some of {', '.join(known)} (TensorBoard has --train.tensorboard)",
            do=nearest(name, known) or "correct the name",
            error=ParamsError,
        )
        foreign = not LOGGER_TYPE_TO_CLASS[name].__module__.startswith("accelerate.")
        expect(
            foreign or find_spec(name) is not None,
            given=f"--train.trackers {name}, whose package is not installed",
            needed=f"the package {name.replace('_', '-')}",
            do=f"pip install {name.replace('_', '-')}, or leave {name} out",
            error=ParamsError,
        )


@dataclass(frozen=True)
class Told:
    """What one tracker knows of a run.

    Attributes:
        id: by which it finds the run again; empty: it cannot.
        step: the newest step that it was told of.
    """

    id: str = ""
    step: int = 0


class Trackers:
    """The trackers of one session of a run. For one process only.

    Args:
        names: which.
        run: the run folder; ``trackers.json`` there keeps by what id each of them knows the run.
        config: what the run is asked to be, told once.
        step: step that the session goes on from; 0: the run begins anew.
        logged: the newest step of the log of the sessions before.

    Raises:
        CrossvoxError: a tracker cannot begin; says why.
        ArtifactError: ``trackers.json`` is damaged.
    """

    def __init__(
        self,
        names: Sequence[str],
        run: Path,
        config: Mapping[str, Any],
        *,
        step: int,
        logged: int,
    ) -> None:
        expect_trackers(names)
        self._from = step
        self._trackers: dict[str, Any] = {}
        self._told: dict[str, Told] = {}
        file = run / TRACKERS
        before = _read(file) if step and file.is_file() else {}
        for name in names:
            known = before.get(name)
            try:
                self._trackers[name], id_ = _begun(name, run, known)
                if known is None or not id_:
                    self._trackers[name].store_init_configuration(_flat(config))
            except Exception as error:
                self.close()
                raise CrossvoxError(
                    f"given: --train.trackers {name}, which cannot begin ({reason(error)}); "
                    f"needed: a tracker that is set up; do: set it up, or leave {name} out"
                ) from error
            newest = 0 if known is None else max(known.step, logged)
            self._told[name] = Told(id_, newest)
        if names:
            # Of those that are left out this time, what they know is kept.
            write_json(file, {**before, **self._told})

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Tell points of curves, but for those that were told before.

        Args:
            step: which step they belong to.
            scalars: values by curve.
        """
        values = {_NO_NAME.sub("", name): float(value) for name, value in scalars.items()}
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        for name, tracker in list(self._trackers.items()):
            if self._from < step <= self._told[name].step:
                continue
            try:
                tracker.log(values, step=step)
            except Exception as error:
                del self._trackers[name]
                text = f"{name} is told nothing more of this run: {reason(error)}"
                warnings.warn(text, stacklevel=2)

    def close(self) -> None:
        """Tell the trackers that the session has ended."""
        for name, tracker in self._trackers.items():
            try:
                tracker.finish()
            except Exception as error:
                warnings.warn(f"{name} did not end well: {reason(error)}", stacklevel=2)
        self._trackers = {}


def _read(file: Path) -> dict[str, Told]:
    return from_plain(dict[str, Told], read_json(file), file.name)


def _begun(name: str, run: Path, known: Told | None) -> tuple[Any, str]:
    """A tracker at work on a run, and the id by which it finds the run again."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    made = LOGGER_TYPE_TO_CLASS[name]
    options, id_ = _options(name, run, "" if known is None else known.id)
    project = os.environ.get("WANDB_PROJECT", PROJECT) if name == "wandb" else PROJECT
    folder = [str(run)] if made.requires_logging_directory else []
    tracker = made(project, *folder, **options)
    tracker.start()
    if name == "mlflow":
        id_ = tracker.tracker.info.run_id
    return tracker, id_


def _options(name: str, run: Path, known: str) -> tuple[dict[str, Any], str]:
    """What a tracker is given so that it goes on with a run; and the id, where it is ours."""
    if name == "wandb":
        id_ = known or uuid.uuid4().hex
        return {"id": id_, "resume": "allow", "name": run.name, "dir": str(run)}, id_
    if name == "mlflow":
        return ({"run_id": known} if known else {"run_name": run.name}), known
    return {}, ""


def _flat(value: Any, where: str = "") -> dict[str, Any]:
    """Nested parameters as one table, by dotted name, of what trackers take."""
    value = plain(value)
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, item in value.items():
            found |= _flat(item, f"{where}.{key}" if where else str(key))
        return found
    return {where: value if isinstance(value, bool | int | float | str) else str(value)}
