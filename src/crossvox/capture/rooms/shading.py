"""The kernel of light on what rays hit; what patterns make of it is in ``texture``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.rooms import texture

Array = NDArray[Any]

_BLOCK = 4096
"""Rays that are sorted by material together."""

_STEP = 32
"""Loops over rays of one material run on to a multiple of it: without remainders that are no
vectors, over what the next material has there, or nothing."""

_NORMAL, _LIGHT, _COORDS, _WAY, _DEPTH, _FOOTPRINT, _ROWS = 0, 3, 6, 8, 11, 12, 13
"""Rows of what is known of each ray of a block; the first eight are columns of ``corners``."""

_AWAY, _SPOT, _LEVEL, _FRESNEL, _SHINE, _SHINE_ROWS = 0, 3, 6, 7, 8, 11
"""Rows of what highlights are made of: way of the reflected ray, place, light, how much the slant
adds, and the highlight by channel."""

# Sums keep their order: a loop over few lamps is slower as vectors.
_in_order = {"contract", "arcp", "nnan", "nsz"}
_inlined = njit(nogil=True, error_model="numpy", fastmath=_in_order, forceinline=True)


@_inlined
def _power(base: np.float32, exponent: int) -> np.float32:
    """A whole power below 256 by squaring; a power of two real numbers takes many times longer."""
    result = np.float32(1)
    for bit in range(8):
        if exponent >> bit & 1:
            result *= base
        base *= base
    return result


@_inlined
def _highlights(
    count: int, gloss: float, sharpness: int, at: Array, eye: Array, lamps: Array, shine: Array
) -> None:
    """Highlights of lamps, and a sheen, on the first ``count`` rays of one material."""
    for i in range(count):
        nx, ny, nz = at[_NORMAL, i], at[_NORMAL + 1, i], at[_NORMAL + 2, i]
        n = np.float32(1) / max(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-6))
        dx, dy, dz = at[_WAY, i], at[_WAY + 1, i], at[_WAY + 2, i]
        d = np.float32(1) / np.sqrt(dx * dx + dy * dy + dz * dz)
        z = at[_DEPTH, i]
        shine[_SPOT, i] = eye[0] + dx * z
        shine[_SPOT + 1, i] = eye[1] + dy * z
        shine[_SPOT + 2, i] = eye[2] + dz * z
        nx, ny, nz, dx, dy, dz = nx * n, ny * n, nz * n, dx * d, dy * d, dz * d
        cosine = nx * dx + ny * dy + nz * dz
        twice = cosine + cosine
        shine[_AWAY, i] = dx - twice * nx
        shine[_AWAY + 1, i] = dy - twice * ny
        shine[_AWAY + 2, i] = dz - twice * nz
        slant = np.float32(1) - abs(cosine)
        shine[_LEVEL, i] = at[_LIGHT + 1, i] * gloss
        shine[_FRESNEL, i] = np.float32(0.25) + np.float32(0.75) * slant * slant * slant
        for k in range(3):
            shine[_SHINE + k, i] = np.float32(0)
    for lamp in range(len(lamps)):
        x, y, z = lamps[lamp, 0], lamps[lamp, 1], lamps[lamp, 2]
        red, green, blue = lamps[lamp, 3], lamps[lamp, 4], lamps[lamp, 5]
        for i in range(count):
            lx, ly, lz = x - shine[_SPOT, i], y - shine[_SPOT + 1, i], z - shine[_SPOT + 2, i]
            aim = shine[_AWAY, i] * lx + shine[_AWAY + 1, i] * ly + shine[_AWAY + 2, i] * lz
            aim /= max(np.sqrt(lx * lx + ly * ly + lz * lz), np.float32(1e-6))
            power = _power(aim if aim > np.float32(0.3) else np.float32(0), sharpness)
            value = power * shine[_LEVEL, i] * (np.float32(0.7) + shine[_FRESNEL, i])
            shine[_SHINE, i] += value * red
            shine[_SHINE + 1, i] += value * green
            shine[_SHINE + 2, i] += value * blue
    for i in range(count):
        sheen = np.float32(0.10) * shine[_LEVEL, i] * shine[_FRESNEL, i]
        for k in range(3):
            shine[_SHINE + k, i] += sheen


@_inlined
def _sort(face: Array, start: int, stop: int, materials: Array, runs: Array, ends: Array) -> int:
    """Find runs of rays that hit one face, and where each material begins in a sorted block.

    Args:
        face: ``(N,)`` faces hit, of which rays ``start`` to ``stop - 1`` are the block.
        materials: of each face.
        runs: result: first ray of each run, and ``stop`` after them.
        ends: ``(M,)`` result: where the rays of each material begin.

    Returns:
        How many runs there are.
    """
    count, known = 0, np.int32(-2)
    for i in range(start, stop):
        # Kept where a run begins, else written over.
        runs[count] = i
        count += face[i] != known
        known = face[i]
    runs[count] = stop
    ends[:] = 0
    for r in range(count):
        f = face[np.uint32(runs[r])]
        if f >= 0:
            ends[np.uint32(materials[np.uint32(f)])] += runs[r + 1] - runs[r]
    total = 0
    for number in range(len(ends)):
        mine = ends[number]
        ends[number] = total
        total += mine
    return count


@_inlined
def _lay_out(
    rays: slice,
    spot: int,
    corners_of_face: tuple[Any, Any, Any],
    bary_u: Array,
    bary_v: Array,
    depth: Array,
    directions: Array,
    corners: Array,
    a_pixel: float,
    glossy: bool,
    at: Array,
) -> None:
    """Write what is known of rays that hit one face to the rows of ``at``, from ``spot`` on."""
    a, b, c = corners_of_face
    for number in range(rays.start, rays.stop):
        i, j = np.uint32(number), np.uint32(spot + number - rays.start)
        u, v = bary_u[i], bary_v[i]
        w = np.float32(1) - u - v
        for k in range(_LIGHT, 8):
            at[k, j] = w * corners[a, k] + u * corners[b, k] + v * corners[c, k]
        at[_FOOTPRINT, j] = np.float32(depth[i] * a_pixel)
        if glossy:
            for k in range(3):
                at[k, j] = w * corners[a, k] + u * corners[b, k] + v * corners[c, k]
                at[_WAY + k, j] = directions[i, k]
            at[_DEPTH, j] = depth[i]


@_inlined
def _send_back(
    row: Array,
    count: int,
    atlas: Array,
    at: Array,
    shine: Array,
    places: tuple[Array, Array],
    seeds: Array,
    footprint_m: Array,
    mix: Array,
    light: Array,
    sent: Array,
) -> None:
    """What the material of a ``row`` of the table sends back, into ``sent (3, n)``; an image is
    looked up for the first ``count`` rays alone."""
    glow, kind, edge = row[12], int(row[0]), atlas.shape[1]
    s, t = places
    if kind == texture.IMAGE:
        image = int(row[11])
        for i in range(count):
            x0, x1, right = texture.image_place(s[i], edge)
            y0, y1, down = texture.image_row(t[i], edge)
            for k in range(3):
                sent[k, i] = texture.image_sent_back(
                    atlas[image, y0, x0, k], atlas[image, y0, x1, k],
                    atlas[image, y1, x0, k], atlas[image, y1, x1, k],
                    right, down, at[_LIGHT + k, i] + glow, shine[_SHINE + k, i],
                )  # fmt: skip
        return
    texture.colored(kind, s, t, seeds, footprint_m, row[7], mix, light)
    for k in range(3):
        one, other = row[1 + k], row[4 + k]
        for i in range(len(mix)):
            sent[k, i] = texture.sent_back(
                one, other, mix[i], light[i], at[_LIGHT + k, i] + glow, shine[_SHINE + k, i]
            )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_in_order)
def shade(
    face: Array,
    bary_u: Array,
    bary_v: Array,
    depth: Array,
    directions: Array,
    eye: Array,
    focal_px: float,
    faces: Array,
    corners: Array,
    materials: Array,
    parts: Array,
    table: Array,
    atlas: Array,
    lamps: Array,
    is_mirror: Array,
    mirrors: Array,
    color: Array,
) -> int:
    """Light that surfaces send back along rays: highlights, and light that they reflect.

    Args:
        face, bary_u, bary_v, depth: hits, ``(N,)``.
        directions: ``(N, 3)`` rays as cast.
        eye: ``(3,)`` camera centre.
        focal_px: focal length, for the size of a pixel on the surface.
        faces: the room's mesh.
        corners: ``(V, 8)`` float32 of its vertices: normal, light, surface coordinates.
        materials, parts: material and seed of each face.
        table, atlas: see ``MaterialBook``.
        lamps: ``(L, 6)`` position and colour of lamps, for highlights.
        is_mirror: ``(M,)`` bool by material.
        mirrors: ``(N,)`` result, numbers of the rays that hit a mirror.
        color: ``(N, 3)`` result, linear light; 0 where nothing was hit.

    Returns:
        How many rays hit a mirror.
    """
    a_pixel = 1 / focal_px
    runs, ends = np.empty(_BLOCK + 1, np.int32), np.empty(len(table), np.int64)
    ray, seeds = np.empty(_BLOCK, np.int32), np.empty(_BLOCK + _STEP, np.int32)
    # One array of a size that is known: then the compiler sees that rows do not overlap.
    at = np.empty((_ROWS, _BLOCK + _STEP), np.float32)
    shine = np.empty((_SHINE_ROWS, _BLOCK + _STEP), np.float32)
    mix, light = np.empty(_BLOCK + _STEP), np.empty(_BLOCK + _STEP)
    sent = np.empty((3, _BLOCK + _STEP), np.float32)
    reflected = 0
    for start in range(0, len(face), _BLOCK):
        for r in range(_sort(face, start, min(start + _BLOCK, len(face)), materials, runs, ends)):
            begin, stop = int(runs[r]), int(runs[r + 1])
            f = face[begin]
            if f < 0:
                color[begin:stop] = 0
                continue
            # Unsigned, so that no index is looked at twice for being negative.
            place = np.uint32(f)
            number = np.uint32(materials[place])
            spot = ends[number]
            ends[number] += stop - begin
            for i in range(begin, stop):
                ray[spot + i - begin], seeds[spot + i - begin] = i, parts[place]
            if is_mirror[number]:
                for i in range(begin, stop):
                    mirrors[reflected] = i
                    reflected += 1
            of_face = (
                np.uint32(faces[place, 0]), np.uint32(faces[place, 1]), np.uint32(faces[place, 2])
            )  # fmt: skip
            _lay_out(
                slice(begin, stop), spot, of_face, bary_u, bary_v, depth, directions, corners,
                a_pixel, table[number, 8] > 0, at,
            )  # fmt: skip
        # What begins with the next material now ends with this one.
        first, total = 0, ends[-1]
        at[:, total : total + _STEP] = 0
        seeds[total : total + _STEP] = 0
        for m in range(len(table)):
            count = ends[m] - first
            if count == 0:
                continue
            row, many = table[m], (count + _STEP - 1) // _STEP * _STEP
            mine = slice(first, first + many)
            if row[8] > 0:
                _highlights(many, row[8], int(row[9]), at[:, mine], eye, lamps, shine)
            else:
                shine[_SHINE:, :many] = 0
            _send_back(
                row, count, atlas, at[:, mine], shine, (at[_COORDS, mine], at[_COORDS + 1, mine]),
                seeds[mine], at[_FOOTPRINT, mine], mix[:many], light[:many], sent[:, mine],
            )  # fmt: skip
            first = ends[m]
        for i in range(first):
            place = np.uint32(ray[i])
            for k in range(3):
                color[place, k] = sent[k, i]
    return reflected
