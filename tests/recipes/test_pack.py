"""A run that was packed is a run: smaller, tested where it is loaded, without a path of a disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.cli import main
from crossvox.core.artifact import read_json, write_json
from crossvox.core.checks import ArtifactError
from crossvox.recipes.cards import CARD, open_fields, read_card, read_card_file
from crossvox.recipes.check_model import built, task_of
from crossvox.recipes.pack_example import corner
from crossvox.recipes.pack_run import read_scores, shareable
from crossvox.train.checkpoint import load_run_network
from crossvox.train.folder import best_or_last, lineage_of, read_record
from crossvox.train.params import NETWORK, PARAMS, SELFTEST


@pytest.fixture(scope="session")
def packed(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 2D run of the house, packed in 8 bits."""
    out = tmp_path_factory.mktemp("packed")
    words = ["pack", house / "run2d", out / "out", "--name", "wall2d", "--precision", "int8"]
    words += ["--scenes-as", "made", "--json", out / "report.json"]
    assert main([str(word) for word in words]) == 0
    return out


def test_it_answers_as_the_run_did_and_is_tested_when_it_is_loaded(
    house: Path, packed: Path
) -> None:
    run, small = house / "run2d", packed / "out" / "wall2d"
    was, found = built(task_of(run)), built(task_of(small))
    load_run_network(run, was, best_or_last(run))
    load_run_network(small, found, best_or_last(small))
    rgb = torch.from_numpy(corner().rgb).permute(2, 0, 1)[None].float() / 255 - 0.5
    with torch.inference_mode():
        before, after = (net.eval()(rgb).logits.softmax(dim=1) for net in (was, found))
    assert 0 < float((after - before).abs().max()) < 0.1
    size = (small / "best" / NETWORK).stat().st_size
    assert size < 0.35 * (run / best_or_last(run) / NETWORK).stat().st_size
    content = bytearray((small / "best" / NETWORK).read_bytes())
    content[-9] ^= 1
    copy = packed / "damaged"
    (copy / "best").mkdir(parents=True)
    (copy / "best" / NETWORK).write_bytes(content)
    for name in (PARAMS, SELFTEST):
        (copy / name).write_bytes((small / name).read_bytes())
    assert main(["evaluate", "segment2d", str(copy), str(house / "data")]) == 2


def test_its_record_is_the_runs_with_scenes_called_otherwise(house: Path, packed: Path) -> None:
    run, small = house / "run2d", packed / "out" / "wall2d"
    assert lineage_of(run).scenes == ("scene0001_00",)
    assert lineage_of(small).scenes == ("made-0001",)
    assert read_record(small).task_params == read_record(run).task_params
    told = json.loads((packed / "report.json").read_text())
    assert told["renamed"] >= 2
    assert "changes probabilities by" in told["packing"]
    assert "title" in told["open"]
    assert str(house) not in (small / PARAMS).read_text() + (small / CARD).read_text()


def test_a_card_is_asked_for_what_the_run_cannot_tell(house: Path, packed: Path) -> None:
    small = packed / "out" / "wall2d"
    with pytest.raises(ArtifactError, match="title"):
        read_card(small)
    card = read_card_file(small / CARD)
    told = {**read_json(small / CARD), "sha256": "", "parameters": 1}
    for field in ("title", "reads", "gives", "licence", "took"):
        told[field] = "Something."
    told["data"] = [{"what": "One wall.", "terms": "None."}]
    told["limits"] = ["It knows one wall."]
    told["recipe"] = ["crossvox train segment2d DATA RUN"]
    write_json(packed / "words.json", told)
    write_json(packed / "scores.json", [SCORE])
    words = ["pack", house / "run2d", packed / "again", "--name", "wall2d"]
    words += ["--card", packed / "words.json", "--scores", packed / "scores.json"]
    assert main([str(word) for word in words]) == 0
    full = read_card(packed / "again" / "wall2d")
    assert full.title == "Something."
    assert full.scores[0].value == 0.25
    assert full.parameters == card.parameters > 1
    assert full.precision == "fp16"
    assert full.bytes > 1.7 * card.bytes
    assert main(["models", str(packed / "again" / "wall2d"), "--check"]) == 0


SCORE: dict[str, Any] = {
    "name": "mIoU strict",
    "value": 0.25,
    "unit": "ratio",
    "baseline": "majority class",
    "baseline_value": 0.05,
    "protocol": "whole images",
    "how": "crossvox evaluate segment2d",
}


def test_scores_of_an_evaluation_stand_beside_their_baseline(house: Path, tmp_path: Path) -> None:
    words = ["evaluate", "segment2d", house / "run2d", house / "data", "--out", tmp_path / "ev"]
    words += ["--scenes", "all", "--pictures", 0]
    assert main([str(word) for word in words]) == 0
    scores = read_scores(tmp_path / "ev" / "scores.json")
    assert "mIoU strict" in [score.name for score in scores]
    assert {score.baseline for score in scores} == {"majority class"}
    assert "scores.0.how" in open_fields(
        read_card_file(_with_scores(tmp_path, [vars(score) for score in scores]))
    )
    write_json(tmp_path / "none.json", {"score": 1})
    with pytest.raises(ArtifactError, match=r"none\.json.*no scores"):
        read_scores(tmp_path / "none.json")


def _with_scores(folder: Path, scores: list[dict[str, Any]]) -> Path:
    write_json(folder / CARD, {"scores": scores})
    return folder / CARD


def test_paths_are_shortened_and_scenes_of_one_space_stay_apart() -> None:
    record = {
        "recipe": {"features": "/home/somebody/run2d", "near": "../other/run", "kept": "a/b"},
        "scenes": {"train": ["scene0007_00", "scene0007_02", "office"]},
        "rate": 0.5,
    }
    told, changed = shareable(record, "room")
    assert told == {
        "recipe": {"features": "run2d", "near": "run", "kept": "a/b"},
        "scenes": {"train": ["room-0007", "room-0007-02", "office"]},
        "rate": 0.5,
    }
    assert changed == 4
    assert shareable(record, "")[0]["scenes"] == record["scenes"]


def test_scores_before_and_after_are_told_where_data_are_given(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["pack", house / "run2d", tmp_path / "out", "--name", "wall2d"]
    words += ["--data", house / "data", "--scenes", "scene0000_00"]
    assert main([str(word) for word in words]) == 0
    assert "pixel accuracy" in read_card_file(tmp_path / "out" / "wall2d" / CARD).packing
    assert "packed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Mine", "a b", "../up", "", "a--b"])
def test_a_name_that_makes_no_folder_is_refused(house: Path, tmp_path: Path, name: str) -> None:
    assert main(["pack", str(house / "run2d"), str(tmp_path / "out"), "--name", name]) == 2
    assert not (tmp_path / "out").exists()


def test_the_example_shows_a_corner_of_a_room() -> None:
    frame = corner()
    assert frame.rgb is not None
    assert frame.depth_m is not None
    assert np.isfinite(frame.depth_m).all()
    assert 1 < frame.depth_m.min() < frame.depth_m.max() < 4
    assert len(np.unique(frame.rgb.reshape(-1, 3), axis=0)) > 50
