"""How cameras were held, told by their path and by the room: upright, on their side, upside down.

Nobody walks up and down walls: along up a camera's path is flat, and panning turns the view about
it. Neither depends on how the camera was held. Which end of that axis is up is told by furniture,
whose tops are seen and whose undersides are not, by floors, which are seen more than ceilings, and
by people, who look down more than up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

PAN, WALK_M = 0.3, 0.1
"""Views must spread this much (root of the variance of their directions) and cameras this far for
the path to tell anything."""

SURELY, PERHAPS = 1.6, 0.4
"""By how much the path must speak for another axis (logarithm of a ratio): to take it; to doubt."""

UPSIDE_DOWN = -0.4
"""Below this the room says that up is down."""

_EDGE_M = 0.2


@dataclass(frozen=True)
class Evidence:
    """What speaks for a direction to be up.

    Attributes:
        axis: how flat the path is along it, and how much the view turns about it: the larger, the
            more likely; 0 where the path tells nothing.
        sign: -1 to 1, whether up is this end of the axis.
    """

    axis: float
    sign: float


def evidence(up: Array, normals: Array, areas: Array, centres_m: Array, poses: Array) -> Evidence:
    """What speaks for ``up (3,)``.

    Args:
        up: a direction.
        normals, areas, centres_m: of faces, ``(F, 3)``, ``(F,)``, ``(F, 3)``.
        poses: ``(N, 4, 4)`` world_from_camera.
    """
    places, views = poses[:, :3, 3], poses[:, :3, 2]
    walk, pan = _spread(places), _spread(views)
    axis = 0.0
    if walk > WALK_M and pan > PAN:
        flat = max(float((places @ up).std()) / walk, 0.05)
        level = max(float((views @ up).std()) / pan, 0.05)
        axis = float(-np.log(flat * level))
    return Evidence(axis, _sign(up, normals, areas, centres_m, views))


def _spread(vectors: Array) -> float:
    return float(np.sqrt(np.trace(np.cov(vectors.T)))) if len(vectors) > 2 else 0.0


def _sign(up: Array, normals: Array, areas: Array, centres_m: Array, views: Array) -> float:
    heights, facing = centres_m @ up, normals @ up
    order = np.argsort(heights)
    share = np.cumsum(areas[order]) / areas.sum()
    first, last = (int(np.searchsorted(share, part)) for part in (0.005, 0.995))
    low, high = heights[order[first]], heights[order[min(last, len(order) - 1)]]
    between = (heights > low + _EDGE_M) & (heights < high - _EDGE_M)
    upward, downward = facing > 0.95, facing < -0.95
    tops = _balance(areas[between & upward].sum(), areas[between & downward].sum(), areas.sum())
    floor, ceiling = upward & (heights < low + _EDGE_M), downward & (heights > high - _EDGE_M)
    ground = _balance(areas[floor].sum(), areas[ceiling].sum(), areas.sum())
    looks = float(np.clip(-(views @ up).mean() / 0.3, -1, 1))
    return (tops + ground + looks) / 3


def _balance(one: float, other: float, whole: float) -> float:
    """-1 to 1; near 0 where both are next to nothing."""
    return float((one - other) / (one + other + 0.01 * whole))
