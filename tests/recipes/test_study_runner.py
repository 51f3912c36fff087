"""The runner of a study, for any task: order, what is kept, what stops it, who does what."""

from __future__ import annotations

import importlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

import crossvox
from crossvox.cli.run import exit_code
from crossvox.core.artifact import Manifest, read_json, write_json, write_manifest
from crossvox.core.checks import ArtifactError, CrossvoxError
from crossvox.core.volume import Score
from crossvox.flow import locks
from crossvox.flow.choice import Choice
from crossvox.flow.progress import Silent
from crossvox.flow.runner import DryRunEnds, Runner
from crossvox.recipes.study.cells import Matrix
from crossvox.recipes.study.runner import StudyReport, run_study
from crossvox.study.arms import Arm
from crossvox.study.results import Scored
from crossvox.train.report import TrainReport

sys.path.insert(0, str(Path(__file__).parent))

ARMS = (Arm("plain", "nothing"), Arm("better", "one thing"))
BASE = Arm("base", "no learning", learns=False)


class Task:
    """A task whose scores are known beforehand: 0.5, 0.1 more for ``better``, a bit a seed."""

    def __init__(self, indices: Callable[[str, int], str] = lambda arm, seed: f"index {seed}"):
        self.trained: list[str] = []
        self.stop_at: str | None = None
        self.indices = indices

    def matrix(self, **identity: Any) -> Matrix:
        return Matrix(
            task="guess",
            arms=ARMS,
            baselines=(BASE,),
            controls=("plain", "base"),
            params_type=Guess,
            identity={"steps": 3, "run2d": None, **identity},
            train=self.train,
            predict=self.predict,
            score=self.score,
            baseline_scores=lambda: {"base": self.scores(0.25)},
        )

    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        name = f"{arm.name}/seed-{seed}"
        self.trained.append(name)
        stopped = name == self.stop_at
        if not stopped:
            run.mkdir(parents=True, exist_ok=True)
            write_manifest(
                run, Manifest("train", seed=seed, parents={"index": self.indices(arm.name, seed)})
            )
        return TrainReport(
            run, 3, "interrupt" if stopped else "steps", None, False, 1.5, 0.0, "IoU", None, (), 7
        )

    def predict(self, arm: Arm, run: Path, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        value = 0.5 + 0.1 * (arm.name == "better") + 0.01 * int(run.name[-1])
        write_manifest(out, Manifest("predict", {"value": value}))

    def score(self, prediction: Path) -> Scored:
        return self.scores(read_json(prediction / "manifest.json")["params"]["value"])

    def scores(self, value: float) -> Scored:
        kept = ("ratio", 1, "rooms", True, "guess")
        rooms = {
            room: [Score("F", value + shift, *kept), Score("undefined", math.nan, *kept)]
            for room, shift in (("room0", 0.0), ("room1", 0.1))
        }
        return Scored(rooms)


@dataclass(frozen=True)
class Guess:
    width: int = 4
    later: str = "as before"


def study(task: Task, out: Path, seeds: int = 2, arms: Any = ARMS, **identity: Any) -> StudyReport:
    return run_study(lambda _: task.matrix(**identity), out, arms, range(seeds))


def test_seeds_are_done_in_turn_and_compared(tmp_path: Path) -> None:
    task = Task()
    report = study(task, tmp_path / "out")
    order = ["plain/seed-0", "better/seed-0", "plain/seed-1", "better/seed-1"]
    assert task.trained == list(report.made) == order
    plain, better, base = report.comparison.arms
    assert better.against["plain"]["F"].mean == pytest.approx(0.1)
    assert better.scores["F"].sd == pytest.approx(0.01 / math.sqrt(2))
    assert better.scores["undefined"].undefined == 2
    assert (plain.parameters, plain.seconds["train"]) == (7, 1.5)
    assert base.scores["F"].mean == pytest.approx(0.3)
    assert read_json(tmp_path / "out" / "study.json")["results"][0]["scores"]["room0"] == {
        "F": 0.6,
        "undefined": None,
    }


def test_what_is_finished_is_kept_and_more_may_follow(tmp_path: Path) -> None:
    task = Task()
    study(task, tmp_path / "out", 1, ARMS[:1])
    report = study(task, tmp_path / "out", 2)
    assert report.kept == ("plain/seed-0",)
    assert report.made == ("better/seed-0", "plain/seed-1", "better/seed-1")
    assert len(task.trained) == 4


def test_a_run_that_is_gone_is_made_again(tmp_path: Path) -> None:
    task = Task()
    study(task, tmp_path / "out", 1)
    for folder in ("runs", "predictions"):
        path = tmp_path / "out" / folder / "plain" / "seed-0"
        (path / "manifest.json").unlink()
        path.rmdir()
    assert study(task, tmp_path / "out", 1).made == ("plain/seed-0",)


def test_an_interrupted_study_stops_and_goes_on(tmp_path: Path) -> None:
    task = Task()
    task.stop_at = "better/seed-0"
    report = study(task, tmp_path / "out")
    assert report.interrupted
    assert report.made == ("plain/seed-0",)
    assert [arm.name for arm in report.comparison.arms] == ["plain", "base"]
    task.stop_at = None
    assert len(study(task, tmp_path / "out").made) == 3


def test_what_another_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    task = Task()
    with locks.taken(tmp_path / "out", "plain/seed-0"):
        report = study(task, tmp_path / "out", 1)
    assert report.elsewhere == ("plain/seed-0",)
    assert report.made == ("better/seed-0",)


def test_another_study_is_refused_and_an_unknown_part_is_filled_in(tmp_path: Path) -> None:
    task, out = Task(), tmp_path / "out"
    study(task, out, 1)
    with pytest.raises(ArtifactError, match=r"steps: 3 there, 4 asked"):
        study(task, out, 1, steps=4)
    study(task, out, 1, run2d="first")
    study(task, out, 1)
    with pytest.raises(ArtifactError, match="run2d: 'first' there, 'second' asked"):
        study(task, out, 1, run2d="second")
    (out / "params.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"params\.json.*put a copy of the file back, or name"):
        study(task, out, 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"which holds file but no params\.json"):
        study(task, tmp_path / "other")


def test_arms_with_other_sub_volumes_are_not_compared(tmp_path: Path) -> None:
    task = Task(indices=lambda arm, seed: f"{arm} {seed}")
    with pytest.raises(ArtifactError, match="the same sub-volumes for all arms of a seed"):
        study(task, tmp_path / "out", 1)


def test_parameters_of_a_later_version_take_their_defaults(tmp_path: Path) -> None:
    task = Task()
    study(task, tmp_path, seeds=1, params=asdict(Guess()))
    record = read_json(tmp_path / "params.json")
    del record["params"]["later"]
    write_json(tmp_path / "params.json", record)
    assert study(task, tmp_path, seeds=1, params=asdict(Guess())).made == ()
    with pytest.raises(ArtifactError, match="other than before"):
        study(task, tmp_path, seeds=1, params=asdict(Guess(later="other than before")))


def test_results_of_other_numbers_are_made_again_and_named(tmp_path: Path) -> None:
    task, out = Task(), tmp_path / "out"
    study(task, out, 1)
    path = out / "results" / "plain" / "seed-0.json"
    record = read_json(path)
    assert (record["numbers"], record["version"]) == (1, crossvox.__version__)
    del record["numbers"], record["version"]
    write_json(path, record)
    said = Said()
    report = run_study(lambda _: task.matrix(), out, ARMS, [0], runner=Runner(said))
    assert (report.made, report.kept) == (("plain/seed-0",), ("better/seed-0",))
    assert any("plain/seed-0: its result is of numbers 0 (an older" in text for text in said.texts)


def test_results_of_other_numbers_are_not_compared(tmp_path: Path) -> None:
    task, out = Task(), tmp_path / "out"
    study(task, out, 1)
    path = out / "results" / "better" / "seed-0.json"
    write_json(path, {**read_json(path), "numbers": 7, "version": "9.9"})
    report = study(task, out, 1, ARMS[:1])
    assert [arm.name for arm in report.comparison.arms] == ["plain", "base"]
    text = "better/seed-0: its result is of numbers 7 (version 9.9), not 1; it is left out"
    assert any(text in caution for caution in report.comparison.cautions)
    record = read_json(out / "study.json")
    assert (record["numbers"], record["version"]) == (1, crossvox.__version__)


def test_several_versions_are_told(tmp_path: Path) -> None:
    task, out = Task(), tmp_path / "out"
    study(task, out, 1)
    path = out / "results" / "better" / "seed-0.json"
    write_json(path, {**read_json(path), "version": "0.0.1"})
    report = study(task, out, 1)
    assert report.made == ()
    assert any("made by crossvox 0.0.1, " in text for text in report.comparison.cautions)


def test_a_dry_run_tells_what_would_be_made(tmp_path: Path) -> None:
    task, out = Task(), tmp_path / "out"
    study(task, out, 1)
    runner = Runner(dry=True)
    with pytest.raises(DryRunEnds):
        run_study(lambda _: task.matrix(), out, ARMS, range(2), runner=runner)
    assert [(one.item, one.status) for one in runner.plan] == [
        ("plain/seed-0", "keep"),
        ("better/seed-0", "keep"),
        ("plain/seed-1", "make"),
        ("better/seed-1", "make"),
    ]
    assert len(task.trained) == 2


# Back ends


@dataclass(frozen=True)
class Sent:
    """A study that can be sent to workers; ``broken`` names an arm and seed that fails."""

    broken: str = ""

    def __call__(self, runner: Runner) -> Matrix:
        return Frail(self.broken).matrix()


class Frail(Task):
    def __init__(self, broken: str) -> None:
        super().__init__()
        self.broken = broken

    def train(self, arm: Arm, seed: int, run: Path) -> TrainReport:
        if f"{arm.name}/seed-{seed}" == self.broken:
            raise ArtifactError("given: a broken arm; needed: a whole one; do: mend it")
        return super().train(arm, seed, run)


def test_an_arm_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    out, said = tmp_path / "out", Said()
    report = run_study(Sent("plain/seed-1"), out, ARMS, range(2), runner=Runner(said))
    assert report.made == ("plain/seed-0", "better/seed-0", "better/seed-1")
    assert [(o.item, o.error) for o in report.failed] == [
        ("plain/seed-1", "given: a broken arm; needed: a whole one; do: mend it")
    ]
    assert any("failed: plain/seed-1: given: a broken arm" in text for text in said.texts)
    assert exit_code(report) == 2
    again = run_study(Sent(), out, ARMS, range(2))
    assert (again.made, again.failed) == (("plain/seed-1",), ())
    with pytest.raises(CrossvoxError, match=r"none of the 1 runs could be made.*a broken arm"):
        run_study(Sent("plain/seed-0"), tmp_path / "other", ARMS[:1], [0])


def test_any_back_end_makes_the_same_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
    sent = importlib.import_module("test_study_runner").Sent()
    run_study(sent, tmp_path / "here", ARMS, range(2))
    report = run_study(sent, tmp_path / "pool", ARMS, range(2), workers=2)
    assert sorted(report.made) == sorted(f"{a.name}/seed-{n}" for a in ARMS for n in (0, 1))
    first, second = (read_json(tmp_path / name / "study.json") for name in ("here", "pool"))
    for record in (first, second):
        for result in record["results"]:
            assert set(result.pop("seconds")) == {"train", "predict", "score"}
        for arm in record["comparison"]["arms"]:
            arm.pop("seconds")
    assert first == second


def test_shards_share_arms_and_seeds_and_all_is_compared(tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = sorted(f"{arm.name}/seed-{seed}" for arm in ARMS for seed in range(2))
    for part in (1, 2, 3):
        runner = Runner(choice=Choice((part, 3)))
        report = run_study(Sent(), out, ARMS, range(2), runner=runner)
        assert sorted(report.made) == names[part - 1 :: 3]
    assert [arm.seeds for arm in report.comparison.arms if arm.seeds] == [(0, 1), (0, 1)]


class Said(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)
