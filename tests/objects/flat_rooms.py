"""Small labelled rooms of flat patches, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh

STEP_M = 0.04


class Builder:
    """Patches put together to one mesh."""

    def __init__(self) -> None:
        self.points: list[Any] = []
        self.faces: list[Any] = []
        self.labels: list[Any] = []
        self.count = 0

    def patch(
        self, at: Sequence[float], u: Sequence[float], v: Sequence[float], label: str
    ) -> None:
        """A parallelogram from a corner along two sides."""
        n, m = (max(int(np.linalg.norm(side) / STEP_M), 1) + 1 for side in (u, v))
        a, b = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, m), indexing="ij")
        points = np.array(at) + a[..., None] * np.array(u) + b[..., None] * np.array(v)
        number = np.arange(n * m).reshape(n, m) + self.count
        one = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:]], -1).reshape(-1, 3)
        two = np.stack([number[:-1, :-1], number[1:, 1:], number[:-1, 1:]], -1).reshape(-1, 3)
        self.points.append(points.reshape(-1, 3))
        self.faces += [one, two]
        self.labels.append(np.full(n * m, NYU40.id_of(label)))
        self.count += n * m

    def box(self, low: Sequence[float], high: Sequence[float], label: str) -> None:
        """Top and sides of an upright box."""
        (x, y, z), (w, d, h) = low, np.subtract(high, low)
        self.patch((x, y, z + h), (w, 0, 0), (0, d, 0), label)
        self.patch((x, y, z), (w, 0, 0), (0, 0, h), label)
        self.patch((x + w, y, z), (0, d, 0), (0, 0, h), label)
        self.patch((x + w, y + d, z), (-w, 0, 0), (0, 0, h), label)
        self.patch((x, y + d, z), (0, -d, 0), (0, 0, h), label)

    def wall(self, a: Sequence[float], b: Sequence[float], high: float, label: str = "wall",
             low: float = 0.0) -> None:  # fmt: skip
        """A wall in plan from a to b; the room lies on its left."""
        (x0, y0), (x1, y1) = a, b
        self.patch((x1, y1, low), (x0 - x1, y0 - y1, 0), (0, 0, high - low), label)

    def shell(self, plan: Sequence[tuple[float, float]], high: float = 2.5) -> None:
        """Walls around an anticlockwise plan, floor and ceiling over the box around it."""
        for a, b in zip(plan, (*plan[1:], plan[0]), strict=True):
            self.wall(a, b, high)

    def level(self, low: Sequence[float], high: Sequence[float], ceiling_m: float | None) -> None:
        """Floor, and ceiling where there is one, over a rectangle."""
        (x, y), (w, d) = low, np.subtract(high, low)
        self.patch((x, y, 0), (w, 0, 0), (0, d, 0), "floor")
        if ceiling_m is not None:
            self.patch((x, y, ceiling_m), (0, d, 0), (w, 0, 0), "ceiling")

    def mesh(self, turn_deg: float = 0.0, noise_m: float = 0.0) -> Mesh:
        """All of it, turned about z."""
        c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        points = np.concatenate(self.points) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        points += np.random.default_rng(0).normal(0, noise_m, points.shape) if noise_m else 0
        return Mesh(
            points.astype(np.float32),
            np.concatenate(self.faces).astype(np.int32),
            labels=np.concatenate(self.labels).astype(np.uint8),
        )


def furnished(turn_deg: float = 0.0) -> Mesh:
    """A room of 4 x 3 m with a bed at a wall, a table, two chairs that touch, a door."""
    room = Builder()
    room.shell([(0, 0), (4, 0), (4, 3), (0, 3)])
    room.level((0, 0), (4, 3), 2.5)
    room.box((0.05, 0.05, 0.25), (2.05, 1.45, 0.55), "bed")
    room.box((2.6, 1.2, 0.72), (3.8, 1.9, 0.76), "table")
    room.box((2.7, 1.9, 0.0), (3.1, 2.3, 0.45), "chair")
    room.box((3.08, 2.29, 0.0), (3.48, 2.69, 0.45), "chair")  # it touches the other at a corner
    room.wall((1.0, 2.99), (0.2, 2.99), 2.0, "door")
    room.patch((0.0, 1.8, 1.2), (0, 0.6, 0), (0, 0, 0.5), "picture")
    return room.mesh(turn_deg, 0.002)
