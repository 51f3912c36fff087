"""Meshes as files, and what is computed of them and of posed depth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from crossvox.core.checks import CrossvoxError
from crossvox.core.volume import Mesh
from trials.fuzz.captures import exported
from trials.fuzz.targets import Target


def mesh(shift: float = 0.0) -> Mesh:
    """A square of two triangles beside a tetrahedron, 20 cm wide."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 4], [1, 2, 4]], np.int32)
    colors = np.full((5, 3), 90, np.uint8)
    return Mesh(vertices * 0.2 + shift, faces, colors, np.array([1, 2, 1, 5, 0], np.uint8))


def make_ply(folder: Path) -> None:
    """Meshes with two types of labels, one of completed parts, and one as text."""
    from crossvox.doors.meshes import write_ply

    write_ply(folder / "a.ply", mesh())
    write_ply(folder / "b.ply", mesh(0.01), "float")
    sure = np.array([1, 1, 0.5, 0, 1], np.float32)
    write_ply(folder / "d.ply", replace(mesh(), completed=sure < 1, confidence=sure))
    found = mesh()
    lines = [
        "ply", "format ascii 1.0", f"element vertex {len(found.vertices_m)}",
        "property float x", "property float y", "property float z", "property int label",
        f"element face {len(found.faces)}", "property list uchar int vertex_indices", "end_header",
        *(f"{x} {y} {z} 1" for x, y, z in found.vertices_m.tolist()),
        *(f"3 {a} {b} {c}" for a, b, c in found.faces.tolist()),
    ]  # fmt: skip
    (folder / "c.ply").write_text("\n".join(lines) + "\n", encoding="ascii")


def read_ply(folder: Path) -> None:
    """Bytes, with two types of labels, and with completed parts."""
    from crossvox.doors.meshes import read_labelled_mesh
    from trials.fuzz.targets import in_turn

    in_turn(*(lambda name=name: read_labelled_mesh(folder / f"{name}.ply") for name in "abd"))


def read_ply_text(folder: Path) -> None:
    """Text."""
    from crossvox.doors.meshes import read_labelled_mesh

    read_labelled_mesh(folder / "c.ply")


def read_scored(folder: Path) -> None:
    """As ``score`` does, by both protocols, and ``prepare`` with the voxels of a surface."""
    from crossvox.doors.meshes import read_mesh
    from crossvox.evaluate.counts import count_vertices
    from crossvox.evaluate.score import score_pair
    from crossvox.scene.voxelize import voxelize
    from trials.fuzz.targets import in_turn

    def voxels(name: str) -> None:
        found = read_mesh(folder / f"{name}.ply")
        extent = np.ptp(found.vertices_m, axis=0) if len(found.vertices_m) else np.zeros(3)
        if len(found.faces) and np.prod(extent.astype(float) / 0.05 + 1) < 1 << 22:
            voxelize(found, 0.05)

    in_turn(
        lambda: score_pair(folder / "a.ply", folder / "b.ply"),
        lambda: score_pair(folder / "a.ply", folder / "b.ply", "thesis"),
        lambda: voxels("a"),
        lambda: count_vertices(read_mesh(folder / "a.ply"), read_mesh(folder / "b.ply")),
    )


def read_fused(folder: Path) -> None:
    """As ``prepare --surface tsdf`` does: frames are registered, fused, and seen."""
    from crossvox.capture import open_capture
    from crossvox.core.grid import VoxelGrid
    from crossvox.scene.params import TsdfParams
    from crossvox.scene.tsdf.volume import TsdfVolume
    from crossvox.scene.voxelize import observed_voxels
    from crossvox.views.params import ViewParams
    from crossvox.views.visibility import scene_views

    capture = open_capture(folder / "scene")
    volume = TsdfVolume(TsdfParams(voxel_m=0.1))
    grid = VoxelGrid((12, 12, 12), 0.1, (-0.5, -0.5, 0.5))
    problem: CrossvoxError | None = None
    frames = []
    for index in range(len(capture)):
        try:
            frames.append(capture.frame(index))
            volume.integrate(frames[-1])
        except CrossvoxError as error:
            problem = problem or error
    volume.mesh()
    observed_voxels(grid, [f for f in frames if f.pose is not None])
    try:
        _ = scene_views(grid, frames, ViewParams(width=8, height=6))
    except CrossvoxError as error:
        problem = problem or error
    if problem is not None:
        raise problem


TARGETS = [
    Target("ply", make_ply, read_ply, ("a.ply", "b.ply"), share=3),
    Target("ply text", make_ply, read_ply_text, ("c.ply",), share=2),
    Target("ply scored", make_ply, read_scored, ("a.ply", "b.ply"), share=0.4),
    Target("scene", exported, read_fused, (".txt", "depth/0.png", "depth/1.png"), share=2),
]
