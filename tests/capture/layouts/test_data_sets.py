"""Data sets whose layout is nearly that of another: ScanNet's 25k frames, 3DMatch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.files import write_matrix
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes


def depth_png(depth_m: np.ndarray) -> bytes:
    return encode_png(np.rint(depth_m * 1000).astype(np.uint16))


def test_scannet_frames_25k(make_walk, surface_f: Callable, tmp_path: Path) -> None:
    walked = make_walk(12, size=(324, 242), depth_size=(160, 120))
    scene = tmp_path / "scannet_frames_25k" / "scene0000_00"
    for n, step in enumerate(walked.steps):
        stem = f"{100 * n:06d}"
        write_bytes(scene / f"color/{stem}.jpg", encode_jpeg(step.rgb))
        write_bytes(scene / f"depth/{stem}.png", depth_png(step.depth_m))
        write_matrix(scene / f"pose/{stem}.txt", step.world_from_camera)
        # Benchmark labels are NYU40 ids in 8 bits, instances 1000 times that and a number in 16.
        label = np.full((120, 160), 39 if n else 0, np.uint8)
        write_bytes(scene / f"label/{stem}.png", encode_png(label))
        write_bytes(scene / f"instance/{stem}.png", encode_png(1000 * label.astype(np.uint16)))
    for part, camera in (("color", walked.camera), ("depth", walked.depth_camera)):
        matrix = np.eye(4)
        matrix[:3, :3] = camera.matrix
        write_matrix(scene / f"intrinsics_{part}.txt", matrix)
    capture = open_capture(scene)
    assert capture.frame_ids == tuple(range(0, 1200, 100))
    assert capture.camera() == walked.camera
    assert capture.info().depth_camera == walked.depth_camera
    frame = capture.frame(1, (160, 120))
    assert frame.labels is not None
    assert (frame.labels == 39).all()
    assert surface_f(capture, walked) >= 0.99


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_3dmatch(make_walk, surface_f: Callable, tmp_path: Path, ending: str) -> None:
    # The camera lies above the sequences, numbers have gaps, depth is registered to colour.
    walked = make_walk(12, size=(160, 120), focal=570.342 / 640)
    scene = tmp_path / "sun3d-home"
    numbers = [2, 3, *range(7, 107, 10)]
    for number, step in zip(numbers, walked.steps, strict=True):
        stem = scene / "seq-01" / f"frame-{number:06d}"
        encode = encode_png if ending == "png" else encode_jpeg
        write_bytes(stem.with_name(f"{stem.name}.color.{ending}"), encode(step.rgb))
        write_bytes(stem.with_name(f"{stem.name}.depth.png"), depth_png(step.depth_m))
        write_matrix(stem.with_name(f"{stem.name}.pose.txt"), step.world_from_camera)
    write_matrix(scene / "camera-intrinsics.txt", walked.camera.matrix)
    capture = open_capture(scene / "seq-01")
    assert (capture.name, capture.frame_ids) == ("sun3d-home-seq-01", tuple(numbers))
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix)
    assert "taken for colour and depth" in " ".join(capture.info().notes)
    for index, step in enumerate(walked.steps):
        pose = capture.pose(index)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-6)
    assert surface_f(capture, walked) >= 0.99
