"""Compiled loops over image pixels. They release the interpreter lock."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def mix_colors(image, matrix, offset, out):  # type: ignore[no-untyped-def]
    """``out = clip(matrix @ image + offset)``, for ``(3, H, W)`` uint8 images.

    Args:
        image: colours.
        matrix: ``(3, 3)`` float32.
        offset: ``(3,)`` float32, on the scale 0..255.
        out: ``(3, H, W)`` uint8, filled.
    """
    red, green, blue = image[0].ravel(), image[1].ravel(), image[2].ravel()
    half, low, high = np.float32(0.5), np.float32(0), np.float32(255.49)
    for channel in range(3):
        a, b, c = matrix[channel, 0], matrix[channel, 1], matrix[channel, 2]
        d = offset[channel] + half
        target = out[channel].ravel()
        for n in range(len(target)):
            value = a * np.float32(red[n]) + b * np.float32(green[n]) + c * np.float32(blue[n]) + d
            target[n] = np.uint8(np.int32(min(max(value, low), high)))


@njit(cache=True, nogil=True)
def scale_colors(image, factor, offset, out):  # type: ignore[no-untyped-def]
    """``out[c] = image[c] * factor[c] + offset[c]`` for ``(3, H, W)`` uint8 images.

    Args:
        image: colours.
        factor, offset: ``(3,)`` float32.
        out: ``(3, H, W)`` float32, filled.
    """
    for channel in range(3):
        source, target = image[channel].ravel(), out[channel].ravel()
        a, b = factor[channel], offset[channel]
        for n in range(len(source)):
            target[n] = np.float32(source[n]) * a + b


@njit(cache=True, nogil=True)
def scale_known(planes, factor, offset, out):  # type: ignore[no-untyped-def]
    """``out[c] = planes[c] * factor[c] + offset[c]`` where ``planes`` is not 0, else 0.

    Args:
        planes: ``(C, H, W)`` uint8.
        factor, offset: ``(C,)`` float32.
        out: ``(C, H, W)`` float32, filled.
    """
    for channel in range(len(planes)):
        source, target = planes[channel].ravel(), out[channel].ravel()
        a, b = factor[channel], offset[channel]
        for n in range(len(source)):
            value = np.float32(source[n])
            target[n] = value * a + b if value > 0 else np.float32(0)
