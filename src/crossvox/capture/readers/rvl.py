"""Depth images packed as runs of zeros and differences of what is not (RVL, Wilson 2017).

Numbers are written in nibbles of three bits and one that says whether more follow, lowest bits
first; eight nibbles fill a 32-bit word of little endian, highest nibble first. A run of zeros and a
run of others take turns; each of the others is the difference to the one before, zigzag coded.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import MAX_PIXELS


def decode_rvl(data: bytes, source: str) -> NDArray[np.uint16]:
    """Unpack columns, rows (two uint32) and an RVL stream to ``(rows, columns)`` uint16.

    Raises:
        CaptureError: the size is absurd, or the stream ends before the image or goes beyond it.
    """
    columns, rows = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
    expect(
        len(data) >= 8 and 0 < columns * rows <= MAX_PIXELS,
        given=f"{source}, {len(data)} bytes of an RVL image of {columns}x{rows} pixels",
        needed=f"a complete image of at most {MAX_PIXELS} pixels",
        do="copy or record the file again",
        error=CaptureError,
    )
    words = np.frombuffer(data, "<u4", (len(data) - 8) // 4, 8).astype(np.uint32)
    image = np.zeros(columns * rows, np.uint16)
    expect(
        bool(_unpack(words, image)),
        given=f"{source}, {len(data)} bytes of a damaged RVL image of {columns}x{rows} pixels",
        needed="a complete image",
        do="copy or record the file again",
        error=CaptureError,
    )
    return image.reshape(rows, columns)


@njit(cache=True, nogil=True)
def _number(words, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """The number that begins at a nibble, and the nibble behind it; -1 where there is none."""
    value, shift = 0, 0
    while at < 8 * len(words) and shift < 30:
        nibble = (words[at >> 3] >> np.uint32(28 - 4 * (at & 7))) & np.uint32(15)
        at += 1
        value |= np.int64(nibble & np.uint32(7)) << shift
        if nibble < 8:
            return value, at
        shift += 3
    return np.int64(-1), at


@njit(cache=True, nogil=True)
def _unpack(words, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill ``out``; whether the stream is sound."""
    at, done, before = 0, 0, 0
    while done < len(out):
        zeros, at = _number(words, at)
        if zeros < 0 or zeros > len(out) - done:
            return False
        done += zeros
        others, at = _number(words, at)
        if others < 0 or others > len(out) - done or zeros + others == 0:
            return False
        for _ in range(others):
            step, at = _number(words, at)
            if step < 0:
                return False
            before += (step >> 1) ^ -(step & 1)
            out[done] = before & 0xFFFF
            done += 1
    return True
