"""Replica as NICE-SLAM rendered it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes


def write(walked, root: Path, *, numbers=None, camera_at: str = "cam_params.json") -> Path:
    scene = root / "room0"
    numbers = list(range(len(walked.steps))) if numbers is None else numbers
    for number in numbers:
        step = walked.steps[number]
        raw = np.rint(step.depth_m * 6553.5).astype(np.uint16)
        write_bytes(scene / f"results/frame{number:06d}.jpg", encode_jpeg(step.rgb))
        write_bytes(scene / f"results/depth{number:06d}.png", encode_png(raw))
    lines = (" ".join(map(repr, s.world_from_camera.ravel().tolist())) for s in walked.steps)
    (scene / "traj.txt").write_text("\n".join(lines))
    c = walked.camera
    told = {"w": c.width, "h": c.height, "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy}
    (root / camera_at).write_text(json.dumps({"camera": told | {"scale": 6553.5}}))
    return scene


def test_a_scene_is_read_right(make_walk, surface_f: Callable, tmp_path: Path) -> None:
    walked = make_walk(12)
    capture = open_capture(write(walked, tmp_path))
    assert capture.info().format == "Replica (NICE-SLAM)"
    assert capture.camera() == walked.camera
    assert capture.info().notes == ()
    for n, step in enumerate(walked.steps):
        pose, frame = capture.pose(n), capture.frame(n)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-6)
        np.testing.assert_allclose(frame.depth_m, step.depth_m, atol=1e-4)
    assert surface_f(capture, walked) > 0.99


def test_lines_count_from_0_where_frames_are_left_out(make_walk, tmp_path: Path) -> None:
    walked = make_walk(8, size=(64, 48))
    capture = open_capture(write(walked, tmp_path, numbers=[2, 5, 6]))
    assert capture.frame_ids == (2, 5, 6)
    pose = capture.pose(1)
    assert pose is not None
    np.testing.assert_allclose(pose.world_from_camera, walked.steps[5].world_from_camera)


def test_a_file_of_its_own_and_frames_without_a_line(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(3, size=(64, 48)), tmp_path, camera_at="room0/cam_params.json")
    text = (scene / "traj.txt").read_text().splitlines()
    (scene / "traj.txt").write_text("\n".join(text[:2]))
    (scene / "results/depth000000.png").unlink()
    capture = open_capture(scene)
    assert capture.frame_ids == (1, 2)
    assert capture.pose(0) is not None
    assert capture.pose(1) is None
    notes = " ".join(capture.info().notes)
    assert "1 images without their other half" in notes
    assert "1 frames beyond the 2 lines" in notes


def test_without_a_camera_file(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(2, size=(64, 48)), tmp_path)
    (tmp_path / "cam_params.json").unlink()
    with pytest.raises(CaptureError, match="of the data set"):
        open_capture(scene)
    assert open_capture(scene, params=CaptureParams(intrinsics="50,50,31,23")).camera().fx == 50
    assumed = open_capture(scene, params=CaptureParams(assume_camera=True))
    assert assumed.camera().fx == pytest.approx(600 * 64 / 1200)
    assert "published scenes" in " ".join(assumed.info().notes)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("room0/traj.txt", b"1 2 3", "1 lines of 3 numbers"),
        ("room0/traj.txt", b"\xff\xfe x" * 9, "traj.txt with the line"),
        ("room0/traj.txt", None, "traj.txt"),
        ("cam_params.json", b"{", "cam_params.json"),
        ("cam_params.json", b'{"camera": {"fx": "a"}}', "cam_params.json"),
        (
            "cam_params.json",
            b'{"camera": {"fx": 50, "fy": 50, "cx": 31, "cy": 23, "scale": NaN}}',
            "scale",
        ),
        ("cam_params.json", b'{"camera": {"fx": 0, "fy": 50, "cx": 31, "cy": 23}}', "fx"),
    ],
)
def test_damage_is_refused_in_words(
    make_walk, tmp_path: Path, file: str, content: bytes | None, words: str
) -> None:
    scene = write(make_walk(2, size=(64, 48)), tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(CaptureError, match=words) as caught:
        open_capture(scene)
    assert "do:" in str(caught.value)


def test_an_empty_folder_of_its_kind_says_what_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "traj.txt").write_text("")
    with pytest.raises(CaptureError, match="0 frameN and 0 depthN images"):
        open_capture(tmp_path)


@pytest.mark.realdata
def test_a_real_scene_agrees_with_itself(
    shared: Path, residual_mm: Callable[[Capture, int, int], float]
) -> None:
    capture = open_capture(shared / "data/captures/replica/room0_test")
    assert len(capture) == 20
    assert capture.camera().size == (1200, 680)
    assert capture.info().notes == ()
    assert residual_mm(capture, 0, 19) < 2
