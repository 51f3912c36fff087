"""Stray Scanner: old and new columns, PNG and NumPy depth, short videos, images, broken ones."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crossvox.capture import open_capture
from crossvox.capture.export import export_folder
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.core.camera import Intrinsics, unproject
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_jpeg, encode_png

DEPTH_SIZE = (128, 96)
OLD = ["timestamp", "frame", "x", "y", "z", "qx", "qy", "qz", "qw"]
NEW = [*OLD, "fx", "fy", "cx", "cy", "distortion_center_x", "distortion_center_y"]
GEOMETRY = Parts(rgb=False, labels=False)


@dataclass
class Recording:
    """Writes a walk as the app would, into a folder."""

    folder: Path
    columns: list[str]
    start: int = 0

    def line(self, number: int, matrix: np.ndarray, camera: Intrinsics) -> str:
        values = [260186.94685 + number / 60, f"{number:06d}", *matrix[:3, 3].tolist()]
        values += Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist()
        if len(self.columns) > 9:
            values += [camera.fx, camera.fy, camera.cx, camera.cy, "", ""]
        return ", ".join(map(str, values))

    def write(self, walked, cameras=None, depth: str = "png", gaps: int = 1) -> Path:
        path, lines = self.folder, [", ".join(self.columns)]
        for name in ("depth", "confidence"):
            (path / name).mkdir(parents=True)
        for n, step in enumerate(walked.steps):
            number = self.start + gaps * n
            camera = walked.camera if cameras is None else cameras[n]
            lines.append(self.line(number, step.world_from_camera, camera))
            millimetres = np.round(1000 * step.depth_m).astype(np.uint16)
            if depth == "png":
                (path / f"depth/{number:06d}.png").write_bytes(encode_png(millimetres))
            else:
                np.save(path / f"depth/{number:06d}.npy", millimetres)
            trust = np.full(millimetres.shape, 2, np.uint8)
            (path / f"confidence/{number:06d}.png").write_bytes(encode_png(trust))
        (path / "odometry.csv").write_text("\n".join(lines) + "\n")
        (path / "imu.csv").write_text("timestamp, a_x\n1.0, 2.0\n")
        c = walked.camera
        matrix = f"{c.fx}, 0.0, {c.cx}\n0.0, {c.fy}, {c.cy}\n0.0, 0.0, 1.0"
        (path / "camera_matrix.csv").write_text(matrix)
        return path


@pytest.fixture(scope="module")
def walked(make_walk, level_to_y_up):
    return make_walk(12, size=(256, 192), depth_size=DEPTH_SIZE, world=level_to_y_up)


@pytest.fixture(scope="module")
def recorded(walked, write_video, tmp_path_factory) -> Path:
    path = Recording(tmp_path_factory.mktemp("stray") / "0a1b2c3d4e", OLD).write(walked)
    write_video(path / "rgb.mp4", [step.rgb for step in walked.steps])
    return path


@pytest.fixture
def copied(recorded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(recorded, tmp_path / "scan")


def poses_of(capture) -> np.ndarray:
    return np.array([capture.pose(i).world_from_camera for i in range(len(capture))])


def color_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found.astype(int) - expected).mean())


def test_a_recording_of_old_columns(recorded: Path, walked, surface_f: Callable) -> None:
    capture = open_capture(recorded)
    info = capture.info()
    assert (info.format, info.up, len(capture)) == ("Stray Scanner", (0, 1, 0), 12)
    np.testing.assert_allclose(
        poses_of(capture), [s.world_from_camera for s in walked.steps], atol=1e-6
    )
    assert capture.camera() == walked.camera
    assert info.depth_camera == walked.depth_camera
    assert surface_f(capture, walked) >= 0.99
    for index in (0, 7, 3, 11):
        assert color_error(capture.frame(index).rgb, walked.steps[index].rgb) < 3
    assert capture.time_s(3) - capture.time_s(0) == pytest.approx(0.05)


def test_a_capture_travels_and_serves_threads(recorded: Path, walked) -> None:
    from concurrent.futures import ThreadPoolExecutor

    capture = pickle.loads(pickle.dumps(open_capture(recorded)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: capture.frame(i).rgb, range(12)))
    assert max(color_error(rgb, s.rgb) for rgb, s in zip(found, walked.steps, strict=True)) < 3


def test_new_columns_give_each_frame_its_camera(
    make_walk, level_to_y_up, write_video, surface_f: Callable, tmp_path: Path
) -> None:
    near, far = (
        make_walk(12, focal=f, depth_size=DEPTH_SIZE, world=level_to_y_up) for f in (0.8, 0.9)
    )
    steps = [(far if n % 3 == 0 else near).steps[n] for n in range(12)]
    cameras = [(far if n % 3 == 0 else near).camera for n in range(12)]
    mixed = type(near)(steps, near.camera, near.depth_camera)
    path = Recording(tmp_path / "scan", NEW).write(mixed, cameras)
    write_video(path / "rgb.mp4", [step.rgb for step in steps])
    capture = open_capture(path)
    assert capture.camera() == near.camera
    assert surface_f(capture, near) >= 0.98
    error = color_error(capture.frame(3).rgb[40:150, 40:210], near.steps[3].rgb[40:150, 40:210])
    assert error < 4  # the longer lens's image lies where the usual one's would
    # Without the columns the same files fuse into something else.
    text = (path / "odometry.csv").read_text().splitlines()
    (path / "odometry.csv").write_text("\n".join(",".join(t.split(",")[:9]) for t in text))
    assert surface_f(open_capture(path), near) < 0.95
    # New files need no camera_matrix.csv.
    (path / "odometry.csv").write_text("\n".join(text))
    (path / "camera_matrix.csv").unlink()
    assert open_capture(path).camera() == near.camera


def test_cameras_are_for_the_size_that_is_recorded(copied: Path, walked) -> None:
    c = walked.camera.resized((1920, 1440))
    matrix = f"{c.fx}, 0.0, {c.cx}\n0.0, {c.fy}, {c.cy}\n0.0, 0.0, 0.0"
    (copied / "camera_matrix.csv").write_text(matrix)
    camera = open_capture(copied).camera()
    np.testing.assert_allclose(camera.matrix, walked.camera.matrix, atol=1e-9)


def test_numpy_depth_of_the_oldest(tmp_path: Path, walked, recorded: Path) -> None:
    path = Recording(tmp_path / "scan", OLD).write(walked, depth="npy")
    shutil.copy(recorded / "rgb.mp4", path)
    depth, expected = (
        open_capture(p).frame(5, walked.depth_camera.size, GEOMETRY).depth_m
        for p in (path, recorded)
    )
    np.testing.assert_array_equal(depth, expected)


def test_a_video_one_frame_shorter(copied: Path, walked, write_video) -> None:
    write_video(copied / "rgb.mp4", [step.rgb for step in walked.steps[:-1]])
    capture = open_capture(copied)
    assert capture.frame_ids == tuple(range(11))
    assert "left out: 1 depth images beyond the end of the video" in capture.info().notes


def test_numbers_count_and_not_the_order(copied: Path, walked) -> None:
    for part in ("depth", "confidence"):
        (copied / part / "000004.png").unlink()
    lines = (copied / "odometry.csv").read_text().splitlines()
    (copied / "odometry.csv").write_text("\n".join(lines[:9] + lines[10:]))
    capture = open_capture(copied)
    assert capture.frame_ids == (0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11)
    assert capture.pose(capture.frame_ids.index(8)) is None
    at = capture.frame_ids.index(9)
    assert color_error(capture.frame(at).rgb, walked.steps[9].rgb) < 3
    np.testing.assert_allclose(
        capture.pose(at).world_from_camera, walked.steps[9].world_from_camera, atol=1e-6
    )
    notes = " ".join(capture.info().notes)
    assert "1 lines of odometry.csv without a depth image" in notes
    assert "1 frames have no line" in notes


def test_images_in_the_place_of_the_video(tmp_path: Path, walked) -> None:
    path = Recording(tmp_path / "scan", OLD, start=3).write(walked, gaps=20)
    (path / "rgb").mkdir()
    for n, step in enumerate(walked.steps[:-1]):
        (path / f"rgb/{3 + 20 * n:06d}.jpg").write_bytes(encode_jpeg(step.rgb))
    capture = open_capture(path)
    assert capture.frame_ids == tuple(3 + 20 * n for n in range(11))
    assert "left out: 1 depth images without colour" in capture.info().notes
    assert capture.frame(2, parts=Parts(stored=True)).stored.color is not None
    export_folder(capture, tmp_path / "out", frame_skip=1, size=DEPTH_SIZE)
    exported = open_capture(tmp_path / "out")
    assert exported.frame_ids == capture.frame_ids
    np.testing.assert_array_equal(poses_of(exported), poses_of(capture))


def test_confidence_masks_depth(copied: Path) -> None:
    trust = np.zeros(DEPTH_SIZE[::-1], np.uint8)
    trust[:, 40:], trust[:, 80:] = 1, 2
    for file in (copied / "confidence").iterdir():
        file.write_bytes(encode_png(trust))
    for level, left in (("low", 0), ("medium", 40), ("high", 80)):
        capture = open_capture(copied, params=CaptureParams(confidence=level))
        depth = capture.frame(2, DEPTH_SIZE, GEOMETRY).depth_m
        assert not depth[:, :left].any()
        assert (depth[:, left:] > 0).all()
    shutil.rmtree(copied / "confidence")
    capture = open_capture(copied)
    assert (capture.frame(2, DEPTH_SIZE, GEOMETRY).depth_m > 0).all()
    assert "no confidence/: all depth is taken" in capture.info().notes


def test_a_phone_held_upright(
    make_walk, level_to_y_up, write_video, surface_f: Callable, tmp_path: Path
) -> None:
    walked = make_walk(12, depth_size=DEPTH_SIZE, world=level_to_y_up, roll_deg=90)
    path = Recording(tmp_path / "scan", OLD).write(walked)
    write_video(path / "rgb.mp4", [step.rgb for step in walked.steps])
    capture = open_capture(path)
    assert capture.camera().size == (192, 256)
    assert surface_f(capture, walked) >= 0.99
    assert color_error(capture.frame(3).rgb, np.rot90(walked.steps[3].rgb, -1)) < 3


def test_odometry_as_it_comes(copied: Path, walked) -> None:
    path = copied / "odometry.csv"
    text = path.read_text()
    lines = text.splitlines()
    path.write_text("﻿" + text.replace(", ", ",").replace("\n", "\r\n"), newline="")
    np.testing.assert_allclose(
        poses_of(open_capture(copied)), [s.world_from_camera for s in walked.steps], atol=1e-6
    )
    path.write_text("\n".join(lines[1:]))  # no header
    assert open_capture(copied).pose(4) is not None
    path.write_text("\n".join([*lines[:-1], lines[-1][:30]]))
    capture = open_capture(copied)
    assert capture.pose(11) is None
    assert "the last line of odometry.csv is cut and left out" in capture.info().notes
    path.write_text("\n".join([*lines, lines[3]]))
    assert "left out: 1 lines of odometry.csv for a frame that has one" in (
        open_capture(copied).info().notes
    )
    path.write_text("\n".join([*lines[:5], lines[5].replace(", ", ", nan", 1), *lines[6:]]))
    with pytest.raises(CaptureError, match=r"odometry\.csv, line 6"):
        open_capture(copied)
    words = lines[5].split(", ")
    words[2] = "nan"
    path.write_text("\n".join([*lines[:5], ", ".join(words), *lines[6:]]))
    assert open_capture(copied).pose(4) is None


def remove(name: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        (shutil.rmtree if (path / name).is_dir() else Path.unlink)(path / name)

    return change


def cut(name: str, share: float = 0.5) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = (path / name).read_bytes()
        (path / name).write_bytes(data[: int(share * len(data))])

    return change


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_text(text) and None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (remove("depth"), r"without depth/NNNNNN\.png: looks like Stray Scanner"),
        (remove("odometry.csv"), r"without odometry\.csv: looks like Stray Scanner"),
        (remove("rgb.mp4"), r"without rgb\.mp4 and without images.*rgb/NNNNNN\.jpg"),
        (remove("camera_matrix.csv"), r"camera_matrix\.csv.*--intrinsics"),
        (cut("rgb.mp4"), r"rgb\.mp4, a video that cannot be read"),
        (written("odometry.csv", ""), r"odometry\.csv of 0 lines"),
        (written("odometry.csv", "a, b\n1, 2\n"), r"columns a, b"),
        (written("odometry.csv", "timestamp, frame, x\n1, 2, 3\n"), "qx, qy"),
        (written("camera_matrix.csv", "1, 2\n"), r"camera_matrix\.csv with 2 numbers"),
        (written("camera_matrix.csv", "nan, 0, 1, 0, 1, 1, 0, 0, 1"), r"camera_matrix\.csv"),
        (written("camera_matrix.csv", "1e9, 0, 128, 0, 1e9, 96, 0, 0, 1"), "focal lengths"),
    ],
)
def test_what_is_refused_when_opened(copied: Path, change, told: str) -> None:
    change(copied)
    assert reader_of(copied).looks_for.endswith("(Stray Scanner)")
    with pytest.raises(CaptureError, match=told):
        open_capture(copied)


@pytest.mark.parametrize("name", ["depth/000003.png", "confidence/000003.png"])
def test_a_broken_frame_costs_itself_alone(copied: Path, name: str) -> None:
    cut(name)(copied)
    capture = open_capture(copied)
    with pytest.raises(CaptureError, match=r"000003\.png"):
        capture.frame(3)
    assert capture.frame(4).depth_m is not None


def test_a_camera_by_flag(copied: Path) -> None:
    (copied / "camera_matrix.csv").unlink()
    capture = open_capture(copied, params=CaptureParams(intrinsics="200,201,130,90"))
    assert capture.camera() == Intrinsics(200, 201, 130, 90, 256, 192)
    assert capture.info().depth_camera == capture.camera().resized(DEPTH_SIZE)


def test_videos_of_something_else_are_refused(
    tmp_path: Path, copied: Path, walked, write_video
) -> None:
    write_video(copied / "rgb.mp4", [np.rot90(step.rgb) for step in walked.steps])
    with pytest.raises(CaptureError, match=r"192x256 and depth of 128x96.*original video"):
        open_capture(copied)
    # As many frames as there is depth, but depth is numbered otherwise.
    path = Recording(tmp_path / "gaps", OLD).write(walked, gaps=20)
    write_video(path / "rgb.mp4", [step.rgb for step in walked.steps])
    with pytest.raises(CaptureError, match=r"numbered 0 to 220, and a video of 12 frames"):
        open_capture(path)


@pytest.mark.parametrize("around", ["", "0a1b2c3d4e/"])
def test_a_recording_in_a_zip_file(
    recorded: Path, tmp_path: Path, around: str, monkeypatch
) -> None:
    file = tmp_path / "recording.zip"
    monkeypatch.setenv("CROSSVOX_UNPACKED", str(tmp_path / "unpacked"))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in recorded.rglob("*") if path.is_file()):
            archive.write(path, around + path.relative_to(recorded).as_posix())
    plain, capture = open_capture(recorded), pickle.loads(pickle.dumps(open_capture(file)))
    assert capture.name == (around[:-1] or "recording")
    assert capture.info().color_camera == plain.info().color_camera
    for index in (3, 0, 11):
        found, expected = capture.frame(index), plain.frame(index)
        np.testing.assert_array_equal(found.rgb, expected.rgb)
        np.testing.assert_array_equal(found.depth_m, expected.depth_m)


def residual_m(a, b) -> float:
    """Median difference of depth between what one frame saw, and another where that projects."""
    points = unproject(a.depth_m.astype(float), a.camera)[a.depth_m > 0]
    moved = points @ (np.linalg.inv(b.pose.world_from_camera) @ a.pose.world_from_camera)[:3, :3].T
    moved += (np.linalg.inv(b.pose.world_from_camera) @ a.pose.world_from_camera)[:3, 3]
    moved = moved[moved[:, 2] > 0.1]
    c = b.camera
    u = np.rint(c.fx * moved[:, 0] / moved[:, 2] + c.cx).astype(int)
    v = np.rint(c.fy * moved[:, 1] / moved[:, 2] + c.cy).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < c.width) & (v < c.height)
    there = b.depth_m[v[inside], u[inside]]
    return float(np.median(np.abs(moved[inside, 2] - there)[there > 0]))


@pytest.mark.realdata
def test_frames_of_a_real_recording_agree(shared: Path, tmp_path: Path, write_video) -> None:
    sample = shared / "data/captures/stray"
    path = shutil.copytree(sample, tmp_path / "scan")
    with pytest.raises(CaptureError, match=r"without rgb\.mp4"):
        open_capture(path)
    from crossvox.doors.images import read_gray

    depth = sorted((path / "depth").iterdir())[:40]

    def painted():
        for number in range(int(depth[-1].stem) + 1):
            near = read_gray(path / f"depth/{20 * (number // 20):06d}.png")
            yield np.repeat((near[..., None] // 16).astype(np.uint8), 3, axis=2)

    write_video(path / "rgb.mp4", painted())
    capture = open_capture(path, params=CaptureParams(confidence="high"))
    assert capture.frame_ids == tuple(range(0, 800, 20))
    frames = [capture.frame(i, (256, 192)) for i in range(0, 40, 2)]
    residuals = [residual_m(a, b) for a, b in pairwise(frames)]
    assert np.median(residuals) < 0.02
    shown = frames[5].rgb[..., 0].astype(int) * 16 / 1000
    known = frames[5].depth_m > 0
    assert np.median(np.abs(shown - frames[5].depth_m)[known]) < 0.05
    assert capture.info().up == (0, 1, 0)
