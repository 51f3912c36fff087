"""Bodies through rings, bodies of revolution and tubes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.shapes.surface import Shape, Vector, join, sheet, steps_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Ring:
    """One cross-section of a loft: a superellipse.

    Attributes:
        x_m, y_m: half axes.
        z_m: height.
        power: 2 is an ellipse, large values approach a rectangle.
        at_x_m, at_y_m: centre.
    """

    x_m: float
    y_m: float
    z_m: float
    power: float = 2.0
    at_x_m: float = 0.0
    at_y_m: float = 0.0


def loft(rings: Sequence[Ring], spacing: float, *, segments: int = 0, crease: float = 35) -> Shape:
    """A surface through rings, from the first to the last; outside is away from the axis going up.

    Corners of the profile sharper than ``crease`` degrees stay sharp. Long steps are split.

    Args:
        rings: cross-sections; a ring of size 0 closes the surface.
        spacing: largest edge.
        segments: edges around; 0 chooses by size.
        crease: degrees.
    """
    widest = max(max(ring.x_m, ring.y_m) for ring in rings)
    if segments == 0:
        segments = int(np.clip(np.ceil(2 * np.pi * widest / spacing / 4), 3, 24)) * 4
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    cos, sin = np.cos(angle), np.sin(angle)

    def outline(ring: Ring) -> Array:
        radius = (np.abs(cos) ** ring.power + np.abs(sin) ** ring.power) ** (-1 / ring.power)
        x = ring.at_x_m + ring.x_m * radius * cos
        y = ring.at_y_m + ring.y_m * radius * sin
        return np.stack([x, y, np.full_like(x, ring.z_m)], 1)

    lines = [outline(ring) for ring in rings]
    profile = np.array([[max(ring.x_m, ring.y_m), ring.z_m] for ring in rings])
    shift = np.array([[ring.at_x_m, ring.at_y_m] for ring in rings])
    step = np.diff(profile, axis=0)
    pieces: list[list[Array]] = []
    current = [lines[0]]
    for number in range(len(rings) - 1):
        length = float(
            np.linalg.norm(step[number]) + np.linalg.norm(np.diff(shift, axis=0)[number])
        )
        count = steps_of(length, spacing)
        for part in range(1, count + 1):
            share = part / count
            current.append(lines[number] * (1 - share) + lines[number + 1] * share)
        if number + 2 < len(rings):
            a, b = step[number], step[number + 1]
            cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
            if cosine < np.cos(np.radians(crease)):
                pieces.append(current)
                current = [lines[number + 1]]
    pieces.append(current)
    # Rows go up and columns go round anticlockwise: outside is d/d(column) x d/d(row), so the
    # grid is handed over transposed.
    shapes = []
    for piece in pieces:
        grid = np.stack(piece)
        shape = sheet(grid[:, ::-1], closed=True)
        shapes.append(shape)
    return join(shapes)


def lathe(profile: Sequence[tuple[float, float]], spacing: float, *, segments: int = 0) -> Shape:
    """A body of revolution about z; ``profile`` lists (radius, height) from bottom to top."""
    return loft([Ring(r, r, z) for r, z in profile], spacing, segments=segments)


def cylinder(radius: float, height: float, spacing: float, *, segments: int = 0) -> Shape:
    """An upright cylinder with both ends, standing on z = 0."""
    profile = [(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)]
    return lathe(profile, spacing, segments=segments)


def tube(
    path: Sequence[Vector], radius: float | Sequence[float], spacing: float, *, segments: int = 8
) -> Shape:
    """A round rod along a path of points; ``radius`` may vary from point to point. Ends closed."""
    points = np.asarray(path, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(points),))
    dense, dense_radii = [points[:1]], [radii[:1]]
    for number in range(len(points) - 1):
        count = steps_of(float(np.linalg.norm(points[number + 1] - points[number])), spacing)
        share = np.linspace(0, 1, count + 1)[1:, None]
        dense.append(points[number] * (1 - share) + points[number + 1] * share)
        dense_radii.append(radii[number] * (1 - share[:, 0]) + radii[number + 1] * share[:, 0])
    line, radii = np.concatenate(dense), np.concatenate(dense_radii)
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    helper = np.array((0.0, 0.0, 1.0)) if abs(tangent[0, 2]) < 0.9 else np.array((1.0, 0.0, 0.0))
    side = np.cross(tangent[0], helper)
    sides = []
    for direction in tangent:
        side = side - direction * (side @ direction)
        side = side / np.linalg.norm(side)
        sides.append(side)
    first = np.stack(sides)
    second = np.cross(tangent, first)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[::-1]
    ring = (
        np.cos(angle)[None, :, None] * first[:, None]
        + np.sin(angle)[None, :, None] * second[:, None]
    )
    grid = line[:, None] + radii[:, None, None] * ring
    body = sheet(grid, closed=True)
    caps = []
    for end, flip in ((0, True), (-1, False)):
        rim = grid[end]
        centre = np.broadcast_to(line[end], rim.shape)
        rows = np.stack([centre, rim] if flip else [rim, centre])
        caps.append(sheet(rows, closed=True))
    return join([body, *caps])
