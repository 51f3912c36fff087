"""How far a score of one count would move with other images: the bootstrap of Efron (1979).

A score such as the mIoU of a split is no mean over images: it follows from the sum of their counts.
Images are drawn with replacement, as many as there are, their counts are added, and the score is
taken of the sum; an interval lies between quantiles of what many draws give. Images of one scene
look alike and are drawn together, where scenes are told: one by one they would seem to tell more
than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.metrics.means import Array
from crossvox.metrics.statistics import LEVEL

DRAWS = 1000
FEWEST = 10
"""With fewer groups than this a bootstrap is not to be believed (see ``metrics.statistics``)."""


def group_counts(counts: Array, groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Counts of images ``(N, ...)`` added up by group: ``(G, ...)``, groups as they first come.

    Raises:
        ShapeError: not one group an image.
    """
    counts = np.asarray(counts)
    expect(
        len(counts) == len(groups),
        given=f"counts of {len(counts)} images, groups of {len(groups)}",
        needed="one group an image",
        do="name the group of every image",
        error=ShapeError,
    )
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    added = np.zeros((len(numbers), *counts.shape[1:]), np.int64)
    np.add.at(added, [numbers[group] for group in groups], counts)
    return added


def bootstrap_intervals(
    counts: Array,
    scores: Callable[[NDArray[np.float64]], Mapping[str, float]],
    *,
    draws: int = DRAWS,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of scores of added counts.

    Args:
        counts: ``(G, ...)`` of each image, or of each group of images that is drawn as one.
        scores: of counts that were added, ``(...)``, by name; NaN where there is none.
        draws: how often images are drawn.
        level: how often an interval shall hold the truth.
        seed: where chance starts.

    Returns:
        Lower and upper end by name; draws in which a score has no number are left out, and a score
        that has none at all is. Empty with fewer than :data:`FEWEST` groups.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if len(counts) < FEWEST:
        return {}
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=draws)
    flat = counts.reshape(len(counts), -1)
    found: dict[str, list[float]] = {}
    for drawn in times:
        for name, value in scores((drawn @ flat).reshape(counts.shape[1:])).items():
            found.setdefault(name, []).append(value)
    tail = (1 - level) / 2
    intervals = {}
    for name, values in found.items():
        defined = np.array(values)[~np.isnan(values)]
        if len(defined):
            low, high = np.quantile(defined, [tail, 1 - tail])
            intervals[name] = (float(low), float(high))
    return intervals
