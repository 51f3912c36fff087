"""Frames of videos by number (PyAV, that is FFmpeg): H.264, HEVC, MJPEG in MP4, MOV or MKV.

A frame's number is its place in the order in which frames are shown, from 0. Pixels are those that
are stored: where a video says that it is to be shown turned (phones do, for players), nothing is
turned, since depth and camera of a phone are those of its sensor; :class:`VideoFacts` tells the
angle. Videos of more than 8 bits (HDR) come without tone mapping.

Frames asked for in rising order are decoded once each; any other is decoded from the key frame
before it. Decoders stay open for that, a few in this process, whoever asks; the callers hold no
open file, and may be pickled.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossvox.core.camera import Size
from crossvox.core.checks import CaptureError, expect
from crossvox.core.threads import threads

if TYPE_CHECKING:
    import av

OPEN_DECODERS = 2
"""Videos that stay open in this process; a decoder of 1920x1440 holds some 100 MB."""

KEPT_FRAMES = 4
"""Frames of each that are kept as decoded: threads that share a video ask a little out of order."""

MOST_THREADS = 4
"""Each thread of a decoder holds a frame of its own."""

MOST_PIXELS = 1 << 24
"""A decoder holds up to twenty images."""

MAX_FRAMES = 1 << 22
"""Nineteen hours at 60 frames a second. A damaged header must not be able to ask for all memory."""

_ONLY_FILES = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
    "protocol_whitelist": "file",
}
"""Other kinds of file, as lists to play, may name other files and addresses."""

_LONG_WAY = 2
"""Key frames that are tried before a video is decoded from its start."""

_FileId = tuple[str, int, int]


@dataclass(frozen=True)
class VideoFacts:
    """What a video says of itself.

    Attributes:
        size: of the stored images, not turned.
        frames: how many there are.
        turned_deg: how far players are told to turn the images clockwise, 0 to 359.
    """

    size: Size
    frames: int
    turned_deg: int


def video_facts(path: Path) -> VideoFacts:
    """Size and count, without decoding more than one frame.

    Raises:
        CaptureError: missing, cut, damaged or no video; or PyAV is not installed.
    """
    return _facts(_file_id(path))


def read_video_frame(path: Path, number: int) -> NDArray[np.uint8]:
    """The pixels of a frame as stored.

    Args:
        path: the video.
        number: from 0, in the order of showing.

    Returns:
        ``(H, W, 3)`` uint8 RGB, by the video's own colour matrix and range.

    Raises:
        CaptureError: the video or this frame cannot be read; names the file.
    """
    file = _file_id(path)
    with _lock:
        decoder = _open.pop(file, None) or _Decoder(file)
        _open[file] = decoder  # the last used is the last to go
        gone = [_open.popitem(last=False)[1] for _ in range(len(_open) - OPEN_DECODERS)]
    for other in gone:
        other.close()
    return decoder.read(number)


def close_videos() -> None:
    """Close what is open, for tests and for who wants to move the files."""
    with _lock:
        while _open:
            _open.popitem()[1].close()
    _facts.cache_clear()
    _indexed.cache_clear()


class _Decoder:
    """An open video, for one thread at a time; opens itself when first asked."""

    def __init__(self, file: _FileId) -> None:
        self._file, self._path = file, file[0]
        self._lock = Lock()
        self._container: Any = None
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next = 0
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        # Frames that cannot be decoded, and from where on none can: asking again costs nothing.
        self._bad: set[int] = set()
        self._end = MAX_FRAMES

    def close(self) -> None:
        with self._lock:
            self._frames = iter(())
            self._kept.clear()
            if self._container is not None:
                self._container.close()
            self._container = None

    def read(self, number: int) -> NDArray[np.uint8]:
        with self._lock:
            frame = self._kept.get(number) or self._found(number)
            try:
                pixels: NDArray[Any] = frame.to_ndarray(format="rgb24")
            except _damage() as error:
                raise _unreadable(self._path, f"frame {number}: {_why(error)}") from None
            return pixels.astype(np.uint8, copy=False)

    def _found(self, number: int) -> av.VideoFrame:
        index = _indexed(self._file)
        expect(
            0 <= number < len(index.times),
            given=f"frame {number} of {self._path}, which holds {len(index.times)}",
            needed="a frame that is there: the video is cut, or belongs to another capture",
            do="copy or export the video again",
            error=CaptureError,
        )
        if number in self._bad or number >= self._end:
            raise self._undecodable(number)
        keys = index.keys[: bisect_right(index.keys, number)]
        ahead = self._container is not None and self._next <= number
        if not ahead or (keys and keys[-1] > self._next):
            tried = [*keys[: -_LONG_WAY - 1 : -1], None]
            next(key for key in tried if self._go(key, index))
        frame = self._walk(number)
        if frame is None:
            raise self._undecodable(number)
        return frame

    def _undecodable(self, number: int) -> CaptureError:
        return _unreadable(self._path, f"frame {number} cannot be decoded")

    def _go(self, key: int | None, index: _Index) -> bool:
        """To a key frame, or to the very start; whether that is where it went."""
        if key is None or self._container is None:
            if self._container is not None:
                self._container.close()
            self._container = _opened(self._path)
        container = self._container
        if key is not None:
            try:
                container.seek(index.times[key], stream=container.streams.video[0], backward=True)
            except _damage():
                return False
        packets = _packets(container)
        first = next(packets, None)
        self._frames = _decoded(chain([] if first is None else [first], packets), index)
        self._next = 0 if key is None or first is None else bisect_left(index.times, _time(first))
        return key is None or (first is not None and self._next <= key)

    def _walk(self, number: int) -> av.VideoFrame | None:
        """Decode on to a frame; None if it does not come, which is remembered."""
        for found, frame in self._frames:
            if found < self._next:  # shown before the key frame that it follows: of lost frames
                continue
            self._bad.update(range(self._next, found))
            self._next = found + 1
            self._kept[found] = frame
            if len(self._kept) > KEPT_FRAMES:
                self._kept.popitem(last=False)
            if found >= number:
                return frame if found == number else None
        self._end = min(self._end, self._next)
        self._next = MAX_FRAMES
        return None


@dataclass(frozen=True)
class _Index:
    """When frames are shown, rising, in the stream's own units; which are key frames."""

    times: list[int]
    keys: list[int]
    number_of: dict[int, int]


@lru_cache(maxsize=8)
def _indexed(file: _FileId) -> _Index:
    """Look at all packets, decoding none."""
    path, times, keys = file[0], [], []
    with _opened(path) as container:
        for packet in _packets(container):
            if packet.size == 0 or packet.is_discard:
                continue
            times.append(_time(packet))
            if packet.is_keyframe:
                keys.append(times[-1])
            if len(times) > MAX_FRAMES:
                raise _unreadable(path, f"more than {MAX_FRAMES} frames")
    ordered = sorted(set(times))
    number_of = {time: number for number, time in enumerate(ordered)}
    expect(
        len(ordered) == len(times) and bool(times),
        given=f"{path}, a video of {len(times)} frames at {len(ordered)} times",
        needed="frames that each have a time of their own",
        do="write it again, for example by: ffmpeg -i VIDEO -c copy NEW.mp4",
        error=CaptureError,
    )
    return _Index(ordered, sorted(number_of[time] for time in keys), number_of)


def _packets(container: Any) -> Iterator[Any]:
    """Packets of the video, as far as a cut file goes. The last is empty: it makes decoders give
    what they hold back.
    """
    damage = _damage()  # looked up before the interpreter may be about to end
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.size == 0 or packet.pts is not None or packet.dts is not None:
                yield packet
    except damage:
        return


def _time(packet: Any) -> int:
    """When a packet or frame is shown; of empty packets, never."""
    time = packet.dts if packet.pts is None else packet.pts
    return sys.maxsize if time is None else time


def _decoded(packets: Iterable[Any], index: _Index) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames in the order of showing, with their numbers; none of those that came out damaged."""
    damaged_until, damage = 0, _damage()
    for packet in packets:
        try:
            frames = packet.decode()
        except damage:
            # What follows is predicted from what is lost, up to the next key frame.
            after = bisect_right(index.keys, index.number_of.get(_time(packet), 0))
            damaged_until = index.keys[after] if after < len(index.keys) else MAX_FRAMES
            continue
        for frame in frames:
            number = index.number_of.get(_time(frame), -1)
            if number >= damaged_until and not frame.is_corrupt:
                yield number, frame


@lru_cache(maxsize=64)
def _facts(file: _FileId) -> VideoFacts:
    path = file[0]
    with _opened(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        entries = stream.index_entries
        # MP4 and MOV list their frames; players drop those that an edit has cut away.
        listed = sum(not entry.is_discard for entry in entries) if stream.frames else 0
        first = next(_shown(container), None)
        if first is None:
            raise _unreadable(path, "no frame can be decoded")
        size, turned = (context.width, context.height), -first.rotation % 360
    frames = listed or len(_indexed(file).times)
    return VideoFacts(size, frames, turned)


def _shown(container: Any) -> Iterator[av.VideoFrame]:
    """Frames that can be decoded, whatever their numbers."""
    for packet in _packets(container):
        with suppress(*_damage()):
            yield from packet.decode()


def _opened(path: str) -> Any:
    """The container of a file with at least one video stream of a sensible size."""
    try:
        import av
    except ImportError:
        raise CaptureError(
            f"given: {path}, a video, and no PyAV to read it; needed: the package av; "
            f"do: pip install 'crossvox[captures]'"
        ) from None
    container, problem = None, ""
    try:
        container = av.open(path, options=_ONLY_FILES, metadata_errors="replace")
    except _damage() as error:
        # FFmpeg refuses absurd sizes by an error of memory that it never asked for.
        problem = _why(error)
    if container is None:
        raise _unreadable(path, problem)
    if not container.streams.video:
        container.close()
        raise _unreadable(path, "no video stream")
    stream = container.streams.video[0]
    context = stream.codec_context
    if context is None or not 0 < context.width * context.height <= MOST_PIXELS:
        container.close()
        raise _unreadable(path, "images of no sensible size")
    context.thread_type = "AUTO"
    context.thread_count = min(threads(), MOST_THREADS)
    return container


def _damage() -> tuple[type[Exception], ...]:
    """What PyAV raises where a video is damaged."""
    from av.error import FFmpegError

    return FFmpegError, OSError, ValueError


def _file_id(path: Path) -> _FileId:
    """A file that was written anew is another one."""
    try:
        there = os.stat(path)
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise _unreadable(str(path), text) from None
    return str(path), there.st_mtime_ns, there.st_size


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _unreadable(path: str, why: str) -> CaptureError:
    return CaptureError(
        f"given: {path}, a video that cannot be read ({why}); needed: a complete video in MP4, MOV "
        f"or MKV; do: copy or export the file again"
    )


_open: OrderedDict[_FileId, _Decoder] = OrderedDict()
_lock = Lock()


def _forget() -> None:
    """A forked process has no thread of its parent's decoders, and must not close their files."""
    global _open, _lock
    _left_alone.append(_open)
    _open, _lock = OrderedDict(), Lock()


_left_alone: list[object] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
