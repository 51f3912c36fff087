"""SIGTERM ends a command whatever it is doing: within a library's callback, or in a lock's way."""

from __future__ import annotations

import signal
import subprocess
import sys

BEGIN = """
import os, signal, sys, threading, time
from crossvox.cli import signals
signals.PATIENCE_S = 0.3
def tell():
    print("begun", flush=True)
"""

STUCK = """
with signals.terminating():
    lock = threading.Lock()
    lock.acquire()
    try:
        tell()
        time.sleep(60)
    finally:
        lock.acquire()
"""

CALLBACK = """
def _raw_object_cache_notify():
    tell()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
try:
    with signals.terminating():
        try:
            _raw_object_cache_notify()
        except KeyboardInterrupt:
            os._exit(1)  # a library would have swallowed it
        time.sleep(60)
except KeyboardInterrupt:
    os._exit(signals.INTERRUPTED)
"""


def end(script: str) -> int:
    words = [sys.executable, "-c", BEGIN + script]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        return process.wait(30)


def test_what_waits_for_a_lock_that_nobody_gives_back_is_left() -> None:
    assert end(STUCK) == 130


def test_a_signal_within_a_callback_is_heard_after_it() -> None:
    assert end(CALLBACK) == 130
