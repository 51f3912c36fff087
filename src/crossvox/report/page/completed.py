"""Pictures of what was measured and what a network completed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.methods import LEARNT, TSDF
from crossvox.core.volume import Mesh
from crossvox.report.completed import completed_colors, share_sentence
from crossvox.report.page.legends import completed_legend
from crossvox.report.rooms import Room

Paint = Callable[[Mesh, NDArray[np.uint8]], str]
"""Makes the picture of a surface in given colours."""


def completed_pictures(room: Room, paint: Paint) -> dict[str, Any] | None:
    """Fusion beside the completed surface, both from above; None where nobody tells.

    Args:
        room: its surfaces.
        paint: from the point of view.
    """
    learnt = room.meshes.get(LEARNT)
    if learnt is None or learnt.completed is None:
        return None
    told = share_sentence(learnt, room.uncompleted)
    texts = {TSDF: "what the frames measured", LEARNT: told}
    return {
        "text": told,
        "pictures": [
            {
                "method": room.method_name(method),
                "text": text,
                "data": paint(room.meshes[method], completed_colors(room.meshes[method])),
                "alt": f"{room.name}, {room.method_name(method)}, measured and completed parts",
            }
            for method, text in texts.items()
            if method in room.meshes
        ],
        "legend": completed_legend(),
    }
