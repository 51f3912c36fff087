"""What seeds and scenes contribute to the error of a mean over both.

Seeds and scenes are *crossed*: every seed is scored on the same scenes. A cell is a mean, an effect
of its seed, one of its scene, and what is its own. The variance of the mean over all cells is taken
as that of the means of seeds plus that of the means of scenes, see
:mod:`crossvox.metrics.statistics`; degrees of freedom follow Satterthwaite ("An approximate
distribution of estimates of variance components", Biometrics Bulletin 2, 1946).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Parts:
    """The error of a mean over seeds and scenes, by what it comes from.

    Attributes:
        seeds, scenes: how many of each.
        by_seed: variance of the mean of all cells that the means of seeds tell; 0 with one seed.
        by_scene: likewise of scenes; 0 with one scene.
        own: variance of a cell beyond what its seed and its scene give it (the mean square of
            interaction of a two-way analysis of variance); 0 unless there are two of both.
    """

    seeds: int
    scenes: int
    by_seed: float
    by_scene: float
    own: float = 0.0

    @property
    def variance(self) -> float:
        """Of the mean; NaN where nothing tells it."""
        if self.seeds < 2 and self.scenes < 2:
            return math.nan
        return self.by_seed + self.by_scene

    @property
    def error(self) -> float:
        """Standard error of the mean; NaN where nothing tells it."""
        return math.sqrt(self.variance)

    @property
    def degrees(self) -> float:
        """Degrees of freedom; infinite without any variance, NaN where nothing tells it."""
        variance = self.variance
        if not math.isfinite(variance):
            return math.nan
        if variance == 0:
            return math.inf
        parts = ((self.by_seed, self.seeds), (self.by_scene, self.scenes))
        return 1 / sum((part / variance) ** 2 / (n - 1) for part, n in parts if n > 1)

    def at(self, seeds: int, scenes: int) -> Parts:
        """What the parts would be with other numbers of seeds and scenes.

        Means of seeds vary by what seeds do and by what cells do on their own, the latter the less
        the more scenes there are; likewise means of scenes. What there is but one of today stays as
        it is: nothing tells how it varies.
        """
        return Parts(
            seeds,
            scenes,
            self._scaled(self.by_seed, self.seeds, seeds, self.scenes, scenes),
            self._scaled(self.by_scene, self.scenes, scenes, self.seeds, seeds),
            self.own,
        )

    def _scaled(self, part: float, n: int, n_then: int, others: int, others_then: int) -> float:
        """A part of the variance, with other numbers of its own kind and of the other."""
        single = part * n
        """Variance of one mean, over all of the other kind."""
        own = min(self.own, single * others)
        return (single - own / others + own / others_then) / n_then


def parts_of(cells: NDArray[np.float64]) -> Parts:
    """The parts of the error of the mean of ``(seeds, scenes)`` cells; NaN where a cell is."""
    seeds, scenes = cells.shape
    found = []
    for axis in (0, 1):
        means = cells.mean(axis=1 - axis) if cells.size else np.zeros(0)
        found.append(float(means.var(ddof=1)) / len(means) if len(means) > 1 else 0.0)
    own = 0.0
    if min(seeds, scenes) > 1:
        left = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
        own = float((left**2).sum()) / ((seeds - 1) * (scenes - 1))
    if not cells.size:
        return Parts(seeds, 0, 0.0, 0.0)
    return Parts(seeds, scenes, found[0], found[1], own)
