"""Which points frames look through: hand-made cases, and a slow twin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ShapeError
from crossvox.core.frame import Frame
from crossvox.views.looked_through import MARGIN_M, looked_through

CAMERA = Intrinsics(width=5, height=3, fx=4.0, fy=4.0, cx=2.0, cy=1.0)
FORWARD = Pose(np.eye(4))


def wall(depth_m: float, pose: Pose | None = FORWARD, camera: Intrinsics = CAMERA) -> Frame:
    """A frame that reads one depth everywhere."""
    depth = np.full((camera.height, camera.width), depth_m, np.float32)
    return Frame(0, camera, pose, depth_m=depth)


def at_pixel(u: float, v: float, z: float) -> tuple[float, float, float]:
    return (u - 2.0) * z / 4.0, (v - 1.0) * z / 4.0, z


class TestRule:
    def test_what_lies_well_before_the_reading_is_looked_through(self) -> None:
        depths = (1.0, 1.9375, 1.96875, 2.0, 2.5, 0.0, -1.0)
        points = np.array([at_pixel(2, 1, z) for z in depths])
        counts = looked_through(points, [wall(2.0)], margin_m=0.05)
        assert counts.tolist() == [1, 1, 0, 0, 0, 0, 0]
        assert counts.dtype == np.uint16

    def test_the_margin_itself_does_not_count(self) -> None:
        points = np.array([at_pixel(2, 1, 1.75), at_pixel(2, 1, 1.7499)])
        assert looked_through(points, [wall(2.0)], margin_m=0.25).tolist() == [0, 1]

    def test_pixels_are_centred_at_whole_coordinates(self) -> None:
        inside = [(-0.5, 1), (-0.49, 1), (4.49, 1), (2, -0.49), (2, 2.49)]
        outside = [(-0.51, 1), (4.51, 1), (2, -0.51), (2, 2.51)]
        points = np.array([at_pixel(u, v, 1.0) for u, v in inside + outside])
        expected = [1] * len(inside) + [0] * len(outside)
        assert looked_through(points, [wall(2.0)]).tolist() == expected

    def test_the_nearest_pixel_is_read(self) -> None:
        depth = np.zeros((3, 5), np.float32)
        depth[1, 3] = 2.0
        frame = Frame(0, CAMERA, FORWARD, depth_m=depth)
        points = np.array([at_pixel(u, 1, 1.0) for u in (2.4, 2.6, 3.0, 3.4, 3.6)])
        assert looked_through(points, [frame]).tolist() == [0, 1, 1, 1, 0]

    def test_only_valid_readings_say_anything(self) -> None:
        point = np.array([at_pixel(2, 1, 1.0)])
        for depth_m in (0.0, 4.001, np.nan, np.inf, -1.0):
            assert looked_through(point, [wall(depth_m)], far_m=4.0).tolist() == [0]
        assert looked_through(point, [wall(4.0)], far_m=4.0).tolist() == [1]
        assert looked_through(point, [wall(50.0)], far_m=np.inf).tolist() == [1]
        assert looked_through(point, [wall(np.inf)], far_m=np.inf).tolist() == [0]

    def test_frames_without_pose_or_depth_say_nothing(self) -> None:
        point = np.array([at_pixel(2, 1, 1.0)])
        frames = [wall(2.0, pose=None), Frame(1, CAMERA, FORWARD), wall(2.0)]
        assert looked_through(point, frames).tolist() == [1]

    def test_points_that_are_not_finite_are_seen_by_none(self) -> None:
        points = np.array([[np.nan, 0, 1], [0, np.inf, 1], [0, 0, np.inf], [0, 0, np.nan]])
        assert looked_through(points, [wall(2.0)], far_m=np.inf).tolist() == [0, 0, 0, 0]


class TestCounts:
    def test_frames_are_taken_one_by_one_and_added_to_earlier_ones(self) -> None:
        points = np.array([at_pixel(2, 1, 1.0), at_pixel(2, 1, 2.5)])
        held = []

        def frames() -> Iterator[Frame]:
            for depth_m in (2.0, 3.0, 0.5):
                held.append(depth_m)
                yield wall(depth_m)

        counts = looked_through(points, frames())
        assert counts.tolist() == [2, 1]
        assert len(held) == 3
        again = looked_through(points, [wall(3.0)], counts=counts)
        assert again is counts
        assert counts.tolist() == [3, 2]

    def test_counts_do_not_overflow(self) -> None:
        points = np.array([at_pixel(2, 1, 1.0)])
        counts = np.array([65534], np.uint16)
        looked_through(points, [wall(2.0), wall(2.0)], counts=counts)
        assert counts.tolist() == [65535]

    def test_no_points(self) -> None:
        assert looked_through(np.zeros((0, 3)), [wall(2.0)]).shape == (0,)

    @pytest.mark.parametrize("points", [np.zeros(3), np.zeros((2, 2))])
    def test_other_shapes_are_refused(self, points: np.ndarray) -> None:
        with pytest.raises(ShapeError, match=r"needed: \(N, 3\)"):
            looked_through(points, [])

    @pytest.mark.parametrize("counts", [np.zeros(3, np.uint16), np.zeros(2, np.int64)])
    def test_other_counts_are_refused(self, counts: np.ndarray) -> None:
        with pytest.raises(ShapeError, match="uint16"):
            looked_through(np.zeros((2, 3)), [], counts=counts)


def slow_twin(points: np.ndarray, frames: list[Frame], margin_m: float, far_m: float) -> list[int]:
    """The rule, word by word."""
    found = []
    for point in points:
        through = 0
        for frame in frames:
            assert frame.pose is not None
            assert frame.depth_m is not None
            x, y, z = (frame.pose.camera_from_world @ [*point, 1.0])[:3]
            if z <= 0:
                continue
            camera = frame.camera
            u = round(camera.fx * x / z + camera.cx)
            v = round(camera.fy * y / z + camera.cy)
            if 0 <= u < camera.width and 0 <= v < camera.height:
                depth = float(frame.depth_m[v, u])
                through += 0 < depth <= far_m and depth - z > margin_m
        found.append(through)
    return found


def test_as_the_slow_twin_says() -> None:
    random = np.random.default_rng(5)
    camera = Intrinsics(width=32, height=24, fx=25.0, fy=26.0, cx=15.2, cy=12.1)
    frames = []
    for number in range(8):
        matrix = np.eye(4)
        turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
        matrix[:3, :3] = turn * np.sign(np.linalg.det(turn))
        matrix[:3, 3] = random.normal(size=3) * 0.5
        depth = random.uniform(0.5, 5.0, (24, 32)).astype(np.float32)
        depth[random.random(depth.shape) < 0.2] = 0
        frames.append(Frame(number, camera, Pose(matrix), depth_m=depth))
    points = random.normal(size=(700, 3)) * 1.5
    expected = slow_twin(points, frames, MARGIN_M, 4.0)
    assert looked_through(points, frames, MARGIN_M, 4.0).tolist() == expected
    assert {0, 1, 2} <= set(expected)
