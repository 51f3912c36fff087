"""Fusion and its mesh: accuracy, closedness, order, slow twins, agreement with Open3D."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.camera import Intrinsics, Pose, project
from crossvox.core.checks import ParamsError
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf import cells
from crossvox.scene.tsdf.blocks import BLOCK
from crossvox.scene.tsdf.volume import TsdfVolume, fuse

SMALL = Intrinsics(fx=90.0, fy=92.0, cx=39.3, cy=29.8, width=80, height=60)


def directed_edges(mesh: Mesh) -> Counter[tuple[int, int]]:
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    return Counter(map(tuple, edges.tolist()))


def signed_volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis(mesh.triangles_m.astype(float), 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def stored(volume: TsdfVolume) -> dict[tuple[int, int, int], tuple[float, int]]:
    """Value and weight of every observed voxel, by its world index."""
    found = {}
    for n in range(volume.counts.blocks):
        for cell in np.flatnonzero(volume._weight[n]):
            i, j, k = volume._corner[n] * BLOCK + np.unravel_index(cell, (BLOCK,) * 3)
            found[int(i), int(j), int(k)] = (
                float(volume._tsdf[n, cell]),
                int(volume._weight[n, cell]),
            )
    return found


def test_a_sphere_seen_from_all_around_becomes_a_closed_sphere(sphere_frames: list[Frame]) -> None:
    volume = fuse(sphere_frames)
    mesh = volume.mesh()
    radius = np.linalg.norm(mesh.vertices_m, axis=1)
    assert len(mesh.vertices_m) > 3000
    # Views along the rim push the mean of a projective field outward, by less than a voxel.
    assert np.abs(radius - 0.4).mean() < 0.004
    assert np.quantile(np.abs(radius - 0.4), 0.99) < 0.015
    edges = directed_edges(mesh)
    assert max(edges.values()) == 1
    assert all((b, a) in edges for a, b in edges), "a closed surface has no open edge"
    assert signed_volume(mesh) == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.03)


def test_faces_look_at_the_camera_and_colours_arrive(sphere_frames: list[Frame]) -> None:
    mesh = fuse(sphere_frames[:1]).mesh()
    a, b, c = np.moveaxis(mesh.triangles_m.astype(float), 1, 0)
    assert sphere_frames[0].pose is not None
    towards = sphere_frames[0].pose.position_m - a
    facing = (np.cross(b - a, c - a) * towards).sum(axis=1)
    assert (facing > 0).mean() > 0.99
    assert mesh.colors is not None
    assert np.abs(mesh.colors.astype(int) - (200, 100, 50)).max() <= 1


def test_colour_is_the_mean_of_the_observations(sphere_frames: list[Frame]) -> None:
    first = sphere_frames[0]
    shades = (0, 60, 240, 255)
    frames = [replace(first, rgb=np.full((60, 80, 3), shade, np.uint8)) for shade in shades]
    mesh = fuse(frames).mesh()
    assert mesh.colors is not None
    assert np.abs(mesh.colors.astype(float) - np.mean(shades)).max() <= 1


def test_colour_may_begin_later(sphere_frames: list[Frame]) -> None:
    first = sphere_frames[0]
    mesh = fuse([replace(first, rgb=None), first]).mesh()
    assert mesh.colors is not None
    assert np.abs(mesh.colors.astype(int) - (200, 100, 50)).max() <= 1
    assert fuse([replace(first, rgb=None)]).mesh().colors is None


@pytest.mark.parametrize("normal", [(0, 0, 1.0), (0.3, -0.2, 1.0), (1.0, 0.4, 0.7)])
def test_a_plane_is_met_within_a_few_millimetres(normal: tuple[float, float, float]) -> None:
    direction = np.array(normal) / np.linalg.norm(normal)
    frames = []
    rng = np.random.default_rng(5)
    for number in range(6):
        # Looking against the normal, from about 1.2 m, turned a little.
        turn = np.linalg.qr(np.eye(3) + 0.1 * rng.normal(size=(3, 3)))[0]
        turn *= np.sign(np.diag(turn))
        side = np.cross(direction, (0.1, 1, 0))
        side /= np.linalg.norm(side)
        frame_axes = np.stack([side, np.cross(-direction, side), -direction], axis=-1)
        matrix = np.eye(4)
        matrix[:3, :3] = frame_axes @ turn
        matrix[:3, 3] = direction * 1.2 + 0.1 * rng.normal(size=3)
        pose = Pose(matrix)
        rays = _rays() @ pose.world_from_camera[:3, :3].T
        along = (0.013 - direction @ pose.position_m) / (rays @ direction)
        frames.append(Frame(number, SMALL, pose, None, along.astype(np.float32)))
    mesh = fuse(frames).mesh()
    off = np.abs(mesh.vertices_m @ direction - 0.013)
    assert len(off) > 1000
    assert off.mean() < 0.002
    assert np.quantile(off, 0.99) < 0.006


def _rays() -> NDArray[np.float64]:
    from crossvox.core.camera import pixel_rays

    return pixel_rays(SMALL)


def test_the_order_of_the_frames_does_not_matter(sphere_frames: list[Frame]) -> None:
    a, b = stored(fuse(sphere_frames)), stored(fuse(sphere_frames[::-1]))
    assert a.keys() == b.keys()
    assert all(a[voxel][1] == b[voxel][1] for voxel in a)
    assert max(abs(a[voxel][0] - b[voxel][0]) for voxel in a) < 1e-5
    one, other = fuse(sphere_frames).mesh(), fuse(sphere_frames[::-1]).mesh()
    assert len(one.vertices_m) == len(other.vertices_m)
    assert len(one.faces) == len(other.faces)
    assert cKDTree(one.vertices_m).query(other.vertices_m)[0].max() < 1e-4


def test_twin_of_the_field(sphere_frames: list[Frame]) -> None:
    """A dense numpy field: every voxel near the surface has the same value and weight."""
    params = TsdfParams()
    frames = sphere_frames[:4]
    fast = stored(fuse(frames, params))
    axis = np.arange(-28, 29)
    index = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    total, weight = np.zeros(len(index)), np.zeros(len(index), dtype=int)
    in_band = np.ones(len(index), dtype=bool)
    for frame in frames:
        assert frame.pose is not None
        assert frame.depth_m is not None
        pixels = project(frame.pose.inverse().apply(index * params.voxel_m), frame.camera)
        u = np.floor(pixels[:, 0] + 0.5).astype(int)
        v = np.floor(pixels[:, 1] + 0.5).astype(int)
        inside = (u >= 0) & (u < 80) & (v >= 0) & (v < 60)
        depth = np.where(inside, frame.depth_m[v.clip(0, 59), u.clip(0, 79)], 0)
        distance = depth - pixels[:, 2]
        seen = (depth > 0) & (distance >= -params.truncation_m)
        # Where a voxel lies in front of the band, fusion may leave it out: no block need exist.
        in_band &= ~seen | (distance < params.truncation_m)
        total += np.where(seen, np.minimum(distance / params.truncation_m, 1), 0)
        weight += seen
    chosen = np.flatnonzero(in_band & (weight > 0))
    assert len(chosen) > 20_000
    same = 0
    for n in chosen:
        i, j, k = index[n].tolist()
        value, count = fast.get((i, j, k), (np.nan, 0))
        same += count == weight[n] and abs(value - total[n] / weight[n]) < 1e-4
    # The rest: rounding on pixel borders, and corners of blocks that no ray of a square enters.
    assert same / len(chosen) > 0.998


def test_twin_of_the_mesh(sphere_frames: list[Frame]) -> None:
    """scikit-image finds the same surface in the same values."""
    from skimage.measure import marching_cubes

    volume = fuse(sphere_frames)
    found = stored(volume)
    index = np.array(list(found))
    low = index.min(axis=0)
    shape = tuple((index.max(axis=0) - low + 1).tolist())
    dense, known = np.ones(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
    for voxel, (value, _) in found.items():
        place = tuple(np.subtract(voxel, low).tolist())
        dense[place], known[place] = value, True
    cells = np.logical_and.reduce(
        [
            known[tuple(slice(o, s - 1 + o) for o, s in zip(at, shape, strict=True))]
            for at in CORNERS
        ]
    )
    mask = np.zeros(shape, dtype=bool)
    mask[1:, 1:, 1:] = cells
    vertices, *_ = marching_cubes(dense, 0.0, mask=mask)
    theirs = (vertices + low) * volume.params.voxel_m
    ours = volume.mesh().vertices_m
    assert cKDTree(theirs).query(ours)[0].max() < 1e-4
    assert (cKDTree(ours).query(theirs)[0] < 1e-4).mean() > 0.999


CORNERS = list(product((0, 1), repeat=3))


def test_any_signs_give_a_surface_without_cracks() -> None:
    """Random values: edges are shared by two faces at most, and open only at unknown cells."""
    rng = np.random.default_rng(0)
    pose = Pose(np.eye(4))
    depth = np.full((60, 80), 0.6, np.float32)
    volume = fuse([Frame(0, SMALL, pose, None, depth)])
    count = volume.counts.blocks
    volume._tsdf[:count] = rng.uniform(-1, 1, (count, BLOCK**3))
    volume._weight[:count] = 1
    mesh = volume.mesh()
    edges = directed_edges(mesh)
    assert len(mesh.faces) > 30_000
    assert max(edges.values()) == 1, "no edge is used twice in one direction"
    used = np.zeros(len(mesh.vertices_m), dtype=bool)
    used[mesh.faces] = True
    assert used.all(), "every vertex belongs to a face"
    open_edges = np.array([edge for edge in edges if edge[::-1] not in edges])
    # The hull of the blocks: a voxel at the rim of a block without a neighbour.
    corners = {tuple(corner) for corner in volume._corner[:count].tolist()}
    coordinates = mesh.vertices_m[open_edges].mean(axis=1) / volume.params.voxel_m
    for point in coordinates:
        around = {
            tuple((np.floor(point + shift).astype(int) // BLOCK).tolist())
            for shift in np.array(CORNERS) * 2.4 - 1.2
        }
        assert not around <= corners


def test_the_marching_cubes_table_covers_every_crossed_edge() -> None:
    table = cells.cell_triangles()
    for pattern in range(256):
        crossed = {
            cells._edge_number(a, a | 1 << axis)
            for a in range(8)
            for axis in range(3)
            if not a >> axis & 1 and (pattern >> a ^ pattern >> (a | 1 << axis)) & 1
        }
        row = table[pattern].tolist()
        assert set(row[: row.index(-1)]) == crossed
        assert row.index(-1) % 3 == 0


def test_frames_without_pose_or_depth_are_ignored_and_counted(sphere_frames: list[Frame]) -> None:
    first = sphere_frames[0]
    lost = replace(first, pose=None)
    blind = replace(first, depth_m=None)
    dark = replace(first, depth_m=np.zeros((60, 80), np.float32))
    seen: list[tuple[int, int]] = []
    frames = [first, lost, blind, dark]
    volume = fuse(frames, progress=lambda done, total: seen.append((done, total)))
    counts = volume.counts
    assert (counts.fused, counts.without_pose, counts.without_depth) == (1, 1, 2)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert stored(volume) == stored(fuse([first]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 5.0])
def test_readings_that_are_none_or_too_far_are_ignored(
    sphere_frames: list[Frame], bad: float
) -> None:
    first = sphere_frames[0]
    assert first.depth_m is not None
    spoilt = np.where(first.depth_m > 0, first.depth_m, bad).astype(np.float32)
    assert stored(fuse([replace(first, depth_m=spoilt)])) == stored(fuse([first]))


def test_the_depth_limit_can_be_lifted() -> None:
    frame = Frame(0, SMALL, Pose(np.eye(4)), None, np.full((60, 80), 9.0, np.float32))
    assert len(fuse([frame]).mesh().faces) == 0
    mesh = fuse([frame], TsdfParams(far_m=float("inf"))).mesh()
    assert np.abs(mesh.vertices_m[:, 2] - 9).max() < 0.001


def test_memory_does_not_grow_with_more_views_of_the_same(sphere_frames: list[Frame]) -> None:
    once, often = fuse(sphere_frames), fuse(sphere_frames * 5)
    assert often.counts.blocks == once.counts.blocks
    assert often.memory_bytes == once.memory_bytes


def test_more_blocks_than_there_is_room_for_are_taken_in(
    sphere_frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [replace(f, labels=np.full((60, 80), 5, np.uint8)) for f in sphere_frames[1:]]
    frames = [replace(sphere_frames[0], rgb=None), *later]  # colours and votes come to blocks
    expected = fuse(frames, votes=True)
    monkeypatch.setattr("crossvox.scene.tsdf.volume.FIRST_BLOCKS", 1)
    grown = fuse(frames, votes=True)
    assert grown.counts.blocks > 2 * fuse(frames[:1]).counts.blocks  # there was more than one step
    assert stored(grown) == stored(expected)
    mesh, same = grown.mesh(), expected.mesh()
    np.testing.assert_array_equal(mesh.vertices_m, same.vertices_m)
    np.testing.assert_array_equal(mesh.colors, same.colors)
    np.testing.assert_array_equal(mesh.labels, same.labels)


def test_a_minimum_weight_keeps_what_was_seen_often(sphere_frames: list[Frame]) -> None:
    volume = fuse(sphere_frames)
    all_of_it, some = volume.mesh(), volume.mesh(min_weight=3)
    assert 0 < len(some.faces) < len(all_of_it.faces)
    assert len(volume.mesh(min_weight=1000).faces) == 0


def test_nothing_fused_gives_an_empty_mesh() -> None:
    mesh = TsdfVolume().mesh()
    assert mesh.vertices_m.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)


def test_distance_grows_away_from_the_surface(sphere_frames: list[Frame]) -> None:
    volume = fuse(sphere_frames)
    directions = np.random.default_rng(1).normal(size=(200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    medians = []
    for radius in (0.36, 0.38, 0.4, 0.42, 0.44):
        found = volume.distance(directions * radius)
        assert np.isfinite(found).mean() > 0.9
        medians.append(float(np.nanmedian(found)))
    assert medians == sorted(medians)
    assert abs(medians[2]) < 0.006
    # Measured along the views, which meet the sphere at an angle: never less than the distance.
    assert -0.1 <= medians[0] <= -0.04
    assert 0.04 <= medians[-1] <= 0.1
    nowhere = np.array([[5.0, 5, 5], [np.nan, 0, 0], [0, 1e300, 0], [0, 0, -1e18], [np.inf, 0, 0]])
    assert np.isnan(volume.distance(nowhere)).all()


def test_absurd_poses_are_refused(sphere_frames: list[Frame]) -> None:
    matrix = np.eye(4)
    matrix[0, 3] = 9e7
    with pytest.raises(ParamsError, match=r"frame 7 .*needed: readings within .* of the world"):
        fuse([replace(sphere_frames[0], id=7, pose=Pose(matrix))])


@pytest.mark.parametrize(
    "camera",
    [
        Intrinsics(fx=1e-300, fy=1e-300, cx=39.3, cy=29.8, width=80, height=60),
        Intrinsics(fx=1e300, fy=1e-9, cx=-1e300, cy=1e300, width=80, height=60),
        Intrinsics(fx=90.0, fy=92.0, cx=1e30, cy=-1e30, width=80, height=60),
    ],
)
def test_absurd_cameras_are_refused_or_see_little(camera: Intrinsics) -> None:
    depth = np.full((60, 80), 1.5, np.float32)
    depth[::7] = 3e38
    frame = Frame(0, camera, Pose(np.eye(4)), None, depth)
    for params in (TsdfParams(), TsdfParams(far_m=np.inf), TsdfParams(voxel_m=1e-300)):
        with pytest.raises(ParamsError, match="with depth that leaves the block range"):
            fuse([frame], params)


def test_a_camera_without_an_angle_of_view_sees_one_ray(sphere_frames: list[Frame]) -> None:
    camera = Intrinsics(fx=1e300, fy=1e300, cx=39.3, cy=29.8, width=80, height=60)
    frame = replace(sphere_frames[0], camera=camera)
    volume = fuse([frame], votes=True)
    assert volume.counts.blocks < 50
    assert np.isfinite(volume.mesh().vertices_m).all()


@pytest.mark.parametrize(
    "wrong", [{"voxel_m": 0.0}, {"truncation_voxels": -1.0}, {"far_m": 0.0}, {"min_weight": 0}]
)
def test_params_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParamsError, match="needed: positive numbers"):
        TsdfParams(**wrong)  # type: ignore[arg-type]


@pytest.mark.realdata
def test_agrees_with_open3d_on_a_real_capture(kitchen_frames: Callable[..., list[Frame]]) -> None:
    """Open3D's field, with the half pixel by which its pixel rule differs, gives the same mesh."""
    try:
        import open3d as o3d
    except (ImportError, OSError):
        pytest.skip("needs open3d-cpu and its system libraries")
    frames = kitchen_frames(step=4)
    core = o3d.core
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), (core.float32,) * 2, ((1), (1)), 0.02, 8, 5000, core.Device("CPU:0")
    )
    for frame in frames:
        assert frame.pose is not None
        matrix = frame.camera.matrix
        matrix[:2, 2] += 0.5
        camera, pose = core.Tensor(matrix), core.Tensor(frame.pose.camera_from_world)
        depth = o3d.t.geometry.Image(np.ascontiguousarray(frame.depth_m))
        blocks = grid.compute_unique_block_coordinates(depth, camera, pose, 1.0, 4.0, 5.0)
        grid.integrate(blocks, depth, camera, pose, 1.0, 4.0, 5.0)
    mesh = grid.extract_triangle_mesh(0.5)
    theirs_m = np.array(mesh.vertex.positions.numpy())
    corners_m = theirs_m[np.array(mesh.triangle.indices.numpy())]
    ours = fuse(frames).mesh()
    our_surface = np.concatenate([ours.vertices_m, ours.triangles_m.mean(axis=1)])
    their_surface = np.concatenate([theirs_m, corners_m.mean(axis=1)])
    assert (cKDTree(their_surface).query(ours.vertices_m)[0] < 0.01).mean() >= 0.98
    assert (cKDTree(our_surface).query(theirs_m)[0] < 0.01).mean() >= 0.98
