"""A scene's depth, what an image network says of its frames, and its true labels by voxel."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import digest, plain, read_manifest
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ArtifactError, CaptureError, CrossvoxError, expect
from crossvox.core.frame import Frame, Parts
from crossvox.core.frame_labels import FrameLabeller
from crossvox.core.grid import VoxelGrid
from crossvox.samples.kept_arrays import keep_arrays, read_arrays, shapes_of
from crossvox.samples.kept_views import VIEWS_FOLDER
from crossvox.samples.params import SaidParams

_SCHEMA = 2
"""Raised when what is kept changes: older files are not read then."""

_ARRAYS = {
    "depth": np.uint16,
    "said": np.uint8,
    "voxels": np.int64,
    "labels": np.uint8,
    "normals": np.float32,
}

_MARGIN = 2
"""Voxels around the surface."""

_REACH = 1.8
"""A voxel takes the label of the nearest vertex within so many voxels."""

STEPS = 255
"""Probabilities are kept in as many steps."""


@dataclass(frozen=True, eq=False)
class LabelScene:
    """What a scene's frames measured and an image network says of them, and the truth.

    Attributes:
        name: of the scene.
        camera: of the depth images as they are kept.
        poses: of the frames.
        depth_mm: ``(F, H, W)`` uint16 along the camera's axis, 0 where there is no reading.
        said: ``(F, h, w, C)`` uint8, probabilities of classes, times :data:`STEPS`.
        stride: pixels of the kept depth that one field of ``said`` stands for.
        grid: of the voxels.
        voxels: ``(N,)``, linear numbers of the voxels around the surface.
        labels: ``(N,)`` uint8 NYU40 ids, 0 where nobody annotated.
        normals: ``(N, 3)`` float32 unit normals, 0 where nobody knows.
    """

    name: str
    camera: Intrinsics
    poses: tuple[Pose, ...]
    depth_mm: NDArray[np.uint16]
    said: NDArray[np.uint8]
    stride: int
    grid: VoxelGrid
    voxels: NDArray[np.int64]
    labels: NDArray[np.uint8]
    normals: NDArray[np.float32]


def load_label_scene(
    folder: Path,
    labeller: Callable[[], FrameLabeller],
    labeller_digest: str,
    voxel_m: float,
    params: SaidParams,
    progress: Callable[[int, int], None] | None = None,
) -> LabelScene:
    """Read a prepared scene, and let an image network label its frames.

    What is read and said is kept beside the scene's views, and mapped into memory.

    Args:
        folder: ``DATA/SCENE``.
        labeller: makes what labels frames; called where nothing is kept.
        labeller_digest: fingerprint of it.
        voxel_m: edge of a voxel.
        params: what is kept.
        progress: called with frames done and frames in all, where they must be labelled.

    Raises:
        ArtifactError: the scene has no annotated surface.
        CaptureError: it has no frame with pose, depth and colour.
    """
    asked = [_SCHEMA, read_manifest(folder).digest, labeller_digest, voxel_m, params]
    kept = folder / VIEWS_FOLDER / f"said-{digest(plain(asked))}"
    found = _read_kept(folder.name, kept)
    if found is not None:
        return found
    scene = _from_frames(folder, labeller(), voxel_m, params, progress)
    try:
        _keep(kept, scene)
    except OSError as error:
        warnings.warn(
            f"{kept} cannot be written ({error.strerror}): frames are labelled anew next time",
            stacklevel=2,
        )
        return scene
    return _read_kept(folder.name, kept) or scene


def _from_frames(
    folder: Path,
    labeller: FrameLabeller,
    voxel_m: float,
    params: SaidParams,
    progress: Callable[[int, int], None] | None,
) -> LabelScene:
    from crossvox.capture.readers.folder import FolderCapture
    from crossvox.doors.meshes import read_mesh
    from crossvox.scene.shell import shell_of
    from crossvox.scene.voxelize import transfer_labels

    mesh = read_mesh(folder / f"{folder.name}.ply")
    expect(
        mesh.labels is not None and bool(mesh.labels.any()),
        given=f"{folder} without any annotated surface",
        needed="a scene with labels",
        do="prepare scans that have labelled meshes, or leave it out",
        error=ArtifactError,
    )
    grid = VoxelGrid.around(mesh.vertices_m, voxel_m, _MARGIN)
    shell = shell_of(grid, mesh)
    places = np.stack(np.unravel_index(shell.voxels, grid.shape), -1)
    labels = transfer_labels(grid.to_world(places), mesh, _REACH * voxel_m)
    capture = FolderCapture(folder)
    posed = [index for index in range(len(capture)) if capture.pose(index) is not None]
    chosen = [posed[i] for i in evenly(len(posed), params.frames)]
    kept: list[tuple[NDArray[np.uint16], NDArray[np.uint8]]] = []
    poses: list[Pose] = []
    camera, strides = capture.camera(), set()
    for number, index in enumerate(chosen, start=1):
        frame = capture.frame(index, parts=Parts(labels=False))
        taken = _said(frame, labeller, params.width)
        if taken is not None and frame.pose is not None:
            depth, said, camera, stride = taken
            kept.append((depth, said))
            poses.append(frame.pose)
            strides.add(stride)
        if progress is not None:
            progress(number, len(chosen))
    expect(
        len(kept) > 0 and len(strides) == 1,
        given=f"{folder} with {len(kept)} frames that can be labelled",
        needed="frames with pose, depth and colour, all of one size",
        do="prepare the scene again, or leave it out",
        error=CaptureError,
    )
    return LabelScene(
        folder.name,
        camera,
        tuple(poses),
        np.stack([depth for depth, _ in kept]),
        np.stack([said for _, said in kept]),
        strides.pop(),
        grid,
        shell.voxels,
        labels,
        np.asarray(shell.normals, np.float32),
    )


def _said(
    frame: Frame, labeller: FrameLabeller, width: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], Intrinsics, int] | None:
    """Depth and classes of a frame, as they are kept, and the camera and stride that fit them."""
    if frame.depth_m is None or frame.rgb is None:
        return None
    said = labeller(frame)
    if said is None:
        return None
    camera = frame.camera
    step = max(1, round(camera.width / width))
    while said.stride % step:  # fields are whole pixels of the kept depth
        step -= 1
    depth = np.minimum(frame.depth_m[::step, ::step] * 1000 + 0.5, 65535).astype(np.uint16)
    classes = np.rint(said.probability * STEPS).astype(np.uint8)
    return depth, classes, camera.thinned(step), said.stride // step


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` positions, evenly."""
    if count <= most:
        return list(range(count))
    return np.linspace(0, count - 1, most).round().astype(int).tolist()


@dataclass(frozen=True)
class _Kept:
    """What stands beside the arrays."""

    camera: Intrinsics
    poses: list[list[list[float]]]
    stride: int
    grid: VoxelGrid
    shapes: dict[str, list[int]]


def _keep(folder: Path, scene: LabelScene) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "depth": scene.depth_mm,
        "said": scene.said,
        "voxels": scene.voxels,
        "labels": scene.labels,
        "normals": scene.normals,
    }
    poses = [pose.world_from_camera.tolist() for pose in scene.poses]
    told = _Kept(scene.camera, poses, scene.stride, scene.grid, shapes_of(arrays))
    keep_arrays(folder, arrays, told)


def _read_kept(name: str, folder: Path) -> LabelScene | None:
    """What was kept; None where there is nothing, or it is damaged."""
    found = read_arrays(folder, _Kept, _ARRAYS)
    if found is None:
        return None
    told, arrays = found
    try:
        if len(told.poses) != len(arrays["depth"]):
            return None
        return LabelScene(
            name,
            told.camera,
            tuple(Pose(np.array(matrix)) for matrix in told.poses),
            arrays["depth"],
            arrays["said"],
            told.stride,
            told.grid,
            arrays["voxels"],
            arrays["labels"],
            arrays["normals"],
        )
    except (CrossvoxError, ValueError, KeyError):
        return None
