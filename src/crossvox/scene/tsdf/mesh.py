"""Marching cubes over the blocks, step by step: neighbours, marks, vertices, faces.

Corners and edges of a cell are numbered as in :mod:`crossvox.scene.tsdf.cells`.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

from crossvox.scene.tsdf.blocks import BLOCK, CELL, find_block
from crossvox.scene.tsdf.integrate import COLOR_SCALE

Array = NDArray[Any]


@njit(cache=True, nogil=True)
def neighbours_of(corner: Array, slot_keys: Array, slot_blocks: Array, neighbours: Array) -> None:
    """For every block, the block at each of the eight upper offsets (itself first), or -1."""
    for n in range(len(corner)):
        for c in range(8):
            neighbours[n, c] = find_block(
                corner[n, 0] + (c & 1),
                corner[n, 1] + (c >> 1 & 1),
                corner[n, 2] + (c >> 2 & 1),
                slot_keys,
                slot_blocks,
            )


@njit(cache=True, nogil=True, inline="always")
def _corner_of(n: int, i: int, j: int, k: int, c: int, neighbours: Array) -> tuple[int, int]:
    """Block (or -1) and cell of corner c of the cell at ``(i, j, k)`` of block n."""
    i, j, k = i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)
    which = (i >> 3) | (j >> 3) << 1 | (k >> 3) << 2
    return neighbours[n, which], ((i & 7) * BLOCK + (j & 7)) * BLOCK + (k & 7)


@njit(cache=True, nogil=True)
def _pattern(
    tsdf: Array, weight: Array, least: int, n: int, i: int, j: int, k: int, neighbours: Array
) -> int:
    """Sign pattern of a cell; 0 (nothing to draw) where a corner was not observed enough."""
    pattern = 0
    for c in range(8):
        block, cell = _corner_of(n, i, j, k, c, neighbours)
        if block < 0 or weight[block, cell] < least:
            return 0
        if tsdf[block, cell] < 0:
            pattern |= 1 << c
    return pattern


@njit(cache=True, nogil=True)
def mark(
    tsdf: Array,
    weight: Array,
    least: int,
    neighbours: Array,
    table: Array,
    edge_vertex: Array,
    face_counts: Array,
    begin: int,
    end: int,
) -> None:
    """Mark the voxel edges that carry a vertex with 0, and count the triangles of every block.

    Blocks share edges, so two threads may mark the same one: both write the same value.
    """
    for n in range(begin, end):
        faces = 0
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    pattern = _pattern(tsdf, weight, least, n, i, j, k, neighbours)
                    place = 0
                    while table[pattern, place] >= 0:
                        edge = table[pattern, place]
                        block, cell = _corner_of(n, i, j, k, edge // 3, neighbours)
                        edge_vertex[block, cell, edge % 3] = 0
                        place += 1
                    faces += place // 3
        face_counts[n] = faces


@njit(cache=True, nogil=True)
def count_vertices(edge_vertex: Array, vertex_counts: Array, begin: int, end: int) -> None:
    for n in range(begin, end):
        count = 0
        for cell in range(CELL):
            for axis in range(3):
                count += edge_vertex[n, cell, axis] >= 0
        vertex_counts[n] = count


@njit(cache=True, nogil=True)
def place_vertices(
    tsdf: Array,
    color: Array,
    has_color: bool,
    corner: Array,
    neighbours: Array,
    voxel_m: float,
    vertex_start: Array,
    edge_vertex: Array,
    vertices: Array,
    colors: Array,
    begin: int,
    end: int,
) -> None:
    """Number the marked edges and put their vertices where the distance is 0 along them."""
    for n in range(begin, end):
        vertex = vertex_start[n]
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    cell = (i * BLOCK + j) * BLOCK + k
                    for axis in range(3):
                        if edge_vertex[n, cell, axis] < 0:
                            continue
                        edge_vertex[n, cell, axis] = vertex
                        other, far = _corner_of(n, i, j, k, 1 << axis, neighbours)
                        a, b = tsdf[n, cell], tsdf[other, far]
                        # Off the voxel itself, or triangles around it would have no area.
                        along = min(max(a / (a - b), 1e-3), 1 - 1e-3)
                        x = corner[n, 0] * BLOCK + i + (along if axis == 0 else 0.0)
                        y = corner[n, 1] * BLOCK + j + (along if axis == 1 else 0.0)
                        z = corner[n, 2] * BLOCK + k + (along if axis == 2 else 0.0)
                        vertices[vertex, 0] = x * voxel_m
                        vertices[vertex, 1] = y * voxel_m
                        vertices[vertex, 2] = z * voxel_m
                        if has_color:
                            share = along
                            if color[n, 3, cell] == 0:
                                share = 1.0
                            elif color[other, 3, far] == 0:
                                share = 0.0
                            for c in range(3):
                                mean = (1 - share) * color[n, c, cell] + share * color[
                                    other, c, far
                                ]
                                colors[vertex, c] = min(255, int(mean / COLOR_SCALE + 0.5))
                        vertex += 1


@njit(cache=True, nogil=True)
def write_faces(
    tsdf: Array,
    weight: Array,
    least: int,
    neighbours: Array,
    table: Array,
    edge_vertex: Array,
    face_start: Array,
    faces: Array,
    begin: int,
    end: int,
) -> None:
    """Write every block's triangles as vertex numbers."""
    for n in range(begin, end):
        face = face_start[n]
        for i in range(BLOCK):
            for j in range(BLOCK):
                for k in range(BLOCK):
                    pattern = _pattern(tsdf, weight, least, n, i, j, k, neighbours)
                    place = 0
                    while table[pattern, place] >= 0:
                        edge = table[pattern, place]
                        block, cell = _corner_of(n, i, j, k, edge // 3, neighbours)
                        faces[face, place % 3] = edge_vertex[block, cell, edge % 3]
                        place += 1
                        if place % 3 == 0:
                            face += 1
