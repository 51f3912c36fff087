"""Votes of labelled frames: for every voxel near a surface, the classes that its pixels had.

A voxel keeps :data:`CANDIDATES` classes with a count each, 8 bytes in all, instead of a count for
every class there is. As long as no more classes than that vote for a voxel, its counts are exact;
where another one comes, each count loses one (Misra and Gries 1982), so that a class with more than
a fifth of the votes is always among those kept. Where a count would pass :data:`FULL_COUNT`, all
of the voxel's are halved.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.labels import NYU40_NAMES
from crossvox.scene.tsdf.blocks import CELL
from crossvox.scene.tsdf.mesh import corner_of

Array = NDArray[Any]

CANDIDATES = 4
"""Classes that a voxel keeps."""

COUNT_BITS = 10
FULL_COUNT = (1 << COUNT_BITS) - 1
"""Votes that a class of a voxel has at most."""

VOTE_VOXELS = 2.0
"""How far in front of or behind a reading voxels take its class, in voxels: the corners of the cell
that the surface passes through, and a little for noise. The band of the distance is wider, and what
is at its ends belongs to another surface more often."""

_CLASSES = len(NYU40_NAMES)


@njit(cache=True, nogil=True)
def vote(labels: Array, pixel: Array, distance: Array, near: float, votes: Array) -> None:
    """Let pixels vote for the voxels of a block that lie near them.

    Args:
        labels: ``(N,)`` uint8 NYU40 ids of all pixels; 0 does not vote, nor what is no class.
        pixel: ``(CELL,)`` pixel of every voxel.
        distance: ``(CELL,)`` metres in front of the surface; NaN where the pixel has no reading.
        near: how near a voxel must be, metres.
        votes: ``(CELL, CANDIDATES)`` uint16, id and count.
    """
    for cell in range(CELL):
        if not abs(distance[cell]) < near:
            continue
        label = np.int32(labels[np.uint32(pixel[cell])])
        if label == 0 or label >= _CLASSES:
            continue
        mine = votes[cell]
        slot, free = -1, -1
        for n in range(CANDIDATES):
            if mine[n] >> COUNT_BITS == label:
                slot = n
                break
            if mine[n] == 0 and free < 0:
                free = n
        if slot < 0:
            slot = free
        if slot < 0:
            for n in range(CANDIDATES):
                mine[n] = mine[n] - 1 if mine[n] & FULL_COUNT > 1 else 0
            continue
        count = mine[slot] & FULL_COUNT
        if count == FULL_COUNT:
            for n in range(CANDIDATES):
                half = (mine[n] & FULL_COUNT) >> 1
                mine[n] = (mine[n] & ~FULL_COUNT) | half if half > 0 else 0
            count = mine[slot] & FULL_COUNT
        mine[slot] = label << COUNT_BITS | (count + 1)


@njit(cache=True, nogil=True)
def most_voted(a: Array, b: Array) -> int:
    """The class with most votes of two voxels together, the lowest id of equals; 0 without any."""
    best: Any = 0
    most: Any = 0
    for n in range(2 * CANDIDATES):
        word = a[n] if n < CANDIDATES else b[n - CANDIDATES]
        label, count = np.int64(word >> COUNT_BITS), np.int64(word & FULL_COUNT)
        if n < CANDIDATES:
            for m in range(CANDIDATES):
                if b[m] >> COUNT_BITS == label:
                    count += b[m] & FULL_COUNT
        if count > most or (count == most and count > 0 and label < best):
            best, most = label, count
    return best


@njit(cache=True, nogil=True)
def label_vertices(
    votes: Array,
    upper: Array,
    edges: Array,
    vertex_start: Array,
    labels: Array,
    begin: int,
    end: int,
) -> None:
    """Label the vertices of a mesh by the votes of the two voxels that each lies between.

    Args:
        votes: ``(B, CELL, CANDIDATES)``, see :func:`vote`.
        upper, edges, vertex_start: see :mod:`crossvox.scene.tsdf.mesh`.
        labels: ``(V,)`` uint8, receives NYU40 ids; 0 where nobody voted.
        begin, end: which blocks.
    """
    for n in range(begin, end):
        vertex = vertex_start[n]
        if vertex == vertex_start[n + 1]:
            continue
        for cell in range(CELL):
            for axis in range(3):
                if edges[n, cell] >> axis & 1:
                    other, far = corner_of(n, cell, 1 << axis, upper)
                    labels[vertex] = most_voted(votes[n, cell], votes[other, far])
                    vertex += 1
