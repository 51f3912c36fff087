"""Arms as data, and the comparison of their results."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.methods import MASK_ONLY
from crossvox.core.volume import Score
from crossvox.study.arms import (
    ARMS as REGISTRY,
)
from crossvox.study.arms import (
    RECONSTRUCT,
    SEGMENT3D,
    Arm,
    arms_help,
    arms_of,
    baselines_of,
    choose_arms,
    controls_of,
    register,
)
from crossvox.study.compare import compare
from crossvox.study.counts import pack, unpack
from crossvox.study.overrides import Of, overridden
from crossvox.study.results import Result, Scored, read_baselines, read_result, read_scores

RECONSTRUCT_ARMS = arms_of(RECONSTRUCT)
ARMS = (
    Arm("plain", "nothing"),
    Arm("better", "one thing"),
    Arm("base", "no learning", learns=False),
)


def score(value: float, name: str = "F-score") -> Score:
    return Score(name, value, "ratio", 1, "points", True, "surface")


def result(arm: str, seed: int, *values: float | None, index: str = "i") -> Result:
    scores: dict[str, dict[str, float | None]] = {
        f"room{n}": {"F-score": value} for n, value in enumerate(values)
    }
    return Result(arm, seed, f"{index}{seed}", "r", "p", 10, 5, {"train": 2.0 + seed}, scores)


BASE = {"base": Scored({"room0": [score(0.5)], "room1": [score(0.7)]})}
RESULTS = [
    result("better", 1, 0.75, 0.95),
    result("better", 0, 0.7, 0.9),
    result("plain", 0, 0.6, 0.8),
    result("plain", 1, 0.65, 0.85),
    result("plain", 2, 0.6, 0.8),
]


def test_arms_differ_in_name_and_in_what_they_are() -> None:
    for task in (RECONSTRUCT, SEGMENT3D):
        arms, baselines = arms_of(task), baselines_of(task)
        assert set(controls_of(task)) < {arm.name for arm in (*arms, *baselines)}
        kinds = {(arm.features, arm.start, str(sorted(arm.sets.items()))) for arm in arms}
        assert len(kinds) == len(arms)
        assert not any(arm.learns for arm in baselines)
    proxy = [arm for arm in RECONSTRUCT_ARMS if "sources.features_proxy" in arm.sets]
    assert all("sources.features_rate" in arm.sets for arm in proxy)
    learn = [arm.name for arm in RECONSTRUCT_ARMS if "sources.features_rate" in arm.sets]
    assert learn == ["imagenet-trainable", "segmentation-trainable", "segmentation-proxy"]
    assert {arm.control_of for arm in RECONSTRUCT_ARMS if arm.by_name} == {"rgb", "segmentation"}
    free = [arm.name for arm in RECONSTRUCT_ARMS if not arm.needs_run and not arm.by_name]
    assert free == ["rgb"]
    assert controls_of(RECONSTRUCT) == ("rgb", "rgb-matched", MASK_ONLY)
    assert controls_of(SEGMENT3D) == ("scratch", "votes_2d", "majority")


def test_an_arm_is_added_by_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_parts", dict(REGISTRY._parts))
    register(Arm("wide", "The 3D network twice as wide.", RECONSTRUCT, sets={"run.width": 8}))
    assert arms_of(RECONSTRUCT)[-1].name == "wide"
    told = arms_help(RECONSTRUCT)
    assert "without-even-weights,wide (all leaves out segmentation-long,thesis," in told
    assert "); mask_only and tsdf are always" in told
    with pytest.raises(ParamsError, match="a second study arm called 'wide'"):
        register(Arm("wide", "Another.", RECONSTRUCT))


@dataclass(frozen=True)
class Loop:
    steps: int = 100
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ParamsError("no steps")


@dataclass(frozen=True)
class Run:
    loop: Loop = Loop()
    width: int = 4
    more: int = 7


def test_values_are_set_by_dotted_names() -> None:
    found = overridden(Run(), {"loop.steps": 5, "loop.rate": Of("more"), "width": 8}, Run())
    assert found == Run(Loop(5, 7), 8)
    assert overridden(Run(), {}) == Run()
    with pytest.raises(ParamsError, match=r"sets loop\.stepz.*did you mean 'steps'"):
        overridden(Run(), {"loop.stepz": 5})
    with pytest.raises(ParamsError, match=r"sets width\.steps"):
        overridden(Run(), {"width.steps": 5})
    with pytest.raises(ParamsError, match="no steps"):
        overridden(Run(), {"loop.steps": 0})


def test_arms_are_chosen_in_the_order_of_the_matrix() -> None:
    chosen = choose_arms(RECONSTRUCT_ARMS, "random, rgb")
    assert [arm.name for arm in chosen] == ["rgb", "random"]
    everything = tuple(arm for arm in RECONSTRUCT_ARMS if not arm.by_name)
    assert choose_arms(RECONSTRUCT_ARMS, "all") == everything
    (thesis,) = choose_arms(RECONSTRUCT_ARMS, "thesis")
    assert thesis.by_name
    assert thesis.draws_own
    assert thesis in choose_arms(RECONSTRUCT_ARMS, "all,thesis")
    with pytest.raises(ParamsError, match=r"of which rgbd unknown; needed: all, or some of rgb, "):
        choose_arms(RECONSTRUCT_ARMS, "rgb,rgbd")
    with pytest.raises(ParamsError, match="pass --arms"):
        choose_arms(RECONSTRUCT_ARMS, " ,")


def test_arms_are_compared_over_the_seeds_that_both_have() -> None:
    found = compare(ARMS, RESULTS, BASE, ("plain", "base"))
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
    found = compare(ARMS, RESULTS[:1], BASE, ("plain", "base"))
    assert [arm.name for arm in found.arms] == ["better", "base"]
    assert list(found.arms[0].against) == ["base"]
    none = compare(ARMS, [], BASE, ("plain", "base"))
    assert [arm.name for arm in none.arms] == ["base"]


def test_other_sub_volumes_are_refused() -> None:
    results = [RESULTS[0], replace(RESULTS[3], index="other")]
    with pytest.raises(ArtifactError, match="the same sub-volumes for all arms of a seed"):
        compare(ARMS, results, BASE, ("plain",))


def test_an_arm_that_draws_its_own_may_differ() -> None:
    own = Arm("own", "Other views.", RECONSTRUCT, sets={"run.views.width": 64})
    results = [RESULTS[3], result("own", 0, 0.5, 0.5, index="other")]
    found = compare((*ARMS, own), results, BASE, ("plain",))
    assert found.indices == {RESULTS[3].seed: RESULTS[3].index}
    assert "own" in [arm.name for arm in found.arms]


def test_other_scenes_are_refused() -> None:
    with pytest.raises(ArtifactError, match="the scenes of the study: room0, room1"):
        compare(ARMS, [result("plain", 0, 0.5)], BASE, ("base",))


def test_undefined_numbers_stay_undefined(tmp_path: Path) -> None:
    found = compare(ARMS, [result("plain", 0, None, 0.8)], BASE, ("base",))
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
    record = asdict(RESULTS[0])
    del record["numbers"], record["version"]
    write_json(tmp_path / "seed-2.json", record)
    assert (read_result(tmp_path / "seed-2.json").numbers) == 0, "of none, whatever there are now"


# --- scores counted over all scenes at once ------------------------------------------------------


def share(counts: Any) -> list[Score]:
    """Share of right answers; no mean over scenes, where scenes differ in size."""
    total = counts["answers"].sum()
    value = float(np.trace(counts["answers"])) / total if total else math.nan
    return [Score("right", value, "ratio", int(total), "answers", True, "all", place="main")]


def answers(right: int, wrong: int) -> dict[str, Any]:
    return {"answers": np.array([[right, wrong], [0, 0]])}


def counted(arm: str, seed: int, *scenes: tuple[int, int]) -> Result:
    counts = {f"room{n}": answers(*one) for n, one in enumerate(scenes)}
    scores = {room: {"right": share(one)[0].value} for room, one in counts.items()}
    return replace(result(arm, seed), scores=scores, counts=pack(counts))


ROOMS = {f"room{n}": answers(*one) for n, one in enumerate([(5, 5), (50, 50), (1, 3)])}
COUNTED = {"base": Scored({room: share(one) for room, one in ROOMS.items()}, ROOMS)}


def test_one_count_has_an_interval_over_its_true_scenes() -> None:
    results = [
        counted("better", 0, (9, 1), (60, 40), (2, 2)),
        counted("better", 1, (8, 2), (64, 36), (3, 1)),
        counted("plain", 0, (6, 4), (55, 45), (1, 3)),
        counted("plain", 1, (5, 5), (52, 48), (2, 2)),
    ]
    found = compare(ARMS, results, COUNTED, ("plain", "base"), pool=share)
    assert found.scenes == ("room0", "room1", "room2")
    assert found.pooled
    assert found.main == "right"
    plain, better, base = found.arms
    assert better.scores["right"].mean == pytest.approx((71 / 114 + 75 / 114) / 2)
    assert base.scores["right"].mean == pytest.approx(56 / 114)
    gain = better.against["plain"]["right"]
    assert (gain.scenes, gain.seeds, gain.seeds_above) == (3, 2, 2)
    assert gain.mean == pytest.approx((71 + 75 - 62 - 59) / 228)
    assert gain.low < gain.mean < gain.high
    alone = [75 / 114 - 59 / 114, 71 / 114 - 62 / 114]
    over_seeds = np.std(alone, ddof=1) / math.sqrt(2)
    assert (gain.high - gain.low) / 2 > over_seeds, "scenes add to it"
    assert any("3 held-out scenes" in text for text in found.cautions)
    assert plain.against["base"]["right"].p_adjusted >= plain.against["base"]["right"].p
    one = compare(ARMS, results[:1], COUNTED, ("base",), pool=share).arms[0]
    assert math.isfinite(one.against["base"]["right"].low), "one seed: over scenes alone"


def test_differences_are_counted_and_their_p_adjusted() -> None:
    found = compare(ARMS, RESULTS, BASE, ("plain", "base"))
    assert not found.pooled
    assert len(found.of_many) == 1
    assert "3 differences of 1 scores" in found.of_many[0]
    assert found.of_many[0] in found.cautions
    p = [d["F-score"] for arm in found.arms for d in arm.against.values()]
    assert [one.p_adjusted >= one.p for one in p] == [True] * 3


def test_counts_are_packed() -> None:
    counts = {"a": {"m": np.array([[0, 3], [0, 0]]), "n": np.array(4)}, "b": {}}
    again = unpack(read_back(pack(counts)))
    np.testing.assert_array_equal(again["a"]["m"], counts["a"]["m"])
    assert again["a"]["n"] == 4
    assert again["b"] == {}


def read_back(record: Any) -> Any:
    return json.loads(json.dumps(record))


@pytest.mark.parametrize(
    "packed",
    [
        {"shape": [1 << 40], "at": [0], "count": [1]},
        {"shape": [2, 2], "at": [4], "count": [1]},
        {"shape": [2, 2], "at": [-1], "count": [1]},
        {"shape": [2, 2], "at": [0, 1], "count": [1]},
        {"shape": "x", "at": [0], "count": [1]},
        {"shape": [2, 2], "at": [0], "count": [1 << 64]},
        [],
    ],
)
def test_counts_that_make_no_array_are_refused(packed: Any) -> None:
    with pytest.raises(ArtifactError):
        unpack({"room0": {"confusion": packed}})


@pytest.mark.parametrize("record", [3, {"scores": {"a": 3}, "counts": {}}, {"scores": []}])
def test_baselines_of_another_kind_are_refused(tmp_path: Path, record: Any) -> None:
    write_json(tmp_path / "baselines.json", record)
    with pytest.raises(ArtifactError, match="scores of baselines"):
        read_baselines(tmp_path / "baselines.json", None)
