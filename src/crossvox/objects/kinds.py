"""What is particular to classes: what is no object, how small and how large, what stands where."""

from __future__ import annotations

from dataclasses import dataclass

from crossvox.core.labels import NYU40

WALL, FLOOR, CEILING, DOOR, WINDOW = (
    NYU40.id_of(name) for name in ("wall", "floor", "ceiling", "door", "window")
)

STRUCTURE = (WALL, FLOOR, CEILING)
"""Classes that are the room itself, and no objects."""

IN_WALLS = {
    WALL: 1.0, DOOR: 1.0, WINDOW: 0.7, NYU40.id_of("picture"): 0.7, NYU40.id_of("whiteboard"): 0.7,
    NYU40.id_of("blinds"): 0.4, NYU40.id_of("mirror"): 0.4,
}  # fmt: skip
"""Classes that lie in walls or flat on them, and how much they tell of where the wall is."""


@dataclass(frozen=True)
class Kind:
    """What is particular to objects of a class.

    Attributes:
        smallest_m2: less surface than this is no object of the class.
        shortest_m: an object whose longest edge is shorter than this is none of the class.
        longest_m: the longest edge that one object of the class has.
        widest_m: a patch that is longer than this in plan and can be split is several objects.
        deepest_m: the shorter edge in plan that one object of the class has at most: what is deeper
            goes around a corner, or is two things back to back.
        gap_m: parts this near to each other, in plan, may be one object.
        above_m: parts this far above each other may be one object; by default as far as ``gap_m``.
        single: whether things of the class stand close together: only what hangs together over the
            surface is one object, not what is near to each other.
        stands: whether it reaches down to the floor, also where that was not seen.
        backed: whether it usually stands with its back at a wall.
        flat: whether it lies in or on a wall: parts are told apart along the wall, not in plan.
        split: whether one patch of the class may be several objects that touch.
    """

    smallest_m2: float = 0.03
    shortest_m: float = 0.12
    longest_m: float = 2.5
    gap_m: float = 0.1
    stands: bool = False
    backed: bool = False
    flat: bool = False
    split: bool = True
    above_m: float = 0.0
    single: bool = False
    widest_m: float = 9.0
    deepest_m: float = 9.0


_OTHER = Kind()

_KINDS: dict[str, Kind] = {
    "cabinet": Kind(0.15, 0.3, 4.0, 0.1, backed=True, deepest_m=0.95),
    "bed": Kind(0.6, 0.8, 2.6, 0.4, stands=True, above_m=0.6, backed=True),
    "chair": Kind(0.12, 0.3, 1.4, 0.25, stands=True, above_m=0.6, widest_m=0.95, deepest_m=1.1),
    "sofa": Kind(0.5, 0.7, 3.6, 0.3, stands=True, above_m=0.6, backed=True),
    "table": Kind(0.12, 0.3, 3.0, 0.3, stands=True, above_m=0.6),
    "door": Kind(0.3, 0.5, 2.6, 0.3, flat=True, deepest_m=0.6),
    "window": Kind(0.15, 0.3, 4.0, 0.25, flat=True, deepest_m=0.7),
    "bookshelf": Kind(0.2, 0.4, 3.0, 0.2, stands=True, above_m=0.6, backed=True, deepest_m=0.8),
    "picture": Kind(0.02, 0.12, 2.5, 0.05, flat=True, single=True, deepest_m=0.4),
    "counter": Kind(0.1, 0.3, 5.0, 0.3, backed=True, split=False, deepest_m=1.3),
    "blinds": Kind(0.15, 0.3, 4.0, 0.3, flat=True, deepest_m=0.5),
    "desk": Kind(0.15, 0.4, 3.0, 0.3, stands=True, above_m=0.6, backed=True, deepest_m=1.3),
    "shelves": Kind(0.05, 0.25, 3.0, 0.15, backed=True, deepest_m=0.8),
    "curtain": Kind(0.15, 0.3, 4.0, 0.4, flat=True, deepest_m=0.6),
    "dresser": Kind(0.2, 0.35, 2.2, 0.2, stands=True, above_m=0.6, backed=True, deepest_m=0.9),
    "pillow": Kind(0.03, 0.15, 1.0, 0.04, single=True),
    "mirror": Kind(0.05, 0.2, 2.5, 0.1, flat=True, deepest_m=0.4),
    "floor mat": Kind(0.15, 0.3, 4.5, 0.5),
    "clothes": Kind(0.03, 0.15, 2.0, 0.1),
    "books": Kind(0.012, 0.08, 1.2, 0.04, single=True),
    "refridgerator": Kind(0.3, 0.5, 2.2, 0.3, stands=True, above_m=0.6, backed=True, deepest_m=1.1),
    "television": Kind(0.08, 0.25, 2.2, 0.1, deepest_m=0.6),
    "paper": Kind(0.012, 0.08, 1.0, 0.04, single=True),
    "towel": Kind(0.03, 0.15, 2.0, 0.08),
    "shower curtain": Kind(0.3, 0.5, 3.0, 0.4, flat=True),
    "box": Kind(0.03, 0.12, 1.2, 0.06),
    "whiteboard": Kind(0.1, 0.3, 4.0, 0.2, flat=True, deepest_m=0.4),
    "night stand": Kind(0.08, 0.2, 0.9, 0.15, stands=True, above_m=0.6, backed=True),
    "toilet": Kind(0.1, 0.25, 1.1, 0.2, stands=True, above_m=0.6, backed=True),
    "sink": Kind(0.04, 0.2, 1.2, 0.15),
    "lamp": Kind(0.03, 0.12, 2.0, 0.25, above_m=0.6),
    "bathtub": Kind(0.3, 0.6, 2.2, 0.3, stands=True, above_m=0.6, backed=True),
    "bag": Kind(0.04, 0.15, 1.0, 0.08),
    "otherstructure": Kind(0.08, 0.2, 4.0, 0.15),
    "otherfurniture": Kind(0.06, 0.2, 2.5, 0.15),
    "otherprop": Kind(0.015, 0.08, 1.8, 0.05, single=True),
}  # fmt: skip

KINDS: dict[int, Kind] = {
    label: _KINDS.get(name, _OTHER)
    for label, name in enumerate(NYU40.names)
    if label and label not in STRUCTURE
}
"""By NYU40 id, of every class that is an object."""
