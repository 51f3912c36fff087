"""Record3D: .r3d files old and new, unpacked ones, and the export EXR + JPG."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.formats import reader_of
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.record3d import READER, Metadata, depth_size
from crossvox.capture.readers.rolled import quarter_roll
from crossvox.core.checks import CaptureError
from crossvox.core.convention import PoseConvention
from crossvox.core.frame import Parts
from crossvox.doors.exr import decode_exr
from crossvox.doors.images import encode_jpeg
from crossvox.doors.lzfse import unpack, unpacked_size

lzfse = pytest.importorskip("lzfse")
OpenEXR = pytest.importorskip("OpenEXR")

GL = PoseConvention("opengl")
DEPTH_SIZE = (48, 64)
NO_COLOR, NO_DEPTH = Parts(rgb=False, labels=False), Parts(depth=False, labels=False)


@pytest.fixture(scope="module")
def walked(make_walk, level_to_y_up):
    """Portrait frames in a world with y up."""
    return make_walk(12, size=(96, 128), depth_size=DEPTH_SIZE, focal=0.7, world=level_to_y_up)


def seven(matrix: np.ndarray) -> list[float]:
    """``qx qy qz qw x y z`` of a stored matrix."""
    from scipy.spatial.transform import Rotation

    return [*Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist(), *matrix[:3, 3].tolist()]


def metadata(walked, **changed) -> dict:
    """As newer versions write it; a value of None leaves the key out."""
    c, count = walked.camera, len(walked.steps)
    made = {
        "w": c.width, "h": c.height, "dw": DEPTH_SIZE[0], "dh": DEPTH_SIZE[1], "fps": 60,
        "K": [c.fx, 0, 0, 0, c.fy, 0, c.cx, c.cy, 1], "cameraType": 1,
        "initPose": [0, 0, 0, 1, 0, 0, 0],
        "frameTimestamps": [n / 60 for n in range(count)],
        "perFrameIntrinsicCoeffs": [[c.fx, c.fy, c.cx, c.cy]] * count,
        "poses": [seven(GL.stored(s.world_from_camera)) for s in walked.steps],
        "user": "somebody",
    }  # fmt: skip
    return {key: value for key, value in (made | changed).items() if value is not None}


def r3d_files(walked, meta: dict, confidence: np.ndarray | None = None) -> dict[str, bytes]:
    """Files of a recording by name."""
    files = {"metadata": json.dumps(meta).encode(), "icon": b"", "sound.m4a": b""}
    for n, step in enumerate(walked.steps):
        depth = step.depth_m.astype("<f4")
        depth[0, :3] = np.nan, np.inf, -1
        files[f"rgbd/{n}.jpg"] = encode_jpeg(step.rgb)
        files[f"rgbd/{n}.depth"] = lzfse.compress(depth.tobytes())
        if confidence is not None:
            files[f"rgbd/{n}.conf"] = lzfse.compress(confidence.tobytes())
    return files


def zipped(path: Path, files: dict[str, bytes], below: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(below + name, data)
            archive.writestr(f"__MACOSX/{below}._{name.replace('/', '_')}", b"x")
    return path


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def exr(pixels: np.ndarray, channels: tuple[str, ...] = ("R",), compression: str = "ZIP") -> bytes:
    header = {
        "compression": getattr(OpenEXR, f"{compression}_COMPRESSION"),
        "type": OpenEXR.scanlineimage,
    }
    stream = io.BytesIO()
    image = OpenEXR.File(header, {name: np.ascontiguousarray(pixels) for name in channels})
    try:
        image.write(stream)
    except TypeError:
        pytest.skip("this OpenEXR writes files alone")
    return stream.getvalue()


def exr_files(walked, meta: dict, **how) -> dict[str, bytes]:
    files = {"metadata.json": json.dumps(meta).encode()}
    for n, step in enumerate(walked.steps):
        files[f"rgb/{n}.jpg"] = encode_jpeg(step.rgb)
        files[f"depth/{n}.exr"] = exr(step.depth_m.astype(np.float16), **how)
    return files


def expect_walk(capture, walked, surface_f: Callable) -> None:
    for index, number in enumerate(capture.frame_ids):
        pose = capture.pose(index)
        assert pose is not None
        wanted = walked.steps[number].world_from_camera
        np.testing.assert_allclose(pose.world_from_camera, wanted, atol=1e-6)
    camera = capture.info().color_camera
    np.testing.assert_allclose(camera.matrix, walked.camera.matrix, atol=1e-4)
    depth = capture.info().depth_camera
    np.testing.assert_allclose(depth.matrix, walked.depth_camera.matrix, atol=1e-4)
    assert surface_f(capture, walked) >= 0.99


@pytest.mark.parametrize("how", ["r3d", "unpacked", "zip with a folder"])
def test_r3d(walked, tmp_path: Path, surface_f: Callable, how: str) -> None:
    files = r3d_files(walked, metadata(walked))
    if how == "r3d":
        path = zipped(tmp_path / "kitchen.r3d", files)
    elif how == "unpacked":
        path = laid(tmp_path / "kitchen", files)
    else:
        path = zipped(tmp_path / "kitchen.zip", files, below="2023-01-01--10-00-00/")
    capture = open_capture(path)
    assert capture.name == "kitchen"
    expect_walk(capture, walked, surface_f)
    assert capture.info().up == (0, 1, 0)
    assert not capture.info().notes
    frame = capture.frame(2, DEPTH_SIZE)
    assert frame.depth_m is not None
    assert not frame.depth_m[0, :3].any()
    np.testing.assert_allclose(frame.depth_m[1:], walked.steps[2].depth_m[1:], rtol=1e-6)
    rgb = capture.frame(2, parts=NO_DEPTH).rgb
    assert np.abs(rgb.astype(int) - walked.steps[2].rgb).mean() < 4


def test_r3d_of_old(walked, make_walk, tmp_path: Path, surface_f: Callable) -> None:
    # The world is the first camera; depth's size and everything else must be found elsewhere.
    first = GL.stored(walked.steps[0].world_from_camera)
    poses = [seven(np.linalg.inv(first) @ GL.stored(s.world_from_camera)) for s in walked.steps]
    gone = dict.fromkeys(("dw", "dh", "initPose", "frameTimestamps", "perFrameIntrinsicCoeffs"))
    path = zipped(tmp_path / "old.r3d", r3d_files(walked, metadata(walked, poses=poses, **gone)))
    capture = open_capture(path)
    assert capture.info().up is None
    assert "which way is up is not known" in " ".join(capture.info().notes)
    moved = [np.linalg.inv(first) @ step.world_from_camera for step in walked.steps]
    for index, wanted in enumerate(moved):
        np.testing.assert_allclose(capture.pose(index).world_from_camera, wanted, atol=1e-6)
    assert capture.time_s(6) == pytest.approx(0.1)
    assert capture.info().depth_camera.size == DEPTH_SIZE


def test_first_pose_tells_whether_gravity_is_known(walked, tmp_path: Path) -> None:
    poses = metadata(walked)["poses"]
    still = [[0, 0, 0, 1, 0, 0, 0], *poses[1:]]
    for name, meta, known in (
        ("a", metadata(walked), True),
        ("b", metadata(walked, poses=still), False),
        ("c", metadata(walked, initPose=None), False),
    ):
        path = zipped(tmp_path / f"{name}.r3d", r3d_files(walked, meta))
        assert (open_capture(path).info().up is not None) == known


def test_landscape_recordings(
    make_walk, level_to_y_up, tmp_path: Path, surface_f: Callable
) -> None:
    wide = make_walk(12, size=(128, 96), depth_size=(64, 48), world=level_to_y_up)
    meta = metadata(wide, dw=64, dh=48)
    expect_walk(open_capture(zipped(tmp_path / "a.r3d", r3d_files(wide, meta))), wide, surface_f)
    # Some writers tell the portrait size whatever they wrote: the shape of colour decides.
    meta = metadata(wide, dw=48, dh=64)
    expect_walk(open_capture(zipped(tmp_path / "b.r3d", r3d_files(wide, meta))), wide, surface_f)


@pytest.mark.parametrize("turns", [1, 3])
def test_landscape_recordings_with_poses_of_the_portrait_image(
    make_walk, level_to_y_up, tmp_path: Path, surface_f: Callable, turns: int
) -> None:
    wide = make_walk(24, size=(128, 96), depth_size=(64, 48), world=level_to_y_up)
    poses = [seven(GL.stored(step.world_from_camera @ quarter_roll(-turns))) for step in wide.steps]
    meta = metadata(wide, dw=64, dh=48, poses=poses)
    capture = open_capture(zipped(tmp_path / "a.r3d", r3d_files(wide, meta)))
    expect_walk(capture, wide, surface_f)
    assert "held otherwise" in " ".join(capture.info().notes)
    straight = metadata(wide, dw=64, dh=48)
    capture = open_capture(zipped(tmp_path / "b.r3d", r3d_files(wide, straight)))
    expect_walk(capture, wide, surface_f)
    assert not capture.info().notes


def test_sideways_recordings_come_out_upright(
    make_walk, level_to_y_up, tmp_path: Path, surface_f: Callable
) -> None:
    # Versions up to 1.10 stored portrait images however the phone was held.
    walked = make_walk(
        12, size=(96, 128), depth_size=DEPTH_SIZE, focal=0.7, world=level_to_y_up, roll_deg=90
    )
    path = zipped(tmp_path / "a.r3d", r3d_files(walked, metadata(walked)))
    capture = open_capture(path)
    assert capture.camera().size == (128, 96)
    assert surface_f(capture, walked) >= 0.99
    assert open_capture(path, params=CaptureParams(upright=False)).camera().size == (96, 128)


def test_cameras_a_frame(walked, make_walk, level_to_y_up, tmp_path: Path) -> None:
    c, inside = walked.camera, (slice(4, -4), slice(4, -4))
    # Frames 0 to 3 were taken by a longer lens, as that of the first frame (K) and the lists tell.
    longer = make_walk(4, size=c.size, depth_size=DEPTH_SIZE, focal=0.77, world=level_to_y_up)
    plain = make_walk(4, size=c.size, depth_size=DEPTH_SIZE, focal=0.7, world=level_to_y_up)
    files = r3d_files(walked, {}) | r3d_files(longer, {})
    coefficients = [[1.1 * c.fx, 1.1 * c.fy, c.cx, c.cy]] * 4 + [[c.fx, c.fy, c.cx, c.cy]] * 8
    k = [1.1 * c.fx, 0, 0, 0, 1.1 * c.fy, 0, c.cx, c.cy, 1]
    errors = []
    for number, own in enumerate((coefficients, None)):
        meta = metadata(walked, perFrameIntrinsicCoeffs=own, K=k)
        files["metadata"] = json.dumps(meta).encode()
        capture = open_capture(zipped(tmp_path / f"{number}.r3d", files))
        assert capture.camera().fx == pytest.approx(1.1 * c.fx if own is None else c.fx)
        depth = capture.frame(2, DEPTH_SIZE, NO_COLOR).depth_m
        difference = np.abs(depth - plain.steps[2].depth_m)
        errors.append(float(np.median(difference[inside])))
    assert errors[0] < 0.01
    assert errors[1] > 2 * errors[0]


def test_confidence_of_lidar_recordings(walked, tmp_path: Path) -> None:
    confidence = np.full(DEPTH_SIZE[::-1], 2, np.uint8)
    confidence[:, :10], confidence[:, 10:20] = 0, 1
    files = r3d_files(walked, metadata(walked), confidence)
    del files["rgbd/3.conf"]
    path = zipped(tmp_path / "a.r3d", files)
    for level, first in (("low", 0), ("medium", 10), ("high", 20)):
        capture = open_capture(path, params=CaptureParams(confidence=level))
        depth = capture.frame(1, DEPTH_SIZE, NO_COLOR).depth_m
        assert not depth[:, :first].any()
        assert (depth[1:, first:] > 0).all()
        assert (capture.frame(3, DEPTH_SIZE, NO_COLOR).depth_m[1:] > 0).all()
    assert "1 frames without confidence" in " ".join(capture.info().notes)


def test_frames_are_matched_by_number(walked, tmp_path: Path, surface_f: Callable) -> None:
    files = r3d_files(walked, metadata(walked))
    for lost in ("rgbd/2.jpg", "rgbd/2.depth", "rgbd/5.jpg", "rgbd/7.depth"):
        del files[lost]
    capture = open_capture(zipped(tmp_path / "a.r3d", files))
    assert capture.frame_ids == (0, 1, 3, 4, 6, 8, 9, 10, 11)
    notes = " ".join(capture.info().notes)
    assert "1 colour images without depth" in notes
    assert "1 depth images without colour" in notes
    for index, number in enumerate(capture.frame_ids):
        wanted = walked.steps[number].world_from_camera
        np.testing.assert_allclose(capture.pose(index).world_from_camera, wanted, atol=1e-6)
        assert capture.time_s(index) == pytest.approx(number / 60)


def test_poses_that_are_missing_or_zero_are_lost(walked, tmp_path: Path) -> None:
    poses = metadata(walked)["poses"]
    poses = [*poses[:4], [np.nan] * 7, [0] * 7, *poses[6:9]]
    capture = open_capture(
        zipped(tmp_path / "a.r3d", r3d_files(walked, metadata(walked, poses=poses)))
    )
    assert [i for i in range(12) if capture.pose(i) is None] == [4, 5, 9, 10, 11]
    assert "3 frames have no pose" in " ".join(capture.info().notes)
    path = zipped(tmp_path / "b.r3d", r3d_files(walked, metadata(walked, poses=None)))
    assert open_capture(path).pose(0) is None


@pytest.mark.parametrize("place", ["", "EXR_RGBD"])
def test_exr_and_jpg(walked, tmp_path: Path, surface_f: Callable, place: str) -> None:
    files = exr_files(walked, metadata(walked))
    path = laid(tmp_path / "hall" / place, files)
    for given in {path, tmp_path / "hall"}:
        capture = open_capture(given)
        assert capture.name == "hall"
        assert capture.info().format == "Record3D (EXR + JPG)"
        expect_walk(capture, walked, surface_f)
    zip_path = zipped(tmp_path / "hall.zip", files, below="EXR_RGBD/")
    expect_walk(open_capture(zip_path), walked, surface_f)


@pytest.mark.parametrize("compression", ["ZIP", "ZIPS", "NO", "RLE", "PIZ"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_exr_of_every_kind(compression: str, dtype: type) -> None:
    pixels = np.random.default_rng(0).uniform(0.2, 5, (12, 20)).astype(dtype)
    np.testing.assert_array_equal(decode_exr(exr(pixels, compression=compression), "x"), pixels)
    with_more = exr(pixels, ("A", "B", "G", "R"))
    np.testing.assert_array_equal(decode_exr(with_more, "x"), pixels)
    with pytest.raises(CaptureError, match="A, B"):
        decode_exr(exr(pixels, ("A", "B")), "x")


def test_objects_serve_threads_and_can_be_pickled(walked, tmp_path: Path) -> None:
    capture = open_capture(zipped(tmp_path / "a.r3d", r3d_files(walked, metadata(walked))))
    again = pickle.loads(pickle.dumps(capture))
    one = [again.frame(i, DEPTH_SIZE, NO_COLOR).depth_m for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda i: capture.frame(i, DEPTH_SIZE, NO_COLOR).depth_m, range(12)))
    np.testing.assert_array_equal(one, many)


def test_depth_size_is_found() -> None:
    bare = Metadata(K=[])
    assert depth_size(192 * 256, (1440, 1920), bare, "x") == (192, 256)
    assert depth_size(192 * 256, (1920, 1440), bare, "x") == (256, 192)
    assert depth_size(720 * 960, (720, 960), bare, "x") == (720, 960)
    assert depth_size(480 * 640, (720, 960), bare, "x") == (480, 640)
    assert depth_size(100 * 120, (720, 960), Metadata(K=[], dw=100, dh=120), "x") == (100, 120)
    for meta in (bare, Metadata(K=[], dw=1e300, dh=0)):
        with pytest.raises(CaptureError, match="same shape"):
            depth_size(100 * 120, (720, 960), meta, "x")


def test_lzfse_streams_are_measured() -> None:
    for plain in (b"", b"ab" * 5, bytes(100_000), np.random.default_rng(0).bytes(300_000)):
        packed = lzfse.compress(plain)
        assert unpacked_size(packed, "x") == len(plain)
        assert unpack(packed, len(plain), "x") == plain
    huge = packed[:4] + b"\xff\xff\xff\x7f" + packed[8:]
    for bad in (b"", packed[:-5], packed[:99], b"bvx9" * 9, huge):
        with pytest.raises(CaptureError, match="no whole LZFSE"):
            unpack(bad, len(plain), "x")
    with pytest.raises(CaptureError, match="holds 300000 bytes"):
        unpack(packed, 10**9, "x")


def broken(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    damage: dict[str, tuple[str, bytes | None]] = {
        "no metadata": ("metadata", None),
        "metadata cut": ("metadata", files["metadata"][:50]),
        "K of three": ("metadata", json.dumps({"K": [1, 2, 3]}).encode()),
        "K of words": ("metadata", b'{"K": "x"}'),
        "K of another image": ("metadata", json.dumps({"K": [1.0] * 9}).encode()),
        "turned images": ("metadata", json.dumps({"K": [9.0] * 9, "w": 128, "h": 96}).encode()),
    }
    which, data = damage[name]
    return {k: v for k, v in (files | {which: data}).items() if v is not None}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no metadata", "looks like a recording of Record3D .*without metadata"),
        ("metadata cut", "does not hold what it should"),
        ("K of three", "3 numbers"),
        ("K of words", "does not hold what it should"),
        ("K of another image", "focal lengths"),
        ("turned images", "128x96"),
    ],
)
def test_what_is_refused(walked, tmp_path: Path, name: str, text: str) -> None:
    path = zipped(tmp_path / "a.r3d", broken(r3d_files(walked, metadata(walked)), name))
    with pytest.raises(CaptureError, match=text):
        open_capture(path)


def test_recordings_without_parts(walked, tmp_path: Path) -> None:
    files = r3d_files(walked, metadata(walked))
    for ending, text in ((".jpg", "colour"), (".depth", "depth")):
        some = {name: data for name, data in files.items() if not name.endswith(ending)}
        with pytest.raises(CaptureError, match=f"without {text}"):
            open_capture(zipped(tmp_path / "a.r3d", some))
    files = exr_files(walked, metadata(walked))
    del files["metadata.json"]
    with pytest.raises(CaptureError, match=r"looks like .* without metadata\.json"):
        open_capture(laid(tmp_path / "b", files))
    (tmp_path / "c.r3d").write_bytes(b"PK\3\4 not really")
    with pytest.raises(CaptureError, match="no ZIP file that can be read"):
        open_capture(tmp_path / "c.r3d")


def test_broken_frames_leave_the_others(walked, tmp_path: Path) -> None:
    files = r3d_files(walked, metadata(walked))
    files["rgbd/0.depth"] = files["rgbd/0.depth"][:80]
    files["rgbd/1.depth"] = lzfse.compress(bytes(4 * 10))
    files["rgbd/2.jpg"] = files["rgbd/2.jpg"][:99]
    path = zipped(tmp_path / "a.r3d", files)
    capture = open_capture(path)
    for index, parts in ((0, NO_COLOR), (1, NO_COLOR), (2, NO_DEPTH)):
        with pytest.raises(CaptureError, match=f"rgbd/{index}"):
            capture.frame(index, parts=parts)
    assert capture.frame(3).depth_m is not None
    # Bytes that were changed inside the ZIP file are found by its checksums.
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        data[archive.getinfo("rgbd/5.jpg").header_offset + 200] ^= 255
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=r"5\.jpg, which cannot be unpacked"):
        capture.frame(5, parts=NO_DEPTH)


def test_other_folders_are_not_claimed(tmp_path: Path) -> None:
    laid(tmp_path / "a", {"metadata.json": b"{}", "depth/0.png": b"", "rgb/0.jpg": b""})
    assert reader_of(tmp_path / "a") is not READER
    zipped(tmp_path / "b.zip", {"notes.txt": b""})
    assert reader_of(tmp_path / "b.zip") is None
    (tmp_path / "c.zip").write_bytes(b"")
    assert reader_of(tmp_path / "c.zip") is None


def test_nothing_personal_is_told(walked, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.r3d", r3d_files(walked, metadata(walked)))
    assert "somebody" not in str(open_capture(path).info())
