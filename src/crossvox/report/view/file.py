"""A 3D view as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossvox.core.artifact import replacing
from crossvox.core.labels import NYU40
from crossvox.report.pictures.surface import Surfaces
from crossvox.report.view.model import RoomView, ViewerReport
from crossvox.report.view.panel import dressed
from crossvox.report.view.space import fill, open_server
from crossvox.report.view.stage import Stage

if TYPE_CHECKING:
    pass


def write_viewer_html(
    view: RoomView, path: Path, *, max_faces: int = 60_000, surfaces: Surfaces | None = None
) -> ViewerReport:
    """Write a 3D view as one HTML file that needs no server and no network.

    A panel switches layers, classes, the ceiling and the camera's path.

    Args:
        view: what to show.
        path: the HTML file to write.
        max_faces: every layer is thinned to this many triangles.
        surfaces: what is known of its surfaces already.

    Raises:
        ParamsError: there is no layer with faces.
    """
    stage = Stage.of(view, max_faces, surfaces)
    with open_server("127.0.0.1", 0) as server:
        fill(server, stage)
        page = server.get_scene_serializer().as_html()
    page = dressed(page, stage)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return ViewerReport(
        path,
        path.stat().st_size,
        stage.faces(),
        tuple(NYU40.names[label] for label in stage.classes),
        len(view.shots),
        stage.left_out,
    )
