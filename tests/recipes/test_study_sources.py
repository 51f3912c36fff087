"""What arms may lift, learn from and be kept from: each control does what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ParamsError
from crossvox.flow.lineage import scene_list
from crossvox.flow.runner import Runner
from crossvox.predict.params import PredictParams
from crossvox.recipes.image_run import load_segment2d
from crossvox.recipes.predict import predict
from crossvox.recipes.scene_run import read_scene_run
from crossvox.recipes.study.features import FEATURES, calibration_images, features_of
from crossvox.recipes.study.reconstruct import StudyParams, study_run
from crossvox.recipes.study.reconstruct_arms import ReconstructStudy
from crossvox.recipes.train import (
    ReconstructRunParams,
    RunSources,
    Segment3dRunParams,
    train_reconstruct,
    train_segment3d,
)
from crossvox.samples.batch import normalised
from crossvox.samples.label_budget import labelled_rooms
from crossvox.samples.params import AugmentParams, InputParams, LabelParams
from crossvox.samples.source import load_source
from crossvox.study.arms import RECONSTRUCT, Arm
from crossvox.tasks.params import ReconstructParams, Segment3dParams
from crossvox.train.folder import read_record
from crossvox.train.params import TrainParams, TransferParams

ROOMS = ["--count", "4", "--seed", "3", "--frames", "8", "--frame-step", "60"]
SMALL = ["--width", "128", "--height", "96"]
TRAIN_2D = [
    *("--images.width", "128", "--images.height", "96", "--train.batch-size", "2"),
    *("--train.steps", "2", "--train.warmup-steps", "1", "--task.network", "enet"),
    "--train.no-tensorboard",
]  # fmt: skip
TINY = {"width": 4, "depth": 1}
LOOP = TrainParams(steps=1, batch_size=1, warmup_steps=1, tensorboard=False, device="cpu")
PREDICT = PredictParams(stride=(32, 32, 64), colors=False)


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def small(params: Any, **changed: Any) -> Any:
    """A run of one step on a few sub-volumes."""
    views = replace(params.views, width=128, height=96)
    chunks = replace(params.chunks, per_scene=3)
    return replace(params, train=LOOP, views=views, chunks=chunks, **changed)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_work(tmp_path_factory.mktemp("sources"))


def make_work(work: Path) -> Path:
    run("rooms", work / "rooms", *ROOMS, *SMALL, "--spacing-m", "0.1")
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
    run("train", "segment2d", work / "data", work / "run2d", *TRAIN_2D)
    return work


@pytest.fixture(scope="module")
def study(work: Path) -> Iterator[ReconstructStudy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crossvox.networks.download.reachable", lambda *_: False)
        yield make_study(work)


def make_study(work: Path) -> ReconstructStudy:
    shared = small(study_run(), task=ReconstructParams(**TINY))
    params = StudyParams(run=shared, network_steps=1)
    return ReconstructStudy(work / "data", work / "out", params, work / "run2d", Runner())


def lifted(study: ReconstructStudy, features: str, **arm: Any) -> Path:
    found = features_of(study, Arm("own", "", RECONSTRUCT, features=features, **arm), 0)
    assert found is not None
    return found


def names(study: ReconstructStudy) -> list[str]:
    return scene_list(study.data, "train")


def test_backbones_are_random_where_no_hub_is_reached_and_say_so(study: ReconstructStudy) -> None:
    run2d = lifted(study, "timm:test_resnet")
    _, network = load_segment2d(run2d)
    assert (network.feature_channels, network.feature_stride) == (240, 8)
    assert read_manifest(run2d).notes["weights"] == "random"
    assert run2d.parent.name == "timm-test_resnet"


def test_batch_norms_alone_are_taken_anew(study: ReconstructStudy) -> None:
    _, before = load_segment2d(study.run2d)  # type: ignore[arg-type]
    run2d = lifted(study, "bn")
    _, after = load_segment2d(run2d)
    old, new = before.state_dict(), after.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert {name.rpartition(".")[2] for name in changed} <= {
        *("running_mean", "running_var", "num_batches_tracked")
    }
    notes = read_manifest(run2d).notes
    assert notes["batch_norms_set_on_training_images"] > 10


def test_both_are_features_and_mean_colours(study: ReconstructStudy) -> None:
    _, own = load_segment2d(study.run2d)  # type: ignore[arg-type]
    _, both = load_segment2d(lifted(study, "both"))
    images = calibration_images(study)[:2]
    with torch.no_grad():
        features, wide = own.features(images), both.features(images)
    assert both.feature_channels == own.feature_channels + 3
    torch.testing.assert_close(wide[:, :-3], features)
    colors = torch.nn.functional.avg_pool2d(images, own.feature_stride)
    lengths = [found.square().sum(dim=1) for found in (wide[:, -3:], colors)]
    torch.testing.assert_close(*lengths, rtol=1e-3, atol=1e-3)


def test_shuffled_labels_are_as_many_and_as_long(study: ReconstructStudy) -> None:
    runs = [lifted(study, name) for name in ("segment2d", "shuffled")]
    told = [read_record(one).recipe for one in runs]
    assert told[0]["label_pixels"] == told[1]["label_pixels"]
    assert [one["params"].get("control") for one in told] == [None, "shuffled"]
    assert read_manifest(runs[0]).notes["step"] == read_manifest(runs[1]).notes["step"] == 1
    weights = [load_segment2d(one)[1].state_dict() for one in runs]
    assert any(not torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert read_record(runs[1]).lineage.scenes == tuple(names(study))


def test_networks_of_few_rooms_have_seen_no_others(study: ReconstructStudy) -> None:
    few = lifted(study, "segment2d", share=0.34)
    assert read_record(few).lineage.scenes == labelled_rooms(names(study), LabelParams(0.34), 0)
    first, second = (lifted(study, f"segment2d:{half}") for half in ("first", "second"))
    halves = [set(read_record(one).lineage.scenes) for one in (first, second)]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == set(names(study))
    own = lifted(study, "segment2d", sets={"sources.labels.half": "second"})
    assert own == second


def test_held_out_rooms_choose_no_weights(study: ReconstructStudy) -> None:
    assert study.run2d is not None
    held_out = scene_list(study.data, "val")
    assert list(read_record(study.run2d).validated_on or ()) == held_out
    assert study.checkpoint == "last", "its best weights were chosen by these"
    own = (study.data, study.out, study.params)
    unseen = ReconstructStudy(*own, lifted(study, "segment2d"), Runner())
    assert unseen.checkpoint == "auto", "validated on nothing"
    assert ReconstructStudy(*own, study.run2d, Runner(), "best").checkpoint == "best"


def test_features_are_those_of_a_network_that_never_saw_the_room(study: ReconstructStudy) -> None:
    folder = lifted(study, "crossfit")
    runs = {half: lifted(study, f"segment2d:{half}") for half in ("first", "second")}
    scenes = (*names(study), *scene_list(study.data, "val"))
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(scenes)
    seen = set(read_record(runs["first"]).lineage.scenes)
    views = study.params.run.views
    _, first = load_segment2d(runs["first"])
    for scene in scenes:
        source = load_source(study.data / scene, views)
        frame = int(source.views.frame_ids[0])
        image = torch.from_numpy(normalised(source.image(frame, views)))[None]
        with torch.no_grad():
            own = first.features(image)[0].half().numpy()
        found = load_file(folder / scene / f"{frame}.safetensors")["features"]
        assert len(list((folder / scene).iterdir())) == len(source.views.frame_ids)
        assert np.allclose(found, own, atol=1e-2) == (scene not in seen), scene
    assert 0 < read_manifest(folder).notes["fit"] <= 1


def test_files_are_lifted_and_missing_ones_counted(
    study: ReconstructStudy, work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = (*names(study), *scene_list(study.data, "val"))
    for scene in scenes:
        source = load_source(study.data / scene, study.params.run.views)
        (tmp_path / "files" / scene).mkdir(parents=True)
        for frame in source.views.frame_ids.tolist()[1:]:
            rng = np.random.default_rng(frame)
            made = rng.normal(size=(5, 12, 16)).astype(np.float16)
            np.savez(tmp_path / "files" / scene / f"{frame:06d}.npz", features=made)
    params = small(Segment3dRunParams(), task=Segment3dParams(**TINY))
    sources = RunSources(validation_scenes="none", features=tmp_path / "files")
    train_segment3d(work / "data", tmp_path / "run", params, sources)
    told = read_scene_run(tmp_path / "run").params.task
    assert told.features is not None
    assert (told.features.network, told.features.channels, told.features.stride) == ("files", 5, 8)
    predict(tmp_path / "run", work / "data", tmp_path / "pred", PREDICT, scenes="val",
            baselines=False)  # fmt: skip
    assert (tmp_path / "pred" / scenes[-1] / "volume.npz").is_file()
    manifest = read_manifest(tmp_path / "run")
    for path in (tmp_path / "files" / scenes[-1]).iterdir():
        path.unlink()
    with pytest.raises(Exception, match="without features of any of the"):
        predict(tmp_path / "run", work / "data", tmp_path / "again", PREDICT, scenes="val",
                baselines=False)  # fmt: skip
    assert manifest.parents["features"]


@pytest.mark.parametrize("features", ["segment2d:third", "both:random", "files:nowhere", "depth"])
def test_features_that_there_are_not_are_refused(study: ReconstructStudy, features: str) -> None:
    with pytest.raises(ParamsError, match="do:"):
        lifted(study, features)
    assert {"run2d", "projection", "random", "imagenet", "timm", "files"} <= set(FEATURES)


def test_a_run_without_features_reads_how_often_voxels_are_seen(work: Path, tmp_path: Path) -> None:
    task = ReconstructParams(lifted="nothing", **TINY)
    params = small(ReconstructRunParams(), task=task, augment=AugmentParams(up="free"))
    train_reconstruct(work / "data", tmp_path / "run", params, RunSources(validation_scenes="none"))
    assert read_scene_run(tmp_path / "run").params.task.in_channels == 1
    predict(tmp_path / "run", work / "data", tmp_path / "pred", PREDICT, scenes="val",
            baselines=False)  # fmt: skip
    with pytest.raises(ParamsError, match="the seen channel to read"):
        ReconstructParams(lifted="nothing", seen_channel=False)


def test_what_is_shown_in_training_is_shown_in_prediction(work: Path, tmp_path: Path) -> None:
    probabilities = []
    for shown in (InputParams(), InputParams(frames="wrong"), InputParams(colors="grey")):
        folder = tmp_path / f"run-{len(probabilities)}"
        params = small(ReconstructRunParams(), task=ReconstructParams(**TINY), input=shown)
        params = replace(params, train=replace(LOOP, rate=0.0))
        train_reconstruct(work / "data", folder, params, RunSources(validation_scenes="none"))
        assert read_scene_run(folder).params.input == shown
        out = tmp_path / f"pred-{len(probabilities)}"
        predict(folder, work / "data", out, PREDICT, scenes="val", baselines=False)
        (scene,) = scene_list(work / "data", "val")
        with np.load(out / scene / "volume.npz") as volume:
            probabilities.append(volume["probability"])
    # The same weights, which do not learn: only what is shown differs.
    assert not np.array_equal(probabilities[0], probabilities[1])
    assert not np.array_equal(probabilities[0], probabilities[2])


def test_few_labels_are_all_that_is_learnt_from(work: Path, tmp_path: Path) -> None:
    params = small(Segment3dRunParams(), task=Segment3dParams(**TINY))
    labels = LabelParams(share=0.34, points=20)
    sources = RunSources(validation_scenes="none", labels=labels)
    train_segment3d(work / "data", tmp_path / "few", params, sources)
    record = read_record(tmp_path / "few")
    train = scene_list(work / "data", "train")
    rooms = labelled_rooms(train, labels, 0)
    assert len(rooms) == 1 < len(train)
    assert record.lineage.scenes == rooms
    assert sum(record.recipe["label_voxels"][1:]) == 20
    assert record.recipe["labels"]["points"] == 20
    assert read_scene_run(tmp_path / "few").params.task.unlabelled == "surface"
    train_segment3d(work / "data", tmp_path / "all", params, RunSources(validation_scenes="none"))
    every = read_record(tmp_path / "all").recipe
    assert every["labels"] is None
    assert json.loads((tmp_path / "all" / "params.json").read_text())["recipe"]["labels"] is None


def test_a_reconstruction_starts_from_a_segmentation(work: Path, tmp_path: Path) -> None:
    sources = RunSources(validation_scenes="none", features=work / "run2d")
    params = small(Segment3dRunParams(), task=Segment3dParams(**TINY))
    train_segment3d(work / "data", tmp_path / "start", params, sources)
    told = {}
    for mode in ("full", "decoder", "probe"):
        own = small(
            ReconstructRunParams(),
            task=ReconstructParams(**TINY),
            transfer=TransferParams(mode=mode),  # type: ignore[arg-type]
        )
        train_reconstruct(work / "data", tmp_path / mode, own, sources, start=tmp_path / "start")
        told[mode] = json.loads((tmp_path / mode / "transfer.json").read_text())
    for mode, report in told.items():
        loaded, there = report["parts"]["encoder"]
        assert loaded == there > 0, mode
        assert report["parts"]["input"][0] == report["parts"]["input"][1]
    frozen = {mode: len(report["frozen"]) for mode, report in told.items()}
    assert frozen["full"] == 0 < frozen["decoder"] < frozen["probe"]
    # Free space and all classes together: the classifier of two starts from what that of 41 knows.
    assert told["full"]["parts"]["classifier"][0] == told["full"]["parts"]["classifier"][1]
