"""A scene's depth images at a small size, and its complete surface: what completion learns from."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from crossvox.core.artifact import digest, read_manifest
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import CaptureError, CrossvoxError, expect
from crossvox.core.frame import COMPLETE_MESH, Capture, Parts
from crossvox.core.grid import Index3, VoxelGrid, overlap
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.samples.kept_arrays import keep_arrays, read_arrays, shapes_of
from crossvox.samples.kept_views import VIEWS_FOLDER

_SCHEMA = 1
"""Raised when what is kept changes: older files are not read then."""

_TYPES = {"depth": np.uint16, "truth": np.int8, "scanned": np.bool_, "rgb": np.uint8}

NEAR_M = 0.05
"""What is nearer to a surface than this is on it: the threshold of the F-score."""

_MARGIN = 4
"""Voxels around the surface; beyond them everything is solid."""

_TRUTH_STEPS = 127
"""Distances are kept in as many steps from 0 to the band: 1.2 mm for voxels of 5 cm."""


@dataclass(frozen=True, eq=False)
class DepthScene:
    """The depth of a scene, and where its surface truly is.

    Attributes:
        name: of the scene.
        camera: of the images as they are kept.
        depth_mm: ``(F, H, W)`` uint16 along the camera's axis, 0 where there is no reading.
        rgb: ``(F, H, W, 3)`` uint8, or None.
        poses: of the frames.
        grid: of the truth.
        truth: ``(X, Y, Z)`` int8, signed distance to the complete surface, in units of the band
            divided by 127: -127 solid, 127 free. Solid outside of the grid.
        scanned: ``(X, Y, Z)`` bool, voxels within :data:`NEAR_M` of the surface that all frames of
            the scene together saw.
    """

    name: str
    camera: Intrinsics
    depth_mm: NDArray[np.uint16]
    rgb: NDArray[np.uint8] | None
    poses: tuple[Pose, ...]
    grid: VoxelGrid
    truth: NDArray[np.int8]
    scanned: NDArray[np.bool_]

    def near_scan(self, start: Index3, shape: Index3) -> NDArray[np.bool_]:
        """Where the scanned surface is, in a box of voxels that may reach beyond the grid."""
        box = np.zeros(shape, np.bool_)
        volume, part = overlap(start, shape, self.grid.shape)
        box[part] = self.scanned[volume]
        return box

    def distance(self, start: Index3, shape: Index3) -> NDArray[np.float32]:
        """The truth in a box of voxels that may reach beyond the grid, from -1 to 1."""
        box = np.full(shape, -1, np.float32)
        volume, part = overlap(start, shape, self.grid.shape)
        box[part] = self.truth[volume] / np.float32(_TRUTH_STEPS)
        return box


def load_depths(
    folder: Path,
    voxel_m: float,
    band_voxels: float,
    width: int,
    colors: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> DepthScene:
    """Read the depth of a prepared scene, and its complete surface.

    Both are kept beside the scene's views, and mapped into memory: what a data set of many scenes
    takes does not grow with their number.

    Args:
        folder: ``DATA/SCENE``.
        voxel_m: edge of a voxel of the truth.
        band_voxels: distances are cut off there.
        width: pixels a row; every n-th pixel is taken so that about this many are left.
        colors: keep colours as well.
        progress: called with frames done and frames in all, where they must be read.

    Raises:
        CaptureError: the scene has no complete surface, or no frame with pose and depth.
    """
    mesh = folder / COMPLETE_MESH
    expect(
        mesh.is_file(),
        given=f"{folder} without {COMPLETE_MESH}",
        needed="scenes whose complete surface is known, as that of generated rooms is",
        do="make rooms with 'crossvox rooms' and prepare them; --preset thesis learns from any",
        error=CaptureError,
    )
    asked = [_SCHEMA, read_manifest(folder).digest, voxel_m, band_voxels, width, colors]
    kept = folder / VIEWS_FOLDER / f"depth-{digest(asked)}"
    found = _read_kept(folder.name, kept)
    if found is not None:
        return found
    scene = _from_frames(folder, mesh, voxel_m, band_voxels, (width, colors), progress)
    try:
        _keep(kept, scene)
    except OSError as error:
        warnings.warn(
            f"{kept} cannot be written ({error.strerror}): depth is read anew next time",
            stacklevel=2,
        )
        return scene
    return _read_kept(folder.name, kept) or scene


def _from_frames(
    folder: Path,
    mesh: Path,
    voxel_m: float,
    band_voxels: float,
    images: tuple[int, bool],
    progress: Callable[[int, int], None] | None,
) -> DepthScene:
    from crossvox.capture.readers.folder import FolderCapture
    from crossvox.doors.meshes import read_mesh
    from crossvox.scene.whole import signed_distance, visible_surface

    camera, depths, rgbs, poses = _frames(FolderCapture(folder), *images, progress)
    expect(
        len(poses) > 0,
        given=f"{folder} without a frame that has pose and depth",
        needed="posed depth images",
        do="prepare the scene again",
        error=CaptureError,
    )
    whole = read_mesh(mesh)
    grid = VoxelGrid.around(whole.vertices_m, voxel_m, _MARGIN)
    surface = visible_surface(whole, np.array([pose.position_m for pose in poses]))
    truth = signed_distance(surface, grid, band_voxels * voxel_m)
    return DepthScene(
        folder.name,
        camera,
        np.stack(depths),
        np.stack(rgbs) if rgbs else None,
        tuple(poses),
        grid,
        np.rint(truth * _TRUTH_STEPS).astype(np.int8),
        near_surface(read_mesh(folder / f"{folder.name}.ply"), grid),
    )


def near_surface(mesh: Mesh, grid: VoxelGrid) -> NDArray[np.bool_]:
    """Voxels whose centre lies within :data:`NEAR_M` of a mesh of small triangles."""
    from scipy.spatial import cKDTree

    points = np.concatenate([mesh.vertices_m, mesh.triangles_m.mean(axis=1)])
    at = np.rint(grid.to_grid(points)).astype(int)
    candidates = np.zeros(grid.shape, np.bool_)
    inside = ((at >= 0) & (at < grid.shape)).all(axis=1)
    candidates[tuple(at[inside].T)] = True
    reach = int(np.ceil(NEAR_M / grid.voxel_m))
    candidates = ndimage.binary_dilation(candidates, np.ones((3, 3, 3)), reach)
    places = np.argwhere(candidates)
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(grid.to_world(places), distance_upper_bound=NEAR_M, workers=threads())
    near = np.zeros(grid.shape, np.bool_)
    near[tuple(places[np.isfinite(distance)].T)] = True
    return near


def _keep(folder: Path, scene: DepthScene) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "depth": scene.depth_mm,
        "truth": scene.truth,
        "scanned": scene.scanned,
    }
    if scene.rgb is not None:
        arrays["rgb"] = scene.rgb
    poses = [pose.world_from_camera.tolist() for pose in scene.poses]
    keep_arrays(folder, arrays, _Kept(scene.camera, scene.grid, poses, shapes_of(arrays)))


@dataclass(frozen=True)
class _Kept:
    """What stands beside the arrays."""

    camera: Intrinsics
    grid: VoxelGrid
    poses: list[list[list[float]]]
    shapes: dict[str, list[int]]


def _read_kept(name: str, folder: Path) -> DepthScene | None:
    """What was kept; None where there is nothing, or it is damaged."""
    found = read_arrays(folder, _Kept, _TYPES)
    if found is None:
        return None
    told, arrays = found
    try:
        fits = arrays["truth"].shape == arrays["scanned"].shape == told.grid.shape
        if not fits or len(told.poses) != len(arrays["depth"]):
            return None
        return DepthScene(
            name,
            told.camera,
            arrays["depth"],
            arrays.get("rgb"),
            tuple(Pose(np.array(matrix)) for matrix in told.poses),
            told.grid,
            arrays["truth"],
            arrays["scanned"],
        )
    except (CrossvoxError, ValueError, KeyError):
        return None


def _frames(
    capture: Capture, width: int, colors: bool, progress: Callable[[int, int], None] | None
) -> tuple[Intrinsics, list[NDArray[np.uint16]], list[NDArray[np.uint8]], list[Pose]]:
    depths: list[NDArray[np.uint16]] = []
    rgbs: list[NDArray[np.uint8]] = []
    poses: list[Pose] = []
    camera = capture.camera()
    step = max(1, round(camera.width / width))
    for index in range(len(capture)):
        pose = capture.pose(index)
        if pose is not None:
            frame = capture.frame(index, parts=Parts(rgb=colors, labels=False))
            if frame.depth_m is not None and (frame.rgb is not None or not colors):
                depths.append(
                    np.minimum(frame.depth_m[::step, ::step] * 1000 + 0.5, 65535).astype(np.uint16)
                )
                poses.append(pose)
                if colors and frame.rgb is not None:
                    rgbs.append(np.ascontiguousarray(frame.rgb[::step, ::step]))
                camera = frame.camera
        if progress is not None:
            progress(index + 1, len(capture))
    return camera.thinned(step), depths, rgbs, poses
