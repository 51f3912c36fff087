"""Frame numbers in names of files: how images belong together whatever else their names hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_LEADING = re.compile(r"(\d+)-\d+")
"""``0000012-000000366993``: number and time, as Redwood's recordings."""

_LAST = re.compile(r"(\d+)\D*$")
_MOST = 1 << 31


def number_of(stem: str) -> int | None:
    """The frame's number in a file's name without its ending; None where there is none.

    Example:
        >>> number_of("frame_00012.color"), number_of("0000012-000000366993"), number_of("left")
        (12, 12, None)
    """
    match = _LEADING.fullmatch(stem) or _LAST.search(stem)
    number = int(match[1]) if match and len(match[1]) <= 18 else _MOST
    return number if number < _MOST else None


def distinct_numbers(stems: Iterable[str]) -> list[int] | None:
    """:func:`number_of` for each; None where one has none, or two have the same."""
    numbers = [number_of(stem) for stem in stems]
    found = [number for number in numbers if number is not None]
    return found if len(set(found)) == len(numbers) else None


def images_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files of a folder with one of these endings (small letters), sorted; hidden ones left out."""
    if not folder.is_dir():
        return []
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return [folder / name for name in names if os.path.splitext(name)[1].lower() in suffixes]
