"""Image codecs and smooth resampling (simplejpeg, OpenCV, Pillow). RGB everywhere, never BGR."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import ExifTags, Image

from crossvox.core.artifact import replacing
from crossvox.core.camera import ImageFit, Intrinsics, Size
from crossvox.core.checks import CaptureError
from crossvox.core.npz import DENSEST
from crossvox.doors.deflate import PNG_START, encode_gray_png

MAX_PIXELS = 1 << 26
"""Largest image that is read. A damaged header must not be able to ask for all memory."""

JPEG_QUALITY = 92
PNG_LEVEL = 1
WEBP_EFFORT = 2
"""Of 0 to 6. OpenCV's is always 4: twice the time for 3 % less, and no picture is the better."""

_COLOR_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
"""Without the flag OpenCV turns PNG and WebP as their EXIF chunks say, but no depth and labels."""

_DEPTH_AT, _KIND_AT, _GRAY = 24, 25, 0
"""Where a PNG's header tells bits a sample and kind of colour, and the kind that is grey."""


def decode_color(data: bytes, source: str, at_least: Size | None = None) -> NDArray[np.uint8]:
    """Decode a JPEG or PNG image to ``(H, W, 3)`` uint8 RGB.

    Args:
        data: the encoded image.
        source: what to name in an error, for example the file.
        at_least: a JPEG may be decoded at a fraction of its size, as long as it does not get
            smaller than this; saves most of the time where the image is made smaller anyway.

    Raises:
        CaptureError: the data is not an image that can be read in full.
    """
    if data[:2] == b"\xff\xd8":
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
    decoded = _decode(data, source, _COLOR_AS_STORED)
    return np.ascontiguousarray(decoded[..., ::-1])


def color_size(data: bytes, source: str) -> Size:
    """Size of an encoded colour image, from its header where the format allows it.

    Raises:
        CaptureError: the data is not an image, or one without pixels.
    """
    if data[:2] == b"\xff\xd8":
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
    height, width = _decode(data, source, _COLOR_AS_STORED).shape[:2]
    return width, height


def decode_gray(data: bytes, source: str) -> NDArray[Any]:
    """Decode a one-channel PNG to ``(H, W)`` uint8 or uint16, values untouched.

    Raises:
        CaptureError: not an image, or more than one channel.
    """
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


def decode_tiff(data: bytes, source: str) -> NDArray[Any]:
    """Decode a one-channel TIFF to ``(H, W)``, whole numbers or floats, values untouched.

    Raises:
        CaptureError: not a TIFF, cut, of an absurd size, or of more than one channel.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            width, height = image.size
            fits = 0 < width * height <= min(MAX_PIXELS, 8 * DENSEST * len(data))
            if fits and (image.mode in ("F", "I") or image.mode.startswith("I;16")):
                return np.asarray(image)
            problem = f"{width}x{height} pixels of mode {image.mode}"
    # Pillow passes on whatever a damaged directory of tags leads to.
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, ArithmeticError,
            struct.error, RuntimeError, MemoryError, IndexError, AttributeError,
            Image.DecompressionBombError) as error:  # fmt: skip
        problem = str(error)
    raise CaptureError(
        f"given: {source}, {len(data)} bytes of a TIFF that cannot be used ({problem}); needed: a "
        f"complete image of one channel; do: copy or export the file again"
    )


def _expect_sensible(data: bytes, source: str) -> None:
    """Refuse an image whose header, or a part of a PNG, says to be larger than it can be.

    Decoders ask for that memory before they look at what there is.
    """
    if data[:2] == b"\xff\xd8":
        most, sound = MAX_PIXELS, True
        width, height = color_size(data, source)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
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


def encode_png(image: NDArray[Any]) -> bytes:
    """Encode ``(H, W)`` uint8 / uint16 or ``(H, W, 3)`` uint8 RGB as PNG."""
    if image.ndim == 2:
        return encode_gray_png(image)
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
    """Write a file that is either complete or not there."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def resize_color(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resample RGB smoothly: by area when it gets smaller, bilinear when it gets larger."""
    height, width = rgb.shape[:2]
    if (width, height) == size:
        return rgb
    smaller = size[0] <= width and size[1] <= height
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=interpolation), dtype=np.uint8)


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
    """Take the pixels at ``columns, rows``, 0 outside: bilinear if ``smooth``, else the nearest."""
    way = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return np.asarray(cv2.remap(image, columns, rows, way, borderMode=cv2.BORDER_CONSTANT))


def exif_orientation(data: bytes) -> int:
    """How an encoded image says that it is to be shown, 1 to 8; 1, as stored, if it says nothing.

    6 is a quarter turn clockwise, 8 one anticlockwise, 3 half a turn; the even others mirror.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1
    return value if value in range(1, 9) else 1
