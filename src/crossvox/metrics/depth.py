"""Rendered depth against the sensor's, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Score
from crossvox.metrics.means import Array, present_mean
from crossvox.metrics.measures import Measure, Place, added, register

FAR_M = 10.0
"""Sensor depths from here on are no reference."""


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


_TABLE: tuple[tuple[str, str, str, bool, Place, str], ...] = (
    ("abs_rel", "AbsRel", "ratio", False, "beside",
     "Mean depth error as a share of the depth, seen from the camera's poses."),
    ("abs_diff_m", "AbsDiff", "m", False, "detail", "Mean depth error."),
    ("sq_rel_m", "SqRel", "m", False, "detail",
     "Mean squared depth error over the depth: punishes large errors."),
    ("rmse_m", "RMSE", "m", False, "beside",
     "Root of the mean squared depth error: punishes large errors."),
    ("log_rmse", "LogRMSE", "", False, "detail",
     "The same on the logarithm of depth: near and far weigh alike."),
    ("delta_1", "delta < 1.25", "ratio", True, "detail",
     "Share of pixels whose depth is off by less than a quarter."),
    ("delta_2", "delta < 1.25^2", "ratio", True, "detail",
     "Share of pixels off by less than a factor of 1.56."),
    ("delta_3", "delta < 1.25^3", "ratio", True, "detail",
     "Share of pixels off by less than a factor of 1.95."),
    ("comp_2d", "Comp2D", "ratio", True, "beside",
     "Share of the image that shows any surface at all."),
)  # fmt: skip

_MEASURES = {
    field: register(Measure(name, unit, higher, text, "depth", "frames", place))
    for field, name, unit, higher, place, text in _TABLE
}


def added_depth(predicted_m: Array, reference_m: Array, far_m: float = FAR_M) -> dict[str, float]:
    """What others added to group ``depth``, of one frame, by name; see :func:`depth_errors`.

    NaN where no pixel can be compared.
    """
    found = added("depth")
    if not found:
        return {}
    valid = (predicted_m > 0) & (reference_m > 0) & (reference_m < far_m)
    p, r = predicted_m[valid].astype(np.float64), reference_m[valid].astype(np.float64)
    return {measure.name: compute(p, r) if len(p) else math.nan for measure, compute in found}


def depth_scores(
    frames: Sequence[DepthErrors], protocol: str, more: Sequence[Mapping[str, float]] = ()
) -> list[Score]:
    """Mean over the frames of a scene.

    A frame without a comparable pixel has no error and is left out of the means of errors; how
    many there are is told in ``details["undefined"]`` and by the support. It still counts in
    ``Comp2D``. With no frame left a score is NaN with support 0.

    Args:
        frames: of the scene.
        protocol: how depth was rendered.
        more: of every frame, what :func:`added_depth` found.
    """
    rows = [
        (measure, [getattr(frame, field) for frame in frames])
        for field, measure in _MEASURES.items()
    ]
    if more:
        rows += [(measure, [one[measure.name] for one in more]) for measure, _ in added("depth")]
    scores = []
    for measure, values in rows:
        value, support = present_mean(np.array(values))
        undefined = {"undefined": float(len(values) - support)}
        scores.append(measure.score(value, support, protocol, details=undefined))
    return scores
