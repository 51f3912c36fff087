"""Whether two surfaces can be of one place and in one unit at all, in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.evaluate.sampling import extent

_UNITS = {
    1000.0: "millimetres",
    100.0: "centimetres",
    1 / 0.0254: "inches",
    1 / 0.3048: "feet",
}
_ALIKE = 1.25
"""Rooms scanned twice differ by less than this factor in extent."""

_OTHER = 2.5
"""Surfaces of one place hardly differ by more than this factor."""


def cloud_remark(path: Path, mesh: Mesh) -> list[str]:
    """That a file has no faces."""
    if len(mesh.faces) or not len(mesh.vertices_m):
        return []
    return [
        f"{path.name} has no faces: it is measured by its {len(mesh.vertices_m)} points as they are"
    ]


def size_ratio(predicted: Mesh, reference: Mesh) -> float:
    """How many times as large the made surface is, from corner to corner of its box; 1 if one of
    the two has no extent."""
    sizes = []
    for mesh in (predicted, reference):
        low, high = _box(mesh)
        sizes.append(float(np.linalg.norm(high - low)) if (low <= high).all() else 0.0)
    return sizes[0] / sizes[1] if min(sizes) > 0 else 1.0


def unit_remark(ratio: float) -> list[str]:
    """That one surface is many times as large as the other, and which unit that would be.

    Args:
        ratio: how many times as large the made one is, see :func:`size_ratio`.
    """
    for factor, unit in _UNITS.items():
        if 1 / _ALIKE < ratio / factor < _ALIKE:
            return [
                f"the made surface is {ratio:.4g} times as large as the reference: is it in "
                f"{unit}? --align icp_sim3 finds the scale"
            ]
        if 1 / _ALIKE < ratio * factor < _ALIKE:
            return [
                f"the reference is {1 / ratio:.4g} times as large as the made surface: is it in "
                f"{unit}? Thresholds are in metres"
            ]
    if not 1 / _OTHER < ratio < _OTHER:
        return [
            f"the made surface is {ratio:.3g} times as large as the reference: are both of one "
            f"place, and in metres?"
        ]
    return []


def overlap_remark(predicted: Mesh, reference: Mesh) -> list[str]:
    """That the boxes of two surfaces do not meet."""
    if not (len(predicted.vertices_m) and len(reference.vertices_m)):
        return []
    (low, high), (from_, to) = _box(predicted), _box(reference)
    apart = np.maximum(from_ - high, low - to)
    axis = int(np.argmax(apart))
    if apart[axis] <= 0:
        return []
    return [
        f"the surfaces do not overlap: along {'xyz'[axis]} the made one lies from {low[axis]:.4g} "
        f"to {high[axis]:.4g}, the reference from {from_[axis]:.4g} to {to[axis]:.4g}; are they in "
        f"one frame? --align icp_se3 brings them together"
    ]


def _box(mesh: Mesh) -> tuple[NDArray[np.float64], ...]:
    """Low and high corner, of the vertices of faces, or of all without faces."""
    return extent(mesh, vertices=not len(mesh.faces))
