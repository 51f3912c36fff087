"""Poses as a tracker reports them."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.rooms.camera_path import look
from crossvox.capture.rooms.tracking import KEPT, tracked
from crossvox.core.camera import Pose

WALK = [look(np.array([0.02 * n, 0.0, 1.5]), 0.0, 0.0) for n in range(1500)]
"""30 metres straight on."""


def errors_m(poses: list[Pose]) -> np.ndarray:
    return np.array([a.position_m - b.position_m for a, b in zip(poses, WALK, strict=True)])


def degrees(one: Pose, other: Pose) -> float:
    turn = one.world_from_camera[:3, :3].T @ other.world_from_camera[:3, :3]
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


def test_without_drift_poses_are_true() -> None:
    assert tracked(WALK, 0.0, np.random.default_rng(0)) == WALK
    assert tracked([], 1.0, np.random.default_rng(0)) == []


@pytest.mark.parametrize("cm_per_m", [0.5, 2.0])
def test_errors_grow_with_the_way_and_are_mostly_gone_at_a_jump(cm_per_m: float) -> None:
    found = tracked(WALK, cm_per_m, np.random.default_rng(2))
    assert found != tracked(WALK, cm_per_m, np.random.default_rng(3))
    error = errors_m(found)
    size = np.linalg.norm(error, axis=1)
    steps = np.linalg.norm(np.diff(error, axis=0), axis=1)
    jumps = np.flatnonzero(steps > 10 * np.median(steps))
    assert 8 <= len(jumps) <= 30
    # Between jumps it grows by about so much a metre.
    calm = np.delete(steps, jumps) / 0.02
    assert 0.5 * cm_per_m / 100 < np.median(calm) < 1.5 * cm_per_m / 100
    for jump in jumps:
        assert size[jump + 1] < (KEPT + 0.05) * size[jump] + 1e-3
    assert size.max() < 0.09 * cm_per_m
    turns = [degrees(a, b) for a, b in zip(found, WALK, strict=True)]
    assert 0.05 * cm_per_m < float(np.sqrt(np.mean(np.square(turns)))) < 1.5 * cm_per_m
