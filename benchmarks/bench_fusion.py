"""Fusion at 2 cm and meshing, beside Open3D's VoxelBlockGrid in the same run.

Both fuse the same frames with the same voxel, block, truncation and depth limit: depth; depth and
colour; depth, colour and classes. Frames are of a generated room, and of a real kitchen where there
is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.peer_open3d import bytes_theirs, fuse_theirs, mesh_theirs, votes_theirs
from benchmarks.peers import Peer, missing, peer
from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.capture.rooms.params import RoomsParams
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.core.threads import spread, threads
from crossvox.core.volume import Mesh
from crossvox.recipes.rooms import write_rooms
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.blocks import CELL
from crossvox.scene.tsdf.volume import TsdfVolume, fuse
from crossvox.scene.tsdf.votes import FULL_COUNT

PARAMS = TsdfParams(voxel_m=0.02, truncation_voxels=5, far_m=4.0)
FRAMES = 100
ROOM_FRAMES, VOTING_FRAMES = 40, 20
"""Of the generated room; Open3D takes half a second a frame where classes vote."""

ROUNDS = 5
CLOSE_M = 0.01


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on frames of a room and of a kitchen; without Open3D, ours alone."""
    open3d = peer("open3d")
    rows = []
    kitchen = None if shared is None else shared / "data" / "redkitchen"
    if kitchen is not None and kitchen.is_dir():
        capture = open_capture(kitchen, params=CaptureParams(registration="none"))
        for size in ((640, 480), (320, 240)):
            frames = _frames(capture, size, labels=False)
            rows += _rows(open3d, [_bare(f) for f in frames], f"depth, kitchen, {_text(size)}")
            rows += _rows(open3d, frames, f"depth and colour, kitchen, {_text(size)}")
    else:
        rows.append(missing("TSDF fusion of a real kitchen", "no shared/data/redkitchen"))
    with TemporaryDirectory() as work:
        write_rooms(Path(work) / "rooms", RoomsParams(count=1, frames=ROOM_FRAMES))
        scan = next((Path(work) / "rooms").glob("scene*"))
        frames = _frames(open_capture(scan), (640, 480), labels=True)
        what = f"room, {_text((640, 480))}"
        rows += _rows(open3d, [_bare(f) for f in frames], f"depth, {what}")
        unlabelled = [replace(f, labels=None) for f in frames]
        rows += _rows(open3d, unlabelled, f"depth and colour, {what}")
        voting = frames[:VOTING_FRAMES]
        rows += _rows(open3d, voting, f"depth, colour and class votes, {what}", votes=True)
    return rows


def _frames(capture: Capture, size: tuple[int, int], labels: bool) -> list[Frame]:
    """Frames with a pose, their depth in one piece as Open3D needs it."""
    found = []
    for index in range(min(FRAMES, len(capture))):
        frame = capture.frame(index, size, Parts(labels=labels))
        if frame.pose is not None:
            found.append(replace(frame, depth_m=np.ascontiguousarray(frame.depth_m)))
    return found


def _bare(frame: Frame) -> Frame:
    return replace(frame, rgb=None, labels=None)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _rows(
    open3d: Peer, frames: list[Frame], what: str, votes: bool = False
) -> list[dict[str, Any]]:
    """Fusion and mesh of these frames."""
    stages = (f"TSDF fusion at 2 cm: {what}", f"mesh of the fused field: {what}")
    o3d, count = open3d.module, len(frames)

    def ours() -> TsdfVolume:
        return fuse(frames, PARAMS, votes=votes)

    volume = ours()
    mesh = volume.mesh()
    triangles = f"{len(mesh.faces)} triangles"
    if o3d is None:
        ours_s, mesh_s = _medians([ours])[0], _medians([volume.mesh])[0]
        return [
            missing(stages[0], f"{open3d.why}; {_moved(volume, frames, ours_s)}", ours_s),
            missing(stages[1], f"{open3d.why}; {triangles}", mesh_s),
        ]

    def theirs() -> Any:
        return fuse_theirs(o3d, frames, PARAMS, votes)

    grid = theirs()
    ours_s, baseline_s = _medians([ours, theirs])
    mesh_s, other_s = _medians([volume.mesh, lambda: mesh_theirs(grid)])
    names = ("tsdf", "weight", "color", "votes")[: 2 + (frames[0].rgb is not None) + votes]
    room, used = bytes_theirs(grid, names)
    how = (
        f"{count} frames ({count / ours_s:.0f} and {count / baseline_s:.0f} frames/s), median of "
        f"{ROUNDS} in turns; baseline: {open3d.title} VoxelBlockGrid; field in use "
        f"{_mb(volume.memory_bytes)}, theirs {_mb(used)}, {_mb(room)} at its default size; "
        f"{_moved(volume, frames, ours_s)}"
    )
    if frames[0].rgb is None:
        # Colours and classes do not change the surface.
        a, b = agreement(mesh, mesh_theirs(grid))
        how += f"; within 1 cm of the other's surface: {a:.1%} of our vertices, {b:.1%} of theirs"
    if votes:
        how += f"; votes counted: {_votes_ours(volume)} and {votes_theirs(grid)}"
    return [
        _row(stages[0], ours_s, baseline_s, how),
        _row(stages[1], mesh_s, other_s, f"{triangles}; baseline: {open3d.title}"),
    ]


def _mb(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


def _votes_ours(volume: TsdfVolume) -> int:
    assert volume._votes is not None
    return int((volume._votes & FULL_COUNT).sum(dtype=np.int64))


def _moved(volume: TsdfVolume, frames: list[Frame], ours_s: float) -> str:
    """What share of the bandwidth of memory fusing takes, at the least that it must move.

    Each frame's images are read once, and each block that it touches is read and written.
    """
    per_voxel = volume.memory_bytes / max(1, volume.counts.blocks) / CELL
    moved = 0.0
    for frame in frames:
        images = (frame.rgb, frame.depth_m, frame.labels)
        moved += sum(image.nbytes for image in images if image is not None)
        moved += 2 * fuse([frame], PARAMS).counts.blocks * CELL * per_voxel
    return f"{moved / ours_s / _copy_rate():.0%} of the bandwidth of memory"


def _copy_rate() -> float:
    """Bytes a second that a copy between two large arrays reads and writes, on all threads."""
    source = np.ones(1 << 25, dtype=np.float64)
    target = np.zeros_like(source)
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        spread(lambda a, b: np.copyto(target[a:b], source[a:b]), len(source), 4 * threads())
        best = min(best, time.perf_counter() - begin)
    return 2 * source.nbytes / best


def _row(stage: str, ours_s: float, baseline_s: float, how: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "ours_s": ours_s,
        "baseline_s": baseline_s,
        "factor": baseline_s / ours_s,
        "how": how,
    }


def _medians(works: list[Callable[[], Any]]) -> list[float]:
    """Median time of each, run in turns so that a busy machine disturbs all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for taken, work in zip(times, works, strict=True):
            begin = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begin)
    return [median(taken) for taken in times]


def agreement(a: Mesh, b: Mesh) -> tuple[float, float]:
    """Share of each mesh's vertices that lie within 1 cm of the other's surface.

    The surface is stood for by its vertices and face centres, which can only understate the share.
    """

    def share(points: Mesh, surface: Mesh) -> float:
        targets = np.concatenate([surface.vertices_m, surface.triangles_m.mean(axis=1)])
        distance_m = cKDTree(targets).query(points.vertices_m, workers=-1)[0]
        return float((distance_m < CLOSE_M).mean())

    return share(a, b), share(b, a)
