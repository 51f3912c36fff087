"""A switch changes a gain by as much as gains differ; the interval is that of the change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.metrics.statistics import Pooled, paired_difference
from crossvox.recipes.study.switches import changed_studies
from crossvox.study.switches import AS_IT_IS, CHANGE, SWITCH, Position, switch_cause
from crossvox.study.transfer import Cause

SEEDS, ROOMS = 6, 8


def scores(seed: int, mean: float, rooms: np.ndarray, noise: float = 0.01) -> np.ndarray:
    """``(seeds, rooms)`` of rooms that are of other difficulty each."""
    rng = np.random.default_rng(seed)
    return mean + rooms + noise * rng.normal(size=(SEEDS, ROOMS))


def told(cause: Cause) -> dict[str, tuple[float, float, float]]:
    found = {group.name: group.difference for group in cause.groups}
    return {name: (one.mean, one.low, one.high) for name, one in found.items()}


def test_a_harm_that_goes_away_is_told() -> None:
    rooms = np.linspace(-0.3, 0.3, ROOMS)
    here = Position(AS_IT_IS, scores(1, 0.45, rooms), scores(2, 0.50, rooms))
    grey = Position("grey", scores(3, 0.40, rooms), scores(4, 0.40, rooms))
    same = Position("same", here.arm, here.control)
    cause = switch_cause("helps", "F-score", here, (grey, same))
    assert (cause.contrast, cause.split, cause.score) == ("helps", SWITCH, "F-score")
    found = told(cause)
    assert list(found) == [AS_IT_IS, "grey", f"grey: {CHANGE}", "same", f"same: {CHANGE}"]
    assert found[AS_IT_IS][2] < 0, "it hurts as it is"
    mean, low, high = found["grey"]
    assert low < 0 < high
    change, low, high = found[f"grey: {CHANGE}"]
    assert change == pytest.approx(mean - found[AS_IT_IS][0])
    # Rooms of any difficulty: what is compared is paired twice, and they drop out.
    assert 0.03 < low < change < high < 0.07
    assert found[f"same: {CHANGE}"] == (0, 0, 0)
    (group,) = [one for one in cause.groups if one.name == f"grey: {CHANGE}"]
    assert group.arm_mean == pytest.approx(mean)
    assert group.control_mean == pytest.approx(found[AS_IT_IS][0])


def test_of_one_count_it_is_that_of_pseudo_values() -> None:
    rng = np.random.default_rng(0)

    def pooled(mean: float) -> Pooled:
        return Pooled(
            mean + 0.01 * rng.normal(size=SEEDS), mean + 0.01 * rng.normal(size=(SEEDS, ROOMS))
        )

    here = Position(AS_IT_IS, pooled(0.4), pooled(0.4))
    large = Position("10 cm", pooled(0.5), pooled(0.3))
    gains = [(one.arm.whole - one.control.whole, one.arm.cells - one.control.cells)
             for one in (large, here)]  # type: ignore[union-attr]  # fmt: skip
    change = told(switch_cause("helps", "mIoU strict", here, (large,)))[f"10 cm: {CHANGE}"]
    assert change[0] == pytest.approx((gains[0][0] - gains[1][0]).mean())
    own = paired_difference(gains[0][1], gains[1][1])
    assert change[2] - change[1] == pytest.approx(own.high - own.low), "the same pseudo-values"


def test_positions_of_other_rooms_do_not_pair() -> None:
    rooms = np.zeros(ROOMS)
    here = Position(AS_IT_IS, scores(1, 0.4, rooms), scores(2, 0.4, rooms))
    fewer = Position("fewer", here.arm[:, :3], here.control[:, :3])  # type: ignore[index]
    with pytest.raises(ShapeError):
        switch_cause("helps", "F-score", here, (fewer,))


def test_folders_are_named_as_they_are_written() -> None:
    words = ["grey=out/grey", "voxels=0.10", "up=null", "both=a=b"]
    found = {"grey": "out/grey", "voxels": "0.10", "up": "null", "both": "a=b"}
    assert changed_studies(words) == {name: Path(folder) for name, folder in found.items()}
    for wrong in (["grey"], ["=out"], ["grey=a", "grey=b"], [f"{AS_IT_IS}=a"]):
        with pytest.raises(ParamsError, match=r"--changed.*; needed: (NAME=VALUE|a name)"):
            changed_studies(wrong)
