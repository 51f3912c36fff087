"""What of a thing nobody saw: down to the floor, back to the wall, the seat under the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.room_contents import Wall
from crossvox.objects.boxes import Box, backed, between, standing, upright
from crossvox.objects.instances import Instance
from crossvox.objects.kinds import KINDS

Array = NDArray[Any]

_TO_FLOOR_M, _ALL_TO_FLOOR_M = 0.6, 0.12
_TO_WALL_M, _FRONT_M = 0.2, (0.2, 0.65)

_CHAIR, _LAMP = NYU40.id_of("chair"), NYU40.id_of("lamp")
_SAT_AT = tuple(NYU40.id_of(name) for name in ("table", "desk", "counter"))
_SEAT_M = (0.25, 0.42)
"""A chair less deep than the first number is a back; with its seat it is as deep as the second."""

_HANGS_M, _STANDS_M = 1.6, 0.8
"""A lamp that begins higher than the first number over the floor hangs from the ceiling; one that
begins higher than the second, with nothing under it, stands on a pole."""


@dataclass(frozen=True)
class Shell:
    """What things stand on, hang from and lean at.

    Attributes:
        walls: of the room.
        floor_m, ceiling_m: None where not seen.
    """

    walls: Sequence[Wall]
    floor_m: float | None
    ceiling_m: float | None


def completed_box(one: Instance, others: Sequence[Instance], shell: Shell) -> Box:
    """The box of a thing with what its class has, and nobody saw.

    Args:
        one: the thing.
        others: all things of the room.
        shell: the room around them.
    """
    kind, box = KINDS[one.label], one.box
    if one.label == _LAMP:
        return _lamp(box, others, shell)
    if one.label == _CHAIR and box.size_m[1] < _SEAT_M[0]:
        box = _with_seat(box, others)
    if not kind.flat:
        box = standing(box, shell.floor_m, _TO_FLOOR_M if kind.stands else _ALL_TO_FLOOR_M)
    return backed(box, shell.walls, _TO_WALL_M, _FRONT_M) if kind.backed else box


def _with_seat(box: Box, others: Sequence[Instance]) -> Box:
    """A chair's back with the seat, which is under the table that it stands at."""
    tables = [other.box for other in others if other.label in _SAT_AT]
    if not tables:
        return box
    normal = box.axes[1]
    near = min(tables, key=lambda table: float(np.linalg.norm(_outside(table, box))))
    to = _outside(near, box)
    if float(np.linalg.norm(to)) > 0.8:
        return box
    towards = np.sign((near.center_m[:2] - box.center_m[:2]) @ normal) * normal
    more = _SEAT_M[1] - box.size_m[1]
    center, size = box.center_m.copy(), box.size_m.copy()
    center[:2] += towards * more / 2
    size[1] += more
    return upright(center, size, box.yaw)


def _outside(table: Box, box: Box) -> Array:
    """From a table to the middle of a box in plan, along the table's axes; 0 within it."""
    local = np.abs(table.axes @ (box.center_m[:2] - table.center_m[:2])) - table.size_m[:2] / 2
    return np.maximum(local, 0)


def _lamp(box: Box, others: Sequence[Instance], shell: Shell) -> Box:
    """A lamp with its cable, or its pole."""
    floor_m = shell.floor_m
    if floor_m is None:
        return box
    if box.low_m - floor_m > _HANGS_M:
        top = box.high_m if shell.ceiling_m is None else max(shell.ceiling_m, box.high_m)
        return between(box, box.low_m, top)
    if box.low_m - floor_m < _STANDS_M:
        return standing(box, floor_m, _ALL_TO_FLOOR_M)
    middle = np.array([[*box.center_m[:2], box.low_m - 0.15]])
    held = any(
        other.box is not box and bool(other.box.holds(middle, 0.02, 0.15)[0]) for other in others
    )
    return box if held else between(box, floor_m, box.high_m)
