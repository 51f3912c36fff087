"""One room as the folders hold it: surfaces by method, their classes, layers to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import (
    CLASS_MESHES,
    CLASSES_MESH,
    METHOD_FILES,
    ON_SCAN_MESH,
    TRANSFERRED,
)
from crossvox.core.checks import CrossvoxError, ShapeError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh
from crossvox.report.pictures import Color, error_colors
from crossvox.report.sources import Sources, hidden, is_fused, scene_folder

Array = NDArray[Any]

METHOD_NAMES = {
    "learnt": "Learnt",
    "mask_only": "Voxels seen",
    "tsdf": "TSDF fusion",
    "reference": "Ground truth",
    "votes_2d": "2D votes",
    "majority": "Majority class",
}
FUSED_REFERENCE = "Reference (TSDF fusion)"
"""What the reference is called where nothing better is known than the fusion of the frames."""
METHOD_TEXTS = {
    "learnt": "the network's surface",
    "mask_only": "baseline: every voxel that any view sees, no learning",
    "tsdf": "classical fusion of the same depth frames",
    "reference": "what the others are measured against",
}
CLASS_TEXTS = {
    "learnt": "the 3D network's classes",
    "votes_2d": "baseline: every frame's classes, voted in each voxel, no 3D network",
    "majority": "baseline: the commonest training class everywhere",
    "reference": "what the others are measured against",
}
"""What a method is, where classes are shown or scored."""

RIGHT: Color = (168, 172, 178)
WRONG: Color = (214, 40, 34)
UNANNOTATED: Color = (58, 61, 68)
ERROR_KEY = (("right", RIGHT), ("wrong", WRONG), ("unannotated", UNANNOTATED))
"""How errors of classes are coloured."""

Key = Literal["", "classes", "errors", "distance"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One surface in one colouring; a 3D view shows one layer at a time.

    Attributes:
        group: whose surface it is, for example "Learnt".
        name: what its colours mean, for example "classes".
        text: one line more.
        mesh: vertex colours are shown; vertex labels are the classes that a legend switches.
        coded: colours are a code: they may be picked, never mixed.
        key: what explains the colours.
    """

    group: str
    name: str
    text: str
    mesh: Mesh
    coded: bool = False
    key: Key = ""

    @property
    def title(self) -> str:
        """Group and name in one."""
        return f"{self.group}: {self.name}"


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
        missing: what is not there or cannot be shown, one line each.
    """

    name: str
    folder: Path | None
    meshes: dict[str, Mesh]
    origin: str = METHOD_NAMES["reference"]
    votes: Mesh | None = None
    transferred: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    carried: NDArray[np.uint8] | None = None
    missing: tuple[str, ...] = ()

    @property
    def best(self) -> Mesh | None:
        """The surface that tells best what the room is; None if there is none."""
        order = ("reference", "tsdf", "learnt", "mask_only")
        return next((self.meshes[method] for method in order if method in self.meshes), self.votes)

    @property
    def labelled(self) -> dict[str, Mesh]:
        """The surfaces that have classes, by method: truth first."""
        found = {
            "reference": self.meshes.get("reference"),
            "learnt": self.meshes.get("learnt"),
            "votes_2d": self.votes,
        }
        return {
            method: mesh
            for method, mesh in found.items()
            if mesh is not None and mesh.labels is not None
        }

    def method_name(self, method: str) -> str:
        """What a method is called where this room is shown."""
        return method_name(method, self.origin)


def method_name(method: str, origin: str = METHOD_NAMES["reference"]) -> str:
    """What a method is called on page and view."""
    if method == "reference":
        return origin
    return METHOD_NAMES.get(method, method.replace("_", " ").capitalize())


def read_room(name: str, sources: Sources) -> Room:
    """Read all surfaces of a scene; what cannot be read is left out and told in ``missing``."""
    folder = scene_folder(name, sources)
    missing: list[str] = []

    def read(path: Path) -> Mesh | None:
        try:
            mesh = read_mesh(path)
        except CrossvoxError as error:
            missing.append(hidden(f"{name}: {path.name} cannot be read ({error})"))
            return None
        if not len(mesh.faces):
            missing.append(f"{name}: {path.name} has no faces, so it is not shown")
            return None
        return mesh

    def first(file: str) -> Mesh | None:
        places = (prediction / name / file for prediction in sources.predictions)
        path = next((path for path in places if path.is_file()), None)
        return None if path is None else read(path)

    found = {method: first(file) for method, file in METHOD_FILES.items()}
    if found["learnt"] is not None and found["learnt"].labels is None:
        classes = first(CLASSES_MESH)
        if classes is not None and len(classes.vertices_m) == len(found["learnt"].vertices_m):
            found["learnt"] = with_labels(found["learnt"], classes.labels)
    origin = METHOD_NAMES["reference"]
    if folder is not None:
        path = folder / f"{name}.ply"
        found["reference"] = read(path) if path.is_file() else None
        if is_fused(folder):
            origin = FUSED_REFERENCE
    meshes = {method: mesh for method, mesh in found.items() if mesh is not None}
    votes = first(CLASS_MESHES["votes_2d"])
    if votes is not None and votes.labels is None:
        missing.append(f"{name}: {CLASS_MESHES['votes_2d']} has no labels, so it is not shown")
        votes = None
    reference = meshes.get("reference")
    transferred: dict[str, NDArray[np.uint8]] = {}
    if reference is not None and reference.labels is not None:
        for method, mesh in (("learnt", meshes.get("learnt")), ("votes_2d", votes)):
            given = first(TRANSFERRED) if method == "learnt" else None
            if _fits(given, reference):
                assert given is not None
                assert given.labels is not None
                transferred[method] = given.labels
            elif mesh is not None and mesh.labels is not None:
                transferred[method] = nearest_labels(mesh, reference.vertices_m)
    scan = first(ON_SCAN_MESH)
    carried = scan.labels if scan is not None and _fits(scan, reference) else None
    return Room(name, folder, meshes, origin, votes, transferred, carried, tuple(missing))


def _fits(mesh: Mesh | None, reference: Mesh | None) -> bool:
    return (
        mesh is not None
        and reference is not None
        and mesh.labels is not None
        and len(mesh.labels) == len(reference.vertices_m)
    )


def with_labels(mesh: Mesh, labels: NDArray[np.uint8] | None) -> Mesh:
    """The same surface with other labels."""
    return Mesh(mesh.vertices_m, mesh.faces, mesh.colors, labels)


def with_colors(mesh: Mesh, colors: NDArray[np.uint8] | None) -> Mesh:
    """The same surface in other colours."""
    return Mesh(mesh.vertices_m, mesh.faces, colors, mesh.labels)


def nearest_labels(mesh: Mesh, points_m: Array) -> NDArray[np.uint8]:
    """The label of the vertex that is nearest to each point: ``(P,)`` uint8.

    Raises:
        ShapeError: the mesh has no labels.
    """
    from scipy.spatial import cKDTree

    expect(
        mesh.labels is not None and len(mesh.vertices_m) > 0,
        given="a mesh without labels",
        needed="a label a vertex",
        do="predict with a segmentation run",
        error=ShapeError,
    )
    assert mesh.labels is not None
    tree = cKDTree(mesh.vertices_m, balanced_tree=False, compact_nodes=False)
    return mesh.labels[tree.query(points_m, workers=-1)[1]]


def class_colors(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label table's colours ``(V, 3)``; dark grey where nobody annotated."""
    table = NYU40.colors.copy()
    table[NYU40.ignore_id] = UNANNOTATED
    return table[np.minimum(labels, len(table) - 1)]


def class_error_colors(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Right vertices grey, wrong ones red, unannotated ones dark: ``(V, 3)``."""
    state = np.where(truth == NYU40.ignore_id, 2, (truth != predicted).astype(np.int64))
    return np.array([color for _, color in ERROR_KEY], dtype=np.uint8)[state]


def face_pick(faces: NDArray[np.int32], values: Array) -> Array:
    """One value a face: that of two of its corners, else of the first: ``(F,)``."""
    first, second, third = values[faces].T
    return np.where(second == third, second, first)


def class_shares(mesh: Mesh) -> dict[int, float]:
    """Share of the area by NYU40 id, the largest first; empty without labels."""
    if mesh.labels is None or not len(mesh.faces):
        return {}
    corners = mesh.triangles_m.astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(sides, axis=-1)
    sums = np.bincount(face_pick(mesh.faces, mesh.labels), area, len(NYU40.names))
    total = float(sums.sum()) or 1.0
    order = sorted(np.flatnonzero(sums), key=lambda label: -sums[label])
    return {int(label): float(sums[label]) / total for label in order}


def present_classes(meshes: Iterable[Mesh]) -> list[int]:
    """NYU40 ids that any of the surfaces shows: by the largest share first, unannotated last."""
    most: dict[int, float] = {}
    for mesh in meshes:
        for label, share in class_shares(mesh).items():
            most[label] = max(most.get(label, 0.0), share)
    return sorted(most, key=lambda label: (label == NYU40.ignore_id, -most[label]))


def room_layers(room: Room, reach_m: float) -> list[Layer]:
    """Every way to look at a room: colours, classes, errors of classes, distances.

    Args:
        room: its surfaces.
        reach_m: distance at which the colour code of distances ends.
    """
    layers: list[Layer] = []
    reference = room.meshes.get("reference")
    learnt = room.meshes.get("learnt")
    surfaces = {**room.meshes, "votes_2d": room.votes}
    for method in ("learnt", "reference", "votes_2d", "tsdf", "mask_only"):
        mesh = surfaces.get(method)
        if mesh is None:
            continue
        group = room.method_name(method)
        if mesh.labels is not None:
            layers.append(
                Layer(
                    group,
                    "classes",
                    CLASS_TEXTS.get(method, ""),
                    with_colors(mesh, class_colors(mesh.labels)),
                    True,
                    "classes",
                )
            )
        if method in room.transferred:
            layers.append(_errors(room, method, group))
        if method != "votes_2d":
            text = METHOD_TEXTS.get(method, "")
            layers.append(
                Layer(group, "colours" if mesh.colors is not None else "shape", text, mesh)
            )
        other = learnt if method == "reference" else reference
        if other is not None and method != "votes_2d":
            name = room.method_name("learnt" if method == "reference" else "reference")
            layers.append(
                Layer(
                    group,
                    "distance",
                    f"to {name.lower() if name != FUSED_REFERENCE else 'the reference'}",
                    with_colors(mesh, error_colors(mesh, other, reach_m)),
                    key="distance",
                )
            )
        if method == "reference" and room.carried is not None:
            carried = with_labels(mesh, room.carried)
            layers.append(
                Layer(
                    group,
                    "predicted classes",
                    "the prediction, carried to this surface",
                    with_colors(carried, class_colors(room.carried)),
                    True,
                    "classes",
                )
            )
    return layers


def _errors(room: Room, method: str, group: str) -> Layer:
    reference = room.meshes["reference"]
    assert reference.labels is not None
    colors = class_error_colors(reference.labels, room.transferred[method])
    text = "on the ground truth's surface, at each vertex the nearest predicted class"
    return Layer(group, "errors", text, with_colors(reference, colors), True, "errors")


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
