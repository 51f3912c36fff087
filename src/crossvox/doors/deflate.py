"""Zlib data in full or not at all.

ISA-L (``isal``) does both in a third of the time of zlib, with the same checks. What it writes
differs in bytes from what zlib does, not in what it means.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from isal import igzip_lib, isal_zlib
from numpy.typing import NDArray

_Damaged: type[Exception] = igzip_lib.error  # type: ignore[assignment]  # not zlib's own

LEVEL = 1
"""Fast, and within a tenth of the size of higher levels for filtered depth."""


def inflate(data: bytes, length: int) -> bytes:
    """Inflate a zlib stream that must hold exactly ``length`` bytes.

    Never allocates more than one byte above that, whatever the stream claims.

    Raises:
        ValueError: damaged, shorter or longer; the text says what was found.
    """
    return b"".join(inflated(data, length, length))


def inflated(data: bytes, length: int, piece: int) -> Generator[bytes, None, None]:
    """What :func:`inflate` gives, in pieces of ``piece`` bytes, the last one shorter.

    Raises:
        ValueError: damaged, shorter or longer: found out at the end, after the pieces before.
    """
    # The interface like zlib's begins with 16 kB and copies whenever it has doubled them.
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    done = 0
    while done < length:
        found = _next(stream, b"" if done else data, min(piece, length - done))
        if not found:
            raise ValueError(f"a zlib stream that ends after {done} bytes")
        done += len(found)
        yield found
    # One byte more than fits: too much data shows without inflating all of it.
    if _next(stream, b"" if done else data, 1):
        raise ValueError(f"a zlib stream of more than {length} bytes")
    if not stream.eof:
        raise ValueError(f"a zlib stream that ends after {done} bytes")


def _next(stream: igzip_lib.IgzipDecompressor, data: bytes, count: int) -> bytes:
    """The next ``count`` bytes of a stream, or as many as there are."""
    found = b""
    try:
        while len(found) < count and not stream.eof:
            more: bytes = stream.decompress(data, count - len(found))
            if not more:
                break
            found, data = found + more, b""
    except _Damaged as error:
        raise ValueError(f"a damaged zlib stream ({error})") from None
    return found


def deflate(data: bytes | NDArray[np.uint8]) -> bytes:
    """Pack bytes as a zlib stream."""
    packed: bytes = isal_zlib.compress(data, LEVEL)
    return packed


def checksum(*parts: bytes) -> int:
    """CRC-32 of bytes one behind the other, as PNG and gzip have it."""
    value = 0
    for part in parts:
        value = isal_zlib.crc32(part, value)
    return value
