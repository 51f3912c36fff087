"""Generated rooms: furnished, lit, filmed by a hand-held camera, written as ScanNet raw scans.

A room is laid out (``layout``) with furniture and small things (``furniture``, ``clutter``) that
are built from ``shapes``, turned into one mesh with light on its vertices (``light``), filmed along
a walk (``camera_path``, ``frames``, ``film``; the kernels are in ``texture`` and ``sensor``) and
written (``write``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from crossvox.capture.rooms.params import RoomReport, RoomsParams, RoomsReport

__all__ = ["RoomReport", "RoomsParams", "RoomsReport", "write_rooms"]


def write_rooms(
    out: Path, params: RoomsParams, progress: Callable[[int, int], None] | None = None
) -> RoomsReport:
    """Write furnished rooms as ScanNet raw scans; see :func:`crossvox.capture.rooms.write`.

    Args:
        out: folder to write to.
        params: how many rooms, what images.
        progress: called with frames done and frames in all.

    Returns:
        What was written and what was found already there.
    """
    from crossvox.capture.rooms.write import write_rooms as write

    return write(out, params, progress)
