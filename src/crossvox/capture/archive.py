"""Captures in ZIP files: unpacked once into a cache of the user, and read from there.

A reader that can read its format out of the ZIP file itself is asked before this one. The cache is
``$CROSSVOX_UNPACKED``, or ``$XDG_CACHE_HOME/crossvox/unpacked`` (``~/.cache/...``); what was not
used for :data:`KEPT_DAYS` goes when the next file is unpacked. A changed file is unpacked anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import tempfile
import time
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from crossvox.capture.reader import Opening, Reader
from crossvox.capture.stored import StoredCapture
from crossvox.core.artifact import digest
from crossvox.core.checks import CaptureError, CrossvoxError, expect
from crossvox.core.frame import Capture
from crossvox.core.names import safe_name
from crossvox.flow.locks import shared

PLACE = "CROSSVOX_UNPACKED"
"""Environment variable with the folder that ZIP files are unpacked into."""

KEPT_DAYS = 14
DENSEST_WHOLE = 100
"""Unpacked bytes a byte of the ZIP file, at most: images hardly shrink, so captures do not."""

SPARE_BYTES = 1 << 30
"""Free space that stays on the disk."""

MOST_MEMBERS = 1 << 20
ENDING = ".zip"

_MARK = ".unpacked.json"
_PART = ".part"
_OF_A_KIND = 4
_MOST_IN_SKELETON = 4000
_HEADS = (".db", ".bag", ".mcap")
"""Files that readers may look into the head of, to know their own."""

_HEAD_BYTES = 4096
_ENCRYPTED = 1
_JUNK = {".ds_store", "thumbs.db", "desktop.ini", "__macosx", ".spotlight-v100", ".trashes"}
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    MemoryError,
)
"""What the library raises where a ZIP file is damaged, or packed in a way it does not know."""


@dataclass(frozen=True)
class _Member:
    name: str
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class _Listing:
    """What is to be unpacked, and how many links are not."""

    members: tuple[_Member, ...]
    links: int


def _listing(archive: zipfile.ZipFile, path: Path) -> _Listing:
    """The files of a ZIP file by safe names; what systems add of their own is left out.

    Raises:
        CaptureError: names that lead elsewhere, encrypted files, or too many.
    """
    infos, found, links = archive.infolist(), {}, 0
    expect(
        len(infos) <= MOST_MEMBERS,
        given=f"{path} with {len(infos)} files",
        needed=f"at most {MOST_MEMBERS}",
        do="unpack it, and pass the capture's folder",
        error=CaptureError,
    )
    for info in infos:
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.endswith("/") or any(p.lower() in _JUNK or p.startswith("._") for p in parts):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            links += 1
            continue
        unsafe = not parts or name.startswith("/") or ".." in parts or ":" in parts[0]
        expect(
            not unsafe and not info.flag_bits & _ENCRYPTED and "\0" not in name,
            given=f"{path}, which holds {name!r}"
            + (", encrypted" if info.flag_bits & _ENCRYPTED else ""),
            needed="files that lie below the folder they are unpacked into, without a password",
            do="unpack it by hand, and pass the capture's folder",
            error=CaptureError,
        )
        found[PurePosixPath(*parts).as_posix()] = info
    return _Listing(tuple(_Member(name, info) for name, info in found.items()), links)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An open ZIP file, whose damage is a fault of the capture.

    Raises:
        CaptureError: it is damaged or cannot be read.
    """
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    except CrossvoxError:
        raise
    except _DAMAGE as error:
        raise CaptureError(
            f"given: {path}, a ZIP file that cannot be unpacked ({error}); needed: a whole ZIP "
            f"file; do: copy or export it again, or unpack it by hand and pass the folder"
        ) from None


def captures_inside(path: Path) -> tuple[str, ...]:
    """Where a ZIP file holds captures, as paths inside it (``.``: the whole is one).

    Nothing is unpacked: readers are asked about empty files of the same names. None where it holds
    no capture, or is none that can be read.
    """
    if path.suffix.lower() != ENDING or not path.is_file():
        return ()
    state = path.stat()
    return _inside(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _inside(path: Path, size: int, changed_ns: int) -> tuple[str, ...]:
    from crossvox.capture.find import captures_within

    del size, changed_ns
    with (
        suppress(CaptureError, OSError),
        tempfile.TemporaryDirectory() as folder,
        _opened(path) as archive,
    ):
        root = Path(folder) / "capture"
        _skeleton(archive, _listing(archive, path), root)
        return tuple(place.relative_to(root).as_posix() for place in captures_within(root))
    return ()


def _skeleton(archive: zipfile.ZipFile, listing: _Listing, root: Path) -> None:
    """Empty files of the same names, a few of each kind in each folder."""
    seen: Counter[tuple[str, str]] = Counter()
    root.mkdir()
    for member in listing.members:
        path = PurePosixPath(member.name)
        kind = path.parent.as_posix(), re.sub(r"\d+", "#", path.name)
        seen[kind] += 1
        if seen[kind] > _OF_A_KIND or len(seen) > _MOST_IN_SKELETON:
            continue
        head = b""
        if path.suffix.lower() in _HEADS:
            with archive.open(member.info) as stream:
                head = stream.read(_HEAD_BYTES)
        with suppress(OSError):  # a name that this system cannot have
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(head)


def unpacked(path: Path) -> Path:
    """The folder with the files of a ZIP file, which is unpacked unless it was before.

    Processes that want the same file wait for the first, and use what it unpacked.

    Raises:
        CaptureError: damaged, unsafe, denser than a capture can be, larger than the free space, or
            there is no place that can be written.
    """
    state, home = path.stat(), cache_folder()
    key = digest([str(path.resolve()), state.st_size, state.st_mtime_ns])
    target, name = home / key, safe_name(path.stem) or "capture"
    if not _is_ready(target):
        try:
            home.mkdir(parents=True, exist_ok=True)
            with shared(home, key):
                if not _is_ready(target):
                    _clear(home, key)
                    _unpack(path, target, name)
        except OSError as error:
            raise CaptureError(
                f"given: {path}, which cannot be unpacked into {home} "
                f"({error.strerror or error}); needed: a folder that can be written; do: name one "
                f"by the environment variable {PLACE}, or unpack the file by hand"
            ) from None
    with suppress(OSError):  # it was used just now
        os.utime(target / _MARK)
    return target / name


def cache_folder() -> Path:
    """Where ZIP files are unpacked."""
    named = os.environ.get(PLACE)
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "crossvox" / "unpacked"


def _is_ready(target: Path) -> bool:
    return (target / _MARK).is_file()


def _clear(home: Path, key: str) -> None:
    """Remove what a killed process left of ``key``, and what nobody has used for long."""
    now = time.time()
    for entry in list(home.iterdir()):
        part = entry.name.endswith(_PART)
        if part and entry.name.startswith(f".{key}."):
            shutil.rmtree(entry, ignore_errors=True)
            continue
        used = entry if part else entry / _MARK
        with suppress(OSError):
            if entry.is_dir() and now - used.stat().st_mtime > KEPT_DAYS * 86400:
                doomed = home / f".{entry.name.lstrip('.')}.{uuid.uuid4().hex[:8]}{_PART}"
                entry.rename(doomed)  # at once, so that nobody finds a half of it
                shutil.rmtree(doomed, ignore_errors=True)


def _unpack(path: Path, target: Path, name: str) -> None:
    part = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}{_PART}"
    try:
        with _opened(path) as archive:
            listing = _listing(archive, path)
            total = sum(member.info.file_size for member in listing.members)
            _expect_room(path, total, part.parent)
            for member in listing.members:
                _extract(archive, member, part / name)
        (part / name).mkdir(parents=True, exist_ok=True)
        record = {"bytes": total, "files": len(listing.members), "links": listing.links}
        (part / _MARK).write_text(json.dumps(record), encoding="utf-8")
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(archive: zipfile.ZipFile, member: _Member, root: Path) -> None:
    file = root / member.name
    file.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member.info) as source, file.open("xb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    with suppress(ValueError, OverflowError):  # a date of damaged or odd clocks
        when = time.mktime((*member.info.date_time, 0, 0, -1))
        os.utime(file, (when, when))


def _expect_room(path: Path, total: int, home: Path) -> None:
    size = path.stat().st_size
    expect(
        total <= DENSEST_WHOLE * max(size, 1 << 20),
        given=f"{path} of {size / 1e6:.1f} MB, which would unpack to {total / 1e9:,.1f} GB",
        needed=f"at most {DENSEST_WHOLE} times its size: images do not shrink more",
        do="unpack it by hand if it is to be trusted, and pass the folder",
        error=CaptureError,
    )
    free = shutil.disk_usage(home).free
    expect(
        total + SPARE_BYTES <= free,
        given=f"{path}, {total / 1e9:,.1f} GB unpacked, with {free / 1e9:,.1f} GB free in {home}",
        needed="room for all of it and 1 GB more",
        do=f"name a folder on another disk by the environment variable {PLACE}",
        error=CaptureError,
    )


def unpacked_captures(path: Path) -> list[Path]:
    """All captures of a ZIP file, unpacked."""
    inside = captures_inside(path)
    return [unpacked(path) / place for place in inside] if inside else []


def _claims(path: Path) -> str | None:
    inside = captures_inside(path)
    return ", ".join(inside[:3]) if inside else None


def _open(path: Path, how: Opening) -> Capture:
    from crossvox.capture.formats import reader_of

    inside = captures_inside(path)
    expect(
        len(inside) == 1,
        given=f"{path} with {len(inside)} captures: {', '.join(inside[:5])}",
        needed="one capture",
        do="unpack it and pass one of its folders; 'crossvox prepare' takes them all",
        error=CaptureError,
    )
    place = unpacked(path) / inside[0]
    reader = reader_of(place)
    if reader is None:
        raise CaptureError(
            f"given: {path}, whose {inside[0]} is no capture once it is unpacked; needed: a "
            f"capture; do: unpack it, and look with: crossvox info"
        )
    capture = reader.open(place, how)
    if isinstance(capture, StoredCapture):
        links = json.loads((unpacked(path).parent / _MARK).read_text(encoding="utf-8"))["links"]
        left = f", {links} links left out" if links else ""
        capture.notes = (*capture.notes, f"unpacked from {path.name}{left}")
    return capture


READER = Reader("a .zip file with one of these in it", _claims, _open)
