"""What any learnt scene must beat: surfaces and classes that no 3D network takes part in.

One place for predictions and studies: a baseline is the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import Stopwatch
from crossvox.core.labels import NYU40
from crossvox.core.methods import CLASS_MESHES, CLASS_VOLUMES, METHOD_FILES
from crossvox.doors.meshes import write_ply
from crossvox.predict.surface import SeenSurface, mask_mesh, nearest_voxels, volume_mesh
from crossvox.predict.votes import vote
from crossvox.scene.store import write_volume
from crossvox.scene.tsdf.volume import fuse

if TYPE_CHECKING:
    from crossvox.core.frame import Frame
    from crossvox.predict.params import SurfaceParams
    from crossvox.samples.source import SceneSource
    from crossvox.scene.params import TsdfParams
    from crossvox.views.params import ViewParams

SURE = 0.5
"""Probability from which a voxel of a class volume counts as occupied."""


def write_surface_baselines(
    folder: Path,
    seen: SeenSurface,
    frames: Iterable[Frame],
    surface: SurfaceParams,
    tsdf: TsdfParams,
    watch: Stopwatch,
) -> None:
    """Write the baselines of a reconstruction, ``mask_only.ply`` and ``tsdf.ply``.

    Args:
        folder: where to.
        seen: which voxels the windows of a prediction see: of a
            :class:`crossvox.predict.prediction.ScenePrediction`, or of
            :func:`crossvox.predict.seen.seen_by_windows`.
        frames: with depth and a pose, for TSDF fusion; read once.
        surface: how the mask is meshed.
        tsdf: how frames are fused.
        watch: takes the times.
    """
    with watch("baseline mask-only"):
        write_ply(folder / METHOD_FILES["mask_only"], mask_mesh(seen, surface))
    with watch("baseline TSDF"):
        write_ply(folder / METHOD_FILES["tsdf"], fuse(frames, tsdf).mesh())


def write_vote_baseline(
    folder: Path,
    source: SceneSource,
    classify: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    views: ViewParams,
    surface: SurfaceParams,
    watch: Stopwatch,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the baseline of a segmentation, ``votes.npz`` and ``votes.ply``.

    Args:
        folder: where to.
        source: the scene with its views and images.
        classify: the 2D network that labels frames (see :func:`crossvox.predict.votes.vote`).
        views: which voxels a frame sees.
        surface: how voxels are meshed.
        watch: takes the time.
        progress: called with (frames done, frames).

    Returns:
        Voxels with a vote.
    """
    with watch("baseline 2D votes"):
        volume = vote(classify, source, views, progress)
        write_volume(folder / CLASS_VOLUMES["votes_2d"], volume)
        sure = replace(surface, level=SURE)
        mesh = volume_mesh(source.grid, volume.occupied.astype(np.float32), None, sure)
        found = nearest_voxels(source.grid, mesh.vertices_m, volume.occupied)
        labels = np.zeros(len(mesh.vertices_m), np.uint8) if found is None else volume.labels[found]
        painted = replace(mesh, labels=labels, colors=NYU40.colors[labels])
        write_ply(folder / CLASS_MESHES["votes_2d"], painted)
    return int(volume.occupied.sum())
