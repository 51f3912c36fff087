"""The kinds of room, one file each: what is particular to it, and how it is furnished."""

from __future__ import annotations

from collections.abc import Callable

from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.kinds import (
    bathroom,
    bedroom,
    dining_room,
    kitchen,
    living_room,
    office,
    study,
)
from crossvox.capture.rooms.layout.placer import Placer

Furnish = Callable[[Placer], None]

_ROOMS = (living_room, bedroom, kitchen, bathroom, office, study, dining_room)

KINDS: dict[str, tuple[Kind, Furnish]] = {
    room.KIND.name: (room.KIND, room.furnish) for room in _ROOMS
}
"""Kinds of room by name, and what furnishes them. Every ``len(KINDS)`` rooms in a row hold each
kind once, in a drawn order."""
