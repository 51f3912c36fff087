"""ScanNet++'s iPhone part: video or images, depth of three kinds, poses of the phone or a model."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Parts
from crossvox.doors.images import encode_jpeg, encode_png

SIZE = (256, 192)


def entries(walked, **changed) -> dict:
    """As the file has them; a value of None leaves the key out, a function makes it."""
    made = {}
    phone = np.eye(4)
    phone[:3, 3] = 5, 0, 1
    for n, step in enumerate(walked.steps):
        one = {
            "timestamp": 100 + n / 60,
            "pose": (phone @ step.world_from_camera).tolist(),
            "intrinsic": walked.camera.matrix.tolist(),
            "aligned_pose": step.world_from_camera.tolist(),
            "imu": {"gravity": [0, 0, -1], "magnet": "somewhere"},
        }
        one |= {k: v(n, step) if callable(v) else v for k, v in changed.items()}
        made[f"frame_{n:06d}"] = {k: v for k, v in one.items() if v is not None}
    return made


def lz4_of(walked) -> bytes:
    block = pytest.importorskip("lz4.block")
    images = [np.round(1000 * s.depth_m).astype("<u2").tobytes() for s in walked.steps]
    packed = [block.compress(image, store_size=False) for image in images]
    return b"".join(struct.pack("<I", len(p)) + p for p in packed)


def one_stream_of(walked) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = b"".join(s.depth_m.astype("<f4").tobytes() for s in walked.steps)
    return packer.compress(data) + packer.flush()


@pytest.fixture(scope="module")
def walked(make_walk):
    return make_walk(12, size=SIZE)


@pytest.fixture(scope="module")
def scene(walked, write_video, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pp") / "036bce3393"
    write_video(path / "iphone/rgb.mkv", [step.rgb for step in walked.steps])
    (path / "iphone/depth.bin").write_bytes(lz4_of(walked))
    (path / "iphone/pose_intrinsic_imu.json").write_text(json.dumps(entries(walked)))
    (path / "iphone/exif.json").write_text('{"Model": "a phone of somebody"}')
    (path / "scans").mkdir()
    (path / "scans/mesh_aligned_0.05.ply").write_text("ply\n")
    return path


@pytest.fixture
def copied(scene: Path, tmp_path: Path) -> Path:
    return shutil.copytree(scene, tmp_path / "scene")


def expect_poses(capture, walked, steps) -> None:
    found = [capture.pose(i).world_from_camera for i in range(len(capture))]
    np.testing.assert_allclose(found, [walked.steps[n].world_from_camera for n in steps], atol=1e-6)


@pytest.mark.parametrize("inner", ["", "iphone"])
def test_a_scene(scene: Path, walked, surface_f: Callable, inner: str) -> None:
    capture = pickle.loads(pickle.dumps(open_capture(scene / inner)))
    info = capture.info()
    assert (info.format, info.up, capture.name) == (
        "ScanNet++ (iPhone)",
        (0, 0, 1),
        "036bce3393",
    )
    assert info.mesh == scene / "scans/mesh_aligned_0.05.ply"
    assert capture.frame_ids == tuple(range(12))
    assert capture.camera() == walked.camera
    assert info.depth_camera.size == SIZE
    expect_poses(capture, walked, range(12))
    for index in (0, 9, 4):
        error = np.abs(capture.frame(index).rgb.astype(int) - walked.steps[index].rgb).mean()
        assert error < 3
    assert capture.time_s(6) - capture.time_s(0) == pytest.approx(0.1)
    if not inner:
        assert surface_f(capture, walked) >= 0.99


def test_one_stream_of_floats(copied: Path, walked, surface_f: Callable) -> None:
    (copied / "iphone/depth.bin").write_bytes(one_stream_of(walked))
    capture = open_capture(copied)
    assert len(capture) == 12
    assert surface_f(capture, walked) >= 0.99


def test_images_that_the_toolkit_writes(copied: Path, walked, surface_f: Callable) -> None:
    phone = copied / "iphone"
    (phone / "rgb.mkv").unlink()
    (phone / "depth.bin").unlink()
    for n, step in enumerate(walked.steps):
        for part, data in (
            ("rgb", encode_jpeg(step.rgb)),
            ("depth", encode_png(np.round(1000 * step.depth_m).astype(np.uint16))),
        ):
            (phone / part).mkdir(exist_ok=True)
            if n != 3 or part == "depth":
                ending = "jpg" if part == "rgb" else "png"
                (phone / part / f"frame_{n:06d}.{ending}").write_bytes(data)
    capture = open_capture(copied)
    ids = (0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
    assert capture.frame_ids == ids
    expect_poses(capture, walked, ids)
    assert "left out: 1 depth images without colour" in capture.info().notes
    assert capture.frame(3, parts=Parts(stored=True)).stored.color is not None
    np.testing.assert_allclose(capture.frame(3).depth_m, walked.steps[4].depth_m, atol=1e-3)
    assert surface_f(capture, walked) >= 0.98


def test_cameras_are_for_what_was_recorded(copied: Path, walked, make_walk) -> None:
    big = walked.camera.resized((1920, 1440))

    def own(n, step):
        return Intrinsics(big.fx + n, big.fy + n, big.cx, big.cy, 1920, 1440).matrix.tolist()

    told = entries(walked, intrinsic=own)
    (copied / "iphone/pose_intrinsic_imu.json").write_text(json.dumps(told))
    capture = open_capture(copied)
    middle = Intrinsics(big.fx + 5.5, big.fy + 5.5, big.cx, big.cy, 1920, 1440).resized(SIZE)
    np.testing.assert_allclose(capture.camera().matrix, middle.matrix, atol=1e-9)


def test_poses_as_they_come(copied: Path, walked) -> None:
    path = copied / "iphone/pose_intrinsic_imu.json"

    def odd(n, step):
        if n == 2:
            return None
        if n == 3:
            return [[float("nan")] * 4] * 4
        if n == 4:
            return step.world_from_camera.ravel().tolist()
        return step.world_from_camera.tolist()

    path.write_text(json.dumps(entries(walked, aligned_pose=odd)))
    capture = open_capture(copied)
    assert [capture.pose(n) is None for n in range(5)] == [False, False, True, True, False]
    assert "2 frames have no pose" in capture.info().notes

    def scaled(n, step):
        matrix = step.world_from_camera.copy()
        matrix[:3, :3] *= 1.02
        return matrix.tolist()

    path.write_text(json.dumps(entries(walked, aligned_pose=scaled)))
    expect_poses(open_capture(copied), walked, range(12))

    path.write_text(json.dumps(entries(walked, aligned_pose=None)))
    capture = open_capture(copied)
    assert capture.info().up is None
    assert capture.info().mesh is None
    assert capture.pose(0).world_from_camera[0, 3] == pytest.approx(
        walked.steps[0].world_from_camera[0, 3] + 5
    )
    assert "no aligned_pose: poses in a world of the phone's own" in capture.info().notes


def model(folder: Path, walked, numbers, distortion=(0.0, 0.0, 0.0, 0.0)) -> None:
    folder.mkdir()
    c = walked.camera
    values = [c.fx, c.fy, c.cx + 0.5, c.cy + 0.5, *distortion]
    (folder / "cameras.txt").write_text(
        f"1 OPENCV {c.width} {c.height} " + " ".join(map(str, values))
    )
    lines = []
    for n in numbers:
        inverse = np.linalg.inv(walked.steps[n].world_from_camera)
        x, y, z, w = Rotation.from_matrix(inverse[:3, :3]).as_quat().tolist()
        pose = " ".join(map(str, [w, x, y, z, *inverse[:3, 3].tolist()]))
        lines += [f"{n + 1} {pose} 1 frame_{n:06d}.jpg", ""]
    (folder / "images.txt").write_text("\n".join(lines))


def test_a_model_where_the_phone_tells_nothing(copied: Path, walked, surface_f: Callable) -> None:
    (copied / "iphone/pose_intrinsic_imu.json").unlink()
    model(copied / "iphone/colmap", walked, range(0, 12, 3))
    capture = open_capture(copied)
    assert capture.frame_ids == (0, 3, 6, 9)
    expect_poses(capture, walked, (0, 3, 6, 9))
    np.testing.assert_allclose(capture.camera().matrix, walked.camera.matrix, atol=1e-9)
    notes = " ".join(capture.info().notes)
    assert "left out: 8 frames without a pose" in notes
    np.testing.assert_allclose(capture.frame(1).depth_m, walked.steps[3].depth_m, atol=1e-3)


def test_the_lens_of_a_model(copied: Path, walked) -> None:
    (copied / "iphone/pose_intrinsic_imu.json").unlink()
    model(copied / "iphone/colmap", walked, range(12), (0.2, 0, 0, 0))
    capture = open_capture(copied)
    plain = walked.steps[5].rgb
    rgb = capture.frame(5).rgb
    assert np.abs(rgb[90:100, 120:136].astype(int) - plain[90:100, 120:136]).mean() < 4
    assert np.abs(rgb.astype(int) - plain).mean() > 4  # the corners came from elsewhere


def cut(name: str) -> Callable[[Path], None]:
    def change(phone: Path) -> None:
        data = (phone / name).read_bytes()
        (phone / name).write_bytes(data[: len(data) // 2])

    return change


def wrote(text: str) -> Callable[[Path], None]:
    return lambda phone: (phone / "pose_intrinsic_imu.json").write_text(text)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: (p / "depth.bin").unlink(), r"without depth\.bin: looks like ScanNet\+\+"),
        (lambda p: (p / "rgb.mkv").unlink(), r"without rgb\.mkv"),
        (
            lambda p: (p / "pose_intrinsic_imu.json").unlink(),
            r"without pose_intrinsic_imu\.json or colmap/: looks like ScanNet\+\+",
        ),
        (lambda p: (p / "rgb.mkv").write_bytes(b"no video"), r"rgb\.mkv, a video that cannot"),
        (lambda p: (p / "depth.bin").write_bytes(b""), r"depth\.bin, depth that cannot be read"),
        (cut("pose_intrinsic_imu.json"), r"pose_intrinsic_imu\.json, which does not hold"),
        (wrote("{}"), "none with a camera"),
        (wrote('{"frame_000000": {"intrinsic": [[1, 2], [3]]}}'), "a matrix of 0 numbers"),
        (wrote('{"frame_000000": {"intrinsic": [[1, 2], [3, 4]]}}'), "a matrix of 4 numbers"),
        (wrote('{"frame_000000": {"intrinsic": 3}}'), "does not hold"),
        (wrote('{"frame_000000": {"intrinsic": [[1,0,1],[0,1,1],[0,0,1]]}}'), "focal"),
    ],
)
def test_what_is_refused(copied: Path, change, told: str) -> None:
    change(copied / "iphone")
    assert "(ScanNet++)" in reader_of(copied).looks_for
    with pytest.raises(CaptureError, match=told):
        open_capture(copied)


def test_a_cut_depth_file_costs_its_end(copied: Path, walked) -> None:
    cut("depth.bin")(copied / "iphone")
    capture = open_capture(copied)
    assert 3 <= len(capture) < 12
    assert any("colour images without depth" in note for note in capture.info().notes)
    (copied / "iphone/depth.bin").write_bytes(one_stream_of(walked))
    cut("depth.bin")(copied / "iphone")
    capture = open_capture(copied)
    assert capture.frame(0).depth_m is not None
    with pytest.raises(CaptureError, match=r"depth\.bin.*ends within image"):
        capture.frame(11)
