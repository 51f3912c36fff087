"""A view, thinned, lit and cut into pieces that can be switched."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.labels import NYU40
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.report.class_colors import class_shares, face_pick, present_classes
from crossvox.report.layers import Layer
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.surface import Surface, Surfaces, cluster_mean
from crossvox.report.view.decimate import Merged, merge
from crossvox.report.view.model import RoomView
from crossvox.report.view.shading import lit, own_colors, vertex_light

if TYPE_CHECKING:
    pass

_SURFACE = "surface"
"""Node of a part that has no classes."""

CAMERA, SHELL = "Camera path", "Ceiling and shell"


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
    def of(cls, view: RoomView, max_faces: int, known: Surfaces | None = None) -> Stage:
        """Thin and light every surface once, cut every layer of it.

        Args:
            view: what to show.
            max_faces: every layer is thinned to this many triangles.
            known: what is known of its surfaces already.

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
        known = known or Surfaces()
        of_layer = [known.of(layer.mesh) for layer in layers]
        surfaces = list(dict.fromkeys(of_layer))
        with ThreadPoolExecutor(max_workers=min(4, threads())) as pool:
            made = pool.map(lambda one: _Surface.of(one, max_faces, view.interior), surfaces)
            thinned = dict(zip(surfaces, made, strict=True))
        pieces = {
            layer.title: thinned[surface].cut(layer)
            for layer, surface in zip(layers, of_layer, strict=True)
        }
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
            f"{entry(layer)}/{SHELL}"
            for layer in self.layers
            if any(piece.shell for piece in self.pieces[layer.title])
        ]


def entry(layer: Layer) -> str:
    """Node of a layer in the scene tree."""
    return "/" + layer.title.replace("/", " ")


@dataclass(frozen=True, eq=False)
class _Surface:
    """One thinned surface, fronts to the free side: how bright, what is shell."""

    merged: Merged
    light: NDArray[np.float64]
    shell: NDArray[np.bool_]
    interior: Interior | None

    @classmethod
    def of(cls, surface: Surface, max_faces: int, interior: Interior | None) -> _Surface:
        given = surface.given
        merged = merge(Mesh(given.vertices_m, given.faces), max_faces)
        coarse, light = vertex_light(merged, surface)
        merged = Merged(coarse, merged.vertex, merged.face)
        shell = (
            np.zeros(len(coarse.faces), dtype=bool)
            if interior is None
            else shell_faces(coarse, interior)
        )
        return cls(merged, light, shell, interior)

    def cut(self, layer: Layer) -> list[Piece]:
        """The pieces of a layer: by shell or not, then by class."""
        mesh, coarse = layer.mesh, self.merged.mesh
        original = mesh.faces[self.merged.face]
        label = (
            np.full(len(original), -1)
            if mesh.labels is None
            else face_pick(original, mesh.labels).astype(np.int64)
        )
        own = own_colors(mesh)
        if layer.coded:
            packed = own.astype(np.int64) @ np.array([65536, 256, 1])
            code = face_pick(original, packed)
        else:
            code = np.full(len(original), -1)
            blended = cluster_mean(own, self.merged.vertex)
        found = []
        for shell in (False, True):
            below = f"{entry(layer)}/{SHELL if shell else 'Room'}"
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
                        place = level(place, self.interior)
                    parts.append(
                        Mesh(
                            place,
                            corners.reshape(-1, 3).astype(np.int32),
                            lit(colors, self.light[used]),
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
        np.concatenate([own_colors(part) for part in parts]),
    )


def shell_faces(mesh: Mesh, interior: Interior) -> NDArray[np.bool_]:
    """The faces of ceiling and outer shell: ``(F,)`` bool."""
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


def level(vertices_m: NDArray[np.float32], interior: Interior) -> NDArray[np.float32]:
    """What sticks out above the cut, pressed down to it."""
    level = vertices_m.copy()
    np.minimum(level[:, 2], interior.top_m, out=level[:, 2])
    return level
