"""Few labels: which rooms and which voxels are learnt from, nested and drawn by the seed.

As ScanNet's benchmark with limited annotations (Hou et al. 2021) asks for, by scenes or by points
of a scene; it publishes its own lists, here chance draws them evenly.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.core.volume import SceneVolume
from crossvox.flow.lineage import space_of
from crossvox.samples.params import LabelParams


def labelled_rooms(names: Sequence[str], params: LabelParams, seed: int) -> tuple[str, ...]:
    """The scenes that are learnt from, in the order that they are given.

    Scenes of one space stay together; a share is one of spaces.

    Args:
        names: training scenes.
        params: how many of them.
        seed: decides which; halves are the same for all seeds.
    """
    kept = set(_half(names, params))
    if params.share < 1:
        order = _ordered((space_of(name) for name in kept), f"share {seed}")
        most = max(1, int(len(order) * params.share + 0.5))
        chosen = set(order[:most])
        kept = {name for name in kept if space_of(name) in chosen}
    return tuple(name for name in names if name in kept)


def with_points(volume: SceneVolume, name: str, points: int, seed: int) -> SceneVolume:
    """A room with so many labelled voxels; the others are surface that nobody annotated.

    Args:
        volume: the room.
        name: its name, which decides with the seed which voxels.
        points: how many; 0: all. Of a room with fewer, all.
        seed: likewise.
    """
    if points == 0:
        return volume
    annotated = np.flatnonzero(volume.occupied & (volume.labels != NYU40.ignore_id))
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 20])
    chosen = rng.permutation(annotated)[:points]
    labels = np.zeros_like(volume.labels)
    labels.flat[chosen] = volume.labels.flat[chosen]
    return replace(volume, labels=labels)


def _half(names: Sequence[str], params: LabelParams) -> list[str]:
    if params.half is None:
        return list(names)
    order = _ordered((space_of(name) for name in names), "half")
    middle = (len(order) + 1) // 2
    spaces = set(order[:middle] if params.half == "first" else order[middle:])
    return [name for name in names if space_of(name) in spaces]


def _ordered(spaces: Iterable[str], salt: str) -> list[str]:
    """Spaces in an order by chance that does not depend on which others there are."""

    def place(space: str) -> str:
        return hashlib.sha256(f"{salt} {space}".encode()).hexdigest()

    return sorted(set(spaces), key=place)
