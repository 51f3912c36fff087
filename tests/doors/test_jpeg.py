"""JPEG files that tell nothing but the picture, which stays the same bit by bit."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from crossvox.doors.images import encode_jpeg
from crossvox.doors.jpeg import bare_jpeg

SECRET = b"47 deg 11 min N"


def picture() -> Image.Image:
    y, x = np.mgrid[:48, :64]
    return Image.fromarray(np.stack([x * 3, y * 5, x + y], -1).astype(np.uint8))


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def encoded(**options) -> bytes:
    stream = io.BytesIO()
    picture().save(stream, "JPEG", **options)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_what_tells_nothing_is_not_touched() -> None:
    data = encode_jpeg(np.asarray(picture()))
    assert bare_jpeg(data) is data


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"icc_profile": b"colours" * 9}])
def test_the_picture_stays_and_the_rest_goes(options: dict) -> None:
    plain = encoded(**options)
    extra = segment(0xE1, b"Exif\0\0" + SECRET) + segment(0xFE, SECRET) + segment(0xED, SECRET)
    told = plain[:2] + extra + plain[2:]
    assert SECRET in told
    bare = bare_jpeg(told)
    assert bare == plain
    assert Image.open(io.BytesIO(bare)).info.get("icc_profile") == options.get("icc_profile")


def test_a_second_picture_behind_the_first_goes() -> None:
    plain = encoded(progressive=True)
    told = plain[:2] + segment(0xE2, b"MPF\0" + SECRET) + plain[2:] + encoded(comment=SECRET)
    bare = bare_jpeg(told)
    assert SECRET not in bare
    np.testing.assert_array_equal(pixels(bare), pixels(plain))
    assert bare_jpeg(plain + SECRET) == plain


def test_adobe_colours_stay() -> None:
    plain = encoded()
    adobe = segment(0xEE, b"Adobe\0d\0\0\0\0\1")
    assert bare_jpeg(plain[:2] + adobe + plain[2:]) == plain[:2] + adobe + plain[2:]


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 20, 200, -2, -1])
def test_what_cannot_be_followed_gives_nothing(cut: int) -> None:
    data = encoded()
    assert bare_jpeg(data[:cut]) == b""
    assert bare_jpeg(b"\xff\xd8" + b"\0" * 50) == b""
