"""The walk through a room."""

from __future__ import annotations

import numpy as np

from crossvox.capture.rooms.layout.room import polygon_contains
from crossvox.capture.rooms.scan import Scan


def test_the_camera_keeps_clear_of_walls_and_furniture(scan: Scan) -> None:
    rng = np.random.default_rng(0)
    way = rng.standard_normal((400, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    mesh = scan.studio.mesh
    for frame in range(30):
        eye = scan.pose(frame).position_m
        assert polygon_contains(scan.room.plan, eye[None, :2])[0]
        assert 1.15 < eye[2] < 1.75
        hits = scan.studio.caster.cast(np.broadcast_to(eye, way.shape), way)
        assert hits.distance.min() > 0.08
        # From inside a body most rays would meet surfaces from behind.
        normal = mesh.normals[mesh.faces[hits.face, 0]]
        behind = np.einsum("ij,ij->i", normal, way) > 0
        assert behind[hits.face >= 0].mean() < 0.2


def test_the_walk_is_smooth_and_covers_the_room(scan: Scan) -> None:
    eyes = np.array([scan.pose(frame).position_m for frame in range(30)])
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.8 * scan.step_s + 0.1
    assert np.ptp(scan.path.yaw) > np.pi
    a, b = scan.path.pose(3.0), scan.path.pose(3.02)
    assert np.linalg.norm(a.position_m - b.position_m) < 0.04
