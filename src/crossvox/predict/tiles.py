"""A large volume through a network, piece by piece: memory does not grow with the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

TILE = 192
"""Voxels of a piece along x and y; the whole height is taken at once. A multiple of what the
network halves its input to, so that pieces and whole are halved at the same places."""

HALO = 48
"""Voxels that a piece sees beyond its border, likewise: 2.4 m at 5 cm."""


def in_tiles(
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    volume: NDArray[np.float32],
    tile: int = TILE,
    halo: int = HALO,
) -> NDArray[np.float32]:
    """What a network says of a volume, which is shown to it in pieces with some surroundings.

    A volume no larger than a piece with its surroundings is shown as a whole.

    Args:
        answer: ``(C, x, y, Z)`` to ``(K, x, y, Z)``.
        volume: ``(C, X, Y, Z)``.
        tile: size of a piece along x and y.
        halo: surroundings on every side.

    Returns:
        ``(K, X, Y, Z)`` float32.
    """
    _, x, y, _ = volume.shape
    if max(x, y) <= tile + 2 * halo:
        return answer(volume)
    found: NDArray[np.float32] | None = None
    for own_x, seen_x in _pieces(x, tile, halo):
        for own_y, seen_y in _pieces(y, tile, halo):
            said = answer(np.ascontiguousarray(volume[:, seen_x, seen_y]))
            if found is None:
                found = np.empty((len(said), *volume.shape[1:]), np.float32)
            inner_x = slice(own_x.start - seen_x.start, own_x.stop - seen_x.start)
            inner_y = slice(own_y.start - seen_y.start, own_y.stop - seen_y.start)
            found[:, own_x, own_y] = said[:, inner_x, inner_y]
    assert found is not None
    return found


def _pieces(length: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Consecutive parts of an axis, and what is shown for each."""
    for start in range(0, length, tile):
        stop = min(start + tile, length)
        yield slice(start, stop), slice(max(start - halo, 0), min(stop + halo, length))
