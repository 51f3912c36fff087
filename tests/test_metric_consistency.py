"""Points found again by their features."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.checks import ShapeError
from crossvox.metrics.consistency import matches


def test_features_of_the_point_itself_find_it() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 5, size=(300, 3))
    features = rng.normal(size=(300, 16))
    order = rng.permutation(300)
    found = matches(features[:50] * 3, points[:50], features[order], points[order], 0.01)
    assert found.right.all()
    assert found.chance == pytest.approx(np.full(50, 1 / 300))


def test_features_of_other_points_find_those() -> None:
    points = np.array([[0.0, 0, 0], [0.05, 0, 0], [3, 0, 0]])
    features = np.eye(3)
    asked = features[[1, 2, 0]]
    found = matches(asked, points[[0, 0, 0]], features, points, 0.1)
    assert found.right.tolist() == [True, False, True]
    assert found.chance == pytest.approx(np.full(3, 2 / 3))


def test_what_says_nothing_finds_nothing() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 5, size=(100, 3))
    found = matches(np.ones((100, 4)), points, np.ones((100, 4)), points)
    assert not found.right.any()


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="at least one place"):
        matches(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
