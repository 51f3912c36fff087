"""What is said of frames, several of them at a time, and before it is asked for.

A network of images keeps a core busy with a frame of its own more cheaply than all cores with one
frame: threads that share a small convolution wait for each other. So each thread labels other
frames, and what they say comes in the order of the frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition
from typing import Protocol

from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabeller, FrameLabels
from crossvox.core.threads import threads

AHEAD_BYTES = 64 << 20
"""What may be said of frames before somebody asks for it: of 80 frames of 320x240."""

Said = tuple[Frame, FrameLabels | None]


class Told(Protocol):
    """Each frame with what is said of it, in order, once; to be closed."""

    def __iter__(self) -> Iterator[Said]: ...

    def close(self) -> None:
        """Say nothing more."""
        ...


def said_of(frames: Iterable[Frame], labeller: FrameLabeller, ahead_bytes: int = 0) -> Told:
    """Each frame with what is said of it, in order; few of them are held at a time.

    Where this process has several threads, labelling begins with this call.

    Args:
        frames: read by one thread at a time.
        labeller: asked by several at once.
        ahead_bytes: what may be held, beyond one frame a thread, of what nobody has asked for yet.

    Raises:
        Exception: while it is iterated, whatever the labeller raises first.
    """
    count = threads()
    return (
        _OneByOne(frames, labeller) if count == 1 else _Ahead(frames, labeller, count, ahead_bytes)
    )


class _OneByOne:
    def __init__(self, frames: Iterable[Frame], labeller: FrameLabeller) -> None:
        self._frames, self._labeller = frames, labeller

    def __iter__(self) -> Iterator[Said]:
        for frame in self._frames:
            yield frame, self._labeller(frame)

    def close(self) -> None:
        """Nothing is at work."""


class _Ahead:
    """Labelled by threads of their own, which take the next frame as long as there is room."""

    def __init__(
        self, frames: Iterable[Frame], labeller: FrameLabeller, count: int, ahead_bytes: int
    ) -> None:
        import torch

        self._frames, self._labeller = iter(frames), labeller
        self._count, self._ahead_bytes = count, ahead_bytes
        self._changed = Condition()
        self._waiting: deque[tuple[Frame | None, Future[FrameLabels | None]]] = deque()
        self._held_bytes, self._ended = 0, False
        self._threads_before = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, "labels", _one_thread_each)
        for _ in range(count):
            self._pool.submit(self._work)

    def __iter__(self) -> Iterator[Said]:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._ended)
                    if not self._waiting:
                        return
                    frame, future = self._waiting[0]
                said = future.result()
                assert frame is not None, "without a frame there is an error"
                with self._changed:
                    self._waiting.popleft()
                    self._held_bytes -= _bytes(said)
                    self._changed.notify_all()
                yield frame, said
        finally:
            self.close()

    def close(self) -> None:
        """Say nothing more; frames that are being labelled are waited for."""
        import torch

        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._pool.shutdown()
        # What the threads above have set holds for those that begin later, too.
        torch.set_num_threads(self._threads_before)

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            frame, future = taken
            try:
                said = self._labeller(frame)
            except BaseException as error:
                future.set_exception(error)
                continue
            with self._changed:
                self._held_bytes += _bytes(said)
            future.set_result(said)

    def _take(self) -> tuple[Frame, Future[FrameLabels | None]] | None:
        """The next frame to label, when there is room for what will be said of it."""
        future: Future[FrameLabels | None] = Future()
        with self._changed:
            self._changed.wait_for(self._may_take)
            if self._ended:
                return None
            try:
                frame = next(self._frames)
            except StopIteration:
                self._ended = True
                self._changed.notify_all()
                return None
            except BaseException as error:
                self._ended = True
                future.set_exception(error)
                self._waiting.append((None, future))
                self._changed.notify_all()
                return None
            self._waiting.append((frame, future))
            self._changed.notify_all()
        return frame, future

    def _may_take(self) -> bool:
        few = len(self._waiting) < self._count
        return self._ended or few or self._held_bytes < self._ahead_bytes


def _bytes(said: FrameLabels | None) -> int:
    return 0 if said is None else said.probability.nbytes


def _one_thread_each() -> None:
    import torch

    torch.set_num_threads(1)
