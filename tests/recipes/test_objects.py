"""The commands: what a labelled mesh holds, and how well it was found."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "objects"))
from flat_rooms import furnished

from crossvox.core.artifact import Manifest, plain, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError
from crossvox.core.class_map import ClassMap
from crossvox.core.room_contents import TRUE_OBJECTS, RoomContents
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.flow.progress import Silent
from crossvox.flow.runner import Runner
from crossvox.objects import find_contents
from crossvox.recipes.objects import evaluate_objects, objects


def test_a_mesh_gives_its_objects_and_plans(tmp_path: Path) -> None:
    write_ply(tmp_path / "room.ply", furnished())
    report = objects(tmp_path / "room.ply", tmp_path / "out")
    assert report.counts == {"bed": 1, "chair": 2, "door": 1, "picture": 1, "table": 1}
    assert (report.walls, report.doors, report.windows) == (4, 1, 0)
    assert report.height_m == pytest.approx(2.5, abs=0.01)
    contents = RoomContents.read(tmp_path / "out" / "objects.json")
    assert contents.counts == report.counts
    mesh = read_mesh(tmp_path / "out" / "mesh.ply")
    assert mesh.objects is not None
    assert np.bincount(mesh.objects)[1:].tolist() == [o.vertices for o in contents.objects]
    assert {*report.files} <= {path.name for path in (tmp_path / "out").iterdir()}
    before = (tmp_path / "out" / "objects.json").stat().st_mtime_ns
    objects(tmp_path / "room.ply", tmp_path / "out", runner=Runner())
    assert (tmp_path / "out" / "objects.json").stat().st_mtime_ns == before  # kept


def test_what_is_no_mesh_is_refused(tmp_path: Path) -> None:
    (tmp_path / "room.ply").write_text("no mesh")
    with pytest.raises(CaptureError, match="room"):
        objects(tmp_path / "room.ply", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_objects_are_scored_beside_components(tmp_path: Path) -> None:
    mesh = furnished(33.0)
    truth = find_contents(mesh)[1]
    scene = tmp_path / "data" / "scene0000_00"
    scene.mkdir(parents=True)
    truth.write(scene / TRUE_OBJECTS)
    (tmp_path / "data" / "scene0001_00").mkdir()
    pred = tmp_path / "pred"
    (pred / "scene0000_00").mkdir(parents=True)
    write_ply(pred / "scene0000_00" / "mesh.ply", mesh)
    replace(truth, objects=(), openings=()).write(pred / "scene0000_00" / "objects.json")
    write_ply(pred / "scene0001_00.ply", mesh)  # nobody knows what it holds
    (pred / "manifest.json").write_text("{}")  # no scene
    steps: list[tuple[int, int]] = []

    class Told(Silent):
        def step(self, label: str) -> Any:
            return lambda done, every: steps.append((done, every))

    evaluation = evaluate_objects(pred, tmp_path / "data", progress=Told())
    assert steps == [(1, 2), (2, 2)]
    values = {
        method: {score.name: score.value for score in scores}
        for method, scores in evaluation.whole.items()
    }
    assert values["learnt"]["AP 25"] == values["learnt"]["AP 50"] == 1
    assert values["told"]["AP 25"] == 0
    assert values["components"]["AP 25"] < 1
    assert values["components"]["Outline IoU"] < values["learnt"]["Outline IoU"] == 1
    assert evaluation.counted == ("scene0000_00",)
    assert "scene0001_00" in evaluation.notes[0]
    (scene / TRUE_OBJECTS).write_text(json.dumps({"version": 9}))
    with pytest.raises(ArtifactError, match="version"):
        evaluate_objects(pred, tmp_path / "data")


def test_what_a_room_holds_is_told_by_the_table_that_labels_were_chosen_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = furnished(33.0)
    scene, pred = tmp_path / "data" / "scene0000_00", tmp_path / "pred" / "scene0000_00"
    truth = find_contents(mesh)[1]
    truth.write(scene / TRUE_OBJECTS)
    told = ClassMap(rows=((11, 0),))  # pictures are called nothing
    assert mesh.labels is not None
    write_ply(pred / "mesh.ply", replace(mesh, labels=told.table[mesh.labels]))

    def values(classes: ClassMap | None) -> tuple[float, float]:
        write_manifest(pred, Manifest("predict-scene", {"classes": plain(classes)}))
        evaluation = evaluate_objects(tmp_path / "pred", tmp_path / "data")
        assert any("--classes" in note for note in evaluation.notes) == (classes is not None)
        found = {score.name: score for score in evaluation.whole["learnt"]}
        return found["AP 25"].value, found["Count error"].value

    asked: list[Path] = []

    def once(folder: Path) -> Manifest:
        asked.append(folder)
        return read_manifest(folder)

    with monkeypatch.context() as patched:
        patched.setattr("crossvox.evaluate.objects.read_manifest", once)
        assert values(told) == (1, 0)
    assert asked == [pred]
    on_the_wall = ClassMap(rows=((11, 1),))  # pictures are part of the wall, no objects
    write_ply(pred / "mesh.ply", replace(mesh, labels=on_the_wall.table[mesh.labels]))
    assert values(on_the_wall) == (1, 0)
    write_ply(pred / "mesh.ply", replace(mesh, labels=told.table[mesh.labels]))
    average, wrong = values(None)
    assert average < 1
    assert wrong > 0


def test_nothing_that_can_be_scored_is_told(tmp_path: Path) -> None:
    (tmp_path / "pred").mkdir()
    with pytest.raises(ArtifactError, match="no other"):
        evaluate_objects(tmp_path / "pred", tmp_path)
