"""The complete surface of a room: distances before, behind and under things, by made-up walls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.scene import whole
from crossvox.scene.whole import VisibleSurface, signed_distance, visible_surface

Array = NDArray[Any]

ROOM = np.array([2.4, 2.0, 1.5])
TABLE = (np.array([0.8, 0.6, 0.62]), np.array([1.6, 1.4, 0.7]))
"""A plate that hangs in the room: nothing is under it."""

CHEST = (np.array([1.9, 0.0, 0.0]), np.array([2.4, 0.5, 0.6]))
"""A chest in a corner: three of its sides lie on walls and the floor."""

CAMERAS = np.array([[0.4, 0.4, 1.2], [0.5, 1.6, 1.2], [2.0, 1.6, 1.25]])
BAND = 0.15


def box(low: Array, high: Array) -> tuple[Array, Array]:
    corners = np.array(list(np.ndindex(2, 2, 2)))
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return low + corners * (high - low), np.array(faces)


def room() -> Mesh:
    vertices, faces = [], []
    for number, (low, high) in enumerate([(np.zeros(3), ROOM), TABLE, CHEST]):
        corners, named = box(low, high)
        vertices.append(corners)
        faces.append(named + 8 * number)
    return Mesh(np.concatenate(vertices).astype(np.float32), np.concatenate(faces).astype(np.int32))


def inside(points: Array, low: Array, high: Array) -> Array:
    return np.asarray(((points > low) & (points < high)).all(axis=-1))


def box_distance(points: Array, low: Array, high: Array) -> Array:
    """Distance to the surface of a box, from outside positive."""
    centre, half = (low + high) / 2, (high - low) / 2
    beyond = np.abs(points - centre) - half
    out = np.linalg.norm(np.maximum(beyond, 0), axis=-1)
    return np.asarray(out + np.minimum(beyond.max(axis=-1), 0))


def true_distance(points: Array) -> Array:
    """Signed distance to the free space's boundary, positive in free space."""
    walls = -box_distance(points, np.zeros(3), ROOM)
    things = [box_distance(points, *thing) for thing in (TABLE, CHEST)]
    return np.asarray(np.minimum(walls, np.minimum(*things)))


@pytest.fixture(scope="module")
def seen() -> VisibleSurface:
    return visible_surface(room(), CAMERAS)


@pytest.fixture(scope="module")
def grid() -> VoxelGrid:
    """Around the room; no voxel's centre is in the plane of a wall: no side would be wrong."""
    return VoxelGrid((57, 49, 39), 0.05, (-0.187, -0.183, -0.189))


@pytest.fixture(scope="module")
def field(seen: VisibleSurface, grid: VoxelGrid) -> Array:
    return signed_distance(seen, grid, BAND) * BAND


def at(grid: VoxelGrid) -> Array:
    return grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))


def test_distances_are_right_in_free_space(field: Array, grid: VoxelGrid) -> None:
    points = at(grid)
    truth = np.minimum(true_distance(points), BAND)
    free = truth > 0.012
    assert free.sum() > 20000
    assert (field[free] > 0).all(), "all that is free is free, also under the table"
    assert np.abs(field - truth)[free].max() < 0.01


def test_what_lies_behind_walls_and_in_things_is_solid(field: Array, grid: VoxelGrid) -> None:
    points = at(grid)
    solid = true_distance(points) < -0.012
    # Beyond an edge of the room a sample of one of its walls may be nearest, and that in front.
    assert (field[solid] < 0).mean() > 0.9999
    outside = ~inside(points, -0.03 * np.ones(3), ROOM + 0.03)
    assert outside.sum() > 10000
    assert (field[outside] < 0).mean() > 0.9999
    # In the middle of the chest and of the plate the distance is that to the nearest seen side.
    chest = np.array([2.2, 0.25, 0.55])
    i, j, k = np.rint(grid.to_grid(chest)).astype(int)
    depth = 0.6 - grid.to_world(np.array([i, j, k]))[2]
    assert field[i, j, k] == pytest.approx(-depth, abs=0.01)


def test_under_the_table_is_free_though_no_camera_sees_it(field: Array, grid: VoxelGrid) -> None:
    under = inside(at(grid), TABLE[0] * (1, 1, 0) + 0.1, TABLE[1] * (1, 1, 0) + (-0.1, -0.1, 0.55))
    assert under.sum() > 500
    assert (field[under] > 0).all()
    # Just below the plate: the distance to it.
    i, j, k = np.rint(grid.to_grid(np.array([1.2, 1.0, 0.55]))).astype(int)
    below = 0.62 - grid.to_world(np.array([i, j, k]))[2]
    assert field[i, j, k] == pytest.approx(below, abs=0.01)


def test_eyes_and_points_stay_in_the_room(seen: VisibleSurface) -> None:
    assert len(seen.eyes_m) > 50
    assert inside(seen.eyes_m, np.zeros(3), ROOM).all()
    assert not any(inside(seen.eyes_m, *thing).any() for thing in (TABLE, CHEST))
    off = true_distance(seen.points_m.astype(float))
    assert np.abs(off).max() < 1e-4
    np.testing.assert_allclose(np.linalg.norm(seen.normals, axis=1), 1, atol=1e-5)
    # Normals point into free space.
    assert (true_distance(seen.points_m + 0.01 * seen.normals) > 0).mean() > 0.995


def test_a_camera_outside_adds_nothing(
    grid: VoxelGrid, field: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "_EYES", 40)
    astray = np.concatenate([CAMERAS, [[1.2, 1.0, 4.0], [-3.0, 1.0, 1.0]]])
    other = visible_surface(room(), astray)
    assert np.abs(true_distance(other.points_m.astype(float))).max() < 1e-4
    again = signed_distance(other, grid, BAND) * BAND
    assert ((again > 0) == (field > 0)).mean() > 0.999


def test_the_same_seed_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_EYES", 10)
    first = visible_surface(room(), CAMERAS)
    monkeypatch.setenv("CROSSVOX_THREADS", "1")
    again = visible_surface(room(), CAMERAS)
    np.testing.assert_array_equal(again.points_m, first.points_m)
    np.testing.assert_array_equal(again.normals, first.normals)
    np.testing.assert_array_equal(again.eyes_m, first.eyes_m)
    other = visible_surface(room(), CAMERAS, seed=1)
    assert not np.array_equal(other.eyes_m, first.eyes_m)


def test_what_cannot_be_looked_at_is_refused() -> None:
    with pytest.raises(ShapeError, match="given: 0 cameras and 36 faces"):
        visible_surface(room(), np.zeros((0, 3)))
    nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    with pytest.raises(ShapeError, match="given: 3 cameras and 0 faces"):
        visible_surface(nothing, CAMERAS)
    with pytest.raises(ShapeError, match="all stand outside"):
        visible_surface(room(), CAMERAS + 10)


def test_far_from_all_surface_the_side_is_that_of_what_is_around(
    seen: VisibleSurface, grid: VoxelGrid
) -> None:
    """A band much narrower than the room: the middle of the room is free, beyond it is solid."""
    side = signed_distance(seen, grid, 0.06)
    points = at(grid)
    assert (side[true_distance(points) > 0.07] == 1).all()
    assert (side[true_distance(points) < -0.07] == -1).all()
    apart = VoxelGrid((4, 4, 4), 0.05, (50.0, 0.0, 0.0))
    assert (signed_distance(seen, apart, 0.06) == -1).all(), "where nothing is near it is solid"


def test_rays_go_out_evenly_in_all_directions() -> None:
    rays = whole._cube_rays()
    assert rays.shape == (6 * whole._SIDE**2, 3)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1)
    np.testing.assert_allclose(rays.sum(axis=0), 0, atol=1e-9)
    assert len(np.unique(rays.round(6), axis=0)) == len(rays)
    # Neighbours in the list are neighbours, but where a row of a face ends.
    assert np.median((rays[1:] * rays[:-1]).sum(axis=1)) > 0.998
