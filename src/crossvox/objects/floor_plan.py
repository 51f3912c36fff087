"""The floor plan of a room: walls, doors, windows, furniture with names, dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.drawing import Arc, Drawing, Letters, Stroke
from crossvox.core.labels import NYU40
from crossvox.core.room_contents import Opening, RoomContents, RoomObject, Wall
from crossvox.objects.kinds import DOOR, KINDS, WINDOW

Array = NDArray[Any]

WALL_M = 0.12
"""Thickness that walls are drawn with, outwards: only their inner sides were seen."""

_LETTER_M = (0.07, 0.12)
_LETTER_WIDTH = 0.78
"""Width of a letter beside the height of capitals, on average."""

_NAMED_M2 = 0.07
"""What takes less room in plan has no name."""

_OVERHEAD_M = 1.9
"""What begins higher than this over the floor hangs over one's head and is not drawn."""


def floor_plan(contents: RoomContents) -> Drawing:
    """Draw a room's contents in plan, in the world's coordinates.

    Things that hang over one's head are left out; what lies on or under other things is drawn in
    the order of heights; small things have no name.

    Args:
        contents: of the room.

    Returns:
        A drawing whose ``turn_deg`` lays the longest wall along the sheet.
    """
    turn = _turn_deg(contents)
    strokes = [Stroke("floor", contents.outline_m, True)] if contents.outline_m else []
    things = [*_things(contents)]
    strokes += [stroke for _, stroke in things]
    letters = [
        text
        for place, (one, stroke) in enumerate(things)
        if not _covered(one, [other for other, _ in things[place + 1 :]])
        and (text := _name(one, stroke.layer, turn))
    ]
    strokes += _unseen(contents)
    arcs: list[Arc] = []
    for number, wall in enumerate(contents.walls):
        own = [one for one in contents.openings if one.wall == number]
        strokes += _wall(wall, own, *_ends(contents.walls, number))
        for opening in own:
            strokes += _opening(wall, opening)
            if opening.kind == "door":
                arcs.append(_swing(wall, opening))
    lines, texts = _dimensions(contents, turn)
    return Drawing((*strokes, *lines), tuple(arcs), (*letters, *texts), turn, _caption(contents))


# Things


def _things(contents: RoomContents) -> Iterator[tuple[RoomObject, Stroke]]:
    floor = 0.0 if contents.floor_m is None else contents.floor_m
    for one in sorted(contents.objects, key=lambda o: (o.heights_m[1], o.number)):
        if one.class_id in (DOOR, WINDOW) or one.heights_m[0] - floor > _OVERHEAD_M:
            continue
        corners = tuple((float(x), float(y)) for x, y in one.corners_m)
        width, depth, height = one.size_m
        title = (
            f"{one.number} {one.class_name}: {width:.2f} x {depth:.2f} m, {height:.2f} m high, "
            f"confidence {one.confidence:.2f}"
        )
        yield one, Stroke(_layer(one, floor), corners, True, _tint(one.class_id), title)


def _layer(one: RoomObject, floor_m: float) -> str:
    if KINDS[one.class_id].flat:
        return "hung"
    if one.heights_m[1] - floor_m < 0.06:
        return "rugs"
    return "furniture" if one.size_m[0] * one.size_m[1] >= _NAMED_M2 else "small"


def _tint(class_id: int) -> str:
    """The class's colour, mostly white."""
    mixed = 0.45 * NYU40.colors[class_id].astype(float) + 0.55 * 255
    red, green, blue = mixed.astype(int).tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _covered(one: RoomObject, over: list[RoomObject]) -> bool:
    """Whether the middle of a thing lies under a larger one that is drawn over it."""
    for other in over:
        yaw = math.radians(other.yaw_deg)
        x, y = np.subtract(one.center_m[:2], other.center_m[:2])
        along, across = x * math.cos(yaw) + y * math.sin(yaw), y * math.cos(yaw) - x * math.sin(yaw)
        inside = abs(along) < other.size_m[0] / 2 and abs(across) < other.size_m[1] / 2
        if inside and math.prod(other.size_m[:2]) > 0.8 * math.prod(one.size_m[:2]):
            return True
    return False


_SILENT = ("otherprop", "otherfurniture", "otherstructure")
"""Classes whose name says nothing. The others are called as the label table calls them."""


def _name(one: RoomObject, layer: str, turn_deg: float) -> Letters | None:
    """Its class inside of its box: level on the sheet if it fits, else along the longer side."""
    text = one.class_name
    if layer not in ("furniture", "rugs") or not text or text in _SILENT:
        return None
    off = math.radians(one.yaw_deg - turn_deg)
    long, short = one.size_m[0], one.size_m[1]
    # Of a level line through the middle, as much as lies in the box.
    level = min(long / max(abs(math.cos(off)), 1e-6), short / max(abs(math.sin(off)), 1e-6))
    along = _readable(one.yaw_deg, turn_deg)
    for room, high, turn in ((level, short, turn_deg), (long, short, along)):
        size = min(0.9 * room / (_LETTER_WIDTH * len(text)), 0.45 * high, _LETTER_M[1])
        if size >= _LETTER_M[0]:
            return Letters("names", one.center_m[:2], text, round(size, 4), round(turn, 3))
    return None


def _readable(direction_deg: float, turn_deg: float) -> float:
    """A direction or its opposite: the one that is not upside down on the sheet."""
    off = (direction_deg - turn_deg + 180) % 360 - 180
    if off > 90.5 or off <= -89.5:
        off += 180
    return round((off + turn_deg + 180) % 360 - 180, 3)


# Walls and openings


def _ends(walls: tuple[Wall, ...], number: int) -> tuple[bool, bool]:
    """Whether a wall meets another one at an outer corner, at its beginning and at its end."""
    wall = walls[number]
    along = np.subtract(wall.to_m, wall.from_m)
    begin = end = False
    for place, other in enumerate(walls):
        if place == number:
            continue
        ahead = np.subtract(other.to_m, other.from_m)
        turn = float(along[0] * ahead[1] - along[1] * ahead[0])
        end |= math.dist(wall.to_m, other.from_m) < 0.05 and turn > 0
        begin |= math.dist(wall.from_m, other.to_m) < 0.05 and turn < 0
    return begin, end


def _frame(wall: Wall) -> tuple[Array, Array, Array]:
    """Where a wall begins, its direction, and the direction out of the room."""
    start = np.array(wall.from_m)
    along = (np.array(wall.to_m) - start) / max(wall.length_m, 1e-9)
    return start, along, np.array([along[1], -along[0]])


def _wall(wall: Wall, openings: list[Opening], begin: bool, end: bool) -> list[Stroke]:
    """A wall as strips between its openings."""
    start, along, out = _frame(wall)
    edges = [-WALL_M if begin else 0.0]
    for opening in sorted(openings, key=lambda one: _at(wall, one)):
        middle, half = _at(wall, opening), opening.width_m / 2
        edges += [middle - half, middle + half]
    edges.append(wall.length_m + (WALL_M if end else 0.0))
    return [
        Stroke("walls", _strip(start, along, out, a, b, 0.0, WALL_M), True)
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if b - a > 0.005
    ]


def _at(wall: Wall, opening: Opening) -> float:
    start, along, _ = _frame(wall)
    return float((np.array(opening.center_m[:2]) - start) @ along)


def _strip(
    start: Array, along: Array, out: Array, a: float, b: float, low: float, high: float
) -> tuple[tuple[float, float], ...]:
    """Corners from ``a`` to ``b`` along a wall, from ``low`` to ``high`` out of the room."""
    places = [start + along * t + out * o for t, o in ((a, low), (b, low), (b, high), (a, high))]
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in places)


def _opening(wall: Wall, opening: Opening) -> list[Stroke]:
    start, along, out = _frame(wall)
    middle, half = _at(wall, opening), opening.width_m / 2
    a, b = middle - half, middle + half
    if opening.kind == "window":
        panes = _strip(start, along, out, a, b, 0.4 * WALL_M, 0.6 * WALL_M)
        return [
            Stroke("windows", _strip(start, along, out, a, b, 0.0, WALL_M), True,
                   title=f"window {opening.width_m:.2f} x {opening.height_m:.2f} m, sill "
                   f"{opening.sill_m:.2f} m"),
            Stroke("windows", panes, True),
        ]  # fmt: skip
    leaf = _strip(start, along, -out, a, a + 0.04, 0.0, opening.width_m)
    title = f"door {opening.width_m:.2f} x {opening.height_m:.2f} m"
    return [Stroke("doors", leaf, True, title=title)]


def _swing(wall: Wall, opening: Opening) -> Arc:
    """The way of a door's leaf; which side it hangs on is not known, so it is the first one."""
    start, along, _ = _frame(wall)
    hinge = start + along * (_at(wall, opening) - opening.width_m / 2)
    begin = math.degrees(math.atan2(along[1], along[0]))
    center = (round(float(hinge[0]), 4), round(float(hinge[1]), 4))
    return Arc("doors", center, opening.width_m, round(begin, 3), round(begin + 90, 3))


def _unseen(contents: RoomContents) -> list[Stroke]:
    """Sides of the outline without a wall that was seen along most of them."""
    found = []
    for a, b in _sides(contents):
        start, end = np.array(a), np.array(b)
        along = (end - start) / max(math.dist(a, b), 1e-9)
        seen = 0.0
        for wall in contents.walls:
            at = (np.array([wall.from_m, wall.to_m]) - start) @ np.column_stack(
                [along, [-along[1], along[0]]]
            )
            if np.abs(at[:, 1]).max() < 0.05:
                seen += max(min(at[1, 0], math.dist(a, b)) - max(at[0, 0], 0.0), 0.0)
        if seen < 0.95 * math.dist(a, b):
            found.append(Stroke("unseen", (a, b)))
    return found


def _sides(contents: RoomContents) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    corners = contents.outline_m
    for place, corner in enumerate(corners):
        yield corner, corners[(place + 1) % len(corners)]


# Dimensions and caption


def _dimensions(contents: RoomContents, turn_deg: float) -> tuple[list[Stroke], list[Letters]]:
    """The length of each side of the outline, outside of it."""
    lines, texts = [], []
    sides = [*_sides(contents)]
    for place, (a, b) in enumerate(sides):
        length = math.dist(a, b)
        if length < 0.3:
            continue
        start, end = np.array(a), np.array(b)
        along = (end - start) / length
        out = np.array([along[1], -along[0]])
        away = WALL_M + 0.16
        p, q = start + out * away, end + out * away
        tick = (along + out) * 0.035
        for line in ((p, q), (p - tick, p + tick), (q - tick, q + tick)):
            lines.append(Stroke("dimensions", tuple((float(x), float(y)) for x, y in line)))
        # Where sides meet at an inner corner, so would their numbers.
        before, after = (_turns_in(sides[place - 1], (a, b)),
                         _turns_in((a, b), sides[(place + 1) % len(sides)]))  # fmt: skip
        x, y = start + (end - start) * (0.5 + 0.2 * (before - after)) + out * (away + 0.11)
        turn = _readable(math.degrees(math.atan2(along[1], along[0])), turn_deg)
        texts.append(Letters("dimensions", (float(x), float(y)), f"{length:.2f}", 0.1, turn))
    return lines, texts


def _turns_in(side: Any, following: Any) -> bool:
    """Whether two sides of an anticlockwise outline meet at a corner that points into the room."""
    (x0, y0), (x1, y1) = np.subtract(side[1], side[0]), np.subtract(following[1], following[0])
    return bool(x0 * y1 - y0 * x1 < 0)


def _caption(contents: RoomContents) -> tuple[str, ...]:
    told = []
    if contents.outline_m:
        told.append(f"area {contents.area_m2:.1f} m\u00b2")
    if contents.height_m is not None:
        told.append(f"height {contents.height_m:.2f} m")
    told.append("lengths in metres")
    return (", ".join(told), *contents.remarks)


def _turn_deg(contents: RoomContents) -> float:
    """Direction of the longest wall, or of the longest side of the outline, within a half turn."""
    sides = [(one.from_m, one.to_m) for one in contents.walls] or [*_sides(contents)]
    if not sides:
        return 0.0
    a, b = max(sides, key=lambda side: math.dist(*side))
    return (math.degrees(math.atan2(b[1] - a[1], b[0] - a[0])) + 90) % 180 - 90
