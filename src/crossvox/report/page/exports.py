"""Tables of the report page as they lie beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossvox.core.formats import in_figures, unit_text, value_text
from crossvox.core.methods import LEARNT, TSDF, method_name
from crossvox.metrics.curve import FramesCurve
from crossvox.report.page.class_scores import ClassScores
from crossvox.report.page.files_out import safe_name
from crossvox.report.page.score_files import Rows
from crossvox.report.page.surface_scores import SurfaceScores
from crossvox.report.page.tables_out import TableOut
from crossvox.report.values import as_dict, number, once

WHOLE = "all"
"""What stands for all scenes together."""

_COLUMNS = ("scene", "method", "class", "score", "value", "unit", "counted", "of",
            "higher_is_better")  # fmt: skip


def surface_out(entry: SurfaceScores, number_: int) -> TableOut:
    """Scores of surfaces of every scene, and their mean."""
    name = safe_name(f"scores-{number_}-{entry.protocol}")
    mean = entry.mean or next(iter(entry.scenes.values()), {})
    scenes = len(entry.counted) if entry.mean else 1
    caption = f"Mean over {in_figures(scenes, 'scene')}, protocol {entry.protocol}."
    rows = [*_rows(WHOLE, entry.mean)]
    rows += [row for scene, methods in entry.scenes.items() for row in _rows(scene, methods)]
    return _table(name, caption, rows, mean)


def class_out(entry: ClassScores, number_: int) -> TableOut:
    """Scores of classes over all scenes, of single classes, and of every scene."""
    caption = f"Counted over {entry.count} {entry.kind if entry.count != 1 else entry.kind[:-1]}."
    rows = [*_rows(WHOLE, entry.methods)]
    for method, classes in entry.classes.items():
        rows += [(WHOLE, method, label, *_cells(row)) for label, row in classes.items()]
    rows += [row for scene, methods in entry.scenes.items() for row in _rows(scene, methods)]
    return _table(f"classes-{number_}", caption, rows, entry.methods)


def _rows(scene: str, methods: Mapping[str, Rows]) -> Iterable[tuple[Any, ...]]:
    for method, scores in methods.items():
        for row in scores.values():
            yield scene, method, "", *_cells(row)


def _cells(row: Mapping[str, Any]) -> tuple[Any, ...]:
    name, unit, of = (str(row.get(key) or "") for key in ("name", "unit", "of"))
    numbers = number(row.get("value")), number(row.get("support"))
    return name, numbers[0], unit, numbers[1], of, bool(row.get("higher_is_better"))


def _table(
    name: str, caption: str, rows: Sequence[tuple[Any, ...]], methods: Mapping[str, Rows]
) -> TableOut:
    """Rows of the CSV; for a reader a row a score and a column a method."""
    scores = once(score for of in methods.values() for score in of)
    shown = tuple((_score(score, methods), *_values(score, methods)) for score in scores)
    heads = ("Score", *(method_name(method) for method in methods))
    return TableOut(name, caption, _COLUMNS, tuple(rows), heads, shown)


def _score(score: str, methods: Mapping[str, Rows]) -> str:
    unit = next((unit_text(of[score].get("unit")) for of in methods.values() if score in of), "")
    return f"{score} ({unit})" if unit else score


def _values(score: str, methods: Mapping[str, Rows]) -> Iterable[str]:
    for of in methods.values():
        yield value_text(number(of[score].get("value")) if score in of else None)


def curve_out(curve: FramesCurve, name: str, main: str) -> TableOut:
    """Every score from every number of frames: means over rooms, and the difference to fusion."""
    columns = ("score", "frames", "method", "less", "mean", "low", "high", "rooms", "undefined")
    rows = []
    for score in curve.scores:
        found = [(method, "", curve.means(score, method)) for method in curve.methods]
        if {LEARNT, TSDF} <= set(curve.methods):
            found.append((LEARNT, TSDF, curve.differences(score, LEARNT, TSDF)))
        for method, less, over in found:
            rows += [
                (score, frames, method, less, *(number(v) for v in (one.mean, one.low, one.high)),
                 one.rooms, one.undefined)
                for frames, one in zip(curve.frames, over, strict=True)
            ]  # fmt: skip
    shown = tuple(
        (method_name(method), *(value_text(one.mean) for one in curve.means(main, method)))
        for method in curve.methods
    ) if main in curve.scores else ()  # fmt: skip
    heads = ("Method", *(str(frames) for frames in curve.frames))
    caption = f"{main} by the number of frames, mean over {len(curve.rooms)} rooms."
    return TableOut(name, caption, columns, tuple(rows), heads, shown)


def study_out(
    name: str,
    arms: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    main: str,
    controls: Sequence[str],
) -> TableOut:
    """Arms of a study: every score with its spread, and its differences to the controls.

    Args:
        name: of the table.
        arms: as the study's file holds them.
        rows: as the page shows them.
        main: the score that stands for the whole.
        controls: what arms are compared with, in order.
    """
    columns = ("arm", "score", "mean", "sd", "less", "difference", "low", "high", "p_holm")
    found = []
    for arm in arms:
        for score, given in as_dict(arm.get("scores")).items():
            own = as_dict(given)
            told = (arm["name"], score, number(own.get("mean")), number(own.get("sd")))
            found.append((*told, "", None, None, None, None))
            for control, against in as_dict(arm.get("against")).items():
                one = as_dict(as_dict(against).get(score))
                keys = ("mean", "low", "high", "p_adjusted")
                if one:
                    found.append((*told, control, *(number(one.get(key)) for key in keys)))
    shown = tuple(
        (row["name"], row["score"],
         *(f"{one['mean']} ({one['interval']})" if one else "" for one in row["differences"]))
        for row in rows
    )  # fmt: skip
    heads = ("Arm", main, *(f"less {control} (interval)" for control in controls))
    return TableOut(name, f"{main} of every arm.", columns, tuple(found), heads, shown)
