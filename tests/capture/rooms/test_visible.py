"""The z-buffer of rooms against ray casting, and where rays have the last word: edges."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.rooms.scan import Scan
from crossvox.capture.rooms.sensor import normal_noise
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster
from crossvox.doors.zbuffer import face_values, mark_faces, view

CAMERA = Intrinsics(fx=50.0, fy=52.0, cx=31.3, cy=23.8, width=64, height=48)
FACES = np.array([[0, 1, 2]], dtype=np.int32)


@pytest.mark.parametrize("frame", [0, 7, 19])
def test_it_sees_what_rays_hit(scan: Scan, frame: int) -> None:
    mesh, pose, camera = scan.studio.mesh, scan.pose(frame), scan.cameras.color
    seen = view(mesh.points, mesh.faces, camera, pose)
    hits = scan.studio.caster.view(camera, pose)
    same = seen.face.ravel() == hits.face
    assert same.mean() > 0.995
    near = np.abs(seen.depth().ravel() - hits.distance) < 1e-4
    assert near.mean() > 0.9995
    found, rays = seen.hits(mesh.faces, 0, camera.height)
    np.testing.assert_allclose(found.u[same], hits.u[same], atol=2e-3)
    np.testing.assert_allclose(found.v[same], hits.v[same], atol=2e-3)
    places = pose.position_m + rays * found.distance[:, None]
    corners = mesh.points[mesh.faces[found.face]].astype(float)
    weights = np.column_stack([1 - found.u - found.v, found.u, found.v])
    np.testing.assert_allclose(places, np.einsum("nk,nkc->nc", weights, corners), atol=1e-4)


def test_strips_are_the_image_in_parts(scan: Scan) -> None:
    mesh = scan.studio.mesh
    seen = scan.studio.color_view(scan.pose(3))
    whole, rays = seen.hits(mesh.faces, 0, 120)
    part, some = seen.hits(mesh.faces, 32, 64)
    rows = slice(32 * 160, 64 * 160)
    np.testing.assert_array_equal(part.u, whole.u[rows])
    np.testing.assert_array_equal(part.distance, whole.distance[rows])
    np.testing.assert_array_equal(some, rays[rows])


def test_no_pixel_falls_between_faces() -> None:
    """A wall of many slivers, whose edges pass through pixel centres, has no hole."""
    rng = np.random.default_rng(4)
    ticks = np.linspace(-8, 8, 65)
    x, y = np.meshgrid(ticks, ticks)
    z = 4 + 0.3 * rng.random(x.shape)
    points = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    number = np.arange(65 * 65).reshape(65, 65)
    a, b = number[:-1, :-1].ravel(), number[:-1, 1:].ravel()
    c, d = number[1:, 1:].ravel(), number[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    straight = Intrinsics(fx=64.0, fy=64.0, cx=32.0, cy=24.0, width=64, height=48)
    for camera in (straight, CAMERA):
        for shift in (0.0, 0.25, 0.1):
            matrix = np.eye(4)
            matrix[0, 3] = shift
            assert (view(points, faces, camera, Pose(matrix)).face >= 0).all()


def test_a_face_that_reaches_behind_the_camera_is_seen() -> None:
    """A floor through both sides of the camera's plane fills what is below the horizon."""
    points = np.array([[-90, 1, -50], [90, 1, -50], [0, 1, 400]], dtype=np.float32)
    seen = view(points, FACES, CAMERA, Pose(np.eye(4)))
    rays = Raycaster(Mesh(points, FACES)).view(CAMERA, Pose(np.eye(4)))
    np.testing.assert_array_equal(seen.face.ravel(), rays.face)
    hit = rays.face >= 0
    assert 0.3 < hit.mean() < 0.6
    np.testing.assert_allclose(seen.depth().ravel()[hit], rays.distance[hit], rtol=1e-4)


def test_both_sides_count_and_what_is_behind_does_not() -> None:
    ahead = np.array([[-9, -9, 2], [9, -9, 2], [0, 30, 2]], dtype=np.float32)
    for faces in (FACES, FACES[:, ::-1].copy()):
        seen = view(ahead, faces, CAMERA, Pose(np.eye(4)))
        assert (seen.face == 0).all()
        np.testing.assert_allclose(seen.depth(), 2, rtol=1e-6)
    behind = ahead * np.float32([1, 1, -1])
    empty = view(behind, FACES, CAMERA, Pose(np.eye(4)))
    assert (empty.face == -1).all()
    assert np.isinf(empty.depth()).all()


def test_values_and_marks_of_faces() -> None:
    points = np.array([[-9, -9, 2], [9, -9, 2], [0, 0, 2], [0, 9, 5]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3]], dtype=np.int32)
    seen = view(points, faces, CAMERA, Pose(np.eye(4)))
    labels = np.zeros(seen.face.shape, dtype=np.uint16)
    face_values(seen.face, np.array([7, 9], dtype=np.uint16), labels)
    assert (labels[seen.face == 0] == 7).all()
    assert (labels[seen.face == 1] == 9).all()
    assert (labels[seen.face < 0] == 0).all()
    marks = np.zeros(2, dtype=bool)
    mark_faces(seen.face, seen.inverse, 2.5, marks)
    depth = seen.depth()
    assert marks[0] == ((seen.face == 0) & (depth < 2.5)).any()
    assert marks[1] == ((seen.face == 1) & (depth < 2.5)).any()


def test_noise_is_normal() -> None:
    noise = normal_noise(np.random.default_rng(0), (400, 500))
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(noise) > 2).mean() == pytest.approx(0.0455, abs=0.003)
