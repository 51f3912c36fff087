"""Classes along a surface: carried to where no frame labelled it, and smoothed within its parts."""

from __future__ import annotations

import heapq
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
        length_m: ``(E,)`` float32.
        alike: ``(E,)`` float32 from 0 to 1: how much both ends look like one part, by their normals
            and colours.
    """

    start: NDArray[np.int64]
    other: NDArray[np.int32]
    length_m: NDArray[np.float32]
    alike: NDArray[np.float32]


def surface_graph(mesh: Mesh, params: SmoothParams) -> SurfaceGraph:
    """The graph of a mesh's edges."""
    count = len(mesh.vertices_m)
    start = np.zeros(count + 1, np.int64)
    start[1:] = np.cumsum(np.bincount(mesh.faces.ravel(), minlength=count))
    other = np.empty(3 * len(mesh.faces), np.int32)
    _fill(mesh.faces, start[:-1].copy(), other)
    length = np.empty(len(other), np.float32)
    alike = np.empty(len(other), np.float32)
    colors = mesh.colors
    arguments = (
        start,
        other,
        mesh.vertices_m,
        vertex_normals(mesh),
        np.zeros((1, 3), np.uint8) if colors is None else colors,
        colors is not None,
        1 / (1 - np.cos(np.radians(params.normal_deg))),
        0.5 / params.color**2,
        length,
        alike,
    )
    spread(partial(_weigh, *arguments), count)
    return SurfaceGraph(start, other, length, alike)


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
    bend: float,
    tint: float,
    length: Array,
    alike: Array,
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
            alike[e] = np.exp(-max(1 - cosine, np.float32(0)) * bend - apart * tint)


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


def smooth(
    graph: SurfaceGraph,
    probability: NDArray[np.float32],
    weight: NDArray[np.float32],
    params: SmoothParams,
) -> NDArray[np.float32]:
    """Move every vertex towards its neighbours of the same part (diffusion with a data term).

    Each step takes ``(t p0 + s sum(alike p)) / (t + s sum(alike))`` with p0 what was known at
    first, t the trust in it, s the strength.

    Args:
        graph: of the surface.
        probability: ``(V, C)``.
        weight: ``(V,)`` trust in them; 0 takes everything from the neighbours.
        params: strength and steps.
    """
    first = np.ascontiguousarray(probability, np.float32)
    now, then = first, np.empty_like(first)
    for _ in range(params.steps):
        arguments = (graph.start, graph.other, graph.alike, first, weight, params.strength)
        spread(partial(_diffuse, *arguments, now, then), len(first))
        now, then = then, (np.empty_like(first) if now is first else now)
    return now


@njit(cache=True, nogil=True, error_model="numpy")
def _diffuse(
    start: Array,
    other: Array,
    alike: Array,
    first: Array,
    trust: Array,
    strength: float,
    now: Array,
    then: Array,
    begin: int,
    end: int,
) -> None:
    classes = first.shape[1]
    for n in range(begin, end):
        total = np.float32(trust[n])
        for c in range(classes):
            then[n, c] = total * first[n, c]
        for e in range(start[n], start[n + 1]):
            share, m = np.float32(strength * alike[e]), other[e]
            total += share
            for c in range(classes):
                then[n, c] += share * now[m, c]
        if total > 0:
            for c in range(classes):
                then[n, c] /= total
        else:
            for c in range(classes):
                then[n, c] = now[n, c]
