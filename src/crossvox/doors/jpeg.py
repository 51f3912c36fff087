"""JPEG files without what they tell beside the picture: places, times, devices, owners."""

from __future__ import annotations

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APPLICATION, _COMMENT = range(0xE0, 0xF0), 0xFE
_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""Segments of applications that a decoder needs for the right colours."""


def bare_jpeg(data: bytes) -> bytes:
    """The same picture, bit by bit, without EXIF, XMP, comments and whatever stands behind it.

    Of the segments of applications JFIF's, Adobe's and colour profiles stay. A second picture
    behind the first (a preview, a depth map of the camera's own) goes, with what it tells.

    Args:
        data: a whole JPEG file.

    Returns:
        ``data`` itself where there is nothing to take out; empty where its segments cannot be
        followed.

    Source:
        ITU-T T.81, annex B
    """
    kept, dropped, at = [data[:2]], False, 2
    while True:
        marker, end = _segment(data, at)
        if marker is None:
            return b""
        if marker == _SOS:
            break
        if _is_needed(data, marker, at):
            kept.append(data[at:end])
        else:
            dropped = True
        at = end
    if not dropped and data.endswith(bytes((0xFF, _EOI))):
        return data
    end = _picture_end(data, at)
    return b"".join((*kept, data[at:end])) if end else b""


def _is_needed(data: bytes, marker: int, at: int) -> bool:
    """Whether a segment is one of the picture."""
    if marker in _APPLICATION:
        return marker in _KEPT and data.startswith(_KEPT[marker], at + 4)
    return marker != _COMMENT


def _segment(data: bytes, at: int) -> tuple[int | None, int]:
    """Marker of the segment at a place, and where it ends; None where there is none."""
    while data[at : at + 2] == b"\xff\xff":  # bytes that fill up
        at += 1
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] in (0, _SOI, _EOI):
        return None, at
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    end = at + 2 + length
    return (data[at + 1], end) if length >= 2 and end <= len(data) else (None, at)


def _picture_end(data: bytes, at: int) -> int:
    """Where the picture whose first scan begins at ``at`` ends; 0: nowhere."""
    while True:
        marker, at = _segment(data, at)
        if marker is None:
            return 0
        if marker != _SOS:
            continue
        # Coded pixels: FF 00 is a byte of them, FF D0 to FF D7 marks restarts.
        while True:
            at = data.find(b"\xff", at)
            if at < 0 or at + 1 >= len(data):
                return 0
            following = data[at + 1]
            if following == 0xFF:
                at += 1
            elif following == 0 or 0xD0 <= following <= 0xD7:
                at += 2
            else:
                break
        if following == _EOI:
            return at + 2
