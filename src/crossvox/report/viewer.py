"""The 3D view: one HTML file that opens offline, or a live server. The only door to viser."""

from __future__ import annotations

import contextlib
import html
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import glb_bytes
from crossvox.doors.raycast import Raycaster
from crossvox.report.pictures import (
    CLAY,
    Interior,
    faces_inward,
    vertex_normals,
    vertex_occlusion,
)

if TYPE_CHECKING:
    import viser

Array = NDArray[Any]

_Z_UP_FROM_GLTF = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
"""Quaternion w x y z: a quarter turn about x takes glTF's y up to our z up."""


@dataclass(frozen=True)
class Standpoint:
    """Where a 3D view begins.

    Attributes:
        eye_m: where one stands.
        target_m: what one looks at and turns about.
        field_deg: field of view, from top to bottom.
    """

    eye_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    field_deg: float = 45.0


@dataclass(frozen=True)
class ViewerReport:
    """What a written 3D view holds.

    Attributes:
        path: the file.
        size_bytes: its size.
        faces: triangles by mesh, after thinning.
        left_out: meshes without any face.
    """

    path: Path
    size_bytes: int
    faces: dict[str, int]
    left_out: tuple[str, ...]


def thin(mesh: Mesh, max_faces: int) -> Mesh:
    """Make a mesh coarser until it has no more than ``max_faces``: vertices of a cell are merged.

    A merged vertex takes the mean place and colour and the label of the first; faces that collapse
    go. The mesh itself is returned if it is small enough.

    Raises:
        ParamsError: ``max_faces`` is not positive.
    """
    expect(
        max_faces > 0,
        given=f"max_faces={max_faces}",
        needed="a positive number of triangles",
        do="pass for example 50000",
        error=ParamsError,
    )
    if len(mesh.faces) <= max_faces:
        return mesh
    corners = mesh.triangles_m.astype(np.float64)
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = 0.5 * float(np.linalg.norm(sides, axis=-1).sum())
    extent = float(np.ptp(mesh.vertices_m, axis=0).max())
    cell_m = max(math.sqrt(1.2 * area / max_faces), extent * 1e-4)
    low = mesh.vertices_m.min(axis=0)
    # The two sides of a thin wall must not melt into one that faces either way.
    normals = vertex_normals(mesh)
    axis = np.abs(normals).argmax(axis=-1)
    side = axis * 2 + (np.take_along_axis(normals, axis[:, None], axis=-1)[:, 0] < 0)
    while True:
        cells = np.floor((mesh.vertices_m - low) / cell_m).astype(np.int64)
        span = cells.max(axis=0) + 1
        key = ((cells[:, 0] * span[1] + cells[:, 1]) * span[2] + cells[:, 2]) * 6 + side
        _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
        faces = cluster.ravel()[mesh.faces]
        a, b, c = faces.T
        faces = faces[(a != b) & (b != c) & (c != a)]
        # Faces on the same three corners in the same order show as one.
        shift = faces.argmin(axis=-1)[:, None]
        faces = np.unique(np.take_along_axis(faces, (np.arange(3) + shift) % 3, -1), axis=0)
        if len(faces) <= max_faces:
            break
        cell_m *= max(1.05, math.sqrt(len(faces) / max_faces))
    cluster = cluster.ravel()
    size = np.bincount(cluster)

    def mean(values: Array) -> Array:
        return np.stack(
            [np.bincount(cluster, values[:, i], len(size)) / size for i in range(3)], axis=-1
        )

    colors = None if mesh.colors is None else np.round(mean(mesh.colors)).astype(np.uint8)
    labels = None if mesh.labels is None else mesh.labels[first]
    return Mesh(mean(mesh.vertices_m).astype(np.float32), faces.astype(np.int32), colors, labels)


def shaded(mesh: Mesh) -> Mesh:
    """The mesh with light and soft shadows in its vertex colours, fronts to the free side.

    A viewer then needs no lamps: every surface is seen as bright as in the rendered pictures.
    """
    if not len(mesh.faces):
        return mesh
    caster = Raycaster(mesh)
    if faces_inward(mesh, caster):
        mesh = Mesh(mesh.vertices_m, mesh.faces[:, ::-1].copy(), mesh.colors, mesh.labels)
        caster = Raycaster(mesh)
    normals = vertex_normals(mesh)
    side = np.abs(normals @ np.array([0.35, 0.8, 0.0]) / 0.873)
    light = 0.8 + 0.14 * normals[:, 2] + 0.16 * side
    light = light * (0.35 + 0.65 * np.clip(vertex_occlusion(mesh, caster), 0, 1) ** 1.3)
    own = mesh.colors
    if own is None:
        own = np.broadcast_to(np.array(CLAY, dtype=np.uint8), mesh.vertices_m.shape)
    colors = np.round(np.clip(own * light[:, None] * 1.05, 0, 255)).astype(np.uint8)
    return Mesh(mesh.vertices_m, mesh.faces, colors, mesh.labels)


def glb_of(mesh: Mesh) -> bytes:
    """A shaded mesh as GLB that every viewer shows in exactly its vertex colours.

    glTF reads vertex colours as linear light, and lights what has no material: the colours are
    converted, and the material is marked as unlit (KHR_materials_unlit).
    """
    if mesh.colors is not None:
        share = np.arange(256) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        table = np.round(linear * 255).astype(np.uint8)
        mesh = Mesh(mesh.vertices_m, mesh.faces, table[mesh.colors], mesh.labels)
    data = glb_bytes(mesh)
    length = int.from_bytes(data[12:16], "little")
    record = json.loads(data[20 : 20 + length])
    record["materials"] = [
        {
            "extensions": {"KHR_materials_unlit": {}},
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        }
    ]
    record["extensionsUsed"] = sorted({*record.get("extensionsUsed", []), "KHR_materials_unlit"})
    for item in record.get("meshes", []):
        for primitive in item["primitives"]:
            primitive["material"] = 0
    text = json.dumps(record, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    total = 20 + len(text) + len(rest)
    return b"".join(
        [
            data[:8],
            total.to_bytes(4, "little"),
            len(text).to_bytes(4, "little"),
            data[16:20],
            text,
            rest,
        ]
    )


def write_shaded_glb(path: Path, mesh: Mesh, max_faces: int) -> int:
    """Write a thinned, shaded mesh as GLB; gives the number of triangles."""
    thinned = shaded(thin(mesh, max_faces))
    with replacing(path) as temporary:
        temporary.write_bytes(glb_of(thinned))
    return len(thinned.faces)


def split_shell(mesh: Mesh, interior: Interior) -> tuple[Mesh, Mesh]:
    """Part a room so that one can look into it: (the room, its ceiling and outer shell).

    What lies above ``interior.top_m`` goes, cut level, and so do the outer sides of outer walls;
    their inner sides stay and vanish for who looks from outside, being seen from behind.
    """
    corners = mesh.triangles_m
    middle = corners.mean(axis=1)
    above = corners[:, :, 2].min(axis=-1) >= interior.top_m
    cells = np.round((middle[:, :2] - interior.corner_m) / interior.cell_m).astype(np.int64)
    cells = np.clip(cells, 0, np.array(interior.depth_m.shape) - 1)
    slope_x, slope_y = np.gradient(interior.depth_m, interior.cell_m)
    inward = np.stack([slope_x, slope_y], axis=-1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    toward = (normal[:, :2] * inward[cells[:, 0], cells[:, 1]]).sum(axis=-1)
    outer = (interior.depth_m[cells[:, 0], cells[:, 1]] < 0.03) & (toward < -0.35)
    room = _part(mesh, ~(above | outer))
    level = room.vertices_m.copy()
    np.minimum(level[:, 2], interior.top_m, out=level[:, 2])
    return Mesh(level, room.faces, room.colors), _part(mesh, above | outer)


def write_viewer_html(
    meshes: Mapping[str, Mesh],
    path: Path,
    *,
    title: str = "3D view",
    standpoint: Standpoint | None = None,
    interior: Interior | None = None,
    camera_path_m: Array | None = None,
    max_faces: int = 50_000,
) -> ViewerReport:
    """Write a 3D view as one HTML file that needs no server and no network.

    Every mesh is an entry of the scene tree with a switch of its own; the first one is on.

    Args:
        meshes: by name; vertex colours are used if present.
        path: the HTML file to write.
        title: of the page.
        standpoint: where the view begins; None looks from above and one side.
        interior: the room's space; ceiling and outer shell are entries of their own, off.
        camera_path_m: ``(N, 3)`` positions of the capture's camera, drawn as a line.
        max_faces: meshes are thinned to this many triangles.

    Raises:
        ParamsError: there is no mesh with faces.
    """
    thinned = {name: thin(mesh, max_faces) for name, mesh in meshes.items() if len(mesh.faces)}
    with _server("127.0.0.1", 0) as server:
        _fill(server, thinned, standpoint, interior, camera_path_m)
        page = server.get_scene_serializer().as_html()
    page = _dressed(page, title)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return ViewerReport(
        path,
        path.stat().st_size,
        {name: len(mesh.faces) for name, mesh in thinned.items()},
        tuple(name for name in meshes if name not in thinned),
    )


def serve(
    meshes: Mapping[str, Mesh],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    standpoint: Standpoint | None = None,
    interior: Interior | None = None,
    camera_path_m: Array | None = None,
    max_faces: int = 400_000,
) -> contextlib.AbstractContextManager[Any]:
    """Serve the same view live while the ``with`` block lasts; gives the viser server.

    Example:
        >>> with serve({"Learnt": mesh}) as server:  # doctest: +SKIP
        ...     input(f"http://localhost:{server.get_port()}, Enter ends it")
    """

    @contextlib.contextmanager
    def live() -> Any:
        thinned = {name: thin(mesh, max_faces) for name, mesh in meshes.items() if len(mesh.faces)}
        with _server(host, port) as server:
            _fill(server, thinned, standpoint, interior, camera_path_m)
            yield server

    return live()


@contextlib.contextmanager
def _server(host: str, port: int) -> Any:
    import viser

    # The library greets on the terminal whatever it is told; rooms do not print.
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, verbose=False)
    try:
        yield server
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


def _fill(
    server: viser.ViserServer,
    meshes: Mapping[str, Mesh],
    standpoint: Standpoint | None,
    interior: Interior | None,
    camera_path_m: Array | None,
) -> None:
    expect(
        len(meshes) > 0,
        given="no mesh with faces",
        needed="at least one surface",
        do="check that the scene's meshes are not empty",
        error=ParamsError,
    )
    points = np.concatenate([mesh.vertices_m for mesh in meshes.values()])
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
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
    for number, (name, mesh) in enumerate(meshes.items()):
        mesh = shaded(mesh)
        room, shell = (mesh, None) if interior is None else split_shell(mesh, interior)
        entry = "/" + name.replace("/", " ")
        scene.add_frame(entry, show_axes=False, visible=number == 0)
        for part, piece in (("Room", room), ("Ceiling and shell", shell)):
            if piece is not None and len(piece.faces):
                scene.add_glb(
                    f"{entry}/{part}",
                    glb_of(piece),
                    wxyz=_Z_UP_FROM_GLTF,
                    visible=part == "Room",
                    cast_shadow=False,
                    receive_shadow=False,
                )
    if camera_path_m is not None and len(camera_path_m) > 1:
        path = np.asarray(camera_path_m, dtype=np.float32)
        scene.add_line_segments(
            "/Camera path",
            points=np.stack([path[:-1], path[1:]], axis=1),
            colors=(232, 89, 12),
            thickness=2.0,
            visible=False,
        )


def _part(mesh: Mesh, chosen: NDArray[np.bool_]) -> Mesh:
    """The chosen faces with the vertices that they use."""
    used, faces = np.unique(mesh.faces[chosen], return_inverse=True)
    colors = None if mesh.colors is None else mesh.colors[used]
    return Mesh(mesh.vertices_m[used], faces.reshape(-1, 3).astype(np.int32), colors)


def _dressed(page: str, title: str) -> str:
    """Name the page, open the scene tree (the switches) and tell how to move."""
    safe = html.escape(title)
    start, end = page.find("<title>"), page.find("</title>")
    if start >= 0 and end > start:
        page = page[: start + 7] + safe + page[end:]
    # The button appears once the scene is decoded: look for it a few times, then leave it be.
    dress = f"""<style>#crossvox-hint{{position:fixed;left:14px;bottom:12px;z-index:5;
font:13px/1.45 system-ui,sans-serif;color:#333;background:#ffffffd9;padding:6px 10px;
border-radius:8px;pointer-events:none;max-width:60vw}}</style>
<div id="crossvox-hint"><b>{safe}</b><br>Drag turns, right drag moves, wheel zooms.
The eyes in the scene tree switch surfaces on and off.</div>
<script>(function(){{var left=60,timer=setInterval(function(){{
var b=document.querySelector('[aria-label="Show scene tree"]');
if(b&&window.innerWidth>700){{b.click();left=0}}
if(--left<0)clearInterval(timer)}},250)}})()</script>"""
    body_end = page.rindex("</body>")
    return page[:body_end] + dress + page[body_end:]
