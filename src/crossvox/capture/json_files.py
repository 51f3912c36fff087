"""JSON files of devices and other programs, read by their types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from crossvox.core.checks import CaptureError
from crossvox.doors.images import read_bytes

T = TypeVar("T")


def read_record(path: Path, cls: type[T], needed: str) -> T:
    """Read the fields of a dataclass from a JSON file; what else it holds is left aside.

    ``NaN`` and ``Infinity``, which Python writes, are numbers. Fields that are whole numbers are
    better read as ``float``: some programs write 640.0.

    Args:
        path: the file.
        cls: the dataclass; fields with defaults may be absent.
        needed: what the file should be, for the error text.

    Raises:
        CaptureError: missing, no JSON, or a field that is absent or of another type.
    """
    return record_in(read_bytes(path), str(path), cls, needed)


def record_in(data: bytes, source: str, cls: type[T], needed: str) -> T:
    """The fields of a dataclass in the bytes of a JSON file; see :func:`read_record`."""
    try:
        return msgspec.convert(json.loads(data), cls)
    except (ValueError, RecursionError, OverflowError) as error:
        raise CaptureError(
            f"given: {source}, which does not hold what it should ({error}); needed: {needed}; "
            "do: check or export the file again"
        ) from None
