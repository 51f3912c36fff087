"""A worker process: it makes items for its parent, and does not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from crossvox.core.endings import HANGUP
from crossvox.core.threads import LIMIT

ASKED_TO_END = 128 + signal.SIGTERM
"""Exit code of a worker that was told to end by SIGTERM: what it was at work on is not done."""

_GRACE_S = 10.0
"""So long a worker may clean up; then it is killed."""

POOLS = (LIMIT, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that tell a worker, and libraries in it, how many threads they may use."""


class Worker:
    """A process that makes items, and this end of the pipe to it.

    Args:
        share: threads that it may use.
    """

    def __init__(self, share: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other,), name="crossvox worker")
        with _inheriting(share), _held_back():
            self._process.start()
        other.close()
        self._watched: Any = None

    def memory(self) -> int:
        """Bytes of memory that it takes now; 0 where it is gone."""
        import psutil

        with suppress(psutil.Error):
            self._watched = self._watched or psutil.Process(self._process.pid)
            return int(self._watched.memory_info().rss)
        return 0

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def buried(self) -> int:
        """The exit code of one that has ended; it is over for good."""
        self._end(time.monotonic() + _GRACE_S)  # it has closed its pipe, and may hang
        self.pipe.close()
        return self._process.exitcode or 0

    def _ask_to_end(self) -> None:
        self.pipe.close()
        with suppress(ValueError, OSError):
            self._process.terminate()

    def _end(self, until_s: float) -> None:
        self._process.join(max(0.0, until_s - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def stop(workers: Iterable[Worker]) -> None:
    """End workers, whatever they are doing; what they had begun is cleaned up."""
    every = list(workers)
    until_s = time.monotonic() + _GRACE_S
    for worker in every:
        worker._ask_to_end()
    for worker in every:
        worker._end(until_s)


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


_FROM_TERMINAL = {signal.SIGINT} | ({HANGUP} if HANGUP is not None else set())
_SIGNALS = {*_FROM_TERMINAL, signal.SIGTERM}


@contextmanager
def _held_back() -> Iterator[None]:
    """A worker is started with its signals held back, until it knows what to do about them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """The life of a worker: jobs in, outcomes out, until the other end is closed."""
    from crossvox.flow.jobs import attempt

    signal.signal(signal.SIGTERM, _end)
    for number in _FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)  # the parent is told as well, and ends this one
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_follow_parent, daemon=True).start()
    while True:
        try:
            carry, job = pipe.recv()
            pipe.send(attempt(carry, job))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _end(signum: int, frame: object) -> None:
    """Leave by an exception, so that what was begun is cleaned up; once."""
    del signum, frame
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(ASKED_TO_END)


def _follow_parent() -> None:
    """A worker does not outlive its parent, not even in a library that hears no signal."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_S)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
