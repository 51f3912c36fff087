"""Which topics of a recording are the colour images and their depth, and what their cameras are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossvox.capture.cameras import camera_or_error
from crossvox.capture.lens import Lens
from crossvox.capture.readers.ros.bag import Bag, Topic
from crossvox.capture.readers.ros.messages import (
    IMAGE,
    PACKED,
    Kind,
    kind_of,
    read_head,
    read_image,
    size_of,
)
from crossvox.core.camera import Intrinsics, Size
from crossvox.core.checks import CaptureError, ParamsError, expect

INFO = "sensor_msgs/msg/CameraInfo"

ENOUGH = 0.8
"""A topic is complete if it has this share of the images that the fullest one has."""

DEVICE = "/device_"
"""Topics of the RealSense SDK begin with this."""

_TRANSPORTS = ("/compressedDepth", "/compressed")
_ASIDE = ("infra", "/ir/", "/ir_", "left", "right", "fisheye", "mask", "label", "segment")
_BROWN = ("plumb_bob", "rational_polynomial", "brown")
_FISHEYE = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")


@dataclass(frozen=True, eq=False)
class Images:
    """A topic with images.

    Attributes:
        topic: name, type and count.
        kind: what its first image shows.
        packed: whether images are encoded.
        size: of the first image.
        frame: of reference, by the first image.
        info: topic with its camera; empty where there is none.
    """

    topic: Topic
    kind: Kind
    packed: bool
    size: Size
    frame: str
    info: str

    @property
    def name(self) -> str:
        """Of the topic, without how it was sent."""
        return base_name(self.topic.name)

    @property
    def is_rectified(self) -> bool:
        """Whether its images are rectified, as their names tell by custom."""
        return "rect" in self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True, eq=False)
class Camera:
    """What a camera message tells, for images of a size.

    Attributes:
        camera: focal lengths and centre.
        lens: distortion, None where there is none.
        note: what could not be used; empty: nothing.
    """

    camera: Intrinsics
    lens: Lens | None
    note: str


def base_name(topic: str) -> str:
    """A topic's name without how its images were sent."""
    for end in _TRANSPORTS:
        topic = topic.removesuffix(end)
    return topic


def image_topics(bag: Bag, source: str) -> list[Images]:
    """All topics with images that can be read, by name."""
    topics = bag.topics()
    infos = {
        topic.name: read_head(data, bag.is_ros2, f"{source}, {topic.name}").frame
        for topic in topics
        if topic.type == INFO and (data := bag.first(topic.name)) is not None
    }
    found = []
    for topic in topics:
        if topic.type not in (IMAGE, PACKED) or topic.count == 0:
            continue
        data = bag.first(topic.name)
        if data is None:
            continue
        where = f"{source}, {topic.name}"
        image = read_image(data, topic.type, bag.is_ros2, where)
        kind = kind_of(image)
        if kind:
            size = size_of(image, where)
            info = _info_of(topic.name, image.head.frame, infos)
            found.append(Images(topic, kind, image.packed, size, image.head.frame, info))
    return found


def _info_of(name: str, frame: str, infos: Mapping[str, str]) -> str:
    """The camera's topic stands beside its images', or is of the same frame of reference."""
    base = base_name(name)
    if base.endswith("/image/data"):  # the RealSense SDK's
        wanted = [base.removesuffix("/image/data") + "/info/camera_info"]
    else:
        wanted = [f"{base.rpartition('/')[0]}/camera_info", f"{base}/camera_info"]
    wanted += [info for info, other in infos.items() if frame and other == frame]
    return next((info for info in wanted if info in infos), "")


def best_pair(found: Sequence[Images]) -> tuple[Images, Images] | None:
    """Colour and depth that belong together; None where one of them is missing.

    Complete before registered before near in name: see the key.
    """
    colors = [one for one in found if one.kind in ("color", "gray")]
    depths = [one for one in found if one.kind == "depth"]
    pairs = [(color, depth) for color in colors for depth in depths]
    if not pairs:
        return None
    most = max(min(color.topic.count, depth.topic.count) for color, depth in pairs)

    def key(pair: tuple[Images, Images]) -> tuple[Any, ...]:
        color, depth = pair
        count = min(color.topic.count, depth.topic.count)
        return (
            count >= ENOUGH * most,
            color.kind == "color",
            not _is_aside(color),
            not _is_aside(depth),
            bool(color.info),
            is_registered(color, depth),
            bool(depth.info),
            color.is_rectified and is_registered(color, depth),
            _near(color.name, depth.name),
            not color.packed,
            not depth.packed,
            count,
        )

    return max(pairs, key=key)


def _near(name: str, other: str) -> int:
    """How many parts of two names are the same from the left."""
    parts = list(zip(name.split("/"), other.split("/"), strict=False))
    return next((n for n, (one, two) in enumerate(parts) if one != two), len(parts))


def _is_aside(images: Images) -> bool:
    return any(word in images.topic.name.lower() for word in _ASIDE)


def is_registered(color: Images, depth: Images) -> bool:
    """Whether depth is told on the colour camera's pixels."""
    name = depth.topic.name.lower()
    if name.startswith(DEVICE):
        return False  # the SDK records what the sensors saw, and no frames of reference
    named = any(word in name for word in ("aligned", "registered", "depth_to_rgb"))
    return named or (bool(color.frame) and color.frame == depth.frame)


def read_camera(bag: Bag, images: Images, source: str) -> Camera | None:
    """The camera of a topic's images; None where nothing is told.

    Raises:
        CaptureError: what is told cannot be true.
    """
    data = bag.first(images.info) if images.info else None
    if data is None:
        return None
    told = bag.decoded(data, INFO)
    where = f"{source}, {images.info}"
    k, p, d = (_numbers(told, name) for name in "kpd")
    use_p = images.is_rectified and len(p) == 12 and p[0] > 0
    values = (p[0], p[5], p[2], p[6]) if use_p else (k[0], k[4], k[2], k[5])
    size = (int(told.width), int(told.height))
    size = size if min(size) > 0 else images.size
    camera = camera_or_error(tuple(float(v) for v in values), size, where)  # type: ignore[arg-type]
    expect(
        size[0] * images.size[1] == size[1] * images.size[0],
        given=f"{where} for {size[0]}x{size[1]} pixels, and images of "
        f"{images.size[0]}x{images.size[1]}",
        needed="a camera of these images",
        do="pass it by --intrinsics FX,FY,CX,CY",
        error=CaptureError,
    )
    lens, note = None, ""
    if not images.is_rectified:
        lens, note = _lens(str(told.distortion_model), d)
    return Camera(camera.resized(images.size), lens, note)


def _numbers(told: Any, name: str) -> NDArray[np.float64]:
    """``K`` of ROS 1 is ``k`` of ROS 2."""
    found = getattr(told, name, None)
    return np.asarray(getattr(told, name.upper()) if found is None else found, dtype=np.float64)


def _lens(model: str, values: NDArray[np.float64]) -> tuple[Lens | None, str]:
    """Distortion by the name of its model; a note where it is of a kind that is not known."""
    if not values.any():
        return None, ""
    name = model.lower().replace(" ", "_")
    numbers = tuple(float(value) for value in values)
    try:
        if any(word in name for word in _BROWN):
            # Longer ones end in terms of thin prisms and tilt, which are 0 but for odd cameras.
            return Lens("brown", numbers[:8] if len(numbers) > 8 else numbers), ""
        if any(word in name for word in _FISHEYE):
            return Lens("fisheye", numbers[:4]), ""
    except ParamsError:
        pass
    return None, f"distortion of a kind that is not known ({model[:40]!r}) is left alone"
