"""Scores over the number of frames: what is written is read, and intervals are those of rooms."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.volume import Score
from crossvox.metrics.curve import FramesCurve, read_curve, write_curve

METHODS = ("learnt", "tsdf")


def table(*rows: list[float]) -> NDArray[np.float64]:
    return np.array(rows, np.float64)


def some_curve() -> FramesCurve:
    scores = {
        "F-score": {
            "learnt": table([0.80, 0.70, 0.90], [0.95, math.nan, 0.97]),
            "tsdf": table([0.70, 0.65, 0.82], [0.94, 0.93, 0.98]),
        },
        "Seen-free": {
            "learnt": table([math.nan] * 3, [0.01, 0.0, 0.02]),
            "tsdf": table([0.0] * 3, [0.0] * 3),
        },
    }
    return FramesCurve((3, 10), METHODS, ("a", "b", "c"), scores, "surface", ("Made rooms.",))


def test_a_written_curve_is_read_back(tmp_path: Path) -> None:
    curve = some_curve()
    write_curve(tmp_path / "curve.json", curve)
    read = read_curve(tmp_path / "curve.json")
    for name in ("frames", "methods", "rooms", "protocol", "notes"):
        assert getattr(read, name) == getattr(curve, name)
    assert list(read.scores) == ["F-score", "Seen-free"]
    for score, methods in curve.scores.items():
        for method, values in methods.items():
            np.testing.assert_array_equal(read.scores[score][method], values)


def test_means_have_students_interval_over_rooms() -> None:
    few, many = some_curve().means("F-score", "learnt")
    low, high = stats.t.interval(0.95, 2, 0.8, stats.sem([0.8, 0.7, 0.9]))
    assert (few.mean, few.low, few.high) == pytest.approx((0.8, low, high))
    assert (few.rooms, few.undefined) == (3, 0)
    assert many.mean == pytest.approx(0.96)
    assert (many.rooms, many.undefined) == (2, 1)


def test_differences_are_paired_by_room() -> None:
    few, many = some_curve().differences("F-score", "learnt", "tsdf")
    gaps = [0.10, 0.05, 0.08]
    low, high = stats.t.interval(0.95, 2, np.mean(gaps), stats.sem(gaps))
    assert (few.mean, few.low, few.high) == pytest.approx((np.mean(gaps), low, high))
    p = [stats.ttest_1samp(gaps, 0).pvalue, stats.ttest_1samp([0.01, -0.01], 0).pvalue]
    assert few.p_adjusted == pytest.approx(min(1, 2 * p[0]))
    # Only the rooms in which both have a number.
    assert many.mean == pytest.approx(0.0)
    assert many.rooms == 2
    same = some_curve().differences("F-score", "tsdf", "tsdf")
    assert [(row.mean, row.low, row.high) for row in same] == [(0, 0, 0)] * 2


def test_what_nobody_measured_has_no_number_and_one_room_no_interval() -> None:
    nothing, some = some_curve().means("Seen-free", "learnt")
    assert math.isnan(nothing.mean)
    assert (nothing.rooms, nothing.undefined) == (0, 3)
    assert some.mean == pytest.approx(0.01)
    one = {"F-score": {"learnt": table([0.8]), "tsdf": table([0.7])}}
    (alone,) = FramesCurve((3,), METHODS, ("a",), one, "surface").differences(
        "F-score", "learnt", "tsdf"
    )
    assert alone.mean == pytest.approx(0.1)
    assert math.isnan(alone.low)
    assert math.isnan(alone.p_adjusted)


def test_a_curve_is_made_of_scores_as_they_were_measured() -> None:
    def score(value: float) -> list[Score]:
        other = Score("Prec", 0.5, "ratio", 9, "points", True, "surface")
        return [other, Score("F-score", value, "ratio", 9, "points", True, "surface")]

    measured = {
        10: {"a": {"learnt": score(0.9), "tsdf": score(0.91)}, "b": {"learnt": score(0.8)}},
        3: {"a": {"learnt": score(0.7), "tsdf": score(0.6)}},
    }
    curve = FramesCurve.of(measured, METHODS, ["F-score", "Seen-free"], "surface")
    assert curve.frames == (3, 10)
    assert curve.rooms == ("a", "b")
    expected = table([0.7, math.nan], [0.9, 0.8])
    np.testing.assert_array_equal(curve.scores["F-score"]["learnt"], expected)
    expected = table([0.6, math.nan], [0.91, math.nan])
    np.testing.assert_array_equal(curve.scores["F-score"]["tsdf"], expected)
    assert np.isnan(curve.scores["Seen-free"]["learnt"]).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frames": ()}, "numbers of frames"),
        ({"frames": (10, 3)}, "positive numbers, rising"),
        ({"frames": (3, 3)}, "positive numbers, rising"),
        ({"rooms": ("a", "a", "c")}, "each once"),
        ({"rooms": ("a", "b")}, r"of shape \(2, 3\)"),
        ({"methods": ("learnt",)}, "F-score of learnt, tsdf; needed: of learnt"),
    ],
)
def test_a_curve_that_makes_no_sense_is_refused(change: dict[str, tuple], told: str) -> None:
    with pytest.raises(CrossvoxError, match=told):
        replace(some_curve(), **change)
    with pytest.raises(CrossvoxError, match="given: F-score of votes_2d"):
        some_curve().means("F-score", "votes_2d")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scores", {"F-score": {"learnt": [[1, 2, 3], [1, 2]], "tsdf": [[1, 2, 3], [1, 2, 3]]}}),
        ("scores", {"F-score": {"learnt": [[1, 2, "Infinity"]] * 2, "tsdf": [[1, 2, 3]] * 2}}),
        ("scores", {"F-score": {"learnt": [], "tsdf": []}}),
        ("scores", [1]),
        ("frames", [3, "ten"]),
        ("frames", [3.5, 10]),
        ("methods", None),
        ("more", 1),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "curve.json"
    write_curve(path, some_curve())
    write_json(path, {**read_json(path), field: value})
    with pytest.raises(ArtifactError, match=r"curve\.json.*needed: scores by number of frames"):
        read_curve(path)
