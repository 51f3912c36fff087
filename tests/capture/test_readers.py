"""Readers, export and description: one synthetic scene in all formats."""

from __future__ import annotations

import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.describe import SAMPLE, describe
from crossvox.capture.export import export_folder
from crossvox.capture.formats import READERS
from crossvox.capture.moved import MovedCapture
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.folder import FolderCapture
from crossvox.capture.readers.scannet import ScanNetCapture
from crossvox.capture.readers.seven_scenes import SevenScenesCapture, SevenScenesParams
from crossvox.capture.readers.tum import TumCapture, associate, pose_from_quaternion
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import PUBLISHED_CAMERA, Intrinsics, Pose, Size
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts, resize_nearest
from crossvox.doors.images import (
    decode_color,
    encode_jpeg,
    encode_png,
    read_gray,
    write_bytes,
)

CAMERA = Intrinsics(52.5, 52.75, 31.5, 23.25, 64, 48)
TABLE = "id\tcategory\tnyu40id\n1\twall\t1\n2\tchair\t5\n300\tthing\t40\n"


def rgb(number: int) -> np.ndarray:
    """A smooth picture, so that JPEG changes it little."""
    v, u = np.mgrid[:48, :64]
    return np.stack([u * 3, v * 4, np.full_like(u, 20 * number % 256)], -1).astype(np.uint8)


def depth_mm(number: int) -> np.ndarray:
    depth = np.random.default_rng(number).integers(500, 4000, (48, 64)).astype(np.uint16)
    depth[:5] = 0
    return depth


def raw_labels(number: int) -> np.ndarray:
    labels = np.full((48, 64), 1, dtype=np.uint16)
    labels[:, 32:] = 300
    labels[:2] = 2
    labels[-1] = 777 if number == 0 else 0
    return labels


def pose(number: int) -> np.ndarray:
    """float32 values, as .sens stores them; the fifth frame is lost."""
    angle = 0.1 * number
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (1 / 3, -number, 0.7)
    return matrix.astype(np.float32) if number != 4 else np.full((4, 4), -np.inf, np.float32)


def write_scan(
    root: Path,
    name: str = "scene0000_00",
    *,
    count: int = 6,
    depth_camera: Intrinsics = CAMERA,
    extrinsics: tuple[np.ndarray, np.ndarray] = (np.eye(4), np.eye(4)),
    broken: tuple[int, ...] = (),
) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    header = SensHeader("test", CAMERA, depth_camera, *extrinsics)
    with SensWriter(folder / f"{name}.sens", header, count) as writer:
        for number in range(count):
            depth = resize_nearest(depth_mm(number), depth_camera.size)
            color, stream = encode_jpeg(rgb(number)), zlib.compress(depth.tobytes())
            if number in broken:
                stream = stream[: len(stream) // 2]
            writer.write(SensFrame(pose(number), number, number, color, stream))
            if number != 3:
                write_bytes(folder / f"label-filt/{number}.png", encode_png(raw_labels(number)))
    (root / "scannetv2-labels.combined.tsv").write_text(TABLE)
    return folder


def test_scan_delivers_color_depth_labels_and_poses(tmp_path: Path) -> None:
    folder = write_scan(tmp_path)
    (folder / "scene0000_00_vh_clean_2.ply").touch()
    capture = open_capture(folder)
    assert isinstance(capture, Capture)
    assert isinstance(capture, ScanNetCapture)
    assert (capture.name, len(capture), capture.frame_ids) == (
        "scene0000_00",
        6,
        (0, 1, 2, 3, 4, 5),
    )
    info = capture.info()
    assert info.has_labels
    assert info.mesh == folder / "scene0000_00_vh_clean_2.ply"
    assert info.labelled_mesh is None
    frame = capture.frame(2)
    assert (frame.id, frame.camera) == (2, CAMERA)
    np.testing.assert_array_equal(frame.depth_m, depth_mm(2).astype(np.float32) / 1000)
    assert np.abs(frame.rgb.astype(int) - rgb(2)).mean() < 3
    expected = np.where(raw_labels(2) == 300, 40, np.where(raw_labels(2) == 2, 5, raw_labels(2)))
    np.testing.assert_array_equal(frame.labels, expected)
    np.testing.assert_allclose(frame.pose.world_from_camera, pose(2), atol=1e-6)
    assert capture.pose(4) is None
    assert capture.frame(4).pose is None
    assert capture.frame(3).labels is None


def test_frames_at_another_size_share_one_camera(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path))
    frame = capture.frame(1, (32, 24))
    assert frame.camera == CAMERA.resized((32, 24)) == capture.camera((32, 24))
    np.testing.assert_array_equal(
        frame.depth_m, resize_nearest(depth_mm(1), (32, 24)).astype(np.float32) / 1000
    )
    assert frame.rgb.shape == (24, 32, 3)
    smooth = rgb(1).reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(frame.rgb - smooth).mean() < 4
    assert frame.labels.shape == (24, 32)


def test_only_the_parts_asked_for_are_decoded(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path, broken=(1,)))
    frame = capture.frame(1, parts=Parts(depth=False))  # the broken depth does not matter
    assert frame.depth_m is None
    assert frame.rgb is not None
    with pytest.raises(CaptureError, match="frame 1, depth at byte"):
        capture.frame(1)
    (tmp_path / "scene0000_00/label-filt/2.png").write_bytes(b"no picture")
    assert capture.frame(2, parts=Parts(labels=False)).labels is None
    with pytest.raises(CaptureError, match=r"label-filt/2\.png"):
        capture.frame(2)
    with pytest.raises(IndexError):
        capture.frame(6)


def test_bare_sens_file_and_missing_class_map(tmp_path: Path) -> None:
    folder = write_scan(tmp_path)
    capture = open_capture(folder / "scene0000_00.sens")
    assert capture.frame(0).labels is not None
    moved = tmp_path / "map.tsv"
    (tmp_path / "scannetv2-labels.combined.tsv").rename(moved)
    capture = open_capture(folder)
    assert "no class map" in capture.info().notes[0]
    assert capture.frame(0, parts=Parts(labels=False)).rgb is not None
    with pytest.raises(CaptureError, match="--label-map"):
        capture.frame(0)
    np.testing.assert_array_equal(
        open_capture(folder, label_map=moved).frame(0).labels[:2], np.full((2, 64), 5)
    )
    summary = describe(capture)
    assert summary.labels == ()
    assert summary.broken == ()


def test_differing_cameras_are_registered_and_poses_follow_the_color_camera(
    tmp_path: Path,
) -> None:
    base_from_color, base_from_depth = np.eye(4), np.eye(4)
    base_from_color[0, 3], base_from_depth[0, 3] = 0.5, 0.475
    depth_camera = Intrinsics(60, 60, 31.5, 23.5, 64, 48)
    folder = write_scan(
        tmp_path, depth_camera=depth_camera, extrinsics=(base_from_color, base_from_depth)
    )
    capture = open_capture(folder)
    assert "reprojected" in capture.info().registration
    assert "25.0 mm" in capture.info().registration
    expected = Pose(pose(2)).world_from_camera @ base_from_color
    np.testing.assert_allclose(capture.pose(2).world_from_camera, expected, atol=1e-6)
    assert capture.pose(4) is None
    as_published = ScanNetCapture(folder, registration="none")
    np.testing.assert_allclose(as_published.pose(2).world_from_camera, pose(2), atol=1e-6)
    np.testing.assert_array_equal(
        as_published.frame(2).depth_m, depth_mm(2).astype(np.float32) / 1000
    )
    report = export_folder(capture, tmp_path / "out", frame_skip=1, size=None)
    again = FolderCapture(tmp_path / "out")
    np.testing.assert_array_equal(again.pose_matrix(2), capture.pose(2).world_from_camera)
    np.testing.assert_allclose(again.frame(2).depth_m, capture.frame(2).depth_m, atol=5.1e-4)
    assert report.camera == CAMERA


def test_export_and_read_back(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path))
    calls: list[tuple[int, int]] = []
    report = export_folder(
        capture,
        tmp_path / "out",
        frame_skip=2,
        size=None,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert report.frame_ids == (0, 2, 4)
    assert report.lost_poses == (4,)
    assert report.without_labels == ()
    assert report.unknown_raw_ids == {777: 64}
    assert report.broken == ()
    assert calls == [(1, 3), (2, 3), (3, 3)]
    again = open_capture(tmp_path / "out")
    assert isinstance(again, FolderCapture)
    assert again.camera() == capture.camera()  # text keeps every digit
    assert again.info().notes == ()
    for position, index in enumerate((0, 2, 4)):
        assert (tmp_path / f"out/color/{index}.jpg").read_bytes() == capture.color_data(index)
        np.testing.assert_array_equal(again.pose_matrix(position), pose(index).astype(np.float64))
        ours, theirs = again.frame(position), capture.frame(index)
        np.testing.assert_array_equal(ours.depth_m, theirs.depth_m)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        np.testing.assert_array_equal(ours.rgb, theirs.rgb)
    assert read_gray(tmp_path / "out/label/2.png").dtype == np.uint8
    assert "-inf" in (tmp_path / "out/pose/4.txt").read_text()
    assert not [name for name in os.listdir(tmp_path / "out/color") if "part" in name]


def test_export_at_a_smaller_size(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path))
    report = export_folder(capture, tmp_path / "out", frame_skip=1, size=(32, 24))
    assert report.without_labels == (3,)
    assert not (tmp_path / "out/label/3.png").exists()
    again = FolderCapture(tmp_path / "out")
    assert again.camera() == CAMERA.resized((32, 24)) == report.camera
    np.testing.assert_array_equal(again.frame(5).depth_m, capture.frame(5, (32, 24)).depth_m)
    assert decode_color(again.color_data(0), "").shape == (24, 32, 3)


def test_a_moved_capture_is_exported_as_it_is_stored(tmp_path: Path) -> None:
    """JPEGs are copied and unknown label ids counted; poses alone change."""
    capture = open_capture(write_scan(tmp_path))
    turn = Pose(np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, -1], [0, 0, 0, 1.0]]))
    report = export_folder(MovedCapture(capture, turn), tmp_path / "out", frame_skip=1, size=None)
    assert report.unknown_raw_ids == {777: 64}
    assert report.lost_poses == (4,)
    again = open_capture(tmp_path / "out")
    for index in range(len(capture)):
        copied = (tmp_path / f"out/color/{index}.jpg").read_bytes()
        assert copied == capture.color_data(index)
        if index != 4:
            moved = turn @ capture.pose(index)
            np.testing.assert_allclose(
                again.pose(index).world_from_camera, moved.world_from_camera, atol=1e-12
            )
    summary = describe(MovedCapture(capture, turn))
    assert summary.unknown_raw_ids == {777: 64}
    assert summary.without_labels == (3,)


def test_export_counts_broken_frames_and_gives_up_on_broken_captures(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path, broken=(1, 2)))
    report = export_folder(capture, tmp_path / "out", frame_skip=1, size=None)
    assert report.frame_ids == (0, 3, 4, 5)
    assert [number for number, _ in report.broken] == [1, 2]
    assert "zlib" in report.broken[0][1]
    assert not list((tmp_path / "out").glob("*/1.*"))
    capture = open_capture(write_scan(tmp_path, "other", broken=(1, 2, 3, 5)))
    with pytest.raises(CaptureError, match=r"4 of 6 frames are broken.*frame 1") as found:
        export_folder(capture, tmp_path / "out2", frame_skip=1, size=None)
    assert "not counting those without a pose" in str(found.value)
    with pytest.raises(ParamsError, match="frame_skip=0"):
        export_folder(capture, tmp_path / "out3", frame_skip=0)


@dataclass
class Formula:
    """A capture that lies in no file: only the contract."""

    name: str = "formula"
    frame_ids: tuple[int, ...] = (3, 7)

    def __len__(self) -> int:
        return 2

    def info(self) -> CaptureInfo:
        return CaptureInfo("formula", CAMERA, CAMERA, "one camera", True)

    def camera(self, size: Size | None = None) -> Intrinsics:
        return CAMERA if size is None else CAMERA.resized(size)

    def pose(self, index: int) -> Pose | None:
        return Pose.read(pose(3 + index))

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        size = size or CAMERA.size
        return Frame(
            self.frame_ids[index],
            self.camera(size),
            self.pose(index),
            resize_nearest(rgb(index), size),
            resize_nearest(depth_mm(index).astype(np.float32) / 1000, size),
            np.full(size[::-1], 5, np.uint8),
        )


def test_any_capture_can_be_exported_and_described(tmp_path: Path) -> None:
    capture = Formula()
    report = export_folder(capture, tmp_path / "out", frame_skip=1, size=(32, 24))
    assert report.frame_ids == (3, 7)
    assert report.lost_poses == (7,)
    again = FolderCapture(tmp_path / "out")
    np.testing.assert_array_equal(again.frame(0).depth_m, capture.frame(0, (32, 24)).depth_m)
    np.testing.assert_array_equal(again.pose_matrix(0), capture.pose(0).world_from_camera)
    assert again.pose(1) is None
    summary = describe(capture)
    assert (summary.frames, summary.lost_poses) == (2, (7,))
    assert [(one.id, one.name, one.share) for one in summary.labels] == [(5, "chair", 1.0)]


def test_folder_without_camera_is_refused_unless_one_may_be_assumed(tmp_path: Path) -> None:
    export_folder(Formula(), tmp_path / "out", frame_skip=1, size=None)
    (tmp_path / "out/intrinsic.txt").unlink()
    with pytest.raises(CaptureError, match=r"without a camera file; needed: one of intrinsic\.txt"):
        open_capture(tmp_path / "out")
    capture = open_capture(tmp_path / "out", params=CaptureParams(assume_camera=True))
    assert capture.camera() == PUBLISHED_CAMERA.resized((64, 48))
    assert "no intrinsic.txt" in capture.info().notes[0]


def test_folder_of_scannets_own_exporter(tmp_path: Path) -> None:
    """Depth keeps its own size, and each camera has its own file."""
    out = tmp_path / "out"
    export_folder(Formula(), out, frame_skip=1, size=None)
    (out / "intrinsic.txt").unlink()
    write_bytes(
        out / "intrinsic/intrinsic_color.txt", b"52.5 0 31.5 0\n0 52.5 23.5 0\n0 0 1 0\n0 0 0 1"
    )
    write_bytes(
        out / "intrinsic/intrinsic_depth.txt", b"28 0 15.5 0\n0 28 11.5 0\n0 0 1 0\n0 0 0 1"
    )
    for number in (3, 7):
        write_bytes(out / f"depth/{number}.png", encode_png(np.full((24, 32), 1500, np.uint16)))
    capture = open_capture(out)
    assert capture.info().depth_camera == Intrinsics(28, 28, 15.5, 11.5, 32, 24)
    assert "reprojected" in capture.info().registration
    write_bytes(out / "intrinsic/extrinsic_color.txt", b"1 0 0 0.5 0 1 0 0 0 0 1 0 0 0 0 1")
    write_bytes(out / "intrinsic/extrinsic_depth.txt", b"1 0 0 0.5 0 1 0 0 0 0 1 0 0 0 0 1")
    aside = open_capture(out).pose(0)
    np.testing.assert_allclose(aside.position_m, capture.pose(0).apply(np.array([0.5, 0, 0])))
    depth = capture.frame(0).depth_m
    assert depth.shape == (48, 64)
    assert set(np.unique(depth)) == {np.float32(0), np.float32(1.5)}
    assert depth[24, 32] == np.float32(1.5)


def test_a_broken_first_frame_does_not_hide_the_others(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_folder(Formula(), out, frame_skip=1, size=None)
    for part in ("color/3.jpg", "depth/3.png"):
        (out / part).write_bytes(b"broken")
    capture = FolderCapture(out)
    assert capture.frame(1).camera == CAMERA
    with pytest.raises(CaptureError, match=r"color/3\.jpg"):
        capture.frame(0)
    for part in ("color/7.jpg", "depth/7.png"):
        (out / part).write_bytes(b"broken too")
    with pytest.raises(CaptureError, match=r"color/3\.jpg"):
        FolderCapture(out)


def test_labels_in_a_folder_are_nyu40(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_folder(Formula(), out, frame_skip=1, size=None)
    labels = np.full((48, 64), 40, np.uint8)
    labels[0] = 41
    write_bytes(out / "label/3.png", encode_png(labels))
    write_bytes(out / "label/7.png", encode_png(labels.astype(np.uint16)))
    capture = FolderCapture(out)
    assert set(np.unique(capture.frame(0).labels)) == {0, 40}
    assert describe(capture).unknown_raw_ids == {41: 64}
    with pytest.raises(CaptureError, match="16 bits, probably raw"):
        capture.frame(1)


def test_broken_folder_frames_are_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_folder(Formula(), out, frame_skip=1, size=None)
    capture = FolderCapture(out)
    data = (out / "depth/3.png").read_bytes()
    for wrong in (b"", data[:-30], data[:16] + b"\x7f\xff\xff\xff" * 2 + data[24:]):
        (out / "depth/3.png").write_bytes(wrong)
        with pytest.raises(CaptureError, match=r"depth/3\.png"):
            capture.frame(0)
    write_bytes(out / "depth/3.png", encode_png(np.zeros((10, 10), np.uint16)))
    with pytest.raises(CaptureError, match="10x10 pixels; needed: 64x48"):
        capture.frame(0)
    (out / "depth/3.png").unlink()
    with pytest.raises(CaptureError, match=r"depth/3\.png \(No such file"):
        capture.frame(0)
    color = (out / "color/7.jpg").read_bytes()
    (out / "color/7.jpg").write_bytes(color[: len(color) // 2])
    with pytest.raises(CaptureError, match=r"color/7\.jpg"):
        capture.frame(1)
    (out / "color/7.jpg").write_bytes(encode_jpeg(rgb(0)[:20]))
    with pytest.raises(CaptureError, match="64x20 pixels"):
        capture.frame(1)
    for text, told in (
        ("1 0 0", "3 numbers"),
        ("1 0 x " * 5, "numbers alone"),
        ("2 " * 16, "rotation"),
    ):
        (out / "pose/3.txt").write_text(text)
        with pytest.raises(CaptureError, match=told):
            capture.pose(0)
    (out / "intrinsic.txt").write_text("0 " * 16)
    with pytest.raises(CaptureError, match=r"intrinsic\.txt"):
        FolderCapture(out)
    summary = describe(capture)
    assert [number for number, _ in summary.broken] == [3, 7]
    assert "pose/3.txt" in summary.broken[0][1]


# 7-Scenes.


def write_seven(folder: Path, *, with_intrinsics: bool = True) -> Path:
    for number in (0, 10, 25):
        stem = folder / f"frame-{number:06d}"
        write_bytes(stem.with_name(stem.name + ".color.png"), encode_png(rgb(number)))
        depth = depth_mm(number)
        depth[-3:] = 65535
        write_bytes(stem.with_name(stem.name + ".depth.png"), encode_png(depth))
        matrix = pose(1).astype(np.float64)
        matrix[0, 0] += 4e-4  # as imprecise as the data set's
        text = "\n".join(" ".join(f"{value:.8e}" for value in row) for row in matrix)
        stem.with_name(stem.name + ".pose.txt").write_text(text)
    if with_intrinsics:
        (folder / "camera-intrinsics.txt").write_text("58.5 0 32\n0 58.5 24\n0 0 1\n")
    return folder


def test_seven_scenes(tmp_path: Path) -> None:
    folder = write_seven(tmp_path / "chess" / "seq-01")
    capture = open_capture(folder, params=CaptureParams(registration="none"))
    assert isinstance(capture, SevenScenesCapture)
    assert (capture.name, capture.frame_ids) == ("chess-seq-01", (0, 10, 25))
    frame = capture.frame(1)
    assert frame.camera == Intrinsics(58.5, 58.5, 32, 24, 64, 48)
    np.testing.assert_array_equal(frame.rgb, rgb(10))
    expected = depth_mm(10).astype(np.float32) / 1000
    expected[-3:] = 0
    np.testing.assert_array_equal(frame.depth_m, expected)
    rotation = frame.pose.world_from_camera[:3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame.pose.world_from_camera, pose(1), atol=1e-3)

    registered = open_capture(folder)
    np.testing.assert_allclose(registered.camera().fx, 52.5)
    shift = frame.pose.world_from_camera[:3, :3] @ (0.025, 0, 0)
    np.testing.assert_allclose(registered.pose(1).position_m - frame.pose.position_m, shift)
    other = SevenScenesCapture(folder, SevenScenesParams(540.0, (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(other.camera().fx, 54.0)
    np.testing.assert_allclose(other.pose(1).position_m, frame.pose.position_m)


def test_seven_scenes_without_intrinsics_and_with_a_missing_file(tmp_path: Path) -> None:
    folder = write_seven(tmp_path, with_intrinsics=False)
    capture = SevenScenesCapture(folder, registration="none")
    np.testing.assert_allclose(capture.camera().matrix[:2, :2], 58.5 * np.eye(2))
    assert "no camera-intrinsics.txt" in capture.info().notes[0]
    (folder / "intrinsics.txt").touch()
    notes = SevenScenesCapture(folder, registration="none").info().notes
    assert "camera files not read: intrinsics.txt" in notes[1]
    (folder / "frame-000010.depth.png").unlink()
    with pytest.raises(CaptureError, match=r"frame-000010\.depth\.png"):
        SevenScenesCapture(folder).frame(1)


def edge_distance_px(capture: Capture) -> float:
    """Mean distance from depth edges to the nearest colour edge, a few frames."""
    cv2 = pytest.importorskip("cv2")
    distances = []
    for index in range(5, len(capture), 20):
        frame = capture.frame(index)
        edges = cv2.Canny(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), 50, 120)
        distance = cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5)
        for axis in (0, 1):
            near = np.moveaxis(frame.depth_m, axis, 0)
            distance_ = np.moveaxis(distance, axis, 0)
            for a, b in ((slice(0, -1), slice(1, None)), (slice(1, None), slice(0, -1))):
                jump = (near[a] > 0) & (near[b] > 1.1 * near[a])
                distances.append(distance_[a][jump])
    return float(np.concatenate(distances).mean())


@pytest.mark.realdata
def test_depth_edges_fall_on_color_edges_once_registered(redkitchen: Path) -> None:
    raw = edge_distance_px(SevenScenesCapture(redkitchen, registration="none"))
    registered = edge_distance_px(SevenScenesCapture(redkitchen))
    mirrored = edge_distance_px(
        SevenScenesCapture(redkitchen, SevenScenesParams(color_shift_m=(-0.025, 0, 0)))
    )
    assert registered < 0.7 * raw
    assert registered < 0.8 * mirrored


@pytest.mark.realdata
def test_real_capture_in_numbers(redkitchen: Path) -> None:
    summary = describe(open_capture(redkitchen))
    assert (summary.frames, summary.decoded, summary.last_id) == (100, SAMPLE, 990)
    assert summary.lost_poses == ()
    assert summary.broken == ()
    assert 0.05 < summary.depth_missing < 0.2
    assert 0.5 < summary.depth_min_m < 1
    assert 3.5 < summary.depth_max_m < 10


@pytest.mark.realdata
def test_reference_sens_file_as_a_capture(golden: Path) -> None:
    capture = open_capture(golden / "g7_jpeg_zlib.sens")
    frame = capture.frame(0)
    assert frame.camera.size == (320, 240)
    assert frame.depth_m.shape == (240, 320)
    assert (frame.depth_m > 0).mean() > 0.5
    summary = describe(capture, every_frame=True)
    assert (summary.frames, summary.lost_poses, summary.broken) == (6, (3,), ())


# TUM RGB-D.


def write_tum(folder: Path) -> Path:
    rows: dict[str, list[str]] = {name: ["# a comment"] for name in ("rgb", "depth", "groundtruth")}
    for number in range(5):
        time_s = 1305031102.0 + number / 30
        write_bytes(folder / f"rgb/{number}.png", encode_png(rgb(number)))
        rows["rgb"].append(f"{time_s:.6f} rgb/{number}.png")
        if number != 3:
            write_bytes(folder / f"depth/{number}.png", encode_png(depth_mm(number) * 5))
            rows["depth"].append(f"{time_s + 0.01:.6f} depth/{number}.png")
        if number != 1:
            rows["groundtruth"].append(
                f"{time_s - 0.004:.4f} {number} 0 0.5 0 0 {np.sin(0.1)} {np.cos(0.1)}"
            )
    for name, lines in rows.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_tum(tmp_path: Path) -> None:
    folder = write_tum(tmp_path)
    capture = open_capture(folder)
    assert isinstance(capture, TumCapture)
    assert capture.frame_ids == (0, 1, 2, 4)  # 3 has no depth in time
    assert capture.info().notes[-1] == "1 colour images have no depth image in time"
    assert capture.pose(1) is None
    frame = capture.frame(3)
    assert frame.id == 4
    np.testing.assert_array_equal(frame.rgb, rgb(4))
    np.testing.assert_allclose(frame.depth_m, depth_mm(4) / 1000, rtol=1e-6)
    np.testing.assert_allclose(frame.pose.position_m, (4, 0, 0.5))
    turn = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    np.testing.assert_allclose(frame.pose.world_from_camera[:2, :2], turn, atol=1e-12)
    np.testing.assert_allclose(frame.camera.fx, 52.5)
    for name in ("cam_K.txt", "intrinsics.txt"):
        (folder / name).write_text("60 61 30 20")
        assert open_capture(folder).camera() == Intrinsics(60, 61, 30, 20, 64, 48)
    assert "not read: cam_K.txt (read: intrinsics.txt)" in open_capture(folder).info().notes[0]


def test_tum_lists_with_damage(tmp_path: Path) -> None:
    folder = write_tum(tmp_path)
    (folder / "groundtruth.txt").write_text("1.0 2 3\n")
    with pytest.raises(CaptureError, match=r"groundtruth\.txt, line 1, 3 words.*8 numbers"):
        TumCapture(folder)
    (folder / "groundtruth.txt").write_text("1305031102.0 1 2 3 0 0 0 1 17\n")  # with an id
    np.testing.assert_array_equal(TumCapture(folder).pose(0).position_m, [1, 2, 3])
    (folder / "groundtruth.txt").write_text("")
    assert TumCapture(folder).pose(0) is None
    (folder / "depth.txt").write_text("5.0 depth/0.png\n")
    with pytest.raises(CaptureError, match=r"none within 0\.02 s"):
        TumCapture(folder)
    (folder / "depth.txt").unlink()
    with pytest.raises(CaptureError, match=r"depth\.txt"):
        TumCapture(folder)


def test_association_agrees_with_a_slow_search() -> None:
    rng = np.random.default_rng(0)
    times, others = rng.uniform(0, 10, 60), rng.uniform(0, 10, 80)
    found = associate(times, others, 0.05)
    for time_s, position in zip(times, found, strict=True):
        nearest = int(np.abs(others - time_s).argmin())
        assert position == (nearest if abs(others[nearest] - time_s) <= 0.05 else -1)
    once = associate(times, others, 0.5, unique=True)
    taken = once[once >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert (associate(times, np.array([5.0]), 0.05) >= 0).sum() == (abs(times - 5) <= 0.05).sum()
    assert (associate(times, np.array([]), 1.0) == -1).all()


def test_quaternions_that_say_nothing_are_lost() -> None:
    assert Pose.read(pose_from_quaternion(np.zeros(7))) is None
    assert Pose.read(pose_from_quaternion(np.full(7, np.nan))) is None
    np.testing.assert_array_equal(
        pose_from_quaternion(np.array([0, 0, 0, 0, 0, 0, 2.0])), np.eye(4)
    )


# Detection and description.


def test_unknown_formats_are_told_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="does not exist"):
        open_capture(tmp_path / "none")
    (tmp_path / "a.txt").touch()
    for path in (tmp_path, tmp_path / "a.txt"):
        with pytest.raises(CaptureError, match="no capture of a known format") as caught:
            open_capture(path)
        assert len(READERS) >= 4
        assert all(one.looks_for in str(caught.value) for one in READERS.values())
    write_scan(tmp_path / "raw")
    assert "the only capture in raw" in open_capture(tmp_path / "raw").info().notes[-1]
    shutil.copytree(tmp_path / "raw/scene0000_00", tmp_path / "raw/scene0000_01")
    with pytest.raises(CaptureError, match=r"such as .*scene0000_00"):
        open_capture(tmp_path / "raw")
    (tmp_path / "two").mkdir()
    for name in "ab":
        (tmp_path / f"two/{name}.sens").touch()
    with pytest.raises(CaptureError, match=r"2 \.sens files"):
        open_capture(tmp_path / "two")
    for folder in ("color", "depth"):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    with pytest.raises(CaptureError, match="no images in color/"):
        open_capture(tmp_path / "empty")


def test_description_counts_labels_unknown_ids_and_broken_frames(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path, broken=(5,)))
    summary = describe(capture)
    assert (summary.name, summary.frames, summary.decoded) == ("scene0000_00", 6, 6)
    assert (summary.first_id, summary.last_id) == (0, 5)
    assert summary.lost_poses == (4,)
    assert summary.without_labels == (3,)
    assert summary.unknown_raw_ids == {777: 64}
    assert [number for number, _ in summary.broken] == [5]
    assert "scene0000_00.sens, frame 5, depth at byte" in summary.broken[0][1]
    shares = {one.id: one.share for one in summary.labels}
    assert {one.id: one.name for one in summary.labels} == {
        0: "unannotated", 1: "wall", 5: "chair", 40: "otherprop",
    }  # fmt: skip
    assert sum(shares.values()) == pytest.approx(1)
    assert shares[5] == pytest.approx(2 / 48)
    readings = np.stack([depth_mm(number) for number in range(5)])
    assert summary.depth_missing == pytest.approx(5 / 48)
    assert summary.depth_min_m == readings[readings > 0].min() / 1000
    assert summary.depth_max_m == readings.max() / 1000


def test_description_decodes_a_bounded_sample_unless_all_are_asked(tmp_path: Path) -> None:
    capture = open_capture(write_scan(tmp_path, count=SAMPLE + 9))
    calls: list[tuple[int, int]] = []
    assert describe(capture, lambda *done: calls.append(done)).decoded == SAMPLE
    assert calls[-1] == (SAMPLE, SAMPLE)
    assert describe(capture, every_frame=True).decoded == SAMPLE + 9
