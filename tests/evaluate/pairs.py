"""Surfaces whose scores are known, as files, and cameras that look at them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyElement

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh, Score
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.pair import PairScores


def plate(low: list[float], high: list[float], cells: int = 20) -> Mesh:
    """A rectangle with two equal corners along one axis, cut into squares of two triangles."""
    a, b = np.array(low, float), np.array(high, float)
    one, other = (axis for axis in range(3) if a[axis] != b[axis])
    steps = np.linspace(0, 1, cells + 1)
    points = np.tile(a, (cells + 1, cells + 1, 1))
    points[..., one] += (b - a)[one] * steps[:, None]
    points[..., other] += (b - a)[other] * steps[None]
    number = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    p, q, r, s = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([p, q, r], -1), np.stack([p, r, s], -1)]).reshape(-1, 3)
    return Mesh(points.reshape(-1, 3).astype(np.float32), faces.astype(np.int32))


def joined(*meshes: Mesh) -> Mesh:
    before = np.cumsum([0, *(len(mesh.vertices_m) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate(
            [mesh.faces + n for mesh, n in zip(meshes, before[:-1], strict=True)]
        ).astype(np.int32),
    )


def moved(mesh: Mesh, by: list[float]) -> Mesh:
    return replace(mesh, vertices_m=mesh.vertices_m + np.array(by, np.float32))


def written(folder: Path, made: Mesh, true: Mesh) -> tuple[Path, Path]:
    write_ply(folder / "made.ply", made)
    write_ply(folder / "true.ply", true)
    return folder / "made.ply", folder / "true.ply"


def cloud(path: Path, points: NDArray[np.float64], ids: list[int] | None = None) -> Path:
    """Points without faces."""
    fields = [("x", "f8"), ("y", "f8"), ("z", "f8"), *([("label", "i4")] if ids else [])]
    vertex = np.zeros(len(points), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertex[name] = points[:, axis]
    if ids:
        vertex["label"] = ids
    PlyData([PlyElement.describe(vertex, "vertex")]).write(str(path))
    return path


def by_rule(scores: PairScores) -> dict[str, dict[str, Score]]:
    found: dict[str, dict[str, Score]] = {}
    for one in scores:
        found.setdefault(one.protocol, {})[one.name] = one
    return found


def looking(
    at: list[float], towards: list[float], right: list[float], depth_m: float, frame: int = 0
) -> Frame:
    """A camera of 90 degrees that reads one depth everywhere."""
    x, z = np.array(right, float), np.array(towards, float)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
    matrix[:3, 3] = at
    camera = Intrinsics(60, 60, 59.5, 59.5, 120, 120)
    return Frame(frame, camera, Pose(matrix), depth_m=np.full((120, 120), depth_m, np.float32))


FLOOR = plate([0, 0, 0], [2, 2, 0], 100)
"""Vertices every 2 cm."""
