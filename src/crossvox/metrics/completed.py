"""How much of a surface was completed."""

from __future__ import annotations

import numpy as np

from crossvox.core.volume import Mesh


def completed_share(mesh: Mesh) -> float:
    """Share of the area that was completed; 0 where nobody tells, or without faces.

    A triangle counts as completed if two of its corners are.
    """
    if mesh.completed is None or not len(mesh.faces):
        return 0.0
    a, b, c = mesh.triangles_m.astype(np.float64).transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=-1)
    added = mesh.completed[mesh.faces].sum(axis=1) >= 2
    total = float(area.sum())
    return float(area[added].sum()) / total if total else 0.0
