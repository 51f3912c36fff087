"""Drawings as inline SVG: loss and validation curves, scores by scene, the camera path in plan.

Lines and text take their colours from the page (CSS variables), so that one drawing serves the
light and the dark scheme and prints well.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError
from crossvox.doors.images import encode_webp
from crossvox.metrics import main_scores

Array = NDArray[Any]

# Stand-ins that matplotlib draws with; the page's own colours take their place in the SVG.
_INK, _SOFT, _GRID = "#010203", "#010204", "#010205"
SERIES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05")
_VARIABLES = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _GRID: "var(--line)",
    **{color: f"var(--series-{number})" for number, color in enumerate(SERIES, start=1)},
}


@dataclass(frozen=True)
class TrainingLog:
    """What ``log.jsonl`` tells.

    Attributes:
        train: ``(step, loss)`` of every training line.
        validation: ``(step, loss)`` of every validation line.
        scores: ``(step, value)`` by score name, from validation lines.
        baselines: last value of each baseline, by score name and baseline name.
        seconds: time of the last line.
        damaged_lines: lines that cannot be read (an interrupted run may leave one).
    """

    train: tuple[tuple[float, float], ...] = ()
    validation: tuple[tuple[float, float], ...] = ()
    scores: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float | None = None
    damaged_lines: int = 0


def read_log(path: Path) -> TrainingLog:
    """Read ``log.jsonl``; values that are missing or not finite are left out.

    A score called ``NAME (METHOD)`` beside one called ``NAME`` is that of a baseline.

    Raises:
        ArtifactError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ArtifactError(
            f"given: {path.name} ({error.strerror}); needed: the log that training writes; "
            f"do: check the run folder"
        ) from None
    train: list[tuple[float, float]] = []
    validation: list[tuple[float, float]] = []
    scores: dict[str, list[tuple[float, float]]] = {}
    seconds: float | None = None
    damaged = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            step = float(entry["step"])
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            damaged += 1
            continue
        loss = number(entry.get("loss"))
        seconds = number(entry.get("seconds")) or seconds
        if loss is not None:
            (validation if entry.get("split") == "validation" else train).append((step, loss))
        for name, value in _mapping(entry.get("scores")).items():
            if (found := number(value)) is not None:
                scores.setdefault(name, []).append((step, found))
    baselines: dict[str, dict[str, float]] = {}
    for name in list(scores):
        parts = re.fullmatch(r"(.+) \((.+)\)", name)
        if parts and parts[1] in scores:
            baselines.setdefault(parts[1], {})[parts[2]] = scores.pop(name)[-1][1]
    scores.pop("loss", None)
    return TrainingLog(
        tuple(train),
        tuple(validation),
        {name: tuple(values) for name, values in scores.items()},
        baselines,
        seconds,
        damaged,
    )


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _mapping(value: Any) -> dict[str, Any]:
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else {}


def smoothed(values: Array, width: int) -> NDArray[np.float64]:
    """Running mean over ``width`` values, shorter at the ends: ``(N,)``."""
    values = np.asarray(values, dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(values)])
    centre = np.arange(len(values))
    low = np.maximum(centre - width // 2, 0)
    high = np.minimum(centre + width // 2 + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low))


def loss_curves(log: TrainingLog) -> Markup | None:
    """Training loss (faint: each line, strong: running mean) and validation loss, over steps."""
    if not log.train and not log.validation:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        if log.train:
            steps, losses = np.array(log.train).T
            width = max(1, len(losses) // 25)
            if width > 1:
                axes.plot(steps, losses, color=SERIES[0], alpha=0.28, linewidth=0.8)
            axes.plot(
                steps, smoothed(losses, width), color=SERIES[0], linewidth=2.0, label="training"
            )
        if log.validation:
            steps, losses = np.array(log.validation).T
            axes.plot(
                steps, losses, color=SERIES[1], linewidth=2.0, marker="o", markersize=4,
                label="validation",
            )  # fmt: skip
        every = np.array([value for _, value in (*log.train, *log.validation)])
        # One wild first step must not flatten the rest of the curve.
        top = min(float(every.max()), float(np.percentile(every, 97)) * 1.6)
        axes.set_ylim(0 if every.min() >= 0 else None, top * 1.05 if top > 0 else None)
        _finish(axes, "loss")

    ends = []
    if log.train:
        ends.append(f"training from {log.train[0][1]:.3g} to {log.train[-1][1]:.3g}")
    if log.validation:
        ends.append(f"validation from {log.validation[0][1]:.3g} to {log.validation[-1][1]:.3g}")
    return _svg("loss", draw, f"Loss over training steps: {'; '.join(ends)}.")


def score_curves(log: TrainingLog, most: int = 3) -> Markup | None:
    """Validation scores over steps, the comprehensive ones first; baselines as dashed lines."""
    first = main_scores()
    names = sorted(log.scores, key=lambda name: first.index(name) if name in first else len(first))
    chosen = {name: log.scores[name] for name in names[:most]}
    if not chosen:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for color, (name, values) in zip(SERIES, chosen.items(), strict=False):
            steps, scores = np.array(values).T
            axes.plot(
                steps, scores, color=color, linewidth=2.0, marker="o", markersize=4, label=name
            )
            for baseline, value in log.baselines.get(name, {}).items():
                axes.axhline(value, color=color, linewidth=1.4, linestyle=(0, (5, 4)))
                axes.plot(
                    [], [], color=color, linewidth=1.4, linestyle=(0, (5, 4)),
                    label=f"{name}, {baseline}",
                )  # fmt: skip
        every = [value for values in chosen.values() for _, value in values]
        if min(every) >= 0 and max(every) <= 1:
            axes.set_ylim(0, 1)
        _finish(axes, "validation score")

    last = "; ".join(f"{name} {values[-1][1]:.3f}" for name, values in chosen.items())
    return _svg("scores", draw, f"Validation scores over training steps, at the end: {last}.")


def scene_dots(name: str, methods: Mapping[str, Mapping[str, float]], better: str) -> Markup | None:
    """One score of every scene, a dot a method: ``methods[method][scene]``."""
    scenes = sorted({scene for values in methods.values() for scene in values})
    if len(scenes) < 2:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row in range(len(scenes)):
            axes.axhline(row, color=_GRID, linewidth=0.8, zorder=0)
        for color, (method, values) in zip(SERIES, methods.items(), strict=False):
            rows = [i for i, scene in enumerate(scenes) if scene in values]
            axes.plot(
                [values[scenes[i]] for i in rows],
                rows,
                "o",
                color=color,
                markersize=8,
                label=method,
            )
        axes.set_yticks(range(len(scenes)), scenes)
        axes.set_ylim(len(scenes) - 0.5, -0.5)
        every = [v for values in methods.values() for v in values.values()]
        if min(every) >= 0 and max(every) <= 1:
            # Positions are compared here, not lengths: the axis may begin where the dots do.
            axes.set_xlim(max(0, math.floor((min(every) - 0.02) * 20) / 20), 1)
        _finish(axes, "", f"{name} ({better})")
        axes.grid(False)

    means = "; ".join(
        f"{method} {np.mean(list(values.values())):.3f}"
        for method, values in methods.items()
        if values
    )
    return _svg(
        "by-scene", draw, f"{name} by scene, mean: {means}.", (6.4, 1.1 + 0.34 * len(scenes))
    )


def class_bars(
    name: str, classes: Mapping[str, float], methods: Mapping[str, Mapping[str, float | None]]
) -> Markup:
    """IoU of single classes, a bar a method: ``methods[method][class]``.

    Args:
        name: of the drawing, unique on the page.
        classes: share of the truth by class, in the order of display.
        methods: values; a class without a number has no bar.
    """
    labels = list(classes)
    height = 0.8 / max(len(methods), 1)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number_, (color, (method, values)) in enumerate(
            zip(SERIES, methods.items(), strict=False)
        ):
            rows = [i for i, label in enumerate(labels) if values.get(label) is not None]
            axes.barh(
                [row - 0.4 + (number_ + 0.5) * height for row in rows],
                [values[labels[row]] or 0.0 for row in rows],
                height * 0.86,
                color=color,
                label=method,
            )
        axes.set_yticks(
            range(len(labels)),
            [f"{label}  {classes[label]:.1%}" for label in labels],
        )
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        _finish(axes, "", "IoU, strict (beside the name: share of the truth)")
        axes.grid(False, axis="y")

    best = "; ".join(
        f"{method}: "
        + ", ".join(f"{label} {v:.2f}" for label in labels if (v := values.get(label)) is not None)
        for method, values in methods.items()
    )
    size = (6.4, 1.2 + (0.2 + 0.14 * len(methods)) * len(labels))
    return _svg(name, draw, f"IoU by class. {best}.", size)


def confusion_drawing(
    name: str, shares: Array, rows: Sequence[str], columns: Sequence[str]
) -> Markup:
    """A confusion matrix as a picture: each row's shares, numbers from 5 % on.

    Args:
        name: of the drawing, unique on the page.
        shares: ``(rows, columns)``, each row adds up to 1.
        rows: names of the truth.
        columns: names of the predictions.
    """
    cell, left, top, right = 30, 116, 112, 62
    width, height = left + cell * len(columns) + right, top + cell * len(rows) + 4
    parts = [
        f'<svg role="img" aria-label="{escape(_confused(shares, rows, columns))}" '
        f'class="confusion" id="{escape(name)}" viewBox="0 0 {width} {height}" '
        'xmlns="http://www.w3.org/2000/svg" font-family="var(--sans)">'
    ]
    for j, column in enumerate(columns):
        x = left + cell * (j + 0.5)
        parts.append(
            f'<text x="{x:.0f}" y="{top - 8}" transform="rotate(-52 {x:.0f} {top - 8})" '
            f'font-size="13" fill="var(--ink)">{escape(column)}</text>'
        )
    for i, row in enumerate(rows):
        y = top + cell * i
        parts.append(
            f'<text x="{left - 8}" y="{y + 0.5 * cell + 4.5:.1f}" text-anchor="end" font-size="13" '
            f'fill="var(--ink)">{escape(row)}</text>'
        )
        for j, column in enumerate(columns):
            share = float(shares[i, j])
            x = left + cell * j
            # The strongest colour still carries the page's ink legibly, light and dark.
            parts.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                'fill="var(--well)" />'
            )
            if share >= 0.005:
                parts.append(
                    f'<rect x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="3" '
                    f'fill="var(--series-{1 if row == column else 2})" '
                    f'fill-opacity="{0.58 * share**0.75:.3f}"><title>{escape(row)} taken for '
                    f"{escape(column)}: {share:.1%}</title></rect>"
                )
            if share >= 0.05:
                parts.append(
                    f'<text x="{x + 0.5 * cell:.0f}" y="{y + 0.5 * cell + 4:.0f}" '
                    f'text-anchor="middle" font-size="11" fill="var(--ink)" '
                    f'pointer-events="none">{share * 100:.0f}</text>'
                )
    return Markup("".join([*parts, "</svg>"]))


def _confused(shares: Array, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A confusion matrix in words: what is right, and the largest mix-ups."""
    right = ", ".join(
        f"{row} {shares[i, columns.index(row)]:.0%}" for i, row in enumerate(rows) if row in columns
    )
    order = np.argsort(-np.asarray(shares), axis=None)
    mixed = []
    for place in order[: len(rows) + 8]:
        i, j = divmod(int(place), len(columns))
        if rows[i] != columns[j] and shares[i, j] > 0.05:
            mixed.append(f"{rows[i]} taken for {columns[j]} {shares[i, j]:.0%}")
    return f"Confusion of classes. Right: {right}. Mixed up: {', '.join(mixed[:5]) or 'nothing'}."


def arm_dots(
    name: str,
    score: str,
    arms: Mapping[str, tuple[float | None, float | None, Sequence[float]]],
    baselines: Mapping[str, float],
    better: str,
) -> Markup | None:
    """One score of every arm: a dot a seed, the mean, one standard deviation either way.

    Args:
        name: of the drawing, unique on the page.
        score: what is shown.
        arms: mean, standard deviation over seeds, value of each seed.
        baselines: values without spread, drawn as lines.
        better: which way is good.
    """
    shown = {arm: (mean, sd, seeds) for arm, (mean, sd, seeds) in arms.items() if mean is not None}
    if not shown:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row, (mean, sd, seeds) in enumerate(shown.values()):
            axes.axhline(row, color=_GRID, linewidth=0.8, zorder=0)
            if sd is not None:
                axes.plot([mean - sd, mean + sd], [row, row], color=SERIES[0], linewidth=3)
            axes.plot(list(seeds), [row] * len(seeds), "o", color=SERIES[0], alpha=0.4, ms=6)
            axes.plot([mean], [row], "o", color=SERIES[0], ms=9)
        for color, (baseline, value) in zip(SERIES[1:], baselines.items(), strict=False):
            axes.axvline(
                value, color=color, linewidth=1.6, linestyle=(0, (5, 4)), label=baseline, zorder=0
            )
        axes.set_yticks(range(len(shown)), list(shown))
        axes.set_ylim(len(shown) - 0.5, -0.5)
        _finish(axes, "", f"{score} ({better})")
        axes.grid(False, axis="y")

    text = "; ".join(f"{arm} {mean:.3f}" for arm, (mean, _, _) in shown.items())
    lines = "; ".join(f"{baseline} {value:.3f}" for baseline, value in baselines.items())
    return _svg(
        name,
        draw,
        f"{score} by arm, mean over seeds: {text}. Without learning: {lines or 'none'}.",
        (6.4, 1.3 + 0.4 * len(shown)),
    )


def interval_dots(
    name: str,
    score: str,
    control: str,
    arms: Mapping[str, tuple[float, float | None, float | None]],
    better: str,
) -> Markup | None:
    """Differences to a control with their intervals; hollow where the interval holds 0.

    Args:
        name: of the drawing, unique on the page.
        score: whose difference is shown.
        control: what the arms are compared with.
        arms: mean difference, low and high end of its interval (None where it cannot be told).
        better: which way is good.
    """
    if not arms:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=_SOFT, linewidth=1.4)
        for row, (mean, low, high) in enumerate(arms.values()):
            axes.axhline(row, color=_GRID, linewidth=0.8, zorder=0)
            known = clear = False
            if low is not None and high is not None:
                axes.plot([low, high], [row, row], color=SERIES[0], linewidth=2.4, zorder=2)
                known, clear = True, low > 0 or high < 0
            axes.plot(
                [mean], [row], "o" if known else "D", color=SERIES[0], ms=8, zorder=3,
                fillstyle="full" if clear else "none", markeredgewidth=2,
            )  # fmt: skip
        axes.set_yticks(range(len(arms)), list(arms))
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.margins(x=0.08)
        _finish(axes, "", f"{score} less that of {control} ({better})")
        axes.grid(False, axis="y")

    text = "; ".join(
        f"{arm} {mean:+.3f}"
        + (f" ({low:+.3f} to {high:+.3f})" if low is not None and high is not None else "")
        for arm, (mean, low, high) in arms.items()
    )
    return _svg(
        name, draw, f"{score} less that of {control}: {text}.", (6.4, 1.1 + 0.4 * len(arms))
    )


_LEGEND_LETTERS = 66
"""Letters that fit beside each other above a drawing."""


def _finish(axes: Any, label: str, below: str = "step") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(below)
    axes.set_ylabel(label)
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        # As many columns as fit the width: a legend that is too wide would squeeze the drawing.
        columns = max(1, min(4, _LEGEND_LETTERS // (max(map(len, labels)) + 5)))
        axes.legend(
            frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns,
            fontsize=10, handlelength=1.6, columnspacing=1.4, borderaxespad=0.2,
        )  # fmt: skip


def _svg(
    name: str, draw: Any, description: str, size_in: tuple[float, float] = (6.4, 3.7)
) -> Markup:
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"crossvox-{name}",
        "font.size": 11,
        "font.family": "sans-serif",
        "text.color": _INK,
        "axes.labelcolor": _SOFT,
        "axes.edgecolor": _SOFT,
        "axes.facecolor": "none",
        "xtick.color": _SOFT,
        "ytick.color": _SOFT,
        "figure.facecolor": "none",
    }
    with rc_context(style):
        figure = Figure(figsize=size_in, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        file = io.StringIO()
        figure.savefig(
            file, format="svg", transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )  # fmt: skip
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    # Several drawings share the page: names inside one must not meet those of another.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px [^;\"]*", r"font: \1px var(--sans)", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    label = escape(description)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


def plan_drawing(
    plan: Array,
    corner_m: tuple[float, float],
    cell_m: float,
    path_m: Array,
    breaks: Sequence[int],
    marks: Mapping[str, tuple[Array, Array]],
    description: str,
) -> Markup:
    """The room from straight above: surface, the camera's path, where the sample frames stood.

    Args:
        plan: ``(X, Y)`` share in [0, 1], how much surface stands in each column.
        corner_m: world ``x, y`` of the low corner of column ``(0, 0)``.
        cell_m: edge of a column.
        path_m: ``(N, 3)`` camera positions in order.
        breaks: numbers of the positions that do not follow on the one before (lost poses between).
        marks: by label, position and viewing direction, ``(3,)`` each.
        description: for readers who cannot see it.
    """
    share = np.asarray(plan, dtype=np.float32)
    image = np.zeros((*share.T.shape, 4), dtype=np.uint8)
    image[..., :3] = (112, 124, 144)
    image[..., 3] = np.round(np.clip(share.T[::-1], 0, 1) * 215)
    data = base64.b64encode(encode_webp(image)).decode("ascii")
    path_m = np.asarray(path_m, dtype=np.float64).reshape(-1, 3)
    width, height = share.shape[0] * cell_m, share.shape[1] * cell_m
    low_x, low_y = corner_m
    seen = [np.array([[low_x, low_y], [low_x + width, low_y + height]]), path_m[:, :2]]
    points = np.concatenate(seen)
    low, high = points.min(axis=0) - 0.25, points.max(axis=0) + 0.25
    span = high - low
    bar_m = 1.0 if span[0] < 12 else 5.0
    unit = float(max(span)) / 100

    def at(place: Array) -> tuple[float, float]:
        return float(place[0] - low[0]), float(high[1] - place[1])

    parts = [
        f'<svg role="img" aria-label="{escape(description)}" class="plan" '
        f'viewBox="0 0 {span[0]:.3f} {span[1] + 4 * unit:.3f}" '
        'xmlns="http://www.w3.org/2000/svg">',
        f'<image href="data:image/webp;base64,{data}" x="{low_x - low[0]:.3f}" '
        f'y="{high[1] - low_y - height:.3f}" width="{width:.3f}" height="{height:.3f}" '
        'preserveAspectRatio="none" />',
    ]
    starts = [0, *sorted(b for b in breaks if 0 < b < len(path_m)), len(path_m)]
    for begin, end in itertools.pairwise(starts):
        line = " ".join("{:.3f},{:.3f}".format(*at(place)) for place in path_m[begin:end])
        if end - begin > 1:
            parts.append(
                f'<polyline points="{line}" fill="none" stroke="var(--series-1)" '
                f'stroke-width="{0.7 * unit:.4f}" stroke-linejoin="round" '
                'stroke-linecap="round" />'
            )
    if len(path_m):
        for place, fill in ((path_m[0], "var(--page)"), (path_m[-1], "var(--series-1)")):
            x, y = at(place)
            parts.append(
                f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{1.3 * unit:.4f}" fill="{fill}" '
                f'stroke="var(--series-1)" stroke-width="{0.6 * unit:.4f}" />'
            )
    for label, (place, forward) in marks.items():
        x, y = at(place)
        angle = math.atan2(-float(forward[1]), float(forward[0]))
        reach = 9 * unit
        (x1, y1), (x2, y2) = (
            (x + reach * math.cos(angle + turn), y + reach * math.sin(angle + turn))
            for turn in (-0.5, 0.5)
        )
        parts.append(
            f'<path d="M{x:.3f} {y:.3f}L{x1:.3f} {y1:.3f}L{x2:.3f} {y2:.3f}Z" '
            'fill="var(--series-2)" fill-opacity="0.32" />'
            f'<circle cx="{x:.3f}" cy="{y:.3f}" r="{2.4 * unit:.4f}" fill="var(--series-2)" />'
            f'<text x="{x:.3f}" y="{y + 1.1 * unit:.3f}" font-size="{3.2 * unit:.4f}" '
            f'text-anchor="middle" fill="var(--page)" font-weight="600">{escape(label)}</text>'
        )
    base = float(span[1]) + 1.2 * unit
    parts.append(
        f'<path d="M{unit:.3f} {base:.3f}h{bar_m:.3f}" stroke="var(--ink)" '
        f'stroke-width="{0.5 * unit:.4f}" />'
        f'<text x="{2 * unit + bar_m:.3f}" y="{base + 1.1 * unit:.3f}" '
        f'font-size="{3.2 * unit:.4f}" fill="var(--soft)">{bar_m:g} m</text></svg>'
    )
    return Markup("".join(parts))
