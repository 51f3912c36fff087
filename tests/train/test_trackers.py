"""Experiment trackers: each step is told once, over any number of sessions; absent ones refused."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from accelerate import tracking
from tests.train.test_train_loop import QUICK, leave_dead, run_toy

from crossvox.core.artifact import read_json
from crossvox.core.checks import CrossvoxError, ParamsError
from crossvox.train.params import TRACKERS
from crossvox.train.report import TrainProgress
from crossvox.train.trackers import expect_trackers


class Heard(tracking.GeneralTracker):
    """A tracker that keeps what it is told."""

    name = "heard"
    requires_logging_directory = False
    heard: ClassVar[list[tuple[str, Any, Any]]] = []
    fails_at: ClassVar[int] = 0

    def __init__(self, project: str) -> None:
        super().__init__()
        self.heard.append(("begin", project, None))

    @property
    def tracker(self) -> None:
        return None

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.heard.append(("config", values, None))

    def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
        if step == self.fails_at:
            raise OSError("the line is dead")
        self.heard.append(("log", step, values))

    def finish(self) -> None:
        self.heard.append(("end", None, None))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any]]:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "heard", Heard)
    monkeypatch.setattr(Heard, "heard", [])
    monkeypatch.setattr(Heard, "fails_at", 0)
    return Heard.heard


TRACKED = replace(QUICK, trackers=("heard",))


def told(heard: list[tuple[str, Any, Any]], curve: str) -> list[int]:
    return [step for kind, step, values in heard if kind == "log" and curve in values]


def test_a_tracker_is_told_what_the_run_is_and_every_point(
    heard: list[tuple[str, Any, Any]], tmp_path: Path
) -> None:
    run_toy(tmp_path / "run", TRACKED, recipe={"chunks": {"shape": (2, 2)}})
    assert heard[0] == ("begin", "crossvox", None)
    assert heard[1][1]["train.steps"] == TRACKED.steps
    assert heard[1][1]["recipe.chunks.shape"] == "[2, 2]"
    assert heard[-1][0] == "end"
    assert told(heard, "loss/train") == [1, 2, 3, 4, 5, 6]
    assert told(heard, "score/accuracy") == [2, 4, 6]


def test_what_was_told_is_not_told_again_and_the_run_is_the_same(
    heard: list[tuple[str, Any, Any]], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    params = replace(TRACKED, save_every=1)

    leave_dead(run, params)
    assert read_json(run / TRACKERS) == {"heard": {"id": "", "step": 0}}
    assert run_toy(run, params).resumed_from == 3
    assert told(heard, "loss/train") == [1, 2, 3, 4, 5, 6]
    assert read_json(run / TRACKERS) == {"heard": {"id": "", "step": 5}}
    # A parameter that may change: the finished run is kept, and nobody is told of it.
    count = len(heard)
    assert run_toy(run, replace(params, trackers=())).already_finished
    assert len(heard) == count


def test_a_tracker_that_fails_ends_no_training(
    heard: list[tuple[str, Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Heard, "fails_at", 3)
    with pytest.warns(UserWarning, match="heard is told nothing more of this run: .*line is dead"):
        assert run_toy(tmp_path / "run", TRACKED).step == 6
    assert told(heard, "loss/train") == [1, 2]


def test_a_tracker_that_cannot_begin_is_an_error_before_the_first_step(
    heard: list[tuple[str, Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Heard, values: dict[str, Any]) -> None:
        raise PermissionError("log in first")

    monkeypatch.setattr(Heard, "store_init_configuration", refuse)
    with pytest.raises(CrossvoxError, match=r"heard, which cannot begin \(.*log in first"):
        run_toy(tmp_path / "run", TRACKED)
    assert not told(heard, "loss/train")
    assert (tmp_path / "run" / "log.jsonl").read_text() == ""


def test_trackers_that_are_not_there_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_trackers([])
    with pytest.raises(ParamsError, match=r"wandbb; needed: .*; do: did you mean 'wandb'"):
        expect_trackers(["wandbb"])
    with pytest.raises(ParamsError, match=r"--train\.tensorboard"):
        expect_trackers(["tensorboard"])
    monkeypatch.setattr("crossvox.train.trackers.find_spec", lambda name: None)
    with pytest.raises(ParamsError, match="pip install comet-ml, or leave comet_ml out"):
        expect_trackers(["comet_ml"])
    with pytest.raises(ParamsError, match="pip install mlflow"):
        run_toy(tmp_path / "run", replace(QUICK, trackers=("mlflow",)))
    assert not (tmp_path / "run").exists()


class Service(Heard):
    """One that finds a run again, as mlflow does."""

    def __init__(self, project: str, run_id: str = "", run_name: str = "") -> None:
        super().__init__(project)
        self.asked = run_id, run_name

    @property
    def tracker(self) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    def start(self) -> None:
        self.heard.append(("start", self.asked, None))


def test_a_service_that_knows_the_run_goes_on_with_it(
    heard: list[tuple[str, Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "mlflow", Service)
    params = replace(QUICK, trackers=("mlflow",))

    def stop(progress: TrainProgress) -> None:
        if progress.step == 2:
            signal.raise_signal(signal.SIGTERM)

    run_toy(tmp_path / "run", params, progress=stop)
    run_toy(tmp_path / "run", params)
    assert [asked for kind, asked, _ in heard if kind == "start"] == [("", "run"), ("abc", "")]
    assert [kind for kind, _, _ in heard].count("config") == 1
    assert told(heard, "loss/train") == [1, 2, 3, 4, 5, 6]
    assert told(heard, "score/accuracy") == [2, 4, 6]
