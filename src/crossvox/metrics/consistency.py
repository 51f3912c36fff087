"""Whether features tell a place again from another view: nearest neighbours, nothing trained.

For a point that two frames see, the place of the other frame whose feature is most alike (cosine)
should be the same point. After the correspondence probes of El Banani et al. 2024 ("Probing the 3D
Awareness of Visual Foundation Models"), which group points by the angle between the views as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect

Array = NDArray[Any]

WITHIN_M = 0.1
"""A match this near counts as the same point: about a feature pixel at room distance."""

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of the points of one pair of frames.

    Attributes:
        right: ``(Q,)`` bool, the most alike place is near enough.
        chance: ``(Q,)`` share of the places that are: what guessing gets.
    """

    right: NDArray[np.bool_]
    chance: NDArray[np.float64]


def matches(
    asked: Array, asked_m: Array, places: Array, places_m: Array, within_m: float = WITHIN_M
) -> Matches:
    """Find each point again among the places of another frame.

    Args:
        asked: ``(Q, C)`` features of points in the one frame.
        asked_m: ``(Q, 3)`` where they are, metres.
        places: ``(P, C)`` features of all places in the other frame, P > 0.
        places_m: ``(P, 3)`` where those are.
        within_m: how far the place may be from the point.

    Raises:
        ShapeError: features and places do not belong together, or there are no places.
    """
    expect(
        asked.shape == (len(asked_m), places.shape[1]) and len(places) == len(places_m) > 0,
        given=f"{asked.shape} features of {len(asked_m)} points and {places.shape} of "
        f"{len(places_m)} places",
        needed="features of one size, one a point, and at least one place",
        do="read both from one network",
        error=ShapeError,
    )
    one, other = _unit(asked), _unit(places)
    right, chance = np.zeros(len(one), bool), np.zeros(len(one))
    for begin in range(0, len(one), _ROWS):
        rows = slice(begin, begin + _ROWS)
        away = np.asarray(asked_m[rows])[:, None] - np.asarray(places_m)[None]
        near = (away**2).sum(axis=2) <= within_m**2
        # Of several that are equally alike (colours that are cut off, say) none is preferred.
        alike = one[rows] @ other.T
        best = alike >= alike.max(axis=1, keepdims=True) - 1e-6
        right[rows] = (best & near).sum(axis=1) > 0.5 * best.sum(axis=1)
        chance[rows] = near.mean(axis=1)
    return Matches(right, chance)


def _unit(values: Array) -> NDArray[np.float32]:
    found = np.asarray(values, np.float32)
    sizes = np.sqrt((found**2).sum(axis=1, keepdims=True))
    return found / np.maximum(sizes, np.finfo(np.float32).tiny)
