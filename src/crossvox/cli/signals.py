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


class ToldToEnd(KeyboardInterrupt):
    """A signal came.

    A class of its own: the interpreter ends by SIGINT, whatever the exit code, once the plain
    exception has left a text that is executed, as some libraries do when they are imported.
    """


@contextmanager
def terminating() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise :class:`ToldToEnd`.

    SIGTERM does so once, so that what is put right then is not disturbed; Ctrl-C each time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    me = os.getpid()

    def interrupt(number: int, _: Any) -> None:
        if os.getpid() != me:
            # A forked worker ends as it would have.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
        raise ToldToEnd

    # Who has Ctrl-C ignored, such as a shell that started this in the background, keeps it so.
    heard = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        heard.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
