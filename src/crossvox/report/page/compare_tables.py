"""What a comparison says: answers in words, tables, the parameters that are not the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from crossvox.core.artifact import plain
from crossvox.core.checks import ArtifactError
from crossvox.core.class_map import ClassMap, table_of
from crossvox.core.files import PARAMS
from crossvox.core.formats import NONE, counted, unit_text, value_text, way_text
from crossvox.metrics import STRICT, reading
from crossvox.metrics.statistics import FEW, LEVEL
from crossvox.report.drawings.scores import scene_dots
from crossvox.report.folders import json_of, scenes_of
from crossvox.report.hiding import hidden_all
from crossvox.report.page.class_scores import PROTOCOL as CLASSES
from crossvox.report.page.compare import VALIDATION, Compared, Side
from crossvox.report.page.differences import (
    against_text,
    answer_text,
    between_text,
    difference_text,
)
from crossvox.report.page.files_out import FigureOut, drawn
from crossvox.report.page.origins import flat
from crossvox.report.page.surface_scores import MAIN
from crossvox.report.page.tables_out import TableOut
from crossvox.report.values import once

VERDICTS = {1: "better", -1: "worse", 0: "cannot be told"}
"""What is said of a difference."""


def lead_texts(found: Sequence[Compared]) -> list[str]:
    """Whether each folder is better than the first, by the scores that stand for the whole."""
    asked = [one for one in found if one.score in (MAIN, STRICT)] or [found[0]]
    texts = []
    for one in asked:
        answer = answer_text(one.gap)
        if one.better and not one.higher_is_better:
            answer = {1: "Yes", -1: "No, it is behind"}[one.better]
        told = against_text(one.arm_value, one.control_value, one.gap)
        texts.append(
            f"Is {one.arm} better than {one.control}? {answer}: {one.score} {told} "
            f"(protocol “{one.protocol}”)."
        )
    return texts


def cautions(sides: Sequence[Side], found: Sequence[Compared]) -> list[str]:
    """What a reader of the intervals must know."""
    rooms = {len(one.rooms) for one in found}
    told = [
        "Each folder is one training: intervals speak of other rooms, not of other trainings. "
        "'crossvox study' compares over seeds."
    ]
    if 1 in rooms:
        told.append("One room: nothing tells how other rooms would turn out.")
    elif rooms and max(rooms) < FEW:
        told.append(
            f"{counted(max(rooms), 'room').capitalize()}: intervals speak of rooms like these, and "
            "are wide because there are few."
        )
    data = [{path.resolve() for path in side.sources.data} for side in sides]
    if any(one != data[0] for one in data):
        told.append("Not all were made from one data folder: rooms are matched by name.")
    of_classes = any(one.protocol == CLASSES for one in found)
    if of_classes and len({_table(side) for side in sides}) > 1:
        told.append(
            "Labels were not chosen by one table of classes (--classes): the reference is told by "
            "that of each folder, so scores of classes are of other classes and other places."
        )
    return told


def _table(side: Side) -> ClassMap | None:
    """The classes that the labels of a folder were chosen from, as its first scene tells it."""
    for name in scenes_of(side.folder, side.sources)[:1]:
        manifest = side.sources.manifest(side.folder / name)
        with suppress(ArtifactError):  # pages of the folder itself tell it
            return None if manifest is None else table_of(side.folder / name, manifest)
    return None


def parts(sides: Sequence[Side], found: Sequence[Compared]) -> list[dict[str, Any]]:
    """Tables by protocol: a row a score, a column a folder, then the differences."""
    parts = []
    for protocol in once(one.protocol for one in found):
        own = [one for one in found if one.protocol == protocol]
        scores = once(one.score for one in own)
        rows = [_table_row([one for one in own if one.score == score]) for score in scores]
        rooms = once(room for one in own for room in one.rooms)
        parts.append(
            {
                "name": "Validation while training" if protocol == VALIDATION else protocol,
                "rooms": rooms,
                "columns": [side.name for side in sides],
                "rows": [row for row in rows if not row["detail"]] or rows,
                "more": [row for row in rows if row["detail"]]
                if any(not row["detail"] for row in rows)
                else [],
            }
        )
    return parts


def _table_row(own: Sequence[Compared]) -> dict[str, Any]:
    first = own[0]
    return {
        "name": first.score,
        "detail": first.detail,
        "unit": unit_text(first.unit),
        "way": way_text(first.higher_is_better),
        "reading": reading(first.score),
        "values": [value_text(v) for v in (first.control_value, *(one.arm_value for one in own))],
        "gaps": [
            {
                "text": difference_text(one.gap.mean),
                "interval": between_text(one.gap.low, one.gap.high),
                "verdict": VERDICTS[one.better],
            }
            for one in own
        ],
    }


def differences_table(found: Sequence[Compared]) -> TableOut:
    """All differences as files."""
    columns = (
        "protocol", "score", "unit", "higher_is_better", "arm", "control", "arm_value",
        "control_value", "difference", "low", "high", "p_holm", "rooms", "verdict",
    )  # fmt: skip
    rows = tuple(
        (
            one.protocol, one.score, one.unit, one.higher_is_better, one.arm, one.control,
            one.arm_value, one.control_value,
            *(v if v == v else None for v in (one.gap.mean, one.gap.low, one.gap.high, one.gap.p)),
            len(one.rooms), VERDICTS[one.better],
        )
        for one in found
    )  # fmt: skip
    heads = ("Score", "Folder", "Value", "Less", "Value of it", "Difference",
             f"{LEVEL:.0%} interval", "Verdict")  # fmt: skip
    shown = tuple(
        (
            f"{one.score} ({one.protocol})", one.arm, value_text(one.arm_value), one.control,
            value_text(one.control_value), difference_text(one.gap.mean),
            between_text(one.gap.low, one.gap.high), VERDICTS[one.better],
        )
        for one in found
    )  # fmt: skip
    caption = "Differences of the means over the rooms that all folders have, paired by room."
    return TableOut("differences", caption, columns, rows, heads, shown)


def difference_row(one: Compared) -> list[str]:
    """A difference as texts: score, both values, difference, interval, verdict."""
    values = (value_text(one.arm_value), value_text(one.control_value))
    interval = between_text(one.gap.low, one.gap.high)
    return [one.score, *values, difference_text(one.gap.mean), interval, VERDICTS[one.better]]


def by_room(sides: Sequence[Side], found: Sequence[Compared]) -> FigureOut | None:
    """The main score of every room."""
    one = next((one for one in found if one.score in (MAIN, STRICT)), found[0])
    values = {
        side.name: {room: side.scores[one.protocol, one.score].by_room[room] for room in one.rooms}
        for side in sides
    }
    return drawn("by-room", scene_dots(one.score, values, way_text(one.higher_is_better)))


def differing(sides: Sequence[Side]) -> list[tuple[str, list[str]]]:
    """Parameters of the folders, and of the runs they were made by, that are not all the same."""
    every = [_params(side) for side in sides]
    names = once(name for params in every for name in params)
    rows = [(name, [params.get(name, NONE) for params in every]) for name in names]
    return [(name, row) for name, row in rows if len(set(row)) > 1]


def _params(side: Side) -> dict[str, str]:
    found: dict[str, str] = {}
    runs = side.sources.runs if side.folder not in side.sources.runs else [side.folder]
    for folder in _each(side.folder, *runs[:1]):
        manifest = side.sources.manifest(folder)
        given: Mapping[str, Any] | None = manifest.params if manifest is not None else None
        params = given or json_of(folder / PARAMS, side.sources) or {}
        found |= dict(flat(hidden_all(plain(params))))
        if manifest is not None and manifest.seed is not None:
            found["seed"] = str(manifest.seed)
    return found


def _each(*folders: Path) -> list[Path]:
    """Every folder once."""
    return list(dict.fromkeys(folders))
