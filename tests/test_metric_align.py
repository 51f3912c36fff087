"""Alignment: a known motion is found back, whatever it is, and what cannot be found is told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError
from crossvox.metrics.align import Alignment, align
from crossvox.metrics.nearest import PointSet

Points = NDArray[np.float64]


def rectangle(
    corner: list[float], one: list[float], other: list[float], count: int, seed: int
) -> tuple[Points, Points]:
    """Points spread over a rectangle, and its normal at each."""
    share = np.random.default_rng(seed).random((count, 2))
    a, b = np.array(one, float), np.array(other, float)
    normal = np.cross(a, b)
    points = np.array(corner) + share[:, :1] * a + share[:, 1:] * b
    return points, np.tile(normal / np.linalg.norm(normal), (count, 1))


def room(seed: int, density: int = 60) -> tuple[Points, Points]:
    """Floor, three walls and a box beside one of them: no motion takes it to itself."""
    sides = [
        ([0, 0, 0], [5, 0, 0], [0, 4, 0]),
        ([0, 0, 0], [5, 0, 0], [0, 0, 2.5]),
        ([0, 0, 0], [0, 4, 0], [0, 0, 2.5]),
        ([5, 0, 0], [0, 4, 0], [0, 0, 2.5]),
        ([1, 1, 0.8], [1.5, 0, 0], [0, 0.7, 0]),
        ([1, 1, 0], [1.5, 0, 0], [0, 0, 0.8]),
        ([1, 1, 0], [0, 0.7, 0], [0, 0, 0.8]),
    ]
    parts = [
        rectangle(
            corner,
            one,
            other,
            int(density * np.linalg.norm(np.cross(one, other))),
            seed * 100 + number,
        )
        for number, (corner, one, other) in enumerate(sides)
    ]
    return np.concatenate([p for p, _ in parts]), np.concatenate([n for _, n in parts])


def motion(axis: list[float], degrees: float, shift: list[float], scale: float = 1) -> Points:
    """A turn about an axis (Rodrigues), a scale, then a shift, as ``(4, 4)``."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    angle = np.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, :3] = scale * turn
    matrix[:3, 3] = shift
    return matrix


def applied(matrix: Points, points: Points) -> Points:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def off_m(found: Alignment, moved_by: Points, points: Points) -> float:
    """How far the farthest point is from where it was."""
    return float(np.linalg.norm(found.moved(applied(moved_by, points)) - points, axis=1).max())


@pytest.mark.parametrize(
    "moved_by",
    [
        motion([0, 0, 1], 0, [0, 0, 0]),
        motion([0, 1, 1], 4, [0.1, -0.05, 0.02]),
        motion([1, 0, 0], 90, [0, 0, 0]),
        motion([0.3, -0.7, 0.2], 160, [30, -20, 5]),
    ],
)
@pytest.mark.parametrize("normals", [True, False])
def test_a_rigid_motion_is_found_back(moved_by: Points, normals: bool) -> None:
    """Other points of the same surface; y up against z up, and any other turn."""
    (moved, _), (fixed, normal) = room(1), room(2)
    found = align(applied(moved_by, moved), fixed, normal if normals else None)
    assert found.converged
    assert off_m(found, moved_by, moved) < (0.004 if normals else 0.03)
    assert found.scale == 1
    np.testing.assert_allclose(np.linalg.det(found.matrix[:3, :3]), 1, atol=1e-9)
    assert found.near > 0.95
    assert found.free == 0


@pytest.mark.parametrize("scale", [0.001, 0.5, 1.05, 39.37])
def test_a_scale_is_found_back_with_the_motion(scale: float) -> None:
    (moved, _), (fixed, normal) = room(1), room(2)
    moved_by = motion([0, 0, 1], 20, [1, 2, 3], 1 / scale)
    found = align(applied(moved_by, moved), fixed, normal, scaled=True)
    assert found.converged
    np.testing.assert_allclose(found.scale, scale, rtol=2e-3)
    assert off_m(found, moved_by, moved) < 0.01


def test_a_rigid_alignment_keeps_lengths_that_are_wrong() -> None:
    (moved, _), (fixed, normal) = room(1), room(2)
    found = align(moved * 1.1, fixed, normal)
    np.testing.assert_allclose(found.matrix[:3, :3] @ found.matrix[:3, :3].T, np.eye(3), atol=1e-9)
    assert found.residual_m > 0.02


def test_what_only_one_side_has_does_not_pull() -> None:
    """Half a room onto the whole, and the whole with a fifth of stray points onto half."""
    (moved, _), (fixed, normal) = room(1), room(2)
    moved_by = motion([0, 0, 1], 5, [0.1, 0.1, 0])
    half = moved[moved[:, 0] < 2.8]
    found = align(applied(moved_by, half), fixed, normal)
    assert off_m(found, moved_by, half) < 0.01
    stray = np.random.default_rng(0).random((len(moved) // 5, 3)) * [8, 8, 4] - [1, 1, 0]
    part = fixed[:, 1] < 3
    found = align(applied(moved_by, np.concatenate([moved, stray])), fixed[part], normal[part])
    assert off_m(found, moved_by, moved) < 0.01


def test_a_part_is_found_wherever_it_lies() -> None:
    """Its middle is not that of the whole, and it is turned by much."""
    (moved, _), (fixed, normal) = room(1, 40), room(2, 40)
    part = moved[moved[:, 0] < 2.6]
    moved_by = motion([0.3, -0.7, 0.2], 130, [3, -2, 1])
    found = align(applied(moved_by, part), fixed, normal)
    assert found.converged
    assert off_m(found, moved_by, part) < 0.02


def test_a_scale_does_not_shrink_a_surface_to_where_something_is_near() -> None:
    """One way alone, from the moved points, nothing is nearer than all points on one."""
    (moved, _), (fixed, normal) = room(1), room(2)
    noisy = moved + np.random.default_rng(0).normal(0, 0.02, moved.shape)
    found = align(noisy, fixed, normal, scaled=True)
    assert abs(found.scale - 1) < 0.004


def test_the_same_points_give_the_same() -> None:
    (moved, _), (fixed, normal) = room(1), room(2)
    one, other = (align(moved * 0.9 + 1, fixed, normal, scaled=True) for _ in range(2))
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert one.residual_m == other.residual_m


def test_directions_that_nothing_holds_are_left_alone_and_counted() -> None:
    """A floor holds three: height, and two tilts."""
    moved, _ = rectangle([0, 0, 0], [4, 0, 0], [0, 3, 0], 1500, 1)
    fixed, normal = rectangle([0, 0, 0], [4, 0, 0], [0, 3, 0], 1500, 2)
    moved[:, 2] += 0.03
    found = align(moved, fixed, normal)
    assert found.free == 3
    np.testing.assert_allclose(found.moved(moved)[:, 2], 0, atol=1e-6)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 and 100 points"):
        align(np.zeros((2, 3)), np.random.default_rng(0).random((100, 3)))


def test_points_that_are_all_one_do_not_break_out() -> None:
    found = align(np.zeros((10, 3)), np.random.default_rng(0).random((100, 3)), scaled=True)
    assert np.isfinite(found.matrix).all()


def test_the_nearest_point_is_that_of_a_plain_comparison() -> None:
    random = np.random.default_rng(0)
    points = random.random((700, 3)) * [1, 1, 0.01]
    places = np.concatenate([points[:100] + 0.001, random.random((300, 3)) * 5 - 2])
    distance, found = PointSet(points).nearest(places)
    each = np.linalg.norm(places[:, None] - points[None], axis=2)
    np.testing.assert_array_equal(found, each.argmin(axis=1))
    np.testing.assert_allclose(distance, each.min(axis=1), rtol=1e-12)
    nowhere, which = PointSet(np.zeros((0, 3))).nearest(places[:2])
    assert (nowhere.tolist(), which.tolist()) == ([np.inf, np.inf], [0, 0])
