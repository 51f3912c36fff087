"""The mesh of a field: the steps of marching cubes, one after the other over all blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.threads import spread
from crossvox.core.volume import Mesh
from crossvox.scene.tsdf.blocks import CELL
from crossvox.scene.tsdf.cells import cell_triangles
from crossvox.scene.tsdf.mesh import (
    MEASURED,
    classify,
    find_edges,
    find_patterns,
    mark_vertices,
    neighbours_of,
    place_vertices,
    write_faces,
)
from crossvox.scene.tsdf.votes import label_vertices

Array = NDArray[Any]


def draw(
    corner: Array,
    slots: tuple[Array, Array],
    tsdf: Array,
    weight: Array,
    color: Array | None,
    votes: Array | None,
    least: int,
    voxel_m: float,
    learnt: Array | None = None,
) -> Mesh:
    """The surface where a field changes its sign.

    Args:
        corner: ``(B, 3)`` places of the blocks.
        slots: keys and block numbers of the hash table.
        tsdf, weight: ``(B, CELL)`` values and observations.
        color: ``(B, 4, CELL)`` means and observations, or None.
        votes: ``(B, CELL, CANDIDATES)``, or None.
        least: observations that every corner of a cell needs.
        voxel_m: edge of a voxel, metres.
        learnt: ``(B, CELL)`` float32, confidence of the voxels whose value was not measured, 0 of
            the others; None where all were.

    Returns:
        Mesh in world metres, with colours, labels and completed vertices where there is what they
        are made of.
    """
    count, table = len(corner), cell_triangles()
    upper, lower = (np.empty((count, 8), dtype=np.int32) for _ in range(2))
    neighbours_of(corner, *slots, upper, lower)
    states, patterns, edges = (np.empty((count, CELL), dtype=np.uint8) for _ in range(3))
    spread(partial(classify, tsdf, weight, least, states), count)

    triangles = (table >= 0).sum(axis=1) // 3
    active = np.empty(count, dtype=np.bool_)
    face_start, vertex_start = (np.zeros(count + 1, dtype=np.int64) for _ in range(2))
    find = partial(find_patterns, states, upper, triangles, patterns, active, face_start[1:])
    spread(find, count)
    places = np.empty((count, CELL), dtype=np.uint16)
    spread(partial(find_edges, patterns, active, lower, edges, places, vertex_start[1:]), count)
    np.cumsum(face_start, out=face_start)
    np.cumsum(vertex_start, out=vertex_start)

    vertices = np.empty((int(vertex_start[-1]), 3), dtype=np.float32)
    colors = np.zeros((0 if color is None else len(vertices), 3), dtype=np.uint8)
    means = np.zeros((1, 4, 1), np.uint16) if color is None else color
    place = partial(
        place_vertices, tsdf, means, color is not None, corner, upper, voxel_m, edges,
        vertex_start, vertices, colors,
    )  # fmt: skip
    spread(place, count)
    labels = None
    if votes is not None:
        labels = np.zeros(len(vertices), dtype=np.uint8)
        spread(partial(label_vertices, votes, upper, edges, vertex_start, labels), count)
    confidence = completed = None
    if learnt is not None:
        confidence = np.empty(len(vertices), dtype=np.float32)
        spread(partial(mark_vertices, learnt, upper, edges, vertex_start, confidence), count)
        completed = confidence < MEASURED
        confidence = np.minimum(confidence, np.float32(1))
    faces = np.empty((int(face_start[-1]), 3), dtype=np.int32)
    write = partial(
        write_faces, patterns, upper, table, edges, places, vertex_start, face_start, faces
    )
    spread(write, count)
    return Mesh(vertices, faces, None if color is None else colors, labels, completed, confidence)
