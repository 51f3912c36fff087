"""Which way is up, and how a scene is turned so that up is z.

Rooms are built of level floors and plumb walls, and people hold cameras without much roll. Both
facts point the same way, and neither needs a sensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Pose
from crossvox.core.checks import ShapeError, expect
from crossvox.core.volume import Mesh
from crossvox.scene.held import PERHAPS, SURELY, UPSIDE_DOWN, evidence

Array = NDArray[Any]

_DIRECTIONS = 2000
_NORMAL_BINS = 1500
_TILT_DEG = 60.0
"""Up is looked for within this angle of the cameras' mean upward axis."""


@dataclass(frozen=True, eq=False)
class UpEstimate:
    """Where up is.

    Attributes:
        up: ``(3,)`` float64 unit vector in world coordinates.
        support: share of the surface that is level or plumb within 5 degrees, 0 to 1; a cluttered
            room has about 0.5, a random direction about 0.2.
        floor_m: where the lowest large level surface lies along ``up``, metres; NaN if there is
            none.
        spread_deg: how far the cameras' upward axes lie from ``up`` on average; NaN without poses.
        method: one sentence on how it was found.
        doubt: what speaks against it; empty: nothing.
    """

    up: NDArray[np.float64]
    support: float
    floor_m: float
    spread_deg: float
    method: str
    doubt: str = ""


def estimate_up(mesh: Mesh, poses: Sequence[Pose | None] = ()) -> UpEstimate:
    """Find up from the dominant planes of a surface and the way the cameras were held.

    The direction is sought to which most of the surface is either level or plumb. In a box-shaped
    room three directions are about equally good; the one within 60 degrees of the cameras'
    mean upward axis that best agrees with cameras held without roll is taken. It is then fitted to
    the level and plumb faces (least squares on their normals). Where the cameras' path and the room
    clearly say that cameras were held on their side, or upside down, up is sought that way
    (:mod:`crossvox.scene.held`).

    Args:
        mesh: a surface in world coordinates, for example from fusion.
        poses: where the cameras stood; lost ones are ignored. Without poses, up is taken to be the
            direction in which most level surface looks one way (floors, seats and tables against
            ceilings): a guess that fails where ceilings dominate.

    Returns:
        The direction with its support.

    Raises:
        ShapeError: the mesh has no face with an area.
    """
    normals, areas, centres_m = _faces(mesh)
    expect(
        len(areas) > 0,
        given=f"a mesh of {len(mesh.faces)} faces without area",
        needed="a surface",
        do="check the mesh, or that any frame was fused",
        error=ShapeError,
    )
    posed = np.array([p.world_from_camera for p in poses if p is not None]).reshape(-1, 4, 4)
    rotations = posed[:, :3, :3]
    binned, shares = _binned(normals, areas)
    if len(rotations):
        up = _fitted_all(_held_upright(binned, shares, rotations), normals, areas)
        up, method, doubt = _held_otherwise(up, binned, shares, normals, areas, centres_m, posed)
    else:
        up, doubt = _fitted_all(_most_looks_up(binned, shares), normals, areas), ""
        method = "dominant planes alone: most level surface looks up"
    level, plumb = _near(normals @ up, 5.0)
    spread = np.nan
    if len(rotations):
        cosine = np.clip(-rotations[:, :, 1] @ up, -1, 1)
        spread = float(np.degrees(np.arccos(cosine)).mean())
    return UpEstimate(
        up=up,
        support=float(areas[level | plumb].sum() / areas.sum()),
        floor_m=_floor(centres_m @ up, normals @ up, areas),
        spread_deg=spread,
        method=method,
        doubt=doubt,
    )


def near_gravity(mesh: Mesh, gravity_up: Array) -> NDArray[np.float64]:
    """Up as a device tells it, fitted to level and plumb faces where these are within 3 degrees."""
    normals, areas, _ = _faces(mesh)
    told = np.asarray(gravity_up, np.float64) / np.linalg.norm(gravity_up)
    fitted = told
    for limit_deg in (5.0, 5.0, 5.0):
        fitted = _fitted(fitted, normals, areas, limit_deg)
    return fitted if float(fitted @ told) > np.cos(np.radians(3.0)) else told


def heights_m(mesh: Mesh, up: Array) -> tuple[float, float]:
    """Heights along ``up`` of the floor and of the ceiling; NaN where there is none.

    The lowest large level surface that looks up, and the highest that looks down.
    """
    normals, areas, centres_m = _faces(mesh)
    if not len(areas):
        return float("nan"), float("nan")
    heights, facing = centres_m @ up, normals @ up
    return _floor(heights, facing, areas), -_floor(-heights, -facing, areas)


def _held_upright(binned: Array, shares: Array, rotations: Array) -> NDArray[np.float64]:
    """The direction that suits the planes and cameras that are held upright without roll."""
    candidates = _sphere(_DIRECTIONS)
    mean_up = -rotations[:, :, 1].mean(axis=0)
    length = float(np.linalg.norm(mean_up))
    if length > 0.1:
        near = candidates @ (mean_up / length) > np.cos(np.radians(_TILT_DEG))
        candidates = candidates[near]
    # A camera without roll has its x axis level: right, whichever way it looks or tilts.
    roll = np.degrees(np.arcsin(np.clip(np.abs(candidates @ rotations[:, :, 0].T), 0, 1)))
    held = np.exp(-((roll / 20) ** 2)).mean(axis=1)
    upright = (candidates @ -rotations[:, :, 1].T > 0).mean(axis=1)
    scores = _structure(candidates, binned, shares, 8.0) * held * upright
    return np.asarray(candidates[int(np.argmax(scores))])


def _most_looks_up(binned: Array, shares: Array) -> NDArray[np.float64]:
    candidates = _sphere(_DIRECTIONS)
    scores = _structure(candidates, binned, shares, 8.0)
    along = candidates @ binned.T
    upward = ((along > 0.97) * shares).sum(axis=1)
    downward = ((along < -0.97) * shares).sum(axis=1)
    scores = scores * (0.1 + upward - 0.5 * downward)
    return np.asarray(candidates[int(np.argmax(scores))])


def _fitted_all(up: Array, normals: Array, areas: Array) -> NDArray[np.float64]:
    for limit_deg in (15.0, 10.0, 7.0, 5.0, 5.0, 5.0):
        up = _fitted(up, normals, areas, limit_deg)
    return np.asarray(up)


def _held_otherwise(
    up: Array,
    binned: Array,
    shares: Array,
    normals: Array,
    areas: Array,
    centres_m: Array,
    posed: Array,
) -> tuple[NDArray[np.float64], str, str]:
    """Up, how it was found, and a doubt: cameras may have been held on their side, or upside down.

    ``up`` stands unless path and room clearly speak for another direction.
    """
    count = len(posed)
    usual = f"dominant planes, and {count} cameras held without much roll"
    aside = posed[:, :3, :3][:, :, [1, 0, 2]] * (1.0, -1.0, 1.0)  # a quarter turn about the view
    side = _fitted_all(_held_upright(binned, shares, aside), normals, areas)
    here = evidence(up, normals, areas, centres_m, posed)
    there = evidence(side, normals, areas, centres_m, posed)
    gain = there.axis - here.axis
    if gain > SURELY and abs(there.sign) > 0.2:
        side = side if there.sign > 0 else -side
        return side, f"dominant planes and the path of {count} cameras held on their side", ""
    if gain <= PERHAPS and here.sign < UPSIDE_DOWN and _down(up, posed):
        return -up, f"dominant planes, and {count} cameras held upside down", ""
    if gain > PERHAPS:
        return up, usual, "the path of the cameras speaks for another direction: pass --up X Y Z"
    return up, usual, ""


def _down(up: Array, posed: Array) -> bool:
    """Whether cameras look towards this end, as people do who look down and not up."""
    return bool((posed[:, :3, 2] @ up).mean() > 0.1)


def levelling(up: Array, mesh: Mesh | None = None) -> Pose:
    """The rotation about the world's origin that turns ``up`` to +z.

    Args:
        up: ``(3,)`` direction, any length but 0.
        mesh: if given, the scene is also turned about z so that most walls face x or y.

    Returns:
        ``level_from_world``: apply it to points, or chain it with camera poses
        (``levelling(up) @ pose``).

    Raises:
        ShapeError: ``up`` is not a direction.
    """
    direction = np.asarray(up, dtype=np.float64)
    expect(
        direction.shape == (3,)
        and bool(np.isfinite(direction).all())
        and float(np.linalg.norm(direction)) > 0,
        given=f"up = {direction.tolist()}",
        needed="three finite numbers that are not all 0",
        do="check the direction of gravity",
        error=ShapeError,
    )
    z = direction / np.linalg.norm(direction)
    # The shortest turn, so that a scene that is level already stays as it is.
    side = np.array([1.0, 0.0, 0.0])
    if z[2] < 0 and abs(z[0]) > 0.9:
        side = np.array([0.0, 1.0, 0.0])
    if z[2] > -0.999:
        axis = np.cross(z, (0.0, 0.0, 1.0))
        skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        rotation = np.eye(3) + skew + skew @ skew / (1 + z[2])
    else:
        x = side - z * (side @ z)
        x /= np.linalg.norm(x)
        rotation = np.stack([x, np.cross(z, x), z])
    if mesh is not None:
        rotation = _about_z(-_wall_angle(mesh, rotation)) @ rotation
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    return Pose(matrix)


def _faces(mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit normals, areas and centres of the faces that have an area."""
    corners = mesh.vertices_m.astype(np.float64)[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    areas = np.linalg.norm(normals, axis=1)
    good = areas > 1e-12
    return normals[good] / areas[good, None], areas[good], corners[good].mean(axis=1)


def _sphere(count: int) -> NDArray[np.float64]:
    """Directions spread evenly over the sphere (a Fibonacci spiral), ``(count, 3)``."""
    step = np.arange(count) + 0.5
    z = 1 - 2 * step / count
    around = step * np.pi * (3 - 5**0.5)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(around), radius * np.sin(around), z], axis=-1)


def _binned(normals: Array, areas: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean directions and area shares of groups of similar normals."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(_sphere(_NORMAL_BINS)).query(normals)[1]
    shares = np.bincount(nearest, areas, _NORMAL_BINS)
    sums = [np.bincount(nearest, areas * normals[:, axis], _NORMAL_BINS) for axis in range(3)]
    used = shares > 0
    means = np.stack(sums, axis=-1)[used]
    return means / np.linalg.norm(means, axis=1, keepdims=True), shares[used] / shares.sum()


def _structure(candidates: Array, normals: Array, shares: Array, width_deg: float) -> Array:
    """How much of the surface is level or plumb if up were each candidate, softly, ``(C,)``."""
    angle = np.degrees(np.arcsin(np.clip(np.abs(candidates @ normals.T), 0, 1)))
    level = np.exp(-(((90 - angle) / width_deg) ** 2))
    plumb = np.exp(-((angle / width_deg) ** 2))
    # Level faces count double: a wrong axis in the plane of the walls finds many plumb ones.
    return np.asarray((2 * level + plumb) @ shares)


def _near(cosine: Array, limit_deg: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which faces are level, and which plumb, within a limit."""
    limit = np.radians(limit_deg)
    return np.abs(cosine) > np.cos(limit), np.abs(cosine) < np.sin(limit)


def _fitted(up: Array, normals: Array, areas: Array, limit_deg: float) -> NDArray[np.float64]:
    """The direction to which faces near level and near plumb are most level and plumb."""
    level, plumb = _near(normals @ up, limit_deg)
    scatter = np.zeros((3, 3))
    for chosen, sign in ((plumb, 1.0), (level, -1.0)):
        part = normals[chosen]
        scatter += sign * (part * areas[chosen, None]).T @ part
    best = np.linalg.eigh(scatter)[1][:, 0]
    return np.asarray(best if best @ up > 0 else -best)


def _floor(heights_m: Array, cosine: Array, areas: Array) -> float:
    """Height of the lowest level, upward-looking surface of some size; NaN if there is none."""
    level = cosine > np.cos(np.radians(10))
    if not level.any():
        return float("nan")
    cells = np.floor(heights_m[level] / 0.05).astype(np.int64)
    first = cells.min()
    sizes = np.bincount(cells - first, areas[level])
    # A layer and the one above it: a floor may lie on the border of two.
    sizes = sizes + np.append(sizes[1:], 0)
    large = np.flatnonzero(sizes > max(0.1, 0.2 * sizes.max()))
    if len(large) == 0:
        return float("nan")
    chosen = level.copy()
    chosen[level] = (cells - first == large[0]) | (cells - first == large[0] + 1)
    return float(np.average(heights_m[chosen], weights=areas[chosen]))


def _about_z(angle_rad: float) -> NDArray[np.float64]:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _wall_angle(mesh: Mesh, level_from_world: Array) -> float:
    """How far the walls are turned out of the axes, radians, in (-45, 45] degrees; 0 if none."""
    normals, areas, _ = _faces(mesh)
    x, y, z = (normals @ level_from_world.T).T
    wall = np.abs(z) < np.sin(np.radians(10))
    if not wall.any():
        return 0.0
    quarter = np.pi / 2
    angle, weight = np.arctan2(y[wall], x[wall]) % quarter, areas[wall]
    bins = np.bincount((angle / quarter * 90).astype(np.int64) % 90, weight, 90)
    smooth = sum(np.roll(bins, step) for step in (-2, -1, 0, 1, 2))
    peak = (float(np.argmax(smooth)) + 0.5) * quarter / 90
    for _ in range(3):
        off = (angle - peak + quarter / 2) % quarter - quarter / 2
        near = np.abs(off) < np.radians(6)
        if not near.any():
            break
        peak += float(np.average(off[near], weights=weight[near]))
    return (peak + quarter / 2) % quarter - quarter / 2
