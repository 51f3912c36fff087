"""Folders of items of one identity: scenes that were prepared alike, predicted by one run, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    clear_unfinished,
    plain,
    read_manifest,
    total_seconds,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, expect
from crossvox.flow.folder import expect_own, visible
from crossvox.flow.locks import shared
from crossvox.flow.stage import Collection


def open_collection(out: Path, collection: Collection, links: Mapping[str, str]) -> Manifest:
    """Begin to work on a folder of items; what it is stands in its manifest from now on.

    Raises:
        ArtifactError: it holds something else, or items of another identity.
    """
    asked = collection.manifest()
    expect_own(out, asked.stage)
    with shared(out, "collection"):
        clear_unfinished(out)
        if not (out / MANIFEST).is_file():
            write_manifest(out, replace(asked, links=dict(links)))
            return asked
        there = read_manifest(out)
        if there.identity != asked.identity and visible(out) == [MANIFEST]:
            # Whoever began it made nothing: it is free.
            write_manifest(out, replace(asked, links=dict(links)))
            return asked
        if there.identity != asked.identity:
            changed = "; ".join(differences(there, asked)[:5])
            raise ArtifactError(
                f"given: {out}, whose {len(there.items)} items were made otherwise ({changed}); "
                f"needed: one identity for all items of a folder, since scores are averaged over "
                f"them; do: name another folder, or pass what that one was made with"
            )
        return there


def close_collection(
    out: Path,
    identity: str,
    made: Iterable[str],
    notes: Callable[[], Mapping[str, Any]],
    links: Mapping[str, str],
    learnt_from: tuple[str, ...] | None = None,
) -> Manifest:
    """Enter items into the folder's manifest, beside those that others have entered.

    Notes are asked for while nobody else writes; they are written over those that are there. Times
    are added up over all items.

    Raises:
        ArtifactError: the folder is of another identity by now.
    """
    with shared(out, "collection"):
        there = read_manifest(out)
        expect(
            there.identity == identity,
            given=f"{out}, which another process has begun to fill with other items",
            needed="one identity for all items of a folder",
            do="name another folder",
            error=ArtifactError,
        )
        items = {**there.items, **{name: read_manifest(out / name).digest for name in made}}
        items = {name: items[name] for name in sorted(items) if (out / name).is_dir()}
        manifest = replace(
            there,
            items=items,
            notes={**there.notes, **plain(notes())},
            links={**there.links, **links},
            learnt_from=learnt_from,
            seconds=total_seconds(read_manifest(out / name).seconds for name in items),
        )
        write_manifest(out, replace(manifest, created="", machine=""))
        return manifest


def items_of(folder: Path) -> list[Path]:
    """The items of a folder, in the order of their names: those that its manifest lists.

    Raises:
        ArtifactError: the folder has no manifest that can be read, or an item is gone.
    """
    names = sorted(read_manifest(folder).items)
    gone = [name for name in names if not (folder / name / MANIFEST).is_file()]
    if gone:
        raise ArtifactError(
            f"given: {folder}, whose manifest lists {', '.join(gone[:5])}, not to be found there; "
            f"needed: a folder as its stage wrote it; do: run the stage again"
        )
    return [folder / name for name in names]


def item_names(folder: Path, *signs: str) -> list[str]:
    """Names of a folder's items, sorted: those that its manifest lists.

    Args:
        folder: a folder of items.
        signs: what an item holds one of, for a folder without such a list, made by hand.

    Raises:
        ArtifactError: the manifest cannot be read, or an item is gone.
    """
    if (folder / MANIFEST).is_file() and read_manifest(folder).items:
        return [path.name for path in items_of(folder)]
    return unlisted_items(folder, *signs)


def unlisted_items(folder: Path, *signs: str) -> list[str]:
    """Names of the folders in a folder that hold a file or folder of one of these names."""
    found = {path.parent.name for sign in signs for path in folder.glob(f"*/{sign}")}
    return sorted(name for name in found if not name.startswith("."))


def differences(there: Manifest, asked: Manifest) -> list[str]:
    """What two identities differ in, one text each: ``surface.level: 0.9 there, 0.35 asked``."""
    pairs = {
        "stage": (there.stage, asked.stage),
        "numbers": (there.numbers, asked.numbers),
        "": (there.params, asked.params),
        "made from": (there.parents, asked.parents),
    }
    return [text for name, (old, new) in pairs.items() for text in changes(old, new, name)]


def changes(
    there: Any, asked: Any, where: str = "", words: tuple[str, str] = ("there", "asked")
) -> list[str]:
    """Leaves in which two JSON values differ, one text each; ``words`` tell the two apart."""
    if not (isinstance(there, Mapping) and isinstance(asked, Mapping)):
        same = there == asked
        return [] if same else [f"{where}: {there!r} {words[0]}, {asked!r} {words[1]}"]
    found = []
    for key in sorted({*there, *asked}):
        name = f"{where}.{key}" if where else str(key)
        found += changes(there.get(key), asked.get(key), name, words)
    return found
