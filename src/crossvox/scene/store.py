"""Scene volumes on disk: one ``.npz`` file without pickled objects."""

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
from crossvox.core.volume import SceneVolume

FORMAT = "crossvox scene volume 1"
_LARGEST = 1 << 33
"""Voxels beyond which a stored shape is taken for damage (a room of 100 x 100 x 100 m at 5 cm)."""


def write_volume(path: Path, volume: SceneVolume) -> None:
    """Write a scene volume; the file is complete or not there.

    Keys: ``format``; ``shape (3,)``, ``voxel_m``, ``origin_m (3,)`` of the grid; ``occupied`` and
    ``observed`` packed eight voxels a byte in C order (``numpy.packbits``); ``labels (X, Y, Z)``
    uint8 NYU40 ids, 0 = free or unannotated.
    """
    grid = volume.grid
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            format=np.array(FORMAT),
            shape=np.array(grid.shape, dtype=np.int64),
            voxel_m=np.array(grid.voxel_m, dtype=np.float64),
            origin_m=np.array(grid.origin_m, dtype=np.float64),
            occupied=np.packbits(volume.occupied),
            observed=np.packbits(volume.observed),
            labels=np.ascontiguousarray(volume.labels, dtype=np.uint8),
        )


def read_volume(path: Path) -> SceneVolume:
    """Read what :func:`write_volume` wrote.

    Raises:
        ArtifactError: missing, damaged, or of another format; names the file.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            if str(data["format"]) != FORMAT:
                raise ValueError(f"format {str(data['format'])!r}")
            shape = data["shape"].astype(np.int64)
            if shape.shape != (3,) or shape.min() < 1 or np.prod(shape.astype(float)) > _LARGEST:
                raise ValueError(f"a grid of shape {shape.tolist()}")
            x, y, z = shape.tolist()
            ox, oy, oz = data["origin_m"].astype(np.float64).tolist()
            grid = VoxelGrid((x, y, z), float(data["voxel_m"]), (ox, oy, oz))
            labels = data["labels"]
            if labels.dtype != np.uint8:
                raise ValueError(f"labels of type {labels.dtype}")
            return SceneVolume(
                grid,
                occupied=_unpacked(data["occupied"], grid),
                observed=_unpacked(data["observed"], grid),
                labels=labels,
            )
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: the volume of a prepared scene; "
            f"do: check the path, or prepare the scene"
        ) from None
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
        CrossvoxError,
    ) as error:
        raise ArtifactError(
            f"given: {path}, which is not a complete scene volume ({error}); needed: a file as "
            f"crossvox writes it; do: delete it and prepare the scene again"
        ) from None


def _unpacked(bits: NDArray[Any], grid: VoxelGrid) -> NDArray[np.bool_]:
    if bits.dtype != np.uint8 or bits.shape != ((grid.count + 7) // 8,):
        raise ValueError(f"a mask of {bits.shape} {bits.dtype} for {grid.count} voxels")
    return np.unpackbits(bits, count=grid.count).astype(bool).reshape(grid.shape)
