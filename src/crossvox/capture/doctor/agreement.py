"""How well depth and poses agree: frames seen from their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.sample import (
    ANCHORS,
    SEEN,
    Sample,
    as_stored,
    choose_pairs,
    read_trail,
    standing_still,
    take_sample,
)
from crossvox.core.frame import Capture

Array = NDArray[Any]

WITHIN_M = 0.05
NEAR, FAR = WITHIN_M, 0.03
"""A point in front of the surface there by more than this (metres, or share of depth) is in space
that the other frame saw to be free."""


@dataclass(frozen=True)
class PairAgreement:
    """One frame seen from another.

    Attributes:
        first, second: frame numbers: whose points, and whose depth they are held against.
        median_m: median distance along z.
        within: share of what is seen again within :data:`WITHIN_M`.
        free: share of it that lies where the second frame saw free space.
        overlap: share of the first frame's points that the second reads something at.
        still_m: median distance if the camera had not moved.
        angle_deg, way_m: by how much the poses differ.
    """

    first: int
    second: int
    median_m: float
    within: float
    free: float
    overlap: float
    still_m: float
    angle_deg: float
    way_m: float


@dataclass(frozen=True)
class Agreement:
    """How well depth and poses of a capture agree.

    Attributes:
        median_m: median distance along z of points from the surface that another frame saw; NaN
            where no frame sees what another saw.
        within: share of the points within 5 cm.
        free: share of them in space that another frame saw to be free.
        overlap: share of points that are seen again.
        still_m: median distance if no camera had moved: what poses that say nothing would give.
        loss: mean distance relative to depth, cut off at 5 %, 0 to 1; a pair that sees
            nothing again counts 1.
        still_loss: the same if no camera had moved.
        depth_m: median reading.
        pairs: each pair.
    """

    median_m: float
    within: float
    free: float
    overlap: float
    still_m: float
    loss: float
    still_loss: float
    depth_m: float
    pairs: tuple[PairAgreement, ...] = field(default=(), repr=False)

    @property
    def moves(self) -> bool:
        """Whether the images differ enough for poses to matter."""
        return bool(self.still_loss > 0.08)


def agreement(capture: Capture) -> Agreement:
    """How well depth and poses of a capture agree, from about 30 pairs of its frames."""
    capture, without = as_stored(capture)
    trail = read_trail(capture, without)
    poses = trail.delivered
    sample = take_sample(capture, choose_pairs(poses, ANCHORS))
    return of_sample(sample, poses, capture.frame_ids)


def of_sample(sample: Sample, poses: Array, frame_ids: tuple[int, ...]) -> Agreement:
    """The same of frames that were read already, by ``(N, 4, 4)`` poses of all frames."""
    moves = sample.moves(poses)
    off, there = sample.compared(moves)
    still_off, _ = sample.compared(standing_still(moves))
    losses, still = sample.losses(moves), sample.losses(standing_still(moves))
    seen, tried = np.isfinite(off), there > -1.5
    counts = np.maximum(seen.sum(axis=1), 1)
    free = seen & (off > np.maximum(NEAR, FAR * there))
    within = seen & (np.abs(off) < WITHIN_M)
    overlap = seen.sum(axis=1) / np.maximum(tried.sum(axis=1), 1)
    pairs = tuple(
        PairAgreement(
            int(frame_ids[a]),
            int(frame_ids[b]),
            _median(off[n]),
            float(within[n].sum() / counts[n]),
            float(free[n].sum() / counts[n]),
            float(overlap[n]),
            _median(still_off[n]),
            *_motion(moves[n]),
        )
        for n, (a, b) in enumerate(sample.frame_pairs)
    )
    used = overlap >= SEEN
    return Agreement(
        median_m=_median(off[used]),
        within=_share(within[used], seen[used]),
        free=_share(free[used], seen[used]),
        overlap=float(overlap.mean()) if len(overlap) else float("nan"),
        still_m=_median(still_off),
        loss=float(losses.mean()) if len(losses) else float("nan"),
        still_loss=float(still.mean()) if len(still) else float("nan"),
        depth_m=sample.median_m,
        pairs=pairs,
    )


def _median(off: Array) -> float:
    values = np.abs(off[np.isfinite(off)])
    return float(np.median(values)) if values.size else float("nan")


def _share(part: Array, whole: Array) -> float:
    return float(part.sum() / whole.sum()) if whole.sum() else float("nan")


def _motion(move: Array) -> tuple[float, float]:
    cosine = np.clip((np.trace(move[:, :3]) - 1) / 2, -1, 1)
    return float(np.degrees(np.arccos(cosine))), float(np.linalg.norm(move[:, 3]))
