"""What a training log tells, and its curves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError
from crossvox.core.methods import OTHER_RULES, method_name
from crossvox.metrics import main_scores
from crossvox.report.drawings.svg import SERIES, finish, svg
from crossvox.report.values import as_dict, number

Array = NDArray[Any]


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

    A score called ``NAME (METHOD)`` beside one called ``NAME`` is that of a baseline, unless it is
    the network's own by another rule (:data:`~crossvox.core.methods.OTHER_RULES`).

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
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            damaged += 1
            continue
        loss = number(entry.get("loss"))
        seconds = number(entry.get("seconds")) or seconds
        if loss is not None:
            (validation if entry.get("split") == "validation" else train).append((step, loss))
        for name, value in as_dict(entry.get("scores")).items():
            if (found := number(value)) is not None:
                scores.setdefault(name, []).append((step, found))
    baselines: dict[str, dict[str, float]] = {}
    for name in list(scores):
        plain, suffix = _parted(name)
        if suffix and suffix not in OTHER_RULES and plain in scores:
            baselines.setdefault(plain, {})[suffix] = scores.pop(name)[-1][1]
    scores.pop("loss", None)
    return TrainingLog(
        tuple(train),
        tuple(validation),
        {name: tuple(values) for name, values in scores.items()},
        baselines,
        seconds,
        damaged,
    )


def _parted(name: str) -> tuple[str, str]:
    """Name and suffix of a score called ``NAME (SUFFIX)``; of others, the name and nothing."""
    parts = re.fullmatch(r"(.+) \((.+)\)", name)
    return (parts[1], parts[2]) if parts else (name, "")


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
        finish(axes, "loss")

    ends = []
    if log.train:
        ends.append(f"training from {log.train[0][1]:.3g} to {log.train[-1][1]:.3g}")
    if log.validation:
        ends.append(f"validation from {log.validation[0][1]:.3g} to {log.validation[-1][1]:.3g}")
    return svg("loss", draw, f"Loss over training steps: {'; '.join(ends)}.")


def shown_scores(log: TrainingLog, most: int = 3) -> list[str]:
    """The scores with curves: comprehensive ones first, each with those by other rules."""
    first, there = main_scores(), list(log.scores)

    def place(name: str) -> tuple[int, int, int]:
        plain, _ = _parted(name)
        return (
            first.index(plain) if plain in first else len(first),
            there.index(plain) if plain in there else len(there),
            there.index(name),
        )

    return sorted(there, key=place)[:most]


def other_rules(log: TrainingLog) -> list[str]:
    """What the shown scores by other rules are, in words."""
    told = dict.fromkeys(_parted(name)[1] for name in shown_scores(log))
    return [f"“{suffix}”: {OTHER_RULES[suffix]}" for suffix in told if suffix in OTHER_RULES]


def score_curves(log: TrainingLog, most: int = 3) -> Markup | None:
    """Validation scores over steps, the comprehensive ones first; baselines as dashed lines."""
    chosen = {name: log.scores[name] for name in shown_scores(log, most)}
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
                    label=f"{name}, {method_name(baseline.replace(' ', '_'))}",
                )  # fmt: skip
        every = [value for values in chosen.values() for _, value in values]
        if min(every) >= 0 and max(every) <= 1:
            axes.set_ylim(0, 1)
        finish(axes, "validation score")

    last = "; ".join(f"{name} {values[-1][1]:.3f}" for name, values in chosen.items())
    return svg("scores", draw, f"Validation scores over training steps, at the end: {last}.")
