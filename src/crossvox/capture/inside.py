"""Folders inside ZIP files, for readers that know folders: nobody needs to unpack.

What :class:`Inside` has of ``pathlib.Path`` is what readers of folders ask for; bytes come through
:mod:`crossvox.capture.members`, which checks sizes and keeps nothing open.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from shutil import copyfileobj, disk_usage
from tempfile import NamedTemporaryFile, TemporaryFile, gettempdir
from types import SimpleNamespace
from typing import IO, cast

from crossvox.capture.members import Entry, members
from crossvox.capture.reader import Opening, Reader
from crossvox.core.checks import CaptureError, expect
from crossvox.core.frame import Capture
from crossvox.core.npz import DENSEST

ENDING = ".zip"
DEEPEST = 2
"""Folders around the capture's own."""

MOST_FOLDERS = 1000
"""That are asked for a capture."""

_DAMAGE = (
    zipfile.BadZipFile,
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What zipfile raises where it unpacks what is damaged."""


class Archive:
    """Names in a ZIP file: files, and folders with what is right below them.

    Raises:
        CaptureError: it is damaged or encrypted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members = members(path)
        self.below: dict[PurePosixPath, set[str]] = {PurePosixPath(): set()}
        for name in self.members.entries or {}:
            place = PurePosixPath(name)
            for parent in place.parents:
                self.below.setdefault(parent, set()).add(place.name)
                place = parent

    def __reduce__(self) -> tuple[object, ...]:
        return archive_of, (self.path,)


def archive_of(path: Path) -> Archive:
    """The names of a ZIP file, read once.

    Raises:
        CaptureError: it is damaged or encrypted.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise CaptureError(
            f"given: {path} ({error.strerror}); needed: a ZIP file; do: check the path"
        ) from None
    return _archive(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _archive(path: Path, size: int, changed_ns: int) -> Archive:
    return Archive(path)


class Inside:
    """A file or folder in a ZIP file, to be used as a ``Path`` for reading.

    Args:
        archive: the file's names.
        place: where, below its root.
    """

    def __init__(self, archive: Archive, place: PurePosixPath) -> None:
        self._archive, self._place = archive, place

    def __truediv__(self, name: str | PurePosixPath) -> Inside:
        return self.joinpath(name)

    def joinpath(self, *names: str | PurePosixPath) -> Inside:
        """Something below."""
        return Inside(self._archive, self._place.joinpath(*names))

    def __str__(self) -> str:
        return str(self._archive.path / self._place)

    def __repr__(self) -> str:
        return f"Inside({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inside) and str(self) == str(other)

    def __lt__(self, other: Inside) -> bool:
        return self._place < other._place

    def __hash__(self) -> int:
        return hash(self._place)

    @property
    def name(self) -> str:
        """Its name; the ZIP file's own, without ending, at the root."""
        return self._place.name or self._archive.path.stem

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return self._place.stem

    @property
    def suffix(self) -> str:
        """The ending."""
        return self._place.suffix

    @property
    def parent(self) -> Inside:
        """The folder around it; the root's is itself."""
        return Inside(self._archive, self._place.parent)

    @property
    def parents(self) -> list[Inside]:
        """All folders around it."""
        return [Inside(self._archive, place) for place in self._place.parents]

    def with_name(self, name: str) -> Inside:
        """Another file beside it."""
        return Inside(self._archive, self._place.with_name(name))

    def relative_to(self, other: Inside) -> PurePosixPath:
        """The way to it from a folder around it."""
        return self._place.relative_to(other._place)

    def resolve(self) -> Inside:
        """Itself: there are no links."""
        return self

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self._place in self._archive.below

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self._archive.members.has(str(self._place))

    def exists(self) -> bool:
        """Whether it is either."""
        return self.is_dir() or self.is_file()

    def stat(self) -> SimpleNamespace:
        """Its size.

        Raises:
            OSError: there is no such file.
        """
        entry = (self._archive.members.entries or {}).get(str(self._place))
        if entry is None:
            raise FileNotFoundError(2, "No such file", str(self))
        return SimpleNamespace(st_size=entry.size, st_mode=stat.S_IFREG)

    def iterdir(self) -> Iterator[Inside]:
        """What is right below a folder."""
        return (self / name for name in sorted(self._archive.below.get(self._place, ())))

    def glob(self, pattern: str) -> Iterator[Inside]:
        """Names right below that fit a pattern."""
        return (one for one in self.iterdir() if one._place.match(pattern))

    def read_bytes(self) -> bytes:
        """The file's bytes.

        Raises:
            CaptureError: it is missing or damaged.
        """
        return self._archive.members.read(str(self._place))

    def unpacked(self) -> Path:
        """A copy of the file on the disk, for what cannot read from memory, as videos.

        It has no name that others could see, and goes with this process; one that is asked for
        again soon is the same.

        Raises:
            CaptureError: it is missing or damaged, or the disk is full.
        """
        path = self._archive.path
        entry = (self._archive.members.entries or {}).get(str(self._place))
        if entry is None or not path.is_file():
            raise CaptureError(
                f"given: {self}, which does not exist; needed: a readable file; do: check the ZIP "
                "file"
            )
        return _unpacked(path, str(self._place), entry, path.stat().st_mtime_ns).path


@dataclass(frozen=True)
class _Copy:
    """A file that is gone once this object is."""

    path: Path
    file: IO[bytes]


def _empty_copy() -> _Copy:
    file: IO[bytes] = TemporaryFile()  # noqa: SIM115
    path = Path(f"/proc/self/fd/{file.fileno()}")
    if not path.exists():  # where a file without a name cannot be opened again
        file = cast(IO[bytes], NamedTemporaryFile(prefix="crossvox-"))  # noqa: SIM115
        path = Path(file.name)
    return _Copy(path, file)


@lru_cache(maxsize=4)
def _unpacked(path: Path, name: str, entry: Entry, changed_ns: int) -> _Copy:
    there = Path(gettempdir())
    expect(
        entry.size <= min(disk_usage(there).free, DENSEST * max(1, entry.packed)),
        given=f"{path / name} of {entry.size} bytes",
        needed=f"so much room in {there}, to unpack it",
        do="unpack the ZIP file yourself, or set TMPDIR to a larger disk",
        error=CaptureError,
    )
    copy = _empty_copy()
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as packed:
            copyfileobj(packed, copy.file, 1 << 20)
        copy.file.flush()
    except _DAMAGE as error:
        raise CaptureError(
            f"given: {path / name}, which cannot be unpacked ({error}); needed: a whole ZIP file; "
            "do: copy or export it again"
        ) from None
    return copy


def folders_in(path: Path) -> list[Path]:
    """Folders in a ZIP file that may be a capture, the outermost first; none if it is damaged."""
    try:
        archive = archive_of(path)
    except CaptureError:
        return []
    near = [place for place in archive.below if len(place.parts) <= DEEPEST]
    near.sort(key=lambda place: (len(place.parts), place))
    return [cast(Path, Inside(archive, place)) for place in near[:MOST_FOLDERS]]


def also_zipped(reader: Reader) -> Reader:
    """A reader of folders that opens such folders in ZIP files too."""

    def found(path: Path) -> tuple[Path, str] | None:
        if path.suffix.lower() != ENDING or not path.is_file():
            mark = reader.claims(path)
            return None if mark is None else (path, mark)
        told = ((folder, reader.claims(folder)) for folder in folders_in(path))
        return next(((folder, mark) for folder, mark in told if mark is not None), None)

    def claims(path: Path) -> str | None:
        there = found(path)
        return None if there is None else there[1]

    def open_it(path: Path, how: Opening) -> Capture:
        there = found(path)
        return reader.open(path if there is None else there[0], how)

    return replace(reader, claims=claims, open=open_it)
