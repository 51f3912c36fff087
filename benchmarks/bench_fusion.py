"""Fusion at 2 cm and meshing, beside Open3D's VoxelBlockGrid in the same run.

Both fuse the same frames with the same voxel, block, truncation and depth limit, with and without
colour. Open3D takes the pixel whose unit square holds a projection; its principal point is moved by
half a pixel, so that this is the nearest pixel centre, as here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from crossvox.capture import open_capture
from crossvox.core.frame import Frame, Parts
from crossvox.core.volume import Mesh
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

PARAMS = TsdfParams(voxel_m=0.02, truncation_voxels=5, far_m=4.0)
ROUNDS = 3
CLOSE_M = 0.01


def run(shared: Path | None) -> list[dict[str, Any]]:
    """Measure on 100 frames of a real kitchen; no rows without it, no baseline without Open3D."""
    if shared is None or not (shared / "data" / "redkitchen").is_dir():
        return []
    capture = open_capture(shared / "data" / "redkitchen", registration="none")
    parts = Parts(labels=False)
    rows = []
    for size in ((640, 480), (320, 240)):
        frames = [_packed(capture.frame(i, size, parts)) for i in range(len(capture))]
        plain = [Frame(f.id, f.camera, f.pose, None, f.depth_m) for f in frames]
        rows += _rows(plain, f"depth, {size[0]}x{size[1]}")
        rows += _rows(frames, f"depth and colour, {size[0]}x{size[1]}")
    return rows


def _rows(frames: list[Frame], what: str) -> list[dict[str, Any]]:
    fuse(frames[:2], PARAMS).mesh()
    theirs = _open3d(frames[:2]) is not None
    ours_s, baseline_s = _best([lambda: fuse(frames, PARAMS), lambda: _open3d(frames)])
    volume, other = fuse(frames, PARAMS), _open3d(frames)
    mesh_s, other_s = _best([volume.mesh, lambda: other and _open3d_mesh(other)])
    count = len(frames)
    how = f"{count} frames ({count / ours_s:.0f} frames/s), best of {ROUNDS} in turns"
    if theirs:
        a, b = agreement(volume.mesh(), _open3d_mesh(other))
        how += (
            f"; baseline: Open3D VoxelBlockGrid ({count / baseline_s:.0f} frames/s); within 1 cm "
            f"of the other's surface: {a:.1%} of our vertices, {b:.1%} of theirs"
        )
    return [
        _row(f"TSDF fusion at 2 cm: {what}", ours_s, baseline_s if theirs else None, how),
        _row(
            f"mesh of the fused field: {what}",
            mesh_s,
            other_s if theirs else None,
            f"{len(volume.mesh().faces)} triangles, {volume.memory_bytes / 1e6:.0f} MB of field",
        ),
    ]


def _packed(frame: Frame) -> Frame:
    """The frame with its depth in one piece, as Open3D needs it."""
    return replace(frame, depth_m=np.ascontiguousarray(frame.depth_m))


def _row(stage: str, ours_s: float, baseline_s: float | None, how: str) -> dict[str, Any]:
    factor = None if baseline_s is None else baseline_s / ours_s
    return {
        "stage": stage,
        "ours_s": ours_s,
        "baseline_s": baseline_s,
        "factor": factor,
        "how": how,
    }


def _best(works: list[Callable[[], Any]]) -> list[float]:
    """Shortest time of each, run in turns so that a busy machine disturbs all alike."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for n, work in enumerate(works):
            begin = time.perf_counter()
            work()
            best[n] = min(best[n], time.perf_counter() - begin)
    return best


def _open3d(frames: list[Frame]) -> Any:
    """The same fusion by Open3D; None if it is not installed."""
    try:
        import open3d as o3d
    except (ImportError, OSError):
        return None
    core = o3d.core
    device = core.Device("CPU:0")
    has_color = frames[0].rgb is not None
    names = ("tsdf", "weight", "color")[: 2 + has_color]
    grid = o3d.t.geometry.VoxelBlockGrid(
        names,
        (core.float32,) * len(names),
        ((1), (1), (3))[: len(names)],
        PARAMS.voxel_m,
        8,
        10000,
        device,
    )
    limits = (1.0, PARAMS.far_m, float(PARAMS.truncation_voxels))
    for frame in frames:
        assert frame.pose is not None
        matrix = frame.camera.matrix
        matrix[:2, 2] += 0.5
        camera, pose = core.Tensor(matrix), core.Tensor(frame.pose.camera_from_world)
        depth = o3d.t.geometry.Image(frame.depth_m)
        blocks = grid.compute_unique_block_coordinates(depth, camera, pose, *limits)
        if frame.rgb is None:
            grid.integrate(blocks, depth, camera, pose, *limits)
        else:
            color = o3d.t.geometry.Image(frame.rgb.astype(np.float32))
            grid.integrate(blocks, depth, color, camera, pose, *limits)
    return grid


def _open3d_mesh(grid: Any) -> Mesh:
    # Open3D draws cells whose corners have more than this weight.
    mesh = grid.extract_triangle_mesh(0.5)
    return Mesh(
        np.array(mesh.vertex.positions.numpy(), dtype=np.float32),
        np.array(mesh.triangle.indices.numpy(), dtype=np.int32),
    )


def agreement(a: Mesh, b: Mesh) -> tuple[float, float]:
    """Share of each mesh's vertices that lie within 1 cm of the other's surface.

    The surface is stood for by its vertices and face centres, which can only understate the share.
    """

    def share(points: Mesh, surface: Mesh) -> float:
        targets = np.concatenate([surface.vertices_m, surface.triangles_m.mean(axis=1)])
        distance_m = cKDTree(targets).query(points.vertices_m, workers=-1)[0]
        return float((distance_m < CLOSE_M).mean())

    return share(a, b), share(b, a)
