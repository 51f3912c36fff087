"""What all volumes on disk share: a grid, masks of one bit a voxel, and one answer to damage."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import (
    MAGIC_PREFIX,
    read_array_header_1_0,
    read_array_header_2_0,
    read_magic,
)
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.grid import MOST_VOXELS, VoxelGrid

_READING = (
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
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise where they read bytes that were cut, overwritten, or are something
else. It is caught around their own calls alone: in our code most of it is a mistake of ours."""


class Damage(ValueError):
    """A file that cannot be read in full."""


class Arrays:
    """Arrays of an open ``.npz``; asking for one that is damaged raises :class:`Damage`."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __contains__(self, name: object) -> bool:
        return name in self._file

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The array of this name, decompressed anew each time."""
        with _reading(f"array {name!r}"):
            _expect_room(self._file, name)
            array = self._file[name]
        if not isinstance(array, np.ndarray):
            raise Damage(f"{name!r} is no array")
        return array


DENSEST = 1032
"""How many bytes one byte of a deflate stream stands for at most.

Source:
    https://zlib.net/zlib_tech.html (maximum compression factor)
"""


def _expect_room(file: NpzFile, name: str) -> None:
    """Refuse an array that says to be larger than its bytes, before memory is asked for it."""
    archive = file.zip
    if archive is None:
        raise Damage("closed")
    member = name if name in archive.namelist() else f"{name}.npy"
    entry = archive.getinfo(member)
    with archive.open(entry) as stream:
        if stream.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
            return  # numpy gives its bytes as they are: the caller says that it is no array
        stream.seek(0)
        version = read_magic(stream)
        read = read_array_header_1_0 if version == (1, 0) else read_array_header_2_0
        shape, _, dtype = read(stream)
    told, most = math.prod(shape) * dtype.itemsize, DENSEST * entry.compress_size
    if told > most or entry.file_size > most:
        raise Damage(f"{shape} of {dtype}, {told} bytes, in {entry.compress_size}")


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except _READING as error:
        raise Damage(f"{what}: {error}") from error


@contextmanager
def reading_npz(path: Path, *, needed: str, do: str) -> Iterator[Arrays]:
    """Open an ``.npz`` without pickled objects; what is wrong with its content names the file.

    Besides damage these are the ``ValueError`` and ``CrossvoxError`` that the block raises for
    arrays that do not fit. Anything else is a mistake of the program and passes through.

    Args:
        path: the file.
        needed: what it should be, for the error text.
        do: what to do if it is not, for the error text.

    Raises:
        ArtifactError: missing or damaged.
    """
    try:
        with _reading("file"):
            file = np.load(path, allow_pickle=False)
        if not isinstance(file, NpzFile):
            raise Damage("no .npz archive")
        with file:
            yield Arrays(file)
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: {needed}; do: check the path, or {do}"
        ) from None
    except (ValueError, CrossvoxError) as error:
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


def read_grid(arrays: Arrays) -> VoxelGrid:
    """The grid that :func:`grid_arrays` stored.

    Raises:
        ValueError: the shape makes no sense.
    """
    shape = arrays["shape"].astype(np.int64)
    if shape.shape != (3,) or shape.min() < 1 or np.prod(shape.astype(float)) > MOST_VOXELS:
        raise ValueError(f"a grid of shape {shape.tolist()}")
    origin, voxel = arrays["origin_m"].astype(np.float64), arrays["voxel_m"].astype(np.float64)
    if origin.shape != (3,) or voxel.shape != ():
        raise ValueError(f"an origin of shape {origin.shape}, a voxel of shape {voxel.shape}")
    x, y, z = shape.tolist()
    ox, oy, oz = origin.tolist()
    return VoxelGrid((x, y, z), float(voxel), (ox, oy, oz))


def unpack_mask(bits: NDArray[Any], grid: VoxelGrid) -> NDArray[np.bool_]:
    """A mask ``(X, Y, Z)`` that ``numpy.packbits`` packed in C order.

    Raises:
        ValueError: its length is not that of the grid.
    """
    if bits.dtype != np.uint8 or bits.shape != ((grid.count + 7) // 8,):
        raise ValueError(f"a mask of {bits.shape} {bits.dtype} for {grid.count} voxels")
    return np.unpackbits(bits, count=grid.count).astype(bool).reshape(grid.shape)
