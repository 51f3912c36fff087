"""How much memory workers may take, and how many of them there is room for."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

from crossvox.core.checks import ParamsError, expect

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

LEAST = 10**8
"""No worker gets by with less, bytes: the interpreter and its libraries take about as much."""

_CGROUP = Path("/sys/fs/cgroup")
_STATUS = Path("/proc/self/status")


def read_size(text: str) -> int:
    """Bytes of a text such as ``4GB``, ``512 MB`` or ``1.5GiB``.

    ``k``, ``M``, ``G``, ``T`` are powers of 1000, with an ``i`` of 1024; the ``B`` may be left out.

    Raises:
        ParamsError: it is no such text, or less than any worker needs.
    """
    found = _SIZE.fullmatch(text)
    size = 0.0
    if found and (found[2] or not found[3]):
        size = float(found[1]) * (1024 if found[3] else 1000) ** _POWER[found[2].lower()]
    expect(
        math.isfinite(size) and size >= LEAST,
        given=f"--memory {text}",
        needed=f"a number with a unit, {shown(LEAST)} or more a worker",
        do="pass for example --memory 4GB",
        error=ParamsError,
    )
    return int(size)


def shown(size: float) -> str:
    """A size to read: ``0.3 GB``, ``4.0 GB``."""
    return f"{size / 10**9:.1f} GB"


def peak() -> int:
    """Most bytes that this process has taken so far; 0 where the system does not tell.

    What Linux tells of a process's resources begins with the peak of the one that started it.
    """
    try:
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        told = next(line for line in lines if line.startswith("VmHWM:"))
        return int(told.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # no such module outside Unix
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available() -> int:
    """Bytes that new processes may take: of this machine, and of the container it is in."""
    import psutil

    there: int = psutil.virtual_memory().available
    return min(there, container_room(_CGROUP))


def room_for(workers: int, cores: int, budget: int | None) -> tuple[int, str]:
    """How many workers there is room for, at least one; if fewer than asked for, why.

    Args:
        workers: how many are asked for.
        cores: each keeps one busy at least.
        budget: memory of each, bytes; None: not told.
    """
    count, why = workers, ""
    if count > cores:
        count, why = cores, f"this process may use {cores} cores"
    free = None if budget is None else available()
    if budget is not None and free is not None and count * budget > free:
        count = max(1, free // budget)
        why = f"{shown(free)} of memory are free, and each may take {shown(budget)}"
    return (max(1, count), why) if workers else (0, "")


def container_room(cgroup: Path) -> int:
    """Bytes that a container may still take (control groups, version 2, then 1); many: no limit.

    What the container caches of files is given back when it is needed, and so counts as free.
    """
    for limit_file, used_file, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):
        try:
            limit = int((cgroup / limit_file).read_text(encoding="ascii"))
            used = int((cgroup / used_file).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # no such file, or "max": no limit
        return max(0, limit - used + _cached(cgroup / Path(limit_file).parent, cached))
    return 2**62


def _cached(folder: Path, name: str) -> int:
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[:1] == [name])
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
