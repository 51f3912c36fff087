"""What is right in each part of a room: counts that may be added up over rooms.

Of a surface: points of the made surface and how many of them are right, points of the true surface
and how many of them are reached, each in the part where it lies (:mod:`crossvox.evaluate.parts`).
Right and reached are asked of the whole of the other surface, so that no part has an edge. Of
classes: a confusion matrix of the true surface's vertices in each part. Keys are
``SPLIT/GROUP``; :data:`WHOLE` is everything.

Scores of a part are taken of the added counts of all rooms. A part that only some rooms have, or
hardly have, then weighs as much as there is of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh, Score
from crossvox.evaluate.counts import CLASSES, count_sure, nearest_ids
from crossvox.evaluate.parts import BY_SURFACE, CLASS, NONE, SPLITS, Groups, SceneParts
from crossvox.evaluate.protocols import surface_points
from crossvox.metrics import MEASURES, THRESHOLD_M, confusion
from crossvox.metrics.calibration import Reliability
from crossvox.metrics.classes import STRICT, class_values, one_class
from crossvox.metrics.nearest import PointSet

Counts = dict[str, NDArray[np.int64]]

WHOLE = "whole"
SURE = "calibration"
"""Key of the counts that calibration is told from."""

F_SCORE, ACCURACY, ECE = "F-score", "vertex accuracy", "calibration error"


def count_surface(made: Mesh, truth: PointSet, parts: SceneParts) -> Counts:
    """Count one made surface, part by part.

    Args:
        made: the surface; may be empty.
        truth: ``parts.points_m``, ready for questions.
        parts: of the scene.

    Returns:
        By part: made points, right ones, true points, reached ones: ``(4,)``.
    """
    points = PointSet(surface_points(made, "surface"))
    away, nearest = truth.nearest(points.points)
    right, reached = away < THRESHOLD_M, truth.distances_to(points) < THRESHOLD_M
    of_made = parts.by_voxel(points.points) | {n: g[nearest] for n, g in parts.points.items()}
    of_true = parts.by_voxel(parts.points_m) | dict(parts.points)
    found = {WHOLE: np.array([len(right), right.sum(), len(reached), reached.sum()], np.int64)}
    for name, groups in of_made.items():
        columns = [
            *(_by_group(name, one) for one in (groups, groups[right])),
            *(_by_group(name, one) for one in (of_true[name], of_true[name][reached])),
        ]
        for number, row in enumerate(np.stack(columns, axis=1)):
            found[key(name, number)] = row
    return found


def count_classes(
    made: Mesh, truth: Mesh, parts: SceneParts, confidence: NDArray[np.float64] | None = None
) -> Counts:
    """Count one labelled surface by the nearest predicted vertex, part by part.

    Args:
        made: with labels.
        truth: the scene's own surface, with labels.
        parts: of the scene.
        confidence: ``(V,)`` probability of the labels of the made vertices, where it is known.

    Returns:
        By part ``(41, 41)``, row = reference; of :data:`SURE` ``(3, FINE)``: places, right ones,
        millionths of probability.
    """
    assert made.labels is not None
    assert truth.labels is not None
    count = len(made.labels)
    # A vertex's number behind its class: of equals the same one is taken as by the class alone.
    numbered = made.labels.astype(np.int64) * count + np.arange(count)
    at = nearest_ids(made.vertices_m, numbered, truth.vertices_m)[0] % max(count, 1)
    taken = made.labels[at] if count else np.zeros(len(truth.labels), np.uint8)
    groups = parts.by_voxel(truth.vertices_m)
    groups |= {name: g for name, g in parts.vertices.items() if name != CLASS.name}
    pairs = truth.labels.astype(np.int64) * CLASSES + taken
    found = {WHOLE: confusion(truth.labels, taken, CLASSES)}
    for name, numbers in groups.items():
        for number in range(len(SPLITS[name].groups)):
            counts = np.bincount(pairs[numbers == number], minlength=CLASSES**2)
            found[key(name, number)] = counts.reshape(CLASSES, CLASSES)
    if confidence is not None and count:
        found[SURE] = count_sure(confidence[at], taken, truth.labels)
    return found


def key(split: str, number: int) -> str:
    """Name of the counts of a group."""
    return f"{split}/{SPLITS[split].groups[number]}"


def surface_scores_of(counts: Mapping[str, NDArray[np.int64]]) -> list[Score]:
    """F-score of each part, named ``KEY: F-score``; NaN where there is no true surface."""
    return [_named(name, F_SCORE, f_score(row), int(row[2])) for name, row in counts.items()]


def class_scores_of(counts: Mapping[str, NDArray[np.int64]]) -> list[Score]:
    """``KEY: mIoU strict`` and ``KEY: vertex accuracy`` of each part, then IoU by class and ECE."""
    found = []
    for name, table in counts.items():
        if name == SURE:
            error = Reliability.of_counts(table).error()
            found.append(_named(name, ECE, error, int(table[0].sum())))
            continue
        values = class_values(table.astype(np.float64), of="vertices")
        annotated = int(table[1:].sum())
        found += [_named(name, score, values[score], annotated) for score in (STRICT, ACCURACY)]
        if name == WHOLE:
            for label in CLASS.groups:
                score = one_class(label).name
                rows = int(table[NYU40.id_of(label)].sum())
                found.append(_named(f"{CLASS.name}/{label}", score, values[score], rows))
    return found


def f_score(row: Sequence[int] | NDArray[np.int64]) -> float:
    """F-score of made points, right ones, true points, reached ones; 0 where nothing was made."""
    made, right, true, reached = (int(value) for value in row)
    if not true:
        return math.nan
    precision, recall = right / made if made else 0.0, reached / true
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def score_name(part: str, score: str) -> str:
    """Name of the score of a part."""
    return f"{part}: {score}"


def _named(part: str, score: str, value: float, support: int) -> Score:
    measure = MEASURES[score] if score in MEASURES else one_class(score.removeprefix("IoU "))
    found = measure.score(value, support, "one count over rooms, by part")
    return Score(**{**vars(found), "name": score_name(part, score)})


def _by_group(split: str, groups: Groups) -> NDArray[np.int64]:
    size = len(SPLITS[split].groups)
    return np.bincount(groups[groups != NONE], minlength=size)[:size].astype(np.int64)


def has_classes(parts: SceneParts) -> bool:
    """Whether places can be told apart by what the true surface is."""
    return all(split.name in parts.vertices for split in BY_SURFACE)
