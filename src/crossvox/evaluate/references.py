"""What predictions are measured against: the surface and labels of prepared scenes, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from crossvox.core.artifact import MANIFEST, read_manifest
from crossvox.core.checks import ArtifactError, CaptureError, expect
from crossvox.core.files import VOLUME
from crossvox.core.labels import NYU40
from crossvox.core.methods import is_own_fusion
from crossvox.core.volume import Mesh, SceneVolume
from crossvox.doors.isosurface import isosurface
from crossvox.doors.meshes import read_labelled_mesh, read_mesh
from crossvox.scene.store import read_volume

_CLASSES = len(NYU40.names)


def scene_folder(data: Path, scene: str) -> Path:
    """The prepared scene that a prediction belongs to; ``data`` may be the scene itself.

    Raises:
        ArtifactError: it is not there.
    """
    folder = data / scene
    if not folder.is_dir() and data.resolve().name == scene:
        folder = data
    expect(
        folder.is_dir(),
        given=f"scene {scene}, which was predicted but is not in {data}",
        needed="the prepared scene that it was predicted from",
        do="pass the data folder of the prediction (its manifest links to it)",
        error=ArtifactError,
    )
    return folder


def reference_file(folder: Path, scene: str) -> Path:
    """The file of a prepared scene's own surface.

    Raises:
        ArtifactError: there is none.
    """
    path = folder / f"{scene}.ply"
    expect(
        path.is_file(),
        given=f"scene {scene} without a reference surface ({path} does not exist)",
        needed="the surface that 'crossvox prepare' writes",
        do="prepare the scene again",
        error=ArtifactError,
    )
    return path


def reference_mesh(folder: Path, scene: str, protocol: Literal["surface", "thesis"]) -> Mesh:
    """The surface that a reconstruction is measured against.

    Of protocol ``surface`` the mesh ``SCENE.ply``, of ``thesis`` the scene's occupancy volume,
    meshed at voxel resolution as the published pipeline does.

    Raises:
        ArtifactError: the scene has none; names it.
    """
    if protocol == "thesis":
        volume = read_volume(folder / VOLUME)
        mesh = isosurface(volume.grid, volume.occupied.astype(np.float32), 0.5)
        found = f"{folder / VOLUME} without any occupied voxel"
    else:
        path = reference_file(folder, scene)
        mesh = read_mesh(path)
        found = f"{path} without any face"
    expect(
        len(mesh.faces) > 0,
        given=found,
        needed="a reference surface",
        do="check the scene and prepare it again",
        error=ArtifactError,
    )
    return mesh


def fusion_is_reference(folder: Path) -> bool:
    """Whether the reference of a prepared scene is the TSDF fusion of its own frames."""
    return (folder / MANIFEST).is_file() and is_own_fusion(read_manifest(folder).notes)


def reference_labels(folder: Path, scene: str) -> Mesh | None:
    """The labelled surface of a prepared scene; None if nobody labelled it.

    Raises:
        ArtifactError: the scene has no surface.
        CaptureError: it cannot be read, or holds labels that are no NYU40 ids.
    """
    mesh = read_labelled(reference_file(folder, scene))
    return mesh if mesh.labels is not None and bool(mesh.labels.any()) else None


def read_labelled(path: Path) -> Mesh:
    """A mesh whose labels, if it has any, are NYU40 ids.

    Raises:
        CaptureError: it cannot be read, or holds other labels.
    """
    mesh, strange = read_labelled_mesh(path)
    expect(
        not strange,
        given=f"{path} with vertex label {max(strange, default=0)}",
        needed=f"NYU40 ids from 0 to {_CLASSES - 1}",
        do="map raw labels to NYU40 first ('crossvox prepare' does)",
        error=CaptureError,
    )
    return mesh


def read_classes(path: Path) -> SceneVolume:
    """A volume whose labels are NYU40 ids.

    Raises:
        ArtifactError: it cannot be read, or holds other labels.
    """
    volume = read_volume(path)
    expect(
        int(volume.labels.max()) < _CLASSES,
        given=f"{path} with label {int(volume.labels.max())}",
        needed=f"NYU40 ids from 0 to {_CLASSES - 1}",
        do="make the file anew",
        error=ArtifactError,
    )
    return volume
