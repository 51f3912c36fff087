"""What a training takes over from the run that it starts from: one place for all trainings."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from crossvox.core.artifact import MANIFEST, file_digest, read_manifest
from crossvox.core.checks import CheckpointError, ParamsError, expect
from crossvox.core.files import PARAMS
from crossvox.flow.lineage import Lineage
from crossvox.flow.progress import Progress
from crossvox.flow.runner import Work
from crossvox.recipes.shipped import FOLDER, find_run, linked, shipped_runs
from crossvox.train.chosen import Taken, chosen
from crossvox.train.folder import Ancestors, RunRecord, lineage_of, read_record
from crossvox.train.params import NETWORK, CheckpointName

START = "start"
"""Its role among what a run is made from."""


@dataclass(frozen=True)
class Start:
    """The run whose weights a training starts from; all is empty where there is none.

    Attributes:
        run: its folder.
        checkpoint: which of its weights are taken.
        parents: their digest, by role.
        ancestors: what it has learnt from, by role.
        gone: where it was, if it is not there any more.
    """

    run: Path | None = None
    checkpoint: Taken = "last"
    parents: Mapping[str, str] = field(default_factory=dict)
    ancestors: Ancestors = field(default_factory=dict)
    gone: Path | None = None

    @property
    def links(self) -> dict[str, Path]:
        """Its folder, by role; a network of the package has none."""
        folder = linked(self.run)
        return {} if folder is None else {START: folder}

    @property
    def initialise(self) -> Callable[[Any], object] | None:
        """Puts its weights into a network of the same kind; None where there is no such run."""
        if self.run is None:
            return None if self.gone is None else _leave
        from crossvox.train.checkpoint import load_run_network

        return partial(load_run_network, self.run, which=self.checkpoint)

    def tell_seen(self, held_out: Iterable[str], progress: Progress) -> None:
        """Say how many validation scenes are not held out, for it has learnt from them.

        Of one that is gone it was said before; what is left tells its scenes and the run's as one.
        """
        if self.gone is not None:
            return
        names = list(held_out)
        seen = [
            name for name in names if any(its.has_seen(name) for its in self.ancestors.values())
        ]
        if seen:
            progress.say(
                f"{len(seen)} of {len(names)} validation scenes are not held out: the run that it "
                "starts from has learnt from them"
            )


def _leave(network: object) -> None:
    """Leave a network as it is: it gets the weights that its run has already."""


def start_of(
    run: Path | None,
    checkpoint: CheckpointName,
    work: Work | None = None,
    expect_fit: Callable[[Path], object] = read_record,
) -> Start:
    """What a training takes over.

    Args:
        run: the folder of a run, or the name of one that comes with the package; None: nothing.
        checkpoint: which of its weights.
        work: where the training is at work: what has weights there already goes on where ``run`` is
            gone, by what it tells of it; a complete one tells where that was.
        expect_fit: refuses the folder of a run that the training cannot start from.

    Raises:
        ParamsError: there is neither such a folder nor such a name; the training started from
            another one.
        ArtifactError: it is no run folder.
        CheckpointError: it has no weights, or not those that are asked for.
        CrossvoxError: whatever ``expect_fit`` raises.
    """
    if run is None:
        return Start()
    if work is not None and not run.exists() and (told := _told(run, work.out)) is not None:
        expect_was(work.out, START, run)
        work.progress.say(
            f"{run} is not there any more: {work.out.name} goes on by what it tells of its start"
        )
        return told
    run = find_run(run)
    expect_fit(run)
    lineage, taken = lineage_of(run), chosen(run, checkpoint)
    expect(
        (run / taken / NETWORK).is_file(),
        given=f"{run}, which has no checkpoint",
        needed="a training run that has reached its first checkpoint",
        do="check the path of the run to start from, or train that run first",
        error=CheckpointError,
    )
    parents = {START: file_digest(run / taken / NETWORK)}
    return Start(run, taken, parents, {START: lineage})


def complete_record(out: Path) -> RunRecord | None:
    """What a complete run tells, also of parts that are gone; None: there is no such run."""
    complete = (out / MANIFEST).is_file() and (out / PARAMS).is_file()
    return read_record(out) if complete else None


def expect_was(out: Path, role: str, path: Path) -> None:
    """Refuse a path that a complete run was not made from, where its content cannot tell.

    Its name alone is compared: a run that was moved or copied tells no longer where else things
    were.

    Args:
        out: the run's folder.
        role: of what it was made from.
        path: where that is said to be, or to have been.

    Raises:
        ParamsError: it was made from a folder of another name.
    """
    link = read_manifest(out).links.get(role) if (out / MANIFEST).is_file() else None
    if link is None:
        return  # nobody knows any more where it was
    names = {Path(link).name, (out / link).resolve().name}
    expect(
        bool({Path(os.path.abspath(path)).name, path.resolve().name} & names),
        given=f"{path}, which "
        + ("cannot be compared without what is gone" if path.exists() else "does not exist"),
        needed=f"{os.path.normpath(link)} as seen from {out.name}, which that was made from, gone "
        f"or not; or what is there",
        do="correct the path",
        error=ParamsError,
    )


def tell_kept(out: Path, gone: Collection[Path], progress: Progress) -> None:
    """Say that a complete run is kept without what it was made from."""
    be = "is" if len(gone) == 1 else "are"
    progress.say(
        f"{', '.join(map(str, gone))} {be} not there any more: {out.name} is kept by what it tells "
        "of " + ("it" if len(gone) == 1 else "them")
    )


def _told(gone: Path, out: Path) -> Start | None:
    """What a run that has weights tells of the one that it started from; None: nothing."""
    begun = (out / PARAMS).is_file() and (out / "last").is_dir()
    if not begun or str(gone) in shipped_runs():
        return None
    record = read_record(out)
    if record.parents.get(START) in (None, *_shipped()):
        return None  # it started from nothing, or from what comes with the package, and is there
    lineage = Lineage(record.learnt_from or (), START not in record.unknown_ancestors)
    return Start(parents={START: record.parents[START]}, ancestors={START: lineage}, gone=gone)


def _shipped() -> list[str]:
    """Digests of the weights that come with the package."""
    return [file_digest(path) for path in FOLDER.glob(f"*/*/{NETWORK}")]
