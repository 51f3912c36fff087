"""Blocks of voxels in a hash table: numbers that name them, where they are, new ones.

A block is named by its place in the world in units of blocks, 21 bits an axis. The table is an
array of keys (:data:`FREE` where there is none) and one of block numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK = 8
"""Voxels along the edge of a block."""

CELL = BLOCK * BLOCK * BLOCK
"""Voxels of a block."""

KEY_BITS = 21
KEY_HALF = 1 << (KEY_BITS - 1)
FREE = np.int64(-1)


@njit(cache=True, nogil=True)
def key_of(x: int, y: int, z: int) -> int:
    half = KEY_HALF
    return ((x + half) << (2 * KEY_BITS)) | ((y + half) << KEY_BITS) | (z + half)


@njit(cache=True, nogil=True)
def slot_of(key: int, slot_keys: Array) -> int:
    """Where a key is, or the free slot where it would go."""
    mask = len(slot_keys) - 1
    # Multiplicative hashing (the golden ratio as a 64-bit fraction), middle bits.
    slot = (key * -7046029254386353131 >> 32) & mask
    while slot_keys[slot] != key and slot_keys[slot] != FREE:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def find_block(x: int, y: int, z: int, slot_keys: Array, slot_blocks: Array) -> int:
    key = key_of(x, y, z)
    slot = slot_of(key, slot_keys)
    return slot_blocks[slot] if slot_keys[slot] == key else -1


@njit(cache=True, nogil=True)
def insert(
    found: Array,
    counts: Array,
    frame: int,
    slot_keys: Array,
    slot_blocks: Array,
    corner: Array,
    last_frame: Array,
    count: int,
    blocks: Array,
) -> tuple[int, int]:
    """Find or make the block of every key, each once; returns how many blocks there are, here."""
    mask = (1 << KEY_BITS) - 1
    here = 0
    for part in range(len(counts)):
        for n in range(counts[part]):
            key = found[part, n]
            slot = slot_of(key, slot_keys)
            if slot_keys[slot] == FREE:
                slot_keys[slot] = key
                slot_blocks[slot] = count
                corner[count, 0] = ((key >> (2 * KEY_BITS)) & mask) - KEY_HALF
                corner[count, 1] = ((key >> KEY_BITS) & mask) - KEY_HALF
                corner[count, 2] = (key & mask) - KEY_HALF
                count += 1
            block = slot_blocks[slot]
            if last_frame[block] != frame:
                last_frame[block] = frame
                blocks[here] = block
                here += 1
    return count, here


@njit(cache=True, nogil=True)
def rehash(corner: Array, slot_keys: Array, slot_blocks: Array) -> None:
    for n in range(len(corner)):
        key = key_of(corner[n, 0], corner[n, 1], corner[n, 2])
        slot = slot_of(key, slot_keys)
        slot_keys[slot] = key
        slot_blocks[slot] = n
