"""Up from planes and cameras; turning a scene level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossvox.core.camera import Pose
from crossvox.core.checks import ShapeError
from crossvox.core.frame import Frame
from crossvox.core.volume import Mesh
from crossvox.scene.level import estimate_up, levelling, near_gravity


def angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def rotation(rng: np.random.Generator) -> Pose:
    matrix = np.eye(4)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    matrix[:3, :3] = turn * np.sign(np.linalg.det(turn))
    matrix[:3, 3] = rng.uniform(-3, 3, 3)
    return Pose(matrix)


def sheet(
    corner: tuple[float, ...], u: tuple[float, ...], v: tuple[float, ...], step_m: float = 0.1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A rectangle of small triangles that face along ``u x v``."""
    a, b = np.array(u, float), np.array(v, float)
    m, n = (max(2, round(np.linalg.norm(side) / step_m) + 1) for side in (a, b))
    s, t = np.meshgrid(np.linspace(0, 1, m), np.linspace(0, 1, n), indexing="ij")
    points = np.array(corner, float) + s[..., None] * a + t[..., None] * b
    first = (np.arange(m - 1)[:, None] * n + np.arange(n - 1)).reshape(-1)
    halves = [[first, first + n, first + n + 1], [first, first + n + 1, first + 1]]
    return points.reshape(-1, 3), np.concatenate([np.stack(half, -1) for half in halves])


def room(rng: np.random.Generator, yaw_deg: float = 0.0, noise_m: float = 0.003) -> Mesh:
    """Floor, two walls, part of a ceiling, two tables, and boxes that stand askew; z up."""
    sheets = [
        sheet((0, 0, 0), (5, 0, 0), (0, 4, 0)),
        sheet((0, 0, 0), (0, 0, 2.6), (5, 0, 0)),
        sheet((0, 0, 0), (0, 4, 0), (0, 0, 2.6)),
        sheet((0, 0, 2.6), (0, 1.5, 0), (3, 0, 0)),
        sheet((1, 1, 0.7), (1.6, 0, 0), (0, 0.8, 0)),
        sheet((3.2, 2, 0.45), (0.8, 0, 0), (0, 0.8, 0)),
    ]
    for _ in range(6):
        side = rng.normal(size=(2, 3)) * 0.5
        sheets.append(sheet(tuple(rng.uniform(0.5, 3, 3)), tuple(side[0]), tuple(side[1])))
    starts = np.cumsum([0] + [len(points) for points, _ in sheets])
    vertices = np.concatenate([points for points, _ in sheets])
    faces = np.concatenate([f + start for (_, f), start in zip(sheets, starts, strict=False)])
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    vertices = vertices @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    vertices = vertices + rng.normal(scale=noise_m, size=vertices.shape)
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


def held_cameras(rng: np.random.Generator, count: int, tilt_deg: float = -25.0) -> list[Pose]:
    """Cameras held by a person in a z-up room: any heading, looking down a bit, little roll."""
    poses = []
    for _ in range(count):
        yaw = rng.uniform(0, 2 * np.pi)
        tilt, roll = np.radians(tilt_deg + rng.normal() * 10), np.radians(rng.normal() * 4)
        forward = np.array([np.cos(yaw) * np.cos(tilt), np.sin(yaw) * np.cos(tilt), np.sin(tilt)])
        side = np.array([np.sin(yaw), -np.cos(yaw), 0])
        down = np.cross(forward, side)
        matrix = np.eye(4)
        matrix[:3, 0] = np.cos(roll) * side + np.sin(roll) * down
        matrix[:3, 1] = np.cos(roll) * down - np.sin(roll) * side
        matrix[:3, 2] = forward
        matrix[:3, 3] = (2.5, 2, 1.5)
        poses.append(Pose(matrix))
    return poses


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_up_is_found_whatever_the_world(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh, poses = room(rng, yaw_deg=rng.uniform(0, 90)), held_cameras(rng, 12)
    world = rotation(rng)
    turned = Mesh(world.apply(mesh.vertices_m).astype(np.float32), mesh.faces)
    found = estimate_up(turned, [world @ pose for pose in poses] + [None])
    up = world.world_from_camera[:3, 2]
    assert angle_deg(found.up, up) < 0.7
    assert np.linalg.norm(found.up) == pytest.approx(1)
    assert found.support > 0.4
    assert found.floor_m == pytest.approx(float(up @ world.position_m), abs=0.05)
    assert 10 < found.spread_deg < 50


@pytest.mark.parametrize("tilt_deg", [-60.0, -45.0, 0.0, 30.0])
def test_up_is_found_however_the_cameras_tilt(tilt_deg: float) -> None:
    rng = np.random.default_rng(3)
    found = estimate_up(room(rng), held_cameras(rng, 20, tilt_deg))
    assert angle_deg(found.up, np.array([0, 0, 1.0])) < 0.7


def test_up_without_cameras_is_where_most_level_surface_looks() -> None:
    rng = np.random.default_rng(4)
    world = rotation(rng)
    mesh = room(rng)
    turned = Mesh(world.apply(mesh.vertices_m).astype(np.float32), mesh.faces)
    found = estimate_up(turned)
    assert angle_deg(found.up, world.world_from_camera[:3, 2]) < 0.7
    assert np.isnan(found.spread_deg)
    assert "alone" in found.method


@settings(max_examples=30)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_levelling_turns_up_to_z(up: tuple[float, float, float]) -> None:
    level = levelling(np.array(up))
    turned = level.apply(np.array(up) / np.linalg.norm(up))
    np.testing.assert_allclose(turned, (0, 0, 1), atol=1e-9)
    assert not level.position_m.any()


def test_a_level_scene_stays_as_it_is() -> None:
    np.testing.assert_allclose(levelling(np.array([0, 0, 3.0])).world_from_camera, np.eye(4))
    upside_down = levelling(np.array([0, 0, -1.0]))
    np.testing.assert_allclose(upside_down.apply(np.array([0, 0, 1.0])), (0, 0, -1), atol=1e-12)


@pytest.mark.parametrize("yaw_deg", [-44.0, -20.0, 0.0, 3.0, 37.0, 85.0])
def test_walls_can_be_turned_to_the_axes(yaw_deg: float) -> None:
    rng = np.random.default_rng(6)
    mesh = room(rng, yaw_deg)
    level = levelling(np.array([0, 0, 1.0]), mesh)
    wall = room(np.random.default_rng(6), 0.0)
    turned = level.apply(mesh.vertices_m[wall.vertices_m[:, 1] < 0.02])
    spread = np.sort(np.ptp(turned[:, :2], axis=0))
    assert spread[0] < 0.25, "one wall is thin along an axis"
    expected = -((yaw_deg + 45) % 90 - 45)
    about_z = np.degrees(np.arctan2(level.world_from_camera[1, 0], level.world_from_camera[0, 0]))
    assert about_z == pytest.approx(expected, abs=0.5)


def test_errors_say_what_to_do() -> None:
    mesh = room(np.random.default_rng(0))
    with pytest.raises(ShapeError, match="needed: a surface"):
        estimate_up(Mesh(mesh.vertices_m, mesh.faces[:0]))
    for wrong in (np.zeros(3), np.array([np.nan, 0, 1]), np.ones(2)):
        with pytest.raises(ShapeError, match="not all 0"):
            levelling(wrong)


@pytest.mark.realdata
def test_up_of_a_real_capture(kitchen_frames: Callable[..., list[Frame]]) -> None:
    from crossvox.scene.tsdf.volume import fuse

    frames = kitchen_frames(step=3)
    found = estimate_up(fuse(frames).mesh(), [frame.pose for frame in frames])
    assert angle_deg(found.up, -np.array([-0.0089, 0.9044, 0.4265])) < 2.0
    assert found.support > 0.25


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cameras_may_lie_on_their_side_or_hang_upside_down(quarters: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn, world = np.eye(4), rotation(rng)
    c, s = np.round(np.cos(np.pi / 2 * quarters)), np.round(np.sin(np.pi / 2 * quarters))
    turn[:2, :2] = [[c, -s], [s, c]]
    mesh = room(rng)
    moved = Mesh(world.apply(mesh.vertices_m).astype(np.float32), mesh.faces)
    held = held_cameras(rng, 30)
    for number, pose in enumerate(held):  # who scans a room walks through it
        matrix = pose.world_from_camera.copy()
        matrix[:3, 3] = 2 + np.cos(number / 5), 2 + np.sin(number / 5), 1.4 + rng.normal() * 0.08
        held[number] = world @ Pose(matrix) @ Pose(turn)
    found = estimate_up(moved, held)
    assert angle_deg(found.up, world.world_from_camera[:3, 2]) < 1.5
    assert ("upside down" if quarters == 2 else "on their side") in found.method
    assert found.doubt == ""


def test_gravity_is_believed_and_fitted_to_the_floor() -> None:
    rng = np.random.default_rng(3)
    mesh = room(rng)
    told = np.array([0.02, -0.015, 1.0])
    assert angle_deg(near_gravity(mesh, told), np.array([0.0, 0.0, 1.0])) < 0.3
    aside = np.array([0.5, 0.3, 0.8])  # no plane is anywhere near: what the device says stands
    assert angle_deg(near_gravity(mesh, aside), aside) < 1e-3
