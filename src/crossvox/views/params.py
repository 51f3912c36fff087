"""How frames look at voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crossvox.core.camera import Intrinsics, Size
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
        camera: one camera for all scans: fx, fy, cx, cy, and the width and height of the image that
            they are told for, as the published pipeline has it. Empty: each scan's own.
    """

    width: int = 320
    height: int = 240
    near_m: float = 0.4
    far_m: float = 4.0
    tolerance_m: float = 0.05
    max_views: int = 5
    geometry: Literal["exact", "thesis"] = "exact"
    camera: tuple[float, ...] = ()

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

        expect(
            len(self.camera) in (0, 6),
            given=f"a camera of {len(self.camera)} numbers",
            needed="six: fx, fy, cx, cy, width, height; or none, for each scan's own",
            do="correct --views.camera",
            error=ParamsError,
        )
        _ = self.one_camera  # checks the rest

    @property
    def one_camera(self) -> Intrinsics | None:
        """The camera of all scans; None: each has its own."""
        if not self.camera:
            return None
        fx, fy, cx, cy, width, height = self.camera
        return Intrinsics(fx, fy, cx, cy, int(width), int(height))

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.width, self.height
