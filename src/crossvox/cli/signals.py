"""Being told to end: SIGTERM is heard like Ctrl-C, from the first moment of a command to its last.

What is half-written goes, what is finished is kept and entered, workers end, and the exit code says
that the same command goes on: :data:`INTERRUPTED` for both.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

INTERRUPTED = 130
"""Exit code of what was told to end: call it again, and it goes on."""

REMARK = "interrupted; run the same command again to continue"


@contextmanager
def terminating() -> Iterator[None]:
    """SIGTERM raises KeyboardInterrupt, once: what it has begun to put right is not disturbed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    me = os.getpid()

    def interrupt(number: int, _: Any) -> None:
        if os.getpid() != me:
            # A forked worker ends as it would have.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
