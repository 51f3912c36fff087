"""Samples of surface completion: chance, what is spoilt, and that evidence and truth agree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.checks import ParamsError
from crossvox.core.grid import VoxelGrid
from crossvox.samples import sparse
from crossvox.samples.depths import DepthScene
from crossvox.samples.params import SparseParams
from crossvox.samples.sparse import (
    SparseDataset,
    SparseSample,
    collate_sparse,
    draw_frames,
    spoilt_depths,
    spoilt_poses,
)
from crossvox.scene.params import EvidenceParams

Array = NDArray[Any]

ROOM_M = np.array([2.0, 1.6, 1.2])
CAMERA = Intrinsics(30.0, 30.0, 19.5, 14.5, 40, 30)
FRAMES = 20
CLEAN = SparseParams(most=12, shape=(24, 24, 16), noisy=0, smooth_share=0, turn=False)
SPOILT = replace(CLEAN, noisy=1, smooth_share=0.5, turn=True)
EVIDENCE = EvidenceParams()


def pose(index: int) -> Pose:
    angle = 2 * np.pi * index / FRAMES
    forward = np.array([np.cos(angle), np.sin(angle), 0.1 * (index % 7) - 0.3])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    matrix[:3, 3] = ROOM_M / 2 - 0.3 * forward * (1, 1, 0)
    return Pose(matrix)


def box_scene(name: str = "box", lost: bool = False) -> DepthScene:
    """An empty box room, its true distances, and exact views all around."""
    poses, depths = tuple(pose(index) for index in range(FRAMES)), []
    for place in poses:
        rays = pixel_rays(CAMERA) @ place.world_from_camera[:3, :3].T
        with np.errstate(divide="ignore"):
            walls = np.where(rays > 0, ROOM_M - place.position_m, -place.position_m) / rays
        depths.append(0 * walls.min(axis=-1) if lost else walls.min(axis=-1))
    grid = VoxelGrid((49, 41, 33), 0.05, (-0.19, -0.18, -0.17))
    at = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    distance = np.minimum(at, ROOM_M - at).min(axis=-1)
    return DepthScene(
        name,
        CAMERA,
        np.rint(np.stack(depths) * 1000).astype(np.uint16),
        None,
        poses,
        grid,
        np.rint(np.clip(distance / 0.15, -1, 1) * 127).astype(np.int8),
        np.abs(distance) < 0.05,
    )


def dataset(params: SparseParams = SPOILT, **options: Any) -> SparseDataset:
    return SparseDataset([box_scene()], 12, params, EVIDENCE, **options)


def same(one: SparseSample, other: SparseSample) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


def test_a_sample_depends_on_its_key_alone() -> None:
    one, other = dataset(), dataset()
    first = other[1, 3]
    for key in ((0, 3), (1, 2)):
        assert not same(one[key], first), "another epoch and another number are other samples"
    assert same(one[1, 3], first)
    assert same(one[0, 5], one[5]), "without an epoch it is the first one"
    assert not same(dataset(seed=1)[1, 3], first)
    assert len(one) == 12
    with pytest.raises(IndexError, match="sample 12 of 12"):
        one[0, 12]


def test_a_sample_has_the_shapes_and_types_of_a_batch() -> None:
    found = [dataset()[0, number] for number in range(2)]
    for sample in found:
        assert sample.evidence.shape == (6, 24, 24, 16)
        assert sample.evidence.dtype == np.float32
        assert sample.truth.shape == (24, 24, 16)
        assert sample.truth.dtype == np.float32
        assert sample.scanned.shape == (24, 24, 16)
        assert sample.scanned.dtype == np.bool_
        assert np.abs(sample.truth).max() <= 1
    batch = collate_sparse(found).to("cpu")
    assert batch.evidence.shape == (2, 6, 24, 24, 16)
    assert batch.truth.shape == (2, 24, 24, 16)
    np.testing.assert_array_equal(batch.truth[1], found[1].truth)
    np.testing.assert_array_equal(batch.scanned[0], found[0].scanned)


def test_validation_varies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = dataset(vary=False)
    clean = dataset(CLEAN, vary=False)

    def refuse(*_: Any) -> None:
        raise AssertionError("spoilt")

    for name in ("spoilt_poses", "spoilt_depths", "_turned"):
        monkeypatch.setattr(sparse, name, refuse)
    for number in range(3):
        assert same(held_out[0, number], clean[0, number])
    assert not same(held_out[0, 0], held_out[0, 1])


@pytest.mark.parametrize("turn", [False, True])
def test_evidence_and_truth_lie_on_each_other(turn: bool) -> None:
    """Without noise, where the distance along the view is far from 0 its sign is the truth's."""
    samples = dataset(replace(CLEAN, turn=turn))
    measured = free = 0
    for number in range(12):
        sample = samples[0, number]
        clear = (sample.evidence[2] > 0) & (np.abs(sample.evidence[0]) > 0.4)
        clear &= np.abs(sample.truth) > 0.1
        agree = np.sign(sample.evidence[0][clear]) == np.sign(sample.truth[clear])
        assert agree.mean() > 0.95
        through = (sample.evidence[3] > 0) & (np.abs(sample.truth) > 0.2)
        assert (sample.truth[through] > 0).mean() > 0.95
        hidden = (sample.evidence[4] > 0) & (sample.evidence[3] == 0)
        hidden &= np.abs(sample.truth) > 0.2
        assert not hidden.any() or (sample.truth[hidden] < 0).mean() > 0.95
        on = np.abs(sample.truth) * 0.15 < 0.045
        assert sample.scanned[on & (sample.evidence[2] > 0)].all()
        assert not sample.scanned[np.abs(sample.truth) > 0.4].any()
        measured, free = measured + clear.sum(), free + through.sum()
    assert measured > 1000
    assert free > 1000


@pytest.mark.parametrize("lost", [None, slice(5, 9)])
def test_a_scan_finds_what_its_frames_measure(lost: slice | None) -> None:
    """From the first of a sample's frames to the last, also between them; not what lies beyond."""
    scene = box_scene()
    if lost is not None:
        scene.depth_mm[lost] = 0
    params = replace(CLEAN, fewest=2, most=4, runs=1, shape=(48, 40, 32))
    samples = SparseDataset([scene], 12, params, EVIDENCE, vary=False)
    shares = []
    for number in range(12):
        rng = np.random.default_rng([0, 0, number])
        chosen = draw_frames(FRAMES, params, rng)
        start = samples._place(scene, chosen, rng)
        near = scene.near_scan(start, params.shape)
        centres = scene.grid.sub(start, params.shape).to_world(np.argwhere(near))
        measured = np.zeros(len(centres), bool)
        for frame in range(int(chosen[0]), int(chosen[-1]) + 1):
            x, y, z = scene.poses[frame].inverse().apply(centres).T
            with np.errstate(divide="ignore", invalid="ignore"):
                column, row = CAMERA.fx * x / z + CAMERA.cx, CAMERA.fy * y / z + CAMERA.cy
            inside = (z > 0.05) & (column >= -0.5) & (column < 39.5) & (row >= -0.5) & (row < 29.5)
            at = np.rint(row[inside]).astype(int), np.rint(column[inside]).astype(int)
            depth = scene.depth_mm[frame][at] / 1000
            measured[inside] |= (depth > 0) & (np.abs(depth - z[inside]) <= 0.15)
        found = samples[0, number].scanned
        assert not found[~near].any()
        assert (found[near] != measured).mean() < 0.01, "but for what rounding puts elsewhere"
        shares.append(measured.mean())
    assert min(shares) < 0.4
    assert max(shares) > 0.6


def test_a_scan_of_the_room_finds_all_that_it_sees() -> None:
    params = replace(CLEAN, fewest=2, most=4, runs=1, shape=(48, 40, 32))
    walks = SparseDataset([box_scene()], 6, params, EVIDENCE, vary=False)
    rooms = SparseDataset([box_scene()], 6, params, EVIDENCE, vary=False, scan="room")
    for number in range(6):
        walk, room = walks[0, number], rooms[0, number]
        np.testing.assert_array_equal(room.scanned, np.abs(room.truth) * 0.15 < 0.05)
        assert not (walk.scanned & ~room.scanned).any()
        np.testing.assert_array_equal(walk.evidence, room.evidence)


def test_of_a_long_walk_some_frames_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    params = replace(CLEAN, fewest=2, most=2)
    every = dataset(params, vary=False)
    whole = [every[0, number].scanned for number in range(6)]
    monkeypatch.setattr(sparse, "_WALK", 4)
    for number in range(6):
        some = every[0, number].scanned
        assert not (some & ~whole[number]).any()
        assert some.sum() > 0.5 * whole[number].sum()


def test_turns_and_mirrors_are_all_drawn() -> None:
    plain = SparseSample(
        np.arange(6 * 4**3, dtype=np.float32).reshape(6, 4, 4, 4),
        np.arange(4**3, dtype=np.float32).reshape(4, 4, 4),
        np.arange(4**3).reshape(4, 4, 4) % 3 == 0,
    )
    seen = {}
    for seed in range(60):
        made = sparse._turned(plain, np.random.default_rng(seed))
        np.testing.assert_array_equal(made.evidence[0], made.truth)
        np.testing.assert_array_equal(made.scanned, made.truth % 3 == 0)
        np.testing.assert_array_equal(made.truth[..., 0] + 1, made.truth[..., 1])
        seen[made.truth.tobytes()] = made
    assert len(seen) == 8, "four turns, each mirrored or not; z stays up"
    oblong = replace(
        plain,
        evidence=plain.evidence[:, :2],
        truth=plain.truth[:2],
        scanned=plain.scanned[:2],
    )
    shapes = [sparse._turned(oblong, np.random.default_rng(s)).truth for s in range(40)]
    assert {made.shape for made in shapes} == {(2, 4, 4)}
    assert len({made.tobytes() for made in shapes}) == 4


@pytest.mark.parametrize("count", [1, 2, 5, 30, 400])
@pytest.mark.parametrize("runs", [0.0, 1.0])
def test_as_many_frames_are_drawn_as_asked_for(count: int, runs: float) -> None:
    params = SparseParams(fewest=3, most=40, runs=runs)
    sizes = []
    for seed in range(150):
        chosen = draw_frames(count, params, np.random.default_rng(seed))
        assert (np.diff(chosen) > 0).all(), "rising, none twice"
        assert chosen[0] >= 0
        assert chosen[-1] < count
        sizes.append(len(chosen))
        if runs and len(chosen) > 2:
            assert len(set(np.diff(chosen).tolist())) == 1, "every n-th of a walk"
    fewest, most = min(3, count), min(40, count)
    assert min(sizes) == fewest
    assert 0.8 * most <= max(sizes) <= most


def test_few_frames_are_drawn_as_often_as_many() -> None:
    params = SparseParams(fewest=2, most=128)
    sizes = [len(draw_frames(500, params, np.random.default_rng(s))) for s in range(400)]
    assert math.exp(np.log(sizes).mean()) == pytest.approx(16, rel=0.2)


def test_spoilt_poses_are_rigid_and_near() -> None:
    poses = [pose(index) for index in range(FRAMES)]
    params = replace(SPOILT, pose_shift_m=0.02, pose_turn_deg=1.0, drift_m=0.05)
    largest = 0.0
    for seed in range(20):
        found = spoilt_poses(poses, params, np.random.default_rng(seed))
        assert len(found) == len(poses)
        for old, new in zip(poses, found, strict=True):
            rotation = new.world_from_camera[:3, :3]
            np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
            assert np.linalg.det(rotation) == pytest.approx(1)
            shift = np.linalg.norm(new.position_m - old.position_m)
            assert shift < 5 * 0.02 + math.sqrt(3) * 0.05
            cosine = (np.trace(old.world_from_camera[:3, :3].T @ rotation) - 1) / 2
            assert math.degrees(math.acos(min(cosine, 1))) < 8
            largest = max(largest, float(shift))
    assert largest > 0.02
    unspoilt = spoilt_poses(poses, CLEAN, np.random.default_rng(0))
    assert all(a is b for a, b in zip(poses, unspoilt, strict=True))


def test_spoilt_depth_is_scaled_lost_in_parts_and_coarse() -> None:
    depth = box_scene().depth_mm[0] * np.float32(1e-3)
    rng = np.random.default_rng
    (same_depth,) = spoilt_depths([depth], CLEAN, rng(0))
    np.testing.assert_array_equal(same_depth, depth)
    scaled = replace(CLEAN, noisy=1, dropped=0, scale=0.01)
    ratios = []
    for seed in range(20):
        one, two = spoilt_depths([depth, 2 * depth], scaled, rng(seed))
        ratio = one / depth
        assert ratio.std() < 1e-6, "one factor a sample"
        np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
        ratios.append(ratio.mean())
    assert 0.003 < np.std(ratios) < 0.02
    lossy = replace(CLEAN, noisy=1, dropped=0.5, scale=0)
    shares = []
    for seed in range(20):
        (found,) = spoilt_depths([depth], lossy, rng(seed))
        kept = found > 0
        np.testing.assert_array_equal(found[kept], depth[kept])
        shares.append(1 - kept.mean())
    assert max(shares) > 0.15
    assert max(shares) <= 0.6
    (coarse,) = spoilt_depths([depth], replace(CLEAN, smooth_share=1), rng(0))
    assert coarse.shape == depth.shape
    assert coarse.dtype == np.float32
    assert 0 < np.abs(coarse - depth)[coarse > 0].mean() < 0.15
    holed = depth.copy()
    holed[:, :20] = 0
    (coarse,) = spoilt_depths([holed], replace(CLEAN, smooth_share=1), rng(0))
    assert (coarse[:, :16] == 0).all()
    assert (coarse[coarse > 0] > 0.1).all(), "no reading is mixed with none"


def test_beyond_the_grid_all_is_solid() -> None:
    """Samples larger than the room: what lies outside of the grid is."""
    sample = dataset(replace(CLEAN, shape=(80, 80, 64)))[0, 0]
    assert sample.truth.shape == (80, 80, 64)
    assert (sample.truth == -1).mean() > 0.5
    assert sample.truth.max() == 1
    assert not sample.scanned[sample.truth == -1].any()


def test_frames_without_any_reading_still_make_a_sample() -> None:
    blind = SparseDataset([box_scene(lost=True)], 4, SPOILT, EVIDENCE)
    for number in range(4):
        sample = blind[0, number]
        assert not sample.evidence[:5].any()
        assert sample.evidence[5].any()
        assert (sample.truth > 0).any(), "around the camera, which stands in the room"


def test_scenes_take_turns() -> None:
    full = SparseDataset(
        [box_scene("one"), box_scene("two", lost=True)], 6, CLEAN, EVIDENCE, vary=False
    )
    assert [bool(full[0, n].evidence[2].any()) for n in range(4)] == [True, False, True, False]


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ParamsError, match="given: 0 scenes and 3 samples"):
        SparseDataset([], 3, CLEAN, EVIDENCE)
    with pytest.raises(ParamsError, match="given: 1 scenes and 0 samples"):
        SparseDataset([box_scene()], 0, CLEAN, EVIDENCE)
    with pytest.raises(ParamsError):
        SparseParams(fewest=5, most=4)
    with pytest.raises(ParamsError, match="samples of \\(4, 80, 64\\) voxels"):
        SparseParams(shape=(4, 80, 64))
