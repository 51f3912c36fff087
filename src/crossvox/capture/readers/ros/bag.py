"""Bags of messages, opened by the library rosbags: one file of ROS 1, a file or folder of ROS 2.

Captures hold no open files: bags stay open in the process, the last few of them, behind a lock.
Nothing of the definitions that bags carry is used: the messages that are read have been the same
for as long as there is ROS.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossvox.core.checks import CaptureError, CrossvoxError

MOST_OPEN = 2
"""Bags of a process that stay open."""

_TF, _TF_FIELDS = "tf2_msgs/msg/TFMessage", "geometry_msgs/TransformStamped[] transforms"
_ALIASES = {"tf/msg/tfMessage": _TF}
"""Types of old bags, by those that have the same fields."""


@dataclass(frozen=True)
class Topic:
    """What a bag holds under one name.

    Attributes:
        name: of the topic.
        type: of its messages, as ``sensor_msgs/msg/Image``.
        count: of messages.
    """

    name: str
    type: str
    count: int


class _BoundedFile(io.BufferedReader):
    """A file that is asked for no more than it has: Python takes the memory before it looks."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


class _Bounded(type(Path())):  # type: ignore[misc]
    """A path whose file, and all below it, are opened so."""

    def open(self, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return _BoundedFile(Path(self)) if mode == "rb" else super().open(mode, *rest, **more)


class Bag:
    """An open bag; one thread at a time.

    Args:
        path: the file or folder.
    """

    def __init__(self, path: Path) -> None:
        from rosbags.rosbag1 import Reader as Reader1
        from rosbags.rosbag2 import Reader as Reader2
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.is_ros2 = path.suffix.lower() != ".bag"
        self._reader: Any = (Reader2 if self.is_ros2 else Reader1)(_Bounded(path))
        self._reader.open()
        self._types = get_typestore(Stores.LATEST if self.is_ros2 else Stores.ROS1_NOETIC)
        if _TF not in self._types.types:
            self._types.register(get_types_from_msg(_TF_FIELDS, _TF))

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    def topics(self) -> tuple[Topic, ...]:
        """All topics, by name."""
        found: dict[str, Topic] = {}
        for one in self._reader.connections:
            before = found.get(one.topic)
            count = one.msgcount + (before.count if before else 0)
            found[one.topic] = Topic(one.topic, one.msgtype, count)
        return tuple(found[name] for name in sorted(found))

    def messages(
        self, topics: Iterable[str], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[str, int, bytes]]:
        """Topic, time of recording (ns) and bytes of messages, in order of time."""
        names = set(topics)
        some = [one for one in self._reader.connections if one.topic in names]
        if some:
            for one, time, data in self._reader.messages(some, start, stop):
                yield one.topic, time, bytes(data)

    def first(self, topic: str) -> bytes | None:
        """The first message of a topic; None: there is none."""
        return next((data for _, _, data in self.messages([topic])), None)

    def message(self, topic: str, time: int, nth: int) -> bytes:
        """A message by its time; of those of one time by their order."""
        found = self.messages([topic], time, time + 1)
        for _ in range(nth):
            next(found)
        return next(found)[2]

    def decoded(self, data: bytes, kind: str) -> Any:
        """The fields of a message of a type that ROS itself defines."""
        kind = _ALIASES.get(kind, kind)
        if self.is_ros2:
            return self._types.deserialize_cdr(data, kind)
        return self._types.deserialize_ros1(data, kind)


_lock = threading.RLock()
_open: dict[tuple[object, ...], Bag] = {}


@contextmanager
def opened(path: Path) -> Iterator[Bag]:
    """The bag of a path, for this thread alone.

    Raises:
        CaptureError: rosbags is not installed, or cannot read the bag.
    """
    with _lock:
        key: tuple[object, ...] = ()
        try:
            # Another process, forked, must not move in the file of this one.
            key = (os.getpid(), str(path), *_state(path))
            bag = _open.pop(key, None) or Bag(path)
            _open[key] = bag
            while len(_open) > MOST_OPEN:
                old = _open.pop(next(iter(_open)))
                with suppress(Exception):
                    old.close()
            yield bag
        except CrossvoxError:
            raise
        except ImportError as error:
            raise CaptureError(
                f"given: {path}, a recording of ROS, and no rosbags to read it ({error}); needed: "
                f"this package; do: pip install 'crossvox[captures]'"
            ) from None
        # Whatever a damaged file leads the library and its decompressors to.
        except Exception as error:
            _forget(key)
            text = " ".join(str(error).split())[:200]
            raise CaptureError(
                f"given: {path}, which cannot be read ({type(error).__name__}: {text}); needed: a "
                f"complete recording of ROS; do: copy it again, or mend it with: rosbag reindex, "
                f"ros2 bag reindex, mcap recover"
            ) from None


def _state(path: Path) -> tuple[object, ...]:
    """What changes with a recording: of a folder, that of its files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    states = ((file.name, file.stat()) for file in files)
    return tuple((name, one.st_ino, one.st_mtime_ns, one.st_size) for name, one in states)


def _forget(key: tuple[object, ...]) -> None:
    bag = _open.pop(key, None)
    if bag is not None:
        with suppress(Exception):
            bag.close()
