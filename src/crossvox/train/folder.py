"""A run folder: may I write here, is it the same run, and what does it tell.

All rules on run folders are here, and nothing heavy is imported. A run folder holds

    params.json     the record of the run: task, parameters, what it is made from; written first
    log.jsonl       one line a step and a validation
    best/, last/, average/
                    checkpoints, see :mod:`crossvox.train.checkpoint`; which one is taken tells
                    :mod:`crossvox.train.chosen`
    manifest.json   written last: the run is complete

The record holds each parameter once: what the recipe's nest of parameters repeats of ``task`` and
``train`` is left out when it is written and put back when it is read.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

import crossvox
from crossvox.core.artifact import (
    MANIFEST,
    SCHEMA,
    Manifest,
    digest,
    plain,
    read_json,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, MadeOtherwise, ParamsError, expect, given_in
from crossvox.core.files import PARAMS, STATE
from crossvox.core.params import from_plain, read_as, scores_from
from crossvox.core.volume import Score
from crossvox.flow.contents import expect_no_strangers
from crossvox.flow.folder import is_begun, recover, relative_links
from crossvox.flow.lineage import UNKNOWN, Lineage, together
from crossvox.flow.locks import leads
from crossvox.train.chosen import TAKEN
from crossvox.train.params import NETWORK, NEUTRAL, OPTIMIZER, TrainParams
from crossvox.train.report import StoppedBy, TrainReport
from crossvox.train.trackers import expect_trackers

CHECKPOINT_FILES = (NETWORK, OPTIMIZER, STATE)
"""What a checkpoint is of, listed in its manifest or not."""

LINEAGE = ("scenes", "learnt_from", "unknown_ancestors")
"""Fields of a record that older runs lack."""

ASKED = "asked"
"""Note of a complete run: fingerprint of what it was asked to be."""

STAGE = "train-"
"""What the stage in a run's manifest begins with; the name of the task follows."""

SHOWN = 5
"""How many differences an error text lists."""

MADE_BY = {
    "complete": "train reconstruct",
    "reconstruct": "train reconstruct --preset thesis",
    "label3d": "train segment3d --preset labels3d",
}
"""Commands that make runs of a task, where they are called otherwise than the task."""

Ancestors = Mapping[str, Lineage]
"""What the runs that a run is made from have learnt from, by role."""


# The record


@dataclass(frozen=True)
class RunRecord:
    """What ``params.json`` of a run tells: enough to build its task and network again.

    Attributes:
        task: name of the task.
        task_params: its parameters as JSON types; ``core.params.from_plain`` reads them.
        params: how it was trained.
        recipe: what the caller recorded beside (the nest of parameters of the whole command).
        samples: number of samples of the training split and, if there is one, of ``validation``.
        learnt_from: names of the scenes that the run and all it started from have learnt from;
            None if the run does not tell.
        unknown_ancestors: roles of runs that it is made from and that do not tell all of theirs.
        scenes: names of its own training scenes; None if it does not tell.
        validated_on: names of the scenes that its best checkpoint was chosen by; likewise.
        parents: digests of what it is made from, by role.
    """

    task: str
    task_params: Any
    params: TrainParams
    recipe: Any
    samples: dict[str, int]
    learnt_from: tuple[str, ...] | None = None
    unknown_ancestors: tuple[str, ...] = ()
    scenes: tuple[str, ...] | None = None
    validated_on: tuple[str, ...] | None = None
    parents: Mapping[str, str] = field(default_factory=dict)

    @property
    def lineage(self) -> Lineage:
        """What the run and all it started from have learnt from."""
        complete = self.scenes is not None and not self.unknown_ancestors
        return Lineage(self.learnt_from or (), complete)


def make_record(
    task: str,
    task_params: Any,
    params: TrainParams,
    *,
    samples: Mapping[str, int],
    recipe: Any = None,
    parents: Mapping[str, str] | None = None,
    scenes: Sequence[str] | None = None,
    validation_scenes: Sequence[str] | None = None,
    ancestors: Ancestors | None = None,
    numbers: int = 1,
) -> dict[str, Any]:
    """The record of a run as JSON types, for ``params.json``.

    Args:
        task: name of the task.
        task_params: its parameters.
        params: how it is trained.
        samples: number of samples by split.
        recipe: parameters of the whole command; what its ``params`` repeats is left out.
        parents: digests of what the run is made from, by role.
        scenes: names of the training scenes; None: they have no names.
        validation_scenes: likewise of the scenes it is validated on.
        ancestors: what the runs that it starts from, or takes features from, have learnt from.
        numbers: raised when the same run learns other things than before.
    """
    ancestors = dict(ancestors or {})
    own = UNKNOWN if scenes is None else Lineage(tuple(scenes))
    learnt = together([own, *ancestors.values()])
    record: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "version": crossvox.__version__,
            "numbers": numbers,
            "task": {"name": task, "params": task_params},
            "train": params,
            "recipe": recipe,
            "parents": dict(parents or {}),
            "samples": samples,
            "scenes": {
                "train": None if scenes is None else sorted(set(scenes)),
                "validation": None if validation_scenes is None else sorted(set(validation_scenes)),
            },
            "learnt_from": learnt.told,
            "unknown_ancestors": sorted(r for r, its in ancestors.items() if not its.complete),
        }
    )
    return _without_repeats(record)


def read_record(run: Path, task: str | None = None) -> RunRecord:
    """Read ``params.json`` of a run folder, finished or not.

    Args:
        run: the run folder.
        task: task that it must be a run of; None for any.

    Raises:
        ArtifactError: missing or damaged, or a run of another task.
        ParamsError: written by an incompatible version; names the field.
    """
    record = _file_of(run)
    _put_back_repeats(vars(record))
    own, validation = record.scenes.train, record.scenes.validation
    found = RunRecord(
        task=record.task["name"],
        task_params=record.task["params"],
        params=from_plain(TrainParams, record.train, "train"),
        recipe=record.recipe,
        samples=record.samples,
        learnt_from=None if record.learnt_from is None else tuple(record.learnt_from),
        unknown_ancestors=tuple(record.unknown_ancestors),
        scenes=None if own is None else tuple(own),
        validated_on=None if validation is None else tuple(validation),
        parents=record.parents,
    )
    expect(
        task is None
        or (
            found.task == task
            and isinstance(found.recipe, dict)
            and isinstance(found.recipe.get("params"), dict)
        ),
        given=f"{run}, a run of task {found.task!r}",
        needed=f"a run of {made_by(task or found.task)}",
        do="choose another run folder",
        error=ArtifactError,
    )
    return found


def made_by(task: str) -> str:
    """The command that makes runs of a task, for error texts: ``'crossvox train segment2d'``."""
    return f"'crossvox {MADE_BY.get(task, f'train {task}')}'"


@dataclass
class _Scenes:
    """Names of a run's own scenes; None where it does not tell."""

    train: list[str] | None = None
    validation: list[str] | None = None


@dataclass
class _File:
    """``params.json``, as far as it is read."""

    task: dict[str, Any]
    train: dict[str, Any]
    recipe: Any
    samples: dict[str, int]
    parents: dict[str, str] = field(default_factory=dict)
    scenes: _Scenes = field(default_factory=_Scenes)
    learnt_from: list[str] | None = None
    unknown_ancestors: list[str] = field(default_factory=list)


def shares_of(record: RunRecord, run: Path) -> tuple[float, ...]:
    """The class shares of a run's training labels, as its command recorded them.

    Raises:
        ArtifactError: it recorded none.
    """
    try:
        return msgspec.convert(record.recipe["class_shares"], tuple[float, ...])
    except (KeyError, msgspec.ValidationError) as error:
        raise ArtifactError(
            f"given: {run / PARAMS}, whose class_shares cannot be read ({error}); needed: a number "
            f"a class; do: check the path, or train anew"
        ) from None


def _file_of(run: Path) -> _File:
    path, needed = run / PARAMS, "the record of a training run"
    expect(
        path.is_file(),
        given=f"{path}, which does not exist: {run} holds no run",
        needed="a folder that 'crossvox train' wrote",
        do="check the path, and the order of the folders",
        error=ArtifactError,
    )
    try:
        record = read_as(path, _File, needed=needed, do="", rest=True)
    except ArtifactError as error:
        raise _damaged(run, given_in(error), needed) from None
    if not isinstance(record.task.get("name"), str) or "params" not in record.task:
        raise _damaged(run, f"{path}, whose task has no name or no parameters", needed)
    return record


def _damaged(run: Path, given: str, needed: str) -> ArtifactError:
    """That the record of a run cannot be read; of a complete one the manifest tells the same."""
    do = (
        "run the command that made it again, which writes the file anew"
        if (run / MANIFEST).is_file()
        else "put a copy of the file back, or train in another folder: nothing else tells what "
        "the run is of"
    )
    return ArtifactError(
        f"given: {given}; needed: {needed}; do: check the path; if it is a run that was damaged, "
        f"{do}"
    )


def lineage_of(run: Path) -> Lineage:
    """What a run has learnt from: its own scenes, and those of all that it started from.

    Raises:
        ArtifactError: ``run`` is no run folder.
    """
    return read_record(run).lineage


def state_of(run: Path) -> Literal["make", "continue", "keep"]:
    """Whether a run is complete, begun, or neither; one that has lost its record is complete."""
    begun = (run / PARAMS).is_file()
    if not (run / MANIFEST).is_file():
        return "continue" if begun else "make"
    return "keep" if begun or read_manifest(run).stage.startswith(STAGE) else "make"


def checkpoints_of(run: Path) -> list[Path]:
    """The checkpoints that a run has."""
    return [run / name for name in TAKEN if (run / name / MANIFEST).is_file()]


def _repeats(record: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The nest of parameters of the whole command, and what it may repeat of the record."""
    recipe = record["recipe"]
    nest = recipe.get("params") if isinstance(recipe, dict) else None
    own = {"task": record["task"]["params"], "train": record["train"]}
    return (nest if isinstance(nest, dict) else None), own


def _without_repeats(record: dict[str, Any]) -> dict[str, Any]:
    nest, own = _repeats(record)
    if nest is None:
        return record
    kept = {name: value for name, value in nest.items() if own.get(name, ...) != value}
    return {**record, "recipe": {**record["recipe"], "params": kept}}


def _put_back_repeats(record: dict[str, Any]) -> None:
    nest, own = _repeats(record)
    if nest is not None:
        for name, value in own.items():
            nest.setdefault(name, value)


# May I write here, and is it the same run


def expect_same_run(
    run: Path, record: Mapping[str, Any], fields: Collection[str] | None = None
) -> None:
    """Refuse a folder that holds anything but this run.

    Only parameters in :data:`crossvox.train.params.NEUTRAL` may differ.

    Args:
        run: the folder.
        record: of this run.
        fields: what of it is known yet, by dotted name; None: all.

    Raises:
        ArtifactError: it holds another run, or something else; says what differs.
    """
    if not is_begun(run, PARAMS):
        return
    there, asked = _file_of(run).task["name"], record["task"]["name"]
    expect(
        there == asked,
        given=f"{run}, a run of task {there!r}",
        needed=f"a run of {made_by(asked)} to go on with it, or an empty folder",
        do=f"go on with {made_by(there)}, or name another folder",
        error=ArtifactError,
    )
    changes = _changes(_of_this_version(read_json(run / PARAMS)), record, fields)
    if not changes:
        return
    more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    told = f"{'; '.join(changes[:SHOWN])}{more}"
    raise MadeOtherwise(
        f"given: {run}, which holds a run with other parameters ({told}); needed: the same "
        f"parameters to go on with it (only {', '.join(sorted(NEUTRAL))} may change), or an empty "
        f"folder; do: name another folder, or delete this one",
        told,
        digest(_compared(record)),
    )


def _of_this_version(record: dict[str, Any]) -> dict[str, Any]:
    """An older record as this version would write it: a new parameter has its default.

    One that tells no numbers is of the first.
    """
    record.setdefault("numbers", 1)
    try:
        train = plain(from_plain(TrainParams, record["train"], "train"))
        return {**_without_repeats(record), "train": train}
    except (KeyError, TypeError, AttributeError, ParamsError):
        return record  # The comparison tells what is odd about it.


def _changes(
    there: Mapping[str, Any], asked: Mapping[str, Any], fields: Collection[str] | None
) -> list[str]:
    """How two records differ in what must not change, as far as it is known."""
    unknown = {name for name in LINEAGE if name not in there}
    old = _compared(there)
    new = _compared({name: value for name, value in asked.items() if name not in unknown})
    nothing = "nothing"
    return [
        f"{name}: {old.get(name, nothing)!r} there, {new.get(name, nothing)!r} asked"
        for name in sorted({*old, *new})
        if digest(old.get(name, nothing)) != digest(new.get(name, nothing))
        and (fields is None or any(f"{name}.".startswith(f"{known}.") for known in fields))
    ]


def _compared(value: Any, where: str = "") -> dict[str, Any]:
    """The fields of a record that must not change on resume, by dotted name."""
    if not isinstance(value, Mapping):
        # A parameter that is off is like one that an older version did not know.
        return {} if value is None else {where: value}
    fields: dict[str, Any] = {}
    for key, item in value.items():
        if key not in NEUTRAL and (where or key not in ("schema", "version")):
            fields |= _compared(item, f"{where}.{key}" if where else key)
    return fields


def claim(run: Path, record: Mapping[str, Any]) -> None:
    """Make the folder that of this run, which is not complete any more. For one process only."""
    run.mkdir(parents=True, exist_ok=True)
    (run / MANIFEST).unlink(missing_ok=True)
    write_json(run / PARAMS, record)
    for name in TAKEN:
        recover(run / name)
        expect_no_strangers(run / name, CHECKPOINT_FILES)


# The end


def complete(
    run: Path,
    record: Mapping[str, Any],
    *,
    notes: Mapping[str, Any],
    seconds: Mapping[str, float],
    links: Mapping[str, Path],
) -> None:
    """Write the manifest: from now on the run is complete.

    Args:
        run: the run folder.
        record: as :func:`make_record` made it.
        notes: ``step``, ``stopped_by``, ``best_step``, ``best_scores``, ``parameters`` and more.
        seconds: time by part, and ``total``.
        links: folders it is made from, by role.
    """
    told = {name: record[name] for name in ("scenes", "unknown_ancestors")}
    names = record["learnt_from"]
    write_manifest(
        run,
        Manifest(
            stage=f"{STAGE}{record['task']['name']}",
            numbers=record["numbers"],
            params={key: record[key] for key in ("task", "train", "recipe", "samples")},
            parents=dict(record["parents"]),
            seed=record["train"]["seed"],
            seconds=dict(seconds),
            notes={**notes, **told},
            learnt_from=None if names is None else tuple(names),
            links=relative_links(links, run),
        ),
    )


def finished(run: Path, monitor: str, params: TrainParams) -> TrainReport | None:
    """The report of a run that is complete, or None if there is something left to do."""
    if not (run / MANIFEST).is_file():
        return None
    manifest = read_manifest(run)
    try:
        known = {name: v for name, v in manifest.notes.items() if name in vars(_Notes())}
        notes = from_plain(_Notes, known, f"notes of {run / MANIFEST}")
        scores = scores_of(notes.best_scores)
    except ParamsError as error:
        raise ArtifactError(str(error)) from None
    trained_s = manifest.seconds.get("total", 0.0)
    if notes.stopped_by == "time limit" and (
        params.max_minutes is None or trained_s < params.max_minutes * 60
    ):
        return None
    return TrainReport(
        run=run,
        step=params.steps if notes.step is None else notes.step,
        stopped_by=notes.stopped_by,
        resumed_from=None,
        already_finished=True,
        seconds=trained_s,
        loss=math.nan,
        monitor=monitor,
        best_step=notes.best_step,
        scores=scores,
        parameters=notes.parameters,
    )


def asked_for(*parts: Any) -> str:
    """Fingerprint of what a run is asked to be, known before any data is read.

    Args:
        parts: parameters, and digests of what it is made from; what steers how, not what, is
            learnt does not count.
    """
    return digest([_compared(plain(part)) for part in parts])


def answer(run: Path, asked: str, params: TrainParams, *, dry: bool = False) -> TrainReport | None:
    """The report of a complete run that was asked for like this; None: one has to look closer.

    Args:
        run: the run folder.
        asked: see :func:`asked_for`.
        params: how it is trained.
        dry: leave a lost record as it is.

    Raises:
        ParamsError: there is something to train, and a tracker that is to be told is not there.
    """
    notes = read_manifest(run).notes if (run / MANIFEST).is_file() else {}
    done = None
    if notes.get(ASKED) == asked:
        done = finished(run, str(notes.get("monitor", "")), params)
    if done is None:
        expect_trackers(params.trackers)
    elif leads() and not dry:
        _mend_record(run)
    return done


def _mend_record(run: Path) -> None:
    """Write the record of a complete run anew where it is gone or damaged.

    The manifest tells the same. Without the record, nothing that takes a run can read it.
    """
    try:
        _file_of(run)
    except ArtifactError as error:
        manifest = read_manifest(run)
        names = ("schema", "version", "numbers", "parents", "learnt_from")
        told = {name: getattr(manifest, name) for name in names}
        told |= manifest.params if isinstance(manifest.params, Mapping) else {}
        told |= {name: note for name, note in manifest.notes.items() if name in LINEAGE}
        if not {"task", "train", "recipe", "samples"} <= told.keys():
            raise
        write_json(run / PARAMS, told)
        text = f"{run / PARAMS} is written anew from {MANIFEST}, for it was lost ({error})"
        warnings.warn(text, stacklevel=2)


def note_asked(run: Path, asked: str) -> None:
    """Note in a complete run what it was asked for; the first of several processes does."""
    if leads() and (run / MANIFEST).is_file():
        manifest = read_manifest(run)
        if manifest.notes.get(ASKED) != asked:
            write_manifest(run, replace(manifest, notes={**manifest.notes, ASKED: asked}))


@dataclass(frozen=True)
class _Notes:
    """What the manifest of a run notes, as far as it is read."""

    step: int | None = None
    stopped_by: StoppedBy = "steps"
    best_step: int | None = None
    best_scores: list[Any] = field(default_factory=list)
    parameters: int = 0


def scores_of(records: Any) -> tuple[Score, ...]:
    """Scores of a checkpoint's state, or of a manifest's notes.

    Raises:
        ParamsError: they are none; names the field.
    """
    return scores_from(records, "best_scores")
