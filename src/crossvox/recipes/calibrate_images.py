"""How the temperature of a 2D network is fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.frame import resize_nearest
from crossvox.flow.progress import Progress
from crossvox.metrics.calibration import (
    fitted_temperature,
    negative_log_likelihood,
    reliability,
)
from crossvox.predict.image_labels import STRIDE
from crossvox.recipes.calibrate import Calibration
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.images import evaluation_pairs, loaded
from crossvox.recipes.label_pictures import batch_of
from crossvox.recipes.segment2d import ImageSource
from crossvox.tasks.segment2d import every
from crossvox.train.params import CheckpointName

_FIELDS = 100_000
"""About how many fields are kept of all images together; neighbours tell much the same."""

Array = NDArray[Any]


def fit(
    run: Path, source: ImageSource, checkpoint: CheckpointName, device: str, progress: Progress
) -> Calibration:
    """Fit on every other image, measure on the others; see :class:`Calibration`.

    Raises:
        ParamsError: fewer than two labelled images.
    """
    pairs = evaluation_pairs(source).pairs
    expect(
        len(pairs) >= 2,
        given=f"{len(pairs)} labelled images",
        needed="at least two: one half fits, the other one measures",
        do="pass more images",
        error=ParamsError,
    )
    record, network = load_segment2d(run, checkpoint, device)
    halves: tuple[list[tuple[Array, Array]], ...] = ([], [])
    report, most = progress.step("images"), max(1, _FIELDS // len(pairs))
    # Frames of scenes are labelled as they come, and the temperature is for those.
    params = replace(record.params.images, shown_height=None)
    images = loaded(pairs, params, depth=record.params.task.depth)
    for number, (_, (image,), truth) in enumerate(images):
        halves[number % 2].append(_fields(network, image, truth, most, number))
        report(number + 1, len(pairs))
    (logits, labels), (unseen, truths) = (
        (np.concatenate([one for one, _ in half]), np.concatenate([one for _, one in half]))
        for half in halves
    )
    temperature = fitted_temperature(logits, labels)
    errors = [_errors(unseen, truths, t) for t in (1.0, temperature)]
    return Calibration(
        temperature,
        len(pairs),
        len(labels) + len(truths),
        errors[0][0],
        errors[1][0],
        errors[0][1],
        errors[1][1],
        errors[0][2],
        errors[1][2],
        str(checkpoint),
    )


def _fields(network: Any, image: Array, truth: Array, most: int, seed: int) -> tuple[Array, Array]:
    """Logits ``(n, 40)`` and classes ``(n,)`` from 0 of some annotated fields of an image."""
    with torch.inference_mode():
        logits = network(batch_of(image, network), STRIDE).logits[0, 1:].float().cpu().numpy()
    size = (image.shape[1], image.shape[0])
    labels = torch.from_numpy(np.ascontiguousarray(resize_nearest(truth, size)))[None]
    true = every(labels, STRIDE)[0].numpy().ravel()
    at = np.flatnonzero(true > 0)
    if len(at) > most:
        at = np.sort(np.random.default_rng(seed).choice(at, most, replace=False))
    return logits.reshape(len(logits), -1)[:, at].T, true[at].astype(np.int64) - 1


def _errors(logits: Array, labels: Array, temperature: float) -> tuple[float, float, float]:
    """Calibration error by both kinds of bins, and the mean negative log likelihood."""
    scaled = logits / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    sure = 1 / np.exp(scaled).sum(axis=1)
    found = reliability(sure, logits.argmax(axis=1) == labels)
    likelihood = negative_log_likelihood(logits, labels, temperature)
    return found.error(), found.error(adaptive=True), likelihood
