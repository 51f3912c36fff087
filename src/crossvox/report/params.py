"""What the page shows: typed parameters."""

from __future__ import annotations

from dataclasses import dataclass

from crossvox.core.checks import ParamsError, expect


@dataclass(frozen=True)
class ReportParams:
    """What the page shows.

    Attributes:
        title: heading; empty makes one.
        max_scenes: so many scenes get pictures and a 3D view; tables always hold all of them.
        sample_frames: frames of each scene that are shown as colour and depth.
        picture_width_px: width of the rendered pictures.
        error_reach_m: distance at which the colour code of errors ends, metres.
        view_3d: whether to write the 3D views and GLB files beside the page.
        view_faces: triangles that a surface is thinned to in the 3D view.
    """

    title: str = ""
    max_scenes: int = 4
    sample_frames: int = 4
    picture_width_px: int = 600
    error_reach_m: float = 0.05
    view_3d: bool = True
    view_faces: int = 40_000

    def __post_init__(self) -> None:
        expect(
            self.max_scenes >= 0
            and self.sample_frames >= 0
            and self.picture_width_px >= 64
            and self.error_reach_m > 0
            and self.view_faces > 0,
            given=f"{self}",
            needed="counts of 0 or more, pictures of 64 pixels or more, a positive reach",
            do="correct the parameter",
            error=ParamsError,
        )
