"""The runner: makes what is declared, keeps what is there, and tells what it would do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from crossvox.core.artifact import (
    Manifest,
    Stopwatch,
    clear_unfinished,
    plain,
    read_manifest,
    write_manifest,
)
from crossvox.core.checks import CrossvoxError
from crossvox.flow import locks
from crossvox.flow.choice import ALL, Choice
from crossvox.flow.collection import close_collection, open_collection
from crossvox.flow.contents import damage, expect_no_strangers, expect_whole
from crossvox.flow.folder import (
    building,
    expect_apart,
    expect_own,
    is_current,
    recover,
    relative_links,
)
from crossvox.flow.jobs import BACKENDS, Job, Outcome
from crossvox.flow.progress import Progress, Silent
from crossvox.flow.rates import foretell, record_rate
from crossvox.flow.stage import Collection, Continued, Declared, Stage


@dataclass
class Work:
    """What a stage is given to work with.

    Attributes:
        out: the empty folder to fill.
        progress: who watches.
        watch: adds up time by step, for the manifest.
        learnt_from: to be set by a stage whose result comes from a network: see
            :mod:`crossvox.flow.lineage`.
    """

    out: Path
    progress: Progress
    watch: Stopwatch = field(default_factory=Stopwatch)
    learnt_from: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Planned:
    """What a dry run tells of one item.

    Attributes:
        stage: name of its stage.
        item: its name.
        status: what would become of it; "unknown" where it depends on what is not there yet.
        seconds: about how long, from what was recorded; None where nothing was.
    """

    stage: str
    item: str
    status: Literal["make", "keep", "continue", "unknown"]
    seconds: float | None = None


class DryRunEnds(Exception):
    """Ends a dry run, where work would begin that needs what was not made."""


@dataclass(frozen=True)
class Made:
    """What became of the items of a folder.

    Attributes:
        out: the folder.
        outcomes: of every item asked for, in the order of their names.
        manifest: of the folder, over all items that it holds.
    """

    out: Path
    outcomes: tuple[Outcome, ...]
    manifest: Manifest

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Items that could not be made."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of items that were there already."""
        return tuple(outcome.item for outcome in self.outcomes if outcome.status == "kept")


class Runner:
    """Makes stages, on behalf of somebody who watches.

    Attributes:
        progress: who watches.
        backend: name of the back end that makes items, see :data:`crossvox.flow.jobs.BACKENDS`;
            empty: this process for one worker, the pool for several.
        choice: which items of a folder are made.
        memory: the most that a worker may take, bytes; None: no limit.
        dry: make nothing; tell in ``plan`` what would be made, then raise :class:`DryRunEnds`.
        plan: what a dry run found.
        seconds: wall time by part, see :meth:`part`.
        verify: read every file of what is there already, and compare its content with what was
            written; otherwise names and sizes are compared.

    Raises:
        ParamsError: no back end has this name.
        CrossvoxError: what the back end needs is not installed.
    """

    def __init__(
        self,
        progress: Progress | None = None,
        *,
        backend: str = "",
        choice: Choice = ALL,
        memory: int | None = None,
        dry: bool = False,
        verify: bool = False,
    ) -> None:
        if backend:
            # Refused before any work.
            getattr(BACKENDS[backend], "expect_ready", lambda: None)()
        self.progress: Progress = progress or Silent()
        self.backend = backend
        self.choice = choice
        self.memory = memory
        self.dry = dry
        self.verify = verify
        self.plan: list[Planned] = []
        self.seconds: dict[str, float] = {}

    def make(self, stage: Stage, folder: Path) -> Outcome:
        """Make one folder, unless it is there already.

        Raises:
            ArtifactError: ``folder`` holds something else, or another process is at work on it.
            CrossvoxError: whatever the stage raises.
        """
        _expect_free(stage, folder)
        if self.dry:
            self.foresee(stage, folder)
            raise DryRunEnds
        with locks.alone(folder):
            return carry_out(Job(folder.name, stage, folder), self.progress, self.verify)

    def go_on(self, stage: Continued, folder: Path) -> Any:
        """Begin or go on with a folder that its stage works in itself.

        Returns:
            What the stage returns.

        Raises:
            ArtifactError: ``folder`` holds something else, or another process is at work on it.
            CrossvoxError: whatever the stage raises.
        """
        if locks.leads() and stage.state(folder) == "make":
            expect_own(folder.resolve(), stage.NAME)
        if locks.leads() and stage.state(folder) == "keep":
            for part in stage.parts(folder):
                expect_whole(part, whole=self.verify)
        if self.dry:
            state = stage.state(folder)
            seconds = 0.0 if state == "keep" else foretell(stage.NAME, stage.size())
            self.plan.append(Planned(stage.NAME, folder.name, state, seconds))
            raise DryRunEnds
        with locks.alone(folder):
            fresh, begin = stage.state(folder) == "make", time.perf_counter()
            if locks.leads() and folder.is_dir():
                clear_unfinished(folder)
            ended = stage.go_on(Work(folder, self.progress))
            if fresh and stage.state(folder) == "keep":
                record_rate(stage.NAME, time.perf_counter() - begin, stage.size())
            return ended

    def make_all(
        self,
        collection: Collection,
        items: Mapping[str, Stage],
        out: Path,
        *,
        workers: int = 1,
        label: str = "scenes",
        links: Mapping[str, Path | None] | None = None,
        notes: Callable[[Sequence[Outcome]], Mapping[str, Any]] | None = None,
        learnt_from: tuple[str, ...] | None = None,
    ) -> Made:
        """Make the items of a folder; those that are there already are kept.

        An item that fails is reported, and the others go on; the next call tries it again. Several
        processes may work on one folder.

        Args:
            collection: what all items have in common.
            items: what makes each, by name.
            out: the folder.
            workers: items at once; 1 makes them in this process.
            label: what items are called in the progress.
            links: folders they are made from, by role; for reports.
            notes: of the folder's manifest, given what became of the items asked for.
            learnt_from: scenes that the network behind the items has learnt from.

        Raises:
            ArtifactError: ``out`` holds something else, or items of another identity.
            CrossvoxError: every item failed; the text names the reasons.
        """
        relative = relative_links(links or {}, out)
        jobs = [Job(name, items[name], out / name) for name in self.choice.of(items)]
        for job in jobs:
            _expect_free(job.stage, job.folder)
        if self.dry:
            expect_own(out, collection.NAME)
            for job in jobs:
                self.foresee(job.stage, job.folder, workers)
            raise DryRunEnds
        open_collection(out, collection, relative)
        outcomes = self._carry_out(jobs, out, workers, label)
        done = [outcome.item for outcome in outcomes if outcome.status in ("made", "kept")]
        failed = {o.item: o.error for o in outcomes if o.status == "failed"}
        if failed and not done:
            reasons = "; ".join(f"{item}: {text}" for item, text in list(failed.items())[:3])
            raise CrossvoxError(f"none of the {len(failed)} {label} could be made. {reasons}")

        def noted() -> dict[str, Any]:
            return {**(notes(outcomes) if notes else {}), "failed": failed}

        manifest = close_collection(
            out, collection.manifest().identity, done, noted, relative, learnt_from
        )
        return Made(out, tuple(outcomes), manifest)

    def _carry_out(self, jobs: Sequence[Job], out: Path, workers: int, label: str) -> list[Outcome]:
        name = self.backend or ("here" if min(workers, len(jobs)) <= 1 else "pool")
        carry = CarryOut(out, self.progress if name == "here" else Silent(), self.verify)
        report = self.progress.step(label)
        report(0, len(jobs))
        outcomes: list[Outcome] = []
        with_memory = {} if self.memory is None else {"memory": self.memory}
        for outcome in BACKENDS[name].run(carry, jobs, min(workers, len(jobs)), **with_memory):
            outcomes.append(outcome)
            report(len(outcomes), len(jobs))
            if outcome.damage and name != "here":
                self.progress.say(_made_anew(outcome.item, outcome.damage))
            if outcome.status == "failed":
                self.progress.say(f"failed: {outcome.item}: {outcome.error}")
        return sorted(outcomes, key=lambda outcome: outcome.item)

    def foresee(self, stage: Stage, folder: Path, workers: int = 1) -> None:
        """Note in the plan what would become of a folder."""
        if is_current(folder, stage.manifest()) and not damage(folder, whole=self.verify):
            self.plan.append(Planned(stage.NAME, folder.name, "keep", 0.0))
            return
        seconds = foretell(stage.NAME, stage.size())
        share = None if seconds is None else seconds / max(1, workers)
        self.plan.append(Planned(stage.NAME, folder.name, "make", share))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of a longer job: it is timed, and a dry run goes on after it.

        In a dry run, what depends on things that are not there yet is planned as unknown.
        """
        begin = time.perf_counter()
        try:
            yield
        except DryRunEnds:
            return
        except CrossvoxError:
            if not self.dry:
                raise
            self.plan.append(Planned(name, "", "unknown"))
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def end_dry_run(self) -> None:
        """The place in a longer job where a dry run has told everything.

        Raises:
            DryRunEnds: this is one.
        """
        if self.dry:
            raise DryRunEnds


@dataclass(frozen=True)
class CarryOut:
    """Makes items of one folder; can be sent to another process.

    Attributes:
        out: the folder of items.
        progress: who watches.
        verify: see :class:`Runner`.
    """

    out: Path
    progress: Progress
    verify: bool = False

    def __call__(self, job: Job) -> Outcome:
        """Make one item, unless it is there or another process is at work on it."""
        with locks.taken(self.out, job.item) as mine:
            if not mine:
                return Outcome(job.item, "elsewhere")
            return carry_out(job, self.progress, self.verify)


def carry_out(job: Job, progress: Progress, verify: bool = False) -> Outcome:
    """Make or keep one folder; nobody else may be at work on it. A damaged one is made anew."""
    manifest = job.stage.manifest()
    recover(job.folder)
    damaged = ""
    if is_current(job.folder, manifest):
        damaged = damage(job.folder, whole=verify)
        if not damaged:
            there = read_manifest(job.folder)
            return Outcome(job.item, "kept", there.notes, there.seconds)
        progress.say(_made_anew(job.item, damaged))
    begin = time.perf_counter()
    with building(job.folder) as temporary:
        work = Work(temporary, progress)
        notes = plain(job.stage.make(work))
        write_manifest(
            temporary,
            replace(
                manifest,
                seconds=work.watch.seconds,
                notes=notes,
                links=_links(job.stage, job.folder),
                learnt_from=work.learnt_from,
            ),
        )
    record_rate(job.stage.NAME, time.perf_counter() - begin, job.stage.size())
    return Outcome(job.item, "made", notes, work.watch.seconds, damage=damaged)


def _made_anew(item: str, damaged: str) -> str:
    return f"{item} is damaged and is made anew: {damaged}"


def _expect_free(stage: Stage, folder: Path) -> None:
    """Refuse a folder that may not be replaced by what a stage makes."""
    expect_own(folder, stage.NAME)
    expect_apart(folder, {role: given.path for role, given in stage.inputs.items()})
    if not is_current(folder, stage.manifest()):
        expect_no_strangers(folder)


def _links(declared: Declared, folder: Path) -> dict[str, str]:
    return relative_links({role: given.path for role, given in declared.inputs.items()}, folder)
