"""Signals by which a process is told to end, and the terminal that goes away with one of them."""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import suppress

HANGUP = getattr(signal, "SIGHUP", None)
"""The terminal is closed, or the connection to it is lost; None where the system has no such."""


def heard_endings() -> list[signal.Signals]:
    """SIGTERM, and SIGHUP unless somebody has this process ignore it, as ``nohup`` does."""
    if HANGUP is None or signal.getsignal(HANGUP) == signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, HANGUP]


def leave_terminal(number: int) -> None:
    """After SIGHUP: what is still to be said goes nowhere, for the terminal takes no more."""
    if number != HANGUP:
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or no stream of the system
            # One that is gone does not say any more that it is a terminal.
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
