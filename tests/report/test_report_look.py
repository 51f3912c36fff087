"""From folders to a 3D view: layers, what is missing, frames in space."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crossvox.core.artifact import Manifest, plain, read_manifest, write_manifest
from crossvox.core.checks import ArtifactError, CaptureError
from crossvox.core.class_map import ClassMap
from crossvox.core.labels import NYU40
from crossvox.core.volume import Mesh
from crossvox.doors.meshes import read_mesh, write_ply
from crossvox.report.class_colors import class_error_colors, class_shares, present_classes
from crossvox.report.look import open_view
from crossvox.report.rooms import nearest_labels, read_room
from crossvox.report.sources import gather


def test_prediction_has_every_layer(labelled: Any) -> None:
    view = open_view(labelled.prediction, labelled.names[1])
    assert view.title == labelled.names[1]
    assert view.missing == ()
    titles = [layer.title for layer in view.layers]
    assert titles[0] == "Learnt: classes"
    for title in (
        "Learnt: errors", "Learnt: distance", "Ground truth: classes", "Ground truth: colours",
        "Ground truth: predicted classes", "2D votes: classes", "2D votes: errors",
        "TSDF fusion: colours", "Mask only: shape",
    ):  # fmt: skip
        assert title in titles
    assert len(set(titles)) == len(titles)
    assert len(view.shots) == 11  # 12 frames, one without pose
    assert view.shots[0].image.shape == (96, 128, 3)
    assert view.camera_path_m is not None
    assert len(view.camera_path_m) == 11


def test_errors_compare_the_transferred_with_the_truth(labelled: Any) -> None:
    name = labelled.names[0]
    view = open_view(labelled.prediction)
    layer = next(layer for layer in view.layers if layer.title == "Learnt: errors")
    truth = read_mesh(labelled.data / name / f"{name}.ply").labels
    taken = read_mesh(labelled.prediction / name / "transferred.ply").labels
    assert truth is not None
    assert taken is not None
    assert layer.mesh.colors is not None
    np.testing.assert_array_equal(layer.mesh.colors, class_error_colors(truth, taken))
    np.testing.assert_array_equal(layer.mesh.labels, truth)
    assert layer.coded


def test_errors_without_a_score_are_worked_out(labelled: Any, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(labelled.data.parent, root)
    name = labelled.names[0]
    path = root / "prediction" / name / "transferred.ply"
    before = read_mesh(path).labels
    path.unlink()
    room = read_room(name, gather([root / "prediction"]))
    np.testing.assert_array_equal(room.transferred["learnt"], before)


def test_the_truth_is_told_by_the_table_that_labels_were_chosen_by(
    labelled: Any, tmp_path: Path
) -> None:
    root, name = tmp_path / "set", labelled.names[0]
    shutil.copytree(labelled.data.parent, root)
    place = root / "prediction" / name
    truth = read_mesh(root / labelled.data.name / name / f"{name}.ply").labels
    assert truth is not None
    left_out = int(truth[truth > 0][0])
    table = ClassMap(rows=((left_out, 0),))
    made = read_manifest(place)
    write_manifest(place, replace(made, params={"classes": plain(table)}))
    room = read_room(name, gather([root / "prediction"]))
    np.testing.assert_array_equal(room.meshes["reference"].labels, table.table[truth])
    write_manifest(place, replace(made, params={"classes": {"rows": "none"}}))
    room = read_room(name, gather([root / "prediction"]))
    np.testing.assert_array_equal(room.meshes["reference"].labels, truth)
    assert any("a table of classes" in line for line in room.missing)


def test_classes_of_one_table_are_shown_of_several_predictions(
    labelled: Any, tmp_path: Path
) -> None:
    root, name = tmp_path / "set", labelled.names[0]
    shutil.copytree(labelled.data.parent, root)
    shutil.copytree(root / "prediction", root / "seats")
    folders = [root / "prediction", root / "seats"]
    (root / "prediction" / name / "votes.ply").unlink()
    alike = read_room(name, gather(folders))
    assert alike.votes is not None
    assert alike.missing == ()
    table = ClassMap(("unannotated", *NYU40.names[1:5], "seat", "", *NYU40.names[7:]), ((6, 5),))
    place = root / "seats" / name
    write_manifest(place, replace(read_manifest(place), params={"classes": plain(table)}))
    table.write(place)
    # What the second one calls its classes is not said of those of the first.
    room = read_room(name, gather(folders))
    assert room.names == NYU40.names
    assert room.votes is None
    assert room.missing == (
        f"{name}: classes of seats were chosen by another table than those of prediction, by which "
        "the truth is told, and are not shown",
    )
    truth = alike.meshes["reference"].labels
    np.testing.assert_array_equal(room.meshes["reference"].labels, truth)
    # Nor is the table of a surface without classes that of the classes beside it.
    for file in ("transferred.ply", "on_scan.ply"):
        (root / "prediction" / name / file).unlink()
    path = root / "prediction" / name / "mesh.ply"
    write_ply(path, replace(read_mesh(path), labels=None))
    room = read_room(name, gather(folders))
    assert room.names[5] == "seat"
    assert room.votes is not None
    np.testing.assert_array_equal(room.meshes["reference"].labels, table.table[truth])


def test_what_is_missing_is_left_out_and_said(made: Any, tmp_path: Path) -> None:
    view = open_view(made.prediction)
    assert view.layers[0].title == "Learnt: shape"
    assert not any(layer.key in ("classes", "errors") for layer in view.layers)
    assert list(view.missing) == [
        "the prediction has no classes",
        "the scene has no labels, so classes have no errors",
        "no 2D votes",
    ]
    alone = tmp_path / "moved"
    shutil.copytree(made.prediction, alone)
    view = open_view(alone)
    assert any("no surface of the scene itself" in line for line in view.missing)
    assert any("the data folder it was made from" in line for line in view.missing)
    assert view.shots == []
    view = open_view(alone, data=made.data)
    assert "Ground truth: colours" in [layer.title for layer in view.layers]
    assert len(view.shots) == 11


def test_data_and_single_scenes_can_be_looked_at(labelled: Any) -> None:
    view = open_view(labelled.data)
    assert view.title == labelled.names[0]
    assert [layer.title for layer in view.layers] == [
        "Ground truth: classes",
        "Ground truth: colours",
    ]
    assert view.missing == ()
    assert open_view(labelled.data / labelled.names[1]).title == labelled.names[1]
    write_manifest(labelled.prediction / labelled.names[1], Manifest("predict-scene"))
    view = open_view(labelled.prediction / labelled.names[1])
    assert view.title == labelled.names[1]
    assert view.layers[0].title == "Learnt: classes"


def test_scan_folder_can_be_looked_at(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.label(build.make(tmp_path / "scan", scenes=1))
    scene = made.data / made.names[0]
    write_manifest(scene, Manifest("prepare-scene", notes={"surface": "tsdf"}))
    links = {"data": "data", "prediction": "prediction"}
    write_manifest(tmp_path / "scan", Manifest("scan", links=links))
    titles = [layer.title for layer in open_view(tmp_path / "scan").layers]
    assert "Reference (TSDF fusion): colours" in titles
    assert "Learnt: classes" in titles


def test_no_such_scene_names_those_there_are(labelled: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=rf"given: scene x; needed: one of {labelled.names[0]}"):
        open_view(labelled.prediction, "x")
    with pytest.raises(ArtifactError, match="not there"):
        open_view(tmp_path / "nothing")
    (tmp_path / "run" / "best").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="leads to no prediction"):
        open_view(tmp_path / "run")


def test_damaged_meshes_are_told(build: SimpleNamespace, tmp_path: Path) -> None:
    made = build.label(build.make(tmp_path / "set", scenes=1))
    folder = made.prediction / made.names[0]
    (folder / "votes.ply").write_bytes(b"ply\nbroken")
    (folder / "tsdf.ply").unlink()
    view = open_view(made.prediction)
    assert any("votes.ply cannot be read" in line for line in view.missing)
    assert "2D votes: classes" not in [layer.title for layer in view.layers]
    assert str(tmp_path) not in " ".join(view.missing)


def test_classes_of_a_mesh_without_labels_come_from_beside(
    build: SimpleNamespace, tmp_path: Path
) -> None:
    made = build.label(build.make(tmp_path / "set", scenes=1))
    folder = made.prediction / made.names[0]
    mesh = read_mesh(folder / "mesh.ply")
    write_ply(folder / "classes.ply", mesh)
    write_ply(folder / "mesh.ply", Mesh(mesh.vertices_m, mesh.faces, mesh.colors))
    room = read_room(made.names[0], gather([made.prediction]))
    np.testing.assert_array_equal(room.meshes["learnt"].labels, mesh.labels)


def test_shares_are_of_the_area() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [3, 0, 0], [0, 3, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 4]], np.int32)
    mesh = Mesh(corners, faces, None, np.array([0, 5, 5, 1, 1], np.uint8))
    assert class_shares(mesh) == {1: pytest.approx(0.9), 5: pytest.approx(0.1)}
    assert class_shares(Mesh(corners, faces)) == {}
    nobody = Mesh(corners, faces, None, np.zeros(5, np.uint8))
    assert present_classes([class_shares(nobody), class_shares(mesh)]) == [1, 5, 0]
    far = nearest_labels(mesh, np.array([[2.9, 0, 0.1], [0.9, 0, 0]]))
    assert far.tolist() == [1, 5]


def test_a_mesh_by_itself_is_shown(box_room: Mesh, tmp_path: Path) -> None:
    path = tmp_path / "my room.PLY"
    write_ply(path, box_room)
    view = open_view(path)
    assert view.title == "my room"
    assert view.layers[0].title.startswith("my room.PLY: ")
    assert view.shots == []
    points = tmp_path / "points.ply"
    write_ply(points, Mesh(box_room.vertices_m, np.zeros((0, 3), np.int32)))
    with pytest.raises(CaptureError, match="points"):
        open_view(points)
    (tmp_path / "a.obj").write_text("")
    with pytest.raises(ArtifactError, match=r"a \.obj file; needed: a PLY mesh"):
        open_view(tmp_path / "a.obj")
    with pytest.raises(ArtifactError, match="which is a file"):
        gather([path])
    with pytest.raises(ArtifactError, match="not there"):
        open_view(tmp_path / "none.ply")
