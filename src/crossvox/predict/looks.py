"""Which frames are worth labelling: those that show what others have not shown often enough.

A camera that is carried through a room sees most of it many times over, and what the tenth label
adds to the mean of nine is little beside what it costs: labelling is most of the time of a scan. So
the room is cut into cells, and a frame is left out where nearly all that it measures lies in cells
that enough frames have been labelled for. Only counts are kept, and what is decided of a frame
depends on those before it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import unproject
from crossvox.core.frame import Frame

CELL_M = 0.25
"""Edge of the cells. Smaller ones are not met again by the sparse points of a far surface."""

LACKING, UNSEEN = 0.3, 0.03
"""A frame is labelled if more than this share of what it measures lies in cells that have not been
labelled often enough; or, of the second, never."""

_STEP = 4
"""Every so many rows and columns are looked at."""


class EnoughLooks:
    """Tells frame by frame whether it is worth labelling, and counts it if so.

    Args:
        enough: labelled frames that a cell needs.
        far_m: readings beyond this do not count, metres.
    """

    def __init__(self, enough: int, far_m: float) -> None:
        self._enough, self._far_m = enough, far_m
        self._looks: dict[tuple[int, ...], int] = {}

    def wants(self, frame: Frame) -> bool:
        """Whether a frame is to be labelled. Of one without depth or pose nobody knows: it is."""
        if frame.depth_m is None or frame.pose is None:
            return True
        depth_m = frame.depth_m[::_STEP, ::_STEP]
        points = unproject(depth_m, frame.camera.thinned(_STEP)).reshape(-1, 3)
        points = points[(points[:, 2] > 0) & (points[:, 2] <= self._far_m)]
        if not len(points):
            return True
        cells, counts = _cells(frame.pose.apply(points))
        looks = np.array([self._looks.get(cell, 0) for cell in cells])
        lacking, unseen = (counts[looks < least].sum() for least in (self._enough, 1))
        if lacking <= LACKING * len(points) and unseen <= UNSEEN * len(points):
            return False
        for cell in cells:
            self._looks[cell] = self._looks.get(cell, 0) + 1
        return True


def _cells(points_m: NDArray[np.float64]) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
    """The cells that points lie in, and how many lie in each."""
    places = np.floor(points_m / CELL_M).astype(np.int64)
    cells, counts = np.unique(places, axis=0, return_counts=True)
    return [tuple(cell) for cell in cells.tolist()], counts


class WorthLabelling:
    """Frames in their order, without those that enough others have been labelled for.

    Args:
        frames: iterated once for each time that this is.
        enough: labelled frames that a cell needs; 0 leaves nothing out.
        far_m: readings beyond this do not count, metres.

    Attributes:
        left_out: how many were left out, the last time.
    """

    def __init__(self, frames: Iterable[Frame], enough: int, far_m: float) -> None:
        self._frames, self._enough, self._far_m = frames, enough, far_m
        self.left_out = 0

    def __iter__(self) -> Iterator[Frame]:
        self.left_out = 0
        looks = EnoughLooks(self._enough, self._far_m)
        for frame in self._frames:
            if self._enough == 0 or looks.wants(frame):
                yield frame
            else:
                self.left_out += 1
