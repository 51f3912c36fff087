"""The .sens container: reference files, round trips, damage."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.reader import SensReader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.doors.images import encode_jpeg, encode_png

COLOR = Intrinsics(20.5, 21.25, 11.5, 7.75, 24, 16)
DEPTH = Intrinsics(11.0, 11.5, 5.5, 3.5, 12, 8)
LAWS = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def header(color: str = "jpeg", depth: str = "zlib") -> SensHeader:
    extrinsic = np.eye(4)
    extrinsic[0, 3] = -0.025
    return SensHeader("T\u00e9st", COLOR, DEPTH, np.eye(4), extrinsic, color, depth, 2000.0)


def images(number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(number)
    rgb = rng.integers(0, 256, (COLOR.height, COLOR.width, 3), dtype=np.uint8)
    return rgb, rng.integers(0, 9000, (DEPTH.height, DEPTH.width), dtype=np.uint16)


def encode(rgb: np.ndarray, depth: np.ndarray, head: SensHeader) -> tuple[bytes, bytes]:
    color = {"raw": np.ndarray.tobytes, "png": encode_png, "jpeg": encode_jpeg}
    data = depth.astype("<u2").tobytes()
    return (
        color[head.color_compression](rgb),
        zlib.compress(data) if head.depth_compression == "zlib" else data,
    )


def write(path: Path, head: SensHeader, count: int = 3) -> list[SensFrame]:
    """A file whose frame 1 is lost."""
    frames = []
    for number in range(count):
        pose = np.eye(4, dtype=np.float32)
        pose[:3, 3] = (number, 0.1, 1 / 3)
        if number == 1:
            pose[:] = -np.inf
        color, depth = encode(*images(number), head)
        frames.append(SensFrame(pose, 10 + number, 2**63 + number, color, depth))
    with SensWriter(path, head, count) as writer:
        for frame in frames:
            writer.write(frame)
    return frames


def read_everything(path: Path) -> int:
    """Touch all that a reader offers."""
    reader = SensReader(path)
    for index in range(len(reader)):
        reader.frame(index)
        reader.depth_m(index)
        reader.color(index)
        reader.pose(index)
    return len(reader)


def complaint(path: Path) -> str:
    """What is said about a damaged file; its name where nothing is wrong."""
    try:
        read_everything(path)
    except CaptureError as error:
        return str(error)
    return str(path)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["g7_jpeg_zlib", "g7_raw_raw"])
def test_reference_files_read_as_their_description_says(golden: Path, name: str) -> None:
    told = json.loads((golden / f"{name}.json").read_text())
    reader = SensReader(golden / f"{name}.sens")
    head = reader.header
    assert head.sensor_name == told["sensor"]
    assert list(head.color_camera.size) == told["colour_size"]
    assert list(head.depth_camera.size) == told["depth_size"]
    assert head.depth_shift == told["depth_shift"]
    assert head.color_compression == told["colour_compression"]
    assert head.depth_compression == told["depth_compression"]
    for camera, key in (
        (head.color_camera, "colour_intrinsic"),
        (head.depth_camera, "depth_intrinsic"),
    ):
        np.testing.assert_array_equal(camera.matrix, np.array(told[key])[:3, :3])
    assert reader.imu_count == told.get("imu_frames", 0)
    assert len(reader) == len(told["frames"])
    lost = 0
    for index, frame in enumerate(told["frames"]):
        stored = reader.frame(index)
        assert stored.color_timestamp == frame["colour_timestamp"]
        assert stored.depth_timestamp == frame["depth_timestamp"]
        assert hashlib.sha256(stored.color).hexdigest() == frame["colour_bytes_sha256"]
        depth = reader.depth_raw(index)
        assert (
            hashlib.sha256(depth.astype("<u2").tobytes()).hexdigest()
            == (frame["depth_u16le_sha256"])
        )
        assert int(depth.sum(dtype=np.int64)) == frame["depth_mm_sum"]
        assert reader.color(index).shape == (*head.color_camera.size[::-1], 3)
        if frame["pose"] is None:
            lost += 1
            assert reader.pose(index) is None
            assert np.isneginf(stored.world_from_camera).all()
        else:
            np.testing.assert_array_equal(stored.world_from_camera, np.float32(frame["pose"]))
    assert lost == (1 if name == "g7_jpeg_zlib" else 0)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["g7_jpeg_zlib", "g7_raw_raw"])
def test_rewriting_a_reference_file_gives_its_bytes_back(
    golden: Path, tmp_path: Path, name: str
) -> None:
    original = (golden / f"{name}.sens").read_bytes()
    reader = SensReader(golden / f"{name}.sens")
    copy = tmp_path / "copy.sens"
    with SensWriter(copy, reader.header, len(reader)) as writer:
        for index in range(len(reader)):
            writer.write(reader.frame(index))
    frames_end = len(original) - 128 * reader.imu_count - 8
    assert copy.read_bytes() == original[:frames_end] + bytes(8)  # ours has no IMU records


@pytest.mark.parametrize("color", ["raw", "png", "jpeg"])
@pytest.mark.parametrize("depth", ["raw", "zlib"])
def test_round_trip(tmp_path: Path, color: str, depth: str) -> None:
    head = header(color, depth)
    frames = write(tmp_path / "a.sens", head)
    reader = SensReader(tmp_path / "a.sens")
    assert (reader.header.color_camera, reader.header.depth_camera) == (COLOR, DEPTH)
    assert reader.header.sensor_name == head.sensor_name
    np.testing.assert_array_equal(
        reader.header.depth_extrinsic, head.depth_extrinsic.astype(np.float32)
    )
    for index in (2, 0, 1):  # any order
        found, given_frame = reader.frame(index), frames[index]
        np.testing.assert_array_equal(found.world_from_camera, given_frame.world_from_camera)
        assert (found.color, found.depth) == (given_frame.color, given_frame.depth)
        assert found.color_timestamp == given_frame.color_timestamp
        assert found.depth_timestamp == given_frame.depth_timestamp
        rgb, raw = images(index)
        np.testing.assert_array_equal(reader.depth_raw(index), raw)
        np.testing.assert_array_equal(reader.depth_m(index), raw.astype(np.float32) / 2000)
        if color != "jpeg":
            np.testing.assert_array_equal(reader.color(index), rgb)
    assert reader.pose(1) is None
    assert reader.pose(2) is not None
    np.testing.assert_allclose(reader.pose(2).position_m, (2, 0.1, 1 / 3), rtol=1e-6)


def test_a_reader_can_be_pickled_and_checks_its_bounds(tmp_path: Path) -> None:
    write(tmp_path / "a.sens", header())
    reader = pickle.loads(pickle.dumps(SensReader(tmp_path / "a.sens")))
    assert reader.color(2).shape == (16, 24, 3)
    for wrong in (-1, 3):
        with pytest.raises(IndexError):
            reader.frame(wrong)


def test_writer_leaves_nothing_behind_unless_complete(tmp_path: Path) -> None:
    head = header()
    color, depth = encode(*images(0), head)
    frame = SensFrame(np.eye(4, dtype=np.float32), 0, 0, color, depth)
    with (
        pytest.raises(ParamsError, match=r"1 frames.*needed: 2"),
        SensWriter(tmp_path / "a.sens", head, 2) as writer,
    ):
        writer.write(frame)
    with pytest.raises(ZeroDivisionError), SensWriter(tmp_path / "a.sens", head, 1) as writer:
        writer.write(frame)
        raise ZeroDivisionError
    with (
        pytest.raises(ParamsError, match="at most 1 frames"),
        SensWriter(tmp_path / "a.sens", head, 1) as writer,
    ):
        writer.write(frame)
        writer.write(frame)
    with (
        pytest.raises(ParamsError, match="raw colour"),
        SensWriter(tmp_path / "a.sens", header("raw"), 1) as writer,
    ):
        writer.write(frame)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    big = Intrinsics(500, 500, 400, 300, 800, 600)
    head = SensHeader("big", big, DEPTH, np.eye(4), np.eye(4), "raw", "raw")
    frame = SensFrame(
        np.eye(4, dtype=np.float32), 0, 0, bytes(800 * 600 * 3), bytes(DEPTH.width * 16)
    )
    with SensWriter(tmp_path / "big.sens", head, 20) as writer:
        for _ in range(20):
            writer.write(frame)
    assert (tmp_path / "big.sens").stat().st_size > 28e6
    tracemalloc.start()
    reader = SensReader(tmp_path / "big.sens")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(reader) == 20
    assert peak < 200_000


# Damage.


def header_bytes(data: bytes) -> int:
    return 304 + struct.unpack_from("<Q", data, 4)[0]


def damaged(path: Path, offset: int, layout: str, *values: float) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, offset, *values)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("field", "layout", "value", "told"),
    [
        (0, "<I", 3, "version 3"),
        (4, "<Q", 2**62, "sensor name"),
        (-8, "<Q", 2**60, "1152921504606846976 frames"),
        (-8, "<Q", 4, "frame 3 of 4"),
        (-12, "<f", 0.0, "depth shift of 0"),
        (-12, "<f", float("nan"), "depth shift of nan"),
        (-16, "<I", 2**31, "pixels"),
        (-20, "<I", 0, "positive width"),
        (-28, "<I", 2**30, "pixels"),
        (-32, "<i", 2, "occi"),
        (-32, "<i", 9, "depth compression 9"),
        (-36, "<i", -1, "colour compression -1"),
        (-36 - 256, "<f", float("inf"), "fx=inf"),
    ],
)
def test_impossible_headers_are_refused(
    tmp_path: Path, field: int, layout: str, value: float, told: str
) -> None:
    path = tmp_path / "a.sens"
    write(path, header())
    end = header_bytes(path.read_bytes())
    damaged(path, field if field >= 0 else end + field, layout, value)
    with pytest.raises(CaptureError, match=told) as caught:
        SensReader(path)
    assert str(path) in str(caught.value)


def test_damaged_frames_are_named_with_file_frame_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    frames = write(path, header())
    begin = header_bytes(path.read_bytes())
    sizes = [96 + len(frame.color) + len(frame.depth) for frame in frames]

    damaged(path, begin + sizes[0] + 80, "<Q", 2**63)
    with pytest.raises(CaptureError, match=rf"a\.sens, frame 1 of 3 at byte {begin + sizes[0]}"):
        SensReader(path)

    write(path, header())
    depth_at = begin + sizes[0] + 96 + len(frames[1].color)
    damaged(path, depth_at + 8, "<4B", 255, 255, 255, 255)
    reader = SensReader(path)
    reader.depth_raw(0)
    with pytest.raises(CaptureError, match=rf"a\.sens, frame 1, depth at byte {depth_at}"):
        reader.depth_raw(1)
    reader.color(1)

    write(path, header())
    damaged(path, begin, "<f", 7.0)
    with pytest.raises(CaptureError, match=rf"frame 0, pose at byte {begin}"):
        SensReader(path).pose(0)

    write(path, header())
    damaged(path, begin + 96, "<4B", 0, 1, 2, 3)
    with pytest.raises(CaptureError, match=rf"frame 0, colour at byte {begin + 96}"):
        SensReader(path).color(0)


@pytest.mark.parametrize("pixels", [0, 95, 97, 50_000_000])
def test_depth_streams_of_wrong_length_are_refused_in_bounded_memory(
    tmp_path: Path, pixels: int
) -> None:
    head = header("raw")
    stream = zlib.compress(bytes(2 * pixels), 9)  # the largest: 97 kB that inflate to 100 MB
    color = images(0)[0].tobytes()
    with SensWriter(tmp_path / "a.sens", head, 1) as writer:
        writer.write(SensFrame(np.eye(4, dtype=np.float32), 0, 0, color, stream[:60_000]))
    reader = SensReader(tmp_path / "a.sens")
    tracemalloc.start()
    with pytest.raises(CaptureError, match="frame 0, depth at byte"):
        reader.depth_raw(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_cut_stream_of_right_length_is_refused(tmp_path: Path) -> None:
    """All pixels are there, but the check sum is not: the frame was cut."""
    head = header("raw")
    rgb, raw = images(0)
    stream = zlib.compress(raw.tobytes())[:-2]
    with SensWriter(tmp_path / "a.sens", head, 1) as writer:
        writer.write(SensFrame(np.eye(4, dtype=np.float32), 0, 0, rgb.tobytes(), stream))
    with pytest.raises(CaptureError, match="zlib stream that ends"):
        SensReader(tmp_path / "a.sens").depth_raw(0)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        SensReader(tmp_path / "none.sens")
    with pytest.raises(CaptureError, match="directory"):
        SensReader(tmp_path)


def test_every_truncation_is_an_error_except_at_the_end_of_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    write(path, header())
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(CaptureError):
            SensReader(path)
    for length in range(len(data) - 7, len(data)):  # within the IMU count
        path.write_bytes(data[:length])
        with pytest.raises(CaptureError, match="IMU section"):
            SensReader(path)
    path.write_bytes(data[:-8])  # no IMU section at all
    assert read_everything(path) == 3


def test_a_file_that_shrinks_after_opening_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    write(path, header())
    reader = SensReader(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CaptureError, match="frame 2, byte"):
        reader.frame(2)


@LAWS
@given(
    offset=st.floats(0, 1),
    patch=st.binary(min_size=1, max_size=16),
    compressions=st.sampled_from([("jpeg", "zlib"), ("png", "zlib"), ("raw", "raw")]),
)
def test_patched_files_read_or_raise_capture_errors(
    tmp_path: Path, offset: float, patch: bytes, compressions: tuple[str, str]
) -> None:
    path = tmp_path / "a.sens"
    write(path, header(*compressions), count=2)
    data = bytearray(path.read_bytes())
    at = int(offset * (len(data) - len(patch)))
    data[at : at + len(patch)] = patch
    path.write_bytes(data)
    tracemalloc.start()
    assert str(path) in complaint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6  # an image of 2**26 pixels of depth is the most that a header can ask


@LAWS
@given(
    patch=st.integers(0, 2**64 - 1),
    field=st.sampled_from([4, -8, -16, -20, -24, -28, -36, -300, 80, 88]),
)
def test_patched_header_fields_read_or_raise_capture_errors(
    tmp_path: Path, patch: int, field: int
) -> None:
    path = tmp_path / "a.sens"
    write(path, header(), count=2)
    begin = header_bytes(path.read_bytes())
    at = {4: 4, 80: begin + 80, 88: begin + 88}.get(field, begin + field)
    width = "<Q" if field in (4, -8, 80, 88) else "<I"
    damaged(path, at, width, patch if width == "<Q" else patch & 0xFFFFFFFF)
    assert str(path) in complaint(path)


@LAWS
@given(cut=st.floats(0, 1), tail=st.binary(max_size=40))
def test_cut_and_continued_files_read_or_raise_capture_errors(
    tmp_path: Path, cut: float, tail: bytes
) -> None:
    path = tmp_path / "a.sens"
    write(path, header("png"), count=2)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))] + tail)
    assert str(path) in complaint(path)
