"""Vertices of one class that hang together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[Any]

CELL_M = 0.04
"""Edge of a cell; patches hang together where their cells touch, at a corner at least."""

_NEIGHBOURS = tuple(
    (x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) > (0, 0, 0)
)  # one of each pair of opposite ones


def connected(points: Array, group: Array, cell_m: float = CELL_M) -> NDArray[np.int64]:
    """Patches of points whose cells touch and that are of one group.

    Args:
        points: ``(N, 3)`` metres.
        group: ``(N,)`` small numbers, for example classes.
        cell_m: edge of a cell: what is as far apart as one cell may be joined, what is farther
            apart than two is not.

    Returns:
        ``(N,)`` number of each point's patch, from 0.
    """
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    low = points.min(axis=0)
    cells = np.floor((points - low) / cell_m).astype(np.int64) + 1
    keys = _packed(group, cells)
    names, own = np.unique(keys, return_inverse=True)
    own = own.reshape(-1)
    rows, columns = [], []
    spans = cells.max(axis=0) + 2
    for x, y, z in _NEIGHBOURS:
        wanted = names + (x * spans[1] + y) * spans[2] + z
        at = np.searchsorted(names, wanted)
        there = np.flatnonzero(names[np.minimum(at, len(names) - 1)] == wanted)
        rows.append(there)
        columns.append(at[there])
    one, other = np.concatenate(rows), np.concatenate(columns)
    graph = coo_matrix((np.ones(len(one), np.int8), (one, other)), shape=(len(names), len(names)))
    return connected_components(graph, directed=False)[1].astype(np.int64)[own]


def connected_over_faces(faces: Array, labels: Array, chosen: Array) -> NDArray[np.int64]:
    """Patches of vertices that edges of faces join and that have one label.

    Args:
        faces: ``(F, 3)``.
        labels: ``(V,)``.
        chosen: ``(N,)`` the vertices that count.

    Returns:
        ``(N,)`` number of each chosen vertex's patch, from 0.
    """
    place = np.full(len(labels), -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    same = labels[edges[:, 0]] == labels[edges[:, 1]]
    pairs = place[edges[same]]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    count = len(chosen)
    graph = coo_matrix((np.ones(len(pairs), np.int8), tuple(pairs.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _packed(group: Array, cells: Array) -> Array:
    """One number a cell; neighbours differ by fixed steps. Cells have a free one at every end."""
    spans = cells.max(axis=0) + 2
    return ((group.astype(np.int64) * spans[0] + cells[:, 0]) * spans[1] + cells[:, 1]) * spans[
        2
    ] + cells[:, 2]


def ordered(number: Array) -> list[NDArray[np.int64]]:
    """Members of each number from 0: one sort for all."""
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    return np.split(order, np.cumsum(counts)[:-1])
