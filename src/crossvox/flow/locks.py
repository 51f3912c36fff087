"""Locks that end with the process that holds them, on one machine and over several.

A lock is a file in a folder :data:`FOLDER` that the system keeps locked for its process
(``flock``); it lies on the same file system as what it protects, and so keeps away whoever works
there, from whichever machine. Beside it stands who holds it, see :mod:`crossvox.flow.holders`.

Who lets go of a lock removes its file while it still holds it. Who gets one therefore looks whether
the file is still the one of that name; if not, it was removed in between, and is asked for anew.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from crossvox.core.checks import ArtifactError
from crossvox.flow import holders

FOLDER = ".locks"
"""Where the locks of a folder lie: in that folder, for all processes that work on it."""

ITEM, PART = ".lock", ".wait"
"""Ends of the names of locks: of an item, which one process works on; of a part that all share."""

_PATIENCE_S = 0.2
"""Who only looks whether a lock is held does so for less than this."""

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def shared(out: Path, what: str = "shared") -> Iterator[None]:
    """Wait for a part of ``out`` that all who work on it share, and keep others away from it.

    Raises:
        ArtifactError: the file system has no locks.
    """
    path = _file(out, what, PART)
    lock = _acquired(path, -1)
    assert lock is not None
    try:
        yield
    finally:
        _let_go(lock, path)


@contextmanager
def taken(out: Path, item: str) -> Iterator[bool]:
    """Take an item of ``out``; tells whether it was free. Nobody waits.

    Raises:
        ArtifactError: the file system has no locks, or none that reach other machines.
    """
    path = _file(out, item, ITEM)
    lock = _acquired(path, _PATIENCE_S)
    if lock is None:
        yield False
        return
    try:
        with holders.told(path, item):
            yield True
    finally:
        _let_go(lock, path)


@contextmanager
def alone(folder: Path, *, inside: bool = False) -> Iterator[None]:
    """Keep other processes, of this and of other machines, from a folder of one's own.

    Of the processes of one distributed training, the first holds the lock for all. Who may not
    write there needs no lock: a finished folder on a read-only disk can be read.

    Args:
        folder: the folder.
        inside: the lock lies in the folder, which is worked in; otherwise beside it, for it is
            replaced as a whole.

    Raises:
        ArtifactError: another process is at work on it; or see :func:`taken`.
    """
    if not leads():
        yield
        return
    place = folder.resolve()
    home, item = (place, "folder") if inside else (place.parent, place.name)
    made = [path for path in (home, *home.parents) if not path.exists()]
    try:
        _make(home / FOLDER)
    except OSError as error:
        if error.errno not in _READ_ONLY or not home.is_dir():
            raise
        yield
        return
    try:
        with taken(home, item) as mine:
            if not mine:
                raise ArtifactError(
                    f"given: {folder}, which another process is at work on"
                    f"{_by_whom(home, item)}; needed: a folder that is free; do: wait for it to "
                    f"end, or name another folder"
                )
            yield
    finally:
        for path in made:
            with suppress(OSError):  # not empty: something was made
                path.rmdir()


def leads() -> bool:
    """Whether this process is alone, or the first of those of one distributed training."""
    return os.environ.get("RANK", "0") == "0"


def at_work(out: Path) -> list[holders.Holder]:
    """Who is at work on which items of a folder, in the order of the items. Changes nothing."""
    found = []
    for path in sorted((out / FOLDER).glob(f"*{ITEM}")):
        holder = holders.read(path)
        if holder is not None and _is_held(path):
            found.append(holder)
    return found


def clear(out: Path) -> None:
    """Remove the locks that killed processes left in a folder."""
    stale = [*(out / FOLDER).glob(f"*{ITEM}"), *(out / FOLDER).glob(f"*{PART}")]
    records = (out / FOLDER).glob(f"*{holders.ENDING}")
    for path in {*stale, *(record.with_suffix("") for record in records)}:
        lock = _acquired(path, 0)
        if lock is not None:
            holders.forget(path)
            _let_go(lock, path)
    with suppress(OSError):
        (out / FOLDER).rmdir()


def _file(out: Path, name: str, ending: str) -> Path:
    return out / FOLDER / f"{name.replace('/', '.')}{ending}"


def _by_whom(home: Path, item: str) -> str:
    holder = holders.read(_file(home, item, ITEM))
    return "" if holder is None else f" ({holder.text})"


def _acquired(path: Path, patience_s: float) -> FileLock | None:
    """The lock of a file, held; None where another process keeps it. Negative: wait."""
    while True:
        _make(path.parent)
        try:
            _expect_locks(path.parent, path.parent.stat().st_dev)
            lock = FileLock(path, timeout=patience_s)
            lock.acquire(poll_interval=0.02)
        except Timeout:
            return None
        except (FileNotFoundError, FileExistsError):
            continue  # whoever came before has just removed the folder of the locks
        if _is_the_one(lock, path):
            return lock
        lock.release()


def _make(folder: Path) -> None:
    """Make the folder of the locks, which others may be removing just now."""
    while not folder.is_dir():
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.is_file():
                raise


def _is_the_one(lock: FileLock, path: Path) -> bool:
    """Whether a lock is of the file that has its name now. Opening it asks the server, too."""
    number = lock._context.lock_file_fd  # the library gives it by no other name
    if number is None or os.name == "nt":
        return True
    try:
        there = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return os.path.samestat(os.fstat(there), os.fstat(number))
    finally:
        os.close(there)


def _let_go(lock: FileLock, path: Path) -> None:
    with suppress(OSError):  # some systems remove no open file
        path.unlink()
    lock.release()
    with suppress(OSError):  # others hold locks there
        path.parent.rmdir()


@cache
def _expect_locks(folder: Path, device: int) -> None:
    """Refuse a file system without locks; asked once a folder.

    Raises:
        ArtifactError: the file system refuses to lock a file.
    """
    del device
    if os.name == "nt":
        return
    import fcntl

    path = folder / f".{uuid.uuid4().hex[:8]}{PART}"
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # who clears up (:func:`clear`) has just locked it: so there are locks
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise ArtifactError(
                f"given: {folder.parent}, on a file system without locks ({error.strerror}); "
                f"needed: one where files can be locked (flock), so that no two processes work on "
                f"the same; do: have it mounted with locks (Lustre: -o flock; NFS: without "
                f"nolock), or work on another disk"
            ) from None
        raise
    finally:
        os.close(number)
        path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    """Whether some process holds a lock; whoever tries to take it meanwhile waits a moment."""
    if os.name == "nt":
        return True
    import fcntl

    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(number)
    return False
