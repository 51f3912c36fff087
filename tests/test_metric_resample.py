"""Intervals of scores of added counts, and the scores of images that they are drawn of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, jaccard_score

from crossvox.core.checks import ShapeError
from crossvox.metrics import (
    PRESENT,
    STRICT,
    bootstrap_intervals,
    class_values,
    confusion,
    group_counts,
    segmentation_scores,
    voxel_numbers,
)

CLASSES = 41


def labels_of(seed: int, count: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    """Labels of all classes, some unannotated, and what is called right in six of ten cases."""
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, CLASSES, count), rng.integers(1, CLASSES, count)
    right = (rng.random(count) < 0.6) & (truth > 0)
    predicted[right] = truth[right]
    return truth, predicted


def test_the_protocol_of_forty_classes_equals_scikit_learn() -> None:
    truth, predicted = labels_of(0)
    found = class_values(confusion(truth, predicted, CLASSES).astype(float))
    annotated = truth > 0
    truth, predicted = truth[annotated], predicted[annotated]
    assert found["pixel accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert found["mean class accuracy"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    for name, average in (("mIoU 40 classes", "macro"), ("frequency-weighted IoU", "weighted")):
        assert found[name] == pytest.approx(jaccard_score(truth, predicted, average=average))


def test_classes_that_the_reference_lacks() -> None:
    """Called by a single pixel, such a class costs where the field says so, and nowhere else."""
    truth = np.repeat([1, 2], 50)
    predicted = truth.copy()
    predicted[0] = 33
    found = class_values(confusion(truth, predicted, CLASSES).astype(float))
    assert found["mIoU 40 classes"] == pytest.approx((0.98 + 1 + 0) / 3)
    assert found["mean class accuracy"] == pytest.approx((0.98 + 1) / 2)
    assert found["frequency-weighted IoU"] == pytest.approx((0.98 + 1) / 2)
    assert found[STRICT] == pytest.approx((0.98 + 1 + 0) / 3)
    assert found[PRESENT] == pytest.approx((0.98 + 1) / 2)
    told = voxel_numbers(confusion(truth, predicted, CLASSES))
    assert told["mIoU"] == pytest.approx((0.98 + 1 + 0) / 3)
    assert told[PRESENT] == pytest.approx((0.98 + 1) / 2)
    nothing = class_values(np.zeros((CLASSES, CLASSES)))
    assert all(math.isnan(value) for value in nothing.values())
    assert math.isnan(voxel_numbers(np.zeros((CLASSES, CLASSES)))[PRESENT])


def test_only_images_have_the_other_two_and_each_has_its_baseline() -> None:
    counts = confusion(*labels_of(1), CLASSES)
    pixels = {score.name for score in segmentation_scores(counts, 5, "test")}
    vertices = {score.name for score in segmentation_scores(counts, 5, "test", of="vertices")}
    more = {
        f"{name}{suffix}"
        for name in ("mean class accuracy", "frequency-weighted IoU")
        for suffix in ("", " (majority class)")
    }
    assert more <= pixels
    assert not more & vertices
    by_name = {score.name: score.value for score in segmentation_scores(counts, 5, "test")}
    assert by_name["mean class accuracy (majority class)"] == pytest.approx(1 / 40)


def test_groups_are_added_up() -> None:
    counts = np.arange(24).reshape(6, 2, 2)
    added = group_counts(counts, ["b", "a", "b", "b", "c", "a"])
    np.testing.assert_array_equal(
        added, [counts[[0, 2, 3]].sum(0), counts[[1, 5]].sum(0), counts[4]]
    )
    with pytest.raises(ShapeError, match="one group an image"):
        group_counts(counts, ["a"])


def test_an_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    """Of a mean of many images, the bootstrap agrees with what is known in closed form."""
    rng = np.random.default_rng(2)
    hits = rng.binomial(100, 0.3, size=400)
    counts = np.stack([hits, np.full(400, 100)], axis=1)
    low, high = bootstrap_intervals(counts, lambda c: {"share": c[0] / c[1]})["share"]
    half = 1.96 * hits.std() / 100 / math.sqrt(400)
    assert low == pytest.approx(hits.mean() / 100 - half, abs=0.1 * half)
    assert high == pytest.approx(hits.mean() / 100 + half, abs=0.1 * half)
    again = bootstrap_intervals(counts, lambda c: {"share": c[0] / c[1]})
    assert again["share"] == (low, high)


def test_few_images_and_undefined_scores_have_no_interval() -> None:
    assert bootstrap_intervals(np.ones((9, 2)), lambda c: {"sum": c.sum()}) == {}
    found = bootstrap_intervals(np.ones((10, 2)), lambda c: {"sum": c.sum(), "none": math.nan})
    assert found == {"sum": (20.0, 20.0)}


def test_images_drawn_one_by_one_seem_to_tell_more_than_scenes() -> None:
    rng = np.random.default_rng(3)
    hits = np.repeat(rng.binomial(10, 0.5, size=20), 10)
    counts = np.stack([hits, np.full(200, 10)], axis=1)

    def width(parts: np.ndarray) -> float:
        low, high = bootstrap_intervals(parts, lambda c: {"share": c[0] / c[1]})["share"]
        return high - low

    assert width(group_counts(counts, [i // 10 for i in range(200)])) > 2 * width(counts)
