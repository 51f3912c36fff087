"""What frames say of classes: against a slow twin, weights, frames without depth, limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sights import SMALL, looking, wall_frame

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.scene.class_evidence import LEAST_PROBABILITY, ClassEvidence
from crossvox.scene.params import VoteParams

Array = NDArray[Any]

GRID = VoxelGrid((20, 18, 9), 0.06, (-0.6, -0.55, -0.31))
NORMAL = np.array([0.1, 0.2, 0.9]) / np.linalg.norm([0.1, 0.2, 0.9])
PLACES = ((0.3, 0.2, 1.4), (-0.8, 0.5, 0.9), (0.4, -1.2, 1.2))
STRIDE, CLASSES = 4, 3


def voxels_near() -> NDArray[np.int64]:
    """Voxels whose centre is within 6 cm of the plane through the origin."""
    at = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), -1).reshape(-1, 3)
    return np.flatnonzero(np.abs(GRID.to_world(at) @ NORMAL) < 0.06).astype(np.int64)


def frames() -> list[Frame]:
    rng = np.random.default_rng(2)
    found = []
    for number, place in enumerate(PLACES):
        frame = wall_frame(number, looking(place, (0.05, 0.02, 0)), NORMAL, 0)
        assert frame.depth_m is not None
        lost = rng.random(frame.depth_m.shape) < 0.1
        found.append(replace(frame, depth_m=np.where(lost, 0, frame.depth_m).astype(np.float32)))
    return found


def said_of(number: int) -> FrameLabels:
    rng = np.random.default_rng(30 + number)
    shape = (SMALL.height // STRIDE, SMALL.width // STRIDE, CLASSES)
    said = rng.random(shape).astype(np.float32) ** 3
    said /= said.sum(-1, keepdims=True)
    said[rng.random(shape[:2]) < 0.1] = 0
    return FrameLabels(said, STRIDE)


def twin(voxels: Array, params: VoteParams, normals: Array) -> tuple[Array, Array]:
    """Sums and weights, voxel by voxel in plain numpy."""
    centres = GRID.to_world(np.stack(np.unravel_index(voxels, GRID.shape), -1))
    sums, weights = np.zeros((len(voxels), CLASSES)), np.zeros(len(voxels))
    for frame in frames():
        assert frame.pose is not None
        assert frame.depth_m is not None
        said = said_of(frame.id).probability.astype(float)
        for n, point in enumerate(centres):
            x, y, z = (frame.pose.camera_from_world @ [*point, 1])[:3]
            u, v = SMALL.fx * x / z + SMALL.cx + 0.5, SMALL.fy * y / z + SMALL.cy + 0.5
            if not (0 <= u < SMALL.width and 0 <= v < SMALL.height):
                continue
            d = frame.depth_m[int(v), int(u)]
            if not 0 < d <= params.far_m or abs(d - z) > params.near_voxels * GRID.voxel_m:
                continue
            ray = point - frame.pose.position_m
            cosine = max(-(ray @ normals[n]) / np.linalg.norm(ray), params.least_angle)
            weight = cosine**params.angle_power if normals[n].any() else 1
            weight /= 1 + (z / params.half_m) ** 2
            inwards = min(u, v, SMALL.width - u, SMALL.height - v) / (params.border * SMALL.width)
            weight *= params.least_border + (1 - params.least_border) * min(inwards, 1)
            if params.interpolate:
                fu = np.clip(u / STRIDE - 0.5, 0, said.shape[1] - 1)
                fv = np.clip(v / STRIDE - 0.5, 0, said.shape[0] - 1)
                shares = np.outer(
                    np.maximum(0, 1 - np.abs(np.arange(said.shape[0]) - fv)),
                    np.maximum(0, 1 - np.abs(np.arange(said.shape[1]) - fu)),
                )
                mixed = np.einsum("ij,ijc->c", shares, said)
            else:
                mixed = said[int(v) // STRIDE, int(u) // STRIDE]
            if mixed.sum() > 0:
                mixed = mixed / mixed.sum()
                logs = np.log(np.maximum(mixed, LEAST_PROBABILITY))
                sums[n] += weight * (logs if params.mean == "log" else mixed)
                weights[n] += weight
    return sums, weights


@pytest.mark.parametrize(
    "params",
    [
        VoteParams(border=0.2, least_border=0.4),
        VoteParams(angle_power=2, least_angle=0.75, half_m=1.0, interpolate=False),
        VoteParams(mean="log", near_voxels=0.6, far_m=1.6),
    ],
)
def test_sums_are_those_of_a_slow_twin(params: VoteParams) -> None:
    voxels = voxels_near()
    normals = np.tile(NORMAL, (len(voxels), 1)).astype(np.float32)
    normals[::7] = 0
    evidence = ClassEvidence(GRID, voxels, normals, CLASSES, params)
    for frame in frames():
        assert evidence.add(frame, said_of(frame.id))
    sums, weights = twin(voxels, params, normals.astype(float))
    assert evidence.frames == len(PLACES)
    assert (weights > 0).sum() > 100
    np.testing.assert_allclose(evidence.weight, weights, rtol=2e-4, atol=1e-6)
    seen = weights > 0
    expected = np.zeros_like(sums)
    expected[seen] = sums[seen] / weights[seen, None]
    if params.mean == "log":
        expected[seen] = np.exp(expected[seen])
        expected[seen] /= expected[seen].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evidence.probability, expected, rtol=1e-3, atol=1e-5)


def test_frames_without_depth_see_what_the_surface_shows() -> None:
    side = np.cross(NORMAL, (0, 1.0, 0))
    side /= np.linalg.norm(side)
    other = np.cross(NORMAL, side)
    corners = np.array([(a * side + b * other) * 3 for a in (-1, 1) for b in (-1, 1)], np.float32)
    surface = Mesh(corners, np.array([[0, 1, 2], [1, 3, 2]], np.int32))
    voxels = voxels_near()
    normals = np.tile(NORMAL, (len(voxels), 1)).astype(np.float32)
    found = []
    for bare in (False, True):
        evidence = ClassEvidence(GRID, voxels, normals, CLASSES, surface=surface if bare else None)
        for number, place in enumerate(PLACES):
            frame = wall_frame(number, looking(place, (0.05, 0.02, 0)), NORMAL, 0)
            frame = replace(frame, depth_m=None) if bare else frame
            assert evidence.add(frame, said_of(number))
        found.append(evidence)
    np.testing.assert_allclose(found[0].weight, found[1].weight, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found[0].probability, found[1].probability, atol=1e-3)


def test_what_says_nothing_adds_nothing() -> None:
    voxels = voxels_near()
    evidence = ClassEvidence(GRID, voxels, np.zeros((len(voxels), 3), np.float32), CLASSES)
    frame = frames()[0]
    assert not evidence.add(frame, None)
    assert not evidence.add(replace(frame, pose=None), said_of(0))
    assert not evidence.add(replace(frame, depth_m=None), said_of(0))
    assert evidence.frames == 0
    assert evidence.weight.sum() == 0
    assert evidence.probability.sum() == 0


def test_wrong_shapes_and_values_are_refused() -> None:
    voxels = voxels_near()
    normals = np.zeros((len(voxels), 3), np.float32)
    with pytest.raises(ShapeError, match="a normal"):
        ClassEvidence(GRID, voxels, normals[:-1], CLASSES)
    evidence = ClassEvidence(GRID, voxels, normals, CLASSES + 1)
    with pytest.raises(ShapeError, match="check the labeller"):
        evidence.add(frames()[0], said_of(0))
    with pytest.raises(ParamsError, match="least weights"):
        VoteParams(least_angle=0)
    with pytest.raises(ParamsError):
        VoteParams(mean="median")  # type: ignore[arg-type]
