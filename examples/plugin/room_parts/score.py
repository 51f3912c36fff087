"""A score: how far half of the made surface is from the true one."""

from __future__ import annotations

import numpy as np

from crossvox.metrics.measures import Measure
from crossvox.metrics.surfaces import SurfaceDistances


def median_m(distances: SurfaceDistances) -> float:
    """Median distance from made to true points, metres; NaN where there is none."""
    found = distances.to_reference_m
    return float(np.median(found)) if len(found) else float("nan")


MEDIAN = Measure(
    name="Median distance",
    unit="m",
    higher_is_better=False,
    reading="Half of the made surface is nearer to the true one than this.",
    group="surface",
    of="predicted points",
    compute=median_m,
)
