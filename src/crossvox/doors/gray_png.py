"""One-channel PNG files, as depth and labels are stored: several times faster than OpenCV's codec.

Source:
    https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.npz import DENSEST
from crossvox.doors.deflate import checksum, deflate, inflate
from crossvox.doors.pillow_images import MAX_PIXELS

PNG_START = b"\x89PNG\r\n\x1a\n"

_NO_FILTER, _LEFT, _UP, _MEAN, _PAETH = range(5)
_GRAY = 0
_LITTLE = sys.byteorder == "little"

_HEADER, _PIXELS, _END = b"IHDR", b"IDAT", b"IEND"
_TEXTS = (b"tEXt", b"pHYs", b"tIME")
"""Chunks that change no pixel, as far as usual; of a file with others no short way is taken."""


def encode_gray_png(image: NDArray[Any]) -> bytes:
    """Encode ``(H, W)`` uint8 or uint16 as PNG.

    Depth is stored as differences to the row above, which takes a quarter less than the values
    themselves; labels, which are constant in patches, as they are.

    Raises:
        ValueError: another shape or type, or an empty image.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16) or image.size == 0:
        raise ValueError(f"cannot encode an image of shape {image.shape} and {image.dtype}")
    height, width = image.shape
    bits = 8 * image.dtype.itemsize
    rows = np.ascontiguousarray(image, dtype=f">u{image.dtype.itemsize}").view(np.uint8)
    lines = np.empty((height, rows.shape[1] + 1), np.uint8)
    if bits == 16:
        lines[:, 0] = _UP
        lines[0, 1:] = rows[0]
        np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    else:
        lines[:, 0] = _NO_FILTER
        lines[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, bits, _GRAY, 0, 0, 0)
    parts = (_HEADER, header), (_PIXELS, deflate(lines.tobytes())), (_END, b"")
    return PNG_START + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    length, check = struct.pack(">I", len(data)), struct.pack(">I", checksum(name, data))
    return b"".join((length, name, data, check))


def decode_gray_png(data: bytes) -> NDArray[Any] | None:
    """Decode a PNG of one channel of 8 or 16 bits, ``(H, W)`` uint8 or uint16.

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
    try:
        raw = inflate(packed, height * length)
    except ValueError:
        return None
    image = np.empty((height, width), np.uint8 if bits == 8 else np.uint16)
    lines = np.frombuffer(raw, np.uint8).reshape(height, length)
    return image if _unfilter(lines, step, image) else None


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
def _unfilter(lines, step, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Undo the filters of rows.

    Args:
        lines: ``(H, 1 + B)`` uint8, of each row its filter and its ``B`` bytes.
        step: bytes a pixel, 1 or 2.
        out: ``(H, W)`` uint8 or uint16, receives the pixels.

    Returns:
        Whether all filters are ones that there are.
    """
    count = lines.shape[1] - 1
    # Left of the first pixel, and above the first row, all bytes are 0.
    line, above = np.zeros(step + count, np.uint8), np.zeros(step + count, np.uint8)
    for row in range(len(lines)):
        kind, raw = lines[row, 0], lines[row, 1:]
        here, over = line[step:], above[step:]
        if kind > _PAETH:
            return False
        if kind == _NO_FILTER:
            here[:] = raw
        elif kind == _UP:
            for i in range(count):
                here[i] = raw[i] + over[i]
        else:
            _from_left(raw, step, kind, above, line)
        if step == 1:
            out[row] = here
        else:
            _swapped(here.view(np.uint16), out[row])
        line, above = above, line
    return True


@njit(cache=True, nogil=True)
def _swapped(high_first, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Numbers of two bytes, the high one first, as this machine has them."""
    for i in range(len(out)):
        value = high_first[i]
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
