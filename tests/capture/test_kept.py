"""What is kept of an export is what reading the folder gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.capture.noise_scan import write_scan

from crossvox.capture.describe import describe
from crossvox.capture.export import export_folder, millimetres
from crossvox.capture.kept import KeptDepth, KeptFolder
from crossvox.capture.readers.folder import FolderCapture
from crossvox.capture.readers.scannet import ScanNetCapture
from crossvox.core.frame import Parts

SIZE = (64, 48)
IMAGE_BYTES = 64 * 48 * 2
COUNT = 6


@pytest.fixture
def capture(tmp_path: Path) -> ScanNetCapture:
    """Six frames, the fifth of which is lost."""
    return ScanNetCapture(write_scan(tmp_path / "scan.sens", COUNT, lost=(4,)))


def test_one_thread_writes_what_several_do(
    tmp_path: Path, capture: ScanNetCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossvox.core.threads.threads", lambda: 3)
    reports = [export_folder(capture, tmp_path / "several", frame_skip=1, size=SIZE)]
    monkeypatch.setattr("crossvox.core.threads.threads", lambda: 1)
    reports.append(export_folder(capture, tmp_path / "one", frame_skip=1, size=SIZE))
    assert reports[0] == reports[1]
    several, one = (
        {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.*")}
        for root in (tmp_path / "several", tmp_path / "one")
    )
    assert several == one
    assert len(one) == 3 * COUNT + 1


def test_one_thread_sees_what_several_do(
    capture: ScanNetCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    for count in (1, 3):
        monkeypatch.setattr("crossvox.core.threads.threads", lambda count=count: count)
        told.append(describe(capture, every_frame=True))
    assert told[0].decoded == COUNT
    assert told[0].lost_poses == (4,)
    assert repr(told[0]) == repr(told[1])


def test_millimetres_are_rounded_and_what_does_not_fit_is_no_reading() -> None:
    halves = np.arange(2 * 65540, dtype=np.float32) / 2000
    odd = np.array([np.nan, np.inf, -np.inf, 1e30, -1, 0, 65.5354, 65.5356], np.float32)
    depth_m = np.concatenate([halves, odd])[None]
    slow = np.rint(depth_m * np.float32(1000)).astype(np.float64)
    slow[~((slow >= 0) & (slow <= 65535))] = 0
    np.testing.assert_array_equal(millimetres(depth_m), slow.astype(np.uint16))
    np.testing.assert_array_equal(millimetres(depth_m[:, ::2]), slow.astype(np.uint16)[:, ::2])


@pytest.mark.parametrize("most_bytes", [1 << 20, 2 * IMAGE_BYTES, 0])
def test_frames_are_those_of_the_folder(
    tmp_path: Path, capture: ScanNetCapture, most_bytes: int
) -> None:
    kept = KeptDepth(most_bytes)
    export_folder(capture, tmp_path / "out", frame_skip=1, size=SIZE, kept=kept)
    assert len(kept) == min(COUNT, most_bytes // IMAGE_BYTES)
    ours, theirs = KeptFolder(tmp_path / "out", kept), FolderCapture(tmp_path / "out")
    for index in range(COUNT):
        a, b = (one.frame(index, parts=Parts(labels=False)) for one in (ours, theirs))
        np.testing.assert_array_equal(a.depth_m, b.depth_m)
        np.testing.assert_array_equal(a.rgb, b.rgb)
        assert (a.pose is None) == (b.pose is None) == (index == 4)
        if a.pose is not None and b.pose is not None:
            np.testing.assert_array_equal(a.pose.world_from_camera, b.pose.world_from_camera)
            assert ours.pose(index) is a.pose
    assert np.any(ours.frame(0).depth_m)
