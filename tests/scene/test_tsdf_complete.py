"""A fused surface completed by a learnt field: what stays, what is added, and that both are one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sights import SMALL, looking, wall_frame

from crossvox.core.checks import ShapeError
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.volume import Mesh
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.complete import LearntField, completed_mesh
from crossvox.scene.tsdf.volume import TsdfVolume, fuse

Array = NDArray[Any]

PARAMS = TsdfParams()
TILT = np.array([0.12, -0.07, 1.0]) / np.linalg.norm([0.12, -0.07, 1.0])
"""Normal of the plane through the origin, which is tilted so that it cuts voxels anywhere."""

GRID = VoxelGrid.around(np.array([[-0.9, -0.9, -0.4], [0.9, 0.9, 0.4]]), 0.05)


def frames(rgb: tuple[int, int, int] | None = (40, 90, 160)) -> list[Frame]:
    """Two views of the middle of the plane."""
    found = []
    for number, place in enumerate([(0.1, 0.0, 1.1), (-0.1, 0.15, 1.0)]):
        frame = wall_frame(number, looking(place, (0.0, 0.0, 0.0)), TILT, 0.0)
        if rgb is not None:
            image = np.empty((SMALL.height, SMALL.width, 3), np.uint8)
            image[:] = rgb
            frame = replace(frame, rgb=image)
        found.append(frame)
    return found


def learnt(
    confidence: float | Array = 0.9, offset_m: float = 0.0, forbidden: Array | None = None
) -> LearntField:
    """The plane, everywhere."""
    at = GRID.to_world(np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), -1))
    distance = np.clip(at @ TILT - offset_m, -0.15, 0.15).astype(np.float32)
    sure = np.broadcast_to(np.asarray(confidence, np.float32), GRID.shape)
    none = np.zeros(GRID.shape, bool)
    return LearntField(GRID, distance, sure, none if forbidden is None else forbidden)


@pytest.fixture(scope="module")
def volume() -> TsdfVolume:
    return fuse(frames())


@pytest.fixture(scope="module")
def completed(volume: TsdfVolume) -> Mesh:
    return completed_mesh(volume, learnt(), 0.6)


def edges(mesh: Mesh) -> Counter[tuple[int, int]]:
    pairs = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    return Counter(map(tuple, pairs.tolist()))


def crossings(mesh: Mesh, places: Array) -> Array:
    """How often vertical lines through ``(N, 2)`` places cross a mesh."""
    a, b, c = np.moveaxis(mesh.triangles_m[..., :2].astype(float), 1, 0)
    found = []
    for place in places:
        signs = [
            (q - p)[:, 0] * (place - p)[:, 1] - (q - p)[:, 1] * (place - p)[:, 0]
            for p, q in ((a, b), (b, c), (c, a))
        ]
        found.append(int(((np.min(signs, 0) > 0) | (np.max(signs, 0) < 0)).sum()))
    return np.array(found)


def rows(points: Array) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(points, np.float32)}


def test_what_was_measured_stays_bit_for_bit(volume: TsdfVolume, completed: Mesh) -> None:
    fused = volume.mesh()
    assert completed.completed is not None
    assert completed.colors is not None
    assert fused.colors is not None
    measured = {
        point.tobytes(): color.tobytes()
        for point, color in zip(
            completed.vertices_m[~completed.completed],
            completed.colors[~completed.completed],
            strict=True,
        )
    }
    assert len(measured) == (~completed.completed).sum()
    for point, color in zip(fused.vertices_m, fused.colors, strict=True):
        assert measured.pop(point.tobytes()) == color.tobytes()
    # Vertices between two measured voxels whose cells were open: on the rim of what was measured.
    assert len(measured) < 0.1 * len(fused.vertices_m)
    assert len(fused.vertices_m) > 1000


def test_the_volume_does_not_change(volume: TsdfVolume) -> None:
    before = [np.copy(array) for array in vars(volume.blocks()).values()]
    completed_mesh(volume, learnt(), 0.6)
    for old, new in zip(before, vars(volume.blocks()).values(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_there_is_one_sheet_without_a_crack(volume: TsdfVolume, completed: Mesh) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.8, 0.8, (400, 2))
    assert (crossings(completed, places) == 1).all()
    assert (crossings(volume.mesh(), places) == 0).mean() > 0.2, "parts of it were not measured"
    found = edges(completed)
    assert max(found.values()) == 1, "an edge belongs to two faces that run opposite ways"
    rim = np.array([edge for edge in found if edge[::-1] not in found])
    at = completed.vertices_m[np.unique(rim)][:, :2]
    assert (np.abs(at).max(axis=1) > 0.8).all(), "open edges lie on the outer rim alone"


def test_the_sheet_lies_where_the_plane_is(completed: Mesh) -> None:
    off = completed.vertices_m.astype(float) @ TILT
    assert completed.completed is not None
    assert np.abs(off[completed.completed]).max() < 0.003
    assert np.abs(off).max() < 0.02
    a, b, c = np.moveaxis(completed.triangles_m.astype(float), 1, 0)
    assert (np.cross(b - a, c - a) @ TILT >= 0).all(), "faces look into free space"


def test_vertices_tell_whether_they_were_measured_and_how_sure_they_are(completed: Mesh) -> None:
    marks, sure = completed.completed, completed.confidence
    assert marks is not None
    assert sure is not None
    assert 0.2 < marks.mean() < 0.9
    np.testing.assert_allclose(sure[marks], 0.9, atol=1e-6)
    assert (sure[~marks] == 1).all()


def test_confidence_is_interpolated_and_the_less_sure_voxel_counts(volume: TsdfVolume) -> None:
    x = GRID.to_world(np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), -1))[..., 0]
    mesh = completed_mesh(volume, learnt(0.5 + 0.4 * x), 0.3)
    assert mesh.completed is not None
    assert mesh.confidence is not None
    expected = 0.5 + 0.4 * mesh.vertices_m[mesh.completed, 0]
    off = mesh.confidence[mesh.completed] - expected
    # That of one of two voxels that are 2 cm apart: the less sure, or the only one not measured.
    assert np.abs(off).max() <= 0.4 * 0.02 + 1e-5
    assert (off < 1e-5).mean() > 0.95
    below = completed_mesh(volume, learnt(0.5 + 0.4 * x), 0.6)
    assert below.completed is not None
    assert below.confidence is not None
    assert below.confidence.min() >= 0.6
    assert below.vertices_m[below.completed, 0].min() > 0.2
    assert 0 < below.completed.sum() < mesh.completed.sum()


def test_what_is_not_sure_enough_leaves_the_fused_mesh(volume: TsdfVolume) -> None:
    mesh, fused = completed_mesh(volume, learnt(0.5), 0.6), volume.mesh()
    np.testing.assert_array_equal(mesh.vertices_m, fused.vertices_m)
    np.testing.assert_array_equal(mesh.faces, fused.faces)
    np.testing.assert_array_equal(mesh.colors, fused.colors)
    assert mesh.completed is not None
    assert not mesh.completed.any()
    assert mesh.confidence is not None
    assert (mesh.confidence == 1).all()


def test_a_field_that_contradicts_what_was_measured_draws_nothing_there(
    volume: TsdfVolume,
) -> None:
    """A sheet 9 cm above the measured one: nothing joins the two, none runs beside the other."""
    mesh = completed_mesh(volume, learnt(offset_m=0.09), 0.6)
    fused = volume.mesh()
    assert mesh.completed is not None
    height = mesh.vertices_m.astype(float) @ TILT
    assert (np.abs(height[~mesh.completed]) < 0.02).all()
    assert (np.abs(height[mesh.completed] - 0.09) < 0.02).all()
    assert rows(fused.vertices_m) <= rows(mesh.vertices_m)
    mixed = mesh.completed[mesh.faces]
    assert (mixed.all(axis=1) | ~mixed.any(axis=1)).all(), "no face between the two"
    rng = np.random.default_rng(1)
    assert crossings(mesh, rng.uniform(-0.2, 0.2, (100, 2))).max() == 1


def test_forbidden_voxels_stay_empty(volume: TsdfVolume) -> None:
    forbidden = np.zeros(GRID.shape, bool)
    forbidden[:, GRID.shape[1] * 3 // 4 :] = True
    mesh, free = completed_mesh(volume, learnt(forbidden=forbidden), 0.6), learnt()
    assert mesh.completed is not None
    limit = GRID.to_world(np.array([0, GRID.shape[1] * 3 // 4 - 0.5, 0]))[1]
    assert mesh.vertices_m[mesh.completed, 1].max() < limit
    everything = completed_mesh(volume, free, 0.6)
    assert everything.vertices_m[:, 1].max() > limit + 0.1
    assert rows(volume.mesh().vertices_m) <= rows(mesh.vertices_m)


def test_voxels_with_too_few_observations_are_learnt(volume: TsdfVolume) -> None:
    mesh = completed_mesh(volume, learnt(), 0.6, min_weight=2)
    assert mesh.completed is not None
    twice, once = volume.mesh(2), volume.mesh()
    assert rows(twice.vertices_m) <= rows(mesh.vertices_m[~mesh.completed])
    assert not rows(once.vertices_m) <= rows(mesh.vertices_m[~mesh.completed])
    assert crossings(mesh, np.random.default_rng(2).uniform(-0.8, 0.8, (200, 2))).tolist() == (
        [1] * 200
    )
    strict = fuse(frames(), replace(PARAMS, min_weight=2))
    same = completed_mesh(strict, learnt(), 0.6)
    np.testing.assert_array_equal(same.vertices_m, mesh.vertices_m)
    thrice = completed_mesh(volume, learnt(), 0.6, min_weight=3)
    assert thrice.completed is not None
    assert thrice.completed.all()


def test_completed_vertices_have_the_colour_of_the_nearest_measured_one(completed: Mesh) -> None:
    assert completed.colors is not None
    np.testing.assert_array_equal(np.unique(completed.colors, axis=0), [[40, 90, 160]])


def test_without_colours_there_are_none() -> None:
    mesh = completed_mesh(fuse(frames(rgb=None)), learnt(), 0.6)
    assert mesh.colors is None
    assert mesh.completed is not None
    assert mesh.completed.any()


def test_nothing_fused_and_all_learnt() -> None:
    mesh = completed_mesh(TsdfVolume(PARAMS), learnt(), 0.6)
    assert mesh.completed is not None
    assert mesh.completed.all()
    assert (crossings(mesh, np.random.default_rng(3).uniform(-0.8, 0.8, (50, 2))) == 1).all()
    empty = completed_mesh(TsdfVolume(PARAMS), learnt(0.1), 0.6)
    assert len(empty.vertices_m) == len(empty.faces) == 0


def test_the_number_of_threads_does_not_matter(
    volume: TsdfVolume, completed: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSVOX_THREADS", "1")
    again = completed_mesh(volume, learnt(), 0.6)
    np.testing.assert_array_equal(again.vertices_m, completed.vertices_m)
    np.testing.assert_array_equal(again.faces, completed.faces)


def test_volumes_of_another_shape_are_refused() -> None:
    field = learnt()
    with pytest.raises(ShapeError, match=r"given: confidence of shape \(2, 2, 2\)"):
        replace(field, confidence=np.zeros((2, 2, 2), np.float32))
