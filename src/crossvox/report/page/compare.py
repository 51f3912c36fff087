"""Runs and predictions side by side: scores of the same rooms, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.files import LOG, STATE
from crossvox.core.formats import in_figures
from crossvox.core.methods import LEARNT
from crossvox.core.params import scores_from
from crossvox.metrics import MEASURES, STRICT
from crossvox.metrics.statistics import holm
from crossvox.report.drawings.training import read_log
from crossvox.report.folders import json_of
from crossvox.report.page.class_scores import ClassScores, read_class_scores
from crossvox.report.page.differences import Gap, gap_of
from crossvox.report.page.score_files import Rows
from crossvox.report.page.surface_scores import MAIN, SurfaceScores, read_surface_scores
from crossvox.report.sources import Sources, gather
from crossvox.report.values import number, once

Key = tuple[str, str]
"""Protocol and name of a score."""

VALIDATION = "validation"
"""Stands for the protocol of scores that a training notes; they are of windows or images."""


@dataclass(frozen=True)
class Measured:
    """One score of one folder.

    Attributes:
        whole: over everything; None where there is none.
        by_room: of each room that counts.
        unit, higher_is_better: see the score.
        detail: whether it is read second.
    """

    whole: float | None
    by_room: Mapping[str, float]
    unit: str
    higher_is_better: bool
    detail: bool = False


@dataclass(frozen=True)
class Side:
    """One of the folders that are compared.

    Attributes:
        name: short, and of no other.
        folder: a run or a prediction.
        sources: it, and what it was made from.
        scores: by protocol and name.
    """

    name: str
    folder: Path
    sources: Sources
    scores: dict[Key, Measured] = field(repr=False)


@dataclass(frozen=True)
class Compared:
    """A score of one folder less that of the first.

    Attributes:
        protocol, score, unit, higher_is_better, detail: see the score.
        arm, control: names of both folders.
        arm_value, control_value: means over the rooms that all folders have; without such rooms,
            over everything.
        rooms: these rooms.
        gap: the difference; its p value is adjusted after Holm for all folders.
    """

    protocol: str
    score: str
    unit: str
    higher_is_better: bool
    detail: bool
    arm: str
    control: str
    arm_value: float
    control_value: float
    rooms: tuple[str, ...]
    gap: Gap

    @property
    def better(self) -> int:
        """Whether the first named is surely better (1), worse (-1), or neither is told (0)."""
        return self.gap.sign if self.higher_is_better else -self.gap.sign


def read_sides(folders: Sequence[Path]) -> list[Side]:
    """The folders with their scores.

    Raises:
        ParamsError: fewer than two, or one twice.
        ArtifactError: one is no run and no prediction, or holds no scores.
    """
    places = [folder.resolve() for folder in folders]
    expect(
        len(places) >= 2 and len(set(places)) == len(places),
        given=f"{in_figures(len(places), 'folder')} to compare"
        + ("" if len(set(places)) == len(places) else ", one of them twice"),
        needed="two runs or predictions at least, and the page's folder last",
        do="crossvox compare PRED1 PRED2 OUT",
        error=ParamsError,
    )
    return [_side(folder, name) for folder, name in zip(folders, _names(places), strict=True)]


def _names(places: Sequence[Path]) -> list[str]:
    """As much of each path's end as tells it from the others."""
    most = max(len(place.parts) for place in places)
    for count in range(1, most + 1):
        names = ["/".join(place.parts[-count:]).lstrip("/") for place in places]
        if len(set(names)) == len(names):
            return names
    return [f"{place.name} {number_}" for number_, place in enumerate(places, 1)]


def _side(folder: Path, name: str) -> Side:
    sources = gather([folder])
    kind = sources.kind(folder)
    if kind == "scan":
        folder, kind = folder / "prediction", "prediction"
    expect(
        kind in ("run", "prediction"),
        given=f"{folder}, which is neither a run nor a prediction ({kind})",
        needed="folders that 'crossvox train', 'predict' or 'scan' wrote",
        do="name those; 'crossvox report' shows the others",
        error=ArtifactError,
    )
    if kind == "run":
        own = replace(sources, runs=[folder], predictions=[])
        scores = {**_of_classes(own), **_of_training(folder, own)}
        do = (
            f"crossvox evaluate segment2d {folder} DATA, if it is a 2D network; else score what "
            f"'crossvox predict {folder} DATA PRED' makes, and name PRED"
        )
    else:
        own = replace(sources, predictions=[folder])
        scores = {**_of_surfaces(own), **_of_classes(replace(own, runs=[]))}
        do = f"crossvox evaluate reconstruct {folder} DATA, or evaluate segment3d"
    expect(
        bool(scores),
        given=f"{folder}, which holds no scores",
        needed="runs or predictions that were scored",
        do=do,
        error=ArtifactError,
    )
    return Side(name, folder, own, scores)


def _of_surfaces(sources: Sources) -> dict[Key, Measured]:
    found: dict[Key, Measured] = {}
    for entry in read_surface_scores(sources):
        found |= _measured(entry.protocol, entry, entry.mean, entry.scenes)
    return found


def _of_classes(sources: Sources) -> dict[Key, Measured]:
    found: dict[Key, Measured] = {}
    for entry in read_class_scores(sources):
        name = "classes" if entry.kind == "rooms" else "images"
        found |= _measured(name, entry, entry.methods, entry.scenes)
    return found


def _measured(
    protocol: str,
    entry: SurfaceScores | ClassScores,
    whole: Mapping[str, Rows],
    scenes: Mapping[str, Mapping[str, Rows]],
) -> dict[Key, Measured]:
    """Scores of the learnt method; of the first one where nothing was learnt."""
    every = once(m for of in (whole, *scenes.values()) for m in of)
    method = LEARNT if LEARNT in every or not every else every[0]
    rooms = {room: scenes[room].get(method, {}) for room in entry.counted if room in scenes}
    rows: Rows = {}
    for of in (*rooms.values(), whole.get(method, {})):
        rows |= of
    return {
        (protocol, score): Measured(
            number(whole.get(method, {}).get(score, {}).get("value")),
            {
                room: value
                for room, of in rooms.items()
                if score in of and (value := number(of[score].get("value"))) is not None
            },
            str(row.get("unit") or "ratio"),
            bool(row.get("higher_is_better")),
            row.get("place") == "detail",
        )
        for score, row in rows.items()
    }


def _of_training(run: Path, sources: Sources) -> dict[Key, Measured]:
    """The last validation scores of a training; what they are, they or the run tell."""
    if not (run / LOG).is_file():
        return {}
    found = {score: values[-1][1] for score, values in read_log(run / LOG).scores.items() if values}
    manifest = sources.manifest(run)
    noted = (manifest.notes if manifest else None) or json_of(run / "last" / STATE, sources) or {}
    try:
        told = {score.name: score for score in scores_from(noted.get("best_scores", []), "scores")}
    except ParamsError:
        told = {}
    return {
        (VALIDATION, score): Measured(
            value,
            {},
            kind.unit,
            kind.higher_is_better,
            # Of scores that a task alone knows, the one that it is steered by is read first.
            score not in MEASURES and score != noted.get("monitor"),
        )
        for score, value in found.items()
        if (kind := MEASURES[score] if score in MEASURES else told.get(score)) is not None
    }


def compare(sides: Sequence[Side]) -> list[Compared]:
    """Every score that all folders have: each folder less the first, room by room.

    Raises:
        ArtifactError: they have no score in common.
    """
    first, *others = sides
    keys = [key for key in first.scores if all(key in side.scores for side in others)]
    found = [one for key in keys for one in _compared(key, first, others)]
    expect(
        bool(found),
        given=f"{', '.join(side.name for side in sides)}, which have no score in common",
        needed="folders that were scored by the same protocol",
        do="run the same 'crossvox evaluate' for all of them",
        error=ArtifactError,
    )
    return sorted(found, key=lambda one: (one.detail, one.score not in (MAIN, STRICT)))


def _compared(key: Key, first: Side, others: Sequence[Side]) -> list[Compared]:
    """One score; nothing where neither rooms nor everything can be compared."""
    measured = [side.scores[key] for side in (first, *others)]
    rooms = [r for r in measured[0].by_room if all(r in one.by_room for one in measured)]
    if rooms:
        values: list[Any] = [np.mean([one.by_room[room] for room in rooms]) for one in measured]
    else:
        values = [one.whole for one in measured]
    if any(value is None for value in values):
        return []
    control = [measured[0].by_room[room] for room in rooms]
    gaps = [
        gap_of([one.by_room[room] for room in rooms], control)
        if rooms
        else Gap(value - values[0], np.nan, np.nan, np.nan, 0)
        for one, value in zip(measured[1:], values[1:], strict=True)
    ]
    return [
        Compared(
            *key,
            measured[0].unit,
            measured[0].higher_is_better,
            measured[0].detail,
            side.name,
            first.name,
            float(value),
            float(values[0]),
            tuple(rooms),
            replace(gap, p=p),
        )
        for side, value, gap, p in zip(
            others, values[1:], gaps, holm([gap.p for gap in gaps]), strict=True
        )
    ]
