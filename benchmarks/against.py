"""Times of one piece of work in two builds of crossvox: this one, and another checkout's.

The other one is told by ``CROSSVOX_AGAINST``: the ``src`` folder of a checkout, for example of a
worktree of an earlier commit. Both builds run in processes of their own, which stay and take turns,
so that a machine that gets slower or faster in between does not decide the ratio.

What is timed is written as a function of a module in this folder: called with arguments that JSON
can hold, it prepares everything and returns the work to be timed, a function without arguments. Its
module is imported in both builds, so it may import at its top only what both have. What the work
returns (if JSON can hold it) is kept, to compare results.

    def evaluation(folder: str) -> Callable[[], Any]: ...

    found = times(evaluation, str(folder))
    row = against_row("evaluation", found, "three methods")
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VARIABLE = "CROSSVOX_AGAINST"
ROUNDS = 5

_HOW = (
    f"no other build to compare with; do: git worktree add ../before COMMIT, "
    f"then {VARIABLE}=../before/src"
)


@dataclass(frozen=True)
class Build:
    """What one build took: medians over rounds.

    Attributes:
        wall_s: by the clock.
        cpu_s: of all threads and of processes that it waited for.
        peak_mb: most memory that the process ever had.
        result: what the work returned the last time.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    result: Any


@dataclass(frozen=True)
class Turns:
    """Both builds.

    Attributes:
        ours: this build.
        theirs: the other one; None where there is none.
        wall: how many times faster this build is by the clock: median of the rounds' ratios.
        cpu: the same by processor time.
        rounds: how many.
        why: what is missing, and what to do, where there is no other build.
    """

    ours: Build
    theirs: Build | None
    wall: float | None
    cpu: float | None
    rounds: int
    why: str = ""


def times(
    make: Callable[..., Callable[[], Any]],
    *arguments: Any,
    rounds: int = ROUNDS,
    warm: bool = True,
) -> Turns:
    """Time what a function prepares, in both builds in turns, after one round that is not counted.

    Processes of their own do that round as well: what they compile is kept on the disk, and its
    memory (half a gigabyte where all kernels are new) counts for neither build.

    Args:
        make: function at the top of a module of this folder; see above.
        arguments: for it, such as JSON can hold.
        rounds: of each build.
        warm: whether there are such rounds before. Work of many minutes does without; where the
            other build fails at it, so does this.

    Where the other build fails at it, for example for want of a package that it needs, this one's
    times are told alone.

    Raises:
        RuntimeError: the work failed in this build; its own text went to the error stream.
    """
    sources, why = [HERE.parent / "src"], _HOW
    if warm:
        _compile(sources[0], make, arguments)
    if other := os.environ.get(VARIABLE, ""):
        try:
            if warm:
                _compile(Path(other).resolve(), make, arguments)
            sources.append(Path(other).resolve())
        except RuntimeError:
            why = f"the build of {VARIABLE} fails at it: its text went to the error stream"
    builds = [_Worker(source, make, arguments) for source in sources]
    try:
        for build in builds if warm else []:
            build.turn()
        rows = [[build.turn() for build in builds] for _ in range(rounds)]
    finally:
        for build in builds:
            build.close()
    ours, *theirs = (_build(rows, column) for column in range(len(builds)))
    if not theirs:
        return Turns(ours, None, None, None, rounds, why)
    wall, cpu = (
        statistics.median(b[name] / max(a[name], 1e-9) for a, b in rows)
        for name in ("wall_s", "cpu_s")
    )
    return Turns(ours, theirs[0], wall, cpu, rounds)


def _compile(source: Path, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Do it once in a process that does nothing else."""
    compiling = _Worker(source, make, arguments)
    try:
        compiling.turn()
    finally:
        compiling.close()


def against_row(stage: str, found: Turns, how: str) -> dict[str, Any]:
    """A row of the table: the factor is by the clock, the one by processor time stands beside."""
    said = f"{how}; medians of {found.rounds} in turns; " + (
        found.why
        if found.theirs is None
        else f"baseline: the build of {VARIABLE}; by processor time {found.cpu:.3g}x "
        f"({found.ours.cpu_s:.3g} s against {found.theirs.cpu_s:.3g} s)"
    )
    return {
        "stage": stage,
        "ours_s": found.ours.wall_s,
        "baseline_s": None if found.theirs is None else found.theirs.wall_s,
        "factor": found.wall,
        "how": said,
    }


def _build(rows: list[list[dict[str, Any]]], column: int) -> Build:
    turns = [row[column] for row in rows]
    wall_s, cpu_s = (statistics.median(t[name] for t in turns) for name in ("wall_s", "cpu_s"))
    return Build(wall_s, cpu_s, turns[-1]["peak_mb"], turns[-1]["result"])


class _Worker:
    """A process with one build, which does the work whenever it is asked to."""

    def __init__(self, src: Path, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        module = make.__module__
        if module == "__main__":
            module = sys.modules["__main__"].__spec__.name
        paths = [str(src), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        words = [str(src), module, make.__qualname__, json.dumps(arguments)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.against", *words],
            cwd=HERE.parent,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self) -> dict[str, Any]:
        """Do the work once; what it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print("go", file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the work failed: {' '.join(map(str, self.process.args[3:]))}")  # type: ignore[index]
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _serve(src: str, module: str, name: str, arguments: str) -> None:
    """In a process of one build: prepare, then work whenever a line comes in."""
    # What the work prints goes to the error stream: the answers have a stream of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import crossvox

    if not Path(crossvox.__file__).resolve().is_relative_to(Path(src).resolve()):
        raise ImportError(f"crossvox was taken from {crossvox.__file__}, not from {src}")
    work = getattr(importlib.import_module(module), name)(*json.loads(arguments))
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), processor_s()
        result = work()
        took = {"wall_s": time.perf_counter() - wall, "cpu_s": processor_s() - cpu}
        print(json.dumps({**took, "peak_mb": _peak_mb(), "result": result}), file=answers)
        answers.flush()


def processor_s() -> float:
    """Seconds of all threads of this process and of the processes that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb() -> float:
    """Of this process alone: ``ru_maxrss`` begins with the peak of the one that started it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    told = next(line for line in lines if line.startswith("VmHWM:"))
    return int(told.split()[1]) / 1024


if __name__ == "__main__":
    _serve(*sys.argv[1:])
