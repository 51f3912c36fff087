"""Locks: who comes second, what stays, who holds them, and file systems without."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crossvox.core.checks import ArtifactError
from crossvox.flow import holders, locks

fcntl = pytest.importorskip("fcntl")

ELSEWHERE = """
import sys, time
from pathlib import Path
from crossvox.flow import locks
with locks.alone(Path(sys.argv[1]), inside=sys.argv[2] == "inside"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_no_lock_stays_whichever_way_it_ends(tmp_path: Path) -> None:
    with locks.shared(tmp_path), locks.taken(tmp_path, "arm/seed-0") as mine:
        assert mine
        assert [holder.item for holder in locks.at_work(tmp_path)] == ["arm/seed-0"]
    with pytest.raises(ZeroDivisionError), locks.taken(tmp_path, "a"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_hundred_who_wait_for_one_lock_never_hold_it_together(tmp_path: Path) -> None:
    """Its file is removed each time, while others wait for it."""
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(10):
            with locks.shared(tmp_path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    with ThreadPoolExecutor(10) as pool:
        for future in [pool.submit(work) for _ in range(10)]:
            future.result()
    assert most == [1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["inside", "beside"])
def test_a_folder_of_ones_own_is_kept_from_others_until_its_process_ends(
    where: str, tmp_path: Path
) -> None:
    folder, inside = tmp_path / "deep" / "run", where == "inside"
    with subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, str(folder), where], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        told = f"process {other.pid} on .*since"
        with pytest.raises(ArtifactError, match=told), locks.alone(folder, inside=inside):
            pass
        other.kill()
    with locks.alone(folder, inside=inside):
        pass
    assert not (folder / locks.FOLDER).exists()
    assert not (folder.parent / locks.FOLDER).exists()


def test_a_lock_that_protected_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with locks.alone(tmp_path / "a" / "b" / "run", inside=True):
        pass
    assert list(tmp_path.iterdir()) == []


def refusing(number: int) -> Any:
    def flock(file: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def test_a_file_system_without_locks_is_refused(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with pytest.raises(ArtifactError, match="without locks"), locks.taken(tmp_path, "a"):
        pass
    with pytest.raises(ArtifactError, match="mounted with locks"), locks.shared(tmp_path):
        pass


def record(out: Path, host: str) -> Path:
    (out / locks.FOLDER).mkdir(exist_ok=True)
    lock = out / locks.FOLDER / f"a{locks.ITEM}"
    told = {"item": "a", "host": host, "process": 1, "since": "2030-01-01T00:00:00+00:00"}
    path = lock.with_name(lock.name + holders.ENDING)
    path.write_text(json.dumps(told))
    return path


def test_who_clears_up_meanwhile_is_no_sign_of_missing_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """:func:`locks.clear` takes every lock file for a moment, also the one of the trial."""
    opened, clearing = os.open, []

    def seen_by_another(path: Any, flags: int, mode: int = 0o777) -> int:
        number = opened(path, flags, mode)
        if flags & os.O_EXCL and not clearing:
            clearing.append(opened(path, os.O_RDWR))
            fcntl.flock(clearing[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return number

    monkeypatch.setattr("crossvox.flow.locks.os.open", seen_by_another)
    try:
        with locks.taken(tmp_path, "item") as mine:
            assert mine
    finally:
        assert len(clearing) == 1, "the trial's file was not seen"
        os.close(clearing[0])
    assert list(tmp_path.iterdir()) == []


def test_locks_that_do_not_reach_another_machine_are_found_out(
    tmp_path: Path,
) -> None:
    path, stop = record(tmp_path, "node7"), threading.Event()

    def beat() -> None:
        while not stop.wait(0.1):
            os.utime(path)

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        told = r"process 1 on node7.*localflock"
        with pytest.raises(ArtifactError, match=told), locks.taken(tmp_path, "a"):
            pass
    finally:
        stop.set()
        beating.join()


def test_a_lock_of_another_machine_whose_process_is_gone_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "WATCH_S", 0.2)
    record(tmp_path, "node7")
    with locks.taken(tmp_path, "a") as mine:
        assert mine
    old = record(tmp_path, "node7")
    os.utime(old, (0, 0))
    monkeypatch.setattr(holders, "WATCH_S", 1e9)
    with locks.taken(tmp_path, "a") as mine:
        assert mine
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_damaged_tells_of_nobody(tmp_path: Path) -> None:
    path = record(tmp_path, "node7")
    for text in ("", "{", "[" * 100000, '{"item": 3}'):
        path.write_text(text)
        assert locks.at_work(tmp_path) == []


def test_records_are_touched_while_their_locks_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders, "BEAT_S", 0.02)
    monkeypatch.setattr(holders, "_HEART", holders._Heart())
    with locks.taken(tmp_path, "a"):
        (path,) = (tmp_path / locks.FOLDER).glob(f"*{holders.ENDING}")
        os.utime(path, (0, 0))
        end = time.monotonic() + 10
        while path.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.02)
        assert path.stat().st_mtime > 0
