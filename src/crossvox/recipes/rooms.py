"""Furnished rooms as raw scans, to try everything with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.capture.rooms.params import RoomsParams
from crossvox.flow.progress import Progress, Silent

if TYPE_CHECKING:
    from crossvox.capture.rooms.params import RoomsReport


def rooms(
    out: Path, params: RoomsParams | None = None, *, progress: Progress | None = None
) -> RoomsReport:
    """Write furnished rooms as complete raw scans.

    Args:
        out: folder that receives one raw scan a room.
        params: size, number and seed.
        progress: who watches.
    """
    from crossvox.capture.rooms import write_rooms

    progress = progress or Silent()
    report = write_rooms(out, params or RoomsParams(), progress=progress.step("frames"))
    progress.say(f"wrote {len(report.scenes)} rooms to {out}")
    return report
