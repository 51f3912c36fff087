"""Scene volumes on disk: one ``.npz`` file without pickled objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crossvox.core.artifact import replacing
from crossvox.core.npz import grid_arrays, read_grid, reading_npz, unpack_mask
from crossvox.core.volume import SceneVolume

FORMAT = "crossvox scene volume 1"


def write_volume(path: Path, volume: SceneVolume) -> None:
    """Write a scene volume; the file is complete or not there.

    Keys: ``format``; ``shape (3,)``, ``voxel_m``, ``origin_m (3,)`` of the grid; ``occupied`` and
    ``observed`` packed eight voxels a byte in C order (``numpy.packbits``); ``labels (X, Y, Z)``
    uint8 NYU40 ids, 0 = free or unannotated.
    """
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        **grid_arrays(volume.grid),
        "occupied": np.packbits(volume.occupied),
        "observed": np.packbits(volume.observed),
        "labels": np.ascontiguousarray(volume.labels, dtype=np.uint8),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_volume(path: Path) -> SceneVolume:
    """Read what :func:`write_volume` wrote.

    Raises:
        ArtifactError: missing, damaged, or of another format; names the file.
    """
    with reading_npz(path, needed="the volume of a prepared scene", do="prepare the scene") as data:
        if str(data["format"]) != FORMAT:
            raise ValueError(f"format {str(data['format'])!r}")
        grid, labels = read_grid(data), data["labels"]
        if labels.dtype != np.uint8:
            raise ValueError(f"labels of type {labels.dtype}")
        return SceneVolume(
            grid,
            occupied=unpack_mask(data["occupied"], grid),
            observed=unpack_mask(data["observed"], grid),
            labels=labels,
        )
