"""The largest angle between rays, against a plain count of all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import SceneViews
from crossvox.views.angles import largest_angles


def test_every_pair_of_frames_counts() -> None:
    rng = np.random.default_rng(0)
    grid = VoxelGrid((3, 4, 5), 0.1, (-1.0, 2.0, 0.5))
    centres = rng.normal(size=(6, 3)) * 2
    seen = rng.random((6, grid.count)) < 0.4
    seen[:, 7] = False
    seen[:, 8] = np.arange(6) == 2
    frames, voxels = np.nonzero(seen)
    views = SceneViews(
        grid,
        Intrinsics(50, 50, 31.5, 23.5, 64, 48),
        np.arange(6, dtype=np.int32),
        np.concatenate([[0], np.cumsum(seen.sum(axis=1))]).astype(np.int64),
        voxels.astype(np.int32),
        np.zeros(len(frames), np.int32),
    )
    found = largest_angles(views, centres)
    places = np.stack(np.unravel_index(np.arange(grid.count), grid.shape), axis=1)
    for number, place in enumerate(grid.to_world(places)):
        rays = centres[seen[:, number]] - place
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        value = found.reshape(-1)[number]
        if not len(rays):
            assert np.isnan(value)
            continue
        cosines = np.clip(rays @ rays.T, -1, 1)
        expected = 0.0 if len(rays) == 1 else np.degrees(np.arccos(cosines.min()))
        assert value == pytest.approx(expected, abs=1e-3)
    assert np.isnan(found.reshape(-1)[7])
    assert found.reshape(-1)[8] == 0
    with pytest.raises(ShapeError, match="one a frame"):
        largest_angles(views, centres[:5])
