"""Where the items of a folder are made: in this process, or in worker processes beside it.

A back end takes jobs and gives back, in any order, what became of each. It is the one place where
another engine plugs in: register a back end under a name of its own (entry points
``crossvox.backends``).
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, Protocol

from crossvox.core.checks import error_text, is_passing
from crossvox.core.registry import Registry
from crossvox.core.threads import threads
from crossvox.flow.memory import shown
from crossvox.flow.stage import Stage
from crossvox.flow.worker import ASKED_TO_END, Worker, death, stop

LOOKS = 10
"""How many times a second the memory of workers with a budget is looked at."""

ATTEMPTS = 3
"""An item whose workers are told to end by a signal, so many times, has failed."""

Status = Literal["made", "kept", "failed", "elsewhere"]


@dataclass(frozen=True)
class Outcome:
    """What became of one item.

    Attributes:
        item: its name.
        status: "made"; "kept": it was there already, of the same identity; "failed"; "elsewhere":
            another process is at work on it.
        notes: what its manifest notes.
        seconds: times by step.
        error: why it failed.
        passing: whether the machine is to blame, not what it is made from: the system refused a
            file, such as on a full disk. The same call tries it again.
        damage: what was wrong with the one that was there, and was made anew for it.
        digest: of what is there now.
        entered: whether the folder's manifest tells of it already.
    """

    item: str
    status: Status
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    passing: bool = False
    damage: str = ""
    digest: str = ""
    entered: bool = False


@dataclass(frozen=True)
class Job:
    """One item to make: its name, what makes it, and where to."""

    item: str
    stage: Stage
    folder: Path


Carry = Callable[[Job], Outcome]
"""Makes the item of a job; raises what goes wrong."""


class Backend(Protocol):
    """Who carries out jobs.

    A back end whose workers are on other machines as well says so by an attribute ``remote`` that
    is true. For any other the number of workers is lowered to what this machine has room for. One
    that needs what may be missing has a method ``expect_ready``, which is called before any work.
    """

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """Carry out all jobs; one that fails is an outcome, and the others go on.

        Work that ends early closes the iterator: a back end then stops its workers, whatever they
        are doing, and a job without an outcome counts as not done.

        Args:
            carry: what to do with a job; can be pickled.
            jobs: what to do.
            workers: how many at once; 0, to a remote back end alone: as many as it has room for.
            memory: the most that one worker may take, bytes; None: nobody asked for a limit. It is
                what a back end reserves for a job, where it knows of such; a job that takes more
                fails with :func:`too_much`, and no other job with it.
        """
        ...


def is_remote(backend: Backend) -> bool:
    """Whether a back end has workers on other machines."""
    return bool(getattr(backend, "remote", False))


def too_much(memory: int) -> str:
    """Why a job failed that took more than the budget of a worker, bytes."""
    return (
        f"needed more than {shown(memory)} of memory, the budget of a worker; do: raise --memory "
        f"and add --retry-failed"
    )


class Here:
    """One job after the other, in this process."""

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """See :class:`Backend`."""
        del workers, memory
        for job in jobs:
            yield attempt(carry, job)


class Pool:
    """Worker processes, each with its share of the threads.

    A worker that is killed, by a lack of memory for example, costs the item that it was at work
    on; another worker takes its place. One that takes more than its budget is ended: its memory is
    looked at :data:`LOOKS` times a second. One that is told to end by a signal has done nothing
    wrong: its item is made by another.
    """

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """See :class:`Backend`."""
        waiting = list(reversed(jobs))
        share = max(1, threads() // max(1, workers))
        ended: Counter[str] = Counter()
        busy: dict[Connection, tuple[Worker, Job]] = {}
        idle: list[Worker] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < max(1, workers):
                    worker = _unburdened(idle, memory) or Worker(share)
                    job = waiting.pop()
                    busy[worker.pipe] = (worker, job)
                    with suppress(ConnectionError):  # it has ended: its pipe tells
                        worker.pipe.send((carry, job))
                for pipe in _ready(busy, None if memory is None else 1 / LOOKS):
                    worker, job = busy.pop(pipe)
                    try:
                        outcome = pipe.recv()
                        idle.append(worker)
                    except (EOFError, ConnectionError):
                        code = worker.buried()
                        ended[job.item] += 1
                        if code in (ASKED_TO_END, -signal.SIGTERM) and ended[job.item] < ATTEMPTS:
                            waiting.append(job)
                            continue
                        outcome = Outcome(job.item, "failed", error=death(code))
                    yield outcome
                for pipe in _beyond(busy, memory):
                    worker, job = busy.pop(pipe)
                    worker.kill()
                    yield Outcome(job.item, "failed", error=too_much(memory or 0))
        finally:
            stop([*idle, *(worker for worker, _ in busy.values())])


def _unburdened(idle: list[Worker], memory: int | None) -> Worker | None:
    """A worker that waits; one that keeps half a budget of what it made is sent away instead."""
    while idle:
        worker = idle.pop()
        if memory is None or worker.memory() <= memory / 2:
            return worker
        stop([worker])
    return None


def _ready(busy: Mapping[Connection, Any], within_s: float | None) -> list[Connection]:
    """Pipes with something to read, or at whose other end nobody is any more."""
    found = wait(list(busy), within_s)
    return [pipe for pipe in found if isinstance(pipe, Connection)]


def _beyond(busy: Mapping[Connection, tuple[Worker, Job]], memory: int | None) -> list[Connection]:
    """Pipes of workers that take more than their budget, and have not just ended their item."""
    if memory is None:
        return []
    return [
        pipe for pipe, (worker, _) in busy.items() if worker.memory() > memory and not pipe.poll()
    ]


class OnRay:
    """Tasks of a Ray cluster, see :mod:`crossvox.flow.on_ray`; Ray is loaded when it is asked."""

    remote = True

    def expect_ready(self) -> None:
        """Refuse, before any work, to work without what is not installed.

        Raises:
            CrossvoxError: Ray is missing; the text tells what to install.
        """
        from crossvox.flow.ray_cluster import library

        library()

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """See :class:`Backend`."""
        from crossvox.flow.on_ray import run_on_ray

        return run_on_ray(carry, jobs, workers, memory)


BACKENDS: Registry[Backend] = Registry("back end", "crossvox.backends")
BACKENDS.register("here", Here())
BACKENDS.register("pool", Pool())
BACKENDS.register("ray", OnRay())


def attempt(carry: Carry, job: Job) -> Outcome:
    """Carry out one job; whatever goes wrong with it becomes its outcome."""
    try:
        return carry(job)
    except Exception as error:
        return Outcome(job.item, "failed", error=error_text(error), passing=is_passing(error))
