"""What is kept of an export is what reading the folder gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crossvox.capture.export import export_folder
from crossvox.capture.folder import FolderCapture
from crossvox.capture.kept import KeptDepth, KeptFolder
from crossvox.core.frame import Parts


@pytest.mark.parametrize("most_bytes", [1 << 20, 2 * 64 * 48 * 2, 0])
def test_frames_are_those_of_the_folder(
    tmp_path: Path, exported_scene: FolderCapture, most_bytes: int
) -> None:
    kept = KeptDepth(most_bytes)
    size = (64, 48)
    report = export_folder(
        exported_scene, tmp_path / "out", frame_skip=1, size=size, kept=kept
    )
    assert len(kept) == min(len(report.frame_ids), most_bytes // (64 * 48 * 2))
    ours, theirs = KeptFolder(tmp_path / "out", kept), FolderCapture(tmp_path / "out")
    for index in range(len(theirs)):
        a, b = (one.frame(index, parts=Parts(rgb=False)) for one in (ours, theirs))
        np.testing.assert_array_equal(a.depth_m, b.depth_m)
        assert (a.pose is None) == (b.pose is None)
        if a.pose is not None and b.pose is not None:
            np.testing.assert_array_equal(a.pose.world_from_camera, b.pose.world_from_camera)
            assert ours.pose(index) is a.pose
