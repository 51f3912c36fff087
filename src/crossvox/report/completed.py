"""Which parts of a surface were completed: in colour, and as a share of its area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossvox.core.formats import share_text
from crossvox.core.volume import Mesh
from crossvox.metrics.completed import completed_share
from crossvox.report.pictures.colors import Color

MEASURED: Color = (206, 204, 198)

STEPS: tuple[tuple[float, Color], ...] = (
    (0.0, (150, 205, 255)),
    (0.4, (98, 168, 250)),
    (0.6, (44, 124, 232)),
    (0.8, (14, 78, 178)),
)
"""One hue, the deeper the surer: from which confidence on, and the colour."""


def completed_key() -> tuple[tuple[str, Color], ...]:
    """What the colours mean: measured first, then completed, the surest first."""
    found: list[tuple[str, Color]] = [("measured", MEASURED)]
    above: float | None = None
    for least, color in reversed(STEPS):
        if above is None:
            text = f"{least:g} or more"
        else:
            text = f"{least:g} to {above:g}" if least else f"below {above:g}"
        found.append((f"completed, confidence {text}", color))
        above = least
    return tuple(found)


def is_completed(mesh: Mesh) -> bool:
    """Whether a surface tells of any part of it that it was completed."""
    return mesh.completed is not None and bool(mesh.completed.any())


def completed_colors(mesh: Mesh) -> NDArray[np.uint8]:
    """Measured vertices grey, completed ones in one hue, the deeper the surer: ``(V, 3)``.

    Where nobody tells how sure, completed vertices look as the surest do.
    """
    colors = np.tile(np.array(MEASURED, dtype=np.uint8), (len(mesh.vertices_m), 1))
    if mesh.completed is None:
        return colors
    table = np.array([color for _, color in STEPS], dtype=np.uint8)
    step = np.full(len(colors), len(STEPS) - 1)
    if mesh.confidence is not None:
        step = np.searchsorted([least for least, _ in STEPS[1:]], mesh.confidence, side="right")
    colors[mesh.completed] = table[step[mesh.completed]]
    return colors


def share_sentence(mesh: Mesh, why_none: str = "") -> str:
    """How much of a surface that tells of it was completed, in words.

    Args:
        mesh: the surface.
        why_none: why nothing may be added to it, in words.
    """
    if not is_completed(mesh):
        return f"no part of it is completed: {why_none or 'all was measured'}"
    return f"{share_text(completed_share(mesh))} of its area is completed, the rest was measured"
