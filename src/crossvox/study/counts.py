"""Counts by scene, and the scores of their sum: what no mean over scenes can give.

A scene's counts are arrays by name, such as a confusion matrix of vertices and one of voxels, that
may be added up over scenes. In JSON only what is not zero is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Score
from crossvox.study.statistics import Pooled

Counts = Mapping[str, NDArray[np.int64]]
"""Counts of one scene, or of several that were added up."""

Pool = Callable[[Counts], Sequence[Score]]
"""Scores of counts."""


def pack(counts: Mapping[str, Counts]) -> dict[str, dict[str, Any]]:
    """Counts by scene as JSON types."""
    return {
        scene: {
            name: {
                "shape": list(array.shape),
                "at": (at := np.flatnonzero(array)).tolist(),
                "count": array.reshape(-1)[at].tolist(),
            }
            for name, array in one.items()
        }
        for scene, one in counts.items()
    }


def unpack(record: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Counts by scene of what :func:`pack` made of them."""
    found: dict[str, dict[str, NDArray[np.int64]]] = {}
    for scene, one in record.items():
        found[scene] = {}
        for name, packed in one.items():
            array = np.zeros(math.prod(packed["shape"]), np.int64)
            array[packed["at"]] = packed["count"]
            found[scene][name] = array.reshape(packed["shape"])
    return found


def added(counts: Iterable[Counts]) -> dict[str, NDArray[np.int64]]:
    """Counts over several scenes; what only some scenes have is added up over those."""
    total: dict[str, NDArray[np.int64]] = {}
    for one in counts:
        for name, array in one.items():
            total[name] = total[name] + array if name in total else array
    return total


def pooled_scores(
    counts: Sequence[Mapping[str, Counts]], scenes: Sequence[str], pool: Pool
) -> dict[str, Pooled]:
    """Scores over all scenes, and over all scenes but each.

    Args:
        counts: by seed: counts by scene.
        scenes: all of them.
        pool: scores of counts.

    Returns:
        By score.
    """
    wholes: list[dict[str, float]] = []
    others: list[list[dict[str, float]]] = []
    for one in counts:
        total = added(one[scene] for scene in scenes)
        wholes.append(_values(pool(total)))
        others.append([_values(pool(_less(total, one[scene]))) for scene in scenes])
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


def _values(scores: Sequence[Score]) -> dict[str, float]:
    return {score.name: score.value for score in scores}
