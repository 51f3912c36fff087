"""RTAB-Map's databases, written by the layout that real ones have."""

from __future__ import annotations

import pickle
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.capture import open_capture
from crossvox.capture.readers.rtabmap import RtabmapCapture
from crossvox.core.checks import CaptureError
from crossvox.doors.images import encode_jpeg, encode_png

OPTICAL = np.array([[0.0, 0, 1, 0.05], [-1, 0, 0, 0.01], [0, -1, 0, 0.3], [0, 0, 0, 1]])
"""Robot's base from camera: forward is x, up is z."""


def camera(c, place=OPTICAL, kind: int = 0, projection: bool = True, lens=(0.0,) * 5) -> bytes:
    """As versions from 0.18 on write it: what counts is the projection, where there is one."""
    k = np.array([[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1]])
    p = np.hstack([k, np.zeros((3, 1))]) if projection else np.zeros(0)
    k = 1.1 * k if projection else k
    counts = (0, 21, 1, kind, c.width, c.height, 9, len(lens), 9, p.size, 12)
    numbers = struct.pack("<11i", *counts) + k.astype("<f8").tobytes()
    numbers += np.array(lens, "<f8").tobytes() + np.eye(3).astype("<f8").tobytes()
    return numbers + p.astype("<f8").tobytes() + place[:3].astype("<f4").tobytes()


def old_camera(c, with_size: bool = True) -> bytes:
    """As versions up to 0.17 write it."""
    head = (c.fx, c.fy, c.cx, c.cy, *((c.width, c.height) if with_size else ()))
    return np.array([*head, *OPTICAL[:3].ravel()], "<f4").tobytes()


def millimetres(depth_m: NDArray) -> bytes:
    raw = (1000 * depth_m).round().astype(np.uint16)
    raw[:1] = 65535  # no reading, like 0
    raw[1:2] = 0
    return encode_png(raw)


def packed_floats(depth_m: NDArray) -> bytes:
    raw = depth_m.astype("<f4")
    raw[0, ::3], raw[0, 1::3], raw[0, 2::3], raw[1] = np.nan, np.inf, 3e38, 0
    return cv2.imencode(".png", raw.view(np.uint8).reshape(*raw.shape, 4))[1].tobytes()


def rvl(depth_m: NDArray) -> bytes:
    """An encoder of its own, pixel by pixel."""
    raw = (1000 * depth_m).round().astype(np.int64)
    raw[:2] = 0
    nibbles: list[int] = []

    def put(value: int) -> None:
        while True:
            low, value = value & 7, value >> 3
            nibbles.append(low | (8 if value else 0))
            if not value:
                return

    flat, at, before = raw.ravel().tolist(), 0, 0
    while at < len(flat):
        start = at
        while at < len(flat) and flat[at] == 0:
            at += 1
        put(at - start)
        start = at
        while at < len(flat) and flat[at] != 0:
            at += 1
        put(at - start)
        for value in flat[start:at]:
            step, before = value - before, value
            put(2 * step if step >= 0 else -2 * step - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        int("".join(f"{n:x}" for n in nibbles[k : k + 8]), 16) for k in range(0, len(nibbles), 8)
    ]
    size = struct.pack("<2I", raw.shape[1], raw.shape[0])
    return b"DEPTHRVL" + size + struct.pack(f"<{len(words)}I", *words)


def matrix(values: NDArray, kind: int) -> bytes:
    """A packed matrix of OpenCV."""
    return zlib.compress(values.tobytes()) + struct.pack("<3i", 1, values.size, kind)


def base_of(pose: NDArray) -> bytes:
    return (pose @ np.linalg.inv(OPTICAL))[:3].astype("<f4").tobytes()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def run(
        walked,
        depth: Callable = millimetres,
        camera_of: Callable = camera,
        *,
        optimised=(),
        odometry: NDArray | None = None,
        sessions=None,
    ) -> Path:
        """Node n + 3 is step n; the graph of ``optimised`` steps."""
        path = tmp_path / "house é.db"
        path.unlink(missing_ok=True)
        base = sqlite3.connect(path)
        base.executescript(
            "CREATE TABLE Node (id INTEGER NOT NULL, map_id INTEGER NOT NULL, weight INTEGER,"
            " stamp FLOAT, pose BLOB, ground_truth_pose BLOB, label TEXT, gps BLOB);"
            "CREATE TABLE Data (id INTEGER NOT NULL, image BLOB, depth BLOB, calibration BLOB);"
            "CREATE TABLE Admin (version TEXT, opt_ids BLOB, opt_poses BLOB);"
        )
        drift = np.eye(4) if odometry is None else odometry
        for n, step in enumerate(walked.steps):
            session = 0 if sessions is None else sessions[n]
            base.execute(
                "INSERT INTO Node VALUES (?,?,0,?,?,?,'',NULL)",
                (n + 3, session, 100.5 + n, base_of(drift @ step.world_from_camera), b"\0" * 48),
            )
            base.execute(
                "INSERT INTO Data VALUES (?,?,?,?)",
                (n + 3, encode_jpeg(step.rgb, 95), depth(step.depth_m),
                 camera_of(walked.camera)),
            )  # fmt: skip
        base.execute("INSERT INTO Node VALUES (1,0,0,99.0,?,NULL,'',NULL)", (b"\0" * 48,))
        base.execute("INSERT INTO Data VALUES (2,NULL,NULL,NULL)")
        if len(optimised):
            ids = np.array([n + 3 for n in optimised] + [-7], "<i4")
            poses = b"".join(base_of(walked.steps[n].world_from_camera) for n in optimised)
            numbers = np.frombuffer(poses + b"\0" * 48, "<f4")
            row = ("0.21.1", matrix(ids, 4), matrix(numbers, 5))
        else:
            row = ("0.17.6", None, None)
        base.execute("INSERT INTO Admin VALUES (?,?,?)", row)
        base.commit()
        base.close()
        return path

    return run


@pytest.mark.parametrize("depth", [millimetres, packed_floats, rvl])
@pytest.mark.parametrize(
    "camera_of", [camera, lambda c: camera(c, projection=False), old_camera,
                  lambda c: old_camera(c, False)]
)  # fmt: skip
def test_poses_depth_and_cameras(
    make_walk, write, surface_f: Callable, depth: Callable, camera_of: Callable
) -> None:
    walked = make_walk(8, size=(128, 96))
    path = write(walked, depth, camera_of, optimised=range(8), odometry=OPTICAL)
    capture = open_capture(path)
    assert capture.info().format == "RTAB-Map database"
    assert capture.frame_ids == tuple(range(3, 11))
    assert capture.info().notes == ("1 nodes have no image or no depth",)
    for index, step in enumerate(walked.steps):
        pose = capture.pose(index).world_from_camera
        np.testing.assert_allclose(pose, step.world_from_camera, atol=1e-6)
    frame = capture.frame(2)
    assert not frame.depth_m[:2].any()
    np.testing.assert_allclose(frame.depth_m[2:], walked.steps[2].depth_m[2:], atol=6e-4)
    assert frame.camera.fx == pytest.approx(walked.camera.fx, rel=1e-6)
    assert frame.camera.cy == pytest.approx(walked.camera.cy, rel=1e-6)
    assert np.abs(frame.rgb.astype(int) - walked.steps[2].rgb).mean() < 2
    if camera_of is camera:
        assert surface_f(capture, walked) >= 0.99
    again = pickle.loads(pickle.dumps(capture))
    np.testing.assert_array_equal(again.frame(2).depth_m, frame.depth_m)
    assert capture.time_s(2) == 102.5


def test_smaller_depth_and_sideways_phone(make_walk, write, surface_f: Callable) -> None:
    walked = make_walk(8, size=(192, 144), depth_size=(96, 72), roll_deg=90)
    capture = open_capture(write(walked, optimised=range(8)))
    assert capture.camera().size == (144, 192)  # upright
    assert surface_f(capture, walked) >= 0.99


def test_a_camera_a_frame(make_walk, write, surface_f: Callable, tmp_path: Path) -> None:
    plain, zoomed = make_walk(8), make_walk(8, focal=0.82)
    path = write(plain, optimised=range(8))
    with sqlite3.connect(path) as base:
        for n in (1, 4):
            data = (millimetres(zoomed.steps[n].depth_m), camera(zoomed.camera), n + 3)
            base.execute("UPDATE Data SET depth = ?, calibration = ? WHERE id = ?", data)
    capture = open_capture(path)
    assert capture.camera().fx == pytest.approx(plain.camera.fx)
    assert "cameras differ from frame to frame" in capture.info().notes[-1]
    assert surface_f(capture, plain) >= 0.99


def test_poses_are_the_optimised_ones_or_those_of_one_session(make_walk, write) -> None:
    walked = make_walk(6, size=(64, 48))
    path = write(walked, optimised=(0, 1, 4), odometry=OPTICAL)
    capture = open_capture(path)
    assert [capture.pose(n) is None for n in range(6)] == [n not in (0, 1, 4) for n in range(6)]
    assert "3 frames are not part of the optimised map: no pose" in capture.info().notes
    np.testing.assert_allclose(
        capture.pose(4).world_from_camera, walked.steps[4].world_from_camera, atol=1e-6
    )
    capture = open_capture(write(walked, sessions=(0, 0, 1, 1, 1, 2)))
    assert [capture.pose(n) is None for n in range(6)] == [n not in (2, 3, 4) for n in range(6)]
    said = " ".join(capture.info().notes)
    assert "poses are the odometry's" in said
    assert "3 frames are of 2 other sessions" in said


def test_distortion_is_told_and_folders_are_searched(make_walk, write, tmp_path: Path) -> None:
    walked = make_walk(1, size=(64, 48))
    path = write(walked, camera_of=lambda c: camera(c, lens=(-0.05, 0.06, 0, 0, -0.02)))
    (tmp_path / "Thumbs.db").write_bytes(b"not one")
    capture = open_capture(tmp_path)
    assert capture.name == open_capture(path).name
    assert "RTAB-Map takes images as rectified" in capture.info().notes[-1]
    path.rename(tmp_path / "a.db")
    (tmp_path / "b.db").write_bytes((tmp_path / "a.db").read_bytes())
    with pytest.raises(CaptureError, match="2 databases"):
        open_capture(tmp_path)


STEREO = {"camera_of": lambda c: camera(c, kind=1)}
TWO = {"camera_of": lambda c: 2 * camera(c)}


@pytest.mark.parametrize(
    ("how", "sql", "said"),
    [
        (STEREO, "", "stereo pair"),
        (TWO, "", "a camera of 744 bytes"),
        ({"camera_of": lambda c: camera(c, np.full((4, 4), np.nan))}, "", "place on the robot"),
        ({}, "UPDATE Data SET image = NULL", "nodes without image or depth"),
        ({}, "UPDATE Data SET calibration = NULL", "3 without a camera"),
        ({}, "UPDATE Data SET calibration = x'0102'", "a camera of 2 bytes"),
        ({}, "UPDATE Data SET depth = image", "no PNG"),
        ({}, "UPDATE Data SET depth = 'text'", "without depth"),
        ({}, "UPDATE Node SET stamp = 'noon'", "a stamp in seconds"),
        ({}, "UPDATE Admin SET opt_poses = x'789c0102'", "damaged optimised poses"),
        ({}, "UPDATE Admin SET opt_poses = opt_ids", "damaged|12 numbers a node"),
        ({}, "DROP TABLE Data", "without Data"),
        ({}, "ALTER TABLE Node RENAME COLUMN pose TO place", "without Node"),
    ],
)
def test_what_cannot_be_read_says_why(make_walk, write, how, sql: str, said: str) -> None:
    path = write(make_walk(3, size=(32, 24)), optimised=range(3), **how)
    if sql:
        with sqlite3.connect(path) as base:
            base.execute(sql)
    with pytest.raises(CaptureError, match=said):
        open_capture(path)


def test_damaged_frames_and_files(make_walk, write, tmp_path: Path) -> None:
    walked = make_walk(3, size=(64, 48))
    path = write(walked, rvl, optimised=range(3))
    good = rvl(walked.steps[0].depth_m)
    bad = [good[:-40], good[:16], good[:8] + struct.pack("<2I", 9999, 9999) + good[16:], b"\x89PNG",
           encode_png(np.ones((48, 64), np.uint8)), encode_png(walked.steps[0].rgb)]  # fmt: skip
    with sqlite3.connect(path) as base:
        for data in bad:
            base.execute("UPDATE Data SET depth = ? WHERE id = 4", (data,))
            base.commit()
            capture = open_capture(path)
            capture.frame(0)
            with pytest.raises(CaptureError, match=r"frame 4|node 4"):
                capture.frame(1)
    data = path.read_bytes()
    for broken in (b"", data[:1000], data[: len(data) // 2], b"noise" * 500):
        path.write_bytes(broken)
        with pytest.raises(CaptureError, match=r"SQLite|without Node|nodes without"):
            open_capture(path).frame(2)


@pytest.mark.realdata
def test_a_real_database(shared: Path) -> None:
    capture = open_capture(shared / "data/captures/rtabmap/v0.21.1_realsense.db")
    assert isinstance(capture, RtabmapCapture)
    frame = capture.frame(0)
    assert frame.rgb.shape == (720, 1280, 3)
    assert frame.depth_m.max() < 20  # 65535 is no reading
    assert np.median(frame.depth_m[frame.depth_m > 0]) == pytest.approx(1.018, abs=1e-3)
    assert frame.camera.fx == pytest.approx(639.25, abs=0.01)
    # Half a metre above the floor, looking ahead.
    pose = frame.pose.world_from_camera
    np.testing.assert_allclose(pose[:3, 3], [0.143, 0.505, 0.524], atol=1e-3)
    assert pose[2, 1] < -0.99
