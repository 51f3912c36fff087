"""Single poses that are wrong: frames that agree with neither neighbour, while all else is well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import Sample, again, take_sample
from crossvox.capture.doctor.tune import between
from crossvox.capture.doctor.weigh import BLIND
from crossvox.core.frame import Capture

Array = NDArray[Any]

BAD = 0.3
"""Loss with the better of both neighbours from which a frame may be alone."""

WELL, CURED = 0.6, 0.75
"""It is if its neighbours agree this much better with each other, or if it does so much better with
the pose halfway between theirs."""

Trio = tuple[int, int, int]


def wrong_alone(
    capture: Capture, poses: Array, trios: Sequence[Trio], sample: Sample | None = None
) -> dict[int, float]:
    """Which middle ones of three positions have a wrong pose, and how badly they agree.

    Args:
        capture: as its files have it.
        poses: ``(N, 4, 4)`` of all frames.
        trios: positions in the order of the path.
        sample: frames that were read already; None: they are read.
    """
    if sample is None:
        sample = take_sample(
            capture, np.array(trios).reshape(-1, 3)[:, [0, 1, 1, 2]].reshape(-1, 2)
        )
    place = {int(position): n for n, position in enumerate(sample.positions)}
    there = [trio for trio in trios if all(position in place for position in trio)]
    if not there:
        return {}
    known = np.array([[place[position] for position in trio] for trio in there])
    sides = again(sample, np.concatenate([known[:, [0, 1]], known[:, [1, 2]], known[:, [0, 2]]]))
    before, after, around = sides.losses(sides.moves(poses)).reshape(3, -1)
    least = np.minimum(before, after)
    positions = np.array(there)
    halfway = between(poses[positions[:, 0]], poses[positions[:, 2]], 0.5)
    middle = _at(sample, poses, positions, known, halfway)
    cured = (around < WELL * least) | (middle < CURED * least)
    alone = (least > BAD) & cured & ((around < 0.8 * least) | (around > BLIND))
    return {int(positions[n, 1]): float(least[n]) for n in np.flatnonzero(alone)}


def _at(
    sample: Sample, poses: Array, positions: Array, known: Array, halfway: Array
) -> NDArray[np.float64]:
    """Loss with the better neighbour if the middle frame stood halfway between them."""
    found = []
    for side in (0, 2):
        pairs = again(sample, known[:, [1, side]])
        moves = np.linalg.inv(poses[positions[:, side]]) @ halfway
        found.append(pairs.losses(np.ascontiguousarray(moves[:, :3])))
    return np.maximum(*found)
