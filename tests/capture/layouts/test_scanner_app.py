"""3D Scanner App, export "All Data"."""

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


@pytest.fixture(scope="module")
def walked(make_walk, level_to_y_up):
    """Frames in a world with y up."""
    return make_walk(12, size=(128, 96), depth_size=DEPTH_SIZE, world=level_to_y_up)


def record(walked, n: int, **changed) -> dict:
    """A frame's JSON file; a value of None leaves the key out."""
    c = walked.camera
    projection = np.zeros(16)
    projection[[0, 5]] = 2 * c.fx / c.width, 2 * c.fy / c.height
    made = {
        "cameraPoseARFrame": GL.stored(walked.steps[n].world_from_camera).ravel().tolist(),
        "intrinsics": [c.fx, 0, c.cx, 0, c.fy, c.cy, 0, 0, 1],
        "projectionMatrix": projection.tolist(), "time": 402896.9 + 0.2 * n, "frame_index": n,
        "motionQuality": 1, "hasGPS": 1, "latitude": 48.137154, "longitude": 11.576124,
    }  # fmt: skip
    return {key: value for key, value in (made | changed).items() if value is not None}


def scan(walked, **changed) -> dict[str, bytes]:
    """Files of a scan; depth lies between colour images too."""
    files = {"info.json": b'{"title": "Room of Jane Doe", "latitude": 48.137154}'}
    confidence = np.full(DEPTH_SIZE[::-1], 2, np.uint8)
    confidence[:, :10], confidence[:, 10:20] = 0, 1
    for n, step in enumerate(walked.steps):
        number = 3 * n
        files[f"frame_{number:05d}.jpg"] = encode_jpeg(step.rgb)
        for one in (number, number + 1):
            files[f"frame_{one:05d}.json"] = json.dumps(record(walked, n, **changed)).encode()
            depth = np.round(step.depth_m * 1000).astype(np.uint16)
            files[f"depth_{one:05d}.png"] = encode_png(depth)
            files[f"conf_{one:05d}.png"] = encode_png(confidence)
    return files


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("zipped", [False, True])
def test_scan(walked, tmp_path: Path, surface_f: Callable, zipped: bool) -> None:
    path = tmp_path / "chair"
    if zipped:
        path = tmp_path / "chair.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in scan(walked).items():
                archive.writestr(f"2024_01_13_14_47_59/{name}", data)
    else:
        laid(path, scan(walked))
    capture = open_capture(path, params=CaptureParams(confidence="low"))
    assert capture.name == "chair"
    assert capture.frame_ids == tuple(range(0, 36, 3))
    for index, step in enumerate(walked.steps):
        pose = capture.pose(index).world_from_camera
        np.testing.assert_allclose(pose, step.world_from_camera, atol=1e-6)
    info = capture.info()
    np.testing.assert_allclose(info.color_camera.matrix, walked.camera.matrix, atol=1e-6)
    np.testing.assert_allclose(info.depth_camera.matrix, walked.depth_camera.matrix, atol=1e-6)
    assert info.up == (0, 1, 0)
    assert "left out: 12 depth images without colour" in info.notes
    assert surface_f(capture, walked) >= 0.99
    assert capture.time_s(2) == pytest.approx(402897.3)
    assert not any(word in str(info) for word in ("Jane", "48.13", "11.57"))
    again = pickle.loads(pickle.dumps(capture)).frame(3, parts=NO_COLOR)
    np.testing.assert_array_equal(again.depth_m, capture.frame(3, parts=NO_COLOR).depth_m)


def test_confidence(walked, tmp_path: Path) -> None:
    path = laid(tmp_path / "a", scan(walked))
    for level, first in (("low", 0), ("medium", 10), ("high", 20)):
        capture = open_capture(path, params=CaptureParams(confidence=level))
        depth = capture.frame(1, DEPTH_SIZE, NO_COLOR).depth_m
        assert not depth[:, :first].any()
        assert (depth[:, first:] > 0).all()


def test_intrinsics_are_those_of_the_cameras_own_images(walked, tmp_path: Path) -> None:
    # Some exports make the images smaller: the projection matrix tells of which size K is.
    c = walked.camera
    large = [4 * c.fx, 0, 4 * c.cx + 1.5, 0, 4 * c.fy, 4 * c.cy + 1.5, 0, 0, 1]
    projection = np.zeros(16)
    projection[[0, 5]] = 2 * c.fx / c.width, 2 * c.fy / c.height
    files = scan(walked, intrinsics=large, projectionMatrix=projection.tolist())
    capture = open_capture(laid(tmp_path / "a", files))
    np.testing.assert_allclose(capture.info().color_camera.matrix, c.matrix, atol=1e-6)
    # Old files lack it.
    capture = open_capture(laid(tmp_path / "b", scan(walked, projectionMatrix=None)))
    np.testing.assert_allclose(capture.info().color_camera.matrix, c.matrix, atol=1e-6)


def test_cameras_a_frame(walked, tmp_path: Path) -> None:
    files = scan(walked)
    longer = json.loads(files["frame_00006.json"])
    longer["intrinsics"][0] *= 1.1
    longer["intrinsics"][4] *= 1.1
    longer["projectionMatrix"] = None
    files["frame_00006.json"] = json.dumps(longer).encode()
    capture = open_capture(laid(tmp_path / "a", files))
    assert capture.camera().fx == pytest.approx(walked.camera.fx)
    assert capture.frame_cameras(2).color.fx == pytest.approx(1.1 * walked.camera.fx)
    assert "cameras differ from frame to frame" in " ".join(capture.info().notes)


def test_sideways_scans_come_out_upright(
    make_walk, level_to_y_up, tmp_path: Path, surface_f: Callable
) -> None:
    held = make_walk(12, size=(128, 96), depth_size=DEPTH_SIZE, world=level_to_y_up, roll_deg=90)
    capture = open_capture(laid(tmp_path / "a", scan(held)), params=CaptureParams(confidence="low"))
    assert capture.camera().size == (96, 128)
    assert surface_f(capture, held) >= 0.99


def test_what_lacks_is_said(walked, tmp_path: Path) -> None:
    files = scan(walked)
    for number, (start, text) in enumerate(
        [
            ("depth_", "looks like a scan of 3D Scanner App, without depth"),
            ("frame_", "looks like a scan of 3D Scanner App, without colour"),
            ("conf_", ""),
        ]
    ):
        some = {name: data for name, data in files.items() if not name.startswith(start)}
        path = laid(tmp_path / str(number), some)
        assert reader_of(path) is not None
        if text:
            with pytest.raises(CaptureError, match=text):
                open_capture(path)
        else:
            assert open_capture(path).confidence_raw(0) is None
    json_gone = {name: data for name, data in files.items() if not name.endswith(".json")}
    with pytest.raises(CaptureError, match=r"without frame_NNNNN\.json"):
        open_capture(laid(tmp_path / "json", json_gone))
    colour = {name: data for name, data in files.items() if name != "frame_00000.jpg"}
    shifted = {name.replace("depth_0", "depth_9"): data for name, data in colour.items()}
    with pytest.raises(CaptureError, match="different numbers"):
        open_capture(laid(tmp_path / "shifted", shifted))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (b"{", "does not hold what it should"),
        (b'{"cameraPoseARFrame": [1], "intrinsics": [1]}', "a pose of 1 numbers"),
        (b'{"cameraPoseARFrame": "x", "intrinsics": [1]}', "does not hold what it should"),
        (None, "No such file"),
    ],
)
def test_a_broken_frame_leaves_the_others(
    walked, tmp_path: Path, change: bytes | None, text: str
) -> None:
    files = scan(walked)
    files["frame_00003.json"] = change or b""
    if change is None:
        del files["frame_00003.json"]
    files["depth_00006.png"] = files["depth_00006.png"][:60]
    capture = open_capture(laid(tmp_path / "a", files))
    with pytest.raises(CaptureError, match=text):
        capture.pose(1)
    with pytest.raises(CaptureError, match="depth_00006"):
        capture.frame(2, parts=NO_COLOR)
    assert capture.frame(3).pose is not None
    if change is not None:
        every = {n: change if n.endswith(".json") else d for n, d in files.items()}
        with pytest.raises(CaptureError, match=text):
            open_capture(laid(tmp_path / "b", every))
