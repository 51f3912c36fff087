"""A predicted volume on disk: one npz without pickle.

Arrays: ``schema`` (1), ``shape (3,)``, ``voxel_m``, ``origin_m (3,)``, ``probability (X, Y, Z)``
float16 (steps of at most 0.0005), ``predicted`` and ``seen`` (bits, packed along C order),
``counts`` (see ``_COUNTS``), ``rgb (N, 3)`` uint8 and ``known`` (packed) if there are colours: N
known voxels in C order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.artifact import replacing
from crossvox.core.npz import grid_arrays, read_grid, reading_npz, unpack_mask
from crossvox.predict.prediction import ColorVolume, ScenePrediction

SCHEMA = 1
_COUNTS = (
    "windows",
    "windows_seen",
    "windows_predicted",
    "voxels_seen",
    "frames_used",
    "frames",
)


def write_prediction(path: Path, prediction: ScenePrediction) -> None:
    """Write a prediction; readers see the old file or the new one, never a part.

    Times are not written: they belong into the folder's manifest.
    """
    arrays: dict[str, Any] = {
        "schema": np.int64(SCHEMA),
        **grid_arrays(prediction.grid),
        "probability": prediction.probability.astype(np.float16),
        "predicted": np.packbits(prediction.predicted),
        "seen": np.packbits(prediction.seen),
        "counts": np.array([getattr(prediction, name) for name in _COUNTS], np.int64),
    }
    if prediction.colors is not None:
        arrays["known"] = np.packbits(prediction.colors.known)
        arrays["rgb"] = prediction.colors.rgb[prediction.colors.known]
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_prediction(path: Path) -> ScenePrediction:
    """Read a prediction back; probabilities are float32 again, at the precision of float16.

    Raises:
        ArtifactError: missing, damaged, or of another schema; names the file.
    """
    with reading_npz(path, needed="a predicted volume", do="run 'crossvox predict'") as arrays:
        return _read(arrays)


def _read(arrays: Any) -> ScenePrediction:
    if arrays["schema"].tolist() != SCHEMA:
        raise ValueError(f"schema {arrays['schema'].tolist()}, this version reads {SCHEMA}")
    grid = read_grid(arrays)
    probability = arrays["probability"].astype(np.float32)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities outside 0 .. 1")
    colors = None
    if "rgb" in arrays:
        known = unpack_mask(arrays["known"], grid)
        rgb = np.zeros((*grid.shape, 3), np.uint8)
        rgb[known] = arrays["rgb"]
        colors = ColorVolume(rgb, known)
    told = arrays["counts"]
    if told.shape != (len(_COUNTS),) or told.dtype.kind not in "iu":
        raise ValueError(f"counts of shape {told.shape} and type {told.dtype}")
    counts = dict(zip(_COUNTS, told.tolist(), strict=True))
    return ScenePrediction(
        grid=grid,
        probability=probability,
        predicted=unpack_mask(arrays["predicted"], grid),
        seen=unpack_mask(arrays["seen"], grid),
        colors=colors,
        **counts,
    )
