"""Images as ROS sends them: read from the bytes of a message, and decoded.

Messages of images are taken apart here and not by their definitions: the RealSense SDK adds fields
of its own behind the known ones, and when a recording is opened only the head of each is needed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.files import gray_size
from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.doors.images import (
    MAX_PIXELS,
    color_size,
    decode_color,
    decode_gray,
    developed,
    kinds_developed,
)

Array = NDArray[Any]
Kind = Literal["color", "gray", "depth", ""]

IMAGE, PACKED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "8uc3": 3, "8uc4": 4}
_GRAY = ("mono8", "8uc1", "raw8", "y8")
_DEPTH = {"16uc1": "u2", "mono16": "u2", "z16": "u2", "16sc1": "u2", "32fc1": "f4"}
_YUV = {"yuv422": "uyvy", "uyvy": "uyvy", "yuv422_yuy2": "yuyv", "yuyv": "yuyv"}


@dataclass(frozen=True, eq=False)
class Head:
    """When and in which frame of reference a message was sent."""

    stamp_ns: int
    frame: str


@dataclass(frozen=True, eq=False)
class ImageMessage:
    """An image.

    Attributes:
        head: when and where.
        packed: whether ``data`` is an encoded image.
        encoding: kind of pixels, or how it is encoded.
        size: width and height; ``(0, 0)`` where only the data tells.
        step: bytes a row.
        big: whether numbers are big endian.
        data: the pixels, or the encoded image.
    """

    head: Head
    packed: bool
    encoding: str
    size: Size
    step: int
    big: bool
    data: memoryview


class _Bytes:
    """Fields of a message one after the other: of ROS 1, or by CDR with its paddings."""

    def __init__(self, data: bytes, is_ros2: bool) -> None:
        self._data, self._padded = memoryview(data), is_ros2
        self._at = self._begin = 4 if is_ros2 else 0
        self._order = ">" if is_ros2 and data[1:2] == b"\0" else "<"

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        if self._padded:
            self._at += -(self._at - self._begin) % size
        (value,) = struct.unpack_from(self._order + form, self._data, self._at)
        self._at += size
        return int(value)

    def blob(self) -> memoryview:
        size = self.number("I")
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise struct.error(f"{len(data)} of {size} bytes")
        self._at += size
        return data

    def text(self) -> str:
        return bytes(self.blob()).rstrip(b"\0").decode("utf-8", errors="replace")

    def head(self) -> Head:
        if not self._padded:
            self.number("I")  # a running number
        seconds, rest = self.number("i" if self._padded else "I"), self.number("I")
        return Head(1_000_000_000 * seconds + rest, self.text().lstrip("/"))


def read_head(data: bytes, is_ros2: bool, source: str) -> Head:
    """The header that most messages begin with.

    Raises:
        CaptureError: the message is cut.
    """
    try:
        return _Bytes(data, is_ros2).head()
    except struct.error as error:
        raise _cut(source, error) from None


def read_image(data: bytes, kind: str, is_ros2: bool, source: str) -> ImageMessage:
    """A message of type :data:`IMAGE` or :data:`PACKED`; pixels are not decoded.

    Raises:
        CaptureError: the message is cut.
    """
    try:
        fields = _Bytes(data, is_ros2)
        head = fields.head()
        if kind == PACKED:
            return ImageMessage(head, True, fields.text(), (0, 0), 0, False, fields.blob())
        height, width = fields.number("I"), fields.number("I")
        encoding, big, step = fields.text(), fields.number("B"), fields.number("I")
        size = (width, height)
        return ImageMessage(head, False, encoding, size, step, bool(big), fields.blob())
    except struct.error as error:
        raise _cut(source, error) from None


def _cut(source: str, error: object) -> CaptureError:
    return CaptureError(
        f"given: {source}, a message that is cut ({error}); needed: a whole one; do: copy or "
        f"record the bag again"
    )


def kind_of(image: ImageMessage) -> Kind:
    """What an image shows, as far as its encoding tells; empty: nothing that is read here."""
    encoding = image.encoding.lower()
    if image.packed:
        if "compresseddepth" in encoding:
            return "depth"
        data = bytes(image.data[:32])
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return "depth" if data[24:26] == b"\x10\x00" else "color"  # 16 bits, grey
        return "color" if data[:2] == b"\xff\xd8" else ""
    if encoding in _DEPTH:
        return "depth"
    if encoding in _CHANNELS or encoding in _YUV or encoding in kinds_developed():
        return "color"
    return "gray" if encoding in _GRAY else ""


def size_of(image: ImageMessage, source: str) -> Size:
    """Width and height."""
    if not image.packed:
        return image.size
    if "compresseddepth" not in image.encoding.lower():
        return color_size(bytes(image.data), source)
    data = bytes(image.data[12:])
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return gray_size(data, source)
    width, height = struct.unpack_from("<2I", data.ljust(8, b"\0"))
    return width, height


def _rows(image: ImageMessage, pixel: int, source: str) -> NDArray[np.uint8]:
    """``(H, width x pixel)`` bytes."""
    width, height = image.size
    expect(
        0 < width * height <= MAX_PIXELS
        and width * pixel <= image.step
        and image.step * height <= len(image.data),
        given=f"{source} of {width}x{height} pixels ({image.encoding}), {image.step} bytes a row, "
        f"{len(image.data)} bytes",
        needed="as many bytes as the pixels take",
        do="record the bag again",
        error=CaptureError,
    )
    raw = np.frombuffer(image.data, np.uint8, image.step * height).reshape(height, image.step)
    return raw[:, : width * pixel]


def color_of(image: ImageMessage, source: str, at_least: Size | None) -> NDArray[np.uint8]:
    """``(H, W, 3)`` RGB; of grey images all channels are the same.

    Raises:
        CaptureError: an encoding that is not read here, or fewer bytes than pixels.
    """
    if image.packed:
        return decode_color(bytes(image.data), source, at_least)
    encoding = image.encoding.lower()
    if encoding in _CHANNELS:
        count = _CHANNELS[encoding]
        pixels = _rows(image, count, source).reshape(image.size[1], image.size[0], count)
        order = [0, 1, 2] if encoding.startswith("rgb") else [2, 1, 0]
        return np.ascontiguousarray(pixels[..., order])
    if encoding in _YUV:
        pixels = _rows(image, 2, source).reshape(image.size[1], image.size[0], 2)
        return developed(pixels, _YUV[encoding])
    if encoding in kinds_developed():
        return developed(_rows(image, 1, source), encoding)
    expect(
        encoding in _GRAY,
        given=f"{source} with pixels of kind {image.encoding[:40]!r}",
        needed="RGB, BGR, grey, Bayer or YUV 4:2:2 of 8 bits, JPEG or PNG",
        do="convert the topic, as with image_proc",
        error=CaptureError,
    )
    return np.repeat(_rows(image, 1, source)[..., None], 3, axis=2)


def depth_of(image: ImageMessage, source: str) -> Array:
    """Depth ``(H, W)``: uint16 in units of the device, or float32 metres; 0 = no reading.

    Raises:
        CaptureError: no depth, or fewer bytes than pixels.
    """
    encoding = image.encoding.lower()
    if image.packed:
        depth = _unpacked_depth(image, source)
    else:
        expect(
            encoding in _DEPTH,
            given=f"{source} with pixels of kind {image.encoding[:40]!r}",
            needed="depth as 16UC1 or 32FC1",
            do="check the topics: crossvox info tells which were taken",
            error=CaptureError,
        )
        form = np.dtype((">" if image.big else "<") + _DEPTH[encoding])
        rows = np.ascontiguousarray(_rows(image, form.itemsize, source))
        depth = rows.view(form).astype(form.newbyteorder("="))
    if depth.dtype == np.uint16:
        return np.where(depth == 65535, np.uint16(0), depth)
    with np.errstate(invalid="ignore"):
        return np.where((depth > 0) & (depth < 1e3), depth, np.float32(0)).astype(np.float32)


def _unpacked_depth(image: ImageMessage, source: str) -> Array:
    """Of ``compressedDepth``: a form and two numbers (12 bytes), then PNG or RVL.

    Floats are sent as whole numbers q with depth = a / (q - b), finer where it is near.
    """
    data = bytes(image.data)
    if "compresseddepth" not in image.encoding.lower():
        gray_size(data, source)
        return decode_gray(data, source)
    expect(
        len(data) > 20,
        given=f"{source} of {len(data)} bytes",
        needed="a compressed depth image",
        do="record the bag again",
        error=CaptureError,
    )
    a, b = struct.unpack_from("<2f", data, 4)
    rest = data[12:]
    if rest[:8] == b"\x89PNG\r\n\x1a\n":
        gray_size(rest, source)
        packed = decode_gray(rest, source)
    else:
        from crossvox.capture.readers.rvl import decode_rvl

        packed = decode_rvl(rest, source)
    if not image.encoding.lower().startswith("32fc1"):
        return packed.astype(np.uint16)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        depth = np.float32(a) / (packed.astype(np.float32) - np.float32(b))
    return np.where(packed == 0, np.float32(0), depth).astype(np.float32)
