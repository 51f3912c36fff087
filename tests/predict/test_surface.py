"""Meshes from probabilities: place, orientation, borders, colours, and which method is best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.doors.isosurface import isosurface
from crossvox.evaluate.protocols import score_meshes
from crossvox.evaluate.sampling import sample_surface
from crossvox.predict.params import SurfaceParams
from crossvox.predict.prediction import ColorVolume, ScenePrediction
from crossvox.predict.surface import mask_mesh, nearest_voxels, probability_mesh, volume_mesh

GRID = VoxelGrid((24, 24, 24), 0.05, (1.0, 2.0, 3.0))
METHODS = ("ridge", "level", "hard")


def ball(radius: float = 7.0) -> np.ndarray:
    """Probability 0.5 at ``radius`` voxels from the middle, more inside."""
    at = np.indices(GRID.shape) - 11.5
    return (1 / (1 + np.exp(np.sqrt((at**2).sum(0)) - radius))).astype(np.float32)


def solid(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False)


@pytest.mark.parametrize("method", ["level", "hard"])
def test_ball_has_its_place_size_and_outside(method: Any) -> None:
    mesh = solid(volume_mesh(GRID, ball(), None, SurfaceParams(method)))
    assert mesh.is_watertight
    # A positive volume: faces are anticlockwise seen from free space.
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.35**3, rel=0.03)
    np.testing.assert_allclose(mesh.center_mass, [1.575, 2.575, 3.575], atol=1e-4)


def test_voxel_centre_is_its_grid_coordinate() -> None:
    one = np.zeros(GRID.shape)
    one[3, 5, 7] = 1
    mesh = volume_mesh(GRID, one, None, SurfaceParams("level"))
    low, high = mesh.vertices_m.min(0), mesh.vertices_m.max(0)
    np.testing.assert_allclose(low, GRID.to_world([2.5, 5 - 0.5, 7 - 0.5]), atol=1e-6)
    np.testing.assert_allclose(high, GRID.to_world([3.5, 5.5, 7.5]), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_gives_an_empty_mesh(method: Any) -> None:
    for volume in (np.zeros(GRID.shape), np.full(GRID.shape, 0.4)):
        mesh = volume_mesh(GRID, volume, None, SurfaceParams(method))
        assert len(mesh.faces) == len(mesh.vertices_m) == 0
    mesh = volume_mesh(GRID, np.ones(GRID.shape), np.zeros(GRID.shape, bool), SurfaceParams(method))
    assert len(mesh.faces) == 0


def test_surface_at_the_border_of_the_grid_is_closed() -> None:
    mesh = solid(volume_mesh(GRID, np.ones(GRID.shape), None, SurfaceParams("level")))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1.2**3, rel=0.01)
    np.testing.assert_allclose(mesh.bounds[0], GRID.to_world([-0.5] * 3), atol=1e-6)


def test_no_surface_where_nothing_was_predicted() -> None:
    predicted = np.zeros(GRID.shape, bool)
    predicted[:12] = True
    mesh = volume_mesh(GRID, ball(), predicted, SurfaceParams("level"))
    assert solid(mesh).is_watertight
    border = GRID.to_world([11.5, 0, 0])[0]
    assert mesh.vertices_m[:, 0].max() <= border + 1e-6
    assert (mesh.vertices_m[:, 0] < border - 0.1).any()


@pytest.mark.parametrize(("thick", "off"), [(1, 0.05), (2, 0.05), (3, 0.4)])
def test_ridge_lies_in_the_middle_of_a_slab(thick: int, off: float) -> None:
    slab = np.zeros(GRID.shape, np.float32)
    slab[:, :, 10 : 10 + thick] = 1
    distance = {}
    for method in METHODS:
        mesh = volume_mesh(GRID, slab, None, SurfaceParams(method, gap_voxels=0))
        at = GRID.to_grid(mesh.vertices_m)
        middle = ((at[:, :2] > 4) & (at[:, :2] < 19)).all(axis=1)
        distance[method] = np.abs(at[middle, 2] - (10 + (thick - 1) / 2)).max()
    assert distance["level"] == pytest.approx(thick / 2, abs=1e-5)
    assert distance["ridge"] < off


def test_the_two_sheets_keep_their_sides_and_their_gap() -> None:
    slab = np.zeros(GRID.shape, np.float32)
    slab[:, :, 10:12] = 1
    before = GRID.to_grid(volume_mesh(GRID, slab, None, SurfaceParams("level")).vertices_m)
    after = GRID.to_grid(volume_mesh(GRID, slab, None, SurfaceParams(gap_voxels=0.3)).vertices_m)
    middle = ((before[:, :2] > 4) & (before[:, :2] < 19)).all(axis=1)
    upper = before[:, 2] > 10.5
    np.testing.assert_allclose(after[middle & upper, 2], 10.65, atol=0.05)
    np.testing.assert_allclose(after[middle & ~upper, 2], 10.35, atol=0.05)


def room() -> Mesh:
    """A tilted room with a table and a ball."""
    parts = [trimesh.creation.box([2.0, 1.6, 1.5]), trimesh.creation.icosphere(3, 0.25)]
    parts[0].invert()
    table = trimesh.creation.box([0.8, 0.6, 0.04])
    table.apply_translation([0.3, 0.2, -0.1])
    parts[1].apply_translation([-0.5, -0.3, 0.1])
    whole = trimesh.util.concatenate([*parts, table])
    whole.apply_transform(trimesh.transformations.rotation_matrix(0.4, [0, 0, 1]))
    return Mesh(whole.vertices.astype(np.float32), whole.faces.astype(np.int32))


def test_ridge_finds_the_surface_whatever_the_thickness() -> None:
    """Occupied voxels of a room: as they are, and made thick as an overconfident network does."""
    reference = room()
    grid = VoxelGrid.around(reference.vertices_m, 0.05, margin=4)
    occupied = np.zeros(grid.shape, bool)
    occupied[tuple(np.round(grid.to_grid(sample_surface(reference, 0.005))).astype(int).T)] = True
    thick = ndimage.binary_dilation(occupied)
    scores = {
        (name, method): {
            score.name: score.value
            for score in score_meshes(
                volume_mesh(grid, volume, None, SurfaceParams(method)), reference
            )
        }
        for name, volume in (("thin", occupied), ("thick", thick))
        for method in ("ridge", "level")
    }
    assert scores["thin", "ridge"]["F-score"] > 0.99
    assert scores["thin", "ridge"]["Acc"] < 0.75 * scores["thin", "level"]["Acc"]
    assert scores["thick", "ridge"]["F-score"] > 0.97
    assert scores["thick", "level"]["F-score"] < 0.5


def test_colours_come_from_the_nearest_voxel_that_has_one() -> None:
    rgb, known = np.zeros((*GRID.shape, 3), np.uint8), np.zeros(GRID.shape, bool)
    known[8], known[15] = True, True
    rgb[8], rgb[15] = (250, 10, 20), (5, 10, 220)
    mesh = volume_mesh(GRID, ball(), None, None, ColorVolume(rgb, known))
    assert mesh.colors is not None
    x = GRID.to_grid(mesh.vertices_m)[:, 0]
    assert (mesh.colors[x < 10.9] == (250, 10, 20)).all()
    assert (mesh.colors[x > 12.1] == (5, 10, 220)).all()
    nothing = volume_mesh(GRID, ball(), None, None, ColorVolume(rgb, np.zeros(GRID.shape, bool)))
    assert nothing.colors is None


def test_prediction_and_mask_are_meshed_alike() -> None:
    volume = ball()
    predicted = np.ones(GRID.shape, bool)
    counts = {"windows": 1, "windows_seen": 1, "windows_predicted": 1}
    frames = {"voxels_seen": 1, "frames_used": 1, "frames": 1}
    prediction = ScenePrediction(GRID, volume, predicted, volume > 0.5, None, **counts, **frames)
    hard = SurfaceParams("hard")
    learnt, mask = probability_mesh(prediction, hard), mask_mesh(prediction, hard)
    np.testing.assert_array_equal(learnt.vertices_m, mask.vertices_m)
    np.testing.assert_array_equal(learnt.faces, mask.faces)


def test_volumes_of_another_shape_are_refused() -> None:
    small = np.zeros((3, 3, 3))
    with pytest.raises(ShapeError, match="probabilities"):
        volume_mesh(GRID, small)
    with pytest.raises(ShapeError, match="mask"):
        volume_mesh(GRID, ball(), small > 0)
    with pytest.raises(ShapeError, match="colours"):
        volume_mesh(GRID, ball(), None, None, ColorVolume(np.zeros((3, 3, 3, 3)), small > 0))
    for level in (0.0, 1.0):
        with pytest.raises(ParamsError, match="level"):
            volume_mesh(GRID, ball(), None, SurfaceParams(level=level))


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_isosurface_of_a_slope_lies_at_its_level(level: float) -> None:
    slope = np.broadcast_to(np.linspace(0, 1, 24)[:, None, None], GRID.shape)
    mesh = isosurface(GRID, slope, level)
    x = GRID.to_grid(mesh.vertices_m)[:, 0]
    assert x.min() == pytest.approx(23 * level, abs=1e-3)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.002, 0.05, 0.6]))
@settings(max_examples=20)
def test_nearest_voxels_equal_a_search(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    grid = VoxelGrid((7, 5, 6), 0.05, (1.0, 2.0, 3.0))
    known = random.random(grid.shape) < share
    known[tuple(random.integers(0, grid.shape))] = True
    low, high = grid.to_world(np.array([-3.0, -3, -3])), grid.to_world(np.array([10.0, 8, 9]))
    points = random.uniform(low, high, (40, 3)).astype(np.float32)
    found = nearest_voxels(grid, points, known)
    assert found is not None
    assert known[found].all()
    places = np.argwhere(known)
    for point, mine in zip(points, np.stack(found, axis=-1), strict=True):
        at = np.rint(grid.to_grid(point)).clip(0, np.array(grid.shape) - 1)
        distances = np.linalg.norm(places - at, axis=1)
        assert np.linalg.norm(mine - at) == pytest.approx(distances.min())


def test_a_point_in_a_known_voxel_takes_that_voxel() -> None:
    random = np.random.default_rng(0)
    known = random.random(GRID.shape) < 0.3
    places = np.argwhere(known)
    points = GRID.to_world(places + random.uniform(-0.49, 0.49, places.shape))
    found = nearest_voxels(GRID, points, known)
    assert found is not None
    np.testing.assert_array_equal(np.stack(found, axis=-1), places)
    assert nearest_voxels(GRID, points, np.zeros(GRID.shape, bool)) is None
    empty = nearest_voxels(GRID, np.zeros((0, 3)), known)
    assert empty is not None
    assert [len(axis) for axis in empty] == [0, 0, 0]
