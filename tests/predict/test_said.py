"""Frames that are labelled side by side come in order, and no thread keeps fewer threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from crossvox.core.camera import Intrinsics
from crossvox.core.checks import CaptureError
from crossvox.core.frame import Frame
from crossvox.core.frame_labels import FrameLabels
from crossvox.predict.said import said_of


class Slow:
    classes = 2

    def __init__(self, bad: int = -1) -> None:
        self.bad, self.threads, self.inner = bad, set[int](), set[int]()

    def __call__(self, frame: Frame) -> FrameLabels | None:
        time.sleep(0.02 * (frame.id % 3 == 0))
        self.threads.add(threading.get_ident())
        self.inner.add(torch.get_num_threads())
        if frame.id == self.bad:
            raise CaptureError("given: a damaged label image")
        return None if frame.id % 4 == 3 else FrameLabels(np.full((1, 1, 2), frame.id, "f4"), 1)


def frames(count: int, taken: list[int]) -> Iterator[Frame]:
    for number in range(count):
        taken.append(number)
        yield Frame(number, Intrinsics(1, 1, 0, 0, 1, 1), None)


@pytest.mark.parametrize("threads", [1, 3])
def test_frames_come_in_order_and_few_are_held(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossvox.predict.said.threads", lambda: threads)
    before, labeller = torch.get_num_threads(), Slow()
    taken = list[int]()
    seen = []
    try:
        for frame, said in said_of(frames(12, taken), labeller):
            assert len(taken) - frame.id <= threads + 1
            assert (said is None) == (frame.id % 4 == 3)
            if said is not None:
                assert said.probability[0, 0, 0] == frame.id
            seen.append(frame.id)
        assert seen == list(range(12))
        assert len(labeller.threads) <= threads
        if threads > 1:
            assert labeller.inner == {1}
        assert torch.get_num_threads() == before, "whatever the process had been given"
    finally:
        torch.set_num_threads(before)


def test_an_error_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossvox.predict.said.threads", lambda: 2)
    before, taken = torch.get_num_threads(), list[int]()
    try:
        with pytest.raises(CaptureError, match="damaged label image"):
            list(said_of(frames(100, taken), Slow(bad=5)))
        assert len(taken) < 12
    finally:
        torch.set_num_threads(before)
