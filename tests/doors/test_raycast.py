"""Ray casting against shapes whose depth is known by formula."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import trimesh

from crossvox.core.camera import Intrinsics, Pose, pixel_rays
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster, _Single

CAMERA = Intrinsics(fx=60.0, fy=55.0, cx=31.2, cy=22.7, width=64, height=48)


def plane(z: float = 2.0, half: float = 10.0) -> Mesh:
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) * half
    return Mesh(corners + np.float32([0, 0, z]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def some_pose() -> Pose:
    matrix = trimesh.transformations.euler_matrix(0.3, -0.5, 1.1)
    matrix[:3, 3] = (0.4, -0.2, 1.3)
    return Pose(matrix)


def test_depth_of_a_plane_runs_along_z() -> None:
    depth = Raycaster(plane(2.5)).depth(CAMERA, Pose(np.eye(4)))
    assert depth.shape == (48, 64)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, 2.5, rtol=1e-5)


def test_depth_of_a_tilted_plane() -> None:
    """Plane n . x = d in the world, seen from a pose."""
    pose = some_pose()
    local = plane(0.0, 50.0)
    tilt = trimesh.transformations.euler_matrix(0.2, 0.3, 0.0)[:3, :3]
    in_camera = local.vertices_m @ tilt.T + (0, 0, 3)
    depth = Raycaster(Mesh(pose.apply(in_camera).astype(np.float32), local.faces)).depth(
        CAMERA, pose
    )
    normal = tilt[:, 2]
    expected = normal @ (0, 0, 3) / (pixel_rays(CAMERA) @ normal)
    np.testing.assert_allclose(depth, expected, rtol=1e-4)


def test_depth_of_a_sphere() -> None:
    pose, radius, distance = some_pose(), 0.7, 2.0
    ball = trimesh.creation.icosphere(5, radius)
    vertices = pose.apply(np.asarray(ball.vertices) + np.array([0, 0, distance])).astype(np.float32)
    mesh = Mesh(vertices, np.asarray(ball.faces, dtype=np.int32))
    depth = Raycaster(mesh).depth(CAMERA, pose)
    rays = pixel_rays(CAMERA)
    a, b = (rays**2).sum(-1), rays[..., 2] * distance
    root = b**2 - a * (distance**2 - radius**2)
    # Away from the rim, where a chord of the facets makes no visible difference.
    inside, outside = root > 0.05, root < -0.02
    expected = (b - np.sqrt(np.maximum(root, 0))) / a
    np.testing.assert_allclose(depth[inside], expected[inside], atol=2e-3)
    assert (depth[outside] == 0).all()
    assert inside.sum() > 200
    assert outside.sum() > 200


def test_rays_run_through_pixel_centres() -> None:
    """A half-plane that ends just before a column's centre fills it; just behind, it does not."""
    camera = Intrinsics(10.0, 10.0, 4.0, 3.0, 9, 7)
    for edge, first in ((4.95, 5), (5.05, 6)):
        x = (edge - camera.cx) / camera.fx * 2.0
        corners = np.array([[x, -9, 2], [9, -9, 2], [9, 9, 2], [x, 9, 2]], np.float32)
        mesh = Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
        depth = Raycaster(mesh).depth(camera, Pose(np.eye(4)))
        expected = np.zeros(9, np.float32)
        expected[first:] = 2
        np.testing.assert_allclose(depth, np.broadcast_to(expected, (7, 9)), rtol=1e-6)


def test_misses_are_zero_depth_and_no_face() -> None:
    caster = Raycaster(plane(2.0))
    away = Pose(np.diag([1.0, -1.0, -1.0, 1.0]))
    assert (caster.depth(CAMERA, away) == 0).all()
    hits = caster.view(CAMERA, away)
    assert (hits.face == -1).all()
    assert np.isinf(hits.distance).all()


def test_mesh_without_faces_is_never_hit() -> None:
    caster = Raycaster(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)))
    assert (caster.depth(CAMERA, Pose(np.eye(4))) == 0).all()


def test_no_rays_give_no_hits() -> None:
    hits = Raycaster(plane()).cast(np.zeros((0, 3)), np.zeros((0, 3)))
    assert len(hits.distance) == len(hits.face) == len(hits.u) == len(hits.v) == 0


def test_hits_name_face_and_corner_weights() -> None:
    mesh = plane(2.0, 1.0)
    target = np.array([[0.5, -0.25, 2.0], [-0.5, 0.25, 2.0]])
    hits = Raycaster(mesh).cast(np.zeros((2, 3)), 4 * target)
    np.testing.assert_allclose(hits.distance, 0.25, rtol=1e-6)
    assert hits.face.tolist() == [0, 1]
    corners = mesh.triangles_m[hits.face]
    weights = np.stack([1 - hits.u - hits.v, hits.u, hits.v], axis=-1)
    np.testing.assert_allclose((weights[..., None] * corners).sum(1), target, atol=1e-6)


def test_nearest_of_two_surfaces_is_hit() -> None:
    near, far = plane(1.0, 0.2), plane(2.0)
    both = Mesh(
        np.concatenate([far.vertices_m, near.vertices_m]),
        np.concatenate([far.faces, near.faces + 4]),
    )
    depth = Raycaster(both).depth(CAMERA, Pose(np.eye(4)))
    assert depth[23, 31] == pytest.approx(1.0)
    assert depth[0, 0] == pytest.approx(2.0)


def test_threads_share_one_caster() -> None:
    caster = Raycaster(plane(2.0))
    poses = [
        Pose(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -n], [0, 0, 0, 1.0]]))
        for n in range(16)
    ]
    with ThreadPoolExecutor(4) as pool:
        depths = list(pool.map(lambda pose: caster.depth(CAMERA, pose), poses))
    for n, depth in enumerate(depths):
        np.testing.assert_allclose(depth, 2.0 + n, rtol=1e-5)


def test_the_scene_is_robust_whatever_the_version_takes_for_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """embreex 2.17.7.post6 is not robust by itself, 4.4.0.post1 is (rtcore_scene)."""
    from embreex import rtcore_scene

    real, asked = rtcore_scene.EmbreeScene, []

    def scene(**options: bool) -> object:
        asked.append(options)
        return real(**options)

    monkeypatch.setattr(rtcore_scene, "EmbreeScene", scene)
    _Single(plane())
    assert asked == [{"robust": True}]


def test_no_ray_leaves_a_closed_surface() -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=2.0)
    mesh = Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    directions = np.random.default_rng(0).normal(size=(1_000_000, 3))
    found = Raycaster(mesh).cast(np.zeros_like(directions), directions)
    assert (found.face >= 0).all()


def _crumpled(faces: int = 3000) -> Mesh:
    """Triangles in all places and directions, many of which share corners."""
    random = np.random.default_rng(5)
    points = random.normal(0, 1, (faces // 4, 3)).astype(np.float32)
    return Mesh(points, random.integers(0, len(points), (faces, 3)).astype(np.int32))


@pytest.mark.parametrize("coherent", [False, True])
@pytest.mark.parametrize("many", [True, False])
def test_packets_hit_what_single_rays_hit(coherent: bool, many: bool) -> None:
    mesh = _crumpled()
    caster = Raycaster(mesh)
    if caster._packets is None:
        pytest.skip("an embreex without its library beside it: rays are cast one by one")
    random = np.random.default_rng(6)
    origins = random.normal(0, 1, (1003 if many else 1, 3)).astype(np.float32)
    directions = random.normal(0, 1, (1003, 3)).astype(np.float32)
    found = caster.cast(origins, directions, coherent=coherent)
    single = _Single(mesh).cast(origins, directions)
    assert np.isfinite(found.distance).sum() > 0
    np.testing.assert_array_equal(found.distance, single.distance)
    if not coherent:
        hit = single.face >= 0
        np.testing.assert_array_equal(found.face, single.face)
        np.testing.assert_array_equal(found.u[hit], single.u[hit])
        np.testing.assert_array_equal(found.v[hit], single.v[hit])


def test_what_is_farther_than_far_is_not_hit() -> None:
    mesh, random = _crumpled(), np.random.default_rng(8)
    origins, directions = random.normal(0, 1, (2, 500, 3)).astype(np.float32)
    for caster in (Raycaster(mesh), _Single(mesh)):
        whole, near = caster.cast(origins, directions), caster.cast(origins, directions, far=0.4)
        reached = whole.distance <= 0.4
        assert 0.1 < reached.mean() < 0.9
        np.testing.assert_array_equal(near.distance, np.where(reached, whole.distance, np.inf))
        np.testing.assert_array_equal(near.face, np.where(reached, whole.face, -1))


@pytest.mark.parametrize("size", [(64, 48), (33, 7), (3, 2), (1, 1)])
def test_images_are_the_same_in_squares_and_ray_by_ray(size: tuple[int, int]) -> None:
    mesh, pose, camera = _crumpled(), some_pose(), CAMERA.resized(size)
    caster = Raycaster(mesh)
    seen = caster.view(camera, pose, coherent=True).distance
    rays = pixel_rays(camera).reshape(-1, 3).astype(np.float32)
    directions = np.einsum("nc,kc->nk", rays, pose.world_from_camera[:3, :3].astype(np.float32))
    single = _Single(mesh).cast(pose.position_m[None].astype(np.float32), directions)
    np.testing.assert_array_equal(seen, single.distance)
    depth = np.where(np.isinf(seen), 0, seen).reshape(camera.height, camera.width)
    np.testing.assert_array_equal(caster.depth(camera, pose), depth)


def test_without_the_library_rays_are_cast_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = some_pose()
    quick = Raycaster(_crumpled()).depth(CAMERA, pose)
    monkeypatch.setattr("crossvox.doors.raycast.library", lambda: None)
    np.testing.assert_array_equal(Raycaster(_crumpled()).depth(CAMERA, pose), quick)


def test_rays_that_are_none_hit_nothing() -> None:
    caster = Raycaster(plane())
    nothing = np.zeros((0, 3), np.float32)
    assert len(caster.cast(nothing, nothing).distance) == 0
    lost = np.full((1, 3), np.nan, np.float32)
    assert np.isinf(caster.cast(lost, lost).distance).all()
