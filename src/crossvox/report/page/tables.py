"""Tables of scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import stdev
from typing import Any

from crossvox.core.formats import counted, in_figures, support_text, unit_text, value_text
from crossvox.core.methods import LEARNT, class_text, method_name, surface_text
from crossvox.metrics import reading
from crossvox.report.folders import SEEN, against_fusion
from crossvox.report.hiding import hidden
from crossvox.report.page.class_drawings import class_drawings
from crossvox.report.page.class_scores import ClassScores, one_class_of
from crossvox.report.page.exports import class_out, surface_out
from crossvox.report.page.score_files import Rows
from crossvox.report.page.surface_scores import MAIN, SurfaceScores
from crossvox.report.sources import Sources
from crossvox.report.values import as_dict, number, once

PROTOCOL_TEXTS = {
    "surface": "Points are spread over both surfaces by area and thinned to 2 cm cells; near means "
    "under 5 cm. Depth is rendered at every frame with a valid pose.",
    "thesis": "The rules of the published pipeline: mesh vertices thinned to 2 cm cells; near "
    "means under 5 cm. Depth is rendered at 328 x 256.",
}

Texts = Callable[[str], str]
"""What a method is, in one line."""


def surface_table(entry: SurfaceScores, sources: Sources, number_: int = 0) -> dict[str, Any]:
    """One protocol: the mean table and a table a scene."""
    scenes = entry.scenes
    several = len(scenes) > 1
    parts = []
    if entry.mean and (several or not scenes):
        count = len(entry.counted)
        name = f"Mean of {in_figures(count, 'scene')}"
        rooms = [scenes[scene] for scene in entry.counted if scene in scenes]
        parts.append({"name": name, "scene": "", **_surface_grid(entry.mean, rooms)})
    for scene, methods in scenes.items():
        name = marked(scene, entry.seen, entry.counted)
        parts.append({"name": name, "scene": scene, **_surface_grid(methods)})
    if against_fusion(scenes, sources):
        for row in (row for part in parts for row in _all_rows(part)):
            row["reading"] = row["reading"].replace("true surface", "reference surface")
    return {
        "protocol": entry.protocol,
        "text": PROTOCOL_TEXTS.get(entry.protocol, ""),
        "of": entry.prediction.resolve().name if len(sources.predictions) > 1 else "",
        "main": parts[0] if parts else None,
        "out": surface_out(entry, number_),
        "more": parts[1:],
        "coverage": entry.coverage,
        "seen": seen_text(entry.seen, entry.counted),
        "notes": [hidden(note) for note in entry.notes],
    }


def _all_rows(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a table and of the one in detail."""
    return [*part["rows"], *part.get("detail", {"rows": []})["rows"]]


def class_part(entry: ClassScores, number_: int = 0) -> dict[str, Any]:
    """Tables and drawings of one set of class scores."""
    what = "room" if entry.kind == "rooms" else "image"

    def text(method: str) -> str:
        own = entry.kind == "images" and method == LEARNT
        return "the 2D network" if own else class_text(method)

    single = {
        method: dict(sorted(rows.items(), key=lambda row: -(number(row[1].get("support")) or 0)))
        for method, rows in entry.classes.items()
        if rows
    }
    several = len(entry.scenes) > 1
    return {
        "name": entry.name,
        "kind": entry.kind,
        "counted": f"counted over one confusion matrix of {counted(entry.count, what)}",
        "main": {"name": f"All {what}s together", **_grid(entry.methods, text)}
        if entry.methods
        else None,
        "single": {"name": "IoU of single classes, strict", **_grid(single, text)}
        if single
        else None,
        "scenes": [
            {"name": marked(scene, entry.seen, entry.counted), **_grid(methods, text)}
            for scene, methods in entry.scenes.items()
        ]
        if several
        else [],
        "out": class_out(entry, number_),
        **class_drawings(entry, number_),
        "seen": seen_text(entry.seen, entry.counted),
        "notes": [hidden(note) for note in entry.notes],
    }


def marked(scene: str, seen: tuple[str, ...], counted_: tuple[str, ...]) -> str:
    """The name of a scene, and whether the network learnt from it and whether it counts."""
    if scene not in seen:
        return scene
    return f"{scene} ({SEEN}{'' if scene in counted_ else ', not in the mean'})"


def seen_text(seen: tuple[str, ...], counted_: tuple[str, ...]) -> str:
    """One sentence on scenes that the network learnt from; empty if there is none."""
    if not seen:
        return ""
    left_out = not set(seen) & set(counted_)
    how = "left out of the whole" if left_out else "counted for the whole all the same"
    are = "is one" if len(seen) == 1 else "are ones"
    return (
        f"{counted(len(seen), 'room').capitalize()} of these {are} that the network learnt from, "
        f"and {'is' if len(seen) == 1 else 'are'} {how}: {', '.join(seen)}."
    )


def _surface_grid(
    methods: Mapping[str, Rows], rooms: Sequence[Mapping[str, Rows]] = ()
) -> dict[str, Any]:
    """Scores of surfaces; those in detail are a table of their own, beside others.

    Args:
        methods: score records.
        rooms: those that ``methods`` are means over, for the spread.
    """
    first, detailed = (
        {
            method: {
                name: row for name, row in rows.items() if (row.get("place") == "detail") == detail
            }
            for method, rows in methods.items()
        }
        for detail in (False, True)
    )
    if not any(first.values()):
        return _grid(methods, surface_text, rooms)
    grid = _grid(first, surface_text, rooms)
    if any(detailed.values()):
        grid["detail"] = {"name": "In detail", **_grid(detailed, surface_text, rooms)}
    return grid


def _grid(
    methods: Mapping[str, Rows], text: Texts, rooms: Sequence[Mapping[str, Rows]] = ()
) -> dict[str, Any]:
    """Rows a score, columns a method; the best value of a row is marked."""
    names = once(name for scores in methods.values() for name in scores)
    names.sort(key=lambda name: name != MAIN)
    return {
        "methods": [{"name": method_name(method), "text": text(method)} for method in methods],
        "rows": [
            _row(
                name,
                [scores.get(name) for scores in methods.values()],
                [_spread(name, method, rooms) for method in methods],
            )
            for name in names
        ],
    }


def _spread(name: str, method: str, rooms: Sequence[Mapping[str, Rows]]) -> str:
    """Standard deviation of a score over rooms; empty for fewer than two."""
    rows = (room.get(method, {}).get(name) for room in rooms)
    values = [value for row in rows if row and (value := number(row.get("value"))) is not None]
    return f"± {value_text(stdev(values))} over rooms" if len(values) > 1 else ""


def _row(name: str, cells: list[dict[str, Any] | None], spreads: Sequence[str]) -> dict[str, Any]:
    """One score of all methods."""
    first = next(cell for cell in cells if cell is not None)
    higher = bool(first.get("higher_is_better"))
    values = [None if cell is None else number(cell.get("value")) for cell in cells]
    present = [value for value in values if value is not None]
    best = (max(present) if higher else min(present)) if len(present) > 1 else None
    # What is shown as the same number is not told apart.
    shown = None if best is None else value_text(best)
    return {
        "name": name,
        "unit": unit_text(first.get("unit")),
        "higher": higher,
        # In a table of single classes every line would say the same.
        "reading": "" if one_class_of(first) else str(first.get("reading") or reading(name)),
        "cells": [
            {
                "text": value_text(value),
                "best": value is not None and value_text(value) == shown,
                "spread": spread,
                "support": _support(cell or {}),
                "undefined": _undefined(cell or {}),
            }
            for value, cell, spread in zip(values, cells, spreads, strict=True)
        ],
    }


def _support(cell: Mapping[str, Any]) -> str:
    count = number(cell.get("support"))
    return "" if count is None else support_text(int(count), str(cell.get("of") or ""))


def _undefined(cell: Mapping[str, Any]) -> int:
    return int(number(as_dict(cell.get("details")).get("undefined")) or 0)
