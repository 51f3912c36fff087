"""How much memory a process has taken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from crossvox.flow import memory

SIZE = 200 * 10**6

PARENT = f"""
import subprocess, sys
held = bytearray(b"x") * {SIZE}
print(subprocess.check_output([sys.executable, "-c", sys.argv[1]], text=True))
"""
CHILD = "from crossvox.flow.memory import peak; print(peak())"


@pytest.mark.skipif(sys.platform != "linux", reason="what is told is that of Linux")
def test_the_peak_of_a_process_is_its_own_not_that_of_who_started_it() -> None:
    alone = int(subprocess.check_output([sys.executable, "-c", CHILD], text=True))
    started = int(subprocess.check_output([sys.executable, "-c", PARENT, CHILD], text=True))
    assert 5 * 10**6 < alone < SIZE / 2
    assert started < SIZE / 2


def test_the_peak_stays_where_memory_is_given_back() -> None:
    before = memory.peak()
    held = bytearray(b"x") * (memory.peak() + SIZE)
    del held
    assert memory.peak() > before + SIZE / 2
