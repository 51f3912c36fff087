"""Arms as data, and the comparison of their results."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.volume import Score
from crossvox.study.arms import (
    MASK_ONLY,
    RECONSTRUCT_ARMS,
    RECONSTRUCT_BASELINES,
    RECONSTRUCT_CONTROLS,
    Arm,
    choose_arms,
)
from crossvox.study.results import Result, compare, read_result, read_scores

ARMS = (Arm("plain", "nothing"), Arm("better", "one thing"), Arm("base", "no learning", False))


def score(value: float, name: str = "F-score") -> Score:
    return Score(name, value, "ratio", 1, "points", True, "surface")


def result(arm: str, seed: int, *values: float | None, index: str = "i") -> Result:
    scores: dict[str, dict[str, float | None]] = {
        f"room{n}": {"F-score": value} for n, value in enumerate(values)
    }
    return Result(arm, seed, f"{index}{seed}", "r", "p", 10, 5, {"train": 2.0 + seed}, scores)


BASE = {"base": {"room0": [score(0.5)], "room1": [score(0.7)]}}
RESULTS = [
    result("better", 1, 0.75, 0.95),
    result("better", 0, 0.7, 0.9),
    result("plain", 0, 0.6, 0.8),
    result("plain", 1, 0.65, 0.85),
    result("plain", 2, 0.6, 0.8),
]


def test_arms_differ_in_name_and_in_what_they_are() -> None:
    names = [arm.name for arm in (*RECONSTRUCT_ARMS, *RECONSTRUCT_BASELINES)]
    assert len(set(names)) == len(names)
    assert set(RECONSTRUCT_CONTROLS) < set(names)
    kinds = {(arm.features, arm.trainable, arm.proxy) for arm in RECONSTRUCT_ARMS}
    assert len(kinds) == len(RECONSTRUCT_ARMS)
    assert all(arm.trainable for arm in RECONSTRUCT_ARMS if arm.proxy)
    assert all(arm.features == "run" for arm in RECONSTRUCT_ARMS if arm.trainable)
    assert [arm.name for arm in RECONSTRUCT_ARMS if not arm.needs_run] == ["rgb"]
    assert not any(arm.learns for arm in RECONSTRUCT_BASELINES)
    assert MASK_ONLY in RECONSTRUCT_CONTROLS


def test_arms_are_chosen_in_the_order_of_the_matrix() -> None:
    chosen = choose_arms(RECONSTRUCT_ARMS, "random, rgb")
    assert [arm.name for arm in chosen] == ["rgb", "random"]
    assert choose_arms(RECONSTRUCT_ARMS, "all") == RECONSTRUCT_ARMS
    with pytest.raises(ParamsError, match=r"of which rgbd unknown; needed: all, or some of rgb, "):
        choose_arms(RECONSTRUCT_ARMS, "rgb,rgbd")
    with pytest.raises(ParamsError, match="pass --arms"):
        choose_arms(RECONSTRUCT_ARMS, " ,")


def test_arms_are_compared_over_the_seeds_that_both_have() -> None:
    found = compare(ARMS, RESULTS, BASE, ("plain", "base"), draws=100)
    assert found.scenes == ("room0", "room1")
    plain, better, base = found.arms
    assert (plain.name, better.name, base.name) == ("plain", "better", "base")
    assert (plain.seeds, better.seeds, base.seeds) == ((0, 1, 2), (0, 1), ())
    assert better.scores["F-score"].mean == pytest.approx(0.825)
    gain = better.against["plain"]["F-score"]
    assert (gain.mean, gain.seeds, gain.scenes) == (pytest.approx(0.1), 2, 2)
    assert (gain.low, gain.high) == pytest.approx((0.1, 0.1)), "the same in every cell"
    assert plain.against["base"]["F-score"].mean == pytest.approx(0.6166667 + 0.1 - 0.6)
    assert plain.against["base"]["F-score"].seeds == 3
    assert "plain" not in plain.against
    assert base.against == {}
    assert (better.parameters, better.seconds) == (10, {"train": 2.5})
    assert found.indices == {0: "i0", 1: "i1", 2: "i2"}
    assert any("2 seeds" in text for text in found.cautions), "the fewest of any arm"


def test_arms_without_results_are_left_out() -> None:
    found = compare(ARMS, RESULTS[:1], BASE, ("plain", "base"), draws=10)
    assert [arm.name for arm in found.arms] == ["better", "base"]
    assert list(found.arms[0].against) == ["base"]
    none = compare(ARMS, [], BASE, ("plain", "base"), draws=10)
    assert [arm.name for arm in none.arms] == ["base"]


def test_other_sub_volumes_are_refused() -> None:
    results = [RESULTS[0], replace(RESULTS[3], index="other")]
    with pytest.raises(ArtifactError, match="the same sub-volumes for all arms of a seed"):
        compare(ARMS, results, BASE, ("plain",))


def test_other_scenes_are_refused() -> None:
    with pytest.raises(ArtifactError, match="the scenes of the study: room0, room1"):
        compare(ARMS, [result("plain", 0, 0.5)], BASE, ("base",))


def test_undefined_numbers_stay_undefined(tmp_path: Path) -> None:
    found = compare(ARMS, [result("plain", 0, None, 0.8)], BASE, ("base",), draws=10)
    spread = found.arms[0].scores["F-score"]
    assert (spread.mean, spread.undefined) == (0.8, 1)
    write_json(tmp_path / "scores.json", {"base": {"room0": [score(math.nan)]}})
    (again,) = read_scores(read_json(tmp_path / "scores.json"))["base"]["room0"]
    assert math.isnan(again.value)
    assert again.name == "F-score"


def test_records_are_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "seed-0.json", asdict(RESULTS[0]))
    assert read_result(tmp_path / "seed-0.json") == RESULTS[0]
    write_json(tmp_path / "seed-1.json", {"arm": "plain"})
    with pytest.raises(ArtifactError, match="delete it and run the study again"):
        read_result(tmp_path / "seed-1.json")
