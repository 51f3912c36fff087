"""Folders of Open3D's reconstruction system and recorders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.file_numbers import distinct_numbers, number_of
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Capture
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes


def write(
    walked,
    scene: Path,
    *,
    names: Callable[[int], str] = "{:05d}".format,
    color: str = "color",
    log: str | None = "trajectory.log",
    camera: str | None = "camera_intrinsic.json",
    units: float = 1000,
) -> Path:
    lines = []
    for n, step in enumerate(walked.steps):
        raw = np.rint(step.depth_m * units).astype(np.uint16)
        write_bytes(scene / color / f"{names(n)}.jpg", encode_jpeg(step.rgb))
        write_bytes(scene / "depth" / f"{names(n)}.png", encode_png(raw))
        rows = [" ".join(map(repr, row)) for row in step.world_from_camera.tolist()]
        lines += [f"{n} {n} {n + 1}", *rows]
    if log:
        write_bytes(scene / log, "\n".join(lines).encode())
    if camera:
        told = {
            "width": walked.camera.width,
            "height": walked.camera.height,
            "intrinsic_matrix": walked.camera.matrix.T.ravel().tolist(),
        }
        if units != 1000:
            told |= {"depth_scale": units, "serial_number": "8273641", "device_name": "L515"}
        (scene / camera).write_text(json.dumps(told))
    return scene


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"color": "image", "log": "scene/trajectory.log", "camera": "intrinsic.json"},
        {"color": "rgb", "log": "odometry.log"},
        {"log": "my_trajectory.log", "names": lambda n: f"{n + 1:07d}-{33_369 * n:012d}"},
        {"units": 4000},
    ],
)
def test_a_folder_is_read_right(
    make_walk, surface_f: Callable, tmp_path: Path, variant: dict
) -> None:
    walked = make_walk(12 if not variant else 3, size=(256, 192) if not variant else (64, 48))
    capture = open_capture(write(walked, tmp_path / "it", **variant))
    assert capture.info().format == "Open3D folder"
    assert capture.camera() == walked.camera
    for n, step in enumerate(walked.steps):
        pose = capture.pose(n)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, step.world_from_camera, atol=1e-6)
    np.testing.assert_allclose(capture.frame(2).depth_m, walked.steps[2].depth_m, atol=1e-3)
    assert variant or surface_f(capture, walked) > 0.99
    assert "8273641" not in repr(capture.info())


@pytest.mark.parametrize("first", [0, 1])
def test_poses_go_by_number_where_files_are_gone(make_walk, tmp_path: Path, first: int) -> None:
    walked = make_walk(6, size=(64, 48))
    scene = write(walked, tmp_path, names=lambda n: f"{n + first:06d}")
    for number in (0, 3):
        (scene / f"color/{number + first:06d}.jpg").unlink()
    capture = open_capture(scene)
    assert capture.frame_ids == tuple(n + first for n in (1, 2, 4, 5))
    for index, n in enumerate((1, 2, 4, 5)):
        pose = capture.pose(index)
        assert pose is not None
        np.testing.assert_allclose(pose.world_from_camera, walked.steps[n].world_from_camera)
    assert "2 images without their other half" in " ".join(capture.info().notes)


def test_a_log_that_ends_early_leaves_frames_lost(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(4, size=(64, 48)), tmp_path)
    lines = (scene / "trajectory.log").read_text().splitlines()
    (scene / "trajectory.log").write_text("\n".join(lines[:15]))
    capture = open_capture(scene)
    assert [capture.pose(n) is None for n in range(4)] == [False, False, False, True]
    assert "1 frames have no pose among the 3" in " ".join(capture.info().notes)


def test_a_recording_without_poses_says_how_to_give_them(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(3, size=(64, 48)), tmp_path, log=None, camera="intrinsic.json")
    capture = open_capture(scene)
    assert [capture.pose(n) for n in range(3)] == [None] * 3
    assert "--trajectory FILE" in " ".join(capture.info().notes)
    assert capture.frame(1).rgb is not None


def test_a_matrix_row_by_row_is_seen(make_walk, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    scene = write(walked, tmp_path)
    told = {"width": 64, "height": 48, "intrinsic_matrix": walked.camera.matrix.ravel().tolist()}
    (scene / "camera_intrinsic.json").write_text(json.dumps(told))
    capture = open_capture(scene)
    assert capture.camera() == walked.camera
    assert "row by row" in " ".join(capture.info().notes)


def test_the_usual_camera_is_taken_for_its_size_alone(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(1, size=(640, 480)), tmp_path / "usual", camera=None)
    capture = open_capture(scene)
    assert capture.camera().fx == 525
    assert "usual camera" in " ".join(capture.info().notes)
    scene = write(make_walk(1, size=(64, 48)), tmp_path / "other", camera=None)
    with pytest.raises(CaptureError, match="--assume-camera"):
        open_capture(scene)
    given = open_capture(scene, params=CaptureParams(intrinsics="50,51,31,23"))
    assert given.camera().fy == 51
    assert given.info().notes == ()


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("trajectory.log", b"0 0 1\n1 0 0 0\n", "lines of 3, 4 numbers"),
        ("trajectory.log", b"0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 x\n0 0 0 1", "the line '0 0 1 x'"),
        ("camera_intrinsic.json", b"[]", "camera_intrinsic.json"),
        ("camera_intrinsic.json", b'{"intrinsic_matrix": [1, 2]}', "2 numbers"),
        ("camera_intrinsic.json", b'{"intrinsic_matrix": [1,0,0,0,1,0,1e9,1,1]}', "fx"),
    ],
)
def test_damage_is_refused_in_words(
    make_walk, tmp_path: Path, file: str, content: bytes, words: str
) -> None:
    scene = write(make_walk(2, size=(64, 48)), tmp_path)
    (scene / file).write_bytes(content)
    with pytest.raises(CaptureError, match=words):
        open_capture(scene)


def test_names_without_numbers_are_refused(make_walk, tmp_path: Path) -> None:
    scene = write(make_walk(2, size=(64, 48)), tmp_path, names=lambda n: "ab"[n])
    with pytest.raises(CaptureError, match="rename"):
        open_capture(scene)


def test_numbers_in_names() -> None:
    assert number_of("0000012-000000366993") == 12
    assert number_of("frame_00012.color") == 12
    assert number_of("9" * 30) is None
    assert distinct_numbers(["a1", "b1"]) is None
    assert distinct_numbers(["a1", "b"]) is None
    assert distinct_numbers([]) == []


@pytest.mark.realdata
def test_real_frames_agree_with_each_other(
    shared: Path, residual_mm: Callable[[Capture, int, int], float]
) -> None:
    capture = open_capture(shared / "data/captures/open3d")
    assert len(capture) == 5
    assert capture.camera().fx == 525
    assert "usual camera" in " ".join(capture.info().notes)
    assert residual_mm(capture, 0, 4) < 8
