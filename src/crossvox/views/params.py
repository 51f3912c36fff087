"""How frames look at voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crossvox.core.camera import Size
from crossvox.core.checks import ParamsError, expect
from crossvox.core.params import check_choices


@dataclass(frozen=True)
class ViewParams:
    """How frames look at voxels.

    Attributes:
        width: image width that views are taken at, pixels.
        height: image height that views are taken at, pixels.
        near_m: smallest depth reading that is trusted, metres.
        far_m: largest depth reading that is trusted, metres.
        tolerance_m: how far a voxel centre may lie before or behind the reading, metres.
        max_views: views a sub-volume takes at most.
        geometry: "exact" crops the camera together with its image; "thesis" treats the crop as a
            scale, as the published pipeline does (for comparison with its numbers).
    """

    width: int = 320
    height: int = 240
    near_m: float = 0.4
    far_m: float = 4.0
    tolerance_m: float = 0.05
    max_views: int = 5
    geometry: Literal["exact", "thesis"] = "exact"

    def __post_init__(self) -> None:
        check_choices(self)
        expect(
            self.width > 0 and self.height > 0 and self.max_views > 0,
            given=f"views of {self.width}x{self.height}, at most {self.max_views}",
            needed="a positive size and at least one view",
            do="correct --views.width, --views.height or --views.max-views",
            error=ParamsError,
        )
        expect(
            0 <= self.near_m < self.far_m and self.tolerance_m >= 0,
            given=f"depths from {self.near_m} to {self.far_m} m within {self.tolerance_m} m",
            needed="0 <= near < far and a tolerance of 0 or more",
            do="correct --views.near-m, --views.far-m or --views.tolerance-m",
            error=ParamsError,
        )

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.width, self.height
