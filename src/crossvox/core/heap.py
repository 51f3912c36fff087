"""Memory that a process frees: kept for what asks for it again, or given back."""

from __future__ import annotations

import ctypes

MMAP_THRESHOLD, TRIM_THRESHOLD, ARENA_MAX = -3, -1, -8
"""Parameters of glibc's ``mallopt``."""

ARENAS = 2
"""Heaps that threads share, see :func:`share_heaps`."""

LARGE = 32 << 20
"""From here on memory comes from the system, and goes back when it is freed; bytes."""

KEPT = 1 << 30
"""Freed memory that a process keeps at most, bytes."""


def keep_freed() -> bool:
    """Let this process keep what it frees, up to :data:`KEPT`, for what it will ask for next.

    By default glibc gives arrays of some hundred kilobytes back to the system at once, which hands
    them out again page by page, filled with zeros: a quarter of the processor time of a small
    network's step on a CPU. What is computed is the same.

    Returns:
        Whether that was possible; elsewhere than on glibc nothing changes.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGE)) and bool(mallopt(TRIM_THRESHOLD, KEPT))


def share_heaps() -> bool:
    """Let threads that begin from now on share :data:`ARENAS` heaps.

    By default glibc gives each thread its own, up to eight a core. What a thread has freed another
    one cannot use, and little of it can go back: the parts of a job whose threads come and go leave
    holes in one heap after the other. What is computed is the same.

    Returns:
        Whether that was possible; elsewhere than on glibc nothing changes.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS))
    except (AttributeError, OSError, TypeError):
        return False


def give_back() -> bool:
    """Give what this process has freed back to the system.

    Glibc keeps blocks of up to 32 MB that were freed for whoever asks next: between two parts of a
    job that have nothing in common, the second adds its own to what the first left.

    Returns:
        Whether anything was given back; elsewhere than on glibc nothing is.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    return bool(trim(0))
