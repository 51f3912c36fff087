"""Questions of a design get the verdicts that simulated truth deserves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom
from trials.study_statistics import EFFECTS, results_of, saving_covered, wrong_verdicts

from crossvox.core.checks import ParamsError
from crossvox.study.findings import TargetResults, findings
from crossvox.study.label_saving import LabelStep, label_saving
from crossvox.study.transfer import Contrast


def contrast(arm: str, control: str = "plain", **more: object) -> Contrast:
    return Contrast(f"{arm}-{control}", "reconstruct", arm, control, f"Is {arm} it?", **more)  # type: ignore[arg-type]


def arms(rng: np.random.Generator, gains: dict[str, float], noise: float = 0.002) -> TargetResults:
    shape = (6, 8)
    rooms = rng.normal(0.8, 0.05, (1, 8))
    tables = {
        name: rooms + gain + noise * rng.normal(size=shape)
        for name, gain in {"plain": 0.0, **gains}.items()
    }
    return results_of(tables)


def test_verdicts_follow_the_truth() -> None:
    rng = np.random.default_rng(0)
    made = arms(rng, {"better": 0.02, "worse": -0.02, "same": 0.0})
    asked = [contrast("better"), contrast("worse"), contrast("same"), contrast("better", "base")]
    found = findings(asked, {"reconstruct": made})
    assert [one.verdict for one in found] == ["helps", "hurts", "equivalent", "helps"]
    better = found[0]
    assert better.arm_mean - better.control_mean == pytest.approx(better.difference.mean)
    assert np.mean(list(better.by_scene.values())) == pytest.approx(better.difference.mean)
    assert np.mean(better.by_seed) == pytest.approx(better.difference.mean)
    assert better.margin == 0.005
    assert better.difference.low < better.low < better.high < better.difference.high
    assert better.power.seeds_needed is not None


def test_too_little_is_undecided_and_told() -> None:
    made = arms(np.random.default_rng(1), {"maybe": 0.003}, noise=0.05)
    (found,) = findings([contrast("maybe")], {"reconstruct": made})
    assert found.verdict == "undecided"
    assert found.power.smallest > 0.005
    assert found.power.seeds_needed is not None
    assert found.power.seeds_needed > 6


def test_only_named_contrasts_are_adjusted_together() -> None:
    made = arms(np.random.default_rng(2), {"a": 0.002, "b": 0.001, "c": 0.02}, noise=0.004)
    asked = [contrast("a"), contrast("b"), contrast("c", named=False)]
    a, b, c = findings(asked, {"reconstruct": made})
    low, high = sorted([a.difference.p, b.difference.p])
    assert sorted([a.difference.p_adjusted, b.difference.p_adjusted]) == pytest.approx(
        [min(1, 2 * low), max(min(1, 2 * low), high)]
    )
    assert c.difference.p_adjusted == c.difference.p
    with_missing = findings([*asked, contrast("not-yet")], {"reconstruct": made})
    assert len(with_missing) == 3
    adjusted = min(one.difference.p_adjusted for one in with_missing[:2])
    assert adjusted == pytest.approx(min(1, 3 * low)), "what is not there yet counts"


def test_questions_that_make_no_sense_are_refused() -> None:
    made = {"reconstruct": arms(np.random.default_rng(3), {"a": 0.0})}
    with pytest.raises(ParamsError, match="a score of reconstruct: F-score"):
        findings([contrast("a", score="G-score")], made)
    with pytest.raises(ParamsError, match="swap arm and control"):
        findings([contrast("base", "a")], made)
    assert findings([contrast("a", margin=0.0, score="F-score")], made, {})[0].margin == 0
    assert math.isnan(findings([contrast("a")], made, {})[0].equivalence_p)


@pytest.mark.parametrize("effects", ["seeds", "mixed"])
@pytest.mark.parametrize("at_margin", [False, True])
def test_six_verdicts_are_all_right_in_most_designs(effects: str, at_margin: bool) -> None:
    """No arm differs, and none may be said to; all by the margin, and none may be called equal."""
    wrong = wrong_verdicts(40, 6, 8, EFFECTS[effects], at_margin=at_margin)
    assert wrong <= binom.ppf(0.999, 40, 0.05) / 40


def test_the_interval_of_a_label_saving_holds_the_truth() -> None:
    assert saving_covered(60, 6, 8, EFFECTS["mixed"]) >= binom.ppf(0.001, 60, 0.93) / 60


SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)


def curves(rng: np.random.Generator, gain: float, noise: float) -> TargetResults:
    """Scores that rise by 0.1 a factor of e, the arm's higher by a gain."""
    rooms = rng.normal(0.8, 0.05, (1, 8))
    tables = {}
    for name, above in (("arm", gain), ("control", 0.0)):
        for share in SHARES:
            value = rooms + above + 0.1 * math.log(share)
            tables[f"{name}-{share:g}"] = value + noise * rng.normal(size=(6, 8))
    return results_of(tables)


def steps(name: str) -> list[LabelStep]:
    return [LabelStep(f"{name}-{share:g}", share, round(100 * share)) for share in SHARES]


def test_label_saving_is_where_the_curve_gets_there() -> None:
    made = curves(np.random.default_rng(0), 0.1, 0.002)
    found = label_saving("both", "reconstruct", made, steps("arm"), steps("control")[::-1])
    assert found is not None
    assert found.share == pytest.approx(math.exp(-1), rel=0.05)
    assert found.low < found.share < found.high < 0.5
    assert [point.share for point in found.control] == list(SHARES)
    assert found.reached == pytest.approx(found.control[-1].mean)
    missing = [*steps("arm")[:2], LabelStep("arm-later", 0.7, 70)]
    assert label_saving("x", "reconstruct", made, missing[2:], steps("control")) is None
    late = [*steps("control"), LabelStep("control-later", 1.0, 200)]
    with pytest.raises(ParamsError, match="different shares above 0"):
        label_saving("x", "reconstruct", made, missing, late)


def test_what_is_never_reached_has_no_share() -> None:
    made = curves(np.random.default_rng(0), -0.1, 0.002)
    found = label_saving("both", "reconstruct", made, steps("arm"), steps("control"))
    assert found is not None
    assert math.isnan(found.share)
    assert found.low == found.high == math.inf
    far = label_saving("far", "reconstruct", curves(np.random.default_rng(0), 0.5, 0.002),
                       steps("arm"), steps("control"))  # fmt: skip
    assert far is not None
    assert far.share == far.low == far.high == pytest.approx(0.05)
