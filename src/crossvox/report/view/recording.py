"""A 3D view as a recording of rerun (``.rrd``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crossvox.core.artifact import replacing
from crossvox.core.checks import ArtifactError, ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.doors.images import encode_jpeg
from crossvox.doors.recordings import Recording, is_own_recording
from crossvox.report.class_colors import class_colors, class_name
from crossvox.report.layers import Layer
from crossvox.report.view.decimate import Merged, merge
from crossvox.report.view.model import RoomView
from crossvox.report.view.shading import own_colors

SUFFIX = ".rrd"


@dataclass(frozen=True)
class RecordingReport:
    """What a written recording holds.

    Attributes:
        path: the file.
        size_bytes: its size.
        faces: triangles by layer, after thinning.
        frames: frames of the capture, with their poses.
        objects: boxes.
    """

    path: Path
    size_bytes: int
    faces: dict[str, int]
    frames: int
    objects: int


def expect_recording(path: Path) -> None:
    """Refuse to write a recording over anything but one of ours.

    Raises:
        ArtifactError: there is something else.
        ParamsError: the file would have another name.
    """
    expect(
        path.suffix.lower() == SUFFIX,
        given=f"{path}",
        needed=f"a file whose name ends with {SUFFIX}",
        do=f"pass for example room{SUFFIX}",
        error=ParamsError,
    )
    free = not path.exists() and not path.is_symlink()
    expect(
        free or (path.is_file() and not path.is_symlink() and is_own_recording(path)),
        given=f"{path}, in whose place is something that crossvox did not write",
        needed="a new file, or a recording of crossvox",
        do="name another file",
        error=ArtifactError,
    )


def write_recording(view: RoomView, path: Path, *, max_faces: int = 100_000) -> RecordingReport:
    """Write a 3D view as a recording: layers, classes, objects, camera path, frames.

    Every layer is a mesh at ``room/GROUP/NAME`` in its colours; those of classes carry the ids, to
    which the recording tells names and colours. Frames stand at ``camera``, by their numbers.

    Args:
        view: what to show.
        path: the file to write.
        max_faces: every surface is thinned to this many triangles.

    Raises:
        ParamsError: there is no layer with faces, or rerun is not installed.
    """
    layers = view.solid()
    thinned: dict[int, Merged] = {}
    faces = {}
    with replacing(path) as temporary:
        to = Recording(temporary, view.title)
        ids = np.arange(len(NYU40.names), dtype=np.uint8)
        to.classes([class_name(int(label), view.names) for label in ids], class_colors(ids))
        for layer in layers:
            mesh = layer.mesh
            # Layers of one surface share its vertices: it is thinned once for all of them.
            key = id(mesh.vertices_m)
            if key not in thinned:
                thinned[key] = merge(Mesh(mesh.vertices_m, mesh.faces), max_faces)
            coarse = colored(layer, thinned[key])
            to.mesh(f"room/{_part(layer.group)}/{_part(layer.name)}", coarse,
                    told=layer.key == "classes")  # fmt: skip
            faces[layer.title] = len(coarse.faces)
        _things(to, view)
        to.close()
    objects = 0 if view.contents is None else len(view.contents.objects)
    return RecordingReport(path, path.stat().st_size, faces, len(view.shots), objects)


def colored(layer: Layer, merged: Merged) -> Mesh:
    """A layer's colours and classes on its thinned surface; a code is picked, never mixed.

    Args:
        layer: whose mesh was thinned.
        merged: its surface, thinned.
    """
    first = np.unique(merged.vertex, return_index=True)[1]
    own, labels = own_colors(layer.mesh), layer.mesh.labels
    mixed = own[first]
    if not layer.coded:
        count = np.bincount(merged.vertex)
        mixed = np.stack(
            [np.round(np.bincount(merged.vertex, channel) / count) for channel in own.T], axis=-1
        ).astype(np.uint8)
    return replace(merged.mesh, colors=mixed, labels=None if labels is None else labels[first])


def _things(to: Recording, view: RoomView) -> None:
    """Objects, the camera's way, and the frames along it."""
    objects = () if view.contents is None else view.contents.objects
    if objects:
        to.boxes(
            "objects",
            np.array([one.center_m for one in objects]),
            np.array([one.size_m for one in objects]),
            [one.yaw_deg for one in objects],
            [f"{one.number} {one.class_name}" for one in objects],
            [one.class_id for one in objects],
        )
    if view.camera_path_m is not None and len(view.camera_path_m) > 1:
        to.line("camera_path", view.camera_path_m)
    for shot in view.shots:
        camera = shot.camera.resized((shot.image.shape[1], shot.image.shape[0]))
        to.frame("camera", int(shot.label), shot.pose, camera, encode_jpeg(shot.image))


def _part(text: str) -> str:
    """A name as a part of an entity's path."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "unnamed"
