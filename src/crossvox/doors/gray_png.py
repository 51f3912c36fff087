"""One-channel PNG files, as depth and labels are stored: several times faster than OpenCV's codec.

Source:
    https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.camera import Size
from crossvox.core.frame import nearest_places
from crossvox.core.npz import DENSEST
from crossvox.doors.deflate import checksum, deflate, inflated
from crossvox.doors.images import PNG_START
from crossvox.doors.pillow_images import MAX_PIXELS

_NO_FILTER, _LEFT, _UP, _MEAN, _PAETH = range(5)
_GRAY = 0
_LITTLE = sys.byteorder == "little"

_PIECE = 96 << 10
"""Bytes that are inflated at once: they stay in the processor's cache, and memory of this size is
used again instead of coming from the system, page by page."""

_HEADER, _PIXELS, _END, _TEXT = b"IHDR", b"IDAT", b"IEND", b"tEXt"
_TEXTS = (_TEXT, b"pHYs", b"tIME")
"""Chunks that change no pixel, as far as usual; of a file with others no short way is taken."""


_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def encode_gray_png(image: NDArray[Any], texts: Mapping[str, str] = _NO_TEXTS) -> bytes:
    """Encode ``(H, W)`` uint8 or uint16 as PNG.

    Depth is stored as differences to the row above, which takes a quarter less than the values
    themselves; labels, which are constant in patches, as they are.

    Args:
        image: what is stored.
        texts: what is told beside it, by keyword, in front of the pixels; Latin-1.

    Raises:
        ValueError: another shape or type, or an empty image.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16) or image.size == 0:
        raise ValueError(f"cannot encode an image of shape {image.shape} and {image.dtype}")
    height, width = image.shape
    bits = 8 * image.dtype.itemsize
    lines = np.empty((height, 1 + width * bits // 8), np.uint8)
    if bits == 16:
        _filter_up(np.ascontiguousarray(image, np.uint16), lines)
    else:
        lines[:, 0] = _NO_FILTER
        lines[:, 1:] = image
    header = struct.pack(">IIBBBBB", width, height, bits, _GRAY, 0, 0, 0)
    told = [(_TEXT, f"{word}\0{text}".encode("latin-1")) for word, text in texts.items()]
    parts = (_HEADER, header), *told, (_PIXELS, deflate(lines)), (_END, b"")
    return PNG_START + b"".join(_chunk(name, data) for name, data in parts)


@njit(cache=True, nogil=True)
def _filter_up(image, lines):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Rows of ``(H, W)`` uint16 as differences to the row above, byte by byte, the high one first.

    ``lines`` is ``(H, 1 + 2 W)`` uint8 and receives them behind the filter's number.
    """
    above = np.zeros(image.shape[1], np.uint16)
    for row in range(len(image)):
        here, line = image[row], lines[row, 1:]
        lines[row, 0] = _UP
        for i in range(len(here)):
            line[2 * i] = np.uint8(here[i] >> 8) - np.uint8(above[i] >> 8)
            line[2 * i + 1] = np.uint8(here[i]) - np.uint8(above[i])
        above = here


def _chunk(name: bytes, data: bytes) -> bytes:
    length, check = struct.pack(">I", len(data)), struct.pack(">I", checksum(name, data))
    return b"".join((length, name, data, check))


def decode_gray_png(data: bytes, size: Size | None = None) -> NDArray[Any] | None:
    """Decode a PNG of one channel of 8 or 16 bits, ``(H, W)`` uint8 or uint16.

    Rows are inflated some at a time, and go on into the image while they are at hand: a large
    image of which few pixels are wanted never lies in memory as a whole.

    Args:
        data: the file.
        size: ``(width, height)`` to resample to, as
            :func:`~crossvox.core.frame.resize_nearest` does; None: as stored.

    Returns:
        None where the file is of another kind, has anything unusual about it, is damaged, or is
        larger than :data:`~crossvox.doors.pillow_images.MAX_PIXELS`: other codecs tell what it is.
    """
    parts = _parts(data)
    if parts is None:
        return None
    header, packed = parts
    width, height, bits, *rest = struct.unpack(">IIBBBBB", header)
    if bits not in (8, 16) or any(rest) or not 0 < width * height <= MAX_PIXELS:
        return None
    step = bits // 8
    length = 1 + width * step
    if height * length > DENSEST * len(packed):  # memory is not asked for what cannot be there
        return None
    wanted = size or (width, height)
    columns, rows = nearest_places(width, wanted[0]), nearest_places(height, wanted[1])
    image = np.empty((len(rows), len(columns)), np.uint8 if bits == 8 else np.uint16)
    # Left of the first pixel, and above the first row, all bytes are 0.
    above = np.zeros((2, step + length - 1), np.uint8)
    first = done = 0
    try:
        for piece in inflated(packed, height * length, max(1, _PIECE // length) * length):
            lines = np.frombuffer(piece, np.uint8).reshape(-1, length)
            done = _unfilter(lines, step, above, first, rows, columns, image, done)
            if done < 0:
                return None
            first += len(lines)
    except ValueError:
        return None
    return image


def _parts(data: bytes) -> tuple[bytes, bytes] | None:
    """Header and packed pixels of a PNG that is whole and has nothing unusual in it."""
    header, at, before = b"", len(PNG_START), b""
    pixels: list[bytes] = []
    if not data.startswith(PNG_START):
        return None
    while at + 12 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body, at = data[at + 8 : at + 8 + length], at + 12 + length
        if at > len(data) or int.from_bytes(data[at - 4 : at], "big") != checksum(name, body):
            return None
        if name == _END:
            return (header, b"".join(pixels)) if pixels else None
        if name == _HEADER and not before and length == 13:
            header = body
        elif name == _PIXELS and header and (before == _PIXELS or not pixels):
            pixels.append(body)
        elif name not in _TEXTS or not header:
            return None
        before = name
    return None


@njit(cache=True, nogil=True)
def _unfilter(  # type: ignore[no-untyped-def]  # pragma: no cover
    lines, step, above, first, rows, columns, out, done
):
    """Undo the filters of some rows, and take the pixels that are wanted of them.

    Args:
        lines: ``(N, 1 + B)`` uint8, of each row its filter and its ``B`` bytes.
        step: bytes a pixel, 1 or 2.
        above: ``(2, step + B)`` uint8: in the first, the row above, left of it ``step`` zeros;
            receives the last of these rows. The second is for work, with the same zeros.
        first: number of the first of these rows in the image.
        rows, columns: ``(H,)``, ``(W,)`` rising, which pixels of the image are wanted.
        out: ``(H, W)`` uint8 or uint16, receives them.
        done: how many rows of ``out`` there are.

    Returns:
        How many there are now; -1 if a filter is none that there is.
    """
    line, work = above[0], above[1]
    here = line[step:]
    every = len(here) == step * len(columns)
    for n in range(len(lines)):
        kind, raw = lines[n, 0], lines[n, 1:]
        if kind > _PAETH:
            return -1
        # Byte by byte: to assign one array to another takes a second to compile.
        if kind == _NO_FILTER:
            for i in range(len(raw)):
                here[i] = raw[i]
        elif kind == _UP:
            for i in range(len(raw)):
                here[i] += raw[i]
        else:
            _from_left(raw, step, kind, line, work)
            for i in range(len(line)):
                line[i] = work[i]
        while done < len(rows) and rows[done] == first + n:
            if step == 2:
                _swapped(here.view(np.uint16), columns, every, out[done])
            else:
                for i in range(len(columns)):
                    out[done, i] = here[i] if every else here[columns[i]]
            done += 1
    return done


@njit(cache=True, nogil=True)
def _swapped(  # type: ignore[no-untyped-def]  # pragma: no cover
    high_first, columns, every, out
):
    """Numbers of two bytes, the high one first, as this machine has them."""
    for i in range(len(out)):
        value = high_first[i] if every else high_first[columns[i]]
        out[i] = (value << 8) | (value >> 8) if _LITTLE else value


@njit(cache=True, nogil=True)
def _from_left(raw, step, kind, above, line):  # type: ignore[no-untyped-def]  # pragma: no cover
    """One row of a filter that needs the pixel to the left."""
    for i in range(len(raw)):
        a, b, c = np.int32(line[i]), np.int32(above[step + i]), np.int32(above[i])
        if kind == _LEFT:
            guess = a
        elif kind == _MEAN:
            guess = (a + b) >> 1
        else:
            from_a, from_b, from_c = abs(b - c), abs(a - c), abs(a + b - 2 * c)
            guess = a if from_a <= from_b and from_a <= from_c else b if from_b <= from_c else c
        line[step + i] = np.uint8(raw[i] + guess)
