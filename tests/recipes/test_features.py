"""Features of a 2D run in the reconstruction, by command: train both, predict without the first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.cli import main
from crossvox.core.artifact import read_manifest
from crossvox.core.checks import ParamsError
from crossvox.flow.progress import Watch
from crossvox.flow.runner import Runner
from crossvox.predict.store import read_prediction
from crossvox.recipes.scene_run import read_scene_run
from crossvox.recipes.train import ReconstructRunParams, RunSources, train_reconstruct
from crossvox.train.checkpoint import load_checkpoint

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
]  # fmt: skip


def run(*words: object, code: int = 0) -> None:
    assert main([str(word) for word in words]) == code


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("features")
    run("rooms", work / "rooms", *ROOMS, *SMALL, "--spacing-m", "0.1")
    run("prepare", work / "rooms", work / "data", *SMALL, "--frame-skip", 1, "--workers", 1)
    run("train", "segment2d", work / "data", work / "run2d", *TRAIN_2D)
    return work


@pytest.fixture(scope="module")
def frozen(work: Path) -> Path:
    run(
        "train",
        "reconstruct",
        "--preset",
        "thesis",
        work / "data",
        work / "frozen",
        *TRAIN,
        "--features",
        work / "run2d",
    )
    return work / "frozen"


def test_a_frozen_network_stays_bit_for_bit(work: Path, frozen: Path) -> None:
    start = load_checkpoint(work / "run2d" / "best").network
    then = load_checkpoint(frozen / "last").network
    for name, value in start.items():
        assert torch.equal(value, then[f"image_network.{name}"]), name
    trained = {name.partition("/")[0] for name in load_checkpoint(frozen / "last").optimizer or {}}
    assert not any(name.startswith("image_network.") for name in trained)
    assert any(name.startswith("volume_network.") for name in trained)


def test_the_run_tells_what_it_is_made_from(work: Path, frozen: Path) -> None:
    params = read_scene_run(frozen).params
    assert params.task.features is not None
    assert (params.task.features.network, params.task.features.channels) == ("enet", 128)
    manifest = read_manifest(frozen)
    assert manifest.links["features"] == "../run2d"
    assert "features" in manifest.parents
    run("train", "reconstruct", "--preset", "thesis",
        work / "data", frozen, *TRAIN, "--features", work / "run2d",
        "--json", work / "again.json")  # fmt: skip
    assert load(work / "again.json")["already_finished"]
    run("train", "reconstruct", "--preset", "thesis", work / "data", frozen, *TRAIN, code=2)


def test_scenes_are_predicted_without_the_2d_run(work: Path, frozen: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(frozen, alone)
    run("predict", alone, work / "data", tmp_path / "pred", "--no-baselines",
        "--json", tmp_path / "predict.json")  # fmt: skip
    (notes,) = load(tmp_path / "predict.json")["scenes"].values()
    assert notes["coverage"] == 1.0
    (scene,) = load(tmp_path / "predict.json")["scenes"]
    found = read_prediction(tmp_path / "pred" / scene / "volume.npz")
    assert 0 < np.ptp(found.probability[found.predicted]) <= 1


def test_attention_works_on_features(work: Path, tmp_path: Path) -> None:
    run("train", "reconstruct", "--preset", "thesis",
        work / "data", tmp_path / "run", *TRAIN, "--features",
        work / "run2d", "--task.fusion", "attention")  # fmt: skip
    run("predict", tmp_path / "run", work / "data", tmp_path / "pred", "--no-baselines")


def test_attention_works_on_colours(work: Path, tmp_path: Path) -> None:
    run("train", "reconstruct", "--preset", "thesis", work / "data", tmp_path / "run", *TRAIN,
        "--task.fusion", "attention")  # fmt: skip
    run("predict", tmp_path / "run", work / "data", tmp_path / "pred", "--no-baselines")


def test_a_trainable_network_learns_at_its_own_rate(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run("train", "reconstruct", "--preset", "thesis",
        work / "data", out, *TRAIN, "--features", work / "run2d",
        "--features-rate", "1e-4")  # fmt: skip
    start = load_checkpoint(work / "run2d" / "best").network
    then = load_checkpoint(out / "last").network
    moved = {
        name
        for name, value in start.items()
        if not torch.equal(value, then[f"image_network.{name}"])
    }
    assert moved
    assert not any("running_" in name or "num_batches" in name for name in moved)
    # AdamW's first steps are as long as the rate, whatever the gradient.
    furthest = max(float((then[f"image_network.{n}"] - start[n]).abs().max()) for n in moved)
    assert 0.5e-4 < furthest < 4e-4


def test_interrupted_and_resumed_it_is_the_same(
    work: Path, frozen: Path, tmp_path: Path, watching: Callable[[Watch], Runner]
) -> None:
    params = read_scene_run(frozen).params
    params = replace(
        params,
        task=replace(params.task, features=None),
        train=replace(params.train, save_every=1, validate_every=0, tensorboard=False),
    )
    sources = RunSources(
        validation_scenes="none",
        features=work / "run2d",
        features_rate=1e-4,
        features_proxy=True,
    )
    assert isinstance(params, ReconstructRunParams)

    class Stop(Exception):
        pass

    def stop(state: Any) -> None:
        if state.step == 2:
            raise Stop

    train_reconstruct(work / "data", tmp_path / "once", params, sources)
    with pytest.raises(Stop):
        train_reconstruct(work / "data", tmp_path / "run", params, sources, runner=watching(stop))
    report = train_reconstruct(work / "data", tmp_path / "run", params, sources)
    assert report.resumed_from == 1
    once, again = (load_checkpoint(tmp_path / name / "last") for name in ("once", "run"))
    assert all(torch.equal(value, again.network[name]) for name, value in once.network.items())


def test_a_rate_without_a_2d_run_is_refused(work: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="--features RUN2D"):
        train_reconstruct(work / "data", tmp_path / "run", sources=RunSources(features_rate=1e-4))


def test_proxy_loss_is_trained_and_logged(work: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run("train", "reconstruct", "--preset", "thesis",
        work / "data", out, *TRAIN, "--features", work / "run2d",
        "--features-rate", "1e-4", "--features-proxy")  # fmt: skip
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    parts = [line["parts"] for line in lines if line["split"] == "train"]
    assert all(part["cross_entropy_2d"] > 0 for part in parts)
    assert parts[0]["weight_3d"] == parts[0]["weight_2d"] == 1
    assert parts[1]["weight_2d"] < 1, "a loss above one half is weighted down"
    weights = load_checkpoint(out / "last").network
    start = load_checkpoint(work / "run2d" / "best").network
    head = [name for name in start if "26" in name.split(".")]
    assert head, "ENet's classifier is its child 26"
    assert not any(torch.equal(start[n], weights[f"image_network.{n}"]) for n in head)
    run("predict", out, work / "data", tmp_path / "pred", "--no-baselines")
