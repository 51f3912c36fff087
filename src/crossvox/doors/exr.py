"""Depth in OpenEXR images (library ``OpenEXR``): one channel of half or single floats.

OpenCV has the format switched off, and cannot read an image of one channel called R where it is
switched on.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import MAX_PIXELS

CHANNELS = ("Z", "depth", "depth.Z", "Y", "R")
"""Names of the channel that holds depth where there are several; the first of them is taken."""

_MARK = b"\x76\x2f\x31\x01"
_DENSEST = 1100
"""Bytes of pixels that a byte of the file stands for at most (ZIP: 1032)."""

_ALONE = Lock()


def exr_size(data: bytes, source: str) -> Size:
    """Size ``(width, height)`` of an image, from its header.

    Raises:
        CaptureError: no OpenEXR image, or one of an absurd size; or the library is not installed.
    """
    with _reading(data, source):
        return _size(_opened(data, source, header_only=True).header(), data, source)


def decode_exr(data: bytes, source: str) -> NDArray[np.float32]:
    """The one channel, or the depth channel, of an image: ``(H, W)`` float32 as stored.

    Args:
        data: the encoded image.
        source: what to name in an error.

    Raises:
        CaptureError: it cannot be decoded in full, is of an absurd size, or has several channels
            of which none is called by one of :data:`CHANNELS`; or the library is not installed.
    """
    width, height = exr_size(data, source)
    with _reading(data, source):
        channels = _opened(data, source, header_only=False).channels()
        named = [name for name in CHANNELS if name in channels]
        name = next(iter(channels)) if len(channels) == 1 else named[0] if named else ""
        pixels = np.asarray(channels[name].pixels) if name else np.zeros(0)
        expect(
            pixels.shape == (height, width) and pixels.dtype.kind == "f",
            given=f"{source} with the channels {', '.join(sorted(channels)) or 'none'}",
            needed=f"one channel of floats, or one called {' or '.join(CHANNELS)}",
            do="export depth alone",
            error=CaptureError,
        )
    return pixels.astype(np.float32)


@contextmanager
def _reading(data: bytes, source: str) -> Iterator[None]:
    """The library passes on whatever its C++ raises."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, MemoryError, OSError):
        raise CaptureError(
            f"given: {source}, {len(data)} bytes that are no OpenEXR image that can be read in "
            f"full; needed: a complete image; do: copy or export the capture again"
        ) from None


def _opened(data: bytes, source: str, *, header_only: bool) -> Any:
    try:
        import OpenEXR
    except ImportError:
        raise CaptureError(
            f"given: {source}, an OpenEXR image; needed: the library OpenEXR; "
            f"do: pip install 'crossvox[captures]'"
        ) from None
    if data[:4] != _MARK:
        raise ValueError("another kind of file")
    # Not its older class InputFile: that one crashes on damaged images. This one leaves out what
    # it cannot read, and prints so; what is left out is told by the caller.
    with _ALONE, redirect_stdout(io.StringIO()):
        return OpenEXR.File(
            io.BytesIO(data), separate_channels=True, header_only=header_only, num_threads=0
        )


def _size(header: dict[str, Any], data: bytes, source: str) -> Size:
    low, high = (np.asarray(corner, dtype=np.int64) for corner in header["dataWindow"])
    width, height = (high - low + 1).tolist()
    # Half floats take the least room.
    least = 2 * width * height * len(header["channels"])
    expect(
        0 < width * height <= MAX_PIXELS and width > 0 and least <= _DENSEST * len(data),
        given=f"{source}, {len(data)} bytes of an image of {width}x{height} pixels",
        needed=f"a complete image of at most {MAX_PIXELS} pixels",
        do="copy or export the capture again",
        error=CaptureError,
    )
    return width, height
