"""Per-pixel kernels of the cameras: rays, the photograph, the depth sensor."""

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
