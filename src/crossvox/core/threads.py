"""The one place that knows how many threads this process may use, and spreads work over them.

Kernels here are compiled for one thread and called for parts of their range. Compared with
numba's own parallel loops, threads that have nothing to do sleep instead of spinning, a part goes
to whichever thread is free, several callers may run at once, and a forked process is no danger:
all of which matters where many scenes are prepared side by side.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT = "CROSSVOX_THREADS"
"""Environment variable: the most threads that this process may use; workers inherit theirs."""

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use: its affinity, and the quota of the container it is in."""
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    return max(1, min(there, _quota(_CGROUP)))


def threads() -> int:
    """Threads that this process may keep busy: its cores, unless a worker was given fewer.

    Read it when work begins, not when a module is imported.
    """
    limit = os.environ.get(LIMIT, "")
    return min(cores(), int(limit)) if limit.isdigit() and int(limit) > 0 else cores()


@cache
def _quota(cgroup: Path) -> int:
    """Cores that a container may use (control groups, version 2, then 1); many where no limit.

    Read once: kernels ask for every frame.
    """
    for quota_file, period_file in (
        ("cpu.max", None),
        ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
    ):
        try:
            words = (cgroup / quota_file).read_text(encoding="ascii").split()
            if period_file is not None:
                words += (cgroup / period_file).read_text(encoding="ascii").split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):
            continue  # no such file, or "max": no limit
        if quota > 0 and period > 0:
            return max(1, math.ceil(quota / period))
    return 2**16


def spread(work: Callable[[int, int], object], length: int, parts: int | None = None) -> None:
    """Call ``work(begin, end)`` for consecutive parts of ``range(length)``, on all :func:`threads`.

    Args:
        work: handles one part; must release the interpreter lock to gain anything.
        length: size of the range.
        parts: how many parts to cut it into; None: four a thread.

    Raises:
        Exception: whatever ``work`` raises first.
    """
    begin(work, length, parts)()


def begin(
    work: Callable[[int, int], object], length: int, parts: int | None = None
) -> Callable[[], None]:
    """:func:`spread` in two steps: the other threads begin, and the caller may do something else.

    Nothing is sure to be done before the second step, and everything after it.

    Args:
        work, length, parts: see :func:`spread`.

    Returns:
        The second step, to be called once: it takes part in what is left, waits for the others,
        and raises whatever ``work`` raised first.
    """
    helpers = threads() - 1
    parts = min(length, 4 * (helpers + 1) if parts is None else parts)
    numbers = count()

    def some() -> None:
        while (number := next(numbers)) < parts:
            work(number * length // parts, (number + 1) * length // parts)

    waiting = [_pool(os.getpid(), helpers).submit(some) for _ in range(min(helpers, parts - 1))]

    def finish() -> None:
        try:
            some()
        finally:
            # A helper that has not begun is not needed any more: all parts are taken.
            started = [future for future in waiting if not future.cancel()]
            for future in started:
                future.exception()
        for future in started:
            future.result()

    return finish


def in_order(work: Callable[[int], T], positions: Iterable[int]) -> Generator[T, None, None]:
    """The outcomes of all positions in their order, on all :func:`threads`.

    What has not begun when the generator is closed is not done any more.
    """
    if threads() == 1:
        # A thread of its own would only pass the interpreter to and fro: a tenth of the time.
        yield from map(work, positions)
        return
    pool = ThreadPoolExecutor(max_workers=threads())
    try:
        yield from pool.map(work, positions)
    finally:
        pool.shutdown(cancel_futures=True)


def meanwhile(work: Callable[[], T]) -> Callable[[], T]:
    """Begin something on another thread, where this process has one; it is done at once elsewhere.

    While it is at work, :func:`spread` has that thread less.

    Returns:
        What waits for its result, or raises what it raised.
    """
    if threads() > 1:
        return _pool(os.getpid(), threads() - 1).submit(work).result
    done = Future[T]()
    try:
        done.set_result(work())
    except Exception as error:
        done.set_exception(error)
    return done.result


@cache
def _pool(process: int, helpers: int) -> ThreadPoolExecutor:
    """The helpers of one process; a forked one does not inherit its parent's threads."""
    del process
    return ThreadPoolExecutor(helpers, thread_name_prefix="crossvox")
