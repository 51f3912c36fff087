"""Marching cubes over the blocks, step by step: neighbours, patterns, edges, the mesh.

Corners and edges of a cell are numbered as in :mod:`crossvox.scene.tsdf.cells`. What a block needs
of its neighbours is copied beside its own voxels first, 9 along each axis instead of 8, so that the
rules for cells and edges are plain arithmetic on rows of bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.scene.tsdf.blocks import BLOCK, CELL, find_block
from crossvox.scene.tsdf.colors import COLOR_SCALE

Array = NDArray[Any]

ROW = BLOCK + 1
"""Along z, from one voxel of a block with its rim to the next along y."""

PLANE = ROW * ROW
"""From one voxel of a block with its rim to the next along x."""


@njit(cache=True, nogil=True)
def neighbours_of(
    corner: Array, slot_keys: Array, slot_blocks: Array, upper: Array, lower: Array
) -> None:
    """For every block, the block at each of the eight upper and lower offsets, or -1.

    The first is the block itself.
    """
    for n in range(len(corner)):
        x, y, z = corner[n]
        for c in range(8):
            i, j, k = c & 1, c >> 1 & 1, c >> 2 & 1
            upper[n, c] = find_block(x + i, y + j, z + k, slot_keys, slot_blocks)
            lower[n, c] = find_block(x - i, y - j, z - k, slot_keys, slot_blocks)


@njit(cache=True, nogil=True)
def _with_rim(values: Array, blocks: Array, above: bool, rimmed: Array) -> None:
    """Copy a block's bytes and its neighbours' nearest ones; 0 where there is no neighbour.

    Args:
        values: ``(B, CELL)`` uint8 of all blocks.
        blocks: ``(8,)``, the block and its neighbours at the upper or lower offsets.
        above: whether the rim is at the upper end of each axis, or before the lower end.
        rimmed: ``(PLANE * ROW,)`` uint8, receives them.
    """
    own = 0 if above else 1
    for c in range(8):
        block = blocks[c]
        # Along an axis: the whole block, or one voxel of a neighbour.
        ni, nj, nk = 1 if c & 1 else BLOCK, 1 if c & 2 else BLOCK, 1 if c & 4 else BLOCK
        at, last = (BLOCK, 0) if above else (0, BLOCK - 1)
        to = (at if c & 1 else own) * PLANE + (at if c & 2 else own) * ROW + (at if c & 4 else own)
        start = ((last if c & 1 else 0) * BLOCK + (last if c & 2 else 0)) * BLOCK
        start += last if c & 4 else 0
        for i in range(ni):
            for j in range(nj):
                target, source = to + i * PLANE + j * ROW, start + (i * BLOCK + j) * BLOCK
                for k in range(nk):
                    rimmed[target + k] = values[block, source + k] if block >= 0 else 0


@njit(cache=True, nogil=True)
def classify(tsdf: Array, weight: Array, least: int, states: Array, begin: int, end: int) -> None:
    """Of every voxel: 0 not observed enough, 2 free, 3 inside."""
    for n in range(begin, end):
        values, weights, row = tsdf[n], weight[n], states[n]
        for cell in range(CELL):
            known = np.uint8(weights[cell] >= least)
            row[cell] = (known << 1) | (known & np.uint8(values[cell] < 0))


@njit(cache=True, nogil=True)
def find_patterns(
    states: Array,
    upper: Array,
    triangles: Array,
    patterns: Array,
    active: Array,
    face_counts: Array,
    begin: int,
    end: int,
) -> None:
    """Sign patterns of all cells; 0, nothing to draw, where a corner was not observed enough.

    Args:
        states: ``(B, CELL)``, see :func:`classify`.
        upper: ``(B, 8)``, see :func:`neighbours_of`.
        triangles: ``(256,)``, triangles of every pattern.
        patterns: ``(B, CELL)`` uint8, receives the patterns.
        active: ``(B,)`` bool, receives whether a block has anything to draw.
        face_counts: ``(B,)``, receives the triangles of every block.
        begin, end: which blocks.
    """
    s = np.zeros(PLANE * ROW, dtype=np.uint8)
    found = np.zeros(PLANE * ROW, dtype=np.uint8)
    for n in range(begin, end):
        _with_rim(states, upper[n], True, s)
        for x in range(len(s) - PLANE - ROW - 1):
            a, b, c, d = s[x], s[x + PLANE], s[x + ROW], s[x + PLANE + ROW]
            e, f, g, h = s[x + 1], s[x + PLANE + 1], s[x + ROW + 1], s[x + PLANE + ROW + 1]
            low = (a & 1) | (b & 1) << 1 | (c & 1) << 2 | (d & 1) << 3
            high = (e & 1) << 4 | (f & 1) << 5 | (g & 1) << 6 | (h & 1) << 7
            known = (a & b & c & d & e & f & g & h) >> 1
            # All bits where it is 1, none where it is 0.
            found[x] = (low | high) & (0 - known)
        faces = 0
        for i in range(BLOCK):
            for j in range(BLOCK):
                start, source = (i * BLOCK + j) * BLOCK, i * PLANE + j * ROW
                for k in range(BLOCK):
                    pattern = found[source + k]
                    patterns[n, start + k] = pattern
                    faces += triangles[pattern]
        face_counts[n] = faces
        active[n] = faces > 0


@njit(cache=True, nogil=True)
def find_edges(
    patterns: Array,
    active: Array,
    lower: Array,
    edges: Array,
    places: Array,
    vertex_counts: Array,
    begin: int,
    end: int,
) -> None:
    """Which voxel edges carry a vertex: those that change sign in a cell that is drawn.

    Args:
        patterns, active: see :func:`find_patterns`.
        lower: ``(B, 8)``, see :func:`neighbours_of`.
        edges: ``(B, CELL)`` uint8, receives one bit an axis; all of it where there is anything.
        places: ``(B, CELL)`` uint16, receives the number, within the block, of the first vertex of
            a voxel's edges.
        vertex_counts: ``(B,)``, receives the vertices of every block.
        begin, end: which blocks.
    """
    p = np.zeros(PLANE * ROW, dtype=np.uint8)
    found = np.zeros(PLANE * ROW, dtype=np.uint8)
    first = PLANE + ROW + 1
    for n in range(begin, end):
        vertex_counts[n] = 0
        some = False
        for c in range(8):
            some |= lower[n, c] >= 0 and active[lower[n, c]]
        if not some:
            continue
        _with_rim(patterns, lower[n], False, p)
        # An edge belongs to four cells; the two corners that it joins are others in each.
        for x in range(first, len(p)):
            here, i, j, k = p[x], p[x - PLANE], p[x - ROW], p[x - 1]
            ij, ik, jk = p[x - PLANE - ROW], p[x - PLANE - 1], p[x - ROW - 1]
            along_x = (here ^ here >> 1) | (j >> 2 ^ j >> 3) | (k >> 4 ^ k >> 5)
            along_x |= jk >> 6 ^ jk >> 7
            along_y = (here ^ here >> 2) | (i >> 1 ^ i >> 3) | (k >> 4 ^ k >> 6)
            along_y |= ik >> 5 ^ ik >> 7
            along_z = (here ^ here >> 4) | (i >> 1 ^ i >> 5) | (j >> 2 ^ j >> 6)
            along_z |= ij >> 3 ^ ij >> 7
            found[x] = (along_x & 1) | (along_y & 1) << 1 | (along_z & 1) << 2
        count = 0
        for i in range(BLOCK):
            for j in range(BLOCK):
                start, source = (i * BLOCK + j) * BLOCK, first + i * PLANE + j * ROW
                for k in range(BLOCK):
                    bits = found[source + k]
                    edges[n, start + k] = bits
                    places[n, start + k] = count
                    count += (bits & 1) + (bits >> 1 & 1) + (bits >> 2)
        vertex_counts[n] = count


@njit(cache=True, nogil=True, inline="always")
def corner_of(n: int, cell: int, c: int, upper: Array) -> tuple[int, int]:
    """Block and voxel of corner c of a cell of block n."""
    i, j, k = (cell >> 6) + (c & 1), (cell >> 3 & 7) + (c >> 1 & 1), (cell & 7) + (c >> 2 & 1)
    which = (i >> 3) | (j >> 3) << 1 | (k >> 3) << 2
    return upper[n, which], ((i & 7) * BLOCK + (j & 7)) * BLOCK + (k & 7)


@njit(cache=True, nogil=True)
def place_vertices(
    tsdf: Array,
    color: Array,
    has_color: bool,
    corner: Array,
    upper: Array,
    voxel_m: float,
    edges: Array,
    vertex_start: Array,
    vertices: Array,
    colors: Array,
    begin: int,
    end: int,
) -> None:
    """Put the vertices where the distance is 0 along their edges."""
    for n in range(begin, end):
        vertex = vertex_start[n]
        if vertex == vertex_start[n + 1]:
            continue
        for cell in range(CELL):
            bits = edges[n, cell]
            if bits == 0:
                continue
            i, j, k = cell >> 6, cell >> 3 & 7, cell & 7
            for axis in range(3):
                if not bits >> axis & 1:
                    continue
                other, far = corner_of(n, cell, 1 << axis, upper)
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
                        mean = (1 - share) * color[n, c, cell] + share * color[other, c, far]
                        colors[vertex, c] = min(255, int(mean / COLOR_SCALE + 0.5))
                vertex += 1


MEASURED = np.float32(2)
"""Stands for the confidence of a vertex between two measured voxels."""


@njit(cache=True, nogil=True)
def mark_vertices(
    learnt: Array,
    upper: Array,
    edges: Array,
    vertex_start: Array,
    confidence: Array,
    begin: int,
    end: int,
) -> None:
    """How sure vertices are: the smaller confidence of the learnt ones of both voxels, or
    :data:`MEASURED`."""
    for n in range(begin, end):
        vertex = vertex_start[n]
        if vertex == vertex_start[n + 1]:
            continue
        for cell in range(CELL):
            for axis in range(3):
                if edges[n, cell] >> axis & 1:
                    other, far = corner_of(n, cell, 1 << axis, upper)
                    sure = MEASURED
                    for value in (learnt[n, cell], learnt[other, far]):
                        if value > 0:
                            sure = min(sure, value)
                    confidence[vertex] = sure
                    vertex += 1


@njit(cache=True, nogil=True)
def write_faces(
    patterns: Array,
    upper: Array,
    table: Array,
    edges: Array,
    places: Array,
    vertex_start: Array,
    face_start: Array,
    faces: Array,
    begin: int,
    end: int,
) -> None:
    """Write every block's triangles as vertex numbers."""
    for n in range(begin, end):
        face = face_start[n]
        if face == face_start[n + 1]:
            continue
        for cell in range(CELL):
            pattern = patterns[n, cell]
            place = 0
            while table[pattern, place] >= 0:
                edge = table[pattern, place]
                block, voxel = corner_of(n, cell, edge // 3, upper)
                axis, bits = edge % 3, edges[block, voxel]
                before = (bits & 1 if axis > 0 else 0) + (bits >> 1 & 1 if axis > 1 else 0)
                faces[face, place % 3] = vertex_start[block] + places[block, voxel] + before
                place += 1
                if place % 3 == 0:
                    face += 1
