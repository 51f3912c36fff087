"""Hatching over a part of a picture: what no plain colour may be taken for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossvox.doors.zbuffer import View

STRIPE = (168, 170, 175)
"""Colour of the stripes, over a dark neutral ground."""

STRIPE_PX = 4
"""Width of a stripe, and of the gap between two, along a row of pixels."""


def hatched(
    picture: NDArray[np.uint8], seen: View, faces: NDArray[np.bool_], supersample: int
) -> NDArray[np.uint8]:
    """The picture with stripes over what shows the chosen faces.

    Args:
        picture: ``(H, W, 4)`` RGBA.
        seen: what its samples show.
        faces: ``(F,)`` bool, which faces are hatched.
        supersample: samples a pixel along each axis.
    """
    if not faces.any():
        return picture
    shown = (seen.face >= 0) & faces[np.maximum(seen.face, 0)]
    height, width = picture.shape[:2]
    blocks = shown.reshape(height, supersample, width, supersample)
    row, column = np.ogrid[:height, :width]
    stripe = (row + column) // STRIPE_PX % 2
    weight = (blocks.mean(axis=(1, 3), dtype=np.float32) * stripe)[..., None]
    made = picture.copy()
    mixed = picture[..., :3] * (1 - weight) + np.array(STRIPE, np.float32) * weight
    made[..., :3] = np.round(mixed).astype(np.uint8)
    return made
