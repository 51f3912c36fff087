"""From folders to a 3D view: which room, which layers, where one stands, frames of the capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.capture.readers.folder import FolderCapture
from crossvox.core.checks import ArtifactError, CaptureError, CrossvoxError, ParamsError, expect
from crossvox.core.class_map import read_class_names
from crossvox.core.frame import Capture, Parts, resize_nearest
from crossvox.core.methods import REFERENCE
from crossvox.doors.meshes import read_mesh
from crossvox.report.contents import read_contents
from crossvox.report.folders import posed, predicted_scenes, prepared_scenes
from crossvox.report.hiding import hidden
from crossvox.report.layers import Layer, room_layers
from crossvox.report.pictures.viewpoint import View, birdseye_view
from crossvox.report.rooms import Room, read_room, unknown_parts
from crossvox.report.sources import Sources, gather
from crossvox.report.values import once
from crossvox.report.view.model import RoomView, Shot, Standpoint

REACH_M = 0.05
"""Distance at which the colour code of distances ends."""

SHOTS = 40
"""Frames that are shown in space at most."""

THUMBNAIL_PX = 128

DEPTH_PX = 64
"""Width of the depth that is kept of a frame in space: enough to tell which points it saw."""


def open_view(
    path: Path, scene: str | None = None, data: Path | None = None, *, shots: int = SHOTS
) -> RoomView:
    """Everything that can be seen of one scene.

    Args:
        path: a prediction folder, a scan folder, a prepared data folder, or one scene of either;
            links in the manifests lead to the rest. Or a PLY mesh by itself, metres, z up.
        scene: which scene; None takes the one there is, or the first predicted one.
        data: prepared scenes, where the prediction's own are not where they were.
        shots: so many frames are shown in space at most.

    Raises:
        ArtifactError: no such folder, no such scene, or nothing of it has a surface.
        CaptureError: a mesh that cannot be read, or without faces.
    """
    path = Path(path)
    if path.is_file():
        return _view_of_file(path)
    room, sources = find_room(path, scene, data)
    assert room.best is not None
    capture, found = None, []
    if room.folder is not None:
        try:
            capture = FolderCapture(room.folder)
            found = posed(capture)
        except CrossvoxError as error:
            sources.missing.append(hidden(f"frames cannot be read ({error})"))
    return room_view(
        room,
        room_layers(room, REACH_M),
        birdseye_view(room.best, (1200, 864)),
        capture,
        found,
        missing=[*unknown_parts(room), *room.missing, *_told(sources, room.name)],
        shots=shots,
        alone=not predicted_scenes(sources),
    )


def find_room(
    path: Path, scene: str | None = None, data: Path | None = None
) -> tuple[Room, Sources]:
    """One scene of a folder, with a surface at least, and the folders that tell of it.

    Args:
        path: a prediction folder, a scan folder, a prepared data folder, or one scene of either.
        scene: which scene; None takes the one there is, or the first predicted one.
        data: prepared scenes, where the prediction's own are not where they were.

    Raises:
        ArtifactError: no such folder, no such scene, or nothing of it has a surface.
    """
    named = [path] if data is None else [path, Path(data)]
    sources = gather(named)
    expect(
        bool(sources.predictions or sources.data or sources.scenes),
        given=f"{path}, which leads to no prediction and no prepared scene",
        needed="a folder that 'crossvox predict', 'scan' or 'prepare' wrote",
        do="name such a folder",
        error=ArtifactError,
    )
    predicted, prepared = predicted_scenes(sources), prepared_scenes(sources)
    names = once([*predicted, *prepared])
    own = path.resolve().name
    alone = sources.kind(path) in ("scene", "predicted scene")
    expect(
        bool(names),
        given=f"{path}, which holds no scene",
        needed="a predicted or prepared scene",
        do="run the command that fills the folder again: none of its scenes could be made",
        error=ArtifactError,
    )
    name = scene or (own if alone and own in names else names[0])
    expect(
        name in names,
        given=f"scene {name}",
        needed=f"one of {', '.join(names)}",
        do="name one of them: --scene NAME",
        error=ArtifactError,
    )
    room = read_room(name, sources)
    expect(
        room.best is not None,
        given=f"scene {name} without any surface ({'; '.join(room.missing) or 'no mesh'})",
        needed="a mesh of the prediction or of the prepared scene",
        do="predict or prepare the scene again",
        error=ArtifactError,
    )
    return room, sources


def room_of_file(path: Path) -> Room:
    """A mesh that lies alone, with the contents and the names of classes beside it.

    Raises:
        ArtifactError: it is no PLY file.
        CaptureError: it cannot be read, or has no faces.
    """
    expect(
        path.suffix.lower() == ".ply",
        given=f"{path}, a {path.suffix or 'nameless'} file",
        needed="a PLY mesh, or a folder that 'crossvox predict', 'scan' or 'prepare' wrote",
        do="convert it, or name the folder",
        error=ArtifactError,
    )
    mesh = read_mesh(path)
    expect(
        len(mesh.faces) > 0,
        given=f"{path} with {len(mesh.vertices_m)} points and no faces",
        needed="a mesh: points alone have no surface to be seen",
        do="mesh the points first, or view the room that they were made from",
        error=CaptureError,
    )
    missing: list[str] = []
    contents, _ = read_contents([path.parent], missing)
    names = read_class_names(path.parent)
    return Room(
        path.stem,
        None,
        {REFERENCE: mesh},
        path.name,
        contents=contents,
        names=names,
        missing=tuple(missing),
    )


def _view_of_file(path: Path) -> RoomView:
    """A mesh that lies alone."""
    room = room_of_file(path)
    # No method made it that is known here, so no method's words are said of it.
    layers = [
        replace(layer, text="") if layer.key in ("", "classes") else layer
        for layer in room_layers(room, REACH_M)
    ]
    view = birdseye_view(room.meshes[REFERENCE], (1200, 864))
    return room_view(room, layers, view, None, [], missing=room.missing, alone=True)


def _told(sources: Sources, name: str) -> list[str]:
    """Remarks of the search; those about other scenes' folders do not matter here."""
    return [line for line in once(sources.missing) if line.startswith(name) or "gone" in line]


def room_view(
    room: Room,
    layers: Sequence[Layer],
    view: View,
    capture: Capture | None,
    frames: Sequence[tuple[int, Any]],
    *,
    missing: Sequence[str] = (),
    shots: int = SHOTS,
    reach_m: float = REACH_M,
    alone: bool = False,
    back: str = "",
) -> RoomView:
    """A 3D view of a room, beginning where its picture from above is taken, a little nearer.

    Args:
        room: its surfaces.
        layers: ways to look at it; the first is on.
        view: from above, see :func:`crossvox.report.pictures.birdseye_view`.
        capture: its frames, or None.
        frames: numbers and poses of the frames with a pose.
        missing: what cannot be shown.
        shots: so many frames are shown in space at most.
        reach_m: distance at which the colour code of distances ends.
        alone: whether there is no prediction, so that nobody misses one.
        back: address of the page that it belongs to, or empty.
    """
    interior = view.interior
    expect(
        interior is not None,
        given=f"a view {view.name!r} without an interior",
        needed="one that looks into the room",
        do="make it with birdseye_view",
        error=ParamsError,
    )
    assert interior is not None
    cells = np.argwhere(interior.depth_m >= 0) * interior.cell_m + interior.corner_m
    across = 0.5 * (cells.min(axis=0) + cells.max(axis=0))
    middle = np.append(across, 0.5 * (interior.floor_m + interior.top_m))
    eye = middle + (view.pose.position_m - middle) * 0.78
    path = np.array([pose.position_m for _, pose in frames]) if frames else None
    taken, broken = _shots(capture, frames, shots) if capture is not None else ([], 0)
    lines = [line for line in missing if not (alone and line == "no prediction")]
    if broken:
        lines.append(f"{broken} frames cannot be read")
    return RoomView(
        title=room.name,
        layers=layers,
        standpoint=Standpoint(
            (float(eye[0]), float(eye[1]), float(eye[2])),
            (float(middle[0]), float(middle[1]), float(middle[2])),
        ),
        interior=interior,
        camera_path_m=path,
        shots=taken,
        reach_m=reach_m,
        missing=tuple(once(lines)),
        contents=room.contents,
        names=room.names,
        back=back,
    )


def _shots(
    capture: Capture, frames: Sequence[tuple[int, Any]], most: int
) -> tuple[list[Shot], int]:
    """Thumbnails of frames spread over the capture, and how many of them cannot be read."""
    count = min(most, len(frames))
    camera = capture.camera()
    size = (THUMBNAIL_PX, max(1, round(THUMBNAIL_PX * camera.height / camera.width)))
    found, broken = [], 0
    for number in range(count):
        index, pose = frames[number * len(frames) // count]
        try:
            frame = capture.frame(index, size, Parts(labels=False))
        except CrossvoxError:
            broken += 1
            continue
        if frame.rgb is not None:
            depth = frame.depth_m
            if depth is not None:
                depth = resize_nearest(depth, (DEPTH_PX, max(2, DEPTH_PX * size[1] // size[0])))
            found.append(Shot(str(frame.id), pose, camera, frame.rgb, depth))
    return found, broken
