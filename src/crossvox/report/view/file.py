"""A 3D view as one HTML file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from crossvox.core.artifact import replacing
from crossvox.flow.folder import PAGE_MARK
from crossvox.report.class_colors import ERROR_KEY, class_colors, class_name
from crossvox.report.completed import completed_key
from crossvox.report.confidence import CONFIDENCE_MAP
from crossvox.report.embed import css_color
from crossvox.report.environment import environment
from crossvox.report.layers import Layer
from crossvox.report.pictures.colors import ERROR_MAP, color_map
from crossvox.report.pictures.surface import Surfaces
from crossvox.report.view.model import RoomView, ViewerReport
from crossvox.report.view.pack import Parts, record_of
from crossvox.report.view.stage import Skin, Stage

KEYS = (
    ("Arrow keys", "turn, in the picture"),
    ("Shift + arrow keys", "move, in the picture"),
    ("+ and −", "nearer and farther, in the picture"),
    ("0", "the view as it was at first, in the picture"),
    ("Enter", "as a click on the middle of the picture, in the picture"),
    ("A", "from above"),
    ("M", "measure: click two points"),
    ("F", "find a class"),
    ("S", "save the picture"),
    ("D", "dark or light"),
    ("Esc", "end measuring, forget the point and what was looked for"),
    ("?", "this table"),
)
"""What the keyboard does."""


def write_viewer_html(
    view: RoomView, path: Path, *, max_faces: int = 60_000, surfaces: Surfaces | None = None
) -> ViewerReport:
    """Write a 3D view as one HTML file that needs no server and no network.

    A panel switches layers, classes, objects, the ceiling and the camera's path.

    Args:
        view: what to show.
        path: the HTML file to write.
        max_faces: every surface is thinned to this many triangles.
        surfaces: what is known of its surfaces already.

    Raises:
        ParamsError: there is no layer with faces.
    """
    stage = Stage.of(view, max_faces, surfaces)
    with replacing(path) as temporary:
        temporary.write_text(viewer_html(stage), encoding="utf-8")
    return ViewerReport(
        path,
        path.stat().st_size,
        stage.faces(),
        tuple(class_name(label, view.names) for label in stage.classes),
        len(view.shots),
        stage.left_out,
    )


def viewer_html(stage: Stage, level: int = 6) -> str:
    """The whole page of a 3D view.

    Args:
        stage: what it shows.
        level: how hard its numbers are deflated, 1 to 9.
    """
    view, parts = stage.view, Parts()
    record = record_of(stage, parts)
    layers = [skin.layer for skin in stage.skins]
    groups: dict[str, list[tuple[int, Layer]]] = {}
    for number, layer in enumerate(layers):
        groups.setdefault(layer.group, []).append((number, layer))
    colors = class_colors(np.array(stage.classes, dtype=np.uint8))
    return (
        environment()
        .get_template("view.html.j2")
        .render(
            mark=PAGE_MARK,
            title=view.title,
            back=view.back,
            groups=groups,
            layers=layers,
            thinned=[_thinned(skin, stage) for skin in stage.skins],
            classes=[
                (label, class_name(label, view.names), css_color(color))
                for label, color in zip(stage.classes, colors, strict=True)
            ],
            objects=() if view.contents is None else view.contents.objects,
            has_shell=stage.has_shell,
            has_camera=len(record["path"]) > 1 or bool(view.shots),
            shots=len(view.shots),
            keys=KEYS,
            missing=view.missing,
            errors=[(name, css_color(color)) for name, color in ERROR_KEY],
            completed=[(name, css_color(color)) for name, color in completed_key()],
            distance_stops=_stops(ERROR_MAP),
            confidence_stops=_stops(CONFIDENCE_MAP),
            reach_cm=f"{view.reach_m * 100:g}",
            # Inside a script element nothing may end it.
            record=json.dumps(record, separators=(",", ":")).replace("<", "\\u003c"),
            data=parts.text(level),
        )
    )


def _thinned(skin: Skin, stage: Stage) -> str:
    """What a layer's surface was thinned to, or nothing where all of it is there."""
    now, whole = len(stage.surfaces[skin.surface].mesh.faces), len(skin.layer.mesh.faces)
    return f"{now:,} of {whole:,} triangles" if now < whole else ""


def _stops(name: str) -> str:
    return ", ".join(css_color(color) for color in color_map(name, np.linspace(0, 1, 9)))
