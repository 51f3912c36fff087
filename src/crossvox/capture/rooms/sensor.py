"""Per-pixel kernels of the cameras: rays, the photograph, the depth sensor."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

TONE_STEPS = 2048.0
"""Entries of the tone curve a unit of light."""


def tone_curve(light: Array) -> Array:
    """Linear light to 8-bit sRGB values (float): a shoulder that spares windows, then gamma."""
    light = np.maximum(light, 0.0)
    shoulder = light * (1 + light / 6.0) / (1 + light)
    return np.asarray(np.minimum(shoulder, 1.0) ** (1 / 2.2) * 255)


def tone_table() -> NDArray[np.float32]:
    """:func:`tone_curve` at the steps that :func:`develop` looks up, light from 0 to 16."""
    return tone_curve((np.arange(int(TONE_STEPS) * 16) + 0.5) / TONE_STEPS).astype(np.float32)


@lru_cache(maxsize=1)
def quantiles() -> NDArray[np.float32]:
    """Of the standard normal distribution, at the middles of 65536 equal shares."""
    from scipy.special import ndtri

    return np.asarray(ndtri((np.arange(65536) + 0.5) / 65536), dtype=np.float32)


def random_bytes(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """What ``rng.bytes`` gives, from one byte on, without the copies that it makes: a third of the
    time."""
    words = rng.integers(0, 1 << 32, -(-count // 4), dtype=np.uint32)
    return words.astype("<u4", copy=False).view(np.uint8)[:count]


def normal_draws(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Places in :func:`quantiles`, each as likely: normal numbers that are not looked up yet."""
    return random_bytes(rng, 2 * shape[0] * shape[1]).view("<u2").reshape(shape)


def normal_noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Standard normal numbers up to 4.3 in size, looked up: three times as fast as drawn ones."""
    return quantiles().take(normal_draws(rng, shape))


@njit(nogil=True, error_model="numpy", fastmath=True)
def _step(light: float) -> np.int32:
    """Where the tone curve of an amount of light stands in its table."""
    return np.int32(min(max(light * TONE_STEPS, 0.0), TONE_STEPS * 16.0 - 1.0))


@njit(nogil=True, error_model="numpy", fastmath=True)
def _grained(value: float, grain: float) -> np.uint8:
    """An 8-bit value with noise, more in the dark."""
    return np.uint8(
        np.int32(min(max(value + grain * (1.1 + 0.012 * (255 - value)) + 0.5, 0.0), 255.0))
    )


# Vectors of float32 would be divided by an approximation, if they may be.
@njit(nogil=True, error_model="numpy", fastmath=False)
def _depth(inverse: np.float32) -> np.float32:
    return np.float32(1) / inverse


@njit(nogil=True, error_model="numpy", fastmath=False, forceinline=True)
def _over(a: float, b: int | np.integer[Any]) -> float:
    """A division that is one, however many there are by the same number."""
    return a / b


# Sums keep their order: loops of a few steps are slower as vectors.
_in_order = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nnan", "nsz"}
)


@_in_order
def develop(
    color: Array,
    inverse: Array,
    motion: Array,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    gain: Array,
    draws: Array,
    normal: Array,
    grain: float | np.float32,
    vignette: float,
    tone: Array,
    out: Array,
) -> None:
    """Expose a photograph: motion blur, vignette, white balance, noise, tone curve.

    A row is done in steps, most of them vectors: what moves how far, the light along its way, and
    what the film makes of each channel.

    Args:
        color: ``(H, W, 3)`` linear light.
        inverse: ``(H, W)`` float32, 1/z with z metres along the axis, 0 where nothing was hit.
        motion: ``(3, 4)`` transform of camera coordinates during the exposure.
        fx, fy, cx, cy: the camera.
        gain: ``(3,)`` exposure by channel.
        draws: ``(H, W)`` uint16, places in ``normal``.
        normal: ``(65536,)`` float32 numbers of which noise is made.
        grain: strength of the noise.
        vignette: darkening in the corners, 0 to 1.
        tone: the tone curve, see :func:`tone_curve`.
        out: ``(H, W, 3)`` uint8 result, sRGB.
    """
    height, width = inverse.shape
    step_u, step_v, level = np.empty(width), np.empty(width), np.empty(width)
    taps, place = np.empty(width, np.int32), np.empty(width, np.int32)
    light = np.empty((3, width), np.float32)
    value, noise = np.empty(width, np.float32), np.empty(width, np.float32)
    printed = np.empty(width, np.uint8)
    for row in range(height):
        _moves(inverse[row], motion, fx, fy, cx, cy, row, vignette, step_u, step_v, taps, level)
        _expose(color, row, step_u, step_v, taps, light)
        for column in range(width):
            noise[column] = normal[draws[row, column]] * grain
        for k in range(3):
            share = gain[k]
            for column in range(width):
                place[column] = _step(light[k, column] * level[column] * share)
            for column in range(width):
                value[column] = tone[np.uint32(place[column])]
            for column in range(width):
                printed[column] = _grained(value[column], noise[column])
            for column in range(width):
                out[row, column, k] = printed[column]


@_in_order
def _moves(
    inverse: Array,
    motion: Array,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    row: int,
    vignette: float,
    step_u: Array,
    step_v: Array,
    taps: Array,
    level: Array,
) -> None:
    """How the pixels of a row move during the exposure, ``(W,)``: at how many places light is taken
    on the way, the steps between them along both axes, 65536ths of a pixel, and the share that each
    place counts."""
    m00, m01, m02, m03 = motion[0, 0], motion[0, 1], motion[0, 2], motion[0, 3]
    m10, m11, m12, m13 = motion[1, 0], motion[1, 1], motion[1, 2], motion[1, 3]
    m20, m21, m22, m23 = motion[2, 0], motion[2, 1], motion[2, 2], motion[2, 3]
    y = (row - cy) / fy
    for i in range(len(inverse)):
        column = np.int32(i)
        x = (column - cx) / fx
        z = min(_depth(inverse[i]), 20.0)
        px = z * (m00 * x + m01 * y + m02) + m03
        py = z * (m10 * x + m11 * y + m12) + m13
        pz = z * (m20 * x + m21 * y + m22) + m23
        share = 1 / pz
        ahead = pz > 0.05
        du = fx * px * share + cx - column
        dv = fy * py * share + cy - row
        du, dv = du if ahead else 0.0, dv if ahead else 0.0
        count = np.int32(min(np.sqrt(du * du + dv * dv), 10.0)) + 1
        taps[i] = count
        level[i] = _over(1.0 - vignette * (x * x + y * y), count)
        part = _over(1.0, count)
        step_u[i], step_v[i] = du * part * 65536.0, dv * part * 65536.0


@_in_order
def _expose(
    color: Array, row: int, step_us: Array, step_vs: Array, taps: Array, light: Array
) -> None:
    """Sum the light along the ways of a row's pixels, into ``light (3, W)``."""
    height, width = color.shape[:2]
    flat = color.reshape(-1)
    # Places along a way in 65536ths of a pixel: whole numbers are faster to round.
    last_v, last_u = (height << 16) - 1, (width << 16) - 1
    for column in range(width):
        count = taps[column]
        if count == 1:
            for k in range(3):
                light[k, column] = color[row, column, k]
            continue
        r = g = b = np.float32(0)
        step_v, step_u = int(step_vs[column]), int(step_us[column])
        v = (row << 16) + 32768 - (step_v * (count - 1) >> 1)
        u = (column << 16) + 32768 - (step_u * (count - 1) >> 1)
        end_v, end_u = v + step_v * (count - 1), u + step_u * (count - 1)
        if min(v, end_v, u, end_u) >= 0 and max(v, end_v) <= last_v and max(u, end_u) <= last_u:
            for _ in range(count):
                place = np.uint64(((v >> 16) * width + (u >> 16)) * 3)
                r += flat[place]
                g += flat[place + np.uint64(1)]
                b += flat[place + np.uint64(2)]
                v += step_v
                u += step_u
        else:
            for _ in range(count):
                i = np.uint32(min(max(v >> 16, 0), height - 1))
                j = np.uint32(min(max(u >> 16, 0), width - 1))
                r += color[i, j, 0]
                g += color[i, j, 1]
                b += color[i, j, 2]
                v += step_v
                u += step_u
        light[0, column], light[1, column], light[2, column] = r, g, b


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def readability(
    face: Array,
    ray_of_pixel: Array,
    faces: Array,
    normals: Array,
    albedo: Array,
    material: Array,
    table: Array,
    cosine: Array,
    dark: Array,
) -> None:
    """How well a depth camera can read each pixel.

    Args:
        face: ``(H, W)`` faces seen, -1 for none.
        ray_of_pixel: see :class:`~crossvox.doors.zbuffer.View`.
        faces, normals, albedo: the room's mesh.
        material: of each face.
        table: see ``MaterialBook``.
        cosine: ``(H, W)`` result, between ray and surface normal, 0 to 1.
        dark: ``(H, W)`` result, how badly it is read: dark, shiny, or glass; 0 to 1 and more.
    """
    height, width = face.shape
    m = ray_of_pixel
    for row in range(height):
        for column in range(width):
            f = face[row, column]
            if f < 0:
                cosine[row, column] = dark[row, column] = 0.0
                continue
            a, number = faces[f, 0], material[f]
            x = m[0, 0] * column + m[0, 1] * row + m[0, 2]
            y = m[1, 0] * column + m[1, 1] * row + m[1, 2]
            z = m[2, 0] * column + m[2, 1] * row + m[2, 2]
            c = x * normals[a, 0] + y * normals[a, 1] + z * normals[a, 2]
            c = abs(c) / np.sqrt(x * x + y * y + z * z)
            bright = 0.3 * albedo[a, 0] + 0.5 * albedo[a, 1] + 0.2 * albedo[a, 2]
            # Shiny things are read worst where they are looked at straight on.
            dark[row, column] = (
                table[number, 10]
                + 0.45 * max(0.04 - bright, 0.0) / 0.04
                + table[number, 8] * max(c - 0.85, 0.0) / 0.6
            )
            cosine[row, column] = c


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sense_depth(
    depth: Array,
    cosine: Array,
    dark: Array,
    coarse: Array,
    white: Array,
    chance: Array,
    far_m: float,
    noise: float,
    out: Array,
) -> None:
    """What a depth camera reports, millimetres, 0 = no reading, into ``out (H, W)`` uint16.

    The noise has standard deviation ``noise * (0.0012 + 0.0019 (z - 0.4)^2)`` metres, correlated
    between neighbours: axial noise of Nguyen et al. 2012, "Modeling Kinect sensor noise".
    Readings are missing beyond the range, at depth edges, at grazing angles, and in patches on
    dark or shiny surfaces.

    Args:
        depth: ``(H, W)`` true metres along z, inf where nothing was hit.
        cosine: ``(H, W)`` between ray and surface normal, 0 to 1.
        dark: ``(H, W)`` how badly the surface is read, 0 to 1.
        coarse: ``(H, W)`` smooth numbers from 0 to 1, the same patches over many pixels.
        white: ``(H, W)`` normal numbers of variance 1, correlated between neighbours.
        chance: ``(H, W)`` numbers from 0 to 1.
        far_m: largest reading.
        noise: factor on noise and missing readings.
        out: result.
    """
    height, width = depth.shape
    for row in range(height):
        for column in range(width):
            z = depth[row, column]
            out[row, column] = 0
            if not 0.35 <= z <= far_m:
                continue
            if noise > 0:
                low = high = z
                for i in range(max(row - 1, 0), min(row + 2, height)):
                    for j in range(max(column - 1, 0), min(column + 2, width)):
                        low, high = min(low, depth[i, j]), max(high, depth[i, j])
                # A jump of depth shadows the far side; the near side is read more often.
                jump = high - low > 0.03 + 0.02 * z + 0.02 * z / max(cosine[row, column], 0.1) * 0.1
                if jump and (z - low > 0.5 * (high - low) or chance[row, column] < 0.35):
                    continue
                lost = dark[row, column] + 0.9 * max(0.0, 0.22 - cosine[row, column]) / 0.22
                lost += 0.5 * max(0.0, z - 0.75 * far_m) / far_m
                if lost * noise > 0.25 + 0.6 * coarse[row, column] + 0.1 * chance[row, column]:
                    continue
                if chance[row, column] < 0.0015 * noise:
                    continue
                z += noise * (0.0012 + 0.0019 * (z - 0.4) ** 2) * white[row, column]
            value = int(np.floor(z * 1000 + 0.5))
            if 0 < value < 65535:
                out[row, column] = value
