"""The runner: makes what is declared, keeps what is there, and tells what it would do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    Stopwatch,
    plain,
    read_manifest,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, CrossvoxError, ParamsError, expect
from crossvox.core.heap import give_back
from crossvox.core.threads import threads
from crossvox.flow import locks
from crossvox.flow.choice import ALL, Choice
from crossvox.flow.collection import (
    enter,
    expect_identity,
    expect_told_apart,
    made_of,
    open_collection,
)
from crossvox.flow.contents import damage, expect_no_strangers, expect_whole
from crossvox.flow.folder import (
    building,
    expect_apart,
    expect_own,
    is_current,
    recover,
    relative_links,
)
from crossvox.flow.items import Call, Notes, Shelf, failure_of, made_anew
from crossvox.flow.jobs import BACKENDS, Job, Outcome, attempt, is_remote
from crossvox.flow.leftovers import clear_items, clear_own
from crossvox.flow.memory import room_for
from crossvox.flow.progress import Begin, Progress, Silent
from crossvox.flow.rates import foretell, record_rate
from crossvox.flow.stage import Collection, Continued, Declared, Stage


@dataclass
class Work:
    """What a stage is given to work with.

    Attributes:
        out: the empty folder to fill.
        progress: who watches.
        watch: adds up time by step, for the manifest.
        shared: a folder where it may keep what others will ask for as well; None: nowhere.
        learnt_from: to be set by a stage whose result comes from a network: see
            :mod:`crossvox.flow.lineage`.
        size: may be set by a stage that knows its :meth:`~crossvox.flow.stage.Stage.size` by
            then: it is not asked for it again.
        dry: only look, see :meth:`~crossvox.flow.stage.Continued.foresee`.
    """

    out: Path
    progress: Progress
    watch: Stopwatch = field(default_factory=Stopwatch)
    shared: Path | None = None
    learnt_from: tuple[str, ...] | None = None
    size: float | None = None
    dry: bool = False


Status = Literal["make", "make again", "keep", "continue", "unknown", "failed"]


@dataclass(frozen=True)
class Planned:
    """What a dry run tells of one item.

    Attributes:
        stage: name of its stage.
        item: its name.
        status: what would become of it; "make again" where it is there, made from something else,
            "unknown" where it depends on what is not there yet, "failed" where it failed before and
            is not tried again.
        seconds: about how long, from what was recorded; None where nothing was.
        memory: about how much memory, bytes, likewise.
    """

    stage: str
    item: str
    status: Status
    seconds: float | None = None
    memory: int | None = None


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
        shared: a folder where stages keep what others ask for as well; None: nowhere. What they
            make is the same.

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
        shared: Path | None = None,
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
        self.shared = shared
        self.plan: list[Planned] = []
        self.seconds: dict[str, float] = {}
        self._parts: _Parts | None = None
        self._before: set[str] = set()  # In a dry run: what becomes of the parts before this one.

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
            recover(folder)
            try:
                job = Job(folder.name, stage, folder)
                return carry_out(job, self.progress, self.verify, self.shared)
            except BaseException:
                recover(folder)  # where a signal came while things were put right
                raise

    def go_on(self, stage: Continued, folder: Path) -> Any:
        """Begin or go on with a folder that its stage works in itself.

        Returns:
            What the stage returns.

        Raises:
            ArtifactError: ``folder`` holds something else, or another process is at work on it.
            CrossvoxError: whatever the stage raises.
        """
        expect(
            folder.exists() or not folder.is_symlink(),
            given=f"{folder}, a link to what is not there",
            needed="a folder, or a name that is free",
            do="remove the link, or name another folder",
            error=ArtifactError,
        )
        if locks.leads() and stage.state(folder) == "make":
            expect_own(folder.resolve(), stage.NAME)
        if locks.leads() and stage.state(folder) == "keep":
            for part in stage.parts(folder):
                expect_whole(part, whole=self.verify)
        if self.dry:
            state = stage.foresee(Work(folder, self.progress, dry=True))
            self._plan(stage.NAME, folder.name, state, foretell(stage.rate(), stage.size()), "make")
            raise DryRunEnds
        with locks.alone(folder, inside=True):
            fresh, begin = stage.state(folder) == "make", time.perf_counter()
            if locks.leads():
                clear_own(folder)
            ended = stage.go_on(Work(folder, self.progress, shared=self.shared))
            if fresh and stage.state(folder) == "keep":
                record_rate(stage.rate(), time.perf_counter() - begin, stage.size())
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
        notes: Notes | None = None,
        learnt_from: tuple[str, ...] | None = None,
    ) -> Made:
        """Make the items of a folder; those that are there already are kept.

        An item that fails is reported, and the others go on. It is tried again when it would be
        made from something else, or when that is asked for. Any number of processes, of any number
        of machines, may work on one folder.

        Args:
            collection: what all items have in common.
            items: what makes each, by name; which of them this call makes, its choice says.
            out: the folder.
            workers: items at once; 1 makes them in this process, 0 as many as there are cores.
            label: what items are called in the progress.
            links: folders they are made from, by role; for reports.
            notes: of the folder's manifest, given what has become of all items, whoever made them,
                as far as they are done or have failed.
            learnt_from: scenes that the network behind the items has learnt from.

        Raises:
            ArtifactError: ``out`` holds something else, or items of another identity.
            CrossvoxError: every item failed; the text names the reasons.
        """
        relative = relative_links(links or {}, out)
        shelf = Shelf(out, collection.manifest().identity, items)
        jobs = [Job(name, items[name], out / name) for name in self.choice.of(items)]
        for job in jobs:
            _expect_free(job.stage, job.folder)
        if self.dry:
            expect_own(out, collection.NAME)
            made_of(out, collection.manifest())
            retried = self.choice.retry_failed or "make again" in self._before
            before = {} if retried else shelf.settled(jobs)
            self.plan += [Planned(collection.NAME, name, "failed", 0.0) for name in before]
            for job in jobs:
                if job.item not in before:
                    self.foresee(job.stage, job.folder, workers)
            raise DryRunEnds
        open_collection(out, collection, relative, items)
        expect_told_apart(out, items)
        clear_items(out)
        call = Call(shelf, self.progress, label, len(jobs))
        try:
            try:
                self._carry_out(call, jobs, workers)
            finally:
                clear_items(out)  # what workers left that were ended
            outcomes = tuple(call.outcomes[job.item] for job in jobs)
            failed = {o.item: o.error for o in outcomes if o.status == "failed"}
            nothing = bool(failed) and len(failed) == len(outcomes)
            manifest = read_manifest(out)
            if manifest.items or not nothing:
                manifest = call.close(notes, relative, learnt_from)
        except KeyboardInterrupt:  # whenever it came: what is there is listed
            call.enter()
            if read_manifest(out).items:
                call.close(notes, relative, learnt_from)
            raise
        if nothing:
            reasons = "; ".join(f"{item}: {text}" for item, text in list(failed.items())[:3])
            raise CrossvoxError(f"none of the {len(failed)} {label} could be made. {reasons}")
        return Made(out, outcomes, manifest)

    def _carry_out(self, call: Call, jobs: Sequence[Job], workers: int) -> None:
        """Have all jobs carried out; what another process has left undone comes last."""
        if not self.choice.retry_failed:
            call.settle(call.shelf.settled(jobs))
        todo = [job for job in jobs if job.item not in call.outcomes]
        name, means = self.means(len(todo), workers)
        watched = name == "here"
        quiet = self.progress if watched else Silent()
        carry = CarryOut(call.shelf, quiet, self.verify, self.choice.retry_failed, self.shared)
        call.run(BACKENDS[name], carry, todo, watched=watched, **means)
        held = {holder.item for holder in locks.at_work(call.shelf.out)}
        elsewhere = [job for job in todo if call.outcomes[job.item].status == "elsewhere"]
        left = [job for job in elsewhere if job.item not in held]
        call.run(BACKENDS[name], carry, left, watched=watched, **means)

    def means(self, count: int, workers: int) -> tuple[str, dict[str, Any]]:
        """Name of the back end that carries out some jobs, and what it is given beside them.

        Args:
            count: how many jobs.
            workers: at once; 0: as many as there are cores, or as a remote back end has room for.
        """
        expect(
            workers >= 0,
            given=f"{workers} workers",
            needed="a number of 1 or more, or 0 for one a core",
            do="correct --workers",
            error=ParamsError,
        )
        remote = bool(self.backend) and is_remote(BACKENDS[self.backend])
        asked = workers or (0 if remote else threads())
        several = min(asked, count) > 1 or self.memory is not None
        name = self.backend or ("pool" if several else "here")
        if not remote:
            asked = self._room_for(min(asked, count))
        given: dict[str, Any] = {"workers": min(asked, count)}
        if self.memory is not None:
            given["memory"] = self.memory
        return name, given

    def _room_for(self, workers: int) -> int:
        """As many workers as asked for, or as this machine has cores and memory for."""
        count, why = room_for(workers, threads(), self.memory)
        if why:
            self.progress.say(f"{count} workers at once instead of {workers}: {why}")
        return count

    def foresee(self, stage: Stage, folder: Path, workers: int = 1) -> None:
        """Note in the plan what would become of a folder."""
        current = is_current(folder, stage.manifest())
        seconds = foretell(stage.NAME, stage.size())
        share = None if seconds is None else seconds / max(1, workers)
        state: Status = "make"
        if current and not damage(folder, whole=self.verify):
            state = "keep"
        elif not current and (folder / MANIFEST).is_file():
            state = "make again"
        self._plan(stage.NAME, folder.name, state, share)

    def _plan(
        self, stage: str, item: str, status: Status, seconds: float | None, *doubtful: str
    ) -> None:
        """Note in the plan what would become of an item, as far as parts before it let it stay.

        Args:
            stage: name of its stage.
            item: its name.
            status: what would become of it, were all it is made from as it is.
            seconds: how long it would take to make.
            doubtful: what else of the parts before leaves open whether it is kept.
        """
        if status in ("keep", "continue"):
            if "make again" in self._before:
                status = "make again"
            elif self._before & {"unknown", *doubtful}:
                status, seconds = "unknown", None
        self.plan.append(Planned(stage, item, status, 0.0 if status == "keep" else seconds))

    def expect_parts(
        self, label: str, names: Sequence[str], *, size: float = 1.0, fresh: bool = True
    ) -> None:
        """Begin a job of several parts, see :meth:`part`: all the way it is told what is left.

        Args:
            label: what the job is called.
            names: of its parts, in their order.
            size: how much work it is, in any unit, as :meth:`Stage.size`.
            fresh: whether nothing of it is there yet: how long its parts take is then recorded.
        """
        if not self.dry:
            begin = self.progress.whole(label, {n: foretell(f"{label}: {n}", size) for n in names})
            self._parts = _Parts(label, tuple(names), begin, size, fresh)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of a longer job: it is timed, and a dry run goes on after it.

        Memory that the parts before it have freed goes back to the system first. In a dry run, what
        depends on things that are not there yet is planned as unknown, and what is there as made
        again, where a part before it is: each part is made from those before it.
        """
        begin = time.perf_counter()
        self._before = {one.status for one in self.plan}
        give_back()
        parts = self._parts if self._parts is not None and name in self._parts.names else None
        if parts is not None:
            parts.begin(name)
        try:
            yield
        except DryRunEnds:
            return
        except CrossvoxError:
            if not self.dry:
                raise
            self.plan.append(Planned(name, "", "unknown"))
        else:
            if parts is not None:
                parts.end(name, time.perf_counter() - begin)
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
class _Parts:
    """The parts of a longer job, see :meth:`Runner.expect_parts`."""

    label: str
    names: tuple[str, ...]
    begin: Begin
    size: float
    recorded: bool

    def end(self, name: str, seconds: float) -> None:
        """A part is done."""
        if self.recorded:
            record_rate(f"{self.label}: {name}", seconds, self.size)
        if name == self.names[-1]:
            self.begin("")


@dataclass(frozen=True)
class CarryOut:
    """Makes items of one folder; can be sent to another process.

    Attributes:
        shelf: the folder of items.
        progress: who watches.
        verify: see :class:`Runner`.
        retry: whether what failed before is tried again.
        shared: likewise.
    """

    shelf: Shelf
    progress: Progress
    verify: bool = False
    retry: bool = False
    shared: Path | None = None

    def __call__(self, job: Job) -> Outcome:
        """Make one item, unless it is there, has failed, or another process is at work on it."""
        with locks.taken(self.shelf.out, job.item) as mine:
            if not mine:
                return Outcome(job.item, "elsewhere")
            with locks.shared(self.shelf.out, "collection"):
                # Where nothing was made yet, another call may have claimed the folder for other
                # items. From now on it sees that somebody is at work there.
                expect_identity(self.shelf.out, self.shelf.identity)
            before = None if self.retry else self.shelf.failed_before(job)
            if before is not None:
                return before
            outcome = attempt(self._make, job)
            if outcome.status == "failed":
                # Before the lock is gone: nobody shall try the same again.
                failed = {job.item: failure_of(outcome, job.stage)}
                enter(self.shelf.out, self.shelf.identity, {}, failed)
                return replace(outcome, entered=True)
            return outcome

    def _make(self, job: Job) -> Outcome:
        return carry_out(job, self.progress, self.verify, self.shared)

    def __reduce__(self) -> Any:
        # A worker needs no more of the shelf than where it is: not all other stages.
        shelf = replace(self.shelf, stages={})
        return CarryOut, (shelf, self.progress, self.verify, self.retry, self.shared)


def carry_out(
    job: Job, progress: Progress, verify: bool = False, shared: Path | None = None
) -> Outcome:
    """Make or keep one folder; nobody else may be at work on it. A damaged one is made anew."""
    manifest = job.stage.manifest()
    damaged = ""
    if is_current(job.folder, manifest):
        damaged = damage(job.folder, whole=verify)
        if not damaged:
            there = read_manifest(job.folder)
            return Outcome(job.item, "kept", there.notes, there.seconds, digest=there.digest)
        progress.say(made_anew(job.item, damaged))
    begin = time.perf_counter()
    with building(job.folder) as temporary:
        work = Work(temporary, progress, shared=shared)
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
    size = job.stage.size() if work.size is None else work.size
    record_rate(job.stage.NAME, time.perf_counter() - begin, size)
    return Outcome(
        job.item,
        "made",
        notes,
        work.watch.seconds,
        damage=damaged,
        digest=manifest.digest,
    )


def _expect_free(stage: Stage, folder: Path) -> None:
    """Refuse a folder that may not be replaced by what a stage makes."""
    expect_own(folder, stage.NAME)
    expect_apart(folder, stage.inputs)
    if not is_current(folder, stage.manifest()):
        expect_no_strangers(folder)


def _links(declared: Declared, folder: Path) -> dict[str, str]:
    return relative_links({role: given.path for role, given in declared.inputs.items()}, folder)
