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
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
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


class _Decoder:
    """An open video, for one thread at a time; opens itself when first asked."""

    def __init__(self, file: _FileId) -> None:
        self._path = file[0]
        self._lock = Lock()
        self._container: Any = None
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._next = 0
        self._kept: OrderedDict[int, av.VideoFrame] = OrderedDict()
        self._index: _Index | None = None

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
            except (ValueError, OSError) as error:
                raise _unreadable(self._path, f"frame {number}: {_why(error)}") from None
            return pixels.astype(np.uint8, copy=False)

    def _found(self, number: int) -> av.VideoFrame:
        if self._index is None:
            self._index = _indexed(self._path)
        index = self._index
        expect(
            0 <= number < len(index.times),
            given=f"frame {number} of {self._path}, which holds {len(index.times)}",
            needed="a frame that is there: the video is cut, or belongs to another capture",
            do="copy or export the video again",
            error=CaptureError,
        )
        keys = index.keys[: bisect_right(index.keys, number)]
        ahead = self._container is not None and self._next <= number
        if ahead and not (keys and keys[-1] > self._next) and (frame := self._walk(number)):
            return frame
        for key in [*keys[: -_LONG_WAY - 1 : -1], None]:
            self._go(key)
            if frame := self._walk(number):
                return frame
        raise _unreadable(self._path, f"frame {number} cannot be decoded")

    def _go(self, key: int | None) -> None:
        """To a key frame, or to the very start."""
        index = self._index
        assert index is not None
        if key is None or self._container is None:
            if self._container is not None:
                self._container.close()
            self._container = _opened(self._path)
        self._next = 0
        stream = self._container.streams.video[0]
        if key:
            from av.error import FFmpegError

            try:
                self._container.seek(index.times[key], stream=stream, backward=True)
            except FFmpegError:
                self._frames = iter(())
                return
        self._frames = _decoded(self._container, index)

    def _walk(self, number: int) -> av.VideoFrame | None:
        """Decode on to a frame; None if it does not come."""
        for found, frame in self._frames:
            self._next = found + 1
            self._kept[found] = frame
            if len(self._kept) > KEPT_FRAMES:
                self._kept.popitem(last=False)
            if found >= number:
                return frame if found == number else None
        self._next = MAX_FRAMES
        return None


@dataclass(frozen=True)
class _Index:
    """When frames are shown, rising, in the stream's own units; which are key frames."""

    times: list[int]
    keys: list[int]
    number_of: dict[int, int]


def _indexed(path: str) -> _Index:
    """Look at all packets, decoding none."""
    from av.error import FFmpegError

    times, keys = [], []
    with _opened(path) as container:
        try:
            for packet in container.demux(container.streams.video[0]):
                time = packet.dts if packet.pts is None else packet.pts
                if time is None or packet.size == 0 or packet.is_discard:
                    continue
                times.append(time)
                if packet.is_keyframe:
                    keys.append(time)
                if len(times) > MAX_FRAMES:
                    raise _unreadable(path, f"more than {MAX_FRAMES} frames")
        except FFmpegError:
            pass  # cut: what comes after is missing
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


def _decoded(container: Any, index: _Index) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames in the order of showing, with their numbers; none of those that came out damaged."""
    from av.error import FFmpegError

    damaged_until = 0
    try:
        for packet in container.demux(container.streams.video[0]):
            try:
                frames = packet.decode()
            except FFmpegError:
                # What follows is predicted from what is lost, up to the next key frame.
                time = packet.dts if packet.pts is None else packet.pts
                after = bisect_right(index.keys, index.number_of.get(time, 0))
                damaged_until = index.keys[after] if after < len(index.keys) else MAX_FRAMES
                continue
            for frame in frames:
                number = index.number_of.get(frame.pts if frame.pts is not None else frame.dts, -1)
                if number >= damaged_until and not frame.is_corrupt:
                    yield number, frame
    except FFmpegError:
        return


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
    frames = listed or len(_indexed(path).times)
    return VideoFacts(size, frames, turned)


def _shown(container: Any) -> Iterator[av.VideoFrame]:
    """Frames that can be decoded, whatever their numbers."""
    from av.error import FFmpegError

    try:
        for packet in container.demux(container.streams.video[0]):
            with suppress(FFmpegError):
                yield from packet.decode()
    except FFmpegError:
        return


def _opened(path: str) -> Any:
    """The container of a file with at least one video stream of a sensible size."""
    try:
        import av
        from av.error import FFmpegError
    except ImportError:
        raise CaptureError(
            f"given: {path}, a video, and no PyAV to read it; needed: the package av; "
            f"do: pip install 'crossvox[captures]'"
        ) from None
    container, problem = None, ""
    try:
        container = av.open(path, options=_ONLY_FILES, metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
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
