"""Data folders: prepared scenes, and the lists that say which of them to learn from.

What ``crossvox prepare``, ``scan`` and ``import hdf5`` write, and what everything else reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST, manifest_if_any, read_manifest, replacing
from crossvox.core.checks import ArtifactError, CaptureError, expect
from crossvox.core.files import VOLUME
from crossvox.flow.collection import item_names, planned_items
from crossvox.flow.jobs import Outcome
from crossvox.flow.lineage import HELD_OUT_OF, SPLITS, is_held_out, read_list, scene_list

MOVED = "moved by hand"
"""Note of a data folder's manifest: scenes that somebody has put into the other list."""

SplitOf = Callable[[str], str | None]
"""Tells the split of a scene; None: it is in none."""


@dataclass(frozen=True)
class ScanLists:
    """Who is in which split, as the raw data says.

    Attributes:
        named: scenes by split, from the data set's own lists; None without lists.
    """

    named: Mapping[str, frozenset[str]] | None

    @classmethod
    def read(cls, raw: Path) -> ScanLists:
        """Read ``scannetv2_train.txt`` and ``scannetv2_val.txt`` of a folder of scans.

        Raises:
            CaptureError: one of the two is there without the other, or is no plain text.
        """
        paths = {split: raw / f"scannetv2_{split}.txt" for split in SPLITS}
        there = [path.name for path in paths.values() if path.is_file()]
        if not there:
            return cls(None)
        expect(
            len(there) == len(paths),
            given=f"{raw} with {there[0]} alone",
            needed="both lists of the data set, or none",
            do="put the other one beside it, or take this one away",
            error=CaptureError,
        )
        return cls({split: frozenset(read_list(path)) for split, path in paths.items()})

    def split_of(self, scene: str) -> str | None:
        """The split of a scene; without lists it follows from the name of its space alone."""
        if self.named is None:
            return "val" if is_held_out(scene) else "train"
        return next((split for split in SPLITS if scene in self.named[split]), None)

    @property
    def rule(self) -> str:
        """What decides the split of a scene, in words."""
        if self.named is not None:
            return "the data set's lists, scannetv2_train.txt and scannetv2_val.txt"
        return f"the names of their spaces: about one in {HELD_OUT_OF} is held out"

    def remarks(self, scenes: Collection[str]) -> list[str]:
        """What a reader of the lists must know: names without a scan, and scans without a list."""
        told = []
        for split, names in (self.named or {}).items():
            told.append((f"{len(names)} names of scannetv2_{split}.txt", sorted(names - {*scenes})))
        listed = {name for names in (self.named or {}).values() for name in names}
        absent = [
            f"{len(gone)} of the {what} have no scan here: {_some(gone)}"
            for what, gone in told
            if gone
        ]
        unlisted = sorted({*scenes} - listed) if self.named is not None else []
        if unlisted:
            absent.append(f"{len(unlisted)} scans are in none of the lists: {_some(unlisted)}")
        return absent


def not_made_yet(raw: Path) -> list[str]:
    """What a reader of generated rooms must know: that not all of them are made, as a remark."""
    told = manifest_if_any(raw)
    if told is None:
        return []
    waiting = [name for name in planned_items(told) if name not in told.items]
    if not waiting:
        return []
    return [
        f"{len(waiting)} scenes of {raw} are not made yet: {_some(waiting)}; call the command that "
        f"makes them again, and then this one"
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def enter_scenes(
    out: Path, split_of: SplitOf, before: str = ""
) -> Callable[[Sequence[Outcome]], dict[str, Any]]:
    """Notes of a folder of scenes that was added to; its lists are written on the way.

    Scenes that are not among the outcomes stay in the split that they are in; so do those that
    were there already and that somebody has moved to the other list since.

    Args:
        out: the folder.
        split_of: the split of a scene that nobody has moved; None: in no list.
        before: what the names of the lists begin with.

    Raises:
        ArtifactError: the lists name what is no scene of the folder.
    """
    _expect_scenes_in_lists(out, before)

    def enter(outcomes: Sequence[Outcome]) -> dict[str, Any]:
        splits: dict[str, list[str]] = {s: scene_list(out, s, before) for s in SPLITS}
        moved = _moved(out, splits)
        for outcome in outcomes:
            if outcome.item in moved and outcome.status != "failed":
                continue
            for names in splits.values():
                if outcome.item in names:
                    names.remove(outcome.item)
            chosen = split_of(outcome.item)
            if outcome.status != "failed" and chosen is not None:
                splits[chosen].append(outcome.item)
        for split, names in splits.items():
            names.sort()
            with replacing(out / f"{before}{split}.txt") as temporary:
                temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        return {"splits": splits, MOVED: sorted(moved)} if moved else {"splits": splits}

    return enter


def _moved(out: Path, splits: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Scenes that somebody has put into another list than the one they were written to."""
    notes = read_manifest(out).notes if (out / MANIFEST).is_file() else {}
    told = notes.get("splits")
    if not isinstance(told, Mapping):
        return frozenset()
    there = {name: split for split, names in splits.items() for name in names}
    before = {name: split for split, names in told.items() for name in names or ()}
    moved = {name for name, split in there.items() if before.get(name, split) != split}
    return frozenset(moved | ({*(notes.get(MOVED) or ())} & there.keys()))


def _expect_scenes_in_lists(out: Path, before: str) -> None:
    """Refuse a folder whose lists name what is no scene of it: they are written anew.

    Raises:
        ArtifactError: they do.
    """
    if not (out / MANIFEST).is_file():
        return
    there = planned_items(read_manifest(out))
    for split in SPLITS:
        strange = [name for name in scene_list(out, split, before) if name not in there]
        expect(
            not strange,
            given=f"{out / f'{before}{split}.txt'} with {_some(strange)}, no scene of {out}",
            needed="names of its scenes, one a line, and nothing else",
            do="take that out of the list: it is written anew",
            error=ArtifactError,
        )


def expect_data(data: Path) -> None:
    """Refuse a data folder that is not there.

    Raises:
        ArtifactError: it is not.
    """
    expect(
        data.exists(),
        given=f"{data}, which does not exist",
        needed="a folder that 'crossvox prepare' wrote",
        do="check the path; if it was moved, name where it is now",
        error=ArtifactError,
    )


def holds_out(data: Path) -> bool:
    """Whether a data folder holds anything out: what asks for no scenes asks for those."""
    from crossvox.samples.pairs import FLAT_IMAGES, FLAT_SPLITS

    if (data / VOLUME).is_file():
        return True  # one scene, which is taken whatever is asked for
    flat = data / FLAT_IMAGES / FLAT_SPLITS["val"]
    return bool(scene_list(data, "val")) or any(flat.glob("*"))


def read_scenes(data: Path, which: str) -> list[Path]:
    """Folders of prepared scenes.

    Args:
        data: a data folder, or one scene of it.
        which: "train", "val", "all", or scene names separated by commas.

    Raises:
        ArtifactError: a scene is named that is not there, or there is none at all.
    """
    if (data / VOLUME).is_file():
        return [data]
    expect_data(data)
    if which == "all":
        names = item_names(data, VOLUME)
    elif which in SPLITS:
        expect(
            (data / f"{which}.txt").is_file(),
            given=f"{data}, without {which}.txt",
            needed="a folder that 'crossvox prepare' wrote",
            do="run 'crossvox prepare' or name scenes",
            error=ArtifactError,
        )
        names = scene_list(data, which)
    else:
        names = [name for name in which.split(",") if name]
    missing = [name for name in names if not (data / name / VOLUME).is_file()]
    expect(
        bool(names) and not missing,
        given=f"{data} with {len(names)} scenes asked for ({which})"
        + (f", of which {', '.join(missing[:5])} are not there" if missing else ""),
        needed="prepared scenes",
        do="run 'crossvox prepare', or choose other scenes with --scenes (all, or names)"
        + ("; a training does without: --validation-scenes none" if which == "val" else ""),
        error=ArtifactError,
    )
    return [data / name for name in names]
