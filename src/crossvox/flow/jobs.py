"""Where the items of a folder are made: in this process, or in worker processes beside it.

A back end takes jobs and gives back, in any order, what became of each. It is the one place where
another engine plugs in: register a back end under a name of its own (entry points
``crossvox.backends``).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal, Protocol

from crossvox.core.checks import CrossvoxError
from crossvox.core.registry import Registry
from crossvox.core.threads import LIMIT, threads
from crossvox.flow.memory import shown
from crossvox.flow.stage import Stage

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
        damage: what was wrong with the one that was there, and was made anew for it.
    """

    item: str
    status: Status
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    damage: str = ""


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
    on; another worker takes its place.
    """

    def run(
        self, carry: Carry, jobs: Sequence[Job], workers: int, memory: int | None = None
    ) -> Iterator[Outcome]:
        """See :class:`Backend`."""
        waiting = list(reversed(jobs))
        share = max(1, threads() // workers)
        busy: dict[Connection, tuple[_Worker, Job]] = {}
        idle: list[_Worker] = []
        try:
            while waiting or busy:
                while waiting and len(busy) < workers:
                    worker = idle.pop() if idle else _Worker(share)
                    job = waiting.pop()
                    worker.pipe.send((carry, job))
                    busy[worker.pipe] = (worker, job)
                for pipe in [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]:
                    worker, job = busy.pop(pipe)
                    try:
                        outcome = worker.pipe.recv()
                        idle.append(worker)
                    except (EOFError, ConnectionError):
                        outcome = Outcome(job.item, "failed", error=worker.buried())
                    yield outcome
        finally:
            for worker in [*idle, *(worker for worker, _ in busy.values())]:
                worker.stop()


class OnRay:
    """Tasks of a Ray cluster, see :mod:`crossvox.flow.on_ray`; Ray is loaded when it is asked."""

    remote = True

    def expect_ready(self) -> None:
        """Refuse, before any work, to work without what is not installed.

        Raises:
            CrossvoxError: Ray is missing; the text tells what to install.
        """
        from crossvox.flow.on_ray import library

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
    except CrossvoxError as error:
        text = str(error)
    except MemoryError:
        text = "out of memory"
    except OSError as error:
        text = _of_the_system(error)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    return Outcome(job.item, "failed", error=text)


def _of_the_system(error: OSError) -> str:
    """What the system refuses, and where; some writers of a full disk count bytes alone."""
    if error.errno is None:
        return f"a file could not be read or written ({error}); is the disk full?"
    return f"{error.strerror}" + (f": {error.filename}" if error.filename else "")


class _Worker:
    """A process that makes items, and this end of the pipe to it."""

    def __init__(self, share: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other,))
        with _inheriting(share):
            self._process.start()
        other.close()

    def buried(self) -> str:
        """What its death looks like; it is over for good."""
        self._process.join()
        return death(self._process.exitcode or 0)

    def stop(self) -> None:
        """End it, whatever it is doing; what it had begun is cleaned up."""
        self.pipe.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def death(code: int) -> str:
    """What the exit code of a worker process says of its end; negative: the signal's number."""
    name = signal.Signals(-code).name if code < 0 else ""
    if name == "SIGKILL":
        return "the worker process was killed (SIGKILL); a lack of memory is the usual reason"
    if name:
        return f"the worker process was ended by a signal ({name})"
    return (
        f"the worker process ended with exit code {code}, or could not start. It imports the main "
        f"script anew: a script read from standard input cannot be, and one in a file must do its "
        f"work under if __name__ == '__main__'. Or make one item at a time (workers=1)"
    )


POOLS = (LIMIT, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _inheriting(share: int) -> Iterator[None]:
    """What a worker inherits: libraries read the number of their threads when they are loaded."""
    before = {name: os.environ.get(name) for name in POOLS}
    os.environ.update(dict.fromkeys(POOLS, str(share)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(pipe: Connection) -> None:
    """The life of a worker: jobs in, outcomes out, until the other end is closed."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told as well, and ends this one
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            carry, job = pipe.recv()
            pipe.send(attempt(carry, job))
        except (EOFError, BrokenPipeError):
            return


def _end(signum: int, frame: object) -> None:
    """Leave by an exception, so that what was begun is cleaned up."""
    del signum, frame
    raise SystemExit(1)


def _follow_parent() -> None:
    """A worker does not outlive its parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
