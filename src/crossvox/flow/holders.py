"""Who holds a lock: which process of which machine, and since when.

The record stands beside the lock, and a thread touches it every :data:`BEAT_S` seconds. It is for
those who look, and for one decision: on some file systems (Lustre with ``localflock``, NFS with
``local_lock``) a lock keeps away processes of the same machine alone. Who gets a lock whose record
is of another machine, and sees that record being touched still, knows that locks are of no use
there.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from crossvox.core.checks import ArtifactError

ENDING = ".holder"

BEAT_S = 5.0
"""A record is touched this often."""

SILENT_S = 60.0
"""A record that was not touched for so long is of a process that is gone."""

WATCH_S = 15.0
"""A younger record of another machine is watched for so long."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        item: what it is the lock of.
        host: name of the machine.
        process: number of the process there.
        since: when it was taken, ISO 8601, UTC.
    """

    item: str
    host: str
    process: int
    since: str

    @property
    def text(self) -> str:
        """``process 4711 on node7, since 2030-01-01T12:00:00+00:00``."""
        return f"process {self.process} on {self.host}, since {self.since}"


def read(lock: Path) -> Holder | None:
    """The record beside a lock; None where there is none that can be read."""
    try:
        return msgspec.json.decode(_record(lock).read_bytes(), type=Holder)
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def told(lock: Path, item: str) -> Iterator[None]:
    """Tell that this process holds a lock, while it does.

    Raises:
        ArtifactError: a process of another machine holds the same lock.
    """
    record = _record(lock)
    _expect_gone(lock)
    me = Holder(item, platform.node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))
    record.write_bytes(msgspec.json.encode(me))
    _HEART.add(record)
    try:
        yield
    finally:
        _HEART.remove(record)
        record.unlink(missing_ok=True)


def forget(lock: Path) -> None:
    """Remove the record beside a lock that nobody holds."""
    _record(lock).unlink(missing_ok=True)


def _record(lock: Path) -> Path:
    return lock.with_name(lock.name + ENDING)


def _expect_gone(lock: Path) -> None:
    """Refuse to go on where the one who is told to hold a lock holds it still.

    Raises:
        ArtifactError: so it is.
    """
    there = read(lock)
    if there is None or there.host == platform.node():
        return  # nobody, or one of this machine, whose lock would have kept this process away
    begin = _touched(_record(lock))
    age_s = _touched(lock, new=True) - begin
    end = time.monotonic() + WATCH_S
    while age_s < SILENT_S and time.monotonic() < end:
        time.sleep(min(0.5, WATCH_S))
        if _touched(_record(lock)) > begin:
            raise ArtifactError(
                f"given: {lock.parent.parent}, where {there.text} is at work and the lock of "
                f"{there.item!r} could be taken nevertheless; needed: a file system whose locks "
                f"reach all machines; do: have it mounted so (Lustre: -o flock instead of "
                f"localflock; NFS: without local_lock), or work from one machine"
            )


def _touched(path: Path, *, new: bool = False) -> float:
    """When a file was touched last, by the clock of its file system; 0 where it is gone."""
    with suppress(OSError):
        if new:
            os.utime(path)
        return path.stat().st_mtime
    return 0.0


class _Heart:
    """Touches the records of this process."""

    def __init__(self) -> None:
        self._records: set[Path] = set()
        self._lock = threading.Lock()
        self._process = 0

    def add(self, record: Path) -> None:
        """Touch a record from now on."""
        with self._lock:
            self._records.add(record)
            if self._process != os.getpid():  # a forked process has no thread of its parent's
                self._process = os.getpid()
                self._records = {record}
                threading.Thread(target=self._beat, name="holders", daemon=True).start()

    def remove(self, record: Path) -> None:
        """Do so no more."""
        with self._lock:
            self._records.discard(record)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT_S)
            with self._lock:
                for record in self._records:
                    with suppress(OSError):
                        os.utime(record)


_HEART = _Heart()
