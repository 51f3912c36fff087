"""Runs inputs in forked processes, and tells what became of each.

The parent imports and warms up what a target needs; its children are forks, so that one that dies
is replaced at once. A child tells in shared memory which input it is at: whoever kills it is known.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from trials.fuzz.draw import draw
from trials.fuzz.edits import Edit, apply

OUTCOMES = ("accepted", "clean error", "other exception", "crash", "hang", "memory")
HANG_CPU_S, HANG_WALL_S = 5.0, 120.0
"""An input that takes longer hangs. Processor time: a busy machine makes no finding."""

MEMORY_BYTES = 1 << 30
"""What reading one small file may take at most."""

HARD_BYTES = 4 << 30
"""Address space beyond which the system itself says no."""

MOST_EDITS = 3
_SLOT = struct.Struct("<qd6q")


@dataclass(frozen=True)
class Damage:
    """What is done to a target's files.

    Attributes:
        target: its name.
        number: of the input, from which it was drawn; -1: written by hand.
        edits: file and edit, in order.
    """

    target: str
    number: int
    edits: tuple[tuple[str, Edit], ...]

    def plain(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "target": self.target,
            "number": self.number,
            "edits": [list(e) for e in self.edits],
        }


@dataclass
class Finding:
    """An input that was not read as it should be.

    Attributes:
        damage: the input.
        outcome: one of ``OUTCOMES``.
        where: where in the code, by which findings are told apart.
        text: what was raised.
    """

    damage: Damage
    outcome: str
    where: str
    text: str


@dataclass
class Batch:
    """What became of some inputs.

    Attributes:
        counts: inputs by outcome.
        findings: those that are none of the first two outcomes.
        slowest_s: processor time of the slowest one.
    """

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest_s: float = 0.0


class Ready:
    """A target whose valid files lie in a folder, and were read once.

    Args:
        target: see :mod:`trials.fuzz.targets`.
    """

    def __init__(self, target: Any) -> None:
        self.target = target
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="crossvox-fuzz-", dir=place))
        target.make(self.folder)
        self.files = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and target.is_damaged(str(path.relative_to(self.folder)))
        }
        target.read(self.folder)

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def draw(self, number: int, seed: int) -> Damage:
        """Input ``number`` of the row that ``seed`` begins."""
        random = Random(f"{seed} {self.target.name} {number}")
        name = random.choice(list(self.files))
        data: bytes = self.files[name]
        edits: list[tuple[str, Edit]] = []
        for _ in range(random.choice((1, 1, 1, 2, MOST_EDITS))):
            edit = draw(random, name, data, first=not edits)
            data = apply(edit, data)
            edits.append((name, edit))
        return Damage(self.target.name, number, tuple(edits))

    def lay(self, damage: Damage) -> list[str]:
        """Write the damaged files; their names."""
        changed: dict[str, bytes] = {}
        for name, edit in damage.edits:
            if name in self.files:
                changed[name] = apply(edit, changed.get(name, self.files[name]))
        for name, data in changed.items():
            (self.folder / name).write_bytes(data)
        return list(changed)

    def mend(self, names: Iterable[str]) -> None:
        """Put valid files back."""
        for name in names:
            (self.folder / name).write_bytes(self.files[name])

    def is_refused_before(self, damage: Damage) -> bool:
        """Whether the package refuses a damaged input before it reads it."""
        from crossvox.core.checks import CrossvoxError

        if self.target.before is None:
            return False
        changed = self.lay(damage)
        try:
            self.target.before(self.folder)
        except CrossvoxError:
            return True
        finally:
            self.mend(changed)
        return False

    def one(self, damage: Damage) -> Finding | str:
        """Read one damaged input; "accepted", "clean error", or what is wrong."""
        from crossvox.core.checks import CrossvoxError

        changed = self.lay(damage)
        before = _memory(self.target.resident)
        try:
            self.target.read(self.folder)
            outcome: Finding | str = "accepted"
        except CrossvoxError as error:
            hidden = _memory_error(error)
            outcome = "clean error"
            if hidden is not None:
                outcome = Finding(damage, "memory", _where(hidden), f"MemoryError: {hidden}")
        except BaseException as error:  # some libraries' panics are no Exception
            kind = "memory" if isinstance(error, MemoryError) else "other exception"
            text = f"{type(error).__name__}: {error}"[:300]
            outcome = Finding(damage, kind, _where(error), text)
        finally:
            self.mend((*changed, *self.target.written))
        grown = _memory(self.target.resident) - before
        if isinstance(outcome, str) and grown > MEMORY_BYTES:
            outcome = Finding(damage, "memory", self.target.name, f"{grown / 1e9:.1f} GB more")
        return outcome


def _memory(resident: bool) -> int:
    """Most memory that this process ever had, or (not ``resident``) ever asked for, bytes."""
    with open("/proc/self/status", "rb") as file:
        status = file.read(600)
    at = status.index(b"VmHWM:" if resident else b"VmPeak:") + 7
    return int(status[at : status.index(b"kB", at)]) * 1024


def _memory_error(error: BaseException | None) -> BaseException | None:
    while error is not None:
        if isinstance(error, MemoryError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _where(error: BaseException) -> str:
    """The innermost line of our own code, and the kind of error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/crossvox/" in f.filename] or frames
    if not own:
        return type(error).__name__
    name = own[-1].filename.rpartition("/crossvox/")[2]
    return f"{type(error).__name__} at {name}:{own[-1].lineno} {own[-1].name}"


def run_batch(ready: Ready, first: int, count: int, seed: int, until: float) -> Iterator[Batch]:
    """Inputs ``first`` to ``first + count``, in a child; again in another one when it dies."""
    end = first + count
    while first < end and time.monotonic() < until:
        batch, first = _child(ready, first, end, seed, until)
        yield batch


def _child(ready: Ready, first: int, end: int, seed: int, until: float) -> tuple[Batch, int]:
    """One child's work; its results, and where the next one begins."""
    shared = mmap.mmap(-1, _SLOT.size)
    shared[:] = _SLOT.pack(first, 0.0, *[0] * 6)
    with tempfile.TemporaryFile("w+b") as told, tempfile.TemporaryFile("w+b") as trace:
        child = os.fork()
        if child == 0:
            _work(ready, first, end, seed, until, shared, told, trace)
        killed = _watch(child, shared)
        number, _, *counts = _SLOT.unpack(shared[:])
        told.seek(0)
        trace.seek(0)
        batch = Batch(Counter(dict(zip(OUTCOMES, counts[:4], strict=False))))
        batch.slowest_s = counts[5] / 1e6
        for line in told.read().splitlines():
            record = json.loads(line)
            damage = ready.draw(record["number"], seed)
            finding = Finding(damage, record["outcome"], record["where"], record["text"])
            batch.findings.append(finding)
        if killed is not None:
            outcome, text = killed
            damage = ready.draw(number, seed)
            if outcome == "crash" and ready.is_refused_before(damage):
                batch.counts["clean error"] += 1
            else:
                batch.findings.append(Finding(damage, outcome, _innermost(trace.read()), text))
            number += 1
        batch.counts.update(f.outcome for f in batch.findings)
        ready.mend(ready.files)
        return batch, number


def _watch(child: int, shared: mmap.mmap) -> tuple[str, str] | None:
    """Wait for a child; what it died of, or None if it ended."""
    seen, since = -1, time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if os.WIFSIGNALED(status):
                return "crash", signal.Signals(os.WTERMSIG(status)).name
            code = os.WEXITSTATUS(status)
            return None if code == 0 else ("crash", f"exit code {code}")
        number, began, *_ = _SLOT.unpack(shared[:])
        if number != seen:
            seen, since = number, time.monotonic()
        used = _cpu_of(child) - began if began else 0.0
        if used > HANG_CPU_S or time.monotonic() - since > HANG_WALL_S:
            os.kill(child, signal.SIGUSR1)
            time.sleep(0.2)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hang", f"{used:.1f} s"
        time.sleep(0.05)


def _cpu_of(process: int) -> float:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    words = text.rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _innermost(trace: bytes) -> str:
    """The innermost line of our own in what faulthandler wrote."""
    for line in trace.decode(errors="replace").splitlines():
        if "/crossvox/" in line:
            return line.rpartition("/crossvox/")[2].replace('"', "")
    return "nowhere"


def _work(
    ready: Ready, first: int, end: int, seed: int, until: float, shared: Any, told: Any, trace: Any
) -> None:
    """What a child does; it never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        faulthandler.enable(trace, all_threads=False)
        faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + HARD_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        counts, slowest = [0] * 4, 0.0
        for number in range(first, end):
            began = time.process_time()
            shared[:] = _SLOT.pack(number, max(began, 1e-9), *counts, 0, int(slowest * 1e6))
            outcome = ready.one(ready.draw(number, seed))
            if isinstance(outcome, str):
                counts[OUTCOMES.index(outcome)] += 1
            else:
                record = {**vars(outcome), "damage": None, "number": number}
                told.write(json.dumps(record).encode() + b"\n")
                told.flush()
            slowest = max(slowest, time.process_time() - began)
            last = number + 1
            shared[:] = _SLOT.pack(last, 0.0, *counts, 0, int(slowest * 1e6))
            if time.monotonic() > until or (
                not isinstance(outcome, str) and outcome.outcome == "memory"
            ):
                break  # the most memory is remembered by a process: the next one starts anew
        code = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)
