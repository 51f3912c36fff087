"""Apple's LZFSE streams (library ``lzfse``), measured before they are unpacked.

A stream is a row of blocks, each with a header that tells how many bytes it gives: the sum is
checked before memory is asked for.

Source:
    https://github.com/lzfse/lzfse (``src/lzfse_internal.h``)
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

from crossvox.core.checks import CaptureError

_END, _PLAIN, _PACKED, _LZVN = b"bvx$", b"bvx-", b"bvx2", b"bvxn"
_PACKED_HEAD = struct.Struct("<3Q")
_LONGEST_FIELD = 0xFFFFF


def unpacked_size(data: bytes, source: str) -> int:
    """How many bytes a stream says to hold, without unpacking it.

    Args:
        data: the stream.
        source: what to name in an error.

    Raises:
        CaptureError: it is cut, or no LZFSE stream.
    """
    at = total = 0
    try:
        while data[at : at + 4] != _END:
            gives, takes = _block(data, at)
            total, at = total + gives, at + takes
    except (struct.error, ValueError):
        raise CaptureError(
            f"given: {source}, {len(data)} bytes that are no whole LZFSE stream; needed: the file "
            f"as the app wrote it; do: copy or export the capture again"
        ) from None
    return total


def unpack(data: bytes, size: int, source: str) -> bytes:
    """Unpack a stream that holds exactly ``size`` bytes.

    Raises:
        CaptureError: damaged, or of another size; or the library is not installed.
    """
    told = unpacked_size(data, source)
    if told != size:
        raise CaptureError(
            f"given: {source} that holds {told} bytes; needed: {size}; do: check that all frames "
            f"come from one capture"
        )
    unpacked = _decoder(source)(data, size)
    if len(unpacked) != size:
        raise CaptureError(
            f"given: {source}, an LZFSE stream that cannot be unpacked; needed: the file as the "
            f"app wrote it; do: copy or export the capture again"
        )
    return unpacked


def _decoder(source: str) -> Callable[[bytes, int], bytes]:
    """What unpacks a stream of a known size; what it gives has another one if it is damaged."""
    try:
        import lzfse
    except ImportError:
        raise CaptureError(
            f"given: {source}, packed by LZFSE; needed: the library lzfse; "
            f"do: pip install 'crossvox[captures]'"
        ) from None
    # Its own call doubles its memory until a damaged stream is content; the C function inside
    # stops where it is told to. Where a system hides that function, there is only the call.
    try:
        decode = ctypes.CDLL(lzfse.__file__).lzfse_decode_buffer
    except (OSError, AttributeError):
        decode = None
    if decode is not None:
        decode.restype = ctypes.c_size_t
        decode.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p
        ]  # fmt: skip

    def unpack_known(data: bytes, size: int) -> bytes:
        try:
            if decode is None:
                return bytes(lzfse.decompress(data))
            room = ctypes.create_string_buffer(size + 1)
            count = decode(room, size + 1, data, len(data), None)
            return room.raw[:count]
        except (lzfse.error, ValueError, MemoryError):
            return b""

    return unpack_known


def _block(data: bytes, at: int) -> tuple[int, int]:
    """Bytes that a block gives and takes."""
    kind = data[at : at + 4]
    (gives,) = struct.unpack_from("<I", data, at + 4)
    if kind == _PLAIN:
        takes = 8 + gives
    elif kind == _LZVN:
        takes = 12 + struct.unpack_from("<I", data, at + 8)[0]
    elif kind == _PACKED:
        literals, matches, head = _PACKED_HEAD.unpack_from(data, at + 8)
        head &= 0xFFFFFFFF
        takes = head + (literals >> 20 & _LONGEST_FIELD) + (matches >> 40 & _LONGEST_FIELD)
        if head < 8 + _PACKED_HEAD.size:
            raise ValueError("a header shorter than itself")
    else:
        raise ValueError("no block")
    if at + takes > len(data):
        raise ValueError("cut")
    return gives, takes
