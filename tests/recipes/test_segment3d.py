"""3D segmentation by command, from rooms to scores; and one voxel's label through every stage."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.core.labels import NYU40
from crossvox.core.methods import (
    ATTRIBUTES,
    CLASS_MESHES,
    CLASS_VOLUMES,
    CLASSES_GLB,
    CLASSES_MESH,
    METHOD_FILES,
    ON_SCAN,
    ON_SCAN_MESH,
    TRANSFERRED,
)
from crossvox.core.volume import Batch, SceneVolume
from crossvox.doors.meshes import read_mesh
from crossvox.evaluate.scannet import read_vertex_labels
from crossvox.predict.store import read_prediction
from crossvox.recipes.scene_run import read_scene_run
from crossvox.recipes.train import Segment3dRunParams
from crossvox.recipes.train_scenes import _features_stay, _FrozenImages
from crossvox.samples.batch import collate
from crossvox.samples.dataset import ChunkDataset
from crossvox.samples.index import window_index
from crossvox.samples.maps import FeatureCollate, FrameMaps
from crossvox.samples.params import AugmentParams
from crossvox.samples.source import load_source
from crossvox.scene.store import read_volume
from crossvox.tasks.params import FeatureParams, Segment3dParams
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.checkpoint import load_checkpoint, save_checkpoint
from crossvox.train.folder import lineage_of
from crossvox.train.params import TrainParams, TransferParams
from crossvox.train.transfer import Transfer

ROOMS = ["--count", "2", "--seed", "3", "--frames", "16", "--frame-step", "30"]
SMALL = ["--width", "128", "--height", "96"]
TRAIN_2D = [
    *("--images.width", "128", "--images.height", "96", "--train.batch-size", "2"),
    *("--train.steps", "2", "--train.validate-every", "2", "--task.network", "enet"),
]  # fmt: skip
TRAIN = [
    *("--train.steps", "2", "--train.batch-size", "2", "--train.warmup-steps", "1"),
    *("--task.width", "4", "--task.depth", "2", "--chunks.per-scene", "6"),
    *("--views.width", "128", "--views.height", "96", "--validation-windows", "2"),
    "--train.no-tensorboard",
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def scores_of(pred: Path, method: str = "learnt") -> dict[str, float]:
    return {s["name"]: s["value"] for s in load(pred / "scores.classes.json")["whole"][method]}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rooms, a 2D run, a reconstruction run, and a segmentation that starts from it."""
    work = tmp_path_factory.mktemp("segment3d")
    run("rooms", work / "rooms", *ROOMS, *SMALL, "--spacing-m", "0.1")
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
    run("train", "segment2d", work / "data", work / "run2d", *TRAIN_2D)
    lifted = ["--features", work / "run2d"]
    run(
        "train", "reconstruct", "--preset", "thesis", work / "data", work / "shape", *TRAIN, *lifted
    )
    run("train", "segment3d", work / "data", work / "classes", *TRAIN, *lifted,
        "--from", work / "shape", "--transfer.mode", "published")  # fmt: skip
    return work


@pytest.fixture(scope="module")
def scene(work: Path) -> str:
    (name,) = (work / "data" / "val.txt").read_text().split()
    return name


@pytest.fixture(scope="module")
def pred(work: Path) -> Path:
    run("predict", work / "classes", work / "data", work / "pred", "--stride", 32, 32, 64)
    run("evaluate", "segment3d", work / "pred", work / "data")
    return work / "pred"


def test_runs_tell_the_scenes_that_they_learnt_from(work: Path, tmp_path: Path) -> None:
    (name,) = (work / "data" / "train.txt").read_text().split()
    (held_out,) = (work / "data" / "val.txt").read_text().split()
    for trained in ("run2d", "shape", "classes"):
        assert lineage_of(work / trained).scenes == (name,)
        scenes = load(work / trained / "params.json")["scenes"]
        assert scenes == {"train": [name], "validation": [held_out]}
        assert tuple(read_manifest(work / trained).learnt_from or ()) == (name,)
        text = (work / trained / "params.json").read_text()
        assert text.count('"weight_decay"') == text.count('"validate_every"') == 1
    # What a run's start has learnt from, it has learnt from too.
    other = ["--scenes", held_out, "--validation-scenes", "none"]
    run("train", "segment3d", work / "data", tmp_path / "run", *TRAIN, *other,
        "--from", work / "shape")  # fmt: skip
    assert lineage_of(tmp_path / "run").scenes == tuple(sorted((name, held_out)))


def test_the_run_tells_labels_and_transfer(work: Path) -> None:
    record = load(work / "classes" / "params.json")
    (name,) = (work / "data" / "train.txt").read_text().split()
    volume = read_volume(work / "data" / name / "volume.npz")
    counts = np.bincount(volume.labels[volume.occupied], minlength=41)
    assert record["recipe"]["label_voxels"] == counts.tolist()
    found = read_scene_run(work / "classes")
    assert isinstance(found.task, Segment3d)
    assert found.task.majority == 1 + int(counts[1:].argmax())
    assert record["recipe"]["majority_class"] == NYU40.names[found.task.majority]
    assert record["recipe"]["class_weights"] == pytest.approx(found.task.class_weights)
    manifest = read_manifest(work / "classes")
    assert manifest.links["start"] == "../shape"
    assert manifest.links["features"] == "../run2d"
    assert "start" in manifest.parents

    report = load(work / "classes" / "transfer.json")
    assert (report["source"], report["mode"]) == ("shape", "published")
    assert report["missing"] == ["class_prior.scale"], "no reconstruction has it"
    assert not report["skipped"]
    assert report["spread"] == ["classifier.weight", "classifier.bias"]
    assert all(name.startswith("image_network.") for name in report["not_asked"])
    assert set(report["rates"]) == {"1", "0.05"}
    assert report["source"] in report["summary"]
    start = load_checkpoint(work / "run2d" / "best").network
    then = load_checkpoint(work / "classes" / "last").network
    assert all(torch.equal(value, then[f"image_network.{name}"]) for name, value in start.items())


def test_another_start_is_another_run(work: Path) -> None:
    run("train", "segment3d", work / "data", work / "classes", *TRAIN, "--features",
        work / "run2d", "--transfer.mode", "published", code=2)  # fmt: skip


def test_colours_learn_from_scratch_and_give_a_reconstruction_its_start(
    work: Path, tmp_path: Path
) -> None:
    run("train", "segment3d", work / "data", tmp_path / "classes", *TRAIN,
        "--task.extra-loss", "lovasz", "--task.weighting", "published")  # fmt: skip
    line = json.loads((tmp_path / "classes" / "log.jsonl").read_text().splitlines()[0])
    assert set(line["parts"]) == {"cross_entropy", "lovasz"}
    assert not (tmp_path / "classes" / "transfer.json").exists()
    run("train", "reconstruct", "--preset", "thesis", work / "data", tmp_path / "shape", *TRAIN,
        "--from", tmp_path / "classes", "--transfer.mode", "probe")  # fmt: skip
    report = load(tmp_path / "shape" / "transfer.json")
    assert report["gathered"] == ["classifier.weight", "classifier.bias"]
    assert report["skipped"] == []
    start = load_checkpoint(tmp_path / "classes" / "best").network
    then = load_checkpoint(tmp_path / "shape" / "last").network
    for name, value in then.items():
        if not name.startswith("classifier."):
            assert torch.equal(value, start[name]), name


def test_a_prediction_holds_what_it_should(work: Path, pred: Path, scene: str) -> None:
    folder, data = pred / scene, work / "data" / scene
    grid = read_volume(data / "volume.npz").grid
    mesh = read_mesh(folder / CLASS_MESHES["learnt"])
    assert mesh.labels is not None
    assert mesh.colors is not None
    assert (mesh.labels > 0).all()
    painted = read_mesh(folder / CLASSES_MESH)
    np.testing.assert_array_equal(painted.vertices_m, mesh.vertices_m)
    np.testing.assert_array_equal(painted.labels, mesh.labels)
    np.testing.assert_array_equal(painted.colors, NYU40.colors[mesh.labels])
    assert (folder / CLASSES_GLB).read_bytes()[:4] == b"glTF"
    with np.load(folder / ATTRIBUTES) as arrays:
        np.testing.assert_array_equal(arrays["label"], mesh.labels)
        assert np.isin(arrays["benchmark_label"], NYU40.benchmark_ids).all()
        assert arrays["confidence"].dtype == np.float16
        assert arrays["confidence"].shape == mesh.labels.shape
        assert ((arrays["confidence"] > 0) & (arrays["confidence"] <= 1)).all()
        same = arrays["label"] == arrays["benchmark_label"]
        assert same[np.isin(arrays["label"], NYU40.benchmark_ids)].all()

    probability = read_prediction(folder / "volume.npz")
    volume = read_volume(folder / CLASS_VOLUMES["learnt"])
    assert volume.grid == probability.grid == grid
    sure = probability.predicted & (probability.probability > 0.5)
    np.testing.assert_array_equal(sure & ~volume.occupied, np.zeros(grid.shape, bool))
    np.testing.assert_array_equal(volume.observed, probability.predicted)
    np.testing.assert_array_equal(volume.occupied, volume.labels > 0)

    scan, own = read_mesh(folder / ON_SCAN_MESH), read_mesh(data / f"{scene}.ply")
    np.testing.assert_array_equal(scan.vertices_m, own.vertices_m)
    np.testing.assert_array_equal(scan.faces, own.faces)
    with np.load(folder / ON_SCAN) as arrays:
        np.testing.assert_array_equal(arrays["label"], scan.labels)
        assert np.isin(arrays["benchmark_label"], (0, *NYU40.benchmark_ids)).all()
    np.testing.assert_array_equal(scan.colors, NYU40.colors[scan.labels])

    votes = read_volume(folder / CLASS_VOLUMES["votes_2d"])
    source = load_source(data, read_scene_run(work / "classes").params.views)
    seen = np.zeros(grid.count, bool)
    seen[source.views.voxel] = True
    # This 2D network names something at every pixel, so that every seen voxel has votes.
    np.testing.assert_array_equal(votes.occupied, seen.reshape(grid.shape))
    voted = read_mesh(folder / CLASS_MESHES["votes_2d"])
    assert voted.labels is not None
    assert (voted.labels > 0).all()
    for name in ("mask_only", "tsdf"):
        assert (folder / METHOD_FILES[name]).is_file()

    notes = read_manifest(folder).notes
    task = read_scene_run(work / "classes").task
    assert isinstance(task, Segment3d)
    assert (notes["task"], notes["majority_class"]) == ("segment3d", task.majority)
    assert notes["voxels_voted"] == votes.occupied.sum()
    assert set(read_manifest(pred).links) == {"run", "data"}


def test_labelled_rooms_are_scored_beside_their_baselines(
    work: Path, pred: Path, scene: str
) -> None:
    record = load(pred / "scores.classes.json")
    assert set(record["whole"]) == {"learnt", "votes_2d", "majority"}
    assert set(record["scenes"]) == {scene}
    labels = read_mesh(work / "data" / scene / f"{scene}.ply").labels
    assert labels is not None
    for method, counts in record["confusion"].items():
        assert (
            np.sum(counts, axis=1)[1:].tolist() == np.bincount(labels, minlength=41)[1:].tolist()
        ), method
    assert (pred / scene / TRANSFERRED).is_file()
    run("evaluate", "reconstruct", pred, work / "data")
    assert set(load(pred / "scores.surface.json")["mean"]) == set(METHOD_FILES)
    # A second call keeps the scene.
    run("predict", work / "classes", work / "data", pred, "--stride", 32, 32, 64,
        "--json", work / "again.json")  # fmt: skip
    assert load(work / "again.json")["kept"] == [scene]


def test_per_vertex_files_go_out_and_are_scored(work: Path, pred: Path, scene: str) -> None:
    out = work / "scannet"
    run("export", "scannet", pred, out)
    with np.load(pred / scene / ON_SCAN) as arrays:
        expected = arrays["benchmark_label"]
    np.testing.assert_array_equal(read_vertex_labels(out / f"{scene}.txt"), expected)
    run("evaluate", "scannet", out, work / "data")
    assert set(load(out / "scores.scannet.json")["whole"]) == {"files", "majority"}


def test_joint_mode_takes_the_surface_from_the_other_run(
    work: Path, pred: Path, scene: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stride = ["--stride", 32, 32, 64]
    run("predict", work / "shape", work / "data", tmp_path / "alone", *stride, "--no-baselines")
    run("predict", work / "classes", work / "data", tmp_path / "joint", *stride,
        "--geometry", work / "shape", "--no-baselines")  # fmt: skip
    alone, joint = (read_mesh(tmp_path / n / scene / "mesh.ply") for n in ("alone", "joint"))
    np.testing.assert_array_equal(alone.vertices_m, joint.vertices_m)
    assert alone.labels is None
    assert joint.labels is not None
    shape, own = (
        read_prediction(tmp_path / name / scene / "volume.npz") for name in ("alone", "joint")
    )
    np.testing.assert_array_equal(shape.probability, own.probability)
    classes, single = (
        read_volume(p / scene / CLASS_VOLUMES["learnt"]) for p in (tmp_path / "joint", pred)
    )
    both = classes.occupied & single.occupied
    np.testing.assert_array_equal(classes.labels[both], single.labels[both])
    assert not (tmp_path / "joint" / scene / CLASS_MESHES["votes_2d"]).exists()
    assert set(read_manifest(tmp_path / "joint").links) == {"run", "data", "geometry"}
    run("evaluate", "segment3d", tmp_path / "joint", work / "data")
    for first, second in (("shape", "shape"), ("classes", "classes")):
        run("predict", work / first, work / "data", tmp_path / "no", "--geometry", work / second,
            code=2)  # fmt: skip
        assert "--geometry" in capsys.readouterr().err


# --- features made once a frame, in training -----------------------------------------------------

STILL = AugmentParams(brightness=0, contrast=0, saturation=0, hue=0, blur_share=0)


def test_features_are_kept_only_where_they_never_change() -> None:
    features = FeatureParams("enet", 128, 8)
    fixed = Segment3dRunParams(
        task=Segment3dParams(width=4, depth=1, features=features),
        augment=STILL,
        train=TrainParams(device="cpu"),
    )
    assert _features_stay(fixed)
    learning = replace(features, rate=1e-4)
    for other in (
        replace(fixed, augment=AugmentParams()),
        replace(fixed, task=replace(fixed.task, features=learning)),
        replace(fixed, task=replace(fixed.task, features=None)),
        replace(fixed, train=TrainParams(device="cpu", workers=1)),
    ):
        assert not _features_stay(other)


@pytest.mark.parametrize("moved", [False, True])
def test_kept_features_are_those_of_the_runs_own_2d_network(tmp_path: Path, moved: bool) -> None:
    """With ``--transfer.load images`` that is the other run's, not the one of ``--features``."""
    features = FeatureParams("enet", 128, 8)
    torch.manual_seed(5)
    source: Any = Segment3d(Segment3dParams(width=4, depth=1, features=features)).build()
    save_checkpoint(tmp_path / "source" / "best", source, {"step": 1})
    load: Any = ("images", "encoder", "classifier") if moved else ("encoder", "classifier")
    torch.manual_seed(6)
    network: Any = Segment3d(Segment3dParams(width=4, depth=1, features=features)).build()
    params = Segment3dRunParams(
        task=Segment3dParams(width=4, depth=1, features=features),
        augment=STILL,
        train=TrainParams(device="cpu"),
        transfer=TransferParams(load=load),
    )
    task = Segment3d(
        params.task,
        network.image_network.state_dict(),
        initialise=Transfer(tmp_path / "source", params.transfer).initialise,
    )
    frozen = _FrozenImages()
    joined = FeatureCollate(FrameMaps(frozen))
    images = torch.randn(1, 3, 32, 40)
    own: Any = task.build()
    frozen.take(own)
    expected = own.image_maps(images)
    torch.testing.assert_close(joined.maps.encode(images), expected, rtol=1e-4, atol=1e-5)
    theirs = (source if moved else network).image_network
    # The copy that is asked rounds otherwise (crossvox.networks.frozen2d).
    shown = theirs.features(images)
    torch.testing.assert_close(expected[:, : theirs.feature_channels], shown, rtol=0, atol=1e-4)


# --- one voxel through all stages ----------------------------------------------------------------

TRUTH = {"wall": 1, "floor": 2, "third": 0}
"""Classes that are followed; the third is whatever else the room has most of."""


def truthful(self: Segment3d, network: Any, batch: Batch, with_prior: bool = True) -> torch.Tensor:
    """Logits of the truth; an occupied voxel that nobody annotated is called a wall."""
    target = self.targets(batch)
    target = target.where(target >= 0, torch.ones_like(target))
    return 20.0 * torch.nn.functional.one_hot(target, self.classes).permute(0, 4, 1, 2, 3)


@pytest.fixture(scope="module")
def truth(work: Path) -> Path:
    """A prediction of a network that knows everything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segment3d, "class_logits", truthful)
        run("predict", work / "classes", work / "data", work / "truth", "--no-baselines",
            "--prior-frames", "windows")  # fmt: skip
    run("evaluate", "segment3d", work / "truth", work / "data")
    run("export", "scannet", work / "truth", work / "truth_files", "--labels", "all")
    return work / "truth"


@dataclass(frozen=True)
class Followed:
    """A voxel, the vertex of the scan's mesh in it, and their class."""

    voxel: tuple[int, int, int]
    vertex: int
    label: int


def plain_voxels(volume: SceneVolume) -> NDArray[np.bool_]:
    """Voxels around which (5x5x5) one class is alone: meshing mixes nothing there."""
    from scipy.ndimage import maximum_filter, minimum_filter

    highest = maximum_filter(volume.labels, 5)
    lowest = minimum_filter(np.where(volume.labels > 0, volume.labels, 255), 5)
    return np.asarray((highest == lowest) & volume.occupied)


def follow(work: Path, scene: str, label: int) -> Followed:
    volume = read_volume(work / "data" / scene / "volume.npz")
    mesh = read_mesh(work / "data" / scene / f"{scene}.ply")
    assert mesh.labels is not None
    if label == 0:
        counts = np.bincount(volume.labels[plain_voxels(volume)], minlength=41)
        counts[:3] = 0
        label = int(counts.argmax())
    at = np.rint(volume.grid.to_grid(mesh.vertices_m)).astype(int)
    own = (mesh.labels == label) & plain_voxels(volume)[tuple(at.T)]
    assert own.any(), f"the room has no plain {NYU40.names[label]}"
    vertex = int(np.flatnonzero(own)[own.sum() // 2])
    x, y, z = at[vertex].tolist()
    return Followed((x, y, z), vertex, label)


@pytest.mark.parametrize("name", TRUTH)
def test_a_voxel_keeps_its_id_through_all_stages(
    work: Path, truth: Path, scene: str, name: str
) -> None:
    found = follow(work, scene, TRUTH[name])
    label, voxel, data = found.label, found.voxel, work / "data" / scene
    ids = {"wall": 1, "floor": 2}
    assert label == ids.get(name, label) > 0
    assert NYU40.names[label] == name or name == "third"

    # Preparation.
    surface = read_mesh(data / f"{scene}.ply")
    assert surface.labels is not None
    assert surface.labels[found.vertex] == label
    volume = read_volume(data / "volume.npz")
    assert volume.labels[voxel] == label
    assert volume.occupied[voxel]

    # Samples, batches, targets: every window that holds the voxel.
    params = read_scene_run(work / "classes").params
    source = load_source(data, params.views)
    index = window_index(source, (32, 32, 64), (16, 16, 32), params.views.max_views)
    dataset = ChunkDataset({scene: source}, index, params.views, None, 0)
    task, held = read_scene_run(work / "classes").task, 0
    assert isinstance(task, Segment3d)
    for number, place in enumerate(index.places):
        at = tuple(int(v - s) for v, s in zip(voxel, place.start, strict=True))
        if not all(0 <= a < size for a, size in zip(at, index.shape, strict=True)):
            continue
        sample = dataset[number]
        assert sample.labels[at] == label
        batch = collate([sample])
        assert int(batch.labels[(0, *at)]) == label
        assert int(task.targets(batch)[(0, *at)]) == label
        assert int(truthful(task, None, batch)[0][(slice(None), *at)].argmax()) == label
        held += 1
    assert held > 0

    # Prediction: volume, mesh, scan.
    folder = truth / scene
    classes = read_volume(folder / CLASS_VOLUMES["learnt"])
    assert classes.occupied[voxel]
    assert classes.labels[voxel] == label
    mesh = read_mesh(folder / CLASS_MESHES["learnt"])
    assert mesh.labels is not None
    near = np.linalg.norm(mesh.vertices_m - volume.grid.to_world(np.array(voxel)), axis=1) < 0.05
    assert near.any()
    assert set(mesh.labels[near].tolist()) == {label}
    with np.load(folder / ATTRIBUTES) as arrays:
        assert set(arrays["label"][near].tolist()) == {label}
    painted = read_mesh(folder / CLASSES_MESH)
    assert painted.colors is not None
    assert (painted.colors[near] == NYU40.colors[label]).all()
    with np.load(folder / ON_SCAN) as arrays:
        assert arrays["label"][found.vertex] == label

    # Scores and files.
    transferred = read_mesh(folder / TRANSFERRED)
    assert transferred.labels is not None
    assert transferred.labels[found.vertex] == label
    lines = (work / "truth_files" / f"{scene}.txt").read_text().splitlines()
    assert lines[found.vertex] == str(label)
    counts = np.array(load(truth / "scores.classes.json")["voxel_confusion"]["learnt"])
    assert counts[label, label] == ((volume.labels == label) & volume.occupied).sum()
    assert counts[label].sum() == counts[:, label].sum() == counts[label, label]


def test_the_truth_as_prediction_scores_one_in_every_protocol(
    work: Path, truth: Path, scene: str, tmp_path: Path
) -> None:
    found = scores_of(truth)
    assert found["voxel mIoU"] == 1.0
    assert found["voxel IoU occupied"] == 1.0
    assert found["voxel IoU free"] == 1.0
    means = [name for name in found if name.startswith("mIoU")]
    assert len(means) == 4, means
    # Meshing and the nearest vertex mix classes where they meet.
    assert all(0.9 < found[name] <= 1 for name in means), found

    # The reference surface itself.
    shutil.copytree(truth, tmp_path / "exact")
    shutil.copy(work / "data" / scene / f"{scene}.ply", tmp_path / "exact" / scene / "mesh.ply")
    run("evaluate", "segment3d", tmp_path / "exact", work / "data")
    exact = scores_of(tmp_path / "exact")
    assert all(exact[name] == 1.0 for name in means)
    assert all(v is None or v == 1.0 for n, v in exact.items() if n.startswith("IoU "))

    # The benchmark's files of the ground truth.
    run("export", "scannet", work / "data", tmp_path / "files", "--scenes", "val")
    run("evaluate", "scannet", tmp_path / "files", work / "data")
    files = load(tmp_path / "files" / "scores.scannet.json")["whole"]["files"]
    assert all(s["value"] in (None, 1.0) for s in files)
    assert files[0]["value"] == 1.0
