"""Curves and drawings: right numbers, safe text, colours of the page."""

from __future__ import annotations

import itertools
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossvox.core.checks import ArtifactError
from crossvox.report.drawings.badges import free_place
from crossvox.report.drawings.plan import plan_drawing
from crossvox.report.drawings.scores import scene_dots
from crossvox.report.drawings.training import (
    TrainingLog,
    loss_curves,
    other_rules,
    read_log,
    score_curves,
    shown_scores,
    smoothed,
)
from crossvox.report.values import number


def test_log_is_read_with_gaps_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [
        {"step": 1, "split": "train", "loss": 0.5, "rate": 1e-3, "seconds": 1.0},
        {"step": 2, "split": "train", "loss": None, "seconds": 2.0},
        {
            "step": 2,
            "split": "validation",
            "loss": 0.4,
            "scores": {"IoU": 0.3, "IoU (mask only)": 0.2, "Recall": None, "loss": 0.4},
            "seconds": 3.0,
        },
        {"split": "train", "loss": 1.0},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines) + '\n\n{"step": 3, "lo')
    log = read_log(path)
    assert log.train == ((1.0, 0.5),)
    assert log.validation == ((2.0, 0.4),)
    assert log.scores == {"IoU": ((2.0, 0.3),)}
    assert log.baselines == {"IoU": {"mask only": 0.2}}
    assert log.seconds == 3.0
    assert log.damaged_lines == 2


def test_scores_by_another_rule_are_no_baseline(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    scores = {
        "F1 where unmeasured": 0.5,
        "precision where unmeasured": 0.6,
        "side": 0.9,
        "F1 where unmeasured (fused only)": 0.1,
        "F1 where unmeasured (of a scan)": 0.4,
    }
    path.write_text(json.dumps({"step": 2, "split": "validation", "loss": 0.4, "scores": scores}))
    log = read_log(path)
    assert log.baselines == {"F1 where unmeasured": {"fused only": 0.1}}
    assert log.scores["F1 where unmeasured (of a scan)"] == ((2.0, 0.4),)
    assert shown_scores(log) == [
        "F1 where unmeasured",
        "F1 where unmeasured (of a scan)",
        "precision where unmeasured",
    ]
    (told,) = other_rules(log)
    assert told.startswith("“of a scan”: of what a scan along the way of the frames measures")
    drawn = score_curves(log)
    assert drawn is not None
    assert "F1 where unmeasured (of a scan) 0.400" in drawn


def test_log_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"log\.jsonl.*needed: "):
        read_log(tmp_path / "log.jsonl")


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40), st.integers(1, 9))
@settings(max_examples=30)
def test_running_mean_agrees_with_a_loop(values: list[float], width: int) -> None:
    half = width // 2
    expected = [np.mean(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
    np.testing.assert_allclose(smoothed(np.array(values), width), expected, atol=1e-9)


def test_numbers_are_finite_numbers() -> None:
    assert [number(x) for x in (1, 2.5, True, None, "3", float("nan"), float("inf"))] == [
        1.0, 2.5, None, None, None, None, None,
    ]  # fmt: skip


def log() -> TrainingLog:
    """A short log."""
    return TrainingLog(
        train=tuple((float(i), 1 / (i + 1)) for i in range(60)),
        validation=((20.0, 0.3), (40.0, 0.2)),
        scores={"IoU": ((20.0, 0.4), (40.0, 0.6))},
        baselines={"IoU": {"mask only": 0.3}},
    )


def test_drawings_are_sound_svg_in_the_colours_of_the_page() -> None:
    drawings = [
        loss_curves(log()),
        score_curves(log()),
        scene_dots("F-score", {"A": {"x": 0.4, "y": 0.5}, "B": {"x": 0.2}}, "higher is better"),
    ]
    ids: list[str] = []
    for drawing in drawings:
        assert drawing is not None
        root = ET.fromstring(str(drawing))
        assert root.tag.endswith("svg")
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert root.get("width") is None
        assert "var(--series-1)" in drawing
        assert "#0102" not in drawing
        assert "#0a0b" not in drawing
        assert "<metadata" not in drawing
        names = [element.get("id") for element in root.iter() if element.get("id")]
        ids += list(dict.fromkeys(str(name) for name in names))
    assert len(ids) == len(set(ids))
    assert drawings[1] is not None
    assert "IoU, Mask only" in drawings[1]
    assert "stroke-dasharray" in drawings[1]


def test_names_of_scores_and_scenes_are_escaped() -> None:
    nasty = '<script>alert("x")</script>'
    drawing = scene_dots(nasty, {nasty: {nasty: 0.4, "y": 0.5}}, "higher is better")
    assert drawing is not None
    assert "<script" not in drawing
    ET.fromstring(str(drawing))


def test_nothing_to_draw() -> None:
    assert loss_curves(TrainingLog()) is None
    assert score_curves(TrainingLog()) is None
    assert scene_dots("F-score", {"A": {"x": 0.4}}, "higher is better") is None


def test_plan_draws_path_breaks_and_marks() -> None:
    path = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=float)
    drawing = plan_drawing(
        np.ones((20, 10)), (-0.5, -0.5), 0.1, path, [2], {"<1": (path[0], np.array([1, 0, 0]))}, "d"
    )
    root = ET.fromstring(str(drawing))
    lines = [e for e in root if e.tag.endswith("polyline")]
    assert [len(line.get("points", "").split()) for line in lines] == [2, 2]
    # y points up in the world and down in the picture.
    first, second = (tuple(map(float, p.split(","))) for p in lines[1].get("points", "").split())
    assert first[1] == second[1]
    assert first[1] < float(lines[0].get("points", "").split()[0].split(",")[1])
    assert "&lt;1" in drawing


def test_numbers_in_drawings_keep_apart() -> None:
    taken: list[tuple[float, float]] = []
    for _ in range(30):
        taken.append(free_place((3.0, 4.0), taken, 2.0))
    gaps = [math.dist(a, b) for a, b in itertools.combinations(taken, 2)]
    assert min(gaps) >= 2 - 1e-9
    assert taken[0] == (3.0, 4.0)
    assert max(math.dist(one, (3, 4)) for one in taken) < 12
