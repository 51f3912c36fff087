"""Which frames of a capture are used, where not all can be: those that together see the most.

A walk stands still here and hurries there: frames at even steps see some places ten times and
others never. Frames are taken one by one, each time the one that sees most of what the others saw
least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import oriented, unproject
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import Capture, Parts

CELL_M = 0.1
"""Edge of the cells that frames see or do not see."""

NEAR_M, FAR_M = 0.4, 4.0
"""What is nearer or farther is hardly measured: no frame is taken for it."""

CANDIDATES = 4
"""Of so many frames a frame that is used is chosen; a few neighbours see the same."""

_SIZE = (40, 30)


def covering(
    capture: Capture,
    positions: Sequence[int],
    most: int,
    report: Callable[[int, int], None] | None = None,
) -> list[int]:
    """The frames that together see the most.

    Args:
        capture: posed depth images; ones that cannot be read see nothing.
        positions: frames to choose from, all with a pose.
        most: how many are chosen.
        report: called with frames looked at, and frames to look at.

    Returns:
        Positions, rising; all of them where there are no more than ``most``.
    """
    if len(positions) <= most:
        return sorted(positions)
    steps = np.linspace(0, len(positions) - 1, min(len(positions), CANDIDATES * most))
    looked_at = [positions[at] for at in np.rint(steps).astype(int)]
    seen = []
    for done, index in enumerate(looked_at, start=1):
        seen.append(_cells(capture, index))
        if report is not None:
            report(done, len(looked_at))
    places = np.concatenate(seen)
    _, cell = np.unique(places, axis=0, return_inverse=True)
    ends = np.cumsum([len(cells) for cells in seen])
    numbers = [np.unique(part) for part in np.split(cell.reshape(-1), ends[:-1])]
    return sorted(looked_at[at] for at in _greedy(numbers, most))


def _greedy(seen: Sequence[NDArray[Any]], most: int) -> list[int]:
    """Which sets of cells are taken: the worth of a cell falls with the square of its takers."""
    takers = np.zeros(1 + max((int(cells.max()) for cells in seen if len(cells)), default=0))
    left = list(range(len(seen)))
    taken: list[int] = []
    while left and len(taken) < most:
        worth = 1 / (1 + takers) ** 2
        best = max(left, key=lambda at: (worth[seen[at]].sum(), -at))
        left.remove(best)
        taken.append(best)
        takers[seen[best]] += 1
    return taken


def _cells(capture: Capture, index: int) -> NDArray[np.int32]:
    """Cells ``(N, 3)`` in which a frame measures a surface, some more than once."""
    with suppress(CaptureError, PoseError):
        size = oriented(_SIZE, like=capture.camera().size)
        frame = capture.frame(index, size, Parts(rgb=False, labels=False))
        if frame.pose is not None and frame.depth_m is not None:
            points = unproject(frame.depth_m, frame.camera).reshape(-1, 3)
            near = (points[:, 2] >= NEAR_M) & (points[:, 2] <= FAR_M)
            return np.floor(frame.pose.apply(points[near]) / CELL_M).astype(np.int32)
    return np.zeros((0, 3), np.int32)
