"""Means of the colours that voxels were seen in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.params import FULL_WEIGHT
from crossvox.scene.tsdf.blocks import CELL

Array = NDArray[Any]

COLOR_SCALE = 256.0
"""Colour means are kept as 16-bit numbers, 256 steps a grey level."""


@njit(cache=True, nogil=True, error_model="numpy")
def look_up_color(shades: Array, pixel: Array, distance: Array, band: float, seen: Array) -> None:
    """The colours at the pixels of voxels within the band; those of others stay as they are."""
    for cell in range(CELL):
        # Free space in front of a surface has no colour of its own.
        if abs(distance[cell]) < band:
            seen_at = np.uint32(pixel[cell])
            seen[0, cell] = shades[seen_at, 0]
            seen[1, cell] = shades[seen_at, 1]
            seen[2, cell] = shades[seen_at, 2]


@njit(cache=True, nogil=True, error_model="numpy")
def average_color(distance: Array, band: float, seen: Array, color: Array) -> None:
    """Average colours into a block's, for the voxels within the band about the surface.

    ``color (4, CELL)``: means of red, green and blue, and observations. ``seen (4, CELL)`` float32
    holds the colours; its last row is room to work in.
    """
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    scale = np.float32(COLOR_SCALE)
    count, share = color[3], seen[3]
    for cell in range(CELL):
        near = abs(distance[cell]) < band
        before = count[cell]
        share[cell] = one / (np.float32(before) + one) if near else zero
        count[cell] = before + np.uint16(near & (before < np.uint16(FULL_WEIGHT)))
    for c in range(3):
        means, shades = color[c], seen[c]
        for cell in range(CELL):
            mean = np.float32(means[cell])
            mixed = mean + (shades[cell] * scale - mean) * share[cell] + half
            means[cell] = np.uint16(np.int32(mixed))
