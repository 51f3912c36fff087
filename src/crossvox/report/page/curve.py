"""Scores over the number of frames as the page shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossvox.core.checks import ArtifactError
from crossvox.core.formats import (
    counted,
    in_figures,
    interval_text,
    unit_text,
    value_text,
    way_text,
)
from crossvox.core.methods import LEARNT, TSDF, method_name
from crossvox.metrics import MEASURES, reading
from crossvox.metrics.curve import CURVE, FramesCurve, OverRooms, read_curve
from crossvox.metrics.statistics import FEW, LEVEL
from crossvox.report.drawings.curve import frames_curve
from crossvox.report.drawings.studies import interval_dots
from crossvox.report.hiding import hidden
from crossvox.report.page.exports import curve_out
from crossvox.report.page.files_out import drawn
from crossvox.report.page.sentences import NEAR
from crossvox.report.page.surface_scores import MAIN
from crossvox.report.sources import Sources

SHOWN = (MAIN, "F-score 2 cm", "Seen-free")
"""Scores of the short table; others are a click away."""


def curve_records(sources: Sources) -> list[dict[str, Any]]:
    """What the page shows of every curve in a prediction folder or beside it.

    A file that holds none is told on the page.
    """
    found: dict[Path, dict[str, Any]] = {}
    for prediction in sources.predictions:
        for folder in (prediction.resolve(), prediction.resolve().parent):
            path = folder / CURVE
            if path in found or not path.is_file():
                continue
            try:
                found[path] = _record(read_curve(path), folder.name, len(found))
            except ArtifactError as error:
                sources.missing.append(hidden(str(error)))
    return list(found.values())


def _record(curve: FramesCurve, name: str, number: int) -> dict[str, Any]:
    """One curve: its sentence, drawings and table."""
    main = MAIN if MAIN in curve.scores else next(iter(curve.scores), "")
    paired = LEARNT in curve.methods and TSDF in curve.methods
    gaps = {
        score: curve.differences(score, LEARNT, TSDF) if paired else () for score in curve.scores
    }
    first = [score for score in curve.scores if score in SHOWN] or [main]
    few = len(curve.rooms) < FEW
    return {
        "name": counted(len(curve.rooms), "room").capitalize(),
        "of": f"protocol “{curve.protocol}”, from {name}",
        "main": main,
        "level": f"{LEVEL:.0%}",
        "frames": [in_figures(count, "frame") for count in curve.frames],
        "sentence": _sentence(curve, main, gaps.get(main, ())),
        "cautions": [
            f"{counted(len(curve.rooms), 'room').capitalize()}: intervals speak of rooms like "
            f"{'it' if len(curve.rooms) == 1 else 'these'}, and are wide because there are few."
        ]
        if few
        else [],
        **_drawings(curve, main, gaps.get(main, ()), number),
        "out": curve_out(curve, f"frames-{number}", main),
        "against": _against(main),
        "parts": [_part(curve, score, gaps[score]) for score in first],
        "more": [_part(curve, score, gaps[score]) for score in curve.scores if score not in first],
        "notes": [hidden(note) for note in curve.notes],
    }


def _against(score: str) -> str:
    return f"{score} of {method_name(LEARNT)} less that of {method_name(TSDF)}"


def _better(score: str) -> str:
    """Which way is good; empty for a score that nobody registered."""
    return way_text(MEASURES[score].higher_is_better) if score in MEASURES else ""


def _drawings(
    curve: FramesCurve, main: str, gaps: Sequence[OverRooms], number: int
) -> dict[str, Any]:
    methods = {
        method_name(method): [(row.mean, row.low, row.high) for row in curve.means(main, method)]
        for method in curve.methods
    }
    arms = {
        in_figures(count, "frame"): (row.mean, _known(row.low), _known(row.high))
        for count, row in zip(curve.frames, gaps, strict=False)
        if row.rooms
    }
    return {
        "drawing": drawn(
            f"frames-{number}",
            frames_curve(f"frames-{number}", main, curve.frames, methods, _better(main)),
        ),
        "gap": drawn(
            f"frames-gap-{number}",
            interval_dots(f"frames-gap-{number}", main, method_name(TSDF), arms, _better(main)),
        ),
    }


def _part(curve: FramesCurve, score: str, gaps: Sequence[OverRooms]) -> dict[str, Any]:
    """A score in the table: a row a method, then the difference."""
    rows = [
        {
            "name": method_name(method),
            "cells": [
                {
                    "text": value_text(row.mean),
                    "interval": _between(row),
                    "undefined": row.undefined,
                }
                for row in curve.means(score, method)
            ],
        }
        for method in curve.methods
    ]
    if gaps:
        cells = [
            {
                "text": value_text(row.mean, signed=True) + (" *" if _sign(row) else ""),
                "interval": interval_text(row.low, row.high),
                "undefined": row.undefined,
            }
            for row in gaps
        ]
        rows.append({"name": f"{method_name(LEARNT)} less {method_name(TSDF)}", "cells": cells})
    unit = unit_text(MEASURES[score].unit) if score in MEASURES else ""
    way, text = _better(score), reading(score)
    return {"name": score, "unit": unit, "way": way, "reading": text, "rows": rows}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _between(row: OverRooms) -> str:
    """Both ends of the interval of a mean."""
    if _known(row.low) is None:
        return "no interval"
    return f"{value_text(row.low)} to {value_text(row.high)}"


def _sign(row: OverRooms) -> int:
    """Whether a difference is surely above (1) or below (-1) nothing, or not sure (0)."""
    if not row.p_adjusted <= 1 - LEVEL:
        return 0
    return int(row.low > 0) - int(row.high < 0)


def _sentence(curve: FramesCurve, main: str, gaps: Sequence[OverRooms]) -> str:
    """From which numbers of frames the learnt surface surely differs from fusion."""
    what = f"{main} at {NEAR}" if main == MAIN else main
    where = f"in {counted(len(curve.rooms), 'room')}"
    if not gaps:
        return f"{what} {where}, by the number of frames."
    by_sign: dict[int, list[int]] = {1: [], -1: [], 0: []}
    for count, row in zip(curve.frames, gaps, strict=True):
        by_sign[_sign(row)].append(count)
    texts = {
        1: "It is ahead at {}",
        -1: "it is behind at {}",
        0: "whether it is cannot be told at {}",
    }
    parts = [texts[sign].format(_listed(counts)) for sign, counts in by_sign.items() if counts]
    told = "; ".join(parts)
    return f"{_asked()} {told[0].upper()}{told[1:]} ({what}, {where})."


def _asked() -> str:
    """What the curve is made to answer."""
    control = f"{method_name(TSDF)} of the same frames"
    return f"From how few frames is the learnt surface ahead of {control}?"


def _listed(counts: Sequence[int]) -> str:
    """Numbers of frames in words."""
    first, last = ", ".join(str(count) for count in counts[:-1]), in_figures(counts[-1], "frame")
    return f"{first} and {last}" if first else last
