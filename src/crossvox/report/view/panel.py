"""The panel of switches, and the key of the colours."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.core.labels import NYU40
from crossvox.flow.folder import PAGE_MARK
from crossvox.report.class_colors import ERROR_KEY, class_colors
from crossvox.report.completed import completed_key
from crossvox.report.embed import css_color
from crossvox.report.environment import environment
from crossvox.report.layers import Layer
from crossvox.report.pictures.colors import ERROR_MAP, color_map
from crossvox.report.view.model import RoomView
from crossvox.report.view.stage import CAMERA, Stage, entry

if TYPE_CHECKING:
    pass


def dressed(page: str, stage: Stage) -> str:
    """Name the page and lay the panel with the switches over it."""
    view = stage.view
    start, end = page.find("<title>"), page.find("</title>")
    if start >= 0 and end > start:
        page = page[: start + 7] + html.escape(view.title) + page[end:]
    page = page.replace("<head>", f"<head>{PAGE_MARK}", 1)
    colors = class_colors(np.array(stage.classes, dtype=np.uint8))
    groups: dict[str, list[tuple[int, Layer]]] = {}
    for number, layer in enumerate(stage.layers):
        groups.setdefault(layer.group, []).append((number, layer))
    camera = view.camera_path_m is not None and len(view.camera_path_m) > 1
    record = {
        "layers": [
            {
                "node": entry(layer),
                "shares": {str(k): f"{v:.1%}" for k, v in stage.shares[layer.title].items()},
            }
            for layer in stage.layers
        ],
        "classes": {str(label): stage.nodes(label) for label in stage.classes},
        "shell": stage.shell_nodes(),
        "camera": [f"/{CAMERA}"] if camera or view.shots else [],
    }
    dress = (
        environment()
        .get_template("view_panel.html.j2")
        .render(
            title=view.title,
            groups=groups,
            layers=stage.layers,
            classes=[
                (label, NYU40.names[label], css_color(color))
                for label, color in zip(stage.classes, colors, strict=True)
            ],
            shots=len(view.shots),
            missing=view.missing,
            # Inside a script element nothing may end it.
            record=json.dumps(record).replace("<", "\\u003c"),
            **record_flags(record),
            **key_values(view),
        )
    )
    body_end = page.rindex("</body>")
    return page[:body_end] + dress + page[body_end:]


def record_flags(record: Mapping[str, Any]) -> dict[str, bool]:
    """Which switches there are."""
    return {"has_shell": bool(record["shell"]), "has_camera": bool(record["camera"])}


def key_values(view: RoomView) -> dict[str, Any]:
    """What the key of the colours needs."""
    stops = ", ".join(css_color(color) for color in color_map(ERROR_MAP, np.linspace(0, 1, 7)))
    return {
        "errors": [(name, css_color(color)) for name, color in ERROR_KEY],
        "completed": [(name, css_color(color)) for name, color in completed_key()],
        "stops": stops,
        "reach_cm": f"{view.reach_m * 100:g}",
    }
