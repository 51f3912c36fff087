"""Objects and outlines of predicted scenes against what the rooms truly hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
    names = _scene_names(pred)
    rooms = _Rooms()
    for done, name in enumerate(names, start=1):
        rooms.add(pred, data, name, seen_scenes)
        if progress is not None:
            progress(done, len(names))
    expect(
        bool(rooms.counted),
        given=f"{pred} with {len(rooms.seen)} scenes that the run learnt from, "
        f"{len(rooms.unknown)} of which {data} does not know what they hold, and no other",
        needed="labelled meshes or objects.json of prepared generated rooms",
        do="write rooms anew with 'crossvox rooms' and prepare them, or pass --seen-scenes",
        error=ArtifactError,
    )
    return ObjectsEvaluation(
        {method: score_objects(pairs) for method, pairs in rooms.found.items()},
        PROTOCOL,
        tuple(rooms.counted),
        tuple(rooms.notes(pred)),
    )


def _scene_names(pred: Path) -> list[str]:
    """What may be scenes: folders, and files of one mesh each."""
    inside = visible(pred)
    names = {Path(name).stem for name in inside if name.endswith(".ply")}
    names |= {name for name in inside if (pred / name).is_dir()}
    return sorted(names)


@dataclass
class _Rooms:
    """What was found of each scene and what is true, as scenes are gone through.

    Attributes:
        found: method -> of each scene that counts and has it, what was found and what is true.
        counted: names of scenes that count.
        seen: of scenes that the run learnt from, and that do not count.
        unknown: of scenes of which nobody knows what they hold.
        fewer: of those that count and were labelled by a table of classes.
    """

    found: dict[str, list[tuple[RoomContents, RoomContents]]] = field(default_factory=dict)
    counted: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    fewer: list[str] = field(default_factory=list)

    def add(self, pred: Path, data: Path, name: str, seen_scenes: bool) -> None:
        """Look at one scene, if it is one."""
        meshes = _labelled(pred, name)
        told = pred / name / OBJECTS_FILE
        if not meshes and not told.is_file():
            return
        prepared = scene_folder(data, name)
        truth = prepared / TRUE_OBJECTS
        if not truth.is_file():
            self.unknown.append(name)
            return
        manifest = _manifest(pred / name)
        if manifest is not None and manifest.notes.get(LEARNT_FROM) and not seen_scenes:
            self.seen.append(name)
            return
        self.counted.append(name)
        classes = None if manifest is None else table_of(pred / name, manifest)
        if classes is not None:
            self.fewer.append(name)
        true = _told_by(RoomContents.read(truth), classes)
        for method, made in _methods(name, meshes, told, prepared, classes):
            self.found.setdefault(method, []).append((made, true))

    def notes(self, pred: Path) -> list[str]:
        """What a reader must know of scenes that do not count, or not as they are."""
        count, notes = len(self.counted), []
        if self.seen:
            notes.append(f"left out, as the run learnt from them: {', '.join(self.seen)}")
        if self.unknown:
            notes.append(f"left out, as nobody knows what they hold: {', '.join(self.unknown)}")
        if self.fewer:
            notes.append(
                f"{len(self.fewer)} of {count} scenes were labelled by a table of classes "
                f"(--classes): true objects are told by the same one, and those of classes that "
                f"are never told do not count"
            )
        notes += renamed(pred, self.counted)
        notes += [
            f"{method_name(method)}: {len(pairs)} of {count} scenes have it"
            for method, pairs in self.found.items()
            if len(pairs) < count
        ]
        return notes


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
