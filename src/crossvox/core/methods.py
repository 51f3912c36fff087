"""What makes the surfaces and classes of a predicted scene: one table of methods, and their files.

A method has one key, which is its name in files, on the command line and in studies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEARNT, MASK_ONLY, TSDF, REFERENCE = "learnt", "mask_only", "tsdf", "reference"
VOTES, MAJORITY = "votes_2d", "majority"
NETWORK_2D, RENDERED_VOTES = "network", "votes"

CALIBRATED = "labels calibrated"
"""Note of a labelled scene: whether what labels its frames was calibrated on labelled images."""

UNCOMPLETED = "why nothing is completed"
"""Note of a scene that a run of completion may add nothing to, in words."""

OF_SCAN, NO_FRAME = "of a scan", "no frame"

OTHER_RULES = {
    OF_SCAN: "of what a scan along the way of the frames measures, not of all there is",
    NO_FRAME: "where no frame labels",
}
"""What scores of a network itself are by another rule, by the suffix of their names in the log of a
training, ``NAME (SUFFIX)``; any other suffix names a baseline."""


def is_own_fusion(notes: Mapping[str, Any]) -> bool:
    """Whether notes of a prepared scene tell that its surface is the fusion of its own frames."""
    return notes.get("surface") == TSDF


@dataclass(frozen=True)
class Method:
    """One way to make a surface or its classes.

    Attributes:
        key: its name in files, on the command line and in studies.
        name: what a reader sees.
        surface_text: what its surface is; empty: it makes none.
        class_text: what its classes are; empty: it makes none.
        mesh: file of its surface in a scene's prediction folder; empty: it writes none.
        volume: file of its classes by voxel, likewise.
    """

    key: str
    name: str
    surface_text: str = ""
    class_text: str = ""
    mesh: str = ""
    volume: str = ""


METHODS = {
    method.key: method
    for method in (
        Method(
            LEARNT,
            "Learnt",
            "the network's surface",
            "the 3D network's classes",
            "mesh.ply",
            "classes.npz",
        ),
        Method(
            MASK_ONLY,
            "Mask only",
            "baseline: every voxel that any view sees, no learning",
            mesh="mask_only.ply",
        ),
        Method(TSDF, "TSDF fusion", "classical fusion of the same depth frames", mesh="tsdf.ply"),
        Method(
            REFERENCE,
            "Ground truth",
            "what the others are measured against",
            "what the others are measured against",
        ),
        Method(
            VOTES,
            "2D votes",
            "",
            "baseline: every frame's classes, voted in each voxel, no 3D network",
            "votes.ply",
            "votes.npz",
        ),
        Method(MAJORITY, "Majority class", "", "baseline: the commonest training class everywhere"),
        Method(
            NETWORK_2D, "2D network", "", "baseline: what the 2D network says of each frame alone"
        ),
        Method(
            RENDERED_VOTES,
            "Votes in frames",
            "",
            "baseline: every frame's classes, voted on the surface and rendered back into frames",
        ),
    )
}
"""Every method by its key, in the order of display."""

COMPLETED_TEXT = "fused where frames measured it, the network's surface where they did not"
"""What the learnt surface is where it tells which parts of it were completed."""

METHOD_FILES = {m.key: m.mesh for m in METHODS.values() if m.mesh and m.surface_text}
"""Mesh of each method that makes a surface, in a scene's prediction folder."""

CLASS_MESHES = {m.key: m.mesh for m in METHODS.values() if m.mesh and m.class_text}
"""Labelled mesh of each method that makes classes, likewise."""

CLASS_VOLUMES = {m.key: m.volume for m in METHODS.values() if m.volume}
"""Class volume of each method, likewise."""

CLASSES_MESH, CLASSES_GLB = "classes.ply", "classes.glb"
"""The learnt surface in the colours of its classes, likewise."""

ATTRIBUTES = "attributes.npz"
"""Classes of that surface's vertices and how sure they are, likewise."""

ON_SCAN, ON_SCAN_MESH = "on_scan.npz", "on_scan.ply"
"""Classes of the vertices of the scan's own mesh, and that mesh in their colours, likewise."""

TRANSFERRED = "transferred.ply"
"""The scene's own surface with the classes that the evaluation compared, likewise."""


def method_name(key: str) -> str:
    """What a reader sees of a method; of one that is not in the table, its key as words."""
    return METHODS[key].name if key in METHODS else key.replace("_", " ").capitalize()


def arm_name(key: str) -> str:
    """What a reader sees of an arm of a study: a baseline by its name, an arm as it is."""
    return METHODS[key].name if key in METHODS else key


def surface_text(key: str) -> str:
    """What the surface of a method is; empty if nobody knows."""
    return METHODS[key].surface_text if key in METHODS else ""


def class_text(key: str) -> str:
    """What the classes of a method are; empty if nobody knows."""
    return METHODS[key].class_text if key in METHODS else ""
