"""What becomes of a gain when one thing is changed for both sides: what a harm is caused by.

Recent work names three causes of negative transfer between 3D tasks: how large voxels are, which
way is up, and whether there is colour. Each is a switch: the same cells are made once as they are,
and once with it thrown. If what was learnt before then does less harm, the switch was a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crossvox.metrics.statistics import LEVEL, Pooled, Table, paired_difference, spread
from crossvox.study.transfer import Cause, CauseGroup

SWITCH, AS_IT_IS, CHANGE = "switch", "as it is", "change of the gain"

READING = (
    "The gain as it is, with one thing changed for arm and control alike, and how far that changes "
    "the gain, paired by seed and room: above 0 the change does what was learnt before good, and a "
    "harm that goes away with it was caused by what is changed."
)


@dataclass(frozen=True, eq=False)
class Position:
    """Scores of both sides of a contrast, with a switch in one of its positions.

    Attributes:
        name: of the position.
        arm, control: ``(seeds, scenes)``, or pooled: the same seeds and scenes, in the same order,
            in all positions.
    """

    name: str
    arm: Table | Pooled
    control: Table | Pooled

    @property
    def gain(self) -> Table | Pooled:
        """Arm minus control, cell by cell."""
        if isinstance(self.arm, Pooled) and isinstance(self.control, Pooled):
            return Pooled(
                self.arm.whole - self.control.whole, self.arm.without - self.control.without
            )
        return np.asarray(self.arm) - np.asarray(self.control)


def switch_cause(
    contrast: str, score: str, here: Position, changed: Sequence[Position], level: float = LEVEL
) -> Cause:
    """A gain with a switch in each of its positions, and how far each changes it.

    Args:
        contrast: name of the contrast.
        score: what is gained.
        here: as the study is.
        changed: with one thing changed.
        level: how often intervals shall hold the truth.

    Raises:
        ShapeError: positions that do not pair.
    """
    groups = [_group(here.name, here.arm, here.control, level)]
    for one in changed:
        groups.append(_group(one.name, one.arm, one.control, level))
        groups.append(_group(f"{one.name}: {CHANGE}", one.gain, here.gain, level))
    return Cause(contrast, SWITCH, score, tuple(groups), READING)


def _group(name: str, arm: Table | Pooled, control: Table | Pooled, level: float) -> CauseGroup:
    return CauseGroup(
        name=name,
        support=1.0,
        arm_mean=spread(arm).mean,
        control_mean=spread(control).mean,
        difference=paired_difference(arm, control, level),
    )
