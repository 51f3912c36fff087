"""How a person walks a hand-held camera through a room: free of obstacles, looking at things,
coming back to places seen before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.layout.room import Room, polygon_contains
from crossvox.core.camera import Pose
from crossvox.doors.raycast import Raycaster

Array = NDArray[Any]

CELL_M = 0.05
"""Cell of the plan that the walk is found in, metres."""

EYE_M = (1.2, 1.7)
"""Lowest and highest the camera is held, metres above the floor."""

SPEED_M_S = 0.5
"""Walking speed that is aimed for."""


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A walk through a room.

    Attributes:
        times_s: ``(K,)`` times of the knots, evenly spaced.
        eyes_m: ``(K, 3)`` camera centres, room coordinates.
        yaw, pitch: ``(K,)`` radians; yaw 0 looks along +x, positive pitch looks up.
        shake: ``(6, 3, 4)`` amplitude, frequency (Hz), phase of the hand's tremor for position
            (m) and turn (rad); three sines each.
        duration_s: length of the walk.
    """

    times_s: Array
    eyes_m: Array
    yaw: Array
    pitch: Array
    shake: Array
    duration_s: float

    def pose(self, time_s: float) -> Pose:
        """Pose of the colour camera at a time."""
        eye = np.array([np.interp(time_s, self.times_s, self.eyes_m[:, k]) for k in range(3)])
        wave = (self.shake[..., 0] * np.sin(
            2 * np.pi * self.shake[..., 1] * time_s + self.shake[..., 2])).sum(axis=1)  # fmt: skip
        yaw = float(np.interp(time_s, self.times_s, self.yaw)) + wave[3]
        pitch = float(np.interp(time_s, self.times_s, self.pitch)) + wave[4]
        return look(eye + wave[:3], yaw, pitch, float(wave[5]))


def look(eye_m: Array, yaw: float, pitch: float, roll: float = 0.0) -> Pose:
    """A pose from where the eye is and where it looks."""
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    matrix = np.eye(4)
    matrix[:3, 0] = np.cos(roll) * right + np.sin(roll) * down
    matrix[:3, 1] = np.cos(roll) * down - np.sin(roll) * right
    matrix[:3, 2] = forward
    matrix[:3, 3] = eye_m
    return Pose(matrix)


def plan_path(
    room: Room, caster: Raycaster, rng: np.random.Generator, shortest_s: float
) -> CameraPath:
    """Find a walk that lasts at least ``shortest_s`` and goes once round the room or more.

    Args:
        room: the room.
        caster: ray caster of its mesh (room coordinates), for lines of sight.
        rng: source of chance.
        shortest_s: least duration; a larger room takes longer.
    """
    clearance, low_cost = _plan(room)
    start = rng.bit_generator.state
    line, length_m = _walk(clearance, low_cost, rng, 1)
    targets = _targets(room)
    duration = max(shortest_s, 1.05 * length_m / SPEED_M_S, 1.1 * len(targets))
    if duration * SPEED_M_S > 1.6 * length_m:
        # Time enough for another way round: the same start, other stops.
        rng.bit_generator.state = start
        line, length_m = _walk(clearance, low_cost, rng, 2)
        duration = max(duration, 1.05 * length_m / SPEED_M_S)
    knots = int(duration * 10) + 2
    times = np.linspace(0, duration, knots)
    rounds = duration * SPEED_M_S / length_m if length_m > 0 else 1.0
    plan = _along(line, np.linspace(0, rounds, knots))
    wave = _wander(rng, times, 0.06)
    middle, reach = (EYE_M[0] + EYE_M[1]) / 2, (EYE_M[1] - EYE_M[0]) / 2 - 0.02
    eyes = np.column_stack([plan, middle + reach * np.tanh(wave)])
    yaw, pitch = _gaze(eyes, times, targets, caster, rng)
    shake = np.zeros((6, 3, 3))
    for axis in range(6):
        small = (0.006, 0.009) if axis < 3 else (0.008, 0.012)
        rates = rng.uniform((0.35, 0.9, 2.2), (0.8, 1.9, 4.5))
        shake[axis, :, 0] = rng.uniform(*small) / np.array((1.0, 2.0, 5.0))
        shake[axis, :, 1] = rates
        shake[axis, :, 2] = rng.uniform(0, 2 * np.pi, 3)
    shake[5, 0, 0] *= 3  # the hand tilts more than it turns
    return CameraPath(times, eyes, yaw, pitch, shake, duration)


def _plan(room: Room) -> tuple[Array, Array]:
    """Distance to what is at eye height, and whether a cell is over low furniture; per cell."""
    from scipy.ndimage import distance_transform_edt

    width, depth = room.plan.max(axis=0)
    x = (np.arange(int(np.ceil(width / CELL_M))) + 0.5) * CELL_M
    y = (np.arange(int(np.ceil(depth / CELL_M))) + 0.5) * CELL_M
    cells = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    free = polygon_contains(room.plan, cells)
    low = np.zeros(len(cells), dtype=bool)
    for block in room.blocks:
        if not block.solid or block.z0 > EYE_M[1] + 0.15 or block.z1 < 0.02:
            continue
        inside = polygon_contains(block.corners(0.02), cells)
        if block.z1 > EYE_M[0] - 0.3:
            free &= ~inside
        else:
            low |= inside
    shape = (len(x), len(y))
    # The frame of blocked cells around the plan keeps the distance to outer walls true.
    padded = np.pad(free.reshape(shape), 1)
    clearance = distance_transform_edt(padded)[1:-1, 1:-1] * CELL_M
    return np.asarray(clearance), low.reshape(shape)


def _walk(
    clearance: Array, low: Array, rng: np.random.Generator, tours: int
) -> tuple[Array, float]:
    """A closed walk through free cells, smooth, ``(N, 2)`` metres, and its length in metres.

    It goes round the room ``tours`` times, each time by other stops.
    """
    largest, margin_m = _walkable(clearance)
    cells = np.argwhere(largest)
    preferred = cells[~low[largest]]
    if len(preferred) > 30:
        cells = preferred
    stops = _stops(cells, rng, tours)
    cost = np.where(largest, 1 + 3.0 * low + 0.4 / np.maximum(clearance, 0.1), -1)
    route = _route(cost, stops)
    if not route:
        return (np.array([stops[0]]) + 0.5) * CELL_M, 0.0
    line = _smoothed((np.array(route) + 0.5) * CELL_M, clearance, 0.65 * margin_m)
    closed = np.concatenate([line, line[:1]])
    return closed, float(np.linalg.norm(np.diff(closed, axis=0), axis=1).sum())


def _walkable(clearance: Array) -> tuple[NDArray[np.bool_], float]:
    """The largest piece of floor with a good distance to everything, and that distance, metres.

    The distance shrinks until there is a piece of some size; a full room has its freest cell.
    """
    from scipy.ndimage import label

    margin_m = 0.0
    for margin_m in (0.38, 0.3, 0.24, 0.18, 0.12):
        pieces, count = label(clearance > margin_m)
        if count:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            largest = pieces == sizes.argmax()
            if largest.sum() * CELL_M**2 > 0.6:
                return largest, margin_m
    return clearance >= clearance.max(), margin_m


def _stops(cells: Array, rng: np.random.Generator, tours: int) -> list[Array]:
    """Cells far from each other, in an order that goes from each to the nearest one left."""
    first = cells[int(rng.integers(len(cells)))]
    order: list[Array] = []
    for tour in range(tours):
        stops = [first]
        distance = np.full(len(cells), np.inf)
        for _ in range(9):
            distance = np.minimum(distance, np.linalg.norm(cells - stops[-1], axis=1))
            if distance.max() * CELL_M < 0.7:
                break
            score = distance * rng.uniform(0.7, 1, len(cells)) if tour else distance
            stops.append(cells[int(score.argmax())])
        order.append(stops.pop(0))
        while stops:
            nearest = int(np.argmin([np.linalg.norm(stop - order[-1]) for stop in stops]))
            order.append(stops.pop(nearest))
    return order


def _route(cost: Array, stops: list[Array]) -> list[Any]:
    """Cells of the cheapest way from stop to stop and back to the first; none if it is one cell."""
    from skimage.graph import route_through_array

    route: list[Any] = []
    for start, end in zip(stops, stops[1:] + stops[:1], strict=True):
        if (start == end).all():
            continue
        steps, _ = route_through_array(cost, start, end, fully_connected=True, geometric=True)
        route += steps[:-1]
    return route


def _smoothed(line: Array, clearance: Array, margin_m: float) -> Array:
    """A closed line ``(N, 2)``, as smooth as it may be without coming nearer than ``margin_m``."""
    from scipy.ndimage import gaussian_filter1d

    for sigma in (7.0, 4.5, 2.5, 1.0):
        smooth = gaussian_filter1d(line, sigma, axis=0, mode="wrap")
        at = np.clip((smooth / CELL_M).astype(int), 0, np.array(clearance.shape) - 1)
        if clearance[at[:, 0], at[:, 1]].min() > margin_m:
            return np.asarray(smooth)
    return line


def _along(line: Array, rounds: Array) -> Array:
    """Places after so many rounds of a closed line at even speed."""
    if len(line) == 1:
        return np.repeat(line, len(rounds), axis=0)
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = (rounds % 1) * way[-1]
    return np.column_stack([np.interp(at, way, line[:, k]) for k in range(2)])


def _wander(rng: np.random.Generator, times: Array, rate_hz: float) -> Array:
    """A slow random curve of about unit size."""
    curve = np.zeros(len(times))
    for k in range(4):
        rate = rate_hz * (k + 1) * rng.uniform(0.6, 1.3)
        curve += (
            rng.uniform(0.4, 1.0)
            / (1 + 0.5 * k)
            * np.sin(2 * np.pi * rate * times + rng.uniform(0, 2 * np.pi))
        )
    return curve


def _targets(room: Room) -> Array:
    """What is worth looking at: furniture, corners of the room, doors and windows.

    Returns:
        ``(T, 4)``: places in metres, and a weight (large things are looked at first).
    """
    spots: list[tuple[float, ...]] = []
    for placed in room.placed:
        low, high = placed.block.z0, placed.block.z1
        if high - low < 0.03:
            continue
        spots.append(
            (
                *placed.block.centre,
                float(np.clip((low + high) / 2, 0.3, 1.7)),
                0.35 + float(np.clip(2 * placed.block.half.max() * (high - low), 0, 1)),
            )
        )
    for part in room.shell.parts:
        if part.category in ("door", "window"):
            spots.append((*part.shape.points.mean(axis=0), 0.6))
    inner = room.plan.mean(axis=0)
    for number, corner in enumerate(room.plan):
        spots.append((*(corner + 0.1 * (inner - corner)), (0.15, 1.9)[number % 2], 0.5))
    spots.append((*inner, 0.0, 0.4))
    spots.append((*(inner * 1.2), room.height_m - 0.2, 0.4))
    points = np.array(spots, dtype=float)
    # Things close together are one target.
    keep: list[int] = []
    for number, point in enumerate(points):
        if all(np.linalg.norm((point - points[other])[:3]) > 0.45 for other in keep):
            keep.append(number)
    return points[keep]


def _gaze(
    eyes: Array, times: Array, targets: Array, caster: Raycaster, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Where to look: at what was seen least, in sight, at a good distance, without whirling."""
    from scipy.interpolate import PchipInterpolator

    targets, weights = targets[:, :3], targets[:, 3]
    period = 1.3
    count = max(2, int(times[-1] / period) + 1)
    moments = np.linspace(0, times[-1], count)
    places = np.column_stack([np.interp(moments, times, eyes[:, k]) for k in range(3)])
    visits = np.zeros(len(targets))
    yaws, pitches = np.zeros(count), np.zeros(count)
    yaw = 0.0
    for number, eye in enumerate(places):
        way = targets - eye
        distance = np.linalg.norm(way, axis=1)
        hit = caster.cast(np.broadcast_to(eye, way.shape), way).distance
        in_sight = hit * distance > distance - 0.6
        angle = np.arctan2(way[:, 1], way[:, 0])
        turn = (angle - yaw + np.pi) % (2 * np.pi) - np.pi
        ease = np.exp(-((turn / 1.1) ** 2)) + 0.02 if number else np.ones(len(targets))
        good = (np.exp(-(((distance - 2.5) / 1.3) ** 2)) + 0.05) * weights
        good *= np.where(distance < 0.6, 0.05, 1)
        score = in_sight * good * ease / (1 + 2.5 * visits) * rng.uniform(0.8, 1, len(targets))
        chosen = int(score.argmax())
        near = np.abs(turn - turn[chosen]) < 0.35
        visits += 0.4 * (near & in_sight & (distance < 3.5))
        visits[chosen] += 1
        aim = way[chosen]
        pitch = float(np.clip(np.arctan2(aim[2], np.hypot(aim[0], aim[1])), -0.95, 0.4))
        step = float(np.clip(turn[chosen], -1.25, 1.25)) if number else float(turn[chosen])
        yaw += step
        yaws[number], pitches[number] = yaw, pitch - 0.08
    return (
        np.asarray(PchipInterpolator(moments, yaws)(times)),
        np.asarray(PchipInterpolator(moments, pitches)(times)),
    )
