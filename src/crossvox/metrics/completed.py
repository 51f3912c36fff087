"""How much of a surface was completed."""

from __future__ import annotations

from crossvox.core.volume import Mesh
from crossvox.metrics.areas import face_areas, marked_area


def completed_share(mesh: Mesh) -> float:
    """Share of the area that was completed; 0 where nobody tells, or without faces.

    A triangle counts as completed if two of its corners are.
    """
    total = float(face_areas(mesh).sum()) if len(mesh.faces) else 0.0
    if mesh.completed is None or not total:
        return 0.0
    return marked_area(mesh, mesh.completed) / total
