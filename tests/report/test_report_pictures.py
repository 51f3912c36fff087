"""Pictures: what is drawn is what is there."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier, current_thread
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.camera import Intrinsics, Pose, pixel_rays, project
from crossvox.core.checks import ShapeError
from crossvox.core.volume import Mesh
from crossvox.doors.raycast import Raycaster
from crossvox.report.page import scene
from crossvox.report.pictures import surface
from crossvox.report.pictures.colors import (
    BACKGROUND,
    NOTHING,
    color_map,
    depth_picture,
    error_colors,
)
from crossvox.report.pictures.interior import Interior
from crossvox.report.pictures.painter import Painter, Sight, over, render_mesh
from crossvox.report.pictures.surface import (
    cluster_mean,
    cluster_vertices,
    faces_inward,
    footprint,
    surface_points,
    vertex_normals,
    vertex_occlusion,
)
from crossvox.report.pictures.viewpoint import birdseye_view, capture_view, looking_at

CAMERA = Intrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)


def square(z: float = 0.0, half: float = 1.0, color: tuple[int, int, int] = (200, 40, 40)) -> Mesh:
    """A square in the plane z, facing up."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    vertices = np.c_[corners, np.full(4, z)].astype(np.float32)
    return Mesh(
        vertices,
        np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32),
        np.tile(np.array(color, dtype=np.uint8), (4, 1)),
    )


def test_render_draws_where_the_mesh_projects_to() -> None:
    pose = looking_at(np.array([0.3, -0.2, 3.0]), np.array([0.0, 0.0, 0.0]))
    rgb = render_mesh(square(), CAMERA, pose, occlusion=False, supersample=3)
    assert rgb.shape == (60, 80, 3)
    assert rgb.dtype == np.uint8
    seen = project(pose.inverse().apply(square().vertices_m), CAMERA)[:, :2]
    # The area of the projected outline (shoelace) is the number of pixels that are covered.
    x, y = seen.T
    area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    covered = (np.abs(rgb.astype(int) - BACKGROUND).max(axis=-1) > 40).sum()
    assert covered == pytest.approx(area, rel=0.06)
    assert (rgb[30, 40].astype(int) > (120, 0, 0)).all()
    assert rgb[30, 40, 0] > 2 * rgb[30, 40, 1]
    assert tuple(rgb[0, 0]) == BACKGROUND


def test_render_of_an_empty_mesh_is_background() -> None:
    empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    rgb = render_mesh(empty, CAMERA, Pose(np.eye(4)))
    assert (rgb == BACKGROUND).all()


def test_backs_are_tinted_but_not_in_colour_codes() -> None:
    painter = Painter(square(), occlusion=False)
    above = looking_at(np.array([0.0, 0.0, 2.0]), np.zeros(3))
    below = looking_at(np.array([0.0, 0.0, -2.0]), np.zeros(3))
    front, back = painter.paint(CAMERA, above), painter.paint(CAMERA, below)
    assert front[30, 40, 0] > 2 * front[30, 40, 2]
    assert back[30, 40, 0] < 1.5 * back[30, 40, 2]
    code = np.tile(np.array([250, 240, 10], np.uint8), (4, 1))
    for pose in (above, below):
        np.testing.assert_allclose(
            painter.paint(CAMERA, pose, colors=code, relief=0)[30, 40], (250, 240, 10, 255), atol=1
        )


def test_paint_is_transparent_where_nothing_is() -> None:
    rgba = Painter(square(half=0.3), occlusion=False).paint(
        CAMERA, looking_at(np.array([0.0, 0.0, 3.0]), np.zeros(3))
    )
    assert rgba[0, 0, 3] == 0
    assert rgba[30, 40, 3] == 255
    assert tuple(over(rgba, (1, 2, 3))[0, 0]) == (1, 2, 3)


def test_a_surface_is_the_same_for_all_threads_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: surface.Surface, mesh: Mesh) -> None:
        time.sleep(0.05)
        self.given = mesh

    monkeypatch.setattr(surface.Surface, "__init__", slow)
    mesh, known, together = square(), surface.Surfaces(), Barrier(4)

    def ask(shade: int) -> surface.Surface:
        together.wait(60)
        return known.of(replace(mesh, colors=np.full((4, 3), shade, np.uint8)))

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert len(found) == 1
    assert found == {known.of(mesh)}
    assert known.of(square()) not in found


@pytest.mark.parametrize("threads", [1, 2])
def test_work_is_done_meanwhile_where_there_are_threads(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "threads", lambda: threads)
    done: list[int] = []

    def work(number: int) -> str:
        done.append(number)
        return current_thread().name

    with ThreadPoolExecutor(1, "beside") as pool:
        result = scene._beside(pool, work, 7)
        pool.submit(bool).result()
        assert done == ([7] if threads > 1 else [])
        assert result().startswith("beside") == (threads > 1)
    assert done == [7]


def test_normals_of_a_square_point_up() -> None:
    np.testing.assert_allclose(vertex_normals(square()), np.tile([0, 0, 1], (4, 1)), atol=1e-6)


def test_occlusion_is_open_on_a_plain_and_closed_in_a_corner(build: SimpleNamespace) -> None:
    room = build.box((0, 0, 0), (4, 4, 4), (200, 200, 200), step=0.2, inward=True)
    light = vertex_occlusion(room, Raycaster(room))
    assert light.shape == (len(room.vertices_m),)
    distance = np.sort(np.minimum(room.vertices_m, 4 - room.vertices_m), axis=1)
    middle, corner = light[distance[:, 1] > 1.5], light[distance[:, 2] < 0.15]
    assert middle.min() > 0.97
    assert corner.max() < middle.min() - 0.2


def test_wrong_way_round_is_noticed(box_room: Mesh, build: SimpleNamespace) -> None:
    shell = build.box((0, 0, 0), (0.1, 2, 2), (9, 9, 9))
    turned = Mesh(shell.vertices_m, shell.faces[:, ::-1].copy())
    assert not faces_inward(shell, Raycaster(shell))
    assert faces_inward(turned, Raycaster(turned))
    assert not faces_inward(box_room, Raycaster(box_room))
    assert not faces_inward(square(), Raycaster(square()))


@given(
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.tuples(*[st.floats(-3, 3)] * 3),
)
@settings(max_examples=30)
def test_looking_at_puts_the_target_in_the_middle(
    eye: tuple[float, float, float], target: tuple[float, float, float]
) -> None:
    if math.dist(eye, target) < 0.1:
        return
    pose = looking_at(np.array(eye), np.array(target))
    u, v, z = project(pose.inverse().apply(np.array(target)), CAMERA)
    np.testing.assert_allclose((u, v, z), (CAMERA.cx, CAMERA.cy, math.dist(eye, target)), atol=1e-6)
    # Upright: the image's y axis never points up in the world.
    assert pose.world_from_camera[2, 1] <= 1e-9


def test_interior_is_the_room_without_walls_and_ceiling(box_room: Mesh) -> None:
    interior = Interior.of(box_room)
    low, high = box_room.vertices_m.min(axis=0), box_room.vertices_m.max(axis=0)
    assert interior.floor_m == pytest.approx(0, abs=0.05)
    assert 1.8 < interior.top_m < high[2] - 0.2
    cells = np.argwhere(interior.depth_m >= 0) * interior.cell_m + interior.corner_m
    np.testing.assert_allclose(cells.min(axis=0), low[:2] + 0.12, atol=0.08)
    np.testing.assert_allclose(cells.max(axis=0), high[:2] - 0.12, atol=0.08)


def test_pixels_begin_where_their_rays_enter(box_room: Mesh) -> None:
    interior = Interior.of(box_room)
    view = birdseye_view(box_room, (48, 36))
    most = interior.begins(view.camera, view.pose)
    rays = pixel_rays(view.camera).reshape(-1, 3) @ view.pose.world_from_camera[:3, :3].T
    entry = interior.entry(np.broadcast_to(view.pose.position_m, rays.shape), rays)
    assert 0.2 < np.isfinite(entry).mean() < 0.95
    # A tip of less than two pixels may be passed over.
    assert np.isclose(most.ravel(), 1 / entry, rtol=1e-3, atol=0).mean() > 0.998


def test_a_cut_away_picture_shows_what_rays_from_there_hit(box_room: Mesh) -> None:
    """Twin: rays that begin where the interior does."""
    view = birdseye_view(box_room, (64, 48))
    assert view.interior is not None
    sight = Sight.of(view.camera, view.pose, view.interior)
    seen = Painter(box_room, occlusion=False).see(sight)
    rays = pixel_rays(sight.fine).reshape(-1, 3) @ view.pose.world_from_camera[:3, :3].T
    entry = view.interior.entry(np.broadcast_to(view.pose.position_m, rays.shape), rays)
    inside = np.flatnonzero(np.isfinite(entry))
    origins = view.pose.position_m + rays[inside] * entry[inside, None]
    found = Raycaster(box_room).cast(origins, rays[inside])
    face = np.full(len(rays), -1)
    face[inside] = found.face
    assert (face == seen.face.ravel()).mean() > 0.99
    depth = np.full(len(rays), np.inf)
    depth[inside] = entry[inside] + found.distance
    same = face == seen.face.ravel()
    np.testing.assert_allclose(seen.depth().ravel()[same], depth[same], rtol=1e-3)


def test_samples_of_one_face_are_shaded_as_they_would_be_one_by_one() -> None:
    """Colours run over the square: the mean of many small samples is the middle one's."""
    mesh = square()
    colors = np.array([[0, 0, 0], [250, 0, 0], [250, 250, 0], [0, 250, 0]], dtype=np.uint8)
    painter = Painter(mesh, occlusion=False)
    pose = looking_at(np.array([0.3, -0.2, 1.6]), np.zeros(3))
    once, often = (
        painter.paint(CAMERA, pose, colors=colors, relief=0, supersample=fine) for fine in (1, 4)
    )
    whole = (once[..., 3] == 255) & (often[..., 3] == 255)
    assert whole.mean() > 0.5
    np.testing.assert_allclose(once[whole], often[whole], atol=2)


def test_clusters_are_numbered_alike_by_table_and_by_sorting(
    box_room: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    normals, low = vertex_normals(box_room), box_room.vertices_m.min(axis=0)
    cluster, first = cluster_vertices(box_room, normals, 0.3, low)
    monkeypatch.setattr("crossvox.report.pictures.surface._MOST_KINDS", 0)
    other, start = cluster_vertices(box_room, normals, 0.3, low)
    np.testing.assert_array_equal(cluster, other)
    np.testing.assert_array_equal(first, start)
    assert 10 < len(first) < len(cluster)
    cells = np.floor((box_room.vertices_m - low) / np.float32(0.3))
    assert (cells == cells[first][cluster]).all()
    mean = cluster_mean(box_room.vertices_m, cluster)
    np.testing.assert_allclose(mean[5], box_room.vertices_m[cluster == 5].mean(axis=0), rtol=1e-5)


def test_entry_agrees_with_small_steps(box_room: Mesh) -> None:
    """Twin: walk each ray in steps of 2 mm until it is inside."""
    interior = Interior.of(box_room)
    rng = np.random.default_rng(1)
    origins = rng.uniform((-2, -2, 0.2), (6, 6, 5), (60, 3))
    directions = rng.normal(size=(60, 3)) - np.array([0, 0, 0.8])
    found = interior.entry(origins, directions)
    columns = np.array(interior.depth_m.shape) - 1.001
    for origin, direction, distance in zip(origins, directions, found, strict=True):
        steps = np.arange(0, 12, 0.002 / np.linalg.norm(direction))
        points = origin + direction * steps[:, None]
        cells = (points[:, :2] - interior.corner_m) / interior.cell_m
        known = ((cells >= 0) & (cells <= columns)).all(axis=-1)
        i, j = np.clip(cells, 0, columns).astype(int).T
        a, b = (np.clip(cells, 0, columns) - np.c_[i, j]).T
        d = interior.depth_m
        depth = (d[i, j] * (1 - a) + d[i + 1, j] * a) * (1 - b)
        depth += (d[i, j + 1] * (1 - a) + d[i + 1, j + 1] * a) * b
        inside = known & (depth >= 0) & (points[:, 2] <= interior.top_m)
        inside &= points[:, 2] >= interior.floor_m - 0.1
        if inside.any():
            expected = steps[inside.argmax()]
            assert abs(distance - expected) * np.linalg.norm(direction) < 0.03
        elif np.isfinite(distance):
            # A ray that only grazes the space may be found by one walk and not by the other.
            assert depth[np.abs(steps - distance).argmin()] > -0.02


def test_birdseye_view_fits_the_room_and_looks_in(box_room: Mesh) -> None:
    view = birdseye_view(box_room, (200, 150))
    assert view.interior is not None
    cells = np.argwhere(view.interior.depth_m >= 0) * view.interior.cell_m
    floor = np.c_[cells + view.interior.corner_m, np.zeros(len(cells))]
    u, v, z = project(view.pose.inverse().apply(floor), view.camera).T
    assert (z > 0).all()
    assert u.min() >= 0
    assert u.max() <= 199
    assert v.min() >= 0
    assert v.max() <= 149
    whole = Painter(box_room, occlusion=False).paint(view.camera, view.pose)
    cut = Painter(box_room, occlusion=False).paint(view.camera, view.pose, interior=view.interior)
    # From above one sees the ceiling's back; cut away, the floor's brown shows in the middle.
    assert whole[75, 100, 2] >= whole[75, 100, 0]
    assert cut[100, 100, 0] > 1.2 * cut[100, 100, 2]


def test_capture_view_is_one_of_the_poses(box_room: Mesh, build: SimpleNamespace) -> None:
    poses = build.poses(box_room, 8)
    wall = looking_at(np.array([0.1, 1.0, 1.2]), np.array([0.0, 1.0, 1.2]))
    found = capture_view(box_room, build.camera, [wall, *poses], 120)
    assert found is not None
    view, chosen = found
    assert chosen > 0
    assert view.pose is poses[chosen - 1]
    assert view.camera.size == (120, 90)
    assert capture_view(box_room, build.camera, [], 120) is None


def test_surface_points_lie_on_the_surface_and_are_dense() -> None:
    points = surface_points(square(half=1.0), 0.05)
    assert len(points) == pytest.approx(4 / 0.05**2, rel=0.05)
    assert np.abs(points[:, 2]).max() == 0
    assert np.abs(points[:, :2]).max() <= 1
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=8, range=[[-1, 1], [-1, 1]])
    assert counts.min() > 0.6 * counts.mean()


def test_footprint_of_a_square_is_its_area() -> None:
    plan, corner = footprint(square(half=0.5), 0.1)
    assert plan.sum() * 0.01 == pytest.approx(1.0, rel=0.25)
    np.testing.assert_allclose(corner, (-0.5, -0.5), atol=0.11)
    with pytest.raises(ShapeError, match=r"given: .*needed: .*do: "):
        footprint(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), 0.1)


def test_error_colours_follow_the_distance() -> None:
    near, far = error_colors(square(5e-4), square()), error_colors(square(0.5), square())
    np.testing.assert_array_equal(far, color_map("YlOrRd", np.ones(4)))
    np.testing.assert_allclose(near, color_map("YlOrRd", np.zeros(4)), atol=12)


def test_depth_picture_marks_missing_readings() -> None:
    depth = np.array([[0.0, 1.0], [2.0, 3.0]])
    picture = depth_picture(depth, 1.0, 3.0)
    assert tuple(picture[0, 0]) == NOTHING
    brightness = picture.astype(int).sum(axis=-1)
    assert brightness[0, 1] > brightness[1, 0] > brightness[1, 1]
