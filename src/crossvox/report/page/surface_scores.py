"""Scores of surfaces as the files hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.formats import way_text
from crossvox.core.methods import METHOD_FILES, method_name
from crossvox.report.drawings.scores import scene_dots
from crossvox.report.folders import json_of
from crossvox.report.page.class_scores import PROTOCOL
from crossvox.report.page.files_out import FigureOut, drawn
from crossvox.report.page.score_files import Rows, counted_scenes, methods_of, seen_scenes
from crossvox.report.sources import Sources
from crossvox.report.values import as_dict, by_scene_name, number, texts

MAIN = "F-score"
"""The score that stands for the whole."""


@dataclass(frozen=True)
class SurfaceScores:
    """Scores of a prediction's surfaces, by one protocol.

    Attributes:
        prediction: folder of the prediction.
        protocol: rules they were measured by.
        scenes: score records by scene, method and name.
        mean: score records by method and name.
        counted: scenes that the mean is over.
        seen: scenes that the network learnt from.
        coverage: share of the seen windows that were predicted, by scene.
        notes: remarks.
    """

    prediction: Path
    protocol: str
    scenes: dict[str, dict[str, Rows]]
    mean: dict[str, Rows]
    counted: tuple[str, ...]
    seen: tuple[str, ...]
    coverage: dict[str, float]
    notes: tuple[str, ...]

    def main(self) -> dict[str, float]:
        """The main score by method; of the mean, or of the first scene where there is none."""
        means = self.mean or next(iter(self.scenes.values()), {})
        return main_values(means)


def main_values(methods: Mapping[str, Rows]) -> dict[str, float]:
    """The main score of every method that has a number."""
    values = {m: number(as_dict(rows.get(MAIN)).get("value")) for m, rows in methods.items()}
    return {method: value for method, value in values.items() if value is not None}


def read_surface_scores(sources: Sources) -> list[SurfaceScores]:
    """Score files of surfaces of all predictions, the default protocol first."""
    found = []
    for prediction in sources.predictions:
        for path in sorted(prediction.glob("scores.*.json")):
            if path.name == f"scores.{PROTOCOL}.json":
                continue
            record = json_of(path, sources)
            if record is not None:
                found.append(_of(prediction, path, record))
    return sorted(found, key=lambda entry: entry.protocol != "surface")


def _of(prediction: Path, path: Path, record: Mapping[str, Any]) -> SurfaceScores:
    scenes = {
        scene: methods_of(found) for scene, found in by_scene_name(record.get("scenes")).items()
    }
    coverage = {s: number(share) for s, share in as_dict(record.get("coverage")).items()}
    return SurfaceScores(
        prediction,
        str(record.get("protocol") or path.name.split(".")[1]),
        scenes,
        methods_of(record.get("mean")),
        counted_scenes(record, scenes),
        seen_scenes(record, scenes),
        {scene: share for scene, share in coverage.items() if share is not None},
        texts(record.get("notes")),
    )


def headline(scores: Sequence[SurfaceScores]) -> SurfaceScores | None:
    """The first scores that have the main one."""
    return next((entry for entry in scores if entry.main()), None)


def by_scene(scores: Sequence[SurfaceScores]) -> FigureOut | None:
    """The main score of every scene, drawn; scenes learnt from are marked."""
    best = headline(scores)
    if best is None:
        return None
    methods: dict[str, dict[str, float]] = {}
    for scene, found in best.scenes.items():
        shown = f"{scene} (seen)" if scene in best.seen else scene
        for method, value in main_values(found).items():
            methods.setdefault(method_name(method), {})[shown] = value
    return drawn("by-scene", scene_dots(MAIN, methods, way_text(True)))


SURFACE_METHODS = tuple(METHOD_FILES)
"""Methods whose main score is shown in large type."""
