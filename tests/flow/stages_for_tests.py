"""Small stages that worker processes can import."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import CaptureError
from crossvox.core.threads import threads
from crossvox.flow.runner import Work
from crossvox.flow.stage import Collection, Input, Stage, how


def _broken() -> None:
    raise CaptureError("given: a broken scan; needed: a whole one; do: copy it again")


def _bug() -> None:
    raise ZeroDivisionError("division by zero")


def _no_memory() -> None:
    raise MemoryError


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "word.txt")


def _idle() -> None:
    """A long time in small pieces, which a signal ends at once."""
    for _ in range(3000):
        time.sleep(0.02)


def _greedy() -> None:
    taken = bytearray(400_000_000)
    taken[::4096] = b"x" * len(taken[::4096])
    time.sleep(60)


FAULTS: dict[str, Callable[[], object]] = {
    "": lambda: None,
    "input": _broken,
    "bug": _bug,
    "memory": _no_memory,
    "disk": _full,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "ended": lambda: os._exit(7),
    "slow": lambda: time.sleep(60),
    "idle": _idle,
    "while": lambda: time.sleep(0.5),
    "nap": lambda: time.sleep(0.3),
    "long nap": lambda: time.sleep(1),
    "greedy": _greedy,
}
"""Ways to fail, or to take long, by name."""


@dataclass(frozen=True)
class Echo(Stage):
    """Writes a word, or fails in the way it is told."""

    NAME = "echo"
    NUMBERS = 3

    word: str
    source: Input | None = None
    fault: str = how("")
    marks: Path | None = how(None)

    def make(self, work: Work) -> dict[str, Any]:
        if self.marks is not None:
            (self.marks / f"{self.word}-{os.getpid()}-{time.monotonic_ns()}").touch()
        (work.out / "begun.txt").write_text("half")
        FAULTS[self.fault]()
        with work.watch("write"):
            (work.out / "word.txt").write_text(self.word)
        work.progress.step(f"{self.word}: letters")(len(self.word), len(self.word))
        return {"letters": len(self.word), "threads": threads()}

    def size(self) -> float:
        return len(self.word)


@dataclass(frozen=True)
class Echoes(Collection):
    """What echoes of one folder have in common."""

    NAME = "echoes"

    loud: bool = False
