"""The kernel of light on what rays hit; what patterns make of it is in ``texture``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.rooms import texture

Array = NDArray[Any]


@njit(nogil=True, error_model="numpy", fastmath=True)
def _power(base: np.float32, exponent: int) -> np.float32:
    """A whole power by squaring; a power of two real numbers takes many times longer."""
    result = np.float32(1)
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


# Sums keep their order: a loop over few lamps is slower as vectors.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nnan", "nsz"})
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
    known = np.int32(-1)
    # Unsigned, so that no index is looked at twice for being negative.
    a = b = c = number = np.uint32(0)
    gloss = glow = np.float32(0)
    sharpness = kind = seed = count = 0
    mirror = False
    edge = atlas.shape[1]
    at = np.empty(8, np.float32)
    for i in range(len(face)):
        f = face[i]
        if f < 0:
            color[i, 0] = color[i, 1] = color[i, 2] = 0.0
            continue
        if f != known:
            known, place = f, np.uint32(f)
            a, b, c = (
                np.uint32(faces[place, 0]), np.uint32(faces[place, 1]), np.uint32(faces[place, 2])
            )  # fmt: skip
            number, seed = np.uint32(materials[place]), parts[place]
            glow, gloss = table[number, 12], table[number, 8]
            sharpness, kind = int(table[number, 9]), int(table[number, 0])
            mirror = is_mirror[number]
        if mirror:
            mirrors[count] = i
            count += 1
        red = green = blue = np.float32(0)
        u, v = bary_u[i], bary_v[i]
        w = np.float32(1) - u - v
        for k in range(8):
            at[k] = w * corners[a, k] + u * corners[b, k] + v * corners[c, k]
        footprint_m = np.float32(depth[i] / focal_px)
        level = at[4]
        in_r, in_g, in_b = at[3] + glow, level + glow, at[5] + glow
        if gloss > 0.0:
            nx, ny, nz = at[0], at[1], at[2]
            n = np.float32(1) / max(np.sqrt(nx * nx + ny * ny + nz * nz), np.float32(1e-6))
            dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
            d = np.float32(1) / np.sqrt(dx * dx + dy * dy + dz * dz)
            px, py, pz = eye[0] + dx * depth[i], eye[1] + dy * depth[i], eye[2] + dz * depth[i]
            nx, ny, nz, dx, dy, dz = nx * n, ny * n, nz * n, dx * d, dy * d, dz * d
            cosine = nx * dx + ny * dy + nz * dz
            twice = cosine + cosine
            rx, ry, rz = dx - twice * nx, dy - twice * ny, dz - twice * nz
            level *= gloss
            slant = np.float32(1) - abs(cosine)
            fresnel = np.float32(0.25) + np.float32(0.75) * slant * slant * slant
            for k in range(len(lamps)):
                lx, ly, lz = lamps[k, 0] - px, lamps[k, 1] - py, lamps[k, 2] - pz
                aim = rx * lx + ry * ly + rz * lz
                if aim > 0:
                    aim /= max(np.sqrt(lx * lx + ly * ly + lz * lz), np.float32(1e-6))
                    if aim > np.float32(0.3):
                        shine = _power(aim, sharpness) * level * (np.float32(0.7) + fresnel)
                        red += shine * lamps[k, 3]
                        green += shine * lamps[k, 4]
                        blue += shine * lamps[k, 5]
            sheen = np.float32(0.10) * level * fresnel
            red, green, blue = red + sheen, green + sheen, blue + sheen
        if kind == texture.IMAGE:
            x0, x1, right = texture.image_place(at[6], edge)
            y0, y1, down = texture.image_row(at[7], edge)
            image = int(table[number, 11])
            for k in range(3):
                color[i, k] = texture.image_sent_back(
                    atlas[image, y0, x0, k], atlas[image, y0, x1, k], atlas[image, y1, x0, k],
                    atlas[image, y1, x1, k], right, down,
                    in_r if k == 0 else in_g if k == 1 else in_b,
                    red if k == 0 else green if k == 1 else blue,
                )  # fmt: skip
            continue
        mix, bright = texture.colored(kind, at[6], at[7], seed, table[number, 7], footprint_m)
        color[i, 0] = texture.sent_back(table[number, 1], table[number, 4], mix, bright, in_r, red)
        color[i, 1] = texture.sent_back(
            table[number, 2], table[number, 5], mix, bright, in_g, green
        )
        color[i, 2] = texture.sent_back(table[number, 3], table[number, 6], mix, bright, in_b, blue)
    return count
