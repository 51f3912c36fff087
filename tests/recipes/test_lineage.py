"""One run and one set of parameters for a prediction folder; scores of scenes that were learnt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from walls import PREDICT, SMALL, TRAIN, command, state, write_wall

from crossvox.core.artifact import MANIFEST, read_manifest, write_json
from crossvox.core.files import PARAMS
from crossvox.flow.lineage import LEARNT_FROM

FIRST, SIBLING, OTHER = "scene0000_00", "scene0000_01", "scene0001_00"


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def pred(house: Path, tmp_path: Path) -> Path:
    """A copy of the prediction, to be written to."""
    return Path(shutil.copytree(house / "pred", tmp_path / "pred"))


def rewritten(run: Path, out: Path, **changes: Any) -> Path:
    """A copy of a run whose record tells other things."""
    shutil.copytree(run, out)
    record = load(out / PARAMS)
    write_json(out / PARAMS, {**record, **changes})
    return out


# One way for all scenes of a folder


def test_a_prediction_of_other_settings_is_refused_and_nothing_changes(
    house: Path, pred: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(pred)
    command("predict", house / "run", house / "data", pred, *PREDICT, "--scenes", OTHER,
            "--surface.level", "0.9", code=2)  # fmt: skip
    error = capsys.readouterr().err
    assert "params.surface.level: 0.35 there, 0.9 asked" in error
    assert str(pred) in error
    assert state(pred) == before


def test_a_prediction_of_another_run_is_refused_and_nothing_changes(
    house: Path, pred: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        house / "data",
        tmp_path / "run",
        *TRAIN,
        "--train.seed",
        7,
    )
    digests = [read_manifest(pred).parents["run"]]
    command("predict", tmp_path / "run", house / "data", tmp_path / "new", *PREDICT,
            "--scenes", OTHER)  # fmt: skip
    digests.append(read_manifest(tmp_path / "new").parents["run"])
    before = state(pred)
    command("predict", tmp_path / "run", house / "data", pred, *PREDICT, "--scenes", OTHER, code=2)
    error = capsys.readouterr().err
    assert f"made from.run: '{digests[0]}' there, '{digests[1]}' asked" in error
    assert state(pred) == before


def test_scenes_made_in_two_ways_are_not_averaged(
    house: Path, pred: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where somebody put the folders together by hand."""
    manifest = load(pred / OTHER / MANIFEST)
    manifest["params"]["params"]["surface"]["level"] = 0.9
    write_json(pred / OTHER / MANIFEST, manifest)
    command("evaluate", "reconstruct", pred, house / "data", "--seen-scenes", code=2)
    error = capsys.readouterr().err
    assert "surface.level: 0.35 in the former, 0.9 in the latter" in error
    assert OTHER in error


def test_a_folder_in_which_nothing_was_made_may_be_begun_anew(house: Path, tmp_path: Path) -> None:
    """A mistake in the parameters is corrected without another folder."""
    given = (house / "run", house / "data", tmp_path / "pred", "--scenes", OTHER)
    command("predict", *given, "--stride", 99, 99, 99, code=2)
    command("predict", *given, *PREDICT)


# Scenes that were learnt from


def test_scenes_of_training_and_of_its_spaces_are_marked(house: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "pred", tmp_path / "predict.json"
    command("predict", house / "run", house / "data", out, *PREDICT, "--scenes", "all",
            "--json", report)  # fmt: skip
    marks = {FIRST: True, SIBLING: True, OTHER: False}
    assert {s: read_manifest(out / s).notes[LEARNT_FROM] for s in marks} == marks
    assert {s: notes[LEARNT_FROM] for s, notes in load(report)["scenes"].items()} == marks
    assert list(read_manifest(out).learnt_from or ()) == [FIRST]


def test_the_terminal_tells_which_scenes_were_learnt_from(
    house: Path,
    pred: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    command("predict", house / "run", house / "data", pred, *PREDICT, "--scenes", "all")
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert f"the run has learnt from {FIRST}, {SIBLING}" in text
    rows = [line.split() for line in text.splitlines() if "kept" in line and "scene" in line]
    assert {row[1]: row[-2] for row in rows} == {FIRST: "yes", SIBLING: "yes", OTHER: "no"}


def test_scenes_of_another_data_folder_are_known_by_name(
    house: Path, pred: Path, tmp_path: Path
) -> None:
    """A training scene that another folder's val.txt lists is still one."""
    data = tmp_path / "data"
    shutil.copytree(house / "data", data)
    (data / "train.txt").write_text("")
    (data / "val.txt").write_text(f"{FIRST}\n{OTHER}\n")
    command("predict", house / "run", data, tmp_path / "new", *PREDICT, "--json", tmp_path / "j")
    told = {scene: notes[LEARNT_FROM] for scene, notes in load(tmp_path / "j")["scenes"].items()}
    assert told == {FIRST: True, OTHER: False}


def test_scores_of_training_scenes_are_left_out_unless_asked_for(
    house: Path, pred: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "scores.json"
    command("evaluate", "reconstruct", pred, house / "data", "--json", report)
    shown = capsys.readouterr()
    found = load(report)
    assert (found["counted"], found["seen"]) == ([OTHER], [FIRST, SIBLING])
    of_other = {score["name"]: score["value"] for score in found["scenes"][OTHER]["tsdf"]}
    assert {score["name"]: score["value"] for score in found["mean"]["tsdf"]} == of_other
    assert load(pred / "scores.surface.json")["seen"] == [FIRST, SIBLING]
    text = " ".join((shown.out + shown.err).split())
    assert "Mean over 1 scene," in text
    assert f"left out of the whole: {FIRST}, {SIBLING}" in text
    command("evaluate", "reconstruct", pred, house / "data", "--seen-scenes", "--json", report)
    text = " ".join(capsys.readouterr().out.split())
    assert "Mean over 3 scenes" in text
    assert load(report)["counted"] == [FIRST, SIBLING, OTHER]


def test_nothing_but_training_scenes_is_not_scored(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("predict", house / "run", house / "data", tmp_path / "pred", *PREDICT,
            "--scenes", SIBLING)  # fmt: skip
    command("evaluate", "reconstruct", tmp_path / "pred", house / "data", code=2)
    error = capsys.readouterr().err
    assert SIBLING in error
    assert "--seen-scenes" in error
    command("evaluate", "reconstruct", tmp_path / "pred", house / "data", "--seen-scenes")


def test_scenes_that_its_2d_network_learnt_from_count_too(house: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "pred"
    command("train", "reconstruct", "--preset", "thesis",
        house / "data", run, *TRAIN, "--scenes", FIRST,
            "--features", house / "run2d")  # fmt: skip
    command("predict", run, house / "data", out, *PREDICT, "--scenes", f"{FIRST},{OTHER}")
    assert list(read_manifest(out).learnt_from or ()) == [FIRST, OTHER]
    assert [read_manifest(out / scene).notes[LEARNT_FROM] for scene in (FIRST, OTHER)] == [True] * 2


@pytest.mark.parametrize(
    ("known", "marks"), [(None, [None, None]), ([OTHER], [None, True])], ids=["none", "some"]
)
def test_what_no_run_tells_is_not_called_held_out(
    known: list[str] | None,
    marks: list[bool | None],
    house: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is known counts as seen, although another ancestor tells nothing; the rest is untold."""
    run = rewritten(
        house / "run",
        tmp_path / "run",
        scenes={"train": known, "validation": None},
        learnt_from=known,
        unknown_ancestors=["start"],
    )
    out = tmp_path / "pred"
    command("predict", run, house / "data", out, *PREDICT, "--scenes", f"{FIRST},{OTHER}")
    shown = capsys.readouterr()
    assert "not told" in shown.out + shown.err
    assert "not all runs tell what they learnt from" in shown.out + shown.err
    assert [read_manifest(out / s).notes[LEARNT_FROM] for s in (FIRST, OTHER)] == marks
    command("evaluate", "reconstruct", out, house / "data", "--json", tmp_path / "scores.json")
    found = load(tmp_path / "scores.json")
    assert found["seen"] == ([OTHER] if known else [])
    assert any("the run does not tell what it learnt from" in note for note in found["notes"])
    shown = capsys.readouterr()
    assert "does not tell what it learnt from" in " ".join((shown.out + shown.err).split())


def test_a_scan_of_a_space_that_was_learnt_from_is_marked(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = write_wall(tmp_path / "scene0000_02")
    size = [word for word in SMALL if word not in ("--frame-skip", "1")]
    stride = ("--predict.stride", "16", "16", "16")
    command("scan", capture, tmp_path / "out", "--run", house / "run", *size, *stride,
            "--up", 0, -1, 0, "--scores")  # fmt: skip
    scene = tmp_path / "out" / "prediction" / "scene0000_02"
    assert read_manifest(scene).notes[LEARNT_FROM] is True
    shown = capsys.readouterr()
    text = " ".join((shown.out + shown.err).split())
    assert "learnt from, and are counted all the same: scene0000_02" in text
