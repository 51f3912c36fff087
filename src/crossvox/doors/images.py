"""Image codecs and smooth resampling (simplejpeg, OpenCV, Pillow). RGB everywhere, never BGR."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from crossvox.core.artifact import replacing
from crossvox.core.camera import ImageFit, Intrinsics, Size
from crossvox.core.checks import CaptureError
from crossvox.core.frame import resize_nearest
from crossvox.core.npz import DENSEST
from crossvox.doors.pillow_images import MAX_PIXELS as MAX_PIXELS
from crossvox.doors.pillow_images import (
    decode_by_pillow,
    decode_palette,
    pillow_kind,
    pillow_size,
)

_JPEG_START, PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"

LONGEST_REMAPPED = 32766
"""Longest side of an image that OpenCV resamples freely."""

JPEG_QUALITY = 92
PNG_LEVEL = 1
WEBP_EFFORT = 2
"""Of 0 to 6. OpenCV's is always 4: twice the time for 3 % less, and no picture is the better."""

_LONGEST_PGM_HEAD = 1024
_PGM_HEAD = re.compile(
    rb"P5" + 3 * rb"(?:\s|#[^\n\r]*[\n\r])+(\d{1,9})" + rb"(?:#[^\n\r]*[\n\r])*\s"
)
"""Kind, width, height and largest value with white space and comments between; one white space."""

_COLOR_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
"""Without the flag OpenCV turns PNG and WebP as their EXIF chunks say, but no depth and labels."""

_DEPTH_AT, _KIND_AT, _GRAY, _PALETTE = 24, 25, 0, 3
"""Where a PNG's header tells bits a sample and kind of colour, and the kinds that are grey and of
a palette."""


def decode_color(data: bytes, source: str, at_least: Size | None = None) -> NDArray[np.uint8]:
    """Decode a colour image to ``(H, W, 3)`` uint8 RGB, as it is stored.

    Alpha is dropped, grey repeated, 16 bits become 8; what headers say of how to turn the image is
    for others (:func:`exif_orientation`).

    Args:
        data: the encoded image.
        source: what to name in an error, for example the file.
        at_least: a JPEG may be decoded at a fraction of its size, as long as it does not get
            smaller than this; saves most of the time where the image is made smaller anyway.

    Raises:
        CaptureError: the data is not an image that can be read in full.
    """
    if data[:2] == _JPEG_START:
        _expect_sensible(data, source)
        width, height = at_least or (0, 0)
        try:
            image: NDArray[np.uint8] = simplejpeg.decode_jpeg(
                data, min_width=width, min_height=height, min_factor=2 if at_least else 1
            )
        except ValueError as error:
            raise CaptureError(
                f"given: {source}, a JPEG that cannot be decoded ({error}); needed: a complete "
                f"image; do: copy or export the file again"
            ) from None
        return image
    if pillow_kind(data):
        return decode_by_pillow(data, source)
    decoded = _decode(data, source, _COLOR_AS_STORED)
    return np.ascontiguousarray(decoded[..., ::-1])


def is_color(data: bytes) -> bool:
    """Whether a file begins as one of :data:`~crossvox.doors.image_kinds.COLOR_KINDS`."""
    return (
        data[:2] == _JPEG_START
        or data[:8] == PNG_START
        or _is_webp(data)
        or pillow_kind(data) is not None
    )


def color_size(data: bytes, source: str) -> Size:
    """Size of an encoded colour image, from its header where the format allows it.

    Raises:
        CaptureError: the data is not an image, or one without pixels.
    """
    if data[:2] == _JPEG_START:
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(data)
        except ValueError as error:
            raise CaptureError(
                f"given: {source}, a JPEG with a damaged header ({error}); needed: a complete "
                f"image; do: copy or export the file again"
            ) from None
        return int(width), int(height)
    if data[:8] == PNG_START and len(data) >= 24:
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if width * height > 0:
            return width, height
    if _is_webp(data):
        return _webp_size(data)
    if pillow_kind(data):
        return pillow_size(data, source)
    height, width = _decode(data, source, _COLOR_AS_STORED).shape[:2]
    return width, height


def decode_gray(data: bytes, source: str, size: Size | None = None) -> NDArray[Any]:
    """Decode a one-channel PNG to ``(H, W)`` uint8 or uint16, values untouched.

    With a ``size`` it is resampled to ``(width, height)`` by
    :func:`~crossvox.core.frame.resize_nearest`, on the way.

    Of an image with a palette the numbers of its colours are taken: so label images are stored
    that are to be looked at as well.

    Raises:
        CaptureError: not an image, or more than one channel.
    """
    from crossvox.doors.gray_png import decode_gray_png  # numba: half of what loading this takes

    usual = decode_gray_png(data, size)
    if usual is not None:
        return usual
    image = _decode_odd_gray(data, source)
    return image if size is None else resize_nearest(image, size)


def _decode_odd_gray(data: bytes, source: str) -> NDArray[Any]:
    if data[:8] == PNG_START and data[_KIND_AT : _KIND_AT + 1] == bytes([_PALETTE]):
        _expect_sensible(data, source)
        return decode_palette(data, source)
    image = _decode(data, source, cv2.IMREAD_UNCHANGED)
    if data[:8] == PNG_START and data[_KIND_AT] == _GRAY and data[_DEPTH_AT] < 8:
        # Decoders spread 1, 2 and 4 bits over 0 .. 255.
        image = image // (255 // ((1 << data[_DEPTH_AT]) - 1))
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise CaptureError(
            f"given: {source} with shape {image.shape} of {image.dtype}; needed: one channel of "
            f"8 or 16 bits; do: check that this is a depth or label image"
        )
    return image


_DEVELOPED = {
    # OpenCV names the second row of the pattern, beginning with its second pixel.
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuyv": cv2.COLOR_YUV2RGB_YUYV,
}


def kinds_developed() -> frozenset[str]:
    """Kinds of raw pixels that :func:`developed` makes colours of."""
    return frozenset(_DEVELOPED)


def developed(raw: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    """RGB ``(H, W, 3)`` of a Bayer pattern ``(H, W)`` or YUV 4:2:2 ``(H, W, 2)``.

    Args:
        raw: pixels.
        kind: ``bayer_rggb8`` and its like, by the first four pixels; ``uyvy`` or ``yuyv``.

    Raises:
        CaptureError: the image has fewer than 2 pixels of a side, or YUV of an odd width.
    """
    if min(raw.shape[:2]) < 2 or (raw.ndim == 3 and raw.shape[1] % 2):
        raise CaptureError(
            f"given: a {kind} image of {raw.shape[1]}x{raw.shape[0]} pixels; needed: 2x2 or more, "
            f"YUV of an even width; do: record the images again"
        )
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(raw), _DEVELOPED[kind]), np.uint8)


def decode_packed(data: bytes, source: str) -> NDArray[np.float32]:
    """Decode a PNG of four channels that are the bytes of one float each, ``(H, W)`` float32.

    So OpenCV writes them: red and blue change places on the way into the file.

    Raises:
        CaptureError: not an image, or not one of four channels.
    """
    image = _decode(data, source, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        raise CaptureError(
            f"given: {source} with shape {image.shape} of {image.dtype}; needed: depth of one "
            f"channel of 16 bits, or floats packed in four of 8; do: check that this is depth"
        )
    return np.ascontiguousarray(image).view("<f4")[..., 0]


def decode_pgm(data: bytes, source: str) -> NDArray[Any]:
    """Decode a binary PGM image to ``(H, W)`` uint8 or uint16, values untouched.

    Values of more than 8 bits are stored with the high byte first, whatever the largest one is.
    Decoders scale by that largest value, or leave it aside, each in its own way.

    Source:
        https://netpbm.sourceforge.net/doc/pgm.html

    Raises:
        CaptureError: another kind of file, one that is cut, or of an absurd size.
    """
    head = _PGM_HEAD.match(data[:_LONGEST_PGM_HEAD])
    width, height, largest = (int(value) for value in head.groups()) if head else (0, 0, 0)
    dtype = np.dtype(np.uint8 if largest < 256 else ">u2")
    start, size = head.end() if head else 0, width * height * dtype.itemsize
    if not (0 < width * height <= MAX_PIXELS and 0 < largest < 65536 and start + size <= len(data)):
        raise CaptureError(
            f"given: {source}, {len(data)} bytes of a PGM image of {width}x{height} pixels; "
            f"needed: a complete binary PGM (P5) of at most {MAX_PIXELS} pixels; do: copy or "
            f"export the file again"
        )
    pixels = np.frombuffer(data, dtype, width * height, start).reshape(height, width)
    return pixels.astype(dtype.newbyteorder("="))


def _expect_sensible(data: bytes, source: str) -> None:
    """Refuse an image whose header, or a part of a PNG, says to be larger than it can be.

    Decoders ask for that memory before they look at what there is.
    """
    if data[:2] == _JPEG_START:
        most, sound = MAX_PIXELS, True
        width, height = color_size(data, source)
    elif _is_webp(data):
        most, sound = MAX_PIXELS, True
        width, height = _webp_size(data)
    else:
        packed = _packed_bytes(data)
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        # A byte of pixels holds 8 at most.
        most, sound = min(MAX_PIXELS, 8 * DENSEST * (packed or 0)), packed is not None
    if not sound or not 0 < width * height <= most:
        raise CaptureError(
            f"given: {source}, {len(data)} bytes of an image of {width}x{height} pixels; needed: "
            f"a complete PNG or JPEG of at most {MAX_PIXELS} pixels; do: copy or export the file "
            f"again"
        )


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _webp_size(data: bytes) -> Size:
    """Size of a WebP image from its first chunk (RFC 9649)."""
    if data[12:16] == b"VP8X":
        sides = (data[24:27], data[27:30])
        return int.from_bytes(sides[0], "little") + 1, int.from_bytes(sides[1], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    sides = (data[26:28], data[28:30])
    return int.from_bytes(sides[0], "little") & 0x3FFF, int.from_bytes(sides[1], "little") & 0x3FFF


def _packed_bytes(data: bytes) -> int | None:
    """Bytes of pixels in a PNG; None if it is none or not whole."""
    at, packed = 8, 0
    while data[:8] == PNG_START and at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + length
        packed += length if kind == b"IDAT" else 0
        if kind == b"IEND" and at <= len(data):
            return packed
    return None


def _decode(data: bytes, source: str, mode: int) -> NDArray[Any]:
    image = None
    if data:
        _expect_sensible(data, source)
        try:
            image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), mode)
        except cv2.error:
            image = None
    if image is None:
        raise CaptureError(
            f"given: {source}, {len(data)} bytes that are no readable image; needed: a complete "
            f"PNG or JPEG; do: copy or export the file again"
        )
    return np.asarray(image)


def encode_jpeg(rgb: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Encode ``(H, W, 3)`` RGB as JPEG."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=quality, colorsubsampling="420"
    )
    return data


_BEFORE_PIXELS = (b"IHDR", b"tEXt", b"pHYs", b"tIME", b"gAMA", b"sRGB", b"cHRM", b"iCCP", b"PLTE")
"""Chunks of a PNG that stand in front of its pixels, as far as usual."""


def text_of(data: bytes, keyword: str) -> str | None:
    """What a PNG tells under a keyword (``tEXt``) in front of its pixels.

    Args:
        data: the file, or its beginning.
        keyword: of the text.

    Returns:
        None where it tells nothing, is no PNG, or is cut there.
    """
    at, start = len(PNG_START), f"{keyword}\0".encode("latin-1")
    if not data.startswith(PNG_START):
        return None
    while (name := data[at + 4 : at + 8]) in _BEFORE_PIXELS:
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        body = data[at + 8 : end]
        if name == b"tEXt" and body.startswith(start) and end <= len(data):
            return body[len(start) :].decode("latin-1")
        at = end + 4
    return None


def encode_png(image: NDArray[Any], texts: Mapping[str, str] | None = None) -> bytes:
    """Encode ``(H, W)`` uint8 / uint16 or ``(H, W, 3)`` uint8 RGB as PNG.

    One channel may have texts beside it: see :func:`crossvox.doors.gray_png.encode_gray_png`.
    """
    if image.ndim == 2:
        from crossvox.doors.gray_png import encode_gray_png

        return encode_gray_png(image, texts or {})
    options = [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL]
    ok, data = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]), options)
    if not ok:
        raise ValueError(f"cannot encode an image of shape {image.shape} and {image.dtype}")
    return data.tobytes()


def encode_webp(image: NDArray[np.uint8], quality: int = 88) -> bytes:
    """Encode ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA as WebP, for pages (small, transparent)."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "WEBP", quality=quality, method=WEBP_EFFORT)
    return stream.getvalue()


def read_bytes(path: Path) -> bytes:
    """Read a file of a capture.

    Raises:
        CaptureError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte is no OSError
        raise CaptureError(
            f"given: {path} ({getattr(error, 'strerror', error)}); needed: a readable file; "
            f"do: check the capture, a frame needs all of its files"
        ) from None


def read_color(path: Path, at_least: Size | None = None) -> NDArray[np.uint8]:
    """Read a colour image; see :func:`decode_color`."""
    return decode_color(read_bytes(path), str(path), at_least)


def read_gray(path: Path) -> NDArray[Any]:
    """Read a depth or label image; see :func:`decode_gray`."""
    return decode_gray(read_bytes(path), str(path))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is either complete or not there, into a folder that is made if missing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def resize_color(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resample RGB smoothly: by area when it gets smaller, bilinear when it gets larger."""
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    from crossvox.doors.area import is_little_smaller, shrunk

    if rgb.shape[2:] == (3,) and is_little_smaller(size, (width, height)):
        return shrunk(rgb, size)
    smaller = size[0] <= width and size[1] <= height
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=interpolation), dtype=np.uint8)


def resize_smooth(field: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Resample one channel ``(H, W)`` of any numbers, bilinear."""
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def fit_color(rgb: NDArray[np.uint8], fit: ImageFit) -> NDArray[np.uint8]:
    """Resample RGB smoothly and crop, as ``fit`` says."""
    width, height = fit.size
    return resize_color(rgb, fit.resized)[fit.top : fit.top + height, fit.left : fit.left + width]


def blur_gray(plane: NDArray[np.uint8], sigma_px: float) -> NDArray[np.uint8]:
    """Blur one channel ``(H, W)`` with a Gaussian; borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), dtype=np.uint8)


def lens_map(
    camera: Intrinsics, target: Intrinsics, model: str, coefficients: tuple[float, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where the pixels of a pinhole camera lie in images of a distorting one.

    Args:
        camera: the distorting camera.
        target: the pinhole camera at the same place.
        model: ``brown`` or ``fisheye``, as OpenCV defines them.
        coefficients: in OpenCV's order.

    Returns:
        Columns and rows ``(H, W)`` of the target's size.
    """
    undistort = cv2.fisheye if model == "fisheye" else cv2
    values = np.array(coefficients, dtype=np.float64)
    columns, rows = undistort.initUndistortRectifyMap(
        camera.matrix, values, np.eye(3), target.matrix, target.size, cv2.CV_32FC1
    )
    return columns, rows


def remap(
    image: NDArray[Any],
    columns: NDArray[np.float32],
    rows: NDArray[np.float32],
    *,
    smooth: bool,
) -> NDArray[Any]:
    """Take the pixels at ``columns, rows``, 0 outside: bilinear if ``smooth``, else the nearest.

    Raises:
        CaptureError: a side is longer than :data:`LONGEST_REMAPPED`.
    """
    longest = max(image.shape[:2] + columns.shape)
    if longest > LONGEST_REMAPPED:
        raise CaptureError(
            f"given: an image with a side of {longest} pixels, from which a lens's distortion is "
            f"to be taken; needed: at most {LONGEST_REMAPPED}; do: make the images smaller"
        )
    way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return np.asarray(cv2.remap(image, columns, rows, way, borderMode=cv2.BORDER_CONSTANT))
