"""Bars of single classes, and the confusion."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.methods import LEARNT, MAJORITY, method_name
from crossvox.report.drawings.confusion import confusion_drawing
from crossvox.report.drawings.scores import class_bars
from crossvox.report.page.class_scores import ClassScores
from crossvox.report.page.files_out import FigureOut, drawn, safe_name
from crossvox.report.values import as_dict, number


def class_drawings(scores: ClassScores, number_: int = 0) -> dict[str, Any]:
    """Bars of single classes and the picture of the confusion."""
    name = re.sub(r"\W+", "-", scores.name)
    return {
        "bars": drawn(f"bars-{number_}", _bars(scores, name)),
        "confusion": [
            {
                "method": _class_method(method, scores.kind),
                "drawing": FigureOut(safe_name(f"confusion-{number_}-{method}"), drawing),
            }
            for method, counts in scores.confusion.items()
            if method != MAJORITY
            and (drawing := _confusion(counts, f"{name}-{method}")) is not None
        ],
    }


def _class_method(method: str, kind: str) -> str:
    return "Network" if kind == "images" and method == LEARNT else method_name(method)


def _bars(scores: ClassScores, name: str) -> Markup | None:
    """IoU of each benchmark class that the truth shows, the most frequent first."""
    first = next(iter(scores.classes.values()), {})
    support = {
        label: float(number(row.get("support")) or 0)
        for label, row in first.items()
        if NYU40.id_of(label) in NYU40.benchmark_ids
    }
    total = sum(support.values())
    labels = sorted((label for label in support if support[label] > 0), key=lambda x: -support[x])
    if not labels or total <= 0:
        return None
    methods = {
        _class_method(method, scores.kind): {
            label: number(as_dict(rows.get(label)).get("value")) for label in labels
        }
        for method, rows in scores.classes.items()
        if method != MAJORITY and rows
    }
    return class_bars(f"bars-{name}", {label: support[label] / total for label in labels}, methods)


def _confusion(counts: NDArray[np.float64], name: str) -> Markup | None:
    """Benchmark classes that the truth shows, by row as shares; other predictions in one column."""
    benchmark = [label for label in NYU40.benchmark_ids if counts[label].sum() > 0]
    columns = [
        label
        for label in NYU40.benchmark_ids
        if label in benchmark or counts[benchmark, label].any()
    ]
    if not benchmark:
        return None
    rows = counts[benchmark]
    shown = rows[:, columns]
    other = rows.sum(axis=1, keepdims=True) - shown.sum(axis=1, keepdims=True)
    shares = np.concatenate([shown, other], axis=1) / rows.sum(axis=1, keepdims=True)
    return confusion_drawing(
        f"confusion-{name}",
        shares,
        [NYU40.names[label] for label in benchmark],
        [*(NYU40.names[label] for label in columns), "other"],
    )
