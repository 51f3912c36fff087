"""Image codecs: RGB order, exact PNG, scaled JPEG, readable errors; resampling."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from crossvox.core.camera import ImageFit
from crossvox.core.checks import CaptureError
from crossvox.doors.images import (
    blur_gray,
    color_size,
    decode_color,
    decode_gray,
    encode_jpeg,
    encode_png,
    fit_color,
    is_color,
    read_bytes,
    read_color,
    read_gray,
    resize_color,
    write_bytes,
)
from crossvox.doors.pillow_images import as_shown, exif_orientation


def smooth_image(width: int = 96, height: int = 64) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return (np.stack([x, y, 0.5 * (1 - x)], axis=-1) * 255).astype(np.uint8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gray_png_keeps_every_value(kind: type) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (13, 7), endpoint=True)
    image = image.astype(kind)
    decoded = decode_gray(encode_png(image), "here")
    assert decoded.dtype == kind
    np.testing.assert_array_equal(decoded, image)


def test_color_png_keeps_every_value_in_rgb_order() -> None:
    image = np.random.default_rng(0).integers(0, 256, (11, 17, 3)).astype(np.uint8)
    data = encode_png(image)
    np.testing.assert_array_equal(decode_color(data, "here"), image)
    assert color_size(data, "here") == (17, 11)


def test_jpeg_is_rgb_and_close() -> None:
    image = np.zeros((32, 48, 3), np.uint8)
    image[..., 0] = 230  # red: would come back blue if the order were mixed up
    data = encode_jpeg(image)
    decoded = decode_color(data, "here")
    assert decoded.shape == (32, 48, 3)
    assert np.abs(decoded.astype(int) - image).max() < 8
    assert color_size(data, "here") == (48, 32)
    picture = smooth_image()
    error = np.abs(decode_color(encode_jpeg(picture), "here").astype(int) - picture)
    assert error.mean() < 2


def test_jpeg_at_a_fraction_is_not_smaller_than_asked() -> None:
    data = encode_jpeg(smooth_image(640, 480))
    assert decode_color(data, "here").shape == (480, 640, 3)
    for wanted in ((320, 240), (300, 200), (330, 240), (640, 480)):
        height, width = decode_color(data, "here", at_least=wanted).shape[:2]
        assert width >= wanted[0]
        assert height >= wanted[1]
    height, width = decode_color(data, "here", at_least=(80, 60)).shape[:2]
    assert 80 <= width < 640


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0junk", b"\x89PNG", b"text"])
def test_what_is_no_image_is_named(data: bytes) -> None:
    for read in (decode_color, decode_gray, color_size):
        with pytest.raises(CaptureError, match="frame 7"):
            read(data, "frame 7")


def test_truncated_png_is_named() -> None:
    data = encode_png(np.random.default_rng(0).integers(0, 60000, (60, 80)).astype(np.uint16))
    with pytest.raises(CaptureError, match="frame 7"):
        decode_gray(data[:30], "frame 7")


def test_color_where_depth_is_needed_is_refused() -> None:
    with pytest.raises(CaptureError, match="one channel"):
        decode_gray(encode_png(smooth_image()), "here")


def test_files_are_written_whole_and_read_back(tmp_path: Path) -> None:
    depth = np.arange(12, dtype=np.uint16).reshape(3, 4)
    write_bytes(tmp_path / "new" / "d.png", encode_png(depth))
    np.testing.assert_array_equal(read_gray(tmp_path / "new" / "d.png"), depth)
    write_bytes(tmp_path / "new" / "c.jpg", encode_jpeg(smooth_image()))
    assert read_color(tmp_path / "new" / "c.jpg").shape == (64, 96, 3)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["c.jpg", "d.png"]
    with pytest.raises(CaptureError, match=r"nothing\.png"):
        read_bytes(tmp_path / "nothing.png")


def test_resampling_keeps_a_flat_colour_and_the_mean() -> None:
    flat = np.full((48, 64, 3), (10, 200, 77), np.uint8)
    for size in ((32, 24), (100, 80), (64, 48)):
        resized = resize_color(flat, size)
        assert resized.shape == (size[1], size[0], 3)
        assert (resized == (10, 200, 77)).all()
    picture = smooth_image()
    half = resize_color(picture, (48, 32))
    np.testing.assert_allclose(half.mean((0, 1)), picture.mean((0, 1)), atol=0.6)


@settings(max_examples=20)
@given(st.integers(2, 90), st.integers(2, 90), st.integers(2, 60), st.integers(2, 60))
def test_fitted_image_has_the_size_asked_for(w: int, h: int, to_w: int, to_h: int) -> None:
    fit = ImageFit.centre_crop((w, h), (to_w, to_h))
    assert fit_color(smooth_image(w, h), fit).shape == (to_h, to_w, 3)


def test_fit_crops_the_middle() -> None:
    image = np.zeros((24, 60, 3), np.uint8)
    image[:, 18:42] = 255
    fitted = fit_color(image, ImageFit.centre_crop((60, 24), (24, 24)))
    assert (fitted == 255).all()


def test_blur_keeps_flat_and_spreads_a_point() -> None:
    assert (blur_gray(np.full((20, 30), 90, np.uint8), 2.0) == 90).all()
    point = np.zeros((31, 31), np.uint8)
    point[15, 15] = 255
    blurred = blur_gray(point, 1.0)
    assert blurred[15, 15] < 60
    assert blurred[15, 16] > 10
    np.testing.assert_array_equal(blurred, blurred.T)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif_of_a_picture_on_its_side() -> bytes:
    """Little-endian TIFF with the one entry Orientation = 6."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


def test_png_with_an_orientation_is_decoded_as_stored() -> None:
    """OpenCV 5.0.0.93's IMREAD_COLOR turns it (opencv/opencv issues 16579, 23122); depth stays."""
    image = smooth_image()
    data = encode_png(image)
    turned = data[:33] + chunk(b"eXIf", exif_of_a_picture_on_its_side()) + data[33:]
    np.testing.assert_array_equal(decode_color(turned, "here"), image)
    assert color_size(turned, "here") == (96, 64)


def test_webp_with_an_orientation_is_decoded_as_stored() -> None:
    """As PNG, since OpenCV 5.0; Pillow 13.0.0 writes the chunk."""
    pillow = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    picture = pillow.fromarray(smooth_image())
    picture.save(stream, "WEBP", lossless=True, exif=b"Exif\0\0" + exif_of_a_picture_on_its_side())
    decoded = decode_color(stream.getvalue(), "here")
    np.testing.assert_array_equal(decoded, smooth_image())
    assert color_size(stream.getvalue(), "here") == (96, 64)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_png_of_few_bits_keeps_every_value(bits: int) -> None:
    """OpenCV 5.0.0.93, as every common decoder, spreads them: 1 of 4 bits is 17."""
    values = np.arange(16).reshape(2, 8) % (1 << bits)
    packed = np.packbits(
        np.unpackbits(values.astype(np.uint8)[..., None], axis=-1)[..., -bits:].reshape(2, -1),
        axis=1,
    )
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    head = struct.pack(">IIBBBBB", 8, 2, bits, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    decoded = decode_gray(data, "here")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, values)


def test_a_png_that_promises_more_than_it_holds_is_refused_before_it_is_decoded() -> None:
    data = encode_png(np.zeros((12, 16), np.uint16))
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 16, 0, 0, 0, 0)
    huge = data[:8] + chunk(b"IHDR", header) + data[33:]
    # A chunk of 2 GB behind the header; a side of no pixel; the last chunk cut off.
    endless = data[:33] + struct.pack(">I", 2**31 - 1) + data[37:]
    empty = data[:8] + chunk(b"IHDR", bytes(4) + header[4:]) + data[33:]
    for damaged in (huge, endless, empty, data[:-12]):
        with pytest.raises(CaptureError, match="a complete PNG or JPEG of at most"):
            decode_gray(damaged, "d.png")
    with pytest.raises(CaptureError):
        color_size(empty, "d.png")


def test_a_name_that_no_file_can_have_is_a_missing_file() -> None:
    with pytest.raises(CaptureError, match="null byte"):
        read_bytes(Path("a\0b"))


def saved(kind: str, mode: str = "RGB", **how: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(smooth_image()).convert(mode).save(stream, kind, **how)
    return stream.getvalue()


LOSSLESS = {
    "16-bit PNG": lambda: opencv(smooth_image()[..., ::-1].astype(np.uint16) * 257),
    "PNG with alpha": lambda: saved("PNG", "RGBA"),
    "WebP": lambda: saved("WEBP", lossless=True),
    "WebP with alpha": lambda: saved("WEBP", "RGBA", lossless=True, exact=True),
    "BMP": lambda: saved("BMP"),
    "TIFF": lambda: saved("TIFF"),
    "packed TIFF": lambda: saved("TIFF", compression="tiff_lzw"),
    "TIFF with alpha": lambda: saved("TIFF", "RGBA"),
}


def opencv(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


@pytest.mark.parametrize("kind", LOSSLESS)
def test_colour_of_any_usual_kind_keeps_every_value(kind: str) -> None:
    data = LOSSLESS[kind]()
    assert is_color(data)
    assert color_size(data, "here") == (96, 64)
    np.testing.assert_array_equal(decode_color(data, "here"), smooth_image())


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA"), ("BMP", "L"), ("TIFF", "L"), ("TIFF", "LA")],
)
def test_grey_pictures_are_grey_in_all_channels(kind: str, mode: str) -> None:
    decoded = decode_color(saved(kind, mode), "here")
    grey = np.asarray(Image.fromarray(smooth_image()).convert("L"))
    assert np.abs(decoded.astype(int) - grey[..., None]).max() <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("PNG", "P"), ("BMP", "P")])
def test_inks_and_palettes_become_colours(kind: str, mode: str) -> None:
    decoded = decode_color(saved(kind, mode), "here").astype(int)
    assert np.abs(decoded - smooth_image()).mean() < 20


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WebP"])
def test_cut_pictures_of_other_kinds_are_named(kind: str) -> None:
    data = LOSSLESS[kind]()
    for length in (3, 20, len(data) // 2):
        with pytest.raises(CaptureError, match=r"given: a\.bmp"):
            decode_color(data[:length], "a.bmp")


def test_other_kinds_that_cannot_be_read_are_told() -> None:
    turned = Image.Exif()
    turned[0x112] = 6
    with pytest.raises(CaptureError, match="shown turned"):
        decode_color(saved("TIFF", exif=turned), "a.tif")
    huge = bytearray(saved("BMP"))
    huge[18:26] = struct.pack("<ii", 60_000, 60_000)
    for read in (decode_color, color_size):
        with pytest.raises(CaptureError, match="3600000000 pixels"):
            read(bytes(huge), "a.bmp")
    for other in (saved("GIF"), saved("PPM"), b"\0\0\0\x18ftypheic" + bytes(40)):
        assert not is_color(other)


@pytest.mark.parametrize("bits", [4, 8])
def test_labels_with_a_palette_keep_their_numbers(bits: int) -> None:
    """As VOC and other data sets store them, to be looked at as well."""
    ids = (np.arange(12).reshape(3, 4) % (1 << bits)).astype(np.uint8)
    image = Image.fromarray(ids)
    image.putpalette(list(range(255, 255 - 3 * 16, -1)))
    stream = io.BytesIO()
    image.save(stream, "PNG", bits=bits)
    decoded = decode_gray(stream.getvalue(), "here")
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, ids)
    with pytest.raises(CaptureError):
        decode_gray(stream.getvalue()[:-20], "here")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_programs_show_them(orientation: int) -> None:
    header = Image.Exif()
    header[0x112] = orientation
    data = saved("PNG", exif=header)
    assert exif_orientation(data) == orientation
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(as_shown(decode_color(data, "here"), orientation), shown)
