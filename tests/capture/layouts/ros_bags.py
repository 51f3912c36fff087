"""Bags of ROS 1 and ROS 2 with a walk in them, written by rosbags."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

from crossvox.core.camera import Intrinsics
from crossvox.doors.images import encode_jpeg, encode_png

START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
OPTICAL = np.array([[0.0, 0, 1, 0.1], [-1, 0, 0, 0.02], [0, -1, 0, 0.4], [0, 0, 0, 1]])
"""Robot's base from camera."""

Message = tuple[str, str, int, Any]
"""Topic, type, time of recording in ns, and what is in it."""


class Maker:
    """Makes messages of ROS 1 or ROS 2."""

    def __init__(self, is_ros2: bool) -> None:
        self.is_ros2 = is_ros2
        self.store = get_typestore(Stores.LATEST if is_ros2 else Stores.ROS1_NOETIC)
        if not is_ros2:
            text = "geometry_msgs/TransformStamped[] transforms"
            self.store.register(get_types_from_msg(text, "tf2_msgs/msg/TFMessage"))

    def make(self, kind: str, **fields: Any) -> Any:
        return self.store.types[kind](**fields)

    def header(self, ns: int, frame: str) -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)
        extra = {} if self.is_ros2 else {"seq": 7}
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame, **extra)

    def image(self, ns: int, frame: str, pixels: NDArray, encoding: str, pad: int = 0) -> Any:
        height, width = pixels.shape[:2]
        rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
        rows = np.pad(rows, ((0, 0), (0, pad)))
        return self.make(
            "sensor_msgs/msg/Image",
            header=self.header(ns, frame),
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=rows.shape[1],
            data=rows.ravel(),
        )

    def packed(self, ns: int, frame: str, data: bytes, form: str) -> Any:
        return self.make(
            "sensor_msgs/msg/CompressedImage",
            header=self.header(ns, frame),
            format=form,
            data=np.frombuffer(data, np.uint8),
        )

    def info(self, ns: int, frame: str, c: Intrinsics, model: str = "plumb_bob", d=()) -> Any:
        k = np.array([c.fx, 0, c.cx, 0, c.fy, c.cy, 0, 0, 1.0])
        p = np.array([c.fx, 0, c.cx, 0, 0, c.fy, c.cy, 0, 0, 0, 1, 0.0])
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        letters = {"k": k, "r": np.eye(3).ravel(), "p": p, "d": np.array(d or [0.0] * 5)}
        if not self.is_ros2:
            letters = {name.upper(): value for name, value in letters.items()}
        return self.make(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(ns, frame),
            height=c.height,
            width=c.width,
            distortion_model=model,
            binning_x=0,
            binning_y=0,
            roi=roi,
            **letters,
        )

    def point(self, values: Iterable[float], kind: str = "Vector3") -> Any:
        x, y, z = (float(value) for value in values)
        return self.make(f"geometry_msgs/msg/{kind}", x=x, y=y, z=z)

    def turn(self, matrix: NDArray) -> Any:
        x, y, z, w = Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist()
        return self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)

    def transform(self, matrix: NDArray) -> Any:
        return self.make(
            "geometry_msgs/msg/Transform",
            translation=self.point(matrix[:3, 3]),
            rotation=self.turn(matrix),
        )

    def stamped(self, ns: int, parent: str, child: str, matrix: NDArray) -> Any:
        return self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(ns, parent),
            child_frame_id=child,
            transform=self.transform(matrix),
        )

    def tf(self, *transforms: Any) -> Any:
        return self.make("tf2_msgs/msg/TFMessage", transforms=list(transforms))

    def pose(self, matrix: NDArray) -> Any:
        return self.make(
            "geometry_msgs/msg/Pose",
            position=self.point(matrix[:3, 3], "Point"),
            orientation=self.turn(matrix),
        )

    def pose_stamped(self, ns: int, frame: str, matrix: NDArray) -> Any:
        return self.make(
            "geometry_msgs/msg/PoseStamped",
            header=self.header(ns, frame),
            pose=self.pose(matrix),
        )

    def odometry(self, ns: int, frame: str, child: str, matrix: NDArray) -> Any:
        zero = self.point((0, 0, 0))
        twist = self.make("geometry_msgs/msg/Twist", linear=zero, angular=zero)
        return self.make(
            "nav_msgs/msg/Odometry",
            header=self.header(ns, frame),
            child_frame_id=child,
            pose=self.make(
                "geometry_msgs/msg/PoseWithCovariance",
                pose=self.pose(matrix), covariance=np.zeros(36),
            ),
            twist=self.make(
                "geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=np.zeros(36)
            ),
        )  # fmt: skip


def write_bag(path: Path, maker: Maker, messages: Iterable[Message], mcap: bool = False) -> Path:
    """Write messages, of ROS 1 or as the maker makes them; ``path`` is a folder for ROS 2."""
    writer: Any
    if maker.is_ros2:
        storage = StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3
        writer = Writer2(path, version=9, storage_plugin=storage)
    else:
        writer = Writer1(path)
    with writer:
        connections: dict[str, Any] = {}
        for topic, kind, ns, message in sorted(messages, key=lambda one: one[2]):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=maker.store)
            serialize = maker.store.serialize_cdr if maker.is_ros2 else maker.store.serialize_ros1
            writer.write(connections[topic], ns, serialize(message, kind))
    return path


def time_of(number: int) -> int:
    return START_NS + number * STEP_NS


def rgb_raw(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    return "", maker.image(ns, frame, step.rgb, "rgb8", pad=5)


def rgb_jpeg(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    return "/compressed", maker.packed(
        ns, frame, encode_jpeg(step.rgb, 95), "rgb8; jpeg compressed bgr8"
    )


def depth_u16(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    return "", maker.image(ns, frame, (1000 * step.depth_m).round().astype("<u2"), "16UC1")


def depth_f32(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    metres = step.depth_m.astype("<f4")
    metres[0] = np.nan
    return "", maker.image(ns, frame, metres, "32FC1")


def depth_png(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    data = struct.pack("<i2f", 0, 0, 0) + encode_png(
        (1000 * step.depth_m).round().astype(np.uint16)
    )
    return "/compressedDepth", maker.packed(ns, frame, data, "16UC1; compressedDepth png")


def depth_inverse(maker: Maker, ns: int, frame: str, step: Any) -> tuple[str, Any]:
    # Whole numbers that are finer where it is near: depth = a / (q - b).
    a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
    packed = np.round(a / step.depth_m + b).astype(np.uint16)
    data = struct.pack("<i2f", 0, a, b) + cv2.imencode(".png", packed)[1].tobytes()
    return "/compressedDepth", maker.packed(ns, frame, data, "32FC1; compressedDepth")


def camera_messages(
    maker: Maker,
    walked: Any,
    color: Callable = rgb_raw,
    depth: Callable = depth_u16,
    *,
    root: str = "/camera",
    depth_topic: str = "aligned_depth_to_color/image_raw",
    depth_frame: str = "color_optical",
    late_ns: int = 4_000_000,
) -> list[Message]:
    """Colour, depth and both cameras; depth is taken a little later."""
    found: list[Message] = []
    kinds = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
    depth_name = f"{root}/{depth_topic}"
    for n, step in enumerate(walked.steps):
        ns = time_of(n)
        end, message = color(maker, ns, "color_optical", step)
        name = f"{root}/color/image_raw{end}"
        found.append((name, kinds[bool(end)], ns + 30_000_000, message))
        info = maker.info(ns, "color_optical", walked.camera)
        found.append((f"{root}/color/camera_info", "sensor_msgs/msg/CameraInfo", ns, info))
        end, message = depth(maker, ns + late_ns, depth_frame, step)
        found.append((depth_name + end, kinds[bool(end)], ns + 50_000_000, message))
        info = maker.info(ns, depth_frame, walked.depth_camera)
        beside = depth_name.rpartition("/")[0] + "/camera_info"
        found.append((beside, "sensor_msgs/msg/CameraInfo", ns, info))
    return found


def tf_messages(maker: Maker, walked: Any) -> list[Message]:
    """A robot's way: a map that moves its odometry, a base, and a camera that stands on it."""
    kind = "tf2_msgs/msg/TFMessage"
    poses = [step.world_from_camera for step in walked.steps]
    tilt = np.eye(4)
    tilt[:3, 3] = [0.3, -0.2, 0.0]
    found: list[Message] = [
        (
            "/tf_static", kind, START_NS - 10**9,
            maker.tf(
                maker.stamped(0, "base_link", "camera_link", np.eye(4)),
                maker.stamped(0, "/camera_link", "/color_optical", OPTICAL),
            ),
        )
    ]  # fmt: skip
    for n, pose in enumerate(poses):
        base = np.linalg.inv(tilt) @ pose @ np.linalg.inv(OPTICAL)
        ns = time_of(n)
        both = [maker.stamped(ns, "odom", "base_link", base)]
        both.append(maker.stamped(ns, "map", "odom", tilt))
        found.append(("/tf", kind, ns, maker.tf(*both)))
    return found
