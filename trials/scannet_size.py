"""What each step takes at ScanNet's size, extrapolated from what was measured on generated rooms.

``python -m trials.scannet_size`` takes what ``prepare`` and trainings of a few steps took from the
records of the page, prints what follows from them, and keeps it there; a test does the same and
compares. What ``prepare`` writes is measured by::

    crossvox rooms raw --count 1 --frames 300
    python -m trials.numbers run tutorial-experiments.md PREPARE_MANY --folder many -- \\
        crossvox prepare raw many --frame-skip 2
    python -m trials.numbers run tutorial-experiments.md PREPARE_FEW --folder few -- \\
        crossvox prepare raw few --frame-skip 10

with the names of records below. Its time is a row of the benchmarks. Trainings, and what comes
after them, are run likewise, with the flags that the page tells: two of each, which differ in their
steps alone.
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
    "2D network": ("{} steps", 1, 3_000),
    "reconstruct from colours": ("{} steps", 1, 75_000),
    "reconstruct from features": ("{} steps of 4 sub-volumes", 4, 75_000),
    "segment3d from features": ("{} steps of 4 sub-volumes", 4, 75_000),
}
"""What the runs are called that were measured, how many of their steps are one of the training (a
step of 16 sub-volumes is four passes of 4), and how many a training has."""

FEW_STEPS, MORE_STEPS = 1, 3
"""Steps of the two runs."""

PREDICTED, EVALUATED = "predict of a room of 120 frames", "evaluate reconstruct of it"
"""What a held-out room takes after a training."""

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


def trained(told: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Seconds a step, and hours of all steps on one core; the same of all held-out rooms.

    What a run takes before and after its steps is in both runs, and not in their difference.

    Args:
        told: what was measured, by the name of its record.
    """
    found = {}
    for name, (run, passes, steps) in TRAININGS.items():
        both = [told[f"{name}, {run.format(count)}"] for count in (FEW_STEPS, MORE_STEPS)]
        seconds = both[1]["processor_s"] - both[0]["processor_s"]
        step_s = passes * seconds / (MORE_STEPS - FEW_STEPS)
        found[f"{name}, s a step"] = step_s
        found[f"{name}, hours for all"] = step_s * steps / 3600
        found[f"{name}, GB of memory"] = max(one["peak_gb"] for one in both)
        found[f"{name}, GB on the disk"] = both[1]["folder_mb"] / 1000
    for name in (PREDICTED, EVALUATED):
        found[f"{name}, hours for all"] = told[name]["processor_s"] * HELD_OUT / 3600
    found["predictions, GB for all"] = told[PREDICTED]["folder_mb"] * HELD_OUT / 1000
    return found


def extrapolated() -> dict[str, float]:
    """All of it, by the records of the page."""
    told = {record["what"]: record["numbers"] for record in numbers.records(PAGE)}
    found = prepared(told[PREPARE_MANY], told[PREPARE_FEW]) | trained(told)
    return {name: round(value, 4) for name, value in found.items()}


def main() -> None:
    """Print and keep it."""
    found = extrapolated()
    for name, value in found.items():
        print(f"{name}: {value:.4g}")
    numbers.keep(PAGE, numbers.made(EXTRAPOLATED, "python -m trials.scannet_size", found))


if __name__ == "__main__":
    main()
