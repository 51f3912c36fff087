"""Per-pixel kernels: patterns, shading, developing of the photograph, the depth sensor."""

from __future__ import annotations

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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _noise(x: float, y: float, seed: int) -> float:
    """Smooth noise from 0 to 1 with features of size 1."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = int(fx), int(fy)
    u, v = x - fx, y - fy
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = _hash(ix, iy, seed), _hash(ix + 1, iy, seed)
    c, d = _hash(ix, iy + 1, seed), _hash(ix + 1, iy + 1, seed)
    return (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _pattern(
    kind: int, s: float, t: float, seed: int, scale: float, fine: float
) -> tuple[float, float]:
    """Share of the second colour and brightness factor of a pattern at ``(s, t)`` metres.

    ``fine`` from 0 to 1 fades detail that is smaller than a pixel.
    """
    mix, light = 0.0, 1.0
    if kind == 0:  # plain
        light = 0.985 + 0.03 * _noise(s * 9, t * 9, seed)
    elif kind == 1:  # wood, grain along s
        wave = _noise(s * 1.3, t * 14, seed)
        ring = 0.5 + 0.5 * np.sin(60 * t + 16 * wave + 3 * _noise(s * 3, t * 3, seed + 1))
        mix = 0.55 * ring * ring * (0.4 + 0.6 * wave)
        light = 0.92 + 0.16 * (1 + fine * (_noise(s * 12, t * 240, seed + 2) - 0.5))
        light -= 0.08
    elif kind == 2:  # planks along s
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
    elif kind == 3:  # tiles
        u, v = s / scale, t / scale
        iu, iv = np.floor(u), np.floor(v)
        tint = _hash(int(iu), int(iv), seed)
        gap = 0.0035 / scale + 0.006
        if u - iu < gap or v - iv < gap:
            mix, light = 1.0, 0.9
        else:
            light = 0.95 + 0.07 * tint + 0.05 * (_noise(s * 25, t * 25, seed) - 0.5)
    elif kind == 4:  # fabric
        weave = 0.5 + 0.25 * (np.sin(s * 1500) + np.sin(t * 1500))
        speckle = _noise(s * 320, t * 320, seed)
        mix = fine * (0.22 * weave + 0.3 * speckle) + (1 - fine) * 0.26
        light = 0.93 + 0.14 * _noise(s * 6, t * 6, seed + 3)
    elif kind == 5:  # stripes along t
        u = s / scale
        u -= np.floor(u)
        mix = 1.0 if u < 0.45 else 0.0
        if 0.68 < u < 0.74:
            mix = 0.7
        light = 0.97 + 0.06 * _noise(s * 30, t * 30, seed)
    elif kind == 6:  # dots in a staggered raster
        v = t / scale
        row = np.floor(v)
        u = s / scale + 0.5 * (row % 2)
        du, dv = u - np.floor(u) - 0.5, v - row - 0.5
        r = du * du + dv * dv
        mix = 1.0 if r < 0.035 else (0.6 if 0.075 < r < 0.105 else 0.0)
        light = 0.98 + 0.04 * _noise(s * 30, t * 30, seed)
    elif kind == 7:  # bricks
        row = np.floor(t / 0.072)
        u = s / 0.23 + 0.5 * (row % 2)
        iu = np.floor(u)
        if u - iu < 0.05 or t / 0.072 - row < 0.15:
            mix, light = 1.0, 0.9
        else:
            light = 0.75 + 0.4 * _hash(int(iu), int(row), seed)
            light += 0.15 * (_noise(s * 60, t * 60, seed) - 0.5)
    elif kind == 8:  # stone
        n = _noise(s * 60, t * 60, seed) + 0.6 * fine * (_noise(s * 210, t * 210, seed + 1) - 0.5)
        vein = abs(_noise(s * 5, t * 5, seed + 2) + 0.3 * _noise(s * 17, t * 17, seed) - 0.65)
        mix = 0.35 * n + (0.5 if vein < 0.025 else 0.0)
    elif kind == 9:  # carpet
        n = _noise(s * 130, t * 130, seed)
        mix = 0.4 * (fine * n + (1 - fine) * 0.5) + 0.3 * _noise(s * 3, t * 3, seed + 1)
        light = 0.9 + 0.2 * fine * (_noise(s * 300, t * 300, seed + 2) - 0.5)
    elif kind == 13:  # plaid
        u, v = s / scale, t / scale
        u, v = u - np.floor(u), v - np.floor(v)
        mix = 0.42 * (1.0 if u < 0.35 else 0.0) + 0.42 * (1.0 if v < 0.35 else 0.0)
        if 0.62 < u < 0.66 or 0.62 < v < 0.66:
            mix, light = 0.1, 1.25
    elif kind == 14:  # leather
        n = _noise(s * 90, t * 90, seed)
        mix = 0.25 * _noise(s * 4, t * 4, seed + 1) + 0.2 * fine * n
        light = 0.95 + 0.1 * n * fine
    elif kind == 15:  # brushed metal
        light = 0.93 + 0.14 * (0.5 + fine * (_noise(s * 8, t * 400, seed) - 0.5))
    elif kind == 16:  # diamonds
        u, v = (s + t) / scale, (s - t) / scale
        mix = 1.0 if (int(np.floor(u)) + int(np.floor(v))) % 2 == 0 else 0.0
    elif kind == 17:  # leaf: a rib and a tint that varies
        mix = 0.5 * _noise(s * 40, t * 40, seed)
        light = 0.8 + 0.4 * _noise(s * 25, t * 12, seed + 1)
    return mix, light


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def albedo_of(
    row: Array, atlas: Array, s: float, t: float, seed: int, footprint_m: float, out: Array
) -> None:
    """Reflectance of a material (one row of the table) at ``(s, t)``, linear, into ``out (3,)``."""
    kind = int(row[0])
    if kind == 10:
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


@njit(cache=True, nogil=True, error_model="numpy")
def turn_rays(rays: Array, world_from_camera: Array, directions: Array, origins: Array) -> None:
    """Rays ``(N, 3)`` of a camera in the world.

    A plain loop on purpose: a matrix product this thin spends its time in the threads that the
    linear algebra library starts, which fight with those that render.
    """
    m = world_from_camera
    for i in range(len(rays)):
        x, y, z = rays[i, 0], rays[i, 1], rays[i, 2]
        for k in range(3):
            directions[i, k] = m[k, 0] * x + m[k, 1] * y + m[k, 2] * z
            origins[i, k] = m[k, 3]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def develop(
    color: Array,
    depth: Array,
    motion: Array,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    gain: Array,
    noise: Array,
    vignette: float,
    tone: Array,
    out: Array,
) -> None:
    """Expose a photograph: motion blur, vignette, white balance, noise, tone curve.

    Args:
        color: ``(H, W, 3)`` linear light.
        depth: ``(H, W)`` metres along z, inf where nothing was hit.
        motion: ``(3, 4)`` transform of camera coordinates during the exposure.
        fx, fy, cx, cy: the camera.
        gain: ``(3,)`` exposure by channel.
        noise: ``(H, W)`` standard normal numbers.
        vignette: darkening in the corners, 0 to 1.
        tone: the tone curve, see :func:`tone_curve`.
        out: ``(H, W, 3)`` uint8 result, sRGB.
    """
    height, width = depth.shape
    for row in range(height):
        y = (row - cy) / fy
        for column in range(width):
            x = (column - cx) / fx
            z = min(depth[row, column], 20.0)
            px = z * (motion[0, 0] * x + motion[0, 1] * y + motion[0, 2]) + motion[0, 3]
            py = z * (motion[1, 0] * x + motion[1, 1] * y + motion[1, 2]) + motion[1, 3]
            pz = z * (motion[2, 0] * x + motion[2, 1] * y + motion[2, 2]) + motion[2, 3]
            r = g = b = 0.0
            du = dv = 0.0
            if pz > 0.05:
                du = fx * px / pz + cx - column
                dv = fy * py / pz + cy - row
            length = np.sqrt(du * du + dv * dv)
            taps = min(max(int(length) + 1, 1), 11)
            for tap in range(taps):
                share = (tap + 0.5) / taps - 0.5
                i = min(max(int(np.floor(row + share * dv + 0.5)), 0), height - 1)
                j = min(max(int(np.floor(column + share * du + 0.5)), 0), width - 1)
                r += color[i, j, 0]
                g += color[i, j, 1]
                b += color[i, j, 2]
            fall = 1.0 - vignette * (x * x + y * y)
            grain = noise[row, column]
            share_taps = fall / taps
            for c in range(3):
                value = (r if c == 0 else (g if c == 1 else b)) * share_taps * gain[c]
                place = int(min(max(value, 0.0) * TONE_STEPS, TONE_STEPS * 16.0 - 1.0))
                value = tone[place]
                value += grain * (1.1 + 0.012 * (255 - value))
                out[row, column, c] = np.uint8(min(max(value + 0.5, 0.0), 255.0))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def readability(
    face: Array,
    directions: Array,
    faces: Array,
    normals: Array,
    albedo: Array,
    material: Array,
    table: Array,
    cosine: Array,
    dark: Array,
) -> None:
    """How well a depth camera can read each ray's hit.

    Args:
        face: ``(N,)`` faces hit, -1 for none.
        directions: ``(N, 3)`` rays.
        faces, normals, albedo: the room's mesh.
        material: of each face.
        table: see ``MaterialBook``.
        cosine: ``(N,)`` result, between ray and surface normal, 0 to 1.
        dark: ``(N,)`` result, how badly it is read: dark, shiny, or glass; 0 to 1 and more.
    """
    for i in range(len(face)):
        cosine[i] = dark[i] = 0.0
        f = face[i]
        if f < 0:
            continue
        a = faces[f, 0]
        x, y, z = directions[i, 0], directions[i, 1], directions[i, 2]
        c = x * normals[a, 0] + y * normals[a, 1] + z * normals[a, 2]
        c = abs(c) / np.sqrt(x * x + y * y + z * z)
        bright = 0.3 * albedo[a, 0] + 0.5 * albedo[a, 1] + 0.2 * albedo[a, 2]
        row = table[material[f]]
        # Shiny things are read worst where they are looked at straight on.
        dark[i] = (
            row[10] + 0.45 * max(0.04 - bright, 0.0) / 0.04 + row[8] * max(c - 0.85, 0.0) / 0.6
        )
        cosine[i] = c


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

    The noise has standard deviation ``noise * axial_noise_m(z)``, correlated between neighbours.
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


def axial_noise_m(depth_m: Array) -> Array:
    """Standard deviation of a reading, metres: grows with the square of the distance.

    Source: Nguyen et al. 2012, "Modeling Kinect sensor noise", axial noise.
    """
    return np.asarray(0.0012 + 0.0019 * (np.asarray(depth_m) - 0.4) ** 2)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
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
        taps = 1 if row[0] == 10 else len(shift)
        for k in range(taps):
            s, t = coords[i, 0] + shift[k, 0], coords[i, 1] + shift[k, 1]
            albedo_of(row, atlas, s, t, seeds[i], 0.01, base)
            for channel in range(3):
                out[i, channel] += base[channel] / taps
