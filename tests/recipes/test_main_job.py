"""The commands in a row, on rooms small enough for a test: what they write, keep and refuse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossvox.cli import main
from crossvox.core.artifact import read_manifest, write_manifest
from crossvox.core.checks import CrossvoxError
from crossvox.doors.meshes import read_mesh
from crossvox.recipes import prepare_scene, train_scenes
from crossvox.recipes.data import read_scenes
from crossvox.scene.store import read_volume

ROOMS = ["--count", "2", "--seed", "3", "--frames", "16", "--frame-step", "30"]
SMALL = ["--width", "128", "--height", "96"]
TRAIN = [
    *("--train.steps", "4", "--train.batch-size", "2", "--train.validate-every", "2"),
    *("--task.width", "4", "--task.depth", "2", "--chunks.per-scene", "6"),
    *("--views.width", "128", "--views.height", "96", "--validation-windows", "4"),
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rooms, prepared scenes, a run, a prediction, scores and a page."""
    work = tmp_path_factory.mktemp("flow")
    run("rooms", work / "rooms", *ROOMS, *SMALL, "--spacing-m", "0.1")
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1,
        "--json", work / "prepare.json")  # fmt: skip
    run(
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        work / "data",
        work / "run",
        *TRAIN,
        "--json",
        work / "train.json",
    )
    run("predict", work / "run", work / "data", work / "pred", "--json", work / "predict.json")
    run("evaluate", "reconstruct", work / "pred", work / "data", "--json", work / "scores.json")
    run("report", work / "pred", work / "page", "--json", work / "page.json")
    return work


def test_prepared_scenes_hold_what_the_format_promises(work: Path) -> None:
    report = load(work / "prepare.json")
    assert [scene["status"] for scene in report["scenes"]] == ["made", "made"]
    for scene in report["scenes"]:
        folder = work / "data" / scene["item"]
        names = {path.name for path in folder.iterdir()}
        assert {"color", "depth", "pose", "label", "intrinsic.txt", "volume.npz"} <= names
        assert len(list((folder / "color").iterdir())) == scene["notes"]["frames"] == 16
        volume = read_volume(folder / "volume.npz")
        assert volume.occupied.sum() == scene["notes"]["occupied voxels"] > 1000
        assert not volume.labels[~volume.occupied].any()
        assert set(np.unique(volume.labels)) >= {1, 2}, "a room has walls and a floor"
        reference = read_mesh(folder / f"{scene['item']}.ply")
        assert reference.labels is not None
        assert reference.colors is not None
    lists = [(work / "data" / f"{split}.txt").read_text().split() for split in ("train", "val")]
    assert sorted(lists[0] + lists[1]) == [scene["item"] for scene in report["scenes"]]
    assert all(lists)


def test_training_logs_validates_and_keeps_the_best(work: Path) -> None:
    lines = [json.loads(line) for line in (work / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["split"] == "train"] == [1, 2, 3, 4]
    validations = [line for line in lines if line["split"] == "validation"]
    assert [line["step"] for line in validations] == [2, 4]
    assert "IoU (mask only)" in validations[0]["scores"], "a baseline stands beside the score"
    assert (work / "run" / "best" / "network.safetensors").is_file()
    assert load(work / "train.json")["stopped_by"] == "steps"


def test_prediction_covers_everything_that_was_seen(work: Path) -> None:
    for notes in load(work / "predict.json")["scenes"].values():
        assert notes["coverage"] == 1.0
        assert notes["windows_predicted"] == notes["windows_seen"] > 0
    for scene in (work / "data" / "val.txt").read_text().split():
        names = {path.name for path in (work / "pred" / scene).iterdir()}
        assert names == {"volume.npz", "mesh.ply", "mask_only.ply", "tsdf.ply", "manifest.json"}


def test_scores_stand_beside_their_baselines(work: Path) -> None:
    record = load(work / "scores.json")
    assert record["protocol"] == "surface"
    assert list(record["mean"]) == ["learnt", "mask_only", "tsdf"]
    scores = {s["name"]: s for s in record["mean"]["mask_only"]}
    assert 0 < scores["F-score"]["value"] <= 1
    assert scores["F-score"]["support"] == 1
    assert load(work / "pred" / "scores.surface.json")["protocol"] == "surface"


def test_thesis_protocol_is_kept_apart(work: Path) -> None:
    run("evaluate", "reconstruct", work / "pred", work / "data", "--protocol", "thesis")
    thesis = load(work / "pred" / "scores.thesis.json")
    surface = load(work / "pred" / "scores.surface.json")
    assert thesis["mean"]["tsdf"] != surface["mean"]["tsdf"]


def test_the_page_is_one_file_without_requests(work: Path) -> None:
    page = Path(load(work / "page.json")["page"])
    text = page.read_text()
    assert "F-score" in text
    assert 'src="http' not in text
    assert 'href="http' not in text
    assert str(work) not in text, "no path of this machine"


def test_finished_work_is_kept(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in (work / "data").glob("*/manifest.json")}
    out, trained, predicted = (work / f"{what}-again.json" for what in ("data", "run", "pred"))
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1,
        "--json", out)  # fmt: skip
    assert {scene["status"] for scene in load(out)["scenes"]} == {"kept"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with monkeypatch.context() as patch:
        patch.setattr(train_scenes, "training_scenes", None)  # no data is read
        run(
            "train",
            "reconstruct",
            "--preset",
            "thesis",
            work / "data",
            work / "run",
            *TRAIN,
            "--json",
            trained,
        )
    assert load(trained)["already_finished"]
    manifest = read_manifest(work / "run")
    notes = {name: value for name, value in manifest.notes.items() if name != "asked"}
    write_manifest(work / "run", replace(manifest, notes=notes))
    for _ in range(2):  # of a version that did not note it
        run(
            "train",
            "reconstruct",
            "--preset",
            "thesis",
            work / "data",
            work / "run",
            *TRAIN,
            "--json",
            trained,
        )
        assert load(trained)["already_finished"]
        assert read_manifest(work / "run").notes == manifest.notes
    run("predict", work / "run", work / "data", work / "pred", "--json", predicted)
    assert load(predicted)["kept"] == (work / "data" / "val.txt").read_text().split()


def test_other_params_in_the_same_run_folder_are_refused(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        work / "data",
        work / "run",
        *TRAIN,
        "--train.rate",
        "0.5",
        code=2,
    )
    error = capsys.readouterr().err
    assert "rate" in error
    assert "Traceback" not in error


def test_a_dry_run_of_training_looks_at_the_data(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "reconstruct", "--preset", "thesis", tmp_path, tmp_path / "run", "--dry-run"]
    (tmp_path / "manifest.json").write_text("")
    run(*words, code=2)
    assert "manifest.json" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_broken_scan_is_reported_and_the_others_go_on(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(work / "rooms", raw)
    victim = raw / "scene0000_00" / "scene0000_00.sens"
    victim.write_bytes(victim.read_bytes()[:5000])
    out = tmp_path / "out.json"
    run("prepare", raw, tmp_path / "data", *SMALL, "--frame-skip", 4, "--workers", 2,
        "--json", out, code=2)  # fmt: skip
    status = {scene["item"]: scene["status"] for scene in load(out)["scenes"]}
    assert status == {"scene0000_00": "failed", "scene0001_00": "made"}
    assert "scene0000_00.sens" in capsys.readouterr().err
    assert not (tmp_path / "data" / "scene0000_00").exists()
    run("info", raw / "scene0000_00", code=2)


def test_an_interrupted_preparation_leaves_no_half_scene_and_goes_on(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    voxelize = prepare_scene.voxelize

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return voxelize(*args, **kwargs)

    monkeypatch.setattr(prepare_scene, "voxelize", interrupted)
    words = ["prepare", work / "rooms", tmp_path / "data", *SMALL, "--frame-skip", 4]
    run(*words, "--workers", 1, code=130)
    left = {path.name for path in (tmp_path / "data").iterdir()}
    assert left == {"scene0000_00", "manifest.json", "train.txt", "val.txt"}
    run(*words, "--workers", 1, "--json", tmp_path / "out.json")
    status = [scene["status"] for scene in load(tmp_path / "out.json")["scenes"]]
    assert status == ["kept", "made"]


def test_info_tells_what_a_scan_holds(work: Path, tmp_path: Path) -> None:
    run("info", work / "rooms" / "scene0000_00", "--json", tmp_path / "info.json", "--all-frames")
    info = load(tmp_path / "info.json")
    assert info["frames"] == info["decoded"] == 16
    assert len(info["lost_poses"]) >= 1
    assert info["broken"] == []
    assert {"wall", "floor"} <= {label["name"] for label in info["labels"]}
    assert 0.2 < info["depth_min_m"] < info["depth_max_m"] < 10


def test_scan_takes_a_capture_without_mesh_to_a_scored_room(work: Path, tmp_path: Path) -> None:
    """A bare .sens file, its world turned on its side, must come out level."""
    sens = tmp_path / "kitchen.sens"
    shutil.copy(work / "rooms" / "scene0001_00" / "scene0001_00.sens", sens)
    out = tmp_path / "scan"
    run("scan", sens, out, *SMALL, "--run", work / "run", "--scores",
        "--json", tmp_path / "scan.json")  # fmt: skip
    assert (out / "data" / "kitchen" / "kitchen.ply").is_file()
    assert (out / "prediction" / "kitchen" / "mesh.ply").is_file()
    record = load(tmp_path / "scan.json")
    np.testing.assert_allclose(record["up"], [0, 0, 1], atol=0.05)
    assert "tsdf" not in record["evaluation"]["mean"], "the reference is the TSDF mesh itself"
    assert read_manifest(out).stage == "scan"


def test_surface_from_fusion_takes_labels_from_the_scan(work: Path, tmp_path: Path) -> None:
    scan = work / "rooms" / "scene0001_00"
    run("prepare", scan, tmp_path / "data", *SMALL, "--frame-skip", 1, "--surface", "tsdf")
    fused = read_mesh(tmp_path / "data" / "scene0001_00" / "scene0001_00.ply")
    given = read_mesh(work / "data" / "scene0001_00" / "scene0001_00.ply")
    assert fused.labels is not None
    assert given.labels is not None
    assert len(fused.vertices_m) != len(given.vertices_m)
    assert (fused.labels > 0).mean() > 0.5
    assert set(np.unique(fused.labels)) <= set(np.unique(given.labels)) | {0}


def test_scenes_can_be_chosen_and_unknown_ones_are_named(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = read_scenes(work / "data", "scene0001_00")
    assert [folder.name for folder in folders] == ["scene0001_00"]
    with pytest.raises(CrossvoxError, match="scene0099_00"):
        read_scenes(work / "data", "scene0099_00")
    run("predict", work / "run", work / "data", work / "x", "--scenes", "scene0099_00", code=2)
    assert "scene0099_00" in capsys.readouterr().err
