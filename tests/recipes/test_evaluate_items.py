"""Scenes are scored one by one, by anybody; what comes of it is the same to the last digit."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from walls import PREDICT, TRAIN, command, state

from crossvox.core.artifact import plain, read_json, read_manifest
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.core.files import SCORES
from crossvox.core.methods import METHOD_FILES
from crossvox.evaluate.classes import evaluate_classes
from crossvox.evaluate.counts import SceneCounts
from crossvox.evaluate.predicted import read_predicted
from crossvox.evaluate.score import evaluate_reconstruction, score_scene
from crossvox.flow.choice import Choice
from crossvox.flow.runner import Runner
from crossvox.recipes import evaluate_scenes
from crossvox.recipes.evaluate import evaluate_reconstruct, evaluate_segment3d
from crossvox.recipes.evaluate_scenes import SURFACES, read_scores

SURFACE = "scores.surface.json"


@pytest.fixture
def pred(house: Path, tmp_path: Path) -> Path:
    """A prediction of three scenes that may be written to."""
    return Path(shutil.copytree(house / "pred", tmp_path / "pred"))


def evaluated(pred: Path, data: Path, *words: object, code: int = 0) -> dict[str, Any]:
    command("evaluate", "reconstruct", pred, data, "--seen-scenes", *words, code=code)
    return dict(read_json(pred / SURFACE))


def test_the_same_scores_by_one_process_by_workers_and_by_shards(house: Path, pred: Path) -> None:
    data, out = house / "data", pred.parent / "scores"
    asked = plain(evaluate_reconstruction(pred, data, seen_scenes=True))
    assert asked == evaluated(pred, data)
    assert asked == evaluated(pred, data, "--workers", 2)
    assert asked == plain(evaluate_reconstruct(pred, data, seen_scenes=True))
    first = evaluated(pred, data, "--out", out, "--shard", "2/2")
    assert list(first["scenes"]) == ["scene0000_01"]
    assert first["waiting"] == ["scene0000_00", "scene0001_00"]
    assert "2 of 3 scenes are not scored yet: scene0000_00, scene0001_00" in first["notes"]
    assert asked == evaluated(pred, data, "--out", out, "--shard", "1/2")
    before = state(out)
    assert asked == evaluated(pred, data, "--out", out)
    assert {name for name, content in state(out).items() if before.get(name) != content} <= {
        "manifest.json"
    }


def test_scores_are_read_back_to_the_last_bit(house: Path, pred: Path) -> None:
    out = pred.parent / "scores"
    evaluated(pred, house / "data", "--out", out)
    for scene in read_predicted(pred, house / "data"):
        there = read_scores(out / scene.name)
        again = score_scene(scene, SURFACES, "surface")
        np.testing.assert_equal(plain(there), plain(again))
        assert [s.value for s in there.scores["tsdf"]] == pytest.approx(
            [s.value for s in again.scores["tsdf"]], rel=0, abs=0, nan_ok=True
        )


def test_a_scene_that_fails_is_told_and_the_others_are_scored(house: Path, pred: Path) -> None:
    mesh = pred / "scene0000_01" / METHOD_FILES["learnt"]
    mesh.write_bytes(b"ply, once")
    found = evaluated(pred, house / "data", code=2)
    assert list(found["scenes"]) == ["scene0000_00", "scene0001_00"]
    assert list(found["failed"]) == ["scene0000_01"]
    assert METHOD_FILES["learnt"] in found["failed"]["scene0000_01"]
    assert any("1 of 3 scenes could not be scored" in note for note in found["notes"])


def test_what_was_predicted_anew_is_scored_anew(house: Path, pred: Path) -> None:
    data, out = house / "data", pred.parent / "scores"
    evaluated(pred, data, "--out", out)
    manifest = pred / "scene0001_00" / "manifest.json"
    record = json.loads(manifest.read_text())
    record["parents"]["scene"] = "another"
    manifest.write_text(json.dumps(record))
    before = (out / "scene0000_00" / SCORES).stat().st_mtime_ns
    evaluated(pred, data, "--out", out)
    parents = read_manifest(out / "scene0001_00").parents
    assert parents["predicted"] == read_manifest(pred / "scene0001_00").digest
    assert (out / "scene0000_00" / SCORES).stat().st_mtime_ns == before


def test_other_rules_are_refused_in_one_folder(house: Path, pred: Path) -> None:
    out = pred.parent / "scores"
    evaluated(pred, house / "data", "--out", out)
    words = ("evaluate", "reconstruct", pred, house / "data", "--seen-scenes", "--out")
    command(*words, out, "--protocol", "thesis", code=2)
    command(*words, pred, code=2)
    command(*words, house / "data", code=2)


def test_shared_work_needs_a_shared_folder(house: Path, pred: Path) -> None:
    runner = Runner(choice=Choice((1, 2)))
    with pytest.raises(ParamsError, match="pass --out FOLDER"):
        evaluate_reconstruct(pred, house / "data", seen_scenes=True, runner=runner)


@pytest.mark.parametrize("evaluate", [evaluate_reconstruct, evaluate_segment3d])
def test_a_prediction_that_cannot_be_written_to_is_refused_before_any_work(
    house: Path, pred: Path, monkeypatch: pytest.MonkeyPatch, evaluate: Callable[..., Any]
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "touch", read_only)
    monkeypatch.setattr(evaluate_scenes, "score_one", lambda *_: pytest.fail("work was done"))
    with pytest.raises(ArtifactError, match=r"scores\.\w+\.json, which cannot be written.*a copy"):
        evaluate(pred, house / "data", seen_scenes=True)


def test_counts_of_labelled_rooms_are_the_same_as_well(house: Path, tmp_path: Path) -> None:
    data, run, pred = house / "data", tmp_path / "run3d", tmp_path / "pred"
    command("train", "segment3d", data, run, *TRAIN, "--scenes", "scene0000_00")
    command("predict", run, data, pred, *PREDICT, "--scenes", "scene0001_00,scene0000_01")
    asked = evaluate_classes(pred, data, seen_scenes=True)
    words = {"seen_scenes": True, "out": tmp_path / "scores"}
    part = evaluate_segment3d(pred, data, **words, runner=Runner(choice=Choice((1, 2))))  # type: ignore[arg-type]
    assert part.waiting == ("scene0001_00",)
    whole = evaluate_segment3d(pred, data, **words, workers=2)  # type: ignore[arg-type]
    np.testing.assert_equal(plain(whole), plain(asked))
    assert whole.confusion["learnt"].dtype == np.int64
    assert SceneCounts.__dataclass_fields__.keys() >= {"vertices", "voxels"}
