"""Models: shapes with materials and categories, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.shapes import Shape, rotation

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Part:
    """One shape of a model.

    Attributes:
        shape: the surface.
        material: number in the room's ``MaterialBook``.
        category: raw category.
        thing: number of the object inside the model (a book on a shelf is its own thing).
    """

    shape: Shape
    material: int
    category: str
    thing: int = 0


@dataclass(frozen=True)
class Top:
    """A flat place where small things may stand: a rectangle at a height, model coordinates."""

    x0: float
    x1: float
    y0: float
    y1: float
    z: float


@dataclass(eq=False)
class Model:
    """A piece of furniture: back at y = 0, front towards +y, centred in x, on z = 0.

    Attributes:
        category: what it is as a whole.
        parts: shapes.
        tops: places for clutter.
        front_m: free space that must stay in front of it.
    """

    category: str
    parts: list[Part] = field(default_factory=list)
    tops: list[Top] = field(default_factory=list)
    front_m: float = 0.0
    things: int = 1
    _bounds: tuple[int, Array, Array] | None = None

    def add(
        self,
        shape: Shape,
        material: int,
        category: str | None = None,
        at: tuple[float, float, float] = (0.0, 0.0, 0.0),
        thing: int = 0,
    ) -> None:
        """Put a shape into the model."""
        self.parts.append(Part(shape.moved(*at), material, category or self.category, thing))

    def put(self, other: Model, at: tuple[float, float, float], yaw: float = 0.0) -> None:
        """Put another model into this one; it stays a thing of its own."""
        for part in other.parts:
            self.parts.append(
                Part(
                    part.shape.turned(yaw).moved(*at),
                    part.material,
                    part.category,
                    self.things + part.thing,
                )
            )
        self.things += other.things

    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner, model coordinates."""
        # Places are tried by the dozen: the corners are kept until parts are added.
        if self._bounds is None or self._bounds[0] != len(self.parts):
            lows = np.min([part.shape.points.min(axis=0) for part in self.parts], axis=0)
            highs = np.max([part.shape.points.max(axis=0) for part in self.parts], axis=0)
            self._bounds = (len(self.parts), lows, highs)
        return self._bounds[1], self._bounds[2]


@dataclass(frozen=True, eq=False)
class Block:
    """An upright box that is taken: a rectangle in plan, turned, with a height range.

    Attributes:
        centre: ``(2,)`` metres.
        half: ``(2,)`` half sizes along its own axes.
        yaw: turn of its axes, radians.
        z0, z1: height range.
        solid: False for space that must only stay free of furniture (in front of a door).
    """

    centre: Array
    half: Array
    yaw: float
    z0: float
    z1: float
    solid: bool = True

    def corners(self, grow: float = 0.0) -> Array:
        """Corners in plan, ``(4, 2)``."""
        x, y = self.half + grow
        local = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
        return local @ rotation(self.yaw)[:2, :2].T + self.centre

    def overlaps(self, other: Block, gap: float = 0.0) -> bool:
        """Whether two blocks come nearer than ``gap`` (separating axes in plan, then height)."""
        if self.z0 >= other.z1 - 1e-6 or other.z0 >= self.z1 - 1e-6:
            return False
        a, b = self.corners(gap / 2), other.corners(gap / 2)
        for yaw in (self.yaw, other.yaw):
            axes = rotation(yaw)[:2, :2]
            pa, pb = a @ axes, b @ axes
            if (pa.max(0) <= pb.min(0) + 1e-6).any() or (pb.max(0) <= pa.min(0) + 1e-6).any():
                return False
        return True


@dataclass(frozen=True, eq=False)
class Placed:
    """A model in the room.

    Attributes:
        model: what.
        at: ``(x, y, z)`` of its origin.
        yaw: turn about z, radians.
        block: the space it takes.
        zone: space kept free in front of it, or None.
    """

    model: Model
    at: tuple[float, float, float]
    yaw: float
    block: Block
    zone: Block | None = None

    def to_room(self, x: float, y: float) -> tuple[float, float, float]:
        """Where a place on the model's floor plan lies in the room."""
        a, b, c = (rotation(self.yaw) @ np.array([x, y, 0.0]) + np.asarray(self.at)).tolist()
        return a, b, c


def block_of(model: Model, at: tuple[float, float, float], yaw: float) -> Block:
    """The space that a model takes when it stands at a place."""
    low, high = model.bounds()
    middle = rotation(yaw) @ ((low + high) / 2) + np.asarray(at)
    half = (high - low)[:2] / 2
    return Block(middle[:2], half, yaw, float(low[2] + at[2]), float(high[2] + at[2]))
