"""Smallest recordings of robots, and files of poses."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from crossvox.capture import open_capture
from crossvox.capture.params import CaptureParams
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from trials.fuzz.captures import CAMERA, FRAMES, color, depth, pose, tum
from trials.fuzz.targets import Target, in_turn


def pairs(folder: Path) -> Path:
    """ICL-NUIM's layout: one list, numbers instead of times, poses of a name of its own."""
    scene = tum(folder)
    for name in ("rgb", "depth", "groundtruth"):
        (scene / f"{name}.txt").unlink()
    lines, poses = [], []
    for number in range(FRAMES):
        write_bytes(scene / f"rgb/{number}.png", encode_png(color(number)))
        write_bytes(scene / f"depth/{number}.png", encode_png(depth()))
        lines.append(f"{number} depth/{number}.png {number} rgb/{number}.png")
        poses.append(f"{number} 0.1 {number}.5 1.2 0.0 0.1 0.0 0.99")
    (scene / "associations.txt").write_text("\n".join(lines), encoding="utf-8")
    (scene / "room.gt.freiburg").write_text("\n".join(poses), encoding="utf-8")
    return scene


def rtabmap(folder: Path) -> Path:
    """A database with one camera of the newer and one of the older kind, and a graph."""
    path = folder / "scene" / "rtabmap.db"
    path.parent.mkdir()
    place = np.array([[0, 0, 1, 0.1], [-1, 0, 0, 0], [0, -1, 0, 0.3]], "<f4").tobytes()
    matrix = CAMERA.matrix
    new = struct.pack("<11i", 0, 21, 1, 0, CAMERA.width, CAMERA.height, 9, 5, 9, 12, 12)
    new += matrix.astype("<f8").tobytes() + np.zeros(5).tobytes() + np.eye(3).tobytes()
    new += np.hstack([matrix, np.zeros((3, 1))]).astype("<f8").tobytes() + place
    old = struct.pack("<6f", CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, 16, 12) + place
    packed = (depth() / 1000).astype("<f4").view(np.uint8).reshape(12, 16, 4)
    floats = encode_rgba(packed[..., [2, 1, 0, 3]])
    poses = [pose(number)[:3].astype("<f4").tobytes() for number in range(FRAMES)]
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE Node (id INTEGER, map_id INTEGER, stamp FLOAT, pose BLOB)")
        base.execute("CREATE TABLE Data (id INTEGER, image BLOB, depth BLOB, calibration BLOB)")
        base.execute("CREATE TABLE Admin (version TEXT, opt_ids BLOB, opt_poses BLOB)")
        for number, image, camera in ((0, encode_png(depth()), new), (1, floats, old)):
            row = (number, encode_jpeg(color(number)), image, camera)
            base.execute("INSERT INTO Node VALUES (?, 0, ?, ?)", (number, 0.1, poses[number]))
            base.execute("INSERT INTO Data VALUES (?, ?, ?, ?)", row)
        ids = zlib.compress(struct.pack("<2i", 0, 1)) + struct.pack("<3i", 1, 2, 4)
        graph = zlib.compress(b"".join(poses)) + struct.pack("<3i", 1, 24, 5)
        base.execute("INSERT INTO Admin VALUES ('0.21', ?, ?)", (ids, graph))
    base.close()
    return path.parent


def encode_rgba(image: np.ndarray) -> bytes:
    """A PNG of four channels."""
    height, width, _ = image.shape
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">2I5B", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def trajectories(folder: Path) -> None:
    """A sequence, and its poses in files of every form."""
    tum(folder)
    poses = [pose(number).astype(float) for number in range(FRAMES)]
    forms = {
        "tum": [f"1305031102.{17 + 3 * n} 0 0 {n} 0 0 0.1 0.99 {n}" for n in range(FRAMES)],
        "kitti": [" ".join(map(str, p[:3].ravel())) for p in poses],
        "log": [f"{n} {n} {n + 1}\n" + "\n".join(" ".join(map(str, row)) for row in p)
                for n, p in enumerate(poses)],
        "csv": ["#timestamp [ns],x,y,z,qw,qx,qy,qz"]
        + [f"1305031102{17 + 3 * n}0000000,0,0,{n},1,0,0,0.1" for n in range(FRAMES)],
    }  # fmt: skip
    for name, lines in forms.items():
        (folder / f"poses.{name}").write_text("\n".join(lines), encoding="utf-8")


def read_trajectories(folder: Path) -> None:
    """The sequence with each of them."""

    def read(file: Path) -> None:
        capture = open_capture(folder / "sequence", params=CaptureParams(trajectory=file))
        for index in range(len(capture)):
            capture.pose(index)

    in_turn(*(lambda file=file: read(file) for file in sorted(folder.glob("poses.*"))))


def bag(kind: str) -> Callable[[Path], Path]:
    """A recording of ROS: images as pixels and packed, both cameras, the camera's way."""

    def make(folder: Path) -> Path:
        from rosbags.rosbag1 import Writer as Writer1
        from rosbags.rosbag2 import StoragePlugin
        from rosbags.rosbag2 import Writer as Writer2
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        store = get_typestore(Stores.ROS1_NOETIC if kind == "ros1" else Stores.LATEST)
        if kind == "ros1":
            text = "geometry_msgs/TransformStamped[] transforms"
            store.register(get_types_from_msg(text, "tf2_msgs/msg/TFMessage"))
        path = folder / "scene"
        writer: Any
        if kind == "ros1":
            path = folder / "walk.bag"
            writer = Writer1(path)
            writer.set_compression(Writer1.CompressionFormat.LZ4)
        else:
            storage = StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
            writer = Writer2(path, version=9, storage_plugin=storage)
        with writer:
            for topic, msgtype, time, message in sorted(_messages(store), key=lambda one: one[2]):
                found = [one for one in writer.connections if one.topic == topic]
                one = found[0] if found else writer.add_connection(topic, msgtype, typestore=store)
                pack = store.serialize_ros1 if kind == "ros1" else store.serialize_cdr
                writer.write(one, time, pack(message, msgtype))
        return path

    return make


def _messages(store: Any) -> list[tuple[str, str, int, Any]]:
    def make(name: str, **fields: Any) -> Any:
        known = store.types[name]
        extra = {"seq": 0} if "seq" in known.__dataclass_fields__ else {}
        return known(**fields, **extra)

    def header(time: int, frame: str) -> Any:
        stamp = make("builtin_interfaces/msg/Time", sec=time // 10**9, nanosec=time % 10**9)
        return make("std_msgs/msg/Header", stamp=stamp, frame_id=frame)

    found: list[tuple[str, str, int, Any]] = []
    image, packed, info, tf = (
        *("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"),
        *("sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage"),
    )
    upper = "K" in store.types[info].__dataclass_fields__
    for number in range(FRAMES):
        time = 10**18 + number * 10**8
        found.append(("/c/rgb/image_raw/compressed", packed, time, make(
            packed, header=header(time, "optical"), format="jpeg",
            data=np.frombuffer(encode_jpeg(color(number)), np.uint8),
        )))  # fmt: skip
        found.append(("/c/depth/image_raw", image, time, make(
            image, header=header(time, "optical"), height=12, width=16, encoding="16UC1",
            is_bigendian=0, step=32, data=depth().view(np.uint8).ravel(),
        )))  # fmt: skip
        letters = {"d": np.array([-0.02, 0, 0, 0, 0]), "k": CAMERA.matrix.ravel()}
        letters |= {"r": np.eye(3).ravel(), "p": np.eye(3, 4).ravel()}
        roi = make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        told = make(
            info, header=header(time, "optical"), height=12, width=16, distortion_model="plumb_bob",
            binning_x=0, binning_y=0, roi=roi,
            **{name.upper() if upper else name: value for name, value in letters.items()},
        )  # fmt: skip
        found.append(("/c/rgb/camera_info", info, time, told))
        vector = make("geometry_msgs/msg/Vector3", x=0.1 * number, y=0.0, z=1.2)
        turn = make("geometry_msgs/msg/Quaternion", x=0.1 * number, y=0.0, z=0.0, w=1.0)
        step = make(
            "geometry_msgs/msg/TransformStamped",
            header=header(time, "map"),
            child_frame_id="optical",
            transform=make("geometry_msgs/msg/Transform", translation=vector, rotation=turn),
        )
        found.append(("/tf", tf, time, make(tf, transforms=[step])))
    return found


TARGETS = [
    Target(
        "trajectories", trajectories, read_trajectories, damaged=(".tum", ".kitti", ".log", ".csv")
    )
]


ros1, sqlite, mcap = bag("ros1"), bag("sqlite"), bag("mcap")
