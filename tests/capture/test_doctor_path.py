"""Suspects among poses: found as by looking at every one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossvox.capture.doctor.path import BACK, JUMP_DEG, JUMP_M, JUMP_STEPS, _steps, _suspects
from crossvox.capture.doctor.variants import rotations


def slow_suspects(known: np.ndarray) -> list[tuple[int, float, float]]:
    """Pose after pose."""
    ways, angles = _steps(known[:-1], known[1:])
    back_ways, back_angles = _steps(known[:-2], known[2:])
    found = []
    for n in range(1, len(known) - 1):
        near = slice(max(0, n - 12), n + 12)
        usual_m, usual_deg = np.median(ways[near]), np.median(angles[near])
        way, angle = min(ways[n - 1], ways[n]), min(angles[n - 1], angles[n])
        jumps = way > JUMP_STEPS * usual_m + JUMP_M and back_ways[n - 1] < BACK * way
        turns = angle > JUMP_STEPS * usual_deg + JUMP_DEG and back_angles[n - 1] < BACK * angle
        if jumps or turns:
            found.append((n, float(way), float(angle)))
    found.sort(key=lambda one: -max(one[1], one[2] / 50))
    return found if len(found) <= max(3, len(known) // 10) else []


@given(st.integers(0, 2**32 - 1), st.integers(4, 80), st.integers(0, 6))
def test_suspects_are_those_of_a_look_at_every_pose(seed: int, count: int, wrong: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.tile(np.eye(4), (count, 1, 1))
    known[:, :3, 3] = np.cumsum(rng.normal(0, 0.03, (count, 3)), axis=0)
    turns = np.concatenate(
        [np.cumsum(rng.normal(0, 0.02, (count, 3)), axis=0), np.ones((count, 1))], axis=1
    )
    for n in rng.integers(0, count, wrong):
        known[n, :3, 3] += rng.normal(0, 0.4, 3)
        turns[n, :3] += rng.normal(0, 0.2, 3)
    known[:, :3, :3] = rotations(turns)
    assert _suspects(known) == slow_suspects(known)
