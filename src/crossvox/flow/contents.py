"""What a finished folder holds: the files that its stage wrote, and what is beside them.

A manifest lists every file of its folder with size and digest. Where a file is gone or of another
size (or, read as a whole, of another content), the folder is damaged. A file that the list lacks is
a stranger's: a folder that holds one is not replaced. It is refused and not carried over, since
what lies in a folder may be read as its data: a label image kept from a scene of other frames
would be taken for one of the new.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from crossvox.core.artifact import MANIFEST, check_of, file_digest, read_json, read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.threads import spread
from crossvox.flow import locks

LINK, FOLDER = "-> ", "folder"
"""What the list says of a link (and where it leads to), and of a folder without files."""

UNLISTED = (
    *("views/????????????????.npz", "views/depth-????????????????/*"),
    *("views/said-????????????????/*", "transferred.ply", "scores.scannet.json"),
)
"""What others of this package put into a finished folder: views, depth and labels of frames, kept
beside their scene; what evaluation writes, a scene's own surface with predicted classes and scores
of exported files."""

OWN_HIDDEN = re.compile(rf"\{locks.FOLDER}|\..+\.[0-9a-f]{{8}}\.(part|old)(\..+)?")
"""Hidden names that this package makes: locks, folders and files that are being written."""

_SHOWN = 3


def listed(folder: Path) -> dict[str, str]:
    """Every file of a folder that was just written, by its path in the folder.

    Returns:
        ``"BYTES DIGEST"``; of a link ``"-> TARGET"``; of a folder without files ``"folder"``.
    """
    names = [name for name in _entries(folder) if name != MANIFEST]
    told = [""] * len(names)

    def describe(begin: int, end: int) -> None:
        told[begin:end] = [_described(f"{folder}/{name}") for name in names[begin:end]]

    spread(describe, len(names))  # a digest needs no interpreter
    return dict(zip(names, told, strict=True))


def damage(folder: Path, *, whole: bool = False) -> str:
    """What is wrong with a finished folder, in words; empty where nothing is.

    A folder without a list, made by hand or by an older version, cannot be checked: nothing is.

    Args:
        folder: it has a manifest.
        whole: read every file and compare its content; otherwise names and sizes.

    Raises:
        ArtifactError: the manifest cannot be read.
    """
    manifest, record = read_manifest(folder), read_json(folder / MANIFEST)
    changed = record.get("check", "") not in ("", check_of(record))
    found = [f"{MANIFEST} has changed"] if changed else []
    for name, told in (manifest.files or {}).items():
        size, _, content = told.partition(" ")
        path = folder / name
        if told == FOLDER or told.startswith(LINK):
            fault = "" if path.exists() else "is gone"
        elif not path.is_file():
            fault = "is gone"
        elif str(path.stat().st_size) != size:
            fault = f"has {path.stat().st_size} bytes, not {size}"
        else:
            fault = "has changed" if whole and file_digest(path) != content else ""
        if fault:
            found.append(f"{name} {fault}")
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def expect_whole(folder: Path, *, whole: bool = False) -> None:
    """Refuse a finished part of a folder that is damaged and cannot be made anew by itself.

    Raises:
        ArtifactError: it is; names what is wrong.
    """
    found = damage(folder, whole=whole)
    expect(
        not found,
        given=f"{folder}, which is damaged: {found}",
        needed="all files as they were written",
        do=f"bring them back from a copy, or delete {folder.parent} and run the same command again",
        error=ArtifactError,
    )


def strangers(folder: Path, own: tuple[str, ...] = UNLISTED) -> list[str]:
    """Paths in a folder that its stage did not write.

    Args:
        folder: it has a manifest that can be read.
        own: patterns of names that are this package's, listed or not.
    """
    files = read_manifest(folder).files or {}
    return [
        name
        for name in _entries(folder)
        if name not in files
        and name != MANIFEST
        and not any(Path(name).match(pattern) for pattern in own)
        and name not in {Path(pattern).parts[0] for pattern in own if "/" in pattern}
    ]


def expect_no_strangers(folder: Path, own: tuple[str, ...] = UNLISTED) -> None:
    """Refuse to replace a folder that holds what its stage did not write.

    Raises:
        ArtifactError: it does; names the first of it.
    """
    if folder.is_symlink() or not (folder / MANIFEST).is_file():
        return  # Of a link, the link alone is replaced.
    found = strangers(folder, own)
    if not found:
        return
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    manifest = read_manifest(folder)
    older = manifest.files is None
    raise ArtifactError(
        f"given: {folder}, which is to be made anew and holds {', '.join(found[:_SHOWN])}{more}, "
        + (
            "of which no list tells who wrote it"
            if older
            else f"which '{manifest.stage}' did not write"
        )
        + "; needed: a folder with nothing else in it; do: "
        + (
            "delete the folder, if all of it can be made again"
            if older
            else "move that somewhere else, and run the same command again"
        )
    )


def _entries(folder: Path, before: str = "") -> Iterator[str]:
    """Paths of files, links and empty folders, sorted, less the locks and unfinished pieces."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = before + entry.name
        if OWN_HIDDEN.fullmatch(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False) and os.listdir(entry.path):
            yield from _entries(Path(entry.path), f"{name}/")
        else:
            yield name


def _described(path: str) -> str:
    told = os.lstat(path)
    if stat.S_ISLNK(told.st_mode):
        return LINK + os.readlink(path)
    if stat.S_ISDIR(told.st_mode):
        return FOLDER
    return f"{told.st_size} {file_digest(path)}"
