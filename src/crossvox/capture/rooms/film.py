"""Taking the frames of a room: each one a pure function of seed, room and frame number."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.rooms.params import RoomsParams
from crossvox.capture.rooms.scan import Scan
from crossvox.capture.sens.layout import SensFrame
from crossvox.doors.deflate import deflate
from crossvox.doors.images import encode_jpeg, encode_png
from crossvox.doors.zbuffer import mark_faces

SURFACE_FAR_M = 4.5
"""Farthest that a frame adds to the reference mesh, metres."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One encoded frame."""

    frame: SensFrame
    label: bytes
    seen: NDArray[np.int64]


def shoot(scan: Scan, params: RoomsParams, number: int, frame: int) -> Shot:
    """Take one frame: a pure function of seed, room and frame number."""
    seed = np.random.SeedSequence(params.seed, spawn_key=(3, number, frame))
    rng = np.random.default_rng(seed)
    studio = scan.studio
    now = frame * scan.step_s
    pose = scan.path.pose(now)
    # Exposure follows the hand of a cheap camera: slow drift and a little hunting.
    drift = 0.12 * np.sin(now * 0.5) + 0.06 * np.sin(now * 1.7 + 1) + rng.normal(0, 0.015)
    shutter_s = 1 / 75
    motion = scan.path.pose(now + shutter_s).camera_from_world @ pose.world_from_camera
    view = studio.color_view(pose)
    image = studio.photograph(view, motion, scan.tint * np.exp(drift), 1.0, rng)
    label = encode_png(studio.labels(view))
    view = studio.depth_view(pose)
    depth = scan.sensor.read(view, params.far_m, params.noise, rng)
    seen = np.zeros(len(studio.mesh.faces), dtype=bool)
    mark_faces(view.face, view.inverse, min(SURFACE_FAR_M, params.far_m), seen)
    matrix = np.full((4, 4), -np.inf, dtype=np.float32)
    if not scan.lost[frame]:
        matrix = (scan.world_from_room @ scan.tracked[frame]).world_from_camera.astype(np.float32)
    stamp = round(now * 1e6)
    return Shot(
        SensFrame(
            matrix,
            stamp,
            stamp + 1500,
            encode_jpeg(image, params.jpeg_quality),
            deflate(np.ascontiguousarray(depth, dtype="<u2").tobytes()),
        ),
        label,
        np.flatnonzero(seen),
    )


def shots(scan: Scan, params: RoomsParams, number: int, threads: int) -> Iterator[Shot]:
    """All frames of room ``number`` in order, with few of them waiting in memory.

    Args:
        scan: the room.
        params: what the frames are like.
        number: the room's number.
        threads: threads that take them.
    """
    stop = threading.Event()

    def guarded(frame: int) -> Shot | None:
        return None if stop.is_set() else shoot(scan, params, number, frame)

    waiting: deque[Future[Shot | None]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for frame in range(params.frames):
                waiting.append(pool.submit(guarded, frame))
                if len(waiting) > 2 * threads:
                    yield _taken(waiting.popleft())
            while waiting:
                yield _taken(waiting.popleft())
        finally:
            stop.set()


def _taken(future: Future[Shot | None]) -> Shot:
    shot = future.result()
    assert shot is not None
    return shot
