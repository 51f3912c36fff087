"""Samples of labels in 3D: chance, what is spoilt, and that context and truth belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.checks import ParamsError
from crossvox.core.grid import VoxelGrid
from crossvox.samples.label_samples import LabelDataset, collate_labels
from crossvox.samples.label_scenes import LabelScene, evenly
from crossvox.samples.params import SparseParams, SpoilParams
from crossvox.scene.label_context import context_size
from crossvox.scene.params import VoteParams

ROOM_M = np.array([2.0, 1.6, 1.2])
CAMERA = Intrinsics(30.0, 30.0, 19.5, 14.5, 40, 30)
FRAMES, CLASSES = 20, 40
FLOOR, WALL = 2, 1
CLEAN = SpoilParams(
    SparseParams(fewest=2, most=12, noisy=0, smooth_share=0), 200, 0, 0, 0, 0, hidden=0
)


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


def box() -> LabelScene:
    """An empty box room: frames say 'floor' below, 'wall' else, 0.9 sure."""
    poses, depths = tuple(pose(index) for index in range(FRAMES)), []
    said = np.full((FRAMES, 30, 40, CLASSES), round(0.1 * 255 / 39), np.uint8)
    for number, place in enumerate(poses):
        rays = pixel_rays(CAMERA) @ place.world_from_camera[:3, :3].T
        with np.errstate(divide="ignore"):
            walls = np.where(rays > 0, ROOM_M - place.position_m, -place.position_m) / rays
        depth = walls.min(axis=-1)
        depths.append(np.rint(depth * 1000).astype(np.uint16))
        below = (place.position_m + rays * depth[..., None])[..., 2] < 0.02
        said[number, below, FLOOR - 1] = 230
        said[number, ~below, WALL - 1] = 230
    grid = VoxelGrid((41, 33, 25), 0.05, (0.0, 0.0, 0.0))
    at = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1).reshape(-1, 3)
    m = grid.to_world(at)
    low, high = np.isclose(m, 0), np.isclose(m, ROOM_M)
    on = (low | high).any(axis=1)
    voxels, low, high = np.flatnonzero(on), low[on], high[on]
    normals = (low.astype(np.float32) - high.astype(np.float32)).astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    labels = np.where(low[:, 2], FLOOR, WALL).astype(np.uint8)
    return LabelScene(
        "box", CAMERA, poses, np.stack(depths), said, 1, grid, voxels, labels, normals
    )


def dataset(params: SpoilParams = CLEAN, vary: bool = False) -> LabelDataset:
    return LabelDataset([[box()]], 4, params, VoteParams(), 3, vary)


def test_frames_say_what_is_true_where_they_look() -> None:
    sample = dataset()[0, 1]
    assert sample.context.shape == (200, context_size(CLASSES))
    assert sample.told.mean() > 0.3
    said = sample.context[:, :CLASSES].argmax(axis=1) + 1
    assert (said == sample.labels)[sample.told].mean() > 0.9
    assert (sample.context[~sample.told, : 2 * CLASSES] == 0).all()


def test_a_sample_follows_from_its_key_and_chance_spoils_it() -> None:
    spoilt = dataset(SpoilParams(replace(CLEAN.frames, noisy=1), voxels=100), vary=True)
    one, again, other = spoilt[1, 0], spoilt[1, 0], spoilt[2, 0]
    assert (one.context == again.context).all()
    assert one.context.shape == other.context.shape
    assert (one.context != other.context).any()
    assert np.isfinite(one.context).all()
    batch = collate_labels([one, other])
    assert batch.to("cpu").labels.shape == (200,)
    with pytest.raises(IndexError):
        spoilt[0, 4]


def test_hidden_surface_is_left_out_in_patches() -> None:
    every = dataset(replace(CLEAN, voxels=0))[0, 0]
    fewer = dataset(replace(CLEAN, voxels=0, hidden=1.0))[0, 0]
    assert fewer.told.sum() == every.told.sum()
    assert 0 < (~fewer.told).sum() < (~every.told).sum()


def test_groups_take_turns() -> None:
    one, other = box(), replace(box(), labels=np.full_like(box().labels, 7))
    made = LabelDataset([[one, one, one], [other]], 4, CLEAN, VoteParams(), 0, False)
    assert [set(made[0, n].labels.tolist()) == {7} for n in range(4)] == [False, True] * 2


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParamsError):
        LabelDataset([[]], 4, CLEAN, VoteParams())
    with pytest.raises(ParamsError):
        SpoilParams(silent=2)
    assert evenly(5, 10) == [0, 1, 2, 3, 4]
    assert evenly(100, 3) == [0, 50, 99]
