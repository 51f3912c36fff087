"""The published pipeline's files through the commands: out, in, and what is made of them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.networks import build_network, build_network2d
from crossvox.networks.surfacenet import SurfaceNet
from crossvox.recipes.scene_run import read_scene_run
from crossvox.samples.index import SampleIndex
from crossvox.samples.published.reader import OriginalFile
from crossvox.scene.store import read_volume
from crossvox.tasks.segment2d import PUBLISHED_SHARES, PUBLISHED_WEIGHTS
from crossvox.tasks.segment3d import Segment3d
from crossvox.train.checkpoint import load_checkpoint

ROOMS = ["--count", "2", "--seed", "3", "--frames", "24", "--frame-step", "30"]
SMALL = ["--width", "128", "--height", "96"]
PLACES = ["--views.width", "128", "--views.height", "96", "--chunks.per-scene", "6"]
TRAIN = [
    *("--train.steps", "2", "--train.batch-size", "2", "--train.no-tensorboard"),
    *("--task.width", "4", "--task.depth", "2", "--validation-windows", "0"),
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prepared rooms, one a split, and their HDF5 files where the published layout has them."""
    work = tmp_path_factory.mktemp("original")
    run("rooms", work / "rooms", *ROOMS, *SMALL, "--spacing-m", "0.1")
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
    run("export", "hdf5", work / "data", work / "data" / "data_chunks", *PLACES, "--turned",
        "--json", work / "export.json")  # fmt: skip
    return work


@pytest.fixture(scope="module")
def imported(work: Path) -> Path:
    """Both splits, the training one from the file with stored rotations."""
    chunks, out = work / "data" / "data_chunks", work / "imported"
    run(
        "import", "hdf5", chunks / "augmented_train_clean.hdf5", out, "--json", work / "import.json"
    )
    run("import", "hdf5", chunks / "val_scenes_non_overlapping_clean.hdf5", out, "--split", "val")
    return out


def train_scene(data: Path) -> str:
    (name,) = (data / "train.txt").read_text().split()
    return name


def test_export_writes_the_three_files_and_counts(work: Path) -> None:
    files = {Path(file["path"]).name: file for file in load(work / "export.json")}
    assert list(files) == [
        "train_clean.hdf5",
        "augmented_train_clean.hdf5",
        "val_scenes_non_overlapping_clean.hdf5",
    ]
    train, turned, val = files.values()
    assert train["sub_volumes"] + train["lacking_views"] + train["nearly_empty"] == 6
    assert turned["sub_volumes"] == 4 * train["sub_volumes"] > 0
    chunks = work / "data" / "data_chunks"
    run("export", "hdf5", work / "data", work / "all", *PLACES, "--split", "val", "--no-clean",
        "--json", work / "all.json")  # fmt: skip
    (every,) = load(work / "all.json")
    left_out = val["lacking_views"] + val["nearly_empty"]
    assert every["sub_volumes"] == val["sub_volumes"] + left_out
    assert Path(every["path"]).name == "val_scenes_non_overlapping.hdf5"
    with h5py.File(chunks / "val_scenes_non_overlapping_clean.hdf5") as file:
        assert (file["frames"][:] >= 0).all()
        assert (file["x"][:].mean(axis=(1, 2, 3)) > 0.01).all()


def test_import_gives_the_scene_back(work: Path, imported: Path) -> None:
    report = load(work / "import.json")
    train = next(f for f in load(work / "export.json") if f["split"] == "train")
    assert report["labels"] == "continuous40"
    assert report["places"] == train["sub_volumes"]
    assert report["turned_copies"] == 3 * report["places"]
    for split in ("train", "val"):
        assert (imported / f"{split}.txt").read_text() == (
            work / "data" / f"{split}.txt"
        ).read_text()
    for name in [path.parent.name for path in imported.glob("*/volume.npz")]:
        ours, theirs = (
            read_volume(folder / name / "volume.npz") for folder in (work / "data", imported)
        )
        assert ours.grid == theirs.grid
        for part in ("occupied", "labels", "observed"):
            np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))
        assert (imported / name / "color").resolve() == (work / "data" / name / "color").resolve()
    for notes in report["scenes"].values():
        assert notes["voxels_contradicting"] == notes["voxels_changed"] == 0


def test_training_sees_the_same_samples_from_either_source(work: Path, imported: Path) -> None:
    names = ["train.index.json", "val.index.json"]
    run("train", "reconstruct", "--preset", "thesis", imported, work / "theirs", *TRAIN, *PLACES,
        "--chunks.require-views", 5, "--index", imported / names[0],
        "--validation-index", imported / names[1])  # fmt: skip
    index = SampleIndex.load(imported / names[0])
    # The same places, looked at in the prepared scenes themselves.
    run("train", "reconstruct", "--preset", "thesis", work / "data", work / "ours", *TRAIN, *PLACES,
        "--chunks.require-views", 5, "--index", imported / names[0],
        "--validation-index", imported / names[1])  # fmt: skip
    logs = []
    for name in ("ours", "theirs"):
        lines = [json.loads(line) for line in (work / name / "log.jsonl").read_text().splitlines()]
        logs.append([(line["split"], line["loss"]) for line in lines])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 3
    # Drawn with the same parameters, the places are those of the file.
    assert len(index) == 6
    run("train", "reconstruct", "--preset", "thesis",
        work / "data", work / "drawn", *TRAIN, *PLACES,
        "--chunks.require-views", 5, "--validation-scenes", "none")  # fmt: skip
    parents = [load(work / name / "params.json")["parents"] for name in ("drawn", "ours")]
    assert parents[0]["index"] == parents[1]["index"]


def test_an_index_of_another_shape_is_refused(
    work: Path, imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", "reconstruct", "--preset", "thesis",
        imported, work / "never", *TRAIN, *PLACES, "--index",
        imported / "train.index.json", "--chunks.shape", 16, 16, 16, code=2)  # fmt: skip
    assert "--chunks.shape" in capsys.readouterr().err


def foreign_folder(work: Path, tmp_path: Path) -> Path:
    """Prepared scenes as the published pipeline leaves them: frames, and no volume."""
    folder, name = tmp_path / "prepared", train_scene(work / "data")
    shutil.copytree(work / "data" / name, folder / name)
    for left in ("volume.npz", "manifest.json", f"{name}.ply"):
        (folder / name / left).unlink()
    for views in (folder / name).glob("views*"):
        shutil.rmtree(views)
    (folder / "data_chunks").mkdir()
    return folder


def published(source: Path, target: Path) -> None:
    """The same sub-volumes as the published preparation stores them: float32, plain, no remarks."""
    with h5py.File(source) as ours, h5py.File(target, "w") as theirs:
        for name, data in ours.items():
            theirs.create_dataset(name, data=data[:])


def test_published_data_trains_without_our_volumes(work: Path, tmp_path: Path) -> None:
    folder = foreign_folder(work, tmp_path)
    source = work / "data" / "data_chunks" / "train_clean.hdf5"
    file = folder / "data_chunks" / "train_clean.hdf5"
    published(source, file)
    out = tmp_path / "imported"
    run("import", "hdf5", file, out, "--json", tmp_path / "import.json")
    name = train_scene(work / "data")
    notes = load(tmp_path / "import.json")["scenes"][name]
    assert notes["volume"] == "this file"
    assert notes["voxels_contradicting"] == 0
    volume, stored = read_volume(out / name / "volume.npz"), OriginalFile(file)
    index = SampleIndex.load(out / "train.index.json")
    assert len(index) == len(stored)
    for number, place in enumerate(index.places):
        x, y, z = place.start
        box = np.s_[x : x + 32, y : y + 32, z : z + 64]
        chunk = stored.chunk(number)
        np.testing.assert_array_equal(volume.occupied[box], chunk.occupied)
        np.testing.assert_array_equal(volume.labels[box], chunk.labels)
        first = volume.grid.to_world(np.array(place.start))
        np.testing.assert_allclose(
            chunk.grid_from_world[:3, :3] @ first, -chunk.grid_from_world[:3, 3], atol=1e-3
        )
    assert 0 < volume.observed.mean() < 1
    run("train", "reconstruct", "--preset", "thesis", out, tmp_path / "run", *TRAIN, *PLACES,
        "--validation-scenes", "none", "--index", out / "train.index.json")  # fmt: skip
    assert main(["import", "hdf5", str(file), str(out), "--split", "val"]) == 2


def test_a_pickled_grid_fills_what_the_file_leaves_open(work: Path, tmp_path: Path) -> None:
    folder, name = foreign_folder(work, tmp_path), train_scene(work / "data")
    ours = read_volume(work / "data" / name / "volume.npz")
    start = np.round(np.array(ours.grid.origin_m) / 0.05)
    record = {
        "x": ours.occupied,
        "y": np.where(ours.occupied, ours.labels, -1).astype(np.int16),
        "translation": start * 0.05,
        "start_ndx": start,
    }
    torch.save(record, folder / name / f"{name}_occ_grid.pth")
    published(work / "data" / "data_chunks" / "train_clean.hdf5", tmp_path / "train.hdf5")
    run("import", "hdf5", tmp_path / "train.hdf5", tmp_path / "out", "--frames", folder,
        "--json", tmp_path / "import.json")  # fmt: skip
    notes = load(tmp_path / "import.json")["scenes"][name]
    assert notes["volume"] == f"{name}_occ_grid.pth"
    assert notes["voxels_changed"] == 0
    volume = read_volume(tmp_path / "out" / name / "volume.npz")
    assert volume.grid.shape == ours.grid.shape
    for part in ("occupied", "labels", "observed"):
        np.testing.assert_array_equal(getattr(volume, part), getattr(ours, part))

    made = tmp_path / "made"

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(made),)

    (folder / name / f"{name}_occ_grid.pth").write_bytes(pickle.dumps({**record, "x": Evil()}))
    run("import", "hdf5", tmp_path / "train.hdf5", tmp_path / "out2", "--frames", folder, code=2)
    assert not made.exists()
    assert not (tmp_path / "out2" / "train.txt").exists()


def test_files_of_other_scenes_are_refused(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = work / "data" / "data_chunks" / "train_clean.hdf5"
    shifted, lacking = tmp_path / "shifted.hdf5", tmp_path / "lacking.hdf5"
    for path in (shifted, lacking):
        published(source, path)
    with h5py.File(shifted, "a") as file:
        file["world_to_grid"][:, 0, 3] += 0.4
    with h5py.File(lacking, "a") as file:
        file["frames"][0, 0] = 31000
    arguments = ["--frames", work / "data"]
    run("import", "hdf5", shifted, tmp_path / "out", *arguments, code=2)
    assert "0.40 voxels off the grid" in capsys.readouterr().err
    run("import", "hdf5", lacking, tmp_path / "out", *arguments, code=2)
    assert "31000" in capsys.readouterr().err
    run("import", "hdf5", source, tmp_path / "out", "--frames", tmp_path, code=2)
    assert "--frames" in capsys.readouterr().err
    run("import", "hdf5", source, work / "rooms", *arguments, code=2)
    assert "what 'rooms' wrote" in capsys.readouterr().err


def test_an_imported_surfacenet_predicts(work: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network("surfacenet", 15, 2)
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    file, out = tmp_path / "best.pth.tar", tmp_path / "run"
    torch.save({"epoch": 7, "state_dict": weights, "optimizer": {"state": {}}}, file)
    run("import", "checkpoint", file, out, "--json", tmp_path / "import.json")
    report = load(tmp_path / "import.json")
    assert report["parameters"] == 8_825_070
    assert (report["task"], report["kept"]) == ("reconstruct", False)
    notes = read_manifest(out).notes
    assert notes["load"]["summary"] == f"{len(weights)} loaded"
    assert notes["file_notes"] == {"epoch": 7, "optimizer": "left aside (dict)"}
    params = read_scene_run(out).params
    assert params.views.size == (328, 256)
    assert params.views.geometry == "thesis"
    assert not params.task.seen_channel
    stored = load_checkpoint(out / "best").network
    assert all(torch.equal(stored[name], value) for name, value in network.state_dict().items())

    before = (out / "manifest.json").stat().st_mtime_ns
    run("import", "checkpoint", file, out, "--json", tmp_path / "again.json")
    assert load(tmp_path / "again.json")["kept"]
    assert (out / "manifest.json").stat().st_mtime_ns == before

    run("predict", out, work / "data", tmp_path / "pred", "--stride", 32, 32, 64,
        "--no-baselines", "--json", tmp_path / "predict.json")  # fmt: skip
    for notes in load(tmp_path / "predict.json")["scenes"].values():
        assert notes["windows_predicted"] > 0
        assert notes["coverage"] == 1.0


def surfacenet_file(path: Path, channels: int, classes: int) -> Any:
    """A SurfaceNet's checkpoint as the published training saves it; gives the network."""
    torch.manual_seed(channels + classes)
    network = build_network("surfacenet", channels, classes)
    torch.save({"epoch": 7, "state_dict": network.state_dict()}, path)
    return network


def test_a_resnext_unet_becomes_a_run(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network("resnext_unet", 15, 2)
    weights = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"epoch": 7, "state_dict": weights}, tmp_path / "a.pth.tar")
    out = tmp_path / "run"
    run("import", "checkpoint", tmp_path / "a.pth.tar", out, "--json", tmp_path / "import.json")
    report = load(tmp_path / "import.json")
    assert (report["task"], report["architecture"]) == ("reconstruct", "resnext_unet")
    assert report["parameters"] == 6_483_618
    found = read_scene_run(out)
    assert found.params.task.network == "resnext_unet"
    stored = load_checkpoint(out / "best").network
    built = found.task.build()
    built.load_state_dict(stored)
    assert all(torch.equal(stored[name], value) for name, value in network.state_dict().items())


@pytest.fixture(scope="module")
def enet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An imported 2D run."""
    folder = tmp_path_factory.mktemp("enet")
    torch.manual_seed(0)
    network = build_network2d("enet", 41, weights="none")
    torch.save({"state_dict": network.state_dict()}, folder / "a.pth.tar")
    run("import", "checkpoint", folder / "a.pth.tar", folder / "run2d")
    return folder / "run2d"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SurfaceNet that answers its last bias: what is tested is how its run is put together."""

    def forward(self: SurfaceNet, volume: torch.Tensor) -> torch.Tensor:
        assert volume.shape[1] == self.conv1[0].in_channels
        bias = self.classifier[0].bias
        assert bias is not None
        return bias[:, None, None, None].expand(len(volume), -1, *volume.shape[2:])

    monkeypatch.setattr(SurfaceNet, "forward", forward)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("classes", "task"), [(2, "reconstruct"), (41, "segment3d")])
def test_a_surfacenet_that_reads_features_is_joined_with_its_2d_run(
    work: Path, enet: Path, tmp_path: Path, classes: int, task: str
) -> None:
    network = surfacenet_file(tmp_path / "a.pth.tar", 2 * 128, classes)
    out = tmp_path / "run"
    run("import", "checkpoint", tmp_path / "a.pth.tar", out, "--features", enet,
        "--json", tmp_path / "import.json")  # fmt: skip
    report = load(tmp_path / "import.json")
    assert (report["task"], report["classes"]) == (task, classes)
    assert report["loaded"] == len(network.state_dict())
    assert "crossvox predict runs it" in report["note"]

    stored = load_checkpoint(out / "best").network
    assert {name.partition(".")[0] for name in stored} == {"image_network", "volume_network"}
    for name, value in network.state_dict().items():
        assert torch.equal(stored[f"volume_network.{name}"], value), name
    for name, value in load_checkpoint(enet / "best").network.items():
        assert torch.equal(stored[f"image_network.{name}"], value), name

    found = read_scene_run(out)
    params = found.params
    assert found.task.name == task
    assert params.task.features is not None
    assert (params.task.features.network, params.task.features.rate) == ("enet", 0)
    assert (params.task.fusion, params.task.loss_region) == ("concat", "all")
    assert (params.task.views, params.task.seen_channel) == (2, False)
    assert (params.views.size, params.views.geometry) == ((328, 256), "thesis")
    assert (params.views.max_views, params.chunks.require_views) == (2, 2)
    manifest = read_manifest(out)
    assert manifest.links["features"] == os.path.relpath(enet, out)
    assert set(manifest.parents) == {"file", "features"}

    run("import", "checkpoint", tmp_path / "a.pth.tar", out, "--features", enet,
        "--json", tmp_path / "again.json")  # fmt: skip
    assert load(tmp_path / "again.json")["kept"]

    # The 2D run is not needed any more.
    run("predict", out, work / "data", tmp_path / "pred", "--stride", 32, 32, 64,
        "--no-baselines", "--json", tmp_path / "predict.json")  # fmt: skip
    for scene, notes in load(tmp_path / "predict.json")["scenes"].items():
        assert notes["windows_predicted"] > 0
        assert notes["task"] == task
        labelled = tmp_path / "pred" / scene / "classes.npz"
        assert labelled.is_file() == (classes == 41)


def test_the_joined_network_answers_as_its_parts(work: Path, enet: Path, tmp_path: Path) -> None:
    """Features, feature pixels, views behind each other, SurfaceNet: step by step."""
    from crossvox.recipes.image_run import load_segment2d
    from crossvox.samples.batch import collate
    from crossvox.samples.dataset import ChunkDataset
    from crossvox.samples.index import window_index
    from crossvox.samples.source import load_source
    from crossvox.train.checkpoint import load_run_network
    from crossvox.views.lift import feature_pixels, lift

    published = surfacenet_file(tmp_path / "a.pth.tar", 2 * 128, 41).eval()
    run("import", "checkpoint", tmp_path / "a.pth.tar", tmp_path / "run", "--features", enet)
    found = read_scene_run(tmp_path / "run")
    network = found.task.build()
    load_run_network(tmp_path / "run", network)
    source = load_source(work / "data" / train_scene(work / "data"), found.params.views)
    index = window_index(source, (16, 16, 32), (16, 16, 32), 2)
    chosen = next(n for n, place in enumerate(index.places) if len(place.frame_ids) == 2)
    dataset = ChunkDataset({source.name: source}, index, found.params.views, None, 0)
    batch = collate([dataset[chosen]])
    _, images = load_segment2d(enet)
    with torch.no_grad():
        features = images.features(batch.images[0])[None]
        assert features.shape == (1, 2, 128, 32, 41)
        pixel = feature_pixels(batch.pixel, (328, 256), 8)
        volume = lift(features, batch.voxel, pixel, batch.view, batch.sample, batch.shape,
                      batch.view_ok)  # fmt: skip
        expected = published(volume)
        logits = found.task.logits(network.eval(), batch)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("quick")
def test_a_surfacenet_of_41_classes_that_reads_colours_predicts(work: Path, tmp_path: Path) -> None:
    surfacenet_file(tmp_path / "a.pth.tar", 6, 41)
    out = tmp_path / "run"
    run("import", "checkpoint", tmp_path / "a.pth.tar", out)
    found = read_scene_run(out)
    assert isinstance(found.task, Segment3d)
    assert found.task.params.weighting == "published"
    assert found.task.class_weights == PUBLISHED_WEIGHTS
    assert found.task.shares == pytest.approx(PUBLISHED_SHARES)
    assert found.task.params.features is None
    run("predict", out, work / "data", tmp_path / "pred", "--stride", 32, 32, 64,
        "--no-baselines")  # fmt: skip
    (scene,) = (work / "data" / "val.txt").read_text().split()
    volume = read_volume(tmp_path / "pred" / scene / "classes.npz")
    assert volume.grid == read_volume(work / "data" / scene / "volume.npz").grid
    notes = read_manifest(tmp_path / "pred" / scene).notes
    assert notes["majority_class"] == 1, "wall, in the published shares"


@pytest.mark.parametrize(
    ("classes", "task"), [(2, "reconstruct-features"), (41, "segment3d-features")]
)
def test_without_its_2d_run_a_wide_surfacenet_waits(
    classes: int, task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with torch.device("meta"):
        shapes = build_network("surfacenet", 640, classes).state_dict()
    weights = {n: torch.ones((), dtype=v.dtype).expand(v.shape) for n, v in shapes.items()}
    torch.save({"state_dict": weights}, tmp_path / "a.pth.tar")
    run("import", "checkpoint", tmp_path / "a.pth.tar", tmp_path / "run", "--json",
        tmp_path / "import.json")  # fmt: skip
    assert "--features RUN2D" in load(tmp_path / "import.json")["note"]
    record = load(tmp_path / "run" / "params.json")
    assert record["task"]["name"] == task
    assert record["task"]["params"]["classes"] == classes
    assert load_checkpoint(tmp_path / "run" / "best").network["conv1.0.weight"].shape[1] == 640
    run("predict", tmp_path / "run", tmp_path, tmp_path / "out", code=2)
    assert task in capsys.readouterr().err


def test_features_that_do_not_fit_are_refused(
    enet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    surfacenet_file(tmp_path / "colours.pth.tar", 6, 2)
    run("import", "checkpoint", tmp_path / "colours.pth.tar", out, "--features", enet, code=2)
    assert (
        "3 channels a view; needed: a SurfaceNet or ResNeXt U-Net that reads features"
        in capsys.readouterr().err
    )
    network = build_network2d("enet", 41, weights="none")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "enet.pth.tar")
    run("import", "checkpoint", tmp_path / "enet.pth.tar", out, "--features", enet, code=2)
    assert "whose enet reads images" in capsys.readouterr().err
    surfacenet_file(tmp_path / "three.pth.tar", 128, 3)
    run("import", "checkpoint", tmp_path / "three.pth.tar", out, "--features", enet, code=2)
    assert "a surfacenet with 3 classes" in capsys.readouterr().err
    surfacenet_file(tmp_path / "wide.pth.tar", 128, 2)
    run("import", "checkpoint", tmp_path / "wide.pth.tar", out, "--features", tmp_path, code=2)
    assert "params.json" in capsys.readouterr().err
    assert not out.exists()


def test_an_imported_enet_is_a_2d_run(tmp_path: Path) -> None:
    from crossvox.recipes.image_run import load_segment2d

    torch.manual_seed(0)
    network = build_network2d("enet", 41, weights="none")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "a.pth.tar")
    run("import", "checkpoint", tmp_path / "a.pth.tar", tmp_path / "run")
    record, loaded = load_segment2d(tmp_path / "run")
    assert record.params.images.size == (328, 256)
    assert record.task.params.network == "enet"
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_bad_checkpoints_leave_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(made),)

    (tmp_path / "a.pth.tar").write_bytes(pickle.dumps({"state_dict": Evil()}))
    run("import", "checkpoint", tmp_path / "a.pth.tar", tmp_path / "run", code=2)
    assert "nothing was executed" in capsys.readouterr().err
    assert not made.exists()
    torch.save({"state_dict": {"fc.weight": torch.zeros(2)}}, tmp_path / "b.pth.tar")
    run("import", "checkpoint", tmp_path / "b.pth.tar", tmp_path / "run", code=2)
    assert "surfacenet, resnext_unet, enet, deeplab" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    run("import", "checkpoint", tmp_path / "b.pth.tar", tmp_path / "other", code=2)
    assert "did not write" in capsys.readouterr().err
