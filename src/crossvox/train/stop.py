"""Being asked to stop: Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import signal
import threading
from typing import Any

from crossvox.core.endings import HANGUP, heard_endings, leave_terminal


class StopRequest:
    """Turns Ctrl-C, SIGTERM and SIGHUP into a flag while it is entered (in the main thread only).

    A second Ctrl-C raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *heard_endings()):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: Any) -> None:
        leave_terminal(number)
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True


def ignore_interrupts(_: int) -> None:
    """For workers: what the terminal sends reaches all its processes; they outlive the step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if HANGUP is not None:
        signal.signal(HANGUP, signal.SIG_IGN)
