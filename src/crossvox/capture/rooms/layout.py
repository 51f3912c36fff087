"""Rooms: plan, walls with doors and windows, and furniture where people put it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms import clutter as c
from crossvox.capture.rooms import furniture as f
from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.materials import MaterialBook, window_view
from crossvox.capture.rooms.model import Block, Model, Placed, Top, block_of
from crossvox.capture.rooms.style import Style

Array = NDArray[Any]

KINDS = (
    "living room", "bedroom", "kitchen", "bathroom", "office", "study", "dining room",
)  # fmt: skip
"""What rooms there are. Every seven rooms in a row hold each kind once, in a drawn order."""

_SIZES = {
    "living room": ((4.2, 5.8), (3.6, 4.8)),
    "bedroom": ((3.4, 4.8), (3.2, 4.2)),
    "kitchen": ((3.2, 4.6), (2.9, 3.8)),
    "bathroom": ((2.4, 3.4), (2.2, 3.0)),
    "office": ((3.6, 5.4), (3.2, 4.4)),
    "study": ((3.4, 4.8), (3.0, 4.2)),
    "dining room": ((3.6, 5.0), (3.3, 4.4)),
}


_ESSENTIALS = {
    "living room": ("couch", "coffee table", "tv", "bookshelf"),
    "bedroom": ("bed", "wardrobe|dresser"),
    "kitchen": ("refrigerator", "kitchen counter", "sink", "dining table", "chair|stool"),
    "bathroom": ("bathtub", "shower curtain", "toilet", "sink"),
    "office": ("desk", "office chair", "whiteboard|bookshelf"),
    "study": ("desk", "bookshelf", "chair|office chair"),
    "dining room": ("dining table", "chair", "cabinet"),
}
"""Raw categories that each kind of room must hold; ``a|b``: one of them."""


@dataclass(frozen=True)
class Lamp:
    """A light.

    Attributes:
        at: ``(x, y, z)`` metres.
        color: linear light.
        power: strength; light at 1 m is ``power * color``.
        radius_m: what stands nearer to the lamp than this casts no shadow (its own shade).
        spread: corners of a rectangle that shines (a window), or None for a point.
        facing: direction a window shines in, or None.
    """

    at: tuple[float, float, float]
    color: tuple[float, float, float]
    power: float
    radius_m: float = 0.1
    spread: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    facing: tuple[float, float, float] | None = None


@dataclass(eq=False)
class Room:
    """A furnished room.

    Attributes:
        kind: one of :data:`KINDS`.
        plan: ``(P, 2)`` corners of the floor, anticlockwise, metres.
        height_m: of the ceiling.
        shell: walls, floor, ceiling, doors, windows (room coordinates).
        placed: furniture.
        blocks: space that is taken, including what must stay free.
        lamps: lights.
        ambient: light that comes from nowhere in particular.
        book: materials.
    """

    kind: str
    plan: Array
    height_m: float
    shell: Model
    book: MaterialBook
    placed: list[Placed] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    ambient: float = 0.25


def kind_of(seed: int, number: int) -> str:
    """What room ``number`` of a seed is."""
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, number // len(KINDS))))
    return KINDS[int(order.permutation(len(KINDS))[number % len(KINDS)])]


def room_seed(seed: int, number: int, purpose: int) -> np.random.SeedSequence:
    """Chance of one purpose in room ``number``, whatever other rooms there are."""
    return np.random.SeedSequence(seed, spawn_key=(2, number, purpose))


def furnish(seed: int, number: int, spacing_m: float = 0.035) -> Room:
    """Build room ``number`` of a seed."""
    kind = kind_of(seed, number)
    last: Room | None = None
    for draw in room_seed(seed, number, 0).spawn(12):
        # A draw without space for what makes the room what it is is drawn again.
        builder = _Builder(kind, Style(np.random.default_rng(draw), spacing_m))
        last = builder.build()
        if builder.complete():
            break
    assert last is not None
    return last


@dataclass(frozen=True, eq=False)
class _Wall:
    """A wall from ``start`` along ``along``; ``inward`` looks into the room."""

    start: Array
    along: Array
    inward: Array
    length: float

    @property
    def yaw(self) -> float:
        """Turn of a model whose back is at this wall."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def point(self, t: float, out: float = 0.0) -> tuple[float, float]:
        x, y = self.start + self.along * t + self.inward * out
        return float(x), float(y)


class _Builder:
    def __init__(self, kind: str, style: Style) -> None:
        self.kind, self.s, self.rng = kind, style, style.rng
        (w0, w1), (d0, d1) = _SIZES[kind]
        w, d = self.rng.uniform(w0, w1), self.rng.uniform(d0, d1)
        plan = np.array([[0, 0], [w, 0], [w, d], [0, d]])
        self.notch: tuple[float, float] | None = None
        if kind != "bathroom" and w > 3.9 and self.rng.random() < 0.35:
            nw, nd = self.rng.uniform(0.7, w * 0.32), self.rng.uniform(0.7, d * 0.36)
            self.notch = (w - nw, d - nd)
            plan = np.array([[0, 0], [w, 0], [w, d - nd], [w - nw, d - nd], [w - nw, d], [0, d]])
        self.size = (float(w), float(d))
        self.height = float(self.rng.uniform(2.35, 2.75))
        self.room = Room(kind, plan, self.height, Model("wall"), style.book)
        self.walls = []
        for a, b in zip(plan, np.roll(plan, -1, axis=0), strict=True):
            along = (b - a) / np.linalg.norm(b - a)
            inward = np.array([-along[1], along[0]])
            self.walls.append(_Wall(a, along, inward, float(np.linalg.norm(b - a))))
        self.openings: dict[int, list[tuple[float, float, float, float]]] = {}

    # -- helpers -----------------------------------------------------------------------------

    def _inside(self, block: Block) -> bool:
        corners = block.corners(-0.004)
        w, d = self.size
        if (corners < 0).any() or (corners > (w, d)).any() or block.z1 > self.height:
            return False
        if self.notch is None:
            return True
        x, y = self.notch
        return not ((corners[:, 0].max() > x) and (corners[:, 1].max() > y))

    def _free(self, block: Block, gap: float = 0.0, *, ignore: Sequence[Block] = ()) -> bool:
        if not self._inside(block):
            return False
        return not any(
            block.overlaps(other, gap) for other in self.room.blocks if other not in ignore
        )

    def _put(
        self, model: Model, at: tuple[float, float, float], yaw: float, gap: float
    ) -> Placed | None:
        block = block_of(model, at, yaw)
        if not self._free(block, gap):
            return None
        zone = None
        if model.front_m > 0:
            low, high = model.bounds()
            front = np.array([(low[0] + high[0]) / 2, high[1] + model.front_m / 2 + 0.01])
            middle = sh.rotation(yaw)[:2, :2] @ front + np.asarray(at[:2])
            half = np.array([(high[0] - low[0]) / 2 * 0.8, model.front_m / 2])
            zone = Block(middle, half, yaw, 0.02, 1.2, solid=False)
            if not self._free(zone):
                return None
        placed = Placed(model, at, yaw, block, zone)
        self.room.placed.append(placed)
        self.room.blocks.append(block)
        if zone is not None:
            self.room.blocks.append(zone)
        return placed

    def _release(self, placed: Placed) -> None:
        """Let other furniture stand in front of a piece."""
        self.room.blocks = [block for block in self.room.blocks if block is not placed.zone]

    def _order(self, longest: bool) -> list[int]:
        lengths = np.array([wall.length for wall in self.walls])
        weight = lengths**3 if longest else lengths
        return [
            int(n)
            for n in self.rng.choice(len(lengths), len(lengths), False, weight / weight.sum())
        ]

    def at_wall(
        self,
        model: Model,
        *,
        z: float = 0.0,
        out: float = 0.015,
        gap: float = 0.03,
        longest: bool = False,
        corner: bool = False,
        walls: Sequence[int] | None = None,
        tries: int = 14,
    ) -> Placed | None:
        """Put a model with its back to some wall where there is space; None if there is none."""
        low, high = model.bounds()
        half = float(max(-low[0], high[0]))
        for number in walls if walls is not None else self._order(longest):
            wall = self.walls[number]
            if wall.length < 2 * half + 0.02:
                continue
            ends = (half + 0.015, wall.length - half - 0.015)
            places = self.rng.uniform(ends[0], max(ends[1], ends[0]), tries)
            if corner:
                places[:2] = ends
            for t in places.tolist():
                x, y = wall.point(t, out)
                placed = self._put(model, (x, y, z), wall.yaw, gap)
                if placed is not None:
                    return placed
        return None

    def near(
        self, host: Placed, model: Model, local: tuple[float, float], turn: float, gap: float = 0.02
    ) -> Placed | None:
        """Put a model at a place given in the coordinates of another one."""
        x, y, _ = sh.rotation(host.yaw) @ np.array([*local, 0.0]) + np.asarray(host.at)
        return self._put(model, (float(x), float(y), 0.0), host.yaw + turn, gap)

    def scatter(
        self, top: Top, makers: Sequence[Callable[[Style], Model]], count: int, host: Model
    ) -> None:
        """Stand small things on a surface of a model."""
        taken: list[tuple[float, float, float]] = []
        for _ in range(count):
            thing = makers[int(self.rng.integers(len(makers)))](self.s)
            low, high = thing.bounds()
            radius = float(np.hypot(*(high - low)[:2]) / 2)
            middle = (low + high)[:2] / 2
            if (high - low)[2] > 0.6:
                continue
            for _ in range(6):
                if top.x1 - top.x0 < 1.5 * radius or top.y1 - top.y0 < 1.5 * radius:
                    break
                margin = radius * 0.75
                x = float(self.rng.uniform(top.x0 + margin, top.x1 - margin))
                y = float(self.rng.uniform(top.y0 + margin, top.y1 - margin))
                if all(np.hypot(x - a, y - b) > radius + r for a, b, r in taken):
                    taken.append((x, y, radius))
                    yaw = float(self.rng.normal(0, 0.4))
                    shift = sh.rotation(yaw)[:2, :2] @ middle
                    host.put(thing, (x - float(shift[0]), y - float(shift[1]), top.z + 0.001), yaw)
                    break

    def clutter(self, model: Model, low: int, high: int) -> None:
        """Small things on every surface of a model."""
        makers = c.TOPS[self.kind]
        for top in list(model.tops):
            if top.z > 1.6:
                if self.rng.random() < 0.4:
                    self.scatter(top, (lambda s: c.carton(s, 0.28), c.vase), 2, model)
                continue
            self.scatter(top, makers, int(self.rng.integers(low, high + 1)), model)

    def seats(self, table: Placed, makers: Callable[[Style], Model], count: int) -> None:
        """Chairs around a table, looking at it."""
        low, high = table.model.bounds()
        w, d = float(high[0] - low[0]), float(high[1] - low[1])
        cx, cy = float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2
        per_side = 2 if w > 1.35 else 1
        spots = []
        for k in range(per_side):
            x = cx + (k - (per_side - 1) / 2) * w * 0.48
            spots += [(x, cy - d / 2, 0.0), (x, cy + d / 2, np.pi)]
        spots += [(cx - w / 2, cy, -np.pi / 2), (cx + w / 2, cy, np.pi / 2)]
        template = self.rng.bit_generator.state
        for x, y, turn in spots[: max(count, 2)]:
            # The same draws again give the same chair: a set.
            after = self.rng.bit_generator.state
            self.rng.bit_generator.state = template
            chair = makers(self.s)
            self.rng.bit_generator.state = after
            depth = float(chair.bounds()[1][1])
            for pushed in (0.2, 0.08, -0.06):
                back = sh.rotation(turn) @ np.array(
                    [self.rng.normal(0, 0.03), -depth + pushed, 0.0]
                )
                if self._beside(table, chair, (x + float(back[0]), y + float(back[1])), turn):
                    break

    def _beside(self, table: Placed, chair: Model, local: tuple[float, float], turn: float) -> bool:
        """Put a chair at a table whose top it may reach under."""
        x, y, _ = sh.rotation(table.yaw) @ np.array([*local, 0.0]) + np.asarray(table.at)
        yaw = table.yaw + turn + float(self.rng.normal(0, 0.1))
        at = (float(x), float(y), 0.0)
        block = block_of(chair, at, yaw)
        low = Block(block.centre, block.half * 0.9, yaw, 0.02, block.z1)
        if not self._free(low, 0.0, ignore=self._under(table)):
            return False
        if _touches(chair, at, yaw, table):
            return False
        self.room.placed.append(Placed(chair, at, yaw, block))
        self.room.blocks.append(block)
        return True

    def _under(self, table: Placed) -> list[Block]:
        return [
            block for block in self.room.blocks
            if block is table.block or (not block.solid and block.overlaps(table.block, 0.1))
        ]  # fmt: skip

    # -- shell -------------------------------------------------------------------------------

    def _opening(
        self, width: float, z0: float, z1: float, *, keep: float, avoid: Sequence[int] = ()
    ) -> tuple[int, float] | None:
        """Find a place for a door or window: wall and middle."""
        for number in self._order(longest=True):
            wall = self.walls[number]
            if number in avoid or wall.length < width + 0.5:
                continue
            for t in self.rng.uniform(
                width / 2 + 0.25, wall.length - width / 2 - 0.25, 10
            ).tolist():
                others = self.openings.get(number, [])
                if any(abs(t - (a + b) / 2) < (width + b - a) / 2 + 0.3 for a, b, _, _ in others):
                    continue
                middle = wall.start + wall.along * t + wall.inward * keep / 2
                half = np.array([width / 2 + 0.06, keep / 2])
                block = Block(middle, half, wall.yaw, z0, z1, solid=False)
                if not self._inside(Block(middle, half - 0.01, wall.yaw, z0, z1)):
                    continue
                if any(block.overlaps(other) for other in self.room.blocks):
                    continue
                self.room.blocks.append(block)
                self.openings.setdefault(number, []).append((t - width / 2, t + width / 2, z0, z1))
                return number, t
        return None

    def _on_wall(self, model: Model, number: int, t: float, z: float = 0.0) -> None:
        """Build a model into a wall (room coordinates of the shell)."""
        x, y = self.walls[number].point(t)
        self.room.shell.put(model, (x, y, z), self.walls[number].yaw)

    def shell(self) -> None:
        """Doors, windows, then walls around them, floor and ceiling."""
        s, rng = self.s, self.rng
        doors = (
            2 if self.kind in ("living room", "dining room", "office") and rng.random() < 0.4 else 1
        )
        for _ in range(doors):
            w, h = float(rng.uniform(0.8, 0.95)), 2.03
            found = self._opening(w, 0.0, h, keep=0.85)
            if found:
                self._on_wall(_door(s, w, h), *found)
        self.windows: list[tuple[int, float, float, float, float]] = []
        count = {"bathroom": 1, "living room": 2, "office": 2}.get(
            self.kind, int(rng.integers(1, 3))
        )
        for _ in range(count):
            small = self.kind == "bathroom"
            w = float(rng.uniform(0.5, 0.8) if small else rng.uniform(0.9, 1.8))
            z0 = float(rng.uniform(1.2, 1.4) if small else rng.uniform(0.75, 1.0))
            z1 = min(
                z0 + float(rng.uniform(0.6, 0.8) if small else rng.uniform(1.1, 1.4)),
                self.height - 0.2,
            )
            found = self._opening(w, z0 - 0.05, z1 + 0.05, keep=0.2)
            if found is None:
                continue
            number, t = found
            self.openings[number][-1] = (t - w / 2, t + w / 2, z0, z1)
            self._on_wall(_window(s, w, z1 - z0), number, t, z0)
            self.windows.append((number, t, w, z0, z1))
            wall = self.walls[number]
            day = float(rng.uniform(1.2, 4.0))
            middle, inward = wall.point(t, -0.03), wall.inward
            self.room.lamps.append(
                Lamp(
                    (*middle, (z0 + z1) / 2),
                    (0.92, 0.97, 1.06),
                    day * w * (z1 - z0),
                    0.1,
                    spread=((*(wall.along * w * 0.45).tolist(), 0.0), (0.0, 0.0, (z1 - z0) * 0.45)),
                    facing=(float(inward[0]), float(inward[1]), 0.0),
                )
            )
        main = s.wall(self.kind)
        accent = s.wall(self.kind) if rng.random() < 0.4 and self.kind != "bathroom" else main
        accent_wall = int(rng.integers(len(self.walls)))
        skirting = 0.09 if self.kind != "bathroom" else 0.0
        for number, wall in enumerate(self.walls):
            self._wall(number, wall, accent if number == accent_wall else main, skirting)
        w, d = self.size
        rows = [(0.0, 0.0, w, d)]
        if self.notch:
            x, y = self.notch
            rows = [(0.0, 0.0, w, y), (0.0, y, x, d)]
        floor, ceiling = s.floor(self.kind), s.paint(s.quiet(0.93, 0.98))
        for x0, y0, x1, y1 in rows:
            ground = sh.patch((x0, y0, 0), (x1 - x0, 0, 0), (0, y1 - y0, 0), s.spacing)
            # Patterns go on across the two halves of an L-shaped floor.
            ground = sh.Shape(ground.points, ground.normals, ground.points[:, :2], ground.faces)
            self.room.shell.add(ground, floor, "floor", thing=1000)
            above = sh.patch(
                (x0, y1, self.height), (x1 - x0, 0, 0), (0, y0 - y1, 0), s.spacing * 1.3
            )
            self.room.shell.add(above, ceiling, "ceiling", thing=1001)
        drop = float(rng.uniform(0.35, 0.6)) if rng.random() < 0.5 and self.height > 2.5 else 0.0
        if self.kind == "dining room":
            drop = 0.6
        lamp, below = c.ceiling_lamp(s, drop)
        x, y = (self.notch or self.size)[0] * 0.5, (self.notch or self.size)[1] * 0.5
        self.room.shell.put(lamp, (x, y, self.height))
        hanging = Block(
            np.array([x, y]), np.array([0.25, 0.25]), 0.0, self.height - 0.85, self.height
        )
        if drop:
            self.room.blocks.append(hanging)
        warm = float(rng.uniform(0, 1))
        self.room.lamps.append(
            Lamp((x, y, self.height - below), (1.0, 0.97 - 0.12 * warm, 0.92 - 0.3 * warm),
                 float(rng.uniform(1.0, 2.6)), 0.32)
        )  # fmt: skip
        if w * d > 14 and rng.random() < 0.7:
            lx, ly = (x * 0.5, y) if drop else (x * 0.4, y)
            extra, _ = c.ceiling_lamp(s, 0.0)
            self.room.shell.put(extra, (lx, ly, self.height))
            self.room.lamps.append(Lamp((lx, ly, self.height - 0.2), (1.0, 0.93, 0.82), 0.9, 0.32))
        self.room.ambient = float(rng.uniform(0.05, 0.16))

    def _wall(self, number: int, wall: _Wall, material: int, skirting: float) -> None:
        s = self.s
        holes = sorted(self.openings.get(number, []))
        along = wall.along

        def piece(a: float, b: float, z0: float, z1: float) -> None:
            if b - a < 1e-4 or z1 - z0 < 1e-4:
                return
            # along x up looks out of the room, so the patch starts at the far end.
            start = (*wall.point(b), z0)
            shape = sh.patch(start, (*(-along * (b - a)), 0), (0, 0, z1 - z0), s.spacing)
            coords = shape.coords + np.array([wall.length - b, z0])
            self.room.shell.add(
                sh.Shape(shape.points, shape.normals, coords, shape.faces), material, "wall"
            )

        edges = [0.0]
        for a, b, z0, z1 in holes:
            piece(edges[-1], a, 0.0, self.height)
            piece(a, b, 0.0, z0)
            piece(a, b, z1, self.height)
            edges.append(b)
        piece(edges[-1], wall.length, 0.0, self.height)
        if skirting:
            free = [0.0]
            for a, b, z0, _ in holes:
                if z0 < 0.1:
                    free += [a - 0.07, b + 0.07]
            free.append(wall.length)
            for a, b in zip(free[::2], free[1::2], strict=True):
                if b - a > 0.05:
                    board = sh.box((b - a, 0.014, skirting), s.spacing * 2, without="bdlr")
                    x, y = wall.point((a + b) / 2, 0.007)
                    self.room.shell.add(board.turned(wall.yaw), s.trim, "wall", at=(x, y, 0.0))

    # -- furniture ---------------------------------------------------------------------------

    def complete(self) -> bool:
        """Whether the room has what its kind must have, a door and a window."""
        there = {part.category for placed in self.room.placed for part in placed.model.parts}
        there |= {part.category for part in self.room.shell.parts}
        needed = (*_ESSENTIALS[self.kind], "door", "window")
        return all(any(name in there for name in names.split("|")) for names in needed)

    def build(self) -> Room:
        """Shell first, then furniture from the largest to the smallest.

        Decoration is left out where the room has to be drawn again anyway.
        """
        self.shell()
        {
            "living room": self.living_room,
            "bedroom": self.bedroom,
            "kitchen": self.kitchen,
            "bathroom": self.bathroom,
            "office": self.office,
            "study": self.study,
            "dining room": self.dining_room,
        }[self.kind]()
        if not self.complete():
            return self.room
        self.dress_windows()
        self.hang_pictures()
        self.corners()
        self.light_lamps()
        return self.room

    def living_room(self) -> None:
        s, rng = self.s, self.rng
        sofa = self.at_wall(f.sofa(s), longest=True) or self.at_wall(f.sofa(s, 1.6))
        if sofa:
            depth = float(sofa.model.bounds()[1][1])
            self._release(sofa)
            low = f.table(s, "coffee table")
            self.clutter(low, 2, 5)
            self.near(
                sofa, low, (float(rng.normal(0, 0.1)), depth + float(rng.uniform(0.3, 0.45))), 0.0
            )
            self._carpet(sofa, depth)
            width = float(sofa.model.bounds()[1][0])
            for sign in rng.permutation([-1, 1])[: int(rng.integers(1, 3))].tolist():
                side = f.table(s, "end table")
                self._lamp_on(side)
                reach = float(side.bounds()[1][0])
                self.near(sofa, side, (sign * (width + reach + 0.06), 0.15), 0.0)
        stand = f.tv_stand(s)
        top = stand.tops[0]
        stand.put(f.television(s, min(top.x1 - top.x0 - 0.1, 1.25)), (0, 0.12, top.z))
        opposite = [self._opposite(sofa)] if sofa else []
        placed = (
            self.at_wall(stand, walls=opposite, tries=24) if opposite else None
        ) or self.at_wall(stand)
        if placed is None:
            tv = f.television(s, 0.95, stand=False)
            self.at_wall(tv, z=1.0)
        for _ in range(int(rng.integers(1, 3))):
            chair = f.armchair(s)
            if sofa and rng.random() < 0.6:
                depth = float(sofa.model.bounds()[1][1])
                sign = float(rng.choice([-1, 1]))
                x = sign * (float(sofa.model.bounds()[1][0]) + 0.25)
                if self.near(sofa, chair, (x, depth + 0.55), sign * (np.pi / 2 + 0.25)):
                    continue
            self.at_wall(chair, out=0.12)
        for _ in range(int(rng.integers(1, 3))):
            self._add(f.bookshelf, 0)
        self._add(lambda s: f.sideboard(s), 3)
        self.in_corner(c.floor_lamp(s))
        if rng.random() < 0.6:
            self.anywhere(f.ottoman(s))
        if rng.random() < 0.35:
            self._add(f.desk, 3)

    def bedroom(self) -> None:
        s, rng = self.s, self.rng
        bed = self.at_wall(f.bed(s), longest=True) or self.at_wall(f.bed(s, 0.95), corner=True)
        if bed:
            half = float(bed.model.bounds()[1][0])
            for sign in (-1, 1):
                stand = f.night_stand(s)
                if rng.random() < 0.75:
                    self._lamp_on(stand)
                else:
                    self.clutter(stand, 1, 3)
                x = sign * (half + float(stand.bounds()[1][0]) + 0.05)
                self.near(bed, stand, (x, 0.0), 0.0)
            size = (float(rng.uniform(2.0, 2.6)), float(rng.uniform(1.3, 1.7)))
            self._flat(bed, f.rug(s, *size), (0.0, 1.0))
        self._add(f.wardrobe, 0, corner=True)
        chest = f.dresser(s)
        self.clutter(chest, 2, 4)
        placed = self.at_wall(chest)
        if placed and rng.random() < 0.7:
            self._above(
                placed,
                c.mirror(s, float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.6, 0.9))),
                0.15,
            )
        if rng.random() < 0.5:
            self._desk_place(office=rng.random() < 0.4)
        else:
            self.at_wall(f.chair(s) if rng.random() < 0.5 else f.armchair(s), out=0.1)
        if rng.random() < 0.6:
            self.at_wall(c.clothes_hooks(s), z=0.75)
        if rng.random() < 0.6:
            self._add(f.bookshelf, 0)
        if rng.random() < 0.7:
            self.anywhere(c.backpack(s))
        if rng.random() < 0.4 and bed:
            self._above_foot(bed)

    def _above_foot(self, bed: Placed) -> None:
        depth = float(bed.model.bounds()[1][1])
        self.near(bed, f.bench(self.s), (0.0, depth + 0.06), 0.0)

    def kitchen(self) -> None:
        s, rng = self.s, self.rng
        order = self._order(longest=True)
        run: Placed | None = None
        for width in (3.0, 2.7, 2.4, 2.1, 1.8, 1.5):
            counter = f.counter_run(s, width)
            self.clutter(counter, 2, 4)
            if rng.random() < 0.6 and counter.tops:
                top = counter.tops[int(rng.integers(len(counter.tops)))]
                if top.x1 - top.x0 > 0.5 and not any(
                    part.thing and part.shape.points[:, 2].min() >= top.z - 1e-3
                    and top.x0 - 0.1 < part.shape.points[:, 0].mean() < top.x1 + 0.1
                    for part in counter.parts
                ):  # fmt: skip
                    counter.put(c.microwave(s), ((top.x0 + top.x1) / 2, 0.24, top.z))
            run = self.at_wall(counter, corner=True, walls=order)
            if run:
                break
        if run:
            half = float(run.model.bounds()[1][0])
            fridge = f.refrigerator(s)
            self.clutter(fridge, 0, 1)
            reach = float(fridge.bounds()[1][0])
            sides = rng.permutation([-1, 1]).tolist()
            if not any(
                self.near(run, fridge, (sign * (half + reach + 0.02), 0.0), 0.0, 0.0)
                for sign in sides
            ):
                self.at_wall(fridge, corner=True)
            self._uppers(run)
        else:
            self._add(f.refrigerator, 1, corner=True)
        self._table_set(["chair", "stool"][int(rng.random() < 0.2)])
        self._add(lambda s: f.sideboard(s), 3)
        self.anywhere(c.trash_can(s), wall=True)
        if rng.random() < 0.6:
            self.at_wall(c.wall_shelf(s, float(rng.uniform(0.6, 1.0))), z=1.35)
        if rng.random() < 0.5:
            self.at_wall(c.towel_rail(s, 0.45), z=0.65)

    def _uppers(self, run: Placed) -> None:
        s = self.s
        stove = [p.shape.points[:, 0] for p in run.model.parts if p.category == "stove"]
        half = float(run.model.bounds()[1][0])
        spans = [(-half, half)]
        if stove:
            x0, x1 = float(min(p.min() for p in stove)), float(max(p.max() for p in stove))
            middle = (x0 + x1) / 2
            self._above_at(run, f.range_hood(s), middle, 1.6)
            spans = [(-half, middle - 0.32), (middle + 0.32, half)]
        for a, b in spans:
            if b - a > 0.4:
                self._above_at(run, f.wall_cabinets(s, b - a), (a + b) / 2, 1.42)

    def _above_at(self, host: Placed, model: Model, x: float, z: float) -> Placed | None:
        at = sh.rotation(host.yaw) @ np.array([x, 0.0, 0.0]) + np.asarray(host.at)
        high = float(model.bounds()[1][2])
        z = min(z, self.height - high - 0.01)
        return self._put(model, (float(at[0]), float(at[1]), z), host.yaw, 0.0)

    def _above(self, host: Placed, model: Model, over: float) -> Placed | None:
        base = max((top.z for top in host.model.tops), default=host.block.z1)
        z = max(base + over, host.block.z1 + 0.02)
        if z + float(model.bounds()[1][2]) > self.height - 0.03:
            return None
        return self._above_at(host, model, 0.0, z)

    def bathroom(self) -> None:
        s, rng = self.s, self.rng
        tub = None
        for length in (1.7, 1.6, 1.5, 1.4):
            tub = self.at_wall(f.bathtub(s, length), corner=True, out=0.002, gap=0.0, tries=20)
            if tub:
                break
        if tub:
            half, depth = float(tub.model.bounds()[1][0]), float(tub.model.bounds()[1][1])
            high = min(1.95, self.height - 0.15)
            curtain = c.shower_curtain(s, 2 * half, high - 0.25)
            self.near_above(tub, curtain, (0.0, depth + 0.045), 0.25 + 0.4)
        toilet = self.at_wall(f.toilet(s), out=0.01)
        if toilet:
            self._release(toilet)
        basin = f.vanity(s) if rng.random() < 0.55 else f.pedestal_sink(s)
        self.clutter(basin, 1, 2)
        sink = self.at_wall(basin, out=0.005) or self.at_wall(f.pedestal_sink(s), out=0.005)
        if sink:
            top = float(max(p.shape.points[:, 2].max() for p in sink.model.parts))
            w, h = float(rng.uniform(0.45, 0.7)), float(rng.uniform(0.6, 0.85))
            self._above_at(sink, c.mirror(s, w, h), 0.0, max(1.12, top + 0.03))
        self.at_wall(c.towel_rail(s, float(rng.uniform(0.45, 0.8))), z=0.75)
        if toilet:
            self.at_wall(c.toilet_roll(s), z=0.75)
        if rng.random() < 0.5:
            washer = f.washing_machine(s)
            self.clutter(washer, 1, 3)
            self.at_wall(washer, corner=True)
        for host in (tub, sink):
            if host and rng.random() < 0.8:
                mat = f.rug(s, 0.75, 0.48, bath=True)
                self._flat(host, mat, (0.0, float(host.model.bounds()[1][1]) + 0.06))
        if rng.random() < 0.8:
            self.anywhere(c.trash_can(s), wall=True)
        if rng.random() < 0.5:
            self.at_wall(c.wall_shelf(s, 0.5), z=1.3)
        if rng.random() < 0.4:
            self.anywhere(f.stool(s))

    def near_above(self, host: Placed, model: Model, local: tuple[float, float], z: float) -> None:
        """Hang something over a piece of furniture, which it may overlap."""
        at = sh.rotation(host.yaw) @ np.array([*local, 0.0]) + np.asarray(host.at)
        place = (float(at[0]), float(at[1]), z - 0.4)
        block = block_of(model, place, host.yaw)
        self.room.placed.append(Placed(model, place, host.yaw, block))
        self.room.blocks.append(block)

    def office(self) -> None:
        s, rng = self.s, self.rng
        for _ in range(int(rng.integers(1, 4))):
            self._desk_place(office=True)
        board = c.whiteboard(s, float(rng.uniform(1.0, 1.6)), float(rng.uniform(0.8, 1.0)))
        self.at_wall(board, z=0.95)
        for _ in range(int(rng.integers(1, 3))):
            self._add(f.bookshelf, 0)
        self._add(f.file_cabinet, 2)
        if rng.random() < 0.6:
            self._table_set("chair")
        self.anywhere(c.trash_can(s), wall=True)
        for _ in range(int(rng.integers(1, 4))):
            self.anywhere(c.carton(s, float(rng.uniform(0.28, 0.42))), wall=rng.random() < 0.6)
        if rng.random() < 0.4:
            self._add(f.sofa, 0)
        if rng.random() < 0.6:
            self.anywhere(c.backpack(s))
        self.at_wall(c.clock(s), z=1.75)

    def study(self) -> None:
        s, rng = self.s, self.rng
        self._desk_place(office=rng.random() < 0.6)
        for _ in range(int(rng.integers(2, 5))):
            self._add(f.bookshelf, 0)
        seat = self.at_wall(f.armchair(s), out=0.15) or self.at_wall(f.chair(s))
        if seat:
            depth = float(seat.model.bounds()[1][1])
            if rng.random() < 0.6:
                self.near(seat, f.ottoman(s), (0.0, depth + 0.2), 0.0)
            self._flat(
                seat,
                f.rug(s, float(rng.uniform(1.4, 2.2)), float(rng.uniform(1.0, 1.6))),
                (0.0, 0.5),
            )
        self.in_corner(c.floor_lamp(s))
        self._add(lambda s: f.sideboard(s), 3)
        if rng.random() < 0.4:
            self._add(f.sofa, 0)
        if rng.random() < 0.6:
            self.at_wall(c.wall_shelf(s, float(rng.uniform(0.7, 1.1))), z=1.4)
        for _ in range(int(rng.integers(0, 3))):
            self.anywhere(c.carton(s, 0.35))
        for _ in range(int(rng.integers(1, 3))):
            self.anywhere(c.book_pile(s))
        self.anywhere(c.trash_can(s), wall=True)

    def dining_room(self) -> None:
        s, rng = self.s, self.rng
        self._table_set("chair", large=True)
        board = f.sideboard(s)
        self.clutter(board, 2, 5)
        placed = self.at_wall(board)
        if placed and rng.random() < 0.5:
            self._above(
                placed, c.mirror(s, float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.5, 0.8))), 0.3
            )
        self._add(f.bookshelf, 0)
        if rng.random() < 0.5:
            self._add(f.sofa, 0)
        if rng.random() < 0.5:
            self._add(f.dresser, 3)
        if rng.random() < 0.5:
            self.in_corner(c.floor_lamp(s))
        if rng.random() < 0.4:
            self.at_wall(f.bench(s))
        if rng.random() < 0.4:
            self.at_wall(f.television(s, 1.0, stand=False), z=1.0)

    # -- groups ------------------------------------------------------------------------------

    def _add(
        self, maker: Callable[[Style], Model], things: int, *, corner: bool = False
    ) -> Placed | None:
        model = maker(self.s)
        self.clutter(model, min(things, 1), things)
        return self.at_wall(model, corner=corner)

    def _opposite(self, host: Placed) -> int:
        facing = sh.rotation(host.yaw)[:2, 1]
        return int(
            np.argmin([float(wall.inward @ facing) - 0.01 * wall.length for wall in self.walls])
        )

    def _lamp_on(self, model: Model) -> None:
        top = model.tops[0]
        x, y = (top.x0 + top.x1) / 2, (top.y0 + top.y1) / 2
        model.put(c.table_lamp(self.s), (x, y, top.z + 0.001))

    def _desk_place(self, *, office: bool) -> None:
        """A desk with what lies on it, and a chair that looks at it."""
        s, rng = self.s, self.rng
        desk = f.desk(s)
        top = desk.tops[0]
        x = float(rng.uniform(-0.1, 0.1))
        if rng.random() < 0.75:
            desk.put(
                f.monitor(s),
                (x, top.y0 + 0.02, top.z + 0.001),
                float(rng.normal(0, 0.1)),
            )
            desk.put(c.keyboard(s), (x, top.y0 + 0.36, top.z + 0.001), float(rng.normal(0, 0.05)))
            desk.put(c.mouse(s), (x + 0.3, top.y0 + 0.36, top.z + 0.001))
            left = Top(top.x0, x - 0.33, top.y0, top.y1, top.z)
            right = Top(x + 0.36, top.x1, top.y0, top.y1, top.z)
        else:
            desk.put(c.laptop(s), (x, top.y0 + 0.3, top.z + 0.001), float(rng.normal(0, 0.15)))
            left = Top(top.x0, x - 0.2, top.y0, top.y1, top.z)
            right = Top(x + 0.2, top.x1, top.y0, top.y1, top.z)
        for side in (left, right):
            makers = (
                c.papers,
                c.book_pile,
                c.cup,
                c.table_lamp,
                c.bottle,
                lambda s: c.plant(s, 0.3),
            )
            self.scatter(side, makers, int(rng.integers(1, 4)), desk)
        placed = self.at_wall(desk, longest=True)
        if placed is None:
            return
        _, high = placed.model.bounds()
        seat = f.office_chair(s) if office else f.chair(s)
        depth = float(seat.bounds()[1][1])
        y = float(high[1]) + depth - float(rng.uniform(-0.02, 0.12))
        spot = (float(rng.uniform(-0.15, 0.15)), y)
        for extra in (0.0, 0.12):
            if self._beside(placed, seat, (spot[0], spot[1] + extra), np.pi):
                break

    def _table_set(self, seat: str, *, large: bool = False) -> None:
        s, rng = self.s, self.rng
        for width in (1.7, 1.4, 1.1, 0.85) if large else (1.3, 1.1, 0.9, 0.75):
            table = f.table(s, "dining table" if self.kind != "office" else "table", width)
            low, high = table.bounds()
            self.clutter(table, 2, 5)
            for _ in range(16):
                w, d = self.notch or self.size
                x = float(rng.uniform(0.25, 0.75)) * w
                y = float(rng.uniform(0.25, 0.75)) * d
                yaw = float(rng.choice([0, np.pi / 2])) + (
                    float(rng.normal(0, 0.1)) if rng.random() < 0.4 else 0
                )
                middle = sh.rotation(yaw) @ np.array([0, float(low[1] + high[1]) / 2, 0])
                at = (x - float(middle[0]), y - float(middle[1]), 0.0)
                block = block_of(table, at, yaw)
                around = Block(block.centre, block.half + 0.5, yaw, 0.0, 0.9)
                if not self._inside(around) or not self._free(around, 0.0):
                    continue
                placed = self._put(table, at, yaw, 0.0)
                if placed:
                    maker = f.chair if seat == "chair" else f.stool
                    self.seats(placed, maker, int(rng.integers(3, 7)))
                    return

    def _carpet(self, host: Placed, depth: float) -> None:
        if self.rng.random() < 0.8:
            size = (float(self.rng.uniform(1.8, 2.6)), float(self.rng.uniform(1.2, 1.8)))
            self._flat(host, f.rug(self.s, *size), (0.0, depth * 0.75))

    def _flat(self, host: Placed, model: Model, local: tuple[float, float]) -> None:
        """Lay a rug on the floor; furniture may stand on it, doors may not meet it."""
        at = sh.rotation(host.yaw) @ np.array([*local, 0.0]) + np.asarray(host.at)
        place = (float(at[0]), float(at[1]), 0.001)
        block = block_of(model, place, host.yaw)
        if self._inside(block) and not any(
            other.overlaps(block)
            for other in self.room.blocks
            if not other.solid and other.half[1] > 0.4
        ):
            self.room.placed.append(Placed(model, place, host.yaw, block))

    def in_corner(self, model: Model) -> None:
        """Stand something near the end of a wall."""
        self.at_wall(model, corner=True, out=0.03, tries=4)

    def anywhere(self, model: Model, *, wall: bool = False) -> None:
        """Stand something on the floor, at a wall or where there is space."""
        low, _ = model.bounds()
        if wall or self.rng.random() < 0.6:
            self.at_wall(model, out=0.03 - float(low[1]), tries=6)
            return
        w, d = self.size
        for _ in range(10):
            at = (float(self.rng.uniform(0.3, w - 0.3)), float(self.rng.uniform(0.3, d - 0.3)), 0.0)
            if self._put(model, at, float(self.rng.uniform(0, 2 * np.pi)), 0.05):
                return

    def dress_windows(self) -> None:
        """Curtains or blinds and a radiator at windows."""
        s, rng = self.s, self.rng
        for number, t, w, z0, z1 in self.windows:
            wall = self.walls[number]
            x, y = wall.point(t, 0.002)
            if self.kind == "bathroom" or (
                self.kind in ("office", "kitchen") and rng.random() < 0.6
            ):
                if rng.random() < 0.6:
                    self._hang(c.blinds(s, w + 0.06, z1 - z0 + 0.06), (x, y, z0 - 0.02), wall.yaw)
            elif rng.random() < 0.85:
                top = min(z1 + 0.12, self.height - 0.04)
                for low in (0.03, max(z0 - 0.25, 0.3)):
                    hung = c.curtains(s, w, top - low, floor=low < 0.1)
                    if self._hang(hung, (x, y, low), wall.yaw):
                        break
            if rng.random() < 0.6 and z0 > 0.7:
                self._put(c.radiator(s, min(w, 1.0)), (x, y, 0.02), wall.yaw, 0.01)

    def _hang(self, model: Model, at: tuple[float, float, float], yaw: float) -> bool:
        """Hang something before a window, whose own free space it may fill."""
        block = block_of(model, at, yaw)
        if not self._inside(block):
            return False
        if any(
            block.overlaps(other, 0.01)
            for other in self.room.blocks
            if other.solid or other.half[1] > 0.3
        ):
            return False
        self.room.placed.append(Placed(model, at, yaw, block))
        self.room.blocks.append(block)
        return True

    def hang_pictures(self) -> None:
        """Pictures at eye height where walls are free."""
        s, rng = self.s, self.rng
        for _ in range(int(rng.integers(0, 2) if self.kind == "bathroom" else rng.integers(2, 6))):
            w = float(rng.uniform(0.3, 0.9))
            h = w * float(rng.choice([0.7, 1.0, 1.35]))
            self.at_wall(
                c.picture(s, w, h), z=float(rng.uniform(1.5, 1.65)) - h / 2, out=0.002, gap=0.06
            )
        if rng.random() < 0.3 and self.kind in ("kitchen", "living room", "dining room"):
            self.at_wall(c.clock(s), z=1.75, out=0.002)

    def corners(self) -> None:
        """Plants and odd boxes."""
        s, rng = self.s, self.rng
        if self.kind != "bathroom":
            for _ in range(int(rng.integers(0, 3))):
                model = c.plant(s, float(rng.uniform(0.5, 1.3)))
                low, _ = model.bounds()
                self.at_wall(model, out=0.03 - float(low[1]), corner=True, tries=5)
        if rng.random() < 0.35:
            self.anywhere(c.carton(s, 0.33), wall=True)

    def light_lamps(self) -> None:
        """Lamps that are on shine."""
        for placed in self.room.placed:
            matrix, at = sh.rotation(placed.yaw), np.asarray(placed.at)
            seen: set[tuple[float, ...]] = set()
            for part in placed.model.parts:
                material = self.room.book.materials[part.material]
                if part.category not in ("lamp", "floor lamp") or material.glow <= 0:
                    continue
                points = part.shape.points @ matrix.T + at
                middle = points.mean(axis=0)
                key = tuple(np.round(middle, 1).tolist())
                if key in seen:
                    continue
                seen.add(key)
                x, y, z = middle.tolist()
                reach = float(np.linalg.norm(points - middle, axis=1).max()) + 0.03
                self.room.lamps.append(
                    Lamp((x, y, z), (1.0, 0.86, 0.66), 0.22 * material.glow, reach)
                )


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


def _door(s: Style, w: float, h: float) -> Model:
    """A closed door in its frame, set into the wall."""
    rng = s.rng
    m = Model("door")
    leaf = s.front() if rng.random() < 0.7 else s.trim
    deep = 0.05
    m.add(sh.patch((w / 2, -deep, 0), (-w, 0, 0), (0, 0, h), s.spacing), leaf)
    rows = [(0.12, 0.85), (1.0, h - 0.12)] if rng.random() < 0.7 else [(0.15, h - 0.15)]
    columns = int(rng.integers(1, 3)) if rng.random() < 0.8 else 0
    for z0, z1 in rows:
        for k in range(columns):
            each = (w - 0.12 * (columns + 1)) / columns
            x = -w / 2 + 0.12 + each / 2 + k * (each + 0.12)
            m.add(
                sh.rounded_box((each, 0.024, z1 - z0), 0.011, s.spacing, steps=1),
                leaf,
                at=(x, -deep, z0),
            )
    side = float(rng.choice([-1, 1]))
    x = side * (w / 2 - 0.07)
    m.add(sh.box((0.045, 0.008, 0.18), 0.1), s.steel, at=(x, -deep + 0.004, 0.95))
    m.add(
        sh.tube(
            [(x, -deep, 1.05), (x, -deep + 0.055, 1.05), (x - side * 0.12, -deep + 0.055, 1.05)],
            0.01,
            0.05,
        ),
        s.chrome,
    )
    m.add(
        sh.patch((-w / 2, -deep, 0.001), (w, 0, 0), (0, deep, 0), s.spacing), s.wood(), "doorframe"
    )
    edge = 0.07
    for sign in (-1, 1):
        m.add(
            sh.box((edge, 0.03, h + edge), s.spacing, without="b"),
            s.trim,
            "doorframe",
            at=(sign * (w / 2 + edge / 2), 0.008, 0),
        )
        start = (sign * w / 2, -deep if sign < 0 else 0.02, 0)
        m.add(
            sh.patch(start, (0, (deep + 0.02) * (1 if sign < 0 else -1), 0), (0, 0, h), s.spacing),
            s.trim,
            "doorframe",
        )
    m.add(sh.box((w, 0.03, edge), s.spacing, without="b"), s.trim, "doorframe", at=(0, 0.008, h))
    m.add(
        sh.patch((-w / 2, -deep, h), (0, deep + 0.02, 0), (w, 0, 0), s.spacing), s.trim, "doorframe"
    )
    return m


def _window(s: Style, w: float, h: float) -> Model:
    """A window in the wall: view, panes, bars, reveal and sill; z = 0 is its lower edge."""
    rng = s.rng
    m = Model("window")
    deep = 0.12
    view = sh.patch((w / 2, -deep, 0), (-w, 0, 0), (0, 0, h), s.spacing, image=True)
    m.add(
        view,
        s.book.add_image(
            window_view(rng),
            glow=float(rng.uniform(1.6, 3.2)),
            gloss=0.35,
            sharpness=60,
            dark_return=0.7,
        ),
    )
    trim = s.trim
    bar = 0.05
    xs = [-w / 2 + bar / 2, w / 2 - bar / 2] + ([0.0] if w > 0.75 else [])
    for x in xs:
        m.add(sh.box((bar, 0.05, h), s.spacing, without="b"), trim, at=(x, -deep + 0.03, 0))
    zs = [0.0, h - bar] + ([h * 0.62] if rng.random() < 0.4 else [])
    for z in zs:
        m.add(sh.box((w, 0.045, bar), s.spacing, without="b"), trim, at=(0, -deep + 0.03, z))
    for sign in (-1, 1):
        start = (sign * w / 2, -deep if sign < 0 else 0.0, 0)
        m.add(sh.patch(start, (0, deep if sign < 0 else -deep, 0), (0, 0, h), s.spacing), s.white)
    m.add(sh.patch((-w / 2, -deep, h), (0, deep, 0), (w, 0, 0), s.spacing), s.white)
    m.add(
        sh.rounded_box((w + 0.1, deep + 0.1, 0.03), 0.01, s.spacing, steps=1),
        trim,
        at=(0, -deep / 2 + 0.04, -0.028),
    )
    return m


def polygon_contains(plan: Array, points: Array) -> Array:
    """Whether points ``(N, 2)`` lie inside a polygon ``(P, 2)`` (even-odd rule)."""
    inside = np.zeros(len(points), dtype=bool)
    corners = [*plan.tolist(), plan[0].tolist()]
    for (x0, y0), (x1, y1) in pairwise(corners):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        if y0 != y1:
            at = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
            inside ^= crosses & (points[:, 0] < at)
    return inside
