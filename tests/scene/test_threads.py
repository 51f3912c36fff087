"""Work spread over threads: everything once, errors arrive, callers do not disturb each other."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crossvox.scene import threads
from crossvox.scene.threads import spread


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


def test_there_is_a_core() -> None:
    assert 1 <= threads.cores() <= (os.cpu_count() or 1)
