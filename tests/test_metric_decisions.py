"""Equivalence, power and the parts of an error: against known truth, and against statsmodels."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ttest_1samp
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired
from trials.study_statistics import (
    EFFECTS,
    called_equivalent,
    covered,
    drawn,
    found_as_predicted,
    found_with_seeds_needed,
    known,
    miou_covered,
)

from crossvox.core.checks import ParamsError
from crossvox.metrics.crossed import Parts, parts_of
from crossvox.metrics.equivalence import equivalence
from crossvox.metrics.power import power_of, scenes_needed, seeds_needed, smallest_found
from crossvox.metrics.statistics import difference_of, holm, pair

ROUNDS = 300


def most(share: float, rounds: int = ROUNDS) -> float:
    """A share that is exceeded by chance once in a thousand runs."""
    return float(binom.ppf(0.999, rounds, share)) / rounds


def fewest(share: float, rounds: int = ROUNDS) -> float:
    """Likewise below."""
    return float(binom.ppf(0.001, rounds, share)) / rounds


# --- simulated truth -----------------------------------------------------------------------------


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize(("seeds", "rooms"), [(3, 3), (6, 8)])
def test_what_is_said_is_right_as_often_as_told(seeds: int, rooms: int, effects: str) -> None:
    """Intervals, equivalence at its margin, and power; cells alone err towards caution."""
    of = seeds, rooms, EFFECTS[effects]
    assert covered(ROUNDS, *of) >= fewest(0.93)
    assert called_equivalent(ROUNDS, *of) <= most(0.06)
    assert fewest(0.76) <= found_as_predicted(ROUNDS, *of) <= most(0.90)
    enough = found_with_seeds_needed(ROUNDS, *of)
    assert math.isnan(enough) == (effects in ("rooms", "mixed"))
    assert math.isnan(enough) or enough >= fewest(0.76)


def test_an_interval_of_one_count_holds_with_classes_in_few_rooms() -> None:
    """Five of the twenty classes are in one room of eight, or in two, or in none."""
    every, twice = miou_covered(100, 6, 8, (0.2, 0.4, 0.2))
    assert every >= fewest(0.93, 100)
    assert twice >= fewest(0.93, 100)


# --- twins ---------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), rooms=st.integers(2, 12), margin=st.floats(0.01, 2))
@settings(max_examples=25)
def test_one_factor_is_what_scipy_and_statsmodels_give(
    seed: int, rooms: int, margin: float
) -> None:
    rng = np.random.default_rng(seed)
    arm, control = rng.normal(size=(2, 1, rooms))
    paired = pair(arm, control)
    same = equivalence(paired, margin)
    p, _, _ = ttost_paired(arm[0], control[0], -margin, margin)
    assert same.p == pytest.approx(p)
    assert (same.p < 0.05) == (-margin < same.low <= same.high < margin)
    test = ttest_1samp(arm[0] - control[0], 0)
    found = difference_of(paired)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    assert (same.low, same.high) == pytest.approx(tuple(test.confidence_interval(0.9)))


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("rooms", [3, 8, 30])
def test_power_of_one_factor_is_statsmodels(size: float, rooms: int) -> None:
    """``size`` in standard deviations of a room; found on the wrong side is not found."""
    parts, twin = Parts(1, rooms, 0.0, 1 / rooms), TTestPower()
    one_sided = {"alpha": 0.025, "alternative": "larger"}
    assert power_of(size, parts) == pytest.approx(twin.power(size, rooms, **one_sided), abs=1e-9)
    needed = twin.solve_power(effect_size=size, power=0.8, **one_sided)
    assert scenes_needed(size, parts) == max(2, math.ceil(float(np.squeeze(needed)) - 1e-9))
    smallest = twin.solve_power(nobs=rooms, power=0.8, **one_sided)
    assert smallest_found(parts) == pytest.approx(float(np.squeeze(smallest)), rel=1e-4)
    assert seeds_needed(size, parts) is None, "one seed tells nothing of others"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
@settings(max_examples=25)
def test_holm_is_statsmodels(p: list[float]) -> None:
    gc.freeze()  # each call of theirs collects garbage, of all that many tests have left
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())
    gc.unfreeze()


# --- laws ----------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), seeds=st.integers(2, 6), scenes=st.integers(2, 6))
@settings(max_examples=25)
def test_parts_are_what_they_were_at_their_own_numbers(seed: int, seeds: int, scenes: int) -> None:
    parts = parts_of(np.random.default_rng(seed).normal(size=(seeds, scenes)))
    there = parts.at(seeds, scenes)
    assert there.variance == pytest.approx(parts.variance)
    assert parts.at(seeds + 1, scenes).variance < parts.variance
    assert parts.at(seeds, scenes + 1).variance < parts.variance
    assert there.degrees == pytest.approx(parts.degrees)


def test_parts_are_told_from_many_cells() -> None:
    effects = EFFECTS["mixed"]
    truth = known(40, 50, effects)
    found = parts_of(drawn(np.random.default_rng(0), 40, 50, effects))
    assert found.own == pytest.approx(truth.own, rel=0.1)
    assert found.by_seed == pytest.approx(truth.by_seed, rel=0.5)
    assert found.by_scene == pytest.approx(truth.by_scene, rel=0.5)
    assert found.at(6, 8).by_scene == pytest.approx(known(6, 8, effects).by_scene, rel=0.5)


def test_what_does_not_vary_needs_no_luck() -> None:
    paired = pair(np.full((3, 4), 0.7), np.full((1, 4), 0.5))
    assert (paired.parts.variance, paired.parts.degrees) == (0, math.inf)
    assert smallest_found(paired.parts) == 0
    assert (equivalence(paired, 0.1).p, equivalence(paired, 0.3).p) == (1, 0)
    assert (seeds_needed(0.1, paired.parts), power_of(0.1, paired.parts)) == (2, 1)


def test_one_cell_tells_nothing() -> None:
    paired = pair(np.array([[0.7]]), np.array([[0.5]]))
    found = equivalence(paired, 0.3)
    told = (found.p, found.low, smallest_found(paired.parts), power_of(1.0, paired.parts))
    assert all(math.isnan(value) for value in told)
    assert seeds_needed(0.1, paired.parts) is None
    assert scenes_needed(0.1, paired.parts) is None


def test_rooms_that_vary_too_much_are_not_outdone_by_seeds() -> None:
    parts = known(6, 4, EFFECTS["rooms"])
    assert seeds_needed(0.5, parts) is None
    needed = scenes_needed(0.5, parts)
    assert needed is not None
    assert power_of(0.5, parts.at(6, needed)) >= 0.8 > power_of(0.5, parts.at(6, needed - 1))


def test_nonsense_is_refused() -> None:
    paired = pair(np.zeros((3, 2)), np.ones((3, 2)))
    with pytest.raises(ParamsError, match="a margin of -1"):
        equivalence(paired, -1)
    with pytest.raises(ParamsError, match=r"level above 0\.5"):
        equivalence(paired, 1, level=0.4)
    with pytest.raises(ParamsError, match=r"a chance of 0\.01"):
        smallest_found(paired.parts, chance=0.01)
    assert math.isnan(equivalence(paired, 0).p), "nothing is too small to matter"
