"""3RScan's sequences, and what ScanNet's exporter writes in the same layout."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.doors.images import decode_pgm, encode_jpeg, encode_png

NO_COLOR = Parts(rgb=False, labels=False)
SIDEWAYS = CaptureParams(upright=False)


@pytest.fixture(scope="module")
def held(make_walk):
    """A Tango phone held upright, in a world with z up."""
    return make_walk(12, size=(448, 344), depth_size=(224, 172), roll_deg=90)


def pgm(image: np.ndarray, largest: int = 65535) -> bytes:
    height, width = image.shape
    return f"P5 {width} {height}\n{largest}\n".encode() + image.astype(">u2").tobytes()


def info(walked, **changed) -> bytes:
    """``_info.txt``; a value of None leaves a line out."""
    lines = {
        "m_versionNumber": "4", "m_sensorName": "Jane Doe's phone", "m_depthShift": "1000",
        "m_frames.size": str(len(walked.steps)),
    }  # fmt: skip
    for kind, c in (("color", walked.camera), ("depth", walked.depth_camera)):
        lines[f"m_{kind}Width"], lines[f"m_{kind}Height"] = str(c.width), str(c.height)
        k = [c.fx, 0, c.cx, 0, 0, c.fy, c.cy, 0, 0, 0, 1, 0, 0, 0, 0, 1]
        lines[f"m_calibration{kind.title()}Intrinsic"] = " ".join(f"{v:.6g}" for v in k)
        still = " ".join(f"{v:g}" for v in np.eye(4).ravel())
        lines[f"m_calibration{kind.title()}Extrinsic"] = still
    lines |= {f"m_{name}": value for name, value in changed.items()}
    return "\n".join(f"{k} = {v}" for k, v in lines.items() if v is not None).encode()


def sequence(walked, **changed) -> dict[str, bytes]:
    files = {"_info.txt": info(walked, **changed)}
    for n, step in enumerate(walked.steps):
        stem = f"frame-{n:06d}"
        files[f"{stem}.color.jpg"] = encode_jpeg(step.rgb)
        files[f"{stem}.depth.pgm"] = pgm(np.round(step.depth_m * 1000))
        rows = (" ".join(f"{v:.9f}" for v in row) for row in step.world_from_camera)
        files[f"{stem}.pose.txt"] = "\n".join(rows).encode()
    return files


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_sequence(held, tmp_path: Path, surface_f: Callable) -> None:
    scan = tmp_path / "0cac75b1"
    path = laid(scan / "sequence", sequence(held))
    for given in (path, scan):
        capture = open_capture(given)
        assert capture.name == "0cac75b1"
        assert capture.info().format == "3RScan"
        assert capture.info().up == (0, 0, 1)
        assert capture.camera().size == (344, 448)  # brought upright
    assert surface_f(capture, held) >= 0.99
    capture = open_capture(scan, params=SIDEWAYS)
    for index, step in enumerate(held.steps):
        pose = capture.pose(index).world_from_camera
        np.testing.assert_allclose(pose, step.world_from_camera, atol=1e-6)
    told = capture.info()
    np.testing.assert_allclose(told.color_camera.matrix, held.camera.matrix, atol=1e-3)
    np.testing.assert_allclose(told.depth_camera.matrix, held.depth_camera.matrix, atol=1e-3)
    assert "share one camera" in told.registration
    assert "Jane" not in str(told)


@pytest.mark.parametrize("place", ["sequence.zip", "0cac75b1.zip"])
def test_sequence_in_a_zip_file(held, tmp_path: Path, place: str) -> None:
    scan = tmp_path / "0cac75b1"
    path = zipped(scan / place, sequence(held))
    capture = open_capture(scan if place == "sequence.zip" else path, params=SIDEWAYS)
    assert capture.name == "0cac75b1"
    depth = capture.frame(3, (224, 172), NO_COLOR).depth_m
    np.testing.assert_allclose(depth, held.steps[3].depth_m, atol=6e-4)


def test_hidden_poses_are_lost(held, tmp_path: Path) -> None:
    files = sequence(held)
    del files["frame-000002.pose.txt"], files["frame-000005.color.jpg"]
    files["frame-000003.pose.txt"] = b"-inf " * 16
    capture = open_capture(laid(tmp_path / "a", files))
    assert len(capture) == 11
    assert [n for i, n in enumerate(capture.frame_ids) if capture.pose(i) is None] == [2, 3]
    notes = " ".join(capture.info().notes)
    assert "1 frames without a pose file" in notes
    assert "1 depth images without colour" in notes


def test_two_cameras_apart(make_walk, tmp_path: Path, surface_f: Callable) -> None:
    # As ScanNet's exporter writes it: depth by another lens, poses of the depth camera.
    walked = make_walk(12, size=(128, 96), depth_size=(64, 48))
    wider = make_walk(12, size=(64, 48), focal=0.7)
    files = sequence(walked)
    c = wider.camera
    told = f"{c.fx} 0 {c.cx} 0 0 {c.fy} {c.cy} 0 0 0 1 0 0 0 0 1"
    files["_info.txt"] = info(walked, calibrationDepthIntrinsic=told, depthShift="2000")
    for n, step in enumerate(wider.steps):
        files[f"frame-{n:06d}.depth.pgm"] = pgm(np.round(step.depth_m * 2000))
    capture = open_capture(laid(tmp_path / "a", files))
    assert "reprojected" in capture.info().registration
    assert capture.info().up is None
    assert surface_f(capture, walked) >= 0.98


def test_depth_in_png(held, tmp_path: Path) -> None:
    files = sequence(held)
    for n, step in enumerate(held.steps):
        del files[f"frame-{n:06d}.depth.pgm"]
        depth = np.round(step.depth_m * 1000).astype(np.uint16)
        files[f"frame-{n:06d}.depth.png"] = encode_png(depth)
    capture = open_capture(laid(tmp_path / "a", files), params=SIDEWAYS)
    depth = capture.frame(3, (224, 172), NO_COLOR).depth_m
    np.testing.assert_allclose(depth, held.steps[3].depth_m, atol=6e-4)


@pytest.mark.parametrize("largest", [256, 9999, 65535])
def test_pgm_values_are_left_as_they_are(largest: int) -> None:
    image = np.array([[0, 1, 255], [256, 1000, 65535]], np.uint16)
    read = decode_pgm(pgm(image, largest), "x")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, image)
    commented = b"P5\n# made by hand\n3\t2 # size\n65535\n" + image.astype(">u2").tobytes()
    np.testing.assert_array_equal(decode_pgm(commented, "x"), image)
    small = decode_pgm(b"P5 2 1 255\n\x07\xff", "x")
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, [[7, 255]])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"P5", b"P2 2 1 255\n7 8", b"P5 2 2 65535\n1234567", b"P5 0 2 255\n",
        b"P5 2 2 0\n1234", b"P5 2 2 70000\n12345678", b"P5 999999999 999999999 65535\n",
        b"P5 -2 2 255\n1234",
    ],
)  # fmt: skip
def test_damaged_pgm_is_refused(data: bytes) -> None:
    with pytest.raises(CaptureError, match="PGM"):
        decode_pgm(data, "x")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"calibrationColorIntrinsic": None}, "no m_calibrationColorIntrinsic"),
        ({"calibrationDepthIntrinsic": "1 2 3"}, "3 numbers for m_calibrationDepthIntrinsic"),
        ({"calibrationColorIntrinsic": "a b"}, "numbers alone"),
        ({"calibrationColorExtrinsic": "2 " * 16}, "rigid"),
        ({"depthShift": "0"}, "m_depthShift 0"),
        ({"depthShift": "nan"}, "finite"),
    ],
)
def test_damaged_info_is_refused(held, tmp_path: Path, changed: dict, text: str) -> None:
    with pytest.raises(CaptureError, match=text):
        open_capture(laid(tmp_path / "a", sequence(held, **changed)))


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".color.jpg", "looks like a sequence of 3RScan, without colour"),
        (".depth.pgm", "without depth"),
        ("_info.txt", r"without _info\.txt"),
    ],
)
def test_what_lacks_is_said(held, tmp_path: Path, ending: str, text: str) -> None:
    files = {n: d for n, d in sequence(held).items() if not n.endswith(ending)}
    path = laid(tmp_path / "a", files)
    assert reader_of(path).looks_for.endswith("(3RScan)")
    with pytest.raises(CaptureError, match=text):
        open_capture(path)


def test_a_broken_frame_leaves_the_others(held, tmp_path: Path) -> None:
    files = sequence(held)
    files["frame-000001.depth.pgm"] = files["frame-000001.depth.pgm"][:99]
    files["frame-000002.pose.txt"] = b"1 2 3"
    files["frame-000003.depth.pgm"] = b"P5 2 1 255\n12"
    capture = open_capture(laid(tmp_path / "a", files))
    with pytest.raises(CaptureError, match="frame-000001"):
        capture.frame(1, parts=NO_COLOR)
    with pytest.raises(CaptureError, match="frame-000002"):
        capture.pose(2)
    with pytest.raises(CaptureError, match="8 bits"):
        capture.frame(3, parts=NO_COLOR)
    assert capture.frame(4, parts=NO_COLOR).pose is not None
