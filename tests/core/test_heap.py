"""Memory that is freed: which heaps threads take it from, and that it goes back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")

HEAPS = """
import ctypes, re, sys, tempfile, threading
from crossvox.core.heap import ARENAS, share_heaps

if sys.argv[1] == "shared":
    assert share_heaps()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
libc.malloc_info.argtypes = ctypes.c_int, ctypes.c_void_p
libc.fclose.argtypes = (ctypes.c_void_p,)
together = threading.Barrier(8)

def take() -> None:
    libc.malloc(1000)
    together.wait(60)

threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile() as file:
    out = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, out)
    libc.fclose(out)
    heaps = len(re.findall(rb"<heap nr=", file.read()))
print(heaps <= ARENAS)
"""


@GLIBC
@pytest.mark.parametrize("how", ["shared", "own"])
def test_threads_share_heaps_where_they_were_told_to(how: str) -> None:
    words = [sys.executable, "-c", HEAPS, how]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(how == "shared")


@GLIBC
def test_what_was_freed_goes_back() -> None:
    code = """
import resource
from pathlib import Path
from crossvox.core.heap import give_back, keep_freed

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

assert keep_freed()
blocks = [bytearray(100_000) for _ in range(1000)]
del blocks
kept = resident()
assert give_back()
print(resident() < kept - 40_000_000)
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
