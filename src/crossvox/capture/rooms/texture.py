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
Whole = int | np.integer[Any]
Pattern = Callable[..., tuple[float, float]]
"""Share of the second colour and brightness factor at a place: ``(s, t, seed, scale, fine)``.

``s``, ``t`` and ``scale`` are metres; ``fine`` from 0 to 1 fades detail that is smaller than a
pixel.
"""

# Inlined always: only then do loops over many places become vectors.
_inlined = njit(nogil=True, error_model="numpy", fastmath=True, forceinline=True)
_kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath=True)


# Noise

# Sums in the order written, whatever they are a part of: a room stays the same to the last bit.
_in_order = njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)


@njit(nogil=True, error_model="numpy", fastmath=False, forceinline=True)
def _times(a: float, b: float) -> float:
    """A product that is rounded before anything is added to it."""
    return a * b


# A number of 32 bits after each step, else vectors are of numbers of 64.
@_in_order
def _product(a: Whole, b: Whole) -> np.uint32:
    return np.uint32(np.uint32(a) * np.uint32(b))


@_in_order
def _mixed(h: np.uint32, shift: int, factor: int) -> np.uint32:
    return _product(np.uint32(h ^ np.uint32(h >> np.uint32(shift))), factor)


@_in_order
def _bits(x: Whole, y: Whole, seed: Whole) -> float:
    """A whole number from 0 to 2**32 that looks random, the same for the same cell."""
    h = np.uint32(_product(y, 668265263) + _product(seed, 2246822519))
    h = np.uint32(_product(x, 374761393) + h)
    h = _mixed(_mixed(h, 13, 1274126177), 15, 2654435761)
    return float(np.uint32(h ^ np.uint32(h >> np.uint32(16))))


@_in_order
def _hash(x: Whole, y: Whole, seed: Whole) -> float:
    """The same from 0 to 1."""
    return _bits(x, y, seed) * (1.0 / 4294967296.0)


@_in_order
def _noise_above(low: float, x: float, y: float, seed: Whole) -> float:
    """Smooth noise from 0 to 1 with features of size 1, less ``low``."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = np.int32(fx), np.int32(fy)
    jx, jy = np.int32(ix + 1), np.int32(iy + 1)
    u, v = x - fx, y - fy
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    rest = 1 - u
    near = u * _bits(jx, iy, seed) + _times(rest, _bits(ix, iy, seed))
    far = u * _bits(jx, jy, seed) + _times(rest, _bits(ix, jy, seed))
    near, far = _times(near, 1.0 / 4294967296.0), _times(far, 1.0 / 4294967296.0)
    return v * (far - near) + (near - low)


@_in_order
def _noise(x: float, y: float, seed: Whole) -> float:
    """Smooth noise from 0 to 1 with features of size 1."""
    return _noise_above(0.0, x, y, seed)


@_in_order
def _swing(x: float, y: float, seed: Whole) -> float:
    """The same from -0.5 to 0.5."""
    return _noise_above(0.5, x, y, seed)


# Patterns


@_inlined
def _plain(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    return 0.0, 0.985 + 0.03 * _noise(s * 9, t * 9, seed)


@_inlined
def _wood(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    """Grain along s."""
    wave = _noise(s * 1.3, t * 14, seed)
    ring = 0.5 + 0.5 * np.sin(60 * t + 16 * wave + 3 * _noise(s * 3, t * 3, seed + 1))
    mix = 0.55 * ring * ring * (0.4 + 0.6 * wave)
    light = 0.92 + 0.16 * (1 + fine * _swing(s * 12, t * 240, seed + 2))
    light -= 0.08
    return mix, light


@_inlined
def _planks(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    """Boards along s."""
    row = np.floor(t / scale)
    shift = _hash(np.int32(row), 7, seed) * scale * 9
    board = np.floor((s + shift) / (scale * 9))
    tint = _hash(np.int32(row), np.int32(board), seed)
    across = t / scale - row
    along = (s + shift) / (scale * 9) - board
    local = seed + np.int32(tint * 1000)
    wave = _noise(s * 1.5, t * 16, local)
    ring = 0.5 + 0.5 * np.sin(70 * t + 14 * wave)
    mix = 0.45 * tint + 0.35 * ring * wave
    light = 0.86 + 0.2 * tint + 0.1 * fine * _swing(s * 10, t * 200, local)
    if across < 0.035 or along < 0.004:
        light *= 0.55
    return mix, light


@_inlined
def _tiles(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    u, v = s / scale, t / scale
    iu, iv = np.floor(u), np.floor(v)
    tint = _hash(np.int32(iu), np.int32(iv), seed)
    gap = 0.0035 / scale + 0.006
    if u - iu < gap or v - iv < gap:
        return 1.0, 0.9
    return 0.0, 0.95 + 0.07 * tint + 0.05 * (_noise(s * 25, t * 25, seed) - 0.5)


@_inlined
def _fabric(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    weave = 0.5 + 0.25 * (np.sin(s * 1500) + np.sin(t * 1500))
    speckle = _noise(s * 320, t * 320, seed)
    mix = fine * (0.22 * weave + 0.3 * speckle) + (1 - fine) * 0.26
    return mix, 0.93 + 0.14 * _noise(s * 6, t * 6, seed + 3)


@_inlined
def _stripes(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    """Stripes along t."""
    u = s / scale
    u -= np.floor(u)
    mix = 1.0 if u < 0.45 else 0.0
    if 0.68 < u < 0.74:
        mix = 0.7
    return mix, 0.97 + 0.06 * _noise(s * 30, t * 30, seed)


@_inlined
def _dots(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    """Dots in a staggered raster."""
    v = t / scale
    row = np.floor(v)
    u = s / scale + 0.5 * (row % 2)
    du, dv = u - np.floor(u) - 0.5, v - row - 0.5
    r = du * du + dv * dv
    mix = 1.0 if r < 0.035 else (0.6 if 0.075 < r < 0.105 else 0.0)
    return mix, 0.98 + 0.04 * _noise(s * 30, t * 30, seed)


@_inlined
def _brick(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    row = np.floor(t / 0.072)
    u = s / 0.23 + 0.5 * (row % 2)
    iu = np.floor(u)
    if u - iu < 0.05 or t / 0.072 - row < 0.15:
        return 1.0, 0.9
    light = 0.75 + 0.4 * _hash(np.int32(iu), np.int32(row), seed)
    light += 0.15 * (_noise(s * 60, t * 60, seed) - 0.5)
    return 0.0, light


@_inlined
def _stone(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    n = _noise(s * 60, t * 60, seed) + 0.6 * fine * _swing(s * 210, t * 210, seed + 1)
    vein = abs(_noise(s * 5, t * 5, seed + 2) + 0.3 * _noise(s * 17, t * 17, seed) - 0.65)
    return 0.35 * n + (0.5 if vein < 0.025 else 0.0), 1.0


@_inlined
def _carpet(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    mix = 0.2 + 0.4 * fine * _swing(s * 130, t * 130, seed) + 0.3 * _noise(s * 3, t * 3, seed + 1)
    return mix, 0.9 + 0.2 * fine * _swing(s * 300, t * 300, seed + 2)


@_inlined
def _plaid(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    u, v = s / scale, t / scale
    u, v = u - np.floor(u), v - np.floor(v)
    if 0.62 < u < 0.66 or 0.62 < v < 0.66:
        return 0.1, 1.25
    return 0.42 * (1.0 if u < 0.35 else 0.0) + 0.42 * (1.0 if v < 0.35 else 0.0), 1.0


@_inlined
def _leather(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    n = _noise(s * 90, t * 90, seed)
    mix = 0.25 * _noise(s * 4, t * 4, seed + 1) + 0.2 * fine * n
    return mix, 0.95 + 0.1 * n * fine


@_inlined
def _metal(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    """Brushed metal."""
    return 0.0, 0.93 + 0.14 * (0.5 + fine * _swing(s * 8, t * 400, seed))


@_inlined
def _diamonds(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    u, v = (s + t) / scale, (s - t) / scale
    return 1.0 if (np.int32(np.floor(u)) + np.int32(np.floor(v))) % 2 == 0 else 0.0, 1.0


@_inlined
def _leaf(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
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
def _one_color(s: float, t: float, seed: Whole, scale: float, fine: float) -> tuple[float, float]:
    return 0.0, 1.0


def _loop(pattern: Pattern) -> Callable[..., None]:
    """A kernel that computes a pattern at many places."""

    @njit(nogil=True, error_model="numpy", fastmath=True)
    def loop(
        kind: int,
        s: Array,
        t: Array,
        seeds: Array,
        footprint_m: Array,
        scale: float,
        mix: Array,
        light: Array,
    ) -> None:
        scale = max(scale, 1e-3)
        for i in range(len(s)):
            fine = min(1.0, 0.004 / max(footprint_m[i], 1e-5))
            share, light[i] = pattern(s[i], t[i], seeds[i], scale, fine)
            mix[i] = min(max(share, 0.0), 1.0)

    return loop


def _one_of(first: int, loops: list[Callable[..., None]]) -> Callable[..., None]:
    """A kernel that calls the loop of a kind, given by its number before the other arguments.

    Kernels cannot look functions up, so it asks in which half of the loops the kind is, in which
    half of these, and so on.

    Args:
        first: number of the first loop.
        loops: those of the kinds from there on.
    """
    if len(loops) == 1:
        return loops[0]
    middle = first + len(loops) // 2
    lower, upper = _one_of(first, loops[: middle - first]), _one_of(middle, loops[middle - first :])

    # Written out into its caller: compiled by itself, each half would be optimised once more.
    @njit(nogil=True, error_model="numpy", fastmath=True, inline="always")
    def choose(
        kind: int,
        s: Array,
        t: Array,
        seeds: Array,
        footprint_m: Array,
        scale: float,
        mix: Array,
        light: Array,
    ) -> None:
        if kind < middle:
            lower(kind, s, t, seeds, footprint_m, scale, mix, light)
        else:
            upper(kind, s, t, seeds, footprint_m, scale, mix, light)

    return choose


colored = _one_of(0, [_loop(PATTERNS.get(kind, _one_color)) for kind in KINDS])
"""Share of the second colour, and brightness factor, at many places of one material: ``(kind, s, t,
seeds, footprint_m, scale, mix, light)``, the last two ``(N,)`` float64 results."""


# Surfaces

IMAGE = KINDS.index("image")


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

    Args:
        coords: ``(N, 2)`` places on surfaces; the fewer times the material changes from one to the
            next, the faster.
        material: ``(N,)`` rows of the table.
        seeds: ``(N,)``, see ``RoomMesh``.
        footprint_m: ``(N,)`` how much of the surface a pixel shows; finer detail fades.
        table, atlas: see ``MaterialBook``.
        incoming: light that arrives.
        color: result.
    """
    edge = atlas.shape[1]
    s, t = coords[:, 0].copy(), coords[:, 1].copy()
    mix, light = np.empty(len(s)), np.empty(len(s))
    last = 0
    while last < len(s):
        first, number = last, np.uint32(material[last])
        while last < len(s) and material[last] == number:
            last += 1
        kind = int(table[number, 0])
        if kind != IMAGE:
            here = slice(first, last)
            colored(
                kind, s[here], t[here], seeds[here], footprint_m[here], table[number, 7],
                mix[here], light[here],
            )  # fmt: skip
            for i in range(first, last):
                for c in range(3):
                    color[i, c] = sent_back(
                        table[number, 1 + c], table[number, 4 + c], mix[i], light[i],
                        incoming[i, c], color[i, c],
                    )  # fmt: skip
            continue
        image = int(table[number, 11])
        for i in range(first, last):
            x0, x1, u = image_place(s[i], edge)
            y0, y1, v = image_row(t[i], edge)
            for c in range(3):
                color[i, c] = image_sent_back(
                    atlas[image, y0, x0, c], atlas[image, y0, x1, c], atlas[image, y1, x0, c],
                    atlas[image, y1, x1, c], u, v, incoming[i, c], color[i, c],
                )  # fmt: skip
