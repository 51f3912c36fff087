"""Frames that agree so well that nobody needs to ask what else they may mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import (
    ANCHORS,
    Sample,
    choose_pairs,
    standing_still,
    take_sample,
    values,
)
from crossvox.core.frame import Capture

Array = NDArray[Any]

FEWEST = 8
"""Pairs that must say so."""

PLAIN = 0.25
"""A loss below which frames agree, if it is also below half of what it were without any poses: no
other axes, direction, order or unit fits them better."""

OF_STILL = 0.5

BETTER = 0.97
"""Something is off by a little where a loss next to the usual one is below this share of it; what
is told of focal length, scale or clocks brings it below 95 %."""

FOCALS, SCALES = (0.95, 1.05), (0.9, 1.1)
"""Next to what is taken: factors on the focal length and on the ways between cameras. What is told
is off by about as much at least."""

PLACES = (-1, 1)
"""Frames whose poses are tried as well: the one before and the one after."""

_EVERY = 2
"""Every n-th point is looked at."""


def agree_plainly(capture: Capture, used: Capture) -> bool:
    """Whether frames agree, and would not agree better with anything taken a little otherwise.

    Args:
        capture: all frames; each pose can be read, or is lost.
        used: some of its frames under their numbers, which are at hand: nothing else is decoded.
    """
    poses = _poses(used, range(len(used)))
    pairs = choose_pairs(poses, ANCHORS, both=False)
    if len(pairs) < FEWEST:
        return False
    sample = take_sample(used, pairs)
    places = {number: place for place, number in enumerate(capture.frame_ids)}

    def lagging(by: int) -> NDArray[np.float64]:
        found = np.full((len(used), 4, 4), np.nan)
        for n in sample.positions:
            place = places[used.frame_ids[n]] + by
            if 0 <= place < len(capture):
                found[n] = _poses(capture, [place])[0]
        return found

    return not sample.unreadable and fits_plainly(sample, poses, map(lagging, PLACES))


def fits_plainly(sample: Sample, poses: Array, others: Iterable[Array]) -> bool:
    """The same of frames that were read already.

    Args:
        sample: frames and pairs.
        poses: ``(N, 4, 4)`` of all frames.
        others: the same of frames :data:`PLACES` on; not finite where there are none.
    """
    moves = sample.moves(poses)
    usual = _losses(sample, moves)
    limit = min(PLAIN, OF_STILL * float(_losses(sample, standing_still(moves)).mean()))
    if len(usual) < FEWEST or not usual.mean() < limit:
        return False
    least = BETTER * usual.mean()
    return (
        all(_losses(sample, moves, focal=factor).mean() >= least for factor in FOCALS)
        and all(_losses(sample, moves, scale=factor).mean() >= least for factor in SCALES)
        and bool(_losses(sample, moves, along_ray=True).mean() >= least)
        and all(_lagging(sample, usual, other) for other in others)
    )


def _losses(
    sample: Sample,
    moves: Array,
    *,
    focal: float = 1.0,
    scale: float = 1.0,
    along_ray: bool = False,
) -> NDArray[np.float64]:
    camera = values(sample.camera) * (focal, focal, 1, 1)
    scaled = moves.copy()
    scaled[:, :, 3] *= scale
    return sample.losses(scaled, camera, along_ray=along_ray, every=_EVERY)


def _lagging(sample: Sample, usual: Array, poses: Array) -> bool:
    """Whether pairs agree no better with other poses; so it is where too few have them."""
    moves = sample.moves(poses)
    there = np.isfinite(moves).all(axis=(1, 2))
    if there.sum() < FEWEST:
        return True
    return bool(_losses(sample, moves)[there].mean() >= BETTER * usual[there].mean())


def _poses(capture: Capture, positions: Iterable[int]) -> NDArray[np.float64]:
    """``(N, 4, 4)`` world_from_camera, not finite where lost."""
    found = [capture.pose(position) for position in positions]
    lost = np.full((4, 4), np.nan)
    return np.array([lost if pose is None else pose.world_from_camera for pose in found])
