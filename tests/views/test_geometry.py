"""The planes that tell an image network of depth, on surfaces by formula."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import ShapeError
from crossvox.views.geometry import HIGH, LOW, geometry_planes, normalised_plane, up_in_sight

CAMERA = Intrinsics(100.0, 100.0, 63.5, 47.5, 128, 96)


def decoded(planes: np.ndarray) -> np.ndarray:
    low, high = (np.array(ends)[:, None, None] for ends in (LOW, HIGH))
    return np.where(planes > 0, low + (planes.astype(float) - 1) / 254 * (high - low), np.nan)


def room(pitch: float, height: float = 1.5, wall: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Depth of a floor and a wall seen by a camera that looks down by ``pitch``; and its up."""
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1
    )
    up = np.array([0.0, -np.cos(pitch), -np.sin(pitch)])
    ahead = np.array([0.0, -np.sin(pitch), np.cos(pitch)])
    with np.errstate(divide="ignore"):
        floor = np.where(rays @ up < 0, -height / (rays @ up), np.inf)
    depth = np.minimum(floor, np.where(rays @ ahead > 0, wall / (rays @ ahead), np.inf))
    return depth.astype(np.float32), up


@pytest.mark.parametrize("given", [True, False])
def test_floor_and_wall_are_told_by_height_and_angle(given: bool) -> None:
    depth, up = room(0.5)
    inverse, height, cosine = decoded(geometry_planes(depth, CAMERA, up if given else None))
    np.testing.assert_allclose(inverse, 1 / depth, atol=0.005)
    assert cosine[-10, 64] == pytest.approx(1, abs=0.02)
    assert abs(cosine[8, 64]) < 0.03
    assert abs(height[-10, 64]) < 0.03
    # The wall's highest point in sight: the camera's height and what its ray rises over 4 m.
    top = depth[0, 64] * np.array([0.005, (0 - CAMERA.cy) / CAMERA.fy, 1]) @ up + 1.5
    assert height[0, 64] == pytest.approx(top, abs=0.03)


def test_up_is_found_for_a_camera_that_looks_down_and_leans() -> None:
    depth, up = room(0.6)
    planes = geometry_planes(depth, CAMERA, up)
    normals = np.zeros((*depth.shape, 3), np.float32)
    normals[:48] = np.array([0, np.sin(0.6), -np.cos(0.6)])
    normals[48:] = up
    assert up_in_sight(normals) @ up > 0.9999
    assert planes.dtype == np.uint8


def test_nothing_is_told_where_there_is_no_reading() -> None:
    depth, up = room(0.5)
    depth[20:60, 30:90] = 0
    planes = geometry_planes(depth, CAMERA, up)
    assert not planes[:, 20:60, 30:90].any()
    assert planes[:2, 0, 0].all()
    assert not geometry_planes(np.zeros_like(depth), CAMERA).any()


def test_codes_are_normalised_as_their_values() -> None:
    for number, (value, code) in enumerate(((0.5, 64.5), (1.75, 128), (-1.0, 1))):
        factor, offset = normalised_plane(number)
        mean, deviation = ((0.5, 0.25), (1.0, 0.8), (0.1, 0.65))[number]
        assert factor * code + offset == pytest.approx((value - mean) / deviation, abs=1e-6)


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="camera of 128x96"):
        geometry_planes(np.ones((5, 5), np.float32), CAMERA)
