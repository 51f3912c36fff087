"""Tables of runs and predictions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal

if TYPE_CHECKING:
    from crossvox.report.page.compare_page import ComparisonReport


@shows("crossvox.report.page.compare_page:ComparisonReport")
def show_comparison(report: ComparisonReport, terminal: Terminal) -> None:
    """Every difference that is read first, and where the page is; the others are there."""
    from crossvox.report.page.compare_tables import differences_table

    shown = [one for one in report.differences if not one.detail] or list(report.differences)
    table = differences_table(shown)
    terminal.table(table.caption, list(table.heads), [list(row) for row in table.shown])
    terminal.say(f"page: {report.page.page}")
