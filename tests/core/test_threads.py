"""Work spread over threads: everything once, errors arrive, callers do not disturb each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crossvox.core import threads
from crossvox.core.threads import meanwhile, spread


@pytest.fixture(params=[1, 2, 5])
def some_cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(threads, "cores", lambda: request.param)
    return int(request.param)


@pytest.mark.usefixtures("some_cores")
@pytest.mark.parametrize(("length", "parts"), [(0, None), (1, None), (7, 3), (1000, None), (5, 5)])
def test_every_number_is_handled_once(length: int, parts: int | None) -> None:
    seen = np.zeros(length, dtype=int)

    def work(begin: int, end: int) -> None:
        seen[begin:end] += 1

    spread(work, length, parts)
    assert (seen == 1).all()


@pytest.mark.usefixtures("some_cores")
def test_an_error_reaches_the_caller() -> None:
    def work(begin: int, end: int) -> None:
        if begin <= 50 < end:
            raise ArithmeticError("here")

    with pytest.raises(ArithmeticError, match="here"):
        spread(work, 100)


@pytest.mark.usefixtures("some_cores")
def test_many_callers_at_once() -> None:
    def one(size: int) -> int:
        total = np.zeros(size, dtype=int)

        def work(begin: int, end: int) -> None:
            total[begin:end] = np.arange(begin, end)

        for _ in range(20):
            spread(work, size)
        return int(total.sum())

    with ThreadPoolExecutor(6) as callers:
        assert list(callers.map(one, range(50, 80))) == [n * (n - 1) // 2 for n in range(50, 80)]


@pytest.mark.usefixtures("some_cores")
def test_what_is_done_meanwhile_gives_its_result_or_its_error() -> None:
    def work() -> int:
        total = np.zeros(300, dtype=int)
        spread(lambda begin, end: total[begin:end].__iadd__(1), 300)
        return int(total.sum())

    def fail() -> int:
        raise ArithmeticError("there")

    found, failed, again = meanwhile(work), meanwhile(fail), meanwhile(work)
    assert (found(), again()) == (300, 300)
    with pytest.raises(ArithmeticError, match="there"):
        failed()


def test_there_is_a_core() -> None:
    assert 1 <= threads.cores() <= (os.cpu_count() or 1)


def test_a_worker_takes_no_more_than_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setenv(threads.LIMIT, "3")
    assert threads.threads() == 3
    monkeypatch.setenv(threads.LIMIT, "64")
    assert threads.threads() == 8
    monkeypatch.setenv(threads.LIMIT, "many")
    assert threads.threads() == 8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
    ],
)
def test_the_quota_of_a_container_counts(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(threads, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert threads.cores() == expected


def test_no_quota_is_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(threads, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert threads.cores() == 64
