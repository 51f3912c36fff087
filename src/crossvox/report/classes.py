"""Scores of classes, of pixels and of rooms: tables, bars, confusion, pictures of predictions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from crossvox.core.checks import CrossvoxError
from crossvox.core.labels import NYU40
from crossvox.doors.images import read_color
from crossvox.metrics import LENIENT, MAJORITY, STRICT
from crossvox.report import curves
from crossvox.report.curves import number
from crossvox.report.embed import css_color, jpeg_uri, webp_uri, within
from crossvox.report.rooms import ERROR_KEY, class_colors, method_name
from crossvox.report.sources import Sources, as_dict, as_list, hidden, json_of

PROTOCOL = "classes"
"""Protocol of the score file that counts classes of rooms."""

SCORES_2D = "scores.json"
EVALUATION = "evaluation"
PICTURES = "pictures"

PANELS = ("image", "truth", "prediction", "error")
"""What a strip of pictures shows, from left to right, two white pixels between."""

PANEL_GAP_PX = 2
PANEL_WIDTH_PX = 360

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ClassScores:
    """Scores of classes as the page shows them.

    Attributes:
        name: what was scored.
        kind: "rooms" or "images".
        of: what was counted: vertices, pixels.
        count: how many rooms or images.
        methods: score records by method and name; without those of single classes.
        classes: score records of single classes, by method and class name.
        confusion: counts by method, row = truth.
        scenes: ``methods`` of every room.
        notes: remarks.
    """

    name: str
    kind: str
    of: str
    count: int
    methods: dict[str, dict[str, dict[str, Any]]]
    classes: dict[str, dict[str, dict[str, Any]]]
    confusion: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    scenes: dict[str, dict[str, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def value(self, method: str, score: str = STRICT) -> float | None:
        """One number; None where there is none."""
        return number(as_dict(self.methods.get(method, {}).get(score)).get("value"))


def score_rows(rows: Any) -> dict[str, dict[str, Any]]:
    """Score records by name."""
    return {
        str(row["name"]): row for row in as_list(rows) if isinstance(row, dict) and "name" in row
    }


def read_class_scores(sources: Sources) -> list[ClassScores]:
    """Scores of labelled rooms of all predictions, and of images of all 2D runs."""
    found = []
    for prediction in sources.predictions:
        record = json_of(prediction / f"scores.{PROTOCOL}.json", sources)
        if record is not None:
            found.append(_of_rooms(prediction.resolve().name, record))
    for run in sources.runs:
        record = json_of(run / EVALUATION / SCORES_2D, sources)
        if record is not None:
            found.append(_of_images(run.resolve().name, record))
    return found


def _of_rooms(name: str, record: Mapping[str, Any]) -> ClassScores:
    counted = as_dict(record.get("whole"))
    whole = {str(m): score_rows(rows) for m, rows in counted.items()}
    scenes = {
        str(scene): {str(m): _split(score_rows(rows))[0] for m, rows in as_dict(methods).items()}
        for scene, methods in as_dict(record.get("scenes")).items()
    }
    return ClassScores(
        name,
        "rooms",
        "vertices",
        len(scenes),
        {m: _split(rows)[0] for m, rows in whole.items()},
        {m: _split(rows)[1] for m, rows in whole.items()},
        {
            str(m): counts
            for m, value in as_dict(record.get("confusion")).items()
            if (counts := _matrix(value)) is not None
        },
        scenes,
        tuple(str(note) for note in as_list(record.get("notes"))),
    )


def _of_images(name: str, record: Mapping[str, Any]) -> ClassScores:
    """The majority class stands among the scores of the network: it gets a column of its own."""
    learnt: dict[str, dict[str, Any]] = {}
    majority: dict[str, dict[str, Any]] = {}
    for key, row in score_rows(record.get("scores")).items():
        parts = re.fullmatch(rf"(.+) \({MAJORITY}\)", key)
        if parts:
            majority[parts[1]] = {**row, "name": parts[1]}
        else:
            learnt[key] = row
    notes = [
        f"left out: {count} {what}"
        for what, count in as_dict(record.get("left_out")).items()
        if number(count)
    ]
    own, single = _split(learnt)
    matrix = _matrix(record.get("confusion"))
    return ClassScores(
        name,
        "images",
        "pixels",
        int(number(record.get("images")) or 0),
        {"learnt": own, **({"majority": majority} if majority else {})},
        {"learnt": single},
        {} if matrix is None else {"learnt": matrix},
        notes=tuple(notes),
    )


def _split(rows: Rows) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Scores of the whole, and of single classes by class name."""
    single = {
        name.removeprefix("IoU "): dict(row)
        for name, row in rows.items()
        if name.removeprefix("IoU ") in NYU40.names and name.startswith("IoU ")
    }
    return {
        name: dict(row) for name, row in rows.items() if name.removeprefix("IoU ") not in single
    }, single


def _matrix(value: Any) -> NDArray[np.float64] | None:
    try:
        counts = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    size = len(NYU40.names)
    return counts if counts.shape == (size, size) and np.isfinite(counts).all() else None


def class_drawings(scores: ClassScores) -> dict[str, Any]:
    """Bars of single classes and the picture of the confusion."""
    name = re.sub(r"\W+", "-", scores.name)
    return {
        "bars": _bars(scores, name),
        "confusion": [
            {"method": _class_method(method, scores.kind), "drawing": drawing}
            for method, counts in scores.confusion.items()
            if method != "majority"
            and (drawing := _confusion(counts, f"{name}-{method}")) is not None
        ],
    }


def _class_method(method: str, kind: str) -> str:
    return "Network" if kind == "images" and method == "learnt" else method_name(method)


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
        if method != "majority" and rows
    }
    return curves.class_bars(
        f"bars-{name}", {label: support[label] / total for label in labels}, methods
    )


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
    return curves.confusion_drawing(
        f"confusion-{name}",
        shares,
        [NYU40.names[label] for label in benchmark],
        [*(NYU40.names[label] for label in columns), "other"],
    )


def legend(shares: Mapping[int, Sequence[float | None]] | Iterable[int]) -> list[dict[str, Any]]:
    """Swatch, name and shares of classes, in the order given; unannotated last."""
    given = shares if isinstance(shares, Mapping) else dict.fromkeys(shares, ())
    order = sorted(given, key=lambda label: label == NYU40.ignore_id)
    colors = class_colors(np.array(order, dtype=np.uint8))
    return [
        {"name": NYU40.names[label], "color": css_color(color), "shares": list(given[label])}
        for label, color in zip(order, colors, strict=True)
    ]


def error_legend() -> list[dict[str, str]]:
    """What the colours of errors mean."""
    return [{"name": name, "color": css_color(color)} for name, color in ERROR_KEY]


# --- pictures of images --------------------------------------------------------------------------


def gallery(run: Path, sources: Sources) -> dict[str, Any] | None:
    """Pictures of a 2D run: the evaluation's if there was one, else those of its training."""
    origin = "images of its evaluation"
    paths = sorted((run / EVALUATION / PICTURES).glob("*.png"))
    if not paths:
        origin = "validation images, at the end of training"
        paths = sorted((run / PICTURES).glob("*.png"))
    strips, labels = [], set[int]()
    for path in paths:
        try:
            strip = read_color(path)
        except CrossvoxError as error:
            sources.missing.append(hidden(f"{path.name} cannot be read ({error})"))
            continue
        panels = _panels(strip)
        if panels is None:
            strips.append({"name": path.stem, "panels": [("strip", jpeg_uri(within(strip, 1400)))]})
            continue
        for panel in panels[1:3]:
            labels |= _labels_of(panel)
        strips.append(
            {
                "name": path.stem,
                "panels": [
                    (name, (jpeg_uri if name in ("image", "error") else webp_uri)(
                        within(panel, PANEL_WIDTH_PX)
                    ))
                    for name, panel in zip(PANELS, panels, strict=True)
                ],
            }
        )  # fmt: skip
    if not strips:
        return None
    return {
        "run": run.resolve().name,
        "origin": origin,
        "strips": strips,
        "legend": legend(sorted(labels)),
        "errors": [
            {"name": "right", "color": css_color((120, 120, 120))},
            {"name": "wrong", "color": css_color((220, 40, 30))},
            {"name": "unannotated", "color": css_color((0, 0, 0))},
        ],
    }


def _panels(strip: NDArray[np.uint8]) -> list[NDArray[np.uint8]] | None:
    """Cut a strip into its panels; None if it is not laid out as one."""
    width, rest = divmod(strip.shape[1] - PANEL_GAP_PX * (len(PANELS) - 1), len(PANELS))
    if rest or width < 1:
        return None
    step = width + PANEL_GAP_PX
    return [strip[:, i * step : i * step + width] for i in range(len(PANELS))]


def _labels_of(panel: NDArray[np.uint8]) -> set[int]:
    """NYU40 ids whose exact colours a panel shows on more than a thousandth of it."""
    weights = np.array([65536, 256, 1])
    codes, counts = np.unique(panel.reshape(-1, 3).astype(np.int64) @ weights, return_counts=True)
    by_code = {int(c): label for label, c in enumerate(NYU40.colors.astype(np.int64) @ weights)}
    least = 0.001 * counts.sum()
    return {
        by_code[int(code)]
        for code, count in zip(codes, counts, strict=True)
        if int(code) in by_code and count >= least
    }


# --- sentences -----------------------------------------------------------------------------------


def class_sentence(scores: ClassScores, where: str) -> str:
    """The number that matters, beside its baselines, whichever way they differ.

    Args:
        scores: of rooms or images.
        where: for example "On three held-out rooms".
    """
    learnt = scores.value("learnt")
    if learnt is None:
        shown = {m: v for m in scores.methods if (v := scores.value(m)) is not None}
        return f"{where}, {STRICT} over the benchmark classes: " + (
            ", ".join(f"{method_name(m).lower()} {v:.2f}" for m, v in shown.items()) or "no number"
        )
    who = "the 3D network" if scores.kind == "rooms" else f"the 2D network of run {scores.name}"
    text = f"{where} {who} reaches a strict mIoU of {learnt:.2f} over the benchmark classes"
    votes, majority = scores.value("votes_2d"), scores.value("majority")
    if votes is not None:
        gain = learnt - votes
        if round(abs(gain), 2) == 0:
            text += (
                f", the same as the votes of the 2D network without any 3D network ({votes:.2f})"
            )
        else:
            text += (
                f", {abs(gain):.2f} {'above' if gain > 0 else 'below'} the votes of the 2D network "
                f"without any 3D network ({votes:.2f})"
            )
    if majority is not None:
        text += f"; one class everywhere reaches {majority:.2f}"
    return text


def class_facts(scores: ClassScores) -> list[tuple[str, str]]:
    """The numbers in large type."""
    names = {
        "learnt": "strict mIoU, 3D network"
        if scores.kind == "rooms"
        else "strict mIoU, 2D network",
        "votes_2d": "strict mIoU, 2D votes",
        "majority": "strict mIoU, majority class",
    }
    facts = [
        (f"{value:.2f}", text)
        for method, text in names.items()
        if (value := scores.value(method)) is not None
    ]
    lenient = scores.value("learnt", LENIENT)
    if lenient is not None:
        facts.insert(1, (f"{lenient:.2f}", "mIoU counted leniently, as published"))
    return facts


# --- transfer ------------------------------------------------------------------------------------


def transfer_table(run: Path, sources: Sources) -> dict[str, Any] | None:
    """What a run took over from another one, as rows of a small table."""
    record = json_of(run / "transfer.json", sources)
    if record is None:
        return None
    rows: list[tuple[str, str]] = []
    parts = [
        f"{part}: {value[0]} of {value[1]}"
        if isinstance(value, list) and len(value) == 2
        else f"{part}: {value}"
        for part, value in as_dict(record.get("parts")).items()
    ]
    if parts:
        rows.append(("weights by part", ", ".join(parts)))
    for key, text in (
        ("loaded", "loaded"),
        ("spread", "spread over the classes"),
        ("missing", "missing in the source"),
        ("skipped", "skipped: another shape"),
        ("left", "left with the rest of the input"),
        ("not_asked", "not asked for"),
        ("frozen", "frozen"),
    ):
        if key in record:
            rows.append((text, _names(as_list(record[key]))))
    rates = as_dict(record.get("rates"))
    if rates:
        rows.append(("rates", ", ".join(f"{name}: {value}" for name, value in rates.items())))
    summary = record.get("summary")
    return {
        "source": str(record.get("source") or "another run"),
        "summary": str(summary) if isinstance(summary, str) else "",
        "mode": str(record.get("mode") or ""),
        "rows": [(name, hidden(text)) for name, text in rows],
    }


def _names(values: Sequence[Any], most: int = 4) -> str:
    """How many, and the first of them by name."""
    shown = []
    for value in values[:most]:
        if isinstance(value, list) and len(value) == 3:
            here, there = ("x".join(map(str, as_list(size))) for size in value[1:])
            shown.append(f"{value[0]} ({here} here, {there} there)")
        else:
            shown.append(str(value))
    rest = ", …" if len(values) > most else ""
    return f"{len(values)}" + (f": {', '.join(shown)}{rest}" if shown else "")
