"""Intervals hold the truth as often as they say, and are exact where nothing is left to chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.study.statistics import (
    cautions,
    paired_difference,
    score_table,
    sign_test,
    spread,
)

Table = NDArray[np.float64]


def simulated(
    rng: np.random.Generator, seeds: int, scenes: int, effects: tuple[float, float, float]
) -> Table:
    """Differences around 0: an effect of each seed, of each scene, and of each cell."""
    a, b, c = effects
    return (
        a * rng.normal(size=(seeds, 1))
        + b * rng.normal(size=(1, scenes))
        + c * rng.normal(size=(seeds, scenes))
    )


@pytest.mark.parametrize(
    "effects", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (0.3, 1.0, 0.5)]
)
@pytest.mark.parametrize(("seeds", "scenes"), [(3, 3), (3, 12), (5, 3)])
def test_intervals_hold_the_truth(
    seeds: int, scenes: int, effects: tuple[float, float, float]
) -> None:
    rng = np.random.default_rng(7)
    control = rng.normal(size=(seeds, scenes))
    held = 0
    for _ in range(600):
        arm = control + simulated(rng, seeds, scenes, effects)
        found = paired_difference(arm, control, draws=1)
        held += found.low <= 0 <= found.high
    assert held / 600 > 0.91, "95 %, less what chance and Satterthwaite's degrees of freedom take"


def test_the_bootstrap_alone_is_too_sure_with_three_seeds() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        arm = simulated(rng, 3, 12, (1.0, 0.0, 0.0))
        found = paired_difference(arm, np.zeros((1, 12)), draws=400)
        held += found.bootstrap_low <= 0 <= found.bootstrap_high
    assert held / 300 < 0.85


def test_common_effects_cancel() -> None:
    """How hard a scene is, and how lucky a seed was, says nothing on the difference."""
    rng = np.random.default_rng(0)
    control = 5 * rng.normal(size=(4, 1)) + 5 * rng.normal(size=(1, 6))
    noise = 1e-3 * rng.normal(size=(4, 6))
    found = paired_difference(control + 0.1 + noise, control)
    assert found.low < 0.1 < found.high
    assert found.high - found.low < 0.01


@given(
    value=st.floats(-10, 10),
    seeds=st.integers(2, 5),
    scenes=st.integers(2, 5),
    level=st.floats(0.5, 0.99),
)
@settings(max_examples=30, deadline=None)
def test_equal_cells_give_exactly_their_value(
    value: float, seeds: int, scenes: int, level: float
) -> None:
    found = paired_difference(np.full((seeds, scenes), value), np.zeros((1, scenes)), level, 50)
    ends = (found.mean, found.low, found.high, found.bootstrap_low, found.bootstrap_high)
    assert ends == pytest.approx((value,) * 5, abs=1e-12)


@given(data=st.data(), seeds=st.integers(1, 4), scenes=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_laws_of_differences(data: st.DataObject, seeds: int, scenes: int) -> None:
    """Swapping arm and control changes signs; order of seeds and scenes does not matter."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    arm, control = rng.normal(size=(2, seeds, scenes))
    found = paired_difference(arm, control, draws=200)
    swapped = paired_difference(control, arm, draws=200)
    shuffled = np.ix_(rng.permutation(seeds), rng.permutation(scenes))
    moved = paired_difference(arm[shuffled], control[shuffled], draws=200)
    same = {"nan_ok": True, "abs": 1e-9}
    assert found.mean == pytest.approx(arm.mean() - control.mean())
    assert (-swapped.high, -swapped.low) == pytest.approx((found.low, found.high), **same)
    assert (moved.low, moved.high, moved.mean) == pytest.approx(
        (found.low, found.high, found.mean), **same
    )
    wider = paired_difference(arm, control, 0.99, draws=200)
    assert not wider.high < found.high


def test_with_one_scene_it_is_students_interval() -> None:
    """Twin: scipy's, over seeds alone; and over scenes alone with one seed."""
    values = np.array([0.3, 0.1, 0.6, 0.2])
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    for table in (values[:, None], values[None, :]):
        found = paired_difference(table, np.zeros((1, table.shape[1])))
        assert (found.low, found.high) == pytest.approx(expected)
        assert found.degrees == pytest.approx(3)


def test_bootstrap_draws_seeds_and_scenes_independently() -> None:
    """Twin: indices drawn one by one, and Owen's variance of the drawn means."""
    rng = np.random.default_rng(5)
    cells = simulated(rng, 4, 5, (1.0, 0.5, 0.7))
    found = paired_difference(cells, np.zeros((1, 5)), draws=40_000)
    means = []
    for _ in range(20_000):
        rows, columns = rng.integers(4, size=4), rng.integers(5, size=5)
        means.append(cells[np.ix_(rows, columns)].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    assert (found.bootstrap_low, found.bootstrap_high) == pytest.approx((low, high), abs=0.04)
    row, column = cells.mean(axis=1) - cells.mean(), cells.mean(axis=0) - cells.mean()
    rest = cells - cells.mean() - row[:, None] - column
    variance = (row**2).sum() / 16 + (column**2).sum() / 25 + (rest**2).sum() / 400
    assert np.var(means) == pytest.approx(variance, rel=0.05)


def test_the_same_seed_gives_the_same_interval() -> None:
    arm = simulated(np.random.default_rng(0), 3, 4, (1.0, 1.0, 1.0))
    first, second = (paired_difference(arm, np.zeros((1, 4)), seed=2) for _ in range(2))
    assert first == second
    other = paired_difference(arm, np.zeros((1, 4)), seed=3)
    assert other.bootstrap_low != first.bootstrap_low
    assert (other.low, other.high) == (first.low, first.high)


def test_one_cell_has_no_interval() -> None:
    found = paired_difference(np.array([[2.0]]), np.array([[1.5]]))
    assert found.mean == 0.5
    assert all(math.isnan(v) for v in (found.low, found.high, found.bootstrap_low, found.degrees))


def test_undefined_scenes_are_left_out_of_both_and_counted() -> None:
    arm = np.array([[1.0, math.nan, 3.0], [1.0, 2.0, 3.0]])
    control = np.array([[0.0, 0.0, math.nan]])
    found = paired_difference(arm, control)
    assert (found.mean, found.scenes, found.undefined) == (1.0, 1, 2)
    nothing = paired_difference(arm, np.full((1, 3), math.nan))
    assert (nothing.scenes, nothing.undefined) == (0, 3)
    assert math.isnan(nothing.mean)
    assert (spread(arm).mean, spread(arm).scenes, spread(arm).undefined) == (2.0, 2, 1)
    assert math.isnan(spread(np.full((2, 1), math.nan)).mean)


def test_spread_is_over_seeds() -> None:
    found = spread(np.array([[0.0, 10.0], [1.0, 11.0], [2.0, 12.0]]))
    assert (found.mean, found.sd, found.seeds, found.scenes) == (6.0, 1.0, 3, 2)
    assert math.isnan(spread(np.array([[1.0, 2.0]])).sd)


@given(above=st.integers(0, 12), below=st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_sign_test_is_scipys(above: int, below: int) -> None:
    expected = stats.binomtest(above, above + below).pvalue if above + below else 1.0
    assert sign_test(above, below) == pytest.approx(expected)


def test_few_seeds_come_with_a_caution() -> None:
    text = " ".join(cautions(3, 3))
    assert "3 seeds" in text
    assert "p = 0.25" in text
    assert "3 held-out scenes" in text
    assert "One seed" in " ".join(cautions(1, 9))
    assert cautions(6, 6) == ()
    assert sign_test(6, 0) < 0.05 < sign_test(5, 0)


def test_tables_are_in_the_order_asked_for() -> None:
    table = score_table({1: {"a": 1.0, "b": None}, 0: {"b": 4.0}}, [0, 1], ["a", "b"])
    np.testing.assert_array_equal(table, [[math.nan, 4.0], [1.0, math.nan]])


def test_what_does_not_pair_is_refused() -> None:
    with pytest.raises(ShapeError, match="the same seeds on the same scenes"):
        paired_difference(np.zeros((3, 2)), np.zeros((2, 2)))
    with pytest.raises(ShapeError, match="one row a seed"):
        spread(np.zeros(3))
    with pytest.raises(ParamsError, match="level 1"):
        paired_difference(np.zeros((3, 2)), np.zeros((3, 2)), level=1)
