"""Metrics against slow twins, scikit-learn, formulas and the published pipeline's numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.volume import Score
from crossvox.doors.meshes import read_mesh
from crossvox.metrics import (
    DepthErrors,
    class_iou,
    class_iou_lenient,
    confusion,
    depth_errors,
    depth_scores,
    mean_scores,
    present_mean,
    surface_distances,
    surface_errors,
    surface_scores,
    voxel_downsample,
)

clouds = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


# --- classes -------------------------------------------------------------------------------------


def test_confusion_equals_scikit_learn() -> None:
    random = np.random.default_rng(0)
    reference, predicted = random.integers(0, 7, (2, 5, 40))
    predicted[0] = reference[0]
    counts = confusion(reference, predicted, 8)
    twin = confusion_matrix(reference.ravel(), predicted.ravel(), labels=range(8))
    np.testing.assert_array_equal(counts, twin)
    iou = jaccard_score(reference.ravel(), predicted.ravel(), labels=range(7), average=None)
    np.testing.assert_allclose(class_iou(counts)[:7], iou)
    assert math.isnan(class_iou(counts)[7])


def test_confusion_of_parts_adds_up() -> None:
    random = np.random.default_rng(1)
    reference, predicted = random.integers(0, 4, (2, 300)).astype(np.uint8)
    whole = confusion(reference, predicted, 4)
    parts = confusion(reference[:90], predicted[:90], 4) + confusion(
        reference[90:], predicted[90:], 4
    )
    np.testing.assert_array_equal(whole, parts)


def test_ignored_class_on_a_valid_point_is_a_miss() -> None:
    reference, predicted = np.array([1, 1, 1, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 1])
    counts = confusion(reference, predicted, 2)
    strict, lenient = class_iou(counts, [0]), class_iou_lenient(counts, [0])
    assert math.isnan(strict[0])
    assert math.isnan(lenient[0])
    # What is predicted where nothing is annotated costs nothing in either.
    assert strict[1] == 0.5
    assert lenient[1] == 1.0


def test_confusion_refuses_what_is_no_class() -> None:
    with pytest.raises(ParamsError, match="prediction"):
        confusion(np.array([0, 1]), np.array([0, 2]), 2)
    with pytest.raises(ParamsError, match="reference"):
        confusion(np.array([0, -1]), np.array([0, 1]), 2)
    with pytest.raises(ShapeError, match="one shape"):
        confusion(np.zeros(3, int), np.zeros(4, int), 2)
    assert confusion(np.zeros(0, int), np.zeros(0, int), 2).sum() == 0


def test_published_segmentation_score_is_reproduced(published: Path) -> None:
    case = np.load(published / "segmentation_iou.npz")
    ignore = case["ignore"].tolist()
    counts = confusion(case["target"], case["pred"], 41)
    lenient = class_iou_lenient(counts, ignore)
    np.testing.assert_allclose(lenient, case["iou"], rtol=1e-12)
    assert present_mean(lenient)[0] == pytest.approx(float(case["miou"]), rel=1e-12)
    strict = present_mean(class_iou(counts, ignore))[0]
    assert strict == pytest.approx(float(case["miou_keep_pred_ignored"]), rel=1e-12)


# --- surfaces ------------------------------------------------------------------------------------


def downsample_slowly(points: np.ndarray, cell: float) -> set[tuple[float, ...]]:
    low = points.min(axis=0) - 0.5 * cell
    cells: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point in points:
        cells.setdefault(tuple(math.floor(x) for x in (point - low) / cell), []).append(point)
    return {tuple(np.round(np.mean(members, axis=0), 9)) for members in cells.values()}


@settings(max_examples=20)
@given(clouds, st.integers(1, 80), st.sampled_from([0.02, 0.3, 5.0]))
def test_downsampling_equals_its_slow_twin(
    random: np.random.Generator, count: int, cell: float
) -> None:
    points = random.normal(size=(count, 3)) * (0.05, 1.0, 3.0)
    thin = voxel_downsample(points, cell)
    assert {tuple(np.round(point, 9)) for point in thin} == downsample_slowly(points, cell)
    assert len(thin) <= count


@settings(max_examples=20)
@given(clouds, st.integers(1, 80))
def test_downsampling_forgets_order_and_moves_with_the_points(
    random: np.random.Generator, count: int
) -> None:
    points = random.integers(0, 64, (count, 3)) / 64  # exact in binary, so are the shifts
    thin = voxel_downsample(points, 0.125)
    np.testing.assert_allclose(voxel_downsample(random.permutation(points), 0.125), thin)
    np.testing.assert_allclose(voxel_downsample(points + 2.0, 0.125), thin + 2.0)


def test_cell_grid_starts_half_a_cell_below_the_minimum() -> None:
    points = np.array([[0.0, 0, 0], [0.49, 0, 0], [0.51, 0, 0], [1.49, 0, 0]])
    np.testing.assert_allclose(voxel_downsample(points, 1.0), [[0.245, 0, 0], [1.0, 0, 0]])


def test_downsampling_refuses_what_makes_no_sense() -> None:
    assert voxel_downsample(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ShapeError, match=r"\(N, 3\)"):
        voxel_downsample(np.zeros((4, 2)))
    with pytest.raises(ParamsError, match="positive"):
        voxel_downsample(np.zeros((4, 3)), 0.0)
    with pytest.raises(ParamsError, match="finite"):
        voxel_downsample(np.array([[0, 0, np.nan], [0, 0, 1]]))
    with pytest.raises(ParamsError, match="stray"):
        voxel_downsample(np.array([[0, 0, 0], [1e12, 1e12, 1e12]]), 1e-3)


@settings(max_examples=20)
@given(clouds, st.integers(1, 60), st.integers(1, 60))
def test_distances_equal_their_slow_twin(random: np.random.Generator, p: int, r: int) -> None:
    predicted, reference = random.normal(size=(p, 3)), random.normal(size=(r, 3))
    every = np.linalg.norm(predicted[:, None] - reference[None], axis=-1)
    found = surface_distances(predicted, reference)
    np.testing.assert_allclose(found.to_reference_m, every.min(axis=1))
    np.testing.assert_allclose(found.to_predicted_m, every.min(axis=0))
    swapped = surface_distances(reference, predicted)
    np.testing.assert_array_equal(found.to_reference_m, swapped.to_predicted_m)


def test_errors_of_a_shifted_surface() -> None:
    x, y = np.meshgrid(np.arange(10.0), np.arange(10.0))
    plane = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    errors = surface_errors(surface_distances(plane[:50] + np.array([0, 0, 0.03]), plane))
    assert errors.accuracy_m == pytest.approx(0.03)
    assert errors.precision == 1.0
    assert errors.recall == 0.5
    assert errors.f_score == pytest.approx(2 / 3)
    assert (errors.predicted_points, errors.reference_points) == (50, 100)
    assert surface_errors(surface_distances(plane, plane)).f_score == 1.0


def test_a_point_at_the_threshold_is_not_within_it() -> None:
    distances = surface_distances(
        np.array([[0, 0, 0.5], [9, 9, 9.25]]), np.array([[0, 0, 0.0], [9, 9, 9]])
    )
    errors = surface_errors(distances, threshold_m=0.5)
    assert errors.precision == 0.5
    assert errors.recall == 0.5


def test_empty_prediction_is_scored_and_empty_reference_refused() -> None:
    errors = surface_errors(surface_distances(np.zeros((0, 3)), np.zeros((5, 3))))
    assert (errors.precision, errors.recall, errors.f_score) == (0.0, 0.0, 0.0)
    assert math.isnan(errors.accuracy_m)
    assert math.isnan(errors.completeness_m)
    scores = {score.name: score for score in surface_scores(errors, "thesis")}
    assert scores["Prec"].support == 0
    assert scores["Recall"].support == 5
    with pytest.raises(ShapeError, match="reference"):
        surface_distances(np.zeros((5, 3)), np.zeros((0, 3)))


def test_no_point_within_reach_is_zero_not_nan() -> None:
    errors = surface_errors(surface_distances(np.zeros((5, 3)), np.full((5, 3), 7.0)))
    assert errors.f_score == 0.0


@pytest.mark.realdata
def test_published_3d_scores_are_reproduced(golden: Path) -> None:
    case = json.loads((golden / "g5_reconstruction.json").read_text())["metrics3d"]
    predicted = voxel_downsample(read_mesh(golden / "g3_crop_vh_clean_2.ply").vertices_m)
    reference = voxel_downsample(read_mesh(golden / "g5_gt_mesh.ply").vertices_m)
    errors = surface_errors(surface_distances(predicted, reference))
    assert errors.predicted_points == case["n_pred_ds"]
    assert errors.reference_points == case["n_gt_ds"]
    assert errors.accuracy_m == pytest.approx(case["Accuracy"], rel=1e-9)
    assert errors.completeness_m == pytest.approx(case["Completeness"], rel=1e-9)
    assert errors.precision == pytest.approx(case["Precision"], rel=1e-9)
    assert errors.recall == pytest.approx(case["Recall"], rel=1e-9)
    assert errors.f_score == pytest.approx(case["F1_score"], rel=1e-9)


# --- depth ---------------------------------------------------------------------------------------


def depth_errors_slowly(predicted: np.ndarray, reference: np.ndarray) -> list[float]:
    rel, diff, sq, square, log, near = [], [], [], [], [], [0, 0, 0]
    for p, r in zip(predicted.ravel().tolist(), reference.ravel().tolist(), strict=True):
        if p > 0 and 0 < r < 10:
            rel.append(abs(p - r) / r)
            diff.append(abs(p - r))
            sq.append((p - r) ** 2 / r)
            square.append((p - r) ** 2)
            log.append((math.log(p) - math.log(r)) ** 2)
            for k in range(3):
                near[k] += max(p / r, r / p) < 1.25 ** (k + 1)
    n = len(rel)
    means = [sum(rel) / n, sum(diff) / n, sum(sq) / n]
    roots = [math.sqrt(sum(square) / n), math.sqrt(sum(log) / n)]
    return [*means, *roots, *(hits / n for hits in near), float((predicted > 0).mean()), n]


@settings(max_examples=20)
@given(clouds)
def test_depth_errors_equal_their_slow_twin(random: np.random.Generator) -> None:
    reference = (random.random((6, 9)) * 12).astype(np.float32)
    predicted = (reference * random.uniform(0.5, 1.6, (6, 9))).astype(np.float32)
    reference[random.random((6, 9)) < 0.2] = 0
    predicted[random.random((6, 9)) < 0.2] = 0
    reference[0, 0] = predicted[0, 0] = 1
    found = depth_errors(predicted, reference)
    np.testing.assert_allclose(
        list(vars(found).values()), depth_errors_slowly(predicted, reference), rtol=1e-9
    )


def test_perfect_depth_has_no_error() -> None:
    depth = np.linspace(0.5, 9, 12).reshape(3, 4)
    errors = depth_errors(depth, depth)
    assert (errors.abs_rel, errors.rmse_m, errors.log_rmse) == (0, 0, 0)
    assert (errors.delta_1, errors.comp_2d, errors.pixels) == (1, 1, 12)


def test_frame_without_a_valid_pixel_is_nan_and_counted() -> None:
    seen = np.ones((2, 2))
    good = depth_errors(seen * 1.1, seen)
    for reference in (np.zeros((2, 2)), np.full((2, 2), 10.0)):
        bad = depth_errors(seen, reference)
        assert math.isnan(bad.abs_rel)
        assert bad.pixels == 0
        assert bad.comp_2d == 1.0
    scores = {score.name: score for score in depth_scores([good, bad, bad], "surface")}
    assert scores["AbsRel"].value == pytest.approx(0.1)
    assert scores["AbsRel"].support == 1
    assert scores["AbsRel"].details == {"undefined": 2.0}
    assert scores["Comp2D"].support == 3
    nothing = {score.name: score for score in depth_scores([bad], "surface")}
    assert math.isnan(nothing["RMSE"].value)
    assert nothing["RMSE"].support == 0
    assert nothing["Comp2D"].value == 1.0


def test_depth_images_of_two_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="one size"):
        depth_errors(np.ones((2, 3)), np.ones((3, 2)))


@pytest.mark.realdata
def test_published_depth_scores_are_reproduced(golden: Path) -> None:
    case = json.loads((golden / "g5_reconstruction.json").read_text())
    images = np.load(golden / "g5_depth.npz")
    names = {
        "abs_rel": "AbsRel",
        "abs_diff_m": "AbsDiff",
        "sq_rel_m": "SqRel",
        "rmse_m": "RMSE",
        "log_rmse": "LogRMSE",
        "delta_1": "r1",
        "delta_2": "r2",
        "delta_3": "r3",
        "comp_2d": "complete",
    }
    frames: list[DepthErrors] = []
    for number, expected in zip(case["depth_frames"], case["metrics2d_per_frame"], strict=True):
        frames.append(depth_errors(images[f"pred_{number}"], images[f"gt_{number}"]))
        for ours, theirs in names.items():
            assert getattr(frames[-1], ours) == pytest.approx(expected[theirs], rel=1e-6)
    means = depth_scores(frames, "thesis")
    for score, theirs in zip(means, names.values(), strict=True):
        assert score.value == pytest.approx(case["metrics2d_mean"][theirs], rel=1e-6)
        assert score.support == 4


# --- means ---------------------------------------------------------------------------------------


def score(value: float, name: str = "Acc", protocol: str = "surface") -> Score:
    return Score(name, value, "m", 10, "points", False, protocol)


def test_scene_with_nan_stays_in_the_count() -> None:
    mean, other = mean_scores([[score(1.0), score(5.0, "B")], [score(math.nan)], [score(2.0)]])
    assert (mean.value, mean.support, mean.of) == (1.5, 2, "scenes")
    assert mean.details == {"undefined": 1.0}
    assert (other.value, other.support, other.details) == (5.0, 1, {"undefined": 2.0})
    undefined = mean_scores([[score(math.nan)]])[0]
    assert math.isnan(undefined.value)
    assert undefined.support == 0
    assert mean_scores([]) == []


def test_scores_of_two_protocols_are_never_averaged() -> None:
    with pytest.raises(ParamsError, match="protocol"):
        mean_scores([[score(1.0)], [score(1.0, protocol="thesis")]])
