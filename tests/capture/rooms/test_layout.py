"""Layout: what rooms hold, and that nothing stands in anything."""

from __future__ import annotations

import numpy as np
import pytest

from crossvox.capture.rooms import shapes as sh
from crossvox.capture.rooms.categories import NYU40_IDS, RAW_IDS, nyu40_table
from crossvox.capture.rooms.layout.furnish import furnish, kind_of
from crossvox.capture.rooms.layout.kinds import KINDS
from crossvox.capture.rooms.layout.room import Room, polygon_contains
from crossvox.capture.rooms.light import RoomMesh, assemble
from crossvox.capture.rooms.model import Block, block_of
from crossvox.core.labels import NYU40


@pytest.fixture(scope="module")
def rooms() -> list[Room]:
    """Sixteen rooms of one seed, coarse."""
    return [furnish(11, number, spacing_m=0.2) for number in range(16)]


def test_blocks_overlap_as_rectangles_do() -> None:
    a = Block(np.zeros(2), np.array([1.0, 0.5]), 0.0, 0.0, 1.0)
    assert a.overlaps(Block(np.array([1.5, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0))
    assert not a.overlaps(Block(np.array([1.7, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0))
    assert a.overlaps(Block(np.array([1.7, 0.0]), np.array([0.6, 0.5]), 0.0, 0.0, 1.0), gap=0.2)
    assert not a.overlaps(Block(np.zeros(2), np.array([1.0, 0.5]), 0.0, 1.0, 2.0))
    # Bounding boxes meet here, the turned rectangles do not.
    corner = Block(np.array([1.75, 1.25]), np.array([1.0, 0.2]), -np.pi / 4, 0.0, 1.0)
    assert not a.overlaps(corner)
    assert polygon_contains(a.corners(), np.array([[0.9, 0.4], [1.1, 0.0]])).tolist() == [
        True,
        False,
    ]


def test_every_kind_comes_in_seven_rooms_in_a_row() -> None:
    for seed in (0, 4):
        for start in (0, 7):
            kinds = {kind_of(seed, number) for number in range(start, start + 7)}
            assert kinds == set(KINDS)


def test_sixteen_rooms_show_the_benchmark(rooms: list[Room]) -> None:
    ids: set[int] = set()
    table = nyu40_table()
    for room in rooms:
        ids |= set(table[np.unique(assemble(room).raw_label)].tolist())
    assert len(ids & set(NYU40.benchmark_ids)) >= 18
    assert len(ids) >= 30


def test_rooms_hold_what_they_must_and_nothing_stands_in_anything(rooms: list[Room]) -> None:
    for room in rooms:
        categories = {part.category for item in room.placed for part in item.model.parts}
        categories |= {part.category for part in room.shell.parts}
        assert {"door", "window", "wall", "floor", "ceiling"} <= categories
        solid = [item for item in room.placed if item.model.category not in ("rug", "bath mat")]
        assert len(solid) >= 6
        width, depth = room.plan.max(axis=0)
        for item in solid:
            points = np.concatenate([part.shape.points for part in item.model.parts])
            world = points @ sh.rotation(item.yaw).T + np.asarray(item.at)
            assert world[:, :2].min() > -0.03
            assert (world[:, :2].max(axis=0) < (width + 0.03, depth + 0.03)).all()
            assert world[:, 2].min() > -0.01
            assert world[:, 2].max() < room.height_m + 0.01
        seats = ("chair", "stool", "office chair", "shower curtain")
        rest = [item for item in solid if item.model.category not in seats]
        for number, one in enumerate(rest):
            for other in rest[number + 1 :]:
                shrunk = block_of(one.model, one.at, one.yaw)
                assert not shrunk.overlaps(other.block, -0.02), (
                    room.kind, one.model.category, other.model.category)  # fmt: skip


def test_doors_are_kept_free(rooms: list[Room]) -> None:
    for room in rooms:
        zones = [b for b in room.blocks if not b.solid and b.z0 == 0.0 and b.half[1] > 0.4]
        assert zones
        for zone in zones:
            for item in room.placed:
                assert not item.block.overlaps(zone, -0.02) or item.block.z1 < 0.03


def test_layout_is_the_same_again() -> None:
    one, two = assemble(furnish(1, 3, 0.2)), assemble(furnish(1, 3, 0.2))
    for name in RoomMesh.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    other = assemble(furnish(2, 3, 0.2))
    assert len(other.points) != len(one.points)


def test_raw_ids_are_not_class_ids() -> None:
    assert all(RAW_IDS[name] != NYU40_IDS[name] for name in RAW_IDS)
    assert len(set(RAW_IDS.values())) == len(RAW_IDS)
    assert max(RAW_IDS.values()) > 255
    assert set(NYU40_IDS.values()) | {31} == set(range(1, 41))
