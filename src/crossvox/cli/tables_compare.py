"""Tables of runs and predictions side by side."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal
from crossvox.core.formats import in_figures

if TYPE_CHECKING:
    from crossvox.report.page.compare_page import ComparisonReport


@shows("crossvox.report.page.compare_page:ComparisonReport")
def show_comparison(report: ComparisonReport, terminal: Terminal) -> None:
    """Every difference that is read first, and where the page is; the others are there."""
    from crossvox.evaluate.classes import PROTOCOL
    from crossvox.report.page.compare_tables import difference_row

    shown = [one for one in report.differences if not one.detail] or list(report.differences)
    key = attrgetter("protocol", "arm", "control")
    for (protocol, arm, control), group in groupby(sorted(shown, key=key), key):
        found = list(group)
        count = len(found[0].rooms)
        rooms = f"means over {in_figures(count, 'room')}" if count else "one number each"
        columns = ["score", arm, control, "difference", "95 %", "verdict"]
        terminal.table(f"{protocol}, {rooms}", columns, [difference_row(one) for one in found])
    if any(one.protocol == PROTOCOL and one.rooms for one in shown):
        terminal.say("means over rooms: 'crossvox evaluate segment3d' counts all rooms as one")
    terminal.say(f"page: {report.page.page}")
