"""What is said of frames, several of them at a time.

A network of images keeps a core busy with a frame of its own more cheaply than all cores with one
frame: threads that share a small convolution wait for each other. So each thread labels other
frames, and what they say comes in the order of the frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabeller, FrameLabels
from crossvox.core.threads import threads

Said = tuple[Frame, FrameLabels | None]


def said_of(frames: Iterable[Frame], labeller: FrameLabeller) -> Iterator[Said]:
    """Each frame with what is said of it, in order; few of them are held at a time.

    Raises:
        Exception: whatever the labeller raises first.
    """
    count = threads()
    if count == 1:
        for frame in frames:
            yield frame, labeller(frame)
        return
    import torch

    waiting: deque[tuple[Frame, Future[FrameLabels | None]]] = deque()
    before = torch.get_num_threads()
    with ThreadPoolExecutor(count, "labels", _one_thread_each) as pool:
        try:
            for frame in frames:
                waiting.append((frame, pool.submit(labeller, frame)))
                if len(waiting) > count:
                    done, said = waiting.popleft()
                    yield done, said.result()
            while waiting:
                done, said = waiting.popleft()
                yield done, said.result()
        finally:
            pool.shutdown(cancel_futures=True)
            # What the threads above have set holds for those that begin later, too.
            torch.set_num_threads(before)


def _one_thread_each() -> None:
    import torch

    torch.set_num_threads(1)
