"""Colour made a little smaller by area."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossvox.doors.area import is_little_smaller, shrunk
from crossvox.doors.images import resize_color

SIDES = st.integers(3, 60).flatmap(
    lambda side: st.tuples(st.just(side), st.integers(side, 2 * side - 1))
)


@given(SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_twin_of_opencv(across: tuple[int, int], down: tuple[int, int], seed: int) -> None:
    size, source = zip(across, down, strict=True)
    rgb = np.random.default_rng(seed).integers(0, 256, (*source[::-1], 3), dtype=np.uint8)
    assert is_little_smaller(size, source) == (source != size)
    if source != size:
        twin = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(shrunk(rgb, size), twin)


def test_what_else_there_is_is_left_to_opencv() -> None:
    assert is_little_smaller((320, 240), (324, 242))
    assert is_little_smaller((320, 240), (320, 242))
    for source in ((640, 480), (324, 480), (319, 242), (320, 240)):
        assert not is_little_smaller((320, 240), source)
    assert not is_little_smaller((2, 20), (3, 30))
    rgb = np.random.default_rng(0).integers(0, 256, (242, 324, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_color(rgb, (320, 240)), shrunk(rgb, (320, 240)))
    mirrored = rgb[:, ::-1]  # not as it lies in memory
    np.testing.assert_array_equal(shrunk(mirrored, (320, 240)), shrunk(mirrored.copy(), (320, 240)))
