"""Where to look from: above and one side, or as the capture's camera did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Intrinsics, Pose, Size, project
from crossvox.core.volume import Mesh
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.surface import Surface

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class View:
    """A point of view: camera, pose and, for cut-away pictures, the space to look into."""

    name: str
    camera: Intrinsics
    pose: Pose
    interior: Interior | None = None


def looking_at(eye_m: Array, target_m: Array) -> Pose:
    """The pose of a camera at ``eye_m`` that looks at ``target_m``, upright (world z up)."""
    forward = np.asarray(target_m, dtype=np.float64) - eye_m
    forward /= np.linalg.norm(forward)
    plumb = np.hypot(forward[0], forward[1]) < 1e-9
    up = np.array([0.0, 1.0, 0.0]) if plumb else np.array([0.0, 0.0, 1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=-1)
    matrix[:3, 3] = eye_m
    return Pose(matrix)


def birdseye_view(
    mesh: Mesh, size: Size, *, elevation_deg: float = 56.0, skew_deg: float = 24.0
) -> View:
    """Look into a room from above and one side, ceiling and near walls cut away.

    The camera stands off the longer side, turned by ``skew_deg`` so that two walls show, as near
    as the room still fits the picture.

    Args:
        mesh: the surface that decides what the room is (the best one there is), z up.
        size: of the picture, ``(width, height)``.

    Raises:
        ShapeError: the mesh is empty.
    """
    interior = Interior.of(mesh)
    rim = np.argwhere(interior.depth_m >= 0) * interior.cell_m + interior.corner_m
    corners = np.concatenate(
        [np.c_[rim, np.full(len(rim), z)] for z in (interior.floor_m, interior.top_m)]
    )
    extent = np.ptp(rim, axis=0)
    azimuth = math.radians((-90 if extent[0] >= extent[1] else 0) + skew_deg)
    elevation = math.radians(elevation_deg)
    back = np.array(
        [
            math.cos(azimuth) * math.cos(elevation),
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
        ]
    )
    width, height = size
    focal = 1.45 * max(width, height)
    camera = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    target = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    distance = 3.0 * float(np.linalg.norm(np.ptp(corners, axis=0)))
    for _ in range(12):
        pose = looking_at(target + back * distance, target)
        seen = project(pose.inverse().apply(corners), camera)
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        shift = (0.5 * (low + high) - (camera.cx, camera.cy)) * distance / focal
        target = target + pose.world_from_camera[:3, :2] @ shift
        fill = float(((high - low) / (0.94 * width, 0.94 * height)).max())
        distance = max(distance * fill, 0.5)
    return View("From above", camera, looking_at(target + back * distance, target), interior)


def capture_view(
    mesh: Mesh,
    camera: Intrinsics,
    poses: Sequence[Pose],
    width_px: int,
    most: int = 60,
    surface: Surface | None = None,
) -> tuple[View, int] | None:
    """The pose of the capture that shows most of the room; None if there is no pose.

    Of at most ``most`` poses, that one wins whose picture is full of surface that is not near.
    ``surface`` is what is known of the mesh already.

    Returns:
        The view, ``width_px`` wide in the camera's shape, and which of ``poses`` it is.
    """
    if not poses or not len(mesh.faces):
        return None
    caster = (surface or Surface(mesh)).caster
    small = camera.resized((32, 24))
    chosen, best = 0, -1.0
    for number in range(0, len(poses), math.ceil(len(poses) / most)):
        depth = caster.depth(small, poses[number])
        upright = abs(float(poses[number].world_from_camera[2, 1]))
        merit = float(np.minimum(depth, 5.0).mean()) * (0.4 + 0.6 * upright)
        if merit > best:
            chosen, best = number, merit
    size = (width_px, max(1, round(width_px * camera.height / camera.width)))
    return View("From the camera", camera.resized(size), poses[chosen]), chosen
