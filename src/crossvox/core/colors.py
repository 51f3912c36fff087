"""How colours become the numbers that networks read: one rule for all data, told by every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossvox.core.artifact import plain
from crossvox.core.checks import CheckpointError, ParamsError, expect

RECORD = "normalisation"
"""Entry of a run's record that tells how its images were normalised."""

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Normalisation:
    """Images are scaled to ``(colour - mean) / std``, RGB on [0, 1].

    Attributes:
        mean, std: red, green and blue.

    Raises:
        ParamsError: not three numbers each, or a deviation that is not positive.
    """

    mean: RGB
    std: RGB

    def __post_init__(self) -> None:
        expect(
            len(self.mean) == len(self.std) == 3
            and all(math.isfinite(value) for value in (*self.mean, *self.std))
            and min(self.std) > 0,
            given=f"a normalisation by {self.mean} and {self.std}",
            needed="three means and three positive deviations",
            do="give red, green and blue on [0, 1]",
            error=ParamsError,
        )


COLORS = Normalisation((0.496342, 0.466664, 0.440796), (0.277856, 0.28623, 0.291129))
"""How this package normalises all images: statistics of the published pipeline's training images.

A network whose weights read another scale converts (:class:`crossvox.networks.rescale.Rescale`).
"""

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What most weights from ImageNet read."""

CENTRED = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""To [-1, 1]."""


def check_recorded(record: Any, run: str) -> None:
    """Refuse a run whose images were normalised in another way; none told means :data:`COLORS`.

    Raises:
        CheckpointError: says both ways.
    """
    told, own = record.get(RECORD) if isinstance(record, Mapping) else None, plain(COLORS)
    expect(
        told is None or told == own,
        given=f"{run}, which read images normalised by {told}",
        needed=f"{own}, as this version normalises them",
        do="use the version of crossvox that trained it, or train anew",
        error=CheckpointError,
    )
