"""Runs and predictions side by side: pairs, intervals, refusals, the page."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from browser import Tab
from rich.console import Console
from scipy import stats

from crossvox.cli.tables_compare import show_comparison
from crossvox.cli.terminal import Terminal
from crossvox.core.artifact import (
    Manifest,
    plain,
    read_json,
    read_manifest,
    write_json,
    write_manifest,
)
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.class_map import ClassMap
from crossvox.core.labels import NYU40
from crossvox.recipes.compare import compare as command
from crossvox.report.page.compare import compare, read_sides
from crossvox.report.page.compare_page import ComparisonReport, write_compare_page
from crossvox.report.params import ReportParams
from crossvox.tasks.complete import Complete
from crossvox.tasks.params import CompleteParams

QUICK = ReportParams(picture_width_px=120, max_scenes=1)


def scored(source: Path, to: Path, **gains: float) -> Path:
    """A copy of a prediction, each room's F-score higher by so much."""
    shutil.copytree(source, to)
    path = to / "scores.surface.json"
    record = read_json(path)
    for room, gain in gains.items():
        row = next(r for r in record["scenes"][room]["learnt"] if r["name"] == "F-score")
        row["value"] += gain
    write_json(path, record)
    return to


@pytest.fixture(scope="module")
def pair(build: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two predictions of three rooms."""
    root = tmp_path_factory.mktemp("compare")
    made = build.make(root, scenes=3)
    gains = dict(zip(made.names, (0.01, 0.03, 0.02), strict=True))
    return made.prediction, scored(made.prediction, root / "second", **gains)


@pytest.fixture(scope="module")
def report(pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> ComparisonReport:
    return write_compare_page(pair, tmp_path_factory.mktemp("page"), QUICK)


def test_differences_are_those_of_scipy_room_by_room(report: ComparisonReport) -> None:
    one = next(d for d in report.differences if d.score == "F-score")
    gains = np.array([0.01, 0.03, 0.02])
    assert one.gap.mean == pytest.approx(0.02)
    expected = stats.t.interval(0.95, 2, gains.mean(), stats.sem(gains))
    assert (one.gap.low, one.gap.high) == pytest.approx(expected)
    assert one.gap.p == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    assert (one.arm, one.control, len(one.rooms)) == ("second", "prediction", 3)
    assert one.better == 0, "p is above 5 %"
    same = next(d for d in report.differences if d.score == "Prec")
    assert (same.gap.mean, same.better) == (0, 0)


@pytest.mark.parametrize("protocol", ["surface", "classes"])
def test_the_terminal_says_what_a_score_is_a_mean_of(
    report: ComparisonReport, protocol: str
) -> None:
    told = replace(
        report, differences=tuple(replace(one, protocol=protocol) for one in report.differences)
    )
    files = StringIO(), StringIO()
    show_comparison(told, Terminal(*(Console(file=file, width=100) for file in files)))
    text = "".join(file.getvalue() for file in files)
    assert f"{protocol}, means over 3 rooms" in text
    assert ("counts all rooms as one" in text) == (protocol == "classes")


def test_it_is_said_on_the_page_and_lies_beside_it(report: ComparisonReport) -> None:
    html = report.page.page.read_text(encoding="utf-8")
    lead = html[html.index('<p class="lead">') :].split("</p>")[0]
    asked = "Is second better than prediction? It cannot be told:"
    assert f"{asked} F-score 0.840 against 0.820, " in lead
    assert "+0.0200 (95% interval over three rooms: -0.0048 to +0.0448)" in lead
    folder = report.page.page.parent
    table = list(csv.DictReader((folder / "tables/differences.csv").open(encoding="utf-8")))
    row = next(row for row in table if row["score"] == "F-score")
    assert float(row["difference"]) == pytest.approx(0.02)
    assert row["verdict"] == "cannot be told"
    assert "F-score (surface) & second" in (folder / "tables/differences.tex").read_text("utf-8")
    for link in re.findall(r'href="((?:tables|figures)/[^"]*)"', html):
        assert (folder / link).is_file()
    assert str(folder.parent) not in html


def test_the_smaller_error_is_the_better_one(pair: tuple[Path, Path], tmp_path: Path) -> None:
    worse = tmp_path / "worse"
    shutil.copytree(pair[0], worse)
    record = read_json(worse / "scores.surface.json")
    for n, methods in enumerate(record["scenes"].values()):
        row = next(r for r in methods["learnt"] if r["name"] == "Acc")
        row["value"] += 0.01 + 0.001 * n
    write_json(worse / "scores.surface.json", record)
    found = compare(read_sides([pair[0], worse]))
    one = next(d for d in found if d.score == "Acc")
    assert (one.gap.sign, one.better) == (1, -1)


def test_many_folders_are_adjusted_for_each_other(pair: tuple[Path, Path], tmp_path: Path) -> None:
    third = tmp_path / "third"
    shutil.copytree(pair[1], third)
    alone = compare(read_sides(pair))
    both = [d for d in compare(read_sides([*pair, third])) if d.score == "F-score"]
    single = next(d for d in alone if d.score == "F-score")
    assert [d.gap.p for d in both] == pytest.approx([2 * single.gap.p] * 2)


def test_one_room_or_none_tells_nothing(
    pair: tuple[Path, Path], build: SimpleNamespace, tmp_path: Path
) -> None:
    one = scored(pair[1], tmp_path / "one")
    record = read_json(one / "scores.surface.json")
    room = next(iter(record["scenes"]))
    write_json(one / "scores.surface.json", {**record, "counted": [room]})
    found = next(d for d in compare(read_sides([pair[0], one])) if d.score == "F-score")
    assert (found.rooms, found.better) == ((room,), 0)
    assert np.isnan(found.gap.low)
    runs = [build.run2d(tmp_path / name) for name in ("a", "b")]
    images = [d for d in compare(read_sides(runs)) if d.protocol == "images"]
    assert images
    assert all(d.rooms == () and d.better == 0 for d in images)
    html = write_compare_page(runs, tmp_path / "page", QUICK).page.page.read_text("utf-8")
    assert "It cannot be told from one number each" in html
    assert "One number each: no rooms, so no interval" in html


def completing(run: Path, *, finished: bool, **values: float) -> Path:
    """A run of surface completion with the validation scores of its last step."""
    counts = {
        "loss_sum": 1, "loss_weight": 2, "loss_voxels": 2, "sides": 1,
        **{f"{where}{rule}{kind}": 4 for where in ("measured_", "unmeasured_")
           for rule in ("", "fused_", "scan_") for kind in ("hit", "found", "true")},
    }  # fmt: skip
    counts = {name: torch.tensor(float(value)) for name, value in counts.items()}
    told = [plain(score) for score in Complete(CompleteParams()).scores(counts)]
    scores = {score["name"]: values.get(score["name"], 0.5) for score in told}
    line = {"step": 2, "split": "validation", "loss": 1.0, "scores": scores}
    write_json(run / "params.json", {"task": {"name": Complete.name}})
    (run / "log.jsonl").write_text(json.dumps(line) + "\n")
    if finished:
        notes = {"best_scores": told, "monitor": Complete.monitor}
        write_manifest(run, Manifest("train-complete", notes=notes))
    else:
        write_json(run / "last" / "state.json", {"best_scores": told})
    return run


@pytest.mark.parametrize("finished", [True, False])
def test_validation_scores_of_any_task_are_compared(tmp_path: Path, finished: bool) -> None:
    first = completing(tmp_path / "a", finished=finished)
    second = completing(tmp_path / "b", finished=finished, **{Complete.monitor: 0.75})
    found = {one.score: one for one in compare(read_sides([first, second]))}
    assert next(iter(found)) == Complete.monitor
    assert found[Complete.monitor].gap.mean == 0.25
    first_read = [name for name, one in found.items() if not one.detail]
    assert first_read == ([Complete.monitor] if finished else [])
    assert {"F1 where measured", "recall where unmeasured (of a scan)", "side"} <= found.keys()
    assert not any("fused only" in name or "loss" in name for name in found)
    html = write_compare_page([first, second], tmp_path / "page", QUICK).page.page.read_text()
    assert "F1 where unmeasured" in html


def test_wrong_folders_are_refused_with_what_to_do(
    pair: tuple[Path, Path], build: SimpleNamespace, tmp_path: Path
) -> None:
    with pytest.raises(ParamsError, match="two runs or predictions"):
        command((pair[0], tmp_path / "out"))
    with pytest.raises(ParamsError, match="one of them twice"):
        write_compare_page([pair[0], pair[0]], tmp_path / "out")
    bare = tmp_path / "bare"
    shutil.copytree(pair[0], bare)
    (bare / "scores.surface.json").unlink()
    with pytest.raises(ArtifactError, match=r"holds no scores.*crossvox evaluate reconstruct"):
        write_compare_page([pair[0], bare], tmp_path / "out")
    with pytest.raises(ArtifactError, match="no score in common"):
        write_compare_page([pair[0], build.run2d(tmp_path / "run")], tmp_path / "out")
    with pytest.raises(ArtifactError, match="neither a run nor a prediction"):
        write_compare_page([pair[0], pair[0].parent / "data"], tmp_path / "out")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("dear")
    with pytest.raises(ArtifactError, match="did not write"):
        write_compare_page(pair, tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["letter.txt"]
    assert not (tmp_path / "out").exists()


def test_an_interrupted_page_is_written_by_the_same_command(
    build: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, out = [build.run2d(tmp_path / name) for name in ("a", "b")], tmp_path / "page"

    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("crossvox.report.page.compare_page.environment", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_compare_page(runs, out, QUICK)
    assert (out / "tables" / "differences.csv").is_file()
    assert "being written" not in write_compare_page(runs, out, QUICK).page.page.read_text("utf-8")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_the_page_in_a_browser(tab: Tab, report: ComparisonReport, width: int, dark: bool) -> None:
    tab.console.clear()
    tab.requests.clear()
    tab.open(report.page.page.as_uri(), width, 900, dark)
    assert tab.run("document.documentElement.scrollWidth") <= width
    chosen = "[...document.querySelectorAll('.choice select')].map(s => s.selectedOptions[0].text)"
    assert tab.run(chosen) == ["prediction", "second"]
    assert tab.run("document.querySelectorAll('.stage img').length") == 2
    assert tab.console == []
    assert [url for url in tab.requests if not url.startswith(("file:", "data:"))] == []


def test_predictions_by_other_tables_of_classes_are_told_apart(
    labelled: Any, tmp_path: Path
) -> None:
    seats = tmp_path / "seats"
    shutil.copytree(labelled.prediction, seats)
    caution = "Labels were not chosen by one table of classes"
    html = write_compare_page([labelled.prediction, seats], tmp_path / "same", QUICK).page.page
    assert caution not in html.read_text("utf-8")
    table = ClassMap(("unannotated", *NYU40.names[1:5], "seat", "", *NYU40.names[7:]), ((6, 5),))
    for name in labelled.names:
        made = read_manifest(seats / name)
        write_manifest(seats / name, replace(made, params={"classes": plain(table)}))
        table.write(seats / name)
    html = write_compare_page([labelled.prediction, seats], tmp_path / "page", QUICK).page.page
    assert caution in html.read_text("utf-8")
    assert "chair / seat" in html.read_text("utf-8")


def test_what_differs_is_listed(pair: tuple[Path, Path], tmp_path: Path, build: Any) -> None:
    other = tmp_path / "other"
    shutil.copytree(pair[0], other)
    manifest = read_json(other / "manifest.json")
    manifest["params"]["stride"] = [8, 8, 8]
    write_json(other / "manifest.json", manifest)
    html = write_compare_page([pair[0], other], tmp_path / "page", QUICK).page.page.read_text()
    row = re.search(r'<th scope="row">stride</th><td>(.*?)</td><td>(.*?)</td>', html)
    assert row is not None
    assert row.groups() == ("16, 16, 32", "8, 8, 8")
