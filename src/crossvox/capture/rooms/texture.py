"""Per-pixel kernels of surfaces: patterns, reflectance, shading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.rooms.materials import KINDS

Array = NDArray[Any]
Number = float | np.floating[Any]
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


@_inlined
def _one_color(s: float, t: float, seed: int, scale: float, fine: float) -> tuple[float, float]:
    return 0.0, 1.0


def _one_of(first: int, patterns: list[Pattern]) -> Callable[..., tuple[float, float]]:
    """A kernel that calls the pattern of a kind, given by its number before the other arguments.

    Kernels cannot look functions up, so it asks in which half of the patterns the kind is, in
    which half of these, and so on.

    Args:
        first: number of the first pattern.
        patterns: those of the kinds from there on.
    """
    if len(patterns) == 1:
        only = patterns[0]

        @_inlined
        def take(
            kind: int, s: float, t: float, seed: int, scale: float, fine: float
        ) -> tuple[float, float]:
            return only(s, t, seed, scale, fine)

        return take
    middle = first + len(patterns) // 2
    lower = _one_of(first, patterns[: middle - first])
    upper = _one_of(middle, patterns[middle - first :])

    @_inlined
    def choose(
        kind: int, s: float, t: float, seed: int, scale: float, fine: float
    ) -> tuple[float, float]:
        if kind < middle:
            return lower(kind, s, t, seed, scale, fine)
        return upper(kind, s, t, seed, scale, fine)

    return choose


_rarer = _one_of(1, [PATTERNS.get(kind, _one_color) for kind in KINDS[1:]])


@_inlined
def _pattern(
    kind: int, s: float, t: float, seed: int, scale: float, fine: float
) -> tuple[float, float]:
    if kind == 0:
        return _plain(s, t, seed, scale, fine)
    return _rarer(kind, s, t, seed, scale, fine)


# Surfaces

IMAGE = KINDS.index("image")


@_inlined
def colored(
    kind: int, s: float, t: float, seed: int, scale: float, footprint_m: Number
) -> tuple[float, float]:
    """Share of the second colour, and brightness factor, at a place of a pattern."""
    fine: Any = min(1.0, 0.004 / max(footprint_m, 1e-5))
    mix, light = _pattern(kind, s, t, seed, max(scale, 1e-3), fine)
    return min(max(mix, 0.0), 1.0), light


@_inlined
def sent_back(
    first: float, second: float, mix: float, light: float, incoming: Number, color: Number
) -> Number:
    """One channel of ``color``, and what a pattern of two colours sends back of ``incoming``."""
    base = (first * (1 - mix) + second * mix) * light
    return color + min(base, 0.98) * incoming


@_inlined
def image_place(s: float, edge: int) -> tuple[int, int, float]:
    """Two texels of an image's side around a place from 0 to 1, and the share of the second."""
    x = min(max(s, 0.0), 0.9999) * edge - 0.5
    fx = np.floor(x)
    return max(int(fx), 0), min(int(fx) + 1, edge - 1), x - fx


@_inlined
def image_row(t: float, edge: int) -> tuple[int, int, float]:
    """The same of its rows: they count from the top."""
    y = (1 - min(max(t, 0.0), 0.9999)) * edge - 0.5
    fy = np.floor(y)
    return max(int(fy), 0), min(int(fy) + 1, edge - 1), y - fy


@_inlined
def image_sent_back(
    a: float, b: float, c: float, d: float, u: float, v: float, incoming: Number, color: Number
) -> Number:
    """One channel of ``color``, and what a place between four texels sends back."""
    above = a * (1 - u) + b * u
    below = c * (1 - u) + d * u
    return color + (above * (1 - v) + below * v) * incoming


@_kernel
def reflect(
    coords: Array,
    material: Array,
    seeds: Array,
    footprint_m: Array,
    table: Array,
    atlas: Array,
    incoming: Array,
    color: Array,
) -> None:
    """Add to ``color (N, 3)`` what surfaces send back of ``incoming (N, 3)`` light, all linear.

    Kernels that are called for every place take numbers alone: an array that is handed on is
    counted as used and unused again, which costs more than most patterns.

    Args:
        coords: ``(N, 2)`` places on surfaces.
        material: ``(N,)`` rows of the table.
        seeds: ``(N,)``, see ``RoomMesh``.
        footprint_m: ``(N,)`` how much of the surface a pixel shows; finer detail fades.
        table, atlas: see ``MaterialBook``.
        incoming: light that arrives.
        color: result.
    """
    edge = atlas.shape[1]
    for i in range(len(coords)):
        number = np.uint32(material[i])
        kind = int(table[number, 0])
        s, t = coords[i, 0], coords[i, 1]
        if kind == IMAGE:
            x0, x1, u = image_place(s, edge)
            y0, y1, v = image_row(t, edge)
            image = int(table[number, 11])
            for c in range(3):
                color[i, c] = image_sent_back(
                    atlas[image, y0, x0, c], atlas[image, y0, x1, c], atlas[image, y1, x0, c],
                    atlas[image, y1, x1, c], u, v, incoming[i, c], color[i, c],
                )  # fmt: skip
            continue
        mix, light = colored(kind, s, t, seeds[i], table[number, 7], footprint_m[i])
        for c in range(3):
            color[i, c] = sent_back(
                table[number, 1 + c], table[number, 4 + c], mix, light, incoming[i, c], color[i, c]
            )
