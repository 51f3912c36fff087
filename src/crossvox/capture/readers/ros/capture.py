"""RGB-D recordings of robots: bags of ROS 1 and ROS 2, and those of the RealSense SDK.

Topics are told by their types and first messages: colour, depth, their cameras, and where the
camera was (``readers.ros.poses``). A bag is gone through once when it is opened; frames are then
read where they lie.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.params import CaptureParams
from crossvox.capture.reader import Opening, Reader
from crossvox.capture.readers.ros.bag import Bag, Topic, opened
from crossvox.capture.readers.ros.messages import color_of, depth_of, read_head, read_image
from crossvox.capture.readers.ros.poses import (
    KINDS,
    Poses,
    Told,
    camera_poses,
    realsense_extrinsics,
)
from crossvox.capture.readers.ros.topics import (
    DEVICE,
    Camera,
    Images,
    best_pair,
    image_topics,
    is_registered,
    read_camera,
)
from crossvox.capture.readers.ros.transforms import Tree
from crossvox.capture.readers.tum import associate
from crossvox.capture.registration import Registration
from crossvox.capture.stored import StoredCapture
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, expect

Array = NDArray[Any]

NEAR_S = 0.02
"""Colour takes the depth image nearest in time, if it is no farther."""


@dataclass(frozen=True, eq=False)
class _Index:
    """Where messages of a topic lie.

    Attributes:
        times: ``(N,)`` of recording, ns; with ``nths``, which of those of one time, they find one.
        stamps_s: ``(N,)`` when they were taken.
    """

    times: NDArray[np.int64]
    nths: NDArray[np.int64]
    stamps_s: NDArray[np.float64]


class RosCapture(StoredCapture):
    """A recording of a robot or a RealSense camera. A frame's number is that of its colour image.

    Colour images without depth in time are no frames (``info().notes`` counts them). Notes name
    the topics that were taken, and where poses come from.

    Args:
        path: a ``.bag``, ``.mcap`` or ``.db3`` file, or a folder of ROS 2.
        params: whether a camera or poses are told otherwise.

    Raises:
        CaptureError: rosbags is not installed, the recording is damaged, or it lacks colour, depth
            or a camera.
    """

    format = "ROS bag"

    def __init__(self, path: Path, params: CaptureParams) -> None:
        self.path = path = Path(path)
        with opened(path) as bag:
            topics = {topic.name: topic for topic in bag.topics()}
            found = image_topics(bag, str(path))
            pair = best_pair(found)
            if pair is None:
                raise _nothing(path, found, topics)
            self._color, self._depth = color, depth = pair
            self._ros2 = bag.is_ros2
            cameras = self._cameras_of(bag, color, depth, params)
            told = Told()
            self._color_at, self._depth_at = self._gone_through(bag, topics, told)
            tree = Tree(told.transforms)
            color_from_depth, place = self._registered(bag, topics, tree)
            units = _units_per_m(bag, topics, depth)
        stamps = self._color_at.stamps_s
        self._depth_of = associate(stamps, self._depth_at.stamps_s, NEAR_S, unique=True)
        ids = np.flatnonzero(self._depth_of >= 0)
        expect(
            len(ids) > 0,
            given=f"{path} with {len(stamps)} images of {color.topic.name} and "
            f"{len(self._depth_at.stamps_s)} of {depth.topic.name}, none within {NEAR_S} s",
            needed="colour and depth of one recording",
            do="check the clocks of both cameras",
            error=CaptureError,
        )
        poses = self._posed(told, tree, stamps[ids].tolist())
        self._poses, self.up = poses.matrices, poses.up
        camera, depth_camera = cameras[0].camera, cameras[1].camera
        super().__init__(
            path.stem if path.is_file() else path.resolve().name,
            tuple(ids.tolist()),
            Registration(camera, depth_camera, color_from_depth, params.registration),
        )
        self.units_per_m = units
        self.lens, self.depth_lens = cameras[0].lens, cameras[1].lens
        if color.topic.name.startswith(DEVICE):
            self.format = "RealSense recording"
        alone = len(stamps) - len(ids)
        self.notes = tuple(
            note
            for note in (
                f"colour: {color.topic.name}; depth: {depth.topic.name}",
                place,
                *dict.fromkeys(camera.note for camera in cameras),
                poses.note,
                f"{alone} colour images have no depth image in time" if alone else "",
            )
            if note
        )

    # Opening.

    def _cameras_of(
        self, bag: Bag, color: Images, depth: Images, params: CaptureParams
    ) -> tuple[Camera, Camera]:
        """Of colour and depth; what is registered shares the colour camera."""
        source = str(self.path)
        try:
            first = read_camera(bag, color, source)
        except CaptureError:
            # Drivers without a calibration send zeros.
            if params.intrinsics is None:
                raise
            first = None
        if first is None and (params.intrinsics is not None or params.assume_camera):
            width, height = color.size
            usual = Intrinsics(0.9 * width, 0.9 * width, width / 2, height / 2, width, height)
            first = Camera(usual, None, "" if params.intrinsics else "no camera: one is assumed")
        expect(
            first is not None,
            given=f"{source} with images in {color.topic.name}, but nothing of their camera",
            needed="a topic camera_info beside them",
            do="pass --intrinsics FX,FY,CX,CY",
            error=CaptureError,
        )
        assert first is not None
        own = None if is_registered(color, depth) else read_camera(bag, depth, source)
        if own is not None:
            return first, own
        # Also of a topic that tells nothing: as colour, in pixels of its own.
        return first, Camera(first.camera.resized(depth.size), first.lens, "")

    def _gone_through(
        self, bag: Bag, topics: Mapping[str, Topic], told: Told
    ) -> tuple[_Index, _Index]:
        """Times of all images, and all that is told about poses, in one pass."""
        images = (self._color.topic.name, self._depth.topic.name)
        about = [name for name, topic in topics.items() if topic.type in KINDS]
        found: dict[str, list[tuple[int, int]]] = {name: [] for name in images}
        for name, time, data in bag.messages([*images, *about]):
            if name in found:
                head = read_head(data, bag.is_ros2, f"{self.path}, {name}")
                found[name].append((time, head.stamp_ns))
            else:
                told.enter(bag, topics[name], data)
        # Stamps that nobody set: the time of recording is as near as it gets.
        unset = any(stamp == 0 for rows in found.values() for _, stamp in rows)
        color, depth = (_index(found[name], unset) for name in images)
        return color, depth

    def _registered(
        self, bag: Bag, topics: Mapping[str, Topic], tree: Tree
    ) -> tuple[NDArray[np.float64], str]:
        """``(4, 4)`` colour from depth camera, and a note where it is a guess."""
        color, depth = self._color, self._depth
        if is_registered(color, depth):
            return np.eye(4), ""
        if color.topic.name.startswith(DEVICE):
            group, color_from_reference = realsense_extrinsics(bag, topics, color.topic.name)
            other, depth_from_reference = realsense_extrinsics(bag, topics, depth.topic.name)
            if group and group == other:
                return color_from_reference @ np.linalg.inv(depth_from_reference), ""
        fixed = tree.fixed(color.frame, depth.frame)
        if fixed is not None:
            return fixed, ""
        return np.eye(4), (
            "nothing tells where the depth camera stands beside the colour camera: taken as one "
            "place"
        )

    def _posed(self, told: Told, tree: Tree, times_s: Sequence[float]) -> Poses:
        poses = camera_poses(told, tree, self._color.frame, times_s)
        if self._color.topic.name.startswith(DEVICE) and poses.note.startswith("no poses"):
            return Poses(poses.matrices, None, "no poses: the camera does not track itself")
        return poses

    # Frames.

    def _message(self, topic: Topic, index: _Index, at: int) -> bytes:
        with opened(self.path) as bag:
            return bag.message(topic.name, int(index.times[at]), int(index.nths[at]))

    def source(self, index: int, part: str) -> str:
        """The topic that holds a part."""
        topic = {"colour": self._color, "depth": self._depth}.get(part)
        where = f", {topic.topic.name}" if topic is not None else f", {part}"
        return f"{self.path}{where}, frame {self.frame_ids[index]}"

    def pose_matrix(self, index: int) -> NDArray[np.float64]:
        """World from colour camera; -inf where nothing is known."""
        return np.array(self._poses[index])

    def time_s(self, index: int) -> float:
        """When the colour image was taken."""
        return float(self._color_at.stamps_s[self.frame_ids[index]])

    def color_data(self, index: int) -> bytes:
        """The encoded image; empty of those that are sent as pixels."""
        if not self._color.packed:
            return b""
        topic, at = self._color.topic, self.frame_ids[index]
        data = self._message(topic, self._color_at, at)
        return bytes(read_image(data, topic.type, self._ros2, self.source(index, "colour")).data)

    def color_pixels(self, index: int, at_least: Size | None) -> NDArray[np.uint8]:
        """The colour image."""
        if self._color.packed:
            return super().color_pixels(index, at_least)
        source, topic = self.source(index, "colour"), self._color.topic
        data = self._message(topic, self._color_at, self.frame_ids[index])
        image = color_of(read_image(data, topic.type, self._ros2, source), source, at_least)
        size = self.registration.color_camera.size
        expect(
            image.shape[1::-1] == size,
            given=f"{source} of {image.shape[1]}x{image.shape[0]} pixels",
            needed=f"{size[0]}x{size[1]}, the colour camera's size",
            do="check that all images come from one recording",
            error=CaptureError,
        )
        return image

    def depth_raw(self, index: int) -> Array:
        """Depth in units of the device, or metres where it is sent as such."""
        source, topic = self.source(index, "depth"), self._depth.topic
        at = int(self._depth_of[self.frame_ids[index]])
        data = self._message(topic, self._depth_at, at)
        return depth_of(read_image(data, topic.type, self._ros2, source), source)


def _index(rows: Sequence[tuple[int, int]], unset: bool) -> _Index:
    times = np.array([time for time, _ in rows], dtype=np.int64)
    stamps = times if unset else np.array([stamp for _, stamp in rows], dtype=np.int64)
    nths = np.zeros(len(times), np.int64)
    seen: dict[int, int] = {}
    for n, time in enumerate(times.tolist()):
        nths[n] = seen.get(time, 0)
        seen[time] = int(nths[n]) + 1
    return _Index(times, nths, stamps / 1e9)


def _units_per_m(bag: Bag, topics: Mapping[str, Topic], depth: Images) -> float:
    """Of the depth topic: metres where it holds floats, else what the device says, else mm."""
    data = bag.first(depth.topic.name)
    assert data is not None
    image = read_image(data, depth.topic.type, bag.is_ros2, depth.topic.name)
    if image.encoding.lower().startswith("32fc1"):
        return 1.0
    sensor = "/".join(depth.topic.name.split("/")[:3])
    option = topics.get(f"{sensor}/option/Depth Units/value")
    told = None if option is None else bag.first(option.name)
    if told is not None and option is not None and option.type == "std_msgs/msg/Float32":
        unit = float(bag.decoded(told, option.type).data)
        if math.isfinite(unit) and 1e-6 < unit < 1:
            return 1 / unit
    return 1000.0


def _nothing(path: Path, found: Sequence[Images], topics: Mapping[str, Topic]) -> CaptureError:
    """What is there instead of colour and depth."""
    kinds = {one.kind for one in found}
    lacks = [
        word for word, some in (("colour", {"color", "gray"}), ("depth", {"depth"}))
        if not kinds & some
    ]  # fmt: skip
    names = [f"{topic.name} ({topic.type.rsplit('/', 1)[-1]})" for topic in topics.values()]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return CaptureError(
        f"given: {path} without {' and '.join(lacks) or 'depth that fits'} images among its "
        f"topics: {shown or 'none'}; needed: images of type Image or CompressedImage, depth as "
        f"16UC1, 32FC1 or compressedDepth; do: record these topics, or convert video topics to "
        f"images"
    )


def _claims(path: Path) -> str | None:
    if path.is_dir():
        if (path / "metadata.yaml").is_file():
            there = [*path.glob("*.db3*"), *path.glob("*.mcap*")]
            return "metadata.yaml" if there else None
        return None
    return path.name if path.suffix.lower() in (".bag", ".mcap", ".db3") else None


def _open(path: Path, how: Opening) -> RosCapture:
    return RosCapture(path, how.params)


READER = Reader(
    "a .bag, .mcap or .db3 file, or a folder with metadata.yaml (ROS, RealSense)",
    _claims,
    _open,
)
