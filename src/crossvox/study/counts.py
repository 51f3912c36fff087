"""Counts by scene (:mod:`crossvox.metrics.pooled`) in files, and the scores of their sum: what no
mean over scenes can give.

In JSON only what is not zero is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.volume import Score
from crossvox.metrics.pooled import Counts, pooled
from crossvox.metrics.statistics import Pooled

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


MOST_COUNTS = 1 << 24
"""Numbers that the counts of one kind may have; a table of 41 x 41 classes has 1,681."""


@dataclass(frozen=True)
class Packed:
    """Counts as JSON types: the shape of their array, and what is not 0 in C order."""

    shape: list[int]
    at: list[int]
    count: list[int]

    def array(self) -> NDArray[np.int64]:
        """The array.

        Raises:
            ArtifactError: these make none.
        """
        size = math.prod(self.shape)
        expect(
            len(self.at) == len(self.count)
            and min(self.shape, default=1) >= 0
            and size <= MOST_COUNTS
            and all(0 <= at < size for at in self.at)
            and all(0 <= count < 1 << 63 for count in self.count),
            given=f"{len(self.count)} counts at {len(self.at)} places of an array of {self.shape}",
            needed="places within the array, and a count of 64 bits for each",
            do="delete the file and run the study again",
            error=ArtifactError,
        )
        array = np.zeros(size, np.int64)
        array[self.at] = self.count
        return array.reshape(self.shape)


def unpack(record: Any) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Counts by scene of what :func:`pack` made of them.

    Raises:
        ArtifactError: it made something else.
    """
    try:
        packed = msgspec.convert(record, dict[str, dict[str, Packed]])
    except msgspec.ValidationError as error:
        raise ArtifactError(
            f"given: counts that cannot be read ({error}); needed: counts as a study wrote them; "
            f"do: delete the file and run the study again"
        ) from None
    return {scene: {k: v.array() for k, v in one.items()} for scene, one in packed.items()}


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
    by_seed = [[one[scene] for scene in scenes] for one in counts]
    return pooled(by_seed, lambda found: score_values(pool(found)))


def score_values(scores: Sequence[Score]) -> dict[str, float]:
    """Bare numbers by name."""
    return {score.name: score.value for score in scores}
