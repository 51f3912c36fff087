"""Shapes that furniture is put together from: boxes, cushions, lofts, tubes, sheets.

Every shape is a triangle mesh fine enough to carry light per vertex. Lengths are metres, z is up.
"""

from crossvox.capture.rooms.shapes.boxes import box, cushion, rounded_box
from crossvox.capture.rooms.shapes.cloth import drape
from crossvox.capture.rooms.shapes.round import Ring, cylinder, lathe, loft, tube
from crossvox.capture.rooms.shapes.surface import Shape, join, patch, rotation, sheet

__all__ = [
    "Ring",
    "Shape",
    "box",
    "cushion",
    "cylinder",
    "drape",
    "join",
    "lathe",
    "loft",
    "patch",
    "rotation",
    "rounded_box",
    "sheet",
    "tube",
]
