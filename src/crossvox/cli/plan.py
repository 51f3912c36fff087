"""What ``--dry-run`` prints: stages and items, what is made and what kept, and about how long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from crossvox.cli.terminal import Terminal
from crossvox.flow.memory import shown as memory_text
from crossvox.flow.runner import Planned

DONE_WITH = ("keep", "failed")
"""What becomes of items that nothing would be done for."""

SINGLE_ITEMS = 8
"""Items of a stage that are listed one by one; more of the same become one row."""


def show_plan(plan: Sequence[Planned], terminal: Terminal) -> None:
    """Print a plan as a table, with the time of everything."""
    rows = []
    for (stage, status), group in groupby(plan, key=lambda one: (one.stage, one.status)):
        items = list(group)
        if len(items) > SINGLE_ITEMS:
            rows.append([stage, f"{len(items)} items", status, _time(items)])
        else:
            rows += [[stage, one.item, status, _time([one])] for one in items]
    todo = [one for one in plan if one.status not in DONE_WITH]
    failed = sum(one.status == "failed" for one in plan)
    counts = f"{len(todo)} to do, {len(plan) - len(todo) - failed} kept"
    if failed:
        counts += f", {failed} failed before (--retry-failed)"
    rows.append(["in all", counts, "", _time(todo)])
    memory = max((one.memory for one in todo if one.memory is not None), default=None)
    if memory is not None:
        rows.append(["memory", "of one worker", "", memory_text(memory)])
    terminal.table("What would be done", ["stage", "item", "", "about"], rows)


def _time(items: Sequence[Planned]) -> str:
    """How long items take together; says how many of them nobody has timed."""
    todo = [one for one in items if one.status not in DONE_WITH]
    known = [one.seconds for one in todo if one.seconds is not None]
    unknown = len(todo) - len(known)
    if not todo:
        return "-"
    if not known:
        return "?"
    return duration(sum(known)) + (f" and {unknown} of unknown length" if unknown else "")


def duration(seconds: float) -> str:
    """A length of time to read: ``40 s``, ``12 min``, ``3 h 20 min``.

    Example:
        >>> duration(12000)
        '3 h 20 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 or seconds == 0 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
