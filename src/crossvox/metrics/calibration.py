"""Whether probabilities hold: what is said with probability p should be right in a share p.

``expected calibration error``: places are sorted into bins by the probability of what they were
said to be; the mean over bins of how far the share that is right lies from the mean probability,
weighted by the places of each bin (Naeini et al. 2015, "Obtaining Well Calibrated Probabilities
Using Bayesian Binning"). Bins of equal width are what is published; bins of equal numbers
(``adaptive``) do not hide what happens where most places are (Nguyen and O'Connor 2015).

A temperature divides logits (Guo et al. 2017, "On Calibration of Modern Neural Networks"): it
changes how sure a network is, and never what it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.metrics.measures import Measure, register

Array = NDArray[Any]

BINS = 15
"""Bins of the published score."""

FINE = 1000
"""Bins that places are counted in, from which all others are made."""

_STEPS = 1_000_000
"""In counts, sums of probabilities are whole numbers of this fraction: they add up exactly."""

ECE = register(
    Measure(
        "calibration error",
        "ratio",
        False,
        "How far probabilities of labels lie from the share that is right, 15 bins.",
        "classes",
        place="beside",
    )
)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often what was said with which probability is right. Counts of parts add up.

    Attributes:
        count: ``(FINE,)`` places by the probability of what they were said to be.
        right: ``(FINE,)`` of them, those that are right.
        sure: ``(FINE,)`` sum of their probabilities.
    """

    count: NDArray[np.int64]
    right: NDArray[np.int64]
    sure: NDArray[np.float64]

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.count + other.count, self.right + other.right, self.sure + other.sure
        )

    def counts(self) -> NDArray[np.int64]:
        """``(3, FINE)``: places, right ones, millionths of probability."""
        return np.stack([self.count, self.right, np.rint(self.sure * _STEPS).astype(np.int64)])

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64]) -> Reliability:
        """What :meth:`counts` gave, of one part or of several added up."""
        return cls(counts[0], counts[1], counts[2] / _STEPS)

    def told_and_right(self, least: float = 0.0) -> tuple[int, float, float]:
        """Of places that are at least so sure: how many, mean probability, share that is right.

        Args:
            least: a probability; rounded to a thousandth.
        """
        kept = slice(round(least * FINE), None)
        count = int(self.count[kept].sum())
        share = count or float("nan")
        return count, float(self.sure[kept].sum()) / share, int(self.right[kept].sum()) / share

    def table(self, bins: int = BINS, adaptive: bool = False) -> list[tuple[int, float, float]]:
        """Places, mean probability and share that is right, bin by bin; empty bins left out.

        Args:
            bins: how many.
            adaptive: bins of about equal numbers of places instead of equal width.
        """
        if adaptive:
            before = np.cumsum(self.count) - self.count / 2
            number = before * bins / max(int(self.count.sum()), 1)
        else:
            number = (np.arange(FINE) + 0.5) * bins / FINE
        at = np.minimum(number.astype(int), bins - 1)
        count, right, sure = (
            np.bincount(at, values, bins) for values in (self.count, self.right, self.sure)
        )
        return [
            (int(n), float(s / n), float(r / n))
            for n, r, s in zip(count, right, sure, strict=True)
            if n
        ]

    def error(self, bins: int = BINS, adaptive: bool = False) -> float:
        """Expected calibration error from 0 to 1; NaN without any place."""
        total = int(self.count.sum())
        if not total:
            return float("nan")
        found = self.table(bins, adaptive)
        return sum(n * abs(sure - right) for n, sure, right in found) / total


def reliability(sure: Array, right: Array) -> Reliability:
    """Count places.

    Args:
        sure: ``(N,)`` probability of what each place was said to be.
        right: ``(N,)`` bool, whether it is.

    Raises:
        ShapeError: the shapes differ.
    """
    sure, right = np.asarray(sure, np.float64).ravel(), np.asarray(right, bool).ravel()
    expect(
        sure.shape == right.shape,
        given=f"{sure.shape} probabilities and {right.shape} answers",
        needed="one of each a place",
        do="compare on the same places",
        error=ShapeError,
    )
    at = np.clip((sure * FINE).astype(int), 0, FINE - 1)
    return Reliability(
        np.bincount(at, minlength=FINE),
        np.bincount(at[right], minlength=FINE),
        np.bincount(at, sure, FINE).astype(np.float64),
    )


def negative_log_likelihood(logits: Array, labels: Array, temperature: float = 1.0) -> float:
    """Mean of ``-log p(label)`` under a temperature.

    Args:
        logits: ``(N, C)``, or logarithms of probabilities.
        labels: ``(N,)`` numbers of the true classes, 0 to C - 1.
        temperature: what logits are divided by.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    total = np.log(np.exp(scaled).sum(axis=1))
    return float((total - scaled[np.arange(len(labels)), labels]).mean())


def fitted_temperature(logits: Array, labels: Array) -> float:
    """The temperature with the least negative log likelihood, from 0.05 to 20.

    The likelihood is concave in ``1 / temperature``: there is one best value.

    Args:
        logits: ``(N, C)``, or logarithms of probabilities; a few ten thousand places are enough.
        labels: ``(N,)`` numbers of the true classes, 0 to C - 1.

    Returns:
        The temperature; 1 without any place.
    """
    if not len(labels):
        return 1.0
    low, high = np.log(0.05), np.log(20.0)
    ratio = (np.sqrt(5.0) - 1) / 2
    # Golden section search over the logarithm.
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = (
        negative_log_likelihood(logits, labels, float(np.exp(t))) for t in (left, right)
    )
    while high - low > 1e-3:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = negative_log_likelihood(logits, labels, float(np.exp(left)))
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = negative_log_likelihood(logits, labels, float(np.exp(right)))
    return float(np.exp((low + high) / 2))
