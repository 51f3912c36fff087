"""Boxes, pieces of patches, cells of a plan."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.labels import NYU40
from crossvox.core.room_contents import Wall
from crossvox.objects.boxes import Box, backed, box_around, standing
from crossvox.objects.cells import area_of, border, cell_of, cut, minimal_cut, parts
from crossvox.objects.kinds import KINDS
from crossvox.objects.patches import connected, connected_over_faces
from crossvox.objects.split import split
from crossvox.objects.walls import intervals


def _cloud(size: tuple[float, float, float], yaw_deg: float, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (4000, 3)) * size
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + [3.0, -2.0, 1.0]


@pytest.mark.parametrize("yaw_deg", [0.0, 17.0, 64.0, -80.0])
def test_a_box_fits_whatever_strays(yaw_deg: float) -> None:
    points = _cloud((2.0, 0.8, 0.5), yaw_deg)
    strays = points[:8] + np.array([4.0, 3.0, 2.0])
    box = box_around(np.concatenate([points, strays]), np.ones(4008))
    np.testing.assert_allclose(box.center_m, [3.0, -2.0, 1.0], atol=0.03)
    np.testing.assert_allclose(box.size_m, [2.0, 0.8, 0.5], atol=0.05)
    off = (np.degrees(box.yaw) - yaw_deg + 90) % 180 - 90
    assert abs(off) < 1.5
    assert box.holds(points, 0.03, 0.03).all()
    assert not box.holds(strays).any()


def test_a_box_nearly_along_the_walls_is_along_them() -> None:
    box = box_around(_cloud((1.0, 0.6, 0.5), 2.0), np.ones(4000), 0.0)
    assert box.yaw == 0.0


def test_what_nobody_saw_is_added_to_a_box() -> None:
    box = Box(np.array([1.0, 0.5, 0.6]), np.array([0.8, 0.4, 0.4]), 0.0)
    down = standing(box, 0.0, 0.5)
    assert (down.low_m, down.high_m) == pytest.approx((0.0, 0.8))
    assert standing(box, 0.0, 0.3) is box
    wall = Wall((0.0, 0.2), (3.0, 0.2), 2.5)  # the room lies at larger y
    back = backed(down, [wall], 0.2, (0.1, 0.6))
    np.testing.assert_allclose(back.size_m, [0.8, 0.5, 0.8])
    np.testing.assert_allclose(back.center_m[:2], [1.0, 0.45])
    far = Wall((0.0, -0.2), (3.0, -0.2), 2.5)
    np.testing.assert_allclose(backed(down, [far], 0.2, (0.1, 0.6)).size_m, down.size_m)
    front = Box(np.array([1.0, 0.5, 0.4]), np.array([0.8, 0.08, 0.8]), 0.0)
    np.testing.assert_allclose(backed(front, [far], 0.2, (0.1, 0.7)).size_m[:2], [0.8, 0.74])


def test_cells_that_touch_hang_together_class_by_class() -> None:
    line = np.stack([np.arange(0, 2, 0.03), np.zeros(67), np.zeros(67)], axis=1)
    points = np.concatenate([line, line + np.array([0, 0.5, 0]), line + np.array([0, 0.02, 0])])
    group = np.repeat([5, 5, 7], 67)
    patch = connected(points, group)
    assert [len({*patch[i : i + 67].tolist()}) for i in (0, 67, 134)] == [1, 1, 1]
    assert len({*patch.tolist()}) == 3
    assert len(connected(np.zeros((0, 3)), np.zeros(0))) == 0


def test_edges_join_what_has_one_label() -> None:
    faces = np.array([[0, 1, 2], [2, 3, 4]], dtype=np.int32)
    labels = np.array([5, 5, 5, 7, 5])
    patch = connected_over_faces(faces, labels, np.array([0, 1, 2, 4]))
    assert len({*patch.tolist()}) == 1
    labels[2] = 7
    patch = connected_over_faces(faces, labels, np.array([0, 1, 4]))
    assert patch[0] == patch[1] != patch[2]


def test_a_neck_is_cut_and_a_plate_is_not() -> None:
    rng = np.random.default_rng(1)
    chair = KINDS[NYU40.id_of("chair")]
    one = rng.uniform(0, 0.45, (3000, 3))
    other = one + np.array([0.43, 0.43, 0])
    area = np.full(6000, 1e-4)
    own = split(np.concatenate([one, other]), area, chair, 0.0)
    assert {*own[:2500].tolist()} != {*own[3500:].tolist()}
    assert (own[:3000] == own[0]).mean() > 0.95
    assert (own[3000:] == own[-1]).mean() > 0.95
    plate = rng.uniform(0, 1, (6000, 3)) * [0.9, 0.5, 0.4]
    assert not split(plate, area, chair, 0.0).any()


def test_a_row_around_a_corner_is_two_rows() -> None:
    rng = np.random.default_rng(2)
    cabinet = KINDS[NYU40.id_of("cabinet")]
    row = rng.uniform(0, 1, (4000, 3)) * [2.4, 0.6, 0.8]
    wing = rng.uniform(0, 1, (4000, 3)) * [0.6, 1.4, 0.8] + np.array([0, 0.6, 0])
    own = split(np.concatenate([row, wing]), np.full(8000, 5e-4), cabinet, 0.0)
    assert len({*own.tolist()}) == 2
    assert (own[:4000] == own[3999]).mean() > 0.7
    assert len({*own[row[:, 0].argmax() : row[:, 0].argmax() + 1].tolist()}) == 1
    assert own[int(row[:, 0].argmax())] != own[4000 + int(wing[:, 1].argmax())]
    assert not split(row, np.full(4000, 5e-4), cabinet, 0.0).any()


def test_a_plan_is_cut_into_cells_and_put_together_again() -> None:
    low, high = np.zeros(2), np.array([4.0, 3.0])
    normals, offsets = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([1.0, 2.2])
    cells = cut(low, high, normals, offsets)
    assert len(cells.polygons) == 4
    assert sum(area_of(polygon) for polygon in cells.polygons) == pytest.approx(12)
    assert (cells.edges >= 0).all(axis=1).sum() == 4  # around the crossing
    points = np.random.default_rng(0).uniform(low, high, (200, 2))
    own = cell_of(cells, normals, offsets, points)
    for point, cell in zip(points, own, strict=True):
        polygon = cells.polygons[cell]
        side = np.roll(polygon, -1, axis=0) - polygon
        to = point - polygon
        assert (side[:, 0] * to[:, 1] - side[:, 1] * to[:, 0] > -1e-9).all()
    corners, lines = border(cells, np.ones(4, dtype=bool))[0]
    assert area_of(corners) == pytest.approx(12)
    assert sorted(lines) == [-4, -3, -2, -1]


def test_the_minimal_cut_weighs_area_against_border() -> None:
    cells = cut(np.zeros(2), np.array([3.0, 1.0]), np.array([[1.0, 0], [1.0, 0]]), np.array([1, 2]))
    order = np.argsort([polygon[:, 0].mean() for polygon in cells.polygons])
    outside_cost = np.zeros(3)
    inside_cost = np.ones(3)
    outside_cost[order[0]], inside_cost[order[0]] = 1.0, 0.0
    inside = minimal_cut(cells, inside_cost, outside_cost, np.full(len(cells.lines), 0.05))
    assert inside[order].tolist() == [True, False, False]
    dear = minimal_cut(cells, inside_cost, outside_cost, np.full(len(cells.lines), 5.0))
    assert not dear.any()
    assert parts(cells, inside)[0] == 1


def test_runs_over_gaps() -> None:
    seen = np.array([0, 1, 1, 0, 0, 1, 0, 0, 0, 1], dtype=bool)
    assert intervals(seen, 2) == [(1, 6), (9, 10)]
    assert intervals(np.zeros(3, dtype=bool), 2) == []
