"""Zlib data in full or not at all; PNG files that other libraries read."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from crossvox.doors import deflate
from crossvox.doors.images import decode_gray

RAW = np.random.default_rng(0).integers(0, 50, 5000, dtype=np.uint8).tobytes()
STREAM = zlib.compress(RAW)


def test_inflates_what_is_whole() -> None:
    assert deflate.inflate(STREAM, len(RAW)) == RAW


def test_packs_what_others_read() -> None:
    assert zlib.decompress(deflate.deflate(RAW)) == RAW


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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (48, 64)])
def test_png_is_read_by_others_pixel_by_pixel(dtype: type, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, np.iinfo(dtype).max + 1, (shape[0], shape[1] * 2), dtype=dtype)[:, ::2]
    data = deflate.encode_gray_png(image)
    for found in (
        decode_gray(data, "here"),
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED),
    ):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("image", [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.float32)])
def test_png_holds_grey_images_only(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="cannot encode"):
        deflate.encode_gray_png(image)
