"""Frames are left out where others have shown what they show, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from crossvox.core.camera import Intrinsics, Pose
from crossvox.core.checks import ParamsError
from crossvox.core.frame import Frame
from crossvox.predict.looks import CELL_M, LACKING, UNSEEN, WorthLabelling
from crossvox.predict.params import LabelParams
from crossvox.scene.params import VoteParams

CAMERA = Intrinsics(64.0, 64.0, 31.5, 23.5, 64, 48)
COLOURS = np.zeros((48, 64, 3), np.uint8)
ALIKE = VoteParams(half_m=math.inf)
"""Every look counts in full, up to 5 m."""


def wall(number: int, x_m: float = 0.0, depth_m: float = 2.0) -> Frame:
    """A wall straight ahead, 2 m wide and 1.5 m high at 2 m, from ``x_m`` to the right."""
    matrix = np.eye(4)
    matrix[:3, 3] = x_m, 0, 0
    depth = np.full((CAMERA.height, CAMERA.width), depth_m, np.float32)
    return Frame(number, CAMERA, Pose(matrix), COLOURS, depth)


def labelled(
    frames: Sequence[Frame], enough: float, votes: VoteParams = ALIKE
) -> tuple[list[int], int]:
    chosen = WorthLabelling(frames, enough, votes)
    return [frame.id for frame in chosen], chosen.left_out


@pytest.mark.parametrize("enough", [1, 3, 6])
def test_what_does_not_move_is_labelled_as_often_as_asked(enough: int) -> None:
    assert labelled([wall(n) for n in range(20)], enough) == (list(range(enough)), 20 - enough)


def test_looks_from_afar_count_for_less() -> None:
    frames = [wall(n) for n in range(20)]
    assert labelled(frames, 3, VoteParams(half_m=2.0)) == (list(range(6)), 14)
    assert labelled(frames, 3, VoteParams(half_m=1.0)) == (list(range(15)), 5)


def test_nothing_is_left_out_where_all_are_to_be_labelled() -> None:
    assert labelled([wall(n) for n in range(20)], 0) == (list(range(20)), 0)


def test_what_nobody_has_seen_is_labelled_and_counts_for_what_it_shows() -> None:
    # Five walls of 2 m beside each other, twice around.
    frames = [wall(n, 2.0 * (n % 5)) for n in range(10)]
    assert labelled(frames, 1) == ([0, 1, 2, 3, 4], 5)
    assert labelled(frames, 2) == (list(range(10)), 0)


@pytest.mark.parametrize(("moved_cells", "asked"), [(0, False), (1, True)])
def test_a_strip_that_was_never_seen_is_reason_enough(moved_cells: int, asked: bool) -> None:
    # A column of cells is an eighth of the image: more than UNSEEN, and less than LACKING.
    assert UNSEEN < CELL_M / 2 < LACKING
    frames = [wall(n) for n in range(3)] + [wall(3, moved_cells * CELL_M)]
    assert (3 in labelled(frames, 3)[0]) is asked


def test_strips_that_were_seen_too_seldom_are_so_only_where_they_are_many() -> None:
    # Cells 8 and 9 beyond the right border have been labelled for once, by frame 6.
    before = [*(wall(n) for n in range(6)), wall(6, 2 * CELL_M)]
    a_quarter, a_half = wall(7, 2 * CELL_M), wall(8, 4 * CELL_M)
    assert labelled([*before, a_quarter], 6) == (list(range(7)), 1)
    assert labelled([*before, a_half], 6) == ([*range(7), 8], 0)


def test_what_cannot_be_told_is_labelled() -> None:
    blind = Frame(0, CAMERA, wall(0).pose, COLOURS, None)
    lost = Frame(1, CAMERA, None, COLOURS, wall(1).depth_m)
    dark, far = wall(2, depth_m=0.0), wall(3, depth_m=ALIKE.far_m + 1)
    many = [blind, lost, dark, far] * 5
    assert labelled(many, 1) == ([0, 1, 2, 3] * 5, 0)


def test_a_frame_without_colour_is_no_look() -> None:
    """Nothing can be said of it, so that it does not keep another frame from being labelled."""
    grey = replace(wall(0), rgb=None)
    assert labelled([grey, wall(1), wall(2), grey], 1) == ([0, 1, 0], 1)


def test_each_time_begins_anew() -> None:
    chosen = WorthLabelling([wall(n) for n in range(9)], 2, ALIKE)
    for _ in range(2):
        assert [frame.id for frame in chosen] == [0, 1]
        assert chosen.left_out == 7


def test_fewer_looks_than_none_are_refused() -> None:
    with pytest.raises(ParamsError, match="looks"):
        LabelParams(looks=-1)
