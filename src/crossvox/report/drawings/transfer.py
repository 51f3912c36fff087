"""Drawings of a transfer report: verdicts, differences, label-efficiency curves, parts, rooms.

What a colour says, a sign, a dash or a word says too: in print, and for eyes that tell no colours.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from crossvox.report.drawings.svg import GRID, INK, SERIES, SOFT, finish, svg

WIDTH = 5.6
"""Inches: letters are as large as the text beside a drawing, and can be read on a phone."""

Interval = tuple[float | None, float | None]

LOOKS = {
    "helps": (SERIES[0], "full", "-"),
    "hurts": (SERIES[1], "full", "-"),
    "equivalent": (SERIES[2], "bottom", "-"),
    "undecided": (SOFT, "none", (0, (4, 3))),
}
"""Colour, filling of the dot, and line of each verdict."""


@dataclass(frozen=True)
class Row:
    """A difference in a drawing.

    Attributes:
        label: what it is of.
        mean: of it.
        outer, inner: intervals; the outer one is drawn thin, the inner one thick.
        verdict: one of :data:`LOOKS`.
        note: a word behind it.
    """

    label: str
    mean: float
    outer: Interval = (None, None)
    inner: Interval = (None, None)
    verdict: str = "undecided"
    note: str = ""


def differences(
    name: str, score: str, rows: Sequence[Row], better: str, margin: float = 0.0
) -> Markup | None:
    """Differences with their intervals, the margin as a band, the verdict as a word.

    Args:
        name: of the drawing, unique on the page.
        score: whose differences.
        rows: from top to bottom.
        better: which way is good.
        margin: up to which a difference is of no consequence; 0: no band.
    """
    if not rows:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        if margin > 0:
            axes.axvspan(-margin, margin, color=GRID, zorder=0, linewidth=0)
        axes.axvline(0, color=SOFT, linewidth=1.2, zorder=1)
        for place, row in enumerate(rows):
            _difference(axes, place, row)
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.margins(x=0.06)
        axes.locator_params(axis="x", nbins=5)
        finish(axes, "", f"difference in {score} ({better})")
        axes.grid(False)

    text = "; ".join(f"{row.label}: {_told(row)}" for row in rows)
    lines = sum(1 + row.label.count("\n") for row in rows)
    height = 1.0 + max(0.42 * len(rows), 0.27 * lines)
    return svg(name, draw, f"Differences in {score}. {text}.", (WIDTH, height))


def _difference(axes: Any, place: int, row: Row) -> None:
    color, fill, line = LOOKS[row.verdict]
    for (low, high), width, style in ((row.outer, 1.4, line), (row.inner, 4.2, "-")):
        if low is not None and high is not None:
            axes.plot(
                [low, high], [place, place], color=color, linewidth=width, linestyle=style,
                solid_capstyle="butt", zorder=2,
            )  # fmt: skip
    axes.plot(
        [row.mean], [place], "D" if row.outer[0] is None else "o", color=color, ms=9, zorder=3,
        fillstyle=fill, markeredgewidth=1.8, markerfacecoloralt="none",
    )  # fmt: skip
    if row.note:
        axes.annotate(
            row.note, (1.0, place), xycoords=("axes fraction", "data"), xytext=(6, 0),
            textcoords="offset points", va="center", color=INK,
        )  # fmt: skip


def _told(row: Row) -> str:
    low, high = row.outer
    between = "" if low is None or high is None else f" ({low:+.4f} to {high:+.4f})"
    return f"{row.mean:+.4f}{between}{' ' if row.note else ''}{row.note}"


def verdict_matrix(
    name: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Sequence[Row]]]]
) -> Markup | None:
    """Verdicts by what was learnt before and by target, as one drawing for print.

    Args:
        name: of the drawing, unique on the page.
        columns: targets.
        rows: what was learnt before, and in each column the differences there are.
    """
    if not rows:
        return None
    deep = [max(1, *(len(cell) for cell in cells)) for _, cells in rows]
    line_in, left = 0.74, 2.2

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set_xlim(0, left + 2.6 * len(columns))
        axes.set_ylim(sum(deep) * line_in + 0.1, -0.5)
        for n, column in enumerate(columns):
            axes.text(left + 2.6 * n + 0.08, -0.2, column, color=INK, weight="bold", va="center")
        top = 0.0
        for (source, cells), many in zip(rows, deep, strict=True):
            label = textwrap.fill(source, 20)
            axes.text(0.05, top + 0.37, label, color=INK, va="center", linespacing=1.3)
            for n, cell in enumerate(cells):
                for m, row in enumerate(cell):
                    _cell(axes, left + 2.6 * n, top + m * line_in, row)
            top += many * line_in

    told = (
        f"{source}, {column}: {'; '.join(f'{r.label} {_told(r)}' for r in cell)}"
        for source, cells in rows
        for column, cell in zip(columns, cells, strict=True)
        if cell
    )
    size = left + 2.6 * len(columns), sum(deep) * line_in + 0.6
    return svg(name, draw, f"Verdicts. {'. '.join(told)}.", size)


def _cell(axes: Any, x: float, y: float, row: Row) -> None:
    color, _, line = LOOKS[row.verdict]
    strong = row.verdict != "undecided"
    box = Rectangle(
        (x + 0.04, y + 0.04), 2.5, 0.66, facecolor="none", edgecolor=color,
        linewidth=2.2 if strong else 1.2, linestyle=line,
    )  # fmt: skip
    axes.add_patch(box)
    axes.text(x + 0.12, y + 0.18, row.note, color=color, weight="bold", fontsize=10, va="center")
    axes.text(x + 0.12, y + 0.38, _told(Row("", row.mean, row.outer)), color=INK, fontsize=9,
              va="center")  # fmt: skip
    axes.text(x + 0.12, y + 0.57, row.label, color=SOFT, fontsize=8, va="center")


@dataclass(frozen=True)
class Curve:
    """A label-efficiency curve.

    Attributes:
        label: of it.
        points: share, mean, interval.
    """

    label: str
    points: Sequence[tuple[float, float, Interval]]


def label_curves(
    name: str,
    score: str,
    curves: Sequence[Curve],
    reached: float | None,
    share: tuple[float | None, float | None, float | None],
) -> Markup | None:
    """A score over the share of labels, on a logarithmic axis.

    Args:
        name: of the drawing, unique on the page.
        score: of which.
        curves: of the arm, then of the control.
        reached: the control's score with all labels, drawn as a line.
        share: with which the arm reaches it, and its interval; drawn at the foot.
    """
    if not all(curve.points for curve in curves) or not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for curve, color, marker, line in zip(
            curves, SERIES, ("o", "s", "^"), ("-", (0, (5, 3)), ":"), strict=False
        ):
            xs, means = [p[0] for p in curve.points], [p[1] for p in curve.points]
            axes.plot(
                xs, means, color=color, marker=marker, linestyle=line, linewidth=2, ms=7,
                label=curve.label,
            )  # fmt: skip
            for x, _, (low, high) in curve.points:
                if low is not None and high is not None:
                    axes.plot([x, x], [low, high], color=color, linewidth=1.2, alpha=0.8)
        if reached is not None:
            axes.axhline(reached, color=SOFT, linewidth=1.2, linestyle=(0, (2, 2)), zorder=0)
        _span(axes, share)
        axes.set_xscale("log")
        ticks = sorted({point[0] for curve in curves for point in curve.points})
        axes.set_xticks(ticks, [f"{100 * tick:g}" for tick in ticks])
        axes.minorticks_off()
        finish(axes, score, "labels, % (logarithmic)")

    text = "; ".join(
        f"{curve.label}: " + ", ".join(f"{100 * x:g} % {mean:.3f}" for x, mean, _ in curve.points)
        for curve in curves
    )
    return svg(name, draw, f"{score} over the share of labels. {text}.", (WIDTH, 3.6))


def _span(axes: Any, share: tuple[float | None, float | None, float | None]) -> None:
    """Where the arm reaches the control, at the foot of the drawing."""
    at, low, high = share
    if at is None:
        return
    across = axes.get_xaxis_transform()
    ends = (low if low is not None else at, high if high is not None else 1.0)
    if high is None:
        axes.plot([1.0], [0.03], ">", color=INK, ms=11, transform=across, zorder=4)
    axes.plot(list(ends), [0.03, 0.03], color=INK, linewidth=4, transform=across, zorder=3,
              solid_capstyle="butt")  # fmt: skip
    axes.plot([at], [0.03], "o", color=INK, ms=9, transform=across, zorder=4)


def room_dots(
    name: str, score: str, by_room: Mapping[str, float], by_seed: Sequence[float], better: str
) -> Markup | None:
    """Differences of every room over all seeds, sorted, and of every seed below them.

    Args:
        name: of the drawing, unique on the page.
        score: whose differences.
        by_room: by name.
        by_seed: of each.
        better: which way is good.
    """
    if not by_room:
        return None
    rows = sorted(by_room.items(), key=lambda item: -item[1])

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=SOFT, linewidth=1.2)
        for place, (_, value) in enumerate(rows):
            axes.plot([0, value], [place, place], color=SERIES[0], linewidth=1.6)
            axes.plot([value], [place], "o", color=SERIES[0], ms=7)
        foot = len(rows) + 0.4
        axes.plot(list(by_seed), [foot] * len(by_seed), "s", color=SERIES[1], ms=7,
                  fillstyle="none", markeredgewidth=1.6)  # fmt: skip
        ticks = [*enumerate(room for room, _ in rows), *([(foot, "every seed")] if by_seed else [])]
        axes.set_yticks(*zip(*ticks, strict=True))
        axes.set_ylim(len(rows) + 1, -0.7)
        axes.margins(x=0.06)
        axes.locator_params(axis="x", nbins=5)
        finish(axes, "", f"difference in {score} ({better})")
        axes.grid(False, axis="y")

    text = "; ".join(f"{room} {value:+.4f}" for room, value in rows)
    seeds = ", ".join(f"{value:+.4f}" for value in by_seed)
    height = 1.1 + 0.27 * (len(rows) + 1)
    return svg(name, draw, f"By room: {text}. By seed: {seeds}.", (WIDTH, height))
