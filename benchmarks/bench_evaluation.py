"""Scores of a scene, the page of three rooms, and how soon commands answer."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.against import ROUNDS, against_row, times
from benchmarks.peers import missing, peer

FRAMES, SIZE = 60, (640, 480)
COMMANDS = ("--help", "train reconstruct --help", "scan --help", "predict --help")
FIRST = ("train reconstruct DATA RUN", "scan CAPTURE OUT", "predict RUN DATA OUT")


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on generated rooms; needs no data."""
    from benchmarks.material import predicted_rooms

    with TemporaryDirectory() as name:
        pred, data = predicted_rooms(Path(name), 3, FRAMES, SIZE)
        one = Path(name) / "one"
        first = sorted(path for path in pred.iterdir() if path.is_dir())[0]
        _only(pred, one, first.name)
        return [
            _evaluation(one, data),
            _surfaces(one / first.name, data / first.name),
            *_pairs(one / first.name, data / first.name),
            _page(pred, data),
            *_starts(),
        ]


def _only(pred: Path, out: Path, scene: str) -> None:
    """A prediction with one of the scenes."""
    from crossvox.core.artifact import Manifest, write_manifest

    write_manifest(out, Manifest("predict", items={scene: ""}))
    (out / scene).symlink_to(pred / scene)


def _evaluation(pred: Path, data: Path) -> dict[str, Any]:
    found = times(evaluation, str(pred), str(data))
    how = f"{FRAMES} frames, 3D and depth, three methods"
    if found.theirs is not None:
        ours, theirs = found.ours.result, found.theirs.result
        same = all(ours[key] == value for key, value in theirs.items())
        how += f"; {len(ours)} scores, baseline {len(theirs)}, all of which are "
        how += "equal" if same else "NOT equal"
    return against_row(f"evaluation of a scene of {FRAMES} frames", found, how)


def evaluation(pred: str, data: str) -> Callable[[], Any]:
    """Score a prediction; results: every score, by method and name."""
    from crossvox.evaluate.score import evaluate_reconstruction

    def work() -> dict[str, str]:
        found = evaluate_reconstruction(Path(pred), Path(data))
        return {
            f"{method}: {one.name}": repr(one.value)
            for method, scores in found.mean.items()
            for one in scores
        }

    return work


def _surfaces(pred: Path, data: Path) -> dict[str, Any]:
    """3D scores of three meshes beside eval3r, meshes in memory, as many points compared."""
    from crossvox.core.methods import METHOD_FILES
    from crossvox.doors.meshes import read_mesh
    from crossvox.evaluate.protocols import score_surfaces, surface_points

    stage = "3D scores of three surfaces against one"
    reference = read_mesh(data / f"{data.name}.ply")
    meshes = {
        method: read_mesh(pred / file)
        for method, file in METHOD_FILES.items()
        if (pred / file).is_file()
    }
    score_surfaces(meshes, reference)
    theirs = peer("eval3r")
    counts = {name: len(surface_points(mesh, "surface")) for name, mesh in meshes.items()}
    truth = len(surface_points(reference, "surface"))
    ours: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        ours.append(_took(lambda: score_surfaces(meshes, reference)))
        if theirs.module is not None:
            others.append(_took(lambda: _eval3r(meshes, reference, counts, truth)))
    ours_s = statistics.median(wall for wall, _ in ours)
    if theirs.module is None:
        return missing(stage, theirs.why, ours_s)
    factor = statistics.median(b[0] / a[0] for a, b in zip(ours, others, strict=True))
    cpu = statistics.median(b[1] / a[1] for a, b in zip(ours, others, strict=True))
    return {
        "stage": stage,
        "ours_s": ours_s,
        "baseline_s": statistics.median(wall for wall, _ in others),
        "factor": factor,
        "how": f"{', '.join(f'{n} {count}' for n, count in counts.items())} points against "
        f"{truth}; medians of {ROUNDS} in turns; baseline: evaluate_geometry of {theirs.title} on "
        f"as many points a pair (the mean of both, drawn by area); ours samples one point a cm2 "
        f"and thins them to that many; by processor time {cpu:.3g}x",
    }


def _eval3r(meshes: Any, reference: Any, counts: dict[str, int], truth: int) -> None:
    from eval3r.io.geometry import MeshData
    from eval3r.metrics.metric3d import evaluate_geometry

    known = MeshData(reference.vertices_m, reference.faces)
    for name, mesh in meshes.items():
        made = MeshData(mesh.vertices_m, mesh.faces)
        evaluate_geometry(made, known, samples=(counts[name] + truth) // 2, thresholds=(0.05,))


def _pairs(pred: Path, data: Path) -> list[dict[str, Any]]:
    """Files scored by several protocols, and brought together first, beside what others have."""
    from crossvox.core.methods import METHOD_FILES, TSDF

    made, true = pred / METHOD_FILES[TSDF], data / f"{data.name}.ply"
    moved = made.with_name("moved.ply")
    _moved(made, moved)
    protocols = "a pair of files by three protocols, three thresholds"
    aligned = "a pair of files, turned 5 degrees and 2 % too large, aligned with a scale and scored"
    o3d, eval3r = peer("open3d"), peer("eval3r")
    lacking = next((one.why for one in (o3d, eval3r) if one.module is None), None)
    if lacking is not None:
        return [missing(protocols, lacking), missing(aligned, lacking)]
    return [
        _beside(
            protocols,
            lambda: _ours(made, true, ("atlas", "transformerfusion", "sampled"), "none"),
            lambda: {**_open3d(made, true), **_by_eval3r(made, true)},
            f"atlas beside {o3d.title} (voxel_down_sample and distances both ways), "
            f"transformerfusion and sampled beside evaluate_geometry of {eval3r.title} on 200,000 "
            f"points; both read the files",
        ),
        _beside(
            aligned,
            lambda: _ours(moved, true, ("sampled",), "icp_sim3"),
            lambda: _aligned_by_eval3r(moved, true),
            f"baseline: evaluate_geometry of {eval3r.title}, align_mode icp_sim3; ours tries many "
            f"starts and measures along normals",
        ),
    ]


def _moved(made: Path, out: Path) -> None:
    import numpy as np

    from crossvox.doors.meshes import read_mesh, write_ply

    mesh = read_mesh(made)
    angle = np.radians(5)
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    vertices = 1.02 * mesh.vertices_m @ turn.T + [0.1, 0.05, 0.02]
    write_ply(out, replace(mesh, vertices_m=vertices.astype(np.float32)))


def _beside(
    stage: str,
    ours: Callable[[], dict[str, float]],
    theirs: Callable[[], dict[str, float]],
    how: str,
) -> dict[str, Any]:
    """A row of two ways to the same scores, in turns, and how far apart the scores are."""
    values, others = ours(), theirs()
    apart = {name: abs(values[name] / value - 1) for name, value in others.items()}
    worst = max(apart, key=lambda name: apart[name])
    mine: list[tuple[float, float]] = []
    other: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        mine.append(_took(ours))
        other.append(_took(theirs))
    factor, cpu = (
        statistics.median(b[which] / a[which] for a, b in zip(mine, other, strict=True))
        for which in (0, 1)
    )
    return {
        "stage": stage,
        "ours_s": statistics.median(wall for wall, _ in mine),
        "baseline_s": statistics.median(wall for wall, _ in other),
        "factor": factor,
        "how": f"{how}; {len(others)} scores, the one farthest apart by {apart[worst]:.2%} "
        f"({worst}: {values[worst]:.5g}, {others[worst]:.5g}); medians of {ROUNDS} in turns; by "
        f"processor time {cpu:.3g}x",
    }


def _ours(made: Path, true: Path, rules: tuple[str, ...], align: Any) -> dict[str, float]:
    from crossvox.evaluate.pair import PairParams, score_files

    scores = score_files(made, true, PairParams(rules, (0.02, 0.05, 0.1), align))
    return {f"{one.protocol}: {one.name}": one.value for one in scores}


def _open3d(made: Path, true: Path) -> dict[str, float]:
    import numpy as np
    import open3d as o3d

    sides = [o3d.io.read_point_cloud(str(file)).voxel_down_sample(0.02) for file in (made, true)]
    there = np.asarray(sides[0].compute_point_cloud_distance(sides[1]))
    back = np.asarray(sides[1].compute_point_cloud_distance(sides[0]))
    shares = {at: ((there < at).mean(), (back < at).mean()) for at in (0.02, 0.05, 0.1)}
    precision, recall = shares[0.05]
    return {
        "atlas: Acc": float(there.mean()),
        "atlas: Comp": float(back.mean()),
        "atlas: Prec": float(precision),
        "atlas: Recall": float(recall),
        "atlas: F-score": float(2 * precision * recall / (precision + recall)),
    }


def _by_eval3r(made: Path, true: Path) -> dict[str, float]:
    from eval3r.io.geometry import PointCloudData, load_mesh
    from eval3r.metrics.metric3d import evaluate_geometry

    mesh, known = load_mesh(made), load_mesh(true)
    found = {}
    for rule, truth in (
        ("transformerfusion", PointCloudData(known.vertices)),
        ("sampled", known),
    ):
        result = evaluate_geometry(mesh, truth, thresholds=(0.02, 0.05, 0.1))
        found |= _told(rule, result)
    return found


def _aligned_by_eval3r(made: Path, true: Path) -> dict[str, float]:
    from eval3r.io.geometry import load_mesh
    from eval3r.metrics.metric3d import evaluate_geometry

    result = evaluate_geometry(
        load_mesh(made), load_mesh(true), thresholds=(0.02, 0.05, 0.1), align_mode="icp_sim3"
    )
    return _told("sampled", result)


def _told(rule: str, result: Any) -> dict[str, float]:
    at = result.fscore[0.05]
    return {
        f"{rule}: Acc": result.accuracy,
        f"{rule}: Comp": result.completeness,
        f"{rule}: Prec": at["precision"],
        f"{rule}: Recall": at["recall"],
        f"{rule}: F-score": at["f"],
    }


def _took(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _page(pred: Path, data: Path) -> dict[str, Any]:
    found = times(page, str(pred), str(data))
    size = found.ours.result / 1e6
    how = f"three rooms of {FRAMES} frames, 3D views and GLB files beside it; {size:.1f} MB in all"
    if found.theirs is not None:
        how += f", baseline {found.theirs.result / 1e6:.1f} MB"
    return against_row("page of three rooms", found, how)


def page(pred: str, data: str) -> Callable[[], Any]:
    """Write a page; results: bytes of all its files."""
    from crossvox.report.page.write import write_page

    def work() -> int:
        with TemporaryDirectory() as name:
            write_page([Path(pred), Path(data)], Path(name) / "page")
            files = (path for path in Path(name).rglob("*") if path.is_file())
            return sum(path.stat().st_size for path in files)

    return work


def _starts() -> list[dict[str, Any]]:
    rows = []
    for words in COMMANDS:
        found = times(answer, words)
        rows.append(against_row(f"`crossvox {words}`", found, "a process of its own"))
    for words in FIRST:
        found = times(first_output, words)
        how = "until its first word, folders that are not there"
        rows.append(against_row(f"`crossvox {words}`, first output", found, how))
    return rows


def answer(words: str) -> Callable[[], Any]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "crossvox", *words.split()]

    def work() -> int:
        return len(subprocess.run(command, capture_output=True, check=True).stdout)

    return work


def first_output(words: str) -> Callable[[], Any]:
    """Run a command until its first byte, on either stream."""
    command = [sys.executable, "-u", "-m", "crossvox", *words.split()]

    def work() -> None:
        read, write = os.pipe()
        with subprocess.Popen(command, stdout=write, stderr=write) as process:
            os.close(write)
            os.read(read, 1)
            process.kill()
        os.close(read)

    return work


if __name__ == "__main__":
    for row in run(None):
        print(row)
