"""Compiled loops of the metrics beside slow twins: the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.volume import Mesh
from crossvox.evaluate.sampling import sample_surface
from crossvox.metrics import surface_distances, voxel_downsample
from crossvox.metrics.nearest import PointSet

Points = NDArray[np.float64]


def brute(points: Points, others: Points) -> Points:
    best = np.empty(len(points))
    for n, point in enumerate(points):
        aside = others - point
        squares = (aside[:, 0] ** 2 + aside[:, 1] ** 2) + aside[:, 2] ** 2
        best[n] = np.sqrt(squares.min())
    return best


def walls(random: np.random.Generator, count: int) -> Points:
    """Points on three faces of a box, as the surfaces of a room lie."""
    points = random.random((count, 3)) * (4.0, 3.0, 2.5)
    points[np.arange(count), random.integers(0, 3, count)] = 0.0
    return points


CLOUDS = {
    "a room": lambda random: (walls(random, 3000), walls(random, 2000)),
    "far apart": lambda random: (walls(random, 300) + 50.0, walls(random, 2000)),
    "a stray point": lambda random: (
        np.concatenate([walls(random, 500), [(900.0, -900.0, 5.0)]]),
        np.concatenate([walls(random, 900), [(-900.0, 0.0, 500.0)]]),
    ),
    "one point": lambda random: (walls(random, 1), walls(random, 1)),
    "twice the same": lambda random: (np.ones((40, 3)), np.ones((50, 3))),
    "a line": lambda random: (
        random.random((200, 1)) * (1.0, 2.0, 3.0),
        random.random((300, 1)) * (1.0, 2.0, 0.0),
    ),
    "a lump": lambda random: (random.normal(0, 1e-3, (700, 3)), random.normal(0, 1, (600, 3))),
}


@pytest.mark.parametrize("name", list(CLOUDS))
@pytest.mark.parametrize("threads", ["1", "3"])
def test_distances_are_those_to_every_point(
    name: str, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSVOX_THREADS", threads)
    monkeypatch.setattr("crossvox.metrics.nearest._LEAST", 100)
    one, other = CLOUDS[name](np.random.default_rng(7))
    found = surface_distances(one, other)
    np.testing.assert_array_equal(found.to_reference_m, brute(one, other))
    np.testing.assert_array_equal(found.to_predicted_m, brute(other, one))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_distances_are_those_of_a_tree_of_scipy(seed: int, count: int, far: float) -> None:
    random = np.random.default_rng(seed)
    one = walls(random, count)
    other = walls(random, 401 - count) + random.normal(0, far, 3)
    distance, _ = cKDTree(other).query(one)
    np.testing.assert_array_equal(PointSet(one).distances_to(PointSet(other)), distance)


def thinned_slowly(points: Points, cell_m: float) -> Points:
    low = points.min(axis=0) - 0.5 * cell_m
    cells = np.floor((points - low) / cell_m)
    _, cell, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    sums = [np.bincount(cell.ravel(), weights=points[:, axis]) for axis in range(3)]
    return np.stack(sums, axis=-1) / count[:, None]


@pytest.mark.parametrize("cell_m", [0.02, 0.5, 10.0])
@pytest.mark.parametrize("name", list(CLOUDS))
def test_thinning_is_that_of_plain_numpy(name: str, cell_m: float) -> None:
    points, _ = CLOUDS[name](np.random.default_rng(8))
    np.testing.assert_array_equal(voxel_downsample(points, cell_m), thinned_slowly(points, cell_m))


def sampled_slowly(mesh: Mesh, spacing_m: float) -> Points:
    corners = mesh.vertices_m.astype(np.float64)[mesh.faces]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.linalg.norm(np.cross(one, two), axis=-1)
    upto = np.cumsum(area)
    count = int(np.ceil(upto[-1] / spacing_m**2))
    random = np.random.default_rng(20210901)
    at = (np.arange(count) + random.random(count)) * (upto[-1] / count)
    face = np.minimum(np.searchsorted(upto, at, side="right"), np.flatnonzero(area)[-1])
    nth = np.arange(count) - np.searchsorted(face, face, side="left")
    shift = random.random((len(area), 2))[face]
    a, b = ((nth[:, None] * (0.7548776662466927, 0.5698402909980532) + shift) % 1.0).T
    fold = a + b > 1
    a, b = np.where(fold, 1 - a, a), np.where(fold, 1 - b, b)
    return np.asarray(corners[face, 0] + a[:, None] * one[face] + b[:, None] * two[face])


@pytest.mark.parametrize("spacing_m", [0.003, 0.02, 5.0])
def test_samples_are_those_of_plain_numpy(spacing_m: float) -> None:
    random = np.random.default_rng(9)
    points = random.normal(0, 0.1, (60, 3)).astype(np.float32)
    faces = random.integers(0, 60, (200, 3)).astype(np.int32)
    faces[[0, 7, 198, 199]] = 5  # without area, also first and last
    mesh = Mesh(points, faces)
    np.testing.assert_array_equal(sample_surface(mesh, spacing_m), sampled_slowly(mesh, spacing_m))
