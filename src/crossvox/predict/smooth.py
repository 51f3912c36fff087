"""Classes along a surface: carried to where no frame labelled it, and smoothed within its parts."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crossvox.core.threads import spread
from crossvox.core.volume import Mesh
from crossvox.predict.params import SmoothParams
from crossvox.scene.shell import vertex_normals

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SurfaceGraph:
    """Which vertices of a surface are neighbours.

    A face's edges go round it: an edge between two faces is there in both directions.

    Attributes:
        start: ``(V + 1,)`` int64; the neighbours of vertex n are ``other[start[n]:start[n + 1]]``.
        other: ``(E,)`` int32.
        origin: ``(E,)`` int32, the vertices that those are neighbours of.
        length_m: ``(E,)`` float32.
        step: ``(E,)`` float32, by how much both ends look like different parts: 1 - cosine of their
            normals, and the distance of their colours by its weight.
        order: edges by rising step.
    """

    start: NDArray[np.int64]
    other: NDArray[np.int32]
    origin: NDArray[np.int32]
    length_m: NDArray[np.float32]
    step: NDArray[np.float32]
    order: NDArray[np.int64]


def surface_graph(mesh: Mesh, params: SmoothParams) -> SurfaceGraph:
    """The graph of a mesh's edges."""
    count = len(mesh.vertices_m)
    start = np.zeros(count + 1, np.int64)
    start[1:] = np.cumsum(np.bincount(mesh.faces.ravel(), minlength=count))
    other = np.empty(3 * len(mesh.faces), np.int32)
    _fill(mesh.faces, start[:-1].copy(), other)
    length = np.empty(len(other), np.float32)
    step = np.empty(len(other), np.float32)
    colors = mesh.colors
    arguments = (
        start,
        other,
        mesh.vertices_m,
        vertex_normals(mesh),
        np.zeros((1, 3), np.uint8) if colors is None else colors,
        colors is not None,
        np.float32(params.color / 255),
        length,
        step,
    )
    spread(partial(_weigh, *arguments), count)
    origin = np.repeat(np.arange(count, dtype=np.int32), np.diff(start))
    order = np.argsort(step, kind="stable")
    return SurfaceGraph(start, other, origin, length, step, order)


def carry(
    mesh: Mesh,
    graph: SurfaceGraph,
    probability: NDArray[np.float32],
    known: NDArray[np.bool_],
    half_m: float,
) -> NDArray[np.float32]:
    """Give vertices that no frame labelled what the nearest labelled one along the surface has.

    Args:
        mesh: the surface.
        graph: of its edges.
        probability: ``(V, C)``; changed in place where it is not known.
        known: ``(V,)`` bool, what frames labelled.
        half_m: distance along the surface after which half of what is known is left, metres; the
            rest is spread over all classes alike. Parts of the surface without any labelled vertex
            take that of the nearest one in space.

    Returns:
        ``(V,)`` metres to where the probabilities are from.
    """
    distance = np.where(known, np.float32(0), np.float32(np.inf)).astype(np.float32)
    if not known.any():
        return distance
    source = np.where(known, np.arange(len(known)), -1).astype(np.int64)
    _nearest(graph.start, graph.other, graph.length_m, distance, source)
    lost = np.flatnonzero(source < 0)
    if len(lost):
        labelled = np.flatnonzero(known)
        apart, nearest = cKDTree(mesh.vertices_m[labelled]).query(mesh.vertices_m[lost])
        source[lost], distance[lost] = labelled[nearest], apart
    far = np.flatnonzero(~known)
    kept = np.exp2(-distance[far] / half_m).astype(np.float32)[:, None]
    probability[far] = kept * probability[source[far]] + (1 - kept) / probability.shape[1]
    return distance


@njit(cache=True, nogil=True)
def _fill(faces: Array, at: Array, other: Array) -> None:
    for n in range(len(faces)):
        for c in range(3):
            vertex = faces[n, c]
            other[at[vertex]] = faces[n, (c + 1) % 3]
            at[vertex] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(
    start: Array,
    other: Array,
    points: Array,
    normals: Array,
    colors: Array,
    colored: bool,
    tint: Any,
    length: Array,
    steps: Array,
    begin: int,
    end: int,
) -> None:
    for n in range(begin, end):
        for e in range(start[n], start[n + 1]):
            m = other[e]
            square, cosine, apart = np.float32(0), np.float32(0), np.float32(0)
            for axis in range(3):
                square += (points[n, axis] - points[m, axis]) ** 2
                cosine += normals[n, axis] * normals[m, axis]
                if colored:
                    step = np.float32(colors[n, axis]) - np.float32(colors[m, axis])
                    apart += step * step
            length[e] = np.sqrt(square)
            steps[e] = max(1 - cosine, np.float32(0)) + np.sqrt(apart) * tint


@njit(cache=True, nogil=True)
def _nearest(start: Array, other: Array, length: Array, distance: Array, source: Array) -> None:
    """Shortest ways (Dijkstra 1959) from all vertices with a distance of 0."""
    heap = [(np.float32(0), np.int64(0)) for _ in range(0)]
    for n in range(len(distance)):
        if distance[n] == 0:
            for e in range(start[n], start[n + 1]):
                if distance[other[e]] > 0:
                    heap.append((np.float32(0), np.int64(n)))
                    break
    heapq.heapify(heap)
    while len(heap) > 0:
        so_far, at = heapq.heappop(heap)
        if so_far > distance[at]:
            continue
        for e in range(start[at], start[at + 1]):
            m, way = other[e], so_far + length[e]
            if way < distance[m]:
                distance[m], source[m] = way, source[at]
                heapq.heappush(heap, (way, np.int64(m)))


def parts_of(mesh: Mesh, graph: SurfaceGraph, scale: float, least: int) -> NDArray[np.int64]:
    """Cut a surface into parts that look alike (Felzenszwalb and Huttenlocher 2004).

    Edges are looked at from the most to the least alike; two parts are joined where the edge is no
    more of a step than what lies within both, and a little that is the larger the smaller they are.

    Args:
        mesh: the surface.
        graph: of its edges.
        scale: how much that little is: divided by a part's number of vertices.
        least: parts of fewer vertices are joined in the end.

    Returns:
        ``(V,)`` number of each vertex's part, from 0.
    """
    parent = np.empty(len(mesh.vertices_m), np.int64)
    _cut(graph.order, graph.origin, graph.other, graph.step, np.float32(scale), least, parent)
    found: NDArray[np.int64] = np.unique(parent, return_inverse=True)[1]
    return found.ravel()


def parts_by_scale(
    mesh: Mesh, graph: SurfaceGraph, params: SmoothParams
) -> tuple[NDArray[np.int64], ...]:
    """The parts of a surface at every scale of ``params``, see :func:`parts_of`; a scale a thread.

    They follow from the surface alone: whatever is smoothed along it has the same.
    """
    found: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(params.scales)

    def some(begin: int, end: int) -> None:
        for n in range(begin, end):
            found[n] = parts_of(mesh, graph, params.scales[n], params.least_vertices)

    spread(some, len(found), len(found))
    return tuple(found)


def smooth(
    parts: Sequence[NDArray[np.int64]],
    probability: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Mean of what each vertex is said to be and what the parts that it belongs to are.

    Args:
        parts: ``(V,)`` each, see :func:`parts_by_scale`.
        probability: ``(V, C)``.
        weight: ``(V,)`` how much a vertex counts in its parts.
    """
    total = np.array(probability, np.float32)
    for part in parts:
        count = int(part.max()) + 1 if len(part) else 0
        mean = np.zeros((count, probability.shape[1]), np.float32)
        _mean(part, probability, weight, mean, np.zeros(count, np.float32))
        spread(partial(_add_mean, part, mean, total), len(part))
    total /= 1 + len(parts)
    return total


@njit(cache=True, nogil=True)
def _root(parent: Array, n: int) -> Any:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _cut(
    order: Array, origin: Array, other: Array, step: Array, scale: Any, least: int, parent: Array
) -> None:
    """See :func:`parts_of`; ``parent`` receives a vertex of each vertex's part."""
    count = len(parent)
    size, limit = np.ones(count, np.int64), np.full(count, scale, np.float32)
    for n in range(count):
        parent[n] = n
    for e in order:
        a, b = _root(parent, origin[e]), _root(parent, other[e])
        if a != b and step[e] <= limit[a] and step[e] <= limit[b]:
            parent[b] = a
            size[a] += size[b]
            limit[a] = step[e] + scale / np.float32(size[a])
    for e in order:
        a, b = _root(parent, origin[e]), _root(parent, other[e])
        if a != b and (size[a] < least or size[b] < least):
            parent[b] = a
            size[a] += size[b]
    for n in range(count):
        parent[n] = _root(parent, n)


@njit(cache=True, nogil=True, error_model="numpy")
def _mean(part: Array, probability: Array, weight: Array, mean: Array, total: Array) -> None:
    for n in range(len(part)):
        at, share = part[n], weight[n]
        total[at] += share
        for c in range(probability.shape[1]):
            mean[at, c] += share * probability[n, c]
    for at in range(len(total)):
        if total[at] > 0:
            for c in range(probability.shape[1]):
                mean[at, c] /= total[at]


@njit(cache=True, nogil=True)
def _add_mean(part: Array, mean: Array, total: Array, begin: int, end: int) -> None:
    for n in range(begin, end):
        at = part[n]
        for c in range(total.shape[1]):
            total[n, c] += mean[at, c]
