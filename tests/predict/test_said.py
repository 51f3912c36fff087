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


class Steady:
    """Says as much of every frame."""

    classes = 2

    def __call__(self, frame: Frame) -> FrameLabels | None:
        return FrameLabels(np.full((8, 8, 2), frame.id, "f4"), 1)


FRAME_BYTES = 8 * 8 * 2 * 4


@pytest.mark.parametrize("room", [0, 5, 100])
def test_labelling_begins_before_it_is_asked_for_as_far_as_there_is_room(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossvox.predict.said.threads", lambda: 2)
    before, taken = torch.get_num_threads(), list[int]()
    try:
        told = said_of(frames(20, taken), Steady(), room * FRAME_BYTES)
        deadline, begun = time.monotonic() + 60, min(20, max(2, room))
        while len(taken) < begun and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert begun <= len(taken) <= begun + 2
        seen = [(frame.id, said.probability[0, 0, 0]) for frame, said in told if said is not None]
        assert seen == [(number, number) for number in range(20)]
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_what_nobody_asks_for_ends_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossvox.predict.said.threads", lambda: 2)
    before, taken = torch.get_num_threads(), list[int]()
    running = threading.active_count()
    try:
        told = said_of(frames(1000, taken), Steady())
        told.close()
        told.close()
        assert len(taken) <= 4
        assert threading.active_count() == running
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_frames_that_cannot_be_read_are_an_error_after_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crossvox.predict.said.threads", lambda: 2)
    before, seen = torch.get_num_threads(), []

    def broken() -> Iterator[Frame]:
        yield from frames(3, [])
        raise CaptureError("given: a frame that is gone")

    try:
        with pytest.raises(CaptureError, match="a frame that is gone"):
            seen += [frame.id for frame, _ in said_of(broken(), Steady())]
            raise AssertionError("it ended without an error")
        told = iter(said_of(broken(), Steady()))
        assert [next(told)[0].id for _ in range(3)] == [0, 1, 2]
        with pytest.raises(CaptureError):
            next(told)
    finally:
        torch.set_num_threads(before)
