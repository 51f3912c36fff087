"""Recordings of real phones: their frames agree with each other as well as was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.core.camera import unproject
from crossvox.core.frame import Capture, Parts

pytestmark = pytest.mark.realdata

DEPTH = Parts(rgb=False, labels=False)


def residual_m(capture: Capture, step: int, size: tuple[int, int]) -> tuple[float, float]:
    """Median of |z - depth| of frames seen from others, and the share within 5 cm.

    Args:
        capture: the frames.
        step: how many positions frames lie apart.
        size: of images.
    """
    camera, residuals = capture.camera(size), []
    frames = [capture.frame(i, size, DEPTH) for i in range(len(capture))]
    for a, b in zip(frames, frames[step:], strict=False):
        points = unproject(a.depth_m, camera)[a.depth_m > 0]
        b_from_a = np.linalg.inv(b.pose.world_from_camera) @ a.pose.world_from_camera
        x, y, z = (points @ b_from_a[:3, :3].T + b_from_a[:3, 3]).T
        u = np.round(camera.fx * x / z + camera.cx).astype(int)
        v = np.round(camera.fy * y / z + camera.cy).astype(int)
        inside = (z > 0) & (u >= 0) & (u < size[0]) & (v >= 0) & (v < size[1])
        found = b.depth_m[v[inside], u[inside]]
        residuals.append(np.abs(z[inside] - found)[found > 0])
    together = np.concatenate(residuals)
    return float(np.median(together)), float((together < 0.05).mean())


def test_record3d_frames_agree(shared: Path) -> None:
    path = shared / "data/captures/record3d_exr"
    capture = open_capture(path)
    assert capture.info().up == (0, 1, 0)
    assert capture.frame_ids == (*range(50, 60), *range(61, 75))
    median_m, share = residual_m(capture, 10, (192, 256))
    assert median_m < 0.005
    assert share > 0.9
    for wrong in (CaptureParams(axes="opencv"), CaptureParams(poses="world-to-camera")):
        assert residual_m(open_capture(path, params=wrong), 10, (192, 256))[0] > 2 * median_m
    # What is up in the room is up in the image.
    up = [capture.pose(i).world_from_camera[:3, :3].T @ [0, 1, 0] for i in range(len(capture))]
    assert np.mean(up, axis=0)[1] < -0.5


def test_3d_scanner_app_frames_agree(shared: Path) -> None:
    path = shared / "data/captures/scannerapp3d"
    capture = open_capture(path)
    assert len(capture) == 16
    assert capture.frame_ids == tuple(range(0, 48, 3))
    median_m, share = residual_m(capture, 1, (256, 192))
    assert median_m < 0.008
    assert share > 0.85
    wrong = open_capture(path, params=CaptureParams(axes="opencv"))
    assert residual_m(wrong, 1, (256, 192))[0] > 5 * median_m
    # Doubtful depth shows as such.
    everything = open_capture(path, params=CaptureParams(confidence="low"))
    assert residual_m(everything, 1, (256, 192))[1] < share


def test_places_on_earth_stay_in_the_files(shared: Path) -> None:
    info = open_capture(shared / "data/captures/scannerapp3d").info()
    assert not any(word in str(info) for word in ("latitude", "longitude", "Untitled", "GPS"))
