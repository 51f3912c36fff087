"""Per-pixel kernels of the depth sensors: what is read, and what becomes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

STEPS_PER_PIXEL = 8.0
"""Steps of disparity that a structured-light sensor tells apart, a pixel of 640."""

DISPARITY_NOISE_PX = 0.04
"""Standard deviation of a disparity, pixels of 640, before it is rounded."""

SHADOW_SLACK_PX = 1.5
"""Pixels of 640 that matching windows eat off a shadow."""

EDGE_PX = 1.5
"""Jump of disparity that makes an edge ragged, pixels of 640."""

_kernel = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"})


@_kernel
def losses(
    face: Array,
    inverse: Array,
    ray_of_pixel: Array,
    faces: Array,
    normals: Array,
    albedo: Array,
    spots: Array,
    material: Array,
    returns: Array,
    table: Array,
    out: Array,
) -> None:
    """How likely each pixel's light does not come back to the sensor well enough.

    Args:
        face, inverse: ``(H, W)`` faces seen (-1 for none), and 1/z.
        ray_of_pixel: see :class:`~crossvox.doors.zbuffer.View`.
        faces, normals, albedo: the room's mesh.
        spots: ``(V,)`` numbers about 0 that differ from place to place: they stay from frame to
            frame, as holes of real sensors do.
        material: of each face.
        returns: ``(M,)`` infrared light that a material sends back, shares of visible light.
        table: see ``MaterialBook``.
        out: ``(H, W)`` result, 0 to 1 and more.
    """
    height, width = face.shape
    m = ray_of_pixel
    # What a row's faces are, pixel by pixel; what follows from it are vectors.
    normal = np.empty((3, width), np.float32)
    bright, gloss, lost = np.empty(width), np.empty(width, np.float32), np.empty(width, np.float32)
    spot = np.empty(width, np.float32)
    for row in range(height):
        known = -1
        nx = ny = nz = shiny = dull = worse = np.float32(0)
        level = 0.0
        for column in range(width):
            f = face[row, column]
            if f != known:
                known = f
                nx = ny = nz = shiny = dull = worse = np.float32(0)
                level = 0.0
                if f >= 0:
                    a, number = np.uint32(faces[np.uint32(f), 0]), np.uint32(material[np.uint32(f)])
                    level = 0.3 * albedo[a, 0] + 0.5 * albedo[a, 1] + 0.2 * albedo[a, 2]
                    level *= returns[number]
                    nx, ny, nz, worse = normals[a, 0], normals[a, 1], normals[a, 2], spots[a]
                    shiny, dull = table[number, 8], table[number, 10]
            normal[0, column], normal[1, column], normal[2, column] = nx, ny, nz
            bright[column], spot[column] = level, worse
            gloss[column], lost[column] = shiny, dull
        for i in range(width):
            at = np.int32(i)
            x = m[0, 0] * at + m[0, 1] * row + m[0, 2]
            y = m[1, 0] * at + m[1, 1] * row + m[1, 2]
            z = m[2, 0] * at + m[2, 1] * row + m[2, 2]
            c = x * normal[0, i] + y * normal[1, i] + z * normal[2, i]
            c = abs(c) / np.sqrt(x * x + y * y + z * z)
            back = bright[i] * c * min(2.0 * inverse[row, i], 2.0)
            aside = 1.0 - c
            value = (
                lost[i]
                + 0.9 * 0.005 / (back + 0.005)
                # Light falls along the surface; on shiny ones it goes away as from a mirror, or
                # straight back into the lens.
                + 0.8 * max(0.36 - c, 0.0) / 0.36
                + 1.6 * gloss[i] * aside * aside * aside
                + gloss[i] * max(c - 0.92, 0.0) / 0.16
                + 0.07 * spot[i]
            )
            out[row, i] = value if face[row, i] >= 0 else 2.0


@_kernel
def structured_light(
    inverse: Array,
    loss: Array,
    patches: Array,
    noise: Array,
    wobble: Array,
    warp: Array,
    shift: float,
    scale: float,
    near_m: float,
    far_m: float,
    strength: float,
    out: Array,
) -> None:
    """Depth from a projected pattern, millimetres, 0 = no reading.

    The projector stands to the right: what it cannot light lies in shadow, left of nearer things.
    Edges are ragged by the windows that are matched (places are shifted, as in Handa et al. 2014,
    "A Benchmark for RGB-D Visual Odometry, 3D Reconstruction and SLAM"). Disparity has noise and a
    slow error over the image, and is rounded to an eighth of a pixel (Khoshelham and Elberink 2012,
    "Accuracy and Resolution of Kinect Depth Data"), so that depth comes in steps that grow with
    its square.

    Args:
        inverse: ``(H, W)`` 1/z, 0 where there is nothing.
        loss: ``(H, W)`` see :func:`losses`.
        patches: ``(H, W)`` smooth numbers from 0 to 1.
        noise: ``(H, W)`` standard normal numbers, correlated between neighbours.
        wobble: ``(h, w, 2)`` int8 shifts of blocks of pixels.
        warp: ``(H, W)`` error of disparity that stays, pixels of 640.
        shift: base line times focal length in pixels of 640, metres times pixels.
        scale: pixels of this image a pixel of 640.
        near_m, far_m: smallest and largest reading.
        strength: factor on noise and missing readings.
        out: ``(H, W)`` uint16 result.
    """
    height, width = inverse.shape
    rows, columns = wobble.shape[:2]
    border = int(np.floor(8 * scale + 0.5))
    block = max(int(np.floor(3 * scale + 0.5)), 1)
    here, slack = shift * scale, SHADOW_SLACK_PX * scale
    finest = shift * STEPS_PER_PIXEL
    # Divided once: whole numbers take long.
    along = np.minimum(np.arange(width) // block, columns - 1).astype(np.uint32)
    inner = width - border
    # What is matched, or 0; what follows from it are vectors.
    seen, bad = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(height):
        nearest = 1e9
        up = min(row // block, rows - 1)
        for column in range(width - 1, -1, -1):
            s = inverse[row, column]
            place = column - here * s
            shadow = place > nearest + slack
            nearest = min(nearest, place)
            if shadow or column >= inner:
                seen[column] = bad[column] = 0
                continue
            i = np.uint32(min(max(row + wobble[up, along[column], 0], 0), height - 1))
            j = np.uint32(min(max(column + wobble[up, along[column], 1], 0), width - 1))
            if abs(inverse[i, j] - s) * shift < EDGE_PX:
                i, j = np.uint32(row), np.uint32(column)
            seen[column], bad[column] = inverse[i, j], loss[i, j]
        for column in range(width):
            s = seen[column]
            wrong = warp[row, column] + DISPARITY_NOISE_PX * noise[row, column]
            steps = np.floor(finest * s + STEPS_PER_PIXEL * strength * wrong + 0.5)
            known = (s * near_m <= 1.0) & (s * far_m >= 1.0) & (steps > 0)
            known &= bad[column] * strength <= 0.5 + 0.2 * patches[row, column]
            value = min(1000 * finest / max(steps, 1.0) + 0.5, 65534.0)
            out[row, column] = np.uint16(value) if known else np.uint16(0)


@_kernel
def time_of_flight(
    inverse: Array,
    around: Array,
    loss: Array,
    patches: Array,
    noise: Array,
    chance: Array,
    near_m: float,
    far_m: float,
    strength: float,
    out: Array,
) -> None:
    """Depth from the time that light takes, millimetres, 0 = no reading.

    A pixel at an edge gets light of what is before and behind it, and reads something between
    ("flying pixels"). Light that comes over other surfaces makes corners and dark surfaces look
    farther away than they are (Lefloch et al. 2013, "Technical Foundation and Calibration Methods
    for Time-of-Flight Cameras").

    Args:
        inverse: ``(H, W)`` 1/z, 0 where there is nothing.
        around: ``(H, W)`` mean of that over a wide neighbourhood.
        loss: ``(H, W)`` see :func:`losses`.
        patches: ``(H, W)`` smooth numbers from 0 to 1.
        noise: ``(H, W)`` standard normal numbers.
        chance: ``(H, W)`` uint8 numbers.
        near_m, far_m: smallest and largest reading.
        strength: factor on noise and missing readings.
        out: ``(H, W)`` uint16 result.
    """
    height, width = inverse.shape
    for row in range(height):
        up, down = max(row - 1, 0), min(row + 1, height - 1)
        for column in range(width):
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            s = inverse[row, column]
            out[row, column] = 0
            bad = loss[row, column] * strength
            if s <= 0.0 or bad > 0.55 + 0.15 * patches[row, column]:
                continue
            z = 1.0 / s
            low = min(
                min(inverse[up, column], inverse[down, column]),
                min(inverse[row, left], inverse[row, right]),
            )
            high = max(
                max(inverse[up, column], inverse[down, column]),
                max(inverse[row, left], inverse[row, right]),
            )
            draw = chance[row, column] / 256.0
            if low > 0.0 and high - low > 0.04 * s:
                # Most of these are known to be bad, and left out.
                if draw < 0.6 * min(strength, 1.0):
                    continue
                share = (draw - 0.6) / 0.4 * 0.5 * min(strength, 1.0)
                other = low if s - low > high - s else high
                z = (1.0 - share) * z + share / other
            if around[row, column] > 0.0:
                path = min(abs(1.0 / around[row, column] - z), 0.5 * z)
                z += strength * path * (0.01 + 0.04 * min(bad, 1.0))
            z += strength * (0.0008 + 0.0006 * z * z * (0.5 + 2.0 * bad)) * noise[row, column]
            if near_m <= z <= far_m:
                out[row, column] = np.uint16(z * 1000 + 0.5)


@_kernel
def lidar_of_a_phone(
    inverse: Array,
    smooth: Array,
    loss: Array,
    patches: Array,
    noise: Array,
    far_m: float,
    strength: float,
    out: Array,
) -> None:
    """Depth that a phone makes of a few hundred points and its colour image, millimetres.

    It is smooth: edges are blurred over some pixels, thin things melt into what is behind them, and
    errors are alike over wide parts of the image. Readings of low confidence are left out: across
    strong edges, on what sends no light back, and beyond five metres.

    Args:
        inverse: ``(H, W)`` 1/z, 0 where there is nothing.
        smooth: ``(H, W)`` the same, blurred.
        loss: ``(H, W)`` see :func:`losses`.
        patches: ``(H, W)`` smooth numbers from 0 to 1.
        noise: ``(H, W)`` standard normal numbers, alike over wide parts.
        far_m: largest reading.
        strength: factor on errors and missing readings.
        out: ``(H, W)`` uint16 result.
    """
    height, width = inverse.shape
    last = min(far_m, 5.0)
    for row in range(height):
        for column in range(width):
            s, t = inverse[row, column], smooth[row, column]
            out[row, column] = 0
            if s <= 0.0 or t <= 0.0:
                continue
            doubt = 2.0 * abs(t - s) / s + 0.45 * loss[row, column]
            if doubt * strength > 0.35 + 0.3 * patches[row, column]:
                continue
            z = (1.0 + strength * 0.007 * noise[row, column]) / t
            if 0.2 <= z <= last:
                out[row, column] = np.uint16(z * 1000 + 0.5)
