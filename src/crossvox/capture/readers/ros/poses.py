"""Poses of the colour camera in a recording: by ``tf``, by odometry, or by poses of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.readers.ros.bag import Bag, Topic
from crossvox.capture.readers.ros.transforms import Motion, Tree

Array = NDArray[np.float64]
Row = tuple[float, Array]

TF = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
ODOMETRY = "nav_msgs/msg/Odometry"
STAMPED = "geometry_msgs/msg/TransformStamped"
POSES = ("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped")
KINDS = (*TF, ODOMETRY, STAMPED, *POSES)

LEVEL_FRAMES = ("map", "odom", "world", "earth", "odom_combined", "vicon", "mocap")
"""Frames of reference whose z points up by custom (REP 105)."""

OPTICAL = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""A camera's body (x forward, z up) from its optical frame (REP 103)."""


@dataclass(frozen=True, eq=False)
class Poses:
    """What was found.

    Attributes:
        matrices: ``(N, 4, 4)`` world from colour camera, -inf where nothing is known.
        up: where up is in the world; None: not known.
        note: where they come from.
    """

    matrices: Array
    up: tuple[float, float, float] | None
    note: str


@dataclass
class Told:
    """Messages about poses, gathered in one pass.

    Attributes:
        transforms: child, parent, time and value, of all ``tf``.
        bodies: by topic: frames of the world and the body (empty: not told), times and values.
    """

    transforms: list[tuple[str, str, float, Array]] = field(default_factory=list)
    bodies: dict[str, tuple[str, str, list[Row]]] = field(default_factory=dict)

    def enter(self, bag: Bag, topic: Topic, data: bytes) -> None:
        """A message of one of :data:`KINDS`."""
        told = bag.decoded(data, topic.type)
        if topic.type in TF:
            for one in told.transforms:
                self.transforms.append((_frame(one.child_frame_id), *_stamped(one)))
        elif topic.type == STAMPED:
            world, time, value = _stamped(told)
            self._body(topic.name, world, _frame(told.child_frame_id), (time, value))
        else:
            child = _frame(getattr(told, "child_frame_id", ""))
            pose = told.pose if topic.type == POSES[0] else told.pose.pose
            value = _value(pose.position, pose.orientation)
            world = _frame(told.header.frame_id)
            self._body(topic.name, world, child, (_time(told.header), value))

    def _body(self, name: str, world: str, child: str, row: Row) -> None:
        self.bodies.setdefault(name, (world, child, []))[2].append(row)


def _stamped(one: Any) -> tuple[str, float, Array]:
    value = _value(one.transform.translation, one.transform.rotation)
    return _frame(one.header.frame_id), _time(one.header), value


def _frame(name: str) -> str:
    return name.lstrip("/")


def _time(header: Any) -> float:
    return float(header.stamp.sec + 1e-9 * header.stamp.nanosec)


def _value(position: Any, rotation: Any) -> Array:
    return np.array(
        [position.x, position.y, position.z, rotation.x, rotation.y, rotation.z, rotation.w]
    )


def camera_poses(told: Told, tree: Tree, frame: str, times_s: Sequence[float]) -> Poses:
    """Poses of the camera with an optical frame at some times.

    Of all that the recording tells, what gives most frames a pose; ``tf`` before odometry before
    poses of whatever.

    Args:
        told: messages.
        tree: of its transforms.
        frame: the colour images' frame of reference.
        times_s: of the images.
    """
    found = []
    chain = tree.chain(frame)
    if len(chain) > 1 and tree.moves(chain):
        matrices = _stack([tree.at(chain, time) for time in times_s])
        found.append(Poses(matrices, _up(chain[-1]), f"poses by tf: {' -> '.join(chain[::-1])}"))
    for name, (world, child, rows) in sorted(told.bodies.items(), key=_by_child):
        motion, place = Motion.of(rows), _place(tree, child, frame)
        if motion is None or place is None:
            continue
        body_from_camera, how = place
        poses = [motion.at(time) for time in times_s]
        matrices = _stack([None if pose is None else pose @ body_from_camera for pose in poses])
        found.append(Poses(matrices, _up(world), f"poses by {name}: {how}"))
    best = max(found, key=lambda one: _count(one.matrices), default=None)
    if best is not None and _count(best.matrices):
        return best
    asked = sorted(told.bodies)
    note = f"no poses: tf does not lead from the camera's frame {frame!r} to one that it moves in"
    if asked:
        note += f", nor does anything tell how it is mounted on what {', '.join(asked)} tells"
    return Poses(_stack([None] * len(times_s)), None, note)


def _by_child(item: tuple[str, tuple[str, str, list[Row]]]) -> tuple[bool, str]:
    return not item[1][1], item[0]


def _place(tree: Tree, child: str, frame: str) -> tuple[Array, str] | None:
    """Body from camera; None where nothing tells."""
    if not child:
        return np.eye(4), "taken as those of the colour camera, z forward"
    if child == frame:
        return np.eye(4), "of the colour camera"
    fixed = tree.fixed(child, frame)
    if fixed is not None:
        return fixed, f"of {child}, on which the camera is fixed by tf"
    if "optical" in child:
        return np.eye(4), f"of {child}, taken as the colour camera"
    if "cam" in child.lower():
        return OPTICAL, f"of {child}, taken as the colour camera's body, x forward"
    return None


def _up(world: str) -> tuple[float, float, float] | None:
    return (0.0, 0.0, 1.0) if world.rsplit("/", 1)[-1] in LEVEL_FRAMES else None


def _stack(matrices: Sequence[Array | None]) -> Array:
    lost = np.full((4, 4), -np.inf)
    found = [lost if one is None else one for one in matrices]
    return np.array(found).reshape(-1, 4, 4)


def _count(matrices: Array) -> int:
    return int(np.isfinite(matrices).all(axis=(1, 2)).sum())


def realsense_extrinsics(bag: Bag, topics: Mapping[str, Topic], image: str) -> tuple[str, Array]:
    """Group, and ``(4, 4)`` camera from the group's reference, of a RealSense SDK's image topic.

    The group is empty where nothing is told.
    """
    root = image.removesuffix("/image/data") + "/tf/"
    for name, topic in topics.items():
        if name.startswith(root) and topic.type == "geometry_msgs/msg/Transform":
            data = bag.first(name)
            if data is not None:
                told = bag.decoded(data, topic.type)
                motion = Motion.of([(0.0, _value(told.translation, told.rotation))])
                matrix = None if motion is None else motion.at(0.0)
                if matrix is not None:
                    return name.removeprefix(root), matrix
    return "", np.eye(4)
