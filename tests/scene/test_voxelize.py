"""Voxels of a surface: the published rule exactly, the exact rule by laws and slow twins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, project
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.scene.voxelize import label_voxels, observed_voxels, voxelize

SEEDS = st.integers(0, 2**32 - 1)


def soup(seed: int, count: int = 12, size_m: float = 0.6, labels: bool = False) -> Mesh:
    """Random triangles of all sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1, 1, (count, 1, 3))
    corners = centres + rng.normal(size=(count, 3, 3)) * rng.uniform(0.01, size_m, (count, 1, 1))
    return Mesh(
        corners.reshape(-1, 3).astype(np.float32),
        np.arange(3 * count, dtype=np.int32).reshape(-1, 3),
        None,
        rng.integers(0, 41, 3 * count).astype(np.uint8) if labels else None,
    )


def marked(grid: VoxelGrid, occupied: NDArray[np.bool_]) -> set[tuple[int, int, int]]:
    """Occupied voxels by their world index."""
    first = np.round(np.array(grid.origin_m) / grid.voxel_m).astype(int)
    return {tuple(index) for index in (np.argwhere(occupied) + first).tolist()}


def clipped(triangle: NDArray[np.float64], cube: NDArray[np.float64]) -> bool:
    """Twin of the triangle-box test: whether anything is left of the triangle inside the cube."""
    polygon = [corner - cube for corner in triangle]
    for axis in range(3):
        for sign in (1, -1):
            kept = []
            for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                inside_a, inside_b = sign * a[axis] <= 0.5, sign * b[axis] <= 0.5
                if inside_a:
                    kept.append(a)
                if inside_a != inside_b:
                    kept.append(a + (b - a) * (sign * 0.5 - a[axis]) / (b[axis] - a[axis]))
            polygon = kept
    return bool(polygon)


@settings(max_examples=15)
@given(SEEDS)
def test_twin_of_the_exact_rule(seed: int) -> None:
    mesh = soup(seed, count=3, size_m=0.4)
    grid, occupied = voxelize(mesh, 0.17)
    twin = np.zeros(grid.shape, dtype=bool)
    for triangle in grid.to_grid(mesh.triangles_m):
        low = np.floor(triangle.min(axis=0) - 0.5).astype(int).clip(0)
        high = np.ceil(triangle.max(axis=0) + 0.5).astype(int)
        for index in np.argwhere(np.ones(np.minimum(high + 1, grid.shape) - low, dtype=bool)) + low:
            twin[tuple(index)] |= clipped(triangle, index.astype(float))
    np.testing.assert_array_equal(occupied, twin)


@settings(max_examples=15)
@given(SEEDS)
def test_twin_of_the_thesis_rule(seed: int) -> None:
    import trimesh

    mesh = soup(seed)
    grid, occupied = voxelize(mesh, 0.05, "thesis")
    twin = trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False).voxelized(0.05)
    np.testing.assert_array_equal(occupied, twin.matrix)
    np.testing.assert_allclose(grid.origin_m, twin.translation, atol=1e-12)


@settings(max_examples=20)
@given(SEEDS, st.tuples(*[st.integers(-20, 20)] * 3))
@pytest.mark.parametrize("rule", ["exact", "thesis"])
def test_moving_by_whole_voxels_moves_the_voxels(
    rule: str, seed: int, shift: tuple[int, int, int]
) -> None:
    # A voxel of 1/16 m and coordinates on a fine binary grid: the move itself is exact. Odd
    # multiples keep corners off the borders of voxels. Middles of edges may lie there, and the
    # thesis rule rounds them half to even: it repeats every second voxel.
    mesh = soup(seed)
    fine = ((np.round(mesh.vertices_m * 2**14) * 2 + 1) / 2**15).astype(np.float32)
    if rule == "thesis":
        shift = (2 * shift[0], 2 * shift[1], 2 * shift[2])
    moved = fine + np.array(shift, dtype=np.float32) / 16
    a = marked(*voxelize(Mesh(fine, mesh.faces), 1 / 16, rule))  # type: ignore[arg-type]
    b = marked(*voxelize(Mesh(moved, mesh.faces), 1 / 16, rule))  # type: ignore[arg-type]
    assert b == {(i + shift[0], j + shift[1], k + shift[2]) for i, j, k in a}


@settings(max_examples=20)
@given(SEEDS, st.sampled_from([0.02, 0.05, 0.13]), st.integers(0, 3))
def test_exact_holds_vertices_and_all_that_thesis_marks(
    seed: int, voxel_m: float, margin: int
) -> None:
    mesh = soup(seed)
    grid, exact = voxelize(mesh, voxel_m, margin=margin)
    same, thesis = voxelize(mesh, voxel_m, "thesis", margin)
    assert grid == same
    assert not (thesis & ~exact).any()
    i, j, k = np.round(grid.to_grid(mesh.vertices_m)).astype(int).T
    assert exact[i, j, k].all()
    if margin:
        inner = (slice(margin, -margin),) * 3
        assert exact.sum() == exact[inner].sum()


def test_a_large_wall_is_one_voxel_thick() -> None:
    corners = np.array([[0, 0, 0], [3, 0, 0], [3, 0, 2], [0, 0, 2]], dtype=np.float32)
    grid, occupied = voxelize(Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)))
    assert grid.shape == (61, 1, 41)
    assert occupied.all()


def test_vertices_without_faces_do_not_count() -> None:
    mesh = soup(3)
    more = Mesh(np.concatenate([mesh.vertices_m, [[90, 90, 90]]]).astype(np.float32), mesh.faces)
    assert voxelize(more)[0] == voxelize(mesh)[0]


@pytest.mark.realdata
def test_gold_occupancy_and_labels(golden: Path) -> None:
    from crossvox.doors.meshes import read_mesh

    gold = np.load(golden / "g3_occ_grid.npz")
    mesh = read_mesh(golden / "g3_crop_vh_clean_2.labels.ply")
    grid, occupied = voxelize(mesh, 0.05, "thesis")
    assert grid.shape == (37, 48, 34)
    np.testing.assert_array_equal(occupied, gold["occ"])
    np.testing.assert_allclose(grid.origin_m, gold["translation"], atol=1e-12)
    np.testing.assert_array_equal(np.round(np.array(grid.origin_m) / 0.05), gold["start_ndx"])
    labels = label_voxels(grid, occupied, mesh)
    # There, free voxels hold -1; here, they hold 0 beside the mask.
    np.testing.assert_array_equal(labels[occupied], gold["label_nyu40"][occupied])
    assert (gold["label_nyu40"][~occupied] == -1).all()
    assert not labels[~occupied].any()
    exact = voxelize(mesh, 0.05)[1]
    assert not (occupied & ~exact).any()
    assert 1.0 < exact.sum() / occupied.sum() < 1.10


@settings(max_examples=15)
@given(SEEDS, st.floats(0.02, 0.3), st.booleans())
def test_twin_of_the_labels(seed: int, limit_m: float, only_annotated: bool) -> None:
    mesh = soup(seed, count=4, size_m=0.2, labels=True)
    assert mesh.labels is not None
    grid, occupied = voxelize(mesh, 0.1)
    found = label_voxels(grid, occupied, mesh, limit_m, only_annotated)
    twin = np.zeros(grid.shape, dtype=np.uint8)
    chosen = mesh.labels > 0 if only_annotated else np.ones(len(mesh.labels), dtype=bool)
    for index in np.argwhere(occupied):
        distance = np.linalg.norm(mesh.vertices_m[chosen] - grid.to_world(index), axis=1)
        if len(distance) and distance.min() < limit_m:
            twin[tuple(index)] = mesh.labels[chosen][distance.argmin()]
    np.testing.assert_array_equal(found, twin)


def test_parts_that_nobody_annotated_stay_so_unless_asked() -> None:
    corners = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], dtype=np.float32)
    faces = np.array([[0, 1, 2]], dtype=np.int32)
    mesh = Mesh(corners, faces, None, np.array([5, 0, 0], dtype=np.uint8))
    grid, occupied = voxelize(mesh)
    assert set(label_voxels(grid, occupied, mesh)[occupied].tolist()) == {0, 5}
    spread = label_voxels(grid, occupied, mesh, only_annotated=True)
    assert set(spread[occupied].tolist()) == {5}


def box_frames(count: int) -> list[Frame]:
    """Random depth images with holes, from random places."""
    rng = np.random.default_rng(11)
    camera = Intrinsics(30.0, 31.0, 15.7, 11.2, 32, 24)
    frames = []
    for number in range(count):
        matrix = np.eye(4)
        rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        if number % 2:  # along the axes of the world: in a row of voxels depth stays what it is
            rotation = np.eye(3)[rng.permutation(3)]
        matrix[:3, :3] = rotation * np.sign(np.linalg.det(rotation))
        matrix[:3, 3] = rng.uniform(-0.5, 0.5, 3)
        depth = rng.choice([0.0, 0.4, 1.1, 5.0, np.nan], (24, 32)).astype(np.float32)
        frames.append(Frame(number, camera, Pose(matrix), None, depth))
    return frames


@pytest.mark.parametrize("far_m", [0.9, 4.0])
def test_twin_of_the_observed_voxels(far_m: float) -> None:
    grid = VoxelGrid((23, 21, 17), 0.1, (-1.1, -1.0, -0.8))
    frames = box_frames(8)
    found = observed_voxels(grid, frames, far_m, 0.05)
    twin = np.zeros(grid.shape, dtype=bool)
    for frame in frames:
        assert frame.pose is not None
        assert frame.depth_m is not None
        centres = grid.to_world(np.argwhere(np.ones(grid.shape, dtype=bool)))
        pixels = project(frame.pose.inverse().apply(centres), frame.camera)
        for n, (u, v, z) in enumerate(pixels):
            if not 0 < z <= far_m:
                continue
            column, row = round(u), round(v)
            if 0 <= column < 32 and 0 <= row < 24:
                d = frame.depth_m[row, column]
                twin.reshape(-1)[n] |= bool(d > 0 and z <= d + 0.05)
    np.testing.assert_array_equal(found, twin)
    assert 0.02 < found.mean() < 0.95


def test_frames_without_pose_or_depth_see_nothing() -> None:
    from dataclasses import replace

    grid = VoxelGrid((5, 5, 5), 0.1, (0.0, 0.0, 0.5))
    frame = Frame(
        0,
        Intrinsics(30.0, 30.0, 15.5, 11.5, 32, 24),
        Pose(np.eye(4)),
        None,
        np.ones((24, 32), "f4"),
    )
    assert observed_voxels(grid, [frame]).any()
    blind = [
        replace(frame, pose=None),
        replace(frame, depth_m=None),
        replace(frame, depth_m=np.zeros((24, 32), "f4")),
    ]
    assert not observed_voxels(grid, blind).any()


@pytest.mark.realdata
def test_the_surface_of_a_real_capture_is_observed(
    kitchen_frames: Callable[..., list[Frame]],
) -> None:
    from crossvox.scene.tsdf.volume import fuse

    frames = kitchen_frames(step=10)
    grid, occupied = voxelize(fuse(frames).mesh())
    observed = observed_voxels(grid, frames)
    assert (observed & occupied).sum() / occupied.sum() > 0.8
    assert 0.05 < observed.mean() < 0.6


def test_errors_say_what_to_do() -> None:
    mesh = soup(0)
    empty = Mesh(mesh.vertices_m, mesh.faces[:0])
    with pytest.raises(ShapeError, match="36 vertices and no faces; needed: a surface"):
        voxelize(empty)
    with pytest.raises(ParamsError, match="needed: a positive voxel size"):
        voxelize(mesh, 0.0)
    with pytest.raises(ParamsError, match="'exact' or 'thesis'"):
        voxelize(mesh, 0.05, "other")  # type: ignore[arg-type]
    grid, occupied = voxelize(mesh)
    with pytest.raises(ShapeError, match=r"needed: one label a vertex; do: read the scan's labels"):
        label_voxels(grid, occupied, mesh)
    with pytest.raises(ShapeError, match="the grid's shape"):
        label_voxels(grid, occupied[1:], soup(0, labels=True))
    with pytest.raises(ParamsError, match="needed: a positive distance"):
        observed_voxels(grid, [], far_m=0)
