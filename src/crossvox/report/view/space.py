"""Put a stage into a 3D space: the only door to the viewer's server."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from crossvox.report.view.glb import glb_of
from crossvox.report.view.model import Standpoint
from crossvox.report.view.stage import CAMERA, SHELL, Stage, entry

if TYPE_CHECKING:
    import viser

_Z_UP_FROM_GLTF = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
"""Quaternion w x y z: a quarter turn about x takes glTF's y up to our z up."""


@contextlib.contextmanager
def open_server(host: str, port: int) -> Iterator[viser.ViserServer]:
    import viser

    # The library greets on the terminal whatever it is told; rooms do not print.
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, verbose=False)
    try:
        yield server
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


def fill(server: viser.ViserServer, stage: Stage) -> dict[str, Any]:
    """Put everything into the scene; gives the handles by node."""
    import viser.transforms

    view = stage.view
    points = np.concatenate([layer.mesh.vertices_m for layer in stage.layers])
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    standpoint = view.standpoint
    if standpoint is None:
        middle, size = 0.5 * (low + high), float(np.linalg.norm(high - low))
        eye = middle + np.array([0.35, -0.75, 0.9]) * size
        standpoint = Standpoint(
            (float(eye[0]), float(eye[1]), float(eye[2])),
            (float(middle[0]), float(middle[1]), float(middle[2])),
        )
    scene = server.scene
    scene.set_up_direction("+z")
    scene.configure_default_lights(enabled=True, cast_shadow=False)
    server.initial_camera.position = standpoint.eye_m
    server.initial_camera.look_at = standpoint.target_m
    server.initial_camera.fov = math.radians(standpoint.field_deg)
    handles: dict[str, Any] = {}

    def group(name: str, visible: bool) -> None:
        handles[name] = scene.add_frame(name, show_axes=False, visible=visible)

    for number, layer in enumerate(stage.layers):
        group(entry(layer), number == 0)
        pieces = stage.pieces[layer.title]
        for part, shell in (("Room", False), (SHELL, True)):
            if any(piece.shell == shell for piece in pieces):
                group(f"{entry(layer)}/{part}", not shell)
        for piece in pieces:
            handles[piece.node] = scene.add_glb(
                piece.node,
                glb_of(piece.mesh),
                wxyz=_Z_UP_FROM_GLTF,
                cast_shadow=False,
                receive_shadow=False,
            )
    path = None if view.camera_path_m is None else np.asarray(view.camera_path_m, np.float32)
    if (path is not None and len(path) > 1) or view.shots:
        group(f"/{CAMERA}", False)
    if path is not None and len(path) > 1:
        scene.add_line_segments(
            f"/{CAMERA}/line",
            points=np.stack([path[:-1], path[1:]], axis=1),
            colors=(232, 89, 12),
            thickness=0.012,
        )
    for shot in view.shots:
        matrix = shot.pose.world_from_camera
        height = shot.camera.height
        scene.add_camera_frustum(
            f"/{CAMERA}/frame {shot.label}".replace("//", "/"),
            fov=2 * math.atan(0.5 * height / shot.camera.fy),
            aspect=shot.camera.width / height,
            scale=0.14,
            thickness=0.006,
            color=(232, 89, 12),
            image=shot.image,
            jpeg_quality=80,
            wxyz=viser.transforms.SO3.from_matrix(matrix[:3, :3]).wxyz,
            position=matrix[:3, 3],
            cast_shadow=False,
            receive_shadow=False,
        )
    return handles
