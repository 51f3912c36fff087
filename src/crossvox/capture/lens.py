"""Lens distortion taken out of images, and images of one camera brought onto the pixels of another.

All images of a capture are delivered by one pinhole camera. Where a device tells a camera for each
frame (focal length moves with focus and stabilisation), or the distortion of its lens, images are
resampled: colour bilinearly, depth and labels by the nearest pixel, so that no value is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ParamsError, expect
from crossvox.doors.images import lens_map, remap

Array = NDArray[Any]
LensModel = Literal["brown", "fisheye"]

SAME_PX = 0.1
"""Images are left alone where no pixel would move by more."""


@dataclass(frozen=True)
class Lens:
    """Distortion in OpenCV's order of coefficients.

    Attributes:
        model: ``brown``: k1, k2, p1, p2[, k3[, k4, k5, k6]] (Brown 1966; COLMAP's SIMPLE_RADIAL,
            RADIAL, OPENCV and FULL_OPENCV are cases of it); ``fisheye``: k1, k2, k3, k4 over the
            angle (Kannala and Brandt 2006; COLMAP's OPENCV_FISHEYE).
        coefficients: as many as the model takes.

    Raises:
        ParamsError: another number of coefficients, or one that is not finite.
    """

    model: LensModel
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = (4, 5, 8) if self.model == "brown" else (4,)
        expect(
            len(self.coefficients) in counts and bool(np.isfinite(self.coefficients).all()),
            given=f"a {self.model} lens of {self.coefficients}",
            needed=f"{' or '.join(map(str, counts))} finite coefficients",
            do="check the camera file",
            error=ParamsError,
        )

    @property
    def is_none(self) -> bool:
        """Whether it distorts nothing."""
        return self.model == "brown" and not any(self.coefficients)


def largest_shift_px(camera: Intrinsics, target: Intrinsics) -> float:
    """By how much a pixel of ``camera`` lies elsewhere in ``target`` at worst, both of one size."""
    shifts = [
        target_f * (edge - c) / f + target_c - edge
        for f, c, target_f, target_c, size in (
            (camera.fx, camera.cx, target.fx, target.cx, camera.width),
            (camera.fy, camera.cy, target.fy, target.cy, camera.height),
        )
        for edge in (0, size - 1)
    ]
    return float(np.abs(shifts).max())


def rectify(
    image: Array, camera: Intrinsics, target: Intrinsics, lens: Lens | None, *, smooth: bool
) -> Array:
    """See an image of a (distorting) camera as a pinhole camera at the same place would.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)`` of the size of both cameras.
        camera: its camera.
        target: the pinhole camera that is wanted.
        lens: distortion, or None.
        smooth: bilinear, for colour; else the nearest pixel.

    Returns:
        An image of the same shape and type; 0 where the lens did not look.
    """
    lens = None if lens is None or lens.is_none else lens
    same = camera == target or largest_shift_px(camera, target) <= SAME_PX
    if lens is None and same:
        return image
    return remap(image, *_map(camera, target, lens), smooth=smooth)


@lru_cache(maxsize=8)
def _map(
    camera: Intrinsics, target: Intrinsics, lens: Lens | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    model, coefficients = ("brown", (0.0,) * 4) if lens is None else (lens.model, lens.coefficients)
    return lens_map(camera, target, model, coefficients)
