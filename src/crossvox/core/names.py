"""Names of scenes: they become names of folders, stand in lists and on the command line."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from crossvox.core.checks import CaptureError, expect

_RESERVED = re.compile(r"""[\s/\\:*?"<>|,\x00-\x1f\x7f]+""")
"""Separators of paths and of lists, and what common file systems reserve."""


LONGEST = 200
"""Bytes of the longest name: file systems take 255, and files get endings."""


def safe_name(name: str) -> str:
    """A name that every file system takes, with the letters of any alphabet.

    White space, commas (they part names on the command line), path separators, control and reserved
    characters become ``_``; dots at either end go. Names that only differ in how accents are
    encoded become one.

    Returns:
        The name; empty where nothing is left of it.

    Example:
        >>> safe_name("会議室 1/..")
        '会議室_1_'
    """
    plain = unicodedata.normalize("NFC", name)
    plain = "".join("_" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in plain)
    plain = _RESERVED.sub("_", plain).strip(".")
    return plain if len(plain.encode()) <= LONGEST else _cut(plain)


def _cut(name: str) -> str:
    mark = "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: LONGEST - len(mark)].decode(errors="ignore") + mark


def is_inside(name: str) -> bool:
    """Whether a name stands for an entry of a folder, of whatever characters, and not elsewhere."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def checked_name(name: str, source: str) -> str:
    """A name that came out of a file, unchanged.

    Raises:
        CaptureError: as a folder's name it would lead elsewhere or be hidden: it is empty, ``..``,
            or holds a separator, a reserved character or a dot at an end.
    """
    expect(
        bool(name)
        and safe_name(name) == unicodedata.normalize("NFC", name)
        and len(name.encode()) <= LONGEST,
        given=f"{source} with the name {name[:LONGEST]!r}",
        needed="a scene name without separators, reserved characters and dots at its ends, of at "
        f"most {LONGEST} bytes",
        do="correct the name in the file",
        error=CaptureError,
    )
    return name
