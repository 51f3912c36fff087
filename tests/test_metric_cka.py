"""Debiased CKA: 1 for what is the same but for a turn, about 0 for what has nothing in common."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError
from crossvox.metrics.cka import debiased_cka, unbiased_hsic

Table = NDArray[np.float64]


def turned(values: Table, rng: np.random.Generator) -> Table:
    turn, _ = np.linalg.qr(rng.normal(size=(values.shape[1],) * 2))
    return values @ turn


def slow_hsic(x: Table, y: Table) -> float:
    """The mean over all draws of four different places, as the estimator is defined."""
    k, m = x @ x.T, y @ y.T
    n = len(x)
    total = 0.0
    count = 0
    for i in range(n):
        for j in range(n):
            for q in range(n):
                for r in range(n):
                    if len({i, j, q, r}) == 4:
                        total += k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
                        count += 1
    return total / count


def test_the_estimator_is_the_u_statistic() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    y[:, 0] += x[:, 1]
    assert unbiased_hsic(x, y) == pytest.approx(slow_hsic(x, y))


def test_what_is_the_same_but_for_a_turn_is_alike() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 12)) * np.geomspace(1, 30, 12)
    assert debiased_cka(x, x) == pytest.approx(1)
    assert debiased_cka(x, 0.01 * turned(x, rng) + 500) == pytest.approx(1)
    other = x @ rng.normal(size=(12, 5))
    assert debiased_cka(x, other) == pytest.approx(debiased_cka(turned(x, rng) * 7 - 3, other))


def test_independent_features_of_many_channels_are_not_alike() -> None:
    rng = np.random.default_rng(2)
    found, biased = [], []
    for _ in range(20):
        x, y = rng.normal(size=(100, 300)), rng.normal(size=(100, 200))
        found.append(debiased_cka(x, y))
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        own, others = (np.linalg.norm(z.T @ z) for z in (x, y))
        biased.append(np.linalg.norm(x.T @ y) ** 2 / (own * others))
    assert abs(np.mean(found)) < 0.02
    assert np.mean(biased) > 0.5


def test_half_of_it_in_common() -> None:
    """One shared direction beside one of its own each, all of one size: HSIC 1 of 2."""
    rng = np.random.default_rng(3)
    shared, a, b = (rng.normal(size=(20000, 1)) for _ in range(3))
    assert debiased_cka(np.hstack([shared, a]), np.hstack([shared, b])) == pytest.approx(
        0.5, abs=0.02
    )


def test_nothing_to_compare() -> None:
    assert math.isnan(debiased_cka(np.ones((9, 2)), np.random.default_rng(0).normal(size=(9, 2))))
    with pytest.raises(ShapeError, match="the same places"):
        debiased_cka(np.zeros((5, 2)), np.zeros((6, 2)))
    with pytest.raises(ShapeError, match="at least 4"):
        debiased_cka(np.zeros((3, 2)), np.zeros((3, 2)))
