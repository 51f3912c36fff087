"""The table of where the work on a folder stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossvox.cli.plan import duration
from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal

if TYPE_CHECKING:
    from crossvox.recipes.status import StatusReport

LISTED = 20
"""Items in one state that are listed one by one."""


@shows("crossvox.recipes.status:StatusReport", answers=True)
def show_status(report: StatusReport, terminal: Terminal) -> None:
    """How many items are in each state; those that are not simply done or missing one by one."""
    rows: list[list[object]] = [[state, count, ""] for state, count in report.counts.items()]
    for state in report.counts:
        if state in ("running", "stopped", "failed") or len(report.states) == 1:
            some = [item for item in report.states if item.state == state]
            rows += [[item.state, item.item, item.detail] for item in some[:LISTED]]
            if len(some) > LISTED:
                rows.append([state, f"and {len(some) - LISTED} more", ""])
    terminal.table(f"{report.kind} in {report.out}", ["state", "", ""], rows)
    missing = [item.item for item in report.states if item.state == "missing"]
    if missing:
        more = ", ..." if len(missing) > LISTED else ""
        terminal.say(f"missing: {', '.join(missing[:LISTED])}{more}")
    if report.counts.get("failed"):
        terminal.say(
            "failed items are tried again with --retry-failed, when they would be made from "
            "something else, or where the system had refused a file"
        )
    if report.seconds_left:
        who = f"{report.workers} at work" if report.workers else "one process"
        terminal.say(f"about {duration(report.seconds_left)} left with {who}")
