"""Artifacts: folders that a stage writes, each with a manifest. Half-written ones are never seen.

A manifest (``manifest.json``) tells the stage, its parameters and their digest, the parents it was
made from, the seed, the code version and how long it took. A stage whose manifest already matches
is skipped; reuse is never decided by a file name.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import re
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import crossvox
from crossvox.core.checks import ArtifactError
from crossvox.core.names import is_inside

SCHEMA = 1
INFINITY = "Infinity"
_PIECE = 1 << 16
"""Bytes of a file that are read at once: most files are smaller, and ask for no more memory."""

MANIFEST = "manifest.json"


_AS_THEY_ARE = frozenset((str, int, bool, type(None)))
"""Types that JSON has: most of what is written, told first."""


def plain(value: Any) -> Any:
    """Turn params, paths and numpy numbers into JSON types.

    JSON knows no number that is not finite: NaN becomes None, infinities become the texts
    ``Infinity`` and ``-Infinity``, which :func:`crossvox.core.params.from_plain` reads back.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list or kind is tuple:
        return [item if type(item) in _AS_THEY_ARE else plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else INFINITY if value > 0 else f"-{INFINITY}"
    return value


def digest(value: Any) -> str:
    """A short, stable fingerprint of parameters or any JSON-like value."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: Path | str) -> str:
    """A short fingerprint of a file's content.

    Raises:
        ArtifactError: the file is not there.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            told = hashlib.sha256()
            while data := file.read(_PIECE):
                told.update(data)
            return told.hexdigest()[:16]
    except OSError as error:
        raise ArtifactError(
            f"given: {path} ({error.strerror}); needed: a file that an earlier stage writes; "
            f"do: check the path, or run that stage"
        ) from None


def files_digest(path: Path) -> str:
    """A fingerprint of a file, or of all files of a folder, by names, sizes and times of change."""
    if path.is_file():
        stat = path.stat()
        return digest([[path.name, stat.st_size, stat.st_mtime_ns]])
    return digest([["/".join(parts), *told] for parts, *told in sorted(_files_below(path))])


def _files_below(
    folder: str | Path, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """All files in a folder, however deep: parts of the path, size, time of change in ns.

    Links to files count as these, links to folders are not followed.
    """
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (PermissionError, FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        parts = (*above, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path, parts)
        elif entry.is_file():
            stat = entry.stat()
            yield parts, stat.st_size, stat.st_mtime_ns


@dataclass(frozen=True)
class Manifest:
    """What made a folder.

    Attributes:
        stage: name of the stage, for example ``prepare-scene``.
        params: its parameters as JSON types.
        parents: digests of what it was made from, by role.
        seed: random seed, or None.
        numbers: which numbers the stage makes: raised when the same gives other results.
        items: of a folder of items: their digests by name.
        learnt_from: of what a network was trained for or has made: names of the scenes that it
            learnt from, those of its 2D network included; None: unknown, or no network.
        seconds: times by step.
        notes: counts and remarks worth showing (skipped frames, coverage, ...).
        links: folders it was made from, relative to this one, by role; for reports only.
        files: of a folder that is written as a whole: its files, by path; see
            :mod:`crossvox.flow.contents`. None: nothing is listed.
    """

    stage: str
    params: Any = None
    parents: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    numbers: int = 0
    items: dict[str, str] = field(default_factory=dict)
    learnt_from: tuple[str, ...] | None = None
    schema: int = SCHEMA
    version: str = crossvox.__version__
    created: str = ""
    machine: str = ""
    files: dict[str, str] | None = None

    @property
    def identity(self) -> str:
        """Fingerprint of stage, numbers, parameters, parents and seed, whatever items there are."""
        return digest([self.schema, self.stage, self.numbers, self.params, self.parents, self.seed])

    @property
    def digest(self) -> str:
        """Fingerprint of identity and items: equal digest, equal artifact."""
        return digest([self.identity, self.items]) if self.items else self.identity


def json_text(value: Any) -> str:
    """What is written of a value as JSON, with the end of its last line."""
    value = plain(value)
    try:  # in two steps: what writes lines at once is no compiled code
        return msgspec.json.format(json.dumps(value), indent=1) + "\n"
    except msgspec.DecodeError:  # half a character, as names of files may hold
        return json.dumps(value, indent=1) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    with replacing(path) as temporary:
        temporary.write_text(json_text(value), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON by the letter: no ``NaN``, no ``Infinity``; :func:`plain` writes none.

    What it holds may have any type: :func:`crossvox.core.params.read_as` checks that too.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise ArtifactError(
            f"given: {path}, which does not exist; needed: a file that an earlier stage writes; "
            f"do: check the path, or run that stage"
        ) from None
    # Also numbers too long, lists too deep, halves of characters, bytes that are no text.
    except (msgspec.MsgspecError, ValueError, RecursionError, OSError) as error:
        raise ArtifactError(
            f"given: {path}, which is not valid JSON ({error}); needed: the file as it was "
            f"written; do: delete it and run its stage again"
        ) from None


@contextmanager
def replacing(path: Path, *, flushed: bool = True) -> Iterator[Path]:
    """Give a temporary file name beside ``path``; move it there only if the block succeeds.

    Where a file is replaced, the new one is on the disk before the old one goes; without
    ``flushed``, which waits for the disk, only processes see it whole: a machine that loses its
    power may lose both.

    Example:
        >>> with replacing(Path("mesh.ply")) as temporary:  # doctest: +SKIP
        ...     write(temporary)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished(path)
    try:
        yield temporary
        if flushed and path.exists():
            flush(temporary)
            os.replace(temporary, path)
            flush(path.parent)
        else:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """A name beside a file, for what is not all of it yet; others know it by :func:`writer_of`."""
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.{_me()}.part{path.suffix}")


_UNFINISHED = re.compile(
    r"\..+\.[0-9a-f]{8}\.(?P<host>[0-9a-f]{2})(?P<process>[0-9a-f]{6})\.part(\..*)?"
)
"""Names of files that are being written, with who does."""


def _me() -> str:
    """Two digits of this machine's name, six of this process's number."""
    return f"{zlib.crc32(platform.node().encode()) & 0xFF:02x}{os.getpid() & 0xFFFFFF:06x}"


def writer_of(name: str) -> int | None:
    """Number of the process of this machine that gave an unfinished file its name; None: none."""
    found = _UNFINISHED.fullmatch(name)
    return int(found["process"], 16) if found and found["host"] == _me()[:2] else None


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk; where that can be told."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:  # some systems open no folders
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            raise
    finally:
        os.close(number)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a folder's manifest; do so last, for it says that the folder is complete."""
    record = {told.name: getattr(manifest, told.name) for told in fields(manifest)}
    record["created"] = manifest.created or datetime.now(UTC).isoformat(timespec="seconds")
    record["machine"] = manifest.machine or f"{platform.system()} {platform.machine()}"
    record["check"] = check_of(record)
    write_json(folder / MANIFEST, record)


def check_of(record: Mapping[str, Any]) -> str:
    """Fingerprint of what a manifest tells, but for times and the machine."""
    left_out = ("check", "created", "machine", "seconds", "version")
    return digest({name: value for name, value in record.items() if name not in left_out})


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest.

    Raises:
        ArtifactError: there is none, it is of another schema, or a field has another type.
    """
    record = read_json(folder / MANIFEST)
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise ArtifactError(
            f"given: {folder / MANIFEST} of schema {found}; needed: schema {SCHEMA}; "
            f"do: make the folder anew with this version of crossvox"
        )
    try:
        found = msgspec.convert(record, Manifest)
        stray = [name for name in found.items if not is_inside(name)]
        if stray:
            raise msgspec.ValidationError(f"an item called {stray[0][:80]!r}")
        return found
    except msgspec.ValidationError as error:
        raise ArtifactError(
            f"given: {folder / MANIFEST} ({error}); needed: a manifest as it was written; do: make "
            f"the folder anew"
        ) from None


def manifest_if_any(folder: Path) -> Manifest | None:
    """The manifest of a folder that this package wrote; None of any other folder or file."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        return read_manifest(folder)
    except ArtifactError:
        return None


def total_seconds(times: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Times by step, added up over several artifacts."""
    total: dict[str, float] = {}
    for seconds in times:
        for step, value in seconds.items():
            total[step] = total.get(step, 0.0) + value
    return total


class Stopwatch:
    """Adds up wall time by step, for the manifest.

    Example:
        >>> watch = Stopwatch()
        >>> with watch("fuse"):
        ...     pass
        >>> list(watch.seconds)
        ['fuse']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time a block."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - begin
