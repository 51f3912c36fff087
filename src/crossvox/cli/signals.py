"""Being told to end: SIGTERM and SIGHUP are heard like Ctrl-C, all the while that a command works.

What is half-written goes, what is finished is kept and entered, workers end, and the exit code says
that the same command goes on: :data:`INTERRUPTED` for all of them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from crossvox.core.endings import heard_endings, leave_terminal

INTERRUPTED = 130
"""Exit code of what was told to end: call it again, and it goes on."""

PATIENCE_S = 25.0
"""What was told to end has ended by then: batch schedulers kill 30 s later."""

_CAN_WAIT = hasattr(signal, "setitimer")

REMARK = "interrupted; run the same command again to continue"


class ToldToEnd(KeyboardInterrupt):
    """A signal came.

    A class of its own: the interpreter ends by SIGINT, whatever the exit code, once the plain
    exception has left a text that is executed, as some libraries do when they are imported.
    """


@contextmanager
def terminating() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP raise :class:`ToldToEnd`.

    The latter two do so once, so that what is put right then is not disturbed; Ctrl-C each time.
    They may come while a library holds a lock, which nobody gives back then: a command that has not
    ended some seconds later is left at once. That is as if it was killed, which harms nothing.

    None is raised while a module is imported, but right after it: the C++ of some (torch 2.14 among
    them) aborts the process where an exception comes out of Python in the midst of that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    me, imports, heard_at = os.getpid(), _imports(sys._getframe()), list[float]()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != me:
            # A forked worker ends as it would have.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        leave_terminal(number)
        if _CAN_WAIT and (_is_within_library(frame) or _imports(frame) > imports):
            heard_at.append(time.monotonic())
            if heard_at[-1] - heard_at[0] > PATIENCE_S:
                os._exit(INTERRUPTED)
            _call_in(0.05, lambda _, frame: interrupt(number, frame))
            return
        if number != signal.SIGINT:
            for one in endings:
                signal.signal(one, signal.SIG_IGN)
            heard_at.append(time.monotonic())
            _call_in(PATIENCE_S, lambda *_: os._exit(INTERRUPTED))
        raise ToldToEnd

    # Who has Ctrl-C ignored, such as a shell that started this in the background, keeps it so.
    endings = heard_endings()
    heard = [*endings]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        heard.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard_at and _CAN_WAIT:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _call_in(seconds: float, what: Callable[[int, FrameType | None], Any]) -> None:
    """Have something called later in this thread, where the system can."""
    if _CAN_WAIT:
        signal.signal(signal.SIGALRM, what)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _under_way(frame: FrameType | None) -> Iterator[str]:
    """Names of the functions that are at work, the innermost first."""
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


def _imports(frame: FrameType | None) -> int:
    """How many imports are under way."""
    return sum(name == "_find_and_load" for name in _under_way(frame))


def _is_within_library(frame: FrameType | None) -> bool:
    """Whether a library that calls Python is at work: an exception would be lost in there."""
    # LLVM, as it compiles.
    return any(name.startswith("_raw_object_cache") for name in _under_way(frame))
