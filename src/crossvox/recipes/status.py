"""Where the work on a folder stands, whoever is at work on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST, read_json, read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.files import LOG, PARAMS
from crossvox.flow import locks
from crossvox.flow.collection import PLANNED
from crossvox.flow.state import ItemState, item_states, seconds_left

RECENT = 50
"""Steps of a training whose times tell how long the rest takes."""

_TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class StatusReport:
    """Where the work on a folder stands.

    Attributes:
        out: the folder.
        kind: stage that works on it; "run" or "study".
        states: every item, or the run itself.
        counts: how many are in each state.
        workers: how many items are in work.
        seconds_left: how long the rest takes with those who are at work now, or with one process
            where nobody is; None: nothing tells.
    """

    out: Path
    kind: str
    states: tuple[ItemState, ...]
    counts: Mapping[str, int]
    workers: int
    seconds_left: float | None


def status(out: Path) -> StatusReport:
    """Tell where a folder stands: what is done, running (and who is at it), failed, or missing.

    For data, rooms and prediction folders, runs and studies, while others work on them or after.
    Nothing is changed.

    Args:
        out: the folder.

    Raises:
        ArtifactError: it is no such folder.
    """
    if (out / MANIFEST).is_file():
        manifest = read_manifest(out)
        if manifest.items or PLANNED in manifest.notes:
            states = item_states(out, manifest)
            return _report(out, manifest.stage, states, seconds_left(out, states))
    if (out / PARAMS).is_file():
        record = read_json(out / PARAMS)
        if isinstance(record, dict) and "train" in record:
            state = run_state(out, out.name, record)
            return _report(out, "run", [state], state.seconds_left)
        if isinstance(record, dict) and "task" in record:
            found = study_states(out)
            return _report(out, "study", found, _study_left(found))
    if parts := _targets(out):
        found = [
            replace(state, item=f"{part.name}/{state.item}")
            for part in parts
            for state in study_states(part)
        ]
        return _report(out, "study", found, _study_left(found))
    below = [path.name for path in sorted(out.glob("*")) if _tells(path)]
    expect(
        False,
        given=f"{out}, which tells of no work on it",
        needed="a folder of scenes or rooms, a run or a study",
        do=f"name one of {', '.join(below[:5])} in it" if below else "check the path",
        error=ArtifactError,
    )
    raise AssertionError


def _targets(out: Path) -> list[Path]:
    """Folders of the targets of a transfer study, as far as they are begun."""
    from crossvox.recipes.study.transfer import DESIGN_FILE

    if not (out / DESIGN_FILE).is_file():
        return []
    return [path.parent for path in sorted(out.glob(f"[!.]*/{PARAMS}"))]


def _tells(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (MANIFEST, PARAMS))


def _report(
    out: Path, kind: str, states: Sequence[ItemState], left_s: float | None
) -> StatusReport:
    counts: Counter[str] = Counter(state.state for state in states)
    order = ("done", "running", "stopped", "failed", "missing")
    return StatusReport(
        out,
        kind,
        tuple(states),
        {name: counts[name] for name in order if counts[name]},
        counts["running"],
        left_s,
    )


def run_state(run: Path, name: str, record: Any = None) -> ItemState:
    """Where a run stands: step of how many, and the time left at the rate of its last steps."""
    if (run / MANIFEST).is_file():
        return ItemState(name, "done", f"step {read_manifest(run).notes.get('step', '?')}")
    if not (run / PARAMS).is_file():
        return ItemState(name, "missing")
    record = read_json(run / PARAMS) if record is None else record
    train = record.get("train") if isinstance(record, dict) else None
    steps = train.get("steps") if isinstance(train, dict) else None
    lines = _last_lines(run / LOG)
    step, left_s = 0, None
    if lines:
        step = lines[-1]["step"]
        taken = step - lines[0]["step"]
        if taken > 0 and isinstance(steps, int):
            each = (lines[-1]["seconds"] - lines[0]["seconds"]) / taken
            left_s = max(0.0, each * (steps - step))
    working = locks.at_work(run)
    detail = f"step {step} of {steps}"
    if working:
        return ItemState(name, "running", f"{detail}; {working[0].text}", working[0], left_s)
    return ItemState(name, "stopped", detail, None, left_s)


def _last_lines(log: Path) -> list[dict[str, Any]]:
    """The newest lines of a log that tell step and time; the first may be cut off, and the last."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", errors="replace")
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("split") == "train" and _is_timed(entry):
            found.append(entry)
    return found[-RECENT:]


def _is_timed(entry: Mapping[str, Any]) -> bool:
    return _is_number(entry.get("step")) and _is_number(entry.get("seconds"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def study_states(out: Path) -> list[ItemState]:
    """Where the runs of a study stand, ``ARM/seed-N``: each arm seen is to have each seed seen."""
    from crossvox.recipes.study.cells import RESULTS, RUNS

    working = {holder.item: holder for holder in locks.at_work(out)}
    finished = {_name(path.with_suffix("")) for path in (out / RESULTS).glob("[!.]*/seed-*.json")}
    begun = {_name(path) for path in (out / RUNS).glob("[!.]*/seed-*")}
    seen = finished | begun | {name for name in working if "/seed-" in name}
    arms, seeds = ({name.split("/")[part] for name in seen} for part in (0, 1))
    states = []
    for name in sorted(f"{arm}/{seed}" for arm in arms for seed in seeds):
        run = run_state(out / RUNS / name, name)
        if name in working:
            who = working[name]
            told = f"{run.detail}; {who.text}" if run.who is None and run.detail else ""
            detail = told or run.detail or who.text
            states.append(ItemState(name, "running", detail, who, run.seconds_left))
        elif name in finished:
            states.append(ItemState(name, "done"))
        elif name in begun:
            told = "trained, not scored" if run.state == "done" else run.detail
            states.append(ItemState(name, "stopped", told, None, run.seconds_left))
        else:
            states.append(ItemState(name, "missing"))
    return states


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _study_left(states: Sequence[ItemState]) -> float | None:
    """As long as the longest in work; None where that does not tell, or more is to come."""
    if all(state.state == "done" for state in states):
        return 0.0
    if any(state.state in ("missing", "stopped") for state in states):
        return None
    left = [state.seconds_left for state in states if state.state == "running"]
    return max((s for s in left if s is not None), default=None)
