"""What a drawing in plan is made of: strokes, arcs and letters on named layers; metres, y up."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """A line through points, or the area inside of it.

    Attributes:
        layer: what it belongs to.
        points: ``(x, y)`` metres.
        closed: whether it comes back to its first point.
        tint: ``#rrggbb`` of its area, empty for the layer's own.
        title: what it is, for who points at it.
    """

    layer: str
    points: tuple[Point, ...]
    closed: bool = False
    tint: str = ""
    title: str = ""


@dataclass(frozen=True)
class Arc:
    """A part of a circle.

    Attributes:
        layer: what it belongs to.
        center: ``(x, y)`` metres.
        radius_m: of the circle.
        begin_deg, end_deg: from x towards y; it runs anticlockwise from one to the other.
    """

    layer: str
    center: Point
    radius_m: float
    begin_deg: float
    end_deg: float


@dataclass(frozen=True)
class Letters:
    """A text, centred at a point.

    Attributes:
        layer: what it belongs to.
        at: ``(x, y)`` of its middle, metres.
        text: one line.
        height_m: of its capital letters, nearly.
        turn_deg: direction that it is read in, from x towards y.
    """

    layer: str
    at: Point
    text: str
    height_m: float
    turn_deg: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """A drawing in plan.

    Attributes:
        strokes, arcs, letters: in the order in which they lie over each other.
        turn_deg: direction that is right on a sheet, from x towards y.
        caption: lines below it.
    """

    strokes: tuple[Stroke, ...] = ()
    arcs: tuple[Arc, ...] = ()
    letters: tuple[Letters, ...] = ()
    turn_deg: float = 0.0
    caption: tuple[str, ...] = field(default=())
