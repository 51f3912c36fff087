"""A capture moved to another world frame."""

from __future__ import annotations

import numpy as np

from crossvox.capture.moved import MovedCapture
from crossvox.core.camera import Intrinsics, Pose, Size
from crossvox.core.frame import ALL_PARTS, Capture, CaptureInfo, Frame, Parts

CAMERA = Intrinsics(10, 10, 4, 3, 8, 6)


class TwoFrames:
    """One frame with a pose, one without."""

    name = "two"
    frame_ids = (0, 10)

    def __len__(self) -> int:
        return 2

    def info(self) -> CaptureInfo:
        return CaptureInfo("test", CAMERA, CAMERA, "same camera", False)

    def camera(self, size: Size | None = None) -> Intrinsics:
        return CAMERA if size is None else CAMERA.resized(size)

    def pose(self, index: int) -> Pose | None:
        matrix = np.eye(4)
        matrix[:3, 3] = (1, 2, 3)
        return Pose(matrix) if index == 0 else None

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        depth = np.full((6, 8), 2.0, dtype=np.float32)
        return Frame(self.frame_ids[index], self.camera(size), self.pose(index), depth_m=depth)


def test_points_move_with_the_poses_and_lost_poses_stay_lost() -> None:
    turn = np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, -1], [0, 0, 0, 1]], dtype=float)
    capture = TwoFrames()
    assert isinstance(capture, Capture)
    moved = MovedCapture(capture, Pose(turn), name="level")
    assert isinstance(moved, Capture)
    point = np.array([0.3, -0.2, 2.0])
    before, after = capture.frame(0).pose, moved.frame(0).pose
    assert before is not None
    assert after is not None
    np.testing.assert_allclose(after.apply(point), Pose(turn).apply(before.apply(point)))
    assert moved.pose(1) is None
    assert moved.frame(1).pose is None
    assert (moved.name, moved.frame_ids, len(moved)) == ("level", (0, 10), 2)
    assert moved.camera((4, 3)) == CAMERA.resized((4, 3))
