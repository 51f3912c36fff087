"""One call's work on a folder of items, beside that of any number of other processes.

What has become of items is entered into the folder's manifest as it comes, so that a process that
is killed loses no entry. At the end of a call everything that is there is entered, whoever made it:
whichever of several calls ends last, the folder is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    plain,
    read_manifest,
    total_seconds,
    write_manifest,
)
from crossvox.core.checks import ArtifactError
from crossvox.flow import locks
from crossvox.flow.collection import (
    Failure,
    enter,
    entered,
    expect_identity,
    failures,
)
from crossvox.flow.folder import is_current
from crossvox.flow.jobs import Backend, Carry, Job, Outcome
from crossvox.flow.progress import Progress
from crossvox.flow.stage import Stage

ENTER_S = 2.0
"""Items that were made are entered this often; one that failed, at once."""

DONE = ("made", "kept")

Notes = Callable[[Sequence[Outcome]], Mapping[str, Any]]


@dataclass(frozen=True)
class Shelf:
    """A folder of items, and all that it is to hold as far as this call knows.

    Attributes:
        out: the folder.
        identity: of its collection.
        stages: what makes each item, by name, chosen or not.
    """

    out: Path
    identity: str
    stages: Mapping[str, Stage]

    def current(self) -> dict[str, Manifest]:
        """Manifests of the items that are there and made from what they would be made from now."""
        found = {}
        for name, stage in self.stages.items():
            manifest = stage.manifest()
            if is_current(self.out / name, manifest):
                found[name] = read_manifest(self.out / name)
        return found

    def failed_before(self, job: Job) -> Outcome | None:
        """That a job failed before and would be made from the same, unless it is there by now."""
        try:
            told = (self.out / MANIFEST).stat()
            failure = _failures(self.out, told.st_ino, told.st_mtime_ns).get(job.item)
        except (OSError, ArtifactError):
            return None
        if failure is None or not _same(failure, job, job.stage.manifest()):
            return None
        return Outcome(job.item, "failed", error=failure.again, entered=True)

    def settled(self, jobs: Sequence[Job]) -> dict[str, Outcome]:
        """Outcomes of jobs that need not be carried out: they failed before, by name."""
        return {job.item: before for job in jobs if (before := self.failed_before(job))}


@lru_cache(maxsize=4)
def _failures(out: Path, number: int, changed_ns: int) -> Mapping[str, Failure]:
    """What a folder's manifest tells of failures, read once as long as it is the same file."""
    del number, changed_ns
    return failures(read_manifest(out))


def _same(failure: Failure, job: Job, manifest: Manifest) -> bool:
    """Whether a failure is that of a job; one that is there by now has not failed."""
    return failure.identity == manifest.identity and not is_current(job.folder, manifest)


class Call:
    """The outcomes of one call, and their way into the folder's manifest.

    Args:
        shelf: the folder.
        progress: who watches.
        label: what items are called.
        count: how many the call works on.
    """

    def __init__(self, shelf: Shelf, progress: Progress, label: str, count: int) -> None:
        self.shelf, self._progress = shelf, progress
        self._report, self._count = progress.step(label), count
        self.outcomes: dict[str, Outcome] = {}
        self._open: dict[str, Outcome] = {}
        self._entered_s = time.monotonic()
        self._report(0, count)

    def settle(self, outcomes: Mapping[str, Outcome]) -> None:
        """Take outcomes that were entered before."""
        self.outcomes.update(outcomes)
        if outcomes:
            self._report(len(self.outcomes), self._count)
            names = ", ".join(sorted(outcomes)[:5]) + (", ..." if len(outcomes) > 5 else "")
            self._progress.say(
                f"{len(outcomes)} failed before and are not tried again (--retry-failed): {names}"
            )

    def run(
        self, backend: Backend, carry: Carry, jobs: Sequence[Job], *, watched: bool, **means: Any
    ) -> None:
        """Have jobs carried out, and enter what becomes of them.

        Args:
            backend: by whom.
            carry: what to do with a job.
            jobs: what is to be made.
            watched: whether ``carry`` tells itself what it finds.
            means: workers and their memory, see :meth:`Backend.run`.
        """
        if not jobs:
            return
        try:
            with closing(backend.run(carry, jobs, **means)) as outcomes:  # type: ignore[type-var]
                for outcome in outcomes:
                    if outcome.damage and not watched:
                        self._progress.say(made_anew(outcome.item, outcome.damage))
                    self._take(outcome)
        except BaseException:
            self.enter()  # where all goes well, `close` does so, in one write of the manifest
            raise

    def _take(self, outcome: Outcome) -> None:
        self.outcomes[outcome.item] = outcome
        self._report(len(self.outcomes), self._count)
        if outcome.status == "failed":
            self._progress.say(f"failed: {outcome.item}: {outcome.error}")
        if outcome.status != "elsewhere" and not outcome.entered:
            self._open[outcome.item] = outcome
        late = time.monotonic() - self._entered_s >= ENTER_S
        if late or outcome.status == "failed":
            self.enter()

    def enter(self) -> None:
        """Enter what was not entered yet."""
        made = {name: o.digest for name, o in self._open.items() if o.status in DONE}
        stages = self.shelf.stages
        failed = {name: failure_of(o, stages[name]) for name, o in self._open.items() if o.error}
        if made or failed:
            enter(self.shelf.out, self.shelf.identity, made, failed)
        self._open, self._entered_s = {}, time.monotonic()

    def close(
        self, notes: Notes | None, links: Mapping[str, str], learnt_from: tuple[str, ...] | None
    ) -> Manifest:
        """Enter everything that is there, and what the folder notes of it.

        Notes are asked for while nobody else writes, and given what has become of all items that
        this call knows of, whoever made them; they are written over those that are there. Times
        are added up over all items.

        Raises:
            ArtifactError: the folder is of another identity by now.
        """
        out = self.shelf.out
        with locks.shared(out, "collection"):
            there = expect_identity(out, self.shelf.identity)
            current = self.shelf.current()
            done = {name: o for name, o in self.outcomes.items() if o.status in DONE}
            done |= {name: _kept(name, manifest) for name, manifest in current.items()}
            made = {name: outcome.digest for name, outcome in done.items()}
            gone = [n for n in there.items if n not in made and not (out / n).is_dir()]
            there = replace(there, items={n: d for n, d in there.items.items() if n not in gone})
            manifest = entered(there, made, {})
            failed = {n: f for n, f in failures(manifest).items() if n in self.shelf.stages}
            became = [
                *done.values(),
                *(Outcome(n, "failed", error=f.reason) for n, f in failed.items()),
            ]
            noted = plain(notes(sorted(became, key=lambda o: o.item))) if notes else {}
            seconds = [
                done[name].seconds if name in done else read_manifest(out / name).seconds
                for name in manifest.items
            ]
            manifest = replace(
                manifest,
                notes={**manifest.notes, **noted},
                links={**manifest.links, **links},
                learnt_from=learnt_from,
                seconds=total_seconds(seconds),
                created="",
                machine="",
            )
            write_manifest(out, manifest)
        return manifest


def failure_of(outcome: Outcome, stage: Stage) -> Failure:
    """What the folder's manifest is to tell of an item that has just failed."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Failure(outcome.error, when, "" if outcome.passing else stage.manifest().identity)


def made_anew(item: str, damaged: str) -> str:
    """What to tell of an item that is made again for what is wrong with it."""
    return f"{item} is damaged and is made anew: {damaged}"


def _kept(name: str, manifest: Manifest) -> Outcome:
    return Outcome(name, "kept", manifest.notes, manifest.seconds, digest=manifest.digest)
