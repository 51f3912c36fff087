"""Images that Pillow reads: BMP, TIFF, PNG with a palette; and what headers tell (EXIF)."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError
from crossvox.core.npz import DENSEST

warnings.filterwarnings("ignore", "Corrupt EXIF data", module=r"PIL\.")

MAX_PIXELS = 1 << 26
"""Largest image that is read. A damaged header must not be able to ask for all memory."""

_ERRORS = (
    *(OSError, EOFError, ValueError, SyntaxError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RuntimeError, MemoryError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
"""Pillow passes on whatever damaged headers lead to."""

_STARTS = {b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK")
"""How pixels of 8 bits are held; alpha is dropped."""


def pillow_kind(data: bytes) -> str | None:
    """Name of the format, of the kinds of colour images that are decoded here; else None."""
    return next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)


def pillow_size(data: bytes, source: str) -> Size:
    """``(width, height)`` of such an image, from its header.

    Raises:
        CaptureError: it is damaged, or larger than :data:`MAX_PIXELS`.
    """
    with _opened(data, source, pillow_kind(data)) as image:
        return image.size


def decode_by_pillow(data: bytes, source: str) -> NDArray[np.uint8]:
    """Such an image as ``(H, W, 3)`` uint8 RGB, as it is stored.

    Raises:
        CaptureError: it is damaged, too large, of more than 8 bits, or turned by its header.
    """
    with _opened(data, source, pillow_kind(data)) as image:
        if exif_orientation(data) != 1:
            # Pillow turns TIFF when it loads it; depth and labels are not turned.
            raise _unreadable(data, source, "to be shown turned, as its header says")
        if image.mode not in _MODES:
            raise _unreadable(data, source, f"pixels of the kind {image.mode}")
        return np.array(_loaded(image, data, source).convert("RGB"), dtype=np.uint8)


def decode_palette(data: bytes, source: str) -> NDArray[np.uint8]:
    """Numbers of the colours of a PNG with a palette, ``(H, W)`` uint8.

    Raises:
        CaptureError: it is damaged or too large.
    """
    with _opened(data, source, "PNG") as image:
        return np.array(_loaded(image, data, source), dtype=np.uint8)


def decode_tiff(data: bytes, source: str) -> NDArray[Any]:
    """Decode a one-channel TIFF to ``(H, W)``, whole numbers or floats, values untouched.

    Raises:
        CaptureError: not a TIFF, cut, of an absurd size, or of more than one channel.
    """
    with _opened(data, source, "TIFF") as image:
        if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
            raise _unreadable(data, source, f"pixels of mode {image.mode}, not of one channel")
        return np.array(_loaded(image, data, source))


def exif_orientation(data: bytes) -> int:
    """How an encoded image says that it is to be shown, 1 to 8; 1, as stored, if it says nothing.

    6 is a quarter turn clockwise, 8 one anticlockwise, 3 half a turn; the even others mirror.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _ERRORS:
        return 1
    return value if value in range(1, 9) else 1


def as_shown(image: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An image ``(H, W, ...)`` as its header says that it is to be shown; see
    :func:`exif_orientation`. From 5 on height and width change places.
    """
    if orientation in (5, 6, 7, 8):
        image = np.swapaxes(image, 0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _opened(data: bytes, source: str, kind: str | None) -> Image.Image:
    """An image whose header alone was read.

    Raises:
        CaptureError: it is damaged, or larger than :data:`MAX_PIXELS` or its data can be.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=None if kind is None else (kind,))
    except _ERRORS as error:
        raise _unreadable(data, source, error) from None
    if not 0 < image.width * image.height <= min(MAX_PIXELS, 8 * DENSEST * len(data)):
        raise _unreadable(data, source, f"{image.width}x{image.height} pixels")
    return image


def _loaded(image: Image.Image, data: bytes, source: str) -> Image.Image:
    """The image with its pixels.

    Raises:
        CaptureError: they are damaged or cut.
    """
    try:
        image.load()
    except _ERRORS as error:
        raise _unreadable(data, source, error) from None
    return image


def _unreadable(data: bytes, source: str, why: object) -> CaptureError:
    return CaptureError(
        f"given: {source}, {len(data)} bytes that are no readable image ({why}); needed: a "
        f"complete image of at most {MAX_PIXELS} pixels, colours with 8 bits; do: copy or export "
        f"the file again"
    )
