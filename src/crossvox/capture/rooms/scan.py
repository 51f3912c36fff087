"""A room with everything that is needed to film it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.camera_path import CameraPath, plan_path
from crossvox.capture.rooms.depth_sensors import LIDAR_SIZE, DepthSensor, draw_sensor
from crossvox.capture.rooms.frames import Cameras, Studio, draw_cameras
from crossvox.capture.rooms.layout.furnish import furnish, room_seed
from crossvox.capture.rooms.layout.room import Room
from crossvox.capture.rooms.light import Surfaces, bake
from crossvox.capture.rooms.params import RoomsParams
from crossvox.capture.rooms.shapes import rotation
from crossvox.capture.rooms.tracking import tracked
from crossvox.core.camera import Pose

Array = NDArray[Any]

_FILM_HZ = 30.0


@dataclass(frozen=True, eq=False)
class Scan:
    """A room with everything that is needed to film it.

    Attributes:
        room: the room.
        studio: its light and geometry.
        sensor: its depth sensor.
        path: the walk.
        tracked: pose of the colour camera at each frame as its tracker reports it, room
            coordinates.
        world_from_room: pose of the room in the scan's world (turned, shifted).
        step_s: time between two frames.
        lost: ``(frames,)`` bool, frames whose pose is lost.
        tint: ``(3,)`` white balance of the scene.
    """

    room: Room
    studio: Studio
    sensor: DepthSensor
    path: CameraPath
    tracked: list[Pose]
    world_from_room: Pose
    step_s: float
    lost: NDArray[np.bool_]
    tint: Array

    @property
    def cameras(self) -> Cameras:
        """The scene's cameras."""
        return self.studio.cameras

    def pose(self, frame: int) -> Pose:
        """Where the colour camera truly is at a frame, room coordinates."""
        return self.path.pose(frame * self.step_s)


def prepare_scan(params: RoomsParams, number: int, threads: int = 1) -> Scan:
    """Build, light and plan room ``number``; the same whatever ``count`` is."""
    room = furnish(params.seed, number, params.spacing_m, params.clutter, params.dark)
    rng = np.random.default_rng(room_seed(params.seed, number, 1))
    color_size = (params.width, params.height)
    usual = LIDAR_SIZE if params.sensor == "lidar-phone" else color_size
    depth_size = (params.depth_width or usual[0], params.depth_height or usual[1])
    cameras = draw_cameras(rng, color_size, depth_size)
    tint = np.array([rng.normal(1, 0.05), 1.0, rng.normal(1, 0.05)])
    turn = np.eye(4)
    turn[:3, :3] = rotation(float(rng.uniform(0, 2 * np.pi)))
    corners = room.plan @ turn[:2, :2].T
    turn[:2, 3] = -corners.min(axis=0) + rng.uniform(0.1, 0.6, 2)
    turn[2, 3] = float(rng.normal(0, 0.02))
    path_rng, light_rng, lost_rng, sensor_rng, drift_rng = rng.spawn(5)
    shortest_s = params.frames * params.frame_step / _FILM_HZ
    with ThreadPoolExecutor(threads) as pool:
        surfaces = Surfaces.of(room, pool)
        walk = pool.submit(plan_path, room, surfaces.caster, path_rng, shortest_s)
        drawn = pool.submit(draw_sensor, params.sensor, surfaces, cameras.depth.size, sensor_rng)
        light = bake(room, surfaces, light_rng, pool)
        path, sensor = walk.result(), drawn.result()
    studio = Studio(room, cameras, surfaces, light)
    lost = np.zeros(params.frames, dtype=bool)
    if params.lost_share > 0:
        count = min(max(1, round(params.lost_share * params.frames)), params.frames - 1)
        lost[lost_rng.permutation(params.frames)[:count]] = True
    step_s = path.duration_s / params.frames
    true = [path.pose(frame * step_s) for frame in range(params.frames)]
    return Scan(
        room, studio, sensor, path, tracked(true, params.pose_drift, drift_rng), Pose(turn),
        step_s, lost, tint,
    )  # fmt: skip
