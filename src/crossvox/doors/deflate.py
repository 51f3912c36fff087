"""Zlib data in full or not at all.

ISA-L (``isal``) does both in a third of the time of zlib, with the same checks. What it writes
differs in bytes from what zlib does, not in what it means.
"""

from __future__ import annotations

from isal import igzip_lib, isal_zlib

_Damaged: type[Exception] = igzip_lib.error  # type: ignore[assignment]  # not zlib's own

LEVEL = 1
"""Fast, and within a tenth of the size of higher levels for filtered depth."""


def inflate(data: bytes, length: int) -> bytes:
    """Inflate a zlib stream that must hold exactly ``length`` bytes.

    Never allocates more than one byte above that, whatever the stream claims.

    Raises:
        ValueError: damaged, shorter or longer; the text says what was found.
    """
    # The interface like zlib's begins with 16 kB and copies whenever it has doubled them.
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    try:
        # One byte more than fits: too much data shows without inflating all of it.
        found: bytes = stream.decompress(data, length + 1)
    except _Damaged as error:
        raise ValueError(f"a damaged zlib stream ({error})") from None
    if len(found) > length:
        raise ValueError(f"a zlib stream of more than {length} bytes")
    if len(found) < length or not stream.eof:
        raise ValueError(f"a zlib stream that ends after {len(found)} bytes")
    return found


def deflate(data: bytes) -> bytes:
    """Pack bytes as a zlib stream."""
    packed: bytes = isal_zlib.compress(data, LEVEL)
    return packed


def checksum(*parts: bytes) -> int:
    """CRC-32 of bytes one behind the other, as PNG and gzip have it."""
    value = 0
    for part in parts:
        value = isal_zlib.crc32(part, value)
    return value
