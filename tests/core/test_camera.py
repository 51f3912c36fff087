"""Laws of cameras and poses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossvox.core.camera import (
    ImageFit,
    Intrinsics,
    Pose,
    plainly_poses,
    project,
    rigid,
    unproject,
)
from crossvox.core.checks import ParamsError, PoseError, ShapeError

sizes = st.tuples(st.integers(8, 700), st.integers(8, 700))
cameras = st.builds(
    lambda f, dx, dy, size: Intrinsics(f, f * 1.01, size[0] / 2 + dx, size[1] / 2 + dy, *size),
    st.floats(20, 900),
    st.floats(-9, 9),
    st.floats(-9, 9),
    sizes,
)
vectors = st.tuples(*[st.floats(-3, 3)] * 3).map(np.array)


def rotation(axis_angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula, written out."""
    angle = np.linalg.norm(axis_angle)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = axis_angle / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def pose_of(axis_angle: np.ndarray, position: np.ndarray) -> Pose:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(axis_angle), position
    return Pose(matrix)


poses = st.builds(pose_of, vectors, vectors)


@given(poses)
def test_inverse_undoes_a_pose(pose: Pose) -> None:
    np.testing.assert_allclose((pose @ pose.inverse()).world_from_camera, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(
        pose.inverse().inverse().world_from_camera, pose.world_from_camera, atol=1e-12
    )


@given(poses, poses, vectors)
def test_chaining_equals_moving_twice(first: Pose, second: Pose, point: np.ndarray) -> None:
    np.testing.assert_allclose(
        (first @ second).apply(point), first.apply(second.apply(point)), atol=1e-10
    )


@given(cameras, st.floats(0.3, 9))
def test_project_undoes_unproject(camera: Intrinsics, depth: float) -> None:
    image = np.full((camera.height, camera.width), depth)
    points = unproject(image, camera)[:: camera.height - 1, :: camera.width - 1]
    v, u = np.mgrid[0 : camera.height : camera.height - 1, 0 : camera.width : camera.width - 1]
    np.testing.assert_allclose(project(points, camera)[..., 0], u, atol=1e-6)
    np.testing.assert_allclose(project(points, camera)[..., 1], v, atol=1e-6)
    np.testing.assert_allclose(project(points, camera)[..., 2], depth)


@given(cameras, sizes)
def test_resizing_keeps_the_image_border_in_place(camera: Intrinsics, size: tuple) -> None:
    """The ray through the image's corner (half a pixel outside the first centre) stays the same."""
    small = camera.resized(size)
    assert (-0.5 - small.cx) / small.fx == pytest.approx((-0.5 - camera.cx) / camera.fx)
    assert (size[1] - 0.5 - small.cy) / small.fy == pytest.approx(
        (camera.height - 0.5 - camera.cy) / camera.fy
    )
    back = small.resized(camera.size)
    np.testing.assert_allclose(back.matrix, camera.matrix, atol=1e-9)


@given(cameras, sizes)
def test_a_fitted_camera_sees_the_pixels_that_were_kept(camera: Intrinsics, size: tuple) -> None:
    fit = ImageFit.centre_crop(camera.size, size)
    assert fit.resized[0] >= size[0]
    assert fit.resized[1] >= size[1]
    fitted = fit.camera(camera)
    assert fitted.size == size
    point = np.array([0.1, -0.2, 2.0])
    resized = project(point, camera.resized(fit.resized))
    np.testing.assert_allclose(
        project(point, fitted)[:2], resized[:2] - (fit.left, fit.top), atol=1e-8
    )


def test_fit_of_the_published_sizes() -> None:
    fit = ImageFit.centre_crop((320, 240), (328, 256))
    assert fit.resized == (341, 256)
    assert (fit.left, fit.top) == (6, 0)


def test_points_behind_the_camera_have_no_pixel() -> None:
    camera = Intrinsics(100, 100, 50, 50, 100, 100)
    assert np.isnan(project(np.array([0.0, 0.0, -1.0]), camera)[:2]).all()
    assert np.isnan(unproject(np.zeros((100, 100)), camera)).all()


def test_lost_pose_is_no_pose() -> None:
    assert Pose.read(np.full((4, 4), -np.inf)) is None
    with pytest.raises(PoseError, match="not finite"):
        Pose(np.full((4, 4), -np.inf))


def test_small_rotation_errors_are_repaired_and_large_ones_refused() -> None:
    matrix = np.eye(4)
    matrix[0, 1] = 4e-4
    repaired = Pose(matrix).world_from_camera[:3, :3]
    np.testing.assert_allclose(repaired.T @ repaired, np.eye(3), atol=1e-14)
    matrix[0, 1] = 0.1
    with pytest.raises(PoseError, match="rotation part is off by"):
        Pose(matrix)
    with pytest.raises(PoseError, match="determinant -1"):
        Pose(np.diag([1.0, 1.0, -1.0, 1.0]))


def test_the_same_matrix_is_the_same_pose_and_stays_so() -> None:
    matrix = np.eye(4)
    first, second = Pose(matrix), Pose(matrix.astype(np.float32))
    assert np.array_equal(first.world_from_camera, second.world_from_camera)
    with pytest.raises(ValueError, match="read-only"):
        first.world_from_camera[0, 3] = 1.0
    matrix[0, 3] = 2.0
    assert first.position_m[0] == second.position_m[0] == 0.0
    assert Pose(matrix).position_m[0] == 2.0
    for _ in range(2):
        with pytest.raises(PoseError, match="determinant -1"):
            Pose(np.diag([1.0, 1.0, -1.0, 1.0]))


def test_bad_cameras_and_sizes_are_refused() -> None:
    with pytest.raises(ParamsError, match="positive focal"):
        Intrinsics(0, 1, 1, 1, 10, 10)
    with pytest.raises(ParamsError, match="positive width"):
        Intrinsics(1, 1, 1, 1, 0, 10)
    camera = Intrinsics(100, 100, 50, 50, 100, 80)
    with pytest.raises(ShapeError, match="100x80"):
        unproject(np.zeros((10, 10)), camera)
    with pytest.raises(ShapeError, match="64x48"):
        ImageFit.centre_crop((64, 48), (8, 8)).camera(camera)


def test_a_camera_beyond_any_map_is_refused() -> None:
    matrix = np.eye(4)
    matrix[0, 3] = 1e7
    assert Pose(matrix).position_m[0] == 1e7
    matrix[0, 3] = 1e20
    with pytest.raises(PoseError, match="from the world's origin"):
        Pose(matrix)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_thinned_camera_sees_the_pixels_that_are_kept_where_they_were(step: int) -> None:
    camera = Intrinsics(100.0, 90.0, 31.25, 20.5, 64, 47)
    thin = camera.thinned(step)
    image = np.zeros((47, 64))[::step, ::step]
    assert (thin.height, thin.width) == image.shape
    for kept in (0, 1, 7):
        assert (kept - thin.cx) / thin.fx == pytest.approx((kept * step - camera.cx) / camera.fx)
        assert (kept - thin.cy) / thin.fy == pytest.approx((kept * step - camera.cy) / camera.fy)


@given(poses, st.integers(0, 2**32 - 1))
def test_many_poses_at_once_are_those_read_one_by_one(pose: Pose, seed: int) -> None:
    rng = np.random.default_rng(seed)
    off = 10.0 ** rng.uniform(-12, 1, (40, 1, 1)) * rng.normal(size=(40, 4, 4))
    matrices = pose.world_from_camera + off * rng.integers(0, 2, (40, 4, 4))
    matrices[::2, 3] = pose.world_from_camera[3]
    matrices[0, :3, :3] = 0
    matrices[1, :3, 0] *= -1
    matrices[2, 1, 2] = rng.choice([np.nan, np.inf, -np.inf])
    matrices[3] = pose.world_from_camera
    plain = plainly_poses(matrices)
    assert plain[3]
    assert not plain[:3].any()
    for matrix, repaired in zip(matrices[plain], rigid(matrices[plain]), strict=True):
        one = Pose.read(matrix)  # refuses none
        assert one is not None
        assert one.world_from_camera.tobytes() == repaired.tobytes()
    assert plainly_poses(np.zeros((0, 4, 4))).shape == (0,)
