"""Loops over vertices and faces of a surface."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def normals(vertices_m, faces):  # type: ignore[no-untyped-def]
    """Unit normals ``(V, 3)`` float32, faces weighted by area; 0 where there is no face."""
    total = np.zeros((len(vertices_m), 3))
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        p, q, r = vertices_m[a, 0], vertices_m[a, 1], vertices_m[a, 2]
        q0, q1, q2 = vertices_m[b, 0] - p, vertices_m[b, 1] - q, vertices_m[b, 2] - r
        r0, r1, r2 = vertices_m[c, 0] - p, vertices_m[c, 1] - q, vertices_m[c, 2] - r
        x, y, z = q1 * r2 - q2 * r1, q2 * r0 - q0 * r2, q0 * r1 - q1 * r0
        for k in (a, b, c):
            total[k, 0] += x
            total[k, 1] += y
            total[k, 2] += z
    found = np.empty((len(vertices_m), 3), dtype=np.float32)
    for n in range(len(total)):
        x, y, z = total[n, 0], total[n, 1], total[n, 2]
        length = math.sqrt(x * x + y * y + z * z)
        length = length if length > 0 else 1.0
        found[n, 0], found[n, 1], found[n, 2] = x / length, y / length, z / length
    return found


@_kernel
def _cell(place, corner, cell_m):  # type: ignore[no-untyped-def]
    """Cell along one axis; in float32, as numbers of meshes are."""
    return np.int64(math.floor(np.float32(np.float32(place - corner) / cell_m)))


@_kernel
def cell_keys(vertices_m, normals, cell_m, corner_m):  # type: ignore[no-untyped-def]
    """Number of each vertex's cell and side, int64, and how many such numbers there may be."""
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        low[axis] = _cell(vertices_m[:, axis].min(), corner_m[axis], cell_m)
        high[axis] = _cell(vertices_m[:, axis].max(), corner_m[axis], cell_m)
    span = high - low + 1
    key = np.empty(len(vertices_m), dtype=np.int64)
    for n in range(len(key)):
        number = np.int64(0)
        widest, side = np.float32(-1), 0
        for axis in range(3):
            cell = _cell(vertices_m[n, axis], corner_m[axis], cell_m)
            number = number * span[axis] + cell - low[axis]
            if abs(normals[n, axis]) > widest:
                widest = abs(normals[n, axis])
                side = axis * 2 + (normals[n, axis] < 0)
        key[n] = number * 6 + side
    return key, float(span[0]) * float(span[1]) * float(span[2]) * 6.0


@_kernel
def numbered(key, kinds):  # type: ignore[no-untyped-def]
    """Ranks of the keys among those that occur, and the first place of each of these."""
    table = np.zeros(int(kinds), dtype=np.int32)
    for n in range(len(key)):
        table[key[n]] = 1
    count = np.int32(0)
    for k in range(len(table)):
        if table[k]:
            table[k] = count
            count += np.int32(1)
    rank = np.empty(len(key), dtype=np.int64)
    first = np.empty(count, dtype=np.int64)
    for n in range(len(key) - 1, -1, -1):
        rank[n] = table[key[n]]
        first[rank[n]] = n
    return rank, first


@_kernel
def means(values, cluster):  # type: ignore[no-untyped-def]
    """Mean of ``(V, 3)`` values by cluster, float64."""
    count = cluster.max() + 1 if len(cluster) else 0
    sums, size = np.zeros((count, 3)), np.zeros(count)
    for n in range(len(cluster)):
        k = cluster[n]
        size[k] += 1
        sums[k, 0] += values[n, 0]
        sums[k, 1] += values[n, 1]
        sums[k, 2] += values[n, 2]
    for k in range(count):
        sums[k] /= size[k]
    return sums


@_kernel
def rays_about(places, normals, local, ahead_m):  # type: ignore[no-untyped-def]
    """Rays about each normal: ``(C * R, 3)`` float32 origins and directions.

    Args:
        places, normals: ``(C, 3)``; normals of any length.
        local: ``(R, 3)`` directions about z.
        ahead_m: how far in front of its place a ray begins.
    """
    rays = len(local)
    origins = np.empty((len(places) * rays, 3), dtype=np.float32)
    directions = np.empty((len(places) * rays, 3), dtype=np.float32)
    for c in range(len(places)):
        x, y, z = normals[c, 0], normals[c, 1], normals[c, 2]
        size = max(math.sqrt(x * x + y * y + z * z), 1e-9)
        x, y, z = x / size, y / size, z / size
        # Across the normal: its product with z, or with x where it looks along z.
        s, t, u = (y, -x, 0.0) if abs(z) < 0.9 else (0.0, z, -y)
        size = max(math.sqrt(s * s + t * t + u * u), 1e-9)
        s, t, u = s / size, t / size, u / size
        p, q, r = y * u - z * t, z * s - x * u, x * t - y * s
        for k in range(rays):
            n = c * rays + k
            a, b, h = local[k, 0], local[k, 1], local[k, 2]
            origins[n, 0] = places[c, 0] + x * ahead_m
            origins[n, 1] = places[c, 1] + y * ahead_m
            origins[n, 2] = places[c, 2] + z * ahead_m
            directions[n, 0] = a * s + b * p + h * x
            directions[n, 1] = a * t + b * q + h * y
            directions[n, 2] = a * u + b * r + h * z
    return origins, directions


@_kernel
def openness(distance, rays, reach_m):  # type: ignore[no-untyped-def]
    """Mean of what each place's rays leave open, ``(C,)``: 1 where none hits within reach."""
    found = np.empty(len(distance) // rays)
    for c in range(len(found)):
        closed = 0.0
        for k in range(rays):
            closed += min(max(1 - distance[c * rays + k] / reach_m, 0.0), 1.0)
        found[c] = 1 - closed / rays
    return found


@_kernel
def smoothed(values, cluster, faces, times):  # type: ignore[no-untyped-def]
    """Values of clusters at their vertices, each taking ``times`` the mean with its neighbours."""
    count = len(cluster)
    value, total, degree = np.empty(count), np.empty(count), np.ones(count)
    for n in range(count):
        value[n] = values[cluster[n]]
    for f in range(len(faces)):
        for k in range(3):
            degree[faces[f, k]] += 2
    for _ in range(times):
        total[:] = value
        for f in range(len(faces)):
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            p, q, r = value[a], value[b], value[c]
            total[a] += q + r
            total[b] += r + p
            total[c] += p + q
        for n in range(count):
            value[n] = total[n] / degree[n]
    return value.astype(np.float32)


@_kernel
def distinct_faces(faces, cluster, count):  # type: ignore[no-untyped-def]
    """Faces between clusters that have not collapsed, each once.

    Faces on the same three corners in the same order show as one.

    Args:
        faces: ``(F, 3)`` of vertices.
        cluster: ``(V,)`` of each vertex.
        count: of clusters.

    Returns:
        ``(F', 3)`` int32 in rising order, the lowest corner first, and which of ``faces`` each was
        first, int64.
    """
    turned = np.empty((len(faces), 3), dtype=np.int32)
    kept = np.empty(len(faces), dtype=np.int64)
    left = 0
    for f in range(len(faces)):
        a, b, c = cluster[faces[f, 0]], cluster[faces[f, 1]], cluster[faces[f, 2]]
        if a == b or b == c or c == a:
            continue
        while a > b or a > c:
            a, b, c = b, c, a
        turned[left, 0], turned[left, 1], turned[left, 2] = a, b, c
        kept[left] = f
        left += 1
    order = np.arange(left)
    for corner in (2, 1, 0):  # each pass keeps the order of the one before
        order = _counted(turned, corner, order, count)
    found = np.empty((left, 3), dtype=np.int32)
    chosen = np.empty(left, dtype=np.int64)
    number = 0
    for n in order:
        if number > 0:
            last = found[number - 1]
            if last[0] == turned[n, 0] and last[1] == turned[n, 1] and last[2] == turned[n, 2]:
                continue
        found[number] = turned[n]
        chosen[number] = kept[n]
        number += 1
    return found[:number].copy(), chosen[:number].copy()


@_kernel
def _counted(faces, corner, order, count):  # type: ignore[no-untyped-def]
    """The order sorted by one corner, by counting."""
    starts = np.zeros(count + 1, dtype=np.int64)
    for n in order:
        starts[faces[n, corner] + 1] += 1
    for k in range(count):
        starts[k + 1] += starts[k]
    found = np.empty_like(order)
    for n in order:
        k = faces[n, corner]
        found[starts[k]] = n
        starts[k] += 1
    return found
