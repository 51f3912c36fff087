"""Work spread over threads. For kernels that release the interpreter lock.

Kernels here are compiled for one thread and called for parts of their range. Compared with
numba's own parallel loops, threads that have nothing to do sleep instead of spinning, a part goes
to whichever thread is free, several callers may run at once, and a forked process is no danger:
all of which matters where many scenes are prepared side by side.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(work: Callable[[int, int], object], length: int, parts: int | None = None) -> None:
    """Call ``work(begin, end)`` for consecutive parts of ``range(length)``, on all cores.

    Args:
        work: handles one part; must release the interpreter lock to gain anything.
        length: size of the range.
        parts: how many parts to cut it into; None: four a core.

    Raises:
        Exception: whatever ``work`` raises first.
    """
    helpers = cores() - 1
    parts = min(length, 4 * (helpers + 1) if parts is None else parts)
    numbers = count()

    def some() -> None:
        while (number := next(numbers)) < parts:
            work(number * length // parts, (number + 1) * length // parts)

    waiting = [_pool(os.getpid(), helpers).submit(some) for _ in range(min(helpers, parts - 1))]
    try:
        some()
    finally:
        # A helper that has not begun is not needed any more: all parts are taken.
        started = [future for future in waiting if not future.cancel()]
        for future in started:
            future.exception()
    for future in started:
        future.result()


@cache
def _pool(process: int, helpers: int) -> ThreadPoolExecutor:
    """The helpers of one process; a forked one does not inherit its parent's threads."""
    del process
    return ThreadPoolExecutor(helpers, thread_name_prefix="crossvox-scene")
