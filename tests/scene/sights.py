"""What made-up cameras see of a sphere and of a plane, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.frame import Frame

SMALL = Intrinsics(fx=90.0, fy=92.0, cx=39.3, cy=29.8, width=80, height=60)


def looking(position_m: tuple[float, float, float], target_m: tuple[float, float, float]) -> Pose:
    """A camera at a place, looking at a point, without roll (z up)."""
    position, target = np.array(position_m, float), np.array(target_m, float)
    forward = (target - position) / np.linalg.norm(target - position)
    side = np.cross(forward, (0.0, 0.0, 1.0))
    if np.linalg.norm(side) < 1e-6:
        side = np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([side, np.cross(forward, side), forward], axis=-1)
    matrix[:3, 3] = position
    return Pose(matrix)


def sphere_frame(number: int, pose: Pose, radius_m: float = 0.4) -> Frame:
    """What a camera sees of a sphere about the origin; its colour tells the side that is seen."""
    rays = pixel_rays(SMALL) @ pose.world_from_camera[:3, :3].T
    origin = pose.position_m
    a, b = (rays**2).sum(-1), (rays @ origin)
    root = b**2 - a * (origin @ origin - radius_m**2)
    depth = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, 0)
    rgb = np.full((*depth.shape, 3), (200, 100, 50), dtype=np.uint8)
    return Frame(number, SMALL, pose, rgb, depth.astype(np.float32))


def wall_frame(number: int, pose: Pose, normal: NDArray[np.float64], offset_m: float) -> Frame:
    """What a camera sees of the plane ``normal . x = offset_m``."""
    rays = pixel_rays(SMALL) @ pose.world_from_camera[:3, :3].T
    along = (offset_m - normal @ pose.position_m) / (rays @ normal)
    depth = np.where(along > 0, along, 0).astype(np.float32)
    return Frame(number, SMALL, pose, None, depth)
