"""What all volumes on disk share: a grid, masks of one bit a voxel, and one answer to damage."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.grid import VoxelGrid

MOST_VOXELS = 1 << 33
"""Voxels beyond which a stored shape is taken for damage (a room of 100 x 100 x 100 m at 5 cm)."""

DAMAGE = (
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
)
"""What numpy and zipfile raise on a file that was cut, overwritten, or is something else."""


@contextmanager
def reading_npz(path: Path, *, needed: str, do: str) -> Iterator[Any]:
    """Open an ``.npz`` without pickled objects; whatever goes wrong inside names the file.

    Args:
        path: the file.
        needed: what it should be, for the error text.
        do: what to do if it is not, for the error text.

    Raises:
        ArtifactError: missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: {needed}; do: check the path, or {do}"
        ) from None
    except DAMAGE as error:
        raise ArtifactError(
            f"given: {path}, which cannot be read in full ({error}); needed: {needed}, as crossvox "
            f"writes it; do: delete it and {do}"
        ) from None


def grid_arrays(grid: VoxelGrid) -> dict[str, NDArray[Any]]:
    """The grid as arrays ``shape (3,)``, ``voxel_m ()`` and ``origin_m (3,)``."""
    return {
        "shape": np.array(grid.shape, dtype=np.int64),
        "voxel_m": np.array(grid.voxel_m, dtype=np.float64),
        "origin_m": np.array(grid.origin_m, dtype=np.float64),
    }


def read_grid(arrays: Any) -> VoxelGrid:
    """The grid that :func:`grid_arrays` stored.

    Raises:
        ValueError: the shape makes no sense.
    """
    shape = arrays["shape"].astype(np.int64)
    if shape.shape != (3,) or shape.min() < 1 or np.prod(shape.astype(float)) > MOST_VOXELS:
        raise ValueError(f"a grid of shape {shape.tolist()}")
    x, y, z = shape.tolist()
    ox, oy, oz = arrays["origin_m"].astype(np.float64).tolist()
    return VoxelGrid((x, y, z), float(arrays["voxel_m"]), (ox, oy, oz))


def unpack_mask(bits: NDArray[Any], grid: VoxelGrid) -> NDArray[np.bool_]:
    """A mask ``(X, Y, Z)`` that ``numpy.packbits`` packed in C order.

    Raises:
        ValueError: its length is not that of the grid.
    """
    if bits.dtype != np.uint8 or bits.shape != ((grid.count + 7) // 8,):
        raise ValueError(f"a mask of {bits.shape} {bits.dtype} for {grid.count} voxels")
    return np.unpackbits(bits, count=grid.count).astype(bool).reshape(grid.shape)
