"""Small stages that worker processes can import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import CaptureError
from crossvox.core.threads import threads
from crossvox.flow.runner import Work
from crossvox.flow.stage import Collection, Input, Stage, how


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
        if self.fault == "input":
            raise CaptureError("given: a broken scan; needed: a whole one; do: copy it again")
        if self.fault == "bug":
            raise ZeroDivisionError("division by zero")
        if self.fault == "memory":
            raise MemoryError
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "ended":
            os._exit(7)
        if self.fault == "slow":
            time.sleep(60)
        # In small pieces, between which a signal is heard.
        for _ in range({"idle": 3000, "while": 25, "nap": 15}.get(self.fault, 0)):
            time.sleep(0.02)
        if self.fault == "greedy":
            taken = bytearray(400_000_000)
            taken[::4096] = b"x" * len(taken[::4096])
            time.sleep(60)
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
