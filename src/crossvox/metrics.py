"""Measuring: confusion counts and IoU, distances between surfaces, depth errors. Pure functions.

Nothing here reads a file, knows a network, or decides a protocol (``crossvox.evaluate.protocols``
does). Distances are metres. A number that is not defined is NaN, is left out of means, and is
counted: it never makes a scene vanish and never turns into a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.labels import NYU40, LabelSpace
from crossvox.core.volume import Score

Array = NDArray[Any]

CELL_M = 0.02
"""Edge of the cells that surface points are thinned to before distances are taken."""

THRESHOLD_M = 0.05
"""A point counts as right if the other surface is nearer than this (strictly)."""

FAR_M = 10.0
"""Sensor depths from here on are no reference."""

STRICT, PRESENT, LENIENT = "mIoU strict", "mIoU present", "mIoU lenient"
MAJORITY = "majority class"
"""Suffix of the scores of the trivial baseline, where it has no column of its own."""


# --- classes -------------------------------------------------------------------------------------


def confusion(reference: Array, predicted: Array, classes: int) -> NDArray[np.int64]:
    """Count pairs of classes: row = reference, column = prediction.

    Args:
        reference, predicted: integer arrays of one shape, values ``0 .. classes - 1``.
        classes: how many classes there are.

    Returns:
        ``(classes, classes)`` int64. Counts of parts add up to the counts of the whole, so a split
        is counted as one matrix and never averaged over batches.

    Raises:
        ShapeError: the shapes differ.
        ParamsError: a value is not a class number.
    """
    reference, predicted = np.asarray(reference), np.asarray(predicted)
    expect(
        reference.shape == predicted.shape,
        given=f"a reference of shape {reference.shape} and a prediction of {predicted.shape}",
        needed="one shape",
        do="compare classes on the same points",
        error=ShapeError,
    )
    for name, values in (("reference", reference), ("prediction", predicted)):
        expect(
            values.size == 0 or (int(values.min()) >= 0 and int(values.max()) < classes),
            given=f"class numbers in the {name} outside 0 .. {classes - 1}",
            needed="class numbers only",
            do="map labels with the label table first",
            error=ParamsError,
        )
    pairs = reference.reshape(-1).astype(np.int64) * classes + predicted.reshape(-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_iou(counts: Array, ignore: Sequence[int] = ()) -> NDArray[np.float64]:
    """Intersection over union of every class, strictly.

    What the reference leaves unannotated (rows in ``ignore``) is not counted at all. An ignored
    class predicted where the reference has a valid one is a miss, as in ScanNet's benchmark; the
    published pipeline forgives it (see :func:`class_iou_lenient`).

    Args:
        counts: ``(C, C)`` from :func:`confusion`.
        ignore: class numbers that no score counts.

    Returns:
        ``(C,)`` ratios; NaN for ignored classes and for those that neither side has.
    """
    kept = np.array(counts, dtype=np.float64)
    ignored = list(ignore)
    kept[ignored] = 0
    hit = np.diag(kept)
    union = kept.sum(axis=0) + kept.sum(axis=1) - hit
    iou = np.divide(hit, union, out=np.full(len(kept), np.nan), where=union > 0)
    iou[ignored] = np.nan
    return iou


def class_iou_lenient(counts: Array, ignore: Sequence[int] = ()) -> NDArray[np.float64]:
    """IoU as the published pipeline counts it: predicting an ignored class costs nothing."""
    kept = np.array(counts, dtype=np.float64)
    kept[:, list(ignore)] = 0
    return class_iou(kept, ignore)


def present_mean(values: Array) -> tuple[float, int]:
    """Mean of the values that are defined, and how many they are; NaN and 0 if none is."""
    values = np.asarray(values, dtype=np.float64)
    defined = values[~np.isnan(values)]
    return (float(defined.mean()), len(defined)) if len(defined) else (float("nan"), 0)


def segmentation_scores(
    counts: Array,
    majority: int | None,
    protocol: str,
    space: LabelSpace = NYU40,
    *,
    of: str = "pixels",
    over: str = "split",
) -> list[Score]:
    """Scores of one confusion matrix, by the one table of rules for images and for 3D.

    * ``mIoU strict``: mean over the benchmark classes; a prediction outside them, where the
      reference shows one, is a miss. Places that the reference gives another class do not count.
    * ``mIoU present``: the same over the classes that the reference has. Where a split lacks
      classes, a single stray prediction of one lowers ``mIoU strict`` by a whole zero.
    * ``mIoU lenient``: the published pipeline's count; such a prediction costs nothing.
    * ``mIoU 40 classes``: over all annotated classes.
    * ``pixel accuracy`` (``vertex accuracy``, ...): over all annotated places.
    * ``IoU NAME``: of each benchmark class, strict; NaN where neither side has it.

    A class that neither side has is left out of means; ``details["classes"]`` tells how many are
    averaged.

    Args:
        counts: ``(C, C)`` from :func:`confusion`, over everything that the scores are about.
        majority: class that the baseline predicts everywhere; each mean is followed by the
            baseline's. None: the baseline is scored elsewhere.
        protocol: how the pairs were found.
        space: names, benchmark classes and ignored id.
        of: what was counted, in the plural: ``pixels``, ``vertices``, ``voxels``.
        over: what the count covers: the whole ``split``, or one ``scene``.

    Raises:
        ShapeError: the matrix does not belong to the classes.
    """
    counts = np.asarray(counts, dtype=np.float64)
    classes = len(space.names)
    expect(
        counts.shape == (classes, classes),
        given=f"a confusion matrix of shape {counts.shape}",
        needed=f"({classes}, {classes})",
        do="count with the task's classes",
        error=ShapeError,
    )
    numbers = _class_numbers(counts, space, of)
    constant = np.zeros_like(counts)
    constant[:, majority or 0] = counts.sum(axis=1)
    baseline = _class_numbers(constant, space, of)
    rows = counts.sum(axis=1)
    annotated = float(np.delete(rows, space.ignore_id).sum())
    benchmark = float(rows[list(space.benchmark_ids)].sum())
    rules = {
        STRICT: f"{len(space.benchmark_ids)} classes, other predictions are misses",
        PRESENT: "strict, benchmark classes that the reference has",
        LENIENT: f"{len(space.benchmark_ids)} classes, other predictions are not counted "
        f"(as published)",
        _WHOLE: "all annotated classes",
        _accuracy(of): f"all annotated {of}",
    }
    scores = []
    for name, (value, averaged) in numbers.items():
        support = benchmark if name in (STRICT, PRESENT, LENIENT) else annotated
        if name not in rules:
            support = float(rows[space.id_of(name.removeprefix("IoU "))])
        details = {} if averaged is None else {"classes": float(averaged)}
        first = Score(
            name=name,
            value=value,
            unit="ratio",
            support=round(support),
            of=of,
            higher_is_better=True,
            protocol=f"{rules.get(name, 'strict')}; one count over the {over}, {protocol}",
            details=details,
        )
        scores.append(first)
        if majority is not None and name in rules:
            scores.append(
                replace(
                    first,
                    name=f"{name} ({MAJORITY})",
                    value=baseline[name][0],
                    details={MAJORITY: float(majority)},
                )
            )
    return scores


_WHOLE = "mIoU 40 classes"
_SINGULAR = {"pixels": "pixel", "vertices": "vertex", "voxels": "voxel"}


def _accuracy(of: str) -> str:
    return f"{_SINGULAR[of]} accuracy"


def _class_numbers(
    counts: NDArray[np.float64], space: LabelSpace, of: str
) -> dict[str, tuple[float, int | None]]:
    """Value by name, and over how many classes it is a mean (None: it is no mean)."""
    ignored = [c for c in range(len(space.names)) if c not in space.benchmark_ids]
    strict = class_iou(counts, ignored)
    hits = float(np.trace(counts)) - float(counts[space.ignore_id, space.ignore_id])
    total = float(np.delete(counts, space.ignore_id, axis=0).sum())
    numbers: dict[str, tuple[float, int | None]] = {
        STRICT: present_mean(strict),
        PRESENT: present_mean(np.where(counts.sum(axis=1) > 0, strict, np.nan)),
        _accuracy(of): (hits / total if total else float("nan"), None),
        LENIENT: present_mean(class_iou_lenient(counts, ignored)),
        _WHOLE: present_mean(class_iou(counts, [space.ignore_id])),
    }
    each = {f"IoU {space.names[c]}": (float(strict[c]), None) for c in space.benchmark_ids}
    return numbers | each


def voxel_numbers(counts: Array, space: LabelSpace = NYU40) -> dict[str, float]:
    """Ratios of a confusion matrix in which class 0 is *free space*.

    Free space is known here, unlike for vertices: a class predicted where the scene is free is
    wrong for that class, and free space predicted on a surface is a miss of the surface's class.
    Reference voxels of classes outside the benchmark do not count for classes.

    Args:
        counts: ``(C, C)``, row = reference, column = prediction, or larger: classes beyond those of
            ``space`` are occupied and none of its classes.
        space: names and benchmark classes.

    Returns:
        ``mIoU`` (benchmark classes), ``IoU occupied`` (all classes taken as one), ``IoU NAME`` of
        each benchmark class; NaN for 0 / 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    benchmark = list(space.benchmark_ids)
    iou = class_iou(counts, [c for c in range(1, len(counts)) if c not in benchmark])
    union = float(counts.sum() - counts[0, 0])
    numbers = {
        "mIoU": present_mean(iou[benchmark])[0],
        "IoU occupied": float(counts[1:, 1:].sum()) / union if union else float("nan"),
    }
    return numbers | {f"IoU {space.names[c]}": float(iou[c]) for c in benchmark}


def voxel_scores(
    counts: Array, protocol: str, space: LabelSpace = NYU40, *, over: str = "split"
) -> list[Score]:
    """Scores of volumes, from one confusion matrix in which class 0 is *free space*.

    * ``voxel mIoU``: mean over the benchmark classes, see :func:`voxel_numbers`.
    * ``voxel IoU free``, ``voxel IoU occupied``: of free space, and of all classes taken as one.

    Args:
        counts: ``(C + 1, C + 1)``, row = reference, column = prediction: 0 free, then the classes
            of ``space``, last "occupied, no class", which no reference voxel has.
        protocol: which voxels were counted.
        space: names and benchmark classes.
        over: what the count covers: the whole ``split``, or one ``scene``.

    Raises:
        ShapeError: the matrix does not belong to the classes.
    """
    counts = np.asarray(counts, dtype=np.float64)
    size = len(space.names) + 1
    expect(
        counts.shape == (size, size),
        given=f"a confusion matrix of shape {counts.shape}",
        needed=f"({size}, {size}): free, the classes, occupied without class",
        do="count free space as class 0",
        error=ShapeError,
    )
    shared, rows = voxel_numbers(counts, space), counts.sum(axis=1)
    either_free = float(rows[0] + counts[:, 0].sum() - counts[0, 0])
    benchmark = list(space.benchmark_ids)
    numbers = {
        "voxel mIoU": (shared["mIoU"], rows[benchmark].sum(), f"{len(benchmark)} classes"),
        "voxel IoU free": (
            float(counts[0, 0]) / either_free if either_free else float("nan"),
            rows[0],
            "free space",
        ),
        "voxel IoU occupied": (shared["IoU occupied"], rows[1:].sum(), "all classes as one"),
    }
    averaged = sum(not np.isnan(shared[f"IoU {space.names[c]}"]) for c in benchmark)
    return [
        Score(
            name=name,
            value=value,
            unit="ratio",
            support=round(float(support)),
            of="voxels",
            higher_is_better=True,
            protocol=f"{rule}; one count over the {over}, {protocol}",
            details={"classes": float(averaged)} if name == "voxel mIoU" else {},
        )
        for name, (value, support, rule) in numbers.items()
    ]


# --- surfaces ------------------------------------------------------------------------------------


def voxel_downsample(points_m: Array, cell_m: float = CELL_M) -> NDArray[np.float64]:
    """Thin points out: the mean of the points in each cell of a regular grid.

    The grid starts half a cell below the minimum corner of the points (Open3D's
    ``voxel_down_sample`` does the same), so the result moves with the points.

    Args:
        points_m: ``(N, 3)`` metres, finite.
        cell_m: edge of a cell.

    Returns:
        ``(M, 3)`` float64, M <= N, ordered by cell (x slowest). Empty for no points.

    Raises:
        ShapeError: not ``(N, 3)``.
        ParamsError: the cell is not positive, or the points are not finite or too far apart for
            cells this small.
    """
    points = np.asarray(points_m, dtype=np.float64)
    _expect_points(points)
    expect(
        cell_m > 0,
        given=f"cells of {cell_m} m",
        needed="a positive edge length",
        do="pass a cell size such as 0.02",
        error=ParamsError,
    )
    if len(points) == 0:
        return np.zeros((0, 3))
    low = points.min(axis=0) - 0.5 * cell_m
    cells = np.floor((points - low) / cell_m)
    sizes = cells.max(axis=0) + 1
    expect(
        bool(np.isfinite(points).all()) and float(np.prod(sizes)) < 2**62,
        given=f"points between {points.min()} and {points.max()} m and cells of {cell_m} m",
        needed="finite points within some kilometres",
        do="clean the surface of stray points",
        error=ParamsError,
    )
    i, j, k = cells.astype(np.int64).T
    _, cell, count = np.unique(
        (i * int(sizes[1]) + j) * int(sizes[2]) + k, return_inverse=True, return_counts=True
    )
    sums = [np.bincount(cell, weights=points[:, axis], minlength=len(count)) for axis in range(3)]
    return np.stack(sums, axis=-1) / count[:, None]


def _expect_points(points: Array) -> None:
    expect(
        points.ndim == 2 and points.shape[1] == 3,
        given=f"points of shape {points.shape}",
        needed="(N, 3)",
        do="pass one point a row",
        error=ShapeError,
    )


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """How far two sets of surface points are apart, point by point, both ways.

    Attributes:
        to_reference_m: ``(P,)`` from each predicted point to the nearest reference point.
        to_predicted_m: ``(R,)`` from each reference point to the nearest predicted point; inf if
            nothing was predicted.
    """

    to_reference_m: NDArray[np.float64]
    to_predicted_m: NDArray[np.float64]


def surface_distances(predicted_m: Array, reference_m: Array) -> SurfaceDistances:
    """Distance from every point to the nearest of the other set.

    Args:
        predicted_m: ``(P, 3)`` metres, may be empty.
        reference_m: ``(R, 3)`` metres, may not.

    Raises:
        ShapeError: a shape is wrong, or there is no reference.
    """
    predicted, reference = np.asarray(predicted_m), np.asarray(reference_m)
    _expect_points(predicted)
    _expect_points(reference)
    expect(
        len(reference) > 0,
        given="a reference surface without points",
        needed="at least one point to measure against",
        do="check the reference mesh",
        error=ShapeError,
    )
    if len(predicted) == 0:
        return SurfaceDistances(np.zeros(0), np.full(len(reference), np.inf))
    return SurfaceDistances(_nearest(predicted, reference), _nearest(reference, predicted))


def _nearest(points: Array, others: Array) -> NDArray[np.float64]:
    # Median splits and tight boxes cost more to build than they save on surface points.
    tree = cKDTree(others, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(points, workers=-1)
    return np.asarray(distance, dtype=np.float64)


@dataclass(frozen=True)
class SurfaceErrors:
    """One predicted surface against its reference.

    Attributes:
        accuracy_m: mean distance predicted -> reference; NaN if nothing was predicted.
        completeness_m: mean distance reference -> predicted; NaN if nothing was predicted.
        precision: share of predicted points nearer than the threshold; 0 if there are none.
        recall: share of reference points nearer than the threshold.
        f_score: harmonic mean of precision and recall; 0 if both are 0.
        predicted_points, reference_points: how many points were compared.
    """

    accuracy_m: float
    completeness_m: float
    precision: float
    recall: float
    f_score: float
    predicted_points: int
    reference_points: int


def surface_errors(distances: SurfaceDistances, threshold_m: float = THRESHOLD_M) -> SurfaceErrors:
    """Sum distances up. Within the threshold means strictly nearer.

    An empty prediction gets nothing right: precision, recall and F-score are 0. It has no mean
    distance, so accuracy and completeness are NaN.
    """
    predicted, reference = distances.to_reference_m, distances.to_predicted_m
    if len(predicted) == 0:
        nan = float("nan")
        return SurfaceErrors(nan, nan, 0.0, 0.0, 0.0, 0, len(reference))
    precision = float((predicted < threshold_m).mean())
    recall = float((reference < threshold_m).mean())
    both = precision + recall
    return SurfaceErrors(
        accuracy_m=float(predicted.mean()),
        completeness_m=float(reference.mean()),
        precision=precision,
        recall=recall,
        f_score=2 * precision * recall / both if both > 0 else 0.0,
        predicted_points=len(predicted),
        reference_points=len(reference),
    )


def surface_scores(errors: SurfaceErrors, protocol: str) -> list[Score]:
    """The five 3D scores of one pair of surfaces, with the points they were counted over."""
    predicted, reference = errors.predicted_points, errors.reference_points
    return [
        Score("Acc", errors.accuracy_m, "m", predicted, "predicted points", False, protocol),
        Score("Comp", errors.completeness_m, "m", reference, "reference points", False, protocol),
        Score("Prec", errors.precision, "ratio", predicted, "predicted points", True, protocol),
        Score("Recall", errors.recall, "ratio", reference, "reference points", True, protocol),
        Score("F-score", errors.f_score, "ratio", reference, "reference points", True, protocol),
    ]


# --- depth ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DepthErrors:
    """One rendered depth image against the sensor's.

    All but ``comp_2d`` are taken over the pixels where both have a depth and the reference is
    nearer than :data:`FAR_M`; they are NaN where there is no such pixel.

    Attributes:
        abs_rel: mean of ``|p - r| / r``.
        abs_diff_m: mean of ``|p - r|``.
        sq_rel_m: mean of ``(p - r)^2 / r``.
        rmse_m: root of the mean of ``(p - r)^2``.
        log_rmse: root of the mean of ``(ln p - ln r)^2``.
        delta_1, delta_2, delta_3: share with ``max(p / r, r / p) < 1.25^k``.
        comp_2d: share of *all* pixels with a rendered depth.
        pixels: how many pixels were compared.
    """

    abs_rel: float
    abs_diff_m: float
    sq_rel_m: float
    rmse_m: float
    log_rmse: float
    delta_1: float
    delta_2: float
    delta_3: float
    comp_2d: float
    pixels: int


def depth_errors(predicted_m: Array, reference_m: Array, far_m: float = FAR_M) -> DepthErrors:
    """Errors of one frame.

    Args:
        predicted_m: ``(H, W)`` rendered depth, metres, 0 where nothing was hit.
        reference_m: ``(H, W)`` sensor depth, metres, 0 where there is no reading.
        far_m: reference depths from here on do not count.

    Raises:
        ShapeError: the sizes differ.
    """
    predicted_m, reference_m = np.asarray(predicted_m), np.asarray(reference_m)
    expect(
        predicted_m.shape == reference_m.shape and predicted_m.size > 0,
        given=f"a rendered depth of shape {predicted_m.shape}, a reference of {reference_m.shape}",
        needed="one size, not empty",
        do="render with the camera of the reference image",
        error=ShapeError,
    )
    comp_2d = float((predicted_m > 0).mean())
    valid = (predicted_m > 0) & (reference_m > 0) & (reference_m < far_m)
    pixels = int(valid.sum())
    if pixels == 0:
        nan = float("nan")
        return DepthErrors(nan, nan, nan, nan, nan, nan, nan, nan, comp_2d=comp_2d, pixels=0)
    p, r = predicted_m[valid].astype(np.float64), reference_m[valid].astype(np.float64)
    difference = p - r
    ratio = np.maximum(p / r, r / p)
    return DepthErrors(
        abs_rel=float((np.abs(difference) / r).mean()),
        abs_diff_m=float(np.abs(difference).mean()),
        sq_rel_m=float((difference**2 / r).mean()),
        rmse_m=float(np.sqrt((difference**2).mean())),
        log_rmse=float(np.sqrt(((np.log(p) - np.log(r)) ** 2).mean())),
        delta_1=float((ratio < 1.25).mean()),
        delta_2=float((ratio < 1.25**2).mean()),
        delta_3=float((ratio < 1.25**3).mean()),
        comp_2d=comp_2d,
        pixels=pixels,
    )


_DEPTH_SCORES = {
    "abs_rel": ("AbsRel", "ratio", False),
    "abs_diff_m": ("AbsDiff", "m", False),
    "sq_rel_m": ("SqRel", "m", False),
    "rmse_m": ("RMSE", "m", False),
    "log_rmse": ("LogRMSE", "", False),
    "delta_1": ("delta < 1.25", "ratio", True),
    "delta_2": ("delta < 1.25^2", "ratio", True),
    "delta_3": ("delta < 1.25^3", "ratio", True),
    "comp_2d": ("Comp2D", "ratio", True),
}


def depth_scores(frames: Sequence[DepthErrors], protocol: str) -> list[Score]:
    """Mean over the frames of a scene.

    A frame without a comparable pixel has no error and is left out of the means of errors; how
    many there are is told in ``details["undefined"]`` and by the support. It still counts in
    ``Comp2D``. With no frame left a score is NaN with support 0.
    """
    scores = []
    for item in fields(DepthErrors):
        if item.name not in _DEPTH_SCORES:
            continue
        name, unit, higher = _DEPTH_SCORES[item.name]
        value, support = present_mean(np.array([getattr(frame, item.name) for frame in frames]))
        undefined = {"undefined": float(len(frames) - support)}
        scores.append(Score(name, value, unit, support, "frames", higher, protocol, undefined))
    return scores


def mean_scores(scenes: Sequence[Sequence[Score]]) -> list[Score]:
    """Mean of each score over scenes, every scene weighing the same.

    Returns:
        One score a name, in order of first appearance; support = scenes where it is defined,
        ``details["undefined"]`` = scenes where it is not (NaN, or missing altogether).

    Raises:
        ParamsError: scores of one name differ in unit, direction or protocol.
    """
    named: dict[str, list[Score]] = {}
    for scene in scenes:
        for score in scene:
            named.setdefault(score.name, []).append(score)
    means = []
    for name, scores in named.items():
        first = scores[0]
        kinds = {(score.unit, score.higher_is_better, score.protocol) for score in scores}
        expect(
            len(kinds) == 1,
            given=f"scores called {name} measured in different ways: {sorted(kinds)}",
            needed="one unit and one protocol",
            do="evaluate all scenes with the same protocol",
            error=ParamsError,
        )
        value, support = present_mean(np.array([score.value for score in scores]))
        details = {"undefined": float(len(scenes) - support)}
        means.append(replace(first, value=value, support=support, of="scenes", details=details))
    return means
