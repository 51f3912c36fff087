"""Where the sub-volumes of an HDF5 file lie in their scene, and which of them are copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crossvox.core.checks import ArtifactError, expect
from crossvox.core.frame import Capture
from crossvox.core.grid import Index3, VoxelGrid
from crossvox.samples.published.places import LATTICE_TOLERANCE, locate
from crossvox.samples.published.reader import OriginalFile


@dataclass(frozen=True)
class Stored:
    """One sub-volume of a file: its number there, its place and its turn."""

    number: int
    start: Index3
    quarter_turns: int
    frame_ids: tuple[int, ...]


def voxel_edge_m(stored: OriginalFile, numbers: Sequence[int]) -> float:
    """Edge length of the voxels that the matrices speak of."""
    scale = np.abs(np.linalg.det(stored.world_to_grid[list(numbers)][:, :3, :3])) ** (1 / 3)
    expect(
        bool(np.isfinite(scale).all() and scale.min() > 0) and np.ptp(scale) < 1e-3 * scale.max(),
        given=f"{stored.path} with scales from {scale.min():g} to {scale.max():g} voxels a metre",
        needed="one voxel size a scene",
        do="take a complete file",
        error=ArtifactError,
    )
    return round(1 / float(scale.mean()), 6)


def locate_all(
    stored: OriginalFile, numbers: Sequence[int], lattice: VoxelGrid, *, free: bool
) -> tuple[list[Stored], VoxelGrid]:
    """Places of sub-volumes on a scene's voxels.

    Where the scene has no voxels of its own yet (``free``), the first sub-volume fixes where they
    lie, and the lattice is returned shifted accordingly.
    """
    found = [locate(stored.world_to_grid[n], stored.shape, lattice) for n in numbers]
    starts = np.array([start for start, _ in found])
    if free:
        offset = starts[0] - np.round(starts[0])
        # Noise of float32 is not an offset: voxels on multiples of their size stay there.
        offset = np.where(np.abs(offset) < LATTICE_TOLERANCE, 0.0, offset)
        x, y, z = lattice.to_world(offset).tolist()
        lattice, starts = replace(lattice, origin_m=(x, y, z)), starts - offset
    whole = np.round(starts).astype(np.int64)
    off = np.abs(starts - whole).max(axis=1)
    turns = [turn for _, turn in found]
    expect(
        bool((off < LATTICE_TOLERANCE).all()),
        given=f"{stored.path}, whose sub-volume {numbers[int(off.argmax())]} lies {off.max():.2f} "
        f"voxels off the grid of {stored.scenes[numbers[0]]}",
        needed="sub-volumes cut from that grid",
        do="name the prepared scenes that the file was made from with --frames",
        error=ArtifactError,
    )
    expect(
        stored.shape[0] == stored.shape[1] or not any(turn % 2 for turn in turns),
        given=f"{stored.path} with sub-volumes of {stored.shape} turned by 90 degrees",
        needed="square ones where some are turned",
        do="take the file without stored rotations",
        error=ArtifactError,
    )
    return [
        Stored(number, (x, y, z), turn, stored.frame_ids(number))
        for number, (x, y, z), turn in zip(numbers, whole.tolist(), turns, strict=True)
    ], lattice


def unturned(chunks: Sequence[Stored]) -> list[Stored]:
    """Sub-volumes without stored rotations of others; the first of each stands for all.

    A place that was drawn twice stays twice: that is told by equal turns.
    """
    times: Counter[tuple[Index3, tuple[int, ...], int]] = Counter()
    first: dict[tuple[Index3, tuple[int, ...], int], Stored] = {}
    for chunk in chunks:
        which = (chunk.start, chunk.frame_ids, chunk.quarter_turns)
        first.setdefault((chunk.start, chunk.frame_ids, times[which]), chunk)
        times[which] += 1
    return list(first.values())


def checked_frames(
    chunks: list[Stored], capture: Capture, file: Path, source: Path
) -> tuple[list[Stored], int]:
    """Leave out views whose pose is lost; refuse views that the scene does not have."""
    posed = {frame: capture.pose(i) is not None for i, frame in enumerate(capture.frame_ids)}
    named = {frame for chunk in chunks for frame in chunk.frame_ids}
    unknown = sorted(named - set(posed))
    expect(
        not unknown,
        given=f"{file}, which names frames {unknown[:5]} of {source}",
        needed="frames that are there",
        do="name the prepared scenes that the file was made from with --frames",
        error=ArtifactError,
    )
    kept = [
        replace(chunk, frame_ids=tuple(f for f in chunk.frame_ids if posed[f])) for chunk in chunks
    ]
    dropped = sum(len(a.frame_ids) - len(b.frame_ids) for a, b in zip(chunks, kept, strict=True))
    return kept, dropped
