"""PNG files of one channel: ours are read by others, others' by ours, pixel by pixel."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crossvox.core.checks import CaptureError
from crossvox.core.frame import resize_nearest
from crossvox.doors.gray_png import PNG_START, decode_gray_png, encode_gray_png
from crossvox.doors.images import decode_gray, text_of

SHAPES = [(1, 1), (1, 7), (9, 1), (48, 64)]


def picture(dtype: type, shape: tuple[int, int] = (24, 31)) -> NDArray[np.generic]:
    """Any values, not in one piece of memory."""
    rng = np.random.default_rng(1)
    most = int(np.iinfo(dtype).max)
    return rng.integers(0, most + 1, (shape[0], shape[1] * 2), dtype=dtype)[:, ::2]


def by_opencv(data: bytes) -> NDArray[np.generic]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return PNG_START + b"".join(chunk(name, body) for name, body in chunks)


def header(height: int, width: int, bits: int, kind: int = 0, interlaced: int = 0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)


def filtered(image: NDArray[np.generic], kinds: list[int]) -> bytes:
    """Rows with filters, in turns, as the specification defines them."""
    step = image.dtype.itemsize
    rows = image.astype(image.dtype.newbyteorder(">")).view(np.uint8).astype(int)
    rows = np.pad(rows.reshape(len(image), -1), ((1, 0), (step, 0)))
    out = bytearray()
    for y in range(1, len(rows)):
        kind = kinds[y % len(kinds)]
        out.append(kind)
        for x in range(step, rows.shape[1]):
            a, b, c = rows[y, x - step], rows[y - 1, x], rows[y - 1, x - step]
            nearest = min((a, b, c), key=lambda value: abs(a + b - c - value))
            guess = (0, a, b, (a + b) // 2, nearest)[min(kind, 4)]
            out.append((rows[y, x] - guess) % 256)
    return zlib.compress(bytes(out))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", SHAPES)
def test_ours_are_read_by_others(dtype: type, shape: tuple[int, int]) -> None:
    image = picture(dtype, shape)
    data = encode_gray_png(image)
    for found in (decode_gray_png(data), decode_gray(data, "here"), by_opencv(data)):
        assert found is not None
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, image)


def test_texts_lie_in_front_of_the_pixels() -> None:
    image = picture(np.uint8)
    data = encode_gray_png(image, {"made by": "a table", "more": "of it"})
    assert encode_gray_png(image, {"made by": "a table", "more": "of it"}) == data
    assert Image.open(io.BytesIO(data)).text == {"made by": "a table", "more": "of it"}
    for found in (decode_gray_png(data), by_opencv(data)):
        np.testing.assert_array_equal(found, image)
    assert text_of(data, "more") == "of it"
    assert text_of(data[:90], "made by") == "a table", "the beginning is enough"
    assert text_of(data[:50], "made by") is None
    assert text_of(data, "mo") is text_of(encode_gray_png(image), "more") is None
    assert text_of(b"", "more") is text_of(PNG_START, "more") is None


@pytest.mark.parametrize("image", [np.zeros((0, 4), np.uint8), np.zeros((4, 4), np.float32)])
def test_ours_hold_grey_images_only(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="cannot encode"):
        encode_gray_png(image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kinds", [[0], [1], [2], [3], [4], [4, 3, 0, 2, 1]])
def test_every_filter_is_undone(dtype: type, kinds: list[int]) -> None:
    image = picture(dtype)
    packed = filtered(image, kinds)
    parts = (b"tEXt", b"Title\0a"), (b"IDAT", packed[:50]), (b"IDAT", packed[50:])
    data = png((b"IHDR", header(*image.shape, 8 * image.dtype.itemsize)), *parts, (b"IEND", b""))
    found = decode_gray_png(data)
    assert found is not None
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(by_opencv(data), image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kinds", [[2], [4, 3, 0, 2, 1]])
@pytest.mark.parametrize("size", [(31, 24), (10, 8), (31, 5), (7, 24), (1, 1), (40, 50)])
def test_pixels_that_are_wanted_are_taken_on_the_way(
    dtype: type, kinds: list[int], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(dtype)
    parts = (b"IHDR", header(*image.shape, 8 * image.dtype.itemsize)), (b"IEND", b"")
    data = png(parts[0], (b"IDAT", filtered(image, kinds)), parts[1])
    for piece in (1, 200, 1 << 20):  # a row, some rows, all rows
        monkeypatch.setattr("crossvox.doors.gray_png._PIECE", piece)
        found = decode_gray_png(data, size)
        assert found is not None
        np.testing.assert_array_equal(found, resize_nearest(image, size))
    np.testing.assert_array_equal(decode_gray(data, "here", size), resize_nearest(image, size))


def test_odd_images_are_resampled_likewise(tmp_path: Path) -> None:
    image = picture(np.uint8) % 16
    picture_of = Image.fromarray(image, "P")
    picture_of.putpalette(list(range(48)))
    picture_of.save(tmp_path / "x.png")
    found = decode_gray((tmp_path / "x.png").read_bytes(), "here", (10, 8))
    np.testing.assert_array_equal(found, resize_nearest(image, (10, 8)))


def _file(width: int = 31, packed: bytes | None = None, kinds: tuple[int, ...] = (0,)) -> bytes:
    image = picture(np.uint8)
    packed = filtered(image, [*kinds]) if packed is None else packed
    return png((b"IHDR", header(24, width, 8)), (b"IDAT", packed), (b"IEND", b""))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        _file()[:-13],
        _file()[:60] + bytes([_file()[60] ^ 1]) + _file()[61:],
        _file(packed=zlib.compress(bytes(24 * 32))[:-3]),
        _file(packed=zlib.compress(bytes(24 * 32 + 1))),
        _file(width=30),
        _file(width=0),
        _file(width=2**31 - 1),
        _file(kinds=(5,)),
        png((b"IHDR", header(24, 31, 8)), (b"IEND", b"")),
        png((b"IDAT", b""), (b"IEND", b"")),
        png((b"IHDR", header(24, 31, 8)), (b"tRNS", b"\0\1"), (b"IDAT", b"x"), (b"IEND", b"")),
    ],
)
def test_what_is_damaged_or_odd_is_left_to_others(data: bytes) -> None:
    assert decode_gray_png(data) is None


def test_no_memory_is_asked_for_what_cannot_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        "crossvox.doors.gray_png.inflated",
        lambda _, length, piece: asked.append(length) or iter([bytes(length)]),
    )
    packed = zlib.compress(bytes(100))
    huge = png((b"IHDR", header(9000, 9000, 16)), (b"IDAT", packed), (b"IEND", b""))
    assert decode_gray_png(huge) is None
    with pytest.raises(CaptureError, match="9000x9000 pixels; needed: a complete PNG"):
        decode_gray(huge, "frame 7")
    assert asked == []
    # All zeros are as dense as it gets: they are still taken.
    dense = encode_gray_png(np.zeros((2000, 2000), np.uint8))
    found = decode_gray_png(dense)
    assert found is not None
    assert asked == [2000 * 2001]


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "LA"])
def test_other_kinds_are_left_to_others(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "x.png")
    assert decode_gray_png((tmp_path / "x.png").read_bytes()) is None


def test_a_filter_that_there_is_not_is_an_error_by_name() -> None:
    with pytest.raises(CaptureError, match="no readable image"):
        decode_gray(_file(kinds=(5,)), "frame 7")
