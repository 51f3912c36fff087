"""Tables: each is registered for a type that is there."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from math import nan
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from crossvox.cli import tables
from crossvox.cli.tables import EACH, TABLES, show
from crossvox.cli.tables_scenes import show_doctor
from crossvox.cli.tables_studies import _show_gains
from crossvox.cli.terminal import Terminal
from crossvox.core.volume import Score
from crossvox.evaluate.pair import PairScores
from crossvox.evaluate.score import Evaluation
from crossvox.flow.jobs import Outcome
from crossvox.recipes.calibrate import Calibration
from crossvox.recipes.commands import COMMANDS
from crossvox.recipes.predict import PredictReport
from crossvox.recipes.prepare import PrepareReport
from crossvox.recipes.single_views import SingleViewsReport
from crossvox.report.view.recording import RecordingReport
from crossvox.train.report import TrainReport


def shown(result: object) -> str:
    files = io.StringIO(), io.StringIO()
    show(result, Terminal(*(Console(file=file, width=100) for file in files)))
    return files[0].getvalue() + files[1].getvalue()


def test_every_command_has_a_table_of_its_result() -> None:
    shown(None)
    known = {key.split(":")[1].removesuffix(EACH) for key in TABLES}
    results = {}
    for name in COMMANDS:
        module, function = COMMANDS[name].target.split(":")
        told = getattr(import_module(module), function).__annotations__["return"]
        results[name] = set(re.findall(r"[A-Z]\w+", str(told))) - {"None"}
    assert results["prepare"] == {"PrepareReport"}
    assert issubclass(PairScores, list), "shown as a list of scores"
    known.add(PairScores.__name__)
    assert {name: types - known for name, types in results.items() if types - known} == {}


def test_the_tables_of_image_commands(tmp_path: Path) -> None:
    fitted = Calibration(0.5, 8, 100, 0.2, 0.1, 0.21, 0.11, 1.5, 1.25, "best")
    told = " ".join(shown(fitted).split())
    assert "Temperature 0.500, from 8 images (best)" in told
    assert "0.2000 │ 0.1000" in told
    outcomes = (Outcome("v_1", "made"), Outcome("v_2", "failed", error="given: nothing"))
    told = shown(SingleViewsReport(outcomes, {"train": ("v_1",), "val": ()}))
    assert "train: one scene: v_1" in told
    assert "failed: v_2: given: nothing" in told


def test_every_table_is_of_a_type_that_is_there() -> None:
    shown(None)
    assert len(TABLES) >= 16
    for name in TABLES:
        module, _, kind = name.removesuffix(EACH).partition(":")
        assert isinstance(getattr(import_module(module), kind), type)


def test_showing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from crossvox.cli.tables import show; from crossvox.cli.terminal import "
        "Terminal; show(None, Terminal()); "
        "print(sorted({'torch', 'numba', 'cv2', 'scipy', 'h5py', 'jinja2'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_a_recording_is_told_in_a_sentence() -> None:
    text = shown(RecordingReport(Path("room.rrd"), 9, {"Learnt: classes": 5}, 7, 3))
    assert text == "1 layer, 7 frames, 3 objects: room.rrd\n"


def test_a_list_is_shown_by_what_it_holds() -> None:
    score = Score("F-score", 0.5, "ratio", 10, "points", True, "surface")
    text = shown([score])
    assert "Scores, protocol 'surface'" in text
    assert "0.5000" in text


def test_scores_in_detail_are_a_table_of_their_own() -> None:
    first = Score("F-score", 0.5, "ratio", 2, "scenes", True, "surface", place="main")
    other = Score("Acc", 0.25, "m", 2, "scenes", False, "surface", place="detail")
    evaluation = Evaluation("surface", {}, {"learnt": [other, first]}, ("a", "b"), {}, {}, (), ())
    above, below = shown(evaluation).split("In detail")
    assert "Mean over 2 scenes" in above
    assert "F-score" in above
    assert "Acc (m)" in below
    alone = shown(replace(evaluation, mean={"learnt": [other]}))
    assert "In detail" not in alone
    assert "Mean over 2 scenes" in alone


@dataclass(frozen=True)
class Foreign:
    """A result of another package."""

    rooms: int


@dataclass(frozen=True)
class Heir(Foreign):
    """One that inherits its table."""


def test_another_package_brings_its_own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "rooms" in shown(Foreign(3))
    monkeypatch.setattr(TABLES, "_parts", dict(TABLES.items()))

    @tables.shows(f"{Foreign.__module__}:Foreign")
    def show_foreign(result: Foreign, terminal: Terminal) -> None:
        """Its table."""
        terminal.say(f"found {result.rooms}")

    assert shown(Foreign(3)) == "found 3\n"
    assert shown(Heir(4)) == "found 4\n"


def test_scores_by_several_protocols_stand_side_by_side() -> None:
    def of(protocol: str, name: str, value: float, unit: str = "ratio") -> Score:
        return Score(name, value, unit, 7, "points", True, protocol)

    labels = "strict; one count over the scene, nearest vertex, over the {} vertices"
    text = shown(
        PairScores(
            [
                of("icp_sim3", "Align scale", 0.5),
                of("surface", "Acc", 0.125, "m"),
                of("surface", "Prec measured", 0.375),
                of("atlas", "Acc", 0.25, "m"),
                of(labels.format("reference"), "IoU wall", 0.75),
                of(labels.format("predicted"), "IoU wall", 0.625),
            ],
            ["atlas: not trimmed"],
        )
    )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "│ Align scale │ 0.5000 │ ratio │ 7 │ points │" in lines
    assert "│ surface │ 0.1250 │ 0.3750 │" in lines
    assert "│ atlas │ 0.2500 │ - │" in lines
    assert "│ IoU wall │ 0.7500 │ 0.6250 │ higher is better │" in lines
    assert "atlas: not trimmed" in lines


def test_scores_by_one_protocol_stay_a_plain_table() -> None:
    text = shown(PairScores([Score("Acc", 0.5, "m", 7, "points", False, "surface")]))
    assert "Scores, protocol 'surface'" in text
    assert "by protocol" not in text


def test_what_was_not_measured_is_no_number() -> None:
    seen = SimpleNamespace(median_m=nan, within=nan, free=nan, still_m=0.2, pairs=[0, 1])
    alone = SimpleNamespace(name="a", frames=1, agreement=None, findings=(), sound=True)
    apart = SimpleNamespace(name="b", frames=2, agreement=seen, findings=(), sound=False)
    report = SimpleNamespace(diagnoses=(alone, apart), refused={}, skip={}, page=None)
    files = io.StringIO(), io.StringIO()
    show_doctor(report, Terminal(*(Console(file=file, width=100) for file in files)))  # type: ignore[arg-type]
    text = files[0].getvalue() + files[1].getvalue()
    assert "nan" not in text
    assert "nothing is wrong that can be seen without two frames" in text
    assert "no frame sees what another saw (2 pairs of frames)" in text


def test_a_training_ends_with_its_best_scores() -> None:
    score = Score("F-score", 0.5, "ratio", 10, "points", True, "validation")
    report = TrainReport(
        run=Path("run"), step=300, stopped_by="steps", resumed_from=None, already_finished=False,
        seconds=125.0, loss=0.1, monitor="F-score", best_step=200, scores=(score,),
        parameters=12345,
    )  # fmt: skip
    text = shown(report)
    assert "finished: 300 steps in 2 min, 12,345 parameters" in text
    assert "best at step 200 by F-score, on validation scenes: F-score 0.5000" in text
    assert "was finished before" in shown(replace(report, already_finished=True))
    assert "was ended by --train.max-minutes" in shown(replace(report, stopped_by="time limit"))
    assert "best" not in shown(replace(report, best_step=None, scores=()))
    assert "run the same command again" in shown(replace(report, stopped_by="interrupt"))


def test_prepared_scenes_tell_who_is_held_out_and_by_what() -> None:
    splits = {"train": ("scene0000_00", "scene0001_00"), "val": ("scene0002_00",)}
    report = PrepareReport((Outcome("scene0000_00", "made"),), splits, "a list")
    text = shown(report)
    assert "train: two scenes: scene0000_00, scene0001_00" in text
    assert "val: one scene: scene0002_00" in text
    assert "decided by a list" in text
    assert "doubt" not in text
    split = replace(report, splits={**splits, "val": ("scene0001_01", "scene0002_00")})
    text = " ".join(shown(split).split())
    assert "doubt: another scan of the same space is learnt from: scene0001_01: scores" in text
    many = {"train": tuple(f"scene{n:04d}_00" for n in range(9)), "val": ()}
    assert "train: nine scenes: scene0000_00, " in shown(replace(report, splits=many))
    assert "scene0008_00" not in shown(replace(report, splits=many))


def test_an_empty_surface_is_said_to_be_empty() -> None:
    nothing = Score("Acc", nan, "m", 0, "points", False, "surface")
    some = Score("Acc", 0.1, "m", 5, "points", False, "surface")
    scenes = {"a": {"learnt": [nothing], "tsdf": [some]}, "b": {"learnt": [some], "tsdf": [some]}}
    mean = {"learnt": [some], "tsdf": [some]}
    evaluation = Evaluation("surface", scenes, mean, ("a", "b"), {}, {}, (), ())
    text = " ".join(shown(evaluation).split())
    assert "doubt: Learnt: empty surface in a; what has no point is not defined (-)" in text
    assert "TSDF fusion: empty" not in text
    notes = {"windows": 2, "windows_predicted": 2, "coverage": 1.0, "frames": 3, "frames_used": 3}
    report = PredictReport({"a": {**notes, "vertices": 0}, "b": {**notes, "vertices": 9}}, (), ())
    text = shown(report)
    assert "doubt: a: its mesh is empty" in text
    assert "b: its mesh" not in text


def test_a_gain_without_an_interval_says_so() -> None:
    gain = SimpleNamespace(mean=0.25, low=nan, high=nan, seeds=1, seeds_above=1, p_adjusted=nan)
    arm = SimpleNamespace(name="features", against={"rgb": {"F": gain}})
    found = SimpleNamespace(arms=[arm], main="F", level=0.95)
    files = io.StringIO(), io.StringIO()
    _show_gains(found, Terminal(*(Console(file=file, width=100) for file in files)))  # type: ignore[arg-type]
    cells = [cell.strip() for cell in files[1].getvalue().splitlines()[-2].strip("│").split("│")]
    assert cells == ["features", "rgb", "+0.2500", "cannot be told", "–", "1/1"]
