"""Counting pairs of classes, and the scores of a confusion matrix: images, vertices, voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.labels import NYU40, LabelSpace
from crossvox.core.volume import Score
from crossvox.metrics.means import Array, present_mean
from crossvox.metrics.measures import MEASURES, Measure, added, register

STRICT, PRESENT, LENIENT = "mIoU strict", "mIoU present", "mIoU lenient"
MAJORITY = "majority class"
"""Suffix of the scores of the trivial baseline, where it has no column of its own."""


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


def class_accuracy(counts: Array, ignore: Sequence[int] = ()) -> NDArray[np.float64]:
    """Share of each class of the reference that is called so, ``(C,)``; NaN where it has none."""
    kept = np.array(counts, dtype=np.float64)
    kept[list(ignore)] = 0
    rows = kept.sum(axis=1)
    return np.divide(np.diag(kept), rows, out=np.full(len(kept), np.nan), where=rows > 0)


def frequency_weighted_iou(counts: Array, ignore: Sequence[int] = ()) -> float:
    """IoU of the classes, weighted by their share of the reference; NaN without reference."""
    kept = np.array(counts, dtype=np.float64)
    kept[list(ignore)] = 0
    rows = kept.sum(axis=1)
    if not rows.any():
        return float("nan")
    return float(rows @ np.nan_to_num(class_iou(counts, ignore)) / rows.sum())


_WHOLE = "mIoU 40 classes"
_MEAN_ACCURACY, _WEIGHTED = "mean class accuracy", "frequency-weighted IoU"
_SINGULAR = {"pixels": "pixel", "vertices": "vertex", "voxels": "voxel"}
_FREE, _OCCUPIED, _VOXELS = "voxel IoU free", "voxel IoU occupied", "voxel mIoU"

for _measure in (
    Measure(STRICT, "ratio", True,
            "Mean overlap over the 20 benchmark classes; any other prediction is a miss.",
            "classes", place="main"),
    Measure(PRESENT, "ratio", True,
            "The same over those of the classes that the truth shows.", "classes"),
    Measure(LENIENT, "ratio", True,
            "The same as published: predictions of other classes cost nothing.",
            "classes", place="beside"),
    Measure(_WHOLE, "ratio", True, "Mean overlap over all annotated classes.", "classes"),
    Measure("pixel accuracy", "ratio", True,
            "Share of the annotated pixels that are right.", "classes", place="beside"),
    Measure(_MEAN_ACCURACY, "ratio", True,
            "Mean over the 40 classes of the share of each that is right.", "classes"),
    Measure(_WEIGHTED, "ratio", True,
            "Overlap of the 40 classes, weighted by how much of each there is.", "classes"),
    Measure("vertex accuracy", "ratio", True,
            "Share of the annotated vertices that are right.", "classes", place="beside"),
    Measure("voxel accuracy", "ratio", True,
            "Share of the annotated voxels that are right.", "classes", place="beside"),
    Measure(_VOXELS, "ratio", True,
            "Mean overlap voxel by voxel, so that surface in the wrong place costs too.",
            "voxels", "voxels", place="beside"),
    Measure(_FREE, "ratio", True, "Overlap of free space.", "voxels", "voxels"),
    Measure(_OCCUPIED, "ratio", True,
            "Overlap of occupied voxels, whatever their class.",
            "voxels", "voxels", place="beside"),
):  # fmt: skip
    register(_measure)


def one_class(name: str) -> Measure:
    """The overlap of one class, strictly."""
    text = f"Overlap of what is called {name} with what is."
    return Measure(f"IoU {name}", "ratio", True, text, "classes", class_name=name)


def segmentation_scores(
    counts: Array,
    majority: int | None,
    protocol: str,
    space: LabelSpace = NYU40,
    *,
    of: str = "pixels",
    over: str = "split",
    whole: bool = True,
) -> list[Score]:
    """Scores of one confusion matrix, by the one table of rules for images and for 3D.

    * ``mIoU strict``: mean over the benchmark classes; a prediction outside them, where the
      reference shows one, is a miss. Places that the reference gives another class do not count.
    * ``mIoU present``: the same over the classes that the reference has. Where a split lacks
      classes, a single stray prediction of one lowers ``mIoU strict`` by a whole zero.
    * ``mIoU lenient``: the published pipeline's count; such a prediction costs nothing.
    * ``mIoU 40 classes``: over all annotated classes. With ``pixel accuracy`` it is the usual
      protocol of NYU Depth v2 (Gupta et al. 2013, Long et al. 2015).
    * ``pixel accuracy`` (``vertex accuracy``, ...): over all annotated places.
    * ``mean class accuracy``, ``frequency-weighted IoU``: the other two of that protocol, of pixels
      alone. A class that the reference lacks counts in neither.
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
        whole: whether the scores that are named after all 40 classes are among them; False where
            the answers were chosen from fewer.

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
    numbers = _class_numbers(counts, space, of, whole)
    constant = np.zeros_like(counts)
    constant[:, majority or 0] = counts.sum(axis=1)
    baseline = _class_numbers(constant, space, of, whole)
    rows = counts.sum(axis=1)
    annotated = float(np.delete(rows, space.ignore_id).sum())
    benchmark = float(rows[list(space.benchmark_ids)].sum())
    rules = {
        STRICT: f"{len(space.benchmark_ids)} classes, other predictions are misses",
        PRESENT: "strict, benchmark classes that the reference has",
        LENIENT: f"{len(space.benchmark_ids)} classes, other predictions are not counted "
        f"(as published)",
        _WHOLE: "all annotated classes but those that neither side has",
        _accuracy(of): f"all annotated {of}",
        _MEAN_ACCURACY: "those of the 40 classes that the reference has",
        _WEIGHTED: "40 classes by their share of the reference",
    }
    scores = []
    for measure, (value, averaged) in numbers.items():
        name = measure.name
        support = benchmark if name in (STRICT, PRESENT, LENIENT) else annotated
        if measure.class_name:
            support = float(rows[space.id_of(measure.class_name)])
        first = measure.score(
            value,
            round(support),
            f"{rules.get(name, 'strict')}; one count over the {over}, {protocol}",
            of,
            {} if averaged is None else {"classes": float(averaged)},
        )
        scores.append(first)
        if majority is not None and name in rules:
            scores.append(
                replace(
                    first,
                    name=f"{name} ({MAJORITY})",
                    value=baseline[measure][0],
                    details={MAJORITY: float(majority)},
                )
            )
    rule = f"one count over the {over}, {protocol}"
    scores += [
        measure.score(compute(counts), round(annotated), rule, of)
        for measure, compute in added("classes")
    ]
    return scores


def class_values(
    counts: NDArray[np.float64],
    space: LabelSpace = NYU40,
    *,
    of: str = "pixels",
    whole: bool = True,
) -> dict[str, float]:
    """The numbers of :func:`segmentation_scores` alone, by name, without their baselines."""
    numbers = _class_numbers(counts, space, of, whole)
    return {measure.name: value for measure, (value, _) in numbers.items()}


def _accuracy(of: str) -> str:
    return f"{_SINGULAR[of]} accuracy"


def _class_numbers(
    counts: NDArray[np.float64], space: LabelSpace, of: str, whole: bool
) -> dict[Measure, tuple[float, int | None]]:
    """Values, and over how many classes each is a mean (None: it is no mean)."""
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
    if of == "pixels":
        numbers[_MEAN_ACCURACY] = present_mean(class_accuracy(counts, [space.ignore_id]))
        numbers[_WEIGHTED] = (frequency_weighted_iou(counts, [space.ignore_id]), None)
    if not whole:
        for name in (_WHOLE, _MEAN_ACCURACY, _WEIGHTED):
            numbers.pop(name, None)
    found = {MEASURES[name]: value for name, value in numbers.items()}
    each = {one_class(space.names[c]): (float(strict[c]), None) for c in space.benchmark_ids}
    return found | each


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
        ``mIoU`` (benchmark classes), ``mIoU present`` (those of them that the reference has),
        ``IoU occupied`` (all classes taken as one), ``IoU NAME`` of each benchmark class; NaN for
        0 / 0.
    """
    counts = np.asarray(counts, dtype=np.float64)
    benchmark = list(space.benchmark_ids)
    iou = class_iou(counts, [c for c in range(1, len(counts)) if c not in benchmark])
    union = float(counts.sum() - counts[0, 0])
    shown = [c for c in benchmark if counts[c].sum() > 0]
    numbers = {
        "mIoU": present_mean(iou[benchmark])[0],
        PRESENT: present_mean(iou[shown])[0],
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
        _VOXELS: (shared["mIoU"], rows[benchmark].sum(), f"{len(benchmark)} classes"),
        _FREE: (
            float(counts[0, 0]) / either_free if either_free else float("nan"),
            rows[0],
            "free space",
        ),
        _OCCUPIED: (shared["IoU occupied"], rows[1:].sum(), "all classes as one"),
    }
    averaged = sum(not np.isnan(shared[f"IoU {space.names[c]}"]) for c in benchmark)
    whole = f"one count over the {over}, {protocol}"
    scores = [
        MEASURES[name].score(
            value,
            round(float(support)),
            f"{rule}; {whole}",
            details={"classes": float(averaged)} if name == _VOXELS else {},
        )
        for name, (value, support, rule) in numbers.items()
    ]
    return scores + [
        measure.score(compute(counts), round(float(counts.sum())), whole, "voxels")
        for measure, compute in added("voxels")
    ]
