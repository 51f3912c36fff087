"""Which frames are worth labelling: those that show what others have not shown often enough.

A camera that is carried through a room sees most of it many times over, and what the tenth label
adds to the mean of nine is little beside what it costs: labelling is most of the time of a scan. So
the room is cut into cells, and a frame is left out where nearly all that it measures lies in cells
that enough frames have been labelled for. A look from afar counts as little as its votes will. Only
sums are kept, and what is decided of a frame depends on those before it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import unproject
from crossvox.core.frame import Frame
from crossvox.scene.params import VoteParams

CELL_M = 0.25
"""Edge of the cells. Smaller ones are not met again by the sparse points of a far surface."""

LACKING, UNSEEN = 0.3, 0.03
"""A frame is labelled if more than this share of what it measures lies in cells that have not been
labelled often enough; or, of the second, never."""

_STEP = 4
"""Every so many rows and columns are looked at."""

_WIDEST = (1 << 21) - 1
"""Cells further apart than so many, 500 km, may have one number."""


class EnoughLooks:
    """Tells frame by frame whether it is worth labelling, and counts it if so.

    Args:
        enough: labelled frames that a cell needs, if they see it from near by.
        votes: how far readings count, and how much less with the distance.
    """

    def __init__(self, enough: float, votes: VoteParams) -> None:
        self._enough, self._votes = enough, votes
        self._looks: dict[int, float] = {}

    def wants(self, frame: Frame) -> bool:
        """Whether a frame is to be labelled.

        One without depth or pose is, for nobody knows what it shows; one without colour is told as
        what it is, a frame that nothing can be said of. Neither counts.
        """
        if frame.rgb is None or frame.depth_m is None or frame.pose is None:
            return True
        depth_m = frame.depth_m[::_STEP, ::_STEP]
        points = unproject(depth_m, frame.camera.thinned(_STEP)).reshape(-1, 3)
        points = points[(points[:, 2] > 0) & (points[:, 2] <= self._votes.far_m)]
        if not len(points):
            return True
        cells, counts, distance_m = _cells(frame.pose.apply(points), points[:, 2])
        looks = np.array([self._looks.get(cell, 0.0) for cell in cells])
        lacking, unseen = counts[looks < self._enough].sum(), counts[looks == 0].sum()
        if lacking <= LACKING * len(points) and unseen <= UNSEEN * len(points):
            return False
        worth = 1 / (1 + (distance_m / self._votes.half_m) ** 2)
        self._looks.update(zip(cells, (looks + worth).tolist(), strict=True))
        return True


def _cells(
    points_m: NDArray[np.float64], distance_m: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.int64], NDArray[np.float64]]:
    """The cells that points lie in, how many lie in each, and their mean distance."""
    x, y, z = np.floor(points_m / CELL_M).astype(np.int64).T & _WIDEST
    numbers = (x * (_WIDEST + 1) + y) * (_WIDEST + 1) + z
    cells, cell, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return cells.tolist(), counts, np.bincount(cell, distance_m, len(cells)) / counts


class WorthLabelling:
    """Frames in their order, without those that enough others have been labelled for.

    Args:
        frames: iterated once for each time that this is.
        enough: see :class:`EnoughLooks`; 0 leaves nothing out.
        votes: likewise.

    Attributes:
        left_out: how many were left out, the last time.
    """

    def __init__(self, frames: Iterable[Frame], enough: float, votes: VoteParams) -> None:
        self._frames, self._enough, self._votes = frames, enough, votes
        self.left_out = 0

    def __iter__(self) -> Iterator[Frame]:
        self.left_out = 0
        looks = EnoughLooks(self._enough, self._votes)
        for frame in self._frames:
            if self._enough == 0 or looks.wants(frame):
                yield frame
            else:
                self.left_out += 1
