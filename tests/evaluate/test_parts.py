"""Parts of a room that was made by hand: a floor of two classes, of which frames see a half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh, SceneViews
from crossvox.doors.meshes import write_ply
from crossvox.evaluate.part_counts import (
    SURE,
    WHOLE,
    class_scores_of,
    count_classes,
    count_surface,
    f_score,
    surface_scores_of,
)
from crossvox.evaluate.parts import (
    ANGLE,
    BOUNDARY,
    CLASS,
    DISTANCE,
    NONE,
    SEEN,
    SceneParts,
    near_another,
    read_parts,
    scene_parts,
    write_parts,
)
from crossvox.metrics.nearest import PointSet
from crossvox.samples.source import SceneSource

FLOOR, TABLE = NYU40.id_of("floor"), NYU40.id_of("table")
SHAPE = (41, 21, 5)
GRID = VoxelGrid(SHAPE, 0.05, (0.0, 0.0, -0.1))


@dataclass(frozen=True)
class Cameras:
    """Three cameras, 1 m above the floor, at x = 0, 0.2 and 1 m."""

    frame_ids: tuple[int, ...] = (4, 7, 9)

    def pose(self, index: int) -> Pose:
        matrix = np.eye(4)
        matrix[:3, 3] = (0.0, 0.2, 1.0)[index], 0.5, 1.0
        return Pose(matrix)


def floor(x_m: float, step_m: float = 0.025, height_m: float = 0.0, left_m: float = 0.0) -> Mesh:
    """A flat surface from ``left_m`` to ``x_m`` along x and 0 to 1 m along y; table beyond 1.5."""
    x = np.arange(round(left_m / step_m), round(x_m / step_m) + 1) * step_m
    y = np.arange(0, 41) * 0.025
    columns = len(y)
    places = np.stack([*np.meshgrid(x, y, indexing="ij")], axis=-1).reshape(-1, 2)
    vertices = np.column_stack([places, np.full(len(places), height_m)]).astype(np.float32)
    corner = np.arange(len(places)).reshape(-1, columns)[:-1, :-1].reshape(-1)
    faces = np.concatenate(
        [
            np.stack([corner, corner + columns, corner + 1], axis=1),
            np.stack([corner + 1, corner + columns, corner + columns + 1], axis=1),
        ]
    ).astype(np.int32)
    labels = np.where(vertices[:, 0] > 1.51, TABLE, FLOOR).astype(np.uint8)
    return Mesh(vertices, faces, labels=labels)


def source() -> SceneSource:
    """Frames 4 and 7 see the floor up to x = 0.5 m, frame 9 from 0.3 to 1 m."""
    x, y = np.meshgrid(np.arange(SHAPE[0]), np.arange(SHAPE[1]), indexing="ij")
    voxel = GRID.linear(np.stack([x, y, np.full_like(x, 2)], axis=-1)).reshape(-1)
    at = x.reshape(-1) * 0.05
    sets = [voxel[at < 0.51], voxel[at < 0.51], voxel[(at > 0.29) & (at < 1.01)]]
    sets = [np.sort(one) for one in sets]
    views = SceneViews(
        GRID,
        Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48),
        np.array([4, 7, 9], np.int32),
        np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64),
        np.concatenate(sets).astype(np.int32),
        np.zeros(sum(len(one) for one in sets), np.int32),
    )
    cameras: Any = Cameras()
    return SceneSource("room", None, views, cameras)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> SceneParts:
    folder = tmp_path_factory.mktemp("room")
    write_ply(folder / "room.ply", floor(2.0))
    # One window, which looks at one frame alone: at frame 9, which sees most of it.
    made = scene_parts(source(), folder, SHAPE, SHAPE, 1)
    write_parts(folder / "parts.npz", made)
    return read_parts(folder / "parts.npz")


def groups_at(parts: SceneParts, x_m: float) -> dict[str, int]:
    found = parts.by_voxel(np.array([[x_m, 0.5, 0.0]]))
    return {name: int(groups[0]) for name, groups in found.items()}


def test_places_are_told_apart_by_what_frames_see(parts: SceneParts) -> None:
    seen, distance, angle = SEEN.name, DISTANCE.name, ANGLE.name
    # Straight below the cameras 0.2 m apart, none of which the window looks at.
    assert groups_at(parts, 0.1) == {seen: 1, distance: 0, angle: 1}
    # Under an angle of about 50 degrees from the first and the last.
    assert groups_at(parts, 0.4) == {seen: 0, distance: 0, angle: 3}
    assert groups_at(parts, 0.8) == {seen: 0, distance: 0, angle: 0}
    assert groups_at(parts, 1.1) == {seen: 2, distance: 1, angle: NONE}
    assert groups_at(parts, 1.15) == {seen: 2, distance: 2, angle: NONE}
    assert groups_at(parts, 1.4) == {seen: 2, distance: 3, angle: NONE}
    assert groups_at(parts, 9.0) == {seen: 2, distance: 4, angle: NONE}, "the nearest voxel's"


def test_boundaries_are_those_of_classes(parts: SceneParts) -> None:
    at = parts.points_m[:, 0]
    assert (parts.points[BOUNDARY.name][np.abs(at - 1.51) < 0.05] == 0).all()
    assert (parts.points[BOUNDARY.name][np.abs(at - 1.51) > 0.15] == 1).all()
    assert (parts.points[CLASS.name][at > 1.55] == CLASS.groups.index("table")).all()
    labels = np.array([0, 3, 3, 5], np.uint8)
    points = np.array([[0.0, 0, 0], [0.05, 0, 0], [1, 0, 0], [1.05, 0, 0]])
    assert near_another(points, labels, 0.1).tolist() == [True, False, True, True]


def shares(counts: dict[str, Any], split: str) -> dict[str, float]:
    return {k.partition("/")[2]: f_score(v) for k, v in counts.items() if k.startswith(f"{split}/")}


def test_what_is_right_is_counted_where_it_lies(parts: SceneParts) -> None:
    truth = PointSet(parts.points_m)
    short = count_surface(floor(1.0), truth, parts)
    assert shares(short, "seen") == pytest.approx(
        {"seen": 1, "seen by other frames": 1, "unseen": 0.05}, abs=0.06
    )
    whole = count_surface(floor(2.0), truth, parts)
    assert shares(whole, "seen") == pytest.approx(dict.fromkeys(SEEN.groups, 1))
    for split in (SEEN, DISTANCE):
        rows = [whole[f"{split.name}/{group}"] for group in split.groups]
        assert np.sum(rows, axis=0).tolist() == whole[WHOLE].tolist()
    # What is made beside the truth is wrong in the part where it lies.
    aside = count_surface(floor(1.0, height_m=0.1), truth, parts)
    assert aside["seen/unseen"][0] > 0.9 * len(floor(1.0).vertices_m) / 2
    assert aside[WHOLE][[1, 3]].tolist() == [0, 0]
    nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    assert f_score(count_surface(nothing, truth, parts)[WHOLE]) == 0
    values = {s.name: s.value for s in surface_scores_of(whole)}
    assert values["class/floor: F-score"] == pytest.approx(1)
    assert np.isnan(values["class/sofa: F-score"])


def test_classes_are_counted_at_the_true_vertices(parts: SceneParts) -> None:
    truth = floor(2.0)
    right = count_classes(floor(2.0), truth, parts, np.full(len(truth.vertices_m), 0.9))
    assert np.trace(right[WHOLE]) == right[WHOLE].sum() == len(truth.vertices_m)
    assert {k for k in right if k.startswith("boundary/")} == {
        "boundary/boundary",
        "boundary/interior",
    }
    assert (right["boundary/boundary"] + right["boundary/interior"] == right[WHOLE]).all()
    scores = {s.name: s.value for s in class_scores_of(right)}
    assert scores["seen/unseen: mIoU strict"] == scores["whole: vertex accuracy"] == 1
    assert scores["class/table: IoU table"] == 1
    assert scores["calibration: calibration error"] == pytest.approx(0.1, abs=1e-6)
    assert right[SURE][0].sum() == len(truth.vertices_m)
    # A surface that ends where frames end to see: the table is taken for floor.
    wrong = {s.name: s.value for s in class_scores_of(count_classes(floor(1.0), truth, parts))}
    assert wrong["seen/seen: vertex accuracy"] == 1
    assert 0.4 < wrong["seen/unseen: vertex accuracy"] < 0.6
    assert wrong["class/table: IoU table"] == 0
    assert "calibration: calibration error" not in wrong
