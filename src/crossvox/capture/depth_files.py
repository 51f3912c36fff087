"""Depth images of any kind that programs write: PNG, TIFF, PGM, NumPy, OpenEXR, COLMAP's own."""

from __future__ import annotations

import io
import re
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.arrays import DAMAGE, read_stream
from crossvox.capture.files import first_of, read_depth_png
from crossvox.core.checks import CaptureError
from crossvox.core.npz import DENSEST
from crossvox.doors.images import read_bytes
from crossvox.doors.pillow_images import MAX_PIXELS, decode_tiff

Array = NDArray[Any]

FARTHEST_M = 100.0
"""Floats whose median is larger are no metres of a room."""

_NAMES = ("depth", "depth_map", "arr_0")
"""Arrays of a ``.npz`` that are depth where there are several, the first first."""

_COLMAP_HEAD = re.compile(rb"(\d{1,6})&(\d{1,6})&1&")
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PGM_HEAD = re.compile(rb"P5" + (_GAP + rb"(\d{1,6})") * 3 + rb"\s")
_SATURATED = 65535
_DAMAGE = (
    *DAMAGE,
    NotImplementedError,
    RuntimeError,
    AttributeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise where they read bytes that are something else."""


def read_depth_file(path: Path) -> Array:
    """Read a depth image ``(H, W)`` by its ending, whole numbers or floats, as stored.

    0 = no reading: so is what is not finite, below 0, or the largest value of 16 bits. COLMAP's
    maps (``NAME.geometric.bin``) are floats in units of the model.

    Raises:
        CaptureError: missing, damaged, of another kind or shape, or of an absurd size; or the
            library for it is not installed.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise CaptureError(
            f"given: {path} as a depth image; needed: {', '.join(ENDINGS)}; do: convert it"
        )
    return _cleaned(read(path))


def first_depth(paths: Iterable[Path]) -> Array:
    """The first depth image that can be read, so that a broken one stays one broken frame.

    Raises:
        CaptureError: none can be read; tells what is wrong with the first.
    """
    return first_of(paths, read_depth_file, "depth image")


def usual_units(sample: Array) -> float:
    """Depth units a metre where nothing is told: 1 for floats in metres, 1000 for whole numbers.

    Args:
        sample: a depth image as :func:`read_depth_file` gives it. Floats that are too large for
            metres of a room are millimetres.
    """
    readings = sample[sample > 0]
    middle = float(np.median(readings)) if readings.size else 0.0
    return 1.0 if sample.dtype.kind == "f" and middle < FARTHEST_M else 1000.0


def _cleaned(raw: Array) -> Array:
    raw = raw.astype(raw.dtype.newbyteorder("="), copy=False)
    if raw.dtype.kind == "f":
        raw = raw.astype(np.float32)
        return np.where(np.isfinite(raw) & (raw > 0), raw, np.float32(0))
    if raw.dtype.kind == "i":
        raw = np.maximum(raw, 0)
    if raw.dtype.kind == "i" or raw.dtype.itemsize > 2:
        # Whole numbers stay such where they can: by that their unit is told.
        raw = raw.astype(np.uint16 if raw.max(initial=0) <= _SATURATED else np.float32)
    return np.where(raw == _SATURATED, raw.dtype.type(0), raw) if raw.dtype == np.uint16 else raw


def _tiff(path: Path) -> Array:
    return decode_tiff(read_bytes(path), str(path))


def _pgm(path: Path) -> Array:
    """Portable graymap of 16 bits, big endian, as 3RScan and others store depth."""
    data = read_bytes(path)
    head = _PGM_HEAD.match(data)
    width, height, most = (int(word) for word in head.groups()) if head else (0, 0, 0)
    if not 0 < width * height <= MAX_PIXELS or not 255 < most <= 65535:
        raise _damaged(path, "its header is not P5 WIDTH HEIGHT 65535")
    assert head is not None
    if len(data) - head.end() < 2 * width * height:
        raise _damaged(path, f"{len(data) - head.end()} bytes for {width}x{height} values")
    pixels = np.frombuffer(data, ">u2", width * height, head.end())
    return pixels.reshape(height, width).astype(np.uint16)


def _exr(path: Path) -> Array:
    from crossvox.doors.exr import decode_exr

    return decode_exr(read_bytes(path), str(path))


def _npy(path: Path) -> Array:
    data = read_bytes(path)
    try:
        return _array(io.BytesIO(data), len(data))
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _npz(path: Path) -> Array:
    data = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            named = [name for name in (*_NAMES, *sorted(members)) if name in members]
            if not named or (len(members) > 1 and named[0] not in _NAMES):
                raise ValueError(f"holds {', '.join(sorted(members)) or 'nothing'}, but no depth")
            info = members[named[0]]
            most = min(info.file_size, DENSEST * max(1, info.compress_size))
            with archive.open(info) as stream:
                return _array(stream, most)
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _array(stream: IO[bytes], most: int) -> Array:
    """An array ``(H, W)`` of at most ``most`` bytes; axes of length 1 around it are dropped.

    Raises:
        ValueError: something else, or one of numpy's errors.
    """
    array = read_stream(stream, most)
    sides = [side for side in array.shape if side != 1] if array.ndim > 2 else list(array.shape)
    if len(sides) != 2:
        raise ValueError(f"an array of shape {array.shape}")
    return array.reshape(sides)


def _colmap_map(path: Path) -> Array:
    data = read_bytes(path)
    head = _COLMAP_HEAD.match(data)
    width, height = (int(head[1]), int(head[2])) if head else (0, 0)
    if head is None or not 0 < width * height <= MAX_PIXELS:
        raise _damaged(path, "its header is not WIDTH&HEIGHT&1&")
    if len(data) - head.end() != 4 * width * height:
        raise _damaged(path, f"{len(data) - head.end()} bytes for {width}x{height} floats")
    return np.frombuffer(data, "<f4", offset=head.end()).reshape(height, width)


def _damaged(path: Path, error: object) -> CaptureError:
    return CaptureError(
        f"given: {path}, which cannot be read ({error}); needed: a depth image, (height, width) "
        f"numbers, of at most {MAX_PIXELS} pixels; do: copy or export the file again"
    )


_READERS: dict[str, Callable[[Path], Array]] = {
    ".png": read_depth_png,
    ".npy": _npy,
    ".npz": _npz,
    ".tiff": _tiff,
    ".tif": _tiff,
    ".exr": _exr,
    ".pgm": _pgm,
    ".bin": _colmap_map,
}
ENDINGS = tuple(_READERS)
"""Endings that are read, in the order in which they are looked for."""
