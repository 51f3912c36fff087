"""Pictures that surfaces show: paintings, posters, screens, views from windows, rugs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.materials import IMAGE_PX, hsv


def _axes() -> tuple[NDArray[Any], NDArray[Any]]:
    ticks = (np.arange(IMAGE_PX) + 0.5) / IMAGE_PX
    x, y = np.meshgrid(ticks, 1 - ticks)
    return x, y


def _smooth_noise(rng: np.random.Generator, cells: int) -> NDArray[Any]:
    import cv2

    coarse = rng.random((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (IMAGE_PX, IMAGE_PX), interpolation=cv2.INTER_CUBIC))


def _finish(image: NDArray[Any]) -> NDArray[np.uint8]:
    return np.clip(np.round(image * 255), 0, 255).astype(np.uint8)


def landscape(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of sky, hills and a sun, row 0 on top."""
    x, y = _axes()
    hue = rng.random()
    top, bottom = np.array(hsv(hue, 0.5, 0.9)), np.array(hsv(hue + 0.1, 0.3, 1.0))
    image = bottom + (top - bottom) * y[..., None]
    sun = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.6, 0.85)) < rng.uniform(0.05, 0.12)
    image[sun] = (1.0, 0.92, 0.7)
    ground = hue + rng.uniform(0.2, 0.5)
    for layer in range(3):
        base = 0.55 - 0.17 * layer
        ridge = base + 0.09 * np.sin(2 * np.pi * (x * rng.uniform(0.7, 2.2) + rng.random()))
        ridge += 0.03 * np.sin(2 * np.pi * (x * rng.uniform(3, 7) + rng.random()))
        image[y < ridge] = hsv(ground, 0.35 + 0.12 * layer, 0.7 - 0.17 * layer)
    return _finish(image)


def abstract(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of overlapping coloured shapes."""
    x, y = _axes()
    hue = rng.random()
    image = np.empty((IMAGE_PX, IMAGE_PX, 3))
    image[:] = hsv(hue, 0.12, 0.93)
    for _ in range(int(rng.integers(4, 10))):
        color = hsv(
            hue + rng.choice([0, 0.08, 0.5, 0.58]), rng.uniform(0.4, 0.9), rng.uniform(0.3, 1)
        )
        cx, cy, size = rng.random(), rng.random(), rng.uniform(0.08, 0.3)
        if rng.random() < 0.5:
            inside = np.hypot(x - cx, y - cy) < size
        else:
            angle = rng.uniform(0, np.pi)
            a = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
            b = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
            inside = (np.abs(a) < size) & (np.abs(b) < size * rng.uniform(0.15, 0.9))
        image[inside] = color
    return _finish(image)


def portrait(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A picture of head and shoulders."""
    x, y = _axes()
    image = np.empty((IMAGE_PX, IMAGE_PX, 3))
    image[:] = hsv(rng.random(), 0.35, rng.uniform(0.35, 0.8))
    image *= (0.75 + 0.4 * _smooth_noise(rng, 5))[..., None]
    image[((x - 0.5) / 0.4) ** 2 + ((y - 0.02) / 0.36) ** 2 < 1] = hsv(rng.random(), 0.6, 0.4)
    hair = hsv(0.08, 0.6, rng.uniform(0.1, 0.6))
    image[((x - 0.5) / 0.2) ** 2 + ((y - 0.6) / 0.25) ** 2 < 1] = hair
    skin = hsv(0.07, 0.35, rng.uniform(0.5, 0.95))
    image[((x - 0.5) / 0.15) ** 2 + ((y - 0.55) / 0.2) ** 2 < 1] = skin
    return _finish(image)


def poster(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A poster: a block of colour, a figure, lines of text."""
    x, y = _axes()
    hue = rng.random()
    image = np.empty((IMAGE_PX, IMAGE_PX, 3))
    image[:] = hsv(hue, rng.uniform(0, 0.3), 0.95)
    image[y > 0.35] = hsv(hue, 0.7, rng.uniform(0.4, 0.9))
    image[np.hypot(x - 0.5, y - 0.67) < rng.uniform(0.15, 0.27)] = hsv(hue + 0.45, 0.7, 0.95)
    for line in range(4):
        inside = (np.abs(y - 0.27 + 0.06 * line) < 0.016) & (x > 0.12) & (x < rng.uniform(0.5, 0.9))
        image[inside] = 0.12
    return _finish(image)


def window_view(rng: np.random.Generator) -> NDArray[np.uint8]:
    """What is seen through a window: bright sky, trees or houses."""
    x, y = _axes()
    image = np.array((0.80, 0.89, 1.0)) + (np.array((0.93, 0.96, 1.0)) - 0.8) * (0.5 - y)[..., None]
    image = np.clip(image + 0.12 * (_smooth_noise(rng, 6) - 0.4)[..., None], 0, 1)
    if rng.random() < 0.5:
        crown = 0.32 + 0.16 * _smooth_noise(rng, 7) + 0.06 * _smooth_noise(rng, 24)
        leaves = np.array(hsv(rng.uniform(0.22, 0.36), 0.45, 0.62))
        mask = y < crown
        image[mask] = (leaves * (0.6 + 0.7 * _smooth_noise(rng, 32))[..., None])[mask]
    else:
        for _ in range(4):
            left, width, top = rng.random(), rng.uniform(0.15, 0.35), rng.uniform(0.25, 0.6)
            mask = (x > left) & (x < left + width) & (y < top)
            image[mask] = hsv(rng.uniform(0, 0.12), 0.25, rng.uniform(0.6, 0.85))
            panes = mask & ((x * 22) % 1 < 0.45) & ((y * 16) % 1 < 0.5)
            image[panes] = (0.35, 0.4, 0.48)
    return _finish(image)


def screen(rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a monitor shows: windows with lines of text."""
    x, y = _axes()
    image = np.empty((IMAGE_PX, IMAGE_PX, 3))
    image[:] = hsv(rng.random(), 0.5, 0.35)
    for _ in range(2):
        left, low = rng.uniform(0.03, 0.4), rng.uniform(0.08, 0.35)
        mask = (x > left) & (x < left + 0.55) & (y > low) & (y < low + 0.55)
        image[mask] = 0.93 if rng.random() < 0.6 else 0.14
        text = mask & ((y * 28) % 1 < 0.45) & (x > left + 0.04)
        text &= x < left + 0.15 + 0.4 * ((np.floor(y * 28) * 0.618) % 1)
        image[text] = hsv(rng.random(), 0.4, 0.5)
        image[mask & (y > low + 0.51)] = (0.3, 0.42, 0.6)
    return _finish(image)


def rug_pattern(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A rug: borders and a figure that repeats."""
    x, y = _axes()
    hue = rng.random()
    colors = [np.array(hsv(hue + d, rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.85)))
              for d in (0, 0.05, 0.5, 0.1)]  # fmt: skip
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    image = np.empty((IMAGE_PX, IMAGE_PX, 3))
    image[:] = colors[0]
    count = int(rng.integers(2, 6))
    if rng.random() < 0.5:
        figure = np.abs((x * count) % 1 - 0.5) + np.abs((y * count) % 1 - 0.5)
    else:
        figure = np.hypot(x - 0.5, y - 0.5) * count % 1
    image[figure < 0.36] = colors[1]
    image[figure < 0.18] = colors[2]
    image[edge < 0.13] = colors[3]
    image[edge < 0.10] = colors[1]
    image[edge < 0.035] = colors[2]
    image *= (0.85 + 0.3 * rng.random((IMAGE_PX, IMAGE_PX)))[..., None]
    return _finish(image)


def whiteboard_scribble(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A whiteboard with drawings."""
    import cv2

    image = np.full((IMAGE_PX, IMAGE_PX, 3), 243, dtype=np.uint8)
    for _ in range(int(rng.integers(5, 12))):
        color = [(30, 60, 190), (190, 30, 30), (20, 20, 20), (20, 130, 60)][int(rng.integers(4))]
        start = rng.integers(8, IMAGE_PX - 30, 2)
        walk = np.cumsum(rng.integers(-9, 14, (int(rng.integers(3, 8)), 2)), axis=0) + start
        cv2.polylines(image, [walk.astype(np.int32)], rng.random() < 0.3, color, 1)
    return image


def clock_face() -> NDArray[np.uint8]:
    """A clock at ten past ten."""
    import cv2

    image = np.full((IMAGE_PX, IMAGE_PX, 3), 240, dtype=np.uint8)
    middle = IMAGE_PX // 2
    for hour in range(12):
        direction = np.array([np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)])
        a, b = middle + direction * middle * 0.75, middle + direction * middle * 0.9
        cv2.line(
            image, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), (30, 30, 30), 2
        )
    for turn, length in ((10.17 / 12, 0.45), (10 / 60, 0.68)):
        tip = (
            middle
            + np.array([np.sin(turn * 2 * np.pi), -np.cos(turn * 2 * np.pi)]) * middle * length
        )
        cv2.line(image, (middle, middle), tuple(tip.astype(int).tolist()), (20, 20, 20), 3)
    return image
