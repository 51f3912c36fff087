"""Light and soft shadows in vertex colours: a viewer then needs no lamps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster
from crossvox.report.pictures.colors import CLAY
from crossvox.report.pictures.surface import faces_inward, vertex_normals, vertex_occlusion

Array = NDArray[Any]


def shaded(mesh: Mesh) -> Mesh:
    """The mesh with light and soft shadows in its vertex colours, fronts to the free side.

    A viewer then needs no lamps: every surface is seen as bright as in the rendered pictures.
    """
    if not len(mesh.faces):
        return mesh
    turned, light = vertex_light(mesh)
    faces = mesh.faces[:, ::-1].copy() if turned else mesh.faces
    return replace(mesh, faces=faces, colors=lit(own_colors(mesh), light))


def vertex_light(mesh: Mesh) -> tuple[bool, NDArray[np.float64]]:
    """Whether the faces must be turned round, and how bright each vertex is: ``(V,)``."""
    caster = Raycaster(mesh)
    turned = faces_inward(mesh, caster)
    if turned:
        mesh = replace(mesh, faces=mesh.faces[:, ::-1].copy())
        caster = Raycaster(mesh)
    normals = vertex_normals(mesh)
    side = np.abs(normals @ np.array([0.35, 0.8, 0.0]) / 0.873)
    light = 0.8 + 0.14 * normals[:, 2] + 0.16 * side
    return turned, light * (0.35 + 0.65 * np.clip(vertex_occlusion(mesh, caster), 0, 1) ** 1.3)


def own_colors(mesh: Mesh) -> NDArray[np.uint8]:
    if mesh.colors is not None:
        return mesh.colors
    return np.broadcast_to(np.array(CLAY, dtype=np.uint8), mesh.vertices_m.shape)


def lit(colors: Array, light: Array) -> NDArray[np.uint8]:
    return np.round(np.clip(colors * light[:, None] * 1.05, 0, 255)).astype(np.uint8)
