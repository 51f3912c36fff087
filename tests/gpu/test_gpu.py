"""Training and prediction on a GPU. ``make gpu`` runs these tests; without one they skip."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.gpu.equality import FORWARD, LEARNT, compare, exact_float32, way_between
from benchmarks.gpu.material import VIEWS, Batches, Size, batch_of, scene_of, views_of

from crossvox.core.artifact import read_manifest
from crossvox.predict.params import PredictParams
from crossvox.predict.windows import predict_scene
from crossvox.tasks.params import FeatureParams, ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.train.checkpoint import load_checkpoint
from crossvox.train.loop import train
from crossvox.train.params import TrainParams

pytestmark = pytest.mark.gpu

SIZE = Size((16, 16, 16), (32, 32, 16), 6, (64, 48), 2, 2, 8, 1)
PARAMS = TrainParams(
    steps=6, batch_size=2, rate=3e-3, warmup_steps=2, validate_every=3, tensorboard=False
)


def task(**params: Any) -> Reconstruct:
    return Reconstruct(ReconstructParams(**{"views": VIEWS, "width": 8, "depth": 1, **params}))


def go(run: Path, device: str, stop: int | None = None, **changes: Any) -> Any:
    def watch(progress: Any) -> None:
        if progress.step == stop:
            signal.raise_signal(signal.SIGINT)

    own, data = changes.pop("task", None) or task(), Batches(SIZE)
    params = replace(PARAMS, device=device, **changes)
    with exact_float32():
        return train(
            own,
            data,
            data.collate,
            run,
            params,
            validation=data,
            parameter_groups=own.parameter_groups,
            progress=watch,
        )


def way(run: Path) -> list[torch.Tensor]:
    """What a run changed in its weights."""
    torch.manual_seed(PARAMS.seed)
    end = load_checkpoint(run / "last").network
    return [end[name] - start.detach() for name, start in task().build().named_parameters()]


def test_a_resumed_run_goes_where_an_uninterrupted_one_goes(
    tmp_path: Path, accelerator: str
) -> None:
    """Bit for bit is promised on a CPU; a GPU adds up in an order of its own each time."""
    go(tmp_path / "whole", accelerator)
    go(tmp_path / "again", accelerator)
    assert go(tmp_path / "run", accelerator, stop=3).interrupted
    assert go(tmp_path / "run", accelerator).resumed_from == 3
    noise = way_between(way(tmp_path / "again"), way(tmp_path / "whole"))
    assert way_between(way(tmp_path / "run"), way(tmp_path / "whole")) <= max(2 * noise, 0.01)
    assert read_manifest(tmp_path / "run").notes["device"].startswith(accelerator)


def test_it_learns_what_the_cpu_learns(tmp_path: Path, accelerator: str) -> None:
    scores = {}
    for device in (accelerator, "cpu"):
        report = go(tmp_path / device, device)
        scores[device] = {score.name: score.value for score in report.scores}
    assert way_between(way(tmp_path / accelerator), way(tmp_path / "cpu")) <= LEARNT
    for name, value in scores["cpu"].items():
        assert scores[accelerator][name] == pytest.approx(value, abs=0.02, nan_ok=True), name


@pytest.mark.parametrize("rate", [0.0, 1e-3])
def test_features_are_lifted_there(tmp_path: Path, accelerator: str, rate: float) -> None:
    own = task(features=FeatureParams("enet", 128, 8, rate=rate))
    assert go(tmp_path / "run", accelerator, task=own).stopped_by == "steps"


@pytest.mark.parametrize("asked", ["bf16", "fp16"])
def test_half_precision_is_used_and_learns_the_like(tmp_path: Path, cuda: str, asked: Any) -> None:
    go(tmp_path / "half", cuda, mixed_precision=asked)
    go(tmp_path / "full", cuda)
    assert read_manifest(tmp_path / "half").notes["precision"] == asked
    half, full = (losses(tmp_path / name) for name in ("half", "full"))
    assert half != full
    # fp16 leaves steps out until its scale fits, so that it lags behind by a step or two.
    assert half[0] == pytest.approx(full[0], rel=0.02)
    assert half == pytest.approx(full, rel=0.05 if asked == "bf16" else 0.3)


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.parametrize("asked", ["bf16", "fp16"])
def test_half_precision_resumes(tmp_path: Path, cuda: str, asked: Any) -> None:
    go(tmp_path / "whole", cuda, mixed_precision=asked)
    assert go(tmp_path / "run", cuda, stop=3, mixed_precision=asked).interrupted
    assert go(tmp_path / "run", cuda, mixed_precision=asked).resumed_from == 3
    assert way_between(way(tmp_path / "run"), way(tmp_path / "whole")) <= LEARNT


def test_a_scene_is_predicted_as_on_the_cpu(accelerator: str) -> None:
    torch.manual_seed(1)
    network, source, answers = task().build().eval(), scene_of(SIZE), []

    for device in ("cpu", accelerator):
        network.to(device)

        def answer(batch: Any, device: str = device) -> torch.Tensor:
            return task().probability(network, batch.to(torch.device(device)))

        with exact_float32():
            params = PredictParams(stride=(8, 8, 8), batch_size=2)
            found = predict_scene(answer, source, params, SIZE.chunk, views_of(SIZE))
        answers.append(found.probability)
    assert compare("scene", answers[1], answers[0], FORWARD).ok


def test_what_is_counted_is_float64_on_the_cpu(mps: str) -> None:
    network = task().build().eval().to(mps)
    counts = task().observe(network, batch_of(SIZE, 1).to(torch.device(mps)))
    assert all(v.dtype == torch.float64 and v.device.type == "cpu" for v in counts.values())
