"""When one explanation is clearly better than another: by pairs of frames, drawn many times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

DRAWS = 300

BLIND = 0.95
"""A pair that no explanation brings below this sees nothing twice, and says nothing."""


def draws(pairs: int, count: int = DRAWS) -> NDArray[np.int64]:
    """``(count, pairs)`` bootstrap samples of pairs; the same ones every time."""
    return np.random.default_rng(7).integers(0, max(pairs, 1), (count, pairs))


def telling(*losses: Array) -> NDArray[np.bool_]:
    """Which pairs say anything."""
    return np.asarray(np.minimum.reduce(losses) < BLIND)


def surety(usual: Array, other: Array, ratio: float, margin: float) -> float:
    """Share of draws in which ``other`` is better by both a ratio and a margin, 0 to 1.

    Args:
        usual, other: ``(P,)`` losses by pair.
        ratio: the other's mean must be below this share of the usual one's.
        margin: and below it by this much.
    """
    used = telling(usual, other)
    if used.sum() < 3:
        return 0.0
    usual, other = usual[used], other[used]
    chosen = draws(len(usual))
    a, b = usual[chosen].mean(axis=1), other[chosen].mean(axis=1)
    return float(((b < ratio * a) & (b < a - margin)).mean())
