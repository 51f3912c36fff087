"""Shapes that furniture is put together from: boxes, cushions, lofts, tubes, sheets.

Every shape is a triangle mesh fine enough to carry light per vertex. Lengths are metres, z is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Vector = Sequence[float]


@dataclass(frozen=True, eq=False)
class Shape:
    """A piece of surface.

    Attributes:
        points: ``(V, 3)`` metres.
        normals: ``(V, 3)`` unit outward normals.
        coords: ``(V, 2)`` surface coordinates for textures, metres (images: 0 to 1).
        faces: ``(F, 3)`` vertex numbers, anticlockwise seen from outside.
    """

    points: Array
    normals: Array
    coords: Array
    faces: Array

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Shape:
        """The shape shifted."""
        return replace(self, points=self.points + np.array((x, y, z)))

    def turned(self, angle: float, axis: str = "z") -> Shape:
        """The shape turned about a coordinate axis, radians, right-handed."""
        matrix = rotation(angle, axis)
        return replace(self, points=self.points @ matrix.T, normals=self.normals @ matrix.T)


def rotation(angle: float, axis: str = "z") -> Array:
    """The ``(3, 3)`` matrix of a turn about a coordinate axis."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def join(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0] + [len(shape.points) for shape in shapes[:-1]])
    return Shape(
        np.concatenate([shape.points for shape in shapes]),
        np.concatenate([shape.normals for shape in shapes]),
        np.concatenate([shape.coords for shape in shapes]),
        np.concatenate(
            [shape.faces + offset for shape, offset in zip(shapes, offsets, strict=True)]
        ),
    )


@lru_cache(maxsize=4096)
def _grid_faces(rows: int, columns: int) -> Array:
    """Triangles of a grid of ``rows x columns`` vertices; outside is d/d(row) x d/d(column)."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    b, c, d = a + columns, a + columns + 1, a + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    faces.setflags(write=False)
    return faces


def _steps(length: float, spacing: float) -> int:
    return max(1, ceil(length / spacing - 1e-9))


def patch(
    origin: Vector, along: Vector, across: Vector, spacing: float, *, image: bool = False
) -> Shape:
    """A flat parallelogram; outside is ``along x across``.

    With ``image`` the surface coordinates run from 0 to 1 along both edges instead of in metres.
    """
    # Plain numbers: a bookshelf has a thousand of these, and numpy calls would take the time.
    ax, ay, az = (float(value) for value in along)
    bx, by, bz = (float(value) for value in across)
    length_u, length_v = (ax * ax + ay * ay + az * az) ** 0.5, (bx * bx + by * by + bz * bz) ** 0.5
    rows, columns = _steps(length_u, spacing) + 1, _steps(length_v, spacing) + 1
    u = np.repeat(np.arange(rows) / (rows - 1), columns)
    v = np.tile(np.arange(columns) / (columns - 1), rows)
    points = np.empty((rows * columns, 3))
    for axis, (first, a, b) in enumerate(zip(origin, (ax, ay, az), (bx, by, bz), strict=True)):
        points[:, axis] = first + u * a + v * b
    nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = (nx * nx + ny * ny + nz * nz) ** 0.5
    normals = np.empty_like(points)
    normals[:] = (nx / length, ny / length, nz / length)
    coords = np.empty((rows * columns, 2))
    coords[:, 0] = u if image else u * length_u
    coords[:, 1] = v if image else v * length_v
    return Shape(points, normals, coords, _grid_faces(rows, columns))


def sheet(points: Array, *, closed: bool = False, coords: Array | None = None) -> Shape:
    """A smooth sheet through a grid of points ``(R, C, 3)``; outside is d/d(row) x d/d(column).

    Args:
        points: the grid.
        closed: the last column repeats the first one (a tube).
        coords: ``(R, C, 2)`` surface coordinates; None takes lengths along the grid.
    """
    rows, columns = points.shape[:2]
    along = np.gradient(points, axis=0)
    across = np.gradient(points, axis=1)
    if closed:
        across[:, 0] = across[:, -1] = points[:, 1] - points[:, -2]
    normals = np.cross(along, across)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    # A row that shrinks to a point has no tangent across: it takes the mean of the row beside it.
    normals = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), 0)
    for row, beside in ((0, 1), (rows - 1, rows - 2)):
        if (length[row] <= 1e-12).any():
            mean = normals[beside].mean(axis=0)
            normals[row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    if coords is None:
        step_rows = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
        step_columns = np.linalg.norm(np.diff(points, axis=1), axis=2).max(axis=0)
        s = np.concatenate([[0], np.cumsum(step_rows)])
        t = np.concatenate([[0], np.cumsum(step_columns)])
        coords = np.stack(np.meshgrid(s, t, indexing="ij"), -1)
    flat = points.reshape(-1, 3)
    faces = _grid_faces(rows, columns)
    corners = flat[faces]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    return Shape(flat, normals.reshape(-1, 3), coords.reshape(-1, 2), faces[area > 1e-10])


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
        middle = np.linspace(-inner[axis], inner[axis], _steps(2 * inner[axis], spacing) + 1)
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
            shapes.append(Shape(core + radius * normal, normal, coords, _grid_faces(*u.shape)))
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
        count = _steps(length, spacing)
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
        count = _steps(float(np.linalg.norm(points[number + 1] - points[number])), spacing)
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


def drape(
    width: float,
    height: float,
    spacing: float,
    *,
    waves: float,
    amplitude: float,
    phase: float = 0.0,
    gather: float = 0.0,
) -> Shape:
    """A hanging cloth with folds, from z = 0 to ``height``, facing +y, centred in x.

    Args:
        width, height: metres.
        spacing: largest edge.
        waves: folds across the width.
        amplitude: depth of the folds at the bottom, metres.
        phase: shifts the folds.
        gather: how much narrower the cloth is at mid height (a tie), share of the width.
    """
    columns = max(_steps(width, spacing), int(waves * 8)) + 1
    rows = _steps(height, spacing * 1.5) + 1
    u, v = np.meshgrid(np.linspace(1, 0, columns), np.linspace(0, 1, rows), indexing="ij")
    narrow = 1 - gather * np.exp(-(((v - 0.45) / 0.18) ** 2))
    x = (u - 0.5) * width * narrow
    fold = 2 * np.pi * waves * u + phase + 0.5 * np.sin(2 * np.pi * u * 1.7 + phase)
    y = amplitude * (1 - 0.45 * v) * np.sin(fold + 0.6 * np.sin(3 * v + phase))
    points = np.stack([x, y, v * height], -1)
    # Rows run over -x, columns over +z: (-x) x (+z) = +y, towards the viewer.
    coords = np.stack([u * width, v * height], -1)
    return sheet(points, coords=coords)
