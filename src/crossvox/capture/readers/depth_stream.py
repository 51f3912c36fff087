"""``depth.bin`` of ScanNet++: depth images of 256x192 in one file, packed in one of two ways.

Of newer scenes each image has its length (4 bytes, little-endian) and is packed alone: as an LZ4
block of uint16 millimetres, or as raw deflate of float32 metres. Of older ones the whole file is
one raw deflate stream of float32 metres: it can only be unpacked from its start. How far it was
read is remembered in this process, with places to go on from, so that images in rising order are
unpacked once.

Source:
    https://github.com/scannetpp/scannetpp (iphone/prepare_iphone_data.py)
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError

SIZE: Size = (256, 192)
PIXELS = SIZE[0] * SIZE[1]
SHORT_BYTES, FLOAT_BYTES = 2 * PIXELS, 4 * PIXELS
MOST_PACKED = FLOAT_BYTES + (FLOAT_BYTES >> 8) + 64
"""What noise would take: LZ4 adds a byte in 255, deflate less."""

MOST_IMAGES = 1 << 22
OPEN_STREAMS = 2
PLACE_EVERY = 32
"""Images between places to go on from, each some 50 KB of memory."""

_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16


class DepthStream:
    """Depth images of a file by number, in millimetres, 0 = no reading. May be pickled.

    Args:
        path: the file.

    Attributes:
        count: how many images there are; None: only known once all are unpacked.

    Raises:
        CaptureError: missing, empty, or packed in none of the two ways.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ends = None if _is_one_stream(path) else _image_ends(path)
        self.count = None if self._ends is None else len(self._ends) - 1

    def read(self, number: int) -> NDArray[Any]:
        """Depth ``(192, 256)``, uint16 or float32, millimetres.

        Raises:
            CaptureError: there is no such image, or it is damaged.
        """
        if self._ends is None:
            data = _unpacked_from_start(self.path, number)
            return _from_metres(data)
        if not 0 <= number < len(self._ends) - 1:
            raise _damaged(self.path, f"it holds {self.count} images, not number {number}")
        start, end = self._ends[number] + _LENGTH.size, self._ends[number + 1]
        with _opened(self.path) as file:
            file.seek(start)
            packed = file.read(end - start)
        return _unpacked(packed, self.path, number)


def _is_one_stream(path: Path) -> bool:
    """Whether a first image comes out of the file as a whole: a length and an image are no such."""
    with _opened(path) as file:
        head = file.read(MOST_PACKED)
    try:
        return len(_unpacker().decompress(head, FLOAT_BYTES)) == FLOAT_BYTES
    except zlib.error:
        return False


def _image_ends(path: Path) -> list[int]:
    """Where images end, from 0, each behind its length; what a cut or damaged file lacks is left
    out.

    Raises:
        CaptureError: there is none.
    """
    ends = [0]
    with _opened(path) as file:
        size = file.seek(0, os.SEEK_END)
        while ends[-1] + _LENGTH.size < size and len(ends) <= MOST_IMAGES:
            file.seek(ends[-1])
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            end = ends[-1] + _LENGTH.size + length
            if not 0 < length <= MOST_PACKED or end > size:
                break
            ends.append(end)
    if len(ends) == 1:
        raise _damaged(path, f"{size} bytes that hold no image")
    return ends


def _unpacked(packed: bytes, path: Path, number: int) -> NDArray[Any]:
    data = _inflated(packed)
    if data is not None:
        return _from_metres(data)
    try:
        import lz4.block
    except ImportError:
        raise CaptureError(
            f"given: {path}, packed by LZ4, and no library for it; needed: the package lz4; "
            f"do: pip install 'crossvox[captures]'"
        ) from None
    try:
        data = lz4.block.decompress(packed, uncompressed_size=SHORT_BYTES)
    except (lz4.block.LZ4BlockError, ValueError, OverflowError) as error:
        raise _damaged(path, f"image {number}: {error}") from None
    if len(data) != SHORT_BYTES:
        raise _damaged(path, f"image {number} has {len(data)} bytes")
    depth = np.frombuffer(data, "<u2").reshape(SIZE[1], SIZE[0])
    return np.where(depth == 65535, np.uint16(0), depth)


def _inflated(packed: bytes) -> bytes | None:
    """An image of floats, or None if this is no such."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(packed, FLOAT_BYTES + 1)
    except zlib.error:
        return None
    return data if len(data) == FLOAT_BYTES and stream.eof else None


def _from_metres(data: bytes) -> NDArray[np.float32]:
    metres = np.frombuffer(data, "<f4").reshape(SIZE[1], SIZE[0])
    with np.errstate(over="ignore", invalid="ignore"):
        depth = metres * np.float32(1000)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


class _Stream:
    """One raw deflate stream, unpacked image by image."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        # Image number, offset of the next packed byte, the unpacker, packed bytes it has not taken.
        self._places: list[tuple[int, int, Any, bytes]] = [(0, 0, _unpacker(), b"")]
        self._at = self._from(self._places[0])
        self._last: tuple[int, bytes] = (-1, b"")

    def read(self, number: int) -> bytes:
        """The bytes of an image."""
        with self._lock:
            if number != self._last[0]:
                self._last = (number, self._found(number))
            return self._last[1]

    def _found(self, number: int) -> bytes:
        here = self._at[0]
        place = next(place for place in reversed(self._places) if place[0] <= number)
        if number < here or place[0] > here:
            self._at = self._from(place)
        data = b""
        try:
            with _opened(self._path) as file:
                while self._at[0] <= number:
                    data = self._next(file)
        except (CaptureError, zlib.error) as error:
            self._at = self._from(self._places[0])  # what was unpacked of this image is lost
            if isinstance(error, CaptureError):
                raise
            raise _damaged(self._path, f"image {number}: {error}") from None
        return data

    def _next(self, file: Any) -> bytes:
        """Unpack the next image."""
        number, offset, unpacker, rest = self._at
        parts, lacking = [], FLOAT_BYTES
        file.seek(offset)
        while lacking:
            if not rest and not unpacker.eof:
                rest = file.read(_CHUNK)
                offset += len(rest)
            data = unpacker.decompress(rest, lacking)
            if not data and (unpacker.eof or not rest):
                raise _damaged(self._path, f"it ends within image {number}")
            rest = unpacker.unconsumed_tail
            parts.append(data)
            lacking -= len(data)
        self._at = (number + 1, offset, unpacker, rest)
        due = (number + 1) % PLACE_EVERY == 0 and number + 1 > self._places[-1][0]
        if due and not unpacker.eof:
            self._places.append(self._from(self._at))
        return b"".join(parts)

    @staticmethod
    def _from(place: tuple[int, int, Any, bytes]) -> tuple[int, int, Any, bytes]:
        """A place with an unpacker of its own."""
        number, offset, unpacker, rest = place
        return number, offset, unpacker.copy(), rest


def _unpacker() -> Any:
    return zlib.decompressobj(-zlib.MAX_WBITS)


def _unpacked_from_start(path: Path, number: int) -> bytes:
    if not 0 <= number < MOST_IMAGES:
        raise _damaged(path, f"image {number} is none")
    try:
        there = os.stat(path)
    except OSError as error:
        raise _damaged(path, error.strerror or "missing") from None
    key = (str(path), there.st_mtime_ns, there.st_size)
    with _lock:
        stream = _streams.pop(key, None) or _Stream(path)
        _streams[key] = stream
        while len(_streams) > OPEN_STREAMS:
            _streams.popitem(last=False)
    return stream.read(number)


_streams: OrderedDict[tuple[str, int, int], _Stream] = OrderedDict()
_lock = Lock()


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise _damaged(path, getattr(error, "strerror", None) or str(error)) from None


def _damaged(path: Path, why: str) -> CaptureError:
    return CaptureError(
        f"given: {path}, depth that cannot be read ({why}); needed: depth.bin of ScanNet++, images "
        f"of {SIZE[0]}x{SIZE[1]} packed by LZ4 or deflate; do: download the file again"
    )
