"""How the published pipeline names scenes, and where in a scene a stored sub-volume lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.chunks import scene_from_chunk, turned_shape
from crossvox.core.checks import ArtifactError
from crossvox.core.grid import Index3, VoxelGrid, turn

Array = NDArray[Any]

LATTICE_TOLERANCE = 0.02
"""How far, in voxels, a stored place may lie off the voxel grid (float32 noise is below 0.001)."""

_NAME = re.compile(r"scene(\d{4})_(\d{2})")
ALIAS_FROM = 9999
"""Scenes with other names get scene numbers from here downwards."""


def scene_numbers(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """``(scene_id, scan_id)`` of each scene.

    ``scene0012_03`` gives (12, 3). Other names take free scene numbers from 9999 downwards, scan 0;
    the file remembers the names, but the published loader looks for images under the numbers.
    """
    numbers: dict[str, tuple[int, int]] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        if match:
            numbers[name] = int(match[1]), int(match[2])
    taken = {scene for scene, _ in numbers.values()}
    free = (number for number in range(ALIAS_FROM, -1, -1) if number not in taken)
    for name in names:
        if name not in numbers:
            numbers[name] = next(free), 0
    return numbers


def scene_name(scene_id: int, scan_id: int) -> str:
    """Name of a scene by its numbers."""
    return f"scene{scene_id:04d}_{scan_id:02d}"


def chunk_from_world(
    grid: VoxelGrid, start: Index3, shape: Index3, quarter_turns: int = 0
) -> NDArray[np.float64]:
    """``world_to_grid`` of a sub-volume that was cut from ``grid`` and then turned.

    Args:
        grid: the scene's grid.
        start: first voxel in the scene.
        shape: the sub-volume's shape before turning.
        quarter_turns: how it was turned after cutting.
    """
    cut_from_scene = np.linalg.inv(scene_from_chunk(start, shape, quarter_turns))
    return cut_from_scene @ grid.grid_from_world


def locate(
    grid_from_world: Array, shape: Index3, grid: VoxelGrid
) -> tuple[NDArray[np.float64], int]:
    """Undo :func:`chunk_from_world`: where in a scene's grid a sub-volume was cut, and its turn.

    Args:
        grid_from_world: ``(4, 4)`` of the stored (turned) sub-volume.
        shape: its stored shape.
        grid: the scene's grid, whatever its extent.

    Returns:
        First voxel ``(3,)`` in the scene, not rounded, and quarter turns 0 to 3.

    Raises:
        ArtifactError: the transform has another voxel size, is not finite, or turns about
            anything but z in quarters.
    """
    matrix = np.asarray(grid_from_world, dtype=np.float64) @ grid.world_from_grid
    if np.isfinite(matrix).all() and np.abs(np.linalg.det(matrix)) > 0.5:
        scene_from_cut = np.linalg.inv(matrix)
        for quarter_turns in range(4):
            turned = scene_from_chunk((0, 0, 0), turned_shape(shape, quarter_turns), quarter_turns)
            if np.abs(scene_from_cut[:3, :3] - turned[:3, :3]).max() < 1e-4:
                return scene_from_cut[:3, 3] - turned[:3, 3], quarter_turns
    raise ArtifactError(
        f"given: a world_to_grid of {np.round(grid_from_world, 3).tolist()}; needed: a scale of "
        f"{1 / grid.voxel_m:g} voxels a metre and quarter turns about z; do: take a file made for "
        f"voxels of {grid.voxel_m} m"
    )


def turned(chunk: Array, quarter_turns: int) -> Array:
    """A sub-volume's array turned about z and laid out anew."""
    return np.ascontiguousarray(turn(chunk, quarter_turns))
