"""A room under construction: its walls, where there is space, and putting things there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.layout.kind import Kind
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.model import Block, Model, Placed, block_of
from crossvox.capture.rooms.shapes import rotation
from crossvox.capture.rooms.style import Style

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Wall:
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
        """Place at ``t`` metres along the wall, ``out`` metres before it."""
        x, y = self.start + self.along * t + self.inward * out
        return float(x), float(y)


class Window(NamedTuple):
    """A window: number of its wall, its middle along it, width, lower and upper edge, metres."""

    wall: int
    t: float
    width: float
    z0: float
    z1: float


class Opening(NamedTuple):
    """A hole in a wall: from ``a`` to ``b`` along it, from height ``z0`` to ``z1``, metres."""

    a: float
    b: float
    z0: float
    z1: float


class Placer:
    """An empty room of a kind, and the ways of putting things into it.

    Attributes:
        kind, s: what the room is, and its style.
        size: width and depth of the plan, metres.
        notch: where the corner that an L-shaped plan lacks begins, or None.
        height: of the ceiling, metres.
        room: what has been built so far.
        walls: its walls, anticlockwise.
        openings: holes for doors and windows, by number of the wall.
        windows: windows, for what hangs before them.
    """

    def __init__(self, kind: Kind, style: Style) -> None:
        self.kind, self.s, self.rng = kind, style, style.rng
        w, d = self.rng.uniform(*kind.width_m), self.rng.uniform(*kind.depth_m)
        plan = np.array([[0, 0], [w, 0], [w, d], [0, d]])
        self.notch: tuple[float, float] | None = None
        if kind.notched and w > 3.9 and self.rng.random() < 0.35:
            nw, nd = self.rng.uniform(0.7, w * 0.32), self.rng.uniform(0.7, d * 0.36)
            self.notch = (w - nw, d - nd)
            plan = np.array([[0, 0], [w, 0], [w, d - nd], [w - nw, d - nd], [w - nw, d], [0, d]])
        self.size = (float(w), float(d))
        self.height = float(self.rng.uniform(2.35, 2.75))
        self.room = Room(kind.name, plan, self.height, Model("wall"), style.book)
        self.walls = []
        for a, b in zip(plan, np.roll(plan, -1, axis=0), strict=True):
            along = (b - a) / np.linalg.norm(b - a)
            inward = np.array([-along[1], along[0]])
            self.walls.append(Wall(a, along, inward, float(np.linalg.norm(b - a))))
        self.openings: dict[int, list[Opening]] = {}
        self.windows: list[Window] = []

    # Space

    def inside(self, block: Block) -> bool:
        """Whether a block lies in the room."""
        corners = block.corners(-0.004)
        w, d = self.size
        if (corners < 0).any() or (corners > (w, d)).any() or block.z1 > self.height:
            return False
        if self.notch is None:
            return True
        x, y = self.notch
        return not ((corners[:, 0].max() > x) and (corners[:, 1].max() > y))

    def free(self, block: Block, gap: float = 0.0, *, ignore: Sequence[Block] = ()) -> bool:
        """Whether a block lies in the room and nothing else is nearer to it than ``gap``."""
        if not self.inside(block):
            return False
        return not any(
            block.overlaps(other, gap) for other in self.room.blocks if other not in ignore
        )

    def release(self, placed: Placed) -> None:
        """Let other furniture stand in front of a piece."""
        self.room.blocks = [block for block in self.room.blocks if block is not placed.zone]

    def order(self, longest: bool) -> list[int]:
        """Numbers of the walls in the order in which they are tried: by chance, long ones first."""
        lengths = np.array([wall.length for wall in self.walls])
        weight = lengths**3 if longest else lengths
        return [
            int(n)
            for n in self.rng.choice(len(lengths), len(lengths), False, weight / weight.sum())
        ]

    def opposite(self, host: Placed) -> int:
        """Number of the wall that a piece of furniture looks at."""
        facing = rotation(host.yaw)[:2, 1]
        return int(
            np.argmin([float(wall.inward @ facing) - 0.01 * wall.length for wall in self.walls])
        )

    # Putting things somewhere

    def take(self, model: Model, at: tuple[float, float, float], yaw: float, block: Block) -> None:
        """Put a model at a place that was checked already."""
        self.room.placed.append(Placed(model, at, yaw, block))
        self.room.blocks.append(block)

    def put(
        self, model: Model, at: tuple[float, float, float], yaw: float, gap: float
    ) -> Placed | None:
        """Put a model at a place, with the space it needs before it; None if there is none."""
        block = block_of(model, at, yaw)
        if not self.free(block, gap):
            return None
        zone = None
        if model.front_m > 0:
            low, high = model.bounds()
            front = np.array([(low[0] + high[0]) / 2, high[1] + model.front_m / 2 + 0.01])
            middle = rotation(yaw)[:2, :2] @ front + np.asarray(at[:2])
            half = np.array([(high[0] - low[0]) / 2 * 0.8, model.front_m / 2])
            zone = Block(middle, half, yaw, 0.02, 1.2, solid=False)
            if not self.free(zone):
                return None
        placed = Placed(model, at, yaw, block, zone)
        self.room.placed.append(placed)
        self.room.blocks.append(block)
        if zone is not None:
            self.room.blocks.append(zone)
        return placed

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
        for number in walls if walls is not None else self.order(longest):
            wall = self.walls[number]
            if wall.length < 2 * half + 0.02:
                continue
            ends = (half + 0.015, wall.length - half - 0.015)
            places = self.rng.uniform(ends[0], max(ends[1], ends[0]), tries)
            if corner:
                places[:2] = ends
            for t in places.tolist():
                x, y = wall.point(t, out)
                placed = self.put(model, (x, y, z), wall.yaw, gap)
                if placed is not None:
                    return placed
        return None

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
            if self.put(model, at, float(self.rng.uniform(0, 2 * np.pi)), 0.05):
                return

    # Beside, over, before and under something that stands already

    def near(
        self, host: Placed, model: Model, local: tuple[float, float], turn: float, gap: float = 0.02
    ) -> Placed | None:
        """Put a model at a place given in the coordinates of another one."""
        x, y, _ = host.to_room(*local)
        return self.put(model, (x, y, 0.0), host.yaw + turn, gap)

    def over(self, host: Placed, model: Model, x: float, z: float) -> Placed | None:
        """Hang a model over another one, at ``x`` of it and a height (lower where it must)."""
        at = host.to_room(x, 0.0)
        high = float(model.bounds()[1][2])
        z = min(z, self.height - high - 0.01)
        return self.put(model, (at[0], at[1], z), host.yaw, 0.0)

    def above(self, host: Placed, model: Model, over: float) -> Placed | None:
        """Hang a model ``over`` metres above the surface of another one, if it is high enough."""
        base = max((top.z for top in host.model.tops), default=host.block.z1)
        z = max(base + over, host.block.z1 + 0.02)
        if z + float(model.bounds()[1][2]) > self.height - 0.03:
            return None
        return self.over(host, model, 0.0, z)

    def before(self, host: Placed, model: Model, local: tuple[float, float], z: float) -> None:
        """Hang something before a piece of furniture, which it may overlap."""
        x, y, _ = host.to_room(*local)
        self.take(model, (x, y, z), host.yaw, block_of(model, (x, y, z), host.yaw))

    def lay(self, host: Placed, model: Model, local: tuple[float, float]) -> None:
        """Lay a rug on the floor; furniture may stand on it, doors may not meet it."""
        x, y, _ = host.to_room(*local)
        place = (x, y, 0.001)
        block = block_of(model, place, host.yaw)
        if self.inside(block) and not any(
            other.overlaps(block)
            for other in self.room.blocks
            if not other.solid and other.half[1] > 0.4
        ):
            self.room.placed.append(Placed(model, place, host.yaw, block))
