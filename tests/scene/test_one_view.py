"""One depth image as a room: its surface, and that it comes out level."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, pixel_rays
from crossvox.core.checks import CaptureError
from crossvox.scene.one_view import evened, level_pose, view_mesh

CAMERA = Intrinsics(130.0, 130.0, 79.5, 59.5, 160, 120)


def box_depth(tilt_deg: float, roll_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Depth seen by a camera 1.5 m over the floor of a 4 x 5 x 2.6 m box, and up in its axes."""
    tilt, roll = np.radians(tilt_deg), np.radians(roll_deg)
    forward = np.array([0.3, np.cos(tilt), -np.sin(tilt)])
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    right, down = (
        right * np.cos(roll) + down * np.sin(roll),
        down * np.cos(roll) - right * np.sin(roll),
    )
    rotation = np.stack([right, down, forward], axis=1)
    rays = pixel_rays(CAMERA) @ rotation.T
    place, room = np.array([2.0, 1.0, 1.5]), np.array([4.0, 5.0, 2.6])
    with np.errstate(divide="ignore"):
        depth = (np.where(rays > 0, room - place, -place) / rays).min(axis=-1)
    return depth.astype(np.float32), rotation[2]


@pytest.mark.parametrize(("tilt", "roll"), [(0, 0), (15, 3), (-5, -6)])
def test_a_room_comes_out_level_also_where_depth_has_steps_of_4_cm(
    tilt: float, roll: float
) -> None:
    depth, up = box_depth(tilt, roll)
    for seen in (depth, np.round(depth * 25) / 25):
        pose = level_pose(seen, CAMERA)
        found = pose.world_from_camera[2, :3]
        assert np.degrees(np.arccos(np.clip(found @ up, -1, 1))) < 2.5
        heights = pose.apply(view_mesh(seen, CAMERA).vertices_m)[:, 2]
        assert abs(np.percentile(heights, 2)) < 0.15
        assert abs(np.linalg.det(pose.world_from_camera[:3, :3]) - 1) < 1e-6


def test_vertices_are_pixels_and_faces_look_at_the_camera() -> None:
    depth = np.full((120, 160), 2.0, np.float32)
    depth[:, 80:] = 3.0
    depth[0] = 0
    labels = np.arange(120 * 160).reshape(120, 160).astype(np.uint8)
    mesh = view_mesh(depth, CAMERA, labels, step=1)
    assert len(mesh.vertices_m) == 119 * 160
    assert len(mesh.faces) == 2 * 118 * (159 - 1)  # none across the jump
    assert mesh.labels is not None
    assert (mesh.labels == labels[1:].ravel()).all()
    a, b, c = (mesh.vertices_m[mesh.faces[:, n]] for n in range(3))
    assert (np.cross(b - a, c - a)[:, 2] < 0).all()
    assert len(view_mesh(depth, CAMERA, far_m=2.5).vertices_m) < len(
        view_mesh(depth, CAMERA).vertices_m
    )


def test_no_surface_is_refused() -> None:
    with pytest.raises(CaptureError, match="depth-scale"):
        view_mesh(np.zeros((120, 160), np.float32), CAMERA)


def test_steps_of_stored_depth_are_evened_out() -> None:
    """A slanted wall in steps of 4 cm becomes flat; an edge and missing readings stay."""
    step_m = 0.04
    camera = Intrinsics(130.0, 130.0, 79.5, 59.5, 160, 120)
    columns = np.arange(160)
    wall = 1 / (0.4 + 0.001 * (columns - 80))  # a plane: linear in inverse depth
    depth = np.tile(np.where(columns < 140, wall, 1.2), (120, 1))
    depth[50:60, 20:30] = 0
    stored = (np.rint(depth / step_m) * step_m).astype(np.float32)
    even = evened(stored, step_m)
    assert (even[50:60, 20:30] == 0).all()
    inner = (slice(10, 110), slice(10, 130))
    there = stored[inner] > 0
    before = np.abs(stored - depth)[inner][there].mean()
    after = np.abs(even - depth)[inner][there].mean()
    assert after < before / 2
    assert np.abs(even[:, 141:] - 1.2).max() < 1e-5
    assert np.abs(even - stored).max() <= 1.5 * step_m + 1e-5
    assert len(view_mesh(even, camera).faces) > 0
    # In steps of a millimetre nothing is moved farther than those.
    assert np.abs(evened(depth.astype(np.float32), 0.001) - depth).max() <= 0.0016
