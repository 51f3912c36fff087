"""Which voxels a frame sees: the slow twin, laws of geometry, reference cases."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.camera import PUBLISHED_CAMERA, ImageFit, Intrinsics, Pose, project, unproject
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.frame import Frame, fit_nearest
from crossvox.core.grid import VoxelGrid
from crossvox.views.params import ViewParams
from crossvox.views.visibility import scene_views, view_fit, visible, visible_through

CAMERA = Intrinsics(52.0, 50.0, 31.3, 23.8, 64, 48)
PARAMS = ViewParams(width=64, height=48, tolerance_m=0.3)
SHAPE = (32, 32, 64)


def random_pose(rng: np.random.Generator, spread_m: float = 1.0) -> Pose:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    matrix = np.eye(4)
    matrix[:3, :3] = q * np.linalg.det(q)
    matrix[:3, 3] = rng.uniform(-spread_m, spread_m, 3)
    return Pose(matrix)


def smooth_depth(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A wavy wall with holes, some of it out of bounds."""
    v, u = np.mgrid[: size[1], : size[0]]
    waves = rng.uniform(0.5, 3.5) + np.sin(u / rng.uniform(3, 20)) + np.cos(v / rng.uniform(3, 20))
    waves[rng.random(waves.shape) < 0.1] = 0
    waves[rng.random(waves.shape) < 0.02] = np.nan
    return waves.astype(np.float32)


def plain_rule(
    camera_from_grid: np.ndarray,
    shape: tuple[int, int, int],
    depth_m: np.ndarray,
    camera: Intrinsics,
    params: ViewParams,
) -> tuple[np.ndarray, np.ndarray]:
    """Every voxel, one after the other, by the words of the rule."""
    voxels, pixels = [], []
    for number, index in enumerate(np.ndindex(*shape)):
        i, j, k = index
        m = camera_from_grid
        x, y, z = (m[r, 0] * i + m[r, 1] * j + m[r, 3] + m[r, 2] * k for r in range(3))
        if z <= 0:
            continue
        # Python's round, like the rule, takes halves to the even neighbour.
        column = round(camera.fx * x / z + camera.cx)
        row = round(camera.fy * y / z + camera.cy)
        if not (0 <= column < camera.width and 0 <= row < camera.height):
            continue
        depth = float(depth_m[row, column])
        if params.near_m <= depth <= params.far_m and abs(depth - z) <= params.tolerance_m:
            voxels.append(number)
            pixels.append(row * camera.width + column)
    return np.array(voxels, dtype=np.int64), np.array(pixels, dtype=np.int64)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_visible_set_equals_the_plain_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = VoxelGrid((14, 17, 11), float(rng.uniform(0.04, 0.2)), tuple(rng.uniform(-2, 1, 3)))
    pose, depth = random_pose(rng), smooth_depth(rng, CAMERA.size)
    voxel, pixel = visible(grid, depth, CAMERA, pose, PARAMS)
    camera_from_grid = pose.camera_from_world @ grid.world_from_grid
    slow_voxel, slow_pixel = plain_rule(camera_from_grid, grid.shape, depth, CAMERA, PARAMS)
    np.testing.assert_array_equal(voxel, slow_voxel)
    np.testing.assert_array_equal(pixel, slow_pixel)
    assert voxel.dtype == pixel.dtype == np.int32


def test_bounds_are_inclusive_and_halves_go_to_the_even_pixel() -> None:
    camera = Intrinsics(1.0, 1.0, 0.5, 0.0, 3, 1)
    params = ViewParams(3, 1, near_m=1.0, far_m=2.0, tolerance_m=0.25)
    depth = np.array([[1.0, 1.0, 2.0]], dtype=np.float32)

    def seen(x: float, z: float) -> list[int]:
        matrix = np.eye(4)
        matrix[:3, 3] = (x, 0, z)
        return visible_through(matrix, (1, 1, 1), depth, camera, params)[1].tolist()

    assert seen(0, 1.0) == [0]  # 0.5 rounds to 0
    assert seen(1, 1.0) == []  # 1.5 rounds to 2, whose depth is 2
    assert seen(2, 2.0) == [2]  # 2 / 2 + 0.5 = 1.5 rounds to 2, depth 2 is not beyond far
    assert seen(0, 0.75) == [0]  # exactly the tolerance
    assert seen(0, 1.25) == [0]
    assert seen(0, 1.250001) == []
    assert seen(-1, 1.0) == [0]  # -0.5 rounds to 0
    assert seen(-1.01, 1.0) == []


def test_frames_that_read_nothing_or_look_away_see_nothing() -> None:
    grid = VoxelGrid((8, 8, 8), 0.05, (-0.2, -0.2, 1.0))
    blank = np.zeros((48, 64), dtype=np.float32)
    away = np.diag([-1.0, 1.0, -1.0, 1.0])
    assert len(visible(grid, blank, CAMERA, Pose(np.eye(4)), PARAMS)[0]) == 0
    assert len(visible(grid, blank + 1.2, CAMERA, Pose(away), PARAMS)[0]) == 0
    assert len(visible(grid, blank + 1.2, CAMERA, Pose(np.eye(4)), PARAMS)[0]) > 0
    assert len(visible(grid, np.full_like(blank, np.nan), CAMERA, Pose(np.eye(4)), PARAMS)[0]) == 0


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_voxel_at_a_depth_pixels_point_is_visible_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    depth = np.where(rng.random((48, 64)) < 0.9, rng.uniform(0.4, 4, (48, 64)), 0)
    depth = depth.astype(np.float32)
    points = unproject(depth, CAMERA)
    row, column = (int(n) for n in rng.choice(np.argwhere(depth > 0)))
    x, y, z = pose.apply(points[row, column]).tolist()
    voxel, pixel = visible(VoxelGrid((1, 1, 1), 0.05, (x, y, z)), depth, CAMERA, pose, PARAMS)
    assert voxel.tolist() == [0]
    assert pixel.tolist() == [row * CAMERA.width + column]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_fitted_camera_agrees_with_the_original_within_a_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera = Intrinsics(585.0, 580.0, 318.0, 243.0, 640, 480)
    params = ViewParams(width=int(rng.integers(100, 330)), height=int(rng.integers(80, 256)))
    fit, fitted = view_fit(camera, params)
    assert fitted.size == params.size
    columns = np.broadcast_to(np.arange(640, dtype=np.int32), (480, 640))
    rows = np.broadcast_to(np.arange(480, dtype=np.int32)[:, None], (480, 640))
    points = unproject(np.full(params.size[::-1], 2.0), fitted)
    u, v, _ = np.moveaxis(project(points, camera), -1, 0)
    # Nearest neighbour takes a source pixel within half of itself and half of the new one.
    assert np.abs(fit_nearest(columns, fit) - u).max() <= 0.5 + 1e-6
    assert np.abs(fit_nearest(rows, fit) - v).max() <= 0.5 + 1e-6


def test_scene_views_lists_posed_frames_in_order() -> None:
    rng = np.random.default_rng(3)
    grid = VoxelGrid((20, 20, 20), 0.1, (-1.0, -1.0, -1.0))
    frames = [
        Frame(
            n * 10, CAMERA, None if n == 2 else random_pose(rng), None, smooth_depth(rng, (64, 48))
        )
        for n in range(12)
    ]
    seen: list[int] = []
    views = scene_views(grid, frames, PARAMS, lambda done, total: seen.append(done))
    assert views.frame_ids.tolist() == [n * 10 for n in range(12) if n != 2]
    assert seen == list(range(1, 13))
    assert views.camera == view_fit(CAMERA, PARAMS)[1]
    posed = [frame for frame in frames if frame.pose is not None]
    for number, frame in enumerate(posed):
        part = slice(views.start[number], views.start[number + 1])
        voxel, pixel = visible(grid, frame.depth_m, CAMERA, frame.pose, PARAMS)
        np.testing.assert_array_equal(views.voxel[part], voxel)
        np.testing.assert_array_equal(views.pixel[part], pixel)
        assert (np.diff(voxel) > 0).all()
    assert len(views.voxel) > 100


def test_scene_views_of_no_usable_frame_is_empty() -> None:
    grid = VoxelGrid((4, 4, 4), 0.1, (0.0, 0.0, 0.0))
    views = scene_views(grid, [Frame(0, CAMERA, None)], PARAMS)
    assert len(views.frame_ids) == len(views.voxel) == 0
    assert views.start.tolist() == [0]
    assert views.camera.size == PARAMS.size


def test_errors_name_what_is_wrong() -> None:
    grid = VoxelGrid((4, 4, 4), 0.1, (0.0, 0.0, 0.0))
    pose = Pose(np.eye(4))
    with pytest.raises(ShapeError, match=r"given: a depth image of 10x9; needed: 64x48"):
        visible(grid, np.zeros((9, 10), np.float32), CAMERA, pose, PARAMS)
    with pytest.raises(ShapeError, match=r"frame 7 .* without depth; needed: depth at"):
        scene_views(grid, [Frame(7, CAMERA, pose)], PARAMS)
    with pytest.raises(ShapeError, match="fewer than 2"):
        visible_through(np.eye(4), (2000, 2000, 1000), np.ones((48, 64)), CAMERA, PARAMS)
    with pytest.raises(ParamsError, match="0 <= near < far"):
        ViewParams(near_m=4, far_m=1)
    with pytest.raises(ParamsError, match="at least one view"):
        ViewParams(max_views=0)


@pytest.mark.realdata
def test_reference_projections(golden: Path) -> None:
    cases = np.load(golden / "g1_projection.npz", allow_pickle=False)
    params = ViewParams(width=328, height=256, geometry="thesis")
    for case in range(8):
        depth, pose, grid_from_world, matrix = (
            cases[f"c{case}_{name}"] for name in ("depth_m", "pose", "w2g", "K")
        )
        camera = Intrinsics.from_matrix(matrix, depth.shape[::-1])
        camera_from_grid = np.linalg.inv(pose.astype(float)) @ np.linalg.inv(
            grid_from_world.astype(float)
        )
        voxel, pixel = visible_through(camera_from_grid, SHAPE, depth, camera, params)
        i, j, k = np.unravel_index(voxel, SHAPE)
        theirs = i + 32 * j + 1024 * k
        order = np.argsort(theirs)
        np.testing.assert_array_equal(theirs[order], cases[f"c{case}_ind3d"])
        np.testing.assert_array_equal(pixel[order], cases[f"c{case}_ind2d"])


def test_reference_cameras(published: Path) -> None:
    cameras = {
        "scannet": Intrinsics(1170.187988, 1170.187988, 647.75, 483.75, 1296, 968),
        "seven": Intrinsics(585.0, 585.0, 320.0, 240.0, 640, 480),
    }
    reference = json.loads((published / "cameras.json").read_text())
    assert len(reference) == 5
    for name, matrix in reference.items():
        camera, size = name.split("_")
        width, height = map(int, size.split("x"))
        params = ViewParams(width=width, height=height, geometry="thesis")
        fit, fitted = view_fit(cameras[camera], params)
        assert fitted.size == (width, height)
        np.testing.assert_allclose(fitted.matrix, np.array(matrix)[:3, :3], rtol=2e-6, atol=1e-9)
        assert fit == ImageFit.centre_crop(cameras[camera].size, (width, height))


def test_one_camera_for_all_scans(published: Path) -> None:
    """Whatever filmed a scan, the published camera gives the published matrix."""
    reference = json.loads((published / "cameras.json").read_text())
    own = Intrinsics(250.0, 251.0, 158.0, 117.0, 320, 240)
    told = (1170.187988, 1170.187988, 647.75, 483.75, 1296, 968)
    assert Intrinsics(*told[:4], *map(int, told[4:])) == PUBLISHED_CAMERA
    for size in ((328, 256), (41, 32), (320, 240)):
        params = ViewParams(*size, geometry="thesis", camera=told)
        fit, fitted = view_fit(own, params)
        matrix = np.array(reference[f"scannet_{size[0]}x{size[1]}"])[:3, :3]
        np.testing.assert_allclose(fitted.matrix, matrix, rtol=2e-6, atol=1e-9)
        assert fit == ImageFit.centre_crop(own.size, size), "the image is fitted as ever"
    fit, fitted = view_fit(own, ViewParams(camera=told))
    assert fitted == PUBLISHED_CAMERA.resized((320, 240))
    assert view_fit(own, ViewParams())[1] == own
    with pytest.raises(ParamsError, match="a camera of 4 numbers"):
        ViewParams(camera=told[:4])


@pytest.mark.realdata
def test_reference_nearest_resize(golden: Path) -> None:
    cases = np.load(golden / "g2_nearest_images.npz", allow_pickle=False)
    fit = ImageFit.centre_crop((320, 240), (328, 256))
    assert fit.resized == (341, 256)
    for image, wanted in zip(cases["depth_mm_320x240"], cases["resized_sha256"], strict=True):
        fitted = np.ascontiguousarray(fit_nearest(image, fit))
        assert hashlib.sha256(fitted.tobytes()).hexdigest() == wanted
