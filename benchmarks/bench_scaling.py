"""`prepare` over many scans: one and two workers, 4 to 64 scans, and what ScanNet would take.

    python -m benchmarks.bench_scaling    # the table, and the chart docs/images/scaling.svg

Scans are one generated room under many names (links to the same files). Every run is the command,
in a process of its own; memory is that of all its processes together, looked at every 50 ms: pages
that they share count once (PSS). A look takes milliseconds of a core, so nobody looks while one and
two workers are compared: there all cores are at work.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from crossvox.capture.rooms import RoomsParams
from crossvox.core.threads import LIMIT, cores
from crossvox.recipes.rooms import write_rooms

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "docs" / "images" / "scaling.svg"

FRAMES = 100
COUNTS = (4, 16, 64)
SKIP = 4
"""Of many scans, every so many frames are taken: 25 of each."""

SCALED = (16, 64)
"""Scans that one and two workers prepare, of all frames: the more, the less their start counts."""

LOOKS_S = 0.05

SCANS, SCAN_FRAMES = 1513, 1660
"""ScanNet: scans, and frames of one (2.5 million in all)."""

LEAST = 6
"""Of the large scan, every so many frames are taken in the shorter run. Fewer frames could not tell
that they agree, and ``prepare`` would ask more of them."""

LARGE = RoomsParams(
    count=1, frames=72, width=1296, height=968, depth_width=640, depth_height=480, seed=1
)


@dataclass(frozen=True)
class Taken:
    """What a command took.

    Attributes:
        wall_s: by the clock.
        cpu_s: of all its processes.
        peak_mb: most memory of all its processes at once; 0 where nobody looked.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure; needs no data."""
    del shared
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_rooms(work / "rooms", RoomsParams(count=1, frames=FRAMES))
        room = next((work / "rooms").glob("scene*"))
        for count in {*COUNTS, *SCALED}:
            copied(room, work / f"raw{count}", count)
        prepared(
            work / f"raw{COUNTS[0]}", 2, "warm", SKIP
        )  # kernels are compiled, files are in memory
        scaled = [
            (
                count,
                prepared(work / f"raw{count}", 1, "alone", watched=False),
                prepared(work / f"raw{count}", 2, "both", watched=False),
            )
            for count in SCALED
        ]
        found = {count: prepared(work / f"raw{count}", 2, "many", SKIP) for count in COUNTS}
        begun = started()
        write_rooms(work / "large", LARGE)
        large = next((work / "large").glob("scene*"))
        copied(large, work / "large-raw", 2)
        prepared(work / "large-raw", 1, "warm", LEAST)
        frames = {skip: prepared(work / "large-raw", 1, f"skip{skip}", skip) for skip in (1, LEAST)}
    chart(found, CHART)
    rows = [_scaling(*one, begun) for one in scaled]
    return [*rows, *_counts(found), _scannet(frames, begun)]


def copied(scan: Path, raw: Path, count: int) -> None:
    """A folder with one scan under many names."""
    for number in range(count):
        name = f"scene{number:04d}_00"
        for file in scan.rglob("*"):
            if not file.is_file() or file.name == "manifest.json" or ".locks" in file.parts:
                continue
            there = raw / name / str(file.relative_to(scan)).replace(scan.name, name)
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, there)
    os.link(scan.parent / "scannetv2-labels.combined.tsv", raw / "scannetv2-labels.combined.tsv")


def prepared(raw: Path, workers: int, name: str, skip: int = 1, *, watched: bool = True) -> Taken:
    """``crossvox prepare`` of a folder of scans, each worker with one thread."""
    words = ["prepare", str(raw), str(raw.with_name(f"{name}-{raw.name}"))]
    words += ["--frame-skip", str(skip), "--workers", str(workers)]
    return command(words, raw.parent, workers, watched=watched)


def command(words: list[str], work: Path, limit: int, *, watched: bool = True) -> Taken:
    """One command of crossvox in a process of its own."""
    before = _children_s()
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "crossvox", *words],
        env={**os.environ, LIMIT: str(limit), "XDG_CACHE_HOME": str(work / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = _Peak(process.pid) if watched else None
    _, text = process.communicate()
    wall_s = time.perf_counter() - begin
    if peak is not None:
        peak.done.set()
    if process.returncode:
        raise RuntimeError(f"crossvox {' '.join(words)}: {text}")
    return Taken(wall_s, _children_s() - before, 0.0 if peak is None else peak.most / 2**20)


def started() -> float:
    """CPU seconds until a command that prepares nothing has ended: imports, for the most part."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        before = _children_s()
        code = "import crossvox.recipes.prepare_scene, crossvox.cli.run"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=work)
        return _children_s() - before


class _Peak:
    """Watches the memory of a process and all below it, in a thread."""

    def __init__(self, process: int) -> None:
        self.most, self.done = 0, threading.Event()
        self._process = psutil.Process(process)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.done.wait(LOOKS_S):
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.Error:
                return
            self.most = max(self.most, sum(_memory(one) for one in family))


def _memory(process: psutil.Process) -> int:
    """Bytes; pages that are shared count once among those who share them."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _scaling(scans: int, alone: Taken, both: Taken, begun: float) -> dict[str, Any]:
    return {
        "stage": f"`prepare`, {scans} scans of {FRAMES} frames: 2 workers against 1",
        "ours_s": both.wall_s,
        "baseline_s": alone.wall_s,
        "factor": alone.wall_s / both.wall_s,
        "how": f"whole command, one thread a worker, on {cores()} cores; baseline: 1 worker; "
        f"CPU seconds of all processes {both.cpu_s:.1f} against {alone.cpu_s:.1f}, so that "
        f"{2 * alone.cpu_s / both.cpu_s:.2f}x is the most; {begun:.1f} s of CPU a process are "
        f"imports, and are what limits short runs",
    }


def _counts(found: dict[int, Taken]) -> list[dict[str, Any]]:
    """What a scan more takes: the start of the processes is left out."""
    rows, before = [], None
    frames = -(-FRAMES // SKIP)
    for (few, least), (many, most) in pairwise(found.items()):
        wall_s = (most.wall_s - least.wall_s) / (many - few)
        cpu_s = (most.cpu_s - least.cpu_s) / (many - few)
        rows.append(
            {
                "stage": f"`prepare`, a scan of {frames} frames more, from {few} to {many} scans",
                "ours_s": wall_s,
                "baseline_s": before,
                "factor": None if before is None else before / wall_s,
                "how": f"2 workers; {'baseline: the row above, 1x is flat; ' if before else ''}"
                f"{cpu_s:.2f} CPU seconds a scan; peak memory of all processes "
                f"{least.peak_mb:.0f} MB for {few} scans, {most.peak_mb:.0f} MB for {many}",
            }
        )
        before = wall_s
    return rows


def _scannet(frames: dict[int, Taken], begun: float) -> dict[str, Any]:
    """An extrapolation: a straight line through two measured numbers of frames."""
    per_scan = {
        -(-LARGE.frames // skip): (taken.cpu_s - begun) / 2 for skip, taken in frames.items()
    }
    (many, most_s), (few, least_s) = sorted(per_scan.items(), reverse=True)
    frame_s = (most_s - least_s) / (many - few)
    rest_s = max(0.0, least_s - few * frame_s)
    hours = {skip: SCANS * (rest_s + frame_s * SCAN_FRAMES / skip) / 3600 for skip in (1, 10)}
    return {
        "stage": f"`prepare` of ScanNet's {SCANS:,} scans at skip 10, extrapolated, core hours",
        "ours_s": hours[10] * 3600,
        "baseline_s": None,
        "factor": None,
        "how": f"an extrapolation, not a measurement: a generated room at 1296x968 colour and "
        f"640x480 depth takes {frame_s * 1000:.0f} ms of CPU a frame and {rest_s:.2f} s a scan "
        f"(from {few} and {many} frames), ScanNet has about {SCAN_FRAMES:,} frames a scan: "
        f"{hours[10]:.0f} core hours at skip 10, {hours[1]:.0f} at skip 1. Its meshes are larger "
        f"than a generated room's, and disks are not counted",
    }


def chart(found: dict[int, Taken], path: Path) -> None:
    """Time a scan and peak memory over the number of scans."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "crossvox", "font.size": 9})
    from matplotlib import pyplot

    counts = list(found)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    # Marks at the edge of a drawing are shown whole.
    first: Any = {"color": "#2a5d9f", "clip_on": False}
    second: Any = {"color": "#b5651d", "clip_on": False}
    left.plot(counts, [t.wall_s / n for n, t in found.items()], "o-", label="wall", **first)
    left.plot(counts, [t.cpu_s / n for n, t in found.items()], "s--", label="CPU", **second)
    left.set(ylabel="seconds a scan")
    left.legend(frameon=False)
    right.plot(counts, [t.peak_mb for t in found.values()], "o-", **first)
    right.set(ylabel="peak memory, all processes, MB")
    for axes in (left, right):
        axes.set(xlabel="scans", xscale="log", xticks=counts, ylim=(0, None))
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    from benchmarks.__main__ import line

    for row in run(None):
        print(line(row), flush=True)
