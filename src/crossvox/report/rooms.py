"""One room as the folders hold it: surfaces by method, and their classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import CrossvoxError, ShapeError, expect
from crossvox.core.class_map import CLASSES_FILE, ClassMap, read_class_names, table_of
from crossvox.core.files import ROOM_MESH
from crossvox.core.labels import NYU40
from crossvox.core.methods import (
    CALIBRATED,
    CLASS_MESHES,
    CLASSES_MESH,
    COMPLETED_TEXT,
    LEARNT,
    MASK_ONLY,
    METHOD_FILES,
    METHODS,
    ON_SCAN_MESH,
    REFERENCE,
    TRANSFERRED,
    TSDF,
    UNCOMPLETED,
    VOTES,
    method_name,
    surface_text,
)
from crossvox.core.room_contents import RoomContents
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh
from crossvox.report.contents import contents_places, read_contents
from crossvox.report.folders import is_fused, scene_folder
from crossvox.report.hiding import hidden
from crossvox.report.sources import Sources
from crossvox.scene.voxelize import transfer_labels

Array = NDArray[Any]

_CLASS_FILES = (CLASSES_MESH, CLASS_MESHES[VOTES], ON_SCAN_MESH, TRANSFERRED)
"""Files beside the learnt surface that tell classes."""

FUSED_REFERENCE = "Reference (TSDF fusion)"
"""What the reference is called where nothing better is known than the fusion of the frames."""


@dataclass(frozen=True, eq=False)
class Room:
    """One scene's surfaces.

    Attributes:
        name: of the scene.
        folder: the prepared scene, or None.
        meshes: by method, in the order of display: ``METHOD_FILES`` and ``reference``.
        origin: what the reference is called.
        votes: surface of the voxels seen with the class that most frames vote for, or None.
        transferred: ``(V,)`` NYU40 ids by method, at the reference's vertices; only where the
            reference has labels.
        carried: ``(V,)`` NYU40 ids that the prediction gave the reference's vertices, or None.
        names: of its classes by id, where the prediction tells other ones than NYU40's.
        contents: objects, walls, openings and outline, or None.
        plan: its floor plan, an SVG, or None.
        missing: what is not there or cannot be shown, one line each.
        calibrated: whether the confidence of its labels is; None where nobody tells.
        uncompleted: why nothing was added to its surface, in words; empty where nobody tells.
    """

    name: str
    folder: Path | None
    meshes: dict[str, Mesh]
    origin: str = METHODS[REFERENCE].name
    votes: Mesh | None = None
    transferred: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    carried: NDArray[np.uint8] | None = None
    names: tuple[str, ...] = NYU40.names
    contents: RoomContents | None = None
    plan: bytes | None = None
    missing: tuple[str, ...] = ()
    calibrated: bool | None = None
    uncompleted: str = ""

    @property
    def best(self) -> Mesh | None:
        """The surface that tells best what the room is; None if there is none."""
        order = (REFERENCE, TSDF, LEARNT, MASK_ONLY)
        return next((self.meshes[method] for method in order if method in self.meshes), self.votes)

    @property
    def labelled(self) -> dict[str, Mesh]:
        """The surfaces that have classes, by method: truth first."""
        found = {
            REFERENCE: self.meshes.get(REFERENCE),
            LEARNT: self.meshes.get(LEARNT),
            VOTES: self.votes,
        }
        return {
            method: mesh
            for method, mesh in found.items()
            if mesh is not None and mesh.labels is not None
        }

    @property
    def shown_classes(self) -> tuple[str, Mesh] | None:
        """Method and surface that show the room's classes: predicted ones before the truth."""
        labelled = self.labelled
        order = (LEARNT, VOTES, REFERENCE)
        return next(((m, labelled[m]) for m in order if m in labelled), None)

    def method_name(self, method: str) -> str:
        """What a method is called where this room is shown."""
        return self.origin if method == REFERENCE else method_name(method)

    def surface_text(self, method: str) -> str:
        """What the surface of a method is in this room."""
        mesh = self.meshes.get(method)
        told = method == LEARNT and mesh is not None and mesh.completed is not None
        return COMPLETED_TEXT if told else surface_text(method)


def read_room(name: str, sources: Sources) -> Room:
    """Read all surfaces of a scene; what cannot be read is left out and told in ``missing``."""
    files = _Files(name, sources)
    folder = scene_folder(name, sources)
    meshes = {method: files.first(file) for method, file in METHOD_FILES.items()}
    files.choose_classes(meshes[LEARNT])
    meshes[LEARNT] = _with_classes(meshes[LEARNT], files)
    origin = method_name(REFERENCE)
    if folder is not None:
        path = folder / f"{name}.ply"
        meshes[REFERENCE] = files.told(files.read(path)) if path.is_file() else None
        if is_fused(folder, sources):
            origin = FUSED_REFERENCE
    votes = files.first_classes(CLASS_MESHES[VOTES])
    if votes is not None and votes.labels is None:
        files.missing.append(f"{name}: {CLASS_MESHES[VOTES]} has no labels, so it is not shown")
        votes = None
    reference = meshes.get(REFERENCE)
    places = contents_places(name, folder, sources, files.classes_of, files.missing)
    contents, plan = read_contents(places, files.missing)
    meshes[LEARNT] = _with_objects(meshes[LEARNT], places, files)
    return Room(
        name,
        folder,
        {method: mesh for method, mesh in meshes.items() if mesh is not None},
        origin,
        votes,
        _transferred(reference, meshes[LEARNT], votes, files),
        _labels_on(reference, files.first_classes(ON_SCAN_MESH)),
        files.names,
        contents,
        plan,
        tuple(files.missing),
        files.calibrated(),
        files.uncompleted(),
    )


def read_compared(name: str, sources: Sources, *, reference: bool) -> Room:
    """What a comparison shows of a scene: its own surface, classes, and the reference.

    Args:
        name: of the scene.
        sources: where it lies.
        reference: whether that is read: it may be known from elsewhere.

    Returns:
        A room with the learnt surface, or else with the first one that there is.
    """
    files = _Files(name, sources)
    folder = scene_folder(name, sources)
    read = ((method, files.first(file)) for method, file in METHOD_FILES.items())
    method, own = next(((m, mesh) for m, mesh in read if mesh is not None), (LEARNT, None))
    files.choose_classes(own if method == LEARNT else None)
    own = _with_classes(own, files) if method == LEARNT else own
    told = own is not None and own.labels is not None
    votes = None if told else files.first_classes(CLASS_MESHES[VOTES])
    found = {method: own, REFERENCE: None}
    fused = folder is not None and is_fused(folder, sources)
    if reference and folder is not None and (folder / f"{name}.ply").is_file():
        found[REFERENCE] = files.read(folder / f"{name}.ply")
    return Room(
        name,
        folder,
        {method: mesh for method, mesh in found.items() if mesh is not None},
        FUSED_REFERENCE if fused else method_name(REFERENCE),
        None if votes is None or votes.labels is None else votes,
        names=files.names,
        missing=tuple(files.missing),
    )


class _Files:
    """Meshes of one scene, from all predictions; what cannot be shown is told."""

    def __init__(self, name: str, sources: Sources) -> None:
        self.name = name
        self.places = [prediction / name for prediction in sources.predictions]
        self.missing: list[str] = []
        self._sources = sources
        self.names: tuple[str, ...] = NYU40.names
        self._table: ClassMap | None = None
        self._classes: list[Path] = []

    def read(self, path: Path) -> Mesh | None:
        """A mesh with faces, or None."""
        try:
            mesh = read_mesh(path, self.missing)
        except CrossvoxError as error:
            self.missing.append(hidden(f"{self.name}: {path.name} cannot be read ({error})"))
            return None
        if not len(mesh.faces):
            self.missing.append(f"{self.name}: {path.name} has no faces, so it is not shown")
            return None
        return mesh

    def first(self, file: str) -> Mesh | None:
        """The file of the first prediction that has it."""
        place = _having(self.places, file)
        return None if place is None else self.read(place / file)

    def choose_classes(self, learnt: Mesh | None) -> None:
        """Choose whose classes are shown: the learnt surface's, else the first that there are.

        Those of other predictions may stand beside them where they have the same names and were
        chosen by the same table; of others it is told that they do not.
        """
        own = learnt is not None and learnt.labels is not None
        first = _having(self.places, *((METHOD_FILES[LEARNT],) if own else _CLASS_FILES))
        if first is None:
            return
        self.names, self._table = told = self._telling(first)
        self._classes = [first]
        for place in self.places:
            if place == first or _having([place], *_CLASS_FILES) is None:
                continue
            if self._telling(place) == told:
                self._classes.append(place)
            else:
                self.missing.append(
                    f"{self.name}: classes of {place.parent.resolve().name} were chosen by another "
                    f"table than those of {first.parent.resolve().name}, by which the truth is "
                    f"told, and are not shown"
                )

    @property
    def classes_of(self) -> Path | None:
        """The predicted scene whose classes are shown; None where none is."""
        return next(iter(self._classes), None)

    def first_classes(self, file: str) -> Mesh | None:
        """The same of a file that tells classes: those of other tables cannot stand beside it."""
        place = _having(self._classes, file)
        return None if place is None else self.read(place / file)

    def calibrated(self) -> bool | None:
        """What the prediction whose classes are shown tells of their confidence."""
        told = self._note(CALIBRATED, self._classes[:1])
        return told if isinstance(told, bool) else None

    def uncompleted(self) -> str:
        """Why the learnt surface that is shown has nothing completed."""
        place = _having(self.places, METHOD_FILES[LEARNT])
        told = self._note(UNCOMPLETED, [] if place is None else [place])
        return told if isinstance(told, str) else ""

    def _note(self, name: str, places: Iterable[Path]) -> object:
        manifests = filter(None, map(self._sources.manifest, places))
        return next((m.notes[name] for m in manifests if name in m.notes), None)

    def told(self, reference: Mesh | None) -> Mesh | None:
        """The reference, its classes told by the table that those shown were chosen by."""
        if reference is None or reference.labels is None or self._table is None:
            return reference
        return with_labels(reference, self._table.table[reference.labels])

    def _telling(self, place: Path) -> tuple[tuple[str, ...], ClassMap | None]:
        """What classes are called in a prediction, and which table they were chosen by."""
        names, table, manifest = NYU40.names, None, self._sources.manifest(place)
        try:
            names = read_class_names(place)
        except CrossvoxError as error:
            self.missing.append(hidden(f"{self.name}: {CLASSES_FILE} cannot be read ({error})"))
        try:
            table = None if manifest is None else table_of(place, manifest)
        except CrossvoxError as error:
            self.missing.append(hidden(f"{self.name}: {error}"))
        return names, table


def _having(places: Iterable[Path], *files: str) -> Path | None:
    """The first place that has any of the files."""
    return next((p for p in places if any((p / file).is_file() for file in files)), None)


def _with_classes(learnt: Mesh | None, files: _Files) -> Mesh | None:
    """The learnt surface with the classes that lie beside it, where it has none itself."""
    if learnt is None or learnt.labels is not None:
        return learnt
    classes = files.first_classes(CLASSES_MESH)
    same = classes is not None and len(classes.vertices_m) == len(learnt.vertices_m)
    return with_labels(learnt, classes.labels) if classes is not None and same else learnt


def _with_objects(learnt: Mesh | None, places: Iterable[Path], files: _Files) -> Mesh | None:
    """The learnt surface with the objects that the scan's own mesh of the same places has."""
    if learnt is None or learnt.objects is not None or learnt.labels is None:
        return learnt
    path = next((place / ROOM_MESH for place in places if (place / ROOM_MESH).is_file()), None)
    told = None if path is None else files.read(path)
    same = told is not None and np.array_equal(told.vertices_m, learnt.vertices_m)
    return replace(learnt, objects=told.objects) if told is not None and same else learnt


def _transferred(
    reference: Mesh | None, learnt: Mesh | None, votes: Mesh | None, files: _Files
) -> dict[str, NDArray[np.uint8]]:
    """Classes at the reference's vertices by method: those compared, else the nearest ones."""
    if reference is None or reference.labels is None:
        return {}
    found = {LEARNT: _labels_on(reference, files.first_classes(TRANSFERRED)), VOTES: None}
    for method, mesh in ((LEARNT, learnt), (VOTES, votes)):
        if found[method] is None and mesh is not None and mesh.labels is not None:
            found[method] = nearest_labels(mesh, reference.vertices_m)
    return {method: labels for method, labels in found.items() if labels is not None}


def _labels_on(reference: Mesh | None, mesh: Mesh | None) -> NDArray[np.uint8] | None:
    """The labels of a mesh that has one for each vertex of the reference; else None."""
    if reference is None or mesh is None or mesh.labels is None:
        return None
    return mesh.labels if len(mesh.labels) == len(reference.vertices_m) else None


def with_labels(mesh: Mesh, labels: NDArray[np.uint8] | None) -> Mesh:
    """The same surface with other labels."""
    return replace(mesh, labels=labels)


def with_colors(mesh: Mesh, colors: NDArray[np.uint8] | None) -> Mesh:
    """The same surface in other colours."""
    return replace(mesh, colors=colors)


def nearest_labels(mesh: Mesh, points_m: Array) -> NDArray[np.uint8]:
    """The label of the vertex that is nearest to each point: ``(P,)`` uint8.

    Raises:
        ShapeError: the mesh has no labels.
    """
    expect(
        mesh.labels is not None and len(mesh.vertices_m) > 0,
        given="a mesh without labels",
        needed="a label a vertex",
        do="predict with a segmentation run",
        error=ShapeError,
    )
    return transfer_labels(points_m, mesh, math.inf)


def unknown_parts(room: Room) -> list[str]:
    """What a view of this room cannot show, and why: one line each."""
    lines: list[str] = []
    wanted: Mapping[str, bool] = {
        "no prediction": "learnt" in room.meshes,
        "no surface of the scene itself": "reference" in room.meshes,
    }
    lines += [text for text, there in wanted.items() if not there]
    if "learnt" in room.meshes and room.meshes["learnt"].labels is None:
        lines.append("the prediction has no classes")
    if "reference" in room.meshes and room.meshes["reference"].labels is None:
        lines.append("the scene has no labels, so classes have no errors")
    if "learnt" in room.meshes and room.votes is None:
        lines.append("no 2D votes")
    return lines
