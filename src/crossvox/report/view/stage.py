"""A view, thinned and lit: each surface once, and its colours in every layer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crossvox.core.labels import NYU40
from crossvox.core.threads import threads
from crossvox.core.volume import Mesh
from crossvox.metrics.areas import face_pick
from crossvox.report.class_colors import class_colors, class_shares, present_classes
from crossvox.report.layers import Layer
from crossvox.report.pictures.colors import color_map
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.surface import Surface, Surfaces, cluster_mean
from crossvox.report.view.decimate import merge
from crossvox.report.view.model import RoomView
from crossvox.report.view.shading import own_colors, vertex_light

Array = NDArray[Any]

LIGHT = 1.7
"""Brightness that the largest number of a vertex's light stands for."""

STOPS = 17
"""Colours of a scale that a layer of numbers is shown in; those between are mixed."""


@dataclass(frozen=True, eq=False)
class Thinned:
    """One thinned surface, fronts to the free side; the faces of ceiling and shell come last.

    Attributes:
        mesh: places and faces, each of which begins with its least vertex.
        light: ``(C,)`` uint8, brightness of each vertex, in 255ths of :data:`LIGHT`.
        inner: so many faces come before those of the shell.
        face: ``(F,)`` the original face that each face was.
        vertex: ``(V,)`` the vertex that each original vertex is now.
        labels: ``(F,)`` uint8, classes; None where the surface has none.
        confidence: ``(C,)`` uint8, how sure they are, in 255ths, cut; likewise.
        objects: ``(F,)`` uint16, numbers of objects, 0 for none; likewise.
    """

    mesh: Mesh
    light: NDArray[np.uint8]
    inner: int
    face: NDArray[np.int64]
    vertex: NDArray[np.int64]
    labels: NDArray[np.uint8] | None = None
    confidence: NDArray[np.uint8] | None = None
    objects: NDArray[np.uint16] | None = None

    @classmethod
    def of(cls, surface: Surface, max_faces: int, interior: Interior | None) -> Thinned:
        """Thin and light a surface."""
        given = surface.given
        merged = merge(Mesh(given.vertices_m, given.faces), max_faces)
        coarse, light = vertex_light(merged, surface)
        shell = np.zeros(len(coarse.faces), dtype=bool)
        if interior is not None:
            shell = shell_faces(coarse, interior)
        order = np.argsort(shell, kind="stable")
        mesh = Mesh(coarse.vertices_m, least_first(coarse.faces[order]))
        bright = np.round(np.clip(light / LIGHT, 0, 1) * 255).astype(np.uint8)
        return cls(mesh, bright, int((~shell).sum()), merged.face[order], merged.vertex)

    def by_face(self, mesh: Mesh, values: Array) -> Array:
        """What each thinned face has of values at the vertices of the whole surface."""
        return face_pick(mesh.faces[self.face], values)

    def by_vertex(self, values: Array) -> NDArray[np.uint8]:
        """Shares at the vertices of the whole surface as 255ths: the mean of those merged, cut."""
        count = np.bincount(self.vertex, minlength=len(self.mesh.vertices_m))
        mean = np.bincount(self.vertex, values, len(self.mesh.vertices_m)) / np.maximum(count, 1)
        return np.floor(np.clip(mean, 0, 1) * 255 + 1e-6).astype(np.uint8)

    def told(self, mesh: Mesh) -> Thinned:
        """The same surface with what a mesh of it tells of classes and objects."""
        if mesh.labels is None:
            return self
        sure, objects = mesh.label_confidence, mesh.objects
        return replace(
            self,
            labels=self.by_face(mesh, mesh.labels),
            confidence=None if sure is None else self.by_vertex(sure),
            objects=None
            if objects is None
            else self.by_face(mesh, np.minimum(objects, 65535).astype(np.uint16)),
        )


@dataclass(frozen=True, eq=False)
class Skin:
    """The colours of a surface in one layer.

    Attributes:
        layer: which.
        surface: place of its surface in the stage.
        kind: ``code``: values are places in the palette by face, never mixed; ``value``: places on
            the palette from 0 to 255 by vertex; ``rgb``: colours by vertex, no palette.
        values: ``(F,)``, ``(C,)`` or ``(C, 3)`` uint8.
        palette: ``(K, 3)`` uint8 or None.
        labels: ``(F,)`` uint8, classes that the legend switches, or None.
    """

    layer: Layer
    surface: int
    kind: Literal["code", "value", "rgb"]
    values: NDArray[np.uint8]
    palette: NDArray[np.uint8] | None
    labels: NDArray[np.uint8] | None

    @classmethod
    def of(cls, layer: Layer, number: int, thinned: Thinned) -> Skin:
        """The colours of a layer on its thinned surface."""
        mesh = layer.mesh
        labels = None if mesh.labels is None else thinned.by_face(mesh, mesh.labels)
        if layer.key == "classes" and labels is not None:
            table = class_colors(np.arange(len(NYU40.names), dtype=np.uint8))
            return cls(layer, number, "code", labels, table, labels)
        if layer.values is not None:
            stops = color_map(layer.map, np.linspace(0, 1, STOPS))
            return cls(layer, number, "value", thinned.by_vertex(layer.values), stops, labels)
        own = own_colors(mesh)
        if layer.coded:
            packed = own.astype(np.int64) @ np.array([65536, 256, 1])
            found, code = np.unique(thinned.by_face(mesh, packed), return_inverse=True)
            table = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=-1)
            return cls(
                layer, number, "code", code.ravel().astype(np.uint8), table.astype(np.uint8), labels
            )
        mixed = np.round(cluster_mean(own, thinned.vertex)).astype(np.uint8)
        return cls(layer, number, "rgb", mixed, None, labels)


@dataclass(frozen=True, eq=False)
class Stage:
    """A view, thinned and lit.

    Attributes:
        view: what it shows.
        surfaces: each once.
        skins: the layers with faces, in the order of the view.
        shares: share of the area by NYU40 id, by layer.
        classes: NYU40 ids that the legend lists.
        left_out: titles of layers without faces.
    """

    view: RoomView
    surfaces: tuple[Thinned, ...]
    skins: tuple[Skin, ...]
    shares: tuple[dict[int, float], ...]
    classes: tuple[int, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, view: RoomView, max_faces: int, known: Surfaces | None = None) -> Stage:
        """Thin and light every surface once, colour every layer of it.

        Args:
            view: what to show.
            max_faces: every surface is thinned to this many triangles.
            known: what is known of its surfaces already.

        Raises:
            ParamsError: there is no layer with faces.
        """
        layers = view.solid()
        # Layers of one surface share its arrays: it is thinned and lit once for all of them.
        known = known or Surfaces()
        of_layer = [known.of(layer.mesh) for layer in layers]
        surfaces = list(dict.fromkeys(of_layer))
        with ThreadPoolExecutor(max_workers=min(4, threads())) as pool:
            thinned = list(
                pool.map(lambda one: Thinned.of(one, max_faces, view.interior), surfaces)
            )
        numbers = [surfaces.index(surface) for surface in of_layer]
        for number in range(len(thinned)):
            told = (x.mesh for x, n in zip(layers, numbers, strict=True) if n == number)
            first = next((mesh for mesh in told if mesh.labels is not None), None)
            thinned[number] = thinned[number] if first is None else thinned[number].told(first)
        shares = _shares(layers)
        return cls(
            view,
            tuple(thinned),
            tuple(Skin.of(x, n, thinned[n]) for x, n in zip(layers, numbers, strict=True)),
            shares,
            tuple(present_classes(shares)),
            tuple(layer.title for layer in view.layers if not len(layer.mesh.faces)),
        )

    def faces(self) -> dict[str, int]:
        """Triangles by layer."""
        return {
            skin.layer.title: len(self.surfaces[skin.surface].mesh.faces) for skin in self.skins
        }

    @property
    def has_shell(self) -> bool:
        """Whether any surface has a ceiling or outer walls that can be taken off."""
        return any(one.inner < len(one.mesh.faces) for one in self.surfaces)


def least_first(faces: NDArray[np.int32]) -> NDArray[np.int32]:
    """Faces ``(F, 3)`` turned so that each begins with its least vertex; their fronts stay."""
    turns = (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, turns, axis=1)


def _shares(layers: Sequence[Layer]) -> tuple[dict[int, float], ...]:
    """Shares of classes by layer; layers of the same labels on one surface have the same."""
    known: dict[tuple[int, int], dict[int, float]] = {}
    found = []
    for layer in layers:
        mesh = layer.mesh
        key = id(mesh.vertices_m), id(mesh.labels)
        if key not in known:
            known[key] = class_shares(mesh)
        found.append(known[key])
    return tuple(found)


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
