"""A predicted volume on disk: one npz without pickle.

Arrays: ``schema`` (1), ``shape (3,)``, ``voxel_m``, ``origin_m (3,)``, ``probability (X, Y, Z)``
float16 (steps of at most 0.0005), ``predicted`` and ``seen`` (bits, packed along C order),
``counts`` (see ``_COUNTS``), ``rgb (N, 3)`` uint8 and ``known`` (packed) if there are colours: N
known voxels in C order.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.grid import VoxelGrid
from crossvox.predict.assemble import ScenePrediction
from crossvox.predict.surface import ColorVolume

SCHEMA = 1
MOST_VOXELS = 2**31
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
    grid = prediction.grid
    arrays: dict[str, Any] = {
        "schema": np.int64(SCHEMA),
        "shape": np.array(grid.shape, np.int64),
        "voxel_m": np.float64(grid.voxel_m),
        "origin_m": np.array(grid.origin_m, np.float64),
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
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return _read(arrays)
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: a predicted volume; "
            f"do: run 'crossvox predict' first"
        ) from None
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        NotImplementedError,
        MemoryError,
        OverflowError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        CrossvoxError,
    ) as error:
        raise ArtifactError(
            f"given: {path}, which cannot be read as a predicted volume ({error}); needed: the "
            f"file as 'crossvox predict' wrote it; do: delete its folder and predict again"
        ) from None


def _read(arrays: Any) -> ScenePrediction:
    if int(arrays["schema"]) != SCHEMA:
        raise ValueError(f"schema {int(arrays['schema'])}, this version reads {SCHEMA}")
    x, y, z = arrays["shape"].tolist()
    ox, oy, oz = arrays["origin_m"].tolist()
    grid = VoxelGrid((x, y, z), float(arrays["voxel_m"]), (ox, oy, oz))
    if grid.count > MOST_VOXELS:
        raise ValueError(f"{grid.count} voxels")
    probability = arrays["probability"].astype(np.float32)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("probabilities outside 0 .. 1")
    colors = None
    if "rgb" in arrays:
        known = _unpack(arrays["known"], grid)
        rgb = np.zeros((*grid.shape, 3), np.uint8)
        rgb[known] = arrays["rgb"]
        colors = ColorVolume(rgb, known)
    counts = dict(zip(_COUNTS, arrays["counts"].tolist(), strict=True))
    return ScenePrediction(
        grid=grid,
        probability=probability,
        predicted=_unpack(arrays["predicted"], grid),
        seen=_unpack(arrays["seen"], grid),
        colors=colors,
        **counts,
    )


def _unpack(bits: NDArray[np.uint8], grid: VoxelGrid) -> NDArray[np.bool_]:
    if bits.dtype != np.uint8 or len(bits) != (grid.count + 7) // 8:
        raise ValueError(f"a mask of {len(bits)} bytes for {grid.count} voxels")
    return np.unpackbits(bits, count=grid.count).reshape(grid.shape).astype(bool)
