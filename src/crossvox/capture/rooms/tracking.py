"""What a tracker makes of a walk: poses that drift, and jump when it finds its way again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Pose

Array = NDArray[Any]

DEG_PER_CM = 0.4
"""Turn that a tracker errs by with every centimetre."""

TURN_AS_M = 0.5
"""A turn of one radian costs a tracker as much as walking so far, metres."""

KEPT = 0.3
"""Share of an error that stays when the tracker finds known places again."""

_SEGMENT_M = (1.0, 3.0)


def tracked(poses: list[Pose], cm_per_m: float, rng: np.random.Generator) -> list[Pose]:
    """Poses as a tracker reports them.

    The error grows with the way, in one direction for one to three metres; then known places come
    into sight, and most of it is gone at once. It stays about as large as that of trackers against
    a model (7-Scenes' kitchen: 7 mm and 0.3 degrees against its own fusion).

    Args:
        poses: true poses, in order.
        cm_per_m: growth of the error, centimetres a metre of way; 0: no error.
        rng: source of chance.
    """
    if cm_per_m == 0 or not poses:
        return poses
    way_m = _ways(poses)
    found = []
    shift, turn = rng.normal(0, cm_per_m / 100, (2, 3))
    begin_m, length_m = 0.0, float(rng.uniform(*_SEGMENT_M))
    start, rate = np.stack([shift, turn]) * 0.5, _direction(rng, cm_per_m)
    for pose, at_m in zip(poses, way_m.tolist(), strict=True):
        if at_m - begin_m > length_m:
            start = KEPT * (start + rate * length_m)
            begin_m, length_m = at_m, float(rng.uniform(*_SEGMENT_M))
            rate = _direction(rng, cm_per_m)
        error = start + rate * (at_m - begin_m)
        matrix = pose.world_from_camera.copy()
        matrix[:3, :3] = _rotation(error[1] * 100 * math.radians(DEG_PER_CM)) @ matrix[:3, :3]
        matrix[:3, 3] += error[0]
        found.append(Pose(matrix))
    return found


def _ways(poses: list[Pose]) -> Array:
    """Way to each pose in metres, turns included."""
    places = np.array([pose.position_m for pose in poses])
    turns = np.array([pose.world_from_camera[:3, :3] for pose in poses])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    traces = np.einsum("nij,nij->n", turns[1:], turns[:-1])
    angles = np.arccos(np.clip((traces - 1) / 2, -1, 1))
    return np.concatenate([[0.0], np.cumsum(steps + TURN_AS_M * angles)])


def _direction(rng: np.random.Generator, cm_per_m: float) -> Array:
    """Error a metre of way: of place and of turn, ``(2, 3)`` metres."""
    way = rng.normal(size=(2, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    return np.asarray(way * cm_per_m / 100 * rng.uniform(0.5, 1.5, (2, 1)))


def _rotation(vector: Array) -> Array:
    """Rotation by a vector, radians."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross))
