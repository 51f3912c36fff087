"""Sub-volumes put back in their places in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.core.volume import SceneVolume


@dataclass(frozen=True, eq=False)
class Piece:
    """A sub-volume as it was cut.

    Attributes:
        start: its first voxel, in voxels of the scene's lattice; may be negative.
        occupied: ``(x, y, z)`` bool.
        labels: ``(x, y, z)`` NYU40 ids.
    """

    start: Index3
    occupied: NDArray[np.bool_]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Merged:
    """A scene that was put together.

    Attributes:
        volume: the scene. Only what the scene's own volume observed is marked as observed.
        shift: what to subtract from places on the lattice to get voxels of ``volume``.
        contradicting: voxels in which a piece differs from an earlier one.
        changed: voxels in which a piece differs from the scene's own volume.
        covered: voxels that some piece holds.
    """

    volume: SceneVolume
    shift: Index3
    contradicting: int
    changed: int
    covered: int


def merge(pieces: Sequence[Piece], lattice: VoxelGrid, own: SceneVolume | None = None) -> Merged:
    """Put sub-volumes back in their places; later ones overwrite earlier ones.

    Args:
        pieces: at least one.
        lattice: where voxel (0, 0, 0) of the places lies, and how large voxels are; its shape does
            not matter.
        own: a volume that fills what the pieces leave open, on the same lattice.

    Returns:
        The scene: as large as ``own``, and larger where pieces hold occupied voxels beyond it.
    """
    low, high = _extent(pieces, own)
    x, y, z = (high - low).tolist()
    i, j, k = low.tolist()
    grid = lattice.sub((i, j, k), (x, y, z)) if low.any() or own is None else own.grid
    grid = replace(grid, shape=(x, y, z))
    occupied, covered, before = (np.zeros(grid.shape, dtype=bool) for _ in range(3))
    observed, labels = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=np.uint8)
    if own is not None:
        box, _ = overlap((-low).tolist(), own.grid.shape, grid.shape)
        occupied[box], labels[box], observed[box] = own.occupied, own.labels, own.observed
        before[box] = True
    contradicting = changed = 0
    for piece in pieces:
        start = (np.array(piece.start) - low).tolist()
        part, inside = overlap(start, piece.occupied.shape, grid.shape)
        mask, names = piece.occupied[inside], piece.labels[inside]
        differs = (occupied[part] != mask) | (labels[part] != names)
        contradicting += int((differs & covered[part]).sum())
        changed += int((differs & before[part] & ~covered[part]).sum())
        occupied[part], labels[part], covered[part] = mask, names, True
    volume = SceneVolume(grid, occupied, observed, labels)
    return Merged(volume, (i, j, k), contradicting, changed, int(covered.sum()))


def _extent(
    pieces: Sequence[Piece], own: SceneVolume | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First voxel and end of the scene: its own, and whatever is occupied beyond.

    A sub-volume that hangs out of a scene shows padding there, which is no part of it.
    """
    if own is None:
        needed = list(pieces)
        low = high = np.array(needed[0].start, dtype=np.int64)
    else:
        low, high = np.zeros(3, dtype=np.int64), np.array(own.grid.shape, dtype=np.int64)
        needed = [piece for piece in pieces if _reaches_out(piece, own.grid.shape)]
    for piece in needed:
        low = np.minimum(low, piece.start)
        high = np.maximum(high, np.array(piece.start) + piece.occupied.shape)
    return low, high


def _reaches_out(piece: Piece, extent: Index3) -> bool:
    """Whether a piece holds occupied voxels outside of a scene."""
    _, inside = overlap(piece.start, piece.occupied.shape, extent)
    return bool(piece.occupied[inside].sum() < piece.occupied.sum())
