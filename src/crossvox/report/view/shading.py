"""Light and soft shadows in vertex colours: a viewer then needs no lamps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.report.pictures.colors import CLAY
from crossvox.report.pictures.surface import Surface, vertex_normals
from crossvox.report.view.decimate import Merged

Array = NDArray[Any]


def shaded(mesh: Mesh) -> Mesh:
    """The mesh with light and soft shadows in its vertex colours, fronts to the free side.

    A viewer then needs no lamps: every surface is seen as bright as in the rendered pictures.
    """
    if not len(mesh.faces):
        return mesh
    merged = Merged(mesh, np.arange(len(mesh.vertices_m)), np.arange(len(mesh.faces)))
    return shaded_like(merged, Surface(mesh))


def shaded_like(merged: Merged, surface: Surface) -> Mesh:
    """A coarser mesh with the soft shadows of its surface, as :func:`shaded`."""
    mesh, light = vertex_light(merged, surface)
    return replace(mesh, colors=lit(own_colors(mesh), light))


def vertex_light(merged: Merged, surface: Surface) -> tuple[Mesh, NDArray[np.float64]]:
    """The coarser mesh, fronts to the free side, and how bright each of its vertices is: ``(C,)``.

    Args:
        merged: the coarser mesh.
        surface: what it was made of; its soft shadows are taken over.
    """
    mesh = merged.mesh
    if surface.turned:
        mesh = replace(mesh, faces=mesh.faces[:, ::-1].copy())
    normals = vertex_normals(mesh)
    side = np.abs(normals @ np.array([0.35, 0.8, 0.0]) / 0.873)
    light = 0.8 + 0.14 * normals[:, 2] + 0.16 * side
    open_space = np.bincount(merged.vertex, surface.occlusion) / np.bincount(merged.vertex)
    return mesh, light * (0.35 + 0.65 * np.clip(open_space, 0, 1) ** 1.3)


def own_colors(mesh: Mesh) -> NDArray[np.uint8]:
    if mesh.colors is not None:
        return mesh.colors
    return np.broadcast_to(np.array(CLAY, dtype=np.uint8), mesh.vertices_m.shape)


def lit(colors: Array, light: Array) -> NDArray[np.uint8]:
    return np.round(np.clip(colors * light[:, None] * 1.05, 0, 255)).astype(np.uint8)
