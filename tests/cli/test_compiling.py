"""Whoever waits for a compiler is told so, once, and nobody else is told anything."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numba
import pytest

from crossvox.cli import compiling
from crossvox.cli.compiling import REMARK, told_of_compiling


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "LOOK_S", 0.005)
    monkeypatch.setattr(compiling, "WORTH_TELLING_S", 0.02)


def fresh() -> Callable[[int], int]:
    """A function that nobody has compiled."""

    @numba.njit()
    def total(n: int) -> int:
        found = 0
        for i in range(n):
            found += i * i % 7
        return found

    compiled: Callable[[int], int] = total
    return compiled


def test_long_compiling_is_told_once() -> None:
    said: list[str] = []
    with told_of_compiling(said.append):
        time.sleep(0.05)  # until it is looked for
        for _ in range(3):
            assert fresh()(5) == 1 + 4 + 2 + 2
            time.sleep(0.05)
    assert said == [REMARK]
    fresh()(5)
    assert said == [REMARK], "it is over"


def test_what_is_compiled_already_is_not_told() -> None:
    total = fresh()
    said: list[str] = []
    total(5)
    with told_of_compiling(said.append):
        for _ in range(20):
            total(7)
            time.sleep(0.005)
    assert said == []


def test_compiling_that_had_begun_is_no_time() -> None:
    from numba.core import event

    clock = compiling._clock(event)
    begun = event.Event("numba:compile", event.EventStatus.START)
    over = event.Event("numba:compile", event.EventStatus.END)
    clock.on_end(over)
    assert clock.seconds() == 0
    clock.on_start(begun)
    clock.on_start(begun)
    clock.on_end(over)
    time.sleep(0.01)
    assert clock.seconds() >= 0.01, "what goes on counts"
    clock.on_end(over)
    found = clock.seconds()
    time.sleep(0.01)
    assert clock.seconds() == found


def test_numba_is_not_loaded_for_it() -> None:
    text = """
import sys, time
from crossvox.cli import compiling
compiling.LOOK_S = 0.001
with compiling.told_of_compiling(print):
    time.sleep(0.05)
print("numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
