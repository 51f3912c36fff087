"""Poses for RGB-D frames that have none: tracked from one frame to the next, by Open3D."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from crossvox.capture.params import CaptureParams
from crossvox.core.checks import ParamsError, expect
from crossvox.flow.progress import Progress
from crossvox.recipes.commands import Flag


@dataclass(frozen=True)
class TrackParams:
    """How frames are tracked.

    Attributes:
        width: image width that is tracked at, pixels.
        agree: a frame counts as tracked if this share of its depth agrees with the frame before
            it within 5 cm.
        patience: frames after the last tracked one that are still tried against it.

    Raises:
        ParamsError: a value makes no sense.
    """

    width: int = 320
    agree: float = 0.6
    patience: int = 15

    def __post_init__(self) -> None:
        expect(
            32 <= self.width <= 4096 and 0 <= self.agree <= 1 and self.patience >= 0,
            given=f"width {self.width}, share {self.agree}, patience {self.patience}",
            needed="a width of 32 to 4096 pixels, a share of 0 to 1, and no negative number",
            do="correct --width, --agree or --patience",
            error=ParamsError,
        )


@dataclass(frozen=True)
class TrackReport:
    """What became of it.

    Attributes:
        trajectory: the file that was written.
        frames: of the capture.
        tracked: of them, those with a pose.
        lost: frame numbers without one.
        length_m: of the way.
    """

    trajectory: Path
    frames: int
    tracked: int
    lost: tuple[int, ...]
    length_m: float


def track(
    capture: Path,
    out: Path,
    params: TrackParams | None = None,
    *,
    how: Annotated[CaptureParams | None, Flag("")] = None,
    progress: Progress | None = None,
) -> TrackReport:
    """Track the poses of an RGB-D capture that has none, and write them as a trajectory (TUM).

    These poses are odometry: each frame stands beside the one before it, errors add up, and nothing
    closes a loop. A few seconds of steady motion are good; a whole flat is not. Frames must follow
    each other closely, as a camera records them. The world is the first frame's camera.

    Args:
        capture: a capture in any format that can be read.
        out: the file, for ``--trajectory`` of scan, prepare and info; one of before is replaced.
        params: size, and what counts as tracked.
        how: how the capture departs from what its files say.
        progress: who watches.

    Raises:
        CaptureError: the capture cannot be read, or no two frames fit together.
        ParamsError: Open3D is missing, or OUT holds something else.
    """
    from crossvox.recipes.track_frames import track_capture

    return track_capture(capture, out, params or TrackParams(), how or CaptureParams(), progress)
