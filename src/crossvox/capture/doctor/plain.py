"""Frames that agree so well that nobody needs to ask what else they may mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import Sample, choose_pairs, take_sample, values
from crossvox.core.frame import Capture

Array = NDArray[Any]

ANCHORS = 12
FEWEST = 8
"""Pairs that must say so."""

PLAIN = 0.25
"""A loss below which frames agree, if it is also below half of what it were without any poses: no
other axes, direction, order or unit fits them better."""

OF_STILL = 0.5

BETTER = 0.97
"""Something is off by a little where a loss next to the usual one is below this share of it; what
is told of focal length, scale or clocks brings it below 95 %."""

FOCALS, SCALES, PLACES = (0.95, 1.05), (0.9, 1.1), (-1, 1)
"""Next to what is taken: factors on the focal length and on the ways between cameras, and poses of
frames before and after. Half as far would cure half of the smallest deviation that is told."""

_EVERY = 2
"""Every n-th point is looked at."""


def agree_plainly(capture: Capture, used: Capture) -> bool:
    """Whether frames agree, and would not agree better with anything taken a little otherwise.

    Args:
        capture: all frames.
        used: some of its frames under their numbers, which are at hand: nothing else is decoded.
    """
    poses = _poses(used, range(len(used)))
    pairs = choose_pairs(poses, ANCHORS, both=False)
    if len(pairs) < FEWEST:
        return False
    sample = take_sample(used, pairs)
    if sample.unreadable or len(sample.pairs) < FEWEST:
        return False
    moves = sample.moves(poses)
    usual = _loss(sample, moves)
    if not usual < PLAIN or not usual < OF_STILL * _loss(sample, _still(moves)):
        return False
    least = BETTER * usual
    return (
        all(_loss(sample, moves, focal=factor) >= least for factor in FOCALS)
        and all(_loss(sample, moves, scale=factor) >= least for factor in SCALES)
        and _loss(sample, moves, along_ray=True) >= least
        and all(_lagging(capture, used, sample, places) >= least for places in PLACES)
    )


def _loss(
    sample: Sample,
    moves: Array,
    *,
    focal: float = 1.0,
    scale: float = 1.0,
    along_ray: bool = False,
) -> float:
    camera = values(sample.camera) * (focal, focal, 1, 1)
    scaled = moves.copy()
    scaled[:, :, 3] *= scale
    return float(sample.losses(scaled, camera, along_ray=along_ray, every=_EVERY).mean())


def _still(moves: Array) -> NDArray[np.float64]:
    return np.broadcast_to(np.eye(4)[:3], moves.shape)


def _lagging(capture: Capture, used: Capture, sample: Sample, places: int) -> float:
    """Loss with the poses of frames some places on; infinite where too few pairs have them."""
    place_of = {number: place for place, number in enumerate(capture.frame_ids)}
    poses = np.full((len(used), 4, 4), np.nan)
    for n in sample.positions:
        place = place_of[used.frame_ids[n]] + places
        if 0 <= place < len(capture):
            poses[n] = _poses(capture, [place])[0]
    moves = sample.moves(poses)
    there = np.isfinite(moves).all(axis=(1, 2))
    if there.sum() < FEWEST:
        return np.inf
    losses = sample.losses(moves, every=_EVERY)
    return float(losses[there].mean())


def _poses(capture: Capture, positions: Any) -> NDArray[np.float64]:
    """``(N, 4, 4)`` world_from_camera, not finite where lost."""
    found = [capture.pose(position) for position in positions]
    lost = np.full((4, 4), np.nan)
    return np.array([lost if pose is None else pose.world_from_camera for pose in found])
