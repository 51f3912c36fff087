"""The files that a scan ends with: the room's mesh, what is in it, and its plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossvox.core.artifact import read_manifest
from crossvox.core.class_map import read_class_names
from crossvox.core.files import ROOM_MESH
from crossvox.core.methods import UNCOMPLETED
from crossvox.core.room_contents import RoomContents
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.metrics.areas import class_areas, doubtful_share
from crossvox.metrics.completed import completed_share
from crossvox.recipes.objects_files import write_objects


@dataclass(frozen=True)
class RoomSummary:
    """What a scan found, in numbers.

    Attributes:
        mesh: the room's mesh: completed, labelled, with its objects.
        files: what else was written about it.
        area_m2: of the whole surface.
        completed: share of it that no frame measured.
        uncompleted: why nothing was completed, in words; empty: nothing forbade it.
        unlabelled: share of it without a class; 1 where nothing was labelled.
        doubtful: share of the labelled surface whose class is less likely than one half;
            None where nobody tells.
        classes: surface by class, m2, largest first.
        objects: how many of each class, most first.
        contents: outline, walls and objects in full.
    """

    mesh: Path
    files: tuple[Path, ...]
    area_m2: float
    completed: float
    uncompleted: str
    unlabelled: float
    doubtful: float | None
    classes: Mapping[str, float]
    objects: Mapping[str, int]
    contents: RoomContents


def write_room(mesh_file: Path, out: Path) -> RoomSummary:
    """Find what a predicted mesh holds, and write ``room.ply``, its contents and floor plan.

    Args:
        mesh_file: the mesh, with labels or without; z up. Names of classes, and the manifest of
            what made it, lie beside it.
        out: where the files go.

    Raises:
        CaptureError: the mesh cannot be read.
        ArtifactError: a file cannot be written.
    """
    mesh, contents, files = write_objects(read_mesh(mesh_file), out)
    write_ply(out / ROOM_MESH, mesh)
    names = read_class_names(mesh_file.parent)
    areas = class_areas(mesh)
    whole = sum(areas.values())
    labelled = whole - areas.pop(0, 0.0)
    counted = Counter(one.class_name for one in contents.objects)
    return RoomSummary(
        mesh=out / ROOM_MESH,
        files=tuple(out / name for name in files),
        area_m2=whole,
        completed=completed_share(mesh),
        uncompleted=read_manifest(mesh_file.parent).notes.get(UNCOMPLETED, ""),
        unlabelled=1 - labelled / whole if whole else 1.0,
        doubtful=doubtful_share(mesh),
        classes={names[label]: area for label, area in areas.items()},
        objects=dict(counted.most_common()),
        contents=contents,
    )
