"""What a diagnosis saw, as pictures: one frame's depth over another's colours, edges, the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.findings import Diagnosis
from crossvox.capture.doctor.sample import as_stored, pose_or_none, read_trail
from crossvox.core.camera import Intrinsics, Pose, project, unproject
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import Capture, Frame, Parts

Array = NDArray[Any]

WIDTH = 640
PLAN_FRAMES, PLAN_CELL_M = 40, 0.05
OFF_M = 0.15
"""Distances from here on have the full colour."""

AGREES, IN_FRONT, BEHIND = (38, 166, 91), (220, 60, 40), (50, 110, 230)
EDGE = (255, 40, 160)


@dataclass(frozen=True, eq=False)
class Plan:
    """A capture from straight above, as its own poses have it.

    Attributes:
        share: ``(X, Y)`` how much surface stands in each column, 0 to 1.
        corner_m: low corner.
        path_m: ``(N, 3)`` camera positions.
        breaks: numbers of the positions that do not follow on the one before.
        marks: position and view of frames that are found wrong, by number.
    """

    share: NDArray[np.float32]
    corner_m: tuple[float, float]
    path_m: NDArray[np.float64]
    breaks: list[int]
    marks: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


class Pictures:
    """Pictures of one capture.

    Args:
        capture: the frames.
        found: its diagnosis.
    """

    def __init__(self, capture: Capture, found: Diagnosis) -> None:
        self._capture, without = as_stored(capture)
        self._found = found
        self._poses = read_trail(self._capture, without).delivered
        self._position = {number: i for i, number in enumerate(self._capture.frame_ids)}
        own = self._capture.camera()
        width = min(WIDTH, own.width)
        self._camera = own.resized((width, max(1, round(own.height * width / own.width))))

    def overlay(self, first: int, second: int) -> NDArray[np.uint8] | None:
        """Points of one frame in the image of another, coloured by how far off they are.

        Args:
            first: number of the frame whose depth is shown.
            second: number of the frame that it is shown in.

        Returns:
            ``(H, W, 3)``: green where they agree, red where a point stands before the surface that
            the second frame saw, blue where behind it; None where a frame cannot be read.
        """
        one, other = self._frame(first), self._frame(second)
        here, there = (pose_or_none(self._poses[self._position[n]]) for n in (first, second))
        if one is None or other is None or here is None or there is None:
            return None
        return _overlay(one, other, (there.inverse() @ here), self._camera)

    def edges(self, number: int) -> NDArray[np.uint8] | None:
        """A colour image, edges of depth drawn over it."""
        frame = self._frame(number)
        if frame is None or frame.rgb is None or frame.depth_m is None:
            return None
        depth = frame.depth_m
        edge = np.zeros(depth.shape, bool)
        for axis in (0, 1):
            for way in (1, -1):
                other = np.roll(depth, way, axis)
                edge |= (depth > 0) & (other > depth + np.maximum(0.1, 0.06 * depth))
        edge[0], edge[-1], edge[:, 0], edge[:, -1] = False, False, False, False
        out = (0.75 * frame.rgb).astype(np.uint8)
        edge[1:] |= edge[:-1].copy()
        edge[:, 1:] |= edge[:, :-1].copy()
        out[edge] = EDGE
        return out

    def plan(self) -> Plan | None:
        """The room from above."""
        posed = np.flatnonzero(np.isfinite(self._poses).all(axis=(1, 2)))
        if not len(posed):
            return None
        level = _level(self._capture.info().up, self._poses[posed])
        path = self._poses[posed, :3, 3] @ level.T
        points = [np.zeros((0, 3))]
        small = self._camera.resized((80, max(1, 80 * self._camera.height // self._camera.width)))
        for position in posed[:: max(1, len(posed) // PLAN_FRAMES)]:
            pose = pose_or_none(self._poses[position])
            frame = self._read(int(position), small, Parts(rgb=False, labels=False))
            if pose is None or frame is None or frame.depth_m is None:
                continue
            seen = unproject(np.where(frame.depth_m < 8, frame.depth_m, 0), small).reshape(-1, 3)
            seen = seen[np.isfinite(seen).all(axis=1)]
            points.append(pose.apply(seen) @ level.T)
        share, corner = _columns(np.concatenate(points), path)
        marks = {
            str(number): (
                self._poses[self._position[number], :3, 3] @ level.T,
                level @ self._poses[self._position[number], :3, 2],
            )
            for number in list(self._found.skip)[:12]
            if np.isfinite(self._poses[self._position[number]]).all()
        }
        breaks = (np.flatnonzero(np.diff(posed) > 1) + 1).tolist()
        return Plan(share, corner, path, breaks, marks)

    def _frame(self, number: int) -> Frame | None:
        return self._read(self._position[number], self._camera, Parts(labels=False))

    def _read(self, position: int, camera: Intrinsics, parts: Parts) -> Frame | None:
        try:
            return self._capture.frame(position, camera.size, parts)
        except (CaptureError, PoseError):
            return None


def _overlay(one: Frame, other: Frame, move: Pose, camera: Intrinsics) -> NDArray[np.uint8]:
    assert one.depth_m is not None
    assert other.depth_m is not None
    assert other.rgb is not None
    points = unproject(one.depth_m, camera)[::2, ::2].reshape(-1, 3)
    points = move.apply(points[np.isfinite(points).all(axis=1)])
    seen = project(points, camera)
    seen = seen[np.isfinite(seen).all(axis=1)]
    u, v = np.rint(seen[:, 0]).astype(int), np.rint(seen[:, 1]).astype(int)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    u, v, z = u[inside], v[inside], seen[inside, 2]
    order = np.argsort(-z)
    u, v, z = u[order], v[order], z[order]
    read = other.depth_m[v, u]
    gray = other.rgb.mean(axis=2, keepdims=True) * 0.6 + 60
    out = np.repeat(gray, 3, axis=2)
    off = np.where(read > 0, z - read, 0.0)
    size = np.clip(np.abs(off) / OFF_M, 0, 1)[:, None]
    wrong = np.where(off[:, None] < 0, IN_FRONT, BEHIND)
    color = (1 - size) * np.array(AGREES) + size * wrong
    u, v, color = u[read > 0], v[read > 0], color[read > 0]
    painted = out.copy()
    for du, dv in ((0, 0), (1, 0), (0, 1), (1, 1)):
        painted[np.minimum(v + dv, camera.height - 1), np.minimum(u + du, camera.width - 1)] = color
    out = 0.35 * out + 0.65 * painted
    return np.clip(out, 0, 255).astype(np.uint8)


def _level(up: tuple[float, float, float] | None, poses: Array) -> NDArray[np.float64]:
    """``(3, 3)`` to a world whose z is up, by gravity or by how cameras were held."""
    z = np.array(up, float) if up is not None else -poses[:, :3, 1].mean(axis=0)
    z = z / max(float(np.linalg.norm(z)), 1e-9)
    x = np.cross([0.0, 1.0, 0.0] if abs(z[1]) < 0.9 else [0.0, 0.0, 1.0], z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _columns(points: Array, path: Array) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """How much stands in each column, over what most points and the path cover."""
    middle = np.median(path[:, :2], axis=0)
    every = np.concatenate([points[:, :2], path[:, :2]])
    every = every[(np.abs(every - middle) < 25).all(axis=1)]
    if not len(every):
        return np.zeros((1, 1), np.float32), (float(middle[0]), float(middle[1]))
    low = np.quantile(every, 0.002, axis=0) - 0.3
    high = np.quantile(every, 0.998, axis=0) + 0.3
    size = np.maximum(np.ceil((high - low) / PLAN_CELL_M).astype(int), 1)
    cell = np.floor((points[:, :2] - low) / PLAN_CELL_M).astype(int)
    inside = ((cell >= 0) & (cell < size)).all(axis=1)
    counts = np.zeros(size, np.float32)
    np.add.at(counts, tuple(cell[inside].T), 1)
    most = float(np.quantile(counts[counts > 0], 0.95)) if (counts > 0).any() else 1.0
    share = (np.clip(counts / max(most, 1.0), 0, 1) ** 0.6).astype(np.float32)
    return share, (float(low[0]), float(low[1]))
