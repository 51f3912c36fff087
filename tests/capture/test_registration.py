"""Registration of depth to colour, by laws on scenes whose depth is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.capture.registration import AGREE_PX, Registration, reproject
from crossvox.capture.splat import splat
from crossvox.core.camera import Intrinsics, pixel_rays
from crossvox.core.checks import ParamsError, ShapeError
from crossvox.core.frame import resize_nearest

DEPTH = Intrinsics(58.5, 58.5, 32.0, 24.0, 64, 48)
COLOR = Intrinsics(105.0, 105.0, 64.5, 48.5, 128, 96)
LAWS = settings(max_examples=30)


def plane_depth(camera: Intrinsics, normal: np.ndarray, distance_m: float) -> np.ndarray:
    """Depth of the plane ``normal . p = distance``, everywhere in front of the camera."""
    depth = distance_m / (pixel_rays(camera) @ normal)
    assert (depth > 0).all()
    return depth.astype(np.float32)


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0, roll: float = 0.0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    matrix[:3, 3] = (x, y, z)
    return matrix


def slow_reproject(
    depth: np.ndarray, camera: Intrinsics, target: Intrinsics, matrix: np.ndarray
) -> np.ndarray:
    """Each reading to the one pixel that its centre falls in, nearest wins: no footprints."""
    out = np.zeros((target.height, target.width), dtype=np.float32)
    for v in range(camera.height):
        for u in range(camera.width):
            d = float(depth[v, u])
            if d <= 0:
                continue
            ray = np.array([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, 1])
            x, y, z = matrix[:3, :3] @ (d * ray) + matrix[:3, 3]
            column = int(np.floor(target.fx * x / z + target.cx + 0.5))
            row = int(np.floor(target.fy * y / z + target.cy + 0.5))
            if 0 <= column < target.width and 0 <= row < target.height:
                known = out[row, column]
                out[row, column] = z if known == 0 else min(known, z)
    return out


def test_one_camera_is_resized_by_nearest() -> None:
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 5000, (48, 64), dtype=np.uint16)
    registration = Registration(DEPTH.resized((1296, 968)), DEPTH)
    assert registration.offset_px < AGREE_PX
    assert "share one camera" in registration.sentence
    for size in ((64, 48), (41, 32), (128, 96)):
        expected = resize_nearest(raw, size).astype(np.float32) / 1000
        np.testing.assert_array_equal(registration.apply(raw, size, 1000.0), expected)


def test_none_only_resizes_and_says_so() -> None:
    raw = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    registration = Registration(COLOR, DEPTH, moved(x=0.03), "none")
    expected = resize_nearest(raw, (128, 96)).astype(np.float32) / 1000
    np.testing.assert_array_equal(registration.apply(raw, (128, 96), 1000.0), expected)
    assert "off" in registration.sentence
    assert "30.0 mm" in registration.sentence


def test_reprojection_into_the_same_camera_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.5, 5, (48, 64)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.3] = 0
    np.testing.assert_array_equal(reproject(depth, DEPTH, DEPTH, np.eye(4)), depth)


def test_whole_pixel_shift_moves_depth_by_whole_pixels() -> None:
    """A wall at z = 1 seen from 2 / fx beside: everything moves two columns."""
    rng = np.random.default_rng(2)
    depth = np.full((48, 64), 1.0, dtype=np.float32)
    depth[rng.random(depth.shape) < 0.2] = 0
    shifted = reproject(depth, DEPTH, DEPTH, moved(x=2 / DEPTH.fx))
    np.testing.assert_array_equal(shifted[:, 2:], depth[:, :-2])
    assert not shifted[:, :2].any()


def test_depth_is_told_along_the_color_cameras_axis() -> None:
    depth = np.full((48, 64), 2.0, dtype=np.float32)
    closer = reproject(depth, DEPTH, DEPTH, moved(z=-0.5))
    assert set(np.unique(closer)) == {np.float32(1.5)}


@LAWS
@given(
    tilt_x=st.floats(-0.8, 0.8),
    tilt_y=st.floats(-0.8, 0.8),
    distance=st.floats(0.8, 4),
    x=st.floats(-0.06, 0.06),
    y=st.floats(-0.06, 0.06),
    roll=st.floats(-0.1, 0.1),
    size=st.sampled_from([(128, 96), (64, 48), (40, 30), (200, 150)]),
)
def test_slanted_planes_arrive_without_holes_at_their_true_depth(
    tilt_x: float,
    tilt_y: float,
    distance: float,
    x: float,
    y: float,
    roll: float,
    size: tuple[int, int],
) -> None:
    normal = np.array([tilt_x, tilt_y, 1.0])
    matrix = moved(x, y, 0.0, roll)
    depth = plane_depth(DEPTH, normal, distance)
    target = COLOR.resized(size)
    found = reproject(depth, DEPTH, target, matrix)
    # The plane in the target's coordinates: n' = R n, d' = d + n' . t
    turned = matrix[:3, :3] @ normal
    exact = (distance + turned @ matrix[:3, 3]) / (pixel_rays(target) @ turned)
    # Where the target's pixel lies well inside the depth image there must be a reading.
    points = pixel_rays(target) * exact[..., None]
    back = (points - matrix[:3, 3]) @ matrix[:3, :3]
    u = DEPTH.fx * back[..., 0] / back[..., 2] + DEPTH.cx
    v = DEPTH.fy * back[..., 1] / back[..., 2] + DEPTH.cy
    inside = (u > 1) & (u < DEPTH.width - 2) & (v > 1) & (v < DEPTH.height - 2) & (exact > 0.2)
    assert inside.mean() > 0.3
    assert (found[inside] > 0).all()
    # A reading stands for its pixel's area: off by at most about a pixel's change of depth.
    step = np.abs(np.gradient(depth)).max() * 1.6
    assert np.abs(found - exact)[inside].max() <= step + 1e-4


def test_step_hides_what_the_color_camera_cannot_see_and_leaves_the_uncovered_empty() -> None:
    """A near slab in the left half; the colour camera stands to the right of the depth camera."""
    near, far, baseline = 1.0, 2.0, 0.1
    depth = np.full((48, 64), far, dtype=np.float32)
    depth[:, :32] = near
    camera = DEPTH
    shift_near, shift_far = camera.fx * baseline / near, camera.fx * baseline / far
    seen = reproject(depth, camera, camera, moved(x=-baseline))
    row = seen[20]
    edge = 31.5 - shift_near  # the slab's right edge in the colour image
    opened = 31.5 - shift_far  # where the far wall's first visible point lands
    columns = np.arange(64)
    known = row > 0
    assert (row[(columns < edge - 1) & known] == np.float32(near)).all()
    assert known[(columns < edge - 1)].all()
    assert not known[(columns > edge + 1) & (columns < opened - 1)].any()
    assert (row[(columns > opened + 1) & (columns < 63 - shift_far)] == np.float32(far)).all()
    # From the other side the slab covers the wall: nothing far may show through it.
    other = reproject(depth, camera, camera, moved(x=baseline))[20]
    covered = columns < 31.5 + shift_near - 1
    assert (other[covered & (columns > shift_near)] == np.float32(near)).all()


def test_agrees_with_the_slow_twin_where_that_one_has_a_reading() -> None:
    rng = np.random.default_rng(3)
    depth = plane_depth(DEPTH, np.array([0.3, -0.2, 1.0]), 1.5)
    depth[10:20, 10:30] = 0.8
    depth[rng.random(depth.shape) < 0.1] = 0
    matrix = moved(0.025, 0.004, 0.01, 0.02)
    target = DEPTH.resized((64, 48))
    fast, slow = (f(depth, DEPTH, target, matrix) for f in (reproject, slow_reproject))
    both = (fast > 0) & (slow > 0)
    assert both.sum() >= 0.99 * (slow > 0).sum()
    assert np.abs(fast - slow)[both].max() < 1.0  # at edges either surface may win a shared pixel
    assert np.mean(np.abs(fast - slow)[both] < 0.02) > 0.98
    assert (fast > 0).sum() >= (slow > 0).sum()


def test_points_behind_the_color_camera_are_dropped() -> None:
    depth = np.full((48, 64), 0.5, dtype=np.float32)
    assert not reproject(depth, DEPTH, DEPTH, moved(z=-0.6)).any()


def test_wrong_arguments_are_explained() -> None:
    with pytest.raises(ParamsError, match="'auto' or 'none'"):
        Registration(COLOR, DEPTH, mode="always")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="rigid"):
        Registration(COLOR, DEPTH, np.zeros((4, 4)))
    with pytest.raises(ShapeError, match="depth camera's"):
        Registration(COLOR, DEPTH).apply(np.zeros((5, 5), np.float32), (64, 48))


def test_points_far_outside_and_mad_cameras_do_no_harm() -> None:
    depth = np.full((48, 64), 1.0, np.float32)
    depth[3, :8] = [np.nan, np.inf, -np.inf, -1.0, 0.0, 1e-30, 1e30, 3e38]
    sane = np.array([58.5, 58.5, 32.0, 24.0])
    mad = np.array([1e-300, 1e300, 32.0, -1e300])
    out = np.empty((48, 64), np.float32)
    for source, target in ((sane, mad), (mad, sane), (mad, mad), (sane, sane)):
        splat(depth, source, target, moved(x=1e6, y=-1e300, z=0.5), out)
        assert np.isfinite(out).all()
