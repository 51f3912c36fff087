"""The reference meshes of a room: what its frames saw of it, and all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.categories import nyu40_table
from crossvox.capture.rooms.scan import Scan
from crossvox.capture.rooms.sensor import tone_curve
from crossvox.core.volume import Mesh

Array = NDArray[Any]


def reference_mesh(scan: Scan, seen: NDArray[np.bool_]) -> tuple[Mesh, NDArray[np.uint16]]:
    """The surface that the frames saw, as a real scan has it: hidden backs are absent.

    Args:
        scan: the room.
        seen: ``(F,)`` faces that some depth frame hit.

    Returns:
        Mesh in world coordinates with colours and NYU40 labels, and the raw label id of each
        vertex. Vertices at one place with one label are one vertex.
    """
    mesh = scan.studio.mesh
    # Small faces between two pixels are part of what was seen around them.
    touched = np.zeros(len(mesh.points), dtype=bool)
    touched[mesh.faces[seen]] = True
    keep = seen | touched[mesh.faces].all(axis=1)
    faces = mesh.faces[keep]
    vertex_label = np.zeros(len(mesh.points), dtype=np.uint16)
    vertex_label[faces.ravel()] = np.repeat(mesh.raw_label[keep], 3)
    used, local = np.unique(faces, return_inverse=True)
    points, raw = mesh.points[used], vertex_label[used]
    first, corners = _welded(points, local.reshape(-1, 3), raw)
    light = scan.studio.albedo[used[first]] * scan.studio.light[used[first]]
    light = light * (scan.tint * scan.studio.exposure).astype(np.float32)
    colors = np.clip(tone_curve(light) + 0.5, 0, 255).astype(np.uint8)
    return (
        Mesh(
            scan.world_from_room.apply(points[first]).astype(np.float32),
            corners,
            colors,
            nyu40_table()[raw[first]],
        ),
        raw[first],
    )


def complete_mesh(scan: Scan) -> Mesh:
    """The surface of all that stands in the room, also what no frame saw: backs and undersides,
    what is behind and inside of furniture, the shell.

    Args:
        scan: the room.

    Returns:
        Mesh in world coordinates; vertices at one place are one vertex.
    """
    mesh = scan.studio.mesh
    first, faces = _welded(mesh.points, mesh.faces, np.zeros(len(mesh.points), dtype=np.uint16))
    return Mesh(scan.world_from_room.apply(mesh.points[first]).astype(np.float32), faces)


def _welded(points: Array, faces: Array, label: Array) -> tuple[Array, NDArray[np.int32]]:
    """Vertices at one place (to 0.1 mm) and with one label made one.

    Args:
        points: ``(V, 3)`` metres.
        faces: ``(F, 3)`` their numbers.
        label: ``(V,)``.

    Returns:
        The vertices that stay, by their old numbers, and ``(F', 3)`` faces of them; faces that
        have become a line or a point are gone.
    """
    key = np.column_stack([np.round(points * 1e4).astype(np.int64), label.astype(np.int64)])
    order = np.lexsort(key.T)
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (np.diff(key[order], axis=0) != 0).any(axis=1)
    welded = np.empty(len(key), dtype=np.int64)
    welded[order] = np.cumsum(fresh) - 1
    corners = welded[faces]
    proper = (corners != np.roll(corners, 1, axis=1)).all(axis=1)
    return order[fresh], np.ascontiguousarray(corners[proper], dtype=np.int32)
