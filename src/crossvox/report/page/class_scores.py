"""Scores of classes, of pixels and of rooms, as the files hold them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.files import EVALUATION, SCORES
from crossvox.core.labels import NYU40
from crossvox.core.methods import LEARNT
from crossvox.metrics import MAJORITY, STRICT
from crossvox.metrics.classes import one_class
from crossvox.report.folders import json_of
from crossvox.report.page.score_files import (
    Rows,
    counted_scenes,
    methods_of,
    score_rows,
    seen_scenes,
)
from crossvox.report.sources import Sources
from crossvox.report.values import as_dict, by_scene_name, number, texts

PROTOCOL = "classes"
"""Protocol of the score file that counts classes of rooms."""


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
        counted: rooms that the whole is counted over.
        seen: rooms that the network learnt from.
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
    counted: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    def value(self, method: str, score: str = STRICT) -> float | None:
        """One number; None where there is none."""
        return number(as_dict(self.methods.get(method, {}).get(score)).get("value"))

    def by_scene(self, score: str = STRICT) -> list[dict[str, float]]:
        """One number of every counted room, by method; methods without one are left out."""
        found = []
        for scene in self.counted:
            rows = self.scenes.get(scene, {})
            values = {m: number(as_dict(of.get(score)).get("value")) for m, of in rows.items()}
            found.append({method: value for method, value in values.items() if value is not None})
        return found


def read_class_scores(sources: Sources) -> list[ClassScores]:
    """Scores of labelled rooms of all predictions, and of images of all 2D runs."""
    found = []
    for prediction in sources.predictions:
        record = json_of(prediction / f"scores.{PROTOCOL}.json", sources)
        if record is not None:
            found.append(_of_rooms(prediction.resolve().name, record))
    for run in sources.runs:
        record = json_of(run / EVALUATION / SCORES, sources)
        if record is not None:
            found.append(_of_images(run.resolve().name, record))
    return found


def _of_rooms(name: str, record: Mapping[str, Any]) -> ClassScores:
    whole = methods_of(record.get("whole", record.get("mean")))
    scenes = {
        scene: {method: _split(rows)[0] for method, rows in methods_of(found).items()}
        for scene, found in by_scene_name(record.get("scenes")).items()
    }
    matrices = {m: _matrix(value) for m, value in as_dict(record.get("confusion")).items()}
    counted = counted_scenes(record, scenes)
    return ClassScores(
        name,
        "rooms",
        "vertices",
        len(counted),
        {method: _split(rows)[0] for method, rows in whole.items()},
        {method: _split(rows)[1] for method, rows in whole.items()},
        {method: counts for method, counts in matrices.items() if counts is not None},
        scenes,
        texts(record.get("notes")),
        counted,
        seen_scenes(record, scenes),
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
        {LEARNT: own, **({"majority": majority} if majority else {})},
        {LEARNT: single},
        {} if matrix is None else {LEARNT: matrix},
        notes=tuple(notes),
    )


def _split(rows: Rows) -> tuple[Rows, Rows]:
    """Scores of the whole, and of single classes by class name."""
    single = {name: one_class_of(row) for name, row in rows.items()}
    return (
        {name: dict(row) for name, row in rows.items() if not single[name]},
        {single[name]: dict(row) for name, row in rows.items() if single[name]},
    )


def one_class_of(row: Mapping[str, Any]) -> str:
    """The class that a score record speaks of alone; empty: of all.

    Records of files that were written without ``class_name`` tell by their name.
    """
    if "class_name" in row:
        return str(row["class_name"] or "")
    name = str(row.get("name", ""))
    return next((c for c in NYU40.names if name == one_class(c).name), "")


def _matrix(value: Any) -> NDArray[np.float64] | None:
    try:
        counts = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    size = len(NYU40.names)
    return counts if counts.shape == (size, size) and np.isfinite(counts).all() else None
