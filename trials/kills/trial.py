"""One command, killed once, and everything that must hold afterwards."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trials.kills.compare import contents, damaged, finished, leftovers, timeless
from trials.kills.warm import Call, follow
from trials.kills.world import BASE, TRIALS

PATIENCE_S = 240.0
ORPHAN_S = 3.0
SHARED = Path("/dev/shm")
AGAIN = 130
"""Exit code that says: call again."""


@dataclass
class Kill:
    """What became of one kill.

    Attributes:
        number: which one.
        command: name of the command.
        how: SIGKILL, SIGTERM, or worker.
        after_s: when.
        code: how the killed process ended.
        faults: what did not hold, by kind.
        seconds: how long the trial took.
    """

    number: int
    command: str
    how: str
    after_s: float
    code: int | None = None
    faults: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0

    def blame(self, kind: str, found: list[str]) -> None:
        """Note a fault, if there is one."""
        if found:
            self.faults.setdefault(kind, []).extend(found[:5])


@dataclass
class Reference:
    """What an uninterrupted call gives: its folder, and how long one takes."""

    timeless: dict[str, str]
    seconds: float


def build_world(folder: Path) -> None:
    """Make the world that all commands work in, unless it is there."""
    for words in BASE:
        code = Call(words, folder, folder / "log.txt").wait(PATIENCE_S)
        if code != 0:
            raise SystemExit(f"{' '.join(words)}: {code}\n{(folder / 'log.txt').read_text()}")
    (folder / "log.txt").unlink()


def fresh(world: Path, folder: Path) -> None:
    """A copy of the world to work in."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world, folder, symlinks=True)


def reference(world: Path, name: str, folder: Path) -> Reference:
    """Call a command uninterrupted."""
    fresh(world, folder)
    log, modules = folder.with_suffix(".log"), folder.with_suffix(".modules")
    begin = time.monotonic()
    code = Call(TRIALS[name].words, folder, log, modules).wait(PATIENCE_S)
    seconds = time.monotonic() - begin
    if code != 0:
        raise SystemExit(f"{name}: {code}\n{log.read_text()}")
    follow(modules)
    return Reference(timeless(folder / TRIALS[name].out), seconds)


def attempt(world: Path, folder: Path, number: int, name: str, known: Reference) -> Kill:
    """Kill a command once, check, call it again, and check."""
    draw = random.Random(f"{number} {name}")
    hows = ["SIGKILL", "SIGKILL", "SIGTERM", *(["worker"] * 2 if TRIALS[name].workers else [])]
    kill = Kill(number, name, draw.choice(hows), round(draw.random() * known.seconds, 3))
    begin, out, log = time.monotonic(), folder / TRIALS[name].out, folder.with_suffix(".log")
    fresh(world, folder)
    before, shared = contents(folder), _shared()
    call = Call(TRIALS[name].words, folder, log)
    kill.code = call.wait(kill.after_s)
    if kill.code is None:
        _strike(call, kill.how, draw)
        kill.code = call.wait(PATIENCE_S)
    if kill.code is None:
        kill.blame("hangs", [f"still at work after {PATIENCE_S} s"])
        call.end()
    kill.blame("orphans", [f"process {pid}" for pid in call.orphans(ORPHAN_S)])
    kill.blame("shared memory", sorted(_shared() - shared))
    kill.blame("exit code", _odd_code(kill, log))
    kill.blame("harmed", _harmed(before, folder))
    done = finished(out) if out.is_dir() else {}
    kill.blame("damaged", damaged(out) if out.is_dir() else [])
    # What a killed worker was at work on is noted as failed, and tried again where that is asked.
    more = ("--retry-failed",) if kill.how == "worker" else ()
    again = Call((*TRIALS[name].words, *more), folder, log)
    code = again.wait(PATIENCE_S)
    if code is None:
        again.end()
    kill.blame("call again", [f"exit code {code}: {log.read_text()[-600:]}"] if code != 0 else [])
    kill.blame("orphans", [f"process {pid}" for pid in again.orphans(ORPHAN_S)])
    if code == 0:
        kill.blame("differs", _differences(known.timeless, timeless(out)))
        kill.blame("finished and made again", _made_again(done, finished(out)))
        kill.blame("leftovers", leftovers(folder))
        kill.blame("harmed", _harmed(before, folder))
        # Calls get faster as more is imported beforehand: moments shall lie within them.
        known.seconds = 0.7 * known.seconds + 0.3 * (time.monotonic() - again.begun)
    kill.seconds = round(time.monotonic() - begin, 2)
    return kill


def _strike(call: Call, how: str, draw: random.Random) -> None:
    """Send the signal; a worker alone, as soon as there is one."""
    if how != "worker":
        with suppress(ProcessLookupError):
            os.kill(call.pid, getattr(signal, how))
        return
    workers = call.workers()
    if workers:
        with suppress(ProcessLookupError):
            os.kill(draw.choice(workers), signal.SIGKILL)


def _shared() -> set[str]:
    return set(os.listdir(SHARED)) if SHARED.is_dir() else set()


def _odd_code(kill: Kill, log: Path) -> list[str]:
    """SIGTERM ends a command with the code that says "call again", a traceback never."""
    text = log.read_text(errors="replace")
    faults = ["Traceback: " + text[-600:]] if "Traceback" in text else []
    allowed = {"SIGKILL": (0, -9), "SIGTERM": (0, AGAIN), "worker": (0, 2)}[kill.how]
    if kill.code not in allowed:
        faults.append(f"{kill.how} gives exit code {kill.code}: {text[-300:]}")
    return faults


def _harmed(before: dict[str, str], folder: Path) -> list[str]:
    """What was there before and is another now; scores beside a prediction are written anew."""
    now = contents(folder)
    return [name for name, digest in before.items() if now.get(name) != digest]


def _differences(known: dict[str, str], now: dict[str, str]) -> list[str]:
    return [name for name in sorted({*known, *now}) if known.get(name) != now.get(name)]


def _made_again(done: dict[str, dict[str, str]], now: dict[str, dict[str, str]]) -> list[str]:
    """Finished folders that the second call made anew; a checkpoint is replaced by its nature."""
    return [
        name
        for name, files in done.items()
        if not name.endswith(("last", "best"))
        and any(now.get(name, {}).get(file) != digest for file, digest in files.items())
    ]
