"""A gain is found where it is, and nowhere else; intervals allow for seeds and rooms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.labels import NYU40
from crossvox.evaluate.part_counts import SURE, WHOLE
from crossvox.metrics.calibration import FINE
from crossvox.study.causes import CountedCell, causes_of
from crossvox.study.transfer import Cause, Contrast

Counts = dict[str, NDArray[np.int64]]
CONTRAST = Contrast("helps", "reconstruct", "arm", "control", "Does it help?")
ROOMS = ("a", "b", "c")


def surface(seen: float, unseen: float, room: int) -> Counts:
    """Counts of a surface: shares that are right and reached, of 900 seen and 100 unseen points."""
    parts = {}
    for name, share, size in (("seen", seen, 900), ("unseen", unseen, 100)):
        right = round(size * share)
        parts[f"seen/{name}"] = np.array([size, right, size, right]) * (1 + room)
    return {**parts, WHOLE: sum(parts.values())}  # type: ignore[dict-item]


def cell(name: str, make: Callable[[int, int], Counts], seeds: int = 3) -> CountedCell:
    found = {seed: {room: make(seed, at) for at, room in enumerate(ROOMS)} for seed in range(seeds)}
    return CountedCell(name, found, baseline=seeds == 1)


def of(causes: list[Cause], split: str, score: str) -> dict[str, tuple[float, float, float]]:
    (found,) = [cause for cause in causes if (cause.split, cause.score) == (split, score)]
    return {g.name: (g.difference.mean, g.difference.low, g.difference.high) for g in found.groups}


def test_a_gain_at_unseen_places_is_found_there_alone() -> None:
    arm = cell("arm", lambda seed, room: surface(0.9, 0.5 + 0.02 * seed + 0.01 * room, room))
    control = cell("control", lambda seed, room: surface(0.9, 0.3, room))
    found = causes_of(CONTRAST, "reconstruct", arm, control)
    gains = of(found, "seen", "F-score")
    assert list(gains) == ["seen", "unseen"]
    assert gains["seen"] == (0, 0, 0)
    mean, low, high = gains["unseen"]
    assert mean == pytest.approx(0.2 + 0.02 + 0.01 * (0 + 2 * 1 + 3 * 2) / 6, abs=1e-6)
    assert 0.1 < low < mean < high < 0.4
    (cause,) = [one for one in found if one.split == "seen"]
    assert [group.support for group in cause.groups] == pytest.approx([0.9, 0.1])
    rooms = of(found, "room", "F-score")
    assert list(rooms) == list(ROOMS)
    assert rooms["a"][0] == pytest.approx(0.1 * 0.22, abs=1e-3)
    assert all(math.isfinite(value) for row in rooms.values() for value in row)


def test_a_baseline_knows_no_seed() -> None:
    arm = cell("arm", lambda seed, room: surface(0.8 + 0.01 * seed, 0.5, room))
    control = cell("tsdf", lambda seed, room: surface(0.7, 0.0, room), seeds=1)
    gains = of(causes_of(CONTRAST, "reconstruct", arm, control), "seen", "F-score")
    assert gains["seen"][0] == pytest.approx(0.11)
    assert gains["unseen"] == (0.5, 0.5, 0.5)


def classes(wall: float, chair: float, sure: float) -> Counts:
    """Counts of 800 vertices of a wall, interior, and 200 of a chair, at a boundary."""
    found = {}
    for name, label, other, share, size in (
        ("interior", "wall", "door", wall, 800),
        ("boundary", "chair", "sofa", chair, 200),
    ):
        table = np.zeros((41, 41), np.int64)
        right = round(size * share)
        own = NYU40.id_of(label)
        table[own, own], table[own, NYU40.id_of(other)] = right, size - right
        found[f"boundary/{name}"] = table
    told = np.zeros((3, FINE), np.int64)
    at = round(sure * FINE)
    told[:, at] = 1000, round(800 * wall + 200 * chair), round(1e9 * sure)
    return {**found, WHOLE: sum(found.values()), SURE: told}  # type: ignore[dict-item]


def test_classes_by_part_class_and_how_sure() -> None:
    contrast = Contrast("helps", "segment3d", "arm", "control", "Does it help?")
    arm = cell("arm", lambda seed, room: classes(0.9, 0.8 + 0.05 * (seed == room), 0.85))
    control = cell("control", lambda seed, room: classes(0.9, 0.6, 0.65))
    found = causes_of(contrast, "segment3d", arm, control)
    accuracy = of(found, "boundary", "vertex accuracy")
    assert accuracy["interior"] == (0, 0, 0)
    assert accuracy["boundary"][0] == pytest.approx(0.2 + 0.05 / 3)
    assert of(found, "boundary", "mIoU strict")["boundary"][0] > 0
    gains = of(found, "class", "IoU")
    assert gains["wall"][0] == 0
    assert gains["chair"][0] == pytest.approx(0.2 + 0.05 / 3)
    assert set(gains) == {"wall", "chair", "door", "sofa"}, "what neither side has is left out"
    error = of(found, "calibration", "calibration error")["whole"]
    assert error[0] == pytest.approx(abs(0.85 - 0.883) - abs(0.65 - 0.84), abs=2e-3)
    assert set(of(found, "room", "mIoU strict")) == set(ROOMS)


def test_what_cannot_be_paired_is_refused() -> None:
    one = cell("arm", lambda seed, room: surface(1, 1, room))
    other = CountedCell("control", {9: one.seeds[0]})
    with pytest.raises(ArtifactError, match="share 0 seeds"):
        causes_of(CONTRAST, "reconstruct", one, other)
    with pytest.raises(ParamsError, match="segment2d"):
        causes_of(CONTRAST, "segment2d", one, one)
