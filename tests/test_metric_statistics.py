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
from crossvox.metrics.pooled import Counts, added_up
from crossvox.metrics.pooled import pooled as pooled_of
from crossvox.metrics.statistics import (
    Pooled,
    cautions,
    holm,
    many_caution,
    paired_difference,
    score_table,
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
        found = paired_difference(arm, control)
        held += found.low <= 0 <= found.high
    assert held / 600 > 0.91, "95 %, less what chance and Satterthwaite's degrees of freedom take"


def pigeonhole(cells: Table, rng: np.random.Generator, draws: int = 400) -> tuple[float, float]:
    """Owen's bootstrap: seeds and scenes drawn independently; percentile interval of the mean."""
    seeds, scenes = cells.shape
    rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    columns = rng.multinomial(scenes, np.full(scenes, 1 / scenes), size=draws)
    means = np.einsum("di,ij,dj->d", rows, cells, columns, optimize=True) / cells.size
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def test_a_bootstrap_would_be_too_sure_with_three_seeds() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        low, high = pigeonhole(simulated(rng, 3, 12, (1.0, 0.0, 0.0)), rng)
        held += low <= 0 <= high
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
@settings(max_examples=30)
def test_equal_cells_give_exactly_their_value(
    value: float, seeds: int, scenes: int, level: float
) -> None:
    found = paired_difference(np.full((seeds, scenes), value), np.zeros((1, scenes)), level)
    assert (found.mean, found.low, found.high) == pytest.approx((value,) * 3, abs=1e-12)


@given(data=st.data(), seeds=st.integers(1, 4), scenes=st.integers(1, 4))
@settings(max_examples=30)
def test_laws_of_differences(data: st.DataObject, seeds: int, scenes: int) -> None:
    """Swapping arm and control changes signs; order of seeds and scenes does not matter."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    arm, control = rng.normal(size=(2, seeds, scenes))
    found = paired_difference(arm, control)
    swapped = paired_difference(control, arm)
    shuffled = np.ix_(rng.permutation(seeds), rng.permutation(scenes))
    moved = paired_difference(arm[shuffled], control[shuffled])
    same = {"nan_ok": True, "abs": 1e-9}
    assert found.mean == pytest.approx(arm.mean() - control.mean())
    assert (-swapped.high, -swapped.low) == pytest.approx((found.low, found.high), **same)
    assert (moved.low, moved.high, moved.mean) == pytest.approx(
        (found.low, found.high, found.mean), **same
    )
    wider = paired_difference(arm, control, 0.99)
    assert not wider.high < found.high


def test_with_one_scene_it_is_students_interval() -> None:
    """Twin: scipy's, over seeds alone; and over scenes alone with one seed."""
    values = np.array([0.3, 0.1, 0.6, 0.2])
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    for table in (values[:, None], values[None, :]):
        found = paired_difference(table, np.zeros((1, table.shape[1])))
        assert (found.low, found.high) == pytest.approx(expected)
        assert found.degrees == pytest.approx(3)


def test_one_cell_has_no_interval() -> None:
    found = paired_difference(np.array([[2.0]]), np.array([[1.5]]))
    assert found.mean == 0.5
    assert all(math.isnan(v) for v in (found.low, found.high, found.p, found.degrees))


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


def test_few_seeds_come_with_a_caution() -> None:
    text = " ".join(cautions(3, 3))
    assert "3 seeds" in text
    assert "p = 0.25" in text
    assert "3 held-out scenes" in text
    assert "One seed" in " ".join(cautions(1, 9))
    assert cautions(6, 6) == ()
    assert "p = 0.062" in " ".join(cautions(5, 9)), "not even five of five"


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


# --- scores counted over all scenes at once ------------------------------------------------------

CLASSES = 6
OFTEN = np.array([30.0, 20.0, 12.0, 6.0, 3.0, 1.0])
THERE = np.array([1.0, 1.0, 0.9, 0.7, 0.6, 0.5])
TAKEN_FOR = np.random.default_rng(0).dirichlet(np.full(CLASSES, 0.7), CLASSES)


def miou(counts: Table) -> Table:
    """Mean overlap over the classes that are there, of counts ``(..., C, C)``."""
    hit = np.einsum("...ii->...i", counts)
    union = counts.sum(axis=-1) + counts.sum(axis=-2) - hit
    return np.nanmean(np.where(union > 0, hit / np.maximum(union, 1e-12), math.nan), axis=-1)


def labelled(
    rng: np.random.Generator, seeds: int, scenes: int, effects: tuple[float, float, float]
) -> Table:
    """Counts ``(2, seeds, scenes, C, C)`` of two arms, the second better by 0.3 in the log odds.

    Scenes hold different classes and are differently hard, for both arms alike. Effects of seeds,
    of scenes and of cells are each arm's own.
    """
    there = rng.gamma(2.0, OFTEN / 2, (scenes, CLASSES)) * (rng.random((scenes, CLASSES)) < THERE)
    hard = 1 + 0.8 * rng.normal(size=(scenes, 1)) + 0.5 * rng.normal(size=(scenes, CLASSES))
    shapes = ((seeds, 1, CLASSES), (1, scenes, CLASSES), (seeds, scenes, CLASSES))
    arms = []
    for gain in (0.0, 0.3):
        odds = hard + gain
        for effect, shape in zip(effects, shapes, strict=True):
            odds = odds + effect * rng.normal(size=shape)
        right = there / (1 + np.exp(-odds))
        counts = (there - right)[..., None] * TAKEN_FOR
        counts[..., range(CLASSES), range(CLASSES)] += right
        arms.append(np.broadcast_to(counts, (seeds, scenes, CLASSES, CLASSES)))
    return np.stack(arms)


def pooled(counts: Table) -> Pooled:
    """mIoU of one arm, of counts ``(seeds, scenes, C, C)``."""
    total = counts.sum(axis=1)
    return Pooled(miou(total), miou(total[:, None] - counts))


def test_one_count_over_many_scenes_has_an_interval_that_holds_the_truth() -> None:
    """Scenes alone and mixed with seeds; seeds alone would say nothing of other scenes."""
    rng = np.random.default_rng(11)
    for effects in ((0.0, 0.5, 0.0), (0.2, 0.4, 0.2)):
        many = np.stack([miou(labelled(rng, 10, 1500, effects).sum(axis=2)) for _ in range(4)])
        truth = float((many[:, 1] - many[:, 0]).mean())
        for scenes in (3, 12):
            held = over_seeds = 0
            for _ in range(200):
                control, arm = labelled(rng, 3, scenes, effects)
                found = paired_difference(pooled(arm), pooled(control))
                held += found.low <= truth <= found.high
                gain = (miou(arm.sum(axis=1)) - miou(control.sum(axis=1)))[:, None]
                seeds = paired_difference(gain, np.zeros((1, 1)))
                over_seeds += seeds.low <= truth <= seeds.high
            assert held / 200 > 0.89, (effects, scenes)
            if effects[0] == 0:
                assert over_seeds / 200 < 0.05


@given(seed=st.integers(0, 1000), seeds=st.integers(1, 4), scenes=st.integers(1, 6))
@settings(max_examples=30)
def test_a_mean_that_is_counted_at_once_is_a_mean(seed: int, seeds: int, scenes: int) -> None:
    """Twin: the pseudo-values of a mean are the scores of the scenes."""
    rng = np.random.default_rng(seed)

    def at_once(table: Table) -> Pooled:
        total, count = table.sum(axis=1), max(1, scenes - 1)
        return Pooled(total / scenes, (total[:, None] - table) / count)

    arm, control = rng.normal(size=(2, seeds, scenes))
    twin = paired_difference(arm, control)
    found = paired_difference(at_once(arm), at_once(control))
    for name in ("mean", "low", "high", "p", "degrees", "seeds_above", "seeds", "scenes"):
        assert getattr(found, name) == pytest.approx(getattr(twin, name), nan_ok=True), name
    assert spread(at_once(arm)).mean == pytest.approx(spread(arm).mean)
    assert spread(at_once(arm)).sd == pytest.approx(spread(arm).sd, nan_ok=True)


def test_the_variance_over_scenes_is_the_jackknifes() -> None:
    """Twin: Tukey's formula, with one seed."""
    (counts, _) = labelled(np.random.default_rng(2), 1, 9, (0.0, 0.0, 0.0))
    found = pooled(counts)
    zero = Pooled(np.zeros(1), np.zeros((1, 9)))
    gain = paired_difference(found, zero)
    variance = 8 / 9 * ((found.without - found.without.mean()) ** 2).sum()
    half = stats.t.ppf(0.975, 8) * math.sqrt(variance)
    assert gain.mean == pytest.approx(found.whole[0]), "around the score itself"
    assert (gain.low, gain.high) == pytest.approx((gain.mean - half, gain.mean + half))


def test_a_score_that_hangs_on_one_scene_has_no_interval() -> None:
    arm = Pooled(np.array([0.5, 0.7]), np.array([[0.5, math.nan, 0.4], [0.7, math.nan, 0.6]]))
    found = paired_difference(arm, Pooled(np.array([0.1]), np.array([[0.1, 0.1, 0.1]])))
    assert found.mean == pytest.approx(0.5)
    assert (found.undefined, found.scenes, found.seeds_above) == (1, 3, 2)
    assert math.isnan(found.low)
    assert math.isnan(found.p)
    with pytest.raises(ShapeError, match="over all but each"):
        Pooled(np.zeros(2), np.zeros((3, 4)))


@given(seed=st.integers(0, 1000), seeds=st.integers(1, 3), scenes=st.integers(1, 5))
@settings(max_examples=30)
def test_counts_less_a_scene_are_those_of_the_others(seed: int, seeds: int, scenes: int) -> None:
    """Twin: the others are counted anew. Some counts are of some scenes alone."""
    rng = np.random.default_rng(seed)
    counts = [
        [
            {name: rng.integers(0, 9, (2, 2)) for name in ("all", "some")[: rng.integers(1, 3)]}
            for _ in range(scenes)
        ]
        for _ in range(seeds)
    ]

    def numbers(found: Counts) -> dict[str, float]:
        return {name: float(array[0, 0] * 10 + array[1, 1]) for name, array in found.items()}

    found = pooled_of(counts, numbers)
    assert "all" in found
    for name, one in found.items():
        for row, scene_counts in enumerate(counts):
            whole = numbers(added_up(scene_counts)).get(name, math.nan)
            assert one.whole[row] == pytest.approx(whole, nan_ok=True)
            for left_out in range(scenes):
                others = scene_counts[:left_out] + scene_counts[left_out + 1 :]
                # What the scene alone had is counted, and is 0.
                nothing = 0.0 if name in scene_counts[left_out] else math.nan
                twin = numbers(added_up(others)).get(name, nothing)
                assert one.without[row, left_out] == pytest.approx(twin, nan_ok=True)


# --- many differences ----------------------------------------------------------------------------


def test_p_and_interval_agree() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        arm = simulated(rng, 4, 5, (0.5, 0.5, 0.5)) + 0.5
        found = paired_difference(arm, np.zeros((1, 5)))
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    same = paired_difference(np.ones((2, 2)), np.ones((2, 2)))
    assert (same.p, same.low, same.high) == (1, 0, 0)


@given(st.lists(st.floats(0, 1), max_size=8))
@settings(max_examples=50)
def test_holm_steps_down(p: list[float]) -> None:
    """Twin: a hypothesis falls at a level if it and all smaller p values pass their step."""
    found = holm(p)
    for level in (0.01, 0.05, 0.2, 0.5):
        fallen = set()
        for step, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if p[place] * (len(p) - step) > level:
                break
            fallen.add(place)
        assert {i for i, value in enumerate(found) if value <= level} == fallen


def test_holm_leaves_out_what_is_unknown() -> None:
    found = holm([0.02, math.nan, 0.03])
    assert found[0] == found[2] == pytest.approx(0.04)
    assert math.isnan(found[1])
    assert holm([]) == []


def test_holm_keeps_the_error_of_many_differences() -> None:
    """Eighteen true nulls: intervals alone cry wolf in most studies, adjusted p in few."""
    rng = np.random.default_rng(1)
    alone = adjusted = 0
    for _ in range(200):
        tables = simulated(rng, 3, 6 * 18, (0.0, 0.0, 1.0)).reshape(3, 18, 6)
        p = [paired_difference(tables[:, k], np.zeros((1, 6))).p for k in range(18)]
        alone += min(p) < 0.05
        adjusted += min(holm(p)) < 0.05
    assert alone / 200 > 0.2
    assert adjusted / 200 < 0.08


def test_many_differences_come_with_a_caution() -> None:
    (text,) = many_caution(18, 14)
    assert "18 differences of 14 scores" in text
    assert "about 0.9 of the differences of one score, 13 of all 252" in text
    assert many_caution(1, 1) == ()
