"""How a capture is opened where it departs from what its files say. Light to import."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crossvox.core.checks import ParamsError, expect
from crossvox.core.convention import Axes, Direction

RegistrationMode = Literal["auto", "none"]
"""``auto`` moves depth onto the colour grid where the cameras differ; ``none`` only resizes it, as
the published pipeline does."""

Confidence = Literal["low", "medium", "high"]
CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")


@dataclass(frozen=True)
class CaptureParams:
    """How a capture departs from what its format takes for granted; None: as the format has it.

    Attributes:
        depth_scale: depth units a metre: 1000 for millimetres, 5000 for TUM, 6553.5 for Replica, 1
            for metres; below 1 it is metres a unit (0.001).
        axes: camera axes of the stored poses: opencv (x right, y down, z forward) or opengl (x
            right, y up, z backward: ARKit, Blender, NeRF).
        poses: what stored poses do: camera-to-world or world-to-camera.
        intrinsics: FX,FY,CX,CY of the colour images in pixels, or a file that holds them.
        trajectory: file with the poses of the colour camera instead of the capture's own: TUM
            (time and pose), KITTI (12 numbers a frame), 4x4 matrices or Open3D (.log); opencv and
            camera-to-world, unless --axes and --poses say otherwise.
        confidence: depth below this is left out, of devices that tell: low keeps all.
        upright: turn images that a phone stored on their side; no leaves them as stored.
        registration: auto brings depth onto the colour camera's pixels where the cameras differ;
            none only resizes it.
        assume_camera: take the usual camera for a folder without a camera file, which is refused
            otherwise.

    Raises:
        ParamsError: a value makes no sense.
    """

    depth_scale: float | None = None
    axes: Axes | None = None
    poses: Direction | None = None
    intrinsics: str | None = None
    trajectory: Path | None = None
    confidence: Confidence = "medium"
    upright: bool = True
    registration: RegistrationMode = "auto"
    assume_camera: bool = False

    def __post_init__(self) -> None:
        scale = self.depth_scale
        expect(
            scale is None or (math.isfinite(scale) and scale > 0),
            given=f"--depth-scale {scale}",
            needed="depth units a metre, as 1000 for millimetres, or metres a unit, as 0.001",
            do="pass a positive number",
            error=ParamsError,
        )

    @property
    def units_per_m(self) -> float | None:
        """Depth units a metre, where given."""
        if self.depth_scale is None or self.depth_scale >= 1:
            return self.depth_scale
        return 1 / self.depth_scale

    @property
    def least_confidence(self) -> int:
        """0 low, 1 medium, 2 high."""
        return CONFIDENCES.index(self.confidence)

    def camera_values(self) -> tuple[float, float, float, float] | None:
        """``fx, fy, cx, cy`` that stand in :attr:`intrinsics` itself; None if it is none or a file.

        Raises:
            ParamsError: numbers, but not four.
        """
        words = (self.intrinsics or "").replace(",", " ").split()
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            return None
        expect(
            len(values) in (0, 4),
            given=f"--intrinsics {self.intrinsics}",
            needed="FX,FY,CX,CY in pixels of the colour images, or a file",
            do="pass four numbers",
            error=ParamsError,
        )
        return values if len(values) == 4 else None

    def camera_text(self) -> str | None:
        """:attr:`intrinsics` as ``FX,FY,CX,CY``, also where they stand in a file.

        Raises:
            CaptureError: the file cannot be read, or holds no camera.
        """
        if self.intrinsics is None or self.camera_values() is not None:
            return self.intrinsics
        from crossvox.capture.cameras import camera_numbers

        return ",".join(repr(value) for value in camera_numbers(Path(self.intrinsics)))


AS_STORED = CaptureParams()
"""Nothing departs."""
