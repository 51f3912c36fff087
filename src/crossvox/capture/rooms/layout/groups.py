"""Things that come together: what stands on surfaces, chairs around a table, a place to work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.clutter.books import book_pile
from crossvox.capture.rooms.clutter.desk import keyboard, laptop, mouse, papers
from crossvox.capture.rooms.clutter.floor import carton, plant
from crossvox.capture.rooms.clutter.lamps import table_lamp
from crossvox.capture.rooms.clutter.tableware import bottle, cup, vase
from crossvox.capture.rooms.furniture.rugs import rug
from crossvox.capture.rooms.furniture.screens import monitor
from crossvox.capture.rooms.furniture.seats import chair, office_chair
from crossvox.capture.rooms.furniture.tables import desk, table
from crossvox.capture.rooms.layout.kind import Maker
from crossvox.capture.rooms.layout.placer import Placer
from crossvox.capture.rooms.model import Block, Model, Placed, Top, block_of

# Small things on surfaces


def scatter(place: Placer, top: Top, makers: Sequence[Maker], count: int, host: Model) -> None:
    """Stand small things on a surface of a model."""
    taken: list[tuple[float, float, float]] = []
    for _ in range(count):
        thing = makers[int(place.rng.integers(len(makers)))](place.s)
        low, high = thing.bounds()
        radius = float(np.hypot(*(high - low)[:2]) / 2)
        middle = (low + high)[:2] / 2
        if (high - low)[2] > 0.6:
            continue
        for _ in range(6):
            if top.x1 - top.x0 < 1.5 * radius or top.y1 - top.y0 < 1.5 * radius:
                break
            margin = radius * 0.75
            x = place.s.between(top.x0 + margin, top.x1 - margin)
            y = place.s.between(top.y0 + margin, top.y1 - margin)
            if all(np.hypot(x - a, y - b) > radius + r for a, b, r in taken):
                taken.append((x, y, radius))
                yaw = float(place.rng.normal(0, 0.4))
                shift = sh.rotation(yaw)[:2, :2] @ middle
                host.put(thing, (x - float(shift[0]), y - float(shift[1]), top.z + 0.001), yaw)
                break


def clutter(place: Placer, model: Model, low: int, high: int) -> None:
    """Small things, ``low`` to ``high`` of them on every surface of a model."""
    for top in list(model.tops):
        if top.z > 1.6:
            if place.rng.random() < 0.4:
                scatter(place, top, (lambda s: carton(s, 0.28), vase), 2, model)
            continue
        scatter(place, top, place.kind.tops, int(place.rng.integers(low, high + 1)), model)


def lamp_on(place: Placer, model: Model) -> None:
    """A lamp in the middle of a model's surface."""
    top = model.tops[0]
    x, y = (top.x0 + top.x1) / 2, (top.y0 + top.y1) / 2
    model.put(table_lamp(place.s), (x, y, top.z + 0.001))


def add(place: Placer, maker: Maker, things: int, *, corner: bool = False) -> Placed | None:
    """A piece of furniture at a wall, with up to ``things`` small things on each surface."""
    model = maker(place.s)
    clutter(place, model, min(things, 1), things)
    return place.at_wall(model, corner=corner)


def carpet(place: Placer, host: Placed, depth: float) -> None:
    """A rug before a piece of furniture, most of the time."""
    if place.rng.random() < 0.8:
        size = (place.s.between(1.8, 2.6), place.s.between(1.2, 1.8))
        place.lay(host, rug(place.s, *size), (0.0, depth * 0.75))


# Chairs around a table


def seats(place: Placer, host: Placed, maker: Maker, count: int) -> None:
    """Chairs around a table, looking at it."""
    low, high = host.model.bounds()
    w, d = float(high[0] - low[0]), float(high[1] - low[1])
    cx, cy = float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2
    per_side = 2 if w > 1.35 else 1
    spots = []
    for k in range(per_side):
        x = cx + (k - (per_side - 1) / 2) * w * 0.48
        spots += [(x, cy - d / 2, 0.0), (x, cy + d / 2, np.pi)]
    spots += [(cx - w / 2, cy, -np.pi / 2), (cx + w / 2, cy, np.pi / 2)]
    template = place.rng.bit_generator.state
    for x, y, turn in spots[: max(count, 2)]:
        # The same draws again give the same chair: a set.
        after = place.rng.bit_generator.state
        place.rng.bit_generator.state = template
        seat = maker(place.s)
        place.rng.bit_generator.state = after
        depth = float(seat.bounds()[1][1])
        for pushed in (0.2, 0.08, -0.06):
            back = sh.rotation(turn) @ np.array([place.rng.normal(0, 0.03), -depth + pushed, 0.0])
            if _beside(place, host, seat, (x + float(back[0]), y + float(back[1])), turn):
                break


def _beside(
    place: Placer, host: Placed, seat: Model, local: tuple[float, float], turn: float
) -> bool:
    """Put a chair at a table whose top it may reach under."""
    x, y, _ = host.to_room(*local)
    yaw = host.yaw + turn + float(place.rng.normal(0, 0.1))
    at = (x, y, 0.0)
    block = block_of(seat, at, yaw)
    low = Block(block.centre, block.half * 0.9, yaw, 0.02, block.z1)
    if not place.free(low, 0.0, ignore=_under(place, host)) or _touches(seat, at, yaw, host):
        return False
    place.take(seat, at, yaw, block)
    return True


def _under(place: Placer, host: Placed) -> list[Block]:
    return [
        block for block in place.room.blocks
        if block is host.block or (not block.solid and block.overlaps(host.block, 0.1))
    ]  # fmt: skip


def _touches(model: Model, at: tuple[float, float, float], yaw: float, other: Placed) -> bool:
    """Whether a chair goes through a table: its points against the boxes of the table's parts."""
    points = np.concatenate([part.shape.points for part in model.parts])
    world = points @ sh.rotation(yaw).T + np.asarray(at)
    local = (world - np.asarray(other.at)) @ sh.rotation(other.yaw)
    for part in other.model.parts:
        low, high = part.shape.points.min(axis=0) - 0.008, part.shape.points.max(axis=0) + 0.008
        if ((local > low) & (local < high)).all(axis=1).any():
            return True
    return False


def table_set(
    place: Placer,
    seat: Maker,
    *,
    category: str = "dining table",
    widths: Sequence[float] = (1.3, 1.1, 0.9, 0.75),
) -> None:
    """A table that stands free, the widest there is space for, with chairs around it."""
    rng = place.rng
    for width in widths:
        model = table(place.s, category, width)
        low, high = model.bounds()
        clutter(place, model, 2, 5)
        for _ in range(16):
            w, d = place.notch or place.size
            x = place.s.between(0.25, 0.75) * w
            y = place.s.between(0.25, 0.75) * d
            yaw = float(rng.choice([0, np.pi / 2])) + (
                float(rng.normal(0, 0.1)) if rng.random() < 0.4 else 0
            )
            middle = sh.rotation(yaw) @ np.array([0, float(low[1] + high[1]) / 2, 0])
            at = (x - float(middle[0]), y - float(middle[1]), 0.0)
            block = block_of(model, at, yaw)
            around = Block(block.centre, block.half + 0.5, yaw, 0.0, 0.9)
            if not place.free(around, 0.0):
                continue
            placed = place.put(model, at, yaw, 0.0)
            if placed:
                seats(place, placed, seat, int(rng.integers(3, 7)))
                return


# A place to work


def desk_place(place: Placer, *, office: bool) -> None:
    """A desk with what lies on it, and a chair that looks at it."""
    s, rng = place.s, place.rng
    model = desk(s)
    makers: tuple[Callable[..., Model], ...] = (
        papers, book_pile, cup, table_lamp, bottle, lambda s: plant(s, 0.3),
    )  # fmt: skip
    for side in _screen_on(place, model):
        scatter(place, side, makers, int(rng.integers(1, 4)), model)
    placed = place.at_wall(model, longest=True)
    if placed is None:
        return
    _, high = placed.model.bounds()
    seat = office_chair(s) if office else chair(s)
    depth = float(seat.bounds()[1][1])
    y = float(high[1]) + depth - s.between(-0.02, 0.12)
    spot = (s.between(-0.15, 0.15), y)
    for extra in (0.0, 0.12):
        if _beside(place, placed, seat, (spot[0], spot[1] + extra), np.pi):
            break


def _screen_on(place: Placer, model: Model) -> tuple[Top, Top]:
    """A monitor with keyboard and mouse, or a laptop, on a desk; the space left and right of it."""
    s, rng = place.s, place.rng
    top = model.tops[0]
    x = s.between(-0.1, 0.1)
    if rng.random() < 0.75:
        model.put(monitor(s), (x, top.y0 + 0.02, top.z + 0.001), float(rng.normal(0, 0.1)))
        model.put(keyboard(s), (x, top.y0 + 0.36, top.z + 0.001), float(rng.normal(0, 0.05)))
        model.put(mouse(s), (x + 0.3, top.y0 + 0.36, top.z + 0.001))
        left, right = x - 0.33, x + 0.36
    else:
        model.put(laptop(s), (x, top.y0 + 0.3, top.z + 0.001), float(rng.normal(0, 0.15)))
        left, right = x - 0.2, x + 0.2
    return Top(top.x0, left, top.y0, top.y1, top.z), Top(right, top.x1, top.y0, top.y1, top.z)
