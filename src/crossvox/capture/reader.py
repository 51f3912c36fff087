"""What a reader of one capture format is: a file with a :class:`Reader` in it.

A format of another package needs no change here::

    def claims(path: Path) -> str | None:
        return "a .toy file" if path.suffix == ".toy" else None

    def open_toy(path: Path, how: Opening) -> Capture:
        return ToyCapture(path)

    READER = Reader("a .toy file", claims, open_toy)

with ``toy = "my_package.toy:READER"`` among its entry points ``crossvox.readers``, or
``READERS.register("toy", READER)`` before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossvox.capture.params import AS_STORED, CaptureParams
from crossvox.core.frame import Capture


@dataclass(frozen=True)
class Opening:
    """How a capture shall be opened; a reader takes what its format needs.

    Attributes:
        label_map: class map from raw label ids to NYU40; None: looked for beside the scan.
        params: how it departs from what the format takes for granted. What is left to do of this
            is done by :func:`~crossvox.capture.open_capture`, for every
            :class:`~crossvox.capture.stored.StoredCapture`; a reader needs it only to know what a
            missing file is no fault for.
    """

    label_map: Path | None = None
    params: CaptureParams = AS_STORED


@dataclass(frozen=True)
class Reader:
    """One capture format.

    Attributes:
        looks_for: what a capture of this format is, for error texts.
        claims: tells by which file or folder a path is a capture of this format, be it a broken
            one; None where it is not. Reads no more than names.
        open: opens it; raises ``CaptureError`` where it is broken.
        called: what its name is made of, told without opening it; None: whoever asks opens it.
    """

    looks_for: str
    claims: Callable[[Path], str | None]
    open: Callable[[Path, Opening], Capture]
    called: Callable[[Path], str] | None = None
