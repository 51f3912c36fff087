"""What each step takes at ScanNet's size, extrapolated from what was measured on generated rooms.

``python -m trials.scannet_size`` takes the sizes that ``prepare`` writes from the records of the
page, prints what follows from them and from the times of trainings, and keeps it there; a test does
the same and compares. What ``prepare`` writes is measured by::

    crossvox rooms raw --count 1 --frames 300
    python -m trials.numbers run tutorial-experiments.md PREPARE_MANY --folder many -- \\
        crossvox prepare raw many --frame-skip 2
    python -m trials.numbers run tutorial-experiments.md PREPARE_FEW --folder few -- \\
        crossvox prepare raw few --frame-skip 10

with the names of records below. Its time is a row of the benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping

from trials import numbers

PAGE = "tutorial-experiments.md"
PREPARE_MANY = "a room of 300 frames prepared, every second one"
PREPARE_FEW = "a room of 300 frames prepared, every tenth one"
EXTRAPOLATED = "at ScanNet's size"

MANY, FEW = 150, 30
"""Frames of the room that are taken."""

SCANS, FRAMES, HELD_OUT = 1_513, 250_000, 312
"""ScanNet v2: its scans, every tenth of its 2.5 million frames, the scans of its validation."""

TRAININGS = {
    "2D network": (94.5 - 64.4, 2, 3_000),
    "reconstruct from colours": (127.0 - 55.9, 2, 75_000),
    "reconstruct from features": (204.0 - 17.0, 2, 75_000),
    "segment3d from features": (184.7 - 101.5, 1, 75_000),
}
"""Processor seconds that some steps took, how many, and how many a training has; the page tells how
they were read off."""

ROOM = {"predict": (26.0, 0.0), "evaluate": (11.0, 14.0)}
"""Processor seconds and MB on the disk of a held-out room, likewise."""

ONLY_GENERATED_MB = 4.59
"""The room's complete mesh, which no scan of ScanNet has."""


def prepared(many: Mapping[str, float], few: Mapping[str, float]) -> dict[str, float]:
    """What ``prepare`` writes a frame and a scan, and for all of ScanNet; what it needs."""
    frame_mb = (many["folder_mb"] - few["folder_mb"]) / (MANY - FEW)
    scan_mb = few["folder_mb"] - FEW * frame_mb - ONLY_GENERATED_MB
    return {
        "prepare, KB a frame": 1000 * frame_mb,
        "prepare, MB a scan": scan_mb,
        "prepare, GB for all": (FRAMES * frame_mb + SCANS * scan_mb) / 1000,
        "prepare, GB of memory a worker": many["peak_gb"],
    }


def trained() -> dict[str, float]:
    """Seconds a step, and hours of all steps on one core; the same of all held-out rooms."""
    found = {}
    for name, (seconds, few, steps) in TRAININGS.items():
        found[f"{name}, s a step"] = seconds / few
        found[f"{name}, hours for all"] = seconds / few * steps / 3600
    for name, (seconds, size_mb) in ROOM.items():
        found[f"{name}, hours for all"] = seconds * HELD_OUT / 3600
        if size_mb:
            found[f"{name}, GB for all"] = size_mb * HELD_OUT / 1000
    return found


def extrapolated() -> dict[str, float]:
    """All of it, by the records of the page."""
    told = {record["what"]: record["numbers"] for record in numbers.records(PAGE)}
    found = prepared(told[PREPARE_MANY], told[PREPARE_FEW]) | trained()
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    """Print and keep it."""
    found = extrapolated()
    for name, value in found.items():
        print(f"{name}: {value:.4g}")
    numbers.keep(PAGE, numbers.made(EXTRAPOLATED, "python -m trials.scannet_size", found))


if __name__ == "__main__":
    main()
