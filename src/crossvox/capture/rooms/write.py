"""Generated rooms as complete ScanNet raw scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.categories import NYU40_IDS, RAW_IDS
from crossvox.capture.rooms.contents import TrueContents
from crossvox.capture.rooms.film import shots
from crossvox.capture.rooms.frames import Cameras
from crossvox.capture.rooms.layout.furnish import kind_of
from crossvox.capture.rooms.params import RoomsParams
from crossvox.capture.rooms.reference import complete_mesh, reference_mesh
from crossvox.capture.rooms.scan import Scan, prepare_scan
from crossvox.capture.sens.layout import SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.artifact import Stopwatch
from crossvox.core.frame import COMPLETE_MESH
from crossvox.core.labels import NYU40
from crossvox.core.room_contents import TRUE_OBJECTS
from crossvox.core.threads import meanwhile
from crossvox.core.threads import threads as all_threads
from crossvox.core.volume import Mesh
from crossvox.doors.images import write_bytes
from crossvox.doors.meshes import write_ply

Progress = Callable[[int, int], None]

LABEL_FOLDER = "label-filt"

_PER_ROOM = ("frames", "frame_step", "width", "height", "depth_width", "depth_height", "far_m",
             "lost_share", "jpeg_quality", "spacing_m", "noise", "sensor",
             "clutter", "dark", "pose_drift")  # fmt: skip
"""Params that change what a room is; the others only say which rooms, or how fast."""


def scene_name(number: int) -> str:
    """Name of room ``number``."""
    return f"scene{number:04d}_00"


def splits(params: RoomsParams) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Scene names of the training and the validation list."""
    numbers = range(params.count)
    held_out = [n for n in numbers if n % params.validation_every == params.validation_every - 1]
    if not held_out and params.count >= 2:
        held_out = [params.count - 1]
    train = tuple(scene_name(n) for n in numbers if n not in held_out)
    return train, tuple(scene_name(n) for n in held_out)


# One room


@dataclass(frozen=True)
class RoomNotes:
    """What one room holds.

    Attributes:
        kind: what it is.
        frames: frames written.
        lost_poses: frames among them without pose.
        vertices: vertices of the reference mesh.
        classes: names of the NYU40 classes on it, sorted.
        objects: how many objects of each raw category the frames saw.
        seconds: time of each step.
    """

    kind: str
    frames: int
    lost_poses: int
    vertices: int
    classes: tuple[str, ...]
    objects: dict[str, int]
    seconds: dict[str, float] = field(compare=False)


def room_images(params: RoomsParams) -> dict[str, Any]:
    """What makes a room what it is, beside its number: equal values, equal files."""
    every = asdict(params)
    return {name: every[name] for name in (*_PER_ROOM, "seed")}


def write_room(
    folder: Path, number: int, params: RoomsParams, progress: Progress | None = None
) -> RoomNotes:
    """Write one furnished room as a ScanNet raw scan: ``.sens``, labels, reference meshes, the
    mesh of the complete room, and what it holds.

    Args:
        folder: an empty folder.
        number: which room of the seed; its files are named after it, whatever the folder is called.
        params: what images; ``count`` and ``validation_every`` do not matter.
        progress: called with frames done and frames in all.

    Returns:
        What it holds.
    """
    name, watch = scene_name(number), Stopwatch()
    threads = params.threads or all_threads()
    with watch("build"):
        scan = prepare_scan(params, number, threads)
    # What asks for no frame.
    complete = meanwhile(partial(complete_mesh, scan))
    contents = meanwhile(
        partial(TrueContents.of, scan.room, scan.studio.mesh, scan.world_from_room)
    )
    labels = folder / LABEL_FOLDER
    labels.mkdir()
    seen = np.zeros(len(scan.studio.mesh.faces), dtype=bool)
    header = _header(scan.cameras)
    with watch("film"), SensWriter(folder / f"{name}.sens", header, params.frames) as writer:
        for frame, shot in enumerate(shots(scan, params, number, threads)):
            writer.write(shot.frame)
            write_bytes(labels / f"{frame}.png", shot.label)
            seen[shot.seen] = True
            if progress is not None:
                progress(frame + 1, params.frames)
    with watch("mesh"):
        surface, raw = reference_mesh(scan, seen)
        _write_surface(folder / f"{name}_vh_clean_2", surface)
        write_ply(folder / f"{name}_{COMPLETE_MESH}", complete())
        contents().seen(seen).write(folder / f"{name}_{TRUE_OBJECTS}")
    categories = {raw_id: category for category, raw_id in RAW_IDS.items()}
    return RoomNotes(
        kind=kind_of(params.seed, number),
        frames=params.frames,
        lost_poses=int(scan.lost.sum()),
        vertices=len(surface.vertices_m),
        classes=tuple(sorted({NYU40.names[NYU40_IDS[categories[int(n)]]] for n in np.unique(raw)})),
        objects=dict(Counter(categories[n] for n in _raw_ids_of_things(scan, seen))),
        seconds=watch.seconds,
    )


def _header(cameras: Cameras) -> SensHeader:
    return SensHeader(
        sensor_name="crossvox generated room",
        color_camera=cameras.color,
        depth_camera=cameras.depth,
        color_extrinsic=np.eye(4, dtype=np.float32),
        depth_extrinsic=cameras.color_from_depth.world_from_camera.astype(np.float32),
        color_compression="jpeg",
        depth_compression="zlib",
        depth_shift=1000.0,
    )


def _write_surface(stem: Path, surface: Mesh) -> None:
    """The mesh twice, as real scans have it: in its colours, and in the colours of its labels."""
    write_ply(
        stem.with_name(f"{stem.name}.ply"), Mesh(surface.vertices_m, surface.faces, surface.colors)
    )
    palette = NYU40.colors[surface.labels]
    write_ply(
        stem.with_name(f"{stem.name}.labels.ply"),
        Mesh(surface.vertices_m, surface.faces, palette, surface.labels),
    )


def _raw_ids_of_things(scan: Scan, seen: NDArray[np.bool_]) -> list[int]:
    """Raw category id of every object of which some face was seen, by number of the object."""
    mesh = scan.studio.mesh
    things = np.unique(np.stack([mesh.thing[seen], mesh.raw_label[seen]], 1), axis=0)
    return [int(raw_id) for _, raw_id in things]
