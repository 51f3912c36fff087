"""How a 2D network is scored on labelled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.class_map import BUILT_IN
from crossvox.core.files import PICTURES, SCORES
from crossvox.core.labels import BENCHMARK_IDS, NYU40
from crossvox.core.params import from_plain, scores_from
from crossvox.core.volume import Score
from crossvox.doors.images import encode_png, write_bytes
from crossvox.flow.runner import Work
from crossvox.metrics import (
    bootstrap_intervals,
    class_values,
    confusion,
    group_counts,
    segmentation_scores,
)
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.images import evenly, left_out, loaded
from crossvox.recipes.label_pictures import picture_strip, predict_labels
from crossvox.recipes.segment2d import EvaluateImages, ImageSource, Segment2dEvaluation
from crossvox.samples.pairs import PairList, groups_of, scene_of
from crossvox.tasks.segment2d import CLASSES
from crossvox.train.folder import lineage_of

MIRRORED = ", mean of an image and its mirror image"


def evaluate_images(stage: EvaluateImages, work: Work) -> Mapping[str, Any]:
    """Write ``scores.json`` and pictures into ``work.out``."""
    found, watch, flip = stage.found, work.watch, bool(stage.flip)
    network_run = stage.network
    record, network = load_segment2d(network_run.path, network_run.checkpoint, stage.device)
    shown = {pair.name for pair in evenly(found.pairs, stage.pictures)}
    counts = np.zeros((len(found.pairs), CLASSES, CLASSES), dtype=np.int32)
    report = work.progress.step("images")
    depth = record.params.task.depth
    heights = stage.shown_heights or ()
    among = None if stage.classes is None else BUILT_IN[stage.classes]
    images = loaded(found.pairs, record.params.images, heights, depth=depth)
    for number, (pair, planes, truth) in enumerate(images):
        with watch("predict"):
            predicted = predict_labels(
                record.task, network, planes, truth.shape, flip=flip, classes=among
            )
        with watch("count"):
            asked = truth if among is None else among.table[truth]
            counts[number] = confusion(asked, predicted, CLASSES)
        if pair.name in shown:
            with watch("pictures"):
                strip = picture_strip(planes[0], truth, predicted)
                write_bytes(work.out / PICTURES / f"{pair.name}.png", encode_png(strip))
        report(number + 1, len(found.pairs))
    protocol = "whole images, at the full size of their labels"
    if heights:
        what = "a height" if len(heights) == 1 else "heights"
        protocol += f", shown at {what} of {' and '.join(map(str, heights))}"
    protocol += MIRRORED * flip
    if among is not None:
        protocol += f", answers among the {len(BENCHMARK_IDS)} benchmark classes alone"
    whole = counts.sum(axis=0, dtype=np.int64)
    scores = segmentation_scores(whole, record.task.majority, protocol, whole=among is None)
    groups, told = groups_of([pair.name for pair in found.pairs])
    with watch("intervals"):
        scores, drawn = _with_intervals(scores, group_counts(counts, groups), told)
    evaluation = {
        "scores": scores,
        "images": len(found.pairs),
        "left_out": left_out(found),
        "confusion": whole.tolist(),
        "classes": NYU40.names,
        "seconds": watch.seconds,
        "checkpoint": network_run.checkpoint,
        "protocol": protocol,
        "groups": drawn,
        "seen": stage.seen,
    }
    write_json(work.out / SCORES, evaluation)
    headline = {score.name: score.value for score in scores if not score.class_name}
    return {"checkpoint": network_run.checkpoint, **headline}


def seen_scenes(run: Path, source: ImageSource, found: PairList) -> tuple[str, ...]:
    """Scenes of prepared data that the run, or one that it started from, has learnt from."""
    if source.data is None:
        return ()  # names of one's own tell of no scenes
    lineage = lineage_of(run)
    scenes = sorted({scene_of(pair.name) for pair in found.pairs})
    return tuple(scene for scene in scenes if lineage.has_seen(scene))


def _with_intervals(
    scores: Sequence[Score], counts: NDArray[np.int64], of: str
) -> tuple[list[Score], str]:
    """Scores with the ends of their intervals among the details, and of what these were drawn."""
    intervals = bootstrap_intervals(counts, class_values)
    if not intervals:
        return list(scores), ""
    drawn = f"{len(counts)} {of}"
    with_ends = []
    for score in scores:
        ends = intervals.get(score.name)
        if ends is not None:
            score = replace(
                score,
                details={**score.details, "low": ends[0], "high": ends[1]},
                protocol=f"{score.protocol}; 95 % interval by bootstrap of {drawn}",
            )
        with_ends.append(score)
    return with_ends, drawn


def read_evaluation(out: Path) -> Segment2dEvaluation:
    """What :func:`evaluate_images` wrote.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    record = read_json(out / SCORES)
    try:
        scores = scores_from(record["scores"], "scores")
        told = {**record, "scores": [], "out": out.as_posix()}
        return replace(from_plain(Segment2dEvaluation, told), scores=scores)
    except (TypeError, KeyError, ParamsError) as error:
        raise ArtifactError(
            f"given: {out / SCORES} ({error}); needed: scores of images as they were written; do: "
            f"delete the folder and evaluate again"
        ) from None
