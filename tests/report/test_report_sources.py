"""Folders: their kinds by the stage that wrote them, their scenes, and damage that is told."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crossvox.core.artifact import (
    MANIFEST,
    Manifest,
    read_json,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.report.folders import SEEN, prepared_scenes, scenes_of, split_of
from crossvox.report.page.write import write_page
from crossvox.report.params import ReportParams
from crossvox.report.sources import Sources, gather
from crossvox.report.values import number

ONE_SEEN = "One room of these is one that the network learnt from, and is left out of the whole: "
QUICK = ReportParams(picture_width_px=96, view_3d=False, sample_frames=1, max_scenes=1)


def text_of(page: Path) -> str:
    """What a page says, on one line."""
    html = re.sub(
        r"<(style|script|svg).*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("train", "run"),
        ("train-reconstruct", "run"),
        ("import-checkpoint", "run"),
        ("predict", "prediction"),
        ("predict-scene", "predicted scene"),
        ("prepare", "data"),
        ("prepare-scene", "scene"),
        ("scan", "scan"),
        ("study", "study"),
        ("predictor", None),
        ("export-scannet", None),
    ],
)
def test_the_stage_tells_the_kind(tmp_path: Path, stage: str, kind: str | None) -> None:
    write_manifest(tmp_path, Manifest(stage))
    assert Sources().kind(tmp_path) == kind


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["study.json", "val.txt"], "study"),
        (["log.jsonl"], "run"),
        (["best/weights"], "run"),
        (["scores.surface.json"], "prediction"),
        (["a/mesh.ply"], "prediction"),
        (["color/0.jpg"], "scene"),
        (["color"], None),
        (["val.txt"], "data"),
        (["a/color/0.jpg"], "data"),
        (["prediction/a"], "scan"),
        (["notes.txt"], None),
    ],
)
def test_a_folder_without_manifest_is_what_it_holds(
    tmp_path: Path, files: list[str], kind: str | None
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    assert Sources().kind(tmp_path) == kind


@pytest.mark.parametrize(
    "damage", ["{ not json", "[]", '{"schema": 99}', '{"schema": 1, "stage": 7}', "\udcff"]
)
def test_a_damaged_manifest_is_told_on_the_page(
    build: SimpleNamespace, tmp_path: Path, damage: str
) -> None:
    made = build.make(tmp_path / "set", scenes=1)
    raw = damage.encode("utf-8", "surrogateescape")
    (made.run / MANIFEST).write_bytes(raw)
    (made.prediction / made.names[0] / MANIFEST).write_bytes(raw)
    report = write_page([made.prediction], tmp_path / "page", QUICK)
    told = [line for line in report.missing if "its manifest cannot be read" in line]
    assert [line.split(":")[0] for line in sorted(told)] == ["recon", made.names[0]]
    assert told[0] in text_of(report.page).replace("&#39;", "'").replace("&#34;", '"')
    assert not any("no manifest" in line for line in report.missing)
    assert str(tmp_path) not in " ".join(report.missing)


def test_scenes_are_those_that_the_manifest_lists(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path, scenes=2)
    first, second = made.names
    manifest = read_manifest(made.prediction)
    write_manifest(made.prediction, replace(manifest, items={first: "1", "gone_00": "2"}))
    sources = gather([made.prediction])
    assert scenes_of(made.prediction, sources) == [first]
    assert sources.missing == ["prediction: scenes that its manifest lists are gone: gone_00"]
    assert scenes_of(made.data, sources) == [first, second]
    (made.data / ".scene.part" / "color").mkdir(parents=True)
    (made.data / "other").mkdir()
    assert prepared_scenes(sources) == [first, second]


def learnt_from(made: Any, *scenes: str) -> None:
    """Note in a prediction that a network has learnt from scenes."""
    for name in made.names:
        manifest = read_manifest(made.prediction / name)
        notes = {**manifest.notes, "learnt from": name in scenes}
        write_manifest(made.prediction / name, replace(manifest, notes=notes))


def scored(made: Any, seen: list[str], counted: list[str] | None) -> None:
    """Note the same in the score file."""
    path = made.prediction / "scores.surface.json"
    record = {**read_json(path), "seen": seen}
    write_json(path, record if counted is None else {**record, "counted": counted})


@pytest.mark.parametrize("counted", [False, True])
def test_scenes_seen_in_training_are_told_in_lead_and_table(
    build: SimpleNamespace, tmp_path: Path, counted: bool
) -> None:
    made = build.make(tmp_path / "set", scenes=2)
    first, second = made.names
    learnt_from(made, second)
    scored(made, [second], [first] if counted else None)
    report = write_page([made.prediction], tmp_path / "page", ReportParams(
        picture_width_px=96, view_3d=False, sample_frames=1
    ))  # fmt: skip
    html, text = report.page.read_text(encoding="utf-8"), text_of(report.page)
    line = f"{ONE_SEEN}{second}."
    lead = html[html.index('class="lead"') : html.index("</header>")]
    assert line in lead
    assert "It cannot be told from one room: F-score at 5 cm 0.810 against 0.620" in lead
    assert text.count(line) == 2
    assert "Mean of 1 scene" in text
    assert f"{second} (seen in training, not in the mean)" in text
    assert f"{first} (seen" not in text
    assert f"{second} · seen in training" in text
    assert f"{first} · held out" in text
    assert f"{second} (seen)" in html
    assert "coverage 100%" in text


def test_scenes_that_were_counted_all_the_same(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.make(tmp_path / "set", scenes=2)
    learnt_from(made, *made.names)
    scored(made, list(made.names), list(made.names))
    text = text_of(write_page([made.prediction], tmp_path / "page", QUICK).page)
    assert "Two rooms of these are ones that the network learnt from, and are counted" in text
    assert "not in the mean" not in text
    assert "held-out" not in text
    assert "on two rooms (protocol" in text


def test_seen_scenes_without_scores_and_unknown_ones(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    made = build.make(tmp_path / "set", scenes=1)
    (made.prediction / "scores.surface.json").unlink()
    learnt_from(made, *made.names)
    text = text_of(write_page([made.prediction], tmp_path / "page", QUICK).page)
    assert f"seen in training, so it tells nothing of new rooms: {made.names[0]}." in text
    for value in (None, False, "yes"):
        path = made.prediction / made.names[0] / MANIFEST
        record = json.loads(path.read_text())
        record["notes"]["learnt from"] = value
        path.write_text(json.dumps(record))
        assert split_of(made.names[0], gather([made.prediction])) != SEEN


def test_rooms_with_classes_that_were_seen(
    build: SimpleNamespace, labelled: Any, tmp_path: Path
) -> None:
    shutil.copytree(labelled.data.parent, tmp_path / "set")
    prediction = tmp_path / "set" / "prediction"
    first, second = labelled.names
    path = prediction / "scores.classes.json"
    write_json(path, {**read_json(path), "seen": [first], "counted": [second]})
    text = text_of(write_page([prediction], tmp_path / "page", QUICK).page)
    line = f"{ONE_SEEN}{first}."
    assert text.count(line) == 2
    assert "counted over one confusion matrix of one room" in text
    assert f"{first} (seen in training, not in the mean)" in text
    assert "over the benchmark classes on one held-out room" in text


def test_a_number_too_long_for_arithmetic_is_none() -> None:
    assert (number(10**400), number(10**30), number(float("inf")), number(True)) == (
        None,
        1e30,
        None,
        None,
    )
