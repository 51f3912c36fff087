"""What is particular to a kind of room, beside the furniture it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crossvox.capture.rooms.model import Model
from crossvox.capture.rooms.style import Style

Maker = Callable[[Style], Model]
Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """A kind of room.

    Attributes:
        name: what it is called.
        width_m, depth_m: ranges of its size.
        essentials: raw categories it must hold; ``a|b``: one of them.
        tops: makers of what stands on its surfaces; one that is named twice comes twice as often.
        notched: whether it may have an L-shaped plan.
        second_door: whether it may have two doors.
        windows: how many; None: one or two.
        window_width_m, window_sill_m, window_height_m: ranges of their sizes.
        blinds: share of windows with blinds instead of curtains.
        tiled_walls, tiled_floor: probability of tiles.
        accent_wall: whether one wall may differ.
        skirting_m: height of the skirting board; 0 = none.
        lamp_drop_m: how far the ceiling lamp hangs down; None: drawn.
        pictures: fewest and one more than the most pictures.
        clock: whether a clock may hang beside them.
        plants: whether plants may stand in it.
    """

    name: str
    width_m: Range
    depth_m: Range
    essentials: tuple[str, ...]
    tops: tuple[Maker, ...]
    notched: bool = True
    second_door: bool = False
    windows: int | None = None
    window_width_m: Range = (0.9, 1.8)
    window_sill_m: Range = (0.75, 1.0)
    window_height_m: Range = (1.1, 1.4)
    blinds: float = 0.0
    tiled_walls: float = 0.0
    tiled_floor: float = 0.08
    accent_wall: bool = True
    skirting_m: float = 0.09
    lamp_drop_m: float | None = None
    pictures: tuple[int, int] = (2, 6)
    clock: bool = False
    plants: bool = True


def happens(rng: np.random.Generator, share: float) -> bool:
    """Whether something of a probability happens; what is certain takes no draw."""
    return share >= 1 or (share > 0 and bool(rng.random() < share))
