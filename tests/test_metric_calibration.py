"""Calibration: against numbers done by hand, additivity, and temperatures that are known."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.checks import ShapeError
from crossvox.metrics.calibration import (
    fitted_temperature,
    negative_log_likelihood,
    reliability,
)


def test_the_error_is_what_is_done_by_hand() -> None:
    sure = np.array([0.9] * 10 + [0.65] * 10)
    right = np.array([True] * 6 + [False] * 4 + [True] * 6 + [False] * 4)
    found = reliability(sure, right)
    assert found.error() == pytest.approx((10 * 0.3 + 10 * 0.05) / 20)
    assert found.table() == [
        (10, pytest.approx(0.65), pytest.approx(0.6)),
        (10, pytest.approx(0.9), pytest.approx(0.6)),
    ]
    assert found.error(bins=1) == pytest.approx(0.775 - 0.6)
    assert found.error(bins=2, adaptive=True) == pytest.approx((10 * 0.3 + 10 * 0.05) / 20)


def test_counts_of_parts_add_up() -> None:
    rng = np.random.default_rng(0)
    sure, right = rng.random(3000), rng.random(3000) < 0.5
    whole = reliability(sure, right)
    parts = reliability(sure[:1000], right[:1000]) + reliability(sure[1000:], right[1000:])
    assert parts.error() == pytest.approx(whole.error())
    for one, other in zip(parts.table(), whole.table(), strict=True):
        assert one == pytest.approx(other)


def test_what_holds_has_no_error() -> None:
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.2, 1, 200_000)
    found = reliability(sure, rng.random(len(sure)) < sure)
    assert found.error() < 0.01
    assert found.error(adaptive=True) < 0.01


def test_the_temperature_that_spoilt_logits_is_found() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(20_000, 5)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (rng.random((len(logits), 1)) > chances.cumsum(1)).sum(1).clip(0, 4)
    for spoilt in (0.5, 1.0, 3.0):
        assert fitted_temperature(logits * spoilt, labels) == pytest.approx(spoilt, rel=0.05)
    best = fitted_temperature(logits * 3, labels)
    least = negative_log_likelihood(logits * 3, labels, best)
    assert least < negative_log_likelihood(logits * 3, labels, best * 1.1)
    assert least < negative_log_likelihood(logits * 3, labels, best / 1.1)


def test_nothing_is_told_of_nothing() -> None:
    empty = reliability(np.empty(0), np.empty(0, bool))
    assert np.isnan(empty.error())
    assert empty.table() == []
    assert fitted_temperature(np.empty((0, 3)), np.empty(0, int)) == 1.0
    with pytest.raises(ShapeError):
        reliability(np.zeros(3), np.zeros(2, bool))
