"""Scores over the number of frames on the page."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from crossvox.metrics.curve import CURVE, FramesCurve, write_curve
from crossvox.report.page.curve import curve_records
from crossvox.report.page.write import PageReport
from crossvox.report.sources import Sources, gather


def sources_of(folder: Path, curve: FramesCurve, beside: bool) -> Sources:
    """A prediction folder with a curve in it or beside it."""
    prediction = folder / "prediction"
    (prediction / "room").mkdir(parents=True)
    (prediction / "room" / "mesh.ply").write_bytes(b"")
    write_curve((folder if beside else prediction) / CURVE, curve)
    return gather([prediction])


@pytest.mark.parametrize("beside", [True, False])
def test_a_curve_is_found_and_told(tmp_path: Path, build: SimpleNamespace, beside: bool) -> None:
    curve: FramesCurve = build.curve()
    (record,) = curve_records(sources_of(tmp_path, curve, beside))
    assert record["name"] == "Eight rooms"
    assert record["frames"] == ["3 frames", "5 frames", "10 frames", "20 frames", "60 frames"]
    assert record["cautions"] == []
    first, second = record["parts"]
    assert (first["name"], second["name"]) == ("F-score", "F-score 2 cm")
    (further,) = record["more"]
    assert (further["name"], further["unit"], further["way"]) == ("Acc", "m", "lower is better")
    assert first["way"] == "higher is better"
    assert [row["name"] for row in first["rows"]] == [
        "Learnt",
        "TSDF fusion",
        "Mask only",
        "Learnt less TSDF fusion",
    ]
    mean = curve.scores["F-score"]["learnt"][0].mean()
    cell = first["rows"][0]["cells"][0]
    assert cell["text"] == f"{mean:.3f}"
    low, high = (float(end) for end in cell["interval"].split(" to "))
    assert low < mean < high
    # One room has no number for the learnt surface: it is told, and left out of the pairs.
    assert [cell["undefined"] for cell in first["rows"][0]["cells"]] == [0, 1, 0, 0, 0]
    assert [cell["undefined"] for cell in first["rows"][3]["cells"]] == [0, 1, 0, 0, 0]
    gap = np.nanmean(curve.scores["F-score"]["learnt"][1] - curve.scores["F-score"]["tsdf"][1])
    assert first["rows"][3]["cells"][1]["text"] == f"{gap:+.3f} *"
    for text in ("Learnt 0.", "TSDF fusion 0.", "from 60"):
        assert text in record["drawing"].drawing


def sentence(tmp_path: Path, curve: FramesCurve) -> str:
    (record,) = curve_records(sources_of(tmp_path, curve, False))
    return str(record["sentence"])


def test_only_what_is_sure_is_said_to_be_ahead_or_behind(
    tmp_path: Path, build: SimpleNamespace
) -> None:
    curve: FramesCurve = build.curve()
    noise = np.array([1, -1, 1, -1, 1, -1, 1, -1]) * 0.01
    tsdf = curve.scores["F-score"]["tsdf"]
    gaps = np.array([0.1, 0.05, 0.001, -0.001, -0.05])[:, None] + noise
    scores = {"F-score": {"learnt": tsdf + gaps, "tsdf": tsdf}}
    found = replace(curve, scores=scores, methods=("learnt", "tsdf"))
    text = sentence(tmp_path / "a", found)
    assert "It is ahead at 3 and 5 frames" in text
    assert "it is behind at 60 frames" in text
    assert "whether it is cannot be told at 10 and 20 frames" in text
    # One room has no interval, so nothing is sure of any.
    one = FramesCurve(
        (3, 5), ("learnt", "tsdf"), ("a",),
        {"F-score": {m: scores["F-score"][m][:2, :1] for m in ("learnt", "tsdf")}}, "surface",
    )  # fmt: skip
    text = sentence(tmp_path / "b", one)
    assert "Whether it is cannot be told at 3 and 5 frames" in text
    assert "is ahead" not in text


def test_a_score_without_numbers_or_fusion_is_shown_as_that(
    tmp_path: Path, build: SimpleNamespace
) -> None:
    nothing = np.full((1, 3), math.nan)
    scores = {"F-score": {"learnt": np.array([[0.5, 0.6, 0.7]])}, "Own": {"learnt": nothing}}
    curve = FramesCurve((3,), ("learnt",), ("a", "b", "c"), scores, "surface", ("Made.",))
    (record,) = curve_records(sources_of(tmp_path, curve, False))
    assert record["gap"] is None
    assert record["cautions"] == [
        "Three rooms: intervals speak of rooms like these, and are wide because there are few."
    ]
    (cell,) = record["more"][0]["rows"][0]["cells"]
    assert cell == {"text": "–", "interval": "no interval", "undefined": 3}
    assert record["more"][0]["way"] == ""
    assert record["notes"] == ["Made."]


def test_the_page_shows_the_curve(completed_page: PageReport) -> None:
    text = completed_page.page.read_text("utf-8")
    assert '<a href="#few-frames">' in text
    assert "<h2>From how few frames</h2>" in text
    header = text[text.index('<p class="lead">') :].split("</header>")[0]
    assert "It is ahead at 3, 5, 10, 20 and 60 frames" in header
    assert "Learnt less TSDF fusion" in text
    assert "<summary>Further scores</summary>" in text


def test_a_damaged_curve_is_told(tmp_path: Path, build: SimpleNamespace) -> None:
    sources = sources_of(tmp_path, build.curve(), True)
    (tmp_path / CURVE).write_text('{"frames": "many"}')
    assert curve_records(sources) == []
    (line,) = sources.missing
    assert "curve.json" in line
    assert str(tmp_path) not in line
