"""Scores of a surface beside the fusion of the frames that it was made from.

What fusion of the frames reaches was *measured*, the rest is *unmeasured*: a true point is measured
if it lies within 5 cm of the fused surface, and so is a point of the made surface. Each part is
scored by itself: the measured one tells whether what the frames show was kept, the unmeasured one
what was completed (its recall is the coverage of what fusion misses, its precision that of what is
added).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Score
from crossvox.metrics.measures import Measure, Place, register
from crossvox.metrics.surfaces import THRESHOLD_M, SurfaceDistances


@dataclass(frozen=True, eq=False)
class FusedDistances:
    """How far the points of a made and a true surface are from the fused one.

    Attributes:
        predicted_m: ``(P,)`` from each predicted point to the nearest fused one; inf if fusion gave
            nothing.
        reference_m: ``(R,)`` likewise, from each reference point.
    """

    predicted_m: NDArray[np.float64]
    reference_m: NDArray[np.float64]

    @property
    def unmeasured(self) -> NDArray[np.bool_]:
        """``(P,)``, which predicted points fusion does not reach."""
        return self.predicted_m >= THRESHOLD_M


_PREDICTED, _REFERENCE = "predicted", "reference"

_TABLE: tuple[tuple[str, str, str, str, bool, Place, str], ...] = (
    ("measured", "Acc", _PREDICTED, "m", False, "detail",
     "Mean distance to the true surface, of what was made where the frames' fusion is."),
    ("measured", "Comp", _REFERENCE, "m", False, "detail",
     "Mean distance to the made surface, of the true one within 5 cm of the frames' fusion: how "
     "much of what was measured is missing."),
    ("measured", "Prec", _PREDICTED, "ratio", True, "detail",
     "Share of what was made where the frames' fusion is that lies within 5 cm of the true "
     "surface."),
    ("measured", "Recall", _REFERENCE, "ratio", True, "detail",
     "Share of the true surface within 5 cm of the frames' fusion that has something within 5 cm: "
     "whether what was measured was kept."),
    ("unmeasured", "Acc", _PREDICTED, "m", False, "detail",
     "Mean distance to the true surface, of what was made farther than 5 cm from the frames' "
     "fusion: how wrong what was added is."),
    ("unmeasured", "Comp", _REFERENCE, "m", False, "detail",
     "Mean distance to the made surface, of the true one that the frames' fusion misses."),
    ("unmeasured", "Prec", _PREDICTED, "ratio", True, "beside",
     "Precision of what is added: share of what was made farther than 5 cm from the frames' "
     "fusion that lies within 5 cm of the true surface."),
    ("unmeasured", "Recall", _REFERENCE, "ratio", True, "beside",
     "Coverage of what fusion misses: share of the true surface farther than 5 cm from the "
     "frames' fusion that has something within 5 cm."),
)  # fmt: skip

_MEASURES = {
    (part, of, unit): register(
        Measure(f"{name} {part}", unit, higher, text, "surface", f"{part} {of} points", place)
    )
    for part, name, of, unit, higher, place, text in _TABLE
}
"""By part, by the points that are counted, and by ``m`` for mean distances, ``ratio`` for shares
of points that are near."""

_SEEN_FREE, _SEEN_FREE_ADDED = (
    register(Measure(name, "ratio", False, text, "surface", of, "beside"))
    for name, of, text in (
        ("Seen-free", "predicted points",
         "Share of the made surface in space that two frames or more look through: they read "
         "something more than 5 cm behind it. Where poses drift, fused surface has some, too."),
        ("Seen-free unmeasured", "unmeasured predicted points",
         "The same of what was made farther than 5 cm from the frames' fusion: what was added "
         "where frames saw that nothing is."),
    )
)  # fmt: skip


def fusion_scores(distances: SurfaceDistances, fused: FusedDistances, protocol: str) -> list[Score]:
    """Accuracy, completeness, precision and recall, of measured and of unmeasured surface.

    Near means strictly nearer than :data:`THRESHOLD_M`, as everywhere. A score without any point is
    NaN with support 0; so is a mean distance to nothing.

    Args:
        distances: of the made and the true surface.
        fused: of the same points to the fused surface.
        protocol: how points were taken from surfaces.

    Returns:
        Eight scores, those of measured surface first.

    Raises:
        ShapeError: the two are not of the same points.
    """
    sets = {
        _PREDICTED: (distances.to_reference_m, fused.predicted_m < THRESHOLD_M),
        _REFERENCE: (distances.to_predicted_m, fused.reference_m < THRESHOLD_M),
    }
    expect(
        all(len(errors_m) == len(near) for errors_m, near in sets.values()),
        given=f"distances of {' and '.join(str(len(errors_m)) for errors_m, _ in sets.values())} "
        f"points, to the fused surface of {' and '.join(str(len(n)) for _, n in sets.values())}",
        needed="distances of the same points",
        do="take both from the same sets of points",
        error=ShapeError,
    )
    scores = []
    for (part, of, unit), measure in _MEASURES.items():
        errors_m, near = sets[of]
        values = errors_m[near if part == "measured" else ~near]
        value = _mean(values if unit == "m" else values < THRESHOLD_M)
        scores.append(measure.score(value, len(values), protocol))
    return scores


def seen_free_scores(
    free: NDArray[np.bool_], unmeasured: NDArray[np.bool_] | None, protocol: str
) -> list[Score]:
    """Share of the made surface where frames saw that nothing is.

    Args:
        free: ``(P,)``, of each predicted point, whether enough frames look through it.
        unmeasured: ``(P,)``, whether it is unmeasured: of these the share is told as well. None: it
            is not known.
        protocol: how points were taken from the surface.
    """
    scores = [_SEEN_FREE.score(_mean(free), len(free), protocol)]
    if unmeasured is not None:
        added = free[unmeasured]
        scores.append(_SEEN_FREE_ADDED.score(_mean(added), len(added), protocol))
    return scores


def _mean(values: NDArray[np.float64] | NDArray[np.bool_]) -> float:
    """Their mean; NaN where there is none, or none that is finite."""
    mean = float(values.mean()) if len(values) else float("nan")
    return mean if np.isfinite(mean) else float("nan")
