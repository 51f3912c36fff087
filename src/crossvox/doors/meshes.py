"""Mesh files: PLY (plyfile) with colours and labels a vertex, GLB (trimesh)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.artifact import replacing
from crossvox.core.checks import CaptureError
from crossvox.core.volume import Mesh


def read_mesh(path: Path) -> Mesh:
    """Read a PLY mesh, with vertex colours (red, green, blue) and vertex ``label`` if present.

    Polygons with more than three corners are split into fans.

    Raises:
        CaptureError: missing, damaged, or not a mesh with faces; names the file.
    """
    from plyfile import PlyData, PlyParseError

    try:
        data = PlyData.read(str(path), known_list_len={})
        vertex, face = data["vertex"].data, data["face"].data
        corners = face["vertex_indices" if "vertex_indices" in face.dtype.names else "vertex_index"]
        vertices = np.stack([vertex[axis] for axis in "xyz"], axis=-1).astype(np.float32)
        faces = _triangles(corners)
        names = vertex.dtype.names
        colors = labels = None
        if {"red", "green", "blue"} <= set(names):
            colors = np.stack([vertex[c] for c in ("red", "green", "blue")], -1).astype(np.uint8)
        if "label" in names:
            labels = np.where(vertex["label"] > 255, 0, vertex["label"]).astype(np.uint8)
    except OSError as error:
        raise CaptureError(
            f"given: {path} ({error.strerror or error}); needed: a readable PLY mesh; "
            f"do: check the path"
        ) from None
    except (PlyParseError, KeyError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise CaptureError(
            f"given: {path}, which cannot be read as a mesh ({error}); needed: a complete PLY file "
            f"with vertices and faces; do: copy or export the file again"
        ) from None
    if not np.isfinite(vertices).all():
        raise CaptureError(
            f"given: {path} with vertices that are not finite; needed: numbers in metres; "
            f"do: clean the mesh"
        )
    return Mesh(vertices, faces, colors, labels)


def _triangles(corners: NDArray[Any]) -> NDArray[np.int32]:
    lengths = np.fromiter((len(row) for row in corners), dtype=np.int64, count=len(corners))
    if len(corners) == 0:
        return np.zeros((0, 3), dtype=np.int32)
    if (lengths == 3).all():
        return np.stack(list(corners)).astype(np.int32)
    fans = [
        np.stack([np.full(n - 2, row[0]), row[1:-1], row[2:]], axis=-1)
        for n, row in zip(lengths.tolist(), corners, strict=True)
        if n >= 3
    ]
    return np.concatenate(fans).astype(np.int32)


def write_ply(path: Path, mesh: Mesh) -> None:
    """Write a binary PLY: x y z, red green blue alpha if coloured, ushort label if labelled.

    The layout equals ScanNet's ``_vh_clean_2.ply`` and ``_vh_clean_2.labels.ply``.
    """
    from plyfile import PlyData, PlyElement

    fields: list[tuple[str, str]] = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    if mesh.colors is not None:
        fields += [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    if mesh.labels is not None:
        fields.append(("label", "<u2"))
    vertex = np.empty(len(mesh.vertices_m), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertex[name] = mesh.vertices_m[:, axis]
    if mesh.colors is not None:
        for channel, name in enumerate(("red", "green", "blue")):
            vertex[name] = mesh.colors[:, channel]
        vertex["alpha"] = 255
    if mesh.labels is not None:
        vertex["label"] = mesh.labels
    face = np.empty(len(mesh.faces), dtype=[("vertex_indices", "<i4", (3,))])
    face["vertex_indices"] = mesh.faces
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    with replacing(path) as temporary:
        PlyData(elements, byte_order="<").write(str(temporary))


def write_glb(path: Path, mesh: Mesh) -> None:
    """Write a GLB with vertex colours, for viewers and web pages (y up, as glTF asks)."""
    with replacing(path) as temporary:
        temporary.write_bytes(glb_bytes(mesh))


def glb_bytes(mesh: Mesh) -> bytes:
    """The mesh as GLB; our z up becomes glTF's y up."""
    import trimesh

    turned = mesh.vertices_m[:, [0, 2, 1]] * np.array([1, 1, -1], dtype=np.float32)
    scene = trimesh.Trimesh(turned, mesh.faces, vertex_colors=mesh.colors, process=False)
    data = scene.export(file_type="glb")
    assert isinstance(data, bytes)
    return data
