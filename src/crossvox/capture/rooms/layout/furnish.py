"""Building a room from a seed and a number."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms.layout.decor import decorate
from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.kinds import KINDS, Furnish
from crossvox.capture.rooms.layout.lived_in import darken, leave_about
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.layout.shell import build_shell
from crossvox.capture.rooms.style import Style

DRAWS = 12
"""How often a room is drawn until it holds what its kind must hold."""


def kind_of(seed: int, number: int) -> str:
    """Name of the kind of room ``number`` of a seed."""
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, number // len(KINDS))))
    return tuple(KINDS)[int(order.permutation(len(KINDS))[number % len(KINDS)])]


def room_seed(seed: int, number: int, purpose: int) -> np.random.SeedSequence:
    """Chance of one purpose in room ``number``, whatever other rooms there are."""
    return np.random.SeedSequence(seed, spawn_key=(2, number, purpose))


def furnish(
    seed: int, number: int, spacing_m: float = 0.035, clutter: float = 0.0, dark: float = 0.0
) -> Room:
    """Build room ``number`` of a seed; ``clutter`` and ``dark`` as in :class:`RoomsParams`.

    A draw without space for what makes the room what it is is drawn again; the last one counts
    however it came out.
    """
    kind, fill = KINDS[kind_of(seed, number)]
    *draws, last = room_seed(seed, number, 0).spawn(DRAWS)
    for draw in (*draws, last):
        place, whole = _build(kind, fill, draw, spacing_m)
        if whole:
            break
    about, black = (np.random.default_rng(room_seed(seed, number, n)) for n in (2, 3))
    if clutter > 0:
        leave_about(place, clutter, about)
    if dark > 0:
        darken(place.room, dark, black)
    return place.room


def _build(
    kind: Kind, fill: Furnish, draw: np.random.SeedSequence, spacing_m: float
) -> tuple[Placer, bool]:
    """Shell first, then furniture from the largest to the smallest; and whether all is there.

    Decoration is left out where the room has to be drawn again anyway.
    """
    place = Placer(kind, Style(np.random.default_rng(draw), spacing_m))
    build_shell(place)
    fill(place)
    whole = _complete(place)
    if whole:
        decorate(place)
    return place, whole


def _complete(place: Placer) -> bool:
    """Whether the room has what its kind must have, a door and a window."""
    there = {part.category for placed in place.room.placed for part in placed.model.parts}
    there |= {part.category for part in place.room.shell.parts}
    needed = (*place.kind.essentials, "door", "window")
    return all(any(name in there for name in names.split("|")) for names in needed)
