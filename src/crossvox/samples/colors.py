"""Colours taken away from images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BRIGHTNESS = np.array((299, 587, 114), np.uint32)
"""Thousandths of red, green and blue in brightness (ITU-R BT.601)."""


def grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Brightness ``(H, W, 3)`` uint8 of colours ``(H, W, 3)`` uint8, three equal channels."""
    brightness = ((image @ _BRIGHTNESS + 500) // 1000).astype(np.uint8)
    return np.repeat(brightness[..., None], 3, axis=2)
