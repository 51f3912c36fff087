"""How sure a network must be for what it adds to make a surface better.

To add a piece that is right with probability p raises the expected F-score if p is more than half
of the F-score there is (Ye et al. 2012, "Optimizing F-measures"): where fusion has found little of
a room, to be right four times in ten is worth it, where it has found nearly all it is not. The
least confidence is therefore not a number but follows from the scene: the one whose expected
F-score is best, the expectation taken over what the network itself says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

THICKNESS = 2.0
"""Voxels of 5 cm within 5 cm of a flat surface, for each voxel that it passes through."""

NEVER = 1.0
"""Stands for "add nothing": no confidence reaches it."""


def best_confidence(
    confidence: NDArray[np.float32], surface: NDArray[np.bool_], measured: NDArray[np.bool_]
) -> float:
    """The least confidence with the best expected F-score.

    Args:
        confidence: ``(X, Y, Z)``, probability that a scan of the whole scene finds a surface within
            5 cm of the voxel.
        surface: ``(X, Y, Z)`` bool, voxels that the learnt surface passes through and where it may
            be drawn.
        measured: ``(X, Y, Z)`` bool, voxels that the fused surface passes through; it is taken to
            be right.

    Returns:
        From 0 to 1; :data:`NEVER` where to add nothing is best.
    """
    right = float(measured.sum())
    sure = np.sort(confidence[surface & ~measured])[::-1].astype(np.float64)
    whole = right + _expected(confidence, ~measured) / THICKNESS
    if len(sure) == 0 or whole == 0:
        return NEVER
    scores = 2 * (right + np.cumsum(sure)) / (right + np.arange(1, len(sure) + 1) + whole)
    best = int(np.argmax(scores))
    return float(sure[best]) if scores[best] > 2 * right / (right + whole) else NEVER


def _expected(confidence: NDArray[Any], where: NDArray[np.bool_]) -> float:
    return float(confidence[where].sum(dtype=np.float64))
