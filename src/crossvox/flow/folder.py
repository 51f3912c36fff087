"""Folders that appear whole: may I write here, swap in what is finished, and recovery.

An unfinished folder has a hidden name that ends with ``.part``; while a finished one is put in the
place of an older one, the older one has a hidden name that ends with ``.old``. Whatever a killed
process left of either is put right by the next call for the same folder.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    flush,
    manifest_if_any,
    plain,
    read_json,
    read_manifest,
    unfinished,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.files import PARAMS, STATE, STUDY
from crossvox.flow.contents import OWN_HIDDEN, UNLISTED, expect_no_strangers, listed
from crossvox.flow.stage import FolderOfFiles, Input

PART, OLD = ".part", ".old"

PAGE_MARK = '<meta name="generator" content="crossvox">'
"""In the head of every HTML page that this package writes."""

_HEAD_BYTES = 4096

_RECORDS = (MANIFEST, PARAMS, STATE, STUDY)
"""Files that tell what a folder is: no result of a command takes their place."""


def expect_own(folder: Path, *stages: str) -> None:
    """Refuse a folder that none of these stages wrote: what it holds may be replaced.

    Raises:
        ArtifactError: it is there, is not empty, and holds something else.
    """
    empty = not folder.exists() or (folder.is_dir() and not visible(folder))
    if empty and not folder.is_symlink():
        return
    try:
        there = read_manifest(folder).stage if (folder / MANIFEST).is_file() else None
    except ArtifactError as error:
        raise ArtifactError(
            f"given: {folder}, whose {MANIFEST} cannot be read ({error}); needed: a new or empty "
            f"folder, or one that '{stages[0]}' wrote; do: delete the whole folder if it is one, "
            f"or name another"
        ) from None
    expect(
        there in stages,
        given=f"{folder}, which holds "
        + (f"what '{there}' wrote" if there else "something that crossvox did not write"),
        needed=f"a new or empty folder, or one that '{stages[0]}' wrote",
        do="name another folder",
        error=ArtifactError,
    )


def expect_apart(folder: Path, inputs: Mapping[str, Input]) -> None:
    """Refuse a folder that is what it shall be made from, holds it, or becomes a part of it.

    One that holds it would replace it. One that lies among the files of a capture would count as
    one of them: it would be made from something else each time.

    Args:
        folder: what is made.
        inputs: what it is made from, by role.

    Raises:
        ArtifactError: it is, or does.
    """
    place = folder.resolve()
    for role, given in inputs.items():
        source = given.path.resolve()
        expect(
            not source.is_relative_to(place),
            given=f"{folder}, which is to be made from the {role.replace('_', ' ')} {given.path}",
            needed="another folder than what it is made from",
            do="name another folder",
            error=ArtifactError,
        )
        expect(
            not (isinstance(given, FolderOfFiles) and place.is_relative_to(source)),
            given=f"{folder}, which is to be made from the {role.replace('_', ' ')} {given.path} "
            f"around it",
            needed="a place outside of that, all of whose files belong to it",
            do="name another folder",
            error=ArtifactError,
        )


def expect_writable(path: Path) -> None:
    """Refuse a file that could not be written, before the work that it is to tell of.

    A file beside it is made and removed: what the system allows, only trying tells.

    Raises:
        ArtifactError: the system refuses it.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    beside = unfinished(folder / path.name)
    try:
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise ArtifactError(
            f"given: {path}, which cannot be written ({error.strerror}); needed: the right to "
            f"write in {folder}; do: give it to yourself, or use a folder, or a copy of it, in "
            f"which you may write"
        ) from error


def expect_own_page(page: Path, folder: Path | None = None) -> None:
    """Refuse to write an HTML page over anything but a page of this package, or where none can be.

    Args:
        page: the file.
        folder: a folder that it shares with nothing but what it links to.

    Raises:
        ArtifactError: there is something else, or the system refuses it.
    """
    if page.is_file() and not page.is_symlink():
        with page.open("rb") as file:
            ours = PAGE_MARK.encode() in file.read(_HEAD_BYTES)
    else:
        free = folder is None or not folder.exists() or (folder.is_dir() and not visible(folder))
        ours = free and not os.path.lexists(page)
    expect(
        ours,
        given=f"{page}, in whose place is something that crossvox did not write",
        needed="a new or empty folder, a new file, or a page of crossvox",
        do="name another folder or file",
        error=ArtifactError,
    )
    expect_writable(page)


def expect_own_json(path: Path, value: Any = ...) -> None:
    """Refuse to write a result over anything but a result of the same kind.

    A result tells nothing of who wrote it. One that is there counts as ours if it is an object or
    a list of objects with, for the most part, the same fields.

    Args:
        path: the file.
        value: what is to be written; left out before that is known: any JSON of results may be
            there then, but for the records of this package's own folders.

    Raises:
        ArtifactError: there is something else.
    """
    if not os.path.lexists(path):
        return
    fields = None
    if path.is_file() and not path.is_symlink() and path.name not in _RECORDS:
        with suppress(ArtifactError):
            fields = _fields_of(read_json(path))
    asked = fields if value is ... else _fields_of(plain(value))
    alike = fields is not None and asked is not None
    if fields and asked:
        alike = 2 * len(fields & asked) >= len(fields | asked)
    expect(
        alike,
        given=f"{path}, in whose place is something else than such a result",
        needed="a new file, or a result of the same command",
        do="name another file",
        error=ArtifactError,
    )


def _fields_of(result: Any) -> set[str] | None:
    """Names of the fields of a result, or of the first of a list; None: it is no result."""
    if isinstance(result, list):
        return _fields_of(result[0]) if result else set()
    return set(result) if isinstance(result, dict) else None


def begin(folder: Path, manifest: Manifest) -> None:
    """Claim a folder that is filled part by part: its manifest is there before anything else.

    Where it stands, an interrupted call can be gone on with; the end writes it again with notes.

    Raises:
        ArtifactError: the folder holds something else.
    """
    expect_own(folder, manifest.stage)
    if not (folder / MANIFEST).is_file():
        write_manifest(folder, manifest)


def is_begun(folder: Path, record: str) -> bool:
    """Whether a folder that a stage works in over several calls holds its record.

    Raises:
        ArtifactError: it is a file, or holds other things than a stage with such a record wrote.
    """
    if not folder.exists() and not folder.is_symlink():
        return False
    others = visible(folder) if folder.is_dir() else []
    begun = (folder / record).is_file()
    expect(
        folder.is_dir() and (begun or not others),
        given=f"{folder}, which "
        + (
            f"holds {', '.join(sorted(others)[:5])} but no {record}"
            if others
            else "is a file or lost link"
        ),
        needed="a new or empty folder, or one that the same command has begun",
        do="name another folder",
        error=ArtifactError,
    )
    return begun


def is_current(folder: Path, manifest: Manifest) -> bool:
    """Whether ``folder`` holds the artifact whose identity ``manifest`` has."""
    kept = manifest_if_any(folder)
    return kept is not None and kept.identity == manifest.identity


@contextmanager
def building(folder: Path, own: tuple[str, ...] = UNLISTED) -> Iterator[Path]:
    """Give an empty folder; swap it in for ``folder`` only if the block succeeds.

    What ``folder`` held is replaced as a whole, and is there until the new one is complete. Its
    manifest lists the files of the new one. The caller sees to it that nobody else builds the same
    folder (:mod:`crossvox.flow.locks`).

    Args:
        folder: what is made.
        own: what in it is this package's without being listed, see
            :func:`crossvox.flow.contents.strangers`.

    Raises:
        ArtifactError: ``folder`` holds what its stage did not write; it stays as it is.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    recover(folder)
    expect_no_strangers(folder, own)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}{PART}")
    temporary.mkdir()
    try:
        yield temporary
        if not (temporary / MANIFEST).is_file():
            raise ArtifactError(f"a stage ended without writing {MANIFEST} for {folder}")
        files = listed(temporary)
        manifest = replace(read_manifest(temporary), files=files)
        (temporary / MANIFEST).unlink()
        write_manifest(temporary, manifest)
        if os.path.lexists(folder):
            expect_no_strangers(folder, own)
            _flush_all(temporary, files)
            set_aside(folder, temporary)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def set_aside(folder: Path, new: Path) -> None:
    """Put a folder that is whole, and on the disk, in the place of an older one, which goes."""
    old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}{OLD}")
    os.replace(folder, old)
    os.replace(new, folder)
    flush(folder.parent)
    _remove(old)


def _flush_all(folder: Path, files: Mapping[str, str]) -> None:
    """Have a folder on the disk, before another goes for it."""
    paths = [folder / name for name in (*files, MANIFEST)]
    for path in {path for path in paths if not path.is_symlink()}:
        flush(path)
    for parent in {path.parent for path in paths}:
        flush(parent)


def recover(folder: Path) -> None:
    """Put right what a killed process left of ``folder``.

    A folder that was moved aside and not replaced comes back; every other leftover goes.
    """
    bring_back(folder)
    for part in leftovers(folder, PART):
        shutil.rmtree(part, ignore_errors=True)


def bring_back(folder: Path) -> None:
    """Bring a folder back that was moved aside and not replaced; older ones go."""
    for old in sorted(leftovers(folder, OLD), key=lambda p: p.stat().st_mtime, reverse=True):
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(old, folder)


def _remove(old: Path) -> None:
    """Remove a folder; of a link, the link alone."""
    if old.is_symlink():
        old.unlink()
    else:
        shutil.rmtree(old)


def leftovers(folder: Path, ending: str = OLD) -> list[Path]:
    """What killed processes left beside a folder: older ones, or (``.part``) unfinished ones."""
    length = len(f".{folder.name}.") + 8 + len(ending)
    found = folder.parent.glob(f".{_escaped(folder.name)}.*{ending}")
    return [path for path in found if len(path.name) == length and path.is_dir()]


def _escaped(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def visible(folder: Path) -> list[str]:
    """Names of what a folder holds, less the locks and unfinished pieces of this package."""
    return [path.name for path in folder.iterdir() if not OWN_HIDDEN.fullmatch(path.name)]


def relative_links(links: Mapping[str, Path | None], folder: Path) -> dict[str, str]:
    """Paths as seen from a folder, with forward slashes; without those that are None."""
    return {
        role: Path(os.path.relpath(path, folder)).as_posix()
        for role, path in links.items()
        if path is not None
    }
