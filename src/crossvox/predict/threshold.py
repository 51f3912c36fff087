"""How sure a network must be for what it adds to make a surface better.

To add a piece that is right with probability p raises the expected F-score if p is more than half
of the F-score there is (Ye et al. 2012, "Optimizing F-measures"): where fusion has found little of
a room, to be right four times in ten is worth it, where it has found nearly all it is not. The
least confidence is therefore not a number but follows from the scene: the one whose expected
F-score is best, the expectation taken over what the network itself says (:func:`best_confidence`).

That trusts the network as if every room were like those it has learnt from. What is safe to add
must hold elsewhere too: where many frames looked, and none measured a surface, there may be none,
or one that no sensor reads; so the more frames looked thereabouts, the surer the network must be.
And a camera that stands still shows no more, however many its frames are: generated rooms have no
such scans, so that the network does not know them (:func:`safe_confidence`). The numbers were
chosen on 9 generated rooms and captures of five devices; docs/completion.md has the scores, also of
rooms that nothing was chosen on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

THICKNESS = 2.0
"""Voxels of 5 cm within 5 cm of a flat surface, for each voxel that it passes through."""

AROUND_M = 0.5
"""How far around a voxel frames count that looked, metres."""

_ALONE, _LOOKS = 0.25, 3.0
"""Confidence that is needed where nobody looked, and looks that halve the square of the rest."""

_WALKS, _STANDS = 0.55, 0.75
"""Of what all frames measure one shows this share: up to the first the camera walks, from the
second on it stands still. Captures of walks have 0.05 to 0.5, of a camera held still 0.8."""

NEVER = 1.0
"""Stands for "add nothing": no confidence reaches it."""


def best_confidence(
    confidence: NDArray[np.float32], surface: NDArray[np.bool_], measured: NDArray[np.bool_]
) -> float:
    """The least confidence with the best expected F-score.

    Args:
        confidence: ``(X, Y, Z)``, probability that a scan finds a surface within 5 cm of the voxel.
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


def safe_confidence(looks: NDArray[Any], voxel_m: float, shown: float = 0.0) -> NDArray[np.float32]:
    """The confidence that is needed at each voxel: 0.5 where few frames looked, 0.9 where many did.

    Args:
        looks: ``(X, Y, Z)``, frames that have the voxel in their image, near enough to be read.
        voxel_m: edge of a voxel.
        shown: share of what all frames measure that one of them shows, see :func:`shown_by_one`.

    Returns:
        ``(X, Y, Z)`` float32; what counts is the most that looked within :data:`AROUND_M`. 1 where
        the camera stands still: nothing is added.
    """
    size = 2 * round(AROUND_M / voxel_m) + 1
    around = ndimage.maximum_filter(looks, size=size, mode="nearest").astype(np.float32)
    walks = min(max((_STANDS - shown) / (_STANDS - _WALKS), 0.0), 1.0)
    return np.asarray(1 - walks * (1 - _ALONE) / np.sqrt(1 + around / _LOOKS), np.float32)


def shown_by_one(near: NDArray[Any], frames: int) -> float:
    """The share of what all frames measure that one of them shows, in the mean.

    Args:
        near: ``(X, Y, Z)``, how many frames measure each voxel.
        frames: how many there are.

    Returns:
        From 1 / ``frames`` to 1; 1 where nothing was measured.
    """
    measured = np.count_nonzero(near)
    return float(near.sum(dtype=np.float64)) / (frames * measured) if measured else 1.0


def _expected(confidence: NDArray[Any], where: NDArray[np.bool_]) -> float:
    return float(confidence[where].sum(dtype=np.float64))
