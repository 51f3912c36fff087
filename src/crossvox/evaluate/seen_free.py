"""How much of a surface stands in space that the frames saw to be free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.frame import Frame
from crossvox.core.volume import Score
from crossvox.metrics import seen_free_scores
from crossvox.views.looked_through import SEEN_FREE_FRAMES, looked_through


class SeenFree:
    """Counts the frames that look through the points of several surfaces.

    Each frame is read once for all, and none is kept.

    Args:
        points_m: ``(N, 3)`` of each surface, by name.
    """

    def __init__(self, points_m: Mapping[str, NDArray[Any]]) -> None:
        self._points = np.concatenate([np.zeros((0, 3)), *points_m.values()])
        self._counts, self._frames = np.zeros(len(self._points), np.uint16), 0
        ends = np.cumsum([0, *map(len, points_m.values())])
        self._parts = {
            name: slice(begin, end)
            for name, begin, end in zip(points_m, ends[:-1], ends[1:], strict=True)
        }

    def add(self, frame: Frame) -> None:
        """Count one more frame; see :func:`crossvox.views.looked_through.looked_through`."""
        self._frames += 1
        looked_through(self._points, [frame], counts=self._counts)

    def scores(
        self,
        name: str,
        unmeasured: NDArray[np.bool_] | None,
        protocol: str,
        counted: NDArray[np.bool_] | None = None,
    ) -> list[Score]:
        """Share of a surface's points that at least two of the frames so far look through.

        Undefined where there was no frame.

        Args:
            name: of the surface.
            unmeasured: which of its points are farther than 5 cm from fusion, if known: ``(N,)``,
                or of those that are counted.
            protocol: how points were taken from the surface.
            counted: ``(N,)`` which of its points are counted; None: all.
        """
        if not self._frames:
            unmeasured = None if unmeasured is None else unmeasured[:0]
            return seen_free_scores(np.zeros(0, bool), unmeasured, protocol)
        free = self._counts[self._parts[name]] >= SEEN_FREE_FRAMES
        free = free if counted is None else free[counted]
        return seen_free_scores(free, unmeasured, protocol)
