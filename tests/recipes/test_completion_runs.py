"""Runs of surface completion on the command line: a scan end to end, and where they do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from walls import PREDICT, TRAIN, command

from crossvox.core.artifact import Manifest, plain, read_manifest, write_json, write_manifest
from crossvox.core.checks import ParamsError
from crossvox.core.class_map import find_class_map, read_class_names
from crossvox.doors.images import encode_png, read_gray, write_bytes
from crossvox.doors.meshes import read_mesh
from crossvox.recipes.complete import CompleteRunParams
from crossvox.recipes.scene_run import CompleteRun, read_any_run
from crossvox.train.folder import make_record

SMALL = ("--width", "96", "--height", "72")
SCENE = "scene0000_00"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated room, prepared, and a run of one step on it."""
    work = tmp_path_factory.mktemp("completion")
    rooms = ("--count", 1, "--frames", 8, "--spacing-m", 0.1)
    command("rooms", work / "raw", *rooms, *SMALL)
    command("prepare", work / "raw", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
    command("train", "reconstruct", work / "data", work / "run", "--scenes", "all",
            "--validation-scenes", "none", "--train.steps", 1, "--train.batch-size", 1,
            "--train.no-tensorboard", "--task.network.width", 4, "--task.network.depth", 1,
            "--sparse.shape", 16, 16, 16)  # fmt: skip
    return work


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A run of surface completion as far as its record goes."""
    params = CompleteRunParams()
    told = make_record(
        "complete",
        params.task,
        params.train,
        samples={"train": 1},
        recipe={"params": plain(params)},
        scenes=["elsewhere"],
    )
    write_json(tmp_path / "completes" / "params.json", told)
    return tmp_path / "completes"


@pytest.mark.parametrize("scan", [None, "walk", "room"])
def test_a_run_that_does_not_tell_its_scan_foretells_that_of_the_room(
    record: Path, scan: str | None
) -> None:
    path = record / "params.json"
    told = json.loads(path.read_text())
    del told["recipe"]["params"]["scan"]
    if scan is not None:
        told["recipe"]["params"]["scan"] = scan
    write_json(path, told)
    run = read_any_run(record)
    assert isinstance(run, CompleteRun)
    assert run.params.scan == (scan or "room")


def test_which_scan_is_one_of_two() -> None:
    with pytest.raises(ParamsError, match="house"):
        CompleteRunParams(scan="house")  # type: ignore[arg-type]


def test_a_scan_is_levelled_completed_scored_and_shown(work: Path, tmp_path: Path) -> None:
    sens, out = tmp_path / "kitchen.sens", tmp_path / "scan"
    shutil.copy(work / "raw" / SCENE / f"{SCENE}.sens", sens)
    command("scan", sens, out, *SMALL, "--run", work / "run", "--up", 0, 0, 1,
            "--completion", "full", "--scores", "--json", tmp_path / "scan.json")  # fmt: skip
    assert read_manifest(out).params["predict"]["complete"]["completion"] == "full"
    prediction = out / "prediction" / "kitchen"
    assert read_manifest(prediction).params["params"]["complete"]["completion"] == "full"
    mesh = read_mesh(prediction / "mesh.ply")
    assert mesh.completed is not None
    assert mesh.confidence is not None
    assert (mesh.confidence[~mesh.completed] == 1).all()
    assert read_mesh(prediction / "tsdf.ply").completed is None
    scored = json.loads((tmp_path / "scan.json").read_text())["evaluation"]["mean"]
    assert set(scored) == {"learnt", "mask_only"}, "TSDF fusion is the reference"
    assert "F-score" in {score["name"] for score in scored["learnt"]}
    assert (out / "report" / "index.html").is_file()


def test_why_nothing_is_added_is_told_wherever_the_share_is(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, still = tmp_path / "scan", "nothing is added where the camera hardly moves"
    command("scan", work / "raw" / SCENE / f"{SCENE}.sens", out, *SMALL, "--run", work / "run",
            "--up", 0, 0, 1, "--max-frames", 1, "--json", tmp_path / "scan.json")  # fmt: skip
    assert f"0% of the surface was completed, not measured: {still}" in told(capsys)
    assert json.loads((tmp_path / "scan.json").read_text())["room"]["uncompleted"] == still
    page = (out / "report" / "index.html").read_text()
    assert f"no part of it is completed: {still}" in page
    command("predict", work / "run", work / "data", tmp_path / "pred", "--complete.frames", 1,
            "--scenes", SCENE)  # fmt: skip
    assert f"{SCENE}: {still}" in told(capsys)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    return " ".join((said.out + said.err).split())


def test_label_images_become_classes_of_the_surface(work: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels" / SCENE
    labels.mkdir(parents=True)
    for path in (work / "data" / SCENE / "label").glob("*.png"):
        shutil.copy(path, labels / f"frame_{int(path.stem):06d}.png")
    (tmp_path / "map.csv").write_text("class,name\nceiling,wall\nfloor mat,floor\n")
    words = ("predict", work / "run", work / "data", tmp_path / "pred", "--scenes", "all",
             "--completion", "none")  # fmt: skip
    command(*words, "--frame-labels", tmp_path / "labels", "--classes", tmp_path / "map.csv",
            "--unknown-below", 0.5)  # fmt: skip
    out = tmp_path / "pred" / SCENE
    mesh, truth = read_mesh(out / "mesh.ply"), read_mesh(work / "data" / SCENE / f"{SCENE}.ply")
    assert mesh.labels is not None
    assert mesh.label_confidence is not None
    assert truth.labels is not None
    assert (mesh.labels[mesh.label_confidence < 0.49] == 0).all()
    assert not np.isin(mesh.labels, (20, 22)).any()
    names = read_class_names(out)
    assert names[20] == names[22] == ""
    wanted = find_class_map(tmp_path / "map.csv").table[truth.labels]
    found = mesh.labels[cKDTree(mesh.vertices_m).query(truth.vertices_m)[1]]
    both = (found > 0) & (wanted > 0)
    assert both.mean() > 0.5
    assert (found == wanted)[both].mean() > 0.8
    notes = read_manifest(out).notes
    assert (notes["frames labelled"], notes["frames left out"]) == (7, 0)
    assert notes["labels calibrated"] is False
    assert 0.9 < notes["labelled share of the vertices"] <= 1
    assert (out / "classes.ply").is_file()
    # Classes without a labeller, and two labellers, are refused.
    command(*words, "--classes", "nyu40", "--images", "none", code=2)
    command(*words, "--frame-labels", tmp_path / "labels", "--images", tmp_path, code=2)


def test_frames_are_shown_larger_to_a_network_that_labels_them(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    height, of_scan = ("--label.shown-height", 96), ("--predict.label.shown-height", 96)
    said = {}
    for name, shown in (("as-they-are", ("--label.shown-height", 48)), ("larger", height)):
        command("predict", work / "run", work / "data", tmp_path / name, "--scenes", SCENE, *shown,
                "--completion", "none", "--images", "default2d", "--labels3d", "none")  # fmt: skip
        mesh = read_mesh(tmp_path / name / SCENE / "mesh.ply")
        assert mesh.label_confidence is not None
        said[name] = mesh.label_confidence
    assert said["larger"].shape == said["as-they-are"].shape
    assert abs(said["larger"] - said["as-they-are"]).mean() > 0.01
    # Where no network is shown anything, a height says nothing.
    capsys.readouterr()
    scan = ("scan", work / "raw" / SCENE / f"{SCENE}.sens", tmp_path / "out", *SMALL, *of_scan)
    data = ("predict", work / "run", work / "data", tmp_path / "no", *height)
    for words in (
        (*scan, "--run", "none"),
        (*scan, "--run", work / "run", "--images", "none"),
        (*scan, "--run", work / "run", "--frame-labels", work / "data" / SCENE / "label"),
        (*data, "--frame-labels", work / "data" / SCENE / "label"),
        (*data, "--images", "none"),
        (*data[:-1], 31),
    ):
        command(*words, code=2)
        assert "label.shown-height" in told(capsys)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "no").exists()


def test_frames_that_show_what_others_have_shown_are_not_labelled(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seven frames of a room share little: here, half of what they show is enough.
    monkeypatch.setattr("crossvox.predict.looks.LACKING", 0.5)
    monkeypatch.setattr("crossvox.predict.looks.UNSEEN", 0.5)
    words = ("--scenes", SCENE, "--completion", "none")
    data = ("predict", work / "run", work / "data")
    network = ("--images", "default2d", "--labels3d", "none", "--label.shown-height", 96,
               "--label.votes.half-m", "inf")  # fmt: skip
    counted = {}
    for looks in (1, 0):
        capsys.readouterr()
        out = tmp_path / str(looks)
        command(*data, out, *words, *network, "--label.looks", looks)
        notes = read_manifest(out / SCENE).notes
        counted[looks] = notes["frames left out"]
        assert notes["frames labelled"] == 7 - counted[looks]
        remark = f"{counted[looks]} frames are not labelled: what they show"
        assert (remark in told(capsys)) is (looks == 1)
    assert counted[1] > counted[0] == 0
    # Label images are there already, and all of them count; nor is anything else asked for looks.
    scan = ("scan", work / "raw" / SCENE / f"{SCENE}.sens", tmp_path / "scan", *SMALL)
    for asked in (
        (*data, tmp_path / "no", "--frame-labels", work / "data" / SCENE / "label"),
        (*data, tmp_path / "no", "--images", "none"),
        (*scan, "--run", "none"),
    ):
        of_scan = "predict." if asked[0] == "scan" else ""
        command(*asked, f"--{of_scan}label.looks", 1, code=2)
        assert f"--{of_scan}label.looks 1" in told(capsys)


def test_label_images_of_predict2d_bring_the_table_that_they_were_chosen_by(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "map.csv"
    path.write_text("class,name\nceiling,floor\nfloor,ceiling\nwall,side\ndoor,side\nchair,\n")
    table, made = find_class_map(path), tmp_path / "made"
    for image in (work / "data" / SCENE / "label").glob("*.png"):
        ids = read_gray(image)
        write_bytes(tmp_path / "forty" / "labels" / SCENE / image.name, encode_png(ids))
        write_bytes(made / "labels" / SCENE / image.name, encode_png(table.table[ids]))
    write_manifest(tmp_path / "forty", Manifest("predict2d", {"network": "auto"}))
    write_manifest(made, Manifest("predict2d", {"classes": plain(table)}))
    words = ("predict", work / "run", work / "data")
    ways = {
        "other": ("--frame-labels", work / "data" / SCENE / "label", "--classes", path),
        "all": ("--frame-labels", tmp_path / "forty" / "labels", "--classes", path),
        "table": ("--frame-labels", made / "labels"),
    }
    meshes, right = {}, {}
    for name, way in ways.items():
        pred = tmp_path / name
        command(*words, pred, "--scenes", "all", "--completion", "none", *way)
        meshes[name] = read_mesh(pred / SCENE / "mesh.ply").labels
        assert read_class_names(pred / SCENE)[1] == "side"
        capsys.readouterr()
        command("evaluate", "segment3d", pred, work / "data", "--seen-scenes",
                "--json", tmp_path / "scores.json")  # fmt: skip
        assert ("fewer than the 40 classes" in told(capsys)) == (name != "other")
        scores = json.loads((tmp_path / "scores.json").read_text())["whole"]["learnt"]
        right[name] = next(s["value"] for s in scores if s["name"] == "vertex accuracy")
    assert np.array_equal(meshes["table"], meshes["other"])
    assert right["table"] == right["all"] > 0.7 > right["other"]
    # A folder of one scene alone, and the same table once more, change nothing.
    again = (*words, tmp_path / "table", "--scenes", "all", "--completion", "none")
    capsys.readouterr()
    command(*again, *ways["table"], "--classes", path)
    assert "made otherwise" not in told(capsys)
    command(*words, tmp_path / "one", "--scenes", "all", "--completion", "none",
            "--frame-labels", made / "labels" / SCENE)  # fmt: skip
    one, first = (read_manifest(tmp_path / name / SCENE).params for name in ("one", "table"))
    assert one == first
    command(*again, *ways["table"], "--classes", "benchmark20", code=2)
    assert "by another table of classes" in told(capsys)
    command(*again, *ways["table"], "--classes", "nyu40", code=2)


def test_nothing_is_added_where_none_is_asked_for(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pred = tmp_path / "pred"
    words = ("predict", work / "run", work / "data", pred, "--scenes", "all")
    command(*words, "--completion", "none", "--images", "none")
    mesh, fused = (read_mesh(pred / SCENE / name) for name in ("mesh.ply", "tsdf.ply"))
    assert mesh.completed is None or not mesh.completed.any()
    assert (mesh.vertices_m == fused.vertices_m).all()
    # Rooms without classes: who asks for them is told.
    capsys.readouterr()
    command("evaluate", "segment3d", pred, work / "data", "--seen-scenes", code=2)
    assert "segment3d" in capsys.readouterr().err
    command("export", "scannet", pred, tmp_path / "labels", code=2)
    assert "segment3d" in capsys.readouterr().err


REFUSED: dict[str, tuple[list[object], str]] = {
    "start of a reconstruction": (
        [*("train", "reconstruct", "--preset", "thesis", "DATA", "OUT", *TRAIN), "--from", "RUN"],
        "'crossvox train reconstruct --preset thesis' or 'crossvox train segment3d'",
    ),
    "start of a segmentation": (
        [*("train", "segment3d", "DATA", "OUT", *TRAIN), "--from", "RUN"],
        "'crossvox train reconstruct --preset thesis' or 'crossvox train segment3d'",
    ),
    "features": (
        [*("train", "segment3d", "DATA", "OUT", *TRAIN), "--features", "RUN"],
        "'crossvox train segment2d'",
    ),
    "2D network of a study": (
        [*("study", "segment3d", "DATA", "OUT", "--run2d", "RUN"),
         *("--training-scenes", "scene0001_00", "--held-out-scenes", SCENE)],
        "'crossvox train segment2d'",
    ),
    "votes": (
        ["predict", "RUN", "DATA", "OUT", *PREDICT, "--votes", "RUN"],
        "'crossvox train segment3d'",
    ),
    "a 2D network to score": (
        ["evaluate", "segment2d", "RUN", "DATA", "--scenes", "all"],
        "'crossvox train segment2d'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_runs_of_completion_are_refused_where_colours_are_needed(
    kind: str, house: Path, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, needed = REFUSED[kind]
    places: dict[Any, Path] = {"DATA": house / "data", "OUT": tmp_path / "out", "RUN": record}
    capsys.readouterr()
    command(*(places.get(word, word) for word in words), code=2)
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert needed in error
    assert str(record) in error
    assert not (tmp_path / "out" / "params.json").exists()


@pytest.mark.parametrize("name", ["predict", "scan"])
def test_completion_is_asked_of_runs_that_complete(
    name: str, house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words: dict[str, list[object]] = {
        "predict": ["predict", house / "run", house / "data", out],
        "scan": ["scan", house / "raw" / SCENE, out, "--run", house / "run"],
    }
    capsys.readouterr()
    command(*words[name], "--completion", "safe", code=2)
    error = capsys.readouterr().err
    assert "--completion safe" in error
    assert "needed: a run of 'crossvox train reconstruct'" in error
    assert not out.exists()


def test_what_a_scan_cannot_do_without_a_run_is_told(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("scan", house / "raw" / SCENE, tmp_path / "out", "--run", "none")
    command(*words, "--completion", "full", code=2)
    assert "do: leave --run none out, or leave --completion full out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_runs_of_other_tasks_complete_nothing(
    house: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("evaluate", "frames", house / "run", house / "data", tmp_path / "out", code=2)
    assert "needed: a run of 'crossvox train reconstruct'" in capsys.readouterr().err
    command("predict", house / "run2d", house / "data", tmp_path / "out", code=2)
    error = capsys.readouterr().err
    assert "a run of task 'segment2d'" in error
    assert "'crossvox train reconstruct' or 'crossvox train segment3d'" in error
    assert not (tmp_path / "out").exists()
