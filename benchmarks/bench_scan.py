"""A capture to a room by ``crossvox scan``: this build beside another checkout's.

Each scans as it does by default, into an empty folder, in a process that stays, so that neither
pays for imports and compilation: this build without a page, which is told apart in its own row.
``CROSSVOX_SEGMENT3D`` names a run of ``train segment3d`` that the other build can read; without it
that build completes rooms and labels nothing. ``CROSSVOX_IMAGES`` names a 2D run that labels frames
here, where none comes with the package.
"""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.against import Turns, against_row, times

FRAMES = 100
ROUNDS = 3
SEGMENT3D, IMAGES = "CROSSVOX_SEGMENT3D", "CROSSVOX_IMAGES"


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on the kitchen where there is one, else on a generated room."""
    with capture_folder(shared) as (capture, what), TemporaryDirectory() as folder:
        rows = []
        for page in (False, True):
            found = times(scanned, str(capture), folder, page, rounds=ROUNDS)
            rows.append(_row(found, what, page))
        return rows


@contextmanager
def capture_folder(shared: Path | None) -> Iterator[tuple[Path, str]]:
    """A capture of about 100 frames, as files, and what it is."""
    kitchen = None if shared is None else shared / "data" / "redkitchen"
    if kitchen is not None and kitchen.is_dir():
        yield kitchen, "a kitchen"
        return
    from crossvox.capture.rooms import RoomsParams
    from crossvox.recipes.rooms import write_rooms

    with TemporaryDirectory() as folder:
        write_rooms(Path(folder), RoomsParams(count=1, frames=FRAMES, lost_share=0.0))
        (scan,) = (path.parent for path in Path(folder).glob("*/*.sens"))
        yield scan, "a generated room"


def scanned(capture: str, folder: str, page: bool) -> Callable[[], dict[str, Any]]:
    """Scan it; what was found, where the build tells."""
    from crossvox.recipes.scan import scan

    given: dict[str, Any] = {}
    if "page" in inspect.signature(scan).parameters:
        given["page"] = page
        if os.environ.get(IMAGES):
            given["images"] = Path(os.environ[IMAGES])
    else:
        given["run"] = Path(os.environ.get(SEGMENT3D) or "default3d")

    def work() -> dict[str, Any]:
        out = Path(folder, f"out-{os.getpid()}")
        shutil.rmtree(out, ignore_errors=True)
        report = scan(Path(capture), out, **given)
        parts = {name: round(taken, 2) for name, taken in report.seconds.items()}
        room = getattr(report, "room", None)
        return {"parts": parts, "labelled": 0.0 if room is None else 1 - room.unlabelled}

    return work


def _row(found: Turns, what: str, page: bool) -> dict[str, Any]:
    parts = ", ".join(f"{name} {taken}" for name, taken in found.ours.result["parts"].items())
    theirs = "a segment3d run" if os.environ.get(SEGMENT3D) else "default3d, which labels nothing"
    peak = f"peak {found.ours.peak_mb:.0f} MB"
    if found.theirs is not None:
        peak += f" against {found.theirs.peak_mb:.0f} MB"
    return against_row(
        f"scan of {what}, {FRAMES} frames: mesh and objects{' and page' if page else ''}",
        found,
        f"seconds by part: {parts}; {found.ours.result['labelled']:.0%} of the surface labelled; "
        f"{peak}; the other build: by {theirs}, with its page and scores",
    )
