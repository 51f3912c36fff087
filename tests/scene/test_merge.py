"""Sub-volumes put back in their places."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.chunks import cut
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.core.volume import SceneVolume
from crossvox.scene.merge import Piece, merge

SHAPE: Index3 = (4, 4, 6)


@pytest.fixture
def volume() -> SceneVolume:
    """A scene of random voxels."""
    rng = np.random.default_rng(0)
    grid = VoxelGrid((9, 7, 6), 0.05, (1.0, -2.0, 0.5))
    occupied = rng.random(grid.shape) < 0.3
    labels = np.where(occupied, rng.integers(0, 41, grid.shape), 0).astype(np.uint8)
    return SceneVolume(grid, occupied, occupied | (rng.random(grid.shape) < 0.5), labels)


def piece(volume: SceneVolume, start: Index3) -> Piece:
    return Piece(
        start, cut(volume.occupied, start, SHAPE, False), cut(volume.labels, start, SHAPE, 0)
    )


def test_pieces_that_cover_a_scene_give_it_back(volume: SceneVolume) -> None:
    starts: list[Index3] = [(x, y, 0) for x in (0, 3, 5) for y in (0, 3)]
    merged = merge([piece(volume, start) for start in starts], volume.grid)
    assert merged.volume.grid == volume.grid
    np.testing.assert_array_equal(merged.volume.occupied, volume.occupied)
    np.testing.assert_array_equal(merged.volume.labels, volume.labels)
    assert not merged.volume.observed.any()
    assert (merged.contradicting, merged.changed) == (0, 0)
    assert merged.covered == volume.grid.count
    assert merged.shift == (0, 0, 0)


def test_without_a_scene_the_pieces_say_where_it_begins(volume: SceneVolume) -> None:
    merged = merge([piece(volume, (-2, 3, 1)), piece(volume, (1, 2, 1))], volume.grid)
    assert merged.shift == (-2, 2, 1)
    assert merged.volume.grid.shape == (7, 5, 6)
    at = volume.grid.to_world(np.array([3, 4, 2]))
    voxel = np.rint(merged.volume.grid.to_grid(at)).astype(int)
    assert voxel.tolist() == [5, 2, 1]
    assert merged.volume.occupied[tuple(voxel)] == volume.occupied[3, 4, 2]
    assert merged.covered == 2 * 4 * 4 * 6 - 1 * 3 * 6


def test_padding_beyond_a_scene_is_no_part_of_it(volume: SceneVolume) -> None:
    merged = merge([piece(volume, (7, 5, 0))], volume.grid, volume)
    assert merged.volume.grid == volume.grid
    np.testing.assert_array_equal(merged.volume.occupied, volume.occupied)
    np.testing.assert_array_equal(merged.volume.observed, volume.observed)
    assert merged.covered == 2 * 2 * 6


def test_occupied_voxels_beyond_a_scene_enlarge_it(volume: SceneVolume) -> None:
    full = Piece((-1, 0, 0), np.ones(SHAPE, bool), np.full(SHAPE, 7, np.uint8))
    merged = merge([full], volume.grid, volume)
    assert merged.shift == (-1, 0, 0)
    assert merged.volume.grid == volume.grid.sub((-1, 0, 0), (10, 7, 6))
    assert merged.volume.occupied[:4, :4].all()
    np.testing.assert_array_equal(merged.volume.occupied[4:], volume.occupied[3:])
    differs = ~volume.occupied[:3, :4] | (volume.labels[:3, :4] != 7)
    assert (merged.changed, merged.contradicting) == (differs.sum(), 0)


def test_later_pieces_win_and_contradictions_are_counted(volume: SceneVolume) -> None:
    one = Piece((0, 0, 0), np.ones(SHAPE, bool), np.full(SHAPE, 1, np.uint8))
    two = Piece((2, 0, 0), np.ones(SHAPE, bool), np.full(SHAPE, 2, np.uint8))
    merged = merge([one, two], volume.grid)
    assert merged.contradicting == 2 * 4 * 6
    assert (merged.volume.labels[:2] == 1).all()
    assert (merged.volume.labels[2:] == 2).all()
