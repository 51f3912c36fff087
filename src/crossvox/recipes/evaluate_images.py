"""How a 2D network is scored on labelled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.labels import NYU40
from crossvox.core.params import from_plain, scores_from
from crossvox.doors.images import encode_png, write_bytes
from crossvox.flow.runner import Work
from crossvox.metrics import confusion, segmentation_scores
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.images import evaluation_pairs, evenly, left_out, loaded
from crossvox.recipes.label_pictures import PICTURES, picture_strip, predict_labels
from crossvox.recipes.segment2d import EvaluateImages, Segment2dEvaluation
from crossvox.tasks.segment2d import CLASSES
from crossvox.train.folder import best_or_last

SCORES = "scores.json"


def evaluate_images(stage: EvaluateImages, work: Work) -> Mapping[str, Any]:
    """Write ``scores.json`` and pictures into ``work.out``."""
    found, watch = evaluation_pairs(stage.source), work.watch
    record, network = load_segment2d(stage.network.path, device=stage.device)
    shown = {pair.name for pair in evenly(found.pairs, stage.pictures)}
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    report = work.progress.step("images")
    depth = record.params.task.depth
    images = loaded(found.pairs, record.params.images, depth=depth)
    for done, (pair, image, truth) in enumerate(images, start=1):
        with watch("predict"):
            predicted = predict_labels(record.task, network, image, truth.shape)
        with watch("count"):
            counts += confusion(truth, predicted, CLASSES)
        if pair.name in shown:
            with watch("pictures"):
                strip = picture_strip(image, truth, predicted)
                write_bytes(work.out / PICTURES / f"{pair.name}.png", encode_png(strip))
        report(done, len(found.pairs))
    protocol = "whole images, at the full size of their labels"
    scores = tuple(segmentation_scores(counts, record.task.majority, protocol))
    evaluation = {
        "scores": scores,
        "images": len(found.pairs),
        "left_out": left_out(found),
        "confusion": counts.tolist(),
        "classes": NYU40.names,
        "seconds": watch.seconds,
    }
    write_json(work.out / SCORES, evaluation)
    headline = {score.name: score.value for score in scores if not score.class_name}
    return {"checkpoint": best_or_last(stage.network.path), **headline}


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
