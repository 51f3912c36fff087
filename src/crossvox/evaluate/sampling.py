"""Points spread evenly over a mesh, by area."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, expect
from crossvox.core.volume import Mesh

SPACING_M = 0.01
"""Distance between sampled points: one point a square of this edge."""

MOST_POINTS = 4_000_000
"""Sampling gets coarser, never larger, beyond this many points a surface (400 m^2 at 1 cm)."""

LONGEST_M = 1000.0
"""A surface that is longer is no room: its unit is not the metre, or it has stray vertices."""

_SEED = 20210901


def sample_surface(
    mesh: Mesh, spacing_m: float = SPACING_M, most: int = MOST_POINTS
) -> NDArray[np.float64]:
    """Spread points evenly over a mesh, by area. The same mesh always gives the same points.

    Area is walked in file order in steps of equal size (one jittered point a step), so that every
    triangle gets its share to within one point. Inside a triangle the points follow Roberts' R2
    sequence, shifted at random for each triangle, folded from the unit square.

    Args:
        mesh: the surface; triangles without area get no points.
        spacing_m: one point a ``spacing_m ** 2`` of area.
        most: upper limit of points; a larger surface is sampled more coarsely.

    Returns:
        ``(N, 3)`` float64 metres, ``N = min(ceil(area / spacing_m^2), most)``; empty for a mesh
        without area.

    Raises:
        ParamsError: spacing or limit is not positive.
    """
    expect(
        spacing_m > 0 and most > 0,
        given=f"a spacing of {spacing_m} m and at most {most} points",
        needed="positive numbers",
        do="pass a spacing such as 0.01",
        error=ParamsError,
    )
    area = _areas(mesh.vertices_m, mesh.faces)
    upto = np.cumsum(area)
    total = float(upto[-1]) if len(upto) else 0.0
    if total <= 0:
        return np.zeros((0, 3))
    count = min(int(np.ceil(total / spacing_m**2)), most)
    random = np.random.default_rng(_SEED)
    jitter, shift = random.random(count), random.random((len(area), 2))
    # Rounding must not step behind the last triangle that has an area.
    last = int(np.flatnonzero(area)[-1])
    found: NDArray[np.float64] = _points(
        mesh.vertices_m, mesh.faces, upto, jitter, shift, total / count, last
    )
    return found


def draw_points(mesh: Mesh, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Draw as many points as are asked for over a mesh, by area, each by itself.

    Less even than :func:`sample_surface`, and so farther from a point on average: as other tools
    have it (trimesh, eval3r 0.2, ``sample_points_uniformly`` of Open3D 0.20).

    Args:
        mesh: the surface; triangles without area get no points.
        count: how many.
        seed: of the draw; the same one gives the same points.

    Returns:
        ``(count, 3)`` float64 metres; empty for a mesh without area.
    """
    random = np.random.default_rng([_SEED, seed])
    # Sums of exponential steps lie as sorted uniform numbers do, and need no sorting.
    upto = np.cumsum(random.standard_exponential(count + 1))
    return _on_faces(mesh, upto[:-1] / upto[-1], random.random((count, 2)))[0]


def points_with_normals(mesh: Mesh, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points spread over a mesh by area, and the unit normals of their triangles.

    Returns:
        ``(count, 3)`` metres and ``(count, 3)``; both empty for a mesh without area.
    """
    random = np.random.default_rng(_SEED)
    share = (np.arange(count) + random.random(count)) / count
    points, faces = _on_faces(mesh, share, random.random((count, 2)))
    corners = mesh.vertices_m[mesh.faces[faces]].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _on_faces(
    mesh: Mesh, share: NDArray[np.float64], inside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points where these shares of the area end in file order, and their triangles.

    Args:
        mesh: the surface.
        share: ``(N,)`` from 0 to 1, ascending.
        inside: ``(N, 2)`` place in the unit square, folded onto the triangle.
    """
    area = _areas(mesh.vertices_m, mesh.faces)
    upto = np.cumsum(area)
    if not len(upto) or upto[-1] <= 0:
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    points, faces = np.empty((len(share), 3)), np.empty(len(share), np.int64)
    last = int(np.flatnonzero(area)[-1])
    _place(mesh.vertices_m, mesh.faces, upto, share * upto[-1], inside, last, points, faces)
    return points, faces


@njit(cache=True, nogil=True)
def _place(vertices, faces, upto, at, inside, last, points, found):  # type: ignore[no-untyped-def]
    """Fill in the triangle of each place along the area, and a point on it."""
    face = 0
    for n in range(len(at)):
        while face < last and upto[face] <= at[n]:
            face += 1
        found[n] = face
        a, b = inside[n, 0], inside[n, 1]
        if a + b > 1:
            a, b = 1 - a, 1 - b
        for axis in range(3):
            first = np.float64(vertices[faces[face, 0], axis])
            one = np.float64(vertices[faces[face, 1], axis]) - first
            two = np.float64(vertices[faces[face, 2], axis]) - first
            points[n, axis] = first + a * one + b * two


def expect_size(mesh: Mesh, *, vertices: bool = False) -> None:
    """Refuse what cannot be a room before anything is measured on it.

    Args:
        mesh: the surface.
        vertices: all vertices count, also those that no triangle has.

    Raises:
        ParamsError: it is longer than :data:`LONGEST_M`.
    """
    low, high = extent(mesh, vertices=vertices)
    longest = int(np.argmax(high - low))
    expect(
        not bool(high[longest] - low[longest] > LONGEST_M),
        given=f"a surface from {low[longest]:g} to {high[longest]:g} along {'xyz'[longest]}",
        needed=f"metres, at most {LONGEST_M:g} from end to end",
        do="check its unit (are these millimetres?), and clean it of stray points",
        error=ParamsError,
    )


def extent(mesh: Mesh, *, vertices: bool = False) -> tuple[NDArray[np.float64], ...]:
    """Low and high corner of a surface, of what triangles have, or of all its ``vertices``.

    Infinite, and the low one above, where there is nothing.
    """
    low, high = _extent(mesh.vertices_m, mesh.faces, vertices)
    return low, high


@njit(cache=True, nogil=True)
def _extent(vertices, faces, every):  # type: ignore[no-untyped-def]
    """Lowest and highest coordinates of the vertices that triangles have, or of every one."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for n in range(len(vertices) if every else 3 * len(faces)):
        vertex = n if every else faces[n // 3, n % 3]
        for axis in range(3):
            x = np.float64(vertices[vertex, axis])
            low[axis] = min(low[axis], x)
            high[axis] = max(high[axis], x)
    return low, high


@njit(cache=True, nogil=True)
def _areas(vertices, faces):  # type: ignore[no-untyped-def]
    """Area of each triangle, ``(F,)`` float64."""
    area = np.empty(len(faces), np.float64)
    one, two = np.empty(3, np.float64), np.empty(3, np.float64)
    for n in range(len(faces)):
        for axis in range(3):
            first = np.float64(vertices[faces[n, 0], axis])
            one[axis] = np.float64(vertices[faces[n, 1], axis]) - first
            two[axis] = np.float64(vertices[faces[n, 2], axis]) - first
        x = one[1] * two[2] - one[2] * two[1]
        y = one[2] * two[0] - one[0] * two[2]
        z = one[0] * two[1] - one[1] * two[0]
        area[n] = 0.5 * np.sqrt(x * x + y * y + z * z)
    return area


@njit(cache=True, nogil=True)
def _points(vertices, faces, upto, jitter, shift, step, last):  # type: ignore[no-untyped-def]
    """One point a step of area: the triangle it falls on, its place there by R2."""
    points = np.empty((len(jitter), 3), np.float64)
    face, nth = 0, 0
    for n in range(len(jitter)):
        at = (n + jitter[n]) * step
        while face < last and upto[face] <= at:
            face += 1
            nth = 0
        a = (nth * 0.7548776662466927 + shift[face, 0]) % 1.0
        b = (nth * 0.5698402909980532 + shift[face, 1]) % 1.0
        if a + b > 1:
            a, b = 1 - a, 1 - b
        for axis in range(3):
            first = np.float64(vertices[faces[face, 0], axis])
            one = np.float64(vertices[faces[face, 1], axis]) - first
            two = np.float64(vertices[faces[face, 2], axis]) - first
            points[n, axis] = first + a * one + b * two
        nth += 1
    return points
