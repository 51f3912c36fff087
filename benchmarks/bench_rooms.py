"""Generated rooms: furnishing, baked light, filming, mesh and files.

The baseline is another build (``benchmarks.against``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.against import Turns, against_row, times
from crossvox.capture.rooms import RoomsParams
from crossvox.recipes.rooms import write_rooms

FRAMES = 120


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on one generated room at 640x480; needs no data."""
    with tempfile.TemporaryDirectory() as name:
        found = times(room, name, FRAMES)
    rate = FRAMES / found.ours.wall_s
    return [
        against_row(
            f"generated room, a frame of 640x480: {rate:.1f} frames/s",
            _a_frame(found),
            f"one room of {FRAMES} frames, furnishing, baked light, mesh and files included; "
            f"peak memory {_memory(found)}",
        )
    ]


def room(folder: str, frames: int) -> Callable[[], Any]:
    """Write one room as a raw scan, everything included; results: size of its parts, bytes.

    What was written stays to the end of all: to delete it is no part of the work.
    """

    def work() -> dict[str, int]:
        out = Path(tempfile.mkdtemp(dir=folder))
        write_rooms(out, RoomsParams(count=1, frames=frames))
        sizes: dict[str, int] = {}
        for path in sorted(out.rglob("*")):
            if path.is_file():
                sizes[path.suffix] = sizes.get(path.suffix, 0) + path.stat().st_size
        return sizes

    return work


def _a_frame(found: Turns) -> Turns:
    """The times of one frame; the ratios stay."""
    ours, theirs = (
        None
        if build is None
        else replace(build, wall_s=build.wall_s / FRAMES, cpu_s=build.cpu_s / FRAMES)
        for build in (found.ours, found.theirs)
    )
    assert ours is not None
    return replace(found, ours=ours, theirs=theirs)


def _memory(found: Turns) -> str:
    text = f"{found.ours.peak_mb:.0f} MB"
    return text if found.theirs is None else f"{text} (baseline {found.theirs.peak_mb:.0f} MB)"
