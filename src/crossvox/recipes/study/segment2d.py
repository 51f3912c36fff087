"""2D segmentation helped by 3D: labels of a 3D segmentation, rendered back into the frames.

Nothing is trained for it: a cell names the 3D segmentation that it is rendered from.
"""

from __future__ import annotations

from dataclasses import dataclass

from crossvox.core.checks import ParamsError, expect
from crossvox.recipes.study.segment3d import Study3dParams

NUMBERS = 2
"""Raised when the same study gives other results than before."""


@dataclass(frozen=True)
class Study2dParams(Study3dParams):
    """What all cells share: what the 3D segmentations do that they are rendered from, and frames.

    Attributes:
        frame_step: every so many of the frames with a pose is scored; all of them vote.
    """

    frame_step: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(
            self.frame_step >= 1,
            given=f"frame_step={self.frame_step}",
            needed="1 or more",
            do="correct frame_step of the target segment2d",
            error=ParamsError,
        )
