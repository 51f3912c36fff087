"""The field at any point, between voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.tsdf.blocks import BLOCK, KEY_HALF, find_block

Array = NDArray[Any]


@njit(cache=True, nogil=True)
def interpolate(
    coordinates: Array,
    slot_keys: Array,
    slot_blocks: Array,
    tsdf: Array,
    weight: Array,
    least: int,
    values: Array,
) -> None:
    """Trilinear interpolation of the field at voxel coordinates; NaN where it is not known."""
    limit = float((KEY_HALF - 2) * BLOCK)
    for n in range(len(coordinates)):
        x, y, z = coordinates[n]
        # Written so that a NaN is too far out, as is what no block can be named for.
        if not (abs(x) < limit and abs(y) < limit and abs(z) < limit):
            values[n] = np.nan
            continue
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        total = 0.0
        for c in range(8):
            ci, cj, ck = i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)
            block = find_block(ci >> 3, cj >> 3, ck >> 3, slot_keys, slot_blocks)
            cell = ((ci & 7) * BLOCK + (cj & 7)) * BLOCK + (ck & 7)
            if block < 0 or weight[block, cell] < least:
                total = np.nan
                break
            share = (1 - abs(x - ci)) * (1 - abs(y - cj)) * (1 - abs(z - ck))
            total += share * tsdf[block, cell]
        values[n] = total
