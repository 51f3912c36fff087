"""Numbers in a drawing that do not cover each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

Place = tuple[float, float]

_DIRECTIONS = 12


def free_place(place: Place, taken: Sequence[Place], apart: float) -> Place:
    """The nearest place, of rings around the one wished for, that is as far from all others.

    Args:
        place: wished for.
        taken: places of the others.
        apart: least distance.

    Example:
        >>> free_place((0.0, 0.0), [(5.0, 0.0)], 2.0)
        (0.0, 0.0)
    """
    for ring in itertools.count():
        for step in range(_DIRECTIONS if ring else 1):
            angle = math.pi / 2 + 2 * math.pi * step / _DIRECTIONS
            reach = ring * apart / 3
            at = (place[0] + reach * math.cos(angle), place[1] + reach * math.sin(angle))
            if all(math.dist(at, other) >= apart for other in taken):
                return at if ring else place
    raise AssertionError("rings do not end")
