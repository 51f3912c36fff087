"""Images varied at random: colours alone, or an image together with its labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from crossvox.core.colors import COLORS
from crossvox.core.frame import resize_nearest
from crossvox.core.labels import UNANNOTATED
from crossvox.doors.images import blur_gray, resize_color, resize_smooth
from crossvox.samples.kernels import mix_colors
from crossvox.samples.params import AugmentParams, ImageAugmentParams
from crossvox.views.geometry import HIGH, LOW, Planes

_GREY = np.round(np.array(COLORS.mean) * 255).astype(np.uint8)

_LUMA = np.array([0.299, 0.587, 0.114])


def vary_color(
    image: NDArray[np.uint8],
    params: AugmentParams,
    rng: np.random.Generator,
    out: NDArray[np.uint8],
) -> None:
    """Vary brightness, contrast, saturation and hue of ``(3, H, W)`` colours, and blur some.

    The four are one affine map of the colours, so a single pass does them all without rounding in
    between.

    Args:
        image: colours.
        params: how far to vary.
        rng: where chance comes from; the same number of draws whatever comes of them.
        out: takes the result.
    """
    brightness, contrast, saturation, hue, luck, blur = rng.uniform(-1, 1, size=6)
    matrix, offset = color_map(
        1 + brightness * params.brightness,
        1 + contrast * params.contrast,
        1 + saturation * params.saturation,
        hue * params.hue,
        # Every fourth pixel of every fourth row tells the mean grey well enough.
        float(_LUMA @ image[:, ::4, ::4].mean(axis=(1, 2))),
    )
    mix_colors(image, matrix.astype(np.float32), offset.astype(np.float32), out)
    sigma_px = (blur + 1) / 2 * params.blur_px
    if (luck + 1) / 2 < params.blur_share and sigma_px > 0.1:
        for channel in range(3):
            out[channel] = blur_gray(out[channel], sigma_px)


def color_map(
    brightness: float, contrast: float, saturation: float, hue: float, grey: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The affine map that changes brightness, then contrast, then saturation, then hue.

    Args:
        brightness: factor on the colours.
        contrast: factor on the distance from the mean grey.
        saturation: factor on the distance from each pixel's own grey.
        hue: turn about the grey axis, in full circles.
        grey: mean grey of the image before, 0..255.

    Returns:
        ``(3, 3)`` matrix and ``(3,)`` offset on the scale 0..255; ones and zero are the identity.
    """
    fade = saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMA, (3, 1))
    # Rodrigues' formula about the axis (1, 1, 1) / sqrt(3).
    angle = 2 * np.pi * hue
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    spin = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    matrix = spin @ fade
    shift = (1 - contrast) * brightness * grey
    return contrast * brightness * matrix, matrix @ np.full(3, shift)


def vary_geometry(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    params: ImageAugmentParams,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mirror, scale and move an image and its labels together; the size stays.

    Args:
        image: ``(H, W, 3)`` uint8 colours, or ``(H, W, 6)`` with planes of depth, which are
            resampled by nearest neighbour as labels are.
        labels: ``(H, W)`` uint8.
        params: how far to vary.
        rng: where chance comes from; the same number of draws whatever comes of them.
    """
    height, width = labels.shape
    luck, scale, stretch, x, y = rng.random(5)
    if luck < params.flip_share:
        image, labels = image[:, ::-1], labels[:, ::-1]
    factor = params.smallest * (params.largest / params.smallest) ** scale
    apart = 1 + params.stretch * (2 * stretch - 1)
    # What is kept of the image, then the place that it takes in the result: one of them is whole.
    left, wide, at_left, out_wide = _window(width, factor * np.sqrt(apart), x)
    top, high, at_top, out_high = _window(height, factor / np.sqrt(apart), y)
    size = (out_wide, out_high)
    part = image[top : top + high, left : left + wide]
    colors = resize_color(np.ascontiguousarray(part[..., :3]), size)
    if image.shape[2] > 3:
        colors = np.concatenate((colors, resize_nearest(part[..., 3:], size)), axis=2)
    ids = resize_nearest(labels[top : top + high, left : left + wide], size)
    if size == (width, height):
        return colors, np.ascontiguousarray(ids)
    canvas = np.zeros((height, width, image.shape[2]), dtype=np.uint8)
    canvas[..., :3] = _GREY
    canvas[at_top : at_top + out_high, at_left : at_left + out_wide] = colors
    blank = np.full((height, width), UNANNOTATED, dtype=np.uint8)
    blank[at_top : at_top + out_high, at_left : at_left + out_wide] = ids
    return canvas, blank


def vary_depth(planes: Planes, params: ImageAugmentParams, rng: np.random.Generator) -> None:
    """Lose depth, as a whole or in patches, and shift heights, in place.

    Args:
        planes: ``(3, H, W)`` uint8, see :mod:`crossvox.views.geometry`.
        params: how far to vary.
        rng: where chance comes from; the same number of draws whatever comes of them.
    """
    lost, holes, level, shift = rng.random(4)
    patches = rng.random(_PATCHES).astype(np.float32)
    if lost < params.depth_lost_share:
        planes[:] = 0
        return
    if holes < params.depth_holes_share:
        height, width = planes.shape[1:]
        planes[:, resize_smooth(patches, (width, height)) > 0.5 + 0.4 * level] = 0
    step = (HIGH[_HEIGHT] - LOW[_HEIGHT]) / 254
    # A normal deviate of a uniform one.
    moved = round(float(ndtri(min(max(shift, 1e-3), 1 - 1e-3))) * params.height_m / step)
    heights = planes[_HEIGHT].astype(np.int16)
    planes[_HEIGHT] = np.where(heights > 0, np.clip(heights + moved, 1, 255), 0)


_PATCHES = (6, 8)
_HEIGHT = 1


def _window(length: int, factor: float, place: float) -> tuple[int, int, int, int]:
    """Along one axis: first pixel kept, pixels kept, first pixel filled, pixels filled."""
    if factor >= 1:
        kept = max(1, round(length / factor))
        return int(place * (length - kept + 1)), kept, 0, length
    filled = max(1, round(length * factor))
    return 0, length, int(place * (length - filled + 1)), filled
