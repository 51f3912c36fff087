"""Overlaps of boxes and outlines by hand, and average precision by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossvox.core.room_contents import RoomContents, RoomObject, Wall
from crossvox.metrics.boxes import find_class, overlap, plan_overlap, score_objects

UNIT = RoomObject(1, "chair", 5, 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, 1.0, 10)


def moved(x: float = 0, y: float = 0, z: float = 0, **other: object) -> RoomObject:
    return replace(UNIT, center_m=(float(x), float(y), float(z)), **other)


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        (UNIT, UNIT, 1.0),
        (UNIT, moved(0.5), 1 / 3),
        (UNIT, moved(0, 0, 0.5), 1 / 3),
        (UNIT, moved(0.5, 0.5, 0.5), 0.125 / 1.875),
        (UNIT, moved(1.0), 0.0),
        (UNIT, moved(0, 0, 1.0), 0.0),
        (UNIT, moved(3.0), 0.0),
        # A square and itself turned by 45 degrees share a regular octagon.
        (UNIT, moved(yaw_deg=45.0), (2 * np.sqrt(2) - 2) / (4 - 2 * np.sqrt(2))),
        (UNIT, moved(yaw_deg=90.0), 1.0),
        (UNIT, moved(yaw_deg=-90.0), 1.0),
        # 2 x 1 turned by a quarter: they share the middle square.
        (moved(size_m=(2.0, 1.0, 1.0)), moved(size_m=(2.0, 1.0, 1.0), yaw_deg=90.0), 1 / 3),
        # One within the other.
        (moved(size_m=(2.0, 2.0, 2.0)), UNIT, 1 / 8),
        (moved(size_m=(0.0, 1.0, 1.0)), moved(size_m=(0.0, 1.0, 1.0)), 0.0),
    ],
)
def test_overlaps_by_hand(one: RoomObject, other: RoomObject, value: float) -> None:
    assert overlap(one, other) == pytest.approx(value, abs=1e-9)
    assert overlap(other, one) == pytest.approx(value, abs=1e-9)


def test_overlaps_are_as_points_say() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, (60_000, 3))

    def inside(one: RoomObject) -> np.ndarray:
        yaw = np.radians(one.yaw_deg)
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        local = np.abs((points[:, :2] - one.center_m[:2]) @ turn)
        flat = (local <= np.array(one.size_m[:2]) / 2).all(axis=1)
        return flat & (np.abs(points[:, 2] - one.center_m[2]) <= one.size_m[2] / 2)

    for _ in range(12):
        pair = [
            moved(
                *rng.uniform(-0.5, 0.5, 3),
                size_m=tuple(rng.uniform(0.5, 2, 3).tolist()),
                yaw_deg=float(rng.uniform(-90, 90)),
            )
            for _ in range(2)
        ]
        a, b = inside(pair[0]), inside(pair[1])
        assert overlap(*pair) == pytest.approx((a & b).sum() / (a | b).sum(), abs=0.03)


def room(*objects: RoomObject) -> RoomContents:
    return RoomContents(
        objects=tuple(replace(one, number=n) for n, one in enumerate(objects, start=1))
    )


def test_average_precision_by_hand() -> None:
    true = room(UNIT, moved(5), moved(10))
    # Surest first: right, wrong, right; the third is missed.
    made = room(moved(0.05, confidence=0.9), moved(20, confidence=0.8), moved(5.05, confidence=0.7))
    found = find_class([(made, true)], 5, 0.5)
    assert (found.true, found.found, found.detections) == (3, 2, 3)
    assert found.average_precision == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)


def test_a_true_object_is_found_once() -> None:
    made = room(moved(0.01, confidence=0.9), moved(0.02, confidence=0.8))
    found = find_class([(made, room(UNIT))], 5, 0.25)
    assert (found.found, found.detections) == (1, 2)
    assert found.average_precision == 1.0  # the second one comes after all are found
    later = room(moved(0.01, confidence=0.9), moved(0.02, confidence=0.8), moved(5, confidence=0.1))
    assert find_class([(later, room(UNIT, moved(5)))], 5, 0.25).average_precision == pytest.approx(
        1 / 2 + 1 / 2 * 2 / 3
    )


def test_what_frames_hardly_saw_does_not_count() -> None:
    true = room(UNIT, moved(5, area_m2=0.001))
    found = find_class([(room(UNIT, moved(5)), true)], 5, 0.25)
    assert (found.true, found.detections, found.average_precision) == (1, 1, 1.0)
    assert np.isnan(find_class([(room(UNIT), true)], 7, 0.25).average_precision)


def test_outlines_by_hand() -> None:
    square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    corner = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)]
    assert plan_overlap(square, square) == 1.0
    assert plan_overlap(square, corner) == pytest.approx(0.75, abs=0.01)
    assert plan_overlap(square[::-1], corner) == pytest.approx(0.75, abs=0.01)
    assert plan_overlap(square, [(5.0, 0.0), (6.0, 0.0), (6.0, 1.0)]) == 0
    assert np.isnan(plan_overlap(square, []))


def test_scores_of_a_room_that_is_found_as_it_is() -> None:
    outline = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    true = replace(room(UNIT), outline_m=outline, area_m2=4.0,
                   walls=(Wall((0.0, 0.0), (2.0, 0.0), 2.0),))  # fmt: skip
    scores = {score.name: score for score in score_objects([(true, true)])}
    values = {name: score.value for name, score in scores.items()}
    for name in ("AP 25", "AP 50", "Found 25", "Outline IoU", "AP 25 chair"):
        assert values[name] == 1, name
    for name in ("Count error", "Wall length error", "Area error"):
        assert values[name] == 0, name
    assert scores["AP 25 chair"].details["true"] == 1
    nothing = {s.name: s.value for s in score_objects([(RoomContents(), true)])}
    assert (nothing["AP 25"], nothing["Outline IoU"], nothing["Count error"]) == (0, 0, 1)
    assert nothing["Wall length error"] == nothing["Area error"] == 1
