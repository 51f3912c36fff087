"""Tracking of frames without poses: what is kept, what is lost, what is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.cli import main
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError, ParamsError
from crossvox.doors.images import encode_png, write_bytes
from crossvox.doors.odometry import Odometry
from crossvox.recipes.track import TrackParams
from crossvox.recipes.track_frames import track_capture

CAMERA = Intrinsics(120.0, 120.0, 79.5, 59.5, 160, 120)
WALL_M = 2.0
PARAMS = TrackParams(width=160)


def pose_at(number: int) -> np.ndarray:
    """A slow walk along a textured corner of two walls."""
    angle, pose = 0.01 * number, np.eye(4)
    pose[:3, :3] = [
        [np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]
    ]  # fmt: skip
    pose[:3, 3] = [0.015 * number, 0.004 * number, 0.01 * number]
    return pose


def seen(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour, and depth along z."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1
    )
    rays = rays @ pose[:3, :3].T
    planes = (([0, 0, 1], WALL_M), ([0.7, 0, 0.7], 1.6), ([0, 0.8, 0.6], 1.7))
    with np.errstate(divide="ignore"):
        hits = [(far - pose[:3, 3] @ np.array(n)) / (rays @ np.array(n)) for n, far in planes]
    depth = np.min([np.where(hit > 0, hit, 99.0) for hit in hits], axis=0)
    points = pose[:3, 3] + depth[..., None] * rays
    rgb = 127.5 + 60 * np.sin(9 * points) + 60 * np.sin(23 * points[..., [1, 2, 0]])
    return rgb.astype(np.uint8), depth


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A TUM folder without poses."""
    folder = tmp_path / "walk"
    rows = []
    for n in range(8):
        rgb, depth = seen(pose_at(n))
        write_bytes(folder / f"rgb/{n}.png", encode_png(rgb))
        write_bytes(folder / f"depth/{n}.png", encode_png((5000 * depth).astype(np.uint16)))
        rows.append(f"{10 + n / 30:.4f} rgb/{n}.png {10 + n / 30:.4f} depth/{n}.png")
    (folder / "associations.txt").write_text("\n".join(rows))
    c = CAMERA
    (folder / "intrinsics.txt").write_text(f"{c.fx} {c.fy} {c.cx} {c.cy}")
    return folder


class Knowing:
    """Knows the truth, but for some frames."""

    version = "0"

    def __init__(self, wrong: tuple[int, ...] = ()) -> None:
        self._wrong, self._next = wrong, 0

    def image(self, rgb, depth_m):
        self._next += 1
        return self._next - 1

    def between(self, first, second, start):
        if second in self._wrong:
            return np.diag([-1.0, -1, 1, 1]) if second % 2 else None
        return np.linalg.inv(pose_at(first)) @ pose_at(second)


def run(frames: Path, out: Path, *wrong: int, **params: object):
    how = replace(PARAMS, **params)
    return track_capture(frames, out, how, CaptureParams(), None, lambda _: Knowing(wrong))


def test_the_file_gives_the_poses_back(frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "poses.txt"
    report = run(frames, out, 3, 4)
    assert (report.frames, report.tracked, report.lost) == (8, 6, (3, 4))
    assert report.length_m == pytest.approx(7 * np.linalg.norm([0.015, 0.004, 0.01]), rel=1e-6)
    capture = open_capture(frames, params=CaptureParams(trajectory=out))
    for n in range(8):
        pose = capture.pose(n)
        assert (pose is None) == (n in (3, 4))
        if pose is not None:
            np.testing.assert_allclose(pose.world_from_camera, pose_at(n), atol=1e-6)
    assert "they drift" in capture.info().notes[-1]
    assert "6 of 8 frames, by time" in capture.info().notes[-1]
    run(frames, out)  # takes the place of its own file


def test_what_is_lost_for_long_stays_lost(frames: Path, tmp_path: Path) -> None:
    report = run(frames, tmp_path / "a.txt", 2, 3, 4, patience=2)
    assert report.lost == (2, 3, 4, 5, 6, 7)
    with pytest.raises(CaptureError, match="none that fits the one before it"):
        run(frames, tmp_path / "b.txt", *range(8))
    assert not (tmp_path / "b.txt").exists()


def test_other_files_are_left_alone(frames: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# my poses\n")
    with pytest.raises(ParamsError, match="no file of crossvox track"):
        run(frames, tmp_path / "mine.txt")
    with pytest.raises(ParamsError, match="a share of 0 to 1"):
        TrackParams(agree=2)


def test_without_open3d_the_text_names_the_extra(
    frames: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "open3d", None)
    assert main(["track", str(frames), str(tmp_path / "poses.txt")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "crossvox[open3d]" in said
    assert "--trajectory FILE" in said


def test_scan_of_frames_without_poses_names_both_doors(
    frames: Path, tmp_path: Path, capsys
) -> None:
    assert main(["scan", str(frames), str(tmp_path / "out")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "none with a valid pose" in said
    assert "--trajectory FILE" in said
    assert "crossvox track" in said


def test_odometry_finds_the_way(frames: Path, tmp_path: Path) -> None:
    pytest.importorskip("open3d")
    report = track_capture(frames, tmp_path / "poses.txt", PARAMS, CaptureParams(), None, Odometry)
    assert report.tracked == 8
    capture = open_capture(frames, params=CaptureParams(trajectory=report.trajectory))
    for n in range(8):
        np.testing.assert_allclose(capture.pose(n).world_from_camera, pose_at(n), atol=0.03)
