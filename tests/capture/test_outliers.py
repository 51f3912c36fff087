"""Which frames are of no use: far cameras, lost and broken poses, positions in millimetres."""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from crossvox.capture import open_capture
from crossvox.capture.describe import describe
from crossvox.capture.doctor.sample import read_trail
from crossvox.capture.export import export_folder
from crossvox.capture.files import write_matrix
from crossvox.capture.outliers import APART_M, far_from_all, usable_frames
from crossvox.capture.remarks import left_out_text, remarks_of
from crossvox.capture.sens.layout import SensFrame, SensHeader
from crossvox.capture.sens.writer import SensWriter
from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import CaptureError
from crossvox.core.convention import AS_IN_MEMORY, PoseConvention
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes

sys.path.insert(0, str(Path(__file__).parent))
from box_room import box_pose, write_box_room


def walk(count: int, seed: int = 0, step_m: float = 0.1) -> np.ndarray:
    """A random walk of cameras ``(N, 3)``."""
    steps = np.random.default_rng(seed).normal(size=(count, 3)) * step_m
    return np.cumsum(steps, axis=0)


def capture_at(positions_m: np.ndarray) -> Any:
    """A capture that holds poses alone."""

    def pose(index: int) -> Pose:
        matrix = np.eye(4)
        matrix[:3, 3] = positions_m[index]
        return Pose(matrix)

    return SimpleNamespace(
        name="room", frame_ids=tuple(range(len(positions_m))), pose=pose, __len__=None
    )


@pytest.mark.parametrize("count", [2, 3, 60, 500, 501])
def test_the_nearest_other_camera_is_found_by_comparing_all_and_by_a_tree(count: int) -> None:
    places = walk(count)
    places[-1] = places[0]
    nearest, _ = cKDTree(places).query(places, k=2)
    found = usable_frames(capture_at(places)).next_m
    assert found == pytest.approx(float(np.median(nearest[:, 1])), abs=1e-12)


@pytest.mark.parametrize("turned", [False, True])
def test_poses_at_hand_are_read_at_once_as_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turned: bool
) -> None:
    camera, extrinsic = Intrinsics(30, 30, 31.5, 23.5, 64, 48), np.eye(4)
    if turned:
        extrinsic[:3, :3] = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
        extrinsic[:3, :3] *= np.sign(np.linalg.det(extrinsic[:3, :3]))
        extrinsic[:3, 3] = 0.02, -0.01, 0.3
    color = encode_jpeg(np.zeros((48, 64, 3), np.uint8))
    depth = zlib.compress(np.ones((48, 64), np.uint16).tobytes())
    header = SensHeader("test", camera, camera, extrinsic, np.eye(4))
    with SensWriter(tmp_path / "room.sens", header, 30) as writer:
        for n, place in enumerate(walk(30)):
            pose = np.eye(4)
            pose[:3, :3] = np.linalg.qr(np.random.default_rng(n).normal(size=(3, 3)))[0]
            pose[:3, :3] *= np.sign(np.linalg.det(pose[:3, :3]))
            pose[:3, 3] = place + (500 if n == 7 else 0)
            pose[:3, :3] *= {11: 1.002, 12: 1.4, 13: 0.0}.get(n, 1.0)
            pose[:] = -np.inf if n in (4, 20) else pose
            pose[3, 3] += 0.1 * (n == 15)
            writer.write(SensFrame(pose.astype(np.float32), n, n, color, depth))
    capture = open_capture(tmp_path / "room.sens")
    found, trail = usable_frames(capture), read_trail(capture)
    plain, stored = capture.plain_poses()
    assert set(np.flatnonzero(~plain)) == {4, 11, 12, 13, 15, 20}, "11 may be one"
    np.testing.assert_array_equal(stored[plain], capture.stored_poses()[plain])
    assert np.isnan(stored[~plain]).all()
    capture.convention = PoseConvention("opengl")
    assert not capture.plain_poses()[0].any(), "they have to be turned first"
    capture.convention = AS_IN_MEMORY
    monkeypatch.setattr(type(capture), "stored_poses", lambda self: None)
    assert found == usable_frames(capture)
    twin = read_trail(capture)
    np.testing.assert_array_equal(trail.stored, twin.stored)
    assert (trail.lost, trail.unreadable) == (twin.lost, twin.unreadable)
    assert found.lost == (4, 20)
    assert set(found.left_out) == {7, 12, 13, 15}


@settings(max_examples=40)
@given(
    count=st.integers(10, 300),
    seed=st.integers(0, 99),
    away_m=st.sampled_from([25.0, 150.0, 3000.0, 1e7]),
)
def test_a_camera_far_from_all_others_is_found_and_no_other(
    count: int, seed: int, away_m: float
) -> None:
    places = walk(count, seed)
    wrong = seed % count
    places[wrong] = places.mean(axis=0) + np.array([0, away_m + np.ptp(places), 0])
    assert np.flatnonzero(far_from_all(places)).tolist() == [wrong]
    shuffled = np.random.default_rng(seed).permutation(count)
    assert shuffled[np.flatnonzero(far_from_all(places[shuffled]))].tolist() == [wrong]


def test_several_wrong_cameras_are_found_each_by_itself() -> None:
    places = walk(60)
    wrong = [3, 17, 18, 40]
    places[wrong] += [[200, 0, 0], [0, 500, 0], [0, 501, 0], [-300, 0, 900]]
    assert np.flatnonzero(far_from_all(places)).tolist() == wrong


@pytest.mark.parametrize(
    "places",
    {
        "one": np.zeros((1, 3)),
        "two": np.array([[0.0, 0, 0], [50, 0, 0]]),
        "two of three": np.array([[0.0, 0, 0], [1, 0, 0], [50, 0, 0]]),
        "all in one place": np.zeros((50, 3)),
        "a corridor": np.arange(200)[:, None] * np.array([0.7, 0, 0]),
        "a hall, sparsely": np.arange(30)[:, None] * np.array([9.0, 0, 0]),
        "streets": np.arange(30)[:, None] * np.array([40.0, 3, 0]),
        "another room": np.concatenate([walk(60), walk(20, 1) + np.array([30, 0, 0])]),
        "another room, shortly": np.concatenate([walk(100), walk(3, 1) + np.array([30, 0, 0])]),
        "the next room": np.concatenate([walk(60, step_m=0.01), [[APART_M - 0.5, 0, 0]]]),
    }.values(),
    ids=lambda places: f"{len(places)} cameras",
)
def test_cameras_that_may_be_right_are_kept(places: np.ndarray) -> None:
    assert not far_from_all(places).any()


def test_a_long_capture_needs_no_square_of_memory() -> None:
    places = np.random.default_rng(0).uniform(0, 30, (20_000, 3)) * (1, 1, 0.05)
    places[777, 0] = 5000
    assert np.flatnonzero(far_from_all(places)).tolist() == [777]


@pytest.mark.parametrize("step_m", [0.02, 0.05, 1.0])
def test_positions_in_millimetres_are_told_as_such(step_m: float) -> None:
    room = walk(50, step_m=step_m)
    usable_frames(capture_at(room)).expect_metres("room")
    usable = usable_frames(capture_at(1000 * room))
    assert usable.left_out == {}
    with pytest.raises(CaptureError, match=r"divide the positions by 1000 .* millimetres"):
        usable.expect_metres("room")


def test_map_coordinates_are_brought_near_the_origin_by_whole_metres() -> None:
    room = walk(50)
    assert usable_frames(capture_at(room)).near_from_world is None
    on_the_map = room + np.array([450_000.25, 5_200_000, 300])
    near = usable_frames(capture_at(on_the_map)).near_from_world
    assert near is not None
    assert (near.position_m == np.round(near.position_m)).all()
    assert np.abs(on_the_map + near.position_m).max() < 10
    assert (near.world_from_camera[:3, :3] == np.eye(3)).all()


def test_frames_left_out_are_named_by_info_and_export(tmp_path: Path) -> None:
    folder = write_box_room(tmp_path / "room", 20)
    (folder / "pose/5.txt").unlink()
    write_matrix(folder / "pose/6.txt", np.full((4, 4), -np.inf))
    far = box_pose(9, 20)
    far[0, 3] += 150
    write_matrix(folder / "pose/9.txt", far)
    whole = (folder / "depth/12.png").read_bytes()
    (folder / "depth/12.png").write_bytes(whole[: len(whole) // 2])
    capture = open_capture(folder)
    usable = usable_frames(capture)
    assert set(usable.left_out) == {5, 9}
    assert usable.lost == (6,)
    assert usable.posed == tuple(i for i in range(20) if i not in (5, 6, 9))
    found = dict(describe(capture).broken)
    assert set(found) == {5, 9, 12}
    assert re.match(r"its camera stands 149\.\d m from every other", found[9])
    report = export_folder(capture, tmp_path / "out", frame_skip=1, size=None)
    assert dict(report.broken) == found
    assert report.lost_poses == (6,)
    assert not (tmp_path / "out/pose/9.txt").exists()
    assert len(report.frame_ids) == 17


def test_what_is_told_of_frames_left_out() -> None:
    assert left_out_text({}, 5) == ""
    same = {number: f"given: color/{number}.jpg of 8x6 pixels" for number in range(20, 40)}
    assert left_out_text(same, 40) == (
        "20 of 40 frames left out: 20, 21, 22, 23, 24, 25, 26, 27, ... "
        "(frame 20: given: color/20.jpg of 8x6 pixels)"
    )
    notes = {"frames": 3, "broken frames": {"10": "cut", "9": "no pose"}, "remarks": ["odd"]}
    assert remarks_of(notes) == [
        "2 of 5 frames left out: 9, 10 (frame 9: no pose; frame 10: cut)",
        "odd",
    ]
    assert remarks_of({"frames": 3}) == []
    ids = {"unknown raw label ids": {"50": 3000}, "vertices with unknown label ids": {}}
    assert remarks_of(ids) == ["label ids that no table knows are unannotated: 50 (3,000 pixels)"]


def test_poses_may_be_kept_of_few_frames(tmp_path: Path) -> None:
    folder = write_box_room(tmp_path / "room", 20)
    for number in range(20):
        if number % 5:
            (folder / f"pose/{number}.txt").unlink()
    report = export_folder(open_capture(folder), tmp_path / "out", frame_skip=1, size=None)
    assert report.frame_ids == (0, 5, 10, 15)
    assert len(report.broken) == 16
    for number in (0, 5, 10, 15):
        (folder / f"pose/{number}.txt").unlink()
    capture = open_capture(folder)
    report = export_folder(capture, tmp_path / "out2", frame_skip=1, size=None)
    assert report.lost_poses == tuple(range(20))
    with pytest.raises(CaptureError, match=r"none with a valid pose.*--trajectory"):
        usable_frames(capture).expect_posed("room", folder)


@pytest.mark.parametrize("part", ["color", "depth"])
def test_a_first_frame_of_another_size_is_one_broken_frame(tmp_path: Path, part: str) -> None:
    folder = write_box_room(tmp_path / "room", 12)
    encode, suffix = (encode_jpeg, "jpg") if part == "color" else (encode_png, "png")
    small = np.full((24, 32, 3) if part == "color" else (24, 32), 900, dtype=np.uint16)
    write_bytes(
        folder / f"{part}/0.{suffix}",
        encode(small if part == "depth" else (small // 9).astype(np.uint8)),
    )
    summary = describe(open_capture(folder))
    assert summary.camera.size == (64, 48)
    assert [number for number, _ in summary.broken] == [0]


@pytest.mark.parametrize("small", [range(10), range(10, 20), range(1, 20, 2)])
def test_pictures_of_another_size_cost_themselves(tmp_path: Path, small: range) -> None:
    folder = write_box_room(tmp_path / "room", 20)
    for number in small:
        write_bytes(folder / f"color/{number}.jpg", encode_jpeg(np.full((24, 32, 3), 90, np.uint8)))
    report = export_folder(open_capture(folder), tmp_path / "out", frame_skip=1, size=None)
    assert [number for number, _ in report.broken] == list(small)


# Real captures


@pytest.mark.realdata
def test_no_frame_of_a_real_capture_is_left_out(redkitchen: Path, shared: Path) -> None:
    usable = usable_frames(open_capture(redkitchen))
    assert len(usable.posed) == 100
    assert usable.left_out == {}
    odometry = np.genfromtxt(
        shared / "data/captures/stray/odometry.csv", delimiter=",", skip_header=1
    )
    trajectory = np.loadtxt(next((shared / "data/captures/replica").rglob("traj.txt")))
    for places in (odometry[:, 2:5], trajectory.reshape(-1, 4, 4)[:, :3, 3]):
        assert not far_from_all(places).any()
