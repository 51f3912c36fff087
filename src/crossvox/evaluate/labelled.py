"""Overlap of the labels of any two surfaces, counted both ways.

A vertex has a partner: the nearest vertex of the other surface, however far it is. Over the
*reference's* vertices each is asked what its partner says: ScanNet's way, by which holes hardly
show, and what was made too much not at all. Over the *predicted* vertices each is asked what the
reference says at its partner: by that what was made too much costs, and what is missing does not.

NYU40 ids are scored by the benchmark's table of rules
(:func:`crossvox.metrics.segmentation_scores`), a few ids beyond them being unannotated
(:func:`crossvox.core.labels.nyu40_of_vertices`). Any others are classes of the files' own: 0 is
unannotated, and the mean is over the ids that the truth has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError
from crossvox.core.labels import NYU40, UNANNOTATED, nyu40_of_vertices
from crossvox.core.volume import Score
from crossvox.evaluate.counts import nearest_ids
from crossvox.metrics import class_iou, confusion, one_class, segmentation_scores
from crossvox.metrics.means import present_mean
from crossvox.metrics.measures import Measure, register

Ids = NDArray[Any]
Chosen = NDArray[np.bool_]
Labelled = tuple[NDArray[Any], Ids]
"""``(V, 3)`` vertices of a surface, metres, and ``(V,)`` ids."""

RULE = "nearest vertex"

_MEAN = register(
    Measure(
        "mIoU own ids",
        "ratio",
        True,
        "Mean overlap over the label ids that the truth has.",
        "classes",
        "vertices",
        "beside",
    )
)
_ACCURACY = register(
    Measure(
        "accuracy own ids",
        "ratio",
        True,
        "Share of the annotated vertices that are right.",
        "classes",
        "vertices",
        "beside",
    )
)


def label_scores(
    predicted: Labelled, reference: Labelled, made: Chosen, true: Chosen
) -> tuple[list[Score], list[str]]:
    """Scores over the reference's vertices, then over the predicted ones.

    Args:
        predicted, reference: with ids as they are stored; 0 is unannotated.
        made, true: which vertices of each count.

    Returns:
        The same scores twice, their protocol tells over which vertices; and what must be known.
    """
    (predicted_m, guesses), (reference_m, truths) = predicted, reference
    scored, remarks = _own, []
    try:
        (guesses, odd), (truths, other) = (
            nyu40_of_vertices(ids, None, "") for ids in (guesses, truths)
        )
    except CaptureError:  # most ids of a side are none of NYU40's
        pass
    else:
        scored = _nyu40
        remarks = [
            f"{sum(strange.values())} vertices of the {side} surface have labels beyond NYU40's "
            f"({', '.join(map(str, sorted(strange)[:5]))}): they are unannotated"
            for side, strange in (("made", odd), ("true", other))
            if strange
        ]
    found = {
        "reference": (truths, nearest_ids(predicted_m, guesses, reference_m)[0], true),
        "predicted": (nearest_ids(reference_m, truths, predicted_m)[0], guesses, made),
    }
    scores = [
        score
        for over, (truth, guess, kept) in found.items()
        for score in scored(truth[kept], guess[kept], f"{RULE}, over the {over} vertices")
    ]
    return scores, remarks


def _nyu40(truth: Ids, guess: Ids, rule: str) -> list[Score]:
    counts = confusion(truth, guess, len(NYU40.names))
    return segmentation_scores(counts, None, rule, of="vertices", over="scene")


def _own(truth: Ids, guess: Ids, rule: str) -> list[Score]:
    """Scores of ids that mean something to the files alone."""
    ids = np.unique(np.concatenate([[UNANNOTATED], truth, guess]))
    counts = confusion(np.searchsorted(ids, truth), np.searchsorted(ids, guess), len(ids))
    iou = class_iou(counts, [0])
    there = counts.sum(axis=1) > 0
    there[0] = False
    annotated = int(counts[1:].sum())
    hits = int(np.trace(counts)) - int(counts[0, 0])
    mean, averaged = present_mean(np.where(there, iou, np.nan))
    scores = [
        _MEAN.score(mean, annotated, rule, details={"classes": float(averaged)}),
        _ACCURACY.score(hits / annotated if annotated else float("nan"), annotated, rule),
    ]
    scores += [
        one_class(f"id {ids[place]}").score(
            float(iou[place]), int(counts[place].sum()), rule, "vertices"
        )
        for place in np.flatnonzero(there)
    ]
    return scores
