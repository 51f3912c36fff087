"""Polycam's raw data."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_jpeg, encode_png

GL = PoseConvention("opengl")
DEPTH_SIZE = (64, 48)
NO_COLOR = Parts(rgb=False, labels=False)
LOW = CaptureParams(confidence="low")
FIRST, STEP = 60115705957, 533211


@pytest.fixture(scope="module")
def held(make_walk, level_to_y_up):
    """A phone held upright: sensor images lie on their side."""
    return make_walk(12, size=(128, 96), depth_size=DEPTH_SIZE, world=level_to_y_up, roll_deg=90)


def camera_file(walked, n: int, moved: np.ndarray | None = None, **changed) -> bytes:
    c = walked.camera
    matrix = GL.stored(walked.steps[n].world_from_camera)
    matrix = matrix if moved is None else moved @ matrix
    told = {f"t_{row}{column}": matrix[row, column] for row in range(3) for column in range(4)}
    told |= {
        "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy, "width": c.width, "height": c.height,
        "blur_score": 259.2, "timestamp": FIRST + STEP * n, "manual_keyframe": False,
        "angular_velocity": 3.4028235e38, "center_depth": 0.76,
    }  # fmt: skip
    return json.dumps({k: v for k, v in (told | changed).items() if v is not None}).encode()


DRIFT = np.eye(4)
DRIFT[:3, 3] = 0.3, 0.1, -0.2
"""How far ARKit's own poses are off."""


def scan(walked, medium: int = 127) -> dict[str, bytes]:
    """Files of a scan by name; corrected cameras are right, and the others are off."""
    c = walked.camera
    files = {
        "mesh_info.json": b'{"latitude": 48.137154, "name": "Jane Doe", "alignmentTransform": []}',
        "raw.glb": b"glTF", "thumbnail.jpg": b"", "polycam.mp4": b"",
    }  # fmt: skip
    confidence = np.full(DEPTH_SIZE[::-1], 255, np.uint8)
    confidence[:10], confidence[10:20] = 0, medium
    for n, step in enumerate(walked.steps):
        name = f"keyframes/{{}}/{FIRST + STEP * n}.{{}}"
        files[name.format("images", "jpg")] = encode_jpeg(step.rgb)
        # Other pixels by another camera: whoever takes them for depth's goes wrong.
        files[name.format("corrected_images", "jpg")] = encode_jpeg(step.rgb[8:, 8:])
        files[name.format("cameras", "json")] = camera_file(walked, n, DRIFT)
        files[name.format("corrected_cameras", "json")] = camera_file(
            walked, n, fx=None if n == 3 else 1.1 * c.fx, width=None, height=None
        )
        depth = np.round(step.depth_m * 1000).astype(np.uint16)
        files[name.format("depth", "png")] = encode_png(depth)
        files[name.format("confidence", "png")] = encode_png(confidence)
    return files


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def without(files: dict[str, bytes], *folders: str) -> dict[str, bytes]:
    return {
        n: d
        for n, d in files.items()
        if not n.startswith(tuple(f"keyframes/{f}/" for f in folders))
    }


def expect_poses(capture, walked, moved: np.ndarray | None = None) -> None:
    for index, step in enumerate(walked.steps):
        pose = capture.pose(index).world_from_camera
        wanted = step.world_from_camera if moved is None else moved @ step.world_from_camera
        np.testing.assert_allclose(pose, wanted, atol=1e-6)


@pytest.mark.parametrize("how", ["zip", "zip with a folder", "folder", "keyframes alone"])
def test_corrected_scan(held, tmp_path: Path, surface_f: Callable, how: str) -> None:
    path = tmp_path / "kitchen"
    if how.startswith("zip"):
        path = tmp_path / "kitchen.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in scan(held).items():
                archive.writestr(("8_19_2024/" if "folder" in how else "") + name, data)
    else:
        laid(path, scan(held))
        path = path / "keyframes" if how == "keyframes alone" else path
    capture = open_capture(path, params=CaptureParams(confidence="low", upright=False))
    assert capture.name == "kitchen"
    assert capture.frame_ids == tuple(FIRST + STEP * n for n in range(12))
    expect_poses(capture, held)
    info = capture.info()
    # The original image's camera, not the corrected one's.
    np.testing.assert_allclose(info.color_camera.matrix, held.camera.matrix, atol=1e-6)
    np.testing.assert_allclose(info.depth_camera.matrix, held.depth_camera.matrix, atol=1e-6)
    assert info.up == (0, 1, 0)
    assert "corrected ones" in " ".join(info.notes)
    assert not any(word in str(info) for word in ("Jane", "48.13"))
    assert capture.time_s(1) == pytest.approx(60116.239168)
    upright = open_capture(path, params=LOW)
    assert upright.camera().size == (96, 128)
    assert surface_f(upright, held) >= 0.99
    again = pickle.loads(pickle.dumps(upright)).frame(3, parts=NO_COLOR)
    np.testing.assert_array_equal(again.depth_m, upright.frame(3, parts=NO_COLOR).depth_m)


@pytest.mark.parametrize("medium", [127, 54])
def test_both_scales_of_confidence(held, tmp_path: Path, medium: int) -> None:
    path = laid(tmp_path / "a", scan(held, medium))
    for level, first in (("low", 0), ("medium", 10), ("high", 20)):
        params = CaptureParams(confidence=level, upright=False)
        depth = open_capture(path, params=params).frame(1, DEPTH_SIZE, NO_COLOR).depth_m
        assert not depth[:first].any()
        assert (depth[first:] > 0).all()


def test_large_scans_have_no_corrected_poses(held, tmp_path: Path) -> None:
    files = without(scan(held), "corrected_cameras", "corrected_images")
    capture = open_capture(laid(tmp_path / "a", files), params=CaptureParams(upright=False))
    expect_poses(capture, held, DRIFT)
    assert "ARKit's own" in " ".join(capture.info().notes)


def test_poses_of_two_worlds_are_not_mixed(held, tmp_path: Path) -> None:
    files = scan(held)
    for n in (2, 7):
        del files[f"keyframes/corrected_cameras/{FIRST + STEP * n}.json"]
    capture = open_capture(laid(tmp_path / "a", files))
    assert [i for i in range(12) if capture.pose(i) is None] == [2, 7]
    assert "2 of 12 frames have none and are lost" in " ".join(capture.info().notes)
    for n in (0, 1, 3, 4, 5):
        del files[f"keyframes/corrected_cameras/{FIRST + STEP * n}.json"]
    plain = open_capture(laid(tmp_path / "b", files), params=CaptureParams(upright=False))
    expect_poses(plain, held, DRIFT)
    assert "only 5 of 12 are corrected" in " ".join(plain.info().notes)


def test_folders_of_different_counts(held, tmp_path: Path, surface_f: Callable) -> None:
    files = scan(held)
    for folder, ending, n in (
        ("images", "jpg", 1), ("depth", "png", 4), ("confidence", "png", 5), ("cameras", "json", 6)
    ):  # fmt: skip
        del files[f"keyframes/{folder}/{FIRST + STEP * n}.{ending}"]
    capture = open_capture(laid(tmp_path / "a", files), params=LOW)
    assert len(capture) == 10
    notes = " ".join(capture.info().notes)
    assert "1 colour images without depth" in notes
    assert "1 depth images without colour" in notes
    assert "1 frames without confidence" in notes


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        (("depth",), "looks like raw data of Polycam, without depth"),
        (("images",), "without colour.* do not lie on depth"),
        (("cameras", "corrected_cameras"), "without cameras"),
        (("images", "depth", "cameras", "corrected_cameras"), "Developer mode"),
    ],
)
def test_what_lacks_is_said(held, tmp_path: Path, gone: tuple[str, ...], text: str) -> None:
    path = laid(tmp_path / "a", without(scan(held), *gone))
    assert reader_of(path) is not None
    with pytest.raises(CaptureError, match=text):
        open_capture(path)


def test_only_corrected_cameras(held, tmp_path: Path) -> None:
    files = without(scan(held), "cameras")
    files[f"keyframes/corrected_cameras/{FIRST + STEP * 3}.json"] = camera_file(held, 3)
    capture = open_capture(laid(tmp_path / "a", files), params=CaptureParams(upright=False))
    expect_poses(capture, held)


@pytest.mark.parametrize(
    "broken", [b"{", b"[]", b'{"fx": "x"}', b"", None], ids=["cut", "list", "word", "empty", "far"]
)
def test_a_broken_frame_leaves_the_others(held, tmp_path: Path, broken: bytes | None) -> None:
    files = scan(held)
    broken = camera_file(held, 1, t_03=3.4028235e38) if broken is None else broken
    files[f"keyframes/corrected_cameras/{FIRST + STEP}.json"] = broken
    capture = open_capture(laid(tmp_path / "a", files), params=LOW)
    with pytest.raises(CaptureError, match=f"corrected_cameras.*{FIRST + STEP}"):
        capture.pose(1)
    assert capture.frame(2).pose is not None


def test_broken_cameras_alone_are_refused(held, tmp_path: Path) -> None:
    files = {n: b"{" if n.endswith(".json") else data for n, data in scan(held).items()}
    with pytest.raises(CaptureError, match="does not hold what it should"):
        open_capture(laid(tmp_path / "a", files))


def test_several_scans_in_one_file(held, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for folder in ("a", "b"):
            archive.writestr(f"{folder}/keyframes/depth/1.png", b"")
    with pytest.raises(CaptureError, match="2 captures"):
        open_capture(tmp_path / "two.zip")


@pytest.mark.realdata
def test_a_real_camera_file(held, shared: Path, tmp_path: Path) -> None:
    real = (shared / "data/captures/polycam/60115705957.json").read_bytes()
    files = {}
    for folder, ending, data in (
        ("images", "jpg", encode_jpeg(np.zeros((768, 1024, 3), np.uint8))),
        ("depth", "png", encode_png(np.full((192, 256), 900, np.uint16))),
        ("cameras", "json", real),
    ):
        files[f"keyframes/{folder}/60115705957.{ending}"] = data
    capture = open_capture(laid(tmp_path / "a", files))
    # Held upright, stored in landscape.
    assert capture.camera().size == (768, 1024)
    assert capture.camera().fx == pytest.approx(720.9597)
    pose = capture.pose(0).world_from_camera
    assert (pose[:3, :3].T @ [0, 1, 0])[1] < -0.9
    np.testing.assert_allclose(pose[:3, 3], [0.74366665, -0.22433962, 0.63177675])
