"""Kernels of light on what rays hit; what the surfaces make of it is in ``texture``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
def illuminate(
    face: Array,
    bary_u: Array,
    bary_v: Array,
    depth: Array,
    directions: Array,
    eye: Array,
    focal_px: float,
    faces: Array,
    normals: Array,
    texture_coords: Array,
    light: Array,
    materials: Array,
    parts: Array,
    table: Array,
    lamps: Array,
    coords: Array,
    material: Array,
    seeds: Array,
    footprint_m: Array,
    incoming: Array,
    color: Array,
) -> None:
    """Light at each ray's hit: what arrives there, and the highlights that it sends back.

    Args:
        face, bary_u, bary_v, depth: hits, ``(N,)``.
        directions: ``(N, 3)`` rays as cast.
        eye: ``(3,)`` camera centre.
        focal_px: focal length, for the size of a pixel on the surface.
        faces, normals, texture_coords, light: the room's mesh and the light of its vertices.
        materials, parts: material and seed of each face.
        table: see ``MaterialBook``.
        lamps: ``(L, 6)`` position and colour of lamps, for highlights.
        coords: ``(N, 2)`` result, places on the surfaces.
        material: ``(N,)`` result, -1 where nothing was hit.
        seeds: ``(N,)`` result.
        footprint_m: ``(N,)`` result, size of a pixel on the surface.
        incoming: ``(N, 3)`` result, linear light that arrives, with what the surface emits.
        color: ``(N, 3)`` result, highlights, linear light; 0 where nothing was hit.
    """
    known = np.int32(-1)
    # Unsigned, so that no index is looked at twice for being negative.
    a = b = c = number = np.uint32(0)
    gloss = glow = np.float32(0)
    sharpness = 0
    for i in range(len(face)):
        f = face[i]
        if f < 0:
            material[i] = -1
            color[i, 0] = color[i, 1] = color[i, 2] = 0.0
            continue
        if f != known:
            known, place = f, np.uint32(f)
            a, b, c = (
                np.uint32(faces[place, 0]), np.uint32(faces[place, 1]), np.uint32(faces[place, 2])
            )  # fmt: skip
            number = np.uint32(materials[place])
            glow, gloss = table[number, 12], table[number, 8]
            sharpness = int(table[number, 9])
        red = green = blue = np.float32(0)
        u, v = bary_u[i], bary_v[i]
        w = np.float32(1) - u - v
        material[i], seeds[i] = number, parts[np.uint32(f)]
        for k in range(2):
            coords[i, k] = (
                w * texture_coords[a, k] + u * texture_coords[b, k] + v * texture_coords[c, k]
            )
        footprint_m[i] = depth[i] / focal_px
        level = w * light[a, 1] + u * light[b, 1] + v * light[c, 1]
        incoming[i, 0] = w * light[a, 0] + u * light[b, 0] + v * light[c, 0] + glow
        incoming[i, 1] = level + glow
        incoming[i, 2] = w * light[a, 2] + u * light[b, 2] + v * light[c, 2] + glow
        if gloss > 0.0:
            nx = w * normals[a, 0] + u * normals[b, 0] + v * normals[c, 0]
            ny = w * normals[a, 1] + u * normals[b, 1] + v * normals[c, 1]
            nz = w * normals[a, 2] + u * normals[b, 2] + v * normals[c, 2]
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
        color[i, 0], color[i, 1], color[i, 2] = red, green, blue
