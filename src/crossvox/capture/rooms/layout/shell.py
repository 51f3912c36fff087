"""The empty room: doors, windows, the walls around them, floor, ceiling, and what lights it."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter.lamps import ceiling_lamp
from crossvox.capture.rooms.layout.fittings import door, window
from crossvox.capture.rooms.layout.placer import Opening, Placer, Wall, Window
from crossvox.capture.rooms.layout.room import Lamp
from crossvox.capture.rooms.model import Block, Model


def build_shell(place: Placer) -> None:
    """Doors, windows, then walls around them, floor and ceiling, lamps."""
    _doors(place)
    _windows(place)
    _walls(place)
    _floor_and_ceiling(place)
    _ceiling_lamps(place)


# Doors and windows


def _opening(
    place: Placer, width: float, z0: float, z1: float, *, keep: float
) -> tuple[int, float] | None:
    """Find a place for a door or window: wall and middle. ``keep`` metres before it stay free."""
    for number in place.order(longest=True):
        wall = place.walls[number]
        if wall.length < width + 0.5:
            continue
        for t in place.rng.uniform(width / 2 + 0.25, wall.length - width / 2 - 0.25, 10).tolist():
            if _meets_another(place, number, t, width):
                continue
            block = _kept_free(place, wall, t, width, z0, z1, keep)
            if block is None:
                continue
            place.room.blocks.append(block)
            hole = Opening(t - width / 2, t + width / 2, z0, z1)
            place.openings.setdefault(number, []).append(hole)
            return number, t
    return None


def _meets_another(place: Placer, number: int, t: float, width: float) -> bool:
    """Whether an opening comes too near to another one of its wall."""
    return any(
        abs(t - (other.a + other.b) / 2) < (width + other.b - other.a) / 2 + 0.3
        for other in place.openings.get(number, [])
    )


def _kept_free(
    place: Placer, wall: Wall, t: float, width: float, z0: float, z1: float, keep: float
) -> Block | None:
    """The space before an opening; None where it leaves the room or is taken."""
    middle = wall.start + wall.along * t + wall.inward * keep / 2
    half = np.array([width / 2 + 0.06, keep / 2])
    if not place.inside(Block(middle, half - 0.01, wall.yaw, z0, z1)):
        return None
    block = Block(middle, half, wall.yaw, z0, z1, solid=False)
    return None if any(block.overlaps(other) for other in place.room.blocks) else block


def _into_wall(place: Placer, model: Model, number: int, t: float, z: float = 0.0) -> None:
    """Build a model into a wall (room coordinates of the shell)."""
    x, y = place.walls[number].point(t)
    place.room.shell.put(model, (x, y, z), place.walls[number].yaw)


def _doors(place: Placer) -> None:
    for _ in range(2 if place.kind.second_door and place.rng.random() < 0.4 else 1):
        width, height = place.s.between(0.8, 0.95), 2.03
        found = _opening(place, width, 0.0, height, keep=0.85)
        if found:
            _into_wall(place, door(place.s, width, height), *found)


def _windows(place: Placer) -> None:
    s, kind = place.s, place.kind
    drawn = int(place.rng.integers(1, 3))
    for _ in range(kind.windows or drawn):
        width, z0 = s.between(*kind.window_width_m), s.between(*kind.window_sill_m)
        z1 = min(z0 + s.between(*kind.window_height_m), place.height - 0.2)
        found = _opening(place, width, z0 - 0.05, z1 + 0.05, keep=0.2)
        if found is None:
            continue
        number, t = found
        # The space around it stays free; the hole itself is smaller.
        place.openings[number][-1] = Opening(t - width / 2, t + width / 2, z0, z1)
        _into_wall(place, window(s, width, z1 - z0), number, t, z0)
        place.windows.append(Window(number, t, width, z0, z1))
        place.room.lamps.append(_daylight(place, place.windows[-1]))


def _daylight(place: Placer, opening: Window) -> Lamp:
    wall, (_, t, width, z0, z1) = place.walls[opening.wall], opening
    day = place.s.between(1.2, 4.0)
    return Lamp(
        (*wall.point(t, -0.03), (z0 + z1) / 2),
        (0.92, 0.97, 1.06),
        day * width * (z1 - z0),
        0.1,
        spread=((*(wall.along * width * 0.45).tolist(), 0.0), (0.0, 0.0, (z1 - z0) * 0.45)),
        facing=(float(wall.inward[0]), float(wall.inward[1]), 0.0),
    )


# Walls, floor, ceiling


def _walls(place: Placer) -> None:
    kind, s, rng = place.kind, place.s, place.rng
    main = s.wall(kind.tiled_walls)
    accent = s.wall(kind.tiled_walls) if rng.random() < 0.4 and kind.accent_wall else main
    accent_wall = int(rng.integers(len(place.walls)))
    for number, wall in enumerate(place.walls):
        holes = sorted(place.openings.get(number, []))
        _wall(place, wall, holes, accent if number == accent_wall else main)
        if kind.skirting_m:
            _skirting(place, wall, holes, kind.skirting_m)


def _wall(place: Placer, wall: Wall, holes: list[Opening], material: int) -> None:
    def piece(a: float, b: float, z0: float, z1: float) -> None:
        if b - a < 1e-4 or z1 - z0 < 1e-4:
            return
        # along x up looks out of the room, so the patch starts at the far end.
        start = (*wall.point(b), z0)
        shape = sh.patch(start, (*(-wall.along * (b - a)), 0), (0, 0, z1 - z0), place.s.spacing)
        coords = shape.coords + np.array([wall.length - b, z0])
        place.room.shell.add(
            sh.Shape(shape.points, shape.normals, coords, shape.faces), material, "wall"
        )

    edge = 0.0
    for a, b, z0, z1 in holes:
        piece(edge, a, 0.0, place.height)
        piece(a, b, 0.0, z0)
        piece(a, b, z1, place.height)
        edge = b
    piece(edge, wall.length, 0.0, place.height)


def _skirting(place: Placer, wall: Wall, holes: list[Opening], high: float) -> None:
    free = [0.0]
    for a, b, z0, _ in holes:
        if z0 < 0.1:
            free += [a - 0.07, b + 0.07]
    free.append(wall.length)
    for a, b in zip(free[::2], free[1::2], strict=True):
        if b - a > 0.05:
            board = sh.box((b - a, 0.014, high), place.s.spacing * 2, without="bdlr")
            x, y = wall.point((a + b) / 2, 0.007)
            place.room.shell.add(board.turned(wall.yaw), place.s.trim, "wall", at=(x, y, 0.0))


def _floor_and_ceiling(place: Placer) -> None:
    s, shell, height = place.s, place.room.shell, place.height
    w, d = place.size
    rows = [(0.0, 0.0, w, d)]
    if place.notch:
        x, y = place.notch
        rows = [(0.0, 0.0, w, y), (0.0, y, x, d)]
    floor, ceiling = s.floor(place.kind.tiled_floor), s.paint(s.quiet(0.93, 0.98))
    for x0, y0, x1, y1 in rows:
        ground = sh.patch((x0, y0, 0), (x1 - x0, 0, 0), (0, y1 - y0, 0), s.spacing)
        # Patterns go on across the two halves of an L-shaped floor.
        ground = sh.Shape(ground.points, ground.normals, ground.points[:, :2], ground.faces)
        shell.add(ground, floor, "floor", thing=1000)
        above = sh.patch((x0, y1, height), (x1 - x0, 0, 0), (0, y0 - y1, 0), s.spacing * 1.3)
        shell.add(above, ceiling, "ceiling", thing=1001)


# Lamps


def _ceiling_lamps(place: Placer) -> None:
    s, rng, room, height = place.s, place.rng, place.room, place.height
    drop = s.between(0.35, 0.6) if rng.random() < 0.5 and height > 2.5 else 0.0
    if place.kind.lamp_drop_m is not None:
        drop = place.kind.lamp_drop_m
    lamp, below = ceiling_lamp(s, drop)
    w, d = place.notch or place.size
    x, y = w * 0.5, d * 0.5
    room.shell.put(lamp, (x, y, height))
    if drop:
        half = np.array([0.25, 0.25])
        room.blocks.append(Block(np.array([x, y]), half, 0.0, height - 0.85, height))
    warm = s.between(0, 1)
    color = (1.0, 0.97 - 0.12 * warm, 0.92 - 0.3 * warm)
    room.lamps.append(Lamp((x, y, height - below), color, s.between(1.0, 2.6), 0.32))
    if place.size[0] * place.size[1] > 14 and rng.random() < 0.7:
        second_x = x * 0.5 if drop else x * 0.4
        extra, _ = ceiling_lamp(s, 0.0)
        room.shell.put(extra, (second_x, y, height))
        room.lamps.append(Lamp((second_x, y, height - 0.2), (1.0, 0.93, 0.82), 0.9, 0.32))
    room.ambient = s.between(0.05, 0.16)
