"""Parts of a chain that are asked for otherwise than they were made: made anew, then put in place.

A folder that a user fills himself is refused where it holds what was made with other parameters. A
chain of stages (``scan``, ``demo``) owns the folders in its own: there the new one is made beside
the older one, under a hidden name, and takes its place when it is whole. Interrupted, the same call
goes on with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path
from typing import TypeVar

from crossvox.core.artifact import MANIFEST, flush, read_manifest
from crossvox.core.checks import ArtifactError, MadeOtherwise, expect
from crossvox.core.files import LOG, PARAMS, TRANSFER
from crossvox.flow import locks
from crossvox.flow.contents import expect_no_strangers
from crossvox.flow.folder import PART, bring_back, leftovers, set_aside, visible
from crossvox.flow.runner import Runner

T = TypeVar("T")

BESIDE_ITEMS = (
    *(MANIFEST, "train.txt", "val.txt", "curve.json"),
    *("scannetv2_train.txt", "scannetv2_val.txt", "scannetv2-labels.combined.tsv"),
    "scores.*.json",
)
"""What this package writes beside the items of a folder, as patterns."""

BESIDE_CHECKPOINTS = (
    *(MANIFEST, PARAMS, LOG, TRANSFER),
    *("calibration.json", "tensorboard", "trackers.json", "wandb"),
)
"""What it writes beside the checkpoints of a run, likewise."""


def renewing(runner: Runner, folder: Path, make: Callable[[Path], T]) -> T:
    """Make a part of a chain; one that was made otherwise is there until the new one is whole.

    Args:
        runner: who makes it, and tells what is made again.
        folder: where it belongs.
        make: makes it in the folder that it is given, or finds it there.

    Returns:
        What ``make`` returns.

    Raises:
        ArtifactError: the older one holds what no stage wrote, or another process is at work on it.
        CrossvoxError: whatever ``make`` raises; the older one stays.
    """
    if leftovers(folder) and not runner.dry:
        with locks.alone(folder):
            bring_back(folder)
    try:
        made = make(folder)
    except MadeOtherwise as found:
        _expect_replaceable(folder)
        place = folder.with_name(f".{folder.name}.{found.asked[:8]}{PART}")
        if runner.dry:
            return _foreseen(runner, folder, place, make)
        with locks.alone(folder):
            runner.progress.say(
                f"{folder.name} was made otherwise ({found.changes}): it is made again, and the "
                f"older one is there until that is done"
            )
            _clear_parts(folder, place)
            made = make(place)
            _expect_replaceable(folder)
            shutil.rmtree(place / locks.FOLDER, ignore_errors=True)
            for path in (*place.rglob("*"), place):
                if not path.is_symlink():
                    flush(path)
            set_aside(folder, place)
        return made
    if leftovers(folder, PART):
        with suppress(ArtifactError), locks.alone(folder):
            _clear_parts(folder)
    return made


def _foreseen(runner: Runner, folder: Path, place: Path, make: Callable[[Path], T]) -> T:
    """Plan what is made again, each item, as a new folder's are."""
    known = len(runner.plan)
    try:
        return make(place)
    finally:
        names = {place.name: folder.name}
        runner.plan[known:] = [
            replace(one, item=names.get(one.item, one.item), status="make again")
            for one in runner.plan[known:]
        ]


def _clear_parts(folder: Path, kept: Path | None = None) -> None:
    for part in leftovers(folder, PART):
        if part != kept:
            shutil.rmtree(part, ignore_errors=True)


def _expect_replaceable(folder: Path) -> None:
    """Refuse to replace what somebody is at work on, or what holds more than its stage wrote.

    Raises:
        ArtifactError: it is so.
    """
    holders = locks.at_work(folder)
    expect(
        not holders,
        given=f"{folder}, which is to be made anew while {', '.join(h.text for h in holders[:2])}",
        needed="a folder that nobody is at work on",
        do="wait for that to end",
        error=ArtifactError,
    )
    if folder.is_symlink():
        return  # The link alone is replaced.
    items = read_manifest(folder).items if (folder / MANIFEST).is_file() else {}
    strange = []
    for name in sorted(visible(folder)):
        path = folder / name
        if (path / MANIFEST).is_file():
            files = read_manifest(path).files
            if name in items or files is not None:
                expect_no_strangers(path)
                continue
        if not any(fnmatch(name, known) for known in (*BESIDE_ITEMS, *BESIDE_CHECKPOINTS)):
            strange.append(name)
    expect(
        not strange,
        given=f"{folder}, which is to be made anew and holds {', '.join(strange[:3])}, which "
        f"crossvox did not write there",
        needed="a folder with nothing else in it",
        do="move that somewhere else, and run the same command again",
        error=ArtifactError,
    )
