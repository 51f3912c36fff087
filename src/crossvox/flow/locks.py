"""Locks that end with the process that holds them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from crossvox.core.artifact import digest
from crossvox.core.checks import ArtifactError

FOLDER = ".locks"
"""Where the locks of a folder of items lie: in that folder, for all processes that work on it."""


@contextmanager
def shared(out: Path, what: str = "shared") -> Iterator[None]:
    """Wait for a part of ``out`` that all who work on it share, and keep others away from it."""
    with FileLock(_file(out, what)):
        yield


@contextmanager
def taken(out: Path, item: str) -> Iterator[bool]:
    """Take an item of ``out``; tells whether it was free. Nobody waits."""
    with _tried(_file(out, item)) as mine:
        yield mine


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine from a folder of one's own; leaves nothing beside it.

    Of the processes of one distributed training, the first holds the lock for all.

    Raises:
        ArtifactError: another process is at work on it.
    """
    if not leads():
        yield
        return
    owner = os.getuid() if hasattr(os, "getuid") else "all"
    locks = Path(tempfile.gettempdir()) / f"crossvox-locks-{owner}"
    locks.mkdir(exist_ok=True)
    with _tried(locks / f"{digest(folder.resolve())}.lock") as mine:
        if not mine:
            raise ArtifactError(
                f"given: {folder}, which another process is at work on; needed: a folder that is "
                f"free; do: wait for it to end, or name another folder"
            )
        yield


def leads() -> bool:
    """Whether this process is alone, or the first of those of one distributed training."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _tried(path: Path) -> Iterator[bool]:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _file(out: Path, name: str) -> Path:
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    return out / FOLDER / f"{name.replace('/', '.')}.lock"
