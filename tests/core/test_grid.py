"""Laws of voxel grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossvox.core.checks import CaptureError, ParamsError, ShapeError
from crossvox.core.grid import Index3, VoxelGrid, overlap, turn

shapes = st.tuples(*[st.integers(1, 9)] * 3)
grids = st.builds(VoxelGrid, shapes, st.floats(0.01, 0.5), st.tuples(*[st.floats(-5, 5)] * 3))


@given(grids, st.tuples(*[st.floats(-20, 20)] * 3))
def test_world_and_grid_undo_each_other(grid: VoxelGrid, coordinate: tuple) -> None:
    world = grid.to_world(np.array(coordinate))
    np.testing.assert_allclose(grid.to_grid(world), coordinate, atol=1e-9)
    np.testing.assert_allclose((grid.grid_from_world @ [*world, 1])[:3], coordinate, atol=1e-9)
    np.testing.assert_allclose(grid.grid_from_world @ grid.world_from_grid, np.eye(4), atol=1e-9)


def contains(grid: VoxelGrid, coordinates: np.ndarray) -> np.ndarray:
    return np.logical_and.reduce((coordinates >= 0) & (coordinates < grid.shape), axis=-1)


@given(grids)
def test_linear_numbers_are_c_order(grid: VoxelGrid) -> None:
    coordinates = np.stack(np.indices(grid.shape), axis=-1)
    numbers = np.arange(grid.count).reshape(grid.shape)
    np.testing.assert_array_equal(grid.linear(coordinates), numbers)
    assert contains(grid, coordinates).all()
    assert not contains(grid, np.array(grid.shape))


@given(grids, st.tuples(*[st.integers(-6, 6)] * 3))
def test_a_sub_grid_keeps_its_place(grid: VoxelGrid, start: tuple) -> None:
    sub = grid.sub(start, (2, 3, 4))
    np.testing.assert_allclose(
        sub.to_world(np.array([1, 1, 1])), grid.to_world(np.array(start) + 1), atol=1e-9
    )


@given(arrays(np.float64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(-4, 4)))
@example(np.full((1, 3), -0.875))
@example(np.full((1, 3), 0.875))
def test_a_grid_around_points_holds_them(points: np.ndarray) -> None:
    """Each lies in a voxel; one half-way between two may round to that beyond the border."""
    grid = VoxelGrid.around(points, 0.05)
    nearest = np.round(grid.to_grid(points)).astype(int)
    held = np.clip(nearest, 0, np.array(grid.shape) - 1)
    assert contains(grid, held).all()
    assert np.abs(grid.to_grid(points) - held).max() <= 0.5 + 1e-6
    offset = np.array(grid.origin_m) / 0.05
    np.testing.assert_allclose(offset, np.round(offset), atol=1e-6)


@given(arrays(np.int16, shapes), st.integers(-5, 5))
def test_four_turns_are_the_identity(volume: np.ndarray, turns: int) -> None:
    np.testing.assert_array_equal(turn(turn(volume, turns), 4 - turns), volume)


def test_a_turn_moves_x_towards_y() -> None:
    volume = np.zeros((3, 3, 1))
    volume[2, 1, 0] = 1  # on the positive x side
    assert turn(volume, 1)[1, 2, 0] == 1  # now on the positive y side


def test_bad_grids_are_refused() -> None:
    with pytest.raises(ParamsError, match="positive numbers of voxels"):
        VoxelGrid((0, 1, 1), 0.05, (0, 0, 0))
    with pytest.raises(ParamsError, match="positive edge"):
        VoxelGrid((1, 1, 1), 0.0, (0, 0, 0))
    with pytest.raises(ShapeError, match="at least one point"):
        VoxelGrid.around(np.zeros((0, 3)), 0.05)


@settings(max_examples=30)
@given(st.tuples(*[st.integers(-9, 9)] * 3))
def test_overlap_equals_its_slow_twin(start: Index3) -> None:
    scene_shape, shape = (5, 4, 6), (3, 4, 2)
    scene, window = np.zeros(scene_shape, int), np.zeros(shape, int)
    in_scene, in_window = overlap(start, shape, scene_shape)
    scene[in_scene] += 1
    window[in_window] += 1
    assert scene[in_scene].shape == window[in_window].shape
    for place in np.ndindex(*shape):
        at = tuple(np.add(place, start))
        inside = all(0 <= a < limit for a, limit in zip(at, scene_shape, strict=True))
        assert window[place] == inside
        if inside:
            assert scene[at] == 1
    assert scene.sum() == window.sum()


@pytest.mark.parametrize("span_m", [3_000.0, 4_000_000.0])
def test_surfaces_of_kilometres_are_refused(span_m: float) -> None:
    """Poses in millimetres, or a single frame far away."""
    points = np.array([[0.0, 0.0, 0.0], [span_m, span_m, 200.0]])
    with pytest.raises(
        CaptureError, match=r"spans .* m, in voxels of 0\.05 m.*poses are in metres"
    ):
        VoxelGrid.around(points, 0.05)


def test_points_beyond_what_numbers_tell_apart_are_refused() -> None:
    with pytest.raises(CaptureError, match="from the world's origin"):
        VoxelGrid.around(np.full((3, 3), 1e30), 0.05)
