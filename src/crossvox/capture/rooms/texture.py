"""Per-pixel kernels of surfaces: patterns, reflectance, shading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.rooms.materials import KINDS

Array = NDArray[Any]
Pattern = Callable[..., tuple[float, float]]
"""Share of the second colour and brightness factor at a place: ``(s, t, seed, scale, fine)``.

``s``, ``t`` and ``scale`` are metres; ``fine`` from 0 to 1 fades detail that is smaller than a
pixel.
"""

_inlined = njit(nogil=True, error_model="numpy", fastmath=True)
_kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)


# Noise


@_inlined
def _hash(x: int, y: int, seed: int) -> float:
    """A number from 0 to 1 that looks random, the same for the same cell."""
    h = np.uint32(
        np.uint32(x) * np.uint32(374761393)
        + np.uint32(y) * np.uint32(668265263)
        + np.uint32(seed) * np.uint32(2246822519)
    )
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(1274126177))
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(2654435761))
    return float(np.uint32(h ^ (h >> np.uint32(16)))) * (1.0 / 4294967296.0)


@_inlined
def _noise(x: float, y: float, seed: int) -> float:
    """Smooth noise from 0 to 1 with features of size 1."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = int(fx), int(fy)
    u, v = x - fx, y - fy
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = _hash(ix, iy, seed), _hash(ix + 1, iy, seed)
    c, d = _hash(ix, iy + 1, seed), _hash(ix + 1, iy + 1, seed)
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


# Patterns


@_inlined
def _plain(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    return 0.0, 0.985 + 0.03 * _noise(s * 9, t * 9, seed)


@_inlined
def _wood(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """Grain along s."""
    wave = _noise(s * 1.3, t * 14, seed)
    ring = 0.5 + 0.5 * np.sin(60 * t + 16 * wave + 3 * _noise(s * 3, t * 3, seed + 1))
    mix = 0.55 * ring * ring * (0.4 + 0.6 * wave)
    light = 0.92 + 0.16 * (1 + fine * (_noise(s * 12, t * 240, seed + 2) - 0.5))
    light -= 0.08
    return mix, light


@_inlined
def _planks(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """Boards along s."""
    row = np.floor(t / scale)
    shift = _hash(int(row), 7, seed) * scale * 9
    board = np.floor((s + shift) / (scale * 9))
    tint = _hash(int(row), int(board), seed)
    across = t / scale - row
    along = (s + shift) / (scale * 9) - board
    local = seed + int(tint * 1000)
    wave = _noise(s * 1.5, t * 16, local)
    ring = 0.5 + 0.5 * np.sin(70 * t + 14 * wave)
    mix = 0.45 * tint + 0.35 * ring * wave
    light = 0.86 + 0.2 * tint + 0.1 * fine * (_noise(s * 10, t * 200, local) - 0.5)
    if across < 0.035 or along < 0.004:
        light *= 0.55
    return mix, light


@_inlined
def _tiles(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    u, v = s / scale, t / scale
    iu, iv = np.floor(u), np.floor(v)
    tint = _hash(int(iu), int(iv), seed)
    gap = 0.0035 / scale + 0.006
    if u - iu < gap or v - iv < gap:
        return 1.0, 0.9
    return 0.0, 0.95 + 0.07 * tint + 0.05 * (_noise(s * 25, t * 25, seed) - 0.5)


@_inlined
def _fabric(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    weave = 0.5 + 0.25 * (np.sin(s * 1500) + np.sin(t * 1500))
    speckle = _noise(s * 320, t * 320, seed)
    mix = fine * (0.22 * weave + 0.3 * speckle) + (1 - fine) * 0.26
    return mix, 0.93 + 0.14 * _noise(s * 6, t * 6, seed + 3)


@_inlined
def _stripes(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """Stripes along t."""
    u = s / scale
    u -= np.floor(u)
    mix = 1.0 if u < 0.45 else 0.0
    if 0.68 < u < 0.74:
        mix = 0.7
    return mix, 0.97 + 0.06 * _noise(s * 30, t * 30, seed)


@_inlined
def _dots(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """Dots in a staggered raster."""
    v = t / scale
    row = np.floor(v)
    u = s / scale + 0.5 * (row % 2)
    du, dv = u - np.floor(u) - 0.5, v - row - 0.5
    r = du * du + dv * dv
    mix = 1.0 if r < 0.035 else (0.6 if 0.075 < r < 0.105 else 0.0)
    return mix, 0.98 + 0.04 * _noise(s * 30, t * 30, seed)


@_inlined
def _brick(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    row = np.floor(t / 0.072)
    u = s / 0.23 + 0.5 * (row % 2)
    iu = np.floor(u)
    if u - iu < 0.05 or t / 0.072 - row < 0.15:
        return 1.0, 0.9
    light = 0.75 + 0.4 * _hash(int(iu), int(row), seed)
    light += 0.15 * (_noise(s * 60, t * 60, seed) - 0.5)
    return 0.0, light


@_inlined
def _stone(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    n = _noise(s * 60, t * 60, seed) + 0.6 * fine * (_noise(s * 210, t * 210, seed + 1) - 0.5)
    vein = abs(_noise(s * 5, t * 5, seed + 2) + 0.3 * _noise(s * 17, t * 17, seed) - 0.65)
    return 0.35 * n + (0.5 if vein < 0.025 else 0.0), 1.0


@_inlined
def _carpet(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    n = _noise(s * 130, t * 130, seed)
    mix = 0.4 * (fine * n + (1 - fine) * 0.5) + 0.3 * _noise(s * 3, t * 3, seed + 1)
    return mix, 0.9 + 0.2 * fine * (_noise(s * 300, t * 300, seed + 2) - 0.5)


@_inlined
def _plaid(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    u, v = s / scale, t / scale
    u, v = u - np.floor(u), v - np.floor(v)
    if 0.62 < u < 0.66 or 0.62 < v < 0.66:
        return 0.1, 1.25
    return 0.42 * (1.0 if u < 0.35 else 0.0) + 0.42 * (1.0 if v < 0.35 else 0.0), 1.0


@_inlined
def _leather(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    n = _noise(s * 90, t * 90, seed)
    mix = 0.25 * _noise(s * 4, t * 4, seed + 1) + 0.2 * fine * n
    return mix, 0.95 + 0.1 * n * fine


@_inlined
def _metal(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """Brushed metal."""
    return 0.0, 0.93 + 0.14 * (0.5 + fine * (_noise(s * 8, t * 400, seed) - 0.5))


@_inlined
def _diamonds(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    u, v = (s + t) / scale, (s - t) / scale
    return 1.0 if (int(np.floor(u)) + int(np.floor(v))) % 2 == 0 else 0.0, 1.0


@_inlined
def _leaf(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    """A rib and a tint that varies."""
    return 0.5 * _noise(s * 40, t * 40, seed), 0.8 + 0.4 * _noise(s * 25, t * 12, seed + 1)


PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "wood": _wood,
    "planks": _planks,
    "tiles": _tiles,
    "fabric": _fabric,
    "stripes": _stripes,
    "dots": _dots,
    "brick": _brick,
    "stone": _stone,
    "carpet": _carpet,
    "plaid": _plaid,
    "leather": _leather,
    "metal": _metal,
    "diamonds": _diamonds,
    "leaf": _leaf,
}
"""Pattern of each kind of material; the other kinds show their first colour, or an image."""


def _one_of(patterns: dict[str, Pattern]) -> Pattern:
    """A kernel that calls the pattern of a kind, given by its number before the other arguments.

    It is one ``if`` around the next: kernels cannot look functions up, and the compiler makes
    one jump of them.
    """

    @_inlined
    def one_color(
        kind: int, s: float, t: float, seed: int, scale: float, fine: float
    ) -> tuple[float, float]:
        return 0.0, 1.0

    choose: Pattern = one_color
    for name, pattern in reversed(patterns.items()):
        choose = _either(KINDS.index(name), pattern, choose)
    return choose


def _either(number: int, pattern: Pattern, others: Pattern) -> Pattern:
    @_inlined
    def choose(
        kind: int, s: float, t: float, seed: int, scale: float, fine: float
    ) -> tuple[float, float]:
        if kind == number:
            return pattern(s, t, seed, scale, fine)
        return others(kind, s, t, seed, scale, fine)

    result: Pattern = choose
    return result


_pattern = _one_of(PATTERNS)


# Surfaces

_IMAGE = KINDS.index("image")


@_kernel
def albedo_of(
    row: Array, atlas: Array, s: float, t: float, seed: int, footprint_m: float, out: Array
) -> None:
    """Reflectance of a material (one row of the table) at ``(s, t)``, linear, into ``out (3,)``."""
    kind = int(row[0])
    if kind == _IMAGE:
        edge = atlas.shape[1]
        x = min(max(s, 0.0), 0.9999) * edge - 0.5
        y = (1 - min(max(t, 0.0), 0.9999)) * edge - 0.5
        image = int(row[11])
        fx, fy = np.floor(x), np.floor(y)
        u, v = x - fx, y - fy
        x0, y0 = max(int(fx), 0), max(int(fy), 0)
        x1, y1 = min(int(fx) + 1, edge - 1), min(int(fy) + 1, edge - 1)
        for c in range(3):
            above = atlas[image, y0, x0, c] * (1 - u) + atlas[image, y0, x1, c] * u
            below = atlas[image, y1, x0, c] * (1 - u) + atlas[image, y1, x1, c] * u
            out[c] = above * (1 - v) + below * v
        return
    fine = min(1.0, 0.004 / max(footprint_m, 1e-5))
    mix, light = _pattern(kind, s, t, seed, max(row[7], 1e-3), fine)
    mix = min(max(mix, 0.0), 1.0)
    for c in range(3):
        out[c] = min((row[1 + c] * (1 - mix) + row[4 + c] * mix) * light, 0.98)


@_kernel
def shade_hits(
    face: Array,
    bary_u: Array,
    bary_v: Array,
    depth: Array,
    directions: Array,
    eye: Array,
    focal_px: float,
    faces: Array,
    points: Array,
    normals: Array,
    coords: Array,
    light: Array,
    material: Array,
    seeds: Array,
    table: Array,
    atlas: Array,
    lamps: Array,
    color: Array,
) -> None:
    """Colour of each ray's hit, linear light, into ``color (N, 3)``; 0 where nothing was hit.

    Args:
        face, bary_u, bary_v, depth: hits, ``(N,)``.
        directions: ``(N, 3)`` rays as cast.
        eye: ``(3,)`` camera centre.
        focal_px: focal length, for the size of a pixel on the surface.
        faces, points, normals, coords, light: the room's mesh.
        material, seeds: of each face.
        table, atlas: see ``MaterialBook``.
        lamps: ``(L, 6)`` position and colour of lamps, for highlights.
        color: result.
    """
    base = np.zeros(3)
    for i in range(len(face)):
        f = face[i]
        if f < 0:
            color[i, 0] = color[i, 1] = color[i, 2] = 0.0
            continue
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        u, v = bary_u[i], bary_v[i]
        w = 1.0 - u - v
        row = table[material[f]]
        s = w * coords[a, 0] + u * coords[b, 0] + v * coords[c, 0]
        t = w * coords[a, 1] + u * coords[b, 1] + v * coords[c, 1]
        albedo_of(row, atlas, s, t, seeds[f], depth[i] / focal_px, base)
        glow = row[12]
        for k in range(3):
            incoming = w * light[a, k] + u * light[b, k] + v * light[c, k]
            color[i, k] = base[k] * (incoming + glow)
        gloss = row[8]
        if gloss > 0.0:
            nx = w * normals[a, 0] + u * normals[b, 0] + v * normals[c, 0]
            ny = w * normals[a, 1] + u * normals[b, 1] + v * normals[c, 1]
            nz = w * normals[a, 2] + u * normals[b, 2] + v * normals[c, 2]
            n = max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-6)
            dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
            d = np.sqrt(dx * dx + dy * dy + dz * dz)
            nx, ny, nz, dx, dy, dz = nx / n, ny / n, nz / n, dx / d, dy / d, dz / d
            cosine = nx * dx + ny * dy + nz * dz
            rx, ry, rz = dx - 2 * cosine * nx, dy - 2 * cosine * ny, dz - 2 * cosine * nz
            px = eye[0] + directions[i, 0] * depth[i]
            py = eye[1] + directions[i, 1] * depth[i]
            pz = eye[2] + directions[i, 2] * depth[i]
            level = (w * light[a, 1] + u * light[b, 1] + v * light[c, 1]) * gloss
            sharpness = row[9]
            fresnel = 0.25 + 0.75 * (1 - abs(cosine)) ** 3
            for k in range(len(lamps)):
                lx, ly, lz = lamps[k, 0] - px, lamps[k, 1] - py, lamps[k, 2] - pz
                n = max(np.sqrt(lx * lx + ly * ly + lz * lz), 1e-6)
                aim = (rx * lx + ry * ly + rz * lz) / n
                if aim > 0.3:
                    shine = aim**sharpness * level * (0.7 + fresnel)
                    for channel in range(3):
                        color[i, channel] += shine * lamps[k, 3 + channel]
            for channel in range(3):
                color[i, channel] += 0.10 * level * fresnel


@_kernel
def albedo_many(
    coords: Array,
    material: Array,
    seeds: Array,
    shift: Array,
    table: Array,
    atlas: Array,
    out: Array,
) -> None:
    """Reflectance at many places, averaged over small ``shift (S, 2)``, into ``out (V, 3)``."""
    base = np.zeros(3)
    for i in range(len(coords)):
        row = table[material[i]]
        taps = 1 if row[0] == _IMAGE else len(shift)
        for k in range(taps):
            s, t = coords[i, 0] + shift[k, 0], coords[i, 1] + shift[k, 1]
            albedo_of(row, atlas, s, t, seeds[i], 0.01, base)
            for channel in range(3):
                out[i, channel] += base[channel] / taps
