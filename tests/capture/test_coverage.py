"""Which frames are used: those that together see the most."""

from __future__ import annotations

import numpy as np
import pytest
from tests.capture.box_room import write_box_room

from crossvox.capture import open_capture
from crossvox.capture.coverage import covering
from crossvox.capture.wrapped import WrappedCapture
from crossvox.core.camera import Pose, Size
from crossvox.core.checks import CaptureError
from crossvox.core.frame import ALL_PARTS, Capture, Frame, Parts


class Walk(WrappedCapture):
    """Frames of another capture in another order; -1 cannot be read."""

    def __init__(self, capture: Capture, order: list[int]) -> None:
        super().__init__(capture)
        self.order, self.read = order, 0

    @property
    def frame_ids(self) -> tuple[int, ...]:
        return tuple(range(len(self.order)))

    def pose(self, index: int) -> Pose | None:
        return self._capture.pose(self.order[index])

    def frame(self, index: int, size: Size | None = None, parts: Parts = ALL_PARTS) -> Frame:
        self.read += 1
        if self.order[index] < 0:
            raise CaptureError("damaged")
        return self._capture.frame(self.order[index], size, parts)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """Twelve frames that turn round in the middle of a room."""
    return open_capture(write_box_room(tmp_path_factory.mktemp("room"), 12))


def test_who_stood_still_is_not_looked_at_more_often(room: Capture) -> None:
    walk = Walk(room, [0] * 20 + [-1, 3, 6, 9])
    found = covering(walk, range(24), 6)
    assert sorted(walk.order[at] for at in found) == [0, 0, 0, 3, 6, 9]
    # At even steps it would have been the first direction alone, but for one.
    even = np.rint(np.linspace(0, 23, 6)).astype(int)
    assert [walk.order[at] for at in even] == [0, 0, 0, 0, 0, 9]
    assert covering(walk, range(24), 6) == found


def test_all_are_taken_where_there_are_few_and_any_number_is_filled(room: Capture) -> None:
    walk = Walk(room, list(range(12)))
    assert covering(walk, [5, 3, 8], 3) == [3, 5, 8]
    assert walk.read == 0
    assert len(covering(walk, range(12), 11)) == 11
    blind = Walk(room, [-1] * 9)
    assert covering(blind, range(9), 4) == [0, 1, 2, 3]


def test_no_more_are_read_than_some_times_what_is_taken(room: Capture) -> None:
    walk = Walk(room, [at % 12 for at in range(600)])
    steps: list[tuple[int, int]] = []
    found = covering(walk, range(600), 6, lambda done, of: steps.append((done, of)))
    assert walk.read == 24
    assert steps[-1] == (24, 24)
    directions = {walk.order[at] for at in found}
    assert len(directions) == len(found) == 6
