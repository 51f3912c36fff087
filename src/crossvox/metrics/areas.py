"""How much of a surface is what: areas of faces, by class or by any mark of its vertices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh

DOUBTFUL = 0.5
"""A class that is less likely than this is told to be doubtful."""


def face_areas(mesh: Mesh) -> NDArray[np.float64]:
    """Area of each face, ``(F,)`` square metres."""
    from crossvox.metrics.kernels import areas

    return np.asarray(areas(mesh.vertices_m, mesh.faces))


def face_pick(faces: NDArray[np.int32], values: NDArray[Any]) -> NDArray[Any]:
    """One value a face: that of two of its corners, else of the first: ``(F,)``."""
    first, second, third = values[faces].T
    return np.where(second == third, second, first)


def class_areas(mesh: Mesh) -> dict[int, float]:
    """Area by label, square metres, the largest first; 0 is what is unlabelled."""
    if not len(mesh.faces):
        return {}
    labels = np.zeros(len(mesh.vertices_m), np.uint8) if mesh.labels is None else mesh.labels
    sums = np.bincount(face_pick(mesh.faces, labels), face_areas(mesh))
    order = sorted(np.flatnonzero(sums).tolist(), key=lambda label: -sums[label])
    return {label: float(sums[label]) for label in order}


def marked_area(mesh: Mesh, marked: NDArray[np.bool_]) -> float:
    """Area of the faces with two marked corners or three, square metres."""
    if not len(mesh.faces):
        return 0.0
    return float(face_areas(mesh)[marked[mesh.faces].sum(axis=1) >= 2].sum())


def doubtful_share(mesh: Mesh) -> float | None:
    """Share of the labelled area whose class is less likely than :data:`DOUBTFUL`.

    Returns:
        None where nothing is labelled, or nobody tells how likely classes are.
    """
    if mesh.labels is None or mesh.label_confidence is None:
        return None
    labelled = sum(area for label, area in class_areas(mesh).items() if label)
    doubtful = (mesh.labels > 0) & (mesh.label_confidence < DOUBTFUL)
    return min(1.0, marked_area(mesh, doubtful) / labelled) if labelled > 0 else None
