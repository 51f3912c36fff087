"""Drawings as DXF (library ``ezdxf``), for CAD programs: R2010, metres, a layer a kind."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crossvox.core.artifact import replacing
from crossvox.core.drawing import Drawing

_COLORS = {
    "walls": 7, "unseen": 8, "doors": 30, "windows": 4, "furniture": 5, "small": 9, "hung": 6,
    "rugs": 34, "dimensions": 8, "names": 3, "floor": 252,
}  # fmt: skip
"""AutoCAD colour numbers of layers; any other is white (7)."""


def can_write_dxf() -> bool:
    """Whether the library is there."""
    return find_spec("ezdxf") is not None


def write_dxf(path: Path, drawing: Drawing) -> None:
    """Write a drawing; the same drawing gives the same file.

    Coordinates are those of the drawing, metres ($INSUNITS 6). Areas are closed polylines without
    filling.

    Args:
        path: file to write, replaced as a whole.
        drawing: what to write.
    """
    from ezdxf.enums import TextEntityAlignment

    # By name: the library does not tell type checkers what it exports.
    ezdxf: Any = import_module("ezdxf")
    ezdxf.options.write_fixed_meta_data_for_testing = True  # no times, no random names
    document = ezdxf.new("R2010", units=ezdxf.units.M)
    layers = {one.layer for one in drawing.strokes} | {one.layer for one in drawing.letters}
    for layer in sorted(layers | {one.layer for one in drawing.arcs}):
        document.layers.add(layer, color=_COLORS.get(layer, 7))
    space = document.modelspace()
    for stroke in drawing.strokes:
        on = {"layer": stroke.layer}
        space.add_lwpolyline(stroke.points, close=stroke.closed, dxfattribs=on)
    for arc in drawing.arcs:
        space.add_arc(
            arc.center, arc.radius_m, arc.begin_deg, arc.end_deg, dxfattribs={"layer": arc.layer}
        )
    for one in drawing.letters:
        text = space.add_text(
            one.text, height=one.height_m, rotation=one.turn_deg, dxfattribs={"layer": one.layer}
        )
        text.set_placement(one.at, align=TextEntityAlignment.MIDDLE_CENTER)
    with replacing(path) as temporary:
        document.saveas(temporary)
