"""Arrays of NumPy in files of captures, looked at before any memory is asked for."""

from __future__ import annotations

import io
import math
import tokenize
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX, read_array_header_1_0, read_array_header_2_0
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError
from crossvox.doors.images import MAX_PIXELS, read_bytes

Array = NDArray[Any]

DAMAGE = (
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)
"""What numpy raises where it reads bytes that are something else."""


def read_stream(stream: IO[bytes], most_bytes: int) -> Array:
    """An array of whole numbers or floats, of at most :data:`MAX_PIXELS` values.

    Args:
        stream: a ``.npy`` file.
        most_bytes: that its values may take: as many as there can be.

    Raises:
        ValueError: something else, or another of :data:`DAMAGE`.
    """
    if stream.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
        raise ValueError("no array of NumPy")
    major, _ = stream.read(2)
    shape, in_columns, dtype = (read_array_header_1_0 if major == 1 else read_array_header_2_0)(
        stream
    )
    count = math.prod(shape)
    if dtype.kind not in "fiu":
        raise ValueError(f"an array of type {dtype}")
    if not 0 < count <= MAX_PIXELS or count * dtype.itemsize > most_bytes:
        raise ValueError(f"an array of shape {shape} in {most_bytes} bytes")
    array = np.frombuffer(stream.read(count * dtype.itemsize), dtype=dtype, count=count)
    return array.reshape(shape, order="F" if in_columns else "C")


def read_floats(path: Path) -> NDArray[np.float64]:
    """The values of a ``.npy`` file.

    Raises:
        CaptureError: missing, damaged, or no array of numbers.
    """
    data = read_bytes(path)
    try:
        return read_stream(io.BytesIO(data), len(data)).astype(np.float64)
    except DAMAGE as error:
        raise CaptureError(
            f"given: {path}, which cannot be read ({error}); needed: an array of numbers as "
            f"numpy.save writes it; do: copy or export the file again"
        ) from None
