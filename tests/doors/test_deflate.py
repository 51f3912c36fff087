"""Zlib data in full or not at all."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from crossvox.doors import deflate

RAW = np.random.default_rng(0).integers(0, 50, 5000, dtype=np.uint8).tobytes()
STREAM = zlib.compress(RAW)


def test_inflates_what_is_whole() -> None:
    assert deflate.inflate(STREAM, len(RAW)) == RAW


def test_packs_what_others_read() -> None:
    assert zlib.decompress(deflate.deflate(RAW)) == RAW


@pytest.mark.parametrize("piece", [1, 7, 4999, 5000, 6000])
def test_inflates_in_pieces(piece: int) -> None:
    pieces = [*deflate.inflated(STREAM, len(RAW), piece)]
    assert b"".join(pieces) == RAW
    assert {len(part) for part in pieces[:-1]} <= {piece}


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (STREAM[:-10], "ends after"),
        (STREAM[:-2], "ends after 5000"),
        (STREAM[:-1] + bytes([STREAM[-1] ^ 1]), "damaged"),
        (STREAM[:1000] + bytes([STREAM[1000] ^ 8]) + STREAM[1001:], "damaged"),
        (b"\0\0" + STREAM[2:], "damaged"),
        (b"", "ends after 0"),
        (zlib.compress(RAW[:-1]), "ends after 4999"),
        (zlib.compress(RAW + b"x"), "more than 5000"),
        (zlib.compress(bytes(10**7)), "more than 5000"),
    ],
)
def test_refuses_what_is_not(stream: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        deflate.inflate(stream, len(RAW))
    with pytest.raises(ValueError, match=words):
        list(deflate.inflated(stream, len(RAW), 700))


def test_checks_bytes_in_parts() -> None:
    assert deflate.checksum(RAW[:7], RAW[7:]) == zlib.crc32(RAW)
