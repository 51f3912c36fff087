"""A process that keeps what it frees, or gives it back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FREES = """
import resource
import numpy as np
from crossvox.core.heap import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(500_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert keep_freed()
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told")
def test_freed_memory_is_used_again() -> None:
    """Twenty arrays of 977 pages each would be 19 531 pages from the system."""
    found = subprocess.run([sys.executable, "-c", FREES], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) < 1000


GIVES_BACK = """
from pathlib import Path
import numpy as np
from crossvox.core.heap import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

blocks = [np.ones(12_500) for _ in range(2000)]
blocks = blocks[::40]  # what is free lies between what is not
before = resident()
assert give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps it")
def test_freed_memory_goes_back() -> None:
    """Two thousand arrays of 100 kB are 48 828 pages."""
    found = subprocess.run([sys.executable, "-c", GIVES_BACK], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 40_000
