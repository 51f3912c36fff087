"""Where the work on a folder stands: what is done, in work, failed or missing. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from crossvox.core.artifact import MANIFEST, Manifest, manifest_if_any, read_manifest
from crossvox.flow import locks
from crossvox.flow.collection import failures, planned_items
from crossvox.flow.holders import Holder

State = Literal["done", "running", "stopped", "failed", "missing"]

TIMED = 50
"""So many finished items tell how long one takes, at most."""


@dataclass(frozen=True)
class ItemState:
    """Where one item stands.

    Attributes:
        item: its name.
        state: "done"; "running": some process is at work on it; "stopped": begun, and nobody is at
            work on it; "failed"; "missing".
        detail: who is at work, why it failed, which step of how many.
        who: who is at work on it.
        seconds_left: how long it will take, where it tells itself.
    """

    item: str
    state: State
    detail: str = ""
    who: Holder | None = None
    seconds_left: float | None = None


def item_states(out: Path, manifest: Manifest) -> list[ItemState]:
    """Where the items of a folder stand, in the order of their names."""
    working = {holder.item: holder for holder in locks.at_work(out)}
    failed = failures(manifest)
    states = []
    for name in sorted({*planned_items(manifest), *working}):
        if name in working:
            states.append(ItemState(name, "running", working[name].text, working[name]))
        elif name in manifest.items or (
            name not in failed and manifest_if_any(out / name) is not None
        ):
            states.append(ItemState(name, "done"))
        elif name in failed:
            states.append(ItemState(name, "failed", f"{failed[name].reason} ({failed[name].when})"))
        else:
            states.append(ItemState(name, "missing"))
    return states


def seconds_left(out: Path, states: Sequence[ItemState]) -> float | None:
    """How long the rest of a folder takes whoever is at work on it, or one process where nobody is.

    None where nothing is finished that tells how long an item takes.
    """
    done = [state.item for state in states if state.state == "done"]
    times = list(_times(out, done[:: max(1, len(done) // TIMED)]))
    working = [state.who for state in states if state.who is not None]
    missing = sum(state.state == "missing" for state in states)
    if not working and not missing:
        return 0.0
    if not times:
        return None
    each = sum(times) / len(times)
    rest = sum(max(0.0, each - seconds_since(holder.since)) for holder in working)
    return (missing * each + rest) / max(1, len(working))


def _times(out: Path, names: Iterable[str]) -> Iterable[float]:
    for name in names:
        if (out / name / MANIFEST).is_file():
            took = sum(read_manifest(out / name).seconds.values())
            if took > 0:
                yield took


def seconds_since(when: str) -> float:
    """Seconds from a time (ISO 8601) to now; 0 where it is none, or is to come."""
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
