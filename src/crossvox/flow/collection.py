"""Folders of items of one identity: scenes that were prepared alike, predicted by one run, ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import msgspec

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    plain,
    read_manifest,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, MadeOtherwise, expect
from crossvox.flow.folder import expect_own, visible
from crossvox.flow.leftovers import clear_unfinished
from crossvox.flow.locks import at_work, shared
from crossvox.flow.stage import Collection

PLANNED, FAILED = "planned", "failed"
"""Notes of a folder's manifest: names of all items that it is to hold, and which of them failed."""


@dataclass(frozen=True)
class Failure:
    """Why an item could not be made.

    Attributes:
        reason: what went wrong.
        when: ISO 8601, UTC.
        identity: of the stage that failed: the same would fail again. Empty: it may not.
    """

    reason: str
    when: str = ""
    identity: str = ""

    @property
    def again(self) -> str:
        """What to tell where it is not tried again."""
        return (
            f"{self.reason} (as it failed {self.when or 'before'}; not tried again without "
            f"--retry-failed, unless what it is made from changes)"
        )


def planned_items(manifest: Manifest) -> tuple[str, ...]:
    """Names of all items that a folder is to hold, as far as any call has told, sorted."""
    told = manifest.notes.get(PLANNED)
    names = told if isinstance(told, list) else []
    return tuple(sorted({*manifest.items, *(name for name in names if isinstance(name, str))}))


def failures(manifest: Manifest) -> dict[str, Failure]:
    """Items of a folder that failed, by name; older versions told the reason alone."""
    told = manifest.notes.get(FAILED)
    return {
        name: msgspec.convert(entry, Failure) if isinstance(entry, dict) else Failure(str(entry))
        for name, entry in sorted(told.items() if isinstance(told, dict) else ())
        if isinstance(entry, str) or (isinstance(entry, dict) and "reason" in entry)
    }


def open_collection(
    out: Path, collection: Collection, links: Mapping[str, str], names: Iterable[str] = ()
) -> Manifest:
    """Begin to work on a folder of items; what it is stands in its manifest from now on.

    Args:
        out: the folder.
        collection: what all items have in common.
        links: folders they are made from, by role.
        names: all items that it is to hold, beside those that others have told.

    Raises:
        ArtifactError: it holds something else, or items of another identity.
    """
    asked = collection.manifest()
    expect_own(out, asked.stage)
    with shared(out, "collection"):
        clear_unfinished(out)
        there = made_of(out, asked)
        wanted = sorted({*planned_items(there), *names}) if there else sorted(names)
        begun = replace(there or asked, links={**(there.links if there else {}), **links})
        begun = replace(begun, notes={**begun.notes, PLANNED: wanted})
        if begun != there:
            write_manifest(out, begun)
        return begun


def expect_told_apart(out: Path, names: Iterable[str]) -> None:
    """Refuse items that are one on the disk where they are to lie: one would replace the other.

    Disks of phones, cameras, macOS and Windows take ``Kitchen`` and ``kitchen`` for one name.

    Args:
        out: the folder, which has its manifest.
        names: of items that it is to hold, beside those that it has.

    Raises:
        ArtifactError: two names differ in capitals, or in how an accent is written, alone, and the
            disk does not tell them apart.
    """
    alike: dict[str, list[str]] = {}
    for name in sorted({*read_manifest(out).items, *names}):
        alike.setdefault(normalize("NFC", name).casefold(), []).append(name)
    clash = next((same for same in alike.values() if len(same) > 1), [])
    expect(
        not clash or not (out / MANIFEST.upper()).exists(),
        given=f"{' and '.join(clash)}, which are one name on the disk of {out}",
        needed="names that differ in more than capitals, or a disk that tells these apart",
        do="rename one of them, or name a folder on another disk",
        error=ArtifactError,
    )


def made_of(out: Path, asked: Manifest) -> Manifest | None:
    """The manifest of a folder that is gone on with; None for a free one.

    Raises:
        ArtifactError: it holds items of another identity.
    """
    if not (out / MANIFEST).is_file():
        return None
    there = read_manifest(out)
    if there.identity == asked.identity:
        return there
    if visible(out) == [MANIFEST] and not at_work(out):
        return None  # Whoever began it made nothing. Who begins an item there now asks again.
    changed = "; ".join(differences(there, asked)[:5])
    raise MadeOtherwise(
        f"given: {out}, whose {len(there.items)} items were made otherwise ({changed}); "
        f"needed: one identity for all items of a folder, since scores are averaged over "
        f"them; do: name another folder, or pass what that one was made with",
        changed,
        asked.identity,
    )


def enter(
    out: Path, identity: str, made: Mapping[str, str], failed: Mapping[str, Failure]
) -> Manifest:
    """Enter what became of some items, beside what others have entered.

    Args:
        out: the folder.
        identity: of its collection.
        made: digests of items that are there now, by name.
        failed: those that could not be made. One that an earlier call had made is not listed any
            more: it is of an input that is no more.

    Raises:
        ArtifactError: the folder is of another identity by now.
    """
    with shared(out, "collection"):
        manifest = entered(expect_identity(out, identity), made, failed)
        write_manifest(out, manifest)
        return manifest


def expect_identity(out: Path, identity: str) -> Manifest:
    """The manifest of a folder of items.

    Raises:
        ArtifactError: the folder is of another identity by now.
    """
    there = read_manifest(out)
    expect(
        there.identity == identity,
        given=f"{out}, which another process has begun to fill with other items",
        needed="one identity for all items of a folder",
        do="name another folder",
        error=ArtifactError,
    )
    return there


def entered(there: Manifest, made: Mapping[str, str], failed: Mapping[str, Failure]) -> Manifest:
    """A folder's manifest with some more outcomes; see :func:`enter`."""
    items = {**{n: d for n, d in there.items.items() if n not in failed}, **made}
    failing = {**failures(there), **failed}
    failing = {name: failing[name] for name in sorted(failing) if name not in made}
    return replace(
        there,
        items={name: items[name] for name in sorted(items)},
        notes={**there.notes, FAILED: plain(failing)},
    )


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
