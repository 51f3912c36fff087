"""How far two surfaces are apart, given as points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.volume import Score
from crossvox.metrics.means import Array
from crossvox.metrics.measures import MEASURES, Measure, Place, added, register

if TYPE_CHECKING:
    from crossvox.metrics.nearest import PointSet

CELL_M = 0.02
"""Edge of the cells that surface points are thinned to before distances are taken."""

THRESHOLD_M = 0.05
"""A point counts as right if the other surface is nearer than this (strictly)."""

FINE_M = 0.02
"""The same for scores at a finer threshold. Points are thinned to cells of this size, so the next
one is up to 1.4 cm aside: surfaces a little less than 2 cm apart begin to count as wrong."""


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
    from crossvox.metrics.kernels import bounds, thinned

    points = np.ascontiguousarray(points)
    lowest, highest, finite = bounds(points)
    low = lowest - 0.5 * cell_m
    sizes = np.floor((highest - low) / cell_m) + 1
    expect(
        bool(finite) and float(np.prod(sizes)) < 2**62,
        given=f"points between {lowest.min()} and {highest.max()} m and cells of {cell_m} m",
        needed="finite points within some kilometres",
        do="clean the surface of stray points",
        error=ParamsError,
    )
    cell, sums, count = thinned(points, low, cell_m, sizes.astype(np.int64))
    order = np.argsort(cell)
    means: NDArray[np.float64] = sums[order] / count[order, None]
    return means


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
    expect_reference(reference)
    from crossvox.metrics.nearest import PointSet

    return distances_between(PointSet(predicted), PointSet(reference))


def expect_reference(reference_m: Array) -> None:
    """Refuse to measure against nothing.

    Raises:
        ShapeError: there are no points.
    """
    expect(
        len(reference_m) > 0,
        given="a reference surface without points",
        needed="at least one point to measure against",
        do="check the reference mesh",
        error=ShapeError,
    )


def distances_between(predicted: PointSet, reference: PointSet) -> SurfaceDistances:
    """The same for sets that are asked more than once, such as a reference of several methods."""
    return SurfaceDistances(predicted.distances_to(reference), reference.distances_to(predicted))


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


def surface_errors(
    distances: SurfaceDistances, threshold_m: float = THRESHOLD_M, *, inclusive: bool = False
) -> SurfaceErrors:
    """Sum distances up. Within the threshold means strictly nearer, unless it is ``inclusive``.

    An empty prediction gets nothing right: precision, recall and F-score are 0. It has no mean
    distance, so accuracy and completeness are NaN. Where there is a prediction, but none of its
    points counts, recall and completeness are those of the reference's points all the same.
    """
    predicted, reference = distances.to_reference_m, distances.to_predicted_m
    nan = float("nan")
    # The next number up: what is strictly below it is not above the threshold.
    limit_m = np.nextafter(threshold_m, np.inf) if inclusive else threshold_m
    precision = float((predicted < limit_m).mean()) if len(predicted) else 0.0
    recall = float((reference < limit_m).mean())
    completeness_m = float(reference.mean())
    both = precision + recall
    return SurfaceErrors(
        accuracy_m=float(predicted.mean()) if len(predicted) else nan,
        completeness_m=completeness_m if np.isfinite(completeness_m) else nan,
        precision=precision,
        recall=recall,
        f_score=2 * precision * recall / both if both > 0 else 0.0,
        predicted_points=len(predicted),
        reference_points=len(reference),
    )


_PREDICTED, _REFERENCE = "predicted points", "reference points"

_TABLE: tuple[tuple[str, str, str, bool, str, Place, str], ...] = (
    ("accuracy_m", "Acc", "m", False, _PREDICTED, "detail",
     "Mean distance from the made surface to the true one: how wrong what is there is."),
    ("completeness_m", "Comp", "m", False, _REFERENCE, "detail",
     "Mean distance from the true surface to the made one: how much is missing."),
    ("precision", "Prec", "ratio", True, _PREDICTED, "beside",
     "Share of the made surface that lies within 5 cm of the true one."),
    ("recall", "Recall", "ratio", True, _REFERENCE, "beside",
     "Share of the true surface that has something within 5 cm."),
    ("f_score", "F-score", "ratio", True, _REFERENCE, "main",
     "Precision and recall in one number; 1 is perfect."),
)  # fmt: skip

_MEASURES = {
    field: register(Measure(name, unit, higher, text, "surface", of, place))
    for field, name, unit, higher, of, place, text in _TABLE
}


def _finely(field: str) -> Callable[[SurfaceDistances], float]:
    return lambda distances: float(getattr(surface_errors(distances, FINE_M), field))


_FINE: tuple[tuple[str, str, str, Place, str], ...] = (
    ("f_score", "F-score 2 cm", _REFERENCE, "beside",
     "The F-score where near means within 2 cm instead of 5 cm."),
    ("precision", "Prec 2 cm", _PREDICTED, "detail",
     "Share of the made surface that lies within 2 cm of the true one."),
    ("recall", "Recall 2 cm", _REFERENCE, "detail",
     "Share of the true surface that has something within 2 cm."),
)  # fmt: skip

for _field, _name, _of, _place, _text in _FINE:
    register(Measure(_name, "ratio", True, _text, "surface", _of, _place, compute=_finely(_field)))


CHAMFER = register(
    Measure("Chamfer", "m", False, "Mean of Acc and Comp.", "surface", _REFERENCE, "detail")
)


def centimetres(threshold_m: float) -> str:
    """A threshold as it is told in the names of scores."""
    return f"{100 * threshold_m:g} cm"


def threshold_scores(
    distances: SurfaceDistances,
    thresholds_m: Sequence[float],
    protocol: str,
    *,
    inclusive: bool = False,
) -> list[Score]:
    """Scores of one pair of surfaces at any thresholds, see :func:`surface_scores`.

    Those at :data:`THRESHOLD_M` have the plain names, the others tell theirs: ``F-score 10 cm``.

    Args:
        distances: of the pair.
        thresholds_m: where near ends, in the order that they are scored.
        protocol: how points were taken from surfaces.
        inclusive: a point at the threshold is near.
    """
    points = {_PREDICTED: len(distances.to_reference_m), _REFERENCE: len(distances.to_predicted_m)}
    errors = surface_errors(distances)
    means = [
        _MEASURES[field].score(getattr(errors, field), points[_MEASURES[field].of], protocol)
        for field in ("accuracy_m", "completeness_m")
    ]
    found = means
    for threshold_m in thresholds_m:
        at = surface_errors(distances, threshold_m, inclusive=inclusive)
        found += [
            _at(measure, threshold_m).score(getattr(at, field), points[measure.of], protocol)
            for field, measure in _MEASURES.items()
            if measure.unit == "ratio"
        ]
    both = (errors.accuracy_m + errors.completeness_m) / 2
    found.append(CHAMFER.score(both, errors.reference_points, protocol))
    fine = {name for _, name, *_ in _FINE}
    return found + [
        score for score in _others(distances, errors, points, protocol) if score.name not in fine
    ]


def _at(measure: Measure, threshold_m: float) -> Measure:
    """The measure of the same kind at another threshold."""
    if threshold_m == THRESHOLD_M:
        return measure
    told = centimetres(threshold_m)
    name = f"{measure.name} {told}"
    if name in MEASURES:
        return MEASURES[name]
    text = measure.reading.replace(centimetres(THRESHOLD_M), told)
    if text == measure.reading:
        text = f"{measure.name}, where near means within {told}."
    return replace(measure, name=name, reading=text, place="detail")


def surface_scores(
    errors: SurfaceErrors, protocol: str, distances: SurfaceDistances | None = None
) -> list[Score]:
    """The five 3D scores of one pair of surfaces, with the points they were counted over.

    Args:
        errors: of the pair.
        protocol: how points were taken from surfaces.
        distances: of the pair, for those at a finer threshold, and for what others added to group
            ``surface``.
    """
    points = {_PREDICTED: errors.predicted_points, _REFERENCE: errors.reference_points}
    scores = [
        measure.score(getattr(errors, field), points[measure.of], protocol)
        for field, measure in _MEASURES.items()
    ]
    if distances is not None:
        scores += _others(distances, errors, points, protocol)
    return scores


def _others(
    distances: SurfaceDistances, errors: SurfaceErrors, points: Mapping[str, int], protocol: str
) -> list[Score]:
    """Scores of group ``surface`` that have a function of their own."""
    return [
        measure.score(
            compute(distances),
            points.get(measure.of, errors.predicted_points),
            protocol,
            measure.of or _PREDICTED,
        )
        for measure, compute in added("surface")
    ]
