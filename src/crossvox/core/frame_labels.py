"""What an image network, or a folder of label images, says of the classes in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ShapeError, expect
from crossvox.core.frame import Frame


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """Probabilities of classes by field of pixels.

    Attributes:
        probability: ``(h, w, C)`` float32 from 0 to 1, channel ``c`` is class ``c + 1``; they sum
            to 1 where something is said, and are all 0 where nothing is. The classes lie last: one
            field's are read together.
        stride: pixels of the frame along each axis that one field stands for: field ``(i, j)`` is
            ``[i s, (i + 1) s) x [j s, (j + 1) s)``, so that ``h = ceil(H / s)``.
    """

    probability: NDArray[np.float32]
    stride: int

    def __post_init__(self) -> None:
        expect(
            self.probability.ndim == 3 and self.stride >= 1,
            given=f"probabilities of shape {self.probability.shape}, stride {self.stride}",
            needed="(h, w, C) and a stride of at least 1",
            do="check the labeller",
            error=ShapeError,
        )


class FrameLabeller(Protocol):
    """Labels frames, one at a time."""

    @property
    def classes(self) -> int:
        """Channels of its probabilities."""
        ...

    def __call__(self, frame: Frame) -> FrameLabels | None:
        """What is said of a frame with colour (and depth and pose, where there are any).

        Returns:
            None where nothing is said of this frame.
        """
        ...
