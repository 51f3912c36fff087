"""Classes on the page: rooms, images, transfer, studies; honest where the network is worse."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossvox.core.artifact import read_json, write_json
from crossvox.core.labels import NYU40
from crossvox.doors.images import encode_png
from crossvox.report.drawings.confusion import confusion_drawing
from crossvox.report.page.class_scores import ClassScores, read_class_scores
from crossvox.report.page.class_sentences import class_sentences
from crossvox.report.page.gallery import PANELS, gallery
from crossvox.report.page.legends import legend
from crossvox.report.page.studies import _sentence, _sign, study_record
from crossvox.report.page.transfer import transfer_table
from crossvox.report.page.write import write_page
from crossvox.report.params import ReportParams
from crossvox.report.sources import Sources

QUICK = ReportParams(picture_width_px=96, view_3d=False, sample_frames=1, max_scenes=1)


def plain_text(path: Path) -> str:
    """What a page says, on one line."""
    html = path.read_text(encoding="utf-8")
    html = re.sub(r"<(style|script|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def scores(learnt: float | None, votes: float | None, majority: float | None) -> ClassScores:
    values = {"learnt": learnt, "votes_2d": votes, "majority": majority}
    methods = {
        method: {"mIoU strict": {"name": "mIoU strict", "value": value}}
        for method, value in values.items()
        if value is not None
    }
    return ClassScores("p", "rooms", "vertices", 2, methods, {})


@pytest.fixture(scope="module")
def page(
    labelled: Any, build: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A page of a labelled prediction, a 2D run and a study, and its text."""
    root = tmp_path_factory.mktemp("classes")
    folders = [labelled.prediction, build.run2d(root / "run2d"), build.study(root / "study")]
    report = write_page(folders, root / "page", QUICK)
    assert report.missing == ()
    return report.page, plain_text(report.page)


def test_rooms_are_shown_in_class_colours(page: tuple[Path, str], labelled: Any) -> None:
    html, text = page[0].read_text(encoding="utf-8"), page[1]
    name = labelled.names[0]
    for picture in ("classes, Ground truth", "classes, Learnt", "classes, 2D votes"):
        assert f'alt="{name}, {picture}"' in html
    assert f'alt="{name}, errors of classes, Learnt"' in html
    assert "of the annotated vertices are wrong" in text
    legend_html = html[html.index(f'aria-label="Classes of {name}"') :]
    legend_html = legend_html[: legend_html.index("</ul>")]
    assert re.findall(r"<span>(.*?)</span>", legend_html)[-1] == "no label"
    assert "sofa" in legend_html
    assert "Share of the surface: Ground truth · Learnt · 2D votes." in text


def test_scores_of_rooms_stand_beside_both_baselines(page: tuple[Path, str]) -> None:
    html, text = page[0].read_text(encoding="utf-8"), page[1]
    assert re.search(
        r"than the votes of the 2D network alone\? (Yes|No, it is behind|It cannot be told): mIoU "
        r"strict 0\.\d{3} against 0\.\d{3}, [+-]0\.\d{4} \((room by room [+-]0\.\d{4}, )?95% "
        r"interval over two rooms: [+-]0\.\d{4} to [+-]0\.\d{4}\), over the benchmark classes on "
        r"two held-out rooms; one class everywhere reaches 0\.\d{3}\.",
        text,
    )
    for line in ("strict mIoU, 3D network", "strict mIoU, 2D votes", "vertex accuracy"):
        assert line in text
    assert html.count('class="confusion"') == 3  # learnt, 2D votes, and the 2D run
    assert "Two rooms, labelled" in text


def test_images_are_shown_with_truth_and_error(page: tuple[Path, str]) -> None:
    html, text = page[0].read_text(encoding="utf-8"), page[1]
    assert "images of its evaluation" in text
    assert 'alt="held, prediction"' in html
    assert 'alt="kept, prediction"' not in html
    assert "The 2D network of run2d reaches mIoU strict 0." in text
    assert "over the benchmark classes on 84 images" in text
    assert "left out: 3 images without labels" in text


def test_transfer_is_a_table(page: tuple[Path, str]) -> None:
    text = page[1]
    assert "What it took over · from recon, published" in text
    assert "41: encoder.0, encoder.1, encoder.2, encoder.3, …" in text
    assert "head.weight (41x8 here, 2x8 there)" in text
    assert "encoder: 40 of 40, last: 1 of 2" in text


def test_study_shows_spread_and_intervals(page: tuple[Path, str]) -> None:
    html, text = page[0].read_text(encoding="utf-8"), page[1]
    assert "better than that of rgb? It cannot be told of: " in text
    assert "0.800 ± 0.010" in text
    assert "+0.050 * +0.010 to +0.090 3 of 3 seeds above" in text
    assert "-0.060 no interval" in text
    assert "Two scenes: intervals are wide." in text
    assert html.count('id="arms-study') >= 1
    assert html.count("F-score less that of") == 2 * 2  # said and drawn, for two controls


def test_an_arm_without_an_interval_is_not_said_to_be_like_the_control() -> None:
    arms = [
        {"name": "a", "against": {"c": {"F": {"mean": 0.1, "low": None, "high": None}}}},
        {"name": "b", "against": {"c": {"F": {"mean": 0.1, "low": -0.1, "high": 0.3}}}},
    ]
    asked = "Is the F of an arm better than that of c?"
    untold = _sentence("s", arms[:1], "F", ["c"], 0.95)
    assert untold == f"Study s: one arm. {asked} It cannot be told of: a, +0.1000 (no interval)."
    both = _sentence("s", arms, "F", ["c"], 0.95)
    assert both.endswith("of: a, +0.1000 (no interval); b, +0.1000 (-0.1000 to +0.3000).")
    arms[1]["against"]["mask_only"] = {"F": {"mean": 0.1, "low": 0.05, "high": 0.3}}
    # What was asked is how arms compare with each other, not with what learns nothing.
    assert "better than that of c?" in _sentence("s", arms, "F", ["mask_only", "c"], 0.95)
    assert "Ahead: b" in _sentence("s", arms[1:], "F", ["mask_only"], 0.95)


def test_what_chance_explains_among_many_differences_is_not_certain() -> None:
    clear = {"low": 0.01, "high": 0.2}
    for entry, sign in (
        (clear, 1),
        ({**clear, "p_adjusted": 0.03}, 1),
        ({**clear, "p_adjusted": 0.2}, 0),
        ({"low": -0.2, "high": -0.1, "p_adjusted": 0.01}, -1),
        ({"low": -0.2, "high": 0.1, "p_adjusted": 0.04}, 0),
        ({"low": None, "high": None}, 0),
    ):
        assert _sign(entry, 0.95) == sign, entry


def test_page_needs_no_network(page: tuple[Path, str], labelled: Any) -> None:
    html = page[0].read_text(encoding="utf-8")
    assert (
        re.findall(r"""(?:src|href)=["'](?!data:|#|scenes/|tables/|figures/)[^"']*""", html) == []
    )
    assert str(labelled.data.parent) not in html


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            (0.4, 0.5, 0.1),
            "It cannot be told from one number each: mIoU strict 0.400 against 0.500, -0.1",
        ),
        ((0.5, 0.4, 0.1), "0.500 against 0.400, +0.1000, over the benchmark classes on two rooms"),
        ((0.501, 0.499, None), "0.501 against 0.499, +0.0020"),
        ((0.5, None, 0.05), "benchmark classes on two rooms; one class everywhere reaches 0.050"),
        ((None, 0.4, None), "2D votes 0.400"),
        ((None, None, None), "no number"),
    ],
)
def test_the_sentence_is_honest(values: tuple[float | None, ...], said: str) -> None:
    (sentence,) = class_sentences(scores(*values), "on two rooms")
    assert said in sentence
    assert "on two rooms" in sentence


def test_training_pictures_stand_in_for_an_evaluation(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    run = build.run2d(tmp_path / "run", evaluated=False)
    found = gallery(run, Sources())
    assert found is not None
    assert found["origin"].startswith("validation images")
    assert [name for name, _ in found["strips"][0]["panels"]] == [*PANELS]
    sides = {one["method"]: one.get("side") for one in found["first"]}
    assert sides == {"Image": "left", "Truth": None, "Prediction": "right", "Error": None}
    assert [entry["name"] for entry in found["legend"]] == ["wall", "floor", "chair"]
    assert read_class_scores(Sources(runs=[run])) == []


def test_pictures_of_another_layout_are_shown_whole(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "odd.png").write_bytes(encode_png(np.zeros((5, 13, 3), np.uint8)))
    (tmp_path / "pictures" / "torn.png").write_bytes(b"nothing")
    sources = Sources()
    found = gallery(tmp_path, sources)
    assert found is not None
    assert [len(strip["panels"]) for strip in found["strips"]] == [1]
    assert "torn.png cannot be read" in sources.missing[0]
    shutil.rmtree(tmp_path / "pictures")
    assert gallery(tmp_path, sources) is None


def test_damaged_class_scores_are_told(labelled: Any, tmp_path: Path) -> None:
    prediction = tmp_path / "p"
    prediction.mkdir()
    path = prediction / "scores.classes.json"
    path.write_text("[1]")
    sources = Sources(predictions=[prediction])
    assert read_class_scores(sources) == []
    assert sources.missing == ["scores.classes.json is not a table"]
    record = read_json(labelled.prediction / "scores.classes.json")
    record["confusion"] = {"learnt": [[1, 2]], "votes_2d": "no"}
    record["whole"]["learnt"][0]["value"] = None
    path.write_text(json.dumps(record))
    (found,) = read_class_scores(sources)
    assert found.confusion == {}
    assert found.value("learnt") is None
    assert found.value("votes_2d") is not None


def test_class_scores_are_not_shown_as_surface_scores(page: tuple[Path, str]) -> None:
    assert "Protocol “classes”" not in page[1]


def test_legend_ends_with_what_has_no_label() -> None:
    entries = legend({0: [0.1], 5: [0.4], 1: [None]})
    assert [entry["name"] for entry in entries] == ["chair", "wall", "no label"]
    assert entries[0]["color"] == "rgb({},{},{})".format(*NYU40.colors[5])


def test_confusion_says_what_is_mixed_up() -> None:
    shares = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3]])
    drawing = confusion_drawing("c", shares, ["wall", "<sofa>"], ["wall", "<sofa>", "other"])
    assert "&lt;sofa&gt; taken for wall 40%" in drawing
    assert "<sofa>" not in drawing
    assert drawing.count("<title>") == 5
    for row in (">90<", ">40<", ">30<"):
        assert row in drawing


def test_transfer_that_is_no_table_is_told(tmp_path: Path) -> None:
    sources = Sources()
    assert transfer_table(tmp_path, sources) is None
    (tmp_path / "transfer.json").write_text("{")
    assert transfer_table(tmp_path, sources) is None
    assert len(sources.missing) == 1
    write_json(tmp_path / "transfer.json", {"source": "x", "loaded": []})
    table = transfer_table(tmp_path, sources)
    assert table is not None
    assert table["rows"] == [("loaded", "0")]


def test_study_without_arms_is_told(tmp_path: Path) -> None:
    sources = Sources()
    write_json(tmp_path / "study.json", {"comparison": {"arms": []}})
    assert study_record(tmp_path, sources) is None
    assert "holds no finished arm" in sources.missing[0]


def test_study_alone_gives_a_page(build: SimpleNamespace, tmp_path: Path) -> None:
    report = write_page([build.study(tmp_path / "arms")], tmp_path / "page", QUICK)
    text = plain_text(report.page)
    assert "Study arms" in text
    assert "one standard deviation over seeds" in text
