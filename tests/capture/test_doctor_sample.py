"""How pairs of frames agree: a mean that stops early is that of all, or above what was asked."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.doctor.sample import Sample
from crossvox.core.camera import Intrinsics

CAMERA = Intrinsics(30.0, 30.0, 15.5, 11.5, 32, 24)


def sample() -> Sample:
    """Rough walls about two metres away, seen by five frames, each held against all others."""
    rng = np.random.default_rng(0)
    depths = rng.uniform(1.9, 2.1, (5, 24, 32)).astype(np.float32)
    depths[:, :4] = 0
    pixels = np.stack([rng.integers(0, 32, (5, 60)), rng.integers(4, 24, (5, 60))], axis=-1)
    points = np.empty((5, 60, 3), np.float32)
    points[..., :2] = pixels
    points[..., 2] = depths[np.arange(5)[:, None], pixels[..., 1], pixels[..., 0]]
    pairs = np.array([(a, b) for a in range(5) for b in range(5) if a != b])
    return Sample(np.arange(5), depths, points, np.full(5, 60), CAMERA, pairs, {})


def shifted(step_m: float) -> np.ndarray:
    """Ways between cameras that stand side by side; one is not known, one looks at nothing."""
    found = sample()
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = step_m * np.arange(5)
    moves = found.moves(poses)
    moves[0] = np.nan
    moves[1, 0, 3] = 50.0
    return moves


@pytest.mark.parametrize("every", [1, 6])
@pytest.mark.parametrize("step_m", [0.0, 0.3, 2.0])
def test_the_mean_is_that_of_all_pairs(step_m: float, every: int) -> None:
    found, moves = sample(), shifted(step_m)
    losses = found.losses(moves, every=every)
    assert losses[0] == losses[1] == 1.0
    mean = losses.mean()
    assert found.mean_loss(moves, every=every) == mean
    assert found.mean_loss(moves, every=every, most=mean) == mean
    assert found.mean_loss(moves, every=every, most=0.99 * mean) == np.inf
