"""The drawings of a transfer report, each with the data it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossvox.core.formats import way_text
from crossvox.report.drawings.transfer import (
    Curve,
    Row,
    differences,
    label_curves,
    room_dots,
    verdict_matrix,
)
from crossvox.report.page.files_out import FigureOut, safe_name
from crossvox.report.page.tables_out import TableOut
from crossvox.report.page.transfer_findings import Shown, by_score, findings_table, matrix
from crossvox.report.page.transfer_parts import causes_table, curves_table, percent


def _row(one: Shown, label: str) -> Row | None:
    if one.mean is None:
        return None
    outer = (one.low, one.high)
    return Row(label, one.mean, outer, one.inner, one.verdict, f"{one.sign} {one.verdict}")


def verdict_figures(found: Sequence[Shown], level: str) -> list[FigureOut]:
    """The matrix for print, and the differences of each target on one axis."""
    laid = matrix(found)
    rows = [
        (row["source"], [[r for f in cell if (r := _row(f, _against(f)))] for cell in row["cells"]])
        for row in laid["rows"]
    ]
    drawing = verdict_matrix("verdicts", laid["targets"], rows)
    table = findings_table(found, level)
    figures = []
    if drawing is not None:
        figures.append(FigureOut("verdicts", drawing, table, "Verdicts by source and target."))
    for n, (title, group) in enumerate(by_score(found)):
        margin = max(one.margin for one in group)
        made = [r for f in group if (r := _row(f, f.title.replace(" less ", "\nless ")))]
        name = f"differences-{n}"
        drawing = differences(name, group[0].score, made, way_text(group[0].higher), margin)
        if drawing is not None:
            inner = f"{2 * float(level.rstrip('%')) - 100:.0f}%"
            caption = (
                f"Thin: {level} interval. Thick: {inner} interval; where it "
                f"lies within the grey band (up to {margin:g}), the difference is shown not to "
                f"matter. A diamond has no interval."
            )
            figures.append(FigureOut(name, drawing, findings_table(group, level), caption, title))
    return figures


def _against(one: Shown) -> str:
    return one.title + ("" if one.named else ", exploratory")


def labels_figure(n: int, one: Mapping[str, Any]) -> FigureOut | None:
    name = f"labels-{n}-{safe_name(one['name'])}"
    curves = [
        Curve(label, [(p["share"], p["mean"], (p["low"], p["high"])) for p in points])
        for label, points in zip(("with", "without (control)"), one["curves"], strict=True)
    ]
    drawing = label_curves(name, one["score"], curves, one["reached"], one["share"])
    if drawing is None:
        return None
    caption = (
        "Mean and interval over seeds and rooms. Dotted: what the control reaches with all labels; "
        "at the foot: the share with which the other reaches that, and its interval."
    )
    return FigureOut(name, drawing, curves_table([one]), caption, one["name"])


def cause_figure(n: int, one: Mapping[str, Any]) -> FigureOut | None:
    name = f"cause-{n}-{safe_name(one['split'])}"
    rows = [
        Row(
            g["name"] + ("" if g["support"] is None else f" ({percent(g['support'])})"),
            g["mean"],
            (g["low"], g["high"]),
            verdict=_clear(g["low"], g["high"]),
        )
        for g in one["groups"]
    ]
    drawing = differences(name, one["score"], rows, "arm less control")
    if drawing is None:
        return None
    caption = f"{one['reading']} In brackets: share of all that is scored."
    title = f"by {one['split']}"
    return FigureOut(name, drawing, causes_table([one]), caption.strip(), title)


def _clear(low: float | None, high: float | None) -> str:
    """How a part is drawn: as what its interval alone says."""
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return "helps" if low > 0 else "hurts"


def rooms_figure(n: int, one: Shown) -> FigureOut | None:
    name = f"rooms-{n}-{safe_name(one.name)}"
    drawing = room_dots(name, one.score, one.by_room, one.by_seed, way_text(one.higher))
    if drawing is None:
        return None
    rows = (*((room, value) for room, value in one.by_room.items()),
            *((f"seed {n}", value) for n, value in enumerate(one.by_seed)))  # fmt: skip
    table = TableOut(name, one.title, ("room_or_seed", "difference"), rows)
    above = f", {one.above} of {one.seeds} seeds above 0" if one.seeds > 1 else ""
    caption = f"{one.score}{above}."
    return FigureOut(name, drawing, table, caption, one.title)
