"""The files of a capture, in a folder or in a ZIP file that nobody needs to unpack.

Readers name a file by its path below the capture's own folder, with slashes. A ZIP file may hold
that folder inside one or two others. Files are read one at a time from an index made once: nothing
stays open, several threads may read, and the object may be pickled.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from crossvox.capture.files import by_number
from crossvox.capture.json_files import record_in
from crossvox.core.checks import CaptureError, expect
from crossvox.core.npz import DENSEST
from crossvox.doors.images import read_bytes

MOST_BYTES = 1 << 28
"""Largest file that is read whole: images and lists of frames are far smaller."""

MOST_MEMBERS = 1 << 20
"""Files that a ZIP file holds at most."""

ZIP_ENDINGS = (".zip", ".r3d")
_DEEPEST = 2
_LOCAL_HEAD = struct.Struct("<4s5HIIIHH")
_ENCRYPTED = 1

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """Where a file lies in a ZIP file.

    Attributes:
        at: offset of its local header.
        packed, size: bytes in the ZIP file, and unpacked.
        method: how it is packed.
        checksum: CRC-32 of the unpacked bytes.
    """

    at: int
    packed: int
    size: int
    method: int
    checksum: int


@dataclass(frozen=True)
class Members:
    """Files below one folder.

    Attributes:
        path: the folder or the ZIP file.
        root: folder inside it that names are below: empty, or with a slash at its end.
        entries: files of a ZIP file by their full names; None for a folder.
    """

    path: Path
    root: str = ""
    entries: Mapping[str, Entry] | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[object, ...]:
        # The index of a large ZIP file is read again rather than carried to every process.
        return members, (self.path, self.root)

    def source(self, name: str) -> str:
        """What to call a file in an error text."""
        return str(self.path / (self.root + name))

    def names(self, folder: str) -> list[str]:
        """Names of the files right below a folder (empty: the root), sorted; none if missing."""
        prefix = self.root + (f"{folder}/" if folder else "")
        if self.entries is None:
            below = self.path / prefix
            return sorted(p.name for p in below.iterdir()) if below.is_dir() else []
        inside = (name[len(prefix) :] for name in self.entries if name.startswith(prefix))
        return sorted(name for name in inside if name and "/" not in name)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        if self.entries is None:
            return (self.path / (self.root + name)).is_file()
        return self.root + name in self.entries

    def numbered(self, folder: str, suffixes: tuple[str, ...], before: str = "") -> dict[int, str]:
        """Files called by a number, by that number; names count from the root.

        Args:
            folder: where they lie.
            suffixes: endings that count, small letters; a later one wins over an earlier one.
            before: what stands before the number.

        Raises:
            CaptureError: two files of one ending have the same number.
        """
        found = by_number(self.names(folder), suffixes, self.source(folder), before)
        return {number: f"{folder}/{name}" if folder else name for number, name in found.items()}

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            CaptureError: it is missing, damaged, or larger than :data:`MOST_BYTES`.
        """
        if self.entries is None:
            path = self.path / (self.root + name)
            size = path.stat().st_size if path.is_file() else 0
            _expect_size(size, self.source(name))
            return read_bytes(path)
        entry = self.entries.get(self.root + name)
        if entry is None:
            raise CaptureError(
                f"given: {self.source(name)}, which does not exist; needed: a readable file; "
                f"do: check the capture, a frame needs all of its files"
            )
        _expect_size(entry.size, self.source(name))
        try:
            return _unpacked(self.path, entry)
        except (OSError, ValueError, struct.error, zlib.error) as error:
            raise CaptureError(
                f"given: {self.source(name)}, which cannot be unpacked ({error}); needed: a whole "
                f"ZIP file; do: copy or export it again"
            ) from None

    def record(self, name: str, kind: type[T]) -> T:
        """A JSON file by its types; what else it holds is left aside.

        Raises:
            CaptureError: missing, no JSON, or a field that is absent or of another type.
        """
        needed = "the JSON file that the app writes"
        return record_in(self.read(name), self.source(name), kind, needed)


def _expect_size(size: int, source: str) -> None:
    expect(
        size <= MOST_BYTES,
        given=f"{source} of {size} bytes",
        needed=f"a file of at most {MOST_BYTES} bytes",
        do="check the file: images and lists of frames are far smaller",
        error=CaptureError,
    )


def _unpacked(path: Path, entry: Entry) -> bytes:
    """A file's bytes out of a ZIP file (APPNOTE 4.3.7).

    Raises:
        ValueError: damaged.
    """
    with path.open("rb") as stream:
        stream.seek(entry.at)
        mark, *_, name, extra = _LOCAL_HEAD.unpack(stream.read(_LOCAL_HEAD.size))
        if mark != b"PK\3\4":
            raise ValueError("no header where one should be")
        stream.seek(name + extra, 1)
        packed = stream.read(entry.packed)
    if len(packed) != entry.packed:
        raise ValueError("cut")
    data = packed
    if entry.method == zipfile.ZIP_DEFLATED:
        if entry.size > DENSEST * max(1, entry.packed):
            raise ValueError("more bytes than these can hold")
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
    if len(data) != entry.size or zlib.crc32(data) != entry.checksum:
        raise ValueError("its checksum differs")
    return data


def roots(path: Path, marks: Iterable[str]) -> list[str]:
    """Folders inside a folder or ZIP file that hold one of the marks; reads names only.

    Args:
        path: a folder, which is looked at alone, or a ZIP file.
        marks: names of files, or of folders with a slash at the end; ``*`` stands for anything.

    Returns:
        Folders for :func:`members`; none where nothing is found, or the ZIP file is damaged.
    """
    if path.is_dir():
        there = ((found, mark[-1] == "/") for mark in marks for found in path.glob(mark))
        return [""] if any(found.is_dir() == is_folder for found, is_folder in there) else []
    if path.suffix.lower() not in ZIP_ENDINGS or not path.is_file():
        return []
    try:
        names = _index(path)
    except CaptureError:
        return []
    either = "|".join(
        re.escape(mark).replace(r"\*", "[^/]*") + ("" if mark[-1] == "/" else "$") for mark in marks
    )
    pattern = re.compile(rf"(?:^|/)({either})")
    places = {name[: found.start(1)] for name in names if (found := pattern.search(name))}
    return sorted(place for place in places if place.count("/") <= _DEEPEST)


def members(path: Path, root: str = "") -> Members:
    """The files of a folder or ZIP file.

    Raises:
        CaptureError: the ZIP file is damaged or encrypted.
    """
    return Members(path, root, None if path.is_dir() else _index(path))


def _index(path: Path) -> Mapping[str, Entry]:
    try:
        state = path.stat()
        return _index_of(path, state.st_size, state.st_mtime_ns)
    # A damaged directory of a ZIP file makes the library raise nearly anything.
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, struct.error, EOFError) as error:
        raise CaptureError(
            f"given: {path}, which is no ZIP file that can be read ({error}); needed: the file as "
            f"the app exports it; do: copy or export it again"
        ) from None


@lru_cache(maxsize=8)
def _index_of(path: Path, size: int, changed_ns: int) -> Mapping[str, Entry]:
    with zipfile.ZipFile(path) as archive:
        infos = [i for i in archive.infolist() if not _is_shadow(i.filename)]
    if len(infos) > MOST_MEMBERS:
        raise ValueError(f"{len(infos)} files")
    for info in infos:
        if info.flag_bits & _ENCRYPTED:
            raise ValueError("it is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{info.filename} is packed by method {info.compress_type}")
        if not 0 <= info.header_offset <= size - info.compress_size:
            raise ValueError(f"{info.filename} lies beyond its end")
    return {
        info.filename: Entry(
            info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC
        )
        for info in infos
    }


def _is_shadow(name: str) -> bool:
    """Folders, and what macOS adds to ZIP files of its own."""
    last = name.rsplit("/", 1)[-1]
    return not last or name.startswith("__MACOSX/") or last.startswith("._")
