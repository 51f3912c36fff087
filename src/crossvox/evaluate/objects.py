"""Objects and outlines of predicted scenes against what the rooms truly hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crossvox.core.artifact import MANIFEST, Manifest, read_manifest
from crossvox.core.checks import ArtifactError, expect
from crossvox.core.class_map import ClassMap, table_of
from crossvox.core.methods import CLASS_MESHES, LEARNT, VOTES, method_name
from crossvox.core.room_contents import OBJECTS_FILE, TRUE_OBJECTS, RoomContents
from crossvox.core.volume import Mesh, Score
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.classes import renamed
from crossvox.evaluate.references import scene_folder
from crossvox.flow.folder import visible
from crossvox.flow.lineage import LEARNT_FROM
from crossvox.metrics.boxes import PROTOCOL, score_objects
from crossvox.objects import find_contents
from crossvox.objects.baseline import trivial_contents
from crossvox.objects.kinds import KINDS

COMPONENTS = "components"
"""Name of the baseline: connected vertices of the 2D votes, boxes along the axes."""

TRUE_LABELS = "true labels"
"""Name of what is found with the labels of the scene's own surface."""


@dataclass(frozen=True)
class ObjectsEvaluation:
    """Scores of objects.

    Attributes:
        whole: method -> its scores over all scenes that count.
        protocol: the rules.
        counted: scenes that count.
        notes: what a reader must know of the others.
    """

    whole: dict[str, list[Score]]
    protocol: str
    counted: tuple[str, ...]
    notes: tuple[str, ...]


def evaluate_objects(
    pred: Path,
    data: Path,
    *,
    seen_scenes: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ObjectsEvaluation:
    """Score objects, walls and outlines of scenes.

    Of each scene, ``pred`` holds ``SCENE/objects.json``, labelled meshes as ``crossvox predict``
    writes them (``SCENE/mesh.ply``, ``SCENE/votes.ply``), or one file ``SCENE.ply``. Objects are
    found in meshes here; beside them stands the baseline, of the votes where there are any; and
    what is found with the true labels, where the scene's own surface has them.

    Args:
        pred: what was predicted.
        data: prepared scenes that know what they hold (of generated rooms).
        seen_scenes: count scenes that the run learnt from as well.
        progress: called with scenes done and scenes in all.

    Raises:
        ArtifactError: no scene of ``pred`` can be scored.
    """
    inside = visible(pred)
    names = {Path(name).stem for name in inside if name.endswith(".ply")}
    names |= {name for name in inside if (pred / name).is_dir()}
    found: dict[str, list[tuple[RoomContents, RoomContents]]] = {}
    counted, seen, unknown, fewer = [], [], [], []
    for done, name in enumerate(sorted(names), start=1):
        meshes = _labelled(pred, name)
        told = pred / name / OBJECTS_FILE
        if meshes or told.is_file():
            prepared = scene_folder(data, name)
            truth = prepared / TRUE_OBJECTS
            manifest = _manifest(pred / name) if truth.is_file() else None
            if not truth.is_file():
                unknown.append(name)
            elif manifest is not None and manifest.notes.get(LEARNT_FROM) and not seen_scenes:
                seen.append(name)
            else:
                counted.append(name)
                classes = None if manifest is None else table_of(pred / name, manifest)
                if classes is not None:
                    fewer.append(name)
                true = _told_by(RoomContents.read(truth), classes)
                for method, made in _methods(name, meshes, told, prepared, classes):
                    found.setdefault(method, []).append((made, true))
        if progress is not None:
            progress(done, len(names))
    expect(
        bool(counted),
        given=f"{pred} with {len(seen)} scenes that the run learnt from, {len(unknown)} of which "
        f"{data} does not know what they hold, and no other",
        needed="labelled meshes or objects.json of prepared generated rooms",
        do="write rooms anew with 'crossvox rooms' and prepare them, or pass --seen-scenes",
        error=ArtifactError,
    )
    notes = []
    if seen:
        notes.append(f"left out, as the run learnt from them: {', '.join(seen)}")
    if unknown:
        notes.append(f"left out, as nobody knows what they hold: {', '.join(unknown)}")
    if fewer:
        notes.append(
            f"{len(fewer)} of {len(counted)} scenes were labelled by a table of classes "
            f"(--classes): true objects are told by the same one, and those of classes that are "
            f"never told do not count"
        )
    notes += renamed(pred, counted)
    partial = [m for m, rooms in found.items() if len(rooms) < len(counted)]
    notes += [
        f"{method_name(m)}: {len(found[m])} of {len(counted)} scenes have it" for m in partial
    ]
    return ObjectsEvaluation(
        {method: score_objects(rooms) for method, rooms in found.items()},
        PROTOCOL,
        tuple(counted),
        tuple(notes),
    )


def _labelled(pred: Path, name: str) -> dict[str, Mesh]:
    """Labelled meshes of a scene, by method."""
    files = {LEARNT: pred / f"{name}.ply"}
    if (pred / name).is_dir():
        files = {method: pred / name / file for method, file in CLASS_MESHES.items()}
    meshes = {method: read_mesh(file) for method, file in files.items() if file.is_file()}
    return {method: mesh for method, mesh in meshes.items() if mesh.labels is not None}


def _methods(
    name: str, meshes: dict[str, Mesh], told: Path, prepared: Path, classes: ClassMap | None
) -> Sequence[tuple[str, RoomContents]]:
    """What was found, by method."""
    found = [("told", RoomContents.read(told))] if told.is_file() else []
    found += [(method, find_contents(mesh)[1]) for method, mesh in meshes.items()]
    base = meshes.get(VOTES, meshes.get(LEARNT))
    if base is not None:
        found.append((COMPONENTS, trivial_contents(base)[1]))
    own = prepared / f"{name}.ply"
    surface = read_mesh(own) if own.is_file() else None
    if surface is not None and surface.labels is not None:
        if classes is not None:
            surface = replace(surface, labels=classes.table[surface.labels])
        found.append((TRUE_LABELS, find_contents(surface)[1]))
    return found


def _manifest(folder: Path) -> Manifest | None:
    """What a predicted scene tells of itself; None of meshes from elsewhere."""
    return read_manifest(folder) if (folder / MANIFEST).is_file() else None


def _told_by(true: RoomContents, classes: ClassMap | None) -> RoomContents:
    """What a room holds, by the classes that were told: others are nothing that can be missed.

    So is what the table makes part of the room itself, as a door that is called wall.
    """
    if classes is None:
        return true
    told = [(one, int(classes.table[one.class_id])) for one in true.objects]
    objects = [replace(one, class_id=number) for one, number in told if number in KINDS]
    return replace(true, objects=tuple(replace(one, number=n + 1) for n, one in enumerate(objects)))
