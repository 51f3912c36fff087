"""Numbers of what scenes count together: of all of them, and of all but each.

A scene's counts are arrays by name, such as a confusion matrix of vertices and one of voxels, that
may be added up over scenes and taken off again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crossvox.metrics.statistics import Pooled

Counts = Mapping[str, NDArray[np.int64]]
"""Counts of one scene, or of several that were added up."""


def added_up(counts: Iterable[Counts]) -> dict[str, NDArray[np.int64]]:
    """Counts over several scenes; what only some scenes have is added up over those."""
    total: dict[str, NDArray[np.int64]] = {}
    for one in counts:
        for name, array in one.items():
            total[name] = total[name] + array if name in total else array
    return total


def pooled(
    counts: Sequence[Sequence[Counts]], numbers: Callable[[Counts], Mapping[str, float]]
) -> dict[str, Pooled]:
    """Numbers over all scenes, and over all scenes but each.

    Args:
        counts: by seed and scene; the same scenes of every seed.
        numbers: what counts say, by name.

    Returns:
        By name, of all that any seed has over all scenes; NaN where a number is missing.
    """
    wholes: list[Mapping[str, float]] = []
    others: list[list[Mapping[str, float]]] = []
    for scenes in counts:
        total = added_up(scenes)
        wholes.append(numbers(total))
        others.append([numbers(_less(total, one)) for one in scenes])
    names = dict.fromkeys(name for whole in wholes for name in whole)
    return {
        name: Pooled(
            np.array([whole.get(name, math.nan) for whole in wholes]),
            np.array([[row.get(name, math.nan) for row in rows] for rows in others]),
        )
        for name in names
    }


def _less(total: Counts, one: Counts) -> dict[str, NDArray[np.int64]]:
    return {name: array - one[name] if name in one else array for name, array in total.items()}
