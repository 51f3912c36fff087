"""One finished room for programs: its surface, its classes, how sure they are, its objects."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.methods import REFERENCE
from crossvox.core.room_contents import TRUE_OBJECTS, RoomContents, RoomObject
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import class_areas


class Room:
    """A room that is finished: what ``scan``, ``predict``, ``prepare`` or ``objects`` wrote of it.

    Of several surfaces the one with predicted classes is taken, then the one with true ones, then
    any there is.

    Attributes:
        name: of the scene, or of the file without its ending.
        mesh: its surface: vertices in metres, z up, ``(V, 3)`` float32.
        class_names: names of its classes by NYU40 id.
        contents: objects, walls, doors and windows, outline: those found, or beside true classes
            the true ones; None where nobody looked for them.

    Args:
        path: folder of ``scan`` or ``predict``, of prepared scenes, or of one scene of either; or
            a PLY file, beside which ``objects.json`` and ``classes.json`` are looked for.
        scene: which one, where the folder holds several; by default the first.

    Raises:
        ArtifactError: no such folder or scene, or nothing of it has a surface.
        CaptureError: the mesh cannot be read.

    Example:
        ```python
        import crossvox as cv

        room = cv.Room("data/scene0000_00")
        print(room.name, len(room.mesh.vertices_m), "vertices")
        for name, area_m2 in room.classes.items():
            print(f"{area_m2:6.1f} m2 {name}")
        ```
    """

    name: str
    mesh: Mesh
    class_names: tuple[str, ...]
    contents: RoomContents | None

    def __init__(self, path: str | os.PathLike[str], scene: str | None = None) -> None:
        from crossvox.report.look import find_room, room_of_file

        place = Path(path)
        found = room_of_file(place) if place.is_file() else find_room(place, scene)[0]
        shown = found.shown_classes
        mesh = found.best if shown is None else shown[1]
        assert mesh is not None  # a room that is found has a surface
        self.name, self.mesh = found.name, mesh
        self.class_names, self.contents = found.names, found.contents
        known = None if found.folder is None else found.folder / TRUE_OBJECTS
        if shown is not None and shown[0] == REFERENCE and known is not None and known.is_file():
            self.contents = RoomContents.read(known)

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """``(V,)`` NYU40 ids of the vertices, 0 = unlabelled; None where nothing is labelled."""
        return self.mesh.labels

    @property
    def confidence(self) -> NDArray[np.float32] | None:
        """``(V,)`` from 0 to 1, how likely each label is right; None where nobody tells."""
        return self.mesh.label_confidence

    @property
    def classes(self) -> dict[str, float]:
        """Surface by class, square metres, largest first; what is unlabelled is left out."""
        areas = class_areas(self.mesh)
        return {self.class_names[label]: area for label, area in areas.items() if label}

    @property
    def objects(self) -> tuple[RoomObject, ...]:
        """The things in it, in upright boxes; none where nobody looked for them."""
        return () if self.contents is None else self.contents.objects

    def __repr__(self) -> str:
        labelled = "not labelled" if self.labels is None else f"{len(self.classes)} classes"
        things = "" if self.contents is None else f", {len(self.objects)} objects"
        return f"Room({self.name!r}: {len(self.mesh.vertices_m)} vertices, {labelled}{things})"
