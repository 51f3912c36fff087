"""The 3D view: one HTML file that opens offline, or a live server. The only door to viser."""

from __future__ import annotations

import contextlib
import errno
import html
import io
import json
import math
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import glb_bytes
from crossvox.doors.raycast import Raycaster
from crossvox.report.pictures import (
    CLAY,
    ERROR_MAP,
    Interior,
    color_map,
    faces_inward,
    vertex_normals,
    vertex_occlusion,
)
from crossvox.report.rooms import (
    ERROR_KEY,
    Layer,
    class_colors,
    class_shares,
    face_pick,
    present_classes,
)

if TYPE_CHECKING:
    import viser

Array = NDArray[Any]

_Z_UP_FROM_GLTF = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)
"""Quaternion w x y z: a quarter turn about x takes glTF's y up to our z up."""

_SURFACE = "surface"
"""Node of a part that has no classes."""

_CAMERA, _SHELL = "Camera path", "Ceiling and shell"


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


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame of the capture, shown where it was taken.

    Attributes:
        label: what to call it.
        pose: where the camera was.
        camera: at any size of the frame; only its field of view is used.
        image: ``(H, W, 3)`` uint8 thumbnail.
    """

    label: str
    pose: Pose
    camera: Intrinsics
    image: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RoomView:
    """What a 3D view shows.

    Attributes:
        title: of the page.
        layers: at least one; the first is on, one is on at a time.
        standpoint: where the view begins; None looks from above and one side.
        interior: the room's space; ceiling and outer shell get a switch of their own, off.
        camera_path_m: ``(N, 3)`` positions of the capture's camera, drawn as a line.
        shots: frames along it.
        reach_m: distance at which the colour code of distances ends.
        missing: what cannot be shown, one line each.
    """

    title: str
    layers: Sequence[Layer]
    standpoint: Standpoint | None = None
    interior: Interior | None = None
    camera_path_m: Array | None = None
    shots: Sequence[Shot] = ()
    reach_m: float = 0.2
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class ViewerReport:
    """What a written 3D view holds.

    Attributes:
        path: the file.
        size_bytes: its size.
        faces: triangles by layer, after thinning.
        classes: names of the classes that the legend switches.
        shots: frames of the capture that are shown in space.
        left_out: layers without any face.
    """

    path: Path
    size_bytes: int
    faces: dict[str, int]
    classes: tuple[str, ...]
    shots: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Merged:
    """A mesh made coarser, and where its parts come from.

    Attributes:
        mesh: the coarse mesh; colours are mean ones, the label is the first vertex's.
        vertex: ``(V,)`` int64, coarse vertex of each vertex of the original.
        face: ``(F',)`` int64, the original face that each coarse face was.
    """

    mesh: Mesh
    vertex: NDArray[np.int64]
    face: NDArray[np.int64]


def thin(mesh: Mesh, max_faces: int) -> Mesh:
    """Make a mesh coarser until it has no more than ``max_faces``: see :func:`merge`.

    The mesh itself is returned if it is small enough.

    Raises:
        ParamsError: ``max_faces`` is not positive.
    """
    return merge(mesh, max_faces).mesh


def merge(mesh: Mesh, max_faces: int) -> Merged:
    """Merge the vertices of a cell until no more than ``max_faces`` are left.

    A merged vertex takes the mean place and colour and the label of the first; faces that collapse
    go. What must not mix, as classes, is looked up at the original face of each face that is left.

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
        return Merged(mesh, np.arange(len(mesh.vertices_m)), np.arange(len(mesh.faces)))
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
        kept = np.flatnonzero((a != b) & (b != c) & (c != a))
        faces = faces[kept]
        # Faces on the same three corners in the same order show as one.
        shift = faces.argmin(axis=-1)[:, None]
        turned = np.take_along_axis(faces, (np.arange(3) + shift) % 3, -1)
        faces, chosen = np.unique(turned, axis=0, return_index=True)
        if len(faces) <= max_faces:
            break
        cell_m *= max(1.05, math.sqrt(len(faces) / max_faces))
    cluster = cluster.ravel()
    place = _mean(mesh.vertices_m, cluster).astype(np.float32)
    colors = None
    if mesh.colors is not None:
        colors = np.round(_mean(mesh.colors, cluster)).astype(np.uint8)
    labels = None if mesh.labels is None else mesh.labels[first]
    coarse = Mesh(place, faces.astype(np.int32), colors, labels)
    return Merged(coarse, cluster, kept[chosen])


def _mean(values: Array, cluster: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of ``(V, 3)`` values by cluster: ``(C, 3)``."""
    size = np.bincount(cluster)
    sums = [np.bincount(cluster, values[:, i], len(size)) for i in range(3)]
    return np.stack(sums, axis=-1) / size[:, None]


def shaded(mesh: Mesh) -> Mesh:
    """The mesh with light and soft shadows in its vertex colours, fronts to the free side.

    A viewer then needs no lamps: every surface is seen as bright as in the rendered pictures.
    """
    if not len(mesh.faces):
        return mesh
    turned, light = _light(mesh)
    faces = mesh.faces[:, ::-1].copy() if turned else mesh.faces
    return Mesh(mesh.vertices_m, faces, _lit(_own_colors(mesh), light), mesh.labels)


def _light(mesh: Mesh) -> tuple[bool, NDArray[np.float64]]:
    """Whether the faces must be turned round, and how bright each vertex is: ``(V,)``."""
    caster = Raycaster(mesh)
    turned = faces_inward(mesh, caster)
    if turned:
        mesh = Mesh(mesh.vertices_m, mesh.faces[:, ::-1].copy())
        caster = Raycaster(mesh)
    normals = vertex_normals(mesh)
    side = np.abs(normals @ np.array([0.35, 0.8, 0.0]) / 0.873)
    light = 0.8 + 0.14 * normals[:, 2] + 0.16 * side
    return turned, light * (0.35 + 0.65 * np.clip(vertex_occlusion(mesh, caster), 0, 1) ** 1.3)


def _own_colors(mesh: Mesh) -> NDArray[np.uint8]:
    if mesh.colors is not None:
        return mesh.colors
    return np.broadcast_to(np.array(CLAY, dtype=np.uint8), mesh.vertices_m.shape)


def _lit(colors: Array, light: Array) -> NDArray[np.uint8]:
    return np.round(np.clip(colors * light[:, None] * 1.05, 0, 255)).astype(np.uint8)


def glb_of(mesh: Mesh) -> bytes:
    """A shaded mesh as GLB that every viewer shows in exactly its vertex colours.

    glTF lights what has no material: it gets one that is marked as unlit (KHR_materials_unlit).
    """
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
    outside = shell_faces(mesh, interior)
    room = _part(mesh, ~outside)
    return Mesh(_level(room.vertices_m, interior), room.faces, room.colors), _part(mesh, outside)


def shell_faces(mesh: Mesh, interior: Interior) -> NDArray[np.bool_]:
    """The faces of ceiling and outer shell, see :func:`split_shell`: ``(F,)``."""
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
    return np.asarray(above | outer)


def _level(vertices_m: NDArray[np.float32], interior: Interior) -> NDArray[np.float32]:
    """What sticks out above the cut, pressed down to it."""
    level = vertices_m.copy()
    np.minimum(level[:, 2], interior.top_m, out=level[:, 2])
    return level


def write_viewer_html(view: RoomView, path: Path, *, max_faces: int = 60_000) -> ViewerReport:
    """Write a 3D view as one HTML file that needs no server and no network.

    A panel switches layers, classes, the ceiling and the camera's path.

    Args:
        view: what to show.
        path: the HTML file to write.
        max_faces: every layer is thinned to this many triangles.

    Raises:
        ParamsError: there is no layer with faces.
    """
    stage = Stage.of(view, max_faces)
    with _server("127.0.0.1", 0) as server:
        _fill(server, stage)
        page = server.get_scene_serializer().as_html()
    page = _dressed(page, stage)
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


@contextlib.contextmanager
def serve(
    view: RoomView, *, host: str = "127.0.0.1", port: int = 8080, max_faces: int = 300_000
) -> Iterator[str]:
    """Serve the view live while the ``with`` block lasts; gives its address.

    Args:
        view: what to show.
        host: address to listen at; the default serves this machine only.
        port: 0 takes any that is free.
        max_faces: every layer is thinned to this many triangles.

    Raises:
        ParamsError: the port is taken, or there is no layer with faces.

    Example:
        >>> with serve(view) as address:  # doctest: +SKIP
        ...     input(f"{address}, Enter ends it")
    """
    _expect_free(host, port)
    stage = Stage.of(view, max_faces)
    with _server(host, port) as server:
        expect(
            port in (0, server.get_port()),
            given=f"port {port}, which another program has just taken",
            needed="a free port",
            do=f"name another one: --port {port + 1}",
            error=ParamsError,
        )
        nodes = _fill(server, stage)
        _add_controls(server, stage, nodes)
        yield f"http://localhost:{server.get_port()}"


def _expect_free(host: str, port: int) -> None:
    """The server library moves on to the next port silently; who named one wants that one."""
    expect(
        0 <= port <= 65535,
        given=f"port {port}",
        needed="a number from 1024 to 65535, or 0 for any",
        do="correct the number",
        error=ParamsError,
    )
    with socket.socket() as probe:
        if os.name == "posix":
            # A port that was used a moment ago is free; only a listener takes it.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ParamsError(
                f"given: port {port}, which "
                f"{'another program uses' if taken else f'cannot be opened ({error.strerror})'}; "
                f"needed: a free port; do: name another one, for example --port {port + 1}"
            ) from None


@contextlib.contextmanager
def _server(host: str, port: int) -> Iterator[viser.ViserServer]:
    import viser

    # The library greets on the terminal whatever it is told; rooms do not print.
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host=host, port=port, verbose=False)
    try:
        yield server
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


@dataclass(frozen=True, eq=False)
class Piece:
    """What one node of the scene holds.

    Attributes:
        node: its name in the scene tree.
        mesh: ready to be shown.
        label: NYU40 id that switches it, or None.
        shell: whether it belongs to ceiling and outer shell.
    """

    node: str
    mesh: Mesh
    label: int | None
    shell: bool


@dataclass(frozen=True, eq=False)
class Stage:
    """A view, thinned, lit and cut into pieces that can be switched.

    Attributes:
        view: what it shows.
        layers: its layers with faces.
        pieces: by title of the layer.
        shares: share of the area by NYU40 id, by title of the layer.
        classes: NYU40 ids that the legend lists.
        left_out: titles of layers without faces.
    """

    view: RoomView
    layers: tuple[Layer, ...]
    pieces: dict[str, list[Piece]]
    shares: dict[str, dict[int, float]]
    classes: tuple[int, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, view: RoomView, max_faces: int) -> Stage:
        """Thin and light every surface once, cut every layer of it.

        Raises:
            ParamsError: there is no layer with faces.
        """
        layers = tuple(layer for layer in view.layers if len(layer.mesh.faces))
        expect(
            len(layers) > 0,
            given="no mesh with faces",
            needed="at least one surface",
            do="check that the scene's meshes are not empty",
            error=ParamsError,
        )
        # Layers of one surface share its arrays: it is thinned and lit once for all of them.
        surfaces: dict[tuple[int, int], _Surface] = {}
        pieces = {}
        for layer in layers:
            key = (id(layer.mesh.vertices_m), id(layer.mesh.faces))
            if key not in surfaces:
                surfaces[key] = _Surface.of(layer.mesh, max_faces, view.interior)
            pieces[layer.title] = surfaces[key].cut(layer)
        return cls(
            view,
            layers,
            pieces,
            {layer.title: class_shares(layer.mesh) for layer in layers},
            tuple(present_classes(layer.mesh for layer in layers)),
            tuple(layer.title for layer in view.layers if not len(layer.mesh.faces)),
        )

    def faces(self) -> dict[str, int]:
        """Triangles by layer."""
        return {
            title: sum(len(piece.mesh.faces) for piece in pieces)
            for title, pieces in self.pieces.items()
        }

    def nodes(self, label: int) -> list[str]:
        """Nodes that a class switches, in all layers."""
        return [p.node for pieces in self.pieces.values() for p in pieces if p.label == label]

    def shell_nodes(self) -> list[str]:
        """Nodes of ceiling and shell: one a layer that has any."""
        return [
            f"{entry(layer)}/{_SHELL}"
            for layer in self.layers
            if any(piece.shell for piece in self.pieces[layer.title])
        ]


def entry(layer: Layer) -> str:
    """Node of a layer in the scene tree."""
    return "/" + layer.title.replace("/", " ")


@dataclass(frozen=True, eq=False)
class _Surface:
    """One thinned surface: which way round it is, how bright, what is shell."""

    merged: Merged
    turned: bool
    light: NDArray[np.float64]
    shell: NDArray[np.bool_]
    interior: Interior | None

    @classmethod
    def of(cls, mesh: Mesh, max_faces: int, interior: Interior | None) -> _Surface:
        merged = merge(Mesh(mesh.vertices_m, mesh.faces), max_faces)
        turned, light = _light(merged.mesh)
        coarse = merged.mesh
        if turned:
            coarse = Mesh(coarse.vertices_m, coarse.faces[:, ::-1].copy())
            merged = Merged(coarse, merged.vertex, merged.face)
        shell = (
            np.zeros(len(coarse.faces), dtype=bool)
            if interior is None
            else shell_faces(coarse, interior)
        )
        return cls(merged, turned, light, shell, interior)

    def cut(self, layer: Layer) -> list[Piece]:
        """The pieces of a layer: by shell or not, then by class."""
        mesh, coarse = layer.mesh, self.merged.mesh
        original = mesh.faces[self.merged.face]
        label = (
            np.full(len(original), -1)
            if mesh.labels is None
            else face_pick(original, mesh.labels).astype(np.int64)
        )
        own = _own_colors(mesh)
        if layer.coded:
            packed = own.astype(np.int64) @ np.array([65536, 256, 1])
            code = face_pick(original, packed)
        else:
            code = np.full(len(original), -1)
            blended = _mean(own, self.merged.vertex)
        found = []
        for shell in (False, True):
            below = f"{entry(layer)}/{_SHELL if shell else 'Room'}"
            for number in np.unique(label[self.shell == shell]):
                chosen = (self.shell == shell) & (label == number)
                parts = []
                for color in np.unique(code[chosen]):
                    faces = np.flatnonzero(chosen & (code == color))
                    used, corners = np.unique(coarse.faces[faces], return_inverse=True)
                    colors = (
                        blended[used]
                        if color < 0
                        else np.tile([color >> 16, color >> 8 & 255, color & 255], (len(used), 1))
                    )
                    place = coarse.vertices_m[used]
                    if not shell and self.interior is not None:
                        place = _level(place, self.interior)
                    parts.append(
                        Mesh(
                            place,
                            corners.reshape(-1, 3).astype(np.int32),
                            _lit(colors, self.light[used]),
                        )
                    )
                name = _SURFACE if number < 0 else NYU40.names[number]
                found.append(
                    Piece(
                        f"{below}/{name}",
                        _joined(parts),
                        None if number < 0 else int(number),
                        shell,
                    )
                )
        return found


def _joined(parts: Sequence[Mesh]) -> Mesh:
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.vertices_m) for part in parts[:-1])])
    return Mesh(
        np.concatenate([part.vertices_m for part in parts]),
        np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)]).astype(np.int32),
        np.concatenate([_own_colors(part) for part in parts]),
    )


def _fill(server: viser.ViserServer, stage: Stage) -> dict[str, Any]:
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
        for part, shell in (("Room", False), (_SHELL, True)):
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
        group(f"/{_CAMERA}", False)
    if path is not None and len(path) > 1:
        scene.add_line_segments(
            f"/{_CAMERA}/line",
            points=np.stack([path[:-1], path[1:]], axis=1),
            colors=(232, 89, 12),
            thickness=0.012,
        )
    for shot in view.shots:
        matrix = shot.pose.world_from_camera
        height = shot.camera.height
        scene.add_camera_frustum(
            f"/{_CAMERA}/frame {shot.label}".replace("//", "/"),
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


def _add_controls(server: viser.ViserServer, stage: Stage, nodes: Mapping[str, Any]) -> None:
    """The live view's own panel: layers, classes, ceiling, camera path."""
    gui = server.gui
    titles = [layer.title for layer in stage.layers]
    gui.configure_theme(control_width="medium", show_logo=False, show_share_button=False)
    gui.set_panel_label(stage.view.title)
    chosen = gui.add_dropdown("Layer", titles, initial_value=titles[0])
    key = gui.add_html("")
    switches: dict[int, Any] = {}
    with gui.add_folder("Show"):
        for name, targets in (
            (_SHELL, stage.shell_nodes()),
            (_CAMERA, [f"/{_CAMERA}"] if f"/{_CAMERA}" in nodes else []),
        ):
            if targets:
                _switch(gui.add_checkbox(name, False), nodes, targets)
    if stage.classes:
        with gui.add_folder("Classes"):
            everything = gui.add_checkbox("all", True)
            for label in stage.classes:
                switches[label] = gui.add_checkbox(NYU40.names[label], True)
                _switch(switches[label], nodes, stage.nodes(label))
            gui.add_html(_swatches(switches))

        @everything.on_update
        def _(_: Any) -> None:
            for switch in switches.values():
                switch.value = everything.value

    if stage.view.missing:
        gui.add_markdown("Not here: " + "; ".join(stage.view.missing) + ".")

    def show() -> None:
        for layer in stage.layers:
            nodes[entry(layer)].visible = layer.title == chosen.value
        layer = next(layer for layer in stage.layers if layer.title == chosen.value)
        key.content = _template("view_key.html.j2").render(
            text=layer.text, key=layer.key, **_key_values(stage.view)
        )
        shares = stage.shares[layer.title]
        for label, switch in switches.items():
            # Without a point: the library breaks labels after points.
            share = f"{max(shares[label], 0.01):.0%}" if label in shares else "not here"
            less = "under " if 0 < shares.get(label, 0) < 0.01 else ""
            switch.label = f"{NYU40.names[label]}, {less}{share}"

    @chosen.on_update
    def _(_: Any) -> None:
        show()

    show()


def _switch(box: Any, nodes: Mapping[str, Any], targets: Sequence[str]) -> None:
    """A check box that shows and hides nodes."""

    @box.on_update
    def _(_: Any) -> None:
        for target in targets:
            nodes[target].visible = box.value


def _swatches(switches: Mapping[int, Any]) -> str:
    """Colours beside the check boxes: the library's labels are plain text, so as a style sheet.

    Its boxes have ids, but tell them to nobody; where they cannot be had, colours are left out.
    """
    rules = []
    for label, switch in switches.items():
        uuid = getattr(getattr(switch, "_impl", None), "uuid", None)
        if uuid is not None:
            rules.append(
                f'label[for="{uuid}"]::before{{content:"";display:inline-block;width:.9em;'
                f"height:.9em;margin-right:.5em;border-radius:3px;vertical-align:-.08em;"
                f"background:{_css(class_colors(np.array([label], np.uint8))[0])}}}"
                f'div:has(>p>label[for="{uuid}"]){{width:13em!important}}'
            )
    return f"<style>{''.join(rules)}</style>"


def _css(color: Any) -> str:
    red, green, blue = (int(value) for value in color)
    return f"rgb({red},{green},{blue})"


def _key_values(view: RoomView) -> dict[str, Any]:
    """What the key of the colours needs."""
    stops = ", ".join(_css(color) for color in color_map(ERROR_MAP, np.linspace(0, 1, 7)))
    return {
        "errors": [(name, _css(color)) for name, color in ERROR_KEY],
        "stops": stops,
        "reach_cm": f"{view.reach_m * 100:g}",
    }


def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("crossvox.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _part(mesh: Mesh, chosen: NDArray[np.bool_]) -> Mesh:
    """The chosen faces with the vertices that they use."""
    used, faces = np.unique(mesh.faces[chosen], return_inverse=True)
    colors = None if mesh.colors is None else mesh.colors[used]
    return Mesh(mesh.vertices_m[used], faces.reshape(-1, 3).astype(np.int32), colors)


def _dressed(page: str, stage: Stage) -> str:
    """Name the page and lay the panel with the switches over it."""
    view = stage.view
    start, end = page.find("<title>"), page.find("</title>")
    if start >= 0 and end > start:
        page = page[: start + 7] + html.escape(view.title) + page[end:]
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
        "camera": [f"/{_CAMERA}"] if camera or view.shots else [],
    }
    dress = _template("view_panel.html.j2").render(
        title=view.title,
        groups=groups,
        layers=stage.layers,
        classes=[
            (label, NYU40.names[label], _css(color))
            for label, color in zip(stage.classes, colors, strict=True)
        ],
        shots=len(view.shots),
        missing=view.missing,
        # Inside a script element nothing may end it.
        record=json.dumps(record).replace("<", "\\u003c"),
        **record_flags(record),
        **_key_values(view),
    )
    body_end = page.rindex("</body>")
    return page[:body_end] + dress + page[body_end:]


def record_flags(record: Mapping[str, Any]) -> dict[str, bool]:
    """Which switches there are."""
    return {"has_shell": bool(record["shell"]), "has_camera": bool(record["camera"])}
