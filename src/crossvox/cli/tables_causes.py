"""Tables of why arms are ahead."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from crossvox.cli.tables import shows
from crossvox.cli.terminal import Terminal

if TYPE_CHECKING:
    from crossvox.recipes.study.causes import CausesReport
    from crossvox.study.transfer import Cause, Description


@shows("crossvox.recipes.study.causes:CausesReport")
def show_causes(report: CausesReport, terminal: Terminal) -> None:
    """Gains by part of a room, one table a contrast; what features and trainings are like."""
    for contrast, causes in groupby(report.causes, key=lambda cause: cause.contrast):
        _show_contrast(contrast, list(causes), terminal)
    for name, told in groupby(report.descriptions, key=lambda one: one.name):
        _show_descriptions(name, list(told), terminal)
    for remark in report.remarks:
        terminal.say(f"left out: {remark}")
    terminal.say(f"{len(report.causes)} causes: {report.out}")


def _show_contrast(name: str, causes: list[Cause], terminal: Terminal) -> None:
    rows = [
        [
            cause.split if number == 0 else "",
            cause.score if number == 0 else "",
            group.name,
            f"{group.support:.0%}",
            f"{group.control_mean:.4f}",
            f"{group.difference.mean:+.4f}",
            _interval(group.difference.low, group.difference.high),
        ]
        for cause in causes
        for number, group in enumerate(cause.groups)
    ]
    columns = ["split", "score", "part", "of all", "control", "gain", "95 % interval"]
    terminal.table(f"{name}: gain by part", columns, rows)


def _show_descriptions(name: str, told: list[Description], terminal: Terminal) -> None:
    rows = [[one.of, one.group, f"{one.mean:.3f}", _interval(one.low, one.high)] for one in told]
    terminal.table(name, ["of", "part", "mean", "95 % interval"], rows)


def _interval(low: float, high: float) -> str:
    return "cannot be told" if math.isnan(low) else f"{low:+.4f} to {high:+.4f}"
