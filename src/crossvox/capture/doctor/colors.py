"""Whether depth lies on the colours that belong to it: edges of depth are edges of colour.

What stands in front of something else usually has another colour. Depth images that were only laid
over those of another camera miss these edges, the more the farther from the centre (another focal
length) and the nearer the thing (another place). Both are found by moving the edges of depth, as
points in space, until they fall on edges of colour: a chamfer match (Barrow et al. 1977).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.capture.doctor.findings import Finding
from crossvox.capture.doctor.sample import values
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import Capture, Parts
from crossvox.core.threads import threads

Array = NDArray[Any]

FRAMES = 32
WIDTH = 640
EDGES = 2500
"""Points of depth edges of a frame that are looked at."""

REACH_PX = 12.0
"""Colour edges farther away have nothing to do with an edge of depth."""

TOLD_FOCAL, TOLD_PX = 0.025, 4.0
"""What is told: a focal length off by this share, or edges at 2 m off by so many pixels."""

SURE = 0.95
_DRAWS = 100
_STEPS = (
    ((0.16, 0.06, 0.0), (17, 13, 1)),
    ((0.03, 0.02, 0.02), (7, 7, 5)),
    ((0.012, 0.008, 0.008), (7, 7, 5)),
    ((0.005, 0.003, 0.003), (7, 7, 5)),
)
"""Focal length, right, down: how far is looked, and at how many places; finer each time."""


@dataclass(frozen=True)
class ColorFit:
    """Where the colour camera is, by the edges.

    Attributes:
        focal: factor on the focal length that brings edges of depth onto edges of colour.
        shift_m: position of the colour camera in the coordinates of depth as delivered, right and
            down.
        off_px: mean distance of depth edges from colour edges, at a width of 640, as delivered.
        fitted_px: the same with this camera.
        focal_spread: standard deviation of the factor over draws of frames.
        gain: share of draws in which edges lie clearly better.
        frames: frames that said something.
    """

    focal: float
    shift_m: tuple[float, float]
    off_px: float
    fitted_px: float
    focal_spread: float
    gain: float
    frames: int


@njit(cache=True, nogil=True, error_model="numpy")
def _edge_distance(
    points: Array, starts: Array, distance: Array, camera: Array, tries: Array, out: Array
) -> None:
    """Mean distance to colour edges, ``out (T, F)``, for cameras ``tries (T, 3)``: f, x, y."""
    fx, fy, cx, cy = camera[0], camera[1], camera[2], camera[3]
    height, width = distance.shape[1], distance.shape[2]
    for t in range(len(tries)):
        f, sx, sy = tries[t, 0], tries[t, 1], tries[t, 2]
        for n in range(len(starts) - 1):
            total, count = 0.0, 0
            for k in range(starts[n], starts[n + 1]):
                x, y, z = points[k, 0], points[k, 1], points[k, 2]
                u = int(f * fx * (x - sx) / z + cx + 0.5)
                v = int(f * fy * (y - sy) / z + cy + 0.5)
                if 0 <= u < width and 0 <= v < height:
                    total += distance[n, v, u]
                    count += 1
            out[t, n] = total / count if count > 50 else np.nan


def fit_colors(capture: Capture) -> ColorFit | None:
    """Fit the colour camera to edges of depth; None where too few frames have any."""
    camera, images = _images(capture)
    if len(images) < 4:
        return None
    f = values(camera)
    points = [_depth_edges(depth, f, n) for n, (_, depth) in enumerate(images)]
    used = [n for n, some in enumerate(points) if len(some) > 150]
    if len(used) < 4:
        return None
    distance = np.stack([_color_edges(images[n][0]) for n in used])
    starts = np.cumsum([0, *(len(points[n]) for n in used)])
    joined = np.concatenate([points[n] for n in used])

    def measure(tries: Array) -> NDArray[np.float64]:
        out = np.empty((len(tries), len(used)))
        _edge_distance(joined, starts, distance, f, np.ascontiguousarray(tries), out)
        return out

    return _search(measure, len(used))


def _search(measure: Any, frames: int) -> ColorFit:
    usual = measure(np.array([[1.0, 0.0, 0.0]]))[0]
    best = np.array([1.0, 0.0, 0.0])
    for reach, counts in _STEPS:
        tries = _grid(best, reach, counts)
        table = measure(tries)
        best = tries[int(np.argmin(np.nanmean(table, axis=1)))]
    fitted = measure(best[None])[0]
    around = _grid(best, (0.06, 0.016, 0.0), (25, 5, 1))
    near = measure(around)
    chosen = np.random.default_rng(7).integers(0, frames, (_DRAWS, frames))
    drawn = [around[int(np.argmin(np.nanmean(near[:, one], axis=1))), 0] for one in chosen]
    better = np.nanmean(fitted[chosen], axis=1) < 0.93 * np.nanmean(usual[chosen], axis=1)
    return ColorFit(
        focal=float(best[0]),
        shift_m=(float(best[1]), float(best[2])),
        off_px=float(np.nanmean(usual)),
        fitted_px=float(np.nanmean(fitted)),
        focal_spread=float(np.std(drawn)),
        gain=float(better.mean()),
        frames=frames,
    )


def _grid(middle: Array, reach: tuple[float, ...], counts: tuple[int, ...]) -> Array:
    axes = [
        m + np.linspace(-r, r, n) if n > 1 else np.array([m])
        for m, r, n in zip(middle, reach, counts, strict=True)
    ]
    return np.stack([grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")], axis=1)


def _images(capture: Capture) -> tuple[Intrinsics, list[tuple[Array, Array]]]:
    """Grey images and depth of some frames, on one grid."""
    own = capture.camera()
    width = min(WIDTH, own.width)
    camera = own.resized((width, max(1, round(own.height * width / own.width))))
    positions = np.unique(np.linspace(0, len(capture) - 1, FRAMES).round().astype(int))

    def read(position: int) -> tuple[Array, Array] | None:
        try:
            frame = capture.frame(position, camera.size, Parts(labels=False))
        except (CaptureError, PoseError):
            return None
        if frame.rgb is None or frame.depth_m is None:
            return None
        return frame.rgb.astype(np.float32).mean(axis=2), frame.depth_m

    with ThreadPoolExecutor(threads()) as pool:
        found = list(pool.map(read, positions.tolist()))
    return camera, [one for one in found if one is not None]


def _depth_edges(depth: Array, f: Array, seed: int) -> NDArray[np.float64]:
    """Points ``(K, 3)`` on the near side of steps in depth."""
    near = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        for way in (1, -1):
            # Over a gap too: sensors often read nothing right beside an edge.
            for step in (1, 3):
                other = np.roll(depth, way * step, axis)
                between = np.roll(depth, way, axis)
                gap = (between == 0) if step > 1 else True
                near |= (other > depth + np.maximum(0.1, 0.06 * depth)) & gap
    near &= (depth > 0) & (depth < 6)
    near[:4], near[-4:], near[:, :4], near[:, -4:] = False, False, False, False
    v, u = np.nonzero(near)
    if len(u) > EDGES:
        some = np.random.default_rng(seed).choice(len(u), EDGES, replace=False)
        u, v = u[some], v[some]
    z = depth[v, u].astype(np.float64)
    return np.stack([(u - f[2]) / f[0] * z, (v - f[3]) / f[1] * z, z], axis=1)


def _color_edges(gray: Array) -> NDArray[np.float32]:
    """``(H, W)`` distance to the nearest edge of colour, pixels, cut off."""
    from scipy import ndimage

    dx = ndimage.gaussian_filter(gray, 1.2, order=(0, 1))
    dy = ndimage.gaussian_filter(gray, 1.2, order=(1, 0))
    size = np.hypot(dx, dy)
    along_x = np.abs(dx) > np.abs(dy)
    left, right = np.roll(size, 1, 1), np.roll(size, -1, 1)
    up, down = np.roll(size, 1, 0), np.roll(size, -1, 0)
    crest = np.where(along_x, (size >= left) & (size > right), (size >= up) & (size > down))
    edges = crest & (size > max(float(np.quantile(size, 0.85)), 3.0))
    distance = ndimage.distance_transform_edt(~edges)
    return np.minimum(distance, REACH_PX).astype(np.float32)


def check_colors(capture: Capture) -> tuple[list[Finding], ColorFit | None]:
    """A finding where depth lies beside its colours."""
    fit = fit_colors(capture)
    if fit is None:
        return [], None
    camera = capture.camera()
    shift_px = camera.fx * WIDTH / camera.width * float(np.hypot(*fit.shift_m)) / 2.0
    off = abs(fit.focal - 1) > TOLD_FOCAL + 2 * fit.focal_spread or shift_px > TOLD_PX
    if not off or fit.gain < SURE:
        return [], fit
    focal = camera.fx * fit.focal
    x, y = (1000 * one for one in fit.shift_m)
    text = (
        f"depth lies beside its colours: the colour camera's focal length is about {focal:.0f} px "
        f"({camera.fx:.0f} is taken), and it stands {x:.0f} mm right of and {y:.0f} mm below where "
        f"it is taken to be; edges are {fit.off_px:.1f} px apart, and {fit.fitted_px:.1f} then"
    )
    advice = (
        "the depth images are not registered to the colour images: give both cameras "
        "(intrinsic_color, intrinsic_depth and extrinsics), or colours are smeared over edges"
    )
    return [Finding("registration", "doubt", text, advice, number=focal, confidence=fit.gain)], fit
