"""A surface becomes voxels: occupancy, labels, and which voxels the frames saw.

Grid coordinates are ``world / voxel_m - origin index``; the centre of a voxel has integer
coordinates, so a voxel is the closed cube that reaches half an edge from there to every side.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossvox.core.checks import ParamsError, ShapeError, expect
from crossvox.core.frame import Frame
from crossvox.core.grid import VoxelGrid
from crossvox.core.labels import UNANNOTATED
from crossvox.core.threads import spread, threads
from crossvox.core.volume import Mesh

Array = NDArray[Any]
VoxelRule = Literal["exact", "thesis"]

_SLOPE = 1e-3
"""Metres, or metres times pixels, a voxel: what rises by less has no end that can be told."""

_TOUCH = 1e-9
"""Slack of the triangle-box test in voxels: what touches a cube counts, rounding or not."""


def voxelize(
    mesh: Mesh, voxel_m: float = 0.05, rule: VoxelRule = "exact", margin: int = 0
) -> tuple[VoxelGrid, NDArray[np.bool_]]:
    """Find the voxels that a surface passes through.

    Args:
        mesh: the surface; vertices that no face uses are ignored.
        voxel_m: edge of a voxel, metres. Voxel centres lie on multiples of it.
        rule: ``exact`` marks every voxel whose cube a triangle meets. ``thesis`` marks what the
            published pipeline does: triangles are bisected until no edge is longer than half a
            voxel, then the voxels that hold a corner are marked; cells that a triangle only grazes
            are missed. What ``thesis`` marks, ``exact`` marks too.
        margin: empty voxels added on every side.

    Returns:
        The grid, just large enough for the surface and the margin, and ``(X, Y, Z)`` bool.

    Raises:
        ShapeError: the mesh has no faces.
        ParamsError: voxel size or margin make no sense.
    """
    expect(
        len(mesh.faces) > 0,
        given=f"a mesh of {len(mesh.vertices_m)} vertices and no faces",
        needed="a surface",
        do="check the mesh file, or that any frame was fused",
        error=ShapeError,
    )
    expect(
        0 < voxel_m < np.inf and margin >= 0,
        given=f"voxel_m={voxel_m}, margin={margin}",
        needed="a positive voxel size and a margin of 0 or more",
        do="check the parameters",
        error=ParamsError,
    )
    expect(
        rule in ("exact", "thesis"),
        given=f"the rule {rule!r}",
        needed="'exact' or 'thesis'",
        do="choose one of the two",
        error=ParamsError,
    )
    extremes_m = _extremes(mesh.vertices_m, mesh.faces)
    grid = VoxelGrid.around(extremes_m, voxel_m, margin)
    occupied = np.zeros(grid.shape, dtype=bool)
    # Rounding world / voxel_m, and subtracting the integer origin afterwards, is what the thesis
    # rule does; subtracting the origin in metres first would differ on ties.
    origin = np.round(np.array(grid.origin_m) / voxel_m).astype(np.int64)
    mark = _mark_bisected if rule == "thesis" else _mark_met
    spread(partial(mark, mesh.vertices_m, mesh.faces, voxel_m, origin, occupied), len(mesh.faces))
    return grid, occupied


@njit(cache=True, nogil=True)
def _extremes(vertices_m: Array, faces: Array) -> Array:
    """Lowest and highest coordinates of the vertices that faces use, ``(2, 3)`` float64."""
    extremes = np.empty((2, 3))
    extremes[0], extremes[1] = np.inf, -np.inf
    for n in range(len(faces)):
        for c in range(3):
            for axis in range(3):
                value = vertices_m[faces[n, c], axis]
                extremes[0, axis] = min(extremes[0, axis], value)
                extremes[1, axis] = max(extremes[1, axis], value)
    return extremes


@njit(cache=True, nogil=True)
def _mark_met(
    vertices_m: Array,
    faces: Array,
    voxel_m: float,
    origin: Array,
    occupied: Array,
    begin: int,
    end: int,
) -> None:
    """Mark every cube that a triangle meets.

    Threads may mark the same voxel: they write the same value.
    """
    corners = np.empty((3, 3))
    low = np.empty(3, dtype=np.int64)
    high = np.empty(3, dtype=np.int64)
    for n in range(begin, end):
        for c in range(3):
            for axis in range(3):
                corners[c, axis] = vertices_m[faces[n, c], axis] / voxel_m - origin[axis]
        _mark_triangle(corners, low, high, occupied)


@njit(cache=True, nogil=True)
def _mark_triangle(corners: Array, low: Array, high: Array, occupied: Array) -> None:
    """Mark the cubes that one triangle meets; ``corners (3, 3)`` in grid coordinates.

    ``low (3,)`` and ``high (3,)`` are room to work in.
    """
    for axis in range(3):
        least = min(corners[0, axis], corners[1, axis], corners[2, axis])
        most = max(corners[0, axis], corners[1, axis], corners[2, axis])
        low[axis] = max(0, int(np.ceil(least - 0.5 - _TOUCH)))
        high[axis] = min(occupied.shape[axis] - 1, int(np.floor(most + 0.5 + _TOUCH)))
    # A triangle that stays in one row of voxels passes through all of the row.
    one_row = (high[0] > low[0]) + (high[1] > low[1]) + (high[2] > low[2]) <= 1
    for i in range(low[0], high[0] + 1):
        for j in range(low[1], high[1] + 1):
            for k in range(low[2], high[2] + 1):
                if not occupied[i, j, k] and (one_row or _meets(corners, i, j, k)):
                    occupied[i, j, k] = True


@njit(cache=True, nogil=True)
def _mark_bisected(
    vertices_m: Array,
    faces: Array,
    voxel_m: float,
    origin: Array,
    occupied: Array,
    begin: int,
    end: int,
) -> None:
    """Mark the voxels that hold a corner once no edge is longer than half a voxel.

    Every edge that is too long is cut at its middle; with one cut a triangle becomes two, with
    two cuts three (the four-sided rest is cut along its shorter diagonal), with three cuts four.
    """
    corners = np.empty((3, 3))
    for n in range(begin, end):
        for c in range(3):
            for axis in range(3):
                corners[c, axis] = vertices_m[faces[n, c], axis]
            _mark_point(corners[c], voxel_m, origin, occupied)
        longest = voxel_m / 2
        if (
            _length(corners[0], corners[1]) > longest
            or _length(corners[1], corners[2]) > longest
            or _length(corners[2], corners[0]) > longest
        ):
            _bisect(corners, longest, voxel_m, origin, occupied)


@njit(cache=True, nogil=True)
def _length(a: Array, b: Array) -> float:
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return float(np.sqrt(x * x + y * y + z * z))


@njit(cache=True, nogil=True)
def _mark_point(point_m: Array, voxel_m: float, origin: Array, occupied: Array) -> None:
    i = int(np.rint(point_m[0] / voxel_m)) - origin[0]
    j = int(np.rint(point_m[1] / voxel_m)) - origin[1]
    k = int(np.rint(point_m[2] / voxel_m)) - origin[2]
    occupied[i, j, k] = True


@njit(cache=True, nogil=True)
def _bisect(corners: Array, longest: float, voxel_m: float, origin: Array, occupied: Array) -> None:
    """Cut a triangle until its edges are short, marking the voxels of all new corners."""
    # Every cut halves an edge and leaves at most three more triangles waiting: a hundred levels.
    waiting = np.empty((300, 3, 3))
    waiting[0] = corners
    count = 1
    middle = np.empty((3, 3))
    cut = np.empty(3, dtype=np.bool_)
    while count:
        count -= 1
        triangle = waiting[count].copy()
        cuts = 0
        for e in range(3):
            after = triangle[(e + 1) % 3]
            cut[e] = _length(triangle[e], after) > longest
            if cut[e]:
                cuts += 1
                middle[e] = (triangle[e] + after) / 2
                _mark_point(middle[e], voxel_m, origin, occupied)
        if cuts == 0:
            continue
        first = 0
        if cuts == 1:
            # Turned so that the cut lies between the first two corners.
            first = 0 if cut[0] else (1 if cut[1] else 2)
        elif cuts == 2:
            # Turned so that the whole edge runs from the third corner to the first.
            first = 1 if not cut[0] else (2 if not cut[1] else 0)
        second, third = (first + 1) % 3, (first + 2) % 3
        a, b, c = triangle[first], triangle[second], triangle[third]
        p, q, r = middle[first], middle[second], middle[third]
        if cuts == 1:
            count = _wait(waiting, count, a, p, c)
            count = _wait(waiting, count, p, b, c)
        elif cuts == 2:
            count = _wait(waiting, count, p, b, q)
            if _length(a, q) <= _length(p, c):
                count = _wait(waiting, count, a, p, q)
                count = _wait(waiting, count, a, q, c)
            else:
                count = _wait(waiting, count, a, p, c)
                count = _wait(waiting, count, p, q, c)
        else:
            count = _wait(waiting, count, a, p, r)
            count = _wait(waiting, count, p, b, q)
            count = _wait(waiting, count, r, q, c)
            count = _wait(waiting, count, p, q, r)


@njit(cache=True, nogil=True)
def _wait(waiting: Array, count: int, a: Array, b: Array, c: Array) -> int:
    waiting[count, 0], waiting[count, 1], waiting[count, 2] = a, b, c
    return count + 1


@njit(cache=True, nogil=True)
def _meets(corners: Array, i: int, j: int, k: int) -> bool:
    """Whether a triangle meets the closed cube of voxel ``(i, j, k)``, by separating axes.

    Axes: the triangle's normal and the nine products of cube edges and triangle edges
    (Akenine-Möller 2001); the three cube axes are the caller's bounding box.
    """
    ax, ay, az = corners[0, 0] - i, corners[0, 1] - j, corners[0, 2] - k
    bx, by, bz = corners[1, 0] - i, corners[1, 1] - j, corners[1, 2] - k
    cx, cy, cz = corners[2, 0] - i, corners[2, 1] - j, corners[2, 2] - k
    ux, uy, uz = bx - ax, by - ay, bz - az
    vx, vy, vz = cx - bx, cy - by, cz - bz
    wx, wy, wz = ax - cx, ay - cy, az - cz
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    reach = 0.5 * (abs(nx) + abs(ny) + abs(nz)) + _TOUCH
    if abs(nx * ax + ny * ay + nz * az) > reach:
        return False
    for ex, ey, ez in ((ux, uy, uz), (vx, vy, vz), (wx, wy, wz)):
        # x axis, y axis, z axis, each crossed with the triangle's edge
        a, b, c = ey * az - ez * ay, ey * bz - ez * by, ey * cz - ez * cy
        reach = 0.5 * (abs(ey) + abs(ez)) + _TOUCH
        if min(a, b, c) > reach or max(a, b, c) < -reach:
            return False
        a, b, c = ez * ax - ex * az, ez * bx - ex * bz, ez * cx - ex * cz
        reach = 0.5 * (abs(ez) + abs(ex)) + _TOUCH
        if min(a, b, c) > reach or max(a, b, c) < -reach:
            return False
        a, b, c = ex * ay - ey * ax, ex * by - ey * bx, ex * cy - ey * cx
        reach = 0.5 * (abs(ex) + abs(ey)) + _TOUCH
        if min(a, b, c) > reach or max(a, b, c) < -reach:
            return False
    return True


def label_voxels(
    grid: VoxelGrid,
    occupied: NDArray[np.bool_],
    mesh: Mesh,
    max_distance_m: float = 0.2,
    only_annotated: bool = False,
) -> NDArray[np.uint8]:
    """Give every occupied voxel the label of the vertex nearest to its centre.

    Args:
        grid: where the voxels are.
        occupied: ``(X, Y, Z)`` bool.
        mesh: a surface with vertex labels.
        max_distance_m: vertices at this distance or further do not count.
        only_annotated: look at annotated vertices alone, so that labels spread over parts of the
            surface that nobody annotated; by default such parts stay unannotated, as in the
            published pipeline.

    Returns:
        ``(X, Y, Z)`` uint8; 0 where free, unannotated or too far from any vertex.

    Raises:
        ShapeError: the mesh has no labels, or the array does not fit the grid.
    """
    expect(
        occupied.shape == grid.shape,
        given=f"occupancy of shape {occupied.shape}",
        needed=f"{grid.shape}, the grid's shape",
        do="cut or pad the voxels together with their grid",
        error=ShapeError,
    )
    labels = np.full(grid.shape, UNANNOTATED, dtype=np.uint8)
    coordinates = np.argwhere(occupied)
    labels[tuple(coordinates.T)] = transfer_labels(
        grid.to_world(coordinates), mesh, max_distance_m, only_annotated
    )
    return labels


def transfer_labels(
    points_m: Array, mesh: Mesh, max_distance_m: float = 0.2, only_annotated: bool = False
) -> NDArray[np.uint8]:
    """Give every point the label of the nearest vertex.

    Args:
        points_m: ``(N, 3)`` world coordinates.
        mesh: a surface with vertex labels.
        max_distance_m: vertices at this distance or further do not count.
        only_annotated: look at annotated vertices alone.

    Returns:
        ``(N,)`` uint8; 0 where unannotated or too far from any vertex.

    Raises:
        ShapeError: the mesh has no labels.
    """
    from scipy.spatial import cKDTree

    expect(
        mesh.labels is not None,
        given="a mesh without vertex labels",
        needed="one label a vertex",
        do="read the scan's labels.ply",
        error=ShapeError,
    )
    assert mesh.labels is not None
    labels = np.full(len(points_m), UNANNOTATED, dtype=np.uint8)
    vertices_m, vertex_labels = mesh.vertices_m, mesh.labels
    if only_annotated:
        chosen = vertex_labels != UNANNOTATED
        vertices_m, vertex_labels = vertices_m[chosen], vertex_labels[chosen]
    if len(vertices_m) == 0 or len(points_m) == 0:
        return labels
    tree = cKDTree(vertices_m, balanced_tree=False, compact_nodes=False)
    distance_m, nearest = tree.query(
        points_m, distance_upper_bound=max_distance_m, workers=threads()
    )
    near = distance_m < max_distance_m
    labels[near] = vertex_labels[nearest[near]]
    return labels


def observed_voxels(
    grid: VoxelGrid, frames: Iterable[Frame], far_m: float = 4.0, tolerance_m: float = 0.05
) -> NDArray[np.bool_]:
    """Find the voxels whose centre some frame saw, free or on the surface.

    A frame sees a centre that projects inside its image (nearest pixel), at depth ``z`` up to
    ``far_m``, where there is a reading ``d`` with ``z <= d + tolerance_m``.

    Args:
        grid: where the voxels are.
        frames: frames with depth. Those without pose or depth see nothing.
        far_m: how far a frame sees, metres.
        tolerance_m: how far behind the reading a centre may lie, metres.

    Returns:
        ``(X, Y, Z)`` bool.

    Raises:
        ParamsError: a distance makes no sense.
    """
    expect(
        far_m > 0 and tolerance_m >= 0,
        given=f"far_m={far_m}, tolerance_m={tolerance_m}",
        needed="a positive distance, and a tolerance of 0 or more",
        do="check the parameters",
        error=ParamsError,
    )
    observed = np.zeros(grid.shape, dtype=bool)
    for frame in frames:
        if frame.pose is None or frame.depth_m is None:
            continue
        depth = np.ascontiguousarray(frame.depth_m, dtype=np.float32)
        camera = frame.camera
        reach = min(far_m, float(np.nanmax(depth, initial=0)) + tolerance_m)
        # The pyramid that the camera sees, up to the furthest reading, bounds the voxels to try.
        u = np.array([-0.5, camera.width - 0.5])
        v = np.array([-0.5, camera.height - 0.5])
        edges = [
            [(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, 1] for x in u for y in v
        ]
        pyramid_m = frame.pose.apply(np.array([[0.0, 0.0, 0.0], *edges]) * reach)
        coordinates = grid.to_grid(pyramid_m)
        low = np.clip(np.floor(coordinates.min(axis=0)), 0, grid.shape).astype(np.int64)
        high = np.clip(np.ceil(coordinates.max(axis=0)) + 1, 0, grid.shape).astype(np.int64)
        pixel_from_grid = camera.matrix @ (frame.pose.camera_from_world @ grid.world_from_grid)[:3]
        reaches = _reaches(depth, tolerance_m)
        look = partial(_observe, reaches, camera.size, pixel_from_grid, far_m, low, high, observed)
        spread(look, int(high[0] - low[0]))
    return observed


@njit(cache=True, nogil=True, error_model="numpy")
def _reaches(depth: Array, tolerance_m: float) -> Array:
    """How deep a pixel sees, ``(H * W,)`` float64 metres; minus infinity without a reading."""
    readings = depth.reshape(-1)
    reaches = np.empty(len(readings))
    for n in range(len(readings)):
        d = readings[n]
        reaches[n] = d + tolerance_m if 0 < d < np.inf else -np.inf
    return reaches


@njit(cache=True, nogil=True, error_model="numpy")
def _observe(
    reaches: Array,
    size: tuple[int, int],
    pixel_from_grid: Array,
    far_m: float,
    low: Array,
    high: Array,
    observed: Array,
    begin: int,
    end: int,
) -> None:
    """Mark the voxels of a box that a frame sees; ``size`` is ``(width, height)`` of its image."""
    ks = np.arange(high[2]).astype(np.float64)
    depth_m = np.empty(len(ks))
    place = np.empty(len(ks), np.uint32)
    for i in range(low[0] + begin, low[0] + end):
        for j in range(low[1], high[1]):
            first, after = _in_view(pixel_from_grid, i, j, low[2], high[2], size, far_m)
            while first < after and observed[i, j, first]:
                first += 1
            while first < after and observed[i, j, after - 1]:
                after -= 1
            # In two passes without branches: which voxels are seen nobody could predict.
            _look_up(pixel_from_grid, i, j, ks[first:after], size, far_m, depth_m, place)
            row = observed[i, j, first:after]
            for n in range(len(row)):
                row[n] = row[n] | (depth_m[n] <= reaches[place[n]])


@njit(cache=True, nogil=True, error_model="numpy")
def _look_up(
    p: Array,
    i: int,
    j: int,
    ks: Array,
    size: tuple[int, int],
    far_m: float,
    depth_m: Array,
    place: Array,
) -> None:
    """Depth of voxels ``(i, j, k)``, and the place of their pixel; infinite, and 0, of those that
    lie outside of the image or beyond ``(0, far_m]``.
    """
    x_row, x_step, x_end = p[0, 0] * i + p[0, 1] * j, p[0, 2], p[0, 3]
    y_row, y_step, y_end = p[1, 0] * i + p[1, 1] * j, p[1, 2], p[1, 3]
    z_row, z_step, z_end = p[2, 0] * i + p[2, 1] * j, p[2, 2], p[2, 3]
    last_column, last_row, width = size[0] - 1.0, size[1] - 1.0, np.int32(size[0])
    for n in range(len(ks)):
        z = z_row + z_step * ks[n] + z_end
        # Rounding half to even; compared before the cast, which may overflow.
        column = np.rint((x_row + x_step * ks[n] + x_end) / z)
        row = np.rint((y_row + y_step * ks[n] + y_end) / z)
        inside = (column >= 0) & (column <= last_column) & (row >= 0) & (row <= last_row)
        seen = inside & (z > 0) & (z <= far_m)
        depth_m[n] = z if seen else np.inf
        place[n] = np.int32(row if seen else 0.0) * width + np.int32(column if seen else 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _in_view(
    p: Array, i: int, j: int, first: int, after: int, size: tuple[int, int], far_m: float
) -> tuple[int, int]:
    """Of the voxels ``(i, j, k)``, ``first <= k < after``, a range that holds all in view."""
    x, x_step = p[0, 0] * i + p[0, 1] * j + p[0, 3], p[0, 2]
    y, y_step = p[1, 0] * i + p[1, 1] * j + p[1, 3], p[1, 2]
    z, z_step = p[2, 0] * i + p[2, 1] * j + p[2, 3], p[2, 2]
    first, after = _not_negative(first, after, z, z_step)
    first, after = _not_negative(first, after, far_m - z, -z_step)
    first, after = _not_negative(first, after, x + z, x_step + z_step)
    first, after = _not_negative(first, after, size[0] * z - x, size[0] * z_step - x_step)
    first, after = _not_negative(first, after, y + z, y_step + z_step)
    first, after = _not_negative(first, after, size[1] * z - y, size[1] * z_step - y_step)
    return first, max(first, after)


@njit(cache=True, nogil=True, error_model="numpy")
def _not_negative(first: int, after: int, value: float, step: float) -> tuple[int, int]:
    """What is left of a range of ``k`` where ``value + k * step`` may not be negative.

    A voxel more is left at either end: rounding moves an end by less, unless there is no slope.
    """
    if step > _SLOPE:
        first = max(first, int(-value / step) - 1)
    elif step < -_SLOPE:
        after = min(after, int(-value / step) + 2)
    return first, after
