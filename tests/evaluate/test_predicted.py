"""Which scenes of a prediction folder are scored, and which of them count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.cli import main
from crossvox.core.artifact import Manifest, plain, read_manifest, write_json, write_manifest
from crossvox.core.checks import ArtifactError
from crossvox.core.class_map import ClassMap
from crossvox.core.volume import Mesh, Score
from crossvox.doors.meshes import write_ply
from crossvox.evaluate import score as reconstruction
from crossvox.evaluate.classes import ClassEvaluation, evaluate_classes
from crossvox.evaluate.predicted import (
    majority_class,
    predicted_scenes,
    read_predicted,
)
from crossvox.evaluate.protocols import DepthEvaluation
from crossvox.evaluate.scannet import evaluate_scannet
from crossvox.evaluate.score import evaluate_reconstruction
from crossvox.flow.lineage import LEARNT_FROM
from crossvox.recipes.scannet import export_scannet

LEVEL = {"predict": {"surface": {"level": 0.35}}}
OTHER = {"predict": {"surface": {"level": 0.9}}}


def triangle(label: int | None = None) -> Mesh:
    labels = None if label is None else np.full(3, label, np.uint8)
    return Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), None, labels)


def predicted(
    pred: Path, scene: str, label: int = 1, params: Any = None, run: str = "r", **notes: Any
) -> None:
    folder = pred / scene
    write_ply(folder / "mesh.ply", triangle(label))
    np.savez(
        folder / "on_scan.npz",
        label=np.full(3, label, np.uint8),
        benchmark_label=np.full(3, label, np.uint8),
    )
    write_manifest(
        folder,
        Manifest(
            "predict-scene",
            params or LEVEL,
            parents={"run": run, "scene": f"of {scene}"},
            notes={"coverage": 1.0, "majority_class": 1, **notes},
        ),
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two scenes that are all wall; predicted rightly in ``new``, and as floor in ``known``."""
    pred, data = tmp_path / "pred", tmp_path / "data"
    for scene in ("known", "new"):
        write_ply(data / scene / f"{scene}.ply", triangle(1))
        write_manifest(data / scene, Manifest("prepare-scene"))
    predicted(pred, "known", label=2, **{LEARNT_FROM: True})
    predicted(pred, "new", **{LEARNT_FROM: False})
    return pred, data


@pytest.fixture
def no_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The depth of frames is measured elsewhere."""
    monkeypatch.setattr(reconstruction, "true_frames", lambda folder: None)
    none = DepthEvaluation((), (), 0, ())
    monkeypatch.setattr(
        reconstruction, "score_depths", lambda meshes, *_, **__: dict.fromkeys(meshes, none)
    )


def test_scenes_of_two_settings_are_not_averaged(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    predicted(pred, "new", params=OTHER)
    text = (
        r"known and new \(params\.predict\.surface\.level: 0\.35 in the former, 0\.9 in the "
        r"latter\); needed: one run and one set of parameters"
    )
    for evaluate in (evaluate_reconstruction, evaluate_classes):
        with pytest.raises(ArtifactError, match=text):
            evaluate(pred, data)


def test_scenes_of_two_runs_are_not_averaged(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    predicted(pred, "new", run="another")
    with pytest.raises(
        ArtifactError, match=r"parents\.run: 'r' in the former, 'another' in the latter"
    ):
        evaluate_reconstruction(pred, data)
    with pytest.raises(ArtifactError, match="made in 2 ways"):
        evaluate_classes(pred, data)
    # Each scene has a parent of its own, the prepared scene, which makes no difference.
    predicted(pred, "new")
    assert [scene.name for scene in read_predicted(pred, data)] == ["known", "new"]


def test_what_an_interrupted_call_left_is_no_scene(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    for name in (".new.12345678.old", ".new.12345678.part"):
        predicted(pred, name, params=OTHER)
    write_ply(pred / "unfinished" / "mesh.ply", triangle(1))
    assert predicted_scenes(pred) == ["known", "new"]
    assert list(evaluate_classes(pred, data).scenes) == ["known", "new"]


def test_scenes_that_were_learnt_from_are_left_out_of_means(
    folders: tuple[Path, Path], no_depth: None
) -> None:
    pred, data = folders
    write_ply(pred / "known" / "mesh.ply", Mesh(np.eye(3, dtype=np.float32) + 1,
                                               np.array([[0, 1, 2]], np.int32)))  # fmt: skip
    found = evaluate_reconstruction(pred, data)
    assert (found.seen, found.counted, list(found.scenes)) == (
        ("known",), ("new",), ["known", "new"],
    )  # fmt: skip
    assert _f(found.mean["learnt"]) == 1
    assert any("1 of 2 scenes are ones that the run learnt from" in text for text in found.notes)
    assert json.loads((pred / "scores.surface.json").read_text())["seen"] == ["known"]
    every = evaluate_reconstruction(pred, data, seen_scenes=True)
    assert every.counted == ("known", "new")
    assert _f(every.mean["learnt"]) == pytest.approx(0.5)
    assert any("counted all the same: known" in text for text in every.notes)


def test_classes_of_scenes_that_were_learnt_from_are_left_out_of_the_count(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    pred, data = folders
    found = evaluate_classes(pred, data)
    assert (found.seen, found.counted) == (("known",), ("new",))
    assert found.whole["learnt"][0].value == 1
    assert found.confusion["learnt"].sum() == 3
    assert evaluate_classes(pred, data, seen_scenes=True).confusion["learnt"].sum() == 6
    export_scannet(pred, tmp_path / "files")
    files = evaluate_scannet(tmp_path / "files", data)
    assert (files.seen, files.whole["files"][0].value) == (("known",), 1)
    assert (
        evaluate_scannet(tmp_path / "files", data, seen_scenes=True).confusion["files"].sum() == 6
    )


def test_a_run_that_does_not_tell_what_it_learnt_from_is_named(
    folders: tuple[Path, Path],
) -> None:
    pred, data = folders
    predicted(pred, "new", **{LEARNT_FROM: None})
    found = evaluate_classes(pred, data)
    assert found.counted == ("new",)
    assert any(
        "does not tell what it learnt from, which may be these: new" in t for t in found.notes
    )


def test_nothing_but_scenes_that_were_learnt_from_is_refused(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pred, data = folders
    predicted(pred, "new", **{LEARNT_FROM: True})
    for evaluate in (evaluate_reconstruction, evaluate_classes):
        with pytest.raises(ArtifactError, match="all of which the run learnt from"):
            evaluate(pred, data)
    assert main(["evaluate", "segment3d", str(pred), str(data)]) == 2
    assert "--seen-scenes" in capsys.readouterr().err
    assert main(["evaluate", "segment3d", str(pred), str(data), "--seen-scenes"]) == 0
    shown = capsys.readouterr()
    assert "One count over 2 scenes" in shown.out
    assert "known, new" in shown.err


def test_the_reference_is_told_by_the_table_that_labels_were_chosen_by(
    folders: tuple[Path, Path],
) -> None:
    pred, data = folders
    seats = ClassMap(rows=((5, 5), (6, 5), (31, 0)))  # chair and sofa are one, a person is none
    surface = replace(triangle(), labels=np.array([6, 31, 1], np.uint8))
    write_ply(data / "new" / "new.ply", surface)
    labels = replace(triangle(), labels=np.array([5, 5, 1], np.uint8))

    def found(classes: ClassMap | None, **parents: str) -> ClassEvaluation:
        predicted(pred, "new", params={"classes": plain(classes)}, **{LEARNT_FROM: False})
        made = read_manifest(pred / "new")
        write_manifest(pred / "new", replace(made, parents={**made.parents, **parents}))
        write_ply(pred / "new" / "mesh.ply", labels)
        write_manifest(pred, Manifest("predict", items={"new": "digest"}))
        return evaluate_classes(pred, data)

    told = found(seats)
    scores = {score.name: score for score in told.whole["learnt"]}
    assert scores["vertex accuracy"].value == 1
    assert scores["vertex accuracy"].support == 2
    assert "mIoU 40 classes" not in scores
    assert any("fewer than the 40 classes" in note for note in told.notes)
    assert not any("as NYU40 does" in note for note in told.notes)
    write_json(pred / "new" / "classes.json", {"names": {"1": "wall", "5": "seat"}})
    assert "Scores call classes as NYU40 does; here, chair is seat" in found(seats).notes
    (pred / "new" / "classes.json").unlink()
    renamed = ClassMap(names=("", "mur"), rows=((1, 1),))
    whole = ((None, {}), (ClassMap(), {}), (renamed, {}), (seats, {"frame_labels": "d"}))
    for classes, parents in whole:
        # Without a table, by one of other names alone, and by one of another labeller's ids, the
        # reference stays what it is.
        other = {score.name: score for score in found(classes, **parents).whole["learnt"]}
        assert other["vertex accuracy"].value == pytest.approx(1 / 3)
        assert "mIoU 40 classes" in other
    predicted(pred, "new", params={"classes": {"rows": "none"}})
    with pytest.raises(ArtifactError, match="a table of classes"):
        evaluate_classes(pred, data)


def test_the_majority_class_is_what_all_manifests_agree_on(folders: tuple[Path, Path]) -> None:
    pred, _ = folders
    both = [pred / "known", pred / "new"]
    assert majority_class(both) == 1
    predicted(pred, "new", majority_class=3)
    assert majority_class(both) is None
    assert majority_class([pred]) is None
    predicted(pred, "new", majority_class=77)
    with pytest.raises(ArtifactError, match="majority_class 77"):
        majority_class(both)


def test_scenes_are_those_that_the_manifest_lists(folders: tuple[Path, Path]) -> None:
    pred, data = folders
    write_manifest(pred, Manifest("predict", items={"new": "digest"}))
    assert list(evaluate_classes(pred, data).scenes) == ["new"]
    write_manifest(pred, Manifest("predict", items={"new": "digest", "gone": "digest"}))
    with pytest.raises(ArtifactError, match="lists gone, not to be found"):
        evaluate_classes(pred, data)


def _f(scores: list[Score]) -> float:
    return next(score.value for score in scores if score.name == "F-score")
