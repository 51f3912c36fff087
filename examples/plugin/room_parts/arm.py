"""An arm of the reconstruction study: the network half as wide."""

from __future__ import annotations

from crossvox.study.arms import RECONSTRUCT, Arm

NARROW = Arm(
    "narrow",
    "Colours, and a 3D network half as wide: what its width is worth.",
    RECONSTRUCT,
    sets={"run.task.width": 8},
)
