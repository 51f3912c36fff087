"""A frame that cannot be used costs itself alone, and is told: by scan, prepare and the page."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from walls import command, state

from crossvox.capture.files import write_matrix
from crossvox.core.artifact import read_manifest
from crossvox.doors.images import encode_jpeg, write_bytes
from crossvox.doors.meshes import read_mesh

sys.path.insert(0, str(Path(__file__).parents[1] / "capture"))
from box_room import HIGH_M, LOW_M, box_pose, write_box_room

COARSE = ("--width", "64", "--height", "48", "--tsdf.voxel-m", "0.1")


def spoil(room: Path) -> None:
    """One frame of each kind, of 20: no pose, cut depth, another picture size, far away."""
    (room / "pose/2.txt").unlink()
    whole = (room / "depth/5.png").read_bytes()
    (room / "depth/5.png").write_bytes(whole[: len(whole) // 2])
    write_bytes(room / "color/8.jpg", encode_jpeg(np.zeros((24, 32, 3), np.uint8)))
    far = box_pose(11, 20)
    far[:3, 3] += (3000, 0, 0)
    write_matrix(room / "pose/11.txt", far)
    (room / "depth/14.png").unlink()


def test_scan_and_prepare_leave_out_the_same_frames_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = write_box_room(tmp_path / "room", 20)
    spoil(room)
    command("scan", room, tmp_path / "scan", *COARSE, "--run", "none")
    text = "5 of 20 frames left out: 2, 5, 8, 11, 14"
    said = " ".join(capsys.readouterr().err.split())
    assert text in said
    page = (tmp_path / "scan/report/index.html").read_text()
    assert text in page
    assert str(tmp_path) not in page
    command(*("prepare", room, tmp_path / "data", *COARSE, "--frame-skip", 1, "--surface", "tsdf"))
    told = " ".join("".join(capsys.readouterr()).split())
    assert text in told
    assert " split " in told
    assert " train " in told or " val " in told
    scanned = read_manifest(tmp_path / "scan/data/room").notes
    prepared = read_manifest(tmp_path / "data/room").notes
    assert set(scanned["broken frames"]) == set(prepared["broken frames"])
    for scene in ("scan/data/room", "data/room"):
        surface = read_mesh(tmp_path / scene / "room.ply")
        size = np.ptp(surface.vertices_m, axis=0)
        assert np.abs(np.sort(size)[1:] - np.sort(HIGH_M - LOW_M)[1:]).max() < 0.3


def test_poses_of_few_frames_are_enough(tmp_path: Path) -> None:
    room = write_box_room(tmp_path / "room", 20)
    for number in range(20):
        if number % 3:
            (room / f"pose/{number}.txt").unlink()
    command("scan", room, tmp_path / "scan", *COARSE, "--up", 0, 0, 1, "--run", "none")
    notes = read_manifest(tmp_path / "scan/data/room").notes
    assert notes["frames"] == 7
    assert len(notes["broken frames"]) == 13


def test_a_score_leaves_out_the_same_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = write_box_room(tmp_path / "room", 20)
    surface = ("--frame-skip", 1, "--surface", "tsdf")
    command("prepare", room, tmp_path / "data", *COARSE, *surface)
    mesh = tmp_path / "data/room/room.ply"
    spoil(room)
    command("score", mesh, mesh, "--frames", room)
    assert "4 of 20 frames left out: 2, 5, 11, 14" in " ".join(capsys.readouterr().err.split())


def test_another_capture_does_not_join_a_scan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would stand on one page."""
    for place in ("a/room", "b/room", "b/hall"):
        write_box_room(tmp_path / place, 2)
    up = ("--up", 0, 0, 1)
    command("scan", tmp_path / "a/room", tmp_path / "scan", *COARSE, *up, "--run", "none")
    for other in ("b/hall", "b/room"):
        write_bytes(tmp_path / other / "color/1.jpg", encode_jpeg(np.zeros((48, 64, 3), np.uint8)))
        before = state(tmp_path / "scan/data")
        command("scan", tmp_path / other, tmp_path / "scan", *COARSE, *up, "--run", "none", code=2)
        assert "name another" in capsys.readouterr().err
        assert state(tmp_path / "scan/data") == before
    command("scan", tmp_path / "a/room", tmp_path / "scan", *COARSE, *up, "--run", "none")


def test_a_room_in_map_coordinates_is_as_sharp_as_any(tmp_path: Path) -> None:
    """Single precision holds half a metre at 5,000 km."""
    near = write_box_room(tmp_path / "near/room", 8)
    far = write_box_room(tmp_path / "far/room", 8)
    for number in range(8):
        pose = box_pose(number, 8)
        pose[:3, 3] += (450_000, 5_200_000, 300)
        write_matrix(far / f"pose/{number}.txt", pose)
    surfaces = []
    for room in (near, far):
        out = tmp_path / f"data_{room.parent.name}"
        command("prepare", room, out, *COARSE, "--frame-skip", 1, "--surface", "tsdf")
        surfaces.append(read_mesh(out / "room/room.ply").vertices_m)
    assert np.abs(np.ptp(surfaces[0], axis=0) - np.ptp(surfaces[1], axis=0)).max() < 0.05
    told = read_manifest(tmp_path / "data_far/room").notes["remarks"]
    assert told[-1].startswith("the world was moved by -4")


def test_poses_in_millimetres_are_refused_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = write_box_room(tmp_path / "room", 8)
    for number in range(8):
        pose = box_pose(number, 8)
        pose[:3, 3] *= 1000
        write_matrix(room / f"pose/{number}.txt", pose)
    for words in (("scan",), ("prepare", "--surface", "tsdf")):
        command(words[0], room, tmp_path / words[0], *words[1:], code=2)
        assert "millimetres" in capsys.readouterr().err
    command("info", room)
    assert "millimetres" in capsys.readouterr().out


def test_one_frame_is_enough(tmp_path: Path) -> None:
    room = write_box_room(tmp_path / "room", 1)
    command("scan", room, tmp_path / "scan", *COARSE, "--up", 0, 0, 1, "--run", "none")
    assert len(read_mesh(tmp_path / "scan/data/room/room.ply").faces) > 0
