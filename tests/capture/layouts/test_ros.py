"""Bags of ROS 1 and ROS 2, and what the RealSense SDK records."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.capture.readers.ros.messages import IMAGE, color_of, kind_of, read_image
from crossvox.capture.readers.ros.transforms import Motion, Tree
from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError

from . import ros_bags as bags
from .ros_bags import Maker, camera_messages, tf_messages, time_of, write_bag

KINDS = ("ros1", "sqlite", "mcap")


def write(tmp_path: Path, kind: str, messages: Callable[[Maker], list]) -> Path:
    maker = Maker(kind != "ros1")
    path = tmp_path / ("walk.bag" if kind == "ros1" else "walk")
    return write_bag(path, maker, messages(maker), mcap=kind == "mcap")


def check_poses(capture, walked, atol: float = 1e-6) -> None:
    for index, number in enumerate(capture.frame_ids):
        pose = capture.pose(index)
        assert pose is not None
        expected = walked.steps[number].world_from_camera
        np.testing.assert_allclose(pose.world_from_camera, expected, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("color", "depth"),
    [
        (bags.rgb_raw, bags.depth_u16),
        (bags.rgb_jpeg, bags.depth_png),
        (bags.rgb_raw, bags.depth_f32),
        (bags.rgb_jpeg, bags.depth_inverse),
    ],
)
def test_poses_by_tf(
    make_walk, surface_f: Callable, tmp_path: Path, kind: str, color: Callable, depth: Callable
) -> None:
    walked = make_walk(8, size=(128, 96))
    path = write(
        tmp_path, kind, lambda m: camera_messages(m, walked, color, depth) + tf_messages(m, walked)
    )
    capture = open_capture(path)
    assert capture.info().format == "ROS bag"
    assert capture.frame_ids == tuple(range(8))
    assert capture.info().up == (0, 0, 1)
    check_poses(capture, walked)
    notes = capture.info().notes
    assert notes[0].startswith("colour: /camera/color/image_raw")
    assert notes[1] == "poses by tf: map -> odom -> base_link -> camera_link -> color_optical"
    assert capture.camera() == walked.camera
    frame = capture.frame(5)
    assert np.abs(frame.rgb.astype(int) - walked.steps[5].rgb).mean() < 2
    error = np.abs(frame.depth_m - walked.steps[5].depth_m)[1:]
    assert np.median(error) < 2e-3
    if depth is not bags.depth_inverse:
        assert surface_f(capture, walked) >= 0.99
    assert capture.time_s(5) == pytest.approx(time_of(5) / 1e9)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_read_in_any_order_by_threads_and_copies(
    make_walk, tmp_path: Path, kind: str
) -> None:
    walked = make_walk(6, size=(64, 48))
    path = write(tmp_path, kind, lambda m: camera_messages(m, walked) + tf_messages(m, walked))
    capture = open_capture(path)
    again = pickle.loads(pickle.dumps(capture))
    wrong: list[int] = []

    def read(some) -> None:
        for n in (5, 0, 3, 1, 4, 2):
            if not np.array_equal(some.frame(n).rgb, walked.steps[n].rgb):
                wrong.append(n)

    threads = [threading.Thread(target=read, args=(some,)) for some in (capture, again, capture)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_depth_camera_beside_the_colour_camera(
    make_walk, surface_f: Callable, tmp_path: Path
) -> None:
    walked = make_walk(8, size=(192, 144))
    shift = np.eye(4)
    shift[:3, 3] = [0.03, 0.0, 0.0]
    beside = make_walk(8, size=(192, 144))
    for step, other in zip(walked.steps, beside.steps, strict=True):
        object.__setattr__(other, "depth_m", seen_from(step.world_from_camera @ shift, walked))

    def messages(m: Maker) -> list:
        found = camera_messages(
            m, beside, depth_topic="depth/image_rect_raw", depth_frame="depth_optical"
        )
        both = m.tf(m.stamped(0, "color_optical", "depth_optical", shift))
        static = ("/tf_static", "tf2_msgs/msg/TFMessage", bags.START_NS, both)
        return [*found, static, *tf_messages(m, walked)]

    capture = open_capture(write(tmp_path, "ros1", messages))
    assert "30.0 mm apart" in capture.info().registration
    assert surface_f(capture, walked) >= 0.985  # what only the colour camera sees is missing


def seen_from(pose: np.ndarray, walked) -> np.ndarray:
    from tests.capture.layouts.conftest import _depth

    return _depth(walked.depth_camera, pose)


@pytest.mark.parametrize("form", ["odometry base", "odometry camera", "body", "pose", "vicon"])
def test_poses_by_other_messages(make_walk, tmp_path: Path, form: str) -> None:
    walked = make_walk(6, size=(64, 48))

    def messages(m: Maker) -> list:
        found = camera_messages(m, walked)
        if form == "odometry base":
            found += [one for one in tf_messages(m, walked) if one[0] == "/tf_static"]
        body = np.eye(4)
        body[:3, :3] = bags.OPTICAL[:3, :3]
        for n, step in enumerate(walked.steps):
            ns, pose = time_of(n), step.world_from_camera
            base = pose @ np.linalg.inv(bags.OPTICAL)
            kind, message = {
                "odometry base": (
                    "nav_msgs/msg/Odometry", m.odometry(ns, "odom", "base_link", base)
                ),
                "odometry camera": (
                    "nav_msgs/msg/Odometry", m.odometry(ns, "odom", "color_optical", pose)
                ),
                "body": (
                    "nav_msgs/msg/Odometry",
                    m.odometry(ns, "odom", "camera_link", pose @ np.linalg.inv(body)),
                ),
                "pose": ("geometry_msgs/msg/PoseStamped", m.pose_stamped(ns, "slam", pose)),
                "vicon": (
                    "geometry_msgs/msg/TransformStamped",
                    m.stamped(ns, "world", "color_optical", pose),
                ),
            }[form]  # fmt: skip
            found.append(("/where", kind, ns, message))
        return found

    capture = open_capture(write(tmp_path, "sqlite", messages))
    check_poses(capture, walked)
    said = capture.info().notes[1]
    assert said.startswith("poses by /where")
    assert capture.info().up == (None if form == "pose" else (0, 0, 1))


def test_of_several_topics_the_complete_ones_are_taken(make_walk, tmp_path: Path) -> None:
    walked = make_walk(8, size=(64, 48))

    def messages(m: Maker) -> list:
        found = camera_messages(m, walked) + tf_messages(m, walked)
        # Few images that are registered by name, an infrared camera, and colour without depth.
        found += [
            (one[0].replace("/camera", "/a_camera"), *one[1:])
            for one in camera_messages(m, walked)[:8]
        ]
        for n in range(8):
            gray = m.image(time_of(n), "infra", np.zeros((48, 64), np.uint8), "mono8")
            found.append(("/camera/infra1/image_rect_raw", IMAGE, time_of(n), gray))
        return found

    capture = open_capture(write(tmp_path, "mcap", messages))
    assert len(capture) == 8
    assert capture.info().notes[0] == (
        "colour: /camera/color/image_raw; depth: /camera/aligned_depth_to_color/image_raw"
    )


def test_gaps_in_depth_and_in_poses(make_walk, tmp_path: Path) -> None:
    walked = make_walk(8, size=(64, 48))

    def messages(m: Maker) -> list:
        found = camera_messages(m, walked)
        at = [n for n, one in enumerate(found) if "aligned" in one[0] and one[0].endswith("raw")]
        del found[at[2]]
        way = [one for one in tf_messages(m, walked) if one[0] != "/tf" or one[2] <= time_of(5)]
        return found + way

    capture = open_capture(write(tmp_path, "ros1", messages))
    assert capture.frame_ids == (0, 1, 3, 4, 5, 6, 7)
    assert "1 colour images have no depth image in time" in capture.info().notes
    assert [capture.pose(n) is None for n in range(7)] == [False] * 5 + [False, True]


def test_without_poses_or_camera(make_walk, tmp_path: Path) -> None:
    walked = make_walk(3, size=(64, 48))

    def messages(m: Maker) -> list:
        found = [one for one in camera_messages(m, walked) if "info" not in one[0]]
        base = np.eye(4)
        for n in range(3):
            odometry = m.odometry(time_of(n), "odom", "base_link", base)
            found.append(("/odom", "nav_msgs/msg/Odometry", time_of(n), odometry))
        return found

    path = write(tmp_path, "sqlite", messages)
    with pytest.raises(CaptureError, match=r"nothing of their camera.*--intrinsics"):
        open_capture(path)
    c = walked.camera
    given = CaptureParams(intrinsics=f"{c.fx},{c.fy},{c.cx},{c.cy}")
    capture = open_capture(path, params=given)
    assert capture.camera() == c
    assert capture.pose(0) is None
    assert "how it is mounted on what /odom tells" in capture.info().notes[-1]
    assert open_capture(path, params=CaptureParams(assume_camera=True)).camera().fx > 0
    # A bare file of storage is read too.
    assert len(open_capture(next(path.glob("*.db3")), params=given)) == 3


def test_a_lens_is_taken_out_unless_images_are_rectified(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(64, 48))
    for name, model, values, expected in (
        ("image_raw", "plumb_bob", [-0.1, 0.01, 0, 0, 0], "brown"),
        ("image_raw", "rational_polynomial", [0.1, 0, 0, 0, 0, 0, 0, 0.2], "brown"),
        ("image_raw", "equidistant", [0.01, 0, 0, 0], "fisheye"),
        ("image_rect_color", "plumb_bob", [-0.1, 0.01, 0, 0, 0], None),
        ("image_raw", "of the moon", [1.0], None),
    ):

        def messages(m: Maker, name=name, model=model, values=values) -> list:
            found = []
            for topic, kind, ns, message in camera_messages(m, walked):
                told = "/color/camera_info" in topic
                new = m.info(ns, "color_optical", walked.camera, model, values) if told else message
                found.append((topic.replace("color/image_raw", f"color/{name}"), kind, ns, new))
            return found

        path = write(tmp_path, "mcap", messages)
        capture = open_capture(path)
        lens = capture.lens
        assert (lens.model if lens else None) == expected
        assert capture.depth_lens == lens  # it lies on the same pixels
        said = " ".join(capture.info().notes)
        assert ("kind that is not known" in said) == (model == "of the moon")
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def realsense(m: Maker, walked, depth_from_reference, color_from_reference) -> list:
    """As the SDK records: no frames of reference, depth as mono16, units as an option."""
    found = []
    for n, step in enumerate(walked.steps):
        ns = time_of(n)
        raw = (step.depth_m / 0.0005).round().astype("<u2")
        streams = (
            ("sensor_0/Depth_0", raw, "mono16", walked.depth_camera),
            ("sensor_0/Infrared_1", np.zeros((48, 64), np.uint8), "8UC1", walked.camera),
            ("sensor_1/Color_0", step.rgb, "rgb8", walked.camera),
        )
        for stream, pixels, encoding, c in streams:
            root = f"/device_0/{stream}"
            found.append((f"{root}/image/data", IMAGE, ns, m.image(ns, "0", pixels, encoding)))
            if n == 0:
                info = m.info(0, "", c, "Inverse Brown Conrady")
                found.append((f"{root}/info/camera_info", "sensor_msgs/msg/CameraInfo", 1, info))
    kind = "geometry_msgs/msg/Transform"
    for stream, matrix in (
        ("sensor_0/Depth_0", depth_from_reference),
        ("sensor_1/Color_0", color_from_reference),
    ):
        found.append((f"/device_0/{stream}/tf/0", kind, 1, m.transform(matrix)))
    units = m.make("std_msgs/msg/Float32", data=0.0005)
    option = "/device_0/sensor_0/option/Depth Units/value"
    return [*found, (option, "std_msgs/msg/Float32", 1, units)]


def test_a_realsense_recording(make_walk, surface_f: Callable, tmp_path: Path) -> None:
    walked = make_walk(8, size=(192, 144))
    depth_at, color_at = np.eye(4), np.eye(4)
    depth_at[:3, 3], color_at[:3, 3] = [0.01, 0, 0], [0.025, 0.001, 0]
    color_at[:3, :3] = Rotation.from_euler("y", 0.4, degrees=True).as_matrix()
    color_from_depth = color_at @ np.linalg.inv(depth_at)
    moved = make_walk(8, size=(192, 144))
    for step, other in zip(walked.steps, moved.steps, strict=True):
        there = step.world_from_camera @ color_from_depth
        object.__setattr__(other, "depth_m", seen_from(there, walked))
    path = write(tmp_path, "ros1", lambda m: realsense(m, moved, depth_at, color_at))
    capture = open_capture(path)
    info = capture.info()
    assert info.format == "RealSense recording"
    assert info.notes[0] == (
        "colour: /device_0/sensor_1/Color_0/image/data; "
        "depth: /device_0/sensor_0/Depth_0/image/data"
    )
    assert info.notes[-1] == "no poses: the camera does not track itself"
    assert info.units_per_m == pytest.approx(2000)
    np.testing.assert_allclose(capture.registration.color_from_depth, color_from_depth, atol=1e-9)
    rows = "\n".join(
        " ".join(map(str, (time_of(n) / 1e9, *s.world_from_camera[:3, 3],
                           *Rotation.from_matrix(s.world_from_camera[:3, :3]).as_quat())))
        for n, s in enumerate(walked.steps)
    )  # fmt: skip
    (tmp_path / "poses.txt").write_text(rows)
    capture = open_capture(path, params=CaptureParams(trajectory=tmp_path / "poses.txt"))
    check_poses(capture, walked)
    assert surface_f(capture, walked) >= 0.985


@pytest.mark.parametrize(
    ("encoding", "pixels", "first"),
    [
        ("bgr8", [[[1, 2, 3]]], (3, 2, 1)),
        ("rgba8", [[[1, 2, 3, 4]]], (1, 2, 3)),
        ("bgra8", [[[1, 2, 3, 4]]], (3, 2, 1)),
        ("mono8", [[7]], (7, 7, 7)),
        ("bayer_rggb8", [[200, 100] * 3, [100, 50] * 3] * 3, (200, 100, 50)),
        ("bayer_bggr8", [[50, 100] * 3, [100, 200] * 3] * 3, (200, 100, 50)),
        ("bayer_gbrg8", [[100, 50] * 3, [200, 100] * 3] * 3, (200, 100, 50)),
        ("bayer_grbg8", [[100, 200] * 3, [50, 100] * 3] * 3, (200, 100, 50)),
        ("yuv422", [[[128, 126], [128, 126]]] * 2, (128, 128, 128)),
        ("yuv422_yuy2", [[[126, 128], [126, 128]]] * 2, (128, 128, 128)),
    ],
)
def test_kinds_of_pixels(encoding: str, pixels: list, first: tuple[int, ...]) -> None:
    for ros2 in (False, True):
        m = Maker(ros2)
        message = m.image(5, "f", np.array(pixels, np.uint8), encoding)
        serialize = m.store.serialize_cdr if ros2 else m.store.serialize_ros1
        image = read_image(bytes(serialize(message, IMAGE)), IMAGE, ros2, "it")
        assert kind_of(image) in ("color", "gray")
        middle = np.array(pixels).shape[0] // 2, np.array(pixels).shape[1] // 2
        assert np.abs(color_of(image, "it", None)[middle].astype(int) - first).max() <= 1


def test_motion_between_messages() -> None:
    rng = np.random.default_rng(1)
    turns = Rotation.random(4, random_state=3)
    times = np.array([0.0, 0.3, 0.7, 3.0])
    values = np.hstack([rng.normal(size=(4, 3)), turns.as_quat() * [[1], [-1], [1], [-1]]])
    motion = Motion.of(zip(times.tolist(), values, strict=True))
    assert motion is not None
    expected = Slerp(times, turns)
    for time in (0.1, 0.3, 0.55):
        found = motion.at(time)
        np.testing.assert_allclose(found[:3, :3], expected(time).as_matrix(), atol=1e-9)
        np.testing.assert_allclose(
            found[:3, 3], [np.interp(time, times, values[:, k]) for k in range(3)]
        )
    assert motion.at(1.5) is None  # too long a gap
    assert motion.at(-0.05) is not None
    assert motion.at(-0.2) is None
    assert motion.at(3.2) is None
    assert Motion.of([(0.0, np.full(7, np.nan)), (0.0, np.zeros(7))]) is None


def test_trees_with_loops_and_two_parents() -> None:
    here = np.array([0, 0, 0, 0, 0, 0, 1.0])
    there = np.array([1.0, 0, 0, 0, 0, 0, 1])
    tree = Tree([("a", "b", 0.0, here), ("b", "a", 0.0, here), ("c", "c", 0.0, here)])
    assert tree.chain("a") == ("a", "b")
    rows = [("cam", "old", 0.0, here), ("cam", "base", 1.0, there), ("cam", "base", 2.0, there)]
    tree = Tree(rows)
    assert tree.chain("cam") == ("cam", "base")
    np.testing.assert_allclose(tree.fixed("base", "cam")[:3, 3], [1, 0, 0])
    assert tree.fixed("base", "elsewhere") is None


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_recordings(make_walk, tmp_path: Path, kind: str) -> None:
    walked = make_walk(2, size=(32, 24))
    path = write(tmp_path, kind, lambda m: camera_messages(m, walked) + tf_messages(m, walked))
    file = path if path.is_file() else next(one for one in path.iterdir() if one.suffix != ".yaml")
    data = file.read_bytes()
    for broken in (b"", b"noise" * 400, data[:100], data[: len(data) // 2]):
        file.write_bytes(broken)
        with pytest.raises(CaptureError, match="needed"):
            open_capture(path).frame(1)


def test_what_lacks_is_said(make_walk, tmp_path: Path) -> None:
    walked = make_walk(2, size=(32, 24))
    path = write(
        tmp_path, "ros1",
        lambda m: [one for one in camera_messages(m, walked) if "aligned" not in one[0]],
    )  # fmt: skip
    with pytest.raises(CaptureError, match=r"without depth images.*/camera/color/image_raw"):
        open_capture(path)
    path.unlink()
    write(tmp_path, "ros1", lambda m: camera_messages(m, walked, late_ns=50_000_000))
    with pytest.raises(CaptureError, match=r"none within 0\.02 s"):
        open_capture(path)
    path.unlink()

    def narrow(m: Maker) -> list:
        found = camera_messages(m, walked)
        other = Intrinsics(30, 30, 15.5, 15.5, 32, 32)
        info = m.info(0, "color_optical", other)
        return [
            (name, kind, ns, info if name == "/camera/color/camera_info" else message)
            for name, kind, ns, message in found
        ]

    path = write(tmp_path, "ros1", narrow)
    told = open_capture(path, params=CaptureParams(intrinsics="30,30,15,11"))
    assert told.camera() == Intrinsics(30, 30, 15, 11, 32, 24)
    with pytest.raises(CaptureError, match="for 32x32 pixels, and images of 32x24"):
        open_capture(path)
