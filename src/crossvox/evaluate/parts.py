"""Which part of a room a place belongs to: what a gain is told apart by.

All parts come from the prepared scene alone, so that they are the same for everything that is
compared there. Three depend on where a place is, by its voxel; two on what is there, by the nearest
point of the true surface:

``seen``: whether a frame that some window of the prediction looks at sees the voxel, another frame
of the scene does, or none. ``distance to what was seen``: from the voxel's centre to that of the
nearest voxel that any frame sees. ``angle between views``: the largest between the rays of two
frames that see the voxel. ``boundary``: whether the true surface is of another class within
:data:`BOUNDARY_M`. ``class``: of the benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.core.labels import NYU40
from crossvox.core.npz import grid_arrays, read_grid, reading_npz
from crossvox.core.volume import Mesh
from crossvox.evaluate.protocols import surface_points
from crossvox.evaluate.references import read_labelled, reference_file, reference_mesh
from crossvox.metrics.nearest import PointSet
from crossvox.samples.index import window_index
from crossvox.samples.source import SceneSource
from crossvox.views.angles import largest_angles
from crossvox.views.select import chunk_pixels

Array = NDArray[Any]
Groups = NDArray[np.uint8]

NONE = 255
"""Group of what belongs to no part of a split: unseen voxels by angle, places without a class."""

BOUNDARY_M = 0.1
"""What lies this near to another class is at a boundary."""

DISTANCES_M = (0.1, 0.2, 0.4)
"""Ends of the bins of distance to what was seen, which follow that of what was seen itself."""

ANGLES_DEG = (15.0, 30.0, 60.0)
"""Ends of the bins of angle between views, which follow that of a single view."""


@dataclass(frozen=True)
class Split:
    """One way to tell places apart.

    Attributes:
        name: of the split.
        groups: names of the parts.
        reading: one sentence on how to read it.
    """

    name: str
    groups: tuple[str, ...]
    reading: str


SEEN = Split(
    "seen",
    ("seen", "seen by other frames", "unseen"),
    "Whether the frames that the prediction looks at see a place, only other frames of the scan do "
    "(a window takes a few), or none does: a gain where nothing was seen is one of guessing well.",
)
DISTANCE = Split(
    "distance to what was seen",
    (
        "0 m",
        f"up to {DISTANCES_M[0]:g} m",
        *(f"{a:g} to {b:g} m" for a, b in pairwise(DISTANCES_M)),
        f"beyond {DISTANCES_M[-1]:g} m",
    ),
    "How far a place is from the nearest voxel that any frame sees: a gain that grows with it is "
    "one of completion.",
)
ANGLE = Split(
    "angle between views",
    (
        "one view",
        f"up to {ANGLES_DEG[0]:g}°",
        *(f"{a:g}° to {b:g}°" for a, b in pairwise(ANGLES_DEG)),
        f"beyond {ANGLES_DEG[-1]:g}°",
    ),
    "The largest angle between the rays of frames that see a place: features that differ from view "
    "to view lose most where it is large.",
)
BOUNDARY = Split(
    "boundary",
    ("boundary", "interior"),
    f"Whether the true surface is of another class within {BOUNDARY_M:g} m.",
)
CLASS = Split(
    "class",
    tuple(NYU40.names[number] for number in NYU40.benchmark_ids),
    "The class of the true surface that is nearest.",
)

BY_VOXEL = (SEEN, DISTANCE, ANGLE)
BY_SURFACE = (BOUNDARY, CLASS)
SPLITS = {split.name: split for split in (*BY_VOXEL, *BY_SURFACE)}


@dataclass(frozen=True, eq=False)
class SceneParts:
    """The parts of one scene.

    Attributes:
        grid: of the scene.
        voxels: ``(X, Y, Z)`` number of the group, by split of :data:`BY_VOXEL`.
        points_m: ``(R, 3)`` points of the true surface, as protocol ``surface`` takes them.
        points: ``(R,)`` number of their group, by split of :data:`BY_SURFACE`.
        vertices: ``(V,)`` the same of the true mesh's vertices; empty without labels.
    """

    grid: VoxelGrid
    voxels: Mapping[str, Groups]
    points_m: NDArray[np.float64]
    points: Mapping[str, Groups]
    vertices: Mapping[str, Groups]

    def by_voxel(self, places_m: Array) -> dict[str, Groups]:
        """Groups of ``(N, 3)`` places by their voxels; beyond the grid by the nearest."""
        last = np.array(self.grid.shape) - 1
        at = np.clip(np.rint(self.grid.to_grid(places_m)).astype(np.int64), 0, last)
        return {name: groups[tuple(at.T)] for name, groups in self.voxels.items()}


def scene_parts(
    source: SceneSource, folder: Path, shape: Index3, stride: Index3, max_views: int
) -> SceneParts:
    """The parts of a prepared scene.

    Args:
        source: the scene with its views.
        folder: where it is.
        shape: voxels of a window of the predictions.
        stride: voxels that the window moves.
        max_views: frames that a window looks at.

    Raises:
        ArtifactError: the scene has no surface.
    """
    truth = read_labelled(reference_file(folder, source.name))
    points_m = surface_points(reference_mesh(folder, source.name, "surface"), "surface")
    points: dict[str, Groups] = {}
    vertices = by_class(truth)
    if vertices:
        _, nearest = PointSet(truth.vertices_m).nearest(points_m)
        points = {name: groups[nearest] for name, groups in vertices.items()}
    voxels = by_sight(source, shape, stride, max_views)
    return SceneParts(source.grid, voxels, points_m, points, vertices)


def by_sight(
    source: SceneSource, shape: Index3, stride: Index3, max_views: int
) -> dict[str, Groups]:
    """Groups of voxels by what frames see of them, see :func:`scene_parts`."""
    from scipy.ndimage import distance_transform_edt

    views, grid = source.views, source.grid
    seen = np.zeros(grid.count, bool)
    seen[views.voxel] = True
    seen = seen.reshape(grid.shape)
    used = seen_in_windows(source, shape, stride, max_views)
    numbers = {frame: number for number, frame in enumerate(source.capture.frame_ids)}
    centres = np.zeros((len(views.frame_ids), 3))
    for at, frame in enumerate(views.frame_ids.tolist()):
        pose = source.capture.pose(numbers[frame])
        assert pose is not None  # frames without one see nothing
        centres[at] = pose.position_m
    angles = largest_angles(views, centres)
    away = np.full(grid.shape, np.inf)
    if seen.any():
        away = distance_transform_edt(~seen, sampling=grid.voxel_m)
    # A voxel's width more or less is rounding.
    distance = np.where(away == 0, 0, 1 + np.searchsorted(DISTANCES_M, away - 1e-6))
    angle = np.where(angles == 0, 0, 1 + np.searchsorted(ANGLES_DEG, np.nan_to_num(angles)))
    return {
        SEEN.name: np.where(used, 0, np.where(seen, 1, 2)).astype(np.uint8),
        DISTANCE.name: distance.astype(np.uint8),
        ANGLE.name: np.where(np.isnan(angles), NONE, angle).astype(np.uint8),
    }


def seen_in_windows(
    source: SceneSource, shape: Index3, stride: Index3, max_views: int
) -> NDArray[np.bool_]:
    """Voxels that a frame sees that a window there looks at, ``(X, Y, Z)``; no image is read."""
    seen = np.zeros(source.grid.shape, bool)
    for place in window_index(source, shape, stride, max_views).places:
        pairs = chunk_pixels(source.views, place.start, shape, place.frame_ids)
        inside = np.zeros(int(np.prod(shape)), bool)
        inside[pairs.voxel] = True
        scene, window = overlap(place.start, shape, source.grid.shape)
        seen[scene] |= inside.reshape(shape)[window]
    return seen


def by_class(truth: Mesh) -> dict[str, Groups]:
    """Groups of a labelled mesh's vertices, see :func:`scene_parts`; empty without labels."""
    labels = truth.labels
    if labels is None or not labels.any():
        return {}
    number = np.full(len(NYU40.names), NONE, np.uint8)
    number[list(NYU40.benchmark_ids)] = np.arange(len(NYU40.benchmark_ids))
    boundary = np.where(near_another(truth.vertices_m, labels, BOUNDARY_M), 0, 1)
    return {
        BOUNDARY.name: np.where(labels == NYU40.ignore_id, NONE, boundary).astype(np.uint8),
        CLASS.name: number[labels],
    }


def near_another(points_m: Array, labels: Array, within_m: float) -> NDArray[np.bool_]:
    """Which points have one of another class within a distance: ``(N,)``.

    Points without a class are no other class.

    Args:
        points_m: ``(N, 3)`` metres.
        labels: ``(N,)`` ids; :attr:`NYU40.ignore_id <crossvox.core.labels.NYU40>`: none.
        within_m: the distance.
    """
    from scipy.spatial import cKDTree

    found = np.zeros(len(labels), bool)
    for label in np.unique(labels[labels != NYU40.ignore_id]):
        own = points_m[labels == label]
        low, high = own.min(axis=0) - within_m, own.max(axis=0) + within_m
        around = (points_m >= low).all(axis=1) & (points_m <= high).all(axis=1)
        asked = np.flatnonzero(around & (labels != label) & ~found)
        if len(asked):
            tree = cKDTree(own, balanced_tree=False, compact_nodes=False)
            away, _ = tree.query(points_m[asked], distance_upper_bound=within_m)
            found[asked] = np.isfinite(away)
    return found


_KINDS = ("voxels", "points", "vertices")


def write_parts(path: Path, parts: SceneParts) -> None:
    """Keep the parts of a scene; one npz without pickle."""
    arrays: dict[str, Any] = {**grid_arrays(parts.grid), "points_m": parts.points_m}
    for kind in _KINDS:
        arrays |= {f"{kind}/{name}": groups for name, groups in getattr(parts, kind).items()}
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_parts(path: Path) -> SceneParts:
    """Read them back.

    Raises:
        ArtifactError: missing or damaged; names the file.
    """
    with reading_npz(path, needed="the parts of a scene", do="delete its folder") as arrays:
        voxels, points, vertices = (
            {name: arrays[f"{kind}/{name}"] for name in SPLITS if f"{kind}/{name}" in arrays}
            for kind in _KINDS
        )
        return SceneParts(read_grid(arrays), voxels, arrays["points_m"], points, vertices)
