"""What a labelled room holds: things, walls, outline; whole rooms and parts of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flat_rooms import Builder, furnished

from crossvox.core.room_contents import RoomContents
from crossvox.core.volume import Mesh
from crossvox.metrics.boxes import plan_overlap
from crossvox.objects import find_contents
from crossvox.objects.baseline import trivial_contents


def _turned(points: list[tuple[float, float]], turn_deg: float) -> list[tuple[float, float]]:
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return [(float(x * c - y * s), float(x * s + y * c)) for x, y in points]


@pytest.mark.parametrize("turn_deg", [0.0, 33.0])
def test_a_furnished_room_comes_out_as_it_was_built(turn_deg: float) -> None:
    mesh = furnished(turn_deg)
    found, contents = find_contents(mesh)
    assert contents.counts == {"bed": 1, "chair": 2, "door": 1, "picture": 1, "table": 1}
    plan = _turned([(0, 0), (4, 0), (4, 3), (0, 3)], turn_deg)
    assert len(contents.outline_m) == 4
    assert plan_overlap(contents.outline_m, plan) > 0.98
    assert contents.area_m2 == pytest.approx(12, rel=0.02)
    assert contents.height_m == pytest.approx(2.5, abs=0.01)
    assert sum(wall.length_m for wall in contents.walls) == pytest.approx(14, rel=0.02)
    assert contents.outline_seen > 0.98
    assert not contents.remarks
    (door,) = contents.openings
    assert (door.kind, door.sill_m) == ("door", 0.0)
    assert door.width_m == pytest.approx(0.8, abs=0.06)
    (x, y), *_ = _turned([(0.6, 3.0)], turn_deg)
    np.testing.assert_allclose(door.center_m[:2], (x, y), atol=0.05)
    bed = next(one for one in contents.objects if one.class_name == "bed")
    # To the wall behind it, and down to the floor, which nobody saw.
    np.testing.assert_allclose(sorted(bed.size_m), [0.55, 1.45, 2.05], atol=0.04)
    assert found.objects is not None
    for one in contents.objects:
        own = found.objects == one.number
        assert int(own.sum()) == one.vertices
        assert {*mesh.labels[own].tolist()} == {one.class_id}  # type: ignore[index]
    assert (found.objects[mesh.labels == 1] == 0).all()  # walls are no objects


def test_an_l_shaped_room_keeps_its_notch() -> None:
    plan = [(0.0, 0.0), (5.0, 0.0), (5.0, 2.0), (3.0, 2.0), (3.0, 4.0), (0.0, 4.0)]
    room = Builder()
    room.shell(plan)
    room.level((0, 0), (5, 2), 2.6)
    room.level((0, 2), (3, 4), 2.6)
    _, contents = find_contents(room.mesh(20))
    assert len(contents.outline_m) == 6
    assert plan_overlap(contents.outline_m, _turned(plan, 20)) > 0.98


def test_walls_need_not_be_at_right_angles() -> None:
    plan = [(0.0, 0.0), (5.0, 0.0), (4.0, 3.0), (0.0, 3.0)]
    room = Builder()
    room.shell(plan)
    for y in np.arange(0, 3, 0.1):
        room.level((0, y), (5 - (y + 0.1) / 3, y + 0.1), 2.5)
    _, contents = find_contents(room.mesh())
    assert plan_overlap(contents.outline_m, plan) > 0.97
    assert contents.area_m2 == pytest.approx(13.5, rel=0.03)


def test_a_part_of_a_room_says_so() -> None:
    room = Builder()
    room.wall((0, 0), (4, 0), 2.5)
    room.wall((0, 3), (0, 0), 2.5)
    room.level((0, 0), (4, 3), None)
    _, contents = find_contents(room.mesh())
    assert contents.area_m2 == pytest.approx(12, rel=0.05)
    assert contents.outline_seen == pytest.approx(0.5, abs=0.05)
    assert contents.ceiling_m is None
    assert contents.height_m is None
    told = " ".join(contents.remarks)
    assert "no ceiling was seen" in told
    assert "where the scan ends" in told


def test_several_rooms_are_told() -> None:
    room = Builder()
    for x, width in ((0.0, 4.0), (4.3, 3.0)):
        room.shell([(x, 0), (x + width, 0), (x + width, 3), (x, 3)])
        room.level((x, 0), (x + width, 3), 2.5)
    _, contents = find_contents(room.mesh())
    assert contents.area_m2 == pytest.approx(12, rel=0.03)
    assert len(contents.walls) == 8
    assert any("2 rooms were seen" in remark for remark in contents.remarks)


def test_nothing_gives_nothing() -> None:
    empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    found, contents = find_contents(empty)
    assert found.objects is not None
    assert len(found.objects) == 0
    assert (contents.objects, contents.walls, contents.outline_m) == ((), (), ())
    assert contents.remarks


def test_without_labels_the_shell_is_found() -> None:
    mesh = replace(furnished(), labels=None)
    _, contents = find_contents(mesh)
    assert contents.objects == ()
    assert contents.floor_m == pytest.approx(0, abs=0.02)
    assert contents.area_m2 == pytest.approx(12, rel=0.05)
    assert "no labels" in contents.remarks[0]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_floor_alone_is_a_room_without_walls() -> None:
    seen = Builder()
    seen.patch((-4.0, -3.0, 0.0), (3.0, 0, 0), (0, 2.0, 0), "floor")
    _, contents = find_contents(seen.mesh())
    assert contents.area_m2 == pytest.approx(6.0, rel=0.05)
    assert contents.walls == ()
    assert contents.outline_seen == 0


def test_unsure_labels_make_unsure_objects() -> None:
    mesh = furnished()
    half = replace(mesh, label_confidence=np.full(len(mesh.vertices_m), 0.5, np.float32))
    sure, unsure = find_contents(mesh)[1], find_contents(half)[1]
    assert [one.class_name for one in sure.objects] == [one.class_name for one in unsure.objects]
    for one, other in zip(sure.objects, unsure.objects, strict=True):
        assert other.confidence == pytest.approx(one.confidence / 2, abs=1e-3)


def test_the_trivial_room_is_the_box_along_the_axes() -> None:
    _, contents = trivial_contents(furnished(33.0))
    assert isinstance(contents, RoomContents)
    assert contents.counts["chair"] == 1  # two that touch are one component
    low, high = np.min(contents.outline_m, axis=0), np.max(contents.outline_m, axis=0)
    assert contents.area_m2 == pytest.approx(float(np.prod(high - low)))
    assert contents.area_m2 > 15
