"""The training loop: order, resume, accumulation, stopping, validation, errors."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn

from crossvox.core.artifact import read_manifest
from crossvox.core.checks import (
    ArtifactError,
    CheckpointError,
    CrossvoxError,
    ParamsError,
    is_passing,
)
from crossvox.core.volume import Batch, Score
from crossvox.tasks.params import ReconstructParams
from crossvox.tasks.reconstruct import Reconstruct
from crossvox.tasks.task import Losses
from crossvox.train.checkpoint import load_checkpoint, load_run_network
from crossvox.train.chosen import chosen, weights_file
from crossvox.train.folder import read_record
from crossvox.train.loop import train
from crossvox.train.optimizer import rate_share
from crossvox.train.params import TrainParams
from crossvox.train.report import TrainProgress, TrainReport
from crossvox.train.stream import SampleStream, validation_batches


class Points:
    """Points in the plane and their class; noise is drawn from the key, as augmentation is."""

    def __init__(self, count: int = 11, bad: int | None = None) -> None:
        self.count, self.bad = count, bad
        self.asked: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        self.asked.append(key)
        epoch, i = key
        point = torch.randn(2, generator=torch.Generator().manual_seed(i))
        noise = torch.randn(2, generator=torch.Generator().manual_seed(1000 * epoch + i))
        target = (point[:1] > 0).float()
        if i == self.bad:
            target = target * math.nan
        return point + 0.1 * noise, target


def collate(samples: list[Any]) -> tuple[Tensor, Tensor]:
    return torch.stack([s[0] for s in samples]), torch.stack([s[1] for s in samples])


@dataclass(frozen=True)
class ToyParams:
    width: int = 8
    dropout: float = 0.5


@dataclass
class Toy:
    """Tell the sign of x, with dropout and batch norm so that resume has something to lose."""

    params: ToyParams = field(default_factory=ToyParams)
    name: str = "toy"
    monitor: str = "accuracy"
    monitor_higher_is_better: bool = True
    pools: list[dict[str, float]] = field(default_factory=list)

    def build(self) -> nn.Module:
        width = self.params.width
        return nn.Sequential(
            nn.Linear(2, width),
            nn.BatchNorm1d(width) if self.params.dropout else nn.Identity(),
            nn.ReLU(),
            nn.Dropout(self.params.dropout),
            nn.Linear(width, 1),
        )

    def loss(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Losses:
        total = nn.functional.binary_cross_entropy_with_logits(network(batch[0]), batch[1])
        return Losses(total)

    def observe(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        logits = network(batch[0])
        torch.rand(3)  # an impolite task: validation must not disturb training all the same
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch[1], reduction="sum")
        right = ((logits > 0) == (batch[1] > 0.5)).sum()
        return {
            "right": right.double(),
            "all": torch.tensor(float(len(logits)), dtype=torch.float64),
            "loss": loss.double(),
        }

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        self.pools.append({name: float(value) for name, value in counts.items()})
        n = int(counts["all"])
        accuracy, loss = float(counts["right"]) / n, float(counts["loss"]) / n
        return [
            Score("accuracy", accuracy, "ratio", n, "points", True, "toy"),
            Score("loss", loss, "", n, "points", False, "toy"),
        ]


QUICK = TrainParams(
    steps=6,
    batch_size=4,
    rate=0.02,
    warmup_steps=2,
    validate_every=2,
    seed=3,
    device="cpu",
    tensorboard=False,
)


def run_toy(run: Path, params: TrainParams = QUICK, **kwargs: Any) -> TrainReport:
    task = kwargs.pop("task", None) or Toy()
    dataset = kwargs.pop("dataset", None) or Points()
    kwargs.setdefault("validation", Points(7))
    return train(task, dataset, collate, run, params, **kwargs)


def leave_dead(run: Path, params: TrainParams) -> None:
    """A run as a process leaves it that died in step 6; steps 4 and 5 had not reached the disk."""
    kept = run.with_name("kept")

    def until_five(progress: TrainProgress) -> None:
        if progress.step == 4:
            shutil.copytree(run / "last", kept)
        if progress.step == 5:
            signal.raise_signal(signal.SIGTERM)

    assert run_toy(run, params, progress=until_five).step == 5
    shutil.rmtree(run / "last")
    kept.rename(run / "last")


def test_a_network_that_cannot_be_built_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that cannot be downloaded, say: the next try, with others, is a first one."""

    def fail(_: Toy) -> nn.Module:
        raise CheckpointError("given: weights; needed: a network connection; do: connect")

    with monkeypatch.context() as patched:
        patched.setattr(Toy, "build", fail)
        with pytest.raises(CheckpointError, match="connect"):
            run_toy(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run_toy(tmp_path / "run")


def stop_at(step: int) -> Any:
    def callback(progress: TrainProgress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    return callback


def log_of(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for line in lines:
        assert line.pop("seconds") >= 0
    return lines


def assert_same_run(one: Path, other: Path) -> None:
    for folder in ("best", "last"):
        a, b = load_checkpoint(one / folder), load_checkpoint(other / folder)
        assert a.network.keys() == b.network.keys()
        assert all(torch.equal(a.network[name], b.network[name]) for name in a.network)
        for name in ("step", "place", "best_step", "best_value", "best_scores", "scores"):
            assert a.state[name] == b.state[name]
        if folder == "last":
            assert a.optimizer is not None
            assert b.optimizer is not None
            assert a.optimizer.keys() == b.optimizer.keys()
            assert all(torch.equal(a.optimizer[name], b.optimizer[name]) for name in a.optimizer)
    assert log_of(one) == log_of(other)


# Order


@given(
    count=st.integers(1, 9),
    batch=st.integers(1, 5),
    processes=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_stream_has_every_sample_once_an_epoch(
    count: int, batch: int, processes: int, seed: int
) -> None:
    epochs = 3
    batches = -(-epochs * count // (batch * processes))
    per_process = [
        list(SampleStream(count, seed, batch, batches=batches, rank=r, processes=processes))
        for r in range(processes)
    ]
    assert all(len(keys) == batch for mine in per_process for keys in mine)
    stream = [key for step in zip(*per_process, strict=True) for keys in step for key in keys]
    # One process sees the same stream as several together.
    assert stream == [
        key for keys in SampleStream(count, seed, 1, batches=len(stream)) for key in keys
    ]
    for epoch in range(epochs):
        assert sorted(i for e, i in stream if e == epoch) == list(range(count))


def test_stream_goes_on_in_the_middle_of_an_epoch() -> None:
    whole = list(SampleStream(10, 5, 3, batches=8))
    assert list(SampleStream(10, 5, 3, start=9, batches=5)) == whole[3:]
    assert whole != list(SampleStream(10, 6, 3, batches=8))


def test_epochs_have_different_orders() -> None:
    first, second = SampleStream(50, 0, 50, batches=2)
    assert [i for _, i in first] != [i for _, i in second]
    assert {e for e, _ in first} == {0}
    assert {e for e, _ in second} == {1}


def test_validation_batches_are_dealt_once_each() -> None:
    parts = [validation_batches(11, 3, rank=r, processes=2) for r in range(2)]
    assert [len(batch) for batch in parts[0] + parts[1]] == [3, 3, 3, 2]
    keys = [key for part in parts for batch in part for key in batch]
    assert sorted(keys) == [(0, i) for i in range(11)]
    limited = [key for batch in validation_batches(100, 2, limit=5) for key in batch]
    assert limited == [(0, i) for i in range(0, 100, 10)]
    assert len(validation_batches(4, 2, limit=5)) == 2


# Schedule


def test_rate_schedule_values() -> None:
    params = replace(QUICK, steps=110, warmup_steps=10, final_share=0.1)
    assert rate_share(0, params) == pytest.approx(0.1)
    assert rate_share(9, params) == 1.0
    assert rate_share(10, params) == pytest.approx(1.0)
    assert rate_share(60, params) == pytest.approx(0.55)
    assert rate_share(110, params) == pytest.approx(0.1)
    constant = replace(params, schedule="constant")
    assert [rate_share(s, constant) for s in (4, 10, 109)] == [0.5, 1.0, 1.0]
    assert rate_share(0, replace(params, warmup_steps=0)) == 1.0


def test_logged_rates_follow_the_schedule_and_groups_keep_theirs(tmp_path: Path) -> None:
    def groups(network: nn.Module) -> list[dict[str, Any]]:
        assert isinstance(network, nn.Sequential)
        for parameter in network[0].parameters():
            parameter.requires_grad_(False)
        return [
            {"params": network[4].parameters(), "lr": 1e-3},
            {"params": network[1].parameters()},
        ]

    start = torch.get_rng_state()
    report = run_toy(tmp_path / "run", parameter_groups=groups)
    assert torch.equal(torch.get_rng_state(), start)
    rates = [line["rate"] for line in log_of(tmp_path / "run") if line["split"] == "train"]
    assert rates == pytest.approx([1e-3 * rate_share(s, QUICK) for s in range(6)])
    assert report.parameters == 8 + 1 + 8 + 8
    torch.manual_seed(QUICK.seed)
    initial = Toy().build().state_dict()
    trained = load_file(tmp_path / "run" / "last" / "network.safetensors")
    assert torch.equal(trained["0.weight"], initial["0.weight"])
    assert not torch.equal(trained["4.weight"], initial["4.weight"])


# Resume


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    report = run_toy(run)
    assert report.stopped_by == "steps"
    assert not report.interrupted
    assert report.step == 6
    return run


@pytest.mark.parametrize("step", [3, 4])
def test_resumed_run_equals_uninterrupted_one(whole: Path, tmp_path: Path, step: int) -> None:
    run = tmp_path / "run"
    dataset = Points()
    stopped = run_toy(run, progress=stop_at(step), dataset=dataset)
    assert stopped.interrupted
    assert stopped.step == step
    assert not (run / "manifest.json").exists()
    dataset.asked.clear()
    resumed = run_toy(run, dataset=dataset)
    assert resumed.resumed_from == step
    assert resumed.stopped_by == "steps"
    assert len(dataset.asked) == (6 - step) * 4
    assert_same_run(whole, run)


def test_resume_drops_log_lines_beyond_the_checkpoint(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_toy(run, progress=stop_at(3))
    with (run / "log.jsonl").open("a") as log:
        log.write(
            '{"step": 4, "split": "train", "loss": 9, "rate": 9, "seconds": 9}\n{"step": 5, "s'
        )
    assert run_toy(run).dropped_log_lines == 2
    assert_same_run(whole, run)


def test_other_workers_and_validation_times_learn_the_same(whole: Path, tmp_path: Path) -> None:
    run_toy(tmp_path / "workers", replace(QUICK, workers=1, save_every=1))
    assert_same_run(whole, tmp_path / "workers")
    run_toy(tmp_path / "never", validation=None)
    one, other = (
        load_file(r / "last" / "network.safetensors") for r in (whole, tmp_path / "never")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not (tmp_path / "never" / "best").exists()
    with pytest.raises(CheckpointError, match="ask for 'last', which is there"):
        load_run_network(tmp_path / "never", Toy().build(), "best")


def test_finished_run_returns_at_once(whole: Path) -> None:
    def fail(_: TrainProgress) -> None:
        raise AssertionError("trained again")

    before = (whole / "last" / "state.json").stat().st_mtime_ns
    report = run_toy(whole, replace(QUICK, workers=2), progress=fail)
    assert report.already_finished
    assert report.step == 6
    assert [score.name for score in report.scores] == ["accuracy", "loss"]
    assert (whole / "last" / "state.json").stat().st_mtime_ns == before


def test_checkpoint_left_aside_by_a_killed_process_is_found(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_toy(run, progress=stop_at(4))
    (run / "last").rename(run / ".last.0123abcd.old")
    assert run_toy(run).resumed_from == 4
    assert_same_run(whole, run)


# What is learnt


def test_accumulation_equals_one_big_batch(tmp_path: Path) -> None:
    task = Toy(ToyParams(dropout=0.0))
    params = replace(QUICK, steps=4)
    run_toy(tmp_path / "big", replace(params, batch_size=8), task=task)
    run_toy(tmp_path / "parts", replace(params, batch_size=2, accumulate=4), task=task)
    big = load_file(tmp_path / "big" / "last" / "network.safetensors")
    parts = load_file(tmp_path / "parts" / "last" / "network.safetensors")
    for name in big:
        torch.testing.assert_close(big[name], parts[name], rtol=1e-4, atol=1e-6)
    losses = [
        [line["loss"] for line in log_of(tmp_path / name) if line["split"] == "train"]
        for name in ("big", "parts")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_loop_equals_a_plain_loop(tmp_path: Path) -> None:
    """The twin: the same training written down without any of the machinery."""
    task, params = Toy(ToyParams(dropout=0.0)), replace(QUICK, clip_norm=0.05)
    run_toy(tmp_path / "run", params, task=task)
    torch.manual_seed(params.seed)
    network, data = task.build(), Points()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=params.weight_decay)
    for step, keys in enumerate(SampleStream(len(data), params.seed, 4, batches=params.steps)):
        optimizer.param_groups[0]["lr"] = params.rate * rate_share(step, params)
        optimizer.zero_grad()
        task.loss(network, collate([data[key] for key in keys])).total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), params.clip_norm)
        optimizer.step()
    found = load_file(tmp_path / "run" / "last" / "network.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-7)


def test_validation_counts_are_pooled_over_batches(tmp_path: Path) -> None:
    task = Toy()
    run_toy(tmp_path / "run", replace(QUICK, validate_every=0, steps=3), task=task)
    assert len(task.pools) == 1
    assert task.pools[0]["all"] == 7
    network = Toy().build()
    load_run_network(tmp_path / "run", network, "last")
    data = Points(7)
    everything = collate([data[(0, i)] for i in range(7)])
    network.eval()
    with torch.no_grad():
        at_once = Toy().observe(network, everything)
    assert task.pools[0]["right"] == float(at_once["right"])
    assert task.pools[0]["loss"] == pytest.approx(float(at_once["loss"]), rel=1e-6)
    last = log_of(tmp_path / "run")[-1]
    assert last["split"] == "validation"
    assert last["scores"] == {"accuracy": pytest.approx(float(at_once["right"]) / 7)}
    assert last["loss"] == pytest.approx(float(at_once["loss"]) / 7, rel=1e-6)


@dataclass
class Scripted(Toy):
    """Scores that follow a script instead of the network."""

    script: tuple[float, ...] = ()

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        value = self.script[len(self.pools)]
        self.pools.append({})
        return [Score("accuracy", value, "ratio", 7, "points", True, "toy")]


@pytest.mark.parametrize(("higher", "best"), [(True, 4), (False, 2)])
def test_best_checkpoint_is_the_best(tmp_path: Path, higher: bool, best: int) -> None:
    run = tmp_path / "run"
    script = (math.nan, 0.2, 0.2, 0.7, 0.7, 0.5)
    weights: dict[int, dict[str, Tensor]] = {}

    def keep(progress: TrainProgress) -> None:
        if progress.step > 1 and progress.step not in weights:
            checkpoint = load_checkpoint(run / "last")
            weights[checkpoint.state["step"]] = checkpoint.network

    report = run_toy(
        run,
        replace(QUICK, validate_every=1),
        task=Scripted(monitor_higher_is_better=higher, script=script),
        progress=keep,
    )
    assert report.best_step == best
    assert report.scores[0].value == script[best - 1]
    found = load_file(run / "best" / "network.safetensors")
    assert all(torch.equal(found[name], weights[best][name]) for name in found)
    assert not (run / "best" / "optimizer.safetensors").exists()


def test_the_network_is_given_out_once_it_has_its_weights(tmp_path: Path) -> None:
    run, seen = tmp_path / "run", []

    def ready(network: nn.Module) -> None:
        seen.append((network, {name: v.clone() for name, v in network.state_dict().items()}))

    run_toy(run, ready=ready, progress=stop_at(3))
    run_toy(run, ready=ready)
    torch.manual_seed(QUICK.seed)
    initial = Toy().build().state_dict()
    assert len(seen) == 2
    assert all(torch.equal(initial[name], value) for name, value in seen[0][1].items())
    # It is the one that learns: what the first session ended with is what the second began with.
    for name, value in seen[0][0].state_dict().items():
        assert torch.equal(value, seen[1][1][name]), name
    trained = load_checkpoint(run / "last").network
    for name, value in seen[1][0].state_dict().items():
        assert torch.equal(value, trained[name]), name


# Stopping and failing


def test_ctrl_c_twice_raises_and_handlers_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def twice(_: TrainProgress) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_toy(tmp_path / "run", progress=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_time_limit_stops_cleanly_and_a_larger_one_goes_on(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    short = replace(QUICK, max_minutes=1e-9)
    report = run_toy(run, short)
    assert (report.step, report.stopped_by) == (1, "time limit")
    assert read_manifest(run).notes["stopped_by"] == "time limit"
    assert log_of(run)[-1]["split"] == "validation"
    assert run_toy(run, short).already_finished
    assert run_toy(run).step == 6
    for name, value in load_file(whole / "last" / "network.safetensors").items():
        assert torch.equal(value, load_file(run / "last" / "network.safetensors")[name])


def test_loss_that_is_not_finite_stops_and_spoils_nothing(tmp_path: Path) -> None:
    order = list(SampleStream(11, QUICK.seed, 4, batches=6))
    first = {i for keys in order[:2] for _, i in keys}
    bad = next(i for _, i in order[2] if i not in first)
    run = tmp_path / "run"
    with pytest.raises(CrossvoxError, match="loss of nan at step 3") as caught:
        run_toy(run, dataset=Points(bad=bad))
    assert str(run / "last") in str(caught.value)
    kept = load_checkpoint(run / "last")
    assert kept.state["step"] == 2
    assert all(torch.isfinite(value).all() for value in kept.network.values())
    assert not (run / "manifest.json").exists()


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_gradient_that_is_not_finite_is_an_error(tmp_path: Path, clip: float) -> None:
    class Steep(Toy):
        def loss(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Losses:
            return Losses((network(batch[0]) * 0).abs().sqrt().mean())

    with pytest.raises(CrossvoxError, match="gradient norm of nan at step 1"):
        run_toy(tmp_path / "run", replace(QUICK, clip_norm=clip), task=Steep())


def test_folder_with_other_params_is_refused(whole: Path) -> None:
    with pytest.raises(ArtifactError, match=r"train\.rate: 0\.02 there, 0\.5 asked"):
        run_toy(whole, replace(QUICK, rate=0.5))
    with pytest.raises(ArtifactError, match=r"task\.params\.width"):
        run_toy(whole, task=Toy(ToyParams(width=9)))
    with pytest.raises(ArtifactError, match=r"samples\.train: 11 there, 12 asked"):
        run_toy(whole, dataset=Points(12))
    with pytest.raises(ArtifactError, match=r"parents\.data"):
        run_toy(whole, parents={"data": "0123"})
    assert (whole / "manifest.json").exists()


def test_a_parameter_that_is_off_is_like_one_that_was_not_known(
    whole: Path, tmp_path: Path
) -> None:
    """Runs of an older version, whose record lacks a new optional parameter, still go on."""
    shutil.copytree(whole, tmp_path / "run")
    record = json.loads((whole / "params.json").read_text())
    record["task"]["params"]["newer"] = None
    (tmp_path / "run" / "params.json").write_text(json.dumps(record))
    assert run_toy(tmp_path / "run").already_finished
    record["task"]["params"]["newer"] = 3
    (tmp_path / "run" / "params.json").write_text(json.dumps(record))
    with pytest.raises(ArtifactError, match=r"newer: 3 there, 'nothing' asked"):
        run_toy(tmp_path / "run")


def test_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ArtifactError, match=r"which holds thesis\.txt"):
        run_toy(tmp_path)
    with pytest.raises(ArtifactError, match="which is a file"):
        run_toy(tmp_path / "thesis.txt")


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_toy(run, progress=stop_at(2))
    path = run / "last" / "network.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match=r"network\.safetensors, which is damaged"):
        run_toy(run)
    (run / "last" / "optimizer.safetensors").unlink()
    with pytest.raises(CheckpointError):
        run_toy(run)


def test_unknown_monitor_and_empty_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="one called 'IoU'"):
        run_toy(tmp_path / "a", task=Toy(monitor="IoU"))
    with pytest.raises(ParamsError, match="at least one sample"):
        run_toy(tmp_path / "b", validation=Points(0))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"rate": math.nan}, {"clip_norm": -1.0}, {"max_minutes": 0.0}, {"seed": -1}],
)
def test_params_without_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match="given: "):
        TrainParams(**change)


# Records


def test_run_folder_tells_what_it_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    seen: list[TrainProgress] = []
    params = replace(QUICK, tensorboard=True, mixed_precision="bf16", validate_batches=1)
    run_toy(
        run,
        params,
        recipe={"chunks": {"shape": (2, 2)}},
        links={"data": tmp_path / "data"},
        progress=seen.append,
    )
    record = read_record(run)
    assert record.task == "toy"
    assert record.task_params == {"width": 8, "dropout": 0.5}
    assert record.params == params
    assert record.recipe == {"chunks": {"shape": [2, 2]}}
    assert record.samples == {"train": 11, "validation": 7}
    manifest = read_manifest(run)
    assert manifest.stage == "train-toy"
    assert manifest.links == {"data": "../data"}
    # What a processor gains by bf16 is measured: either answer says why.
    assert manifest.notes["precision"].startswith(
        ("float32 (bf16 was asked for", "bf16 (bf16 convolutions run at")
    )
    assert manifest.notes["epochs"] == pytest.approx(24 / 11)
    assert manifest.seconds["total"] >= manifest.seconds["learn"]
    assert [p.step for p in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1].eta_s == 0
    assert seen[0].scores == {}
    assert set(seen[3].scores) == {"accuracy", "loss"}
    assert not list(run.rglob(".*"))


def test_killed_run_goes_on_from_its_checkpoint_and_tells_no_step_twice(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    whole, run = tmp_path / "whole", tmp_path / "run"
    params = replace(QUICK, tensorboard=True, save_every=1)
    run_toy(whole, params)

    leave_dead(run, params)
    report = run_toy(run, params)
    assert report.resumed_from == 3
    assert report.dropped_log_lines == 3
    assert_same_run(whole, run)
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    names = set(events.Tags()["scalars"])
    assert {"loss/train", "loss/validation", "rate", "score/accuracy"} <= names
    assert Counter(e.step for e in events.Scalars("loss/train")) == Counter(range(1, 7))
    assert [e.step for e in events.Scalars("score/accuracy")] == [2, 4, 6]


@pytest.mark.parametrize("where", ["checkpoint", "log"])
def test_a_full_disk_costs_nothing_that_was_saved(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    run, params = tmp_path / "run", replace(QUICK, save_every=1)

    def full(progress: TrainProgress) -> None:
        if progress.step == 4:
            monkeypatch.setattr(*broken[where])

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    broken = {
        "checkpoint": ("crossvox.train.checkpoint._write_tensors", refuse),
        "log": (Path, "open", refuse),
    }
    with pytest.raises(CheckpointError, match=r"free some space and run the same command") as told:
        run_toy(run, params, progress=full)
    assert is_passing(told.value), "a study tries it again"
    monkeypatch.undo()
    assert load_checkpoint(run / "last").state["step"] == 3
    assert run_toy(run, params).resumed_from == 3
    assert_same_run(whole, run)


def test_interrupted_validation_is_made_up_for(whole: Path, tmp_path: Path) -> None:
    class Interrupted(Toy):
        def observe(self, network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
            signal.raise_signal(signal.SIGINT)
            return super().observe(network, batch)

    run = tmp_path / "run"
    stopped = run_toy(run, replace(QUICK, workers=1), task=Interrupted())
    assert (stopped.step, stopped.interrupted, stopped.best_step) == (2, True, None)
    assert log_of(run)[-1]["split"] == "train"
    run_toy(run)
    assert_same_run(whole, run)


# A real task


class Rooms:
    """Random sub-volumes with pairs that share pixels, as real ones do."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, key: tuple[int, int]) -> int:
        return key[0] * 5 + key[1]


def collate_rooms(samples: list[int]) -> Batch:
    random = torch.Generator().manual_seed(samples[0])
    n, shape = len(samples), (len(samples), 8, 8, 16)

    def numbers(high: int) -> Tensor:
        return torch.randint(high, (600,), generator=random)

    pairs = torch.stack([numbers(1024), numbers(2), numbers(n)]).unique(dim=1)
    pixel = numbers(48)[: pairs.shape[1]]
    occupied = torch.rand(shape, generator=random) < 0.1
    return Batch(
        images=torch.randn(n, 2, 3, 6, 8, generator=random),
        view_ok=torch.ones(n, 2, dtype=torch.bool),
        voxel=pairs[0],
        pixel=pixel,
        view=pairs[1],
        sample=pairs[2],
        occupied=occupied,
        observed=occupied,
        inside=torch.ones(shape, dtype=torch.bool),
        labels=occupied.long(),
    )


def test_reconstruction_resumes_bit_for_bit(tmp_path: Path) -> None:
    task = Reconstruct(ReconstructParams(width=4, depth=1, views=2, fusion="mean"))
    params = replace(QUICK, batch_size=2, accumulate=2)

    def go(run: Path, stop: int | None = None) -> TrainReport:
        return train(
            task,
            Rooms(),
            collate_rooms,
            run,
            params,
            validation=Rooms(),
            progress=stop_at(stop) if stop else None,
        )

    assert "IoU (mask only)" in [score.name for score in go(tmp_path / "whole").scores]
    assert go(tmp_path / "run", 3).interrupted
    assert go(tmp_path / "run").resumed_from == 3
    assert_same_run(tmp_path / "whole", tmp_path / "run")
    load_run_network(tmp_path / "run", task.build())


AVERAGED = replace(QUICK, average=0.7)


def test_the_average_is_that_of_the_weights_after_each_step(tmp_path: Path) -> None:
    """Weights after n steps are those of a run that validates at each of them."""
    steps = [tmp_path / str(n) for n in range(1, 7)]
    for n, run in enumerate(steps, start=1):
        run_toy(run, progress=stop_at(n), params=replace(AVERAGED, validate_every=0))
    run_toy(tmp_path / "whole", AVERAGED)
    torch.manual_seed(AVERAGED.seed)
    expected = Toy().build().state_dict()
    for n, run in enumerate(steps):
        decay = min(0.7, (n + 1) / (n + 10))
        after = load_file(run / "last" / "network.safetensors")
        expected = {
            name: after[name]
            if not value.is_floating_point()
            else decay * value + (1 - decay) * after[name]
            for name, value in expected.items()
        }
    found = load_file(tmp_path / "whole" / "average" / "network.safetensors")
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    plain = load_file(tmp_path / "whole" / "last" / "network.safetensors")
    assert any(not torch.equal(found[name], plain[name]) for name in plain)


def test_an_average_changes_nothing_that_is_learnt_and_is_validated_beside(
    whole: Path, tmp_path: Path
) -> None:
    task = Toy()
    run_toy(tmp_path / "run", AVERAGED, task=task)
    for name in ("best", "last"):
        one, other = (
            load_file(run / name / "network.safetensors") for run in (whole, tmp_path / "run")
        )
        assert all(torch.equal(one[key], other[key]) for key in one)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    told = [line["averaged"]["loss"] for line in log if "averaged" in line]
    assert len(told) == 3
    assert len(task.pools) == 6
    network = Toy().build().eval()
    load_run_network(tmp_path / "run", network, "average")
    again = Toy()
    data = Points(7)
    counts = again.observe(network, collate([data[(0, i)] for i in range(7)]))
    assert told[-1] == pytest.approx(float(counts["loss"].detach()) / 7)
    assert chosen(whole) == "best"


@pytest.mark.parametrize("step", [1, 3])
def test_a_resumed_average_is_the_same(tmp_path: Path, step: int) -> None:
    run_toy(tmp_path / "whole", AVERAGED)
    run_toy(tmp_path / "run", AVERAGED, progress=stop_at(step))
    run_toy(tmp_path / "run", AVERAGED)
    one, other = (
        load_file(tmp_path / run / "average" / "network.safetensors") for run in ("whole", "run")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


@dataclass
class Doomed(Toy):
    """A toy whose scores are told beforehand: of each validation, own weights and averaged ones."""

    told: tuple[tuple[float, float], ...] = ()
    monitor_higher_is_better: bool = True

    def scores(self, counts: Mapping[str, Tensor]) -> list[Score]:
        self.pools.append({})
        number = len(self.pools) - 1
        value = self.told[number // 2][number % 2]
        return [Score("accuracy", value, "ratio", 1, "points", self.monitor_higher_is_better, "")]


@pytest.mark.parametrize(
    ("told", "higher", "taken"),
    [
        (((0.5, 0.1), (0.4, 0.2), (0.3, 0.6)), True, "average"),
        (((0.5, 0.9), (0.4, 0.9), (0.3, 0.45)), True, "best"),
        (((0.5, 0.1), (0.4, 0.2), (0.3, 0.5)), True, "average"),
        (((0.5, 0.1), (0.4, 0.2), (0.3, 0.6)), False, "best"),
        (((0.5, 0.1), (0.4, 0.2), (0.6, 0.35)), False, "average"),
        (((0.5, 0.1), (0.4, 0.2), (0.3, math.nan)), True, "best"),
        (((math.nan, 0.1), (math.nan, 0.2), (math.nan, 0.3)), True, "average"),
    ],
)
def test_auto_takes_the_average_where_it_scored_no_worse(
    tmp_path: Path, told: Any, higher: bool, taken: str
) -> None:
    run = tmp_path / "run"
    run_toy(run, AVERAGED, task=Doomed(told=told, monitor_higher_is_better=higher))
    assert chosen(run) == taken
    assert weights_file(run) == run / taken / "network.safetensors"
    assert chosen(run, "last") == "last"
    assert chosen(run, "average") == "average"
    notes = read_manifest(run).notes
    last = told[-1][1]
    assert notes["average_scores"]["accuracy"] == (None if math.isnan(last) else last)


def test_without_validation_the_average_is_kept_at_the_end_and_taken(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_toy(run, AVERAGED, validation=None, progress=stop_at(3))
    assert not (run / "average").exists()
    assert chosen(run) == "last"
    run_toy(run, AVERAGED, validation=None)
    assert chosen(run) == "average"
    run_toy(tmp_path / "whole", AVERAGED, validation=None)
    one, other = (load_file(weights_file(path)) for path in (tmp_path / "whole", run))
    assert all(torch.equal(one[key], other[key]) for key in one)
    load_run_network(run, Toy().build())


def test_a_network_may_have_a_part_called_average(tmp_path: Path) -> None:
    """Its moments are told from averaged weights, whatever its parts are called."""

    class Named(Toy):
        def build(self) -> nn.Module:
            network = nn.Sequential()
            network.add_module("average", nn.Linear(2, 3))
            network.add_module("random", nn.Linear(3, 1))
            return network

    for run, stop in (("whole", None), ("run", stop_at(3))):
        run_toy(tmp_path / run, AVERAGED, task=Named(), progress=stop)
    run_toy(tmp_path / "run", AVERAGED, task=Named())
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_a_packed_run_has_one_checkpoint_whichever_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    with pytest.raises(CheckpointError, match="has no 'last' checkpoint"):
        chosen(tmp_path, "last")
    (tmp_path / "selftest.safetensors").touch()
    assert {chosen(tmp_path, name) for name in ("auto", "average", "last")} == {"best"}


def test_a_damaged_state_of_the_average_is_not_taken(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_toy(run, AVERAGED, task=Doomed(told=((0.5, 0.6),) * 3))
    assert chosen(run) == "average"
    for text in ("[1]", "{", '{"average_value": "x", "best_value": 0.5}'):
        (run / "average" / "state.json").write_text(text)
        assert chosen(run) == "best"


def test_a_run_without_average_names_what_is_there(whole: Path) -> None:
    with pytest.raises(CheckpointError, match=r"--train.average, .*; do: ask for 'best', which"):
        load_run_network(whole, Toy().build(), "average")


def test_poly_falls_by_the_power_of_the_steps_left() -> None:
    params = TrainParams(steps=110, warmup_steps=10, schedule="poly", final_share=0.0)
    assert rate_share(10, params) == pytest.approx(1.0)
    assert rate_share(60, params) == pytest.approx(0.5**0.9)
    assert rate_share(110, params) == 0
    with pytest.raises(ParamsError, match="average = 1"):
        TrainParams(average=1.0)
