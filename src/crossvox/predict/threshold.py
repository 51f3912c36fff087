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
chosen on 9 generated rooms, a real kitchen and four other captures; docs/completion.md has the
scores, also of rooms that nothing was chosen on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from crossvox.scene.params import Scan

THICKNESS = 2.0
"""Voxels of 5 cm within 5 cm of a flat surface, for each voxel that it passes through."""

AROUND_M = 0.5
"""How far around a voxel frames count that looked, metres."""

_ALONE: Mapping[Scan, float] = {"walk": 0.25, "room": 0.48}
"""Confidence that is needed where nobody looked, by the scan that the network foretells."""

_LOOKS = 3.0
"""Looks that halve the square of the rest."""

_WALKS, _STANDS = 0.5, 0.75
"""Of what a frame measures another one measures this share, too: up to the first the camera walks,
from the second on it stands still. Frames of walks have 0 to 0.46, of a camera held still 0.78 to
0.91; neighbours among 120 frames of a generated room 0.6 to 0.85."""

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


def safe_confidence(
    looks: NDArray[Any], voxel_m: float, scan: Scan = "walk", again: float = 0.0
) -> NDArray[np.float32]:
    """The confidence that is needed at each voxel: 0.5 where few frames looked, 0.9 where many did.

    Args:
        looks: ``(X, Y, Z)``, frames that have the voxel in their image, near enough to be read.
        voxel_m: edge of a voxel.
        scan: which scan the network foretells.
        again: share of what a frame measures that another one does, too, see :func:`shown_again`.

    Returns:
        ``(X, Y, Z)`` float32; what counts is the most that looked within :data:`AROUND_M`.
        :data:`NEVER` where the camera stands still.
    """
    size = 2 * round(AROUND_M / voxel_m) + 1
    around = ndimage.maximum_filter(looks, size=size, mode="nearest").astype(np.float32)
    walks = min(max((_STANDS - again) / (_STANDS - _WALKS), 0.0), 1.0)
    rest = walks * (1 - _ALONE[scan])
    return np.asarray(1 - rest / np.sqrt(1 + around / _LOOKS), np.float32)


def stands_still(again: float) -> bool:
    """Whether frames show so much again that the camera stands still: nothing is safe to add.

    Args:
        again: see :func:`shown_again`.
    """
    return again >= _STANDS


def shown_again(near: NDArray[Any], frames: int) -> float:
    """The share of what a frame measures that another one measures, too: mean over all pairs.

    Args:
        near: ``(X, Y, Z)``, how many frames measure each voxel.
        frames: how many frames have readings.

    Returns:
        From 0 to 1; 1 for a frame alone, and where nothing was measured.
    """
    measured = near[near > 0].astype(np.float64)
    if frames < 2 or len(measured) == 0:
        return 1.0
    return float((measured * (measured - 1)).sum() / ((frames - 1) * measured.sum()))


def _expected(confidence: NDArray[Any], where: NDArray[np.bool_]) -> float:
    return float(confidence[where].sum(dtype=np.float64))
