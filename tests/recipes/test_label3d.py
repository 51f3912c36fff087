"""Labels in 3D by command: single views, training, what a run corrects."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from walls import TRAIN_2D, command

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ArtifactError, ParamsError
from crossvox.doors.images import encode_jpeg, encode_png, write_bytes
from crossvox.doors.meshes import read_mesh
from crossvox.flow.lineage import UNKNOWN, Lineage
from crossvox.recipes.data import read_scenes
from crossvox.recipes.label3d import Label3dSources, labels3d
from crossvox.recipes.label_run import label_network, label_run_input, read_label_run
from crossvox.recipes.labels import label_source
from crossvox.recipes.train_label3d import pick_run
from crossvox.scene.store import read_volume
from crossvox.train.folder import lineage_of

TRAIN = (
    *("--train.steps", "2", "--train.batch-size", "2", "--train.validate-every", "2"),
    *("--train.no-tensorboard", "--validation-samples", "2", "--task.network.hidden", "8"),
    *("--spoil.voxels", "50", "--said.width", "64"),
)  # fmt: skip
COUNT = 8


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of a room's corner: floor (2) below, wall (1) above, depth in steps of 4 cm."""
    root = tmp_path_factory.mktemp("views")
    v = np.arange(48)[:, None] - 23.5
    floor_m = 20 * 1.5 / np.maximum(v, 1e-3)
    depth_m = np.minimum(np.where(v > 0, floor_m, 9), 2.5) * np.ones((48, 64))
    labels = np.where((v > 0) & (floor_m < 2.5), 2, 1) * np.ones((48, 64))
    for number in range(COUNT):
        grey = np.full((48, 64, 3), 20 * number, np.uint8)
        write_bytes(root / "image" / f"{number}.jpg", encode_jpeg(grey))
        write_bytes(root / "label" / f"{number}.png", encode_png(labels.astype(np.uint8)))
        stored = np.round(depth_m * 25 - 0.5).astype(np.uint8)
        write_bytes(root / "depth" / f"{number}.png", encode_png(stored))
    for data, prefix in (("data", "corner"), ("more", "other")):
        command(
            *("single-views", root / "image", root / "label", root / "depth", root / data),
            *("--intrinsics", "20,20,31.5,23.5", "--depth-scale", 0.04, "--depth-offset", 0.5),
            *("--width", 64, "--height", 48, "--prefix", prefix),
        )
    return root


def test_single_views_are_prepared_scenes(views: Path) -> None:
    folders = read_scenes(views / "data", "all")
    assert [folder.name for folder in folders] == [f"corner_{n}" for n in range(COUNT)]
    assert len(read_scenes(views / "data", "val")) == 2
    volume = read_volume(folders[0] / "volume.npz")
    at = np.argwhere(volume.labels == 2)
    assert len(at) > 100
    assert np.abs(volume.grid.to_world(at)[:, 2]).max() < 0.16
    assert volume.grid.to_world(np.argwhere(volume.labels == 1))[:, 2].max() > 1.5
    mesh = read_mesh(folders[0] / "corner_0.ply")
    assert mesh.labels is not None
    assert set(mesh.labels.tolist()) == {1, 2}


def test_images_without_a_camera_are_refused(views: Path, tmp_path: Path) -> None:
    folders = [views / name for name in ("image", "label", "depth")]
    command("single-views", *folders, tmp_path / "out", code=2)
    assert not (tmp_path / "out").exists()


def test_a_run_learns_from_scenes_that_its_2d_network_has_not_seen(
    views: Path, tmp_path: Path
) -> None:
    run, run2d, data = tmp_path / "run", tmp_path / "run2d", views / "data"
    command("train", "segment2d", data, run2d, *TRAIN_2D, "--scenes", "corner_0,corner_1")
    words = ("train", "segment3d", "--preset", "labels3d", data, run, *TRAIN, "--images", run2d)
    command(*words)
    told = json.loads((run / "params.json").read_text())
    labelled = told["recipe"]["labelled by"]
    assert set(labelled) == {f"corner_{n}" for n in (3, 4, 5, 6)}  # 0 and 1 seen, 2 and 7 held out
    assert set(labelled.values()) == {1}
    lineage = lineage_of(run)
    assert {f"corner_{n}" for n in (0, 1, 3, 4, 5, 6)} == set(lineage.scenes)
    assert read_label_run(run).task.network.hidden == 8
    found = label_run_input(run)
    assert label_network(run, found.checkpoint).network.inputs > 400
    command(*words)  # finished: kept
    asked = label_source(run2d, None, None, labels3d=run)
    assert (asked.run, asked.run3d) == (run2d, run)
    assert label_source(run2d, None, None).run3d is None
    assert label_source(run2d, None, None, labels3d=Path("none")).run3d is None
    for images, frame_labels, labels in ((run2d, None, run2d), (None, views / "label", run)):
        with pytest.raises((ArtifactError, ParamsError), match="needed"):
            label_source(images, frame_labels, None, labels3d=labels)
    sources = Label3dSources(images=(run2d,), scenes="corner_0,corner_1", validation_scenes="none")
    with pytest.raises(ArtifactError, match="seen-scenes"):
        labels3d(data, tmp_path / "none", sources=sources)


def test_views_beside_are_learnt_from_and_choose_nothing(views: Path, tmp_path: Path) -> None:
    """What they hold out can tell scores: validation is of the first data alone."""
    run, run2d, data = tmp_path / "run", tmp_path / "run2d", views / "data"
    command("train", "segment2d", data, run2d, *TRAIN_2D, "--scenes", "corner_0,corner_1")
    words = ("train", "segment3d", "--preset", "labels3d", data, run, *TRAIN, "--images", run2d)
    command(*words, "--beside", views / "more")
    scenes = read_manifest(run).notes["scenes"]
    held_out = {folder.name for folder in read_scenes(data, "val")}
    assert set(scenes["validation"]) == held_out
    others = {folder.name for folder in read_scenes(views / "more", "train")}
    assert {name for name in scenes["train"] if name.startswith("other")} == others


def test_a_finished_run_is_kept_without_what_it_learnt_from(
    views: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: tmp_path / name for name in ("data", "more", "run2d")}
    for name in ("data", "more"):
        shutil.copytree(views / name, places[name])
    command(
        "train", "segment2d", places["data"], places["run2d"], *TRAIN_2D, "--scenes", "corner_0"
    )
    words = ("train", "segment3d", "--preset", "labels3d", places["data"], tmp_path / "run", *TRAIN)
    words = (*words, "--images", places["run2d"], "--beside", places["more"])
    command(*words)
    for name, place in places.items():
        place.rename(tmp_path / "away")
        capsys.readouterr()
        command(*words)
        command(*words, "--dry-run")
        told = " ".join(capsys.readouterr().err.split())
        assert told.count(f"{name} is not there any more: run is kept") == 2
        command(*words, "--task.network.hidden", 4, code=2)
        command(*words[:-1], tmp_path / "mistyped", code=2)
        (tmp_path / "away").rename(place)
    for place in places.values():
        shutil.rmtree(place)
    command(*words)
    command(*words[:-2], code=2)
    assert "parents.beside" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "run" / "manifest.json").unlink()
    command(*words, code=2)


def test_who_labels_a_scene() -> None:
    first, second = Lineage(("a_1", "b_1")), Lineage(("c_1",))
    assert pick_run([first, second], {}, "c_1") == (0, False)
    assert pick_run([first, second], {}, "a_1") == (1, False)
    assert pick_run([first, UNKNOWN], {}, "a_1") == (1, None)
    assert pick_run([first], {}, "a_1") == (0, True)
    assert pick_run([first, second], {"c_1": 1}, "c_1") == (1, False)


def test_no_2d_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="--images"):
        labels3d(tmp_path, tmp_path / "run")
