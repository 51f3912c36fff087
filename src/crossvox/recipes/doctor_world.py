"""Up, size and height of a captured room: whether they can be those of a room, in metres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.doctor.findings import Finding
from crossvox.capture.outliers import usable_frames
from crossvox.core.camera import Pose
from crossvox.core.checks import CaptureError, PoseError
from crossvox.core.frame import Capture, Frame, Parts
from crossvox.core.volume import Mesh
from crossvox.scene.level import UpEstimate, estimate_up, heights_m, levelling, near_gravity
from crossvox.scene.params import TsdfParams
from crossvox.scene.tsdf.volume import fuse

FRAMES, WIDTH, VOXEL_M = 40, 160, 0.08
LEAST_FACES = 3000
"""A smaller surface tells nothing of a room."""

TILT_DEG = (8.0, 45.0)
"""Planes that lean so much against what a device says contradict it; farther ones are others."""

ROOM_M = (2.0, 6.0)
"""From floor to ceiling, of most rooms."""

LEAST_YAW_DEG = 3.0
"""Walls that stand so much off the world's axes are told."""


def check_world(capture: Capture) -> list[Finding]:
    """What a coarse surface of a capture says of its world; empty where there is too little."""
    usable = usable_frames(capture)
    if not usable.in_metres or len(usable.posed) < 3:
        return []
    picked = usable.posed[:: max(1, len(usable.posed) // FRAMES)]
    mesh = _coarse_surface(capture, picked)
    if len(mesh.faces) < LEAST_FACES:
        return []
    found, gravity = estimate_up(mesh, [capture.pose(i) for i in picked]), capture.info().up
    up = found.up if gravity is None else near_gravity(mesh, np.array(gravity))
    return [*_of_up(found, gravity), _of_room(mesh, up)]


def _coarse_surface(capture: Capture, picked: Sequence[int]) -> Mesh:
    """Some frames fused; those that cannot be read are left out."""
    own = capture.camera()
    size = (WIDTH, max(1, round(WIDTH * own.height / own.width)))

    def frames() -> Iterator[Frame]:
        for index in picked:
            with suppress(CaptureError, PoseError):
                yield capture.frame(index, size, Parts(rgb=False, labels=False))

    return fuse(frames(), TsdfParams(voxel_m=VOXEL_M)).mesh()


def _of_up(found: UpEstimate, gravity: tuple[float, float, float] | None) -> list[Finding]:
    """Whether it is known what is up; what a device says is held against the room's planes."""
    if gravity is not None:
        cosine = float(np.clip(found.up @ gravity / np.linalg.norm(gravity), -1, 1))
        angle = float(np.degrees(np.arccos(cosine)))
        if not (TILT_DEG[0] < angle < TILT_DEG[1] and found.support > 0.4):
            return []
        text = f"floor and walls lean by {angle:.0f} degrees against what the device says is up"
        advice = "pass --up X Y Z to scan if the device is wrong"
        return [Finding("up", "doubt", text, advice, number=angle)]
    if found.doubt:
        return [Finding("up", "doubt", f"up is not certain: {found.doubt}")]
    if "without much roll" not in found.method:
        return [Finding("up", "note", f"up follows from {found.method}")]
    return []


def _of_room(mesh: Mesh, up: NDArray[np.float64]) -> Finding:
    """Size, height and how walls stand, for a look whether they can be those of a room."""
    level = levelling(up, mesh)
    corners = level.apply(mesh.vertices_m)
    low, high = np.quantile(corners, 0.01, axis=0), np.quantile(corners, 0.99, axis=0)
    floor, ceiling = heights_m(mesh, up)
    height = ceiling - floor
    x, y, z = high - low
    text = f"the surface measures {x:.1f} x {y:.1f} x {z:.1f} m, up is "
    text += f"({', '.join(f'{value:.2f}' for value in up)})"
    if np.isfinite(height) and height > 1.0:
        text += f", floor to ceiling {height:.2f} m"
        if not ROOM_M[0] < height < ROOM_M[1]:
            text += ": is it in metres?"
    yaw = _yaw_deg(level, levelling(up))
    if abs(yaw) >= LEAST_YAW_DEG:
        text += f"; its walls stand {abs(yaw):.0f} degrees off its axes, which scan straightens"
    return Finding("room", "note", text, number=float(height))


def _yaw_deg(straight: Pose, level: Pose) -> float:
    """By how much walls were turned about z to be straight."""
    turn = straight.world_from_camera[:3, :3] @ level.world_from_camera[:3, :3].T
    return float(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))
