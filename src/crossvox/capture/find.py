"""Which captures a folder holds, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError, expect
from crossvox.core.names import safe_name

MOST_LOOKED_AT = 10_000
"""Files and folders of one level, beyond which nobody looks for captures among them."""


def find_captures(raw: Path, params: CaptureParams | None = None) -> list[Path]:
    """The capture at ``raw``, or all files and folders right below it that a reader claims.

    A folder of captures may hold files and folders mixed. Broken captures are found too, so that
    they can be reported.

    Returns:
        Paths, sorted by name.

    Raises:
        CaptureError: there is none.
    """
    below = claimed_below(raw)
    if len({path.is_dir() for path in below}) > 1 or (below and reader_of(raw) is None):
        return below
    unpacked = _in_archive(raw)
    if len(unpacked) > 1:
        return unpacked
    try:
        open_capture(raw, params=params)
    except CaptureError:
        if below:
            return below
        raise
    return [raw]


def _in_archive(raw: Path) -> list[Path]:
    """The captures of a ZIP file that holds several, unpacked."""
    from crossvox.capture.archive import captures_inside, unpacked_captures

    return unpacked_captures(raw) if len(captures_inside(raw)) > 1 else []


def captures_within(folder: Path) -> list[Path]:
    """A folder that a reader claims, or what it holds of captures, at most two levels below.

    The level nearest to the folder counts.
    """
    level = [folder]
    for _ in range(3):
        found = [path for path in level if reader_of(path) is not None]
        if found:
            return found
        level = [path for place in level if place.is_dir() for path in _visible(place)]
        if len(level) > MOST_LOOKED_AT:
            break
    return []


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def claimed_below(folder: Path) -> list[Path]:
    """Files and folders right below a folder that a reader claims, sorted by name."""
    return [path for path in _visible(folder) if reader_of(path) is not None]


def capture_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each capture, safe as a folder's name; no two are equal.

    A capture is called as its reader calls it, a broken one by its path. Captures of one name are
    told apart by the folders that they lie in: ``a/room.sens`` and ``b/room.sens`` are ``a_room``
    and ``b_room``. So are names that differ by capitals alone, unless they lie in one folder.

    Raises:
        CaptureError: nothing is left of a name once it is safe, or two captures cannot be told
            apart.
    """
    own = {path: _own_name(path) for path in paths}
    places = {path: _places(path, name) for path, name in own.items()}
    names = dict(own)
    while clashing := _clashing(names):
        if not all(places[path] for path in clashing) and len(set(own.values())) == len(own):
            return own  # capitals alone: this file system tells them apart, as it did before
        for path in clashing:
            expect(
                bool(places[path]),
                given=f"{len(clashing)} captures called {own[path]}, among them {path}",
                needed="captures that their folders tell apart",
                do="rename one of them",
                error=CaptureError,
            )
            names[path] = f"{places[path].pop(0)}_{names[path]}"
    return names


def _clashing(names: dict[Path, str]) -> list[Path]:
    count = Counter(name.casefold() for name in names.values())
    return [path for path, name in names.items() if count[name.casefold()] > 1]


def _places(path: Path, name: str) -> list[str]:
    """Where a capture lies, innermost first, without what its name says already."""
    places = (safe_name(part) for part in reversed(_stem(path).parts))
    return [place for place in places if place and place not in name]


def _stem(path: Path) -> Path:
    """The whole path, without a file's ending."""
    path = path.resolve()
    return path if path.is_dir() else path.with_suffix("")


def _own_name(path: Path) -> str:
    reader, by_path = reader_of(path), safe_name(_stem(path).name)
    try:
        # Where both names are the same, it does not matter whether the capture can be opened.
        told = None if reader is None or reader.called is None else safe_name(reader.called(path))
        name = by_path if told == by_path else safe_name(open_capture(path).name)
    except CaptureError:
        name = by_path
    expect(
        bool(name),
        given=f"{path}, whose name is empty without separators and dots",
        needed="a name with letters or digits",
        do="rename it",
        error=CaptureError,
    )
    return name
