"""Boxes, with sharp and round edges, and cushions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.shapes.surface import Shape, Vector, grid_faces, join, patch, steps_of

Array = NDArray[Any]


def box(size: Vector, spacing: float, *, without: str = "") -> Shape:
    """A box centred in x and y that stands on z = 0.

    Args:
        size: width (x), depth (y), height (z).
        spacing: largest triangle edge along x, y, z.
        without: sides to leave out, of ``lrfbtd``: left (-x), right, front (+y), back, top, down.
    """
    w, d, h = (float(value) for value in size)
    x, y = w / 2, d / 2
    # The first direction of each side is the longer one where possible: wood grain follows it.
    tall = h >= max(w, d)
    sides = {
        "l": ((-x, y, 0), (0, -d, 0), (0, 0, h)),
        "r": ((x, -y, 0), (0, d, 0), (0, 0, h)),
        "f": ((x, y, 0), (-w, 0, 0), (0, 0, h)),
        "b": ((-x, -y, 0), (w, 0, 0), (0, 0, h)),
        "t": ((-x, -y, h), (w, 0, 0), (0, d, 0)),
        "d": ((-x, y, 0), (w, 0, 0), (0, -d, 0)),
    }
    shapes = []
    for name, (origin, first, second) in sides.items():
        if name in without:
            continue
        if (name in "lrfb" and tall) or (name in "td" and d > w):
            start = tuple(a + b for a, b in zip(origin, first, strict=True))
            shapes.append(patch(start, second, tuple(-a for a in first), spacing))
        else:
            shapes.append(patch(origin, first, second, spacing))
    return join(shapes)


def rounded_box(size: Vector, radius: float, spacing: float, *, steps: int = 2) -> Shape:
    """A box with round edges, centred in x and y, standing on z = 0."""
    half = np.asarray(size, dtype=np.float64) / 2
    radius = float(min(radius, half.min() * 0.999))
    inner = half - radius
    ticks = []
    for axis in range(3):
        bend = radius * np.tan(np.linspace(0, np.pi / 4, steps + 1))
        middle = np.linspace(-inner[axis], inner[axis], steps_of(2 * inner[axis], spacing) + 1)
        ticks.append(np.concatenate([-inner[axis] - bend[:0:-1], middle, inner[axis] + bend[1:]]))
    shapes = []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for sign in (-1.0, 1.0):
            first, second = (a, b) if sign > 0 else (b, a)
            u, v = np.meshgrid(ticks[first], ticks[second], indexing="ij")
            cube = np.empty((u.size, 3))
            cube[:, axis] = sign * half[axis]
            cube[:, first], cube[:, second] = u.ravel(), v.ravel()
            core = np.clip(cube, -inner, inner)
            normal = cube - core
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            coords = np.stack([u.ravel(), v.ravel()], 1)
            if size[first] < size[second]:
                coords = coords[:, ::-1]
            shapes.append(Shape(core + radius * normal, normal, coords, grid_faces(*u.shape)))
    return join(shapes).moved(z=float(half[2]))


def cushion(size: Vector, spacing: float, *, bulge: float = 0.3, corner: float = 0.5) -> Shape:
    """A pillow: a rounded box whose large sides swell and whose edges are thin; stands on z = 0."""
    w, d, h = (float(value) for value in size)
    base = rounded_box((w, d, h), h * corner, spacing, steps=3)
    points = base.points.copy()
    x, y = points[:, 0] / (w / 2), points[:, 1] / (d / 2)
    swell = np.clip(1 - np.abs(x) ** 2.5, 0, 1) * np.clip(1 - np.abs(y) ** 2.5, 0, 1)
    middle = points[:, 2] - h / 2
    points[:, 2] = h / 2 + middle * (1 - bulge + 2 * bulge * swell)
    shrink = 1 - 0.08 * bulge * (1 - np.abs(x)) * np.abs(y) ** 4
    points[:, 1] *= shrink
    slope = np.zeros_like(points)
    slope[:, 0], slope[:, 1] = 0.8 * bulge * h * x / w * 4, 0.8 * bulge * h * y / d * 4
    up = np.sign(base.normals[:, 2:3]) * np.abs(base.normals[:, 2:3]) ** 2
    normals = base.normals + slope * np.abs(up)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points[:, 2] -= points[:, 2].min()
    return Shape(points, normals, base.coords, base.faces)
