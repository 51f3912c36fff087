"""Every way to look at a room: one surface in one colouring each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.methods import (
    LEARNT,
    MASK_ONLY,
    REFERENCE,
    TSDF,
    VOTES,
    class_text,
)
from crossvox.core.volume import Mesh
from crossvox.report.class_colors import class_colors, class_error_colors
from crossvox.report.completed import completed_colors, is_completed, share_sentence
from crossvox.report.confidence import (
    CONFIDENCE_MAP,
    CONFIDENCE_TEXTS,
    confidence_colors,
    tells_confidence,
)
from crossvox.report.pictures.colors import ERROR_MAP, color_map, error_shares
from crossvox.report.rooms import FUSED_REFERENCE, Room, with_colors, with_labels

Key = Literal["", "classes", "errors", "distance", "completed", "confidence"]


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
        values: ``(V,)`` from 0 to 1, numbers that the colours stand for; None where there are none.
        map: name of their scale of colours.
    """

    group: str
    name: str
    text: str
    mesh: Mesh
    coded: bool = False
    key: Key = ""
    values: NDArray[np.float32] | None = None
    map: str = ERROR_MAP

    @property
    def title(self) -> str:
        """Group and name in one."""
        return f"{self.group}: {self.name}"


def room_layers(room: Room, reach_m: float) -> list[Layer]:
    """Every way to look at a room: colours, what was completed, classes, their errors, distances.

    Args:
        room: its surfaces.
        reach_m: distance at which the colour code of distances ends.
    """
    surfaces = {**room.meshes, VOTES: room.votes}
    layers: list[Layer] = []
    for method in (LEARNT, REFERENCE, VOTES, TSDF, MASK_ONLY):
        mesh = surfaces.get(method)
        if mesh is not None:
            layers += _class_layers(room, method, mesh)
            if method != VOTES:
                layers += _shape_layers(room, method, mesh, reach_m)
            if method == REFERENCE and room.carried is not None:
                carried = with_labels(mesh, room.carried)
                text = "the prediction, carried to this surface"
                layers.append(_in_classes(room.origin, "predicted classes", text, carried))
    return layers


def _class_layers(room: Room, method: str, mesh: Mesh) -> list[Layer]:
    """Classes of a surface, and their errors."""
    layers, group = [], room.method_name(method)
    if mesh.labels is not None:
        layers.append(_in_classes(group, "classes", class_text(method), mesh))
        if tells_confidence(mesh):
            sure = with_colors(mesh, confidence_colors(mesh))
            layers.append(
                Layer(group, "confidence", CONFIDENCE_TEXTS[room.calibrated], sure,
                      key="confidence", values=mesh.label_confidence, map=CONFIDENCE_MAP)
            )  # fmt: skip
    if method in room.transferred:
        layers.append(_errors(room, method, group))
    return layers


def _shape_layers(room: Room, method: str, mesh: Mesh, reach_m: float) -> list[Layer]:
    """A surface in its own colours, by what was completed, and by its distance to another."""
    group = room.method_name(method)
    name = "colours" if mesh.colors is not None else "shape"
    layers = [Layer(group, name, room.surface_text(method), mesh)]
    if is_completed(mesh):
        marked = with_colors(mesh, completed_colors(mesh))
        text = share_sentence(mesh)
        layers.append(Layer(group, "measured / completed", text, marked, True, "completed"))
    versus = LEARNT if method == REFERENCE else REFERENCE
    other = room.meshes.get(versus)
    if other is not None:
        name = room.method_name(versus)
        text = f"to {name.lower() if name != FUSED_REFERENCE else 'the reference'}"
        shares = error_shares(mesh, other, reach_m)
        colored = with_colors(mesh, color_map(ERROR_MAP, shares))
        layers.append(Layer(group, "distance", text, colored, key="distance", values=shares))
    return layers


def _in_classes(group: str, name: str, text: str, mesh: Mesh) -> Layer:
    """A labelled surface in the colours of its classes."""
    assert mesh.labels is not None
    colored = with_colors(mesh, class_colors(mesh.labels))
    return Layer(group, name, text, colored, True, "classes")


def _errors(room: Room, method: str, group: str) -> Layer:
    reference = room.meshes[REFERENCE]
    assert reference.labels is not None
    colors = class_error_colors(reference.labels, room.transferred[method])
    text = "on the ground truth's surface, at each vertex the nearest predicted class"
    return Layer(group, "errors", text, with_colors(reference, colors), True, "errors")
